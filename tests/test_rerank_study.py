"""Two stages on a small benchmark: what moves and what must not, ties, K, groups, and both scores together."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.errors import PinpointError
from pinpoint.evaluate import evaluate
from pinpoint.rerank_study import ScoreRetriever, competing, fused, moved, shortlist, two_stage

IDS = tuple("abcdefghijkl")
IMAGES: Any = SimpleNamespace(fingerprint="0")


def bench(members: bool = True) -> Benchmark:
    queries = tuple(
        Query(
            f"q{n}", (IDS[n + 1], IDS[n + 3]), "x", IDS[n], group="one" if n % 2 else "two", target=IDS[n + 1],
            exclude=(IDS[n],), members=IDS[n : n + 4] if members else (),
        )
        for n in range(8)
    )  # fmt: skip
    return Benchmark("toy", "1", "test", Gallery(IDS, IMAGES), queries)


@pytest.fixture
def scores(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first, second = rng.normal(size=(2, 8, 12)).astype(np.float32)
    return first, second


def scorer(second: np.ndarray, seen: list[tuple[int, int]] | None = None) -> Any:
    def score(pairs: np.ndarray) -> np.ndarray:
        if seen is not None:
            seen.extend(map(tuple, pairs.tolist()))
        return second[pairs[:, 0], pairs[:, 1]]

    return score


@pytest.mark.parametrize("k", [1, 5, 10])
def test_recall_at_the_cut_is_stage_1s_exactly(scores: Any, k: int) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 10)
    after, before = two.after(k), two.before
    assert np.array_equal(after.per_query[f"r{k}"], before.per_query[f"r{k}"])
    assert np.array_equal(after.per_query[f"tr{k}"], before.per_query[f"tr{k}"])
    first = competing(bench(), scores[0])
    order = two.retriever(k).order
    assert torch.equal(order[:, k:], first.sort(dim=1, descending=True, stable=True).indices[:, k:])
    fresh = evaluate(bench(), ScoreRetriever("first", scores[0]))
    assert all(np.array_equal(before.per_query[m], fresh.per_query[m]) for m in ("r1", "map5", "rs1"))


def test_within_the_cut_stage_2_decides(scores: Any) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 6)
    for n, row in enumerate(two.retriever(6).order[:, :6].tolist()):
        assert row == sorted(two.top[n].tolist(), key=lambda g: -scores[1][n, g])
        assert n not in row  # the reference never competes


def test_what_lies_outside_of_the_cut_is_not_scored(scores: Any) -> None:
    seen: list[tuple[int, int]] = []
    two = two_stage(bench(members=False), ScoreRetriever("first", scores[0]), scorer(scores[1], seen), 3)
    assert len(seen) == 24 and set(seen) == {(n, g) for n in range(8) for g in two.top[n].tolist()}
    with pytest.raises(PinpointError, match="only 3 candidates were scored; score 4"):
        two.after(4)
    with pytest.raises(PinpointError, match="K is 12, and a query has only 11 images to choose from"):
        two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 12)


def test_a_group_is_scored_whether_in_the_cut_or_not(scores: Any) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 1)
    expected = evaluate(bench(), ScoreRetriever("second", scores[1])).per_query["rs1"]
    assert np.array_equal(two.after(1).per_query["rs1"], expected)
    assert not np.array_equal(two.before.per_query["rs1"], expected)


def test_equal_scores_keep_stage_1s_order(scores: Any) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(np.zeros((8, 12), np.float32)), 8)
    for metric in ("r1", "r5", "mrr", "map5"):
        assert np.allclose(two.after(8).per_query[metric], two.before.per_query[metric])
    equal = torch.zeros(1, 5)
    assert shortlist(equal, 3).tolist() == [[0, 1, 2]]


def test_both_scores_together(scores: Any) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 6)
    assert torch.equal(two.retriever(6, alpha=1.0).order, two.first.sort(dim=1, descending=True, stable=True).indices)
    a, b = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([[10.0, 30.0, 20.0]])
    third = (1.5**0.5) * torch.tensor([[1.0, -1.0, 0.0]])
    assert_close(fused(a, b, 0.25), 0.25 * third - 0.75 * third)
    assert_close(fused(a, torch.ones(1, 3), 0.5), 0.5 * third)  # a stage that does not tell them apart
    with pytest.raises(PinpointError, match=r"alpha is 1\.5"):
        fused(a, b, 1.5)


def test_what_stage_2_puts_right_and_wrong(scores: Any) -> None:
    two = two_stage(bench(), ScoreRetriever("first", scores[0]), scorer(scores[1]), 11)
    right, wrong = moved(two, 11)
    before, after = two.before.per_query["r1"], two.after(11).per_query["r1"]
    assert {n for n in range(8) if after[n] > before[n]} == set(right.tolist())
    assert {n for n in range(8) if after[n] < before[n]} == set(wrong.tolist())
    assert len(right) and len(right) - len(wrong) == pytest.approx((after - before).sum())


def test_pools_are_kept(scores: Any) -> None:
    query = Query("q", ("b",), "x", "a", pool=("a", "b", "c"))
    small = Benchmark("toy", "1", "test", Gallery(IDS, IMAGES), (query,))
    two = two_stage(small, ScoreRetriever("first", scores[0][:1]), scorer(scores[1]), 3)
    assert set(two.top[0].tolist()) == {0, 1, 2}
