"""A promptable embedder's image tower starts as a trained CLIP's: copied into Llava, grafted into Qwen2-VL."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import IMAGES, toy_config, toy_model
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.weights import read_metadata
from pinpoint.errors import PinpointError
from pinpoint.recipes import tower
from pinpoint.recipes.clip import ClipConfig, normalised
from pinpoint.recipes.mllm_models import pixel_inputs
from pinpoint.recipes.tower import (
    Pictures,
    Student,
    copy_into_llava,
    graft,
    lesson,
    start_from_clip,
    tower_plan,
)
from pinpoint.training import CHECKPOINT, Plan

CLIP = ClipConfig(24, 12, width=16, layers=2, head_width=8, text_width=16, text_layers=1, text_heads=2, embed_dim=16)
PIXELS = torch.from_numpy(IMAGES[:5])
PLAN = tower_plan(Plan(steps=90, lr=1e-2, warmup=50, precision="float32"), 30, "toy")


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


def test_llavas_tower_needs_no_distillation(tmp_path: Path) -> None:
    (model, config), clip = toy_embedder("llava"), random_clip()
    start_from_clip(model, clip, config, IMAGES, PLAN, tmp_path / "work")
    assert not (tmp_path / "work").exists()
    assert torch.equal(model.vision_tower.embeddings.position_embedding.weight, clip.positional_embedding)


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


def test_a_student_does_not_own_its_teacher() -> None:
    (model, config), clip = toy_embedder(), random_clip()
    student = Student(model.visual, clip, config)
    for names in (dict(student.named_parameters()), student.state_dict(), dict(student.named_modules())):
        assert {name.partition(".")[0] for name in names if name} == {"tower", "local", "whole"}
    assert not {id(p) for p in clip.parameters()} & {id(p) for p in student.parameters()}
    loss = student.loss(PIXELS)
    loss.backward()
    assert loss.item() > 0 and all(p.grad is None for p in clip.parameters())
    assert model.visual.blocks[0].attn.qkv.weight.grad.abs().max() > 0


def test_the_lesson_is_the_middle_block_and_the_embedding() -> None:
    clip, seen = random_clip(), []
    clip.transformer.resblocks[0].register_forward_hook(lambda *args: seen.append(args[-1]))
    with torch.no_grad():
        patches, embedding = lesson(clip, PIXELS)
        assert_close(embedding, clip(normalised(PIXELS)))
    middle = seen[0][:, 1:]  # the first of two blocks, without the class token
    expected = (middle - middle.mean(-1, keepdim=True)) / middle.std(-1, keepdim=True, correction=0)
    assert_close(patches, expected, atol=1e-3, rtol=0.0)


def test_a_student_that_says_what_its_teacher_says_has_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    (model, config), clip = toy_embedder(), random_clip()
    student = Student(model.visual, clip, config)
    inputs = pixel_inputs(config, PIXELS, torch.zeros(1, dtype=torch.long))
    with torch.no_grad():
        hidden = model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).last_hidden_state
        tokens = hidden.unflatten(0, (5, 4))  # the patches of each picture, in the order of its rows
        patches, embedding = student.local(tokens), 3 * student.whole(tokens.mean(dim=1))  # its length is free
    taught = {"both": (patches, embedding), "patches": (patches.flip(0), embedding), "whole": (patches, -embedding)}
    losses = {}
    for name, said in taught.items():
        monkeypatch.setattr(tower, "lesson", lambda teacher, pixels, said=said: said)
        losses[name] = student.loss(PIXELS).item()
    assert losses["both"] == pytest.approx(0, abs=1e-5)
    assert losses["patches"] > 1e-3 and losses["whole"] == pytest.approx(2, abs=1e-4)


def test_distillation_learns_leaves_the_teacher_alone_and_is_not_done_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model, config), clip = toy_embedder(), random_clip()
    teacher = copied(clip)
    start_from_clip(model, clip, config, IMAGES, PLAN, tmp_path)
    losses = json.loads(read_metadata(tmp_path / CHECKPOINT)["history"])["losses"]
    assert len(losses) == 30 and np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    assert all(torch.equal(value, teacher[name]) for name, value in clip.state_dict().items())

    def refuse(*_: Any) -> None:
        raise AssertionError("a step was made again")

    monkeypatch.setattr(tower, "lesson", refuse)
    again, _ = toy_embedder()
    assert not torch.equal(again.visual.blocks[0].attn.qkv.weight, model.visual.blocks[0].attn.qkv.weight)
    start_from_clip(again, clip, config, IMAGES, PLAN, tmp_path)
    for name, value in model.visual.state_dict().items():
        assert torch.equal(again.visual.state_dict()[name], value), name
    with pytest.raises(PinpointError, match="belongs to a run with other numbers"):
        start_from_clip(again, clip, config, IMAGES, replace(PLAN, lr=1.0), tmp_path)


# -- the run ----------------------------------------------------------------------------------------------------------
def test_the_plan_is_short_and_saves_at_its_end() -> None:
    plan = Plan(steps=900, lr=3e-4, warmup=100, seed=4)
    short = tower_plan(plan, 12, "toy")
    assert (short.steps, short.lr, short.seed, short.warmup) == (12, 3e-4, 4, 6)
    assert short.save_every == 12 and short.evaluate_every > 12
    assert tower_plan(plan, 500, "toy").warmup == 20
    others = {tower_plan(plan, 12, "another teacher").identity, plan.identity}
    assert short.identity not in others and len(others) == 2


def test_batches_are_a_function_of_their_number() -> None:
    numbered = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    one, other = Pictures(numbered, 16, 0), Pictures(numbered, 16, 1)
    rows = [one(i)[:, 0, 0, 0].tolist() for i in (3, 0, 3)]
    assert rows[0] == rows[2] != rows[1] and len(set(rows[0])) == 16
    assert other(3)[:, 0, 0, 0].tolist() != rows[0]
    assert Pictures(numbered, 256, 0)(7).shape == (40, 2, 2, 3)  # no more than there are
