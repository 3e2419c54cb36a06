"""The figures of chapter 2, each a function of results; the look is that of `plots`.

They are drawn narrow and tall, so that they can still be read on a page of 390 pixels. A mode keeps its marker and its
colour in all of them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pinpoint.benchmark import Query
from pinpoint.diorama.facets import FACETS
from pinpoint.errors import PinpointError
from pinpoint.labels import place_labels
from pinpoint.plots import METHOD_COLOUR, OKABE_ITO, whiskers
from pinpoint.promptable import closed_list
from pinpoint.promptable_cost import Cost
from pinpoint.promptable_pictures import relevance_pictures, same_query_grid
from pinpoint.result import Result
from pinpoint.significance import Estimate

__all__ = [
    "LOOKS", "choice_map", "cost_against_recall", "dev_curves", "modes_by_facet", "recall_by_n", "relevance_pictures",
    "same_query_grid",
]  # fmt: skip

WIDTH = 5.6  # inches
RECALL = {"r1": "R@1 in %", "r5": "R@5 in %"}


class Look(NamedTuple):
    """How one mode is drawn; a hollow marker is a variant of the filled one of its colour."""

    label: str
    marker: str
    colour: str
    filled: bool = True


LOOKS = {
    "clip": Look("CLIP", "o", METHOD_COLOUR["clip"]),
    "general": Look("general", "s", METHOD_COLOUR["general"]),
    "prompted": Look("prompted", "D", METHOD_COLOUR["prompted"]),
    "chosen": Look("prompt chosen", "^", OKABE_ITO["purple"]),
    "linear": Look("linear, as released", "X", METHOD_COLOUR["linear"]),
    "pinv_held_out": Look("linear, held-out images", "h", OKABE_ITO["grey"]),
    "linear_ridge": Look("linear, ridge", "v", OKABE_ITO["green"]),
    "linear_gallery": Look("linear, cos(q, Wu)", "P", OKABE_ITO["black"]),
    "on_the_fly": Look("on the fly", "D", METHOD_COLOUR["prompted"], False),
}
OTHERS = tuple(zip("hp<>*d", (OKABE_ITO[c] for c in ("black", "purple", "green", "blue", "sky", "grey")), strict=True))


def looks(names: Sequence[str]) -> dict[str, Look]:
    """The look of each mode; a name that is no mode gets one by its place."""
    return {name: LOOKS.get(name) or Look(name, *OTHERS[i % len(OTHERS)]) for i, name in enumerate(names)}


def modes_by_facet(results: Mapping[str, Result], unseen: Sequence[str] = (), metric: str = "r5") -> Figure:
    """A row per facet, a marker per mode with its interval, a tick at chance; facets of no training prompt apart."""
    first = next(iter(results.values()))
    seen = [facet for facet in first.groups if facet not in unseen]
    rows = [*seen, *(facet for facet in first.groups if facet in unseen)]
    y = np.array([i + 0.7 * (facet in unseen) for i, facet in enumerate(rows)])
    figure, ax = plt.subplots(figsize=(WIDTH, 0.62 * len(rows) + 1.3))
    step = 0.72 / max(len(results), 2)
    for k, (name, look) in enumerate(looks(list(results)).items()):
        estimates = [results[name].metric(metric, facet) for facet in rows]
        _dots(ax, [e.value for e in estimates], y + (k - (len(results) - 1) / 2) * step, look, estimates)
    ax.vlines(
        [first.chance(metric, facet) for facet in rows], y - 0.4, y + 0.4, METHOD_COLOUR["chance"], lw=2, zorder=1
    )
    ax.plot([], [], "|", color=METHOD_COLOUR["chance"], ms=11, mew=2, label="chance")
    if seen and len(seen) < len(rows):
        ax.axhline(y[len(seen)] - 0.85, color="#666666", lw=0.8)
        ax.text(
            100, y[len(seen)] - 0.8, "never prompted in training", ha="right", va="top", fontsize=9, color="#444444"
        )
    ax.set_yticks(y, rows)
    ax.set_ylim(y[-1] + 0.6, -0.6)
    ax.set_xlim(-2, 102)
    ax.set_xlabel(RECALL.get(metric, metric))
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.4)
    return figure


def _dots(ax: Axes, x: Sequence[float], y: np.ndarray, look: Look, estimates: Sequence[Estimate]) -> None:
    ax.errorbar(
        x, y, xerr=whiskers(estimates), fmt=look.marker, color=look.colour, ms=6, capsize=0, lw=1.3, label=look.label,
        mfc=look.colour if look.filled else "white",
    )  # fmt: skip


def cost_against_recall(costs: Sequence[Cost], results: Mapping[str, Result], metric: str = "r5") -> Figure:
    """A panel per gallery size, the smaller above: macro recall against milliseconds per query, one query at a time.

    Each mode is labelled at its point with what it stores. On the fly has the recall of prompted; a cost without a
    result is left out.
    """
    recall = {name: result.macro(metric) for name, result in results.items()}
    if "prompted" in recall:
        recall["on_the_fly"] = recall["prompted"]
    shown = [cost for cost in costs if cost.mode in recall]
    sizes = sorted({cost.images for cost in shown})
    if not sizes:
        raise PinpointError("no mode has both a cost and a result; name both alike, such as general, prompted, linear")
    figure, axes = plt.subplots(
        len(sizes), 1, figsize=(WIDTH, 3.2 * len(sizes) + 0.2), sharex=True, sharey=True, squeeze=False
    )
    styles = looks([cost.mode for cost in shown])
    labels: list[tuple[Axes, list[tuple[float, float, str]]]] = []
    for ax, size in zip(axes[:, 0], sizes, strict=True):
        points = [cost for cost in shown if cost.images == size]
        for cost in points:
            look, estimate = styles[cost.mode], recall[cost.mode]
            ax.errorbar(
                cost.ms_per_query, estimate.value, yerr=whiskers([estimate]), fmt=look.marker, color=look.colour, ms=8,
                lw=1.3, mfc=look.colour if look.filled else "white",
            )  # fmt: skip
        ax.set_title(f"{size:,} images")
        texts = [f"{styles[c.mode].label}\n{_stored(c)}" for c in points]
        labels.append((ax, [(c.ms_per_query, recall[c.mode].value, t) for c, t in zip(points, texts, strict=True)]))
    axes[0, 0].set_xscale("log")
    axes[0, 0].margins(x=0.2)
    axes[0, 0].set_ylim(0, 104)
    axes[0, 0].set_yticks(range(0, 101, 20))
    axes[-1, 0].set_xlabel("milliseconds per query, one thread (below each name: vectors stored)")
    figure.supylabel(f"macro {RECALL.get(metric, metric)}", fontsize=10)
    figure.draw_without_rendering()
    for ax, placed in labels:
        place_labels(ax, placed)
    return figure


def _stored(cost: Cost) -> str:
    """What a mode stores, in three digits."""
    if not cost.storage_mb:
        return "no vectors" + " (extrapolated)" * cost.extrapolated
    return f"{float(f'{cost.storage_mb:.3g}'):,g} MB"


def recall_by_n(
    curves: Mapping[str, Sequence[tuple[int, float, float, float]]], levels: Mapping[str, Estimate], metric: str = "r5"
) -> Figure:
    """Macro recall against the N images that a map is fitted to: label -> [(N, mean, low, high over draws), ...].

    `levels` are what needs no map: general below, prompted above.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.8))
    for name, look in looks(list(curves)).items():
        n, mean, low, high = np.array(curves[name], dtype=float).T
        ax.plot(n, mean, marker=look.marker, color=look.colour, lw=1.6, ms=6, label=look.label)
        ax.fill_between(n, low, high, color=look.colour, alpha=0.18, lw=0)
    for (name, look), dash in zip(looks(list(levels)).items(), ("--", ":", "-.", (0, (5, 1))), strict=False):
        ax.axhline(levels[name].value, color=look.colour, lw=1.6, ls=dash, label=look.label)
    sizes = sorted({point[0] for points in curves.values() for point in points})
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes], fontsize=9)
    ax.minorticks_off()
    ax.set_xlabel("N, images that the map is fitted to")
    ax.set_ylabel(f"macro {RECALL.get(metric, metric)}")
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1.4)
    return figure


