"""The figures of chapter 5. An objective keeps its colour."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pinpoint.plots import OKABE_ITO, RIGHT, picture, whiskers

WIDTH = 5.6  # inches
LABELS = {
    "warm": "common start", "infonce": "InfoNCE", "bt_random": "random negative", "qure": "QuRe",
    "trns": "target-relative", "dqe": "DQE-CIR",
}  # fmt: skip
COLOUR = {
    "warm": OKABE_ITO["grey"], "infonce": OKABE_ITO["blue"], "bt_random": OKABE_ITO["black"],
    "qure": OKABE_ITO["orange"], "trns": OKABE_ITO["green"], "dqe": OKABE_ITO["vermilion"],
}  # fmt: skip
METRICS = {"r1": "R@1 in %", "r10": "R@10 in %", "r50": "R@50 in %", "map5": "mAP@5 in %", "map10": "mAP@10 in %"}


def answers_sheet(
    reference: np.ndarray, text: str, target: np.ndarray, others: Sequence[np.ndarray], near: Sequence[np.ndarray]
) -> Figure:
    """A query and its world: reference and text; the annotated target; right pictures that nobody annotated; wrong ones
    that differ in one thing."""
    columns = max(len(others), len(near), 1)
    figure, axes = plt.subplots(2, columns + 2, figsize=(1.02 * (columns + 2), 2.75), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title, frame in (
        (axes[0, 0], reference, "reference", None),
        (axes[0, 1], target, "annotated", RIGHT),
    ):
        ax.axis("on")
        picture(ax, image, title, frame)
    axes[1, 0].text(
        0, 0.6, "“" + textwrap.fill(text, 16) + "”", fontsize=9, va="center", transform=axes[1, 0].transAxes
    )
    for row, images, title, frame in ((0, others, "right too", RIGHT), (1, near, "wrong", OKABE_ITO["vermilion"])):
        for ax, image in zip(axes[row, 2:], images, strict=False):
            ax.axis("on")
            picture(ax, image, title, frame)
            if row == 0:
                for spine in ax.spines.values():
                    spine.set_linestyle((0, (2, 2)))
    return figure


def objective_dots(rows: Mapping[str, Mapping[str, Any]], metrics: Sequence[str]) -> Figure:
    """A panel per metric, a row per objective: value and interval. rows: objective -> metric -> entry or estimate."""
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(WIDTH + 1.2 * (len(metrics) > 2), 0.4 * len(rows) + 0.9), sharey=True, squeeze=False
    )
    y = np.arange(len(rows))[::-1]
    for ax, metric in zip(axes[0], metrics, strict=True):
        for at, (name, values) in zip(y, rows.items(), strict=True):
            e = values[metric]
            ax.errorbar(e.value, at, xerr=whiskers([e]), fmt="o", color=COLOUR[name], ms=7, lw=1.6)
            ax.text(e.value, at + 0.2, f"{e.value:.1f}", ha="center", fontsize=8.5, color="#333333")
        ax.set_xlabel(METRICS.get(metric, metric))
        ax.set_ylim(-0.5, len(rows) - 0.35)
    axes[0, 0].set_yticks(y, [LABELS[name] for name in rows])
    return figure


def delta_panels(moments: Sequence[tuple[str, np.ndarray, np.ndarray, tuple[float, float]]]) -> Figure:
    """Where the candidates stand, seen from the target, at some moments of a training.

    Each moment: its title, Delta of all candidates over queries, Delta of the valid ones that nobody annotated, and the
    mean bounds of the zone. Bars: share of candidates per bin; the zone is shaded; valid ones are ticks below.
    """
    figure, axes = plt.subplots(len(moments), 1, figsize=(WIDTH, 1.75 * len(moments) + 0.5), sharex=True, squeeze=False)
    low = min(float(np.quantile(d, 0.001)) for _, d, _, _ in moments)
    high = max(float(np.quantile(d, 0.999)) for _, d, _, _ in moments)
    bins = np.linspace(min(low, -0.05), high, 70)
    for ax, (title, delta, valid, zone) in zip(axes[:, 0], moments, strict=True):
        share = np.histogram(delta, bins)[0] / len(delta)
        ax.bar(bins[:-1], share, width=np.diff(bins), align="edge", color="#C9C9C9", label="all candidates")
        ax.axvspan(*zone, color=COLOUR["trns"], alpha=0.28, lw=0, label="the zone")
        ax.axvline(0, color="#333333", lw=1.2)
        top = share.max()
        ax.plot(valid, np.full(len(valid), -0.09 * top), "|", color=OKABE_ITO["vermilion"], ms=9, alpha=0.45,
                label="valid, not annotated")  # fmt: skip
        ax.set_ylim(-0.2 * top, 1.08 * top)
        ax.set_yticks([])
        ax.set_title(title)
    axes[-1, 0].set_xlabel("Δ = score of the target − score of the candidate")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def effect_dots(panels: Mapping[str, Mapping[str, Any]]) -> Figure:
    """A panel for each effect, a row per objective. panels: title -> objective -> entry or number."""
    rows = list(dict.fromkeys(name for values in panels.values() for name in values))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(WIDTH + 1.2, 0.36 * len(rows) + 1.2), sharey=True, squeeze=False
    )
    y = dict(zip(rows, np.arange(len(rows))[::-1], strict=True))
    for ax, (title, values) in zip(axes[0], panels.items(), strict=True):
        for name, e in values.items():
            value = float(getattr(e, "value", e))
            ax.plot([0, value], [y[name]] * 2, color=COLOUR[name], lw=2.2)
            ax.plot(value, y[name], "o", color=COLOUR[name], ms=7)
            ax.text(value, y[name] + 0.22, f"{value:.2g}", ha="center", fontsize=8.5, color="#333333")
        ax.set_title(textwrap.fill(title, 20), fontsize=9)
        ax.set_xlim(left=0)
        ax.margins(x=0.18)
        ax.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(list(y.values()), [LABELS[name] for name in rows])
    axes[0, 0].set_ylim(-0.5, len(rows) - 0.3)
    return figure


def gate_bars(texts: Sequence[str], gates: np.ndarray, names: Sequence[str]) -> Figure:
    """The share of each sub-query in the final query, a line per text; gates (N, parts)."""
    figure, ax = plt.subplots(figsize=(WIDTH, 0.32 * len(texts) + 0.9))
    y, left = np.arange(len(texts))[::-1], np.zeros(len(texts))
    for part, (name, colour) in enumerate(
        zip(names, ("#B8B8B8", OKABE_ITO["vermilion"], OKABE_ITO["sky"]), strict=True)
    ):
        ax.barh(y, gates[:, part], left=left, color=colour, height=0.68, label=name)
        for at, start, width in zip(y, left, gates[:, part], strict=True):
            if width > 0.08:
                ax.text(start + width / 2, at, f"{100 * width:.0f}", ha="center", va="center", fontsize=8.5)
        left += gates[:, part]
    ax.set_yticks(y, [f"“{text}”" for text in texts], fontsize=9)
    ax.set_xlim(0, 1)
    ax.set_xticks([])
    ax.grid(visible=False)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


TRACED = {"delta": "mean Δ of a set", "falsehood": "chance that a draw is right, %"}


def trace_lines(traces: Mapping[str, Any]) -> Figure:
    """The sets of an objective: their sizes at the last making; over the updates their mean Delta, and the chance that
    a negative drawn from them is a right answer.

    traces: objective -> a trace with `sizes` (N,), `made_at` (updates), and per making `delta` and `falsehood`.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH + 1.2, 2.4))
    bins = np.geomspace(1, max(t.sizes.max() for t in traces.values()) + 1, 26)
    for objective, trace in traces.items():
        share = np.histogram(trace.sizes, bins)[0] / len(trace.sizes)
        axes[0].stairs(100 * share, bins, fill=True, alpha=0.7, color=COLOUR[objective], label=LABELS[objective])
        for ax, name in zip(axes[1:], TRACED, strict=True):
            ax.plot(trace.made_at, getattr(trace, name), "o-", ms=4, color=COLOUR[objective])
    axes[0].set_xscale("log")
    axes[0].set_title("% of queries", fontsize=9)
    axes[0].set_xlabel("pictures in the set")
    for ax, title in zip(axes[1:], TRACED.values(), strict=True):
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("update")
        ax.set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(traces))
    return figure
