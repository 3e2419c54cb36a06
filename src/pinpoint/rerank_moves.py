"""Where stage 2 moves pictures: typical queries that it puts right or wrong, before and after."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pinpoint.plots import RIGHT, WRONG, picture
from pinpoint.rerank_study import TwoStage, moved
from pinpoint.result import Result

SHOWN, GAP = 5, 0.55  # pictures in a line, and the room between two lines, in pictures


def typical_moves(two: TwoStage, k: int, kinds: Sequence[str], right: bool = True) -> list[int]:
    """One query per kind that stage 2 put right (or wrong), the one in the middle by where it stood before."""
    rows, groups = moved(two, k)[0 if right else 1], [q.group for q in two.benchmark.queries]
    ranked = two.before if right else two.after(k)
    chosen = []
    for kind in kinds:
        some = sorted((n for n in rows if groups[n] == kind), key=lambda n: -ranked.per_query["mrr"][n])
        chosen += [int(some[(len(some) - 1) // 2])] if some else []
    return chosen


def grid(two: TwoStage, k: int, rows: Sequence[int]) -> Figure:
    """The first five of both stages for some queries, and where each picture goes."""
    return moves_sheet(two.before, two.after(k), rows)


def moves_sheet(before: Result, after: Result, rows: Sequence[int], size: int = 88) -> Figure:
    """For each query its reference and text, and beside them the first five of stage 1 above those of stage 2.

    A line joins the places of a picture that is in both; one that comes from farther down begins at its old rank. Right
    pictures have a green frame and a tick, wrong ones an orange frame and a cross.
    """
    figure = plt.figure(figsize=(0.86 * (SHOWN + 2.7), max(1, len(rows)) * (0.86 * (2 + GAP) + 0.4)))
    parts = figure.subfigures(max(1, len(rows)), 1, hspace=0.0, squeeze=False)[:, 0]
    for part, i in zip(parts, rows, strict=False):
        query = before.benchmark.queries[i]
        left, right = part.subplots(1, 2, gridspec_kw={"width_ratios": [1.75, SHOWN + 1.0], "wspace": 0.0})
        reference = before.benchmark.gallery.images.load(query.image or "", 160)
        picture(left, reference, textwrap.fill(f"“{query.text}”", 24))
        left.title.set_fontsize(9.5)
        left.set_anchor("N")
        _moves(right, before, after, i, size)
    return figure


def _moves(ax: Axes, before: Result, after: Result, i: int, size: int) -> None:
    ax.axis("off")
    depth = min(50, before.top_columns.shape[1])
    old, new = before.top(i, depth), after.top(i, SHOWN)
    _line(ax, before, i, old[:SHOWN], 0.0, "stage 1", size)
    _line(ax, after, i, new, 1 + GAP, "stage 2", size)
    for place, image in enumerate(new):
        colour = RIGHT if image in before.benchmark.queries[i].relevant else "#999999"
        if image in old[:SHOWN]:
            ends = [old.index(image) + 0.5, place + 0.5], [1.02, 1 + GAP - 0.02]
            ax.plot(*ends, color=colour, lw=2.0, solid_capstyle="round")
        elif image in old:
            text = f"from {old.index(image) + 1}"
            ax.text(place + 0.5, 1 + GAP - 0.05, text, ha="center", va="bottom", fontsize=7.5, color=colour)
    ax.set(xlim=(-1.0, SHOWN), ylim=(2 + GAP, 0), aspect="equal", anchor="N")


def _line(ax: Axes, result: Result, i: int, images: Sequence[str], top: float, name: str, size: int) -> None:
    ax.text(-0.06, top + 0.5, name, ha="right", va="center", fontsize=8.5)
    for rank, image in enumerate(images):
        mark, colour = ("✓", RIGHT) if image in result.benchmark.queries[i].relevant else ("✗", WRONG)
        ax.imshow(result.benchmark.gallery.images.load(image, size), extent=(rank, rank + 1, top + 1, top))
        ax.add_patch(Rectangle((rank + 0.03, top + 0.03), 0.94, 0.94, fill=False, lw=2.6, ec=colour))
        box = {"boxstyle": "square,pad=0.12", "fc": colour, "lw": 0}
        ax.text(rank + 0.12, top + 0.13, mark, fontsize=8, color="white", va="center", ha="center", bbox=box)
