"""The figures of chapter 7: numbers alone, for no picture of the real data is in the project."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pinpoint.plots import METHOD_COLOUR, OKABE_ITO, whiskers

WIDTH = 5.6  # inches
COLOUR = {
    "clip": METHOD_COLOUR["clip"], "general": METHOD_COLOUR["general"], "prompted": METHOD_COLOUR["prompted"],
    "linear": METHOD_COLOUR["linear"], "ridge": OKABE_ITO["green"], "drawn": OKABE_ITO["purple"],
    "photographs": OKABE_ITO["black"], "stage1": METHOD_COLOUR["stage1"], "stage2": METHOD_COLOUR["two_stage"],
    "features": OKABE_ITO["green"], "embedding": METHOD_COLOUR["clip"], "clip_text": METHOD_COLOUR["text_only"],
    "commonest": METHOD_COLOUR["chance"], "fused": OKABE_ITO["purple"],
}  # fmt: skip
LABELS = {
    "clip": "CLIP", "general": "general", "prompted": "prompted", "linear": "linear, as released",
    "ridge": "linear, ridge", "drawn": "drawn world", "photographs": "photographs", "stage1": "stage 1",
    "stage2": "stage 2", "features": "probe: features",
    "embedding": "probe: embedding", "clip_text": "text alone", "commonest": "commonest value",
    "fused": "both scores",
}  # fmt: skip
MARKS = {"drawn": "D", "photographs": "o"}
STYLE_LABELS = {"photo": "photo", "art_painting": "painting", "cartoon": "cartoon", "sketch": "sketch"}


def carried_dots(rows: Mapping[str, Mapping[str, Any]], unit: str = "points gained") -> Figure:
    """Claims down, gains across: the drawn world's and the photographs', joined by a line. rows: claim -> world."""
    figure, ax = plt.subplots(figsize=(WIDTH + 1.0, 0.52 * len(rows) + 1.0))
    y = np.arange(len(rows))[::-1]
    for at, values in zip(y, rows.values(), strict=True):
        ax.plot([e.value for e in values.values()], [at, at], color="#BBBBBB", lw=2, zorder=1)
    for world in ("drawn", "photographs"):
        some = [values[world] for values in rows.values()]
        ax.errorbar([e.value for e in some], y, xerr=whiskers(some), fmt=MARKS[world], color=COLOUR[world], ms=7,
                    lw=1.4, label=LABELS[world])  # fmt: skip
        for at, e in zip(y, some, strict=True):
            place, side = (at + 0.16, "bottom") if world == "drawn" else (at - 0.16, "top")
            ax.text(e.value, place, f"{e.value:+.1f}", ha="center", va=side, fontsize=8.5, color=COLOUR[world])
    ax.axvline(0, color="#333333", lw=1)
    ax.set_yticks(y, list(rows))
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.margins(x=0.1)
    ax.set_xlabel(unit)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def part_dots(rows: Mapping[str, Mapping[str, Any]], unit: str, chance: float | None = None) -> Figure:
    """A panel per part (a facet), a row per mode: value and interval, where there is one. rows: mode -> part -> entry.

    chance: a grey line in every panel, in percent.
    """
    parts = list(next(iter(rows.values())))
    columns = 3
    lines = -(-len(parts) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDTH + 1.0, lines * (0.36 * len(rows) + 0.8)), sharey=True, squeeze=False
    )
    y = np.arange(len(rows))[::-1]
    for ax, part in zip(axes.flat, parts, strict=False):
        for at, (mode, values) in zip(y, rows.items(), strict=True):
            e = values[part]
            reach = whiskers([e]) if e.low is not None else None
            ax.errorbar(e.value, at, xerr=reach, fmt="o", color=COLOUR[mode], ms=6, lw=1.5)
            ax.text(e.value, at + 0.2, f"{e.value:.0f}", va="bottom", ha="center", fontsize=8.5)
        if chance is not None:
            ax.axvline(chance, color=METHOD_COLOUR["chance"], lw=1.2, ls=":")
        ax.set_xlim(0, 105)
        ax.set_ylim(-0.5, len(rows) - 0.25)
        ax.set_title(part, fontsize=10)
        ax.set_yticks(y, [LABELS[mode] for mode in rows], fontsize=8.5)
    for ax in axes.flat[len(parts) :]:
        ax.axis("off")
    figure.supxlabel(unit, fontsize=10)
    return figure


def rate_lines(rows: Mapping[str, Mapping[str, Any]], unit: str = "R@5 in %", chance: float = 5.0) -> Figure:
    """A metric against the rate at which captions name an attribute, a line per attribute."""
    figure, ax = plt.subplots(figsize=(WIDTH, 2.9))
    colours = (OKABE_ITO["vermilion"], OKABE_ITO["blue"], OKABE_ITO["green"], OKABE_ITO["purple"])
    for (facet, points), colour, mark in zip(rows.items(), colours, "os^D", strict=False):
        x = [float(rate) for rate in points]
        ax.errorbar(x, [e.value for e in points.values()], yerr=whiskers(points.values()), fmt=mark + "-", capsize=2,
                    color=colour, ms=5.5, lw=1.6, label=facet)  # fmt: skip
    ax.axhline(chance, color=METHOD_COLOUR["chance"], lw=1.2, ls=":")
    ax.set_xscale("log")
    ticks = [float(rate) for rate in next(iter(rows.values()))]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("chance that a caption names the attribute")
    ax.set_ylabel(unit)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(rows))
    return figure


def size_lines(sizes: Sequence[int], series: Mapping[str, Sequence[Any]], x: str, unit: str) -> Figure:
    """A metric against a number (of pictures, of candidates), a line per mode; dashed where it depends on none."""
    figure, ax = plt.subplots(figsize=(WIDTH, 2.9))
    for name, points in series.items():
        values = [e.value for e in points]
        level, known = len(set(values)) == 1, all(e.low is not None for e in points)
        reach = whiskers(points) if known and not level else None
        ax.errorbar(sizes, values, yerr=reach, fmt="--" if level else "o-", color=COLOUR[name], ms=5.5, lw=1.6,
                    capsize=2, label=LABELS[name])  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks(list(sizes), [str(size) for size in sizes])
    ax.minorticks_off()
    ax.set_xlabel(x)
    ax.set_ylabel(unit)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=min(3, len(series)))
    return figure


def style_matrices(tables: Mapping[str, Sequence[Sequence[Any]]], styles: Sequence[str]) -> Figure:
    """One matrix per title: style of the query down, of the gallery across, entries of the ledger written in."""
    figure, axes = plt.subplots(1, len(tables), figsize=(WIDTH + 0.9, 2.9), sharey=True, squeeze=False)
    names = [STYLE_LABELS.get(style, style) for style in styles]
    for ax, (title, entries) in zip(axes[0], tables.items(), strict=True):
        values = np.array([[e.value for e in row] for row in entries])
        ax.imshow(values, cmap="Blues", vmin=0, vmax=100)
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                ax.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=9,
                        color="white" if value > 60 else "#222222")  # fmt: skip
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8.5)
        ax.set_yticks(range(len(names)), names, fontsize=8.5)
        ax.grid(visible=False)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("gallery")
    axes[0, 0].set_ylabel("query")
    return figure


def value_blocks(groups: Mapping[str, Mapping[str, Any]]) -> Figure:
    """A panel per block, each with a scale of its own: a bar and its value per label; block -> label -> entry."""
    rows = [len(group) for group in groups.values()]
    figure, axes = plt.subplots(
        len(groups), 1, figsize=(WIDTH, 0.34 * sum(rows) + 0.5 * len(rows)), squeeze=False,
        gridspec_kw={"height_ratios": rows},
    )  # fmt: skip
    for ax, (title, group) in zip(axes[:, 0], groups.items(), strict=True):
        y, values = np.arange(len(group))[::-1], [e.value for e in group.values()]
        ax.barh(y, values, color=OKABE_ITO["sky"], height=0.62)
        for at, value in zip(y, values, strict=True):
            ax.text(value, at, f" {value:.2f}" if max(values) < 2 else f" {value:.0f}", va="center", fontsize=9)
        ax.set_yticks(y, list(group), fontsize=9)
        ax.set_xlim(0, 1.15 * max(values))
        ax.grid(axis="y", visible=False)
        ax.set_title(title, fontsize=10)
    return figure
