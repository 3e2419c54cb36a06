"""The figures of chapter 6. A stage keeps its colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pinpoint.plots import OKABE_ITO, RIGHT, WRONG, whiskers

WIDTH = 5.6  # inches
OFFSET = {"zscir": (7, 4), "lincir": (7, -13), "slerp": (-8, 9)}  # of labels that would lie on each other, in points
COLOUR = {"stage1": OKABE_ITO["blue"], "stage2": OKABE_ITO["vermilion"], "ceiling": OKABE_ITO["grey"],
          "in_batch": OKABE_ITO["orange"], "hard": OKABE_ITO["vermilion"], "hard_fused": OKABE_ITO["purple"],
          "other": OKABE_ITO["green"]}  # fmt: skip
LABELS = {"stage1": "stage 1", "stage2": "stage 2", "ceiling": "ceiling", "zscir": "two-stage ZS-CIR",
          "dqe": "DQE-CIR", "in_batch": "in-batch", "hard": "hard negatives",
          "infonce": "InfoNCE", "lincir": "LinCIR", "promptable": "promptable", "slerp": "slerp", "text": "text only",
          "stage1_longer": "stage 1, four times\nthe updates", "hard_fused": "both scores"}  # fmt: skip


def recall_lines(ks: Sequence[int], series: Mapping[str, Sequence[Any]], metric: str = "R@1 in %") -> Figure:
    """A metric against K, a line per series with its intervals; entries or estimates."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.0))
    marks = {"stage1": "s", "stage2": "o", "hard_fused": "D", "ceiling": "^"}
    for name, points in series.items():
        values, style = [e.value for e in points], "--" if name == "ceiling" else "-"
        ax.errorbar(ks, values, yerr=whiskers(points), fmt=marks.get(name, "D") + style, color=COLOUR[name], capsize=2,
                    lw=1.6, ms=5.5, label=LABELS[name])  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks(list(ks), [str(k) for k in ks])
    ax.minorticks_off()
    ax.set_xlabel("K, the candidates that stage 2 looks at")
    ax.set_ylabel(metric)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(series))
    return figure


def frontier(ks: Sequence[int], series: Mapping[str, Sequence[tuple[float, Any]]]) -> Figure:
    """R@1 against the milliseconds that a query takes, of every method: (milliseconds, entry or estimate).

    "ours": stage 1, then stage 2 at every K; "fused": by both scores at every K. Any other: alone, re-ranked, and by
    both scores. The grey area is what another method beats in both.
    """
    figure, ax = plt.subplots(figsize=(WIDTH + 0.6, 4.4))
    _beaten(ax, [point for points in series.values() for point in points])
    for name, marker in (("fused", "D"), ("ours", "o")):
        points, colour = series[name], COLOUR["hard_fused" if name == "fused" else "stage2"]
        took, entries = [ms for ms, _ in points], [e for _, e in points]
        ax.errorbar(took, [e.value for e in entries], yerr=whiskers(entries), fmt=f"{marker}-", color=colour, ms=5.5,
                    capsize=2, lw=1.4)  # fmt: skip
    (ms, e), *_ = series["ours"]
    ax.plot(ms, e.value, "s", color=COLOUR["stage1"], ms=8, zorder=4)
    ax.annotate(LABELS["stage1"], (ms, e.value), (0, 9), textcoords="offset points", fontsize=8.5, ha="center")
    for n, (ms, e) in enumerate(series["fused"]):
        text = str(ks[n]) if n else f"K = {ks[0]}"
        ax.annotate(text, (ms, e.high), (0, 4), textcoords="offset points", fontsize=8.5, ha="center")
    for name, points in ((n, p) for n, p in series.items() if n not in ("ours", "fused")):
        (ms, alone), (later, reranked), (_, both) = points
        ax.plot([ms, later, later], [alone.value, reranked.value, both.value], color="#BBBBBB", lw=1, zorder=1)
        ax.plot(ms, alone.value, "D", color=COLOUR["other"], ms=6)
        for after, edge in ((reranked, COLOUR["stage2"]), (both, COLOUR["hard_fused"])):
            ax.plot(later, after.value, "D", mfc="white", mec=edge, ms=5.5, mew=1.4)
        at = OFFSET.get(name, (7, -4))
        ax.annotate(LABELS.get(name, name), (ms, alone.value), at, textcoords="offset points", fontsize=8.5)
    _frontier_legend(figure)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("milliseconds per query")
    ax.set_ylabel("R@1 in %")
    return figure


