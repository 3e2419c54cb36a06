"""The benchmark measures what it says, and says nothing where fast and slow disagree. No time is asserted."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pinpoint import bench, bench_rows, timing
from pinpoint.bench import measure
from pinpoint.bench_rows import ROWS, Sizes
from pinpoint.errors import PinpointError
from pinpoint.study.ledger import read_ledger
from pinpoint.timing import Measurement, agree, rate, ratio

TINY = Sizes(scenes=3, queries=40, gallery=60, images=5, vectors=600, searches=12, reranked=3, repeats=3)


@pytest.fixture(scope="module")
def rows() -> dict[str, Measurement]:
    return {row.name: row for row in measure(sizes=TINY)}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_a_median_with_its_spread(rows: dict[str, Measurement], name: str) -> None:
    row = rows[name]
    low, middle, high = row.spread
    assert 0 < low <= middle <= high and middle == row.value
    assert row.repeats == (1 if row.unit == "%" else TINY.repeats)
    rates = ("render", "captions", "encode.images", "encode.texts")
    assert row.unit == ("1/s" if name.startswith(rates) else "%" if name.endswith("recall") else "x")
    assert row.against


def test_rows_say_the_sizes_and_the_encoder(rows: dict[str, Measurement]) -> None:
    assert "40 x 60 scores" in rows["ranks"].against
    assert "12 queries in 600 x 192" in rows["index.exact"].against
    assert "3 scenes at 96 px" in rows["render.natural"].against
    for name in ("store", "encode.images", "encode.texts", "encode.batch"):
        assert bench_rows.encoder().name in rows[name].against
    assert rows["index.hnsw.recall"].value > 90 and rows["index.ivf.recall"].value > 50


def test_a_name_selects_a_row_or_a_group() -> None:
    assert [row.name for row in measure("captions", TINY)] == ["captions"]
    assert [row.name for row in measure("index.ivf", TINY)] == ["index.ivf.speed", "index.ivf.recall"]
    with pytest.raises(PinpointError, match="unknown benchmark 'rend'; known: captions, encode"):
        measure("rend", TINY)


def test_rates_and_ratios_come_from_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that says how long each piece of work took, the arithmetic is exact."""
    took = {"slow": iter([8.0, 6.0, 20.0]), "fast": iter([4.0, 1.0, 2.0])}  # fast: seconds for two runs
    order: list[str] = []

    def clock(work: timing.Work, number: int) -> float:
        kind = str(work())
        order.append(f"{kind} {number}")
        return next(took[kind])

    monkeypatch.setattr(timing, "timeit", clock)
    row = ratio("a.b", lambda: "slow", lambda: "fast", 3, "the other", number=2)
    assert row == Measurement("a.b", 12.0, "x", "the other", 3, (4.0, 12.0, 20.0))
    assert order == ["slow 1", "fast 2"] * 3
    took["fast"] = iter([4.0, 1.0, 2.0])
    row = rate("c", lambda: order.append("warm") or "fast", 20, 3, "twenty items")
    assert row == Measurement("c", 10.0, "1/s", "twenty items", 3, (5.0, 10.0, 20.0))


def test_fast_and_slow_must_agree() -> None:
    a = np.array([[1.0, 2.0]])
    agree("x", a, a + 1e-7, atol=1e-6)
    for other in (a + 1e-3, a[0], a * np.nan):
        with pytest.raises(PinpointError, match="benchmark x: the fast path and the slow one disagree"):
            agree("x", a, other, atol=1e-6)


