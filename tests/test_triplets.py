"""Synthetic triplets: true edits of training scenes, and texts that are spoiled by a stated share."""

import pytest

from pinpoint.diorama.composed import KINDS, composed
from pinpoint.diorama.scene import legal, split_of
from pinpoint.diorama.triplets import VAGUE, other_words, spoil, triplets
from pinpoint.errors import PinpointError


def test_triplets_are_edits_of_training_scenes() -> None:
    some = triplets(90)
    assert some == triplets(90) and some[:20] == triplets(20) and some != triplets(90, seed=1)
    assert [t.edit.kind for t in some] == list(KINDS) * 10
    for t in some:
        assert split_of(t.reference) == split_of(t.edit.scene) == "train" and legal(t.edit.scene)
        assert t.text in other_words(t) and len(set(t.images)) == 2
        if t.edit.kind == "style":
            assert t.images[1] == f"{t.reference.id}@{t.edit.style}"
        else:
            assert t.edit.scene.core != t.reference.core
    assert {t.edit.kind for t in triplets(6, kinds=("colour", "shape"))} == {"colour", "shape"}


def test_their_sentences_are_not_those_of_the_benchmark_unless_it_is_asked_for() -> None:
    supervised = triplets(180, as_the_benchmark=True)
    assert [t.images for t in supervised] == [t.images for t in triplets(180)]
    assert all(t.text == t.edit.text for t in supervised)
    asked = {q.text for q in composed("dev", queries=270, gallery=2000).queries} | {t.text for t in supervised}
    assert asked.isdisjoint(text for t in triplets(540) for text in other_words(t))


def test_a_stated_share_is_spoiled_and_nothing_else() -> None:
    some = triplets(60)
    bad = spoil(some, wrong=0.25, vague=0.1, seed=3)
    assert bad == spoil(some, 0.25, 0.1, seed=3) != spoil(some, 0.25, 0.1, seed=4)
    changed = [(a, b) for a, b in zip(some, bad, strict=True) if a.text != b.text]
    vague = [b for _, b in changed if b.text in VAGUE]
    assert (len(changed), len(vague)) == (21, 6)
    assert all(a.images == b.images and a.edit == b.edit for a, b in zip(some, bad, strict=True))
    texts = {t.text for t in some}
    assert all(b.text in texts for _, b in changed if b not in vague)
    assert spoil(some, 0.0, 0.0) == some


def test_shares_that_cannot_be_are_refused() -> None:
    some = triplets(4)
    for wrong, vague in ((-0.1, 0.0), (0.7, 0.5)):
        with pytest.raises(PinpointError, match="together as well"):
            spoil(some, wrong, vague)
    with pytest.raises(PinpointError, match="none of them can be wrong"):
        spoil([some[0], some[0]], 1.0, 0.0)
