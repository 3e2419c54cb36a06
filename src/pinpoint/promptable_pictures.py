"""What a prompt changes, seen: the same query with and without it, and where in an image it makes the model look."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from pinpoint.errors import PinpointError
from pinpoint.plots import RIGHT, WRONG, picture
from pinpoint.result import Result


def same_query_grid(
    general: Result, prompted: Result, queries: Sequence[int], k: int = 5, size: int = 128, cell: float = 1.0
) -> Figure:
    """For each query (an index) the first k pictures of both results, one above the other, framed right or wrong."""
    if general.benchmark.digest != prompted.benchmark.digest:
        raise PinpointError("the two results are of different benchmarks; compare systems on one benchmark only")
    figure = plt.figure(figsize=(cell * (k + 1) + 0.1, len(queries) * (2 * (cell + 0.2) + 0.3)))
    parts = figure.subfigures(len(queries), 1, hspace=0.02, squeeze=False)[:, 0]
    for part, i in zip(parts, queries, strict=True):
        query = general.benchmark.queries[i]
        text = textwrap.fill((query.text or query.id).strip(), 70)
        part.suptitle(text, fontsize=10, fontweight="bold", x=0.01, ha="left")
        axes = part.subplots(2, k + 1, gridspec_kw={"width_ratios": [0.95] + [1] * k, "wspace": 0.02})
        for line, name, result in zip(axes, ("general", "prompted"), (general, prompted), strict=True):
            for ax in line:
                ax.axis("off")
            line[0].text(
                0, 0.5, f"{name}\n\nright at\nrank {1 / result.per_query['mrr'][i]:.0f}", va="center", fontsize=9
            )
            for rank, (ax, image) in enumerate(zip(line[1:], result.top(i, k), strict=False), start=1):
                right = image in query.relevant
                ax.axis("on")
                pixels = result.benchmark.gallery.images.load(image, size)
                picture(ax, pixels, f"{rank} {'✓' if right else '✗'}", RIGHT if right else WRONG, width=3)
    return figure


def relevance_pictures(images: Sequence[np.ndarray], maps: Mapping[str, np.ndarray], cell: float = 1.45) -> Figure:
    """Each image (H, W, 3), then where each prompt looks in it: maps label -> (N, h, w), each on its own scale.

    How much of the attention goes to the image at all depends on the length of the prompt, so levels do not compare.

    The map lies over the image in grey, denser where it is greater, and is interpolated between its h x w tokens.
    """
    for label, relevance in maps.items():
        if len(relevance) != len(images):
            raise PinpointError(f"{len(relevance)} relevance maps of {label!r} for {len(images)} images; give one each")
    columns = len(maps) + 1
    figure, axes = plt.subplots(
        len(images), columns, figsize=(cell * columns + 0.1, cell * len(images) + 0.9), squeeze=False
    )
    heat = None
    for n, image in enumerate(images):
        picture(axes[n, 0], image)
        for ax, relevance in zip(axes[n, 1:], maps.values(), strict=True):
            picture(ax, np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2))
            extent = (-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5)
            share = relevance[n] / (float(relevance[n].max()) or 1.0)
            heat = ax.imshow(
                share, cmap="inferno", vmin=0, vmax=1, alpha=0.35 + 0.45 * share, extent=extent, interpolation="bicubic"
            )
    for ax, label in zip(axes[0], ("image", *maps), strict=True):
        ax.set_title(textwrap.fill(label, round(11.5 * cell)), fontsize=9, fontweight="normal", pad=4)
    if heat is not None:
        bar = figure.colorbar(heat, ax=axes, orientation="horizontal", shrink=0.6, aspect=30, pad=0.02)
        bar.set_label("relevance of a place, the greatest in its picture = 1", fontsize=9)
        bar.ax.tick_params(labelsize=9)
    return figure


def question_sheet(image: np.ndarray, asked: Sequence[tuple[str, str]]) -> Figure:
    """A picture, and questions about it with their answers, (question, answer) each."""
    figure, (left, right) = plt.subplots(
        2, 1, figsize=(5.6, 2.6 + 0.3 * len(asked)), gridspec_kw={"height_ratios": [2.4, 0.3 * len(asked)]}
    )
    picture(left, image)
    right.axis("off")
    for row, (question, answer) in enumerate(asked):
        y = 1 - (row + 0.5) / len(asked)
        right.text(0.0, y, question, transform=right.transAxes, fontsize=9, va="center", fontweight="bold")
        right.text(0.62, y, textwrap.shorten(answer, 44), transform=right.transAxes, fontsize=9, va="center")
    return figure
