"""One look for every figure: one palette, one font, and retrieval grids that say right and wrong without colour.

Figures have an opaque white face, so that they look the same on a dark page. The palette is Okabe and Ito's, which
colour-blind readers can tell apart; a method keeps its colour in every chapter.
"""

import io
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image as DisplayImage
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL.Image import Image as PILImage

from pinpoint.significance import Estimate

OKABE_ITO = {
    "blue": "#0072B2", "orange": "#E69F00", "green": "#009E73", "vermilion": "#D55E00", "sky": "#56B4E9",
    "purple": "#CC79A7", "yellow": "#F0E442", "black": "#222222", "grey": "#8A8A8A",
}  # fmt: skip
METHOD_COLOUR = {
    "clip": OKABE_ITO["blue"], "general": OKABE_ITO["sky"], "prompted": OKABE_ITO["vermilion"],
    "linear": OKABE_ITO["orange"], "pooled": OKABE_ITO["blue"], "tokens": OKABE_ITO["green"],
    "chance": OKABE_ITO["grey"], "image_only": OKABE_ITO["grey"], "text_only": OKABE_ITO["black"],
    "sum": OKABE_ITO["sky"], "slerp": OKABE_ITO["blue"], "pic2word": OKABE_ITO["orange"],
    "searle": OKABE_ITO["purple"], "lincir": OKABE_ITO["green"], "stage1": "#8C510A",
    "two_stage": OKABE_ITO["vermilion"],
}  # fmt: skip
RIGHT, WRONG = OKABE_ITO["green"], OKABE_ITO["vermilion"]


def use_style() -> None:
    """Set matplotlib's defaults for the book. Call once at the top of a notebook."""
    plt.rcParams.update({
        "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white", "figure.dpi": 110,
        "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold",
        "axes.titlelocation": "left", "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": "#666666", "axes.grid": True, "axes.axisbelow": True, "grid.color": "#E6E6E6",
        "grid.linewidth": 0.8, "legend.frameon": False, "figure.constrained_layout.use": True,
        "svg.hashsalt": "pinpoint",
    })  # fmt: skip


def whiskers(estimates: Iterable[Any]) -> np.ndarray:
    """How far the intervals reach below and above the values, (2, N), as `errorbar` takes it; ledger entries do too."""
    return np.array([[e.value - e.low, e.high - e.value] for e in estimates]).T.clip(0)


def estimate_bars(
    ax: Axes,
    rows: Mapping[str, Estimate],
    *,
    chance: Mapping[str, float] | None = None,
    colour: str = OKABE_ITO["blue"],
    unit: str = "%",
) -> None:
    """Horizontal bars with 95 % intervals, one per row from the top, a grey tick at chance, values written out."""
    names = list(rows)
    y = np.arange(len(names))[::-1]
    values = np.array([rows[n].value for n in names])
    look = {"ecolor": "#333333", "elinewidth": 1.2, "capsize": 2}
    ax.barh(y, values, color=colour, height=0.62, xerr=whiskers(rows.values()), error_kw=look)
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
    rows: Sequence[tuple[str, Sequence[tuple[np.ndarray, bool]]]],
    *,
    references: Sequence[np.ndarray | None] | None = None,
    size: float = 1.25,
    wrap: int = 22,
    notes: Sequence[str] | None = None,
) -> Figure:
    """Queries down, ranks across. A right image has a green frame and a tick, a wrong one an orange frame and a cross.

    `rows` are (query text, [(image, is right), …]); `references` are the query images of composed queries; `notes`
    is a short remark under each query's text, such as the rank of the first right image.
    """
    k = max(len(images) for _, images in rows)
    has_reference = references is not None
    figure, axes = plt.subplots(
        len(rows),
        k + 1 + has_reference,
        figsize=(size * (k + has_reference) + 1.9, (size + 0.22) * len(rows)),
        squeeze=False,
        gridspec_kw={"width_ratios": [1.45] + [1] * (k + has_reference), "wspace": 0.02},
    )
    for i, (text, images) in enumerate(rows):
        axes[i, 0].axis("off")
        axes[i, 0].text(0, 0.55, textwrap.fill(text.strip(), wrap), va="center", fontsize=8.5)
        if notes:
            axes[i, 0].text(0, 0.04, notes[i], va="bottom", fontsize=7.5, color="#666666")
        for ax in axes[i, 1:]:
            ax.axis("off")
        reference = references[i] if references is not None else None
        if reference is not None:
            axes[i, 1].axis("on")
            picture(axes[i, 1], reference, "reference")
        for rank, (image, right) in enumerate(images):
            ax = axes[i, 1 + has_reference + rank]
            ax.axis("on")
            picture(ax, image, f"{rank + 1} {'✓' if right else '✗'}", RIGHT if right else WRONG)
    return figure


def contact_sheet(
    images: Sequence[np.ndarray], titles: Sequence[str] | None = None, columns: int = 6, size: float = 1.4
) -> Figure:
    """Pictures on a grid, with an optional line above each."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + (0.22 if titles else 0.03)) * rows), squeeze=False
    )
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
    options = {"format": "jpeg", "pil_kwargs": {"quality": 76, "optimize": True}} if photo else {"format": "png"}
    dpi = dpi or (100 if photo else 144)  # pictures are drawn at the size at which they are shown
    figure.savefig(buffer, dpi=dpi, bbox_inches="tight", pad_inches=0.06, **options)
    plt.close(figure)
    return DisplayImage(
        data=buffer.getvalue(), format="jpeg" if photo else "png", width=round(figure.get_size_inches()[0] * 96)
    )


def show_sheet(sheet: PILImage, width: int | None = None) -> DisplayImage:
    """A contact sheet of pictures as one JPEG output, `width` pixels wide on the page."""
    buffer = io.BytesIO()
    sheet.convert("RGB").save(buffer, "JPEG", quality=84, optimize=True)
    return DisplayImage(data=buffer.getvalue(), format="jpeg", width=width or sheet.width)
