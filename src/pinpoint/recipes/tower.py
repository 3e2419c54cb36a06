"""A trained image tower for a promptable embedder: full-size ones start from a trained vision transformer as well.

Llava's tower is CLIP's, so its weights are copied. Qwen2-VL's has the same blocks in another frame (rotary positions
instead of learned ones, no class token, no norm before the first block): the blocks are grafted, and a short
distillation from CLIP's patch tokens makes up for the frame. The joint training then goes on from there.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

from pinpoint.encoders.mllm_forward import use_uniform_attention
from pinpoint.files import digest
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.mllm_models import pixel_inputs
from pinpoint.training import Plan, fit

if TYPE_CHECKING:
    from pinpoint.recipes.mllm import MllmConfig

BATCH = 256
SAMPLE = 256  # pictures that the scale of the patch embedding is read from


def start_from_clip(model: Any, clip: Any, config: "MllmConfig", images: np.ndarray, plan: Plan, work: Path) -> None:
    """Give the model's image tower what CLIP's has learned. `clip`: the visual part of an open_clip ViT of one size."""
    if config.architecture == "llava":
        copy_into_llava(model.vision_tower, clip)
        return
    graft(model.visual, clip, images[:SAMPLE])
    use_uniform_attention(model)
    student = Student(model.visual, clip, config)
    fit(student, Student.loss, Pictures(images, BATCH, plan.seed), plan, folder=work, label="distilling the tower")


def graft(tower: Any, clip: Any, images: np.ndarray) -> None:
    """Copy CLIP's patch embedding and blocks into a Qwen2-VL tower.

    The norm before CLIP's first block is folded into the patch embedding as its mean effect on `images`.
    """
    state, gain = clip.state_dict(), clip.ln_pre.weight
    with torch.no_grad():
        patches = clip.conv1(normalised(torch.from_numpy(np.array(images)))).flatten(2).transpose(1, 2)
        scale = (patches + clip.positional_embedding[1:]).std(dim=-1).mean()
    blocks = {"patch_embed.proj.weight": (state["conv1.weight"] * gain[:, None, None, None] / scale)[:, :, None]}
    names = {"norm1": "ln_1", "norm2": "ln_2", "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj"}  # fmt: skip
    for kind in ("weight", "bias"):
        for i in range(len(tower.blocks)):
            theirs, ours = f"transformer.resblocks.{i}", f"blocks.{i}"
            blocks |= {f"{ours}.{new}.{kind}": state[f"{theirs}.{old}.{kind}"] for new, old in names.items()}
            blocks[f"{ours}.attn.qkv.{kind}"] = state[f"{theirs}.attn.in_proj_{kind}"]
    tower.load_state_dict({**tower.state_dict(), **blocks})


class Student(nn.Module):
    """A tower that learns to say CLIP's patch tokens, through a linear head that is thrown away."""

    def __init__(self, tower: nn.Module, teacher: Any, config: "MllmConfig") -> None:
        super().__init__()
        self.tower, self.config = tower, config
        self.head = nn.Linear(config.vision_width, config.vision_width)
        self.teacher = [teacher]  # in a list: its weights are not trained, saved or counted

    def loss(self, pixels: torch.Tensor) -> torch.Tensor:
        """The mean squared error to the teacher's patch tokens, for uint8 pictures (B, S, S, 3)."""
        with torch.no_grad():
            target = patch_tokens(self.teacher[0].to(pixels.device), pixels)
        inputs = pixel_inputs(self.config, pixels, torch.zeros(1, dtype=torch.long, device=pixels.device))
        tokens = self.tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).last_hidden_state
        return mse_loss(self.head(tokens).float(), target.flatten(0, 1).float())


def patch_tokens(clip: Any, pixels: torch.Tensor) -> torch.Tensor:
    """What CLIP's last norm leaves of each patch, (B, P, D)."""
    before, clip.output_tokens = clip.output_tokens, True
    try:
        tokens: torch.Tensor = clip(normalised(pixels))[1]
    finally:
        clip.output_tokens = before
    return tokens


class Pictures:
    """`pictures(i)` -> uint8 (B, S, S, 3), a function of i alone."""

    def __init__(self, images: np.ndarray, batch: int, seed: int) -> None:
        self.images, self.batch, self.seed = images, min(batch, len(images)), seed

    def __call__(self, i: int) -> torch.Tensor:
        """Batch i: random pictures, none twice."""
        rows = np.random.default_rng([self.seed, i]).choice(len(self.images), self.batch, replace=False)
        return torch.from_numpy(self.images[np.sort(rows)])


def copy_into_llava(tower: nn.Module, clip: Any) -> None:
    """Copy open_clip's image tower into transformers' CLIP tower: the same network under other names."""
    state = clip.state_dict()
    found = {
        "embeddings.class_embedding": state["class_embedding"],
        "embeddings.position_embedding.weight": state["positional_embedding"],
        "embeddings.patch_embedding.weight": state["conv1.weight"],
    }
    names = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
             "attn.out_proj": "self_attn.out_proj"}  # fmt: skip
    for kind in ("weight", "bias"):
        found |= {f"pre_layrnorm.{kind}": state[f"ln_pre.{kind}"], f"post_layernorm.{kind}": state[f"ln_post.{kind}"]}
        for i in range(len(clip.transformer.resblocks)):
            ours, theirs = f"transformer.resblocks.{i}", f"encoder.layers.{i}"
            found |= {f"{theirs}.{new}.{kind}": state[f"{ours}.{old}.{kind}"] for old, new in names.items()}
            parts = torch.chunk(state[f"{ours}.attn.in_proj_{kind}"], 3)
            found |= {f"{theirs}.self_attn.{x}_proj.{kind}": part for x, part in zip("qkv", parts, strict=True)}
    tower.load_state_dict(found)


def tower_plan(plan: Plan, steps: int) -> Plan:
    """A short run at the same learning rate."""
    return replace(
        plan, steps=steps, warmup=min(20, steps // 2), identity=digest(["tower", steps]), save_every=steps,
        evaluate_every=steps + 1,
    )  # fmt: skip
