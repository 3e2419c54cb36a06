"""One look for every figure: one palette, one font, and retrieval grids that say right and wrong without colour.

Figures have an opaque white face, so that they look the same on a dark page. The palette is Okabe and Ito's, which
colour-blind readers can tell apart; a method keeps its colour in every chapter.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image as DisplayImage
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL.Image import Image as PILImage

from pinpoint.evaluate import Result
from pinpoint.significance import Estimate

OKABE_ITO = {
    "blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "vermilion": "#D55E00", "sky": "#56B4E9",
    "purple": "#CC79A7", "yellow": "#F0E442", "black": "#222222", "grey": "#8A8A8A",
}  # fmt: skip
METHOD_COLOUR = {
    "clip": OKABE_ITO["blue"], "general": OKABE_ITO["sky"], "prompted": OKABE_ITO["vermilion"], "linear": OKABE_ITO["orange"],
    "pooled": OKABE_ITO["blue"], "tokens": OKABE_ITO["green"], "chance": OKABE_ITO["grey"],
}  # fmt: skip
RIGHT, WRONG = OKABE_ITO["green"], OKABE_ITO["vermilion"]


def use_style() -> None:
    """Set matplotlib's defaults for the book. Call once at the top of a notebook."""
    plt.rcParams.update({
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "figure.dpi": 110,
        "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
        "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#666666",
        "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.8, "legend.frameon": False,
        "figure.constrained_layout.use": True, "svg.hashsalt": "pinpoint",
    })  # fmt: skip


def estimate_bars(
    ax: Axes, rows: Mapping[str, Estimate], *, chance: Mapping[str, float] | None = None, colour: str = OKABE_ITO["blue"],
    unit: str = "%",
) -> None:
    """Horizontal bars with 95 % intervals, one per row from top to bottom, a grey tick at chance, values written out."""
    names = list(rows)
    y = np.arange(len(names))[::-1]
    values = np.array([rows[n].value for n in names])
    errors = np.array([[rows[n].value - rows[n].low, rows[n].high - rows[n].value] for n in names]).T.clip(0)
    ax.barh(y, values, color=colour, height=0.62, xerr=errors, error_kw={"ecolor": "#333333", "elinewidth": 1.2, "capsize": 2})
    for name, at in zip(names, y, strict=True):
        ax.text(rows[name].high + 1.5, at, f"{rows[name].value:.1f}", va="center", fontsize=9, color="#333333")
        if chance:
            ax.plot([chance[name]] * 2, [at - 0.38, at + 0.38], color=METHOD_COLOUR["chance"], lw=2)
    ax.set_yticks(y, names)
    ax.set_xlim(0, 108)
    ax.set_xlabel(unit)
    ax.grid(axis="y", visible=False)


def picture(ax: Axes, image: np.ndarray, title: str = "", frame: str | None = None, width: float = 3.5) -> None:
    """An image without axes; `frame` is a colour."""
    ax.imshow(image, interpolation="antialiased")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(frame is not None)
        if frame is not None:
            spine.set_color(frame)
            spine.set_linewidth(width)
    ax.set_title(title, fontsize=8.5, fontweight="normal", pad=3)


def retrieval_grid(
    rows: Sequence[tuple[str, Sequence[tuple[np.ndarray, bool]]]], *, references: Sequence[np.ndarray | None] | None = None,
    size: float = 1.25, wrap: int = 22, notes: Sequence[str] | None = None,
) -> Figure:
    """Queries down, ranks across. A right image has a green frame and a tick, a wrong one an orange frame and a cross.

    `rows` are (query text, [(image, is right), …]); `references` are the query images of composed queries; `notes`
    is a short remark under each query's text, such as the rank of the first right image.
    """
    k = max(len(images) for _, images in rows)
    has_reference = references is not None
    figure, axes = plt.subplots(
        len(rows), k + 1 + has_reference, figsize=(size * (k + has_reference) + 1.9, (size + 0.22) * len(rows)), squeeze=False,
        gridspec_kw={"width_ratios": [1.45] + [1] * (k + has_reference), "wspace": 0.02},
    )
    for i, (text, images) in enumerate(rows):
        axes[i, 0].axis("off")
        axes[i, 0].text(0, 0.55, textwrap.fill(text.strip(), wrap), va="center", fontsize=8.5)
        if notes:
            axes[i, 0].text(0, 0.04, notes[i], va="bottom", fontsize=7.5, color="#666666")
        for ax in axes[i, 1:]:
            ax.axis("off")
        if references is not None and references[i] is not None:
            axes[i, 1].axis("on")
            picture(axes[i, 1], references[i], "reference")
        for rank, (image, right) in enumerate(images):
            ax = axes[i, 1 + has_reference + rank]
            ax.axis("on")
            picture(ax, image, f"{rank + 1} {'✓' if right else '✗'}", RIGHT if right else WRONG)
    return figure


