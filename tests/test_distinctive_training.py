"""The objectives of chapter 5: what they take as negatives, what they sum up, what refreshing leaves alone."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from pinpoint.distinctive import relative_zone
from pinpoint.distinctive_data import TripletSet, mentions
from pinpoint.distinctive_model import Composer, candidates_of, queries_of
from pinpoint.distinctive_objectives import Budget, Objective
from pinpoint.distinctive_training import Training, corpus_scores, train
from pinpoint.errors import PinpointError
from qformer_toy import tiny_encoder, tiny_model, tiny_set

BUDGET = Budget(6, 4, refresh=1)
ZONE = Objective("zone", "zone", low=0.1, high=0.5, first=True)


@pytest.fixture(scope="module")
def data() -> TripletSet:
    return tiny_set()


def started(objective: Objective, data: TripletSet, budget: Budget = BUDGET) -> tuple[Composer, Training]:
    return Composer(tiny_model(), objective.attributes), Training(data, objective, budget)


def test_nothing_scored_above_the_target_is_ever_taken(data: TripletSet) -> None:
    model, training = started(ZONE, data)
    training.remake(model)
    scores = corpus_scores(model, data)
    for _ in range(30):
        for row, taken in enumerate(training._draw(np.arange(12))):
            below = scores[row] <= scores[row, data.target[row]]
            assert taken != data.target[row]
            assert below[taken] or below.sum() == 1  # a target that is last has no zone: any other image


def test_a_zone_that_is_empty_falls_back(data: TripletSet) -> None:
    model, training = started(replace(ZONE, low=0.999, high=1.0), data)
    training.remake(model)
    scores = corpus_scores(model, data)
    assert training.pool is not None
    for row, some in enumerate(training.pool.sets):
        zone = relative_zone(scores[row], int(data.target[row]), 0.999, 1.0)
        expected = zone if len(zone) else np.delete(np.arange(40), data.target[row])
        assert len(some) and np.array_equal(some, expected)


def test_a_refresh_leaves_mode_and_weights(data: TripletSet) -> None:
    model, training = started(ZONE, data)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    training.remake(model)
    assert model.training and model.qformer.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("refresh, expected", [(1, [0, 3, 6]), (2, [0, 6]), (0, [0])])
def test_sets_are_made_when_they_are_due(data: TripletSet, refresh: int, expected: list[int]) -> None:
    _, trace, _ = train(tiny_model(), data, ZONE, Budget(9, 4, refresh), 1e-4)
    assert trace.made_at == expected  # three updates are an epoch; none is made after the last


def test_without_a_first_making_the_first_negatives_are_random(data: TripletSet) -> None:
    _, trace, _ = train(tiny_model(), data, Objective("steep", "steep"), Budget(9, 4, 1), 1e-4)
    assert trace.made_at == [3, 6] and trace.negatives == 36 and all(w > 0 for w in trace.width)


def test_false_negatives_are_counted(data: TripletSet) -> None:
    _, training = started(Objective("random", "random"), data)
    training.pool = None
    for _ in range(400):
        taken = training._draw(np.arange(12))
        assert not (taken == data.target).any()
    assert training.trace.false_negative_share == pytest.approx(100 / 39, rel=0.15)  # one of 39 others is valid
    same = replace(data, valid=[frozenset(range(40))] * 12)
    _, training = started(Objective("batch", "batch"), same)
    training._note_batch(np.array([0, 5, 7]))
    assert training.trace.negatives == training.trace.false_negatives == 6


@pytest.mark.parametrize("negatives", ["batch", "batch+zone"])
def test_the_batch_loss_by_hand(data: TripletSet, negatives: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, training = started(Objective("batch", negatives), data)
    rows, taken = torch.tensor([1, 4, 6]), np.array([20, 31, 2])
    monkeypatch.setattr(training, "_draw", lambda _: taken)
    loss = training.loss(model, rows)
    q = queries_of(model, data.seen[data.reference[rows]], data.ids[rows], data.mask[rows])
    c, extra = (candidates_of(model, data.seen[which]) for which in (data.target[rows], taken))
    lists = [[*c, extra[i]] if negatives == "batch+zone" else c for i in range(3)]
    logits = torch.stack([torch.stack([max(q[i] @ t for t in one) for one in some]) for i, some in enumerate(lists)])
    assert_close(loss, cross_entropy(logits / 0.07, torch.arange(3)), atol=1e-5, rtol=1e-4)


def test_the_pair_loss_by_hand(data: TripletSet, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = replace(ZONE, attributes=True, smoothing=0.1, ranking=0.5, attribute=2.0, margin=0.3)
    model, training = started(objective, data)
    rows, taken = torch.tensor([1, 4]), np.array([20, 31])
    monkeypatch.setattr(training, "_draw", lambda _: taken)
    loss = training.loss(model, rows)
    with torch.no_grad():
        asked = model.queries(data.seen[data.reference[rows]].float(), data.ids[rows], data.mask[rows])
        up, down = (candidates_of(model, data.seen[which]) for which in (data.target[rows], taken))

    def s(q: Any, c: Any) -> list[float]:
        return [max(float(a @ token) for token in b) for a, b in zip(q, c, strict=True)]

    pair = rank = 0.0
    for a, b in zip(s(asked.q, up), s(asked.q, down), strict=True):
        p = 1 / (1 + math.exp(-(a - b) / 0.07))
        pair += (0.9 * math.log(0.9 / p) + 0.1 * math.log(0.1 / (1 - p))) / 2
        rank += max(0.0, 0.3 - a + b) / 2
    parts = 0.0
    for name, q in asked.parts.items():
        for row, a, b in zip(rows, s(q, up), s(q, down), strict=True):
            parts += float(data.mentioned[name][row]) * max(0.0, 0.3 - a + b) / 2
    assert float(loss.detach()) == pytest.approx(pair + 0.5 * rank + 2.0 * parts, rel=1e-4)


LEARNING = [Objective("batch", "batch"), Objective("random", "random"), Objective("steep", "steep"), ZONE,
            replace(ZONE, attributes=True, attribute=0.5), replace(ZONE, negatives="batch+zone")]  # fmt: skip


@pytest.mark.parametrize("objective", LEARNING)
def test_every_objective_learns(data: TripletSet, objective: Objective) -> None:
    encoder = tiny_encoder()
    kept = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    model, _, _ = train(encoder.model, data, objective, Budget(40, 6, refresh=5), 3e-3)

    def rank(model: Composer) -> float:
        scores = corpus_scores(model, data)
        return float(np.mean([(row > row[t]).sum() for row, t in zip(scores, data.target, strict=True)]))

    assert rank(model) < 0.6 * rank(Composer(encoder.model, objective.attributes))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in encoder.model.state_dict().items())


def test_what_a_text_names() -> None:
    said = mentions(["make the horse red", "a star-shaped cushion instead", "change it", "Blue, and round"])
    assert said["colour"].tolist() == [1, 0, 0, 0] and said["shape"].tolist()[:3] == [0, 1, 0]


def test_objectives_that_make_no_sense_are_refused() -> None:
    with pytest.raises(PinpointError, match="unknown kind of negatives 'hard'"):
        Objective("x", "hard")
    with pytest.raises(PinpointError, match="objective x: margins of attributes need attribute weights"):
        Objective("x", "zone", attribute=1.0)
