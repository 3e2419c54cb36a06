"""Chapter 6 on photographs: both stages over what a real MobileNetV2 sees of products, three seeds.

Wanted: what `photos-clip` wants. The queries are chapter 5's on products: this one in another colour, or another kind
of article, all valid answers known. Each stage gets the same trials of its learning rate on the development split.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pinpoint.benchmark import Benchmark
from pinpoint.distinctive_study import Asked
from pinpoint.errors import unknown
from pinpoint.evaluate import evaluate
from pinpoint.files import digest
from pinpoint.product_encoder import Features
from pinpoint.recipes.kept import kept, label
from pinpoint.recipes.photos_rerank_ground import PROFILES, Ground, Settings, prepare
from pinpoint.recipes.photos_rerank_record import on_record
from pinpoint.rerank_model import Filter
from pinpoint.rerank_study import TwoStage, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives, train_filter, train_reranker
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name

NAME = "photos-rerank"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r10", "map5", "t1")
ARMS = {"stage2": Negatives(3), "in_batch": Negatives()}  # chapter 6's own, and as released
SMALL = {"stage2": Negatives(2, 2, 6), "in_batch": Negatives()}  # for a smoke run's gallery


@dataclass(frozen=True, eq=False)
class Sweep:
    """Every training of one profile, each run once; checkpoints and what was measured are kept."""

    ground: Ground
    settings: Settings
    folder: Path
    arms: Mapping[str, Negatives]
    resume: bool = True

    def stage1(self, rate: float, seed: int) -> Filter:
        """Stage 1 with a rate and a seed."""
        budget = replace(self.settings.first, seed=seed)
        name = digest([self.ground.identity, asdict(budget), rate])[:12]
        return train_filter(self.ground.blip.model, self.ground.data, budget, rate, self.folder / f"stage1-{name}",
                            name)[0]  # fmt: skip

    def two(
        self, arm: str, rates: tuple[float, float], seed: int, budget: Budget, asked: Asked
    ) -> tuple[TwoStage, float]:
        """Both stages on some queries, at the largest K; and the percentage of hard negatives that were right."""
        ground, budget, negatives = self.ground, replace(budget, seed=seed), self.arms[arm]
        used = [ground.identity, asdict(self.settings.first), asdict(budget), asdict(negatives), rates]
        first, name = self.stage1(rates[0], seed), digest(used)[:12]
        reranker, draws, _ = train_reranker(ground.blip.model, first, ground.data, negatives, budget, rates[1],
                                            self.folder / f"stage2-{name}", name)  # fmt: skip
        scorer = stage_2(first, reranker, asked)
        two = two_stage(asked.benchmark, stage_1(first, asked), scorer, max(self.settings.ks))
        return two, draws.false_negative_share

    @cached_property
    def rates(self) -> tuple[float, float]:
        """The best of each stage's rates on the development split, by mAP@5, with the first seed."""
        first = max(self.settings.rates, key=lambda rate: self.tried(rate))
        return first, max(self.settings.rates, key=lambda rate: self.tried(first, rate))

    @property
    def trials(self) -> dict[str, float]:
        """mAP@5 of every trial, in percent, by what the ledger calls it."""
        first, rates = self.rates[0], self.settings.rates
        found = {f"stage1.lr_{label(rate)}": self.tried(rate) for rate in rates}
        return found | {f"stage2.lr_{label(rate)}": self.tried(first, rate) for rate in rates}

    def tried(self, *rates: float) -> float:
        """mAP@5 on the development split of stage 1 with one rate, or of both stages with two. Stage 2's trials have
        the targets of the batch alone and a third of the updates, as in chapter 6."""
        s, asked = self.settings, self.ground.dev

        def measure() -> float:
            if len(rates) == 1:
                return evaluate(asked.benchmark, stage_1(self.stage1(rates[0], SEEDS[0]), asked)).macro("map5").value
            short = replace(s.second, updates=max(1, s.second.updates // 3))
            two, _ = self.two("in_batch", (rates[0], rates[1]), SEEDS[0], short, asked)
            return two.after(s.k).macro("map5").value

        name = "dev-" + "-".join(f"lr_{label(rate)}" for rate in rates)
        used = [asdict(s.first), list(rates), *([asdict(s.second), s.k] if len(rates) == 2 else [])]
        return float(self.keep(name, used, measure))

    def __call__(self, arm: str, seed: int) -> dict[str, Any]:
        """Per-query values on the test split: before, after, at every K, and whether the K hold a right answer."""
        used = [asdict(self.settings), asdict(self.arms[arm]), self.rates]
        found: dict[str, Any] = self.keep(f"{arm}-{seed}", used, lambda: self.measured(arm, seed))
        return found

    def measured(self, arm: str, seed: int) -> dict[str, Any]:
        """The same, now."""
        two, false = self.two(arm, self.rates, seed, self.settings.second, self.ground.test)
        ks = {str(k): {m: two.after(k).per_query[m].tolist() for m in METRICS} for k in self.settings.ks}
        before = evaluate(two.benchmark, stage_1(self.stage1(self.rates[0], seed), self.ground.test),
                          ks=(1, 10, *self.settings.ks))  # fmt: skip
        return {
            "before": {m: before.per_query[m].tolist() for m in METRICS}, "at": ks, "false_negative_share": false,
            "ceiling": {str(k): before.per_query[f"r{k}"].tolist() for k in self.settings.ks},
        }  # fmt: skip

    def keep(self, name: str, used: Any, measure: Any) -> Any:
        """Measured once, kept in a file whose name says what it depends on."""
        path = self.folder / f"{name}-{digest([self.ground.identity, used])[:12]}.json"
        return kept(path, self.resume, measure)


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Tune, train, measure, record; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    smoke = profile == "smoke"
    sweep = Sweep(prepare(settings, out, features, resume), settings, out, SMALL if smoke else ARMS, resume)
    runs = {arm: [sweep(arm, seed) for seed in SEEDS[: 1 if smoke else None]] for arm in sweep.arms}
    if not smoke:
        device = device_name(sweep.ground.blip.device)
        benchmark: Benchmark = sweep.ground.test.benchmark
        entries = dict(on_record(runs, [q.group for q in benchmark.queries], settings.k, sweep.trials, device))
        identity = digest([sweep.ground.identity, asdict(settings), sweep.rates])
        merge(layout.results / "recorded.json", NAME, entries, identity[:12])
    return out
