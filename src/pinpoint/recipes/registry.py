"""The recipes by name. No chapter imports this module: a new recipe makes none of them stale."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pinpoint.errors import unknown


class Recipe(Protocol):
    """Makes a model and returns the folder of its weights."""

    def __call__(self, *, out: Path | None, resume: bool, profile: str) -> Path:
        """`out` None: the recipe's own place, in the package for a model that is shipped, else in the cache folder."""
        ...


def _recipe(module: str) -> Recipe:
    """The `make` of a module here, imported when it is called: a chapter that uses one recipe depends on that one."""

    def make(*, out: Path | None, resume: bool, profile: str) -> Path:
        folder: Path = import_module(f"pinpoint.recipes.{module}").make(out=out, resume=resume, profile=profile)
        return folder

    return make


RECIPES: Mapping[str, Recipe] = {
    "diorama-clip": _recipe("diorama_clip"),
    "diorama-mllm": _recipe("diorama_mllm"),
    "diorama-oti": _recipe("diorama_oti"),
    "diorama-stem": _recipe("diorama_stem"),
    "diorama-blip": _recipe("diorama_blip"),
    "diorama-qformer": _recipe("diorama_qformer"),
    "dqe-tuning": _recipe("distinctive_tuning"),
    "dqe-sweep": _recipe("distinctive_sweep"),
    "diorama-rerank": _recipe("diorama_rerank"),
    "rerank-tuning": _recipe("rerank_tuning"),
    "rerank-sweep": _recipe("rerank_sweep"),
    "rerank-longer": _recipe("rerank_longer"),
    "diorama-llava": _recipe("second_mllm"),
    "zscir-tuning": _recipe("zscir_tuning"),
    "zscir-sweep": _recipe("zscir_sweep"),
    "mention-sweep": _recipe("mention_sweep"),
    "diorama-styles": _recipe("style_heads"),
    "style-tuning": _recipe("style_tuning"),
    "style-photos": _recipe("style_photos"),
    "dqe-photos": _recipe("distinctive_photos"),
    "style-map": _recipe("style_map"),
    "style-sweep": _recipe("style_sweep"),
    "photos-clip": _recipe("photos_clip"),
    "photos-study": _recipe("photos_study"),
    "photos-facets": _recipe("photos_facets"),
    "photos-rerank": _recipe("photos_rerank"),
    "photos-styles": _recipe("photos_styles"),
    "photos-vectors": _recipe("photos_vectors"),
    "photos-wording": _recipe("photos_wording"),
}


def train(name: str, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Reproduce a model of this study by name, as `pinpoint train NAME` does; returns the folder of its weights."""
    if name not in RECIPES:
        raise unknown("recipe", name, list(RECIPES))
    return RECIPES[name](out=out, resume=resume, profile=profile)
