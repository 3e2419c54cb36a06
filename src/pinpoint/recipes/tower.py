"""A trained image tower for a promptable embedder: full-size ones start from a trained vision transformer as well.

Llava's tower is CLIP's, so its weights are copied. Qwen2-VL's has the same blocks in another frame: rotary positions
instead of learned ones, no norm before the first block, and no class token, in which CLIP gathers what an image is
about. So the blocks are grafted. Then either tower takes two lessons. CLIP's embedding of the whole image keeps what
its captions named. And the words of a full description (each present or absent: the bag of words of Joulin et al.,
2016) teach what captions leave out; a weight update costs a fraction of one through a language model.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity

from pinpoint.encoders.mllm_forward import use_uniform_attention
from pinpoint.files import digest
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.mllm_models import image_tokens
from pinpoint.recipes.pairs import Shuffled
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.training import History, Plan, fit

if TYPE_CHECKING:
    from pinpoint.recipes.mllm import MllmConfig

BATCH = 128
LESSON = "whole embedding, words of a description"  # what a checkpoint was taught
SAMPLE = 256  # pictures that the scale of the patch embedding is read from


class Described(Protocol):
    """Pictures with full descriptions."""

    digest: str

    def description(self, i: int, epoch: int, seed: int = 0) -> str:
        """A text that leaves nothing of picture i out."""
        ...


def start_from_clip(
    model: Any, clip: Any, config: "MllmConfig", images: np.ndarray, source: Described, pieces: Pieces, plan: Plan,
    work: Path, resume: bool = True,
) -> History:  # fmt: skip
    """Give the model's image tower what CLIP's has learned, and the words of descriptions.

    `clip`: the visual part of an open_clip ViT of one size. The tower is trained in place; checkpoints go to `work`.
    """
    if config.architecture == "llava":
        copy_into_llava(model.vision_tower, clip)
    else:
        graft(model.visual, clip, images[:SAMPLE])
        use_uniform_attention(model)
    student = Student(model, clip, config, len(pieces.tokenizer))
    pictures = Pictures(images, source, pieces, BATCH, plan.seed)
    return fit(student, Student.loss, pictures, plan, folder=work, resume=resume, label="teaching the tower")


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
    """A tower that learns, from the mean of the tokens it hands to the language model, through two heads that are
    thrown away."""

    def __init__(self, model: Any, teacher: Any, config: "MllmConfig", vocabulary: int) -> None:
        super().__init__()
        self.tower, self.config = model.vision_tower if config.architecture == "llava" else model.visual, config
        self.whole = nn.Linear(config.vision_width, teacher.output_dim)
        self.words = nn.Linear(config.vision_width, vocabulary)
        self.teacher = [teacher]  # in a list: its weights are not trained, saved or counted

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """1 - cosine to the teacher's embedding, plus the binary cross-entropy of the words per word that is present,
        for uint8 pictures (B, S, S, 3) and words (B, V)."""
        pixels, words = batch
        with torch.no_grad():
            embedding = self.teacher[0].to(pixels.device)(normalised(pixels))  # (B, E)
        mean = image_tokens(self.tower, self.config, pixels).mean(dim=1)
        cosine = cosine_similarity(self.whole(mean).float(), embedding.float())
        absent_or_present = binary_cross_entropy_with_logits(self.words(mean).float(), words.float(), reduction="sum")
        return (1 - cosine).mean() + absent_or_present / words.sum()


class Pictures:
    """`pictures(i)` -> uint8 (B, S, S, 3) and the words of their descriptions, bool (B, V); a function of i alone."""

    def __init__(self, images: np.ndarray, source: Described, pieces: Pieces, batch: int, seed: int) -> None:
        self.images, self.source, self.pieces, self.seed = images, source, pieces, seed
        self.rows = Shuffled(len(images), min(batch, len(images)), seed)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Batch i."""
        epoch, rows = self.rows(i)
        words = torch.zeros(len(rows), len(self.pieces.tokenizer), dtype=torch.bool)
        for present, row in zip(words, rows, strict=True):
            present[self.pieces(self.source.description(int(row), epoch, self.seed))] = True
        return torch.from_numpy(self.images[rows]), words


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
    """A run at the same learning rate; `identity`: a digest of teacher, tower, pictures and descriptions."""
    return replace(
        plan, steps=steps, warmup=min(50, steps // 2), identity=digest([LESSON, identity]), evaluate_every=steps + 1
    )
