"""A tiny Q-Former with random weights, and composed queries over made-up image tokens."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from pinpoint.distinctive_data import TripletSet
from pinpoint.encoders.qformer import small_model


def tiny_sizes(tokens: int = 3, size: int = 24) -> dict[str, Any]:
    shared = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
    return {
        "vision_config": {**shared, "num_hidden_layers": 1, "image_size": size, "patch_size": 8},
        "qformer_config": {**shared, "num_hidden_layers": 2, "vocab_size": 60, "max_position_embeddings": 24,
                           "encoder_hidden_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
                           "pad_token_id": 0, "use_qformer_text_input": True},
        "image_text_hidden_size": 16, "num_query_tokens": tokens,
    }  # fmt: skip


def tiny_model() -> Any:
    torch.manual_seed(0)
    made = small_model(tiny_sizes())
    torch.nn.init.normal_(made.query_tokens, std=0.5)
    for parameter in made.parameters():  # transformers starts so near zero that nothing is seen or heard
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


def tiny_encoder() -> Any:
    return SimpleNamespace(model=tiny_model(), name="tiny")


def tiny_set(n: int = 12, images: int = 40, seed: int = 0) -> TripletSet:
    """Query i asks for image 2 i and has image 2 i + 1 as a valid answer that nobody annotated."""
    rng = np.random.default_rng(seed)
    seen = torch.from_numpy(rng.normal(size=(images, 5, 32)).astype(np.float16))
    ids = torch.from_numpy(rng.integers(5, 60, (n, 4)))
    target = 2 * np.arange(n)
    said = {"colour": torch.ones(n), "shape": torch.from_numpy((np.arange(n) % 2).astype(np.float32))}
    return TripletSet(seen, ids, torch.ones_like(ids), np.full(n, images - 1) - np.arange(n), target,
                      [frozenset({2 * i, 2 * i + 1}) for i in range(n)], said)  # fmt: skip