def dev_curves(curve: Sequence[Mapping[str, float]], unseen: Sequence[str] = (), metric: str = "r5") -> Figure:
    """Recall on the development split during training, a panel per facet, a line per mode.

    A point of the curve is {"step": n, "<mode>.<facet>.<metric>": percent, ...}; without a mode it counts as prompted.
    """
    keys = {key: key.split(".") for key in (curve[0] if curve else {})}
    rows = {
        key: (p[-3] if len(p) > 2 else "prompted", p[-2]) for key, p in keys.items() if p[-1] == metric and len(p) > 1
    }
    facets = [facet for facet in FACETS if any(facet == name for _, name in rows.values())]
    if not facets:
        raise PinpointError(
            f"the development curve holds no {metric} of any facet; its keys: {', '.join(keys) or 'none'}"
        )
    lines = -(-len(facets) // 2)
    figure, axes = plt.subplots(lines, 2, figsize=(WIDTH, 1.45 * lines + 0.9), sharex=True, sharey=True, squeeze=False)
    styles = looks(list(dict.fromkeys(mode for mode, _ in rows.values())))
    steps = [point["step"] / 1000 for point in curve]
    for ax, facet in zip(axes.flat, facets, strict=False):
        for key, (mode, name) in rows.items():
            if name == facet:
                look = styles[mode]
                every = max(1, len(steps) // 6)
                ax.plot(steps, [point[key] for point in curve], marker=look.marker, markevery=every, color=look.colour,
                        lw=1.5, ms=4.5, label=look.label)  # fmt: skip
        ax.set_title(facet + " (unseen)" * (facet in unseen))
        ax.set_ylim(0, 102)
    for ax in axes.flat[len(facets) :]:
        ax.axis("off")
    figure.supxlabel("thousand training steps", fontsize=10)
    figure.supylabel(f"{RECALL.get(metric, metric)}, development split", fontsize=10)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if len(styles) > 1:
        figure.legend(handles, labels, loc="outside upper center", ncols=len(styles))
    return figure


def choice_map(choice: Sequence[str], queries: Sequence[Query]) -> Figure:
    """How many distinct texts of each facet (down) chose each prompt (across); the facet's own prompt is framed.

    choice (Q,) is one prompt of the closed list per query.
    """
    prompts = closed_list()
    columns = dict(zip(prompts, ("general", *FACETS, "country"), strict=True))
    facets = list(dict.fromkeys(query.group for query in queries))
    counts = np.zeros((len(facets), len(prompts)), int)
    for facet, _, prompt in {(q.group, q.text, p) for q, p in zip(queries, choice, strict=True)}:
        counts[facets.index(facet), prompts.index(prompt)] += 1
    share = counts / counts.sum(axis=1, keepdims=True)
    figure, ax = plt.subplots(figsize=(WIDTH, 0.4 * len(facets) + 1.4))
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[row, column] > 0.6 else "black"
            ax.text(column, row, str(count), ha="center", va="center", fontsize=9, color=colour)
    names = list(columns.values())
    for row, facet in enumerate(facets):
        if facet in names:
            ax.add_patch(
                Rectangle((names.index(facet) - 0.5, row - 0.5), 1, 1, fill=False, ec=OKABE_ITO["black"], lw=1.8)
            )
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=9)
    ax.set_yticks(range(len(facets)), facets, fontsize=9)
    ax.set_xlabel("prompt that was chosen")
    ax.set_ylabel("facet of the query")
    ax.grid(visible=False)
    return figure
