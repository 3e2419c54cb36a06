"""Joint queries and the released evaluation, by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import evaluate
from pinpoint.datasets.dsr import dsr, dsr_records
from pinpoint.diorama import tasks
from pinpoint.errors import PinpointError
from pinpoint.style_protocols import JointRetriever, released_recall, rows_by_kind


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_fusions_by_hand(rng: np.random.Generator) -> None:
    a, b, g = (unit(rng.standard_normal((n, 6))) for n in (3, 3, 5))
    benchmark: Any = None
    scores = {f: JointRetriever("j", a, b, g, f).scores(benchmark, slice(1, 3)) for f in ("max", "mean", "sum")}
    for q, row in enumerate((1, 2)):
        for k in range(5):
            assert scores["sum"][q, k] == pytest.approx(a[row] @ g[k] + b[row] @ g[k], abs=1e-6)
            assert scores["mean"][q, k] == pytest.approx(unit(a[row] + b[row]) @ g[k], abs=1e-6)
            pa, pb = (np.exp(100 * x[row] @ g[k]) / np.exp(100 * x[row] @ g.T).sum() for x in (a, b))
            assert scores["max"][q, k] == pytest.approx(max(pa, pb), rel=1e-4, abs=1e-12)
    np.testing.assert_array_equal(scores["sum"].argsort(), scores["mean"].argsort())  # one ranking, two names
    with pytest.raises(PinpointError, match="unknown fusion 'product'; known: max, mean, sum"):
        JointRetriever("j", a, b, g, "product")
    with pytest.raises(PinpointError, match="3 and 5 queries cannot be joined"):
        JointRetriever("j", a, g, g)


def test_the_released_evaluator_sees_its_batch_alone_and_calls_four_five(rng: np.random.Generator) -> None:
    natural = unit(rng.standard_normal((53, 8)))
    r1, r5 = released_recall(natural, natural)
    assert (r1, r5) == (100, 100)
    constant = np.ones((48, 4))
    r1, r5 = released_recall(constant, constant)
    assert (r1, r5) == pytest.approx((100 / 24, 400 / 24))  # chance, under ties
    query = unit(rng.standard_normal((53, 8)))
    expected = []
    for n in range(48):  # the last five are dropped
        batch = natural[n // 24 * 24 : n // 24 * 24 + 24]
        rank = 1 + (batch @ query[n] > natural[n] @ query[n] + 1e-9).sum()
        expected.append((rank <= 1, rank <= 4))
    assert released_recall(query, natural) == pytest.approx(tuple(100 * np.mean(expected, axis=0)))
    with pytest.raises(PinpointError, match="10 queries are fewer than one batch of 24"):
        released_recall(query[:10], natural[:10])


def test_rows_of_two_kinds_are_of_one_picture() -> None:
    benchmark = tasks.style("dev", gallery=12, queries=5)
    rows = rows_by_kind(benchmark)
    assert set(rows) == {"text", "sketch", "art", "low_res", "glass"}
    for n in range(5):
        assert len({benchmark.queries[r[n]].relevant for r in rows.values()}) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = []
    for n in range(11):
        name = f"{n % 3}/{n}"
        for style in ("images", "sketch", "art", "mosaic"):
            path = tmp_path / style / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((20, 30, 3), 20 * n, np.uint8)).save(path)
        text = tmp_path / "text" / f"{name}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(f"  picture {n}\nanother line\n")
        records.append({"image": f"{name}.jpg", "caption": f"{name}.txt"})
    (tmp_path / "dataset.json").write_text(json.dumps(records))
    return tmp_path


def test_dsr_is_split_by_position_and_read_whole(folder: Path) -> None:
    benchmark = dsr(folder)
    assert benchmark.gallery.ids == ("images/0/0.jpg", "images/2/5.jpg", "images/1/10.jpg")
    assert len(dsr(folder, "train").gallery) == 8 and benchmark.groups == ("text", "sketch", "art", "low_res")
    text, mosaic = benchmark.queries[1], benchmark.queries[-1]
    assert (text.text, text.relevant) == ("picture 5", ("images/2/5.jpg",))
    assert (mosaic.image, mosaic.relevant) == ("mosaic/1/10.jpg", ("images/1/10.jpg",))
    assert benchmark.gallery.images.load(mosaic.image or "", 8).shape == (8, 8, 3)
    assert all(len(set(row)) == 3 for row in rows_by_kind(benchmark).values())
    perfect = np.zeros((12, 3), np.float32)

    class Perfect:
        name = "perfect"

        def scores(self, b: Any, query_slice: slice) -> np.ndarray:
            out = perfect[query_slice].copy()
            for row, query in zip(out, b.queries[query_slice], strict=True):
                row[b.gallery.columns(query.relevant)] = 1
            return out

    assert evaluate(benchmark, Perfect(), depth=3).macro("r1").value == 100


def test_faults_of_dsr_are_named(folder: Path) -> None:
    with pytest.raises(PinpointError, match="unknown split 'dev'; known: test, train"):
        dsr(folder, "dev")
    (folder / "art/2/5.jpg").unlink()
    with pytest.raises(PinpointError, match=r"has no 'art/2/5.jpg'; a record needs a picture in each"):
        dsr(folder)
    (folder / "text/0/0.txt").write_text("\n")
    with pytest.raises(PinpointError, match="has no first line"):
        dsr(folder)
    faults = {
        "[]": "is no list of records",
        '[{"image": "a.jpg"}]': "record 0: not of DSR's form",
        '[{"image": "../a.jpg", "caption": "a.txt"}]': "leads out of the folder",
        '[{"image": "a.jpg", "caption": "a"}, {"image": "a.jpg", "caption": "b"}]': "lists an image twice",
    }
    for content, message in faults.items():
        (folder / "dataset.json").write_text(content)
        with pytest.raises(PinpointError, match=message):
            dsr_records(folder, "test")
