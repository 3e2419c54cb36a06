"""A trained image tower for a promptable embedder: full-size ones start from a trained vision transformer as well.

Llava's tower is CLIP's, so its weights are copied. Qwen2-VL's has the same blocks in another frame: rotary positions
instead of learned ones, no norm before the first block, and no class token, in which CLIP gathers what an image is
about. So the blocks are grafted, and a short distillation teaches the patches to say two things themselves: their own
content, as CLIP's middle block has it, and in their mean CLIP's embedding of the whole image.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, layer_norm, mse_loss

from pinpoint.encoders.mllm_forward import use_uniform_attention
from pinpoint.files import digest
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.mllm_models import pixel_inputs
from pinpoint.training import Plan, fit

if TYPE_CHECKING:
    from pinpoint.recipes.mllm import MllmConfig

BATCH = 256
LESSON = "middle patches, whole embedding"  # what a checkpoint of a distillation was taught
SAMPLE = 256  # pictures that the scale of the patch embedding is read from


def start_from_clip(
    model: Any, clip: Any, config: "MllmConfig", images: np.ndarray, plan: Plan, work: Path, resume: bool = True
) -> None:
    """Give the model's image tower what CLIP's has learned. `clip`: the visual part of an open_clip ViT of one size."""
    if config.architecture == "llava":
        copy_into_llava(model.vision_tower, clip)
        return
    graft(model.visual, clip, images[:SAMPLE])
    use_uniform_attention(model)
    student = Student(model.visual, clip, config)
    pictures = Pictures(images, BATCH, plan.seed)
    fit(student, Student.loss, pictures, plan, folder=work, resume=resume, label="distilling the tower")


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
    """A tower that learns from CLIP what its patches show and what they add up to, through two heads that are thrown
    away."""

    def __init__(self, tower: nn.Module, teacher: Any, config: "MllmConfig") -> None:
        super().__init__()
        self.tower, self.config = tower, config
        self.local = nn.Linear(config.vision_width, config.vision_width)
        self.whole = nn.Linear(config.vision_width, teacher.output_dim)
        self.teacher = [teacher]  # in a list: its weights are not trained, saved or counted

    def loss(self, pixels: torch.Tensor) -> torch.Tensor:
        """Squared error to the teacher's normalised patch tokens, plus 1 - cosine to its embedding, for uint8 pictures
        (B, S, S, 3)."""
        with torch.no_grad():
            patches, embedding = lesson(self.teacher[0].to(pixels.device), pixels)
        inputs = pixel_inputs(self.config, pixels, torch.zeros(1, dtype=torch.long, device=pixels.device))
        tokens = self.tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).last_hidden_state
        tokens = tokens.unflatten(0, (len(pixels), -1))  # (B, P, D)
        cosine = cosine_similarity(self.whole(tokens.mean(dim=1)).float(), embedding.float())
        return mse_loss(self.local(tokens).float(), patches.float()) + (1 - cosine).mean()


def lesson(clip: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What CLIP's middle block makes of each patch, normalised, (B, P, D); and its embedding of the image (B, E).

    Not the last block's patches: only its class token is read, so nothing ever trained them.
    """
    middle = len(clip.transformer.resblocks) // 2 - 1
    out = clip.forward_intermediates(normalised(pixels), indices=[middle], output_fmt="NLC")
    patches = out["image_intermediates"][0]
    return layer_norm(patches, patches.shape[-1:]), out["image_features"]


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


def tower_plan(plan: Plan, steps: int, identity: str) -> Plan:
    """A short run at the same learning rate; `identity`: a digest of teacher, tower and pictures."""
    return replace(
        plan, steps=steps, warmup=min(20, steps // 2), identity=digest([LESSON, identity]), save_every=steps,
        evaluate_every=steps + 1,
    )  # fmt: skip
