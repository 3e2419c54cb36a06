"""The open_clip door: any open_clip architecture with any safetensors checkpoint, and the small models of this study.

One `OpenClipEncoder` serves them all. What differs (weights, preprocessing, tokenizer) is collected at loading and
frozen into the `EncoderRecord`; from then on nothing may change a number.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
import torch
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.encoders.preprocess import ImageLike, Preprocessor, batches
from pinpoint.encoders.record import EncoderRecord
from pinpoint.errors import PinpointError

DTYPES = ("float32", "bfloat16")


def pick_device(device: str) -> torch.device:
    """The device by torch's name for it; `auto` is the GPU when there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PinpointError(f"device {device!r} was asked for and no CUDA device is visible; use device='auto'")
    try:
        return torch.device(device)
    except RuntimeError:
        raise PinpointError(f"unknown device {device!r}; choose auto, cpu or cuda") from None


class OpenClipEncoder:
    """A frozen dual encoder. All embeddings are float32 rows of unit length on the CPU side.

    A row depends on its own input alone: not on the batch size, not on its neighbours (tested).
    """

    def __init__(self, model: nn.Module, tokenizer: Any, record: EncoderRecord, device: str = "auto") -> None:
        if record.dtype not in DTYPES:
            raise PinpointError(f"unknown dtype {record.dtype!r}; known: {', '.join(DTYPES)}")
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
        return self._in_batches("image", images, batch_size, self._image_batch)

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """(N, D) float32 unit rows for N texts. Longer texts are cut at the context length, as CLIP does."""
        if isinstance(texts, str):
            raise PinpointError("encode_texts takes a list of texts, got one string; write [text]")
        return self._in_batches("text", texts, batch_size, self._text_batch)

    def encode_patches(
        self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pooled embeddings (N, D), unit rows, and patch tokens (N, P, Dv) as the tower's last norm leaves them.

        Tokens are neither projected into the joint space nor normalised: they are what a probe reads.
        """
        pooled, tokens = [], []
        first = 0
        for batch in batches(images, batch_size):
            with self._inference():
                embedding, patches = self._patch_batch(self.preprocess(batch, first))
            pooled.append(self._unit(embedding, "image", first))
            tokens.append(patches.float().cpu().numpy())
            first += len(batch)
        if not pooled:
            raise PinpointError("encode_patches got no image")
        return np.concatenate(pooled), np.concatenate(tokens)

    def _in_batches(self, what: str, items: Any, batch_size: int, encode: Any) -> np.ndarray:
        rows: list[np.ndarray] = []
        first = 0
        for batch in batches(items, batch_size):
            with self._inference():
                embedding = encode(batch, first)
            rows.append(self._unit(embedding, what, first))
            first += len(batch)
        return np.concatenate(rows) if rows else np.empty((0, self.dim), np.float32)

    def _image_batch(self, batch: Sequence[ImageLike] | np.ndarray, first: int) -> torch.Tensor:
        embedding: torch.Tensor = self.model.encode_image(self.preprocess(batch, first))
        return embedding

    def _text_batch(self, batch: Sequence[str], first: int) -> torch.Tensor:
        for row, text in enumerate(batch):
            if not isinstance(text, str):
                raise PinpointError(f"text {first + row} is a {type(text).__name__}, not a string")
        embedding: torch.Tensor = self.model.encode_text(self.tokenizer(list(batch)).to(self.device))
        return embedding

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

    def _inference(self) -> AbstractContextManager[Any]:
        """No gradients; TF32 off in convolutions, whose rounding would depend on the batch; autocast if recorded."""
        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=False))
        if self.record.dtype == "bfloat16":
            stack.enter_context(torch.autocast(self.device.type, torch.bfloat16))
        return stack

    def _unit(self, embedding: torch.Tensor, what: str, first: int) -> np.ndarray:
        """Rows of unit length; a row that has none (NaN, infinity, zero) names its item."""
        rows = embedding.float().cpu().numpy()
        norms = np.linalg.norm(rows, axis=-1, keepdims=True)
        bad = np.flatnonzero(~(np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)))
        if len(bad):
            raise PinpointError(f"{self.name}: the embedding of {what} {first + int(bad[0])} is NaN, infinite or zero")
        unit: np.ndarray = (rows / norms).astype(np.float32)
        return unit
