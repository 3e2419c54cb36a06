"""The text encoder learns to compose: adapters that start as nothing, negatives under a ceiling, the loss by hand."""

import math
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from pinpoint.composing import (
    COMPOSED,
    Adapters,
    Triplets,
    compose,
    composing_loss,
    hard_negatives,
    slerp,
)
from pinpoint.errors import PinpointError
from pinpoint.splice import encode_spliced
from test_splice import TOYS, open_clip_toy

TEXTS = ["the same at night", "make it red"]


@pytest.mark.parametrize("name", list(TOYS))
def test_adapters_start_as_stage_one_exactly_and_leave_the_tower_as_it_was(name: str, tmp_path: Any) -> None:
    side, model, _ = TOYS[name](tmp_path)
    model.requires_grad_(False)
    torch.manual_seed(0)
    words, adapters = torch.randn(2, 1, side.width), Adapters(side, rank=4)
    assert len(adapters.adapters) == len(side.sublayers) == 2 * (1 if name == "open_clip" else 2)
    with torch.no_grad():
        stage1 = compose(side, words, TEXTS)
        assert torch.equal(compose(side, words, TEXTS, adapters), stage1)
        assert torch.equal(stage1, normalize(encode_spliced(side, [COMPOSED.format(t) for t in TEXTS], words), dim=1))
        for adapter in adapters.adapters:
            torch.nn.init.normal_(adapter.up.weight, std=0.5)
        assert (compose(side, words, TEXTS, adapters) - stage1).norm(dim=1).min() > 1e-3
        assert torch.equal(compose(side, words, TEXTS), stage1)  # detached again


def test_every_adapter_learns_and_nothing_else(tmp_path: Any) -> None:
    side, model, _ = open_clip_toy(tmp_path)
    model.requires_grad_(False)
    torch.manual_seed(0)
    adapters, words = Adapters(side, rank=4), torch.randn(2, 1, side.width)
    before = compose(side, words, TEXTS, adapters).detach()
    compose(side, words, TEXTS, adapters)[:, 0].sum().backward()
    assert all(a.up.weight.grad is not None and a.up.weight.grad.abs().max() > 0 for a in adapters.adapters)
    torch.optim.SGD(adapters.parameters(), lr=1.0).step()
    assert (compose(side, words, TEXTS, adapters) - before).abs().max() > 1e-4
    assert all(p.grad is None for p in model.parameters())


def test_adapters_of_another_tower_are_refused(tmp_path: Any) -> None:
    side, _, _ = open_clip_toy(tmp_path)
    adapters = Adapters(side, rank=4)
    adapters.adapters.append(adapters.adapters[0])
    with pytest.raises(PinpointError, match="3 adapters for 2 sublayers"), adapters.attached(side):
        pass


def test_hard_negatives_are_near_and_under_the_ceiling() -> None:
    angles = torch.tensor([0.0, 0.1, 0.6, 1.0, 2.0])  # radians; image 0 is the target
    bank = torch.stack([angles.cos(), angles.sin()], dim=1)
    query = torch.tensor([[math.cos(0.2), math.sin(0.2)]])
    target = torch.tensor([0])
    assert hard_negatives(query, target, bank, 2, ceiling=1.0).tolist() == [[1, 2]]
    assert hard_negatives(query, target, bank, 2, ceiling=0.99).tolist() == [[2, 3]]  # image 1 may be right as well
    with pytest.raises(PinpointError, match=r"under the ceiling 0\.5 a query has 1 negatives, not 2"):
        hard_negatives(query, target, bank, 2, ceiling=0.5)


def test_the_loss_by_hand_counts_every_image_once() -> None:
    bank = torch.eye(4)
    query = torch.tensor([[0.9, 0.1, 0.3, 0.2], [0.2, 0.5, 0.1, 0.7]])
    target, reference, hard = torch.tensor([0, 3]), torch.tensor([1, 0]), torch.tensor([[3], [1]])
    # images 0, 1 and 3 compete, image 2 does not; 0 is the target of one query and the reference of the other
    first = -0.9 * 2 + math.log(sum(math.exp(2 * x) for x in (0.9, 0.1, 0.2)))
    second = -0.7 * 2 + math.log(sum(math.exp(2 * x) for x in (0.2, 0.5, 0.7)))
    loss = composing_loss(query, target, reference, hard, bank, 2.0)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)
    same = composing_loss(query, torch.tensor([0, 0]), reference, hard, bank, 2.0)  # two queries share their target
    shared = -0.2 * 2 + math.log(sum(math.exp(2 * x) for x in (0.2, 0.5, 0.7)))
    assert same.item() == pytest.approx((first + shared) / 2, rel=1e-5)


def test_the_reference_is_always_a_negative() -> None:
    bank = normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    query = bank[[2]].clone().requires_grad_()  # it returns its reference
    loss = composing_loss(query, torch.tensor([1]), torch.tensor([2]), torch.empty(1, 0, dtype=torch.long), bank, 10.0)
    loss.backward()
    assert loss.item() > math.log(2) and float(query.grad[0] @ bank[2]) > 0  # descending moves it off the reference


def test_slerp_walks_on_the_sphere() -> None:
    v, t = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    third = slerp(v, t, 1 / 3)
    assert_close(third, torch.tensor([[math.cos(math.pi / 6), math.sin(math.pi / 6)]]))
    assert_close(slerp(v, t, 0.0), v)
    assert_close(slerp(v, t, 1.0), t)
    assert_close(slerp(v, v, 0.5), v)


def test_triplets_have_three_parts_each() -> None:
    one = torch.tensor([0])
    assert len(Triplets(one, one, ("make it red",))) == 1
    with pytest.raises(PinpointError, match="a reference, a text and a target each"):
        Triplets(one, one, ())
