"""The image's tokens learn to mean words: the projection into the language model, before the language model is trained.

LLaVA's first stage as well trains nothing but the projection between a frozen tower and the words (Liu et al., 2023).
Here the mean of an image's projected tokens, normalised as the language model normalises its last hidden state, is
compared with the word embeddings; the words of the image's full description must come out (Joulin et al., 2016). After
that, one linear map inside the language model is enough to say what an image shows, and it is the same for all words.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import log_softmax, rms_norm

from pinpoint.encoders.mllm_forward import use_uniform_attention
from pinpoint.files import digest
from pinpoint.recipes.mllm_models import image_words
from pinpoint.recipes.tower import BATCH, Described, Pictures
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.training import History, Plan, fit

if TYPE_CHECKING:
    from pinpoint.recipes.mllm import MllmConfig


def align(
    model: Any, config: "MllmConfig", images: np.ndarray, source: Described, pieces: Pieces, plan: Plan, work: Path,
    resume: bool = True,
) -> History:  # fmt: skip
    """Freeze the image tower for good, and train projection and word embeddings in place; checkpoints go to `work`."""
    freeze_tower(model, config)
    use_uniform_attention(model)
    plan = replace(plan, identity=digest(["words of a description", plan.identity]))
    pictures = Pictures(images, source, pieces, BATCH, plan.seed)
    return fit(model, WordStep(config), pictures, plan, folder=work, resume=resume, label="aligning image and words")


def freeze_tower(model: Any, config: "MllmConfig") -> None:
    """No more gradients for the image tower; its projection into the language model goes on learning."""
    if config.architecture == "llava":
        model.vision_tower.requires_grad_(False)
        return
    model.visual.requires_grad_(False)
    model.visual.merger.requires_grad_(True)


class WordStep:
    """`step(model, batch)` -> cross-entropy of the words that a description holds, against all words."""

    def __init__(self, config: "MllmConfig") -> None:
        self.config = config

    def __call__(self, model: Any, data: Sequence[torch.Tensor]) -> torch.Tensor:
        """For uint8 pictures (B, S, S, 3) and words (B, V), bool."""
        pixels, words = data
        image = image_words(model, self.config, pixels).mean(dim=1)  # (B, D)
        logits = rms_norm(image, image.shape[-1:]) @ model.get_input_embeddings().weight.T  # (B, V)
        return -(log_softmax(logits.float(), dim=1) * words).sum() / words.sum()
