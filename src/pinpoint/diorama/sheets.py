"""Contact sheets: many pictures on one JPEG, for the command line, the book, and for looking at the world."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pinpoint.diorama.draw import render
from pinpoint.diorama.scene import Scene, sample_split


def grid(pictures: Sequence[np.ndarray], columns: int, gap: int = 6, ground: int = 255) -> Image.Image:
    """Equal-sized uint8 (S, S, 3) pictures on a grid, row by row."""
    size = pictures[0].shape[0]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (size + gap) - gap, columns * (size + gap) - gap, 3), ground, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (size + gap), (i % columns) * (size + gap)
        sheet[top : top + size, left : left + size] = picture
    return Image.fromarray(sheet)


def scenes_sheet(scenes: Sequence[Scene], style: str = "natural", size: int = 192, columns: int = 4) -> Image.Image:
    """The given scenes in one style."""
    return grid([render(s, style, size) for s in scenes], columns)


def sample_sheet(n: int = 16, style: str = "natural", seed: int = 0, size: int = 192) -> Image.Image:
    """`n` random training scenes in one style."""
    return scenes_sheet(sample_split(n, "train", seed), style, size, columns=max(1, round(n**0.5)))
