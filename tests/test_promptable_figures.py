"""The figures of chapter 2 say what the results say, without colour as well, and no text lies on another."""

import itertools
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from pinpoint import labels, plots
from pinpoint import promptable_figures as figures
from pinpoint.diorama import tasks
from pinpoint.errors import PinpointError
from pinpoint.evaluate import evaluate
from pinpoint.promptable import closed_list, facet_prompt
from pinpoint.promptable_cost import Cost
from pinpoint.significance import Estimate

UNSEEN = ("weather", "materials")


class Helped:
    """Random scores, with the right picture lifted by `gain`."""

    def __init__(self, name: str, gain: float):
        self.name, self.gain, self.rng = name, gain, np.random.default_rng(3)

    def scores(self, benchmark, query_slice):
        queries = benchmark.queries[query_slice]
        out = self.rng.standard_normal((len(queries), len(benchmark.gallery))).astype(np.float32)
        for row, query in zip(out, queries, strict=True):
            row[benchmark.gallery.columns(query.relevant)] += self.gain
        return out


@pytest.fixture(scope="module")
def benchmark():
    return tasks.facets("test", 500, 12)


@pytest.fixture(scope="module")
def results(benchmark):
    gains = {"clip": 0.8, "general": 1.0, "linear": 1.6, "linear_ridge": 1.9, "chosen": 2.6, "prompted": 3.0}
    return {name: evaluate(benchmark, Helped(name, gain)) for name, gain in gains.items()}


@pytest.fixture(autouse=True)
def _close():
    plots.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()


def texts_in(figure) -> list[tuple[str, object]]:
    """Every visible text and its box, slanted ones left out: their boxes cross where they do not."""
    figure.canvas.draw()
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and not t.get_rotation() % 90]
    boxes = [(t.get_text(), Text.get_window_extent(t)) for t in found]
    return [(text, box) for text, box in boxes if box.overlaps(figure.bbox)]


def crossing(figure) -> list[tuple[str, str]]:
    """Pairs of texts of which one covers the other by more than a pixel."""
    pairs = []
    for (a, one), (b, other) in itertools.combinations(texts_in(figure), 2):
        wide = min(one.x1, other.x1) - max(one.x0, other.x0)
        high = min(one.y1, other.y1) - max(one.y0, other.y0)
        if wide > 1 and high > 1:
            pairs.append((a, b))
    return pairs


def legend_of(figure) -> list[str]:
    return [t.get_text() for legend in figure.legends for t in legend.get_texts()]


def ticks(axis) -> list[str]:
    return [t.get_text() for t in axis.get_ticklabels()]


def costs_of(*modes: str) -> list[Cost]:
    rows = []
    for images, ms in ((10_000, 0.12), (100_000, 2.5)):
        for i, mode in enumerate(modes):
            fly = mode == "on_the_fly"
            took = images / 2 if fly else ms * (1 + 0.02 * i)
            rows.append(Cost(mode, images, took, took, 0.0 if fly else images * 0.00077, 1.0, 1.0, fly))
    return rows


# -- looks -----------------------------------------------------------------------------------------------------------
def test_modes_differ_without_colour_and_keep_the_books_colours() -> None:
    looks = list(figures.LOOKS.values())
    assert len({(look.marker, look.filled) for look in looks}) == len(looks)
    assert len({(look.colour, look.filled) for look in looks}) == len(looks)
    for name in ("clip", "general", "prompted", "linear"):
        assert figures.LOOKS[name].colour == plots.METHOD_COLOUR[name]
    others = figures.looks(["a", "b", "linear", "c"])
    assert len({look.marker for look in others.values()}) == 4 and others["linear"] is figures.LOOKS["linear"]


