"""What the experiments of chapter 2 share: their sizes, and every table that the modes read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pinpoint import promptable
from pinpoint.benchmark import Benchmark, Gallery
from pinpoint.diorama.facets import GENERIC_PROMPT
from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.world import DioramaImages
from pinpoint.errors import PinpointError
from pinpoint.prompt_tables import PromptTables
from pinpoint.store import Store

HELD_OUT_SEED = 404  # of the held-out pictures; they are training scenes, none is in a benchmark
Rows = Mapping[str, np.ndarray]  # prompt -> table (N, D)


@dataclass(frozen=True)
class ClaimSetup:
    """How the claim is measured: sizes of the benchmark, of the held-out pictures, and of the linear fit."""

    gallery: int
    per_facet: int
    held_out: int
    n: int = 100
    draws: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Tables:
    """What the modes read: query vectors, the gallery under each prompt, and held-out pictures under each prompt."""

    benchmark: Benchmark
    query_emb: np.ndarray
    gallery: Rows
    held_out: Rows
    prompt_emb: Mapping[str, np.ndarray]  # the prompts themselves as texts

    @property
    def prompts(self) -> list[str]:
        """The facet prompt of each query."""
        return [promptable.facet_prompt(query) for query in self.benchmark.queries]

    @cached_property
    def pool_columns(self) -> np.ndarray:
        """The gallery columns of each query's pool, the right image first, int64 (Q, 100)."""
        queries, columns = self.benchmark.queries, self.benchmark.gallery.columns
        odd = next((q.id for q in queries if q.pool is None or q.pool[:1] != q.relevant), None)
        if odd is not None:
            raise PinpointError(
                f"query {odd!r} has no pool that begins with its one right image; use a facets benchmark"
            )
        return np.stack([columns(q.pool or ()) for q in queries])

    @property
    def general(self) -> np.ndarray:
        """The general embeddings (G, D)."""
        return self.gallery[GENERIC_PROMPT]


def held_out_gallery(n: int) -> Gallery:
    """`n` pictures of the training split, to fit maps and to choose prompts on; none is in a benchmark."""
    scenes = sample_split(n, "train", HELD_OUT_SEED)
    return Gallery(tuple(scene.id for scene in scenes), DioramaImages(scenes))


def make_tables(encoder: Any, store: Store, benchmark: Benchmark, held_out: int, also: Sequence[str] = ()) -> Tables:
    """Encode gallery and held-out pictures under the closed list of ten prompts, or read them from the store.

    `held_out` 0: none, for a data set that has no pictures to spare. `also`: more prompts for the gallery, which cost
    less now than later, as the images are read only once.
    """
    source, prompts = PromptTables(encoder, store, encoder.image_size), promptable.closed_list()
    prompt_emb = dict(zip(prompts, encoder.encode_texts(list(prompts)), strict=True))
    return Tables(
        benchmark, source.texts(benchmark), source.get(benchmark, [*prompts, *also]),
        source.of(held_out_gallery(held_out), prompts) if held_out else {}, prompt_emb,
    )  # fmt: skip
