"""A promptable embedder's image tower starts as a trained CLIP's, copied or grafted, and takes two lessons."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import ARCHITECTURES, IMAGES, WORDS, Squares, toy_config, toy_model
from pinpoint.encoders.sources import build_model
from pinpoint.errors import PinpointError
from pinpoint.recipes.clip import ClipConfig, normalised
from pinpoint.recipes.mllm import prefix_of
from pinpoint.recipes.mllm_models import image_tokens, pixel_inputs
from pinpoint.recipes.tower import (
    Pictures,
    Student,
    copy_into_llava,
    graft,
    start_from_clip,
    tower_plan,
)
from pinpoint.recipes.word_pieces import Pieces, build_tokenizer
from pinpoint.training import Plan

CLIP = ClipConfig(24, 12, width=16, layers=2, head_width=8, text_width=16, text_layers=1, text_heads=2, embed_dim=16)
PIXELS = torch.from_numpy(IMAGES[:5])
PLAN = tower_plan(Plan(steps=90, lr=1e-2, warmup=50, precision="float32"), 30, "toy")


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(build_tokenizer(WORDS))


def random_clip(**options: Any) -> Any:
    """The image tower of an open_clip model of the toy's size; every weight, gain and bias is random."""
    clip: Any = build_model({**CLIP.model_cfg(50), **options}, "toy").visual
    torch.manual_seed(3)
    for name, parameter in clip.named_parameters():
        gain = "ln_" in name and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(gain), std=0.3)
    return clip.eval().requires_grad_(False)


def toy_embedder(architecture: str = "qwen2_vl") -> tuple[Any, Any]:
    config = toy_config(architecture)
    return toy_model(config), config


def last_tokens(clip: Any) -> torch.Tensor:
    """The patch tokens of `PIXELS` that open_clip gives out, after its last norm."""
    clip.output_tokens = True
    return clip(normalised(PIXELS))[1]


