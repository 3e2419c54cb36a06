"""Tuning of chapter 4 on the development splits: every method gets the same five trials wherever it is compared.

Learning rates for all; FreestyleRet spends two of its trials on the rate of its Gram path. There are three places:
the scenes, the plain pictures, and the scenes with the layer norms frozen. What came out is `style_study.CHOICES`;
every trial is on record in results/recorded.json.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pinpoint.errors import unknown
from pinpoint.files import digest, write_json
from pinpoint.recipes.kept import kept, label, trial_entries
from pinpoint.recipes.style_ground import PROFILES, Ground, Settings, prepare
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.style_models import PROMPTED, Prompting
from pinpoint.style_study import Choices, mean_of, scored, train
from pinpoint.training import device_name

NAME = "style-tuning"
RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FEWER = (1e-2, 3e-2, 1e-1)  # of FreestyleRet, which has a number of its own
PATH_RATES = (0.01, 0.1)  # beside the first one
START = Choices(path_rate=0.03)
PLACES = {"fine": ("norms", *PROMPTED), "coarse": ("norms", *PROMPTED), "frozen": PROMPTED}


@dataclass(frozen=True)
class Trial:
    """One training on one development split: with these choices, method by method."""

    place: str
    method: str
    label: str
    choices: Choices

    @property
    def key(self) -> str:
        """Its name on record."""
        where = "" if self.place == "fine" else f"{self.place}."
        return f"style.dev.{where}{self.method}.{self.label}.r1"


@dataclass(eq=False)
class Tuning:
    """Trials of one profile, each run once and kept in a folder."""

    settings: Settings
    folder: Path
    resume: bool = True
    values: dict[str, float] = field(default_factory=dict)
    grounds: dict[bool, Ground] = field(default_factory=dict)

    def ground(self, place: str) -> Ground:
        """The development split of the scenes, or of the plain pictures."""
        coarse = place == "coarse"
        if coarse not in self.grounds:
            s = replace(self.settings, gallery=self.settings.gallery * 6 // 10, queries=self.settings.queries // 2)
            self.grounds[coarse] = prepare(s, "dev", coarse)
        return self.grounds[coarse]

    def file(self, trial: Trial) -> Path:
        """Its file: whatever the value depends on is in the name."""
        used = (trial.choices.lr[trial.method], trial.choices.path_rate if trial.method == "freestyle" else None)
        benchmark = self.ground(trial.place).asked.benchmark
        return self.folder / f"{trial.key}-{digest([asdict(self.settings), benchmark.digest, used])[:12]}.json"

    def __call__(self, trial: Trial) -> float:
        """Mean R@1 of the four kinds on the development split."""
        self.values[trial.key] = float(kept(self.file(trial), self.resume, lambda: self.measured(trial)))
        return self.values[trial.key]

    def measured(self, trial: Trial) -> float:
        """The same, trained now."""
        ground, how = self.ground(trial.place), Prompting(norms=trial.place != "frozen")
        model, _ = train(trial.method, ground.backbone, ground.data, self.settings.budget, trial.choices, how)
        return mean_of(scored(ground.asked, trial.method, ground.asked.vectors(model))).value

    def tuned(self, place: str) -> Choices:
        """The best choices of one place."""
        choices, best = START, 0.0
        for method in PLACES[place]:
            found = {trial.choices.lr[method]: self(trial) for trial in rate_trials(place, method, choices)}
            choices, best = with_rate(choices, method, max(found, key=lambda lr: found[lr])), max(found.values())
        own = {choices.path_rate: best}  # FreestyleRet is the last method
        own |= {t.choices.path_rate: self(t) for t in path_trials(place, choices)}
        return replace(choices, path_rate=max(own, key=lambda r: own[r]))


def rate_trials(place: str, method: str, choices: Choices) -> Iterator[Trial]:
    """One trial per learning rate."""
    for lr in FEWER if method == "freestyle" else RATES:
        yield Trial(place, method, f"lr_{label(lr)}", with_rate(choices, method, lr))


def path_trials(place: str, choices: Choices) -> Iterator[Trial]:
    """FreestyleRet's other rates of the Gram path."""
    for rate in PATH_RATES:
        yield Trial(place, "freestyle", f"path_{label(rate)}", replace(choices, path_rate=rate))


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Run all trials that are not kept in `out` yet, and put them on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    tuning = Tuning(settings, out, resume)
    write_json(out / "choices.json", {place: asdict(tuning.tuned(place)) for place in PLACES})
    if profile != "smoke":
        device = device_name(tuning.ground("fine").encoder.device)
        entries = trial_entries(tuning.values, device, NAME)
        identity = digest([asdict(settings), *(tuning.ground(p).asked.benchmark.digest for p in ("fine", "coarse"))])
        merge(layout.results / "recorded.json", NAME, entries, identity[:12])
    return out


def with_rate(choices: Choices, method: str, lr: float) -> Choices:
    """The same choices with another learning rate for one method."""
    return replace(choices, lr={**choices.lr, method: lr})
