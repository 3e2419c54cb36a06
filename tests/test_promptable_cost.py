"""What is timed is what the modes do, and the sums are right. No time is asserted."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint import promptable_cost as cost
from pinpoint import promptable_timing as timing
from pinpoint.errors import PinpointError
from pinpoint.index import build
from pinpoint.linear import LinearMap
from pinpoint.timing import summary

MODES = {"clip", "general", "prompted", "chosen", "linear", "linear_dense"}
rng = np.random.default_rng(0)


def unit(*shape: int) -> np.ndarray:
    emb = rng.standard_normal(shape, np.float32)
    return emb / np.linalg.norm(emb, axis=-1, keepdims=True)


@pytest.fixture(scope="module")
def vectors() -> cost.ModeVectors:
    """P = 3 prompts, D = 8, N = 5 samples for the map, a CLIP of width 6."""
    linear = LinearMap((rng.standard_normal((8, 5)), rng.standard_normal((5, 8))))
    return cost.ModeVectors(unit(70, 8), unit(40, 8), unit(3, 40, 8), unit(3, 8), linear, unit(70, 6), unit(40, 6))


@pytest.fixture
def encoding() -> cost.Encoding:
    """1 ms for one prompt, 3 ms for three, 2 ms for three with one prefix."""
    return cost.Encoding(*(summary("", [value], "", "") for value in (0.001, 0.003, 0.002, 1.5)))


class Clock:
    """Says how long each piece of work took, and runs it."""

    def __init__(self, *seconds: float):
        self.seconds = iter(seconds)

    def __call__(self, work, number: int) -> float:
        for _ in range(number):
            work()
        return next(self.seconds)


# -- searching -------------------------------------------------------------------------------------------------------
def test_a_gallery_is_widened_by_near_copies(vectors) -> None:
    wide = timing.widened(vectors.general, 100, seed=1)
    assert wide.shape == (100, 8) and wide.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(wide, axis=1), 1, atol=1e-6)
    assert len(np.unique(wide, axis=0)) == 100
    nearest = build(vectors.general).search(wide, 1)[1][:, 0]
    np.testing.assert_array_equal(nearest, np.arange(100) % 40)
    assert (wide != timing.widened(vectors.general, 100, seed=2)).any()


def test_each_mode_searches_its_own_table(vectors) -> None:
    searches = timing._searches(vectors, 40)
    assert set(searches) == MODES
    query = vectors.queries[:4]
    expected = {
        "clip": vectors.clip_queries[:4] @ vectors.clip.T,
        "general": query @ vectors.general.T,
        "prompted": query @ vectors.tables[0].T,
        "linear": (query @ vectors.linear.matrix) @ vectors.general.T,  # rows of W^T q
    }
    expected["linear_dense"] = expected["linear"]
    for mode, scores in expected.items():
        search, queries = searches[mode]
        np.testing.assert_array_equal(search(queries[:4])[1][:, 0], scores.argmax(axis=1), err_msg=mode)


def test_the_query_chooses_its_prompt(vectors) -> None:
    tables = [build(table) for table in vectors.tables]
    scores, rows = timing.chosen_search(tables, vectors.prompts, vectors.queries, 4)
    choice = (vectors.queries @ vectors.prompts.T).argmax(axis=1)
    assert set(choice) == {0, 1, 2}
    for q, prompt in enumerate(choice):
        alone = tables[prompt].search(vectors.queries[q : q + 1], 4)
        np.testing.assert_array_equal(rows[q], alone[1][0])
        np.testing.assert_allclose(scores[q], alone[0][0], rtol=1e-5)


def test_times_are_per_query_and_in_milliseconds(vectors, monkeypatch) -> None:
    """Two rounds of six modes, each 16 s one by one and 128 s in a batch of 64; the first round does not count."""
    first, second = [9999.0] * 12, [16.0, 128.0] * 6
    monkeypatch.setattr(timing, "timeit", Clock(*first, *second))
    timed = cost.search_ms(vectors, 60, repeats=1)
    assert set(timed) == MODES
    for single, batch in timed.values():
        assert (single.value, batch.value) == (1000.0, 2000.0) and single.unit == "ms"
        assert "60 images, one thread" in single.against


def test_modes_run_on_one_thread_and_give_the_others_back() -> None:
    import faiss
    import torch

    before = faiss.omp_get_max_threads(), torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), timing.one_thread():
        assert (faiss.omp_get_max_threads(), torch.get_num_threads()) == (1, 1)
        raise ZeroDivisionError
    assert (faiss.omp_get_max_threads(), torch.get_num_threads()) == before


def test_real_clocks_tick(vectors) -> None:
    timed = cost.search_ms(vectors, 200, repeats=2)
    for single, batch in timed.values():
        assert single.repeats == batch.repeats == 2
        assert 0 < single.spread[0] <= single.value and 0 < batch.spread[0] <= batch.value


def test_too_few_queries_or_tables_are_refused(vectors) -> None:
    with pytest.raises(PinpointError, match="needs 64 query vectors, not 10"):
        replace(vectors, queries=vectors.queries[:10])
    with pytest.raises(PinpointError, match="2 tables for 3 prompts"):
        replace(vectors, tables=vectors.tables[:2])


# -- encoding --------------------------------------------------------------------------------------------------------
class Stub:
    """Encodes a picture as its mean and the length of the prompt; `drift` makes the shared way wrong."""

    def __init__(self, drift: float = 0.0):
        self.drift, self.calls = drift, []

    def encode_images(self, images, prompt=None):
        self.calls.append(prompt)
        rows = np.array([[image.mean(), len(prompt)] for image in images])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode_prompts(self, images, prompts):
        self.calls.append(tuple(prompts))
        return np.stack([Stub().encode_images(images, p) for p in prompts]) + self.drift


def test_encoding_is_timed_per_image(monkeypatch) -> None:
    monkeypatch.setattr(timing, "timeit", Clock(4.0, 12.0, 6.0))
    encoder = Stub()
    found = cost.encode_seconds(encoder, [np.ones((2, 2, 3))] * 4, ["who", "where", "when?"], repeats=1)
    assert (found.one.value, found.apart.value, found.shared.value, found.speed_up.value) == (1.0, 3.0, 1.5, 2.0)
    timed = ["who", "who", "where", "when?", ("who", "where", "when?")]
    assert encoder.calls[-5:] == timed
    assert "4 images, one thread, 3 prompts" in found.apart.against


def test_no_speed_without_equal_results() -> None:
    with pytest.raises(PinpointError, match="shared prefix: the fast path and the slow one disagree"):
        cost.encode_seconds(Stub(drift=0.01), [np.ones((2, 2, 3))], ["who", "where"], repeats=1)


# -- adding up -------------------------------------------------------------------------------------------------------
def test_storage_of_the_paper() -> None:
    """Ten prompts, 3072 wide, half precision: 61,440 bytes an image."""
    assert cost.storage_bytes(1, 3072, 10, bytes_per=2) == 61_440


def test_storage_by_hand(vectors) -> None:
    """100 images, D = 8, P = 3, N = 5, CLIP 6 wide, four bytes a number."""
    general = 100 * 8 * 4
    assert cost.mode_storage(vectors, 100) == {
        "clip": 100 * 6 * 4,
        "general": general,
        "prompted": 3 * general,
        "chosen": 3 * general + 3 * 8 * 4,
        "linear": general + 3 * 2 * 8 * 5 * 4,
        "linear_dense": general + 3 * 8 * 8 * 4,
        "on_the_fly": 0,
    }


def test_costs_by_hand(vectors, encoding, monkeypatch) -> None:
    monkeypatch.setattr(timing, "timeit", Clock(*[1.0] * 12, *[16.0, 128.0] * 6))
    rows = {row.mode: row for row in cost.costs(vectors, encoding, 0.0005, 1000, repeats=1, samples=5)}
    assert set(rows) == MODES | {"on_the_fly"}
    assert rows["general"] == cost.Cost("general", 1000, 1000.0, 2000.0, 0.032, 1.0, 0.0)
    assert [rows[m].table_s for m in ("clip", "prompted", "chosen", "on_the_fly")] == [0.5, 2.0, 2.0, 0.0]
    assert rows["linear"].table_s == pytest.approx(1.0 + 5 * 0.002)  # the general table, and five images thrice
    assert (rows["prompted"].new_prompt_s, rows["linear"].new_prompt_s) == (1.0, 0.005)
    fly = rows["on_the_fly"]
    assert fly.ms_per_query == 1000 * 1.0 + 1000.0 and fly.ms_in_batch == 1000 / 64 + 2000.0
    assert [row.mode for row in rows.values() if row.extrapolated] == ["on_the_fly"]


def test_break_even_by_hand() -> None:
    """G = 1000 images at 0.5 s. The table takes 500 s; 100 samples 50 s; a query on the fly over 50 candidates 25 s."""
    even = cost.break_even(0.5, 1000, candidates=50, fit_s=0.0, map_s=5.0)
    assert even.table_over_on_the_fly == 20.0
    assert even.linear_over_on_the_fly == 2.5  # 50 / (25 - 5)
    assert even.table_over_linear == 90.0  # (500 - 50) / 5


def test_the_lines_cross_where_it_says() -> None:
    e, size, c, n, f, m, t = 0.2, 5000, 300, 80, 3.0, 0.01, 0.05
    even = cost.break_even(e, size, candidates=c, table_s_per_image=t, samples=n, fit_s=f, map_s=m)

    def totals(queries: float) -> tuple[float, float, float]:
        return size * t, n * e + f + queries * m, queries * c * e

    table, _, fly = totals(even.table_over_on_the_fly)
    assert table == pytest.approx(fly)
    _, linear, fly = totals(even.linear_over_on_the_fly)
    assert linear == pytest.approx(fly)
    table, linear, _ = totals(even.table_over_linear)
    assert table == pytest.approx(linear)


def test_break_even_at_the_edges() -> None:
    whole = cost.break_even(0.5, 1000)  # the whole gallery is encoded for every query: the table pays at the first
    assert whole.table_over_on_the_fly == 1.0 and whole.linear_over_on_the_fly == 0.1
    assert whole.table_over_linear == np.inf  # mapping a query costs nothing, so the table never catches up
    assert cost.break_even(0.5, 100, map_s=0.1).table_over_linear == 0.0  # as many samples as images
    assert cost.break_even(0.5, 1000, candidates=2, map_s=2.0).linear_over_on_the_fly == np.inf
    with pytest.raises(PinpointError, match="needs a positive time"):
        cost.break_even(0.0, 1000)
