"""The figures of chapter 4: narrow and tall, so that they can be read on a phone. A method keeps its colour."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pinpoint.plots import METHOD_COLOUR, OKABE_ITO, RIGHT, picture, whiskers
from pinpoint.result import Result
from pinpoint.showcase import lines_of_hits
from pinpoint.style_data import KINDS
from pinpoint.style_map import MARKS, StyleMap
from pinpoint.style_study import mean_of

WIDTH = 5.6  # inches
COLOUR = {
    "clip": METHOD_COLOUR["clip"], "norms": OKABE_ITO["grey"], "pixel_prompt": OKABE_ITO["orange"],
    "vpt_shallow": OKABE_ITO["sky"], "vpt_deep": OKABE_ITO["green"], "freestyle": OKABE_ITO["vermilion"],
}  # fmt: skip
LABELS = {
    "clip": "frozen CLIP", "norms": "layer norms alone", "pixel_prompt": "pixel prompt", "vpt_shallow": "VPT shallow",
    "vpt_deep": "VPT deep", "freestyle": "FreestyleRet",
}  # fmt: skip
KIND_LABELS = {"text": "text", "sketch": "sketch", "art": "art", "low_res": "low-res", "glass": "glass (unseen)",
               "mean": "mean of four", "natural": "natural"}  # fmt: skip
STYLE_COLOURS = (OKABE_ITO["blue"], OKABE_ITO["black"], OKABE_ITO["vermilion"], OKABE_ITO["green"])  # as PICTURES
_MARKS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}


def kind_dots(results: Mapping[str, Result], kinds: Sequence[str] = (*KINDS, "glass"), metric: str = "r1") -> Figure:
    """A panel per kind of query and one for their mean, a row per method: value and 95 % interval."""
    names = [*kinds[:4], "mean", *kinds[4:]]
    figure, axes = plt.subplots(2, 3, figsize=(WIDTH, 2 * (0.27 * len(results) + 0.75)), sharey=True, squeeze=False)
    y = np.arange(len(results))[::-1]
    for ax, kind in zip(axes.flat, names, strict=True):
        for at, (method, result) in zip(y, results.items(), strict=True):
            e = mean_of(result, metric) if kind == "mean" else result.metric(metric, kind)
            ax.errorbar(e.value, at, xerr=whiskers([e]), fmt="o", color=COLOUR[method], ms=6, lw=1.5)
            inside = e.high > 78
            x, side = (e.low - 4, "right") if inside else (e.high + 4, "left")
            ax.text(x, at, f"{e.value:.0f}", va="center", ha=side, fontsize=8.5)
        ax.set_xlim(0, 105)
        ax.set_ylim(-0.7, len(results) - 0.3)
        ax.set_title(KIND_LABELS[kind], fontsize=10)
        ax.set_yticks(y, [LABELS[method] for method in results], fontsize=8.5)
    figure.supxlabel("R@1 in %" if metric == "r1" else "R@5 in %", fontsize=10)
    return figure


def variant_dots(groups: Mapping[str, Mapping[str, Any]], unit: str = "mean R@1 in %") -> Figure:
    """Recorded variants: a block per group, a row per variant; entries are of the ledger."""
    rows = sum(len(group) + 1 for group in groups.values())
    figure, ax = plt.subplots(figsize=(WIDTH, 0.3 * rows + 0.8))
    at, ticks, labels = 0, [], []
    for title, group in groups.items():
        ax.text(0.0, -at, title, fontweight="bold", fontsize=9.5, va="center", transform=ax.get_yaxis_transform())
        at += 1
        for label, e in group.items():
            main = label.endswith("*")
            colour = COLOUR["freestyle"] if main else "#555555"
            ax.errorbar(e.value, -at, xerr=whiskers([e]), fmt="D" if main else "o", color=colour, ms=6, lw=1.4)
            ax.text(e.high + 0.4, -at, f"{e.value:.1f}", va="center", fontsize=8.5)
            ticks.append(-at)
            labels.append(label.rstrip("*"))
            at += 1
    ax.set_yticks(ticks, labels, fontsize=9)
    ax.set_xlabel(unit)
    ax.margins(x=0.12)
    ax.grid(axis="y", visible=False)
    return figure


def joint_matrix(single: Mapping[str, Any], pairs: Mapping[tuple[str, str], Any]) -> Figure:
    """R@1 of single kinds on the diagonal and of every pair below it; a frame where the pair beats both."""
    kinds = list(single)
    figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
    values = np.full((len(kinds), len(kinds)), np.nan)
    for n, kind in enumerate(kinds):
        values[n, n] = single[kind].value
    for (a, b), e in pairs.items():
        values[kinds.index(b), kinds.index(a)] = e.value
    ax.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=115)
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        better = row != column and value > max(values[row, row], values[column, column])
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=10,
                color="white" if value > 62 else "black", fontweight="bold" if better else "normal")  # fmt: skip
        if better:
            ax.add_patch(Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, ec=RIGHT, lw=2.5))
    ax.set_xticks(range(len(kinds)), [KIND_LABELS[k] for k in kinds], rotation=25, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(kinds)), [KIND_LABELS[k] for k in kinds])
    ax.set_title("R@1 in %: one kind (diagonal), two together", fontsize=10)
    ax.grid(visible=False)
    return figure


def umap_panels(data: StyleMap, names: Mapping[str, str]) -> Figure:
    """A panel per model: a mark per picture, its shape and colour the style."""
    shown = [model for model in names if model in data.coordinates]  # in the order of the names
    figure, axes = plt.subplots(1, len(shown), figsize=(8.6, 3.3), squeeze=False)
    style = np.array(data.style)
    for ax, model in zip(axes[0], shown, strict=True):
        xy = data.coordinates[model]
        for n, name in enumerate(data.styles):
            mine = style == n
            ax.scatter(xy[mine, 0], xy[mine, 1], s=9, marker=_MARKS[MARKS[n]], color=STYLE_COLOURS[n], alpha=0.65, lw=0,
                       label=KIND_LABELS.get(name, name))  # fmt: skip
        ax.set(xticks=[], yticks=[])
        ax.set_title(names[model], fontsize=10)
        for spine in ax.spines.values():
            spine.set_visible(True)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), markerscale=2)
    return figure


def weight_table(weights: Mapping[str, np.ndarray]) -> Figure:
    """Kinds of picture down, centres of the style space across: the mean weight in each cell."""
    values = np.stack(list(weights.values()))
    figure, ax = plt.subplots(figsize=(WIDTH * 0.72, 0.42 * len(values) + 1.0))
    ax.imshow(values, cmap="Oranges", vmin=0, vmax=0.75, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9)
    ax.set_xticks(range(values.shape[1]), [f"centre {n + 1}" for n in range(values.shape[1])])
    ax.set_yticks(range(len(values)), [KIND_LABELS[kind] for kind in weights])
    ax.grid(visible=False)
    return figure


def style_grid(results: Mapping[str, Result], queries: Sequence[int], k: int = 5, size: int = 96) -> Figure:
    """Each query at the left, as picture or text, and the first k pictures of every method, a line each."""
    first, lines, unit = next(iter(results.values())), len(results), 0.98
    load = first.benchmark.gallery.images.load
    figure = plt.figure(figsize=(unit * (k + 2.9), len(queries) * (unit * lines + 0.3)))
    parts = figure.subfigures(len(queries), 1, hspace=0.0, squeeze=False)[:, 0]
    for part, i in zip(parts, queries, strict=True):
        query = first.benchmark.queries[i]
        left, right = part.subplots(1, 2, gridspec_kw={"width_ratios": [1.75, k + 1.15], "wspace": 0.0})
        if query.image is None:
            left.axis("off")
            left.text(0, 1, textwrap.fill(f"“{query.text}”", 26), va="top", fontsize=8)
        else:
            picture(left, load(query.image, 176), KIND_LABELS[query.group])
            left.title.set_fontsize(9.5)
        left.set_anchor("N")
        lines_of_hits(right, results, i, LABELS, k, size, wrap=9)
    return figure


def gram_sheet(pictures: Sequence[Sequence[np.ndarray]], matrices: Sequence[Sequence[np.ndarray]],
               kinds: Sequence[str]) -> Figure:  # fmt: skip
    """Scenes down, styles across: each picture, and below it its Gram matrix on a logarithmic scale that all share."""
    n, k = len(pictures), len(kinds)
    figure, axes = plt.subplots(2 * n, k, figsize=(1.45 * k, 2.95 * n), squeeze=False)
    logs = [[np.log1p(matrix) for matrix in row] for row in matrices]
    low, high = np.percentile(np.array(logs), [2, 99.5])
    for row in range(n):
        for column, kind in enumerate(kinds):
            picture(axes[2 * row, column], pictures[row][column], KIND_LABELS[kind] if row == 0 else "")
            ax = axes[2 * row + 1, column]
            ax.imshow(logs[row][column], cmap="magma", vmin=low, vmax=high, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
    return figure


def style_rows(pictures: Sequence[Sequence[np.ndarray]], texts: Sequence[str], kinds: Sequence[str]) -> Figure:
    """Scenes down, styles across; the text below each row: the task in one picture."""
    n, k = len(pictures), len(kinds)
    wrapped = [textwrap.fill(f"“{text}”", 92) for text in texts]
    lines = 1 + max(text.count("\n") for text in wrapped)
    figure = plt.figure(figsize=(1.45 * k, (1.55 + 0.16 * lines) * n))
    grid = figure.add_gridspec(2 * n, k, height_ratios=[1.5, 0.16 * lines] * n)
    for row, (line, text) in enumerate(zip(pictures, wrapped, strict=True)):
        for column, (image, kind) in enumerate(zip(line, kinds, strict=True)):
            picture(figure.add_subplot(grid[2 * row, column]), image, KIND_LABELS[kind] if row == 0 else "")
        below = figure.add_subplot(grid[2 * row + 1, :])
        below.axis("off")
        below.text(0, 1, text, va="top", fontsize=7.5, transform=below.transAxes)
    return figure
