"""Metrics against brute force over all orders of the ties, against ir_measures, and against worked examples."""

from itertools import pairwise, permutations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, Qrel, R, ScoredDoc, Success

from pinpoint import metrics
from pinpoint.errors import PinpointError
from pinpoint.metrics import rank
from pinpoint.significance import bootstrap, mcnemar, paired_bootstrap


def masks(*rows: str) -> np.ndarray:
    """Boolean rows from strings of 0 and 1."""
    return np.array([[c == "1" for c in row] for row in rows])


def orders(scores: np.ndarray, allowed: np.ndarray) -> list[tuple[int, ...]]:
    """Every ranking of the allowed items that the scores permit."""
    items = np.flatnonzero(allowed)
    return [o for o in permutations(items) if all(scores[a] >= scores[b] for a, b in pairwise(o))]


def naive(order: tuple[int, ...], relevant: np.ndarray, k: int) -> dict[str, float]:
    """All metrics of one ranking, by the textbook loops."""
    hits = [bool(relevant[item]) for item in order]
    total, first = sum(hits), hits.index(True) + 1
    precisions = [sum(hits[:p]) / p for p in range(1, k + 1) if p <= len(hits) and hits[p - 1]]
    wrong = sum(not hits[i] and hits[j] for i in range(len(hits)) for j in range(i + 1, len(hits)))
    return {
        "hit": float(any(hits[:k])),
        "true_recall": sum(hits[:k]) / total,
        "ap": sum(precisions) / min(total, k),
        "rr": 1 / first,
        "nrank": wrong / (total * (len(hits) - total)) if total < len(hits) else 0.5,
        "top": float(order[0] == 2),
    }


@pytest.mark.parametrize("seed", range(40))
def test_every_metric_is_its_mean_over_all_orders_of_the_ties(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 2 + seed % 3, 6).astype(np.float32)
    allowed = rng.random(6) < 0.85
    allowed[:2] = True
    relevant = (rng.random(6) < 0.4) & allowed
    relevant[rng.integers(2)] = True
    ranks = rank(scores[None], relevant[None], allowed[None])
    for k in (1, 2, 3, 5, 8):
        expected = [naive(order, relevant, k) for order in orders(scores, allowed)]
        found = {
            "hit": metrics.hit_at_k(ranks, k),
            "true_recall": metrics.true_recall_at_k(ranks, k),
            "ap": metrics.average_precision_at_k(ranks, k),
            "rr": metrics.reciprocal_rank(ranks),
            "nrank": metrics.normalised_rank(ranks),
            "top": metrics.first_is(scores[None], np.array([2]), allowed[None]),
        }
        for name, value in found.items():
            assert value == pytest.approx(np.mean([e[name] for e in expected])), (name, k)


@pytest.mark.parametrize("seed", range(10))
def test_the_single_target_metrics_agree_with_the_mean_over_orders(seed):
    rng = np.random.default_rng(seed)
    scores, target = rng.integers(0, 3, 6).astype(np.float32), rng.integers(6)
    relevant = np.arange(6) == target
    places = [order.index(target) + 1 for order in orders(scores, np.ones(6, bool))]
    ranks = rank(scores[None], relevant[None])
    assert metrics.expected_rank(ranks) == pytest.approx(np.mean(places))
    for k in (1, 2, 4):
        share = np.mean([place <= k for place in places])
        assert metrics.recall_at_k(ranks, k) == pytest.approx(share)
        assert metrics.hit_at_k(ranks, k) == pytest.approx(share)


