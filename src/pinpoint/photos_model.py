"""A small model of CLIP's form over what a resting network sees of a photograph; with a question, a promptable one.

Text side: a transformer over words, read at its start token. Image side: a transformer over a token that is read, the
image tokens and, for a promptable embedding, the words of a question. Both end in a projection and a unit row, and a
learned temperature scales their cosines (Radford et al. 2021). Words of texts and of questions share one embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from pinpoint.encoders.blip import pad
from pinpoint.encoders.common import check_texts
from pinpoint.product_encoder import CONTEXT, PAD, WordTokens

START_TEMPERATURE, MAX_SCALE = 0.07, 100.0  # CLIP's


@dataclass(frozen=True)
class Sizes:
    """Width, layers of either side, heads, numbers of an embedding."""

    width: int = 128
    image_layers: int = 2
    text_layers: int = 2
    heads: int = 4
    dim: int = 128


class PhotoClip(nn.Module):
    """`images(seen, ids, mask)` and `texts(ids, mask)` -> unit rows of one space.

    seen: size of an image token; words: size of the vocabulary.
    """

    def __init__(self, seen: int, words: int, sizes: Sizes, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.look, self.words = nn.Linear(seen, sizes.width), nn.Embedding(words, sizes.width, padding_idx=PAD)
        self.places = nn.Parameter(0.02 * torch.randn(CONTEXT, sizes.width))
        self.reader = nn.Parameter(0.02 * torch.randn(1, 1, sizes.width))
        self.kinds = nn.Parameter(0.02 * torch.randn(2, sizes.width))  # an image token, a word of a question
        self.image_side, self.text_side = (_side(sizes, n) for n in (sizes.image_layers, sizes.text_layers))
        self.image_proj, self.text_proj = (nn.Linear(sizes.width, sizes.dim, bias=False) for _ in range(2))
        self.log_scale = nn.Parameter(torch.tensor(1 / START_TEMPERATURE).log())

    @property
    def scale(self) -> torch.Tensor:
        """One over the temperature; at most 100, as CLIP has it."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)

    def images(
        self, seen: torch.Tensor, ids: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Image tokens (B, n, Dv), and token ids and mask (B, L) of a question each -> unit rows (B, D)."""
        tokens = torch.cat([self.reader.expand(len(seen), -1, -1), self.look(seen) + self.kinds[0]], dim=1)
        hidden = None
        if ids is not None and mask is not None:
            hidden = torch.cat([torch.zeros(tokens.shape[:2], dtype=torch.bool, device=ids.device), mask == 0], dim=1)
            tokens = torch.cat([tokens, self._words(ids) + self.kinds[1]], dim=1)
        read = self.image_side(tokens, src_key_padding_mask=hidden)[:, 0]
        return normalize(self.image_proj(read), dim=1)

    def texts(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Token ids (B, L) and their mask, 1 at words -> unit rows (B, D)."""
        read = self.text_side(self._words(ids), src_key_padding_mask=mask == 0)[:, 0]
        return normalize(self.text_proj(read), dim=1)

    def _words(self, ids: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.words(ids) + self.places[: ids.shape[1]]
        return out


def _side(sizes: Sizes, layers: int) -> Any:
    layer = nn.TransformerEncoderLayer(sizes.width, sizes.heads, 4 * sizes.width, dropout=0.0, activation="gelu",
                                       batch_first=True, norm_first=True)  # fmt: skip
    return nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(sizes.width), enable_nested_tensor=False)


@dataclass(frozen=True, eq=False)
class PhotoEncoder:
    """A trained model with its words, for measuring: everything comes out as float32 arrays."""

    model: PhotoClip
    tokenize: WordTokens

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.log_scale.device

    def laid_out(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L) and their mask."""
        return pad([self.tokenize(text) for text in texts])

    def encode_texts(self, texts: Sequence[str], batch: int = 256) -> np.ndarray:
        """Unit rows (N, D); equal texts have equal rows, whatever stands beside them."""
        check_texts(texts, "encode_texts")
        distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        rows = []
        for start in range(0, len(distinct), batch):
            ids, mask = self.laid_out(list(distinct)[start : start + batch])
            with torch.no_grad():
                rows.append(self.model.texts(ids.to(self.device), mask.to(self.device)).cpu())
        out: np.ndarray = torch.cat(rows).float().numpy()[[distinct[text] for text in texts]]
        return out

    def encode_images(self, seen: torch.Tensor, prompt: str | None = None, batch: int = 256) -> np.ndarray:
        """Unit rows (N, D) of image tokens (N, n, Dv), under a question or without one."""
        rows = []
        for part in seen.split(batch):
            asked: tuple[torch.Tensor, ...] = ()
            if prompt is not None:
                asked = tuple(t.expand(len(part), -1).to(self.device) for t in self.laid_out([prompt]))
            with torch.no_grad():
                rows.append(self.model.images(part.float().to(self.device), *asked).cpu())
        out: np.ndarray = torch.cat(rows).float().numpy()
        return out
