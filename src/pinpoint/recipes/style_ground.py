"""What the recipes of chapter 4 share: sizes, the training set and the benchmark of each of its two worlds."""

from dataclasses import dataclass
from typing import Any

from pinpoint.diorama import plain, tasks
from pinpoint.encoders import load
from pinpoint.study.layout import find_layout
from pinpoint.style_data import StyleSet, plain_set, scene_set
from pinpoint.style_models import Backbone, open_clip_backbone
from pinpoint.style_stem import load_stem
from pinpoint.style_study import Asked, Budget, ask

TOWER = "diorama-clip"


@dataclass(frozen=True)
class Settings:
    """Sizes of everything, those of the chapter."""

    scenes: int
    gallery: int
    queries: int
    budget: Budget


PROFILES = {
    "smoke": Settings(48, 60, 16, Budget(2, 8, fitted=16)),
    "lite": Settings(1000, 1000, 400, Budget(120, 24)),
    "full": Settings(8000, 10_000, 2000, Budget(3300, 24, refresh=330, fitted=512)),
}


@dataclass(frozen=True, eq=False)
class Ground:
    """A tower to prompt, what to train on, and what to ask."""

    encoder: Any
    backbone: Backbone
    data: StyleSet
    asked: Asked


def prepare(settings: Settings, split: str, coarse: bool = False, encoder: Any = None, backbone: Any = None) -> Ground:
    """Draw and encode everything once. Another encoder brings its own backbone."""
    encoder = encoder or load(TOWER)
    backbone = backbone or open_clip_backbone(encoder, load_stem())
    folder = find_layout().cache / "pixels"
    make_set, make_task = (plain_set, plain.style_coarse) if coarse else (scene_set, tasks.style)
    benchmark = make_task(split, settings.gallery, settings.queries)
    return Ground(encoder, backbone, make_set(encoder, settings.scenes, folder), ask(encoder, benchmark, folder))
