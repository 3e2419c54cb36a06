"""The sweeps behind chapter 5's claims: every objective with three seeds, and the ablations of DQE-CIR with one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.distinctive_chapter import METRICS, ONE, asked_of
from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, WARM_RATE, Objective
from pinpoint.distinctive_study import confusion, reworded, suppression, unannotated
from pinpoint.distinctive_training import Trace, train
from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.recipes.distinctive_ground import PROFILES, Ground, Settings, prepare
from pinpoint.recipes.kept import kept, label
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME = "dqe-sweep"
SEEDS = (0, 1, 2)
GAINS = (
    ("trns", "infonce"),
    ("trns", "qure"),
    ("trns", "bt_random"),
    ("dqe", "qure"),
    ("dqe", "trns"),
    ("dqe", "infonce"),
)
LONGER = 4  # times the updates
PER_QUERY = (*METRICS, *ONE, "zero_shot.r1", "zero_shot.map5", "suppression", "confusion")  # or per reference
ZONES = ((0.0, 0.02), (0.2, 0.8))  # beside the chosen one; others were tried on the development split


@dataclass(frozen=True)
class Arm:
    """One system: the key of its numbers, its objective, whose learning rate it takes, and how often sets are made."""

    key: str
    objective: Objective | None  # None: the common start
    tuned: str = ""
    refresh: int | None = None  # None: that of the profile
    longer: int = 1  # times the updates
    scratch: bool = False  # from the pretrained Q-Former, not from the common start; with the start's updates added
    seeds: int = len(SEEDS)


def arms() -> list[Arm]:
    """Every arm, the claims' first: a run that is cut short has measured what matters most."""
    dqe, trns = OBJECTIVES["dqe"], OBJECTIVES["trns"]
    out = [Arm("warm", None, seeds=1)]
    out += [Arm(name, objective, name) for name, objective in OBJECTIVES.items()]
    parts = {
        "smoothed": replace(dqe, smoothing=0.01),
        "gates_alone": replace(dqe, attribute=0.0),
        "ranking": replace(dqe, ranking=1.0),
    }
    out += [Arm(f"ablation.{name}", o, "dqe", seeds=1 + 2 * (name == "smoothed")) for name, o in parts.items()]
    out += [Arm(f"scratch.{name}", OBJECTIVES[name], name, scratch=True, seeds=1) for name in ("infonce", "qure")]
    gated = replace(OBJECTIVES["infonce"], attributes=True)
    out += [Arm("ablation.infonce_gates", gated, "infonce", seeds=1)]
    for low, high in ZONES:
        zone = replace(trns, low=low, high=high)
        out += [Arm(f"ablation.zone_{label(low)}_{label(high)}", zone, "trns", seeds=1)]
    out += [Arm("ablation.refresh_0", trns, "trns", refresh=0, seeds=1)]
    both = replace(trns, name="infonce", negatives="batch+zone")
    out += [Arm("ablation.infonce_zone", both, "infonce", seeds=1)]
    more = ("dqe", "infonce", "qure", "trns")
    return out + [Arm(f"longer.{name}", OBJECTIVES[name], name, longer=LONGER, seeds=1) for name in more]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One profile's trainings on one split, each run once and kept."""

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
        benchmarks = [asked.benchmark.digest for asked in (ground.attributes, ground.general)]
        used = [
            asdict(self.settings),
            asdict(arm),
            RATES.get(arm.tuned),
            benchmarks,
            ground.encoder.weights_sha256,
        ]
        return self.folder / f"{arm.key}-{seed}-{digest(used)[:12]}.json"

    def __call__(self, arm: Arm, seed: int) -> dict[str, Any]:
        """Per-query values of the metrics, both effects, and what the training took as negatives."""
        found: dict[str, Any] = kept(self.file(arm, seed), self.resume, lambda: self.measured(arm, seed))
        return found

    def trained(self, arm: Arm, seed: int) -> tuple[Composer, Trace]:
        """The model of one run, and what its training took as negatives."""
        ground, budget = self.ground(), replace(self.settings.budget, seed=seed)
        if arm.objective is None:
            return ground.start, Trace()
        budget = budget if arm.refresh is None else replace(budget, refresh=arm.refresh)
        budget = replace(budget, updates=arm.longer * budget.updates)
        start, lr = ground.start, RATES[arm.tuned]
        if arm.scratch:
            start, lr = ground.encoder.model, WARM_RATE
            budget = replace(budget, updates=budget.updates + self.settings.warm)
        model, trace, _ = train(start, ground.data, arm.objective, budget, lr)
        return model, trace

    def measured(self, arm: Arm, seed: int) -> dict[str, Any]:
        """The same, now."""
        ground = self.ground()
        model, trace = self.trained(arm, seed)
        result = asked_of(model, ground.attributes, arm.key)
        general = asked_of(model, ground.general, arm.key)
        pushed = suppression(ground.attributes, model)
        said = reworded(ground.attributes.benchmark, 100, 4)
        return {
            **{m: result.per_query[m].tolist() for m in (*METRICS, *ONE)},
            **{f"zero_shot.{m}": general.per_query[m].tolist() for m in ("r1", "map5")},
            "suppression": pushed.per_query["nrank"].tolist(),
            "confusion": confusion(ground.attributes, model, ground.encoder, said).tolist(),
            "false_negative_share": trace.false_negative_share, "negatives": trace.negatives,
            "made_at": trace.made_at, "width": trace.width, "delta": trace.delta,
        }  # fmt: skip


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train and measure all arms; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    layout = find_layout()
    sweep = Sweep(PROFILES[profile], out or layout.cache / "training" / f"{NAME}-{profile}", resume)
    seeds = {arm.key: SEEDS[: 1 if profile == "smoke" else arm.seeds] for arm in arms()}
    runs = {arm.key: [sweep(arm, seed) for seed in seeds[arm.key]] for arm in arms()}
    if profile != "smoke":
        ground = sweep.ground()
        asked = {"attributes": ground.attributes.benchmark, "general": ground.general.benchmark}
        asked["suppression"] = unannotated(asked["attributes"])
        groups = {name: [q.group for q in benchmark.queries] for name, benchmark in asked.items()}
        identity = digest(sorted(sweep.file(arm, 0).name for arm in arms()))[:12]
        entries = dict(on_record(runs, groups, device_name(ground.encoder.device)))
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return sweep.folder


