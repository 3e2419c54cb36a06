"""How the image tower of a small BLIP gets what a small CLIP has learned: its blocks are copied, then it is taught."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from pinpoint.recipes.clip import normalised
from pinpoint.recipes.pairs import Shuffled


def graft(model: Any, clip: Any, images: np.ndarray) -> None:
    """Copy CLIP's blocks. The norm before its first block, which BLIP lacks, is folded into what is embedded: exactly
    for the class token, which never changes, and for patches as centring, gain and mean scale over `images`."""
    norm, width = clip.ln_pre, clip.conv1.out_channels
    weight, position = clip.conv1.weight, clip.positional_embedding
    with torch.no_grad():
        patches = clip.conv1(normalised(torch.from_numpy(np.array(images)))).flatten(2).transpose(1, 2) + position[1:]
        gain = norm.weight / patches.std(dim=-1).mean()
        centred = weight.flatten(1) - weight.flatten(1).mean(dim=0)
        embeddings = model.vision_model.embeddings
        embeddings.patch_embedding.weight.copy_((gain[:, None] * centred).view_as(weight))
        embeddings.patch_embedding.bias.copy_(norm.bias)
        embeddings.class_embedding.copy_(norm(clip.class_embedding + position[0]).view(1, 1, width))
        moved = gain * (position[1:] - position[1:].mean(dim=1, keepdim=True))
        embeddings.position_embedding.copy_(torch.cat([torch.zeros(1, width), moved])[None])
        model.vision_proj.weight.copy_(clip.proj.T)
        model.vision_proj.bias.zero_()
    model.vision_model.post_layernorm.load_state_dict(clip.ln_post.state_dict())
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
             "self_attn.projection": "attn.out_proj"}  # fmt: skip
    for ours, theirs in zip(model.vision_model.encoder.layers, clip.transformer.resblocks, strict=True):
        state = {
            f"{new}.{kind}": theirs.state_dict()[f"{old}.{kind}"]
            for new, old in names.items()
            for kind in ("weight", "bias")
        }
        state |= {f"self_attn.qkv.{kind}": theirs.state_dict()[f"attn.in_proj_{kind}"] for kind in ("weight", "bias")}
        ours.load_state_dict(state)


class Tower(nn.Module):
    """BLIP's image tower as CLIP's student: 1 - cosine of their embeddings."""

    def __init__(self, model: Any, teacher: nn.Module) -> None:
        super().__init__()
        self.vision, self.head, self.teacher = model.vision_model, model.vision_proj, [teacher]

    def loss(self, pixels: torch.Tensor) -> torch.Tensor:
        """For uint8 pictures (B, S, S, 3)."""
        x = normalised(pixels)
        with torch.no_grad():
            wanted = self.teacher[0].to(x.device)(x)
        out = self.head(self.vision(pixel_values=x).last_hidden_state[:, 0])
        return (1 - cosine_similarity(out.float(), wanted.float())).mean()


class Pictures:
    """`pictures(i)` -> uint8 (B, S, S, 3)."""

    def __init__(self, images: np.ndarray, batch: int) -> None:
        self.images, self.rows = images, Shuffled(len(images), min(batch, len(images)), 0)

    def __call__(self, i: int) -> torch.Tensor:
        """Batch i."""
        return torch.from_numpy(self.images[self.rows(i)[1]])
