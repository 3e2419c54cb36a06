"""BLIP-2's Q-Former (Li et al. 2023) as an encoder: transformers' `Blip2ForImageTextRetrieval`, small or full.

T learned query tokens read a frozen image tower by cross-attention, in every other block. Given a text as well, they
and the words attend to each other: then they say what the image *and* the text mean together, which is what a composed
query needs (QuRe reads them so). Notation: image tokens (B, n, Dv) of the tower, query tokens (B, T, d) as the
Q-Former leaves them, embeddings of D numbers in the joint space.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

import pinpoint.torchvision_shim  # noqa: F401  (before transformers' models are imported)
from pinpoint.encoders.blip import SmallTokens, pad
from pinpoint.encoders.blip_checkpoint import Source, find, read_checkpoint, read_tokenizer, record_of
from pinpoint.encoders.common import check_texts, in_batches, pick_device, unit_rows
from pinpoint.encoders.hub import tokenizer_digest
from pinpoint.encoders.preprocess import ImageLike, Preprocessor, resized_by
from pinpoint.encoders.processor_config import read_preprocessing
from pinpoint.encoders.record import EncoderRecord, Preprocessing, Recorded
from pinpoint.encoders.weights import load_into, read_weights
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest

FORMAT = "pinpoint-qformer/1"
CONTEXT = 32  # QuRe reads 32 word pieces


class QFormerEncoder(Recorded):
    """A frozen BLIP-2 for retrieval: unit embeddings of texts, T of them for each image, and the tower's tokens."""

    def __init__(self, model: Any, tokenize: Any, record: EncoderRecord, device: str = "auto") -> None:
        self.record, self.device = record, pick_device(device)
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.tokenize, self.preprocess = tokenize, Preprocessor(record.preprocessing, self.device)
        self.tokens = int(model.config.num_query_tokens)

    def laid_out(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L) and their mask (B, L), 1 at words, padded to the longest text."""
        check_texts(texts, "laid_out")
        return pad([self.tokenize(text) for text in texts])

    def see(self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """What the frozen tower sees, (N, n, Dv) float32."""
        vision = self.model.config.vision_config
        n = 1 + (vision.image_size // vision.patch_size) ** 2
        return in_batches(images, batch_size, self._seen, (0, n, vision.hidden_size), axis=0)

    def encode_images(self, images: Iterable[ImageLike] | np.ndarray, *, batch_size: int = 64) -> np.ndarray:
        """(N, T, D) float32 unit rows."""
        return in_batches(images, batch_size, self._images, (0, self.tokens, self.dim), axis=0)

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """(N, D) float32 unit rows of texts alone."""
        check_texts(texts, "encode_texts")
        return in_batches(texts, batch_size, self._texts, (0, self.dim))

    def _seen(self, batch: Any, first: int) -> np.ndarray:
        seen: np.ndarray = image_tokens(self.model, self.preprocess(batch, first)).float().cpu().numpy()
        return seen

    def _images(self, batch: Any, first: int) -> np.ndarray:
        emb = candidate_emb(self.model, image_tokens(self.model, self.preprocess(batch, first)))
        return unit_rows(emb.transpose(0, 1), self.name, "image", first).transpose(1, 0, 2)

    def _texts(self, batch: Any, first: int) -> np.ndarray:
        ids, mask = (t.to(self.device) for t in self.laid_out(batch))
        return unit_rows(text_emb(self.model, ids, mask), self.name, "text", first)


def image_tokens(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """The tower's tokens (B, n, Dv) of normalised pixels (B, 3, S, S)."""
    out: torch.Tensor = model.vision_model(pixel_values=pixels).last_hidden_state
    return out


def candidate_emb(model: Any, seen: torch.Tensor) -> torch.Tensor:
    """An image alone, (B, n, Dv) -> T unit embeddings each, (B, T, D)."""
    start = model.query_tokens.expand(len(seen), -1, -1)
    hidden = model.qformer(query_embeds=start, encoder_hidden_states=seen).last_hidden_state
    return normalize(model.vision_projection(hidden), dim=2)


