"""Which queries a page shows, chosen by rule and not by eye, and how the pictures found for them are drawn."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pinpoint.plots import RIGHT, WRONG, picture
from pinpoint.result import Result


def typical(result: Result, kinds: Sequence[str], quantile: float = 0.5) -> list[int]:
    """One query per kind: the one at a quantile of the rank of the first right picture."""
    chosen = []
    for members in _members(result, kinds):
        order = members[np.argsort(-result.per_query["mrr"][members], kind="stable")]
        chosen.append(int(order[int(quantile * (len(order) - 1))]))
    return chosen


def typical_gains(a: Result, b: Result, kinds: Sequence[str], metric: str = "map5", n: int = 1) -> list[int]:
    """n queries per kind whose metric rises from a to b as much as it does in the upper quartile."""
    gain, chosen = b.per_query[metric] - a.per_query[metric], []
    for members in _members(b, kinds):
        order = members[np.argsort(gain[members], kind="stable")]
        start = int(0.75 * (len(order) - 1))
        chosen += [int(i) for i in order[start : start + n]]
    return chosen


def _members(result: Result, kinds: Sequence[str]) -> list[np.ndarray]:
    groups = np.array([query.group for query in result.benchmark.queries])
    return [np.flatnonzero(groups == kind) for kind in kinds]


def lines_of_hits(
    ax: Axes,
    results: Mapping[str, Result],
    i: int,
    labels: Mapping[str, str],
    k: int = 5,
    size: int = 88,
    wrap: int = 8,
) -> None:
    """The first k pictures of query i, a line per method: green and a tick where right, else orange and a cross."""
    ax.axis("off")
    for line, (method, result) in enumerate(results.items()):
        name = textwrap.fill(labels[method], wrap, break_long_words=False)
        ax.text(-0.06, line + 0.5, name, ha="right", va="center", fontsize=8.5)
        for rank, image in enumerate(result.top(i, k)):
            mark, colour = ("✓", RIGHT) if image in result.benchmark.queries[i].relevant else ("✗", WRONG)
            ax.imshow(result.benchmark.gallery.images.load(image, size), extent=(rank, rank + 1, line + 1, line))
            ax.add_patch(Rectangle((rank + 0.03, line + 0.03), 0.94, 0.94, fill=False, lw=2.6, ec=colour))
            box = {"boxstyle": "square,pad=0.12", "fc": colour, "lw": 0}
            ax.text(rank + 0.12, line + 0.13, mark, fontsize=8, color="white", va="center", ha="center", bbox=box)
    ax.set(xlim=(-1.0 - 0.15 * (wrap > 8), k), ylim=(len(results), 0), aspect="equal", anchor="N")


def composed_grid(
    results: Mapping[str, Result], queries: Sequence[int], labels: Mapping[str, str], k: int = 5, size: int = 88
) -> Figure:
    """For each query its reference and text, and beside them the first k pictures of every method, a line each.

    A right picture has a green frame and a tick, a wrong one an orange frame and a cross.
    """
    first, lines = next(iter(results.values())), len(results)
    figure = plt.figure(figsize=(0.86 * (k + 2.6), len(queries) * (0.86 * lines + 0.34)))
    parts = figure.subfigures(len(queries), 1, hspace=0.0, squeeze=False)[:, 0]
    for part, i in zip(parts, queries, strict=True):
        query = first.benchmark.queries[i]
        left, right = part.subplots(1, 2, gridspec_kw={"width_ratios": [1.75, k + 1.0], "wspace": 0.0})
        picture(left, first.benchmark.gallery.images.load(query.image or "", 160), textwrap.fill(f"“{query.text}”", 24))
        left.title.set_fontsize(9.5)
        left.set_anchor("N")
        lines_of_hits(right, results, i, labels, k, size)
    return figure
