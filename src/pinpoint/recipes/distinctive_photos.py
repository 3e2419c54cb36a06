"""Chapter 5's objectives on photographs of products, where the data lie; no picture is kept.

Wanted: `data/fashion-products/` (attributes.csv and images/, "Fashion Product Images") and
`data/models/mobilenet_v2_imagenet.onnx`. PINPOINT_DATA names another folder than `data`. Every objective gets the same
start, the same budget, the same trials of its learning rate on the development split, and three seeds.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import OBJECTIVES, Objective
from pinpoint.distinctive_photos import PLACE
from pinpoint.distinctive_study import Asked, suppression, unannotated
from pinpoint.distinctive_training import Trace, train
from pinpoint.errors import unknown
from pinpoint.evaluate import evaluate
from pinpoint.files import digest
from pinpoint.product_encoder import Features
from pinpoint.recipes.kept import kept, label
from pinpoint.recipes.products_ground import PROFILES, Ground, Settings, prepare
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME = "dqe-photos"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r10", "r50", "map5", "map10", "t10")
SUPPRESSION = "suppression"  # mean normalised rank of what is valid and not annotated: 0 is best, 50 is chance
SHARE = "false_negative_share"
GAINS = (("dqe", "qure", "r10"), ("trns", "qure", "map5"), ("trns", "infonce", "map5"), ("dqe", "infonce", "map5"),
         ("dqe", "trns", "map5"))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sweep:
    """Every training of one profile, each run once and kept in a file whose name says what it depends on."""

    ground: Ground
    settings: Settings
    objectives: Mapping[str, Objective]
    folder: Path
    resume: bool = True
    runs: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, name: str, seed: int) -> dict[str, Any]:
        """Per-query values on the test split, and the share of false negatives, with the best learning rate."""
        return self.run(name, self.rate(name), seed)

    def rate(self, name: str) -> float:
        """The best of an objective's learning rates on the development split; test values play no part."""
        return max(self.settings.rates, key=lambda lr: self.trial(name, lr))

    def trial(self, name: str, lr: float) -> float:
        """R@10 on the development split, the mean of the groups, of the first seed."""
        return float(self.run(name, lr, SEEDS[0])["dev"])

    def run(self, name: str, lr: float, seed: int) -> dict[str, Any]:
        """One training, measured on both splits."""
        used = [asdict(self.objectives[name]), asdict(self.settings.budget), self.ground.identity]
        path = self.folder / f"{name}-lr_{label(lr)}-{seed}-{digest([used, lr])[:12]}.json"
        if path not in self.runs:
            self.runs[path] = kept(path, self.resume, lambda: self.trained(name, lr, seed))
        return self.runs[path]

    def trained(self, name: str, lr: float, seed: int) -> dict[str, Any]:
        """The same, now."""
        ground, budget = self.ground, replace(self.settings.budget, seed=seed)
        model, trace, _ = train(ground.start, ground.data, self.objectives[name], budget, lr, tuple(PLACE))
        dev = evaluate(ground.dev.benchmark, ground.dev.retriever(model, name)).macro("r10").value
        found = {**measured(ground.test, model), "dev": dev, SHARE: trace.false_negative_share}
        return {**found, "sets": set_sizes(trace, len(ground.data.seen))} if trace.width else found

    def start(self) -> dict[str, Any]:
        """Per-query values of the common start on the test split."""
        path = self.folder / f"start-{self.ground.identity[:12]}.json"
        values: dict[str, Any] = kept(path, self.resume, lambda: measured(self.ground.test, self.ground.start))
        return values


def measured(asked: Asked, model: Composer) -> dict[str, list[float]]:
    """Per-query values of every metric; of SUPPRESSION only for queries with a valid answer that nobody annotated."""
    result = evaluate(asked.benchmark, asked.retriever(model, NAME))
    values = {metric: result.per_query[metric].tolist() for metric in METRICS}
    return {**values, SUPPRESSION: suppression(asked, model).per_query["nrank"].tolist()}


def set_sizes(trace: Trace, corpus: int) -> dict[str, float]:
    """Images in a negative set, in percent of the corpus: the mean at the first and the last making; and the share of
    the last sets that hold less than a hundredth of the corpus, or more than nine tenths."""
    last = trace.sizes / corpus
    found = {"first": trace.width[0] / corpus, "last": trace.width[-1] / corpus,
             "small": float(np.mean(last < 0.01)), "large": float(np.mean(last > 0.9))}  # fmt: skip
    return {name: 100 * value for name, value in found.items()}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None,
         objectives: Mapping[str, Objective] = OBJECTIVES) -> Path:  # fmt: skip
    """Tune, train and measure every objective; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    root = Path(os.environ.get("PINPOINT_DATA") or layout.root / "data")
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    sweep = Sweep(prepare(root, settings, out, features, resume), settings, objectives, out, resume)
    seeds = SEEDS[: 1 if profile == "smoke" else None]
    values = {"start": [sweep.start()], **{name: [sweep(name, seed) for seed in seeds] for name in objectives}}
    if profile != "smoke":
        test, device = sweep.ground.test.benchmark, device_name(sweep.ground.encoder.device)
        groups = {metric: [q.group for q in test.queries] for metric in METRICS}
        groups[SUPPRESSION] = [q.group for q in unannotated(test).queries]
        entries = dict(on_record(values, groups, device))
        for name in objectives:
            for lr in settings.rates:
                at = f"dqe.photos.dev.{name}.lr_{label(lr)}.r10"
                entries[at] = make_entry(at, sweep.trial(name, lr), None, None, None, 1, "%", None, device, NAME)
        identity = digest([sweep.ground.identity, asdict(settings), {n: asdict(o) for n, o in objectives.items()}])
        merge(layout.results / "recorded.json", NAME, entries, identity[:12])
    return out


def on_record(
    values: Mapping[str, Sequence[Mapping[str, Any]]], groups: Mapping[str, Sequence[str]], device: str
) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries, the mean of the groups; and differences in points, paired."""
    means = {name: {m: np.mean([run[m] for run in runs], axis=0) for m in groups} for name, runs in values.items()}
    for name, runs in values.items():
        for metric, each in means[name].items():
            for group in ("", *PLACE) if metric == "r10" else ("",):
                kept = np.isin(groups[metric], [group] if group else list(PLACE))
                e = bootstrap(each[kept], np.array(groups[metric])[kept].tolist(), scale=100)
                at = ".".join(part for part in ("dqe.photos", name, group, metric) if part)
                yield at, make_entry(at, e.value, e.low, e.high, e.n, len(runs), "%", None, device, NAME)
        if SHARE in runs[0]:
            at, shares = f"dqe.photos.{name}.{SHARE}", [run[SHARE] for run in runs]
            yield at, make_entry(at, np.mean(shares), None, None, None, len(runs), "%", None, device, NAME)
        for part in runs[0].get("sets", {}):
            at, shares = f"dqe.photos.{name}.sets.{part}", [run["sets"][part] for run in runs]
            yield at, make_entry(at, np.mean(shares), None, None, None, len(runs), "%", None, device, NAME)
    differences = [(f"dqe.photos.{n}.pushed", n, "start", SUPPRESSION) for n in values if n != "start"]
    differences += [
        (f"dqe.photos.gain.{a}_{b}.{metric}", a, b, metric) for a, b, metric in GAINS if {a, b} <= set(values)
    ]
    for at, a, b, metric in differences:
        e = paired_bootstrap(means[a][metric], means[b][metric], groups[metric], scale=100).difference
        yield at, make_entry(at, e.value, e.low, e.high, e.n, len(values[a]), "points", 1.0, device, NAME)
