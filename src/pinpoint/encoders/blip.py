"""BLIP for retrieval (Li et al. 2022): transformers' `BlipForImageTextRetrieval`, small or full, as a dual encoder.

Its text encoder is of BERT's kind and is read at its first token. Alone it embeds a text; with an image's tokens to
attend to, it reads the text in the light of the image, which chapter 6 builds on.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinpoint.torchvision_shim  # noqa: F401  (before transformers' models are imported)
from pinpoint.encoders.blip_checkpoint import Source, find, read_checkpoint, read_tokenizer, record_of
from pinpoint.encoders.common import check_texts, in_batches, pick_device, unit_rows
from pinpoint.encoders.hub import tokenizer_digest
from pinpoint.encoders.preprocess import ImageLike, Preprocessor, resized_by
from pinpoint.encoders.processor_config import read_preprocessing
from pinpoint.encoders.record import EncoderRecord, Preprocessing, Recorded
from pinpoint.encoders.tokenizer import WordCache, load_tokenizer
from pinpoint.encoders.weights import load_into, read_weights
from pinpoint.files import file_digest

FORMAT = "pinpoint-blip/1"


class BlipEncoder(Recorded):
    """A frozen BLIP. Embeddings are float32 rows of unit length; `laid_out` gives its text encoder's inputs."""

    def __init__(self, model: Any, tokenize: Any, record: EncoderRecord, device: str = "auto") -> None:
        self.record, self.device = record, pick_device(device)
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.tokenize, self.preprocess = tokenize, Preprocessor(record.preprocessing, self.device)

    def laid_out(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L) and their mask (B, L), 1 at words, padded to the longest text."""
        rows = [self.tokenize(text) for text in texts]
        return pad(rows)

    def encode_images(self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """(N, D) float32 unit rows."""
        return in_batches(images, batch_size, self._images, (0, self.dim))

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """(N, D) float32 unit rows of texts alone."""
        check_texts(texts, "encode_texts")
        return in_batches(texts, batch_size, self._texts, (0, self.dim))

    def _images(self, batch: Any, first: int) -> np.ndarray:
        tokens = self.model.vision_model(pixel_values=self.preprocess(batch, first)).last_hidden_state
        return unit_rows(self.model.vision_proj(tokens[:, 0]), self.name, "image", first)

    def _texts(self, batch: Any, first: int) -> np.ndarray:
        ids, mask = (t.to(self.device) for t in self.laid_out(batch))
        return unit_rows(text_features(self.model, ids, mask), self.name, "text", first)


def text_features(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Embeddings (B, D), not normalised, of token ids (B, L) alone."""
    hidden = model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    out: torch.Tensor = model.text_proj(hidden[:, 0])
    return out


def match_logits(model: Any, ids: torch.Tensor, mask: torch.Tensor, image_tokens: torch.Tensor) -> torch.Tensor:
    """Logits (B, 2) of "this text does not, does belong to this image"; image_tokens (B, n, Dv)."""
    seen = torch.ones(image_tokens.shape[:2], dtype=torch.long, device=image_tokens.device)
    hidden = model.text_encoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=image_tokens,
                                encoder_attention_mask=seen).last_hidden_state  # fmt: skip
    out: torch.Tensor = model.itm_head(hidden[:, 0])
    return out


def pad(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (B, L) and their mask (B, L) of rows of different length."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for n, row in enumerate(rows):
        ids[n, : len(row)], mask[n, : len(row)] = torch.tensor(row), 1
    return ids, mask


class SmallTokens:
    """Texts to token ids over a small vocabulary of CLIP's family, between its start and its end."""

    def __init__(self, path: Path, context: int) -> None:
        self.tokenizer = load_tokenizer(path, context)
        self.words, self.context = WordCache(self.tokenizer), context

    def __call__(self, text: str) -> list[int]:
        """At most `context` ids."""
        ids = self.words(text)[: self.context - 2]
        return [self.tokenizer.sot_token_id, *ids, self.tokenizer.eot_token_id]


def small_model(sizes: dict[str, Any]) -> Any:
    """A BLIP of `sizes` (vision_config, text_config, image_text_hidden_size), untrained."""
    from transformers import BlipConfig, BlipForImageTextRetrieval

    return BlipForImageTextRetrieval(BlipConfig(**sizes))


def load_blip(folder: Path | str, device: str = "auto", resize_mode: str | None = None) -> BlipEncoder:
    """A BLIP by its name in the registry, or from a folder: one of ours, or what `save_pretrained` writes, with its
    tokenizer and, if there is one, its preprocessor_config.json beside.

    resize_mode: another resize policy than the checkpoint's, by name. Raises `PinpointError` for weights that are not
    on this machine, incomplete, damaged or of another class.
    """
    source = find(folder, "BLIP")
    encoder = _small(source, device) if source.config.get("format") == FORMAT else _full_size(source, device)
    return encoder if resize_mode is None else resized_by(encoder, resize_mode)


def _small(source: Source, device: str) -> BlipEncoder:
    config, path, words = source.config, source.folder / "model.safetensors", source.folder / "tokenizer.txt.gz"
    sizes, sha256 = config["sizes"], config["weights_sha256"]
    model = small_model(sizes)
    load_into(model, {name: tensor.float() for name, tensor in read_weights(path, sha256).items()}, path)
    context = sizes["text_config"]["max_position_embeddings"]
    tokenize = SmallTokens(words, context)
    preprocessing = Preprocessing(sizes["vision_config"]["image_size"], (0.5,) * 3, (0.5,) * 3)
    record = record_of(source, "blip", model, sha256, preprocessing, file_digest(words), context)
    return BlipEncoder(model, tokenize, record, device)


def _full_size(source: Source, device: str) -> BlipEncoder:
    from transformers import BlipForImageTextRetrieval

    model, sha256 = read_checkpoint(source, BlipForImageTextRetrieval, "blip")
    tokenizer = read_tokenizer(source)
    context = int(model.config.text_config.max_position_embeddings)
    preprocessing = read_preprocessing(source.folder, model.config.vision_config.image_size, source.resize_mode)
    record = record_of(source, "blip", model, sha256, preprocessing, tokenizer_digest(tokenizer), context)

    def tokenize(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, truncation=True, max_length=context)["input_ids"]
        return ids

    return BlipEncoder(model, tokenize, record, device)
