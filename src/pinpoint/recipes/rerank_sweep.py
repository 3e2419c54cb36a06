"""The sweeps behind chapter 6's claims: stage 1, two ways to train stage 2, three seeds each; other first stages."""

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.recipes.kept import kept
from pinpoint.recipes.rerank_ground import PROFILES, Ground, Settings, prepare
from pinpoint.recipes.rerank_record import METRICS, MS, NAME, on_record
from pinpoint.recipes.rerank_rivals import CLAIMED, RIVALS, described
from pinpoint.rerank_chapter import Live, times
from pinpoint.rerank_choices import ALPHA, FILTER_RATE, HARD_RATE, IN_BATCH_RATE, KS, NEGATIVES, K
from pinpoint.rerank_study import Scorer, TwoStage, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives
from pinpoint.result import Result
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name

SEEDS = (0, 1, 2)
TIMED = 32  # queries that are timed together
LONGER = 4  # times the updates of stage 1: about what stage 2 takes besides


@dataclass(frozen=True)
class Arm:
    """One system: the key of its numbers, and its re-ranker's negatives or its first stage."""

    key: str
    negatives: Negatives | None = None  # None: no stage 2
    longer: int = 1  # times the updates of stage 1
    rival: str = ""  # another first stage, alone and before the re-ranker "hard"
    deep: bool = False  # scored at every K
    seeds: int = len(SEEDS)


def arms() -> list[Arm]:
    """Every arm, the claims' first: a run that is cut short has measured what matters most."""
    out = [Arm("stage1"), Arm("in_batch", Negatives()), Arm("hard", NEGATIVES, deep=True)]
    out += [Arm(name, rival=name, seeds=len(SEEDS) if name in CLAIMED else 1) for name in RIVALS]
    return out + [Arm("stage1_longer", longer=LONGER, seeds=1)]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One profile's trainings on the test split, each run once and kept."""

    profile: str
    settings: Settings
    folder: Path
    resume: bool = True

    @cache  # noqa: B019  (one object per run)
    def ground(self) -> Ground:
        """The test split."""
        return prepare(self.settings, "test")

    def file(self, arm: Arm, seed: int) -> Path:
        """The file of one run: whatever it depends on is in its name."""
        ground = self.ground()
        hard = [asdict(NEGATIVES), described(arm.rival, self.profile)] if arm.rival else None
        used = [asdict(self.settings), asdict(arm), hard, FILTER_RATE, IN_BATCH_RATE, HARD_RATE, ALPHA, K, KS,
                ground.asked.benchmark.digest, ground.reader.weights_sha256]  # fmt: skip
        return self.folder / f"{arm.key}-{seed}-{digest(used)[:12]}.json"

    def __call__(self, arm: Arm, seed: int) -> dict[str, Any]:
        """Per-query values of the metrics."""
        found: dict[str, Any] = kept(self.file(arm, seed), self.resume, lambda: self.measured(arm, seed))
        return found

    def first(self, seed: int, longer: int = 1) -> tuple[Budget, float]:
        """Budget and rate of stage 1."""
        budget = self.settings.first
        return replace(budget, seed=seed, updates=longer * budget.updates), FILTER_RATE

    def measured(self, arm: Arm, seed: int) -> dict[str, Any]:
        """The same, now."""
        ground, asked = self.ground(), self.ground().asked
        stage1, _ = ground.stage1(*self.first(seed, arm.longer))
        first: Any = stage_1(stage1, asked)
        if arm.negatives is None and not arm.rival:
            two = two_stage(asked.benchmark, first, _no_scores, 1)
            return {**_values(two.before), "ceiling": _ceiling(two)}
        budget = replace(self.settings.second, seed=seed)
        negatives = arm.negatives or NEGATIVES
        rate = HARD_RATE if negatives.count else IN_BATCH_RATE
        reranker, draws, _ = ground.stage2(self.first(seed), negatives, budget, rate)
        spent: dict[str, Any] = {}
        if arm.rival:
            other = RIVALS[arm.rival](arm.rival, ground, self.profile, seed)
            first, spent = other.retriever, {MS: other.ms(ground)}
        scorer: Scorer = stage_2(stage1, reranker, asked)
        two = two_stage(asked.benchmark, first, scorer, max(KS) if arm.deep else K)
        if arm.deep:
            took = times(Live(asked, stage1, reranker, two), KS, min(TIMED, len(asked.benchmark.queries)), 1)
            spent = {
                "at": _at_each(two),
                "at_fused": _at_each(two, ALPHA),
                MS: {str(k): m.value for k, m in took.items()},
            }
        return {**_values(two.after(K)), "before": _values(two.before), "fused": _values(two.after(K, ALPHA)),
                "ceiling": _ceiling(two), "false_negative_share": draws.false_negative_share, **spent}  # fmt: skip


def _no_scores(pairs: np.ndarray) -> np.ndarray:
    return np.zeros(len(pairs), dtype=np.float32)


def _ceiling(two: TwoStage) -> dict[str, list[float]]:
    """Whether a right answer is among the first K, for every K."""
    return {str(k): two.before.per_query[f"r{k}"].tolist() for k in KS}


def _values(result: Result) -> dict[str, list[float]]:
    return {metric: result.per_query[metric].tolist() for metric in METRICS}


def _at_each(two: TwoStage, alpha: float = 0.0) -> dict[str, dict[str, list[float]]]:
    """Metrics at every K."""
    return {str(k): _values(two.after(k, alpha)) for k in KS}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train and measure all arms, seed by seed; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    layout = find_layout()
    sweep = Sweep(profile, PROFILES[profile], out or layout.cache / "training" / f"{NAME}-{profile}", resume)
    runs: dict[str, list[dict[str, Any]]] = {arm.key: [] for arm in arms()}
    for seed in SEEDS[: 1 if profile == "smoke" else None]:
        for arm in arms():
            if seed < arm.seeds:
                runs[arm.key].append(sweep(arm, seed))
    if profile != "smoke":
        ground = sweep.ground()
        groups = [q.group for q in ground.asked.benchmark.queries]
        identity = digest(sorted(sweep.file(arm, 0).name for arm in arms()))[:12]
        entries = dict(on_record(runs, groups, device_name(ground.reader.device)))
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return sweep.folder
