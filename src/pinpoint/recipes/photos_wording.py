"""How answers are worded in chapter 7's training of the promptable model: both ways, tried on the development split.

A query says "a product in red". An answer may say "red", "in red", "the colour red"; may it say what the query says?
Wanted: what `photos-clip` wants. What decides is the mean of the facets with their questions: claims rest on that mode.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pinpoint.evaluate import evaluate
from pinpoint.files import digest
from pinpoint.photos_study import make_tables
from pinpoint.product_encoder import Features
from pinpoint.promptable import general, prompted
from pinpoint.recipes.kept import kept
from pinpoint.recipes.photos_clip import SEED, opened
from pinpoint.recipes.photos_ground import Ground
from pinpoint.recipes.photos_kinds import OTHER_WORDING
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME, PREFIX, METRIC = "photos-wording", "photos.dev.wording", "r5"
WORDINGS = {"query_form": "promptable", "plain": OTHER_WORDING}  # name in the ledger -> kind of model
Modes = Mapping[str, Sequence[float]]  # general, prompted -> a value per query


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Train one model of each, ask the development split, record. A smoke run records nothing."""
    ground = opened(profile, out, features, resume)
    found = {name: measured(ground, kind) for name, kind in WORDINGS.items()}
    if profile != "smoke":
        entries = on_record(found, [q.group for q in ground.dev.queries], device_name(ground.looker.device))
        identity = digest([ground.identity(kind, SEED) for kind in WORDINGS.values()])[:12]
        merge(find_layout().results / "recorded.json", NAME, dict(entries), identity)
    return ground.folder


def measured(ground: Ground, kind: str) -> Modes:
    """R@5 of every development query, without the questions and with them."""
    used = digest([ground.identity(kind, SEED), ground.dev.digest])[:12]
    modes: Modes = kept(ground.folder / f"wording-{kind}-{used}.json", ground.resume, lambda: measure(ground, kind))
    return modes


def measure(ground: Ground, kind: str) -> dict[str, list[float]]:
    """The same, now."""
    encoder, _ = ground.trained(kind, SEED)
    tables = make_tables(
        encoder, ground.dev, {"test": ground.seen["dev"], "dev": ground.seen["dev"][:1]}
    )  # no map is fitted
    modes = {"general": general(tables.query_emb, tables.gallery),
             "prompted": prompted(tables.query_emb, tables.gallery, tables.prompts)}  # fmt: skip
    return {name: evaluate(ground.dev, r).per_query[METRIC].tolist() for name, r in modes.items()}


def on_record(found: Mapping[str, Modes], groups: Sequence[str], device: str) -> Iterator[tuple[str, Entry]]:
    """Means of the facets, and what the query's form among the answers gains."""
    values = {name: {mode: np.array(v) for mode, v in modes.items()} for name, modes in found.items()}
    own, plain = (values[name] for name in WORDINGS)
    estimates = {f"{name}.{mode}": (bootstrap(v, groups, scale=100), "%")
                 for name, modes in values.items() for mode, v in modes.items()}  # fmt: skip
    estimates |= {f"gain.{mode}": (paired_bootstrap(own[mode], plain[mode], groups, scale=100).difference, "points")
                  for mode in own}  # fmt: skip
    for name, (e, unit) in estimates.items():
        at, band = f"{PREFIX}.{name}.{METRIC}", 1.0 if unit == "points" else None
        yield at, make_entry(at, e.value, e.low, e.high, e.n, 1, unit, band, device, NAME)
