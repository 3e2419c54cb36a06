"""Recipes: how each model that the package ships was made. `pinpoint train NAME` follows one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pinpoint.recipes import diorama_clip, diorama_mllm, mention_sweep, second_mllm


class Recipe(Protocol):
    """Makes a model and returns the folder of its weights."""

    def __call__(self, *, out: Path | None, resume: bool, profile: str) -> Path:
        """`out` None: the recipe's own place, in the package for a model that is shipped, else in the cache folder."""
        ...


RECIPES: Mapping[str, Recipe] = {
    "diorama-clip": diorama_clip.make,
    "diorama-mllm": diorama_mllm.make,
    "diorama-llava": second_mllm.make,
    "mention-sweep": mention_sweep.make,
}