# -- recall by facet -------------------------------------------------------------------------------------------------
def test_facets_with_seen_and_unseen_apart(results) -> None:
    figure = figures.modes_by_facet(results, UNSEEN)
    ax = figure.axes[0]
    assert ticks(ax.yaxis) == ["objects", "animals", "gestures", "scenes", "times", "count", "materials", "weather"]
    y = ax.get_yticks()
    gaps = np.diff(y)
    assert gaps[5] > 1.5 * gaps[0] and ax.yaxis_inverted()  # the first on top, the unseen ones apart
    assert "never prompted in training" in [t.get_text() for t in ax.texts]
    assert ax.get_xlabel() == "R@5 in %"
    wanted = [figures.LOOKS[name].label for name in results]
    assert sorted(legend_of(figure)) == sorted([*wanted, "chance"])
    assert not crossing(figure)


def test_dots_stand_at_the_values_with_their_intervals(results) -> None:
    ax = figures.modes_by_facet({"prompted": results["prompted"]}, metric="r1").axes[0]
    bars = ax.containers[0]
    rows = ticks(ax.yaxis)
    estimates = [results["prompted"].metric("r1", facet) for facet in rows]
    np.testing.assert_allclose(bars.lines[0].get_xydata()[:, 0], [e.value for e in estimates])
    ends = [[point[0] for point in segment] for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[e.low, e.high] for e in estimates])
    chance = [segment[0][0] for c in ax.collections if c is not bars.lines[2][0] for segment in c.get_segments()]
    np.testing.assert_allclose(chance, 1.0)  # one of a hundred
    assert not ax.texts and ax.get_xlabel() == "R@1 in %"  # nothing unseen, nothing set apart


# -- the same query twice --------------------------------------------------------------------------------------------
def test_general_above_prompted(results, benchmark) -> None:
    queries = [5, 40]
    figure = figures.same_query_grid(results["general"], results["prompted"], queries, k=4, size=32)
    cells = [ax for ax in figure.axes if ax.images]
    assert len(cells) == 2 * 2 * 4
    titles = [part.get_suptitle().replace("\n", " ") for part in figure.subfigs]
    assert titles == [benchmark.queries[i].text.strip() for i in queries]
    names = [ax.texts[0].get_text() for ax in figure.axes if ax.texts]
    assert [n.split()[0] for n in names] == ["general", "prompted"] * 2
    rank = 1 / results["prompted"].per_query["mrr"][40]
    assert names[3].endswith(f"rank {rank:.0f}")
    shown = [
        (image, image in benchmark.queries[i].relevant)
        for i in queries
        for name in ("general", "prompted")
        for image in results[name].top(i, 4)
    ]
    for ax, (image, right) in zip(cells, shown, strict=True):
        assert ax.get_title(loc="left")[-1] == ("✓" if right else "✗")
        frame = plots.RIGHT if right else plots.WRONG
        assert to_hex(ax.spines["left"].get_edgecolor()) == frame.lower()
        np.testing.assert_array_equal(ax.images[0].get_array(), benchmark.gallery.images.load(image, 32))
    assert {right for _, right in shown} == {True, False}
    assert not crossing(figure)


def test_two_benchmarks_are_not_one_query(results) -> None:
    other = evaluate(tasks.facets("test", 500, 11), Helped("prompted", 3.0))
    with pytest.raises(PinpointError, match="different benchmarks"):
        figures.same_query_grid(results["general"], other, [0])


# -- relevance -------------------------------------------------------------------------------------------------------
def test_relevance_lies_over_its_image(benchmark) -> None:
    images = [benchmark.gallery.images.load(i, 48) for i in benchmark.gallery.ids[:2]]
    rng = np.random.default_rng(0)
    maps = {"What time of day is depicted?": rng.random((2, 6, 6)), "How many people?": 0.5 * rng.random((2, 6, 6))}
    figure = figures.relevance_pictures(images, maps)
    grid = np.array(figure.axes[:6]).reshape(2, 3)
    titles = [ax.get_title(loc="left").replace("\n", " ") for ax in grid[0]]
    assert titles == ["image", *maps]
    for row, image, n in zip(grid, images, (0, 1), strict=True):
        np.testing.assert_array_equal(row[0].images[0].get_array(), image)
        for ax, relevance in zip(row[1:], maps.values(), strict=True):
            grey, heat = ax.images
            assert np.ptp(grey.get_array(), axis=2).max() == 0  # the colours belong to the map
            np.testing.assert_allclose(heat.get_array(), relevance[n] / relevance[n].max())  # each map its own scale
            assert heat.get_extent() == [-0.5, 47.5, 47.5, -0.5] and heat.get_interpolation() == "bicubic"
            assert heat.get_cmap().name == "inferno" and 0 < heat.get_alpha().max() < 1
    assert "relevance" in figure.axes[-1].get_xlabel()
    assert not crossing(figure)