def copied(module: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


# -- Llava ------------------------------------------------------------------------------------------------------------
def test_a_copied_tower_gives_the_patch_tokens_of_open_clip() -> None:
    (model, config), clip = toy_embedder("llava"), random_clip()
    copy_into_llava(model.vision_tower, clip)
    values = pixel_inputs(config, PIXELS, torch.zeros(1, dtype=torch.long))["pixel_values"]
    assert_close(values, normalised(PIXELS))  # both see the same numbers
    with torch.no_grad():
        hidden = model.vision_tower(values).last_hidden_state[:, 1:]
        tokens = model.vision_tower.post_layernorm(hidden)
        expected, other = last_tokens(clip), last_tokens(random_clip(quick_gelu=True))
    assert tokens.shape == (5, 4, 16)
    assert_close(tokens, expected, atol=1e-5, rtol=0.0)
    assert (tokens - other).abs().max() > 1e-3  # another activation would not pass


def test_llava_reads_what_enters_clips_last_block() -> None:
    (model, config), clip, seen = toy_embedder("llava"), random_clip(), []
    copy_into_llava(model.vision_tower, clip)
    clip.transformer.resblocks[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.multi_modal_projector.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        clip(normalised(PIXELS))
        model.get_image_features(pixel_inputs(config, PIXELS, torch.zeros(1, dtype=torch.long))["pixel_values"])
    theirs, ours = seen
    assert theirs.shape == (5, 5, 16)  # four patches and the class token
    assert_close(ours.reshape(theirs.shape), theirs, atol=1e-5, rtol=0.0)


# -- Qwen2-VL ---------------------------------------------------------------------------------------------------------
def test_grafted_blocks_are_clips_and_nothing_else_changes() -> None:
    (model, _), clip = toy_embedder(), random_clip()
    before = copied(model.visual)
    graft(model.visual, clip, IMAGES)
    assert len(model.visual.blocks) == len(clip.transformer.resblocks) == 2
    for ours, theirs in zip(model.visual.blocks, clip.transformer.resblocks, strict=True):
        pairs = [(ours.norm1, theirs.ln_1), (ours.norm2, theirs.ln_2), (ours.attn.proj, theirs.attn.out_proj),
                 (ours.mlp.fc1, theirs.mlp.c_fc), (ours.mlp.fc2, theirs.mlp.c_proj)]  # fmt: skip
        for mine, clips in pairs:
            assert torch.equal(mine.weight, clips.weight) and torch.equal(mine.bias, clips.bias)
        assert torch.equal(ours.attn.qkv.weight, theirs.attn.in_proj_weight)
        assert torch.equal(ours.attn.qkv.bias, theirs.attn.in_proj_bias)
    rest = {name for name in before if not name.startswith(("blocks.", "patch_embed."))}
    assert rest and all(torch.equal(model.visual.state_dict()[name], before[name]) for name in rest)


def test_a_grafted_block_computes_what_clips_does_where_positions_do_not_turn() -> None:
    (model, _), clip = toy_embedder(), random_clip()
    graft(model.visual, clip, IMAGES)
    x, ends = torch.randn(6, 16), torch.tensor([0, 6], dtype=torch.int32)
    still = torch.ones(6, 8), torch.zeros(6, 8)  # cosines and sines of no rotation
    with torch.no_grad():
        for ours, theirs in zip(model.visual.blocks, clip.transformer.resblocks, strict=True):
            mine = ours(x, cu_seqlens=ends, position_embeddings=still)
            assert_close(mine, theirs(x[None])[0], atol=1e-3, rtol=1e-3)  # the norms differ in epsilon
            assert (mine - x).abs().max() > 0.1


def test_the_first_norm_is_folded_into_the_patches() -> None:
    (model, config), clip = toy_embedder(), random_clip()
    graft(model.visual, clip, IMAGES)
    inputs = pixel_inputs(config, torch.from_numpy(IMAGES), torch.zeros(1, dtype=torch.long))
    with torch.no_grad():
        ours = model.visual.patch_embed(inputs["pixel_values"]).unflatten(0, (len(IMAGES), 4))
        patches = clip.conv1(normalised(torch.from_numpy(IMAGES))).flatten(2).transpose(1, 2)
    spread = (patches + clip.positional_embedding[1:]).std(dim=-1).mean()
    assert_close(ours, patches * clip.ln_pre.weight / spread, atol=1e-4, rtol=1e-4)
    assert ours.std() > 0.1


# -- the lessons ------------------------------------------------------------------------------------------------------
def words_of(pieces: Pieces, texts: list[str]) -> torch.Tensor:
    words = torch.zeros(len(texts), len(pieces.tokenizer))
    for row, text in zip(words, texts, strict=True):
        for token in pieces(text):
            row[token] = 1
    return words


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_student_does_not_own_its_teacher(architecture: str, pieces: Pieces) -> None:
    (model, config), clip = toy_embedder(architecture), random_clip()
    student = Student(model, clip, config, len(pieces.tokenizer))
    for names in (dict(student.named_parameters()), student.state_dict(), dict(student.named_modules())):
        assert {name.partition(".")[0] for name in names if name} == {"tower", "whole", "words"}
    assert not {id(p) for p in clip.parameters()} & {id(p) for p in student.parameters()}
    loss = student.loss((PIXELS, words_of(pieces, ["a red picture"] * 5)))
    loss.backward()
    assert loss.item() > 0 and all(p.grad is None for p in clip.parameters())
    assert next(p for p in student.tower.parameters() if p.ndim == 2).grad is not None
    assert all(p.grad is None for p in model.language_model.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_student_reads_what_the_language_model_will_be_given(architecture: str, pieces: Pieces) -> None:
    (model, config), clip = toy_embedder(architecture), random_clip()
    seen: list[torch.Tensor] = []
    projection = model.multi_modal_projector if architecture == "llava" else model.visual.merger
    projection.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        prefix_of(model, config, pieces, PIXELS)
        tokens = image_tokens(Student(model, clip, config, len(pieces.tokenizer)).tower, config, PIXELS)
    assert tokens.shape == (5, config.image_tokens, 16)
    assert_close(seen[0].reshape(tokens.shape), tokens, atol=1e-5, rtol=0.0)


def test_the_loss_is_that_of_both_lessons(pieces: Pieces) -> None:
    (model, config), clip = toy_embedder(), random_clip()
    student = Student(model, clip, config, len(pieces.tokenizer))
    words = words_of(pieces, ["a red picture", "green is below", "a blue", "picture", "white is below"])
    with torch.no_grad():
        mean = image_tokens(student.tower, config, PIXELS).mean(dim=1)
        said, known = student.whole(mean), clip(normalised(PIXELS))
        p = torch.sigmoid(student.words(mean))
        whole = sum(1 - float(a @ b / a.norm() / b.norm()) for a, b in zip(said, known, strict=True)) / 5
        entropy = -sum(
            math.log(float(p[i, v] if words[i, v] else 1 - p[i, v])) for i in range(5) for v in range(p.shape[1])
        )
        assert student.loss((PIXELS, words)).item() == pytest.approx(whole + entropy / 12, rel=1e-4)  # 12 words


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tower_learns_leaves_the_teacher_alone_and_is_not_taught_twice(
    architecture: str, pieces: Pieces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model, config), clip = toy_embedder(architecture), random_clip()
    teacher, language = copied(clip), copied(model.language_model)
    run = {"config": config, "images": IMAGES, "source": Squares(), "pieces": pieces, "work": tmp_path}
    history = start_from_clip(model, clip, plan=PLAN, **run)
    losses = history.losses
    assert len(losses) == 30 and np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    assert all(torch.equal(value, teacher[name]) for name, value in clip.state_dict().items())
    assert all(torch.equal(value, language[name]) for name, value in model.language_model.state_dict().items())

    def refuse(*_: Any) -> None:
        raise AssertionError("a step was made again")

    monkeypatch.setattr(Student, "loss", refuse)
    again, _ = toy_embedder(architecture)
    assert start_from_clip(again, clip, plan=PLAN, **run).losses == losses
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    with pytest.raises(PinpointError, match="belongs to a run with other numbers"):
        start_from_clip(again, clip, plan=replace(PLAN, lr=1.0), **run)


# -- the run ----------------------------------------------------------------------------------------------------------
def test_the_plan_is_that_of_the_model_for_other_steps() -> None:
    plan = Plan(steps=900, lr=3e-4, warmup=100, seed=4)
    short = tower_plan(plan, 12, "toy")
    assert (short.steps, short.lr, short.seed, short.warmup) == (12, 3e-4, 4, 6)
    assert short.save_every == plan.save_every and short.evaluate_every > 12
    assert tower_plan(plan, 500, "toy").warmup == 50
    others = {tower_plan(plan, 12, "another teacher").identity, plan.identity}
    assert short.identity not in others and len(others) == 2


def test_batches_are_a_function_of_their_number(pieces: Pieces) -> None:
    one, other = (Pictures(IMAGES, Squares(), pieces, 16, seed) for seed in (0, 1))
    for i in (3, 0, 3):
        pixels, words = one(i)
        again = Pictures(IMAGES, Squares(), pieces, 16, 0)(i)
        assert torch.equal(pixels, again[0]) and torch.equal(words, again[1])
    assert not torch.equal(one(3)[0], other(3)[0]) and not torch.equal(one(3)[0], one(0)[0])
    assert Pictures(IMAGES, Squares(), pieces, 256, 0)(7)[0].shape == (40, 24, 24, 3)  # no more than there are


def test_the_words_are_those_of_the_pictures_description(pieces: Pieces) -> None:
    batches = Pictures(IMAGES, Squares(), pieces, 8, 2)
    epoch, rows = batches.rows(9)
    pixels, words = batches(9)
    assert epoch == 1
    for picture, present, row in zip(pixels, words, rows, strict=True):
        assert np.array_equal(picture, IMAGES[row])
        said = Squares().description(int(row), epoch, 2)
        assert set(pieces.tokenizer.convert_ids_to_tokens(present.nonzero().flatten())) == set(said.split())
