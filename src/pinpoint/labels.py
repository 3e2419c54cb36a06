"""Texts beside the points of a diagram, placed so that none hides another."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

REACHES = (9, 22, 36, 52, 70, 90)  # points from the mark to the text; a line joins them from the second on
AROUND = ((1, 0), (-1, 0), (0.7, -0.8), (0.7, 0.8), (-0.7, -0.8), (-0.7, 0.8), (0, -1), (0, 1))
MARK = 6  # half a mark's width in points


def place_labels(ax: Axes, points: Sequence[tuple[float, float, str]], fontsize: float = 9.0) -> list[Annotation]:
    """A text at each point (x, y), in the first place around it that is free: no text, no point, inside the axes.

    The figure must be laid out: call `figure.draw_without_rendering()` before. A text that finds no free place goes
    where it hides the least.
    """
    figure: Any = ax.figure
    pixels = figure.dpi / 72  # in a point
    marks = [np.asarray(ax.transData.transform((x, y))) for x, y, _ in points]
    taken = [Bbox([mark - MARK * pixels, mark + MARK * pixels]) for mark in marks]
    frame, notes = ax.get_window_extent(), []
    for mark, (x, y, text) in zip(marks, points, strict=True):
        size = _size(ax, text, fontsize)
        tries = [
            (_hidden(box, taken, frame), n, box, reach) for n, (box, reach) in enumerate(_places(mark, size, pixels))
        ]
        _, _, box, reach = min(tries, key=lambda found: found[:2])
        taken.append(box)
        centre = (np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2 - mark) / pixels
        line = {"arrowstyle": "-", "color": "#999999", "lw": 0.7, "shrinkB": MARK}
        note = ax.annotate(
            text, (x, y), tuple(centre), textcoords="offset points", fontsize=fontsize, linespacing=1.1, ha="center",
            va="center", arrowprops=line if reach > REACHES[0] else None,
        )  # fmt: skip
        note.set_in_layout(False)  # or the layout, made again for the file, would move the axes under the texts
        notes.append(note)
    return notes


def _places(mark: np.ndarray, size: np.ndarray, pixels: float) -> Iterator[tuple[Bbox, int]]:
    """Where a text of that size may stand, best first, with its distance in points."""
    for reach in REACHES:
        for direction in AROUND:
            anchor = mark + reach * pixels * np.array(direction)
            corner = anchor - size * (1 - np.sign(direction)) / 2
            yield Bbox([corner, corner + size]), reach


def _hidden(box: Bbox, taken: Sequence[Bbox], frame: Bbox) -> float:
    """Area of the box that lies on something or outside the frame, in square pixels."""
    return box.width * box.height - _common(box, frame) + sum(_common(box, other) for other in taken)


def _common(a: Bbox, b: Bbox) -> float:
    both = Bbox.intersection(a, b)
    return both.width * both.height if both is not None else 0.0


def _size(ax: Axes, text: str, fontsize: float) -> np.ndarray:
    """Width and height of a text in pixels."""
    trial = ax.text(0.5, 0.5, text, fontsize=fontsize, linespacing=1.1, transform=ax.transAxes)
    box = trial.get_window_extent()
    trial.remove()
    return np.array([box.width, box.height])
