"""Tuning of chapter 3 on the development split: every trained head gets the same seven trials.

Four learning rates, then three values of the one number that is the method's own, at the best rate. What came out is
`zscir_study.Choices`; every trial is on record in results/recorded.json.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pinpoint import heads
from pinpoint import zscir_study as experiments
from pinpoint.diorama import tasks
from pinpoint.diorama.triplets import triplets
from pinpoint.encoders import load
from pinpoint.errors import unknown
from pinpoint.files import digest, read_json, write_json
from pinpoint.heads import Composing
from pinpoint.oti_words import load_words
from pinpoint.recipes import diorama_oti
from pinpoint.recipes.kept import label, trial_entries
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import merge
from pinpoint.training import device_name
from pinpoint.zscir_setup import Material, encode_triplets, make_material
from pinpoint.zscir_study import Asked, Budget, Choices

NAME = "zscir-tuning"
RATES = (1e-3, 2e-3, 4e-3, 8e-3)
# Where tuning starts: the released numbers. Not `Choices()`, which is where it ended.
START = Choices(phrase_weight=0.75, noise=1.0, composing=Composing())
ALPHAS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Settings:
    """Sizes of everything, those of the chapter."""

    bank: int
    triplets: int
    queries: int
    gallery: int
    budget: Budget


PROFILES = {
    "smoke": Settings(80, 27, 18, 200, Budget(2, 8)),
    "lite": Settings(3000, 1000, 360, 3000, Budget(200, 64)),
    "full": Settings(30_000, 10_000, 900, 20_000, Budget(2000, 256)),
}

OWN: Mapping[str, tuple[Sequence[Any], Callable[[Choices, Any], Choices]]] = {
    "searle": ((0.0, 0.1, 0.3), lambda c, x: replace(c, phrase_weight=x)),
    "lincir": ((0.1, 0.25, 0.5), lambda c, x: replace(c, noise=x)),
    "stage1": ((0.5, 1.0, 2.0), lambda c, x: replace(c, soft_weight=x)),
    "two_stage": ((0.7, 0.9, 0.95), lambda c, x: replace(c, composing=replace(c.composing, ceiling=x))),
}  # Pic2Word has no number of its own; it gets three more rates


@dataclass(frozen=True, eq=False)
class Ground:
    """What all trials share."""

    material: Material
    oti: Any
    drawn: Any
    asked: Asked


def prepare(settings: Settings, split: str = "dev") -> Ground:
    """Encode everything once."""
    encoder: Any = load(diorama_oti.TOWER)
    store = Store(find_layout().cache / "embeddings")
    material = make_material(encoder, store, settings.bank)
    drawn = encode_triplets(encoder, store, triplets(settings.triplets, references=material.scenes))
    benchmark = tasks.composed(split, queries=settings.queries, gallery=settings.gallery)
    oti = load_words(material.bank, encoder)
    return Ground(material, oti, drawn, experiments.ask(encoder, material.clip, store, benchmark))


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Run all trials that are not kept in `out` yet, and put them on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or layout.cache / "training" / f"{NAME}-{profile}"
    ground = prepare(settings)
    kept = out / f"trials-{digest([asdict(settings), ground.asked.benchmark.digest])[:8]}.json"
    trials: dict[str, float] = read_json(kept) if resume and kept.is_file() else {}

    def trial(method: str, label: str, choices: Choices) -> float:
        key = f"zscir.dev.{method}.{label}.map5"
        if key not in trials:
            query_emb = queries(ground, method, settings.budget, choices, ready)
            trials[key] = experiments.scored(ground.asked, {method: query_emb})[method].macro("map5").value
            write_json(kept, trials)
        return trials[key]

    ready: dict[float, Any] = {}  # stage 1 by its learning rate: trained once for all trials of stage 2

    choices = tuned(trial, START)
    trials |= slerp_trials(ground)
    write_json(out / "choices.json", asdict(choices))
    if profile != "smoke":
        encoder: Any = load(diorama_oti.TOWER)
        merge(layout.results / "recorded.json", NAME, trial_entries(trials, device_name(encoder.device), NAME),
              digest([asdict(settings), ground.asked.benchmark.digest])[:12])  # fmt: skip
    return out


def queries(ground: Ground, method: str, budget: Budget, choices: Choices, ready: dict[float, Any]) -> Any:
    """Train one method and give its query vectors (Q, D)."""
    material, first = ground.material, "stage1" if method == "two_stage" else method
    lr = choices.lr[first]
    if method != "two_stage" or lr not in ready:
        trained = experiments.train_heads(material, ground.oti, ground.drawn, budget, choices, (first,))
        ready[lr] = trained.mappings[first]
    if method != "two_stage":
        return experiments.composed(material.clip, ready.pop(lr), ground.asked)
    plan = choices.plan(method, budget)
    adapters, _ = heads.train_stage2(
        material.clip, ground.drawn[0], ready[lr], ground.drawn[1], plan, budget.batch, choices.composing
    )
    return experiments.composed(material.clip, ready[lr], ground.asked, adapters)


def tuned(trial: Callable[[str, str, Choices], float], choices: Choices) -> Choices:
    """The best learning rate of each head, then the best own number; stage 2 is tuned on the stage 1 that won."""
    for method in (*experiments.PROJECTIONS, "stage1", "two_stage"):
        rates = RATES if method in OWN else (*RATES, 2e-4, 3e-4, 5e-4)
        tried = {lr: trial(method, f"lr_{label(lr)}", with_rate(choices, method, lr)) for lr in rates}
        choices = with_rate(choices, method, max(tried, key=lambda lr: tried[lr]))
        if method in OWN:
            values, put = OWN[method]
            found = {x: trial(method, f"own_{label(x)}", put(choices, x)) for x in values}
            choices = put(choices, max(found, key=lambda x: found[x]))
    return choices


def with_rate(choices: Choices, method: str, lr: float) -> Choices:
    """The same choices with another learning rate for one method."""
    return replace(choices, lr={**choices.lr, method: lr})


def slerp_trials(ground: Ground) -> dict[str, float]:
    """Slerp has one number and no training: all its values are tried."""
    v, t = ground.asked.references.v, ground.asked.text_emb
    results = experiments.scored(ground.asked, {f"own_{label(a)}": experiments.slerp(v, t, a) for a in ALPHAS})
    return {f"zscir.dev.slerp.{name}.map5": result.macro("map5").value for name, result in results.items()}
