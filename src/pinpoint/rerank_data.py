"""What chapter 6 reads: a BLIP before a resting tower, texts that begin with [ENC], and the ranks of stage 1."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinpoint.benchmark import Benchmark
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_study import Asked, ask, seen_of
from pinpoint.encoders.blip import load_blip
from pinpoint.encoders.common import in_batches
from pinpoint.encoders.preprocess import ImageLike
from pinpoint.store import Store

FULL_VOCABULARY = 30_524  # BERT's words, then [DEC] and [ENC]
ENC = FULL_VOCABULARY - 1


class Reader:
    """A BLIP for retrieval, small or full: its weights, what its tower sees, and its texts laid out for stage 1.

    `folder` is one, or a name of the registry; `resize_mode` is a policy for its images in the place of its own.
    Where the vocabulary has an [ENC] it stands at the first place. That of our small BLIP has none: its text encoder
    has learned to be read at the start token, image or not.
    """

    def __init__(self, folder: Path | str, device: str = "auto", resize_mode: str | None = None) -> None:
        self.encoder = load_blip(folder, device, resize_mode)
        self.name, self.weights_sha256 = self.encoder.name, self.encoder.weights_sha256
        self.model, self.device, self.image_size = self.encoder.model, self.encoder.device, self.encoder.image_size
        self.preprocessing = self.encoder.preprocessing

    def laid_out(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L) and their mask (B, L), 1 at words, [ENC] first."""
        ids, mask = self.encoder.laid_out(texts)
        if self.model.config.text_config.vocab_size == FULL_VOCABULARY:
            ids[:, 0] = ENC
        return ids, mask

    def see(self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """What the resting tower sees of uint8 images, (N, S, S, 3) or of any size, float32 (N, n, Dv)."""
        vision = self.model.config.vision_config
        n = 1 + (vision.image_size // vision.patch_size) ** 2
        return in_batches(images, batch_size, self._seen, (0, n, vision.hidden_size), axis=0)

    def _seen(self, batch: Any, first: int) -> np.ndarray:
        tokens = self.model.vision_model(pixel_values=self.encoder.preprocess(batch, first)).last_hidden_state
        out: np.ndarray = tokens.float().cpu().numpy()
        return out


def look(reader: Reader, store: Store, benchmark: Benchmark) -> torch.Tensor:
    """A gallery as the tower sees it, (G, n, Dv) in half precision; computed once, kept in the store."""
    return seen_of(reader, store, benchmark.gallery.images, benchmark.gallery.ids)


def training_set(reader: Reader, store: Store, benchmark: Benchmark) -> TripletSet:
    """The queries of a benchmark as triplets: reference, text, one annotated target."""
    return triplet_set(reader, benchmark, look(reader, store, benchmark))


def question(reader: Reader, store: Store, benchmark: Benchmark) -> Asked:
    """A benchmark ready to be asked; its references lie in its gallery."""
    return ask(reader, benchmark, look(reader, store, benchmark))


def trimmed(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of texts (B, L) without the padding that all of them have."""
    longest = int(mask.sum(dim=1).max())
    return ids[:, :longest], mask[:, :longest]
