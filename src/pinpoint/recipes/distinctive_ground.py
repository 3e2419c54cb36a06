"""What the recipes of chapter 5 share: sizes, the training triplets, and the benchmarks that are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.composed import ATTRIBUTE_KINDS, KINDS, composed
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import WARM_RATE, Budget
from pinpoint.distinctive_study import Asked, ask, seen_of
from pinpoint.distinctive_training import warmed
from pinpoint.encoders import shipped_folder
from pinpoint.encoders.qformer import load_qformer
from pinpoint.store import Store
from pinpoint.study.layout import find_layout

ENCODER = "diorama-qformer"


@dataclass(frozen=True)
class Settings:
    """Sizes of everything, those of the chapter. triplets: training queries; queries and gallery: of a benchmark."""

    triplets: int
    queries: int
    gallery: int
    warm: int  # updates of the common start
    budget: Budget


PROFILES = {
    "smoke": Settings(12, 12, 150, 2, Budget(4, 6, refresh=1)),
    "lite": Settings(600, 400, 3000, 120, Budget(160, 32, refresh=2)),
    "full": Settings(12_000, 2000, 20_000, 1000, Budget(8000, 32, refresh=4)),
}


@dataclass(frozen=True, eq=False)
class Ground:
    """An encoder, the start that all objectives share, what they train on, and what is asked: edits of attributes, and
    every kind of edit, where that is wanted."""

    encoder: Any
    start: Composer
    data: TripletSet
    attributes: Asked
    general: Any = None  # Asked


def prepare(settings: Settings, split: str, encoder: Any = None, general: bool = True) -> Ground:
    """Draw everything once, and look at it once. Training triplets are edits of colour and shape alone.

    The development split is too small for groups of look-alikes that differ in colour and shape alone: there the edits
    of colour and shape are those of the general benchmark.
    """
    encoder = encoder or load_qformer(shipped_folder(ENCODER))
    store = Store(find_layout().cache / "embeddings")
    trained = composed("train", settings.triplets, 0, ATTRIBUTE_KINDS)
    every = composed(split, settings.queries, settings.gallery, KINDS) if general or split == "dev" else None
    asked = (
        only(every, ATTRIBUTE_KINDS)
        if every and split == "dev"
        else composed(split, settings.queries, settings.gallery, ATTRIBUTE_KINDS)
    )

    def look(b: Benchmark) -> torch.Tensor:
        return seen_of(encoder, store, b.gallery.images, b.gallery.ids)

    data = triplet_set(encoder, trained, look(trained))
    start = warmed(encoder.model, data, replace(settings.budget, updates=settings.warm, seed=0), WARM_RATE)
    others = ask(encoder, every, look(every)) if every and general else None
    return Ground(encoder, start, data, ask(encoder, asked, look(asked)), others)


def only(benchmark: Benchmark, kinds: Sequence[str]) -> Benchmark:
    """The queries of some kinds of edit, over the same gallery."""
    kept = tuple(q for q in benchmark.queries if q.group in kinds)
    return replace(benchmark, queries=kept, notes={**benchmark.notes, "kinds": " ".join(kinds)})