def _frontier_legend(figure: Figure) -> None:
    marks = {"this chapter, by stage 2's score": ("o", COLOUR["stage2"], COLOUR["stage2"]),
             "this chapter, by both scores": ("D", COLOUR["hard_fused"], COLOUR["hard_fused"]),
             "another first stage": ("D", COLOUR["other"], COLOUR["other"]),
             "the same, by stage 2's score": ("D", "white", COLOUR["stage2"]),
             "the same, by both scores": ("D", "white", COLOUR["hard_fused"])}  # fmt: skip
    handles = [
        Line2D([], [], ls="", marker=m, mfc=face, mec=edge, label=text) for text, (m, face, edge) in marks.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8.5)


def _beaten(ax: Axes, points: Sequence[tuple[float, Any]]) -> None:
    """Shade what some method beats in both time and recall: below a staircase of the best so far."""
    best, steps = -np.inf, list[tuple[float, float]]()
    for ms, e in sorted(points, key=lambda point: point[0]):
        if e.value > best:
            best = e.value
            steps.append((ms, best))
    x = [ms for ms, _ in steps] + [3 * max(ms for ms, _ in points)]
    y = [value for _, value in steps] + [steps[-1][1]]
    ax.fill_between(x, y, min(e.value for _, e in points) - 100, step="post", color="#EEEEEE", lw=0, zorder=0)
    ax.set_ylim(min(e.value for _, e in points) - 5, best + 8)
    ax.set_xlim(0.6 * steps[0][0], x[-1] / 1.5)


def kind_bars(gains: Mapping[str, Any], unit: str = "R@1, points gained") -> Figure:
    """One bar per kind of edit, the largest gain first, with its interval."""
    rows = dict(sorted(gains.items(), key=lambda row: -row[1].value))
    figure, ax = plt.subplots(figsize=(WIDTH, 0.34 * len(rows) + 0.8))
    y, values = np.arange(len(rows))[::-1], [e.value for e in rows.values()]
    colours = [RIGHT if value >= 0 else WRONG for value in values]
    ax.barh(y, values, color=colours, height=0.62, xerr=whiskers(rows.values()),
            error_kw={"ecolor": "#333333", "elinewidth": 1.2, "capsize": 2})  # fmt: skip
    for at, e in zip(y, rows.values(), strict=True):
        ax.text(e.high + 0.6, at, f"{e.value:+.1f}", va="center", fontsize=9, color="#333333")
    ax.axvline(0, color="#333333", lw=1)
    ax.set_yticks(y, list(rows))
    ax.margins(x=0.12)
    ax.set_xlabel(unit)
    ax.grid(axis="y", visible=False)
    return figure


def alpha_lines(curves: Mapping[str, Mapping[float, Any]], chosen: float, metric: str = "mAP@5 in %") -> Figure:
    """A metric against the weight of stage 1's score, a line per split; the chosen weight is marked."""
    figure, ax = plt.subplots(figsize=(WIDTH, 2.7))
    looks = {"development": (OKABE_ITO["grey"], "s--"), "test": (COLOUR["stage2"], "o-")}
    for name, curve in curves.items():
        colour, style = looks[name]
        ax.plot(list(curve), [e.value for e in curve.values()], style, color=colour, ms=5, lw=1.6, label=name)
    ax.axvline(chosen, color="#333333", lw=1.2, ls=":")
    ax.text(chosen, 0.02, " chosen", transform=ax.get_xaxis_transform(), fontsize=8.5)
    ax.set_xlabel("α: 0 is stage 2 alone, 1 is stage 1 alone")
    ax.set_ylabel(metric)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=len(curves))
    return figure


def ladder_dots(rows: Mapping[str, Mapping[str, Any]], unit: str = "R@1 in %") -> Figure:
    """First stages alone, with the re-ranker behind them, and by both scores. rows: name -> {"alone", "reranked",
    "fused"} -> entry."""
    figure, ax = plt.subplots(figsize=(WIDTH, 0.8 * len(rows) + 1.1))
    y = np.arange(len(rows))[::-1]
    for at, values in zip(y, rows.values(), strict=True):
        ends = [e.value for e in values.values()]
        ax.plot([min(ends), max(ends)], [at, at], color="#BBBBBB", lw=2, zorder=1)
    looks = {"alone": ("first stage alone", "s", COLOUR["stage1"], 0.0),
             "reranked": ("by stage 2's score", "o", COLOUR["stage2"], 0.22),
             "fused": ("by both scores", "D", COLOUR["hard_fused"], -0.22)}  # fmt: skip
    for name, (label, mark, colour, up) in looks.items():
        some = [values[name] for values in rows.values()]
        ax.errorbar([e.value for e in some], y + up, xerr=whiskers(some), fmt=mark, color=colour, ms=6.5, lw=1.4,
                    label=label)  # fmt: skip
        for at, e in zip(y + up, some, strict=True):
            ax.annotate(f"{e.value:.1f}", (e.high, at), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    ax.set_yticks(y, [LABELS.get(name, name) for name in rows])
    ax.set_ylim(-0.5, len(rows) - 0.5)
    ax.set_xlabel(unit)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
