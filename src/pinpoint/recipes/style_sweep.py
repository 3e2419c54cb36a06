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
from pinpoint.files import digest, read_json, write_json
from pinpoint.recipes.style_ground import PROFILES, Ground, Settings, prepare
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.style_data import KINDS
from pinpoint.style_models import METHODS, PROMPTED, VPT, Prompting, blip_backbone
from pinpoint.style_stem import load_stem
from pinpoint.style_study import Choices, scored, train
from pinpoint.training import device_name

NAME = "style-sweep"
SEEDS = (0, 1, 2)
METRICS = ("r1", "r5")
BLIP = "diorama-blip"
FROZEN = ("freestyle", "vpt_deep", "pixel_prompt")  # also without the layer norms


@dataclass(frozen=True)
class Arm:
    """One system: the key of its numbers, its method, what it is made of, the world it is trained and asked in."""

    key: str
    method: str
    how: Prompting = Prompting()
    kinds: tuple[str, ...] = KINDS
    ground: str = "fine"  # fine, coarse, blip
    seeds: int = len(SEEDS)


def arms() -> list[Arm]:
    """Every arm, the claim's first: a run that is cut short has measured what matters most."""
    out = [Arm(f"sweep.{method}", method, seeds=1 if method == "clip" else 3) for method in METHODS]
    places = {"random_random": ("random", "random"), "style_random": ("style", "random"),
              "random_gram": ("random", "gram"), "gram_style": ("gram", "style")}  # fmt: skip
    out += [Arm(f"ablation.{k}", "freestyle", Prompting(shallow=a, deep=b)) for k, (a, b) in places.items()]
    frozen = Prompting(norms=False)
    out += [Arm(f"ablation.frozen_norms.{m}", m, frozen, seeds=1 if m == "pixel_prompt" else 3) for m in FROZEN]
    few = ("clip", "pixel_prompt", "vpt_shallow")
    out += [Arm(f"coarse.{m}", m, ground="coarse", seeds=1 if m in few else 3) for m in METHODS]
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
    choices: Choices

    @cache  # noqa: B019  (one object per run)
    def ground(self, name: str) -> Ground:
        """The test split of one world, or the fine one before BLIP's tower."""
        if name != "blip":
            return prepare(self.settings, "test", coarse=name == "coarse")
        encoder = load_blip(shipped_folder(BLIP))
        return prepare(self.settings, "test", encoder=encoder,
                       backbone=blip_backbone(encoder.model, encoder.image_size, load_stem()))  # fmt: skip

    def run(self, arm: Arm, seed: int) -> dict[str, list[float]]:
        """Per-query values of the metrics."""
        ground = self.ground(arm.ground)
        budget = replace(self.settings.budget, seed=seed)
        model, _ = train(arm.method, ground.backbone, ground.data, budget, self.choices, arm.how, arm.kinds)
        result = scored(ground.asked, arm.key, ground.asked.vectors(model))
        return {metric: result.per_query[metric].tolist() for metric in METRICS}

    def groups(self, arm: Arm) -> list[str]:
        """The kind of each query."""
        return [query.group for query in self.ground(arm.ground).asked.benchmark.queries]


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train and measure all arms; what is finished is kept in `out`. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    sweep = Sweep(settings, Choices())
    identity = digest([asdict(settings), asdict(sweep.choices), sweep.ground("fine").asked.benchmark.digest])[:12]
    folder = (out or layout.cache / "training" / f"{NAME}-{profile}") / identity
    values: dict[str, list[dict[str, list[float]]]] = {}
    for arm in arms():
        if arm.ground == "blip" and not (shipped_folder(BLIP) / "config.json").is_file():
            continue  # a small BLIP is trained first: pinpoint train diorama-blip
        for seed in SEEDS[: arm.seeds] if profile != "smoke" else SEEDS[:1]:
            kept = folder / f"{arm.key}-{seed}.json"
            if not (resume and kept.is_file()):
                write_json(kept, sweep.run(arm, seed))
            values.setdefault(arm.key, []).append(read_json(kept))
    if profile != "smoke":
        device = device_name(sweep.ground("fine").encoder.device)
        known = {arm.key: sweep.groups(arm) for arm in arms() if arm.key in values}
        for at in ("sweep", "coarse"):  # the better VPT by the name that the claims use
            values[f"{at}.vpt"], known[f"{at}.vpt"] = values[f"{at}.{VPT}"], known[f"{at}.{VPT}"]
        merge(layout.results / "recorded.json", NAME, dict(on_record(values, known, device)), identity)
    return folder


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
    for prefix in ("sweep", "coarse"):
        rivals = [m for m in PROMPTED if m != "freestyle" and f"{prefix}.{m}" in means]
        if not rivals or f"{prefix}.freestyle" not in means:
            continue
        kinds = np.array(groups[f"{prefix}.freestyle"])
        kept = np.isin(kinds, KINDS)
        best = max(rivals, key=lambda m: means[f"{prefix}.{m}"]["r1"][kept].mean())
        for other in (best, "norms", "clip"):
            a, b = (means[f"{prefix}.{m}"]["r1"][kept] for m in ("freestyle", other))
            e = paired_bootstrap(a, b, kinds[kept].tolist(), scale=100).difference
            at = f"style.{prefix}.gain.{'best' if other == best else other}.r1"
            yield at, make_entry(at, e.value, e.low, e.high, e.n, len(values[f"{prefix}.freestyle"]), "points", 1.0,
                                 device, NAME)  # fmt: skip
