"""The sweeps behind chapter 4's claims: every method, every ablation, the coarse set and a second kind of tower.

One arm is one trained system. The page trains FreestyleRet live with one seed; here everything is repeated on the same
test split with the same budget, the main methods with three seeds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from pinpoint.encoders import shipped_folder
from pinpoint.encoders.blip import load_blip
from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.recipes.kept import kept
from pinpoint.recipes.style_ground import PROFILES, Ground, Settings, prepare
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.style_data import KINDS
from pinpoint.style_models import METHODS, PROMPTED, VPT, Prompting, blip_backbone
from pinpoint.style_stem import load_stem
from pinpoint.style_study import CHOICES, scored, train
from pinpoint.training import device_name

NAME = "style-sweep"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r5")
BLIP = "diorama-blip"
LONGER = 4  # times as many updates


@dataclass(frozen=True)
class Arm:
    """One system: the key of its numbers, its method, what it is made of, the world it is trained and asked in."""

    key: str
    method: str
    how: Prompting = Prompting()
    kinds: tuple[str, ...] = KINDS
    ground: str = "fine"  # fine, coarse, blip
    seeds: int = len(SEEDS)
    tuned: str = "fine"  # whose learning rates, a key of CHOICES
    longer: int = 1  # times the updates


def arms() -> list[Arm]:
    """Every arm, the claim's first: a run that is cut short has measured what matters most."""
    out = [Arm(f"sweep.{method}", method, seeds=1 if method == "clip" else 3) for method in METHODS]
    places = {"random_random": ("random", "random"), "style_random": ("style", "random"),
              "random_gram": ("random", "gram"), "gram_style": ("gram", "style")}  # fmt: skip
    out += [Arm(f"ablation.{k}", "freestyle", Prompting(shallow=a, deep=b)) for k, (a, b) in places.items()]
    frozen = Prompting(norms=False)
    out += [Arm(f"ablation.frozen_norms.{m}", m, frozen, tuned="frozen") for m in PROMPTED]
    out += [Arm(f"coarse.{m}", m, ground="coarse", tuned="coarse", seeds=1 if m == "clip" else 3) for m in METHODS]
    out += [Arm(f"longer.{m}", m, longer=LONGER, seeds=1) for m in ("freestyle", "vpt_deep", "norms")]
    out += [Arm("blip", "clip", ground="blip", seeds=1)]
    out += [Arm(f"{m}_blip", m, ground="blip") for m in ("vpt_deep", "freestyle")]
    out += [Arm(f"ablation.tokens_{n}", "freestyle", Prompting(tokens=n), seeds=1) for n in (1, 2, 8)]
    out += [Arm(f"ablation.centres_{n}", "freestyle", Prompting(centres=n), seeds=1) for n in (1, 2, 8)]
    out += [Arm("ablation.per_style", "freestyle", Prompting(per_style=True), seeds=1)]
    out += [Arm("ablation.divided", "freestyle", Prompting(divided=True), seeds=1)]
    apart = {"text": ("text",), "pictures": KINDS[1:]}
    return out + [Arm(f"ablation.only_{k}", "freestyle", kinds=v, seeds=1) for k, v in apart.items()]