def _off_by_one(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    return bench_rows.sorted_hits(scores, (target + 1) % scores.shape[1])


@pytest.mark.parametrize(
    ("row", "path", "wrong"),
    [
        ("ranks", "counted_hits", _off_by_one),
        ("index.exact", "best_scores", lambda queries, gallery: np.zeros((len(queries), bench_rows.NEIGHBOURS))),
    ],
)
def test_a_wrong_path_gives_no_speed(monkeypatch: pytest.MonkeyPatch, row: str, path: str, wrong: object) -> None:
    monkeypatch.setattr(bench_rows, path, wrong)
    with pytest.raises(PinpointError, match=f"benchmark {row}: the fast path and the slow one disagree"):
        list(measure(row, TINY))


def test_a_batch_or_a_store_that_changes_a_vector_gives_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = bench_rows.encoder()
    honest = clip.encode_images
    calls = iter(range(100))

    def drifting(images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        return honest(images, batch_size=batch_size) + 1e-3 * next(calls)

    monkeypatch.setattr(clip, "encode_images", drifting)
    for row in ("encode.batch", "store"):
        with pytest.raises(PinpointError, match=f"benchmark {row}: the fast path and the slow one disagree"):
            list(measure(row, TINY))


def test_the_two_ways_to_count_hits_agree_and_are_right() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.3, 0.2, 0.1]], np.float32)
    target = np.array([2, 0])
    expected = [[0, 1, 1, 1], [1, 1, 1, 1]]
    np.testing.assert_array_equal(bench_rows.counted_hits(scores, target), expected)
    np.testing.assert_array_equal(bench_rows.sorted_hits(scores, target), expected)


def test_made_vectors_are_unit_rows_and_fixed() -> None:
    gallery, queries = bench_rows.vectors(50, 7, 16)
    assert gallery.shape == (50, 16) and queries.shape == (7, 16) and gallery.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([gallery, queries]), axis=1), 1.0, atol=1e-6)
    bench_rows.vectors.cache_clear()
    np.testing.assert_array_equal(bench_rows.vectors(50, 7, 16)[0], gallery)


def test_a_random_encoder_says_that_it_is_one(tmp_path: Path) -> None:
    clip = bench_rows._random_clip(tmp_path / "tiny random CLIP")
    assert "tiny random CLIP" in repr(clip)
    assert clip.encode_texts(["a red dog"]).shape == (1, clip.dim)


def test_the_record_holds_every_row_and_keeps_other_chapters(tmp_path: Path, rows: dict[str, Measurement]) -> None:
    from pinpoint.study.ledger import make_entry, merge

    ledger = tmp_path / "recorded.json"
    merge(ledger, "other", {"a.b": make_entry("a.b", 1, None, None, 1, 1, "%", None, "CPU", "other")}, "0")
    bench.put_on_record(ledger, rows.values())
    bench.put_on_record(ledger, rows.values())  # a second record replaces the first
    entries = read_ledger(ledger)
    assert entries.keys() == {"a.b"} | {f"bench.{name}" for name in ROWS}
    entry, row = entries["bench.ranks"], rows["ranks"]
    assert entry.value == pytest.approx(row.value, rel=0.005) and (entry.unit, entry.n) == ("x", row.repeats)
    assert entry.band == pytest.approx(entry.value) and entry.chapter == "bench" and "thread" in entry.device
    assert len(entry.seal) == 12


def test_only_a_whole_table_is_recorded() -> None:
    for arguments in ({"name": "captions"}, {"quick": True}):
        with pytest.raises(PinpointError, match="leave out the name and --quick"):
            bench.report(record=True, **arguments)


def test_three_digits_are_kept() -> None:
    assert [bench.rounded(x) for x in (1234.5, 0.98765, 12.345)] == [1230.0, 0.988, 12.3]


def test_full_sizes_are_those_of_the_benchmarks() -> None:
    full = dataclasses.asdict(bench.FULL)
    assert (full["queries"], full["gallery"]) == (4181, 2297)  # CIRR, validation
    assert (full["vectors"], full["dim"]) == (100_000, 192)


def test_the_command(repository: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pinpoint.cli", "bench", *arguments]
        environment = os.environ | {"PYTHONPATH": str(repository / "src")}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    result = run("captions", "--quick")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("benchmark") and "\ncaptions " in result.stdout
    result = run("nope")
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("error: unknown benchmark 'nope'; known: captions,")
