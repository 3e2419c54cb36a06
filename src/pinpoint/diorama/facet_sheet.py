"""A contact sheet of one facet: a row for each label, with scenes that answer it. For looking at what can be told."""

import numpy as np
from PIL import Image, ImageDraw

from pinpoint.diorama.draw import render
from pinpoint.diorama.facets import FACETS, answers, large_enough
from pinpoint.diorama.scene import Scene, sample_split
from pinpoint.diorama.sheets import grid
from pinpoint.errors import unknown


def facet_scenes(facet: str, per_label: int = 4, seed: int = 0, searched: int = 3000) -> dict[str, list[Scene]]:
    """`{label: scenes}`: up to `per_label` of `searched` training scenes that answer each label of the facet."""
    if facet not in FACETS:
        raise unknown("facet", facet, list(FACETS))
    found: dict[str, list[Scene]] = {label: [] for _, label in FACETS[facet].texts}
    for scene in sample_split(searched, "train", seed):
        for label, scenes in found.items():
            if len(scenes) < per_label and answers(facet, label, scene) and large_enough(facet, label, scene):
                scenes.append(scene)
    return found


def facet_sheet(facet: str, seed: int = 0, size: int = 192, per_label: int = 4) -> Image.Image:
    """The sheet as a picture: the label's name, then its scenes."""
    cells = []
    for label, scenes in facet_scenes(facet, per_label, seed).items():
        cells.append(_caption(label, size))
        cells += [render(scene, "natural", size) for scene in scenes]
        cells += [np.full((size, size, 3), 255, np.uint8)] * (per_label - len(scenes))
    return grid(cells, columns=per_label + 1)


def _caption(text: str, size: int) -> np.ndarray:
    """A white tile (size, size, 3) uint8 with the text in its middle."""
    tile = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(tile).text((size / 2, size / 2), text, fill="black", anchor="mm", font_size=size // 9)
    return np.asarray(tile)
