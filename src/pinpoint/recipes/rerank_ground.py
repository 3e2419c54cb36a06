"""What the recipes of chapter 6 share: sizes, the training triplets, the trained stages, and the benchmark asked.

A stage that several recipes need is trained once: its checkpoint is kept, under a name that says what it depends on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.composed import KINDS, composed
from pinpoint.distinctive_data import TripletSet
from pinpoint.distinctive_study import Asked
from pinpoint.encoders import shipped_folder
from pinpoint.files import digest, locked
from pinpoint.rerank_data import Reader, question, training_set
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_training import Budget, Draws, Negatives, equal_pairs, train_filter, train_reranker
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.training import History

ENCODER = "diorama-blip"


@dataclass(frozen=True)
class Settings:
    """Sizes of everything. triplets: training queries; queries and gallery: of the benchmark; a budget per stage, that
    of stage 2 for training by the targets of the batch (see `equal_pairs`)."""

    triplets: int
    queries: int
    gallery: int
    first: Budget
    second: Budget


PROFILES = {
    "smoke": Settings(36, 18, 260, Budget(2, 8), Budget(2, 4)),
    "lite": Settings(5400, 360, 3000, Budget(400, 64), Budget(900, 16)),
    "full": Settings(27_000, 1800, 20_000, Budget(4000, 512), Budget(20_000, 16)),
}


@dataclass(frozen=True, eq=False)
class Ground:
    """A BLIP, its store, and a composed benchmark as its tower sees it; training triplets where they are asked for."""

    settings: Settings
    reader: Reader
    store: Store
    asked: Asked

    @cached_property
    def trained(self) -> Benchmark:
        """The training triplets: every kind of edit, over their own references, targets and near-misses."""
        return composed("train", self.settings.triplets, 0, KINDS)

    @cached_property
    def data(self) -> TripletSet:
        """The same, laid out and looked at."""
        return training_set(self.reader, self.store, self.trained)

    def stage1(self, budget: Budget, lr: float) -> tuple[Filter, History]:
        """Stage 1 as trained with a budget and a rate: from its checkpoint, where it has been trained before."""
        name = digest(self._used(budget, lr))[:12]
        with self._folder(f"stage1-{name}") as folder:
            return train_filter(self.reader.model, self.data, budget, lr, folder, name)

    def stage2(
        self, first: tuple[Budget, float], negatives: Negatives, budget: Budget, lr: float
    ) -> tuple[Reranker, Draws, History]:
        """Stage 2 behind the stage 1 of a budget and a rate, likewise; with hard negatives equally many pairs."""
        budget = equal_pairs(budget, negatives)
        name = digest([*self._used(*first), *self._used(budget, lr), asdict(negatives)])[:12]
        stage1, _ = self.stage1(*first)
        with self._folder(f"stage2-{name}") as folder:
            return train_reranker(self.reader.model, stage1, self.data, negatives, budget, lr, folder, name)

    def _used(self, budget: Budget, lr: float) -> list[Any]:
        return [asdict(budget), lr, self.reader.weights_sha256, self.trained.digest]

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """Where a stage's checkpoint lies. Who asks for it while another process trains it waits, and reads it then."""
        folder = find_layout().cache / "training" / "rerank-stages" / name
        with locked(folder):
            yield folder


def prepare(settings: Settings, split: str) -> Ground:
    """Draw the benchmark of a split and look at it once."""
    reader, store = Reader(shipped_folder(ENCODER)), Store(find_layout().cache / "embeddings")
    asked = question(reader, store, composed(split, settings.queries, settings.gallery, KINDS))
    return Ground(settings, reader, store, asked)


def dev_settings(settings: Settings) -> Settings:
    """Half of the test's queries."""
    return replace(settings, queries=settings.queries // 2)
