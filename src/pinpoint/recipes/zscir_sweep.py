"""The sweeps behind chapter 3's claims, three seeds each: amount and quality of triplets, and every ablation.

One arm is one trained system. The page trains the main ones live with one seed; here they are repeated, with all
variants, on the same test split and with the same budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pinpoint import heads
from pinpoint import zscir_study as experiments
from pinpoint.diorama.triplets import Triplet, spoil, triplets
from pinpoint.encoders import load
from pinpoint.errors import unknown
from pinpoint.files import digest, read_json, write_json
from pinpoint.inversion import SemanticMapping
from pinpoint.recipes import diorama_oti
from pinpoint.recipes.zscir_tuning import PROFILES, Ground, Settings, prepare
from pinpoint.relative import relative_gain
from pinpoint.significance import bootstrap
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name
from pinpoint.zscir_setup import as_rows, encode_triplets
from pinpoint.zscir_study import PROJECTIONS, Asked, Choices

NAME = "zscir-sweep"
SEEDS = (0, 1, 2)
ONCE = ("k2", "k4", "photo", "wrong30_vague30")  # side questions: one seed; no claim rests on them
SIZES = (30, 100, 300, 1000, 3000, 10_000)
PASSES = 20  # over the triplets at the most: 200 updates on 30 triplets would learn these by heart
METRICS = ("r1", "r5", "r10", "map5", "map10", "rs1")


@dataclass(frozen=True)
class Arm:
    """One system: its stage 1, and for a two-stage system its triplets.

    `mapping`: trained, random, or joint (random, learned from the triplets in stage 2). `photo`: with the papers'
    prompt, which the small CLIP has never read. `longer`: that many times the updates of stage 1.
    """

    key: str
    triplets: int = 0
    quality: str = "clean"
    k: int = 1
    injection: bool = True
    soft: bool = True
    mapping: str = "trained"
    photo: bool = False
    longer: int = 1


CHANGES: dict[str, dict[str, Any]] = {
    "no_injection": {"injection": False}, "no_soft": {"soft": False},
    "k2": {"k": 2}, "k4": {"k": 4}, "photo": {"photo": True},
}  # fmt: skip


def arms(settings: Settings) -> list[Arm]:
    """Every arm, the claim's first: a run that is cut short has measured what matters most."""
    n = settings.triplets
    out = [Arm("two_stage", n), Arm("stage1"), Arm("stage1_longer", longer=2)]
    out += [Arm(f"two_stage.triplets_{m}", m) for m in SIZES if m <= 10 * n and m != n]
    out += [Arm(f"ablation.{name}.two_stage", n, mapping=name) for name in ("random", "joint")]
    for name, change in CHANGES.items():
        out += [Arm(f"ablation.{name}.stage1", 0, **change), Arm(f"ablation.{name}.two_stage", n, **change)]
    return out + [Arm(f"quality.{name}", n, quality=name) for name in QUALITY if name != "clean"]


QUALITY: dict[str, Callable[[list[Triplet], int], list[Triplet]]] = {
    "clean": lambda some, seed: some,
    "as_benchmark": lambda some, seed: [replace(t, text=t.edit.text) for t in some],
    "wrong30": lambda some, seed: spoil(some, 0.3, 0.0, seed),
    "vague30": lambda some, seed: spoil(some, 0.0, 0.3, seed),
    "wrong30_vague30": lambda some, seed: spoil(some, 0.3, 0.3, seed),
}


