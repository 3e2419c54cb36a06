"""Tuning of chapter 4 on the development split: every method gets the same four trials.

Learning rates for all; FreestyleRet spends two of its trials on the rate of its Gram path. What came out is
`style_study.Choices`; every trial is on record in results/recorded.json.
"""

from dataclasses import asdict, replace
from pathlib import Path

from pinpoint.errors import unknown
from pinpoint.files import digest, read_json, write_json
from pinpoint.recipes.style_ground import PROFILES, Ground, prepare
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import make_entry, merge
from pinpoint.style_models import PROMPTED
from pinpoint.style_study import Budget, Choices, mean_of, scored, train
from pinpoint.training import device_name

NAME = "style-tuning"
RATES = (1e-2, 3e-2, 1e-1, 3e-1)
FEWER = (3e-2, 1e-1)  # of FreestyleRet, which has a number of its own
PATH_RATES = (0.01, 0.1)  # beside the first one
START = Choices(path_rate=0.03)


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Run all trials that are not kept in `out` yet, and put them on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    ground = prepare(replace(settings, gallery=settings.gallery * 6 // 10, queries=settings.queries // 2), "dev")
    identity = digest([asdict(settings), ground.asked.benchmark.digest])[:12]
    trials: dict[str, float] = {}

    def trial(method: str, label: str, choices: Choices) -> float:
        key = f"style.dev.{method}.{label}.r1"
        kept = out / identity / f"{key}.json"
        if not (resume and kept.is_file()):
            write_json(kept, measured(ground, method, settings.budget, choices))
        trials[key] = float(read_json(kept))
        return trials[key]

    choices = START
    for method in ("norms", *PROMPTED):
        rates = FEWER if method == "freestyle" else RATES
        found = {lr: trial(method, _label("lr", lr), with_rate(choices, method, lr)) for lr in rates}
        choices = with_rate(choices, method, max(found, key=lambda lr: found[lr]))
    own = {choices.path_rate: max(found.values())}
    own |= {r: trial("freestyle", _label("path", r), replace(choices, path_rate=r)) for r in PATH_RATES}
    choices = replace(choices, path_rate=max(own, key=lambda r: own[r]))
    write_json(out / "choices.json", asdict(choices))
    if profile != "smoke":
        device = device_name(ground.encoder.device)
        entries = {
            key: make_entry(key, value, None, None, None, 1, "%", None, device, NAME) for key, value in trials.items()
        }
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return out


def measured(ground: Ground, method: str, budget: Budget, choices: Choices) -> float:
    """Mean R@1 of the four kinds on the development split."""
    model, _ = train(method, ground.backbone, ground.data, budget, choices)
    return mean_of(scored(ground.asked, method, ground.asked.vectors(model))).value


def with_rate(choices: Choices, method: str, lr: float) -> Choices:
    """The same choices with another learning rate for one method."""
    return replace(choices, lr={**choices.lr, method: lr})


def _label(what: str, value: float) -> str:
    return f"{what}_{value:g}".replace(".", "_").replace("-", "m")
