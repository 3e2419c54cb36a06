"""evaluate: the protocol lives in the queries, chunking changes nothing, a collapsed system scores chance."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pinpoint.benchmark import (
    Benchmark,
    EmbeddingRetriever,
    Gallery,
    Query,
    Result,
    VectorRetriever,
    evaluate,
    similarity,
)
from pinpoint.errors import PinpointError
from pinpoint.store import Store

SHARED = Path(os.environ.get("PINPOINT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "annotations"


@dataclass(frozen=True)
class Blank:
    """Images nobody looks at."""

    fingerprint: str = "blank"

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        return np.zeros((size or 2, size or 2, 3), np.uint8)


@dataclass(frozen=True)
class Fixed:
    """A system whose scores are given."""

    matrix: np.ndarray
    name: str = "fixed"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        return self.matrix[query_slice]


@dataclass(frozen=True)
class Constant:
    """A collapsed system."""

    name: str = "collapsed"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        return np.full((len(benchmark.queries[query_slice]), len(benchmark.gallery)), 0.3, np.float32)


@dataclass(frozen=True)
class Oracle:
    """Puts the right answers first, the first of them on top; with `only_first`, nothing else."""

    only_first: bool = False
    name: str = "oracle"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        queries = benchmark.queries[query_slice]
        out = np.zeros((len(queries), len(benchmark.gallery)), np.float32)
        for row, query in zip(out, queries, strict=True):
            right = query.relevant[:1] if self.only_first else query.relevant
            row[benchmark.gallery.columns(right)] = np.linspace(2, 1, len(right))
        return out


def make(ids: Iterable[str], queries: Iterable[Query], name: str = "toy") -> Benchmark:
    return Benchmark(name, "1", "test", Gallery(tuple(ids), Blank()), tuple(queries))


def mixed(seed: int = 0, n_queries: int = 23, n_items: int = 60) -> tuple[Benchmark, np.ndarray]:
    """Queries that use every part of the protocol, and scores full of ties."""
    rng = np.random.default_rng(seed)
    ids = [f"i{g}" for g in range(n_items)]
    queries = []
    for n in range(n_queries):
        chosen = [ids[g] for g in rng.permutation(n_items)]
        pool = tuple(chosen[:30]) if n % 3 == 0 else None
        queries.append(Query(
            f"q{n}", tuple(chosen[: 1 + n % 4]), image=chosen[20], pool=pool, exclude=(chosen[20],) * (n % 2),
            group="xyz"[n % 3], target=chosen[0] if n % 2 else None, members=tuple(chosen[i] for i in (0, 5, 6, 20)),
        ))  # fmt: skip
    return make(ids, queries), rng.integers(0, 12, (n_queries, n_items)).astype(np.float32)


def same(a: Result, b: Result, rows: Sequence[int] | slice = slice(None)) -> bool:
    return all(np.array_equal(a.per_query[n][rows], b.per_query[n], equal_nan=True) for n in a.per_query)


def test_chunks_and_orders_change_nothing():
    bench, scores = mixed()
    whole = evaluate(bench, Fixed(scores))
    for chunk in (1, 7, 1000):
        part = evaluate(bench, Fixed(scores), chunk=chunk)
        assert same(whole, part)
        assert np.array_equal(whole.top_columns, part.top_columns)
    rng = np.random.default_rng(1)
    columns, rows = rng.permutation(len(bench.gallery)), rng.permutation(len(bench.queries))
    gallery = Gallery(tuple(bench.gallery.ids[g] for g in columns), bench.gallery.images)
    assert same(whole, evaluate(replace(bench, gallery=gallery), Fixed(scores[:, columns])))
    shuffled = replace(bench, queries=tuple(bench.queries[q] for q in rows))
    assert same(whole, evaluate(shuffled, Fixed(scores[rows])), rows)
    assert same(whole, evaluate(bench, Fixed(scores - 2)))


def test_a_large_gallery_is_scored_in_smaller_chunks_with_the_same_result(monkeypatch):
    bench, scores = mixed()
    whole, sizes = evaluate(bench, Fixed(scores)), []

    @dataclass(frozen=True)
    class Watched(Fixed):
        def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
            sizes.append(query_slice.stop - query_slice.start)
            return super().scores(benchmark, query_slice)

    monkeypatch.setattr("pinpoint.evaluate.CELLS", 60 * 5)
    assert same(whole, evaluate(bench, Watched(scores)))
    assert sizes == [5, 5, 5, 5, 3]


def test_pictures_of_equal_scores_stand_in_gallery_order():
    bench = make("abcde", [Query("q", ("e",))])
    assert evaluate(bench, Fixed(np.array([[1, 2, 1, 2, 1.0]])), depth=4).top(0, 4) == tuple("bdac")
    assert evaluate(bench, Constant(), depth=3).top(0, 3) == tuple("abc")
    ids = [f"{g:03d}" for g in range(500)]
    two_levels = np.tile([0.0, 1.0], 250)[None]
    assert evaluate(make(ids, [Query("q", ("000",))]), Fixed(two_levels), depth=300).top(0, 252) == (
        *ids[1::2], ids[0], ids[2],
    )  # fmt: skip


def test_collapsed_scores_give_chance_in_every_metric_and_group():
    bench, scores = mixed()
    result = evaluate(bench, Constant())
    for name in result.per_query:
        assert np.allclose(result.per_query[name], result.by_chance[name], equal_nan=True), name
        assert result.macro(name).value == pytest.approx(result.chance(name))
        assert result.metric(name, "x").value == pytest.approx(result.chance(name, "x"))
    assert evaluate(bench, Fixed(scores)).chance("r5", "y") == pytest.approx(result.chance("r5", "y"))


def test_chance_is_what_random_rankings_average_to():
    bench, scores = mixed()
    rng, chance = np.random.default_rng(0), evaluate(bench, Fixed(scores)).by_chance
    runs = [evaluate(bench, Fixed(rng.random(scores.shape))).per_query for _ in range(200)]
    for name in chance:
        assert np.nanmean([run[name] for run in runs]) == pytest.approx(np.nanmean(chance[name]), abs=0.02), name


def test_pools_and_exclusions_decide_what_competes():
    ids = "abcdef"
    scores = np.array([[9, 8, 7, 6, 5, 4]] * 3, np.float32)
    queries = [
        Query("whole", ("c",)),
        Query("without a", ("c",), exclude=("a",)),
        Query("pool", ("c",), pool=("c", "e", "f", "a"), exclude=("a",)),
    ]
    result = evaluate(make(ids, queries), Fixed(scores), ks=(1, 2, 3))
    assert [result.per_query[f"r{k}"].tolist() for k in (1, 2, 3)] == [[0, 0, 1], [0, 1, 1], [1, 1, 1]]
    assert result.by_chance["r1"].tolist() == pytest.approx([1 / 6, 1 / 5, 1 / 3])
    assert [result.top(q, 6) for q in range(3)] == [tuple("abcdef"), tuple("bcdef"), tuple("cef")]


def test_the_cirr_example_as_a_benchmark():
    query = Query("1", ("t",), image="ref", exclude=("ref",), target="t", members=("ref", "a", "b", "c", "d", "t"))
    bench = make(["ref", "a", "b", "c", "d", "t", "z"], [query])
    result = evaluate(bench, Fixed(np.array([[0.9, 0.7, 0.5, 0.4, 0.3, 0.6, 0.8]])))
    values = {name: result.metric(name).value for name in ("r1", "r5", "rs1", "rs2", "ref1")}
    assert values == {"r1": 0, "r5": 100, "rs1": 0, "rs2": 100, "ref1": 0}
    kept = replace(bench, queries=(replace(query, exclude=()),))
    result = evaluate(kept, Fixed(np.array([[0.9, 0.7, 0.5, 0.4, 0.3, 0.6, 0.8]])), ks=(3, 4))
    assert (result.metric("r3").value, result.metric("r4").value, result.metric("ref1").value) == (0, 100, 100)


def test_the_annotated_target_alone_decides_the_subset():
    query = Query("q", ("b", "c"), members=("a", "b", "c"))
    scores = np.array([[1.0, 3.0, 2.0, 4.0]])
    assert evaluate(make("abcd", [query]), Fixed(scores)).metric("rs1").value == 100
    assert evaluate(make("abcd", [replace(query, target="c")]), Fixed(scores)).metric("rs1").value == 0


def test_one_annotated_target_is_stricter_than_all_right_answers():
    bench = make("abcd", [Query("q", ("b", "c"), target="c"), Query("without target", ("a",))])
    result = evaluate(bench, Fixed(np.array([[1, 4, 3, 2], [4, 3, 2, 1.0]])))
    assert result.per_query["r1"].tolist() == [1, 1]
    assert result.per_query["tr1"].tolist() == [0.5, 1]
    assert result.per_query["t1"][0] == 0
    assert np.isnan(result.per_query["t1"][1])
    assert result.metric("t1").n == 1
    other = replace(bench, queries=tuple(replace(q, group=q.id) for q in bench.queries))
    assert "| without target | - |" in evaluate(other, Constant()).table(["t1"])
    assert result.metric("map5").value == 100


def test_averages_are_macro_by_name_and_never_micro_by_accident():
    groups = ["dress"] * 4 + ["shirt"] * 2 + ["toptee"]
    hits = [1, 1, 0, 0, 1, 0, 1]
    bench = make("ab", [Query(str(n), ("a",), group=g) for n, g in enumerate(groups)])
    result = evaluate(bench, Fixed(np.array([[1, 0] if hit else [0, 1] for hit in hits], np.float32)))
    assert result.macro("r1").value == pytest.approx(66.67, abs=0.005)
    assert result.micro("r1").value == pytest.approx(57.14, abs=0.005)
    assert result.metric("r1", "dress").value == 50
    with pytest.raises(PinpointError, match=r"macro.*micro"):
        result.metric("r1")
    with pytest.raises(PinpointError, match=r"unknown metric 'r7'; known: .*r10"):
        result.macro("r7")
    with pytest.raises(PinpointError, match="known: dress, shirt, toptee"):
        result.metric("r1", "hat")
    lines = result.table(["r1", "r5"]).splitlines()
    assert lines[0] == "| group | r1 | r5 |"
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "dress", "shirt", "toptee", "macro", "micro", "chance (macro)",
    ]  # fmt: skip
    assert lines[2].startswith("| dress | 50.0 [")


def test_two_systems_are_compared_on_the_same_queries():
    bench, scores = mixed()
    good, bad = evaluate(bench, Oracle()), evaluate(bench, Fixed(scores))
    comparison = good.versus(bad, "r1")
    assert comparison.difference.value == pytest.approx(good.macro("r1").value - bad.macro("r1").value)
    assert comparison.p < 0.01
    single = make("ab", [Query(str(n), ("a",)) for n in range(8)])
    right, wrong = evaluate(single, Oracle()), evaluate(single, Fixed(np.tile([0.0, 1.0], (8, 1))))
    assert right.versus(wrong, "r1").p == pytest.approx(2 / 2**8)
    with pytest.raises(PinpointError, match="different benchmarks"):
        good.versus(right, "r1")


def test_scores_that_cannot_be_ranked_are_refused():
    bench, scores = mixed()
    with pytest.raises(PinpointError, match=r"shape \(23, 59\), expected \(23, 60\)"):
        evaluate(bench, Fixed(scores[:, 1:]))
    scores[9, 3] = np.nan
    with pytest.raises(PinpointError, match="query 'q9' has a NaN"):
        evaluate(bench, Fixed(scores), chunk=4)
    with pytest.raises(PinpointError, match="evaluate with depth=70"):
        evaluate(bench, Constant()).top(0, 70)


def test_the_core_loads_fast_because_it_loads_no_framework():
    heavy = "torch", "transformers", "open_clip", "faiss", "scipy", "matplotlib"
    code = f"import sys, pinpoint.benchmark, pinpoint.index; print([m for m in {heavy} if m in sys.modules])"
    source = str(Path(__file__).parents[1] / "src")
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == "[]"


# From embeddings ------------------------------------------------------------------------------------------------


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_similarity_depends_on_no_batch_and_ties_equal_vectors():
    rng = np.random.default_rng(0)
    query_emb, gallery_emb = unit(rng, 33, 96), np.repeat(unit(rng, 101, 96), 3, axis=0)
    whole = similarity(query_emb, gallery_emb)
    assert whole.dtype == np.float32
    assert whole == pytest.approx(query_emb @ gallery_emb.T, abs=1e-6)
    assert np.array_equal(whole, np.concatenate([similarity(query_emb[n, None], gallery_emb) for n in range(33)]))
    assert np.array_equal(whole, similarity(query_emb, gallery_emb, block=10))
    assert np.array_equal(whole[:, 0::3], whole[:, 2::3])


def test_constant_embeddings_score_exactly_chance():
    bench, scores = mixed()
    one = unit(np.random.default_rng(0), 1, 96)
    same_vectors = VectorRetriever("same", np.tile(one, (len(scores), 1)), np.tile(one, (scores.shape[1], 1)))
    for chunk in (1, 7, 512):
        result = evaluate(bench, same_vectors, chunk=chunk)
        assert all(np.allclose(result.per_query[n], result.by_chance[n], equal_nan=True) for n in result.per_query)
    with pytest.raises(PinpointError, match=r"\(23, 59\).*\(23, 60\)"):
        evaluate(bench, replace(same_vectors, gallery_emb=np.tile(one, (59, 1))))


@dataclass(frozen=True)
class Record:
    name: str = "toy-clip"
    prompt: str = ""


class ToyEncoder:
    """Grey value in, angle out; texts are numbers."""

    record = Record()

    def __init__(self) -> None:
        self.seen = 0

    def encode_images(self, images: Iterable[np.ndarray]) -> np.ndarray:
        greys = [float(image.mean()) for image in images]
        self.seen += len(greys)
        return self._turn(greys)

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return self._turn([float(text) for text in texts])

    def _turn(self, values: list[float]) -> np.ndarray:
        angle = np.array(values) / 255
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Greys:
    fingerprint: str = "greys"

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        return np.full((size or 3, size or 3, 3), int(image_id), np.uint8)


def test_text_to_image_from_encoder_to_recall_with_the_gallery_stored_once(tmp_path):
    gallery = Gallery(tuple(str(g) for g in range(0, 250, 10)), Greys())
    queries = tuple(Query(f"{n}", (str(n),), text=str(n + 2)) for n in range(0, 250, 30))
    bench = Benchmark("greys", "1", "test", gallery, queries)
    encoder = ToyEncoder()
    result = evaluate(bench, EmbeddingRetriever(encoder, Store(tmp_path)), chunk=2)
    assert (result.retriever, result.metric("r1").value, encoder.seen) == ("toy-clip", 100, 25)
    assert result.top(1, 2) == ("30", "40")
    evaluate(bench, EmbeddingRetriever(encoder, Store(tmp_path)))
    assert encoder.seen == 25
    wordless = replace(bench, queries=(Query("silent", ("0",)),))
    with pytest.raises(PinpointError, match="'silent' has no text; toy-clip needs one"):
        evaluate(wordless, EmbeddingRetriever(encoder, Store(tmp_path)))


# The published benchmarks, from their annotations ----------------------------------------------------------------


def annotation(path: str) -> object:
    if not (SHARED / path).is_file():
        pytest.skip(f"no annotations at {SHARED / path}")
    return json.loads((SHARED / path).read_text())


def cirr() -> Benchmark:
    records, names = annotation("cirr/captions/cap.rc2.val.json"), annotation("cirr/image_splits/split.rc2.val.json")
    return make(names, (
        Query(str(r["pairid"]), (r["target_hard"],), image=r["reference"], exclude=(r["reference"],),
              members=tuple(r["img_set"]["members"])) for r in records
    ), "cirr")  # fmt: skip


def test_cirr_counts_chance_and_oracle():
    bench = cirr()
    assert (len(bench.queries), len(bench.gallery)) == (4181, 2297)
    collapsed = evaluate(bench, Constant())
    for name, percent in {"r1": 0.044, "r5": 0.22, "r10": 0.44, "r50": 2.18}.items():
        assert collapsed.metric(name).value == pytest.approx(percent, abs=0.005)
        assert collapsed.chance(name) == pytest.approx(100 * int(name[1:]) / 2296)
    for k in (1, 2, 3):
        assert collapsed.metric(f"rs{k}").value == pytest.approx(20 * k)
    oracle = evaluate(bench, Oracle())
    assert all(oracle.metric(name).value == 100 for name in ("r1", "r5", "r10", "r50", "rs1", "rs2", "rs3"))


@pytest.mark.parametrize(
    ("category", "size", "percent"), [("dress", 3817, 0.26), ("shirt", 6346, 0.16), ("toptee", 5373, 0.19)]
)
def test_fashion_iq_counts_chance_and_oracle(category, size, percent):
    records = annotation(f"fashion-iq/captions/cap.{category}.val.json")
    names = annotation(f"fashion-iq/image_splits/split.{category}.val.json")
    queries = [Query(str(n), (r["target"],), image=r["candidate"]) for n, r in enumerate(records)]
    bench = make(names, queries[::10], category)
    assert len(bench.gallery) == size
    assert evaluate(bench, Constant()).metric("r10").value == pytest.approx(percent, abs=0.005)
    assert evaluate(bench, Oracle()).metric("r10").value == 100


def test_circo_oracle_needs_all_truths():
    records = annotation("circo/circo_annotations_val.json")
    ids = sorted({str(i) for r in records for i in (*r["gt_img_ids"], r["reference_img_id"])})
    bench = make([*ids, *(f"other {n}" for n in range(1000))], (
        Query(str(r["id"]), tuple(map(str, r["gt_img_ids"])), image=str(r["reference_img_id"]),
              target=str(r["target_img_id"])) for r in records
    ))  # fmt: skip
    assert len(bench.queries) == 220
    assert np.mean([len(q.relevant) for q in bench.queries]) == pytest.approx(4.16, abs=0.005)
    assert all(q.target == q.relevant[0] for q in bench.queries)
    oracle, partial = evaluate(bench, Oracle()), evaluate(bench, Oracle(only_first=True))
    for k in (5, 10, 25, 50):
        assert oracle.metric(f"map{k}").value == pytest.approx(100)
        assert 20 < partial.metric(f"map{k}").value < 60
        assert oracle.chance(f"map{k}") < 1
    assert partial.metric("r5").value == partial.metric("t5").value == 100