@dataclass(frozen=True, eq=False)
class Sweep:
    """Everything that the arms share."""

    settings: Settings
    ground: Ground
    some: Sequence[Triplet]
    bank: heads.ImageBank
    choices: Choices
    mappings: dict[tuple[Any, ...], nn.Module]

    def run(self, arm: Arm, seed: int) -> np.ndarray:
        """Unit query vectors (Q, D) of one arm."""
        clip, choices = self.clip(arm), self.choices
        budget = replace(self.settings.budget, seed=seed)
        mapping = self.mapping(arm, seed)
        if not arm.triplets:
            return experiments.composed(clip, mapping, self.ground.asked).numpy()
        drawn = QUALITY[arm.quality](list(self.some[: arm.triplets]), seed)
        at_most = PASSES * max(1, arm.triplets // budget.batch)
        budget = replace(budget, updates=min(budget.updates, at_most))
        adapters, _ = heads.train_stage2(
            clip, self.bank, mapping, as_rows(self.bank, drawn), choices.plan("two_stage", budget), budget.batch,
            choices.composing, learn_mapping=arm.mapping == "joint",
        )  # fmt: skip
        return experiments.composed(clip, mapping.eval(), self.ground.asked, adapters).numpy()

    def mapping(self, arm: Arm, seed: int) -> nn.Module:
        """The stage 1 of an arm; arms that share it share the training."""
        key = (arm.k, arm.injection, arm.soft, arm.photo, arm.longer, seed)
        clip, bank = self.clip(arm), self.ground.material.bank
        if arm.mapping != "trained":
            torch.manual_seed(seed)
            return SemanticMapping(clip.dim, clip.side.width, bank.patches.shape[2] if arm.injection else None, arm.k)
        if key not in self.mappings:
            budget = replace(self.settings.budget, updates=arm.longer * self.settings.budget.updates, seed=seed)
            self.mappings[key] = heads.train_stage1(
                clip, bank, self.ground.material.captions, self.choices.plan("stage1", budget), budget.batch, k=arm.k,
                injection=arm.injection, soft_weight=self.choices.soft_weight if arm.soft else 0.0,
            )[0]  # fmt: skip
        return self.mappings[key]

    def clip(self, arm: Arm) -> heads.Clip:
        """The CLIP with an arm's prompts."""
        clip = self.ground.material.clip
        return heads.Clip(clip.side, clip.scale, clip.dim) if arm.photo else clip

    def projection(self, method: str, seed: int, longer: int = 1, photo: bool = False) -> np.ndarray:
        """Unit query vectors (Q, D) of a projection method; `longer` and `photo` as in an arm."""
        budget = replace(self.settings.budget, updates=longer * self.settings.budget.updates, seed=seed)
        ground, material = self.ground, self.ground.material
        material = replace(material, clip=self.clip(Arm("", photo=photo)))
        trained = experiments.train_heads(material, ground.oti, ground.drawn, budget, self.choices, (method,))
        return experiments.composed(material.clip, trained.mappings[method], ground.asked).numpy()

    @cached_property
    def groups(self) -> list[str]:
        """The kind of edit of each query."""
        return [query.group for query in self.ground.asked.benchmark.queries]


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train and measure all arms, seed by seed; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    sweep, identity = prepared(settings)
    jobs: list[tuple[str, Callable[[int], np.ndarray]]] = [(a.key, partial(sweep.run, a)) for a in arms(settings)]
    jobs[2:2] = [(method, partial(sweep.projection, method)) for method in PROJECTIONS]
    jobs[2:2] = [(f"{method}_longer", partial(sweep.projection, method, longer=2)) for method in PROJECTIONS]
    jobs += [(f"ablation.photo.{m}", partial(sweep.projection, m, photo=True)) for m in PROJECTIONS]
    values: dict[str, list[dict[str, list[float]]]] = {key: [] for key, _ in jobs}
    for seed in SEEDS if profile != "smoke" else SEEDS[:1]:
        for key, job in jobs:
            if seed != SEEDS[0] and any(name in ONCE for name in key.split(".")):
                continue
            kept = out / identity / f"{key}-{seed}.json"
            if not (resume and kept.is_file()):
                write_json(kept, measured(sweep.ground.asked, key, job(seed)))
            values[key].append(read_json(kept))
    if profile != "smoke":
        encoder: Any = load(diorama_oti.TOWER)
        entries = on_record(values, sweep.groups, device_name(encoder.device), settings.triplets)
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return out


def prepared(settings: Settings) -> tuple[Sweep, str]:
    """The sweep on the test split, and a digest of all that its numbers depend on."""
    ground, encoder = prepare(settings, "test"), load(diorama_oti.TOWER)
    most = max(m for m in (*SIZES, settings.triplets) if m <= 10 * settings.triplets)
    some = triplets(most, references=ground.material.scenes)
    bank, _ = encode_triplets(encoder, Store(find_layout().cache / "embeddings"), some)
    choices = Choices()
    identity = digest([asdict(settings), asdict(choices), ground.asked.benchmark.digest])[:12]
    return Sweep(settings, ground, some, bank, choices, {}), identity


def measured(asked: Asked, key: str, query_emb: np.ndarray) -> dict[str, list[float]]:
    """Per-query values of the metrics."""
    result = experiments.scored(asked, {key: torch.from_numpy(query_emb)})[key]
    return {metric: result.per_query[metric].tolist() for metric in METRICS}


def on_record(
    values: dict[str, list[dict[str, list[float]]]], groups: Sequence[str], device: str, n: int
) -> dict[str, Entry]:
    """Means over seeds with intervals over queries, and the gain of two stages over the best projection, in percent.

    `n`: the number of triplets of the arms that do not name one.
    """
    entries = {}
    means = {key: {m: np.mean([run[m] for run in runs], axis=0) for m in METRICS} for key, runs in values.items()}
    for key, metrics in means.items():
        plain = key.startswith("two_stage.triplets_")
        for metric in METRICS:
            at = f"zscir.{'' if plain else 'sweep.'}{key}.{metric}"
            e = bootstrap(metrics[metric], groups, scale=100)
            entries[at] = make_entry(at, e.value, e.low, e.high, e.n, len(values[key]), "%", None, device, NAME)
    for key, runs in values.items():  # how far apart are the seeds?
        each = [100 * float(np.mean(run["map5"])) for run in runs]
        for name, value in (("least", min(each)), ("most", max(each))):
            at = f"zscir.sweep.{key}.{name}"
            entries[at] = make_entry(at, value, None, None, len(groups), 1, "%", None, device, NAME)
    for metric in METRICS:  # no triplets at all, and the number that the other arms have
        entries[f"zscir.two_stage.triplets_0.{metric}"] = entries[f"zscir.sweep.stage1.{metric}"]
        entries[f"zscir.two_stage.triplets_{n}.{metric}"] = entries[f"zscir.sweep.two_stage.{metric}"]
    for metric in ("map5", "r1"):
        best = max(PROJECTIONS, key=lambda method: means[method][metric].mean())
        for name in ("two_stage", "stage1"):
            at = f"zscir.sweep.{name}.gain_{metric}"
            e = relative_gain(means[name][metric], means[best][metric], groups)
            entries[at] = make_entry(at, e.value, e.low, e.high, e.n, len(values[name]), "%", None, device, NAME)
        longer = [f"{method}_longer" for method in PROJECTIONS]  # as many updates as two stages have together
        best = max((*PROJECTIONS, *longer), key=lambda key: means[key][metric].mean())
        e = relative_gain(means["two_stage"][metric], means[best][metric], groups)
        at = f"zscir.sweep.two_stage.gain_same_updates_{metric}"
        entries[at] = make_entry(at, e.value, e.low, e.high, e.n, len(values["two_stage"]), "%", None, device, NAME)
    return entries
