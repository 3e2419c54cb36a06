"""The sweeps behind chapter 6's claims: stage 1, two ways to train stage 2, three seeds each; other first stages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.recipes.kept import kept
from pinpoint.recipes.rerank_ground import PROFILES, Ground, Settings, prepare
from pinpoint.recipes.rerank_rivals import RIVALS, described
from pinpoint.rerank_choices import ALPHA, FILTER_RATE, KS, NEGATIVES, RERANKER_RATE, K
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_study import Scorer, TwoStage, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Negatives, train_filter, train_reranker
from pinpoint.result import Result
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME = "rerank-sweep"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r5", "r10", "map5", "rs1", "t1")
GAINS = (("in_batch", "stage1"), ("hard", "stage1"), ("hard", "in_batch"), ("hard_fused", "hard"))
LONGER = 4  # times the updates of stage 1: about what stage 2 takes besides
HARD = NEGATIVES if NEGATIVES.count else Negatives(3)


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
    out = [Arm("stage1"), Arm("in_batch", Negatives()), Arm("hard", HARD, deep=True)]
    out += [Arm(name, rival=name) for name in RIVALS]
    some = {f"negatives_{n}": replace(HARD, count=n) for n in (1, 3, 7) if n != HARD.count}
    some |= {"spared": replace(HARD, spare=True), "lower_ranks": replace(HARD, low=11, high=100)}
    out += [Arm(f"variant.{name}", negatives, seeds=1) for name, negatives in some.items()]
    return out + [Arm("stage1_longer", longer=LONGER, seeds=1)]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One profile's trainings on the test split, each run once and kept."""

    profile: str
    settings: Settings
    folder: Path
    resume: bool = True
    _last: dict[str, tuple[Any, Any]] = field(default_factory=dict, repr=False)

    @cache  # noqa: B019  (one object per run)
    def ground(self) -> Ground:
        """The test split."""
        return prepare(self.settings, "test")

    def file(self, arm: Arm, seed: int) -> Path:
        """The file of one run: whatever it depends on is in its name."""
        ground = self.ground()
        hard = [asdict(HARD), described(arm.rival, self.profile)] if arm.rival else None
        used = [asdict(self.settings), asdict(arm), hard, FILTER_RATE, RERANKER_RATE, ALPHA, K, KS,
                ground.asked.benchmark.digest, ground.reader.weights_sha256]  # fmt: skip
        return self.folder / f"{arm.key}-{seed}-{digest(used)[:12]}.json"

    def __call__(self, arm: Arm, seed: int) -> dict[str, Any]:
        """Per-query values of the metrics."""
        found: dict[str, Any] = kept(self.file(arm, seed), self.resume, lambda: self.measured(arm, seed))
        return found

    def stage1(self, seed: int, longer: int = 1) -> Filter:
        """Stage 1 of a seed; the last one is kept in memory, and the arms run seed by seed."""
        if self._last.get("stage1", (None,))[0] != (seed, longer):
            first, ground = self.settings.first, self.ground()
            budget = replace(first, seed=seed, updates=longer * first.updates)
            self._last["stage1"] = (
                (seed, longer),
                train_filter(ground.reader.model, ground.data, budget, FILTER_RATE)[0],
            )
        last: Filter = self._last["stage1"][1]
        return last

    def stage2(self, seed: int, negatives: Negatives) -> tuple[Reranker, float]:
        """A re-ranker, and the share of its hard negatives that were right answers, in percent."""
        if self._last.get("stage2", (None,))[0] != (seed, negatives):
            ground, budget = self.ground(), replace(self.settings.second, seed=seed)
            model, training, _ = train_reranker(
                ground.reader.model, self.stage1(seed), ground.data, negatives, budget, RERANKER_RATE
            )
            self._last["stage2"] = (seed, negatives), (model, training.false_negative_share)
        last: tuple[Reranker, float] = self._last["stage2"][1]
        return last

    def measured(self, arm: Arm, seed: int) -> dict[str, Any]:
        """The same, now."""
        ground = self.ground()
        asked = ground.asked
        first: Any = stage_1(self.stage1(seed, arm.longer), asked)
        if arm.negatives is None and not arm.rival:
            two = two_stage(asked.benchmark, first, _no_scores, 1)
            return {**_values(two.before), "ceiling": {k: two.before.per_query[f"r{k}"].tolist() for k in KS}}
        reranker, share = self.stage2(seed, arm.negatives or HARD)
        if arm.rival:
            first = RIVALS[arm.rival](ground, self.profile, seed)
        scorer: Scorer = stage_2(self.stage1(seed), reranker, asked)
        two = two_stage(asked.benchmark, first, scorer, max(KS) if arm.deep else K)
        found = {**_values(two.after(K)), "before": _values(two.before), "false_negative_share": share}
        found["fused"] = _values(two.after(K, ALPHA))
        found["ceiling"] = {k: two.before.per_query[f"r{k}"].tolist() for k in KS}
        return found | ({"at": _at_each(two)} if arm.deep else {})


