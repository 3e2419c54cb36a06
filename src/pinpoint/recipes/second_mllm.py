"""A second promptable embedder of another class: Llava, whose image tower starts as that of `diorama-clip`.

It answers one question: do the gains of chapter 2 belong to one architecture? A real Llava starts from a trained CLIP
as well; its class token comes along, so this one needs fewer steps. It is not shipped: its numbers are on record in
results/recorded.json.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pinpoint.diorama import tasks
from pinpoint.diorama.scene import WORLD_VERSION
from pinpoint.encoders import load
from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.promptable_setup import ClaimSetup
from pinpoint.promptable_study import mode_results
from pinpoint.recipes.diorama_mllm import PROFILES as FIRST
from pinpoint.recipes.diorama_mllm import Settings, settings_digest, source_of, train_on_questions
from pinpoint.recipes.mllm_card import write_mllm_card
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME = "diorama-llava"
TEST = ClaimSetup(gallery=3000, per_facet=250, held_out=1000)
SHARE = 2  # half of the first embedder's updates, in its two long stages: tower and embedding


def second(settings: Settings) -> Settings:
    """The settings of the first embedder, for the other class and a shorter run.

    The short stages in between keep their length: this class aligned its image tokens more slowly (loss 4.83 after 75
    updates), and cut to a quarter its language model read nothing.
    """
    steps = part(settings.plan.steps)
    plan = replace(settings.plan, steps=steps, warmup=min(settings.plan.warmup, steps // 4),
                   evaluate_every=steps)  # fmt: skip
    config = replace(settings.config, architecture="llava")
    return replace(settings, config=config, plan=plan, tower_steps=part(settings.tower_steps))


def part(steps: int) -> int:
    """Half of the updates, rounded up."""
    return -(-steps // SHARE)


PROFILES = {name: second(settings) for name, settings in FIRST.items()}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train it, measure it on the test split, and put the macro means on record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    work = layout.cache / "training" / f"{NAME}-{profile}"
    out = out or work / "model"
    history, stages = train_on_questions(settings, out, NAME, work=work, resume=resume)
    command = f"pinpoint train {NAME} --profile {profile}"
    write_mllm_card(out, NAME, settings, history, stages, command, source_of(settings).digest)
    if profile != "smoke":
        entries = measured(out, layout.cache / "embeddings")
        seal = digest([asdict(settings), asdict(TEST), settings_digest(settings), WORLD_VERSION])[:12]
        merge(layout.results / "recorded.json", NAME, entries, seal)
    return out


def measured(folder: Path, cache: Path) -> dict[str, Entry]:
    """Macro recall of the general, prompted and linear modes on the test split, as ledger entries."""
    encoder: Any = load(str(folder))
    benchmark = tasks.facets("test", TEST.gallery, TEST.per_facet)
    results, _ = mode_results(encoder, Store(cache), benchmark, TEST)
    device = device_name(encoder.device)
    entries = {}
    for mode in ("general", "prompted", "linear", "linear_ridge"):
        for metric in ("r1", "r5"):
            e = results[mode].macro(metric)
            key = f"promptable.second.{mode}.macro.{metric}"
            entries[key] = make_entry(key, e.value, e.low, e.high, e.n, 1, "%", None, device, NAME)
    return entries
