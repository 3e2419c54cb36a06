"""Tuning of chapter 5 on the development split: every objective gets the same five trials, of its learning rate.

What only target-relative negatives and DQE-CIR have, the bounds of the zone and the smoothing, is tried besides.

What came out stands in `distinctive_objectives`; every trial is on record in results/recorded.json.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pinpoint.distinctive_chapter import asked_of
from pinpoint.distinctive_objectives import OBJECTIVES, Objective
from pinpoint.distinctive_objectives import RATES as CHOSEN
from pinpoint.distinctive_training import train
from pinpoint.errors import unknown
from pinpoint.files import digest, write_json
from pinpoint.recipes.distinctive_ground import PROFILES, Ground, Settings, prepare
from pinpoint.recipes.kept import kept, label, trial_entries
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name

NAME = "dqe-tuning"
RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
ZONES = ((0.0005, 0.005), (0.001, 0.01), (0.002, 0.05), (0.01, 0.1))  # beside the chosen one
SMOOTHINGS = (0.01, 0.05)  # beside none


@dataclass(frozen=True)
class Trial:
    """One training on the development split's terms."""

    key: str
    objective: Objective
    lr: float


def trials(name: str) -> Iterator[Trial]:
    """Those of one objective."""
    for lr in RATES:
        yield Trial(f"dqe.dev.{name}.lr_{label(lr)}.map5", OBJECTIVES[name], lr)


def variants() -> Iterator[Trial]:
    """Other zones and smoothed labels, each with the rate that its objective was given."""
    for low, high in ZONES:
        objective = replace(OBJECTIVES["trns"], low=low, high=high)
        yield Trial(f"dqe.dev.trns.zone_{label(low)}_{label(high)}.map5", objective, CHOSEN["trns"])
    for smoothing in SMOOTHINGS:
        objective = replace(OBJECTIVES["dqe"], smoothing=smoothing)
        yield Trial(f"dqe.dev.dqe.smoothing_{label(smoothing)}.map5", objective, CHOSEN["dqe"])


@dataclass(frozen=True, eq=False)
class Tuning:
    """The trials of one profile, each run once and kept."""

    settings: Settings
    ground: Ground
    folder: Path
    resume: bool = True
    values: dict[str, float] = field(default_factory=dict)

    def __call__(self, trial: Trial) -> float:
        """mAP@5 of edits of colour and shape on the development split, in percent."""
        self.values[trial.key] = float(kept(self.file(trial), self.resume, lambda: self.measured(trial)))
        return self.values[trial.key]

    def file(self, trial: Trial) -> Path:
        """Its file: whatever the value depends on is in the name."""
        ground = self.ground
        used = [asdict(self.settings), asdict(trial.objective), trial.lr, ground.encoder.weights_sha256]
        return self.folder / f"{trial.key}-{digest([used, ground.attributes.benchmark.digest])[:12]}.json"

    def measured(self, trial: Trial) -> float:
        """The same, trained now."""
        ground = self.ground
        model, _, _ = train(ground.start, ground.data, trial.objective, self.settings.budget, trial.lr)
        return asked_of(model, ground.attributes, trial.key).macro("map5").value


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Run all trials that are not kept in `out` yet, and put them on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = dev_settings(PROFILES[profile]), find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    tuning = Tuning(settings, prepare(settings, "dev"), out, resume)
    best = {name: max(trials(name), key=tuning) for name in OBJECTIVES}
    write_json(out / "choices.json", {name: {"lr": t.lr, **asdict(t.objective)} for name, t in best.items()})
    for trial in variants() if profile != "smoke" else ():
        tuning(trial)
    if profile != "smoke":
        device = device_name(tuning.ground.encoder.device)
        entries = trial_entries(tuning.values, device, NAME)
        identity = digest([asdict(settings), tuning.ground.attributes.benchmark.digest])[:12]
        merge(layout.results / "recorded.json", NAME, entries, identity)
    return out


def dev_settings(settings: Settings) -> Settings:
    """Three eighths of the test's queries of colour and shape, each of which is a ninth of the general ones."""
    return replace(settings, queries=9 * (settings.queries * 3 // 16))