def on_record(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], groups: Mapping[str, list[str]], device: str
) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries; and the gains that the claims are about, in points."""
    mean = {key: {m: np.mean([run[m] for run in some], axis=0) for m in PER_QUERY} for key, some in runs.items()}
    for key, metrics in mean.items():
        for metric, each in metrics.items():
            yield from _entries(key, metric, each, groups, len(runs[key]), device)
        share = float(np.mean([run["false_negative_share"] for run in runs[key]]))
        at = f"dqe.{key}.false_negative_share"
        yield at, make_entry(at, share, None, None, None, len(runs[key]), "%", 1.0, device, NAME)
        if len(runs[key]) > 1:  # how far apart the seeds are
            macro = [bootstrap(np.array(run["map5"]), groups["attributes"], scale=100).value for run in runs[key]]
            for name, value in (("lowest", min(macro)), ("highest", max(macro))):
                at = f"dqe.{key}.seeds.{name}"
                yield at, make_entry(at, value, None, None, None, 1, "%", None, device, NAME)
        for name in ("width", "delta"):
            for n, where in ((0, "first"), (-1, "last")):
                if runs[key][0][name]:
                    at, value = f"dqe.{key}.sets.{name}_{where}", float(np.mean([run[name][n] for run in runs[key]]))
                    yield at, make_entry(at, value, None, None, None, len(runs[key]), "", None, device, NAME)
    for a, b in GAINS:
        yield _gain(f"{a}_{b}.zero_shot.map5", mean, (a, b), "zero_shot.map5", groups["general"], None, device)
        for kind in (None, "colour", "shape"):
            for metric in ("r1", "r10", "map5"):
                at = f"{a}_{b}.{kind + '.' if kind else ''}{metric}"
                yield _gain(at, mean, (a, b), metric, groups["attributes"], kind, device)


def _gain(
    at: str, mean: Mapping[str, Mapping[str, np.ndarray]], pair: tuple[str, str], metric: str, groups: list[str],
    kind: str | None, device: str,
) -> tuple[str, Entry]:  # fmt: skip
    """What the first of two objectives has over the second, in points, paired by query."""
    rows = [n for n, group in enumerate(groups) if kind in (None, group)]
    x, y = (mean[name][metric][rows] for name in pair)
    e = paired_bootstrap(x, y, [groups[n] for n in rows], scale=100).difference
    key = f"dqe.gain.{at}"
    return key, make_entry(key, e.value, e.low, e.high, e.n, len(SEEDS), "points", 1.0, device, NAME)


def _entries(
    key: str, metric: str, each: np.ndarray, groups: Mapping[str, list[str]], seeds: int, device: str
) -> Iterator[tuple[str, Entry]]:
    """One metric: over all kinds of edit, and for colour and shape alone."""
    which, zero_shot = groups.get(metric, groups["attributes"]), metric.startswith("zero_shot")
    if zero_shot:
        which, key, metric = groups["general"], f"zero_shot.{key}", metric.removeprefix("zero_shot.")
    if metric == "confusion":
        e = bootstrap(each)
        at = f"dqe.{key}.confusion"
        yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds, "", 0.1, device, NAME)
        return
    labels = np.array(which)
    e = bootstrap(each, labels.tolist(), scale=100)
    at = f"dqe.{key}.{metric}"
    yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds, "%", None, device, NAME)
    if metric in METRICS and not zero_shot:
        for kind in ("colour", "shape"):
            e = bootstrap(each[labels == kind], scale=100)
            at = f"dqe.{key}.{kind}.{metric}"
            yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds, "%", None, device, NAME)
