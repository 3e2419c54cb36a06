"""The open_clip door: any open_clip architecture with any safetensors checkpoint, and the small models of this study.

One `OpenClipEncoder` serves them all. What differs (weights, preprocessing, tokenizer) is collected at loading and
frozen into the `EncoderRecord`; from then on nothing may change a number.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.encoders.common import (
    check_dtype,
    check_text_batch,
    check_texts,
    in_batches,
    inference,
    pick_device,
    unit_rows,
)
from pinpoint.encoders.preprocess import ImageLike, Preprocessor, batches
from pinpoint.encoders.record import EncoderRecord
from pinpoint.errors import PinpointError


class OpenClipEncoder:
    """A frozen dual encoder. All embeddings are float32 rows of unit length on the CPU side.

    A row depends on its own input alone: not on the batch size, not on its neighbours (tested).
    """

    def __init__(self, model: nn.Module, tokenizer: Any, record: EncoderRecord, device: str = "auto") -> None:
        check_dtype(record.dtype)
        self.device = pick_device(device)
        self.model: Any = model.to(self.device).eval().requires_grad_(False)
        self.tokenizer, self.record = tokenizer, record
        self.preprocess = Preprocessor(record.preprocessing, self.device)

    def __repr__(self) -> str:
        return f"<{self.record.name}: {self.dim} dimensions, {self.image_size} px, {self.device}>"

    @property
    def name(self) -> str:
        """The name it was loaded by, spelled in full."""
        return self.record.name

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return self.record.dim

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels. Images already of this size take the fast path, without PIL."""
        return self.record.preprocessing.image_size

    def encode_images(self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """(N, D) float32 unit rows for N images: uint8 RGB arrays (H, W, 3), PIL images, or one (N, H, W, 3) array."""
        return in_batches(images, batch_size, self._image_batch, (0, self.dim))

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """(N, D) float32 unit rows for N texts. Longer texts are cut at the context length, as CLIP does."""
        check_texts(texts, "encode_texts")
        return in_batches(texts, batch_size, self._text_batch, (0, self.dim))

    def encode_patches(
        self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pooled embeddings (N, D), unit rows, and patch tokens (N, P, Dv) as the tower's last norm leaves them.

        Tokens are neither projected into the joint space nor normalised: they are what a probe reads.
        """
        pooled, tokens = [], []
        first = 0
        for batch in batches(images, batch_size):
            with inference(), self._autocast():
                embedding, patches = self._patch_batch(self.preprocess(batch, first))
            pooled.append(unit_rows(embedding, self.name, "image", first))
            tokens.append(patches.float().cpu().numpy())
            first += len(batch)
        if not pooled:
            raise PinpointError("encode_patches got no image")
        return np.concatenate(pooled), np.concatenate(tokens)

    def _image_batch(self, batch: Sequence[ImageLike] | np.ndarray, first: int) -> np.ndarray:
        with self._autocast():
            embedding = self.model.encode_image(self.preprocess(batch, first))
        return unit_rows(embedding, self.name, "image", first)

    def _text_batch(self, batch: Sequence[str], first: int) -> np.ndarray:
        check_text_batch(batch, first)
        with self._autocast():
            embedding = self.model.encode_text(self.tokenizer(list(batch)).to(self.device))
        return unit_rows(embedding, self.name, "text", first)

    def _patch_batch(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        visual = self.model.visual
        if hasattr(visual, "output_tokens"):  # open_clip's own VisionTransformer
            before, visual.output_tokens = visual.output_tokens, True
            try:
                pooled, tokens = visual(pixels)
            finally:
                visual.output_tokens = before
            return pooled, tokens
        if hasattr(visual, "trunk") and hasattr(visual.trunk, "num_prefix_tokens"):  # a timm tower (SigLIP, EVA)
            features = visual.trunk.forward_features(pixels)
            return visual.head(visual.trunk.forward_head(features)), features[:, visual.trunk.num_prefix_tokens :]
        raise PinpointError(f"{self.name} has no patch tokens; choose a ViT")

    def _autocast(self) -> torch.autocast:
        """Autocast where the record says bfloat16; else nothing."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.record.dtype == "bfloat16")
