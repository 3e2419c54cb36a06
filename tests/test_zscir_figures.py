"""The figures of chapter 3 say what the results say."""

from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pinpoint import zscir_figures as figures
from pinpoint.showcase import composed_grid
from pinpoint.zscir_study import METHODS, scored
from zscir_toy import world


@pytest.fixture(scope="module")
def results() -> Any:
    asked, rng = world().asked, torch.Generator().manual_seed(0)
    return scored(asked, {m: torch.nn.functional.normalize(torch.randn(18, 192, generator=rng)) for m in METHODS})


def texts(figure: Any) -> list[str]:
    figure.draw_without_rendering()
    found = [t.get_text() for ax in figure.axes for t in ax.texts]
    plt.close(figure)
    return found


def entry(value: float) -> Any:
    return SimpleNamespace(value=value, low=value - 2, high=value + 3)


def test_dots_write_their_values(results: Any) -> None:
    written = texts(figures.method_dots(results))
    assert written == [f"{results[m].macro(k).value:.1f}" for k in ("map5", "r1") for m in METHODS]


def test_the_map_of_kinds_has_every_cell(results: Any) -> None:
    written = texts(figures.kind_map(results))
    values = [results[m].metric("map5", kind).value for m in METHODS for kind in results["sum"].groups]
    assert written == [f"{v:.0f}" for v in values]


def test_the_curve_has_a_place_for_none() -> None:
    figure = figures.amount_curve({n: entry(40 + n / 100) for n in (0, 30, 1000)}, {"pic2word": entry(30)})
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "30", "1,000"]
    assert [float(y) for y in ax.lines[0].get_ydata()] == pytest.approx([40, 40.3, 50])
    plt.close(figure)


def test_variants_and_targets_name_their_rows(results: Any) -> None:
    rows = {"as described": {"stage1": entry(40), "two_stage": entry(50)}, "random": {"two_stage": entry(20)}}
    figure = figures.variant_dots(rows)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(rows)
    plt.close(figure)
    figure = figures.target_dumbbells(results)
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [figures.LABELS[m] for m in METHODS]
    plt.close(figure)


def test_a_grid_marks_right_and_wrong_without_colour(results: Any) -> None:
    shown = {m: results[m] for m in ("sum", "two_stage")}
    written = texts(composed_grid(shown, [0, 5], figures.LABELS, k=3))
    marks = [t for t in written if t in "✓✗"]
    queries = results["sum"].benchmark.queries
    expected = ["✓" if i in queries[q].relevant else "✗" for q in (0, 5) for m in shown for i in shown[m].top(q, 3)]
    assert marks == expected and written.count("sum") == 2


def test_words_stand_beside_their_picture() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    written = texts(figures.word_sheet([picture] * 2, {"pic2word": [["red", "dog"], ["cat"]]}))
    assert written == ["Pic2Word", "red, dog", "Pic2Word", "cat"]
