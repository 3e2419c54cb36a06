"""Where a promptable embedder looks: the attention of the token that becomes the embedding to the image's tokens.

The embedding is read at the last token, so what flows into it from the image passes through this attention. It is
averaged over the heads and over the later half of the layers: early layers mix neighbours, later ones gather what the
prompt asks for. Attention is a picture of where the model reads, not a proof of what it used (Jain and Wallace, 2019).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isqrt
from typing import Any

import numpy as np
import torch

from pinpoint.encoders.mllm_inputs import last_one
from pinpoint.errors import PinpointError


def relevance(model: Any, inputs: Mapping[str, torch.Tensor]) -> np.ndarray:
    """(N, h, w) float32 attention per image token; `inputs` as the processor gives them, images of one size.

    A map sums to the share of attention that goes to the image at all, at most 1.
    """
    with explicit_attention(model):
        layers = model(**inputs, use_cache=False, output_attentions=True).attentions
    last = last_one(inputs)
    rows = torch.arange(len(last), device=last.device)
    later = layers[len(layers) // 2 :]
    heads = torch.stack([layer[rows, :, last].float().mean(1) for layer in later])  # (layers, N, T)
    image = inputs["input_ids"] == model.config.image_token_id
    height, width = grid(model, inputs, int(image[0].sum()))
    patches = heads.mean(0)[image].reshape(len(last), -1)[:, -height * width :]  # a class token would stand first
    maps: np.ndarray = patches.reshape(len(last), height, width).cpu().numpy()
    return maps


def grid(model: Any, inputs: Mapping[str, torch.Tensor], tokens: int) -> tuple[int, int]:
    """Rows and columns of an image's tokens; without a grid among the inputs, the square that they fill, a class token
    left out."""
    if "image_grid_thw" in inputs:
        merge = model.config.vision_config.spatial_merge_size
        _, height, width = inputs["image_grid_thw"][0].tolist()
        return height // merge, width // merge
    side = isqrt(tokens)
    if tokens - side * side not in (0, 1):
        raise PinpointError(f"{tokens} image tokens do not fill a square; this model has no map of relevance")
    return side, side


@contextmanager
def explicit_attention(model: Any) -> Iterator[None]:
    """Attention as a matrix in the language model: the fused kernels never form it."""
    language = model.language_model
    before = language.config._attn_implementation
    language.set_attn_implementation("eager")
    try:
        yield
    finally:
        language.set_attn_implementation(before)