def random_case(seed: int, n_queries: int = 30, n_items: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((n_queries, n_items)).astype(np.float32)
    relevant = rng.random((n_queries, n_items)) < 0.15
    relevant[:, 0] = True
    return scores, relevant


@pytest.mark.parametrize("seed", range(3))
def test_ir_measures_agrees_and_its_ap_is_divided_by_all_relevant(seed):
    scores, relevant = random_case(seed)
    run = [ScoredDoc(str(q), str(g), float(s)) for q, row in enumerate(scores) for g, s in enumerate(row)]
    qrels = [Qrel(str(q), str(g), int(hit)) for q, row in enumerate(relevant) for g, hit in enumerate(row)]
    theirs = {m: np.zeros(len(scores)) for m in (AP, RR, AP @ 5, R @ 5, R @ 10, Success @ 5, Success @ 1)}
    for value in ir_measures.iter_calc(list(theirs), qrels, run):
        theirs[value.measure][int(value.query_id)] = value.value
    ranks = rank(scores, relevant)
    circo = metrics.average_precision_at_k(ranks, 5)
    assert theirs[AP] == pytest.approx(metrics.average_precision_at_k(ranks))
    assert theirs[RR] == pytest.approx(metrics.reciprocal_rank(ranks))
    assert theirs[Success @ 1] == pytest.approx(metrics.hit_at_k(ranks, 1))
    assert theirs[Success @ 5] == pytest.approx(metrics.hit_at_k(ranks, 5))
    assert theirs[R @ 5] == pytest.approx(metrics.true_recall_at_k(ranks, 5))
    assert theirs[R @ 10] == pytest.approx(metrics.true_recall_at_k(ranks, 10))
    assert theirs[AP @ 5] == pytest.approx(circo * np.minimum(ranks.n_relevant, 5) / ranks.n_relevant)
    assert np.abs(theirs[AP @ 5] - circo).max() > 0.01  # the two rules do differ here


# Worked examples ------------------------------------------------------------------------------------------------


def test_cirr_example_reference_removed_and_subset_of_five():
    # gallery: ref a b c d t z
    scores = np.array([[0.9, 0.7, 0.5, 0.4, 0.3, 0.6, 0.8]], np.float32)
    target, members, allowed = masks("0000010"), masks("1111110"), masks("0111111")
    ranks = rank(scores, target, allowed)
    assert metrics.expected_rank(ranks) == 3
    assert metrics.recall_at_k(ranks, 1) == 0
    assert metrics.recall_at_k(ranks, 5) == 1
    assert metrics.subset_recall_at_k(scores, target, members, 1, allowed) == 0
    assert metrics.subset_recall_at_k(scores, target, members, 2, allowed) == 1
    assert metrics.expected_rank(rank(scores, target)) == 4
    assert metrics.expected_rank(rank(np.where(allowed, scores, -np.inf), target)) == 3


def test_fashion_iq_example_macro_is_not_micro():
    hits, categories = np.array([1, 1, 0, 0, 1, 0, 1.0]), ["dress"] * 4 + ["shirt"] * 2 + ["toptee"]
    assert 100 * metrics.macro(hits, categories) == pytest.approx(66.67, abs=0.005)
    assert 100 * metrics.micro(hits) == pytest.approx(57.14, abs=0.005)


@pytest.mark.parametrize(
    ("listed", "truths", "expected"),
    [
        ([3, 7, 1, 2, 4, 5, 6, 8, 0, 9], {7}, {5: 0.5, 10: 0.5}),
        ([7, 9, 11, 13, 15], {7, 9, 11, 13, 15, 17}, {5: 1.0, 10: 5 / 6}),
        ([0, 20, 1, 21, 22], {0, 1, 2}, {5: (1 + 2 / 3) / 3, 2: 0.5}),
    ],
)
def test_circo_examples(listed, truths, expected):
    scores = np.full((1, 40), -1.0)
    scores[0, listed] = -np.arange(len(listed)) / 100
    scores[0, 17] = -5.0  # the truth that was not listed
    relevant = np.isin(np.arange(40), list(truths))[None]
    for k, value in expected.items():
        assert metrics.average_precision_at_k(rank(scores, relevant), k) == pytest.approx(value)


def test_coco_facet_example_equal_scores_give_chance_not_one_and_not_zero():
    ranks = rank(np.zeros((1, 100)), np.arange(100)[None] == 0)
    assert metrics.recall_at_k(ranks, 1) == pytest.approx(0.01)
    assert metrics.recall_at_k(ranks, 5) == pytest.approx(0.05)
    assert metrics.expected_rank(ranks) == 50.5


# Invariants -----------------------------------------------------------------------------------------------------


def everything(scores: np.ndarray, relevant: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    ranks = rank(scores, relevant, allowed)
    return np.stack([
        metrics.hit_at_k(ranks, 1), metrics.hit_at_k(ranks, 5), metrics.true_recall_at_k(ranks, 5),
        metrics.average_precision_at_k(ranks, 5), metrics.average_precision_at_k(ranks),
        metrics.reciprocal_rank(ranks), metrics.normalised_rank(ranks),
    ])  # fmt: skip


def test_scores_shifted_by_minus_two_change_nothing():
    scores, relevant = random_case(0)
    scores = np.round(scores * 8) / 8  # exact in binary, so that the shift itself rounds nothing, and full of ties
    assert np.array_equal(everything(scores - 2, relevant), everything(scores, relevant))


def test_constant_scores_give_exactly_chance_in_every_metric():
    _, relevant = random_case(1)
    scores = np.full(relevant.shape, 0.25, np.float32)
    n, r = relevant.shape[1], relevant.sum(axis=1)
    ranks = rank(scores, relevant)
    assert np.array_equal(everything(scores, relevant)[:, 0], everything(scores + 1, relevant)[:, 0])
    assert metrics.hit_at_k(ranks, 1) == pytest.approx(r / n)
    assert metrics.true_recall_at_k(ranks, 5) == pytest.approx(np.full(len(r), 5 / n))
    assert metrics.normalised_rank(ranks) == pytest.approx(np.full(len(r), 0.5))
    rng = np.random.default_rng(0)
    shuffled = np.mean([everything(rng.random(relevant.shape), relevant).mean(axis=1) for _ in range(300)], axis=0)
    assert everything(scores, relevant).mean(axis=1) == pytest.approx(shuffled, abs=0.01)
    assert metrics.average_precision_at_k(ranks, 5) == pytest.approx(
        metrics.average_precision_at_k(rank(random_case(2)[0], relevant).shuffled(), 5)
    )


def test_the_order_of_gallery_and_queries_changes_nothing_even_with_half_precision_ties():
    scores, relevant = random_case(3, n_items=400)
    half = scores.astype(np.float16) / np.float16(8)
    assert sum(len(np.unique(row)) < len(row) for row in half) > 20
    expected, rng = everything(half, relevant), np.random.default_rng(1)
    columns, rows = rng.permutation(400), rng.permutation(len(half))
    assert np.array_equal(everything(half[:, columns], relevant[:, columns]), expected)
    assert np.array_equal(everything(half[rows], relevant[rows]), expected[:, rows])
    assert np.array_equal(
        np.concatenate([everything(half[q, None], relevant[q, None]) for q in range(30)], 1), expected
    )


def test_excluded_items_count_in_no_tie_and_a_rerankers_rest_shares_the_last_places():
    scores = np.array([[0.5, 0.5, 0.5, 0.5]])
    assert metrics.recall_at_k(rank(scores, masks("1000"), masks("1100")), 1) == 0.5
    rest = np.array([[0.9, -np.inf, -np.inf, -np.inf]])
    found = rank(rest, masks("0100"), masks("1110"))
    assert metrics.recall_at_k(found, 1) == 0
    assert metrics.recall_at_k(found, 2) == 0.5
    assert metrics.first_is(rest, np.array([0]), masks("0111")) == 0
    assert metrics.first_is(rest, np.array([-1]), masks("1111")) == 0
    assert metrics.first_is(rest - np.inf, np.array([1]), masks("1110")) == pytest.approx(1 / 3)


def test_a_query_that_cannot_be_ranked_is_refused_by_name():
    scores, target = np.zeros((2, 3)), masks("100", "010")
    with pytest.raises(PinpointError, match="query 'blue dog' has a NaN score"):
        rank(np.array([[0, 1, 2], [0, np.nan, 1]]), target, names=["red cat", "blue dog"])
    with pytest.raises(PinpointError, match="query 1 has no relevant item"):
        rank(scores, masks("100", "000"))
    with pytest.raises(PinpointError, match="query 0 has a relevant item that may not compete"):
        rank(scores, target, masks("011", "111"))
    with pytest.raises(PinpointError, match="one target per query"):
        metrics.recall_at_k(rank(scores, masks("110", "010")), 1)


# Intervals and tests --------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_a_plain_bootstrap_and_ignores_the_order_of_queries():
    rng = np.random.default_rng(0)
    values = rng.random(300) ** 3
    plain = np.quantile([rng.choice(values, 300).mean() for _ in range(4000)], [0.025, 0.975])
    estimate = bootstrap(values)
    assert [estimate.low, estimate.high] == pytest.approx(plain, abs=0.006)
    again = bootstrap(rng.permutation(values))
    assert (again.low, again.high, again.value) == (estimate.low, estimate.high, pytest.approx(estimate.value))
    percent = bootstrap(values, scale=100)
    assert (percent.value, percent.n) == (pytest.approx(100 * values.mean()), 300)


def test_the_interval_of_hits_has_the_binomial_width():
    estimate = bootstrap(np.repeat([0.0, 1.0], 110), scale=100)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * 3.37, rel=0.08)


def test_the_macro_interval_resamples_inside_groups():
    values, groups = np.repeat([0.0, 1.0], [900, 10]), ["big"] * 900 + ["small"] * 10
    estimate = bootstrap(values, groups)
    assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.5, 0.5)
    assert bootstrap(values).high < 0.03


