"""The figures of chapter 3: narrow and tall, so that they can be read on a phone. A method keeps its colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pinpoint.plots import METHOD_COLOUR, OKABE_ITO, picture, whiskers
from pinpoint.result import Result

WIDTH = 5.6  # inches
LABELS = {
    "image_only": "image only", "text_only": "text only", "sum": "sum", "slerp": "slerp", "pic2word": "Pic2Word",
    "searle": "SEARLE", "lincir": "LinCIR", "stage1": "stage 1", "two_stage": "two stages",
}  # fmt: skip
METRICS = {"map5": "mAP@5 in %", "r1": "R@1 in %", "r5": "R@5 in %"}


def method_dots(results: Mapping[str, Result], metrics: Sequence[str] = ("map5", "r1")) -> Figure:
    """A panel per metric, a row per method: value, 95 % interval, and a tick at chance."""
    figure, axes = plt.subplots(
        1, len(metrics), figsize=(WIDTH, 0.36 * len(results) + 0.9), sharey=True, squeeze=False
    )  # fmt: skip
    y = np.arange(len(results))[::-1]
    for ax, metric in zip(axes[0], metrics, strict=True):
        for at, (method, result) in zip(y, results.items(), strict=True):
            e = result.macro(metric)
            ax.errorbar(e.value, at, xerr=whiskers([e]), fmt="o", color=METHOD_COLOUR[method], ms=7, lw=1.6)
            ax.text(e.high + 1.5, at, f"{e.value:.1f}", va="center", fontsize=9, color="#333333")
        ax.set_xlim(0, 1.12 * max(result.macro(metric).high for result in results.values()) + 6)
        ax.set_xlabel(METRICS[metric])
    axes[0, 0].set_yticks(y, [LABELS[method] for method in results])
    return figure


def kind_map(results: Mapping[str, Result], metric: str = "map5") -> Figure:
    """Methods down, kinds of edit across, the value in each cell; the best of a column is bold."""
    kinds = next(iter(results.values())).groups
    values = np.array([[r.metric(metric, kind).value for kind in kinds] for r in results.values()])
    figure, ax = plt.subplots(figsize=(WIDTH, 0.36 * len(results) + 1.2))
    ax.imshow(values, cmap="Blues", vmin=0, vmax=115, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        best = value == values[:, column].max()
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=9,
                fontweight="bold" if best else "normal", color="white" if value > 62 else "black")  # fmt: skip
    ax.set_xticks(range(len(kinds)), kinds, rotation=40, ha="right", rotation_mode="anchor", fontsize=9)
    ax.set_yticks(range(len(results)), [LABELS[method] for method in results])
    ax.set_xlabel(f"kind of edit ({METRICS[metric]})")
    ax.grid(visible=False)
    return figure


def amount_curve(points: Mapping[int, Any], levels: Mapping[str, Any]) -> Figure:
    """mAP@5 against the number of triplets; points n -> entry, n = 0 is stage 1 alone; levels are horizontal lines."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
    sizes = sorted(points)
    x = [max(n, 10) for n in sizes]  # zero has no place on a logarithmic axis; its tick says 0
    entries = [points[n] for n in sizes]
    ax.errorbar(x, [e.value for e in entries], yerr=whiskers(entries), fmt="o-", color=METHOD_COLOUR["two_stage"],
                lw=1.8, ms=7, capsize=2, label=LABELS["two_stage"])  # fmt: skip
    for (method, e), dash in zip(levels.items(), ("--", ":", "-."), strict=False):
        ax.axhline(e.value, color=METHOD_COLOUR[method], ls=dash, lw=1.6, label=LABELS[method])
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{n:,}" for n in sizes], fontsize=9)
    ax.minorticks_off()
    ax.set_xlabel("synthetic triplets in stage 2 (0: stage 1 alone)")
    ax.set_ylabel(METRICS["map5"])
    figure.legend(loc="outside lower center", ncols=3, columnspacing=1.4)
    return figure


def variant_dots(rows: Mapping[str, Mapping[str, Any]], metric: str = "map5") -> Figure:
    """Variants down; stage 1 and two stages side by side with intervals. rows: label -> {"stage1": entry, …}."""
    figure, ax = plt.subplots(figsize=(WIDTH, 0.5 * len(rows) + 1.2))
    y = np.arange(len(rows))[::-1]
    for method, marker, shift in (("stage1", "s", 0.14), ("two_stage", "D", -0.14)):
        shown = [(at, row[method]) for at, row in zip(y, rows.values(), strict=True) if method in row]
        if shown:
            entries = [e for _, e in shown]
            ax.errorbar([e.value for e in entries], [at + shift for at, _ in shown], xerr=whiskers(entries), lw=1.4,
                        fmt=marker, color=METHOD_COLOUR[method], ms=6, label=LABELS[method])  # fmt: skip
    ax.axvline(next(iter(rows.values()))["two_stage"].value, color=OKABE_ITO["grey"], lw=1, ls=":")
    ax.set_yticks(y, list(rows))
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel(METRICS[metric])
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def target_dumbbells(results: Mapping[str, Result], metric: str = "5") -> Figure:
    """R@5 counting every right picture (filled) and counting one annotated target alone (hollow), a row per method."""
    figure, ax = plt.subplots(figsize=(WIDTH, 0.36 * len(results) + 1.2))
    for at, (method, result) in zip(np.arange(len(results))[::-1], results.items(), strict=True):
        every, one = result.macro(f"r{metric}").value, result.macro(f"t{metric}").value
        colour = METHOD_COLOUR[method]
        ax.plot([one, every], [at, at], color=colour, lw=2)
        ax.plot(every, at, "o", color=colour, ms=8)
        ax.plot(one, at, "o", color=colour, mfc="white", ms=8)
    ax.plot([], [], "o", color="#444444", ms=8, label="any right picture counts")
    ax.plot([], [], "o", color="#444444", mfc="white", ms=8, label="one annotated target counts")
    ax.set_yticks(np.arange(len(results))[::-1], [LABELS[method] for method in results])
    ax.set_xlim(left=0)
    ax.set_xlabel(f"R@{metric} in %")
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def word_sheet(images: Sequence[np.ndarray], said: Mapping[str, Sequence[Sequence[str]]]) -> Figure:
    """Pictures down; beside each, the words nearest to its pseudo-word under every method. said: method -> (N, n)."""
    figure, axes = plt.subplots(
        len(images), 2, figsize=(WIDTH, 1.3 * len(images)), squeeze=False, gridspec_kw={"width_ratios": [1, 3.4]}
    )  # fmt: skip
    for n, (image, (left, right)) in enumerate(zip(images, axes, strict=True)):
        picture(left, image)
        right.axis("off")
        for line, (method, words) in enumerate(said.items()):
            at = 1 - (line + 0.5) / len(said)
            right.text(0, at, LABELS[method], va="center", fontsize=9, fontweight="bold", color="#444444")
            right.text(0.2, at, ", ".join(words[n]), va="center", fontsize=9.5)
    return figure
