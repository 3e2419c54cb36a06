"""Both stages of chapter 6: what they sum up, which negatives they take, what ranking leaves alone; and they learn."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize
from torch.testing import assert_close

from pinpoint.distinctive_data import TripletSet
from pinpoint.encoders.blip import match_logits
from pinpoint.errors import PinpointError
from pinpoint.rerank_data import trimmed
from pinpoint.rerank_model import Filter, Reranker, candidates_of, queries_of
from pinpoint.rerank_training import (
    Budget,
    Draws,
    Negatives,
    RerankTraining,
    equal_pairs,
    filter_loss,
    ranks_of,
    train_filter,
    train_reranker,
)
from rerank_toy import tiny_blip, tiny_set

HARD = Negatives(3, 2, 20)


@pytest.fixture(scope="module")
def data() -> TripletSet:
    return tiny_set()


@pytest.fixture(scope="module")
def blip() -> Any:
    return tiny_blip()


def stage1_of(blip: Any) -> Filter:
    return Filter(blip).eval().requires_grad_(False)


def test_a_query_is_blips_text_encoder_reading_the_reference(data: TripletSet, blip: Any) -> None:
    stage1, rows = stage1_of(blip), [0, 1, 5]
    seen, ids, mask = data.seen[rows].float(), data.ids[rows], data.mask[rows]
    grounded = stage1.queries(seen, ids, mask)
    assert_close(blip.itm_head(grounded.z[:, 0]), match_logits(blip, ids, mask, seen))
    assert_close(grounded.q, normalize(blip.text_proj(grounded.z[:, 0]), dim=1))
    assert_close(stage1.candidates(seen), normalize(blip.vision_proj(seen[:, 0]), dim=1))
    assert stage1.scale.item() == pytest.approx(1 / 0.07)
    assert all(p.requires_grad for p in Filter(blip).parameters())


def test_queries_do_not_depend_on_batch_and_order(data: TripletSet, blip: Any) -> None:
    stage1, seen = stage1_of(blip), data.seen[torch.from_numpy(data.reference)]
    whole = queries_of(stage1, seen, data.ids, data.mask)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    parts = queries_of(stage1, seen[order], data.ids[order], data.mask[order], batch=5)
    assert_close(parts.q, whole.q[order], atol=1e-5, rtol=1e-4)
    assert_close(parts.z, whole.z[order], atol=1e-5, rtol=1e-4)
    assert (whole.z[data.mask == 0] == 0).all() and trimmed(data.ids[:1], data.mask[:1])[0].shape == (1, 3)


def test_stage_1s_loss_by_hand(data: TripletSet, blip: Any) -> None:
    stage1, rows = stage1_of(blip), torch.tensor([1, 4, 6])
    q = queries_of(stage1, data.seen[data.reference[rows]], data.ids[rows], data.mask[rows]).q
    c = candidates_of(stage1, data.seen[data.target[rows]])
    logits = torch.tensor([[float(a @ b) / 0.07 for b in c] for a in q])
    assert_close(filter_loss(stage1, data, rows), cross_entropy(logits, torch.arange(3)), atol=1e-5, rtol=1e-4)


def test_ranks_are_stage_1s_without_the_reference_and_leave_its_mode(data: TripletSet, blip: Any) -> None:
    stage1 = Filter(blip).train()
    before = {name: tensor.clone() for name, tensor in stage1.state_dict().items()}
    ranks = ranks_of(stage1, data, 39)
    assert stage1.training and stage1.text_encoder.training and ranks.shape == (12, 39)
    assert all(torch.equal(tensor, before[name]) for name, tensor in stage1.state_dict().items())
    c = candidates_of(stage1, data.seen)
    q = queries_of(stage1, data.seen[torch.from_numpy(data.reference)], data.ids, data.mask).q
    for n, row in enumerate(ranks):
        assert data.reference[n] not in row
        scores = (c @ q[n])[torch.from_numpy(row)]
        assert (scores.diff() <= 1e-6).all()


def test_hard_negatives_come_from_the_ranks_asked_for_and_are_never_the_target(data: TripletSet, blip: Any) -> None:
    stage1 = stage1_of(blip)
    draws, ranks = Draws(stage1, data, Negatives(3, 5, 15), Budget(60, 12)), ranks_of(stage1, data, 15)
    batches = [draws(i) for i in range(60)]
    drawn = np.stack([taken[rows.argsort()].numpy() for rows, taken in batches])  # (60, 12, 3)
    assert all(torch.equal(a, b) for i in (0, 59) for a, b in zip(draws(i), batches[i], strict=True))
    for n in range(12):
        expected = set(ranks[n, 4:].tolist()) - {int(data.target[n])}
        assert set(drawn[:, n].ravel().tolist()) == expected
        assert all(len(set(some)) == 3 for some in drawn[:, n].tolist())
    assert len({drawn[k].tobytes() for k in range(60)}) > 50  # anew at every update
    false = sum(int(t) == 2 * n + 1 for n in range(12) for t in drawn[:, n].ravel())
    assert draws.false_negative_share == pytest.approx(100 * false / drawn.size) and false
    assert Draws(stage1, data, Negatives(3, 2, 30, spare=True), Budget(60, 12)).false_negative_share == 0


def test_negatives_that_do_not_exist_are_refused(data: TripletSet, blip: Any) -> None:
    with pytest.raises(PinpointError, match=r"7 negatives from ranks 2 to 4, of which a query has [23]; widen"):
        Draws(stage1_of(blip), data, Negatives(7, 2, 4), Budget(1, 4))
    with pytest.raises(PinpointError, match="negatives from ranks 9 to 3"):
        Negatives(1, 9, 3)


def test_both_ways_of_stage_2_score_equally_many_pairs() -> None:
    budget = Budget(900, 16, 5)
    assert equal_pairs(budget, Negatives()) == budget
    for count, updates in {1: 7200, 3: 3600, 7: 1800, 15: 900}.items():
        longer = equal_pairs(budget, Negatives(count))
        assert longer == Budget(updates, 16, 5) and longer.updates * (1 + count) == 900 * 16
    assert equal_pairs(Budget(1, 2), Negatives(7)).updates == 1


@pytest.mark.parametrize("count", [0, 3])
def test_stage_2s_loss_by_hand(data: TripletSet, blip: Any, count: int) -> None:
    stage1, rows = stage1_of(blip), torch.tensor([1, 3, 6])
    torch.manual_seed(1)
    model, training = Reranker(blip).eval(), RerankTraining(stage1, data)
    taken = np.array([[30, 31, 33], [7, 9, 11], [20, 21, 1]])[:, :count]
    columns = [[int(data.target[row]), *own] for row, own in zip(rows.tolist(), taken.tolist(), strict=True)]
    columns = columns if count else [data.target[rows].tolist()] * 3  # hard ones stand in the place of the batch's
    logits = torch.zeros(3, 1 + count if count else 3)
    for i, row in enumerate(rows.tolist()):
        ids, mask = trimmed(data.ids[[row]], data.mask[[row]])
        z = stage1.queries(data.seen[[int(data.reference[row])]].float(), ids, mask).z
        for k, image in enumerate(columns[i]):
            kv = model.dual.project(data.seen[[image]].float())
            logits[i, k] = model.dual(z, model.plain(ids), mask.bool(), kv, torch.zeros(1, 1, dtype=torch.int64))
    loss = training.loss(model, (rows, torch.from_numpy(taken)))
    right = torch.zeros(3, dtype=torch.int64) if count else torch.arange(3)
    assert_close(loss, cross_entropy(logits, right), atol=1e-5, rtol=1e-4)
    assert not stage1.training


def test_both_stages_learn_and_leave_alone_what_rests(data: TripletSet, blip: Any) -> None:
    kept = {name: tensor.clone() for name, tensor in blip.state_dict().items()}
    stage1, history = train_filter(blip, data, Budget(40, 6), 3e-3)
    before, after = (float(filter_loss(model, data, torch.arange(12))) for model in (stage1_of(blip), stage1))
    assert after < 0.5 * before and history.step == 40
    rests = {name: tensor.clone() for name, tensor in stage1.state_dict().items()}
    for negatives in (Negatives(), HARD):
        model, _, _ = train_reranker(blip, stage1, data, negatives, Budget(60, 6), 3e-3)
        torch.manual_seed(0)
        training, batch = RerankTraining(stage1, data), Draws(stage1, data, negatives, Budget(1, 12))(0)
        fresh = training.loss(Reranker(blip).eval(), batch).item()
        assert training.loss(model, batch).item() < 0.6 * fresh
    assert all(torch.equal(tensor, kept[name]) for name, tensor in blip.state_dict().items())
    assert all(torch.equal(tensor, rests[name]) for name, tensor in stage1.state_dict().items())
    again, _, _ = train_reranker(blip, stage1, data, HARD, Budget(60, 6), 3e-3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
