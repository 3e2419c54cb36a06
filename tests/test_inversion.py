"""Images to pseudo-words: every loss against numbers worked out by hand or by an obvious loop, and that they learn."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from pinpoint import encoders
from pinpoint.diorama.draw import render
from pinpoint.diorama.scene import sample_split
from pinpoint.encoders.open_clip_door import OpenClipEncoder
from pinpoint.inversion import (
    PHOTO,
    TEMPLATES,
    Im2Text,
    Injection,
    Phi,
    SemanticMapping,
    distillation_loss,
    invert,
    lincir_input,
    lincir_loss,
    mapping_loss,
    phrase_loss,
    soft_alignment_loss,
)
from pinpoint.splice import PLACE, TextSide, encode_spliced, open_clip_side
from test_splice import open_clip_toy


@pytest.fixture
def side(tmp_path: Any) -> TextSide:
    toy, model, _ = open_clip_toy(tmp_path)
    model.requires_grad_(False)
    return toy


def rows(n: int, dim: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


# -- the networks -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (Im2Text(24, 16), ["Linear", "Dropout", "ReLU"] * 2 + ["Linear"]),
        (Phi(24, 16), ["Linear", "GELU", "Dropout"] * 2 + ["Linear"]),
    ],
)
def test_the_layers_are_those_that_were_released(network: Any, expected: list[str]) -> None:
    assert [type(layer).__name__ for layer in network.layers] == expected
    rate = 0.1 if isinstance(network, Im2Text) else 0.5
    assert {layer.p for layer in network.layers if isinstance(layer, torch.nn.Dropout)} == {rate}
    hidden = 512 if isinstance(network, Im2Text) else 96
    shapes = [(layer.in_features, layer.out_features) for layer in network.layers if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(24, hidden), (hidden, hidden), (hidden, 16)]
    assert network.eval()(rows(3, 24)).shape == (3, 1, 16)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_injection_reads_the_patches_and_gives_k_words(k: int) -> None:
    torch.manual_seed(0)
    network = SemanticMapping(24, 64, 32, k=k).eval()
    v, patches = rows(3, 24), torch.randn(3, 9, 32)
    words = network(v, patches)
    assert words.shape == (3, k, 64)
    moved = patches.clone()
    moved[1, 4] += 5
    changed = (network(v, moved) - words).abs().amax(dim=(1, 2))
    assert changed[1] > 1e-3 and changed[0] == changed[2] == 0  # its own image alone
    assert_close(network(v, patches[:, torch.randperm(9)]), words, atol=1e-5, rtol=1e-4)  # a set of patches
    blind = SemanticMapping(24, 64, None, k=k).eval()
    assert torch.equal(blind(v, patches), blind(v)) and blind(v).shape == (3, k, 64)


def test_an_injection_block_is_pre_norm_attention_and_feed_forward() -> None:
    torch.manual_seed(1)
    block = Injection(8, 1).eval()
    words, patches = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    q_weight, k_weight, v_weight = block.attention.in_proj_weight.chunk(3)
    with torch.no_grad():
        for p in block.parameters():
            p.add_(0.1 * torch.randn_like(p))
        query, key, value = (
            x @ w.T + b
            for x, w, b in zip(
                (block.norm(words), patches, patches),
                (q_weight, k_weight, v_weight),
                block.attention.in_proj_bias.chunk(3),
                strict=True,
            )
        )
        read = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(8), dim=-1) @ value
        t = words + read @ block.attention.out_proj.weight.T + block.attention.out_proj.bias
        expected = t + block.mlp(block.norm_mlp(t))
        assert_close(block(words, patches), expected, atol=1e-5, rtol=1e-4)


# -- the losses -------------------------------------------------------------------------------------------------------
def test_mapping_loss_by_hand() -> None:
    v, u = torch.eye(2), torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # logits at scale 2: rows (1.2, 0), (1.6, 2)
    to_text = (math.log(1 + math.exp(-1.2)) + math.log(1 + math.exp(-0.4))) / 2
    to_image = (math.log(1 + math.exp(0.4)) + math.log(1 + math.exp(-2.0))) / 2
    assert mapping_loss(v, u, 2.0).item() == pytest.approx((to_text + to_image) / 2, rel=1e-5)


def test_soft_alignment_by_an_obvious_loop_and_zero_where_both_agree() -> None:
    u, captions = rows(4, 6), rows(4, 6, seed=1)
    expected = 0.0
    for i in range(4):
        said = np.exp([3 * float(u[i] @ captions[j]) for j in range(4)])
        alike = np.exp([5 * float(captions[i] @ captions[j]) for j in range(4)])
        p, q = alike / alike.sum(), said / said.sum()
        expected += float((p * np.log(p / q)).sum()) / 4
    assert soft_alignment_loss(u, captions, 3.0, 5.0).item() == pytest.approx(expected, rel=1e-4)
    assert soft_alignment_loss(captions, captions, 5.0, 5.0).item() == pytest.approx(0, abs=1e-6)
    assert soft_alignment_loss(u, captions, 3.0, 3.0, teacher=u).item() == pytest.approx(0, abs=1e-6)


def test_distillation_has_negatives_on_both_sides() -> None:
    words, oti = torch.randn(3, 5), torch.randn(3, 5)
    both = normalize(torch.cat([words, oti]), dim=1).numpy()
    losses = []
    for i in range(6):
        logits = np.array([both[i] @ both[j] / 0.25 for j in range(6) if j != i])
        positive = both[i] @ both[(i + 3) % 6] / 0.25
        losses.append(np.log(np.exp(logits).sum()) - positive)
    assert distillation_loss(words, oti).item() == pytest.approx(np.mean(losses), rel=1e-4)
    assert distillation_loss(3 * words, oti).item() == pytest.approx(distillation_loss(words, oti).item(), rel=1e-5)


def test_the_phrase_loss_is_zero_for_the_concepts_own_word(side: TextSide) -> None:
    phrases, spliced = (
        ["a photo of dog in the park", "the same cat"],
        [f"a photo of {PLACE} in the park", f"the same {PLACE}"],
    )
    own = torch.stack([side.weight[side.tokens(word)] for word in ("dog", "cat")])
    said = encode_spliced(side, phrases, own).detach()
    assert phrase_loss(side, own, said, spliced).item() == pytest.approx(0, abs=1e-6)
    assert phrase_loss(side, own.flip(0), said, spliced).item() > 1e-4


def test_lincir_by_hand(side: TextSide) -> None:
    e = rows(200, 64)
    noisy = lincir_input(e, torch.Generator().manual_seed(3))
    assert torch.equal(noisy, lincir_input(e, torch.Generator().manual_seed(3)))
    lengths = (noisy - e).norm(dim=1) / math.sqrt(64)  # r times about one
    assert 0.4 < lengths.mean() < 0.6 and lengths.min() < 0.1 and lengths.max() > 0.8  # r ~ U(0, 1), per sample
    words = torch.randn(2, 1, side.width)
    masked = [f"{PLACE} and {PLACE} in the park", f"the {PLACE}"]
    target = rows(2, 64)
    difference = encode_spliced(side, masked, words) - target
    expected = float((difference**2).sum()) / (2 * 64)
    assert lincir_loss(side, words, masked, target).item() == pytest.approx(expected, rel=1e-5)


# -- on the shipped CLIP ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def clip() -> OpenClipEncoder:
    return encoders.load("diorama-clip", device="cpu")


def test_an_inverted_word_says_its_image_and_stays_near_the_phrases(clip: OpenClipEncoder) -> None:
    side, concepts = open_clip_side(clip.model, clip.tokenizer), ["dog", "horse", "bicycle", "kite"]
    v = torch.from_numpy(clip.encode_texts([f"a photo of a red {c} in a park" for c in concepts]))

    phrases = [f"{c} on the beach" for c in concepts]
    said = encode_spliced(side, phrases, torch.zeros(4, 1, side.width))  # no place: nothing is replaced

    def draw(_i: int) -> tuple[torch.Tensor, list[str]]:
        return said, [f"{PLACE} on the beach"] * 4

    words = invert(side, v, draw, steps=150, decay=0.9, seed=1)
    assert words.shape == (4, side.width) and not words.requires_grad
    first, again = (invert(side, v, draw, steps=5, seed=1) for _ in range(2))
    assert torch.equal(first, again)
    free = invert(side, v, draw, steps=150, decay=0.9, phrase_weight=0.0, seed=1)
    with torch.no_grad():
        after = normalize(encode_spliced(side, [PHOTO] * 4, free[:, None]), dim=1)
        before = normalize(encode_spliced(side, [PHOTO] * 4, torch.zeros(4, 1, side.width)), dim=1)
        assert ((after * v).sum(1) > (before * v).sum(1) + 0.2).all()
        assert phrase_loss(side, words[:, None], *draw(0)) < 0.5 * phrase_loss(side, free[:, None], *draw(0))
    assert all(template.count(PLACE) == 1 for template in TEMPLATES)


def test_stage_one_finds_its_own_held_out_image(clip: OpenClipEncoder) -> None:
    """The sentence with S* finds the image that S* was made of, among 48 that no training saw: R@1 over 0.9."""
    side, known = open_clip_side(clip.model, clip.tokenizer), f"a picture of {PLACE}"

    def bank(n: int, split: str) -> tuple[torch.Tensor, torch.Tensor]:
        pictures = np.stack([render(scene, "natural", 96) for scene in sample_split(n, split, seed=6)])
        v, patches = clip.encode_patches(pictures)
        return torch.from_numpy(v), torch.from_numpy(patches)

    (v, patches), (held_out, held_out_patches) = bank(384, "train"), bank(48, "dev")
    torch.manual_seed(0)
    network = SemanticMapping(clip.dim, side.width, patches.shape[2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for step in range(180):
        rows_of = torch.randint(len(v), (48,), generator=torch.Generator().manual_seed(step))
        words = network(v[rows_of], patches[rows_of])
        u = normalize(encode_spliced(side, [known] * 48, words), dim=1)
        optimizer.zero_grad()
        mapping_loss(v[rows_of], u, 50.0).backward()
        optimizer.step()
    with torch.no_grad():
        words = network.eval()(held_out, held_out_patches)
        u = normalize(encode_spliced(side, [known] * 48, words), dim=1)
    assert ((u @ held_out.T).argmax(1) == torch.arange(48)).float().mean() > 0.9
