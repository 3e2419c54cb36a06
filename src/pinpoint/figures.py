"""The figures of chapters 0 and 1, each a function of results; the look is that of `plots`."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pinpoint.plots import METHOD_COLOUR, OKABE_ITO, estimate_bars, picture, retrieval_grid, whiskers
from pinpoint.result import Result
from pinpoint.significance import Estimate

CHANCE_R5 = 5.0  # percent: five places, one right picture in a pool of a hundred


def facet_rows(rows: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], size: float = 1.15) -> Figure:
    """One row a facet: its name at the left, then a titled picture per label."""
    columns = max(len(pictures) for _, pictures in rows)
    figure, axes = plt.subplots(
        len(rows), columns + 1, figsize=(size * columns + 0.9, (size + 0.2) * len(rows)), squeeze=False,
        gridspec_kw={"width_ratios": [0.72] + [1] * columns},
    )  # fmt: skip
    for line, (name, pictures) in zip(axes, rows, strict=True):
        for ax in line:
            ax.axis("off")
        line[0].text(0, 0.5, name, fontweight="bold", va="center")
        for ax, (label, image) in zip(line[1:], pictures, strict=False):
            ax.axis("on")
            picture(ax, image, label)
    return figure


def held_out_map(counts: tuple[Sequence[str], Sequence[str], np.ndarray]) -> Figure:
    """Colours down, subjects across; a cell is the number of training scenes with that pair, white where none."""
    names, colours, values = counts
    figure, ax = plt.subplots(figsize=(9.5, 3.1))
    image = ax.imshow(np.ma.masked_equal(values, 0), cmap="viridis", aspect="auto", vmin=0)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=7.5)
    ax.set_yticks(range(len(colours)), colours, fontsize=8)
    ax.grid(visible=False)
    figure.colorbar(image, ax=ax, label="training scenes", shrink=0.9)
    return figure


def ranked_queries(result: Result, queries: Sequence[int], k: int = 5, size: int = 128) -> Figure:
    """The first k pictures of some queries of a result, with the rank of the first right one as a note."""
    rows, notes = [], []
    for i in queries:
        query = result.benchmark.queries[i]
        top = result.top(i, k)
        load = result.benchmark.gallery.images.load
        rows.append((query.text or query.id, [(load(image, size), image in query.relevant) for image in top]))
        rank = 1 / result.per_query["mrr"][i]
        notes.append(f"{query.group} · first right at rank {rank:.0f}")
    return retrieval_grid(rows, notes=notes, wrap=26)


def facet_bars(result: Result, metric: str = "r5") -> Figure:
    """One bar a facet, highest first, with intervals and chance."""
    rows = {group: result.metric(metric, group) for group in result.groups}
    rows = dict(sorted(rows.items(), key=lambda row: -row[1].value))
    figure, ax = plt.subplots(figsize=(6.6, 0.42 * len(rows) + 0.9))
    name = {"r1": "R@1 in %", "r5": "R@5 in %", "map50": "mAP@50 in %"}[metric]
    estimate_bars(ax, rows, chance={g: result.chance(metric, g) for g in rows}, unit=f"{name}; grey: chance")
    return figure


def mention_curves(curves: Mapping[str, Sequence[tuple[float, Any]]]) -> Figure:
    """Recall against mention rate, a panel per facet; points are ledger entries or estimates."""
    figure, axes = plt.subplots(2, -(-len(curves) // 2), figsize=(8.6, 4.8), sharex=True, sharey=True, squeeze=False)
    for ax, (facet, points) in zip(axes.flat, curves.items(), strict=False):
        rates = [100 * rate for rate, _ in points]
        values = np.array([e.value for _, e in points])
        spread = whiskers(e for _, e in points)
        ax.errorbar(rates, values, yerr=spread, marker="o", color=METHOD_COLOUR["clip"], capsize=2, lw=1.6)
        ax.axhline(CHANCE_R5, color=METHOD_COLOUR["chance"], lw=1.2, ls="--")
        ax.set_xscale("log")
        ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
        ax.minorticks_off()
        ax.set_ylim(0, 102)
        ax.set_title(facet)
    figure.supxlabel("captions that mention it, in %", fontsize=10)
    figure.supylabel("R@5 in % (dashed: chance)", fontsize=10)
    return figure


def area_lines(curves: Mapping[str, Sequence[tuple[float, Estimate]]]) -> Figure:
    """Recall against area, one line per role; distinct markers, so that colour is not needed."""
    figure, ax = plt.subplots(figsize=(6.2, 3.6))
    marks = {"subject": ("o", OKABE_ITO["blue"]), "secondary": ("s", OKABE_ITO["vermilion"])}
    for role, points in curves.items():
        if not points:
            continue
        marker, colour = marks[role]
        values = np.array([e.value for _, e in points])
        spread = whiskers(e for _, e in points)
        ax.errorbar(
            [a for a, _ in points], values, yerr=spread, marker=marker, color=colour, capsize=2, lw=1.6, label=role
        )
    ax.axhline(CHANCE_R5, color=METHOD_COLOUR["chance"], lw=1.2, ls="--", label="chance")
    ax.set_xlabel("area of the queried thing, in % of the picture")
    ax.set_ylabel("R@5 in %")
    ax.set_ylim(0, 102)
    ax.legend()
    return figure


def reader_dots(readings: Mapping[str, tuple[Mapping[str, Estimate], float]]) -> Figure:
    """Accuracy of each reader per attribute: a marker per reader, a grey tick at chance."""
    looks = {
        "untrained": ("probe, untrained", "1", OKABE_ITO["grey"]),
        "text": ("text (zero-shot)", "X", OKABE_ITO["vermilion"]),
        "pooled": ("probe, pooled", "o", METHOD_COLOUR["pooled"]),
        "tokens": ("probe, tokens", "D", METHOD_COLOUR["tokens"]),
    }
    figure, ax = plt.subplots(figsize=(7.2, 0.44 * len(readings) + 1.1))
    y = np.arange(len(readings))[::-1]
    for reader, (label, marker, colour) in looks.items():
        estimates = [accuracy[reader] for accuracy, _ in readings.values()]
        values = np.array([e.value for e in estimates])
        spread = whiskers(estimates)
        ax.errorbar(values, y, xerr=spread, fmt=marker, color=colour, ms=6.5, capsize=2, lw=1, label=label)
    ax.plot(
        [chance for _, chance in readings.values()], y, "|", color=METHOD_COLOUR["chance"], ms=13, mew=2, label="chance"
    )
    ax.set_yticks(y, list(readings))
    ax.set_xlim(0, 102)
    ax.set_xlabel("accuracy in %")
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.14), ncols=5, fontsize=8.5, columnspacing=1.0, handletextpad=0.3
    )
    return figure
