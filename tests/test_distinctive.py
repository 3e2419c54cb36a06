"""Losses and negative sets of QuRe and of our reading of DQE-CIR, on examples small enough for paper."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from pinpoint.distinctive import (
    AttributeQuery,
    NegativePool,
    TokenRetriever,
    attribute_margin_loss,
    bradley_terry,
    ranking_margin,
    relative_zone,
    smoothed_kl,
    steep_drop_set,
    token_scores,
)
from pinpoint.errors import PinpointError


def test_a_score_is_the_best_token() -> None:
    q = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    c = torch.tensor([[[0.2, 0.9], [0.7, 0.1]], [[0.1, 0.3], [0.0, 0.0]]])
    assert_close(token_scores(q, c), torch.tensor([[0.7, 0.1], [0.9, 0.3]]))


def test_bradley_terry_is_the_kl_from_a_hard_label() -> None:
    s, n = torch.tensor([2.0, 0.5]), torch.tensor([1.0, 1.0])
    by_hand = sum(math.log(1 + math.exp(-(a - b))) for a, b in ((2.0, 1.0), (0.5, 1.0))) / 2
    assert bradley_terry(s, n).item() == pytest.approx(by_hand)
    assert smoothed_kl(s, n, 0.0).item() == pytest.approx(by_hand)
    assert ranking_margin(s, n, 0.8).item() == pytest.approx((0 + 1.3) / 2)


def test_a_smoothed_label_pulls_back_what_is_too_far_apart() -> None:
    best = math.log(0.9 / 0.1)
    at = [smoothed_kl(torch.tensor([d]), torch.tensor([0.0]), 0.1).item() for d in (best - 1, best, best + 1)]
    assert at[1] == pytest.approx(0, abs=1e-6) and at[0] > 0.01 and at[2] > 0.01
    with pytest.raises(PinpointError, match=r"label smoothing of 0\.5"):
        smoothed_kl(torch.ones(1), torch.ones(1), 0.5)


def test_the_steep_drop_set_on_paper() -> None:
    # rank:       0    1(target) 2    3    4    5    6    7
    scores = np.array([9.0, 8.0, 7.9, 7.8, 5.0, 4.9, 4.8, 1.0])
    # below the target y = 7.9 7.8 5.0 4.9 4.8 1.0; drops at positions 4 (3.8) and 1 (2.8): more than one apart
    assert steep_drop_set(scores, 1).tolist() == [4, 5, 6]
    shuffled = np.array([3, 7, 0, 5, 1, 2, 6, 4])
    found = steep_drop_set(scores[shuffled], int(np.flatnonzero(shuffled == 1)[0]))
    assert shuffled[found].tolist() == [4, 5, 6]
    scores = np.array([9.0, 8.0, 7.0, 4.0, 3.9, 3.8, 2.0])  # y = 8 7 4 3.9 3.8 2; drops 3.0 at 1, 1.8 at 4
    assert steep_drop_set(scores, 0).tolist() == [3, 4, 5]
    # the two steepest drops are neighbours (0 and 1): the next pair of the walk decides (1 and 4)
    scores = np.array([9.0, 8.0, 5.0, 2.5, 2.4, 2.3, 1.0])
    assert steep_drop_set(scores, 0).tolist() == [3, 4, 5]
    assert steep_drop_set(np.array([3.0, 2.0, 1.0]), 2).tolist() == []  # nothing stands below the target


def test_the_zone_leaves_out_what_beats_the_target_and_both_ends() -> None:
    scores = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, -0.1])
    zone = relative_zone(scores, 1, 0.2, 0.5)  # ten candidates below the target
    assert zone.tolist() == [4, 5, 6] and 0 not in relative_zone(scores, 1, 0.0, 1.0)
    assert relative_zone(scores, 1, 0.0, 1.0).tolist() == list(range(2, 12))
    assert relative_zone(scores, 1, 0.31, 0.33).tolist() == [5]  # empty: the next one below
    assert relative_zone(scores, 11, 0.1, 0.5).tolist() == []
    with pytest.raises(PinpointError, match=r"zone from quantile 0\.5 to 0\.2"):
        relative_zone(scores, 1, 0.5, 0.2)


def test_negatives_are_drawn_without_repetition() -> None:
    pool = NegativePool([np.array([3, 5, 9]), np.array([2])], seed=4)
    assert sorted(pool.draw(0) for _ in range(3)) == [3, 5, 9] == sorted(pool.draw(0) for _ in range(3))
    assert [pool.draw(1), pool.draw(1)] == [2, 2]
    with pytest.raises(PinpointError, match="query number 1 has no negative"):
        NegativePool([np.array([1]), np.array([], dtype=int)])


def test_attribute_queries_are_mixed_by_the_text() -> None:
    torch.manual_seed(0)
    model, tokens = AttributeQuery(16, 8), torch.randn(3, 5, 16)
    text = torch.randn(3, 16)
    assert_close(model(tokens, text)[2], torch.tensor([2.0, 0, 0]).softmax(0).expand(3, 3))  # at first, whatever it is
    torch.nn.init.normal_(model.gate[2].weight)
    q, parts, gates = model(tokens, text)
    assert q.shape == (3, 8) and set(parts) == {"colour", "shape"} and gates.shape == (3, 3)
    assert_close(gates.sum(dim=1), torch.ones(3))
    whole = normalize(model.projections[0](tokens.mean(dim=1)), dim=1)
    by_hand = gates[:, :1] * whole + gates[:, 1:2] * parts["colour"] + gates[:, 2:] * parts["shape"]
    assert_close(q, normalize(by_hand, dim=1))
    weights = ((model.keys[0](tokens) @ model.asks[0](text)[:, :, None])[..., 0] / 4).softmax(dim=1)
    assert_close(parts["colour"], normalize(model.projections[1]((weights[..., None] * tokens).sum(1)), dim=1))
    assert not torch.allclose(model(tokens, text.flip(0))[2], model(tokens, text)[2])
    q.sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_the_margin_of_an_attribute_counts_where_it_is_mentioned() -> None:
    positive = {"colour": torch.tensor([1.0, 0.0]), "shape": torch.tensor([0.0, 1.0])}
    negative = {"colour": torch.tensor([0.0, 1.0]), "shape": torch.tensor([1.0, 0.0])}
    said = {"colour": torch.tensor([1.0, 1.0]), "shape": torch.tensor([0.0, 0.5])}
    # colour: max(0, .2 - 1 + 0) = 0 and .2 - 0 + 1 = 1.2; shape: unsaid, and .5 max(0, .2 - 1 + 0) = 0
    assert attribute_margin_loss(positive, negative, said, 0.2).item() == pytest.approx(0.6)


def test_all_projections_may_start_from_the_plain_one() -> None:
    start = torch.nn.Linear(16, 8)
    model = AttributeQuery(16, 8, start=start)
    assert all(torch.equal(p.weight, start.weight) and p is not start for p in model.projections)


def test_scores_of_a_gallery_with_tokens_do_not_depend_on_the_batch(rng: np.random.Generator) -> None:
    queries, gallery = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 6), (5, 3, 6)))
    bench: Any = SimpleNamespace(queries=range(4), gallery=range(5))
    retriever = TokenRetriever("x", queries, gallery)
    whole = retriever.scores(bench, slice(0, 4))
    assert np.array_equal(whole, np.concatenate([retriever.scores(bench, slice(i, i + 1)) for i in range(4)]))
    assert np.allclose(whole, [[max(q @ token for token in image) for image in gallery] for q in queries], atol=1e-6)
    with pytest.raises(PinpointError, match=r"x: \(4, 5\) queries and images for a benchmark of \(3, 5\)"):
        smaller: Any = SimpleNamespace(queries=range(3), gallery=range(5))
        retriever.scores(smaller, slice(0, 3))


def test_the_example_of_the_sheet() -> None:
    scores = np.array([0.60, 0.70, 0.58, 0.50, 0.40, 0.10])  # the target first
    delta = scores[0] - scores
    zone = [j for j in range(1, 6) if 0.05 <= delta[j] <= 0.30]
    assert [round(float(scores[j]), 2) for j in zone] == [0.5, 0.4]
    # of the four below the target, the quantiles that leave out the nearest and the farthest give the same zone
    assert relative_zone(scores, 0, 0.25, 0.75).tolist() == zone
    ten = torch.tensor([10.0])
    assert bradley_terry(0.60 * ten, 0.50 * ten).item() == pytest.approx(0.3133, abs=1e-4)
    assert ranking_margin(torch.tensor([0.6]), torch.tensor([0.5]), 0.2).item() == pytest.approx(0.10)
