"""The image's tokens learn to mean words: what is compared, what learns, and that words come out."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import ARCHITECTURES, COLOURS, IMAGES, WORDS, Squares, toy_config, toy_model
from pinpoint.errors import PinpointError
from pinpoint.recipes.alignment import WordStep, align, freeze_tower
from pinpoint.recipes.mllm import prefix_of
from pinpoint.recipes.mllm_models import image_words
from pinpoint.recipes.tower import Pictures
from pinpoint.recipes.word_pieces import Pieces, build_tokenizer
from pinpoint.training import Plan

PLAN = Plan(steps=60, lr=1e-2, warmup=5, save_every=100, evaluate_every=100, precision="float32")
PIXELS = torch.from_numpy(IMAGES[:5])


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(build_tokenizer(WORDS))


def copied(module: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_aligned_is_what_the_language_model_reads(architecture: str, pieces: Pieces) -> None:
    config, seen = toy_config(architecture), []
    model = toy_model(config, pieces.tokenizer)
    model.language_model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["inputs_embeds"]), with_kwargs=True
    )
    with torch.no_grad():
        prefix_of(model, config, pieces, PIXELS)
        words = image_words(model, config, PIXELS)
    assert words.shape == (5, config.image_tokens, 16)
    assert_close(seen[0][:, 1 : 1 + config.image_tokens], words, atol=1e-5, rtol=0.0)  # behind the start mark


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_by_an_obvious_loop(architecture: str, pieces: Pieces) -> None:
    config = toy_config(architecture)
    model = toy_model(config, pieces.tokenizer)
    pixels, words = Pictures(IMAGES, Squares(), pieces, 6, 0)(0)
    with torch.no_grad():
        loss = WordStep(config)(model, (pixels, words)).item()
        expected = 0.0
        for row, present in zip(image_words(model, config, pixels).mean(1), words, strict=True):
            unit = row / math.sqrt(float((row**2).mean()) + torch.finfo(torch.float32).eps)
            scores = [float(unit @ vector) for vector in model.get_input_embeddings().weight]
            total = math.log(sum(math.exp(score) for score in scores))
            expected += sum(total - score for score, there in zip(scores, present, strict=True) if there)
    assert loss == pytest.approx(expected / int(words.sum()), rel=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_projection_and_words_learn_and_the_rest_stays(architecture: str, pieces: Pieces, tmp_path: Path) -> None:
    config = toy_config(architecture)
    model = toy_model(config, pieces.tokenizer)
    before = copied(model)
    history = align(model, config, IMAGES, Squares(), pieces, PLAN, tmp_path)
    assert np.mean(history.losses[-5:]) < 0.5 * history.losses[0]
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    projection = "multi_modal_projector." if architecture == "llava" else "visual.merger."
    assert moved and all(name.startswith(projection) or "embed_tokens" in name for name in moved), moved
    with torch.no_grad():
        scores = (
            image_words(model, config, torch.from_numpy(IMAGES[:25])).mean(1) @ model.get_input_embeddings().weight.T
        )
    colours = torch.tensor([pieces(colour)[0] for colour in COLOURS])
    two = scores[:, colours].topk(2, dim=1).indices
    there = [[i % 5 in row, i // 5 % 5 in row] for i, row in enumerate(two.tolist())]
    assert np.mean(there) > 0.7  # chance is 0.4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_frozen_tower_has_no_gradients_and_its_projection_has(architecture: str, pieces: Pieces) -> None:
    config = toy_config(architecture)
    model = toy_model(config, pieces.tokenizer)
    freeze_tower(model, config)
    image_words(model, config, PIXELS).sum().backward()
    tower = model.vision_tower if architecture == "llava" else model.visual
    projection = model.multi_modal_projector if architecture == "llava" else model.visual.merger
    own = {id(p) for p in projection.parameters()}
    assert all(p.grad is None for p in tower.parameters() if id(p) not in own)
    assert all(p.grad is not None for p in projection.parameters())
    assert all(p.requires_grad for p in model.language_model.parameters())


def test_another_run_is_refused(pieces: Pieces, tmp_path: Path) -> None:
    config, short = toy_config(), replace(PLAN, steps=2)
    model = toy_model(config, pieces.tokenizer)
    align(model, config, IMAGES, Squares(), pieces, short, tmp_path)
    with pytest.raises(PinpointError, match="belongs to a run with other numbers"):
        align(model, config, IMAGES, Squares(), pieces, replace(short, identity="other"), tmp_path)
