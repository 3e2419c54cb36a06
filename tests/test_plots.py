"""Figures: right and wrong told without colour, values written out, outputs within the page's budget."""

import base64
import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from pinpoint import figures, plots
from pinpoint.diorama.draw import render
from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.sheets import grid, sample_sheet, scenes_sheet
from pinpoint.significance import Estimate

BUDGET = 300 * 1024  # of one output, as base64


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return [render(s, "natural", 128) for s in sample_split(30, "train", 16)]


@pytest.fixture(autouse=True)
def _close():
    plots.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()


def rows(photos, right=(True, False, False)):
    return [("Find me an image that contains any cat.\n", [(p, r) for p, r in zip(photos, right, strict=False)])]


def title(ax) -> str:
    return ax.get_title(loc="left")  # where the book's style puts it


def size_of(image) -> int:
    return len(base64.b64encode(image.data))


# -- grids -----------------------------------------------------------------------------------------------------------
def test_right_and_wrong_are_told_without_colour(photos) -> None:
    figure = plots.retrieval_grid(rows(photos, (False, True, False)))
    cells = figure.axes
    assert [title(ax) for ax in cells] == ["", "1 ✗", "2 ✓", "3 ✗"]
    frames = [to_hex(ax.spines["left"].get_edgecolor()) for ax in cells[1:]]
    assert frames == [plots.WRONG.lower(), plots.RIGHT.lower(), plots.WRONG.lower()]
    assert "contains any" in cells[0].texts[0].get_text()
    for ax, photo in zip(cells[1:], photos, strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), photo)


def test_marks_are_in_the_font(photos) -> None:
    """A glyph that the font lacks would be drawn as a box, and warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.show(plots.retrieval_grid(rows(photos)))


def test_references_and_notes(photos) -> None:
    two = rows(photos) + rows(photos[3:], (True,))
    figure = plots.retrieval_grid(two, references=[photos[9], None], notes=["first at 2", "first at 1"])
    first, second = figure.axes[:5], figure.axes[5:]
    assert [title(ax) for ax in first] == ["", "reference", "1 ✓", "2 ✗", "3 ✗"]
    assert [title(ax) for ax in second] == ["", "", "1 ✓", "", ""]
    assert first[0].texts[1].get_text() == "first at 2"
    assert not second[1].images and not second[4].images  # no reference, fewer images: empty cells


def test_a_grid_of_pictures_keeps_the_budget(photos) -> None:
    grid_rows = [(f"query {i}", [(photos[6 * i + k], k == 0) for k in range(6)]) for i in range(5)]
    image = plots.show(plots.retrieval_grid(grid_rows), photo=True)
    assert image.data[:3] == b"\xff\xd8\xff" and image.format == "jpeg"
    assert size_of(image) < BUDGET
    assert np.asarray(Image.open(io.BytesIO(image.data))).std() > 20


def test_a_diagram_is_a_png() -> None:
    figure, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    image = plots.show(figure)
    assert image.data[:8] == b"\x89PNG\r\n\x1a\n" and size_of(image) < BUDGET
    assert np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB"))[0, 0].tolist() == [255, 255, 255]  # opaque


def test_show_closes_the_figure(photos) -> None:
    plots.show(plots.contact_sheet(photos[:2]), photo=True)
    assert not plt.get_fignums()


def test_the_same_figure_is_the_same_bytes(photos) -> None:
    first, second = (plots.show(plots.retrieval_grid(rows(photos)), photo=True).data for _ in range(2))
    assert first == second


# -- bars ------------------------------------------------------------------------------------------------------------
def test_bars_write_their_values() -> None:
    estimates = {"animals": Estimate(52.34, 48.0, 57.0, 200), "count": Estimate(1.0, 0.0, 2.5, 200)}
    _, ax = plt.subplots()
    plots.estimate_bars(ax, estimates, chance={"animals": 1.0, "count": 1.0})
    assert [t.get_text() for t in ax.texts] == ["52.3", "1.0"]
    assert [bar.get_width() for bar in ax.patches] == [52.34, 1.0]
    labels = {label.get_text(): y for label, y in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True)}
    assert labels["animals"] > labels["count"]  # from top to bottom
    ends = [[point[0] for point in segment] for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [[48.0, 57.0], [0.0, 2.5]])
    ticks = [line for line in ax.lines if to_hex(line.get_color()) == plots.METHOD_COLOUR["chance"].lower()]
    assert len(ticks) == 2 and all(list(t.get_xdata()) == [1.0, 1.0] for t in ticks)


def test_methods_have_distinct_colours() -> None:
    assert len(set(plots.OKABE_ITO.values())) == len(plots.OKABE_ITO)
    assert {"clip", "prompted", "chance"} <= set(plots.METHOD_COLOUR)
    brown = "#8C510A"  # the palette has eight colours and chapter 3 nine methods
    assert set(plots.METHOD_COLOUR.values()) <= {*plots.OKABE_ITO.values(), brown}
    assert plots.RIGHT != plots.WRONG


# -- sheets ----------------------------------------------------------------------------------------------------------
def test_a_contact_sheet_names_its_pictures(photos) -> None:
    figure = plots.contact_sheet(photos[:5], titles=list("abcde"), columns=3)
    assert [title(ax) for ax in figure.axes] == ["a", "b", "c", "d", "e", ""]


def test_facet_rows(photos) -> None:
    figure = figures.facet_rows([("times", [("dusk", photos[0]), ("night", photos[1])]), ("count", [("3", photos[2])])])
    assert [title(ax) for ax in figure.axes] == ["", "dusk", "night", "", "3", ""]
    assert [ax.texts[0].get_text() for ax in figure.axes if ax.texts] == ["times", "count"]


def test_held_out_pairs_are_blank() -> None:
    figure = figures.held_out_map((["cat", "dog"], ["red", "blue"], np.array([[3, 0], [5, 1]])))
    shown = figure.axes[0].images[0].get_array()
    assert shown.mask.tolist() == [[False, True], [False, False]]
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["cat", "dog"]


def test_a_sheet_places_pictures_row_by_row() -> None:
    pictures = [np.full((4, 4, 3), 10 * i, np.uint8) for i in range(1, 6)]
    sheet = np.asarray(grid(pictures, columns=3, gap=2, ground=0))
    assert sheet.shape == (4 * 2 + 2, 4 * 3 + 2 * 2, 3)
    for i in range(5):
        top, left = (i // 3) * 6, (i % 3) * 6
        assert (sheet[top : top + 4, left : left + 4] == 10 * (i + 1)).all()
    assert (sheet[:, 4:6] == 0).all() and (sheet[6:, 12:] == 0).all()


def test_sheets_of_scenes() -> None:
    scenes = sample_split(3, "train", 0)
    sheet = np.asarray(scenes_sheet(scenes, "sketch", size=48, columns=2))
    np.testing.assert_array_equal(sheet[:48, :48], render(scenes[0], "sketch", 48))
    np.testing.assert_array_equal(sheet[54:, :48], render(scenes[2], "sketch", 48))
    assert sample_sheet(9, size=32).size == (3 * 38 - 6, 3 * 38 - 6)
    shown = plots.show_sheet(sample_sheet(16, size=192))
    assert shown.format == "jpeg" and size_of(shown) < BUDGET