@dataclass(frozen=True, eq=False)
class Sweep:
    """The grounds, each made when it is first needed."""

    settings: Settings
    folder: Path
    resume: bool = True

    @cache  # noqa: B019  (one object per run)
    def ground(self, name: str) -> Ground:
        """The test split of one world, or the fine one before BLIP's tower."""
        if name != "blip":
            return prepare(self.settings, "test", coarse=name == "coarse")
        encoder = load_blip(shipped_folder(BLIP))
        return prepare(self.settings, "test", encoder=encoder,
                       backbone=blip_backbone(encoder.model, encoder.image_size, load_stem()))  # fmt: skip

    def __call__(self, arm: Arm, seed: int) -> dict[str, list[float]]:
        """Per-query values of the metrics, trained and measured once and kept under what they depend on."""
        values: dict[str, list[float]] = kept(self.file(arm, seed), self.resume, lambda: self.measured(arm, seed))
        return values

    def file(self, arm: Arm, seed: int) -> Path:
        """The file of one run."""
        choices = CHOICES[arm.tuned]
        used = (choices.lr.get(arm.method), choices.path_rate if arm.method == "freestyle" else None)
        benchmark = self.ground(arm.ground).asked.benchmark
        identity = digest([asdict(self.settings), asdict(arm), used, benchmark.digest])[:12]
        return self.folder / f"{arm.key}-{seed}-{identity}.json"

    def measured(self, arm: Arm, seed: int) -> dict[str, list[float]]:
        """The same, now."""
        ground, budget = self.ground(arm.ground), self.settings.budget
        budget = replace(budget, seed=seed, updates=budget.updates * arm.longer, refresh=budget.refresh * arm.longer)
        model, _ = train(arm.method, ground.backbone, ground.data, budget, CHOICES[arm.tuned], arm.how, arm.kinds)
        result = scored(ground.asked, arm.key, ground.asked.vectors(model))
        return {metric: result.per_query[metric].tolist() for metric in METRICS}

    def groups(self, arm: Arm) -> list[str]:
        """The kind of each query."""
        return [query.group for query in self.ground(arm.ground).asked.benchmark.queries]


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train and measure all arms; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    layout = find_layout()
    sweep = Sweep(PROFILES[profile], out or layout.cache / "training" / f"{NAME}-{profile}", resume)
    values: dict[str, list[dict[str, list[float]]]] = {}
    for arm in arms():
        if arm.ground == "blip" and not (shipped_folder(BLIP) / "config.json").is_file():
            continue  # a small BLIP is trained first: pinpoint train diorama-blip
        values[arm.key] = [sweep(arm, seed) for seed in SEEDS[: 1 if profile == "smoke" else arm.seeds]]
    if profile != "smoke":
        device = device_name(sweep.ground("fine").encoder.device)
        known = {arm.key: sweep.groups(arm) for arm in arms() if arm.key in values}
        for at in ("sweep", "coarse"):  # the better VPT by the name that the claims use
            values[f"{at}.vpt"], known[f"{at}.vpt"] = values[f"{at}.{VPT}"], known[f"{at}.{VPT}"]
        identity = digest(sorted(sweep.file(arm, 0).name for arm in arms() if arm.key in values))[:12]
        merge(layout.results / "recorded.json", NAME, dict(on_record(values, known, device)), identity)
    return sweep.folder


def on_record(
    values: Mapping[str, Sequence[Mapping[str, list[float]]]], groups: Mapping[str, Sequence[str]], device: str
) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries, per kind and over the four; and the claim's gains in points."""
    means = {key: {m: np.mean([run[m] for run in runs], axis=0) for m in METRICS} for key, runs in values.items()}
    for key, metrics in means.items():
        kinds = np.array(groups[key])
        for metric, each in metrics.items():
            for kind in (*KINDS, "glass", "mean"):
                kept = np.isin(kinds, KINDS if kind == "mean" else [kind])
                e = bootstrap(each[kept], kinds[kept].tolist(), scale=100)
                name = "unseen" if kind == "glass" else kind
                at = f"style.{key}.{name}.{metric}"
                yield at, make_entry(at, e.value, e.low, e.high, e.n, len(values[key]), "%", None, device, NAME)
        kept = np.isin(kinds, KINDS)
        over_seeds = [100 * float(np.mean(np.array(run["r1"])[kept])) for run in values[key]]
        for name, value in (("least", min(over_seeds)), ("most", max(over_seeds))):
            at = f"style.{key}.{name}"
            yield at, make_entry(at, value, None, None, int(kept.sum()), 1, "%", None, device, NAME)
    for prefix in ("sweep", "coarse", "longer", "ablation.frozen_norms"):
        rivals = [m for m in PROMPTED if m != "freestyle" and f"{prefix}.{m}" in means]
        if not rivals or f"{prefix}.freestyle" not in means:
            continue
        kinds = np.array(groups[f"{prefix}.freestyle"])
        kept = np.isin(kinds, KINDS)
        best = max(rivals, key=lambda m: means[f"{prefix}.{m}"]["r1"][kept].mean())
        for other in (o for o in (best, "norms", "clip") if f"{prefix}.{o}" in means):
            a, b = (means[f"{prefix}.{m}"]["r1"][kept] for m in ("freestyle", other))
            e = paired_bootstrap(a, b, kinds[kept].tolist(), scale=100).difference
            at = f"style.{prefix}.gain.{'best' if other == best else other}.r1"
            yield at, make_entry(at, e.value, e.low, e.high, e.n, len(values[f"{prefix}.freestyle"]), "points", 1.0,
                                 device, NAME)  # fmt: skip
