"""A small BLIP that reads photographs through a resting network: transformers' own class, its tower a stump.

Its text encoder attends to the image tokens that `product_encoder` makes, (B, n, Dv), the global one first, where BLIP
has its class token. So chapter 6's two stages take it as they take any BLIP. It learns from pairs of a photograph and a
caption, by a contrastive and a matching loss, as the Q-Former of chapter 5 does on the same photographs.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from pinpoint.encoders.blip import match_logits, small_model, text_features
from pinpoint.encoders.common import pick_device
from pinpoint.product_encoder import CONTEXT, PAD, START, UNKNOWN, Captions, Features, ProductEncoder, WordTokens
from pinpoint.recipes.qformer_pairs import hard_partners
from pinpoint.training import History, Plan, fit

START_TEMPERATURE = 0.07


@dataclass(frozen=True)
class BlipSizes:
    """Of the text encoder: width, layers, heads, numbers of an embedding."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    dim: int = 128


class ProductBlip(ProductEncoder):
    """What chapter 6 asks of a reader: `model`, texts laid out, and what a resting network sees."""

    def __init__(
        self, features: Features, tokenize: WordTokens, sizes: BlipSizes, seed: int = 0, device: str = "auto"
    ) -> None:
        self.name, self.weights_sha256 = features.name, features.sha256  # of what `see` gives
        self.features, self.tokenize, self.device = features, tokenize, pick_device(device)
        self.model = untrained(features.width, len(tokenize), sizes, seed).to(self.device)

    def pretrain(self, batches: Captions, matched: int, plan: Plan, folder: Path, resume: bool = True) -> History:
        """Learn captions, kept in `folder`; then the model rests."""
        step = partial(caption_loss, min(matched, batches.batch))
        history = fit(Learning(self.model), step, batches, plan, folder=folder, resume=resume, label="captions")
        self.model.eval().requires_grad_(False)
        return history


def untrained(seen: int, words: int, sizes: BlipSizes, seed: int) -> Any:
    """A BLIP whose text encoder reads tokens of `seen` numbers, with random weights."""
    torch.manual_seed(seed)
    return small_model({
        "vision_config": {"hidden_size": seen, "intermediate_size": 1, "num_hidden_layers": 0,
                          "num_attention_heads": 1, "image_size": 2, "patch_size": 2},
        "text_config": {"hidden_size": sizes.width, "intermediate_size": 4 * sizes.width,
                        "num_attention_heads": sizes.heads, "num_hidden_layers": sizes.layers, "vocab_size": words,
                        "max_position_embeddings": CONTEXT, "encoder_hidden_size": seen, "hidden_dropout_prob": 0.0,
                        "attention_probs_dropout_prob": 0.0, "pad_token_id": PAD, "bos_token_id": START,
                        "sep_token_id": UNKNOWN},
        "image_text_hidden_size": sizes.dim,
    })  # fmt: skip


class Learning(nn.Module):
    """The parts that are trained, and a learned temperature; the stump is left aside."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text_encoder, self.text_proj = model.text_encoder, model.text_proj
        self.vision_proj, self.itm_head = model.vision_proj, model.itm_head
        self.log_scale = nn.Parameter(torch.tensor(1 / START_TEMPERATURE).log())


def caption_loss(matched: int, model: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Contrastive plus matching, each with weight 1; the first `matched` pairs are matched with hard wrong partners.

    batch: image tokens (B, n, Dv), token ids (B, L), mask, the number that seeds the draw of partners.
    """
    seen, ids, mask, i = batch
    images = normalize(model.vision_proj(seen[:, 0]), dim=1).float()
    texts = normalize(text_features(model, ids, mask), dim=1).float()
    logits = model.log_scale.exp().clamp(max=100) * texts @ images.T  # (B, B)
    own = torch.arange(len(ids), device=ids.device)
    contrastive = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
    image, text = hard_partners(logits.detach()[:matched, :matched], int(i))
    first = own[:matched]
    which, shown = torch.cat([first, first, text]), torch.cat([first, image, first])
    said = match_logits(model, ids[which], mask[which], seen[shown])
    return contrastive + cross_entropy(said, (torch.arange(3 * matched, device=ids.device) < matched).long())