def text_emb(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A text alone, token ids (B, L) -> unit embeddings (B, D), read at its first token."""
    hidden = model.qformer(query_embeds=model.embeddings(input_ids=ids), query_length=0, attention_mask=mask)
    return normalize(model.text_projection(hidden.last_hidden_state[:, 0]), dim=1)


@dataclass(frozen=True, eq=False)
class Read:
    """An image and a text, read together: query tokens (B, T, d) and the text's first token (B, d)."""

    tokens: torch.Tensor
    text: torch.Tensor


def read_together(model: Any, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> Read:
    """Image tokens (B, n, Dv) with token ids (B, L) and their mask."""
    start = model.query_tokens.expand(len(seen), -1, -1)
    t = start.shape[1]
    both = torch.cat([torch.ones(len(ids), t, dtype=mask.dtype, device=mask.device), mask], dim=1)
    hidden = model.qformer(query_embeds=model.embeddings(input_ids=ids, query_embeds=start), query_length=t,
                           attention_mask=both, encoder_hidden_states=seen).last_hidden_state  # fmt: skip
    return Read(hidden[:, :t], hidden[:, t])


def composed_emb(model: Any, read: Read) -> torch.Tensor:
    """QuRe's query: the projected query tokens' mean, a unit row, (B, D)."""
    return normalize(model.text_projection(read.tokens).mean(dim=1), dim=1)


def match_logits(model: Any, read: Read) -> torch.Tensor:
    """Logits (B, 2) of "this text does not, does belong to this image"."""
    out: torch.Tensor = model.itm_head(read.tokens).mean(dim=1)
    return out


def small_model(sizes: dict[str, Any]) -> Any:
    """A model of `sizes` (vision_config, qformer_config, image_text_hidden_size, num_query_tokens), untrained."""
    from transformers import Blip2Config, Blip2ForImageTextRetrieval

    return Blip2ForImageTextRetrieval(Blip2Config(**sizes))


def load_qformer(folder: Path | str, device: str = "auto", resize_mode: str | None = None) -> QFormerEncoder:
    """A Q-Former by its name in the registry, or from a folder: one of ours, or what `save_pretrained` writes, with its
    tokenizer and, if there is one, its preprocessor_config.json beside.

    resize_mode: another resize policy than the checkpoint's, by name. Raises `PinpointError` for weights that are not
    on this machine, incomplete, damaged or of another class.
    """
    source = find(folder, "Q-Former")
    encoder = _small(source, device) if source.config.get("format") == FORMAT else _full_size(source, device)
    return encoder if resize_mode is None else resized_by(encoder, resize_mode)


def _small(source: Source, device: str) -> QFormerEncoder:
    config, path, words = source.config, source.folder / "model.safetensors", source.folder / "tokenizer.txt.gz"
    sizes, sha256 = config["sizes"], config["weights_sha256"]
    model = small_model(sizes)
    load_into(model, {name: tensor.float() for name, tensor in read_weights(path, sha256).items()}, path)
    context = sizes["qformer_config"]["max_position_embeddings"]
    tokenize = SmallTokens(words, context)
    preprocessing = Preprocessing(sizes["vision_config"]["image_size"], (0.5,) * 3, (0.5,) * 3)
    record = record_of(source, "blip-2", model, sha256, preprocessing, file_digest(words), context)
    return QFormerEncoder(model, tokenize, record, device)


def _full_size(source: Source, device: str) -> QFormerEncoder:
    from transformers import Blip2ForImageTextRetrieval

    model, sha256 = read_checkpoint(source, Blip2ForImageTextRetrieval, "blip-2")
    if not model.config.qformer_config.use_qformer_text_input:
        hint = "take a checkpoint for image-text retrieval"
        raise PinpointError(f"the Q-Former in {source.folder} reads no text; {hint}")
    tokenizer = read_tokenizer(source)
    preprocessing = read_preprocessing(source.folder, model.config.vision_config.image_size, source.resize_mode)
    record = record_of(source, "blip-2", model, sha256, preprocessing, tokenizer_digest(tokenizer), CONTEXT)

    def tokenize(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, truncation=True, max_length=CONTEXT)["input_ids"]
        return ids

    return QFormerEncoder(model, tokenize, record, device)