def _no_scores(pairs: np.ndarray) -> np.ndarray:
    return np.zeros(len(pairs), dtype=np.float32)


def _values(result: Result) -> dict[str, list[float]]:
    return {metric: result.per_query[metric].tolist() for metric in METRICS}


def _at_each(two: TwoStage) -> dict[str, dict[str, list[float]]]:
    """Metrics at every K."""
    return {str(k): _values(two.after(k)) for k in KS}


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


Found = Mapping[str, np.ndarray]  # metric -> mean over seeds, one value per query


def on_record(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], device: str
) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries; the gains that the claims are about, in points; the ladder."""
    mean = {key: _mean(some) for key, some in runs.items()}
    mean["hard_fused"] = _mean([run["fused"] for run in runs["hard"]])
    seeds = {key: len(runs[key.removesuffix("_fused")]) for key in mean}
    for key, found in mean.items():
        if key not in RIVALS:
            yield from _entries(f"rerank.sweep.{key}", found, groups, seeds[key], device)
    for k in KS:
        found = _mean([run["at"][str(k)] for run in runs["hard"]])
        found["ceiling"] = np.mean([run["ceiling"][str(k)] for run in runs["hard"]], axis=0)
        yield from _entries(f"rerank.sweep.k{k}", found, groups, seeds["hard"], device)
        gain = {m: found[m] - mean["stage1"][m] for m in METRICS}
        yield from _entries(f"rerank.sweep.k{k}.gain", gain, groups, seeds["hard"], device, "points")
    for key in ("stage1", *RIVALS):
        alone = mean["stage1"] if key == "stage1" else _mean([run["before"] for run in runs[key]])
        found = mean["hard"] if key == "stage1" else mean[key]
        ceiling = np.mean([run["ceiling"][str(K)] for run in runs[key]], axis=0)
        yield from _entries(f"rerank.first_stage.{key}", {**alone, "ceiling": ceiling}, groups, seeds[key], device)
        yield from _entries(f"rerank.first_stage.{key}.reranked", found, groups, seeds[key], device)
    yield from _gains(mean, groups, seeds, device)
    for key, some in runs.items():
        yield from _spread(key, some, groups, device)


def _mean(runs: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in METRICS}


def _entries(
    prefix: str, found: Found, groups: Sequence[str], seeds: int, device: str, unit: str = "%"
) -> Iterator[tuple[str, Entry]]:
    for metric, each in found.items():
        e = bootstrap(each, groups, scale=100)
        at = f"{prefix}.{metric}"
        yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds, unit, 1.0 if unit == "points" else None, device,
                             NAME)  # fmt: skip


def _gains(
    mean: Mapping[str, Found], groups: Sequence[str], seeds: Mapping[str, int], device: str
) -> Iterator[tuple[str, Entry]]:
    """What one has over the other, paired by query: over all kinds of edit, and for each kind."""
    for a, b in GAINS:
        for kind in (None, *dict.fromkeys(groups)):
            rows = [n for n, group in enumerate(groups) if kind in (None, group)]
            for metric in METRICS if kind is None else ("r1", "map5"):
                x, y = (mean[name][metric][rows] for name in (a, b))
                e = paired_bootstrap(x, y, [groups[n] for n in rows], scale=100).difference
                at = f"rerank.sweep.gain.{a}_{b}.{kind + '.' if kind else ''}{metric}"
                yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds[a], "points", 1.0, device, NAME)


def _spread(
    key: str, runs: Sequence[Mapping[str, Any]], groups: Sequence[str], device: str
) -> Iterator[tuple[str, Entry]]:
    """How far apart the seeds are, and how many of the hard negatives were right answers."""
    each = [100 * float(np.mean(run["r1"])) for run in runs]
    found = {"r1_least": min(each), "r1_most": max(each)}
    if key not in RIVALS and "false_negative_share" in runs[0]:
        found["false_negative_share"] = float(np.mean([run["false_negative_share"] for run in runs]))
    for name, value in found.items():
        at = f"rerank.sweep.{key}.{name}"
        yield at, make_entry(at, value, None, None, len(groups), len(runs), "%", None, device, NAME)
