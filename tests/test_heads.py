"""The trainings of chapter 3: each lowers its loss, repeats exactly, and leaves the CLIP as it was."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from pinpoint import heads
from pinpoint.composing import Triplets
from pinpoint.encoders.sources import build_model
from pinpoint.heads import Clip, Composing, words_of
from pinpoint.image_bank import ImageBank
from pinpoint.inversion import SemanticMapping
from pinpoint.splice import PLACE, open_clip_side
from pinpoint.zscir_setup import ConceptPhrases
from zscir_toy import plan, world


def pic2word(w: Any, p: Any) -> Any:
    return heads.train_pic2word(w.clip, w.material.bank, p, 16)


def searle(w: Any, p: Any) -> Any:
    return heads.train_searle(w.clip, *w.oti, ConceptPhrases(w.clip, w.oti[0], w.material.captions), p, 16)


def lincir(w: Any, p: Any) -> Any:
    return heads.train_lincir(w.clip, w.material.captions, w.material.masked, p, 16)


def stage1(w: Any, p: Any) -> Any:
    return heads.train_stage1(w.clip, w.material.bank, w.material.captions, p, 16, k=2)


def stage2(w: Any, p: Any) -> Any:
    torch.manual_seed(1)
    mapping = SemanticMapping(w.clip.dim, w.clip.side.width, 192).eval()
    return heads.train_stage2(w.clip, w.bank, mapping, w.rows, p, 16, Composing(rank=8, negatives=3))


@pytest.mark.parametrize("train", [pic2word, searle, lincir, stage1, stage2])
def test_a_training_learns_repeats_and_touches_no_encoder(train: Callable[[Any, Any], Any]) -> None:
    w = world()
    before = {name: value.clone() for name, value in w.encoder.model.state_dict().items()}
    _, history = train(w, plan(14))
    assert sum(history.losses[-4:]) < 0.97 * sum(history.losses[:4])
    (head, first), (again, second) = train(w, plan(2)), train(w, plan(2))
    assert first.losses == second.losses
    assert all(torch.equal(a, b) for a, b in zip(head.state_dict().values(), again.state_dict().values(), strict=True))
    assert train(w, plan(2, seed=1))[1].losses != first.losses
    after = w.encoder.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in w.encoder.model.parameters())


def test_plain_texts_are_encoded_as_the_encoder_does() -> None:
    w, texts = world(), ["a dog.", "a red dog on the beach at night, with two people."]
    assert_close(normalize(w.clip.embed(texts, batch=1), dim=1), torch.from_numpy(w.encoder.encode_texts(texts)),
                 atol=1e-5, rtol=1e-4)  # fmt: skip


def test_the_mapping_is_frozen_in_stage_two_unless_it_shall_learn() -> None:
    w = world()
    torch.manual_seed(1)
    mapping = SemanticMapping(w.clip.dim, w.clip.side.width, 192)
    before = {name: value.clone() for name, value in mapping.state_dict().items()}
    heads.train_stage2(w.clip, w.bank, mapping, w.rows, plan(2), 16)
    assert all(torch.equal(value, before[name]) for name, value in mapping.state_dict().items())
    heads.train_stage2(w.clip, w.bank, mapping, w.rows, plan(2), 16, learn_mapping=True)
    assert any(not torch.equal(value, before[name]) for name, value in mapping.state_dict().items())


def test_words_are_made_in_evaluation_mode() -> None:
    w = world()
    from pinpoint.inversion import Phi

    network = Phi(w.clip.dim, w.clip.side.width).train()
    assert torch.equal(words_of(network, w.material.bank), words_of(network, w.material.bank))  # dropout is off
    assert network.training


@pytest.mark.parametrize(("name", "dim", "patch"), [("ViT-B-32", 512, (49, 768)), ("ViT-L-14", 768, (256, 1024))])
def test_one_update_of_every_head_on_a_text_tower_of_full_size(name: str, dim: int, patch: tuple[int, int]) -> None:
    import open_clip

    config = open_clip.get_model_config(name)
    config["vision_cfg"]["layers"] = 1  # the bank below stands for the image tower's outputs
    torch.manual_seed(0)
    model: Any = build_model(config, name).eval().requires_grad_(False)
    clip = Clip(open_clip_side(model, open_clip.get_tokenizer(name)), float(model.logit_scale.exp()), dim)
    ids, captions = tuple("abcd"), ["a dog in the park", "a cat", "two people on a street", "a red car at night"]
    bank = ImageBank(ids, normalize(torch.randn(4, dim), dim=1), torch.randn(4, *patch))
    one = plan(1)
    pic2word, _ = heads.train_pic2word(clip, bank, one, 4)
    mapping, _ = heads.train_stage1(clip, bank, captions, one, 4, k=2)
    lincir, _ = heads.train_lincir(clip, captions, [c.replace("a ", f"{PLACE} ", 1) for c in captions], one, 4)
    assert [words_of(head, bank).shape for head in (pic2word, mapping, lincir)] == [
        (4, 1, clip.side.width), (4, 2, clip.side.width), (4, 1, clip.side.width)
    ]  # fmt: skip
    triplets = Triplets(torch.tensor([0, 1]), torch.tensor([2, 3]), ("at night", "make it red"))
    adapters, history = heads.train_stage2(clip, bank, mapping, triplets, one, 2, Composing(16, 1, 1.0))
    assert len(adapters.adapters) == 24 and len(history.losses) == 1
