"""Training a small CLIP: open_clip's own `CLIP` class and `ClipLoss`, on pairs of pictures and captions."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.encoders.sources import FORMAT, build_model
from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary
from pinpoint.encoders.weights import write_weights
from pinpoint.files import digest, file_digest, write_json
from pinpoint.recipes.pairs import PairBatches, PairSource
from pinpoint.training import History, Plan, fit

MAX_LOGIT_SCALE = math.log(100.0)  # the bound of CLIP (Radford et al. 2021, section 2.5)
PIXEL_MEAN = PIXEL_STD = 0.5


@dataclass(frozen=True)
class ClipConfig:
    """The size of a small CLIP. The default has 4.9 million parameters: 10 MB in half precision."""

    image_size: int = 96
    patch_size: int = 16
    width: int = 192
    layers: int = 6
    head_width: int = 64
    text_width: int = 192
    text_layers: int = 4
    text_heads: int = 3
    context_length: int = 48
    embed_dim: int = 192

    def model_cfg(self, vocab_size: int) -> dict[str, Any]:
        """The config dict that open_clip builds the model from."""
        vision = {"image_size": self.image_size, "patch_size": self.patch_size, "width": self.width}
        text = {"context_length": self.context_length, "vocab_size": vocab_size, "width": self.text_width}
        return {
            "embed_dim": self.embed_dim,
            "vision_cfg": {**vision, "layers": self.layers, "head_width": self.head_width},
            "text_cfg": {**text, "layers": self.text_layers, "heads": self.text_heads},
        }


TINY = ClipConfig(48, 12, width=64, layers=2, head_width=32, text_width=64, text_layers=1, text_heads=2, embed_dim=64)
Evaluate = Callable[[nn.Module, Any], Mapping[str, float]]


def train_clip(
    config: ClipConfig,
    pairs: PairSource,
    images: np.ndarray,
    words: Iterable[str],
    out: Path,
    *,
    plan: Plan,
    batch: int = 256,
    evaluate: Evaluate | None = None,
    name: str = "clip",
    captions: str = "",
    work: Path | None = None,
    resume: bool = True,
) -> History:
    """Train a CLIP on `pairs`, whose pictures are `images` (N, S, S, 3), and write a folder that `load` opens.

    `words`: texts whose words the vocabulary must hold; `captions`: a digest of how captions are written (pictures have
    theirs in `pairs.digest`). `evaluate(module, tokenizer)` gives a point of the development curve. Checkpoints go to
    `work` (default: `out`), so that a killed run goes on; `plan.seed` seeds everything.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_vocabulary(out / "tokenizer.txt.gz", build_vocabulary(words))
    tokenizer = load_tokenizer(out / "tokenizer.txt.gz", config.context_length)
    model_cfg = config.model_cfg(tokenizer.vocab_size)
    torch.manual_seed(plan.seed)
    model: Any = build_model(model_cfg, name)
    vocabulary = file_digest(out / "tokenizer.txt.gz")
    history = fit(
        model,
        clip_step,
        PairBatches(images, pairs, tokenizer, batch, plan.seed),
        replace(plan, identity=digest([model_cfg, vocabulary, pairs.digest, captions, batch])),
        folder=work or out,
        evaluate=(lambda module: evaluate(module, tokenizer)) if evaluate else None,
        after_step=clamp_temperature,
        resume=resume,
        label=name,
    )
    save_clip(out, model, model_cfg, name, history)
    return history


def clip_step(model: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The symmetric contrastive loss of a batch of pixels (B, S, S, 3) and tokens (B, T)."""
    from open_clip import ClipLoss

    pixels, tokens = batch
    image_emb, text_emb, scale = forward(model, normalised(pixels), tokens)
    loss: torch.Tensor = ClipLoss()(image_emb.float(), text_emb.float(), scale.float())
    return loss


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) bytes to (B, 3, S, S) floats, as `preprocess_cfg` records it."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - PIXEL_MEAN) / PIXEL_STD


def forward(model: Any, pixels: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """CLIP's forward pass on captions shorter than its context.

    Attention is causal and the caption is read at its end token, so the padding behind it changes nothing (tested); the
    positions and the mask are cut to the length of the batch for this one call.
    """
    length = tokens.shape[1]
    cut = {
        "positional_embedding": model.positional_embedding[:length],
        "attn_mask": model.attn_mask[:length, :length],
    }
    result: tuple[torch.Tensor, ...] = functional_call(model, cut, (pixels, tokens))
    return result


def clamp_temperature(model: Any) -> None:
    """Keep the learned logit scale within 1..100, as CLIP does, lest one sharp batch end the training."""
    with torch.no_grad():
        model.logit_scale.clamp_(0.0, MAX_LOGIT_SCALE)


def save_clip(out: Path, model: nn.Module, model_cfg: dict[str, Any], name: str, history: History) -> None:
    """Write weights in half precision, the development curve, and last the config that records their hashes."""
    half = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    write_weights(out / "model.safetensors", half)
    write_json(out / "dev_curve.json", history.curve)
    write_json(
        out / "config.json",
        {
            "format": FORMAT,
            "name": name,
            "model_cfg": model_cfg,
            "preprocess_cfg": {
                "size": model_cfg["vision_cfg"]["image_size"],
                "mean": [PIXEL_MEAN] * 3,
                "std": [PIXEL_STD] * 3,
                "interpolation": "bicubic",
                "resize_mode": "shortest",
            },
            "weights_sha256": file_digest(out / "model.safetensors"),
            "tokenizer_sha256": file_digest(out / "tokenizer.txt.gz"),
        },
    )
