"""What the recipes of chapter 5 share: sizes, the training triplets, and the benchmarks that are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.composed import ATTRIBUTE_KINDS, KINDS, composed
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_objectives import Budget
from pinpoint.distinctive_study import Asked, ask, seen_of
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
    budget: Budget


PROFILES = {
    "smoke": Settings(12, 12, 150, Budget(4, 6, refresh=1)),
    "lite": Settings(600, 400, 3000, Budget(240, 32, refresh=2)),
    "full": Settings(12_000, 2000, 20_000, Budget(8000, 32, refresh=4)),
}


@dataclass(frozen=True, eq=False)
class Ground:
    """An encoder, what it is trained on, and the benchmarks: attribute edits, and every kind of edit."""

    encoder: Any
    data: TripletSet
    attributes: Asked
    general: Asked


def prepare(settings: Settings, split: str, encoder: Any = None) -> Ground:
    """Draw everything once, and look at it once. Training triplets are edits of colour and shape alone.

    The development split is too small for groups of look-alikes that differ in colour and shape alone: there the edits
    of colour and shape are those of the general benchmark.
    """
    encoder = encoder or load_qformer(shipped_folder(ENCODER))
    store = Store(find_layout().cache / "embeddings")
    trained = composed("train", settings.triplets, 0, ATTRIBUTE_KINDS)
    general = composed(split, settings.queries, settings.gallery, KINDS)
    asked = [only(general, ATTRIBUTE_KINDS) if split == "dev" else
             composed(split, settings.queries, settings.gallery, ATTRIBUTE_KINDS), general]  # fmt: skip
    seen = [seen_of(encoder, store, b.gallery.images, b.gallery.ids) for b in (trained, *asked)]
    data = triplet_set(encoder, trained, seen[0])
    return Ground(encoder, data, *(ask(encoder, b, s) for b, s in zip(asked, seen[1:], strict=True)))


def only(benchmark: Benchmark, kinds: Sequence[str]) -> Benchmark:
    """The queries of some kinds of edit, over the same gallery."""
    kept = tuple(q for q in benchmark.queries if q.group in kinds)
    return replace(benchmark, queries=kept, notes={**benchmark.notes, "kinds": " ".join(kinds)})
