"""A tiny BLIP with random weights, composed queries over made-up image tokens, and made-up runs of the sweep."""

from typing import Any

import numpy as np
import torch

from pinpoint.distinctive_data import TripletSet
from pinpoint.encoders.blip import small_model
from pinpoint.recipes.rerank_record import METRICS, MS
from pinpoint.recipes.rerank_sweep import Arm
from pinpoint.rerank_choices import KS

IMAGES, WORDS = 40, 4


def tiny_sizes(size: int = 24, vocabulary: int = 60) -> dict[str, Any]:
    shared = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
    return {
        "vision_config": {**shared, "num_hidden_layers": 1, "image_size": size, "patch_size": 8},
        "text_config": {**shared, "num_hidden_layers": 2, "vocab_size": vocabulary, "max_position_embeddings": 24,
                        "encoder_hidden_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
                        "pad_token_id": 0, "bos_token_id": vocabulary - 2, "sep_token_id": vocabulary - 1},
        "image_text_hidden_size": 16,
    }  # fmt: skip


def tiny_blip(**sizes: int) -> Any:
    torch.manual_seed(0)
    made = small_model(tiny_sizes(**sizes))
    for parameter in made.parameters():  # transformers starts so near zero that nothing is seen or heard
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)


def tiny_set(n: int = 12, images: int = IMAGES, seed: int = 0) -> TripletSet:
    """Query i asks for image 2 i and has image 2 i + 1 as a valid answer that nobody annotated."""
    rng = np.random.default_rng(seed)
    seen = torch.from_numpy(rng.normal(size=(images, 5, 32)).astype(np.float16))
    ids = torch.from_numpy(rng.integers(5, 58, (n, WORDS)))
    mask = torch.ones_like(ids)
    mask[::3, -1] = 0
    target = 2 * np.arange(n)
    valid = [frozenset({2 * i, 2 * i + 1}) for i in range(n)]
    return TripletSet(seen, ids * mask, mask, np.full(n, images - 1) - np.arange(n), target, valid, {})


def run_of(arm: Arm, rng: np.random.Generator, n: int = 12) -> dict[str, Any]:
    def values() -> dict[str, list[float]]:
        return {m: rng.random(n).tolist() for m in METRICS}

    out = {**values(), "ceiling": {str(k): rng.random(n).tolist() for k in KS}}
    if arm.negatives is not None or arm.rival:
        out |= {"before": values(), "fused": values(), "false_negative_share": 3.0}
    if arm.rival:
        out[MS] = 1.5
    if arm.deep:
        out |= {
            "at": {str(k): values() for k in KS},
            "at_fused": {str(k): values() for k in KS},
            MS: {str(k): 1.0 + k for k in (0, *KS)},
        }
    return out
