"""One thing on plain paper: what the tests of the drawers look at."""

from collections.abc import Callable

import numpy as np
import skia

from pinpoint.diorama.brush import Brush, Light

PAPER = (214, 226, 206)  # nothing has this colour
MEDIA = ("natural", "sketch", "art", "glass")  # what a brush can do; low-res is made of a natural picture


def on_paper(
    draw: Callable[[Brush], None], style: str = "natural", light: Light | None = None, *, size: int = 96, seed: int = 3
) -> np.ndarray:
    """What `draw(brush)` leaves on paper, int RGB (size, size, 3)."""
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.scale(size, size)
    canvas.clear(skia.Color(*PAPER))
    draw(Brush(canvas, style, light, seed))
    return surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3].astype(int)


def ink(image: np.ndarray) -> np.ndarray:
    """Where the paper is covered, boolean (size, size)."""
    return np.abs(image - np.array(PAPER)).max(axis=2) > 16