def test_mcnemar_counts_only_the_queries_that_one_system_solves():
    a = np.r_[np.ones(60), np.ones(8), np.zeros(2), np.zeros(30)]
    b = np.r_[np.ones(60), np.zeros(8), np.ones(2), np.zeros(30)]
    comparison = mcnemar(a, b, scale=100)
    assert comparison.p == pytest.approx(2 * (1 + 10 + 45) / 2**10)
    assert comparison.difference.value == pytest.approx(6)
    assert mcnemar(a, a).p == 1
    with pytest.raises(PinpointError, match="paired_bootstrap"):
        mcnemar(a / 2, b)


def test_the_paired_bootstrap_finds_a_small_steady_gain_and_no_gain_in_noise():
    rng = np.random.default_rng(0)
    hard = rng.random(200)
    gain = paired_bootstrap(hard + 0.02 + 0.01 * rng.standard_normal(200), hard)
    assert gain.difference.low > 0.015
    assert gain.p < 0.001
    # The two intervals overlap: only the pairs show the gain.
    assert bootstrap(hard + 0.02).low < bootstrap(hard).high
    level = [paired_bootstrap(rng.random(50), rng.random(50), resamples=300).p for _ in range(200)]
    assert 0.01 < np.mean(np.array(level) < 0.05) < 0.12
    with pytest.raises(PinpointError, match="paired"):
        paired_bootstrap(hard, hard[1:])