def test_each_image_needs_its_map() -> None:
    with pytest.raises(PinpointError, match="1 relevance maps of 'who' for 2 images"):
        figures.relevance_pictures([np.zeros((8, 8, 3), np.uint8)] * 2, {"who": np.ones((1, 2, 2))})


# -- cost ------------------------------------------------------------------------------------------------------------
def test_cost_against_recall(results) -> None:
    costs = costs_of("clip", "general", "linear", "linear_ridge", "chosen", "prompted", "on_the_fly", "linear_dense")
    figure = figures.cost_against_recall(costs, results)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["10,000 images", "100,000 images"]
    for ax in figure.axes:
        notes = [t.get_text() for t in ax.texts]
        assert len(notes) == 7  # the dense map has no result of its own
        assert "on the fly\nno vectors (extrapolated)" in notes
        assert ax.get_xscale() == "log"
    small = {t.get_text().split("\n")[0]: t for t in figure.axes[0].texts}
    assert small["prompted"].get_text() == "prompted\n7.7 MB"
    prompted = next(c for c in costs if c.mode == "prompted" and c.images == 10_000)
    assert small["prompted"].xy == (prompted.ms_per_query, results["prompted"].macro("r5").value)
    assert small["on the fly"].xy[1] == results["prompted"].macro("r5").value
    assert "milliseconds per query" in figure.axes[1].get_xlabel() and figure.get_supylabel() == "macro R@5 in %"
    assert not crossing(figure)


def test_a_cost_needs_a_result(results) -> None:
    with pytest.raises(PinpointError, match="no mode has both"):
        figures.cost_against_recall(costs_of("linear_dense"), results)


def test_labels_keep_apart_and_inside() -> None:
    """Eight points within a few pixels: every text finds a place of its own."""
    figure, ax = plt.subplots(figsize=(5, 4))
    rng = np.random.default_rng(1)
    points = [(0.5 + x, 0.5 + y, f"mode {i}\n{i} MB") for i, (x, y) in enumerate(0.03 * rng.standard_normal((8, 2)))]
    ax.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    notes = labels.place_labels(ax, points)
    assert [n.get_text() for n in notes] == [text for _, _, text in points]
    assert not crossing(figure)
    frame = ax.get_window_extent()
    for note in notes:
        box = Text.get_window_extent(note)
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_a_lone_label_stands_beside_its_point() -> None:
    figure, ax = plt.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    (note,) = labels.place_labels(ax, [(0.3, 0.5, "here")])
    figure.canvas.draw()
    box, mark = Text.get_window_extent(note), ax.transData.transform((0.3, 0.5))
    assert box.x0 - mark[0] == pytest.approx(labels.REACHES[0] * figure.dpi / 72, abs=1.5)
    assert note.arrow_patch is None


