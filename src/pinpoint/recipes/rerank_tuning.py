"""Tuning of chapter 6 on the development split: learning rates, then which hard negatives, and how many.

Rates of stage 2 are searched by the same rule for training as released and with hard negatives; its trials score a
third of the pairs, always equally many. The best is trained with all of them, and gives the weight of stage 1's score
in the fusion. What came out stands in `rerank_choices`; every trial is on record in results/recorded.json.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pinpoint.errors import unknown
from pinpoint.evaluate import evaluate
from pinpoint.files import digest, write_json
from pinpoint.recipes.kept import kept, label, trial_entries
from pinpoint.recipes.rerank_ground import PROFILES, Ground, Settings, dev_settings, prepare
from pinpoint.rerank_choices import K
from pinpoint.rerank_study import stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name

NAME = "rerank-tuning"
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
COUNTS = (3, 15)  # beside the first try
IN_BATCH, HARD = Negatives(), Negatives(7)
ALPHAS = tuple(n / 10 for n in range(11))


@dataclass(frozen=True)
class Trial:
    """One training: of stage 1, or of stage 2 behind a stage 1 of its learning rate."""

    key: str
    first_rate: float
    rate: float | None = None  # of stage 2; None: stage 1 alone
    negatives: Negatives = IN_BATCH
    thirds: int = 1  # of the pairs that stage 2 may score


def first_trial(lr: float) -> Trial:
    """Of stage 1."""
    return Trial(f"rerank.dev.stage1.lr_{label(lr)}", lr)


def second_trial(first_rate: float, negatives: Negatives, lr: float) -> Trial:
    """Of stage 2, as released or with hard negatives."""
    name = "hard" if negatives.count else "in_batch"
    return Trial(f"rerank.dev.{name}.lr_{label(lr)}", first_rate, lr, negatives)


def variants(best: Trial) -> list[Trial]:
    """Other numbers of hard negatives, none that is a right answer, and from lower ranks, at one rate."""
    hard = best.negatives
    some = {f"negatives_{n}": replace(hard, count=n) for n in COUNTS}
    some |= {"spared": replace(hard, spare=True), "lower_ranks": replace(hard, low=11, high=100)}
    return [replace(best, key=f"rerank.dev.hard.{name}", negatives=other) for name, other in some.items()]


def climb(trial: Callable[[float], Trial], measure: Callable[[Trial], float]) -> Trial:
    """The best of `RATES`: from the middle, neighbour by neighbour, until both neighbours of the best are worse."""
    found: dict[float, float] = {}
    at, best = -1, len(RATES) // 2
    while at != best:
        at = best
        for lr in RATES[max(0, at - 1) : at + 2]:
            if lr not in found:
                found[lr] = measure(trial(lr))
        best = RATES.index(max(found, key=found.__getitem__))
    return trial(RATES[best])


def shortened(budget: Budget, thirds: int) -> Budget:
    """Some thirds of the updates of stage 2."""
    return replace(budget, updates=max(1, budget.updates * thirds // 3))


@dataclass(frozen=True, eq=False)
class Tuning:
    """The trials of one profile, each run once and kept."""

    settings: Settings
    ground: Ground
    folder: Path
    resume: bool = True
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, trial: Trial) -> float:
        """mAP@5 on the development split, in percent."""
        self.found[trial.key] = kept(self.file(trial), self.resume, lambda: self.measured(trial))
        return float(self.found[trial.key]["map5"])

    def file(self, trial: Trial) -> Path:
        """Its file: whatever the value depends on is in the name."""
        used = [asdict(self.settings), asdict(trial), self.ground.reader.weights_sha256, K]
        return self.folder / f"{trial.key}-{digest([used, self.ground.asked.benchmark.digest])[:12]}.json"

    def measured(self, trial: Trial) -> dict[str, Any]:
        """The same, trained now; with stage 2 also the fusion at every alpha, and the share of false negatives."""
        ground, asked, first = self.ground, self.ground.asked, (self.settings.first, trial.first_rate)
        stage1, _ = ground.stage1(*first)
        if trial.rate is None:
            return {"map5": evaluate(asked.benchmark, stage_1(stage1, asked)).macro("map5").value}
        budget = shortened(self.settings.second, trial.thirds)
        reranker, draws, _ = ground.stage2(first, trial.negatives, budget, trial.rate)
        two = two_stage(asked.benchmark, stage_1(stage1, asked), stage_2(stage1, reranker, asked), K)
        fusion = {label(alpha): two.after(K, alpha).macro("map5").value for alpha in ALPHAS}
        return {
            "map5": two.after(K).macro("map5").value, "fusion": fusion,
            "false_negative_share": draws.false_negative_share,
        }  # fmt: skip


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Run all trials that are not kept in `out` yet, and put them on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = dev_settings(PROFILES[profile]), find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    tuning = Tuning(settings, prepare(settings, "dev"), out, resume)
    first = max(map(first_trial, RATES), key=tuning).first_rate
    in_batch, hard = (climb(partial(second_trial, first, some), tuning) for some in (IN_BATCH, HARD))
    best = max([hard, *variants(hard)[: len(COUNTS)]], key=tuning)
    whole = replace(best, key="rerank.dev.hard.whole", thirds=3)
    for trial in (whole, *variants(hard)):
        tuning(trial)
    fusion = tuning.found[whole.key]["fusion"]
    alpha = max(ALPHAS, key=lambda a: fusion[label(a)])
    write_json(out / "choices.json", {**asdict(whole), "in_batch_rate": in_batch.rate, "alpha": alpha})
    if profile != "smoke":
        values = {f"{key}.map5": found["map5"] for key, found in tuning.found.items()}
        values |= {f"rerank.dev.fusion.alpha_{name}.map5": value for name, value in fusion.items()}
        device = device_name(tuning.ground.reader.device)
        entries = trial_entries(values, device, NAME)
        identity = digest([asdict(settings), tuning.ground.asked.benchmark.digest])[:12]
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return out
