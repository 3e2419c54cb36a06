"""Chapter 6 on photographs: both stages over what a real MobileNetV2 sees of products, three seeds.

Wanted: what `photos-clip` wants. The queries are chapter 5's on products: this one in another colour, or another kind
of article, all valid answers known. Stage 1 and each way to train stage 2 get the same trials of the learning rate on
the development split.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
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
from pinpoint.rerank_choices import ALPHA, NEGATIVES
from pinpoint.rerank_model import Filter
from pinpoint.rerank_study import TwoStage, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives, equal_pairs, train_filter, train_reranker
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name

NAME = "photos-rerank"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r10", "map5", "t1")
ARMS = {"stage2": NEGATIVES, "in_batch": Negatives()}  # chapter 6's own, and as released
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
        ground, negatives = self.ground, self.arms[arm]
        budget = equal_pairs(replace(budget, seed=seed), negatives)
        used = [ground.identity, asdict(self.settings.first), asdict(budget), asdict(negatives), rates]
        first, name = self.stage1(rates[0], seed), digest(used)[:12]
        reranker, draws, _ = train_reranker(ground.blip.model, first, ground.data, negatives, budget, rates[1],
                                            self.folder / f"stage2-{name}", name)  # fmt: skip
        scorer = stage_2(first, reranker, asked)
        two = two_stage(asked.benchmark, stage_1(first, asked), scorer, max(self.settings.ks))
        return two, draws.false_negative_share

    @cached_property
    def first_rate(self) -> float:
        """The best of stage 1's rates on the development split, by mAP@5, with the first seed."""
        return max(self.settings.rates, key=self.tried)

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """By arm: that rate, and the best of stage 2's, tried with the arm's own negatives."""
        first = self.first_rate
        best = {arm: max(self.settings.rates, key=partial(self.tried_behind, first, arm)) for arm in self.arms}
        return {arm: (first, rate) for arm, rate in best.items()}

    @property
    def trials(self) -> dict[str, float]:
        """mAP@5 of every trial, in percent, by what the ledger calls it."""
        rates = self.settings.rates
        found = {f"stage1.lr_{label(rate)}": self.tried(rate) for rate in rates}
        return found | {
            f"{arm}.lr_{label(rate)}": self.tried_behind(self.first_rate, arm, rate)
            for arm in self.arms for rate in rates
        }  # fmt: skip

    def tried(self, rate: float) -> float:
        """mAP@5 of stage 1 on the development split."""
        asked = self.ground.dev

        def measure() -> float:
            return evaluate(asked.benchmark, stage_1(self.stage1(rate, SEEDS[0]), asked)).macro("map5").value

        return float(self.keep(f"dev-lr_{label(rate)}", [asdict(self.settings.first), rate], measure))

    def tried_behind(self, first: float, arm: str, rate: float) -> float:
        """The same of stage 2, with a third of the pairs, as in chapter 6."""
        s = self.settings
        short = replace(s.second, updates=max(1, s.second.updates // 3))

        def measure() -> float:
            two, _ = self.two(arm, (first, rate), SEEDS[0], short, self.ground.dev)
            return two.after(s.k).macro("map5").value

        used = [asdict(s.first), asdict(short), asdict(self.arms[arm]), first, rate, s.k]
        return float(self.keep(f"dev-{arm}-lr_{label(rate)}", used, measure))

    def __call__(self, arm: str, seed: int) -> dict[str, Any]:
        """Per-query values on the test split: before; after, at every K, by stage 2's score and by both; and whether
        the K hold a right answer."""
        used = [asdict(self.settings), asdict(self.arms[arm]), self.rates[arm], ALPHA]
        found: dict[str, Any] = self.keep(f"{arm}-{seed}", used, lambda: self.measured(arm, seed))
        return found

    def measured(self, arm: str, seed: int) -> dict[str, Any]:
        """The same, now."""
        two, false = self.two(arm, self.rates[arm], seed, self.settings.second, self.ground.test)
        ks = {name: {str(k): {m: two.after(k, alpha).per_query[m].tolist() for m in METRICS} for k in self.settings.ks}
              for name, alpha in (("at", 0.0), ("at_fused", ALPHA))}  # fmt: skip
        before = evaluate(two.benchmark, stage_1(self.stage1(self.first_rate, seed), self.ground.test),
                          ks=(1, 10, *self.settings.ks))  # fmt: skip
        return {
            "before": {m: before.per_query[m].tolist() for m in METRICS}, **ks, "false_negative_share": false,
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