# -- curves ----------------------------------------------------------------------------------------------------------
def test_recall_by_n() -> None:
    curves = {
        "linear": [(10, 30.0, 26.0, 33.0), (100, 50.0, 47.0, 52.0), (1000, 60.0, 58.0, 61.0)],
        "held out": [(10, 28.0, 24.0, 31.0), (100, 45.0, 43.0, 48.0)],
    }
    levels = {"general": Estimate(35.0, 33.0, 37.0, 9), "prompted": Estimate(80.0, 78.0, 82.0, 9)}
    figure = figures.recall_by_n(curves, levels)
    ax = figure.axes[0]
    drawn = {line.get_label(): line for line in ax.lines}
    assert list(drawn) == ["linear, as released", "held out", "general", "prompted"] == legend_of(figure)
    np.testing.assert_allclose(drawn["linear, as released"].get_xydata(), [(10, 30), (100, 50), (1000, 60)])
    assert set(drawn["prompted"].get_ydata()) == {80.0} and set(drawn["general"].get_ydata()) == {35.0}
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (26.0, 61.0)
    assert ax.get_xscale() == "log" and ticks(ax.xaxis) == ["10", "100", "1000"]
    assert ax.get_xlabel() and ax.get_ylabel() == "macro R@5 in %"
    assert len({drawn[n].get_linestyle() for n in ("general", "prompted")}) == 2
    assert not crossing(figure)


def test_dev_curves() -> None:
    facets = ("times", "weather", "animals")
    curve = [
        {"step": 500.0 * k, "r5": 1.0, "times.r1": 0.0}
        | {
            f"{mode}.{facet}.r5": k + 10.0 * (mode == "prompted")
            for facet in facets
            for mode in ("general", "prompted")
        }
        for k in range(1, 5)
    ]
    figure = figures.dev_curves(curve, UNSEEN)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.lines]
    assert titles == ["animals", "times", "weather (unseen)"]  # in the order of the facets
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    np.testing.assert_allclose(lines["prompted"].get_xydata(), [(0.5 * k, k + 10) for k in range(1, 5)])
    np.testing.assert_allclose(lines["general"].get_ydata(), [1, 2, 3, 4])
    assert legend_of(figure) == ["general", "prompted"]
    assert figure.get_supxlabel() == "thousand training steps" and "development split" in figure.get_supylabel()
    assert not crossing(figure)
    alone = figures.dev_curves(curve, metric="r1")
    assert [ax.get_title(loc="left") for ax in alone.axes if ax.lines] == ["times"] and not alone.legends


def test_a_curve_without_facets_says_what_it_has() -> None:
    with pytest.raises(PinpointError, match=r"no r5 of any facet; its keys: step, loss"):
        figures.dev_curves([{"step": 1.0, "loss": 2.0}])


# -- choices ---------------------------------------------------------------------------------------------------------
def test_choices_are_counted_by_distinct_text(benchmark) -> None:
    choice = [closed_list()[0] if q.group == "count" else facet_prompt(q) for q in benchmark.queries]
    figure = figures.choice_map(choice, benchmark.queries)
    ax = figure.axes[0]
    columns, facets = ticks(ax.xaxis), ticks(ax.yaxis)
    assert columns == ["general", *facets, "country"] and len(facets) == 8
    cells = {(facets[round(t.get_position()[1])], columns[round(t.get_position()[0])]): t.get_text() for t in ax.texts}
    expected = {}
    for facet in facets:
        chosen = "general" if facet == "count" else facet
        expected[facet, chosen] = str(len({q.text for q in benchmark.queries if q.group == facet}))
    assert cells == expected
    framed = [(p.get_y() + 0.5, p.get_x() + 0.5) for p in ax.patches]
    assert framed == [(row, row + 1) for row in range(8)]  # the facet's own prompt
    assert ax.get_xlabel() and ax.get_ylabel()
    assert not crossing(figure)


def test_every_figure_draws_without_a_warning(results, benchmark) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.show(figures.modes_by_facet(results, UNSEEN))
        plots.show(figures.cost_against_recall(costs_of(*results, "on_the_fly"), results))
        plots.show(figures.same_query_grid(results["general"], results["prompted"], [0], size=32), photo=True)
        image = benchmark.gallery.images.load(benchmark.gallery.ids[0], 32)
        shown = plots.show(figures.relevance_pictures([image], {"who": np.zeros((1, 3, 3))}), photo=True)
    assert shown.format == "jpeg" and not plt.get_fignums()
