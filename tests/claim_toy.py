"""What the experiments of chapter 2 read, without a model: an encoder of toy vectors, and tables made up whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinpoint.diorama.facets import GENERIC_PROMPT
from pinpoint.linear import unit
from pinpoint.promptable import closed_list, facet_prompt
from pinpoint.promptable_setup import Tables
from pinpoint.study.ledger import make_entry
from promptable_toy import DIM, ToyEncoder, toy_benchmark


@dataclass
class SizedToy(ToyEncoder):
    """The toy encoder with what an embedder has besides: the size of its images, and one prompt at a time."""

    image_size: int = 16

    def encode_images(self, images: Iterable[np.ndarray], prompt: str | None = None) -> np.ndarray:
        return self.encode_prompts(list(images), [GENERIC_PROMPT if prompt is None else prompt])[0]


class Notebook:
    """A study that keeps its records: as strict as the real ledger, and no key twice."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}

    def record(
        self, key: str, value: float, low: float | None = None, high: float | None = None, n: int | None = None,
        seeds: int = 1, unit: str = "%", band: float | None = None,
    ) -> None:  # fmt: skip
        assert key not in self.entries, f"{key} is recorded twice"
        self.entries[key] = make_entry(key, value, low, high, n, seeds, unit, band, "toy", "toy")


def rotation(rng: np.random.Generator, dim: int = DIM) -> np.ndarray:
    """A random orthogonal matrix (dim, dim)."""
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


def toy_tables(
    images: int = 30, held_out: int = 24, noise: float = 1.0, facets: Sequence[str] = ("times", "animals"),
    turns: dict[str, np.ndarray] | None = None, seed: int = 0,
) -> Tables:  # fmt: skip
    """Unit rows where each prompt turns the general ones, each by its own rotation, and adds `noise` (its length).

    A query lies near its right image under its own prompt. Pools are of ten images.
    """
    rng, benchmark = np.random.default_rng(seed), toy_benchmark(images, facets)
    prompts = closed_list()
    turns = turns or {prompt: rotation(rng) for prompt in prompts[1:]}

    def rows(n: int) -> np.ndarray:
        return unit(rng.normal(size=(n, DIM)))

    def under_prompts(general: np.ndarray) -> dict[str, np.ndarray]:
        moved = {p: unit(general @ turn.T + noise * rows(len(general))) for p, turn in turns.items()}
        return {p: table.astype(np.float32) for p, table in {GENERIC_PROMPT: general, **moved}.items()}

    gallery, kept = under_prompts(rows(images)), under_prompts(rows(held_out))
    right = benchmark.gallery.columns([query.relevant[0] for query in benchmark.queries])
    own = [gallery[facet_prompt(query)][column] for query, column in zip(benchmark.queries, right, strict=True)]
    query_emb = unit(np.stack(own) + rows(len(own))).astype(np.float32)
    return Tables(benchmark, query_emb, gallery, kept, dict(zip(prompts, rows(len(prompts)), strict=True)))
