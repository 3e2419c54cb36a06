"""What chapter 5 trains on: composed queries with one annotated target each, and what training never hears of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.scene import COLOUR_NAMES, SHAPES
from pinpoint.errors import PinpointError

WORDS = {"colour": frozenset(COLOUR_NAMES), "shape": frozenset(SHAPES)}  # what counts as naming an attribute


@dataclass(frozen=True, eq=False)
class TripletSet:
    """N composed queries with one annotated target each, over a corpus of M images seen by a resting tower.

    seen (M, n, Dv) in half precision; ids and mask (N, L) of the texts; reference and target are rows of the corpus, as
    are the `valid` ones of each query: every right answer, the annotated one among them, which training never learns.
    """

    seen: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    reference: np.ndarray
    target: np.ndarray
    valid: Sequence[frozenset[int]]
    mentioned: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.target)


def triplet_set(encoder: Any, benchmark: Benchmark, seen: torch.Tensor) -> TripletSet:
    """The queries of a benchmark as training triplets; `seen` holds its gallery, which contains the references."""
    column, queries = benchmark.gallery.column, benchmark.queries
    silent = next((q.id for q in queries if not (q.text and q.image and q.target)), None)
    if silent is not None:
        raise PinpointError(f"query {silent!r} is no triplet: it needs a reference, a text and one annotated target")
    texts = [q.text or "" for q in queries]
    ids, mask = encoder.laid_out(texts)
    reference, target = (np.array([column[getattr(q, side)] for q in queries]) for side in ("image", "target"))
    valid = [frozenset(column[i] for i in q.relevant) for q in queries]
    return TripletSet(seen, ids, mask, reference, target, valid, mentions(texts))


def mentions(texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """For each attribute whether a text names a value of it, 0 or 1, (N,)."""
    said = [set(text.lower().replace("-", " ").split()) for text in texts]
    return {name: torch.tensor([float(bool(words & s)) for s in said]) for name, words in WORDS.items()}