def contact_sheet(images: Sequence[np.ndarray], titles: Sequence[str] | None = None, columns: int = 6, size: float = 1.4) -> Figure:
    """Pictures on a grid, with an optional line above each."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(size * columns, (size + (0.22 if titles else 0.03)) * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for i, image in enumerate(images):
        picture(axes.flat[i], image, titles[i] if titles else "")
    return figure


def show(figure: Figure, *, photo: bool = False, dpi: int | None = None) -> DisplayImage:
    """The finished figure as one image output, and close it: JPEG if it holds pictures (`photo`), PNG otherwise.

    Rendering here, and not in the notebook's inline backend, keeps size and format the same everywhere.
    """
    buffer = io.BytesIO()
    options = {"format": "jpeg", "pil_kwargs": {"quality": 80, "optimize": True}} if photo else {"format": "png"}
    dpi = dpi or (100 if photo else 144)  # pictures are drawn at the size at which they are shown
    figure.savefig(buffer, dpi=dpi, bbox_inches="tight", pad_inches=0.06, **options)
    plt.close(figure)
    return DisplayImage(data=buffer.getvalue(), format="jpeg" if photo else "png", width=round(figure.get_size_inches()[0] * 96))


def show_sheet(sheet: PILImage, width: int | None = None) -> DisplayImage:
    """A contact sheet of pictures as one JPEG output, `width` pixels wide on the page."""
    buffer = io.BytesIO()
    sheet.convert("RGB").save(buffer, "JPEG", quality=84, optimize=True)
    return DisplayImage(data=buffer.getvalue(), format="jpeg", width=width or sheet.width)


def facet_rows(rows: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], size: float = 1.15) -> Figure:
    """One row a facet: its name at the left, then a titled picture per label."""
    columns = max(len(pictures) for _, pictures in rows)
    figure, axes = plt.subplots(len(rows), columns + 1, figsize=(size * columns + 0.9, (size + 0.2) * len(rows)), squeeze=False,
                                gridspec_kw={"width_ratios": [0.72] + [1] * columns})  # fmt: skip
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
        spread = np.array([[e.value - e.low, e.high - e.value] for _, e in points]).T.clip(0)
        ax.errorbar(rates, values, yerr=spread, marker="o", color=METHOD_COLOUR["clip"], capsize=2, lw=1.6)
        ax.axhline(5, color=METHOD_COLOUR["chance"], lw=1.2, ls="--")
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
        spread = np.array([[e.value - e.low, e.high - e.value] for _, e in points]).T.clip(0)
        ax.errorbar([a for a, _ in points], values, yerr=spread, marker=marker, color=colour, capsize=2, lw=1.6, label=role)
    ax.axhline(5, color=METHOD_COLOUR["chance"], lw=1.2, ls="--", label="chance")
    ax.set_xlabel("area of the queried thing, in % of the picture")
    ax.set_ylabel("R@5 in %")
    ax.set_ylim(0, 102)
    ax.legend()
    return figure


def reader_dots(readings: Mapping[str, tuple[Mapping[str, Estimate], float]]) -> Figure:
    """Accuracy of each reader per attribute: a marker per reader, a grey tick at chance."""
    looks = {"text": ("text (zero-shot)", "X", OKABE_ITO["vermilion"]), "pooled": ("probe, pooled", "o", METHOD_COLOUR["pooled"]),
             "tokens": ("probe, tokens", "D", METHOD_COLOUR["tokens"])}  # fmt: skip
    figure, ax = plt.subplots(figsize=(7.2, 0.44 * len(readings) + 1.1))
    y = np.arange(len(readings))[::-1]
    for reader, (label, marker, colour) in looks.items():
        estimates = [accuracy[reader] for accuracy, _ in readings.values()]
        values = np.array([e.value for e in estimates])
        spread = np.array([[e.value - e.low, e.high - e.value] for e in estimates]).T.clip(0)
        ax.errorbar(values, y, xerr=spread, fmt=marker, color=colour, ms=6.5, capsize=2, lw=1, label=label)
    ax.plot([chance for _, chance in readings.values()], y, "|", color=METHOD_COLOUR["chance"], ms=13, mew=2, label="chance")
    ax.set_yticks(y, list(readings))
    ax.set_xlim(0, 102)
    ax.set_xlabel("accuracy in %")
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.14), ncols=4, fontsize=9)
    return figure
