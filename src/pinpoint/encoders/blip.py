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
from pinpoint.encoders.common import check_texts, in_batches, pick_device, unit_rows
from pinpoint.encoders.preprocess import ImageLike, Preprocessor
from pinpoint.encoders.record import Preprocessing
from pinpoint.encoders.tokenizer import WordCache, load_tokenizer
from pinpoint.encoders.weights import load_into, read_weights
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json

FORMAT = "pinpoint-blip/1"
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class BlipEncoder:
    """A frozen BLIP. Embeddings are float32 rows of unit length; `laid_out` gives its text encoder's inputs."""

    def __init__(self, name: str, model: Any, tokenize: Any, preprocessing: Preprocessing, sha256: str,
                 device: str = "auto") -> None:  # fmt: skip
        self.name, self.device, self.weights_sha256 = name, pick_device(device), sha256
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.tokenize, self.preprocess = tokenize, Preprocessor(preprocessing, self.device)
        self.image_size, self.dim = preprocessing.image_size, int(model.config.image_text_hidden_size)

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


def load_blip(folder: Path | str, device: str = "auto") -> BlipEncoder:
    """A BLIP from a folder: one of ours, or a checkpoint as `save_pretrained` writes it, its tokenizer beside."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise PinpointError(f"{folder} holds no BLIP (no config.json); train it or save a checkpoint there")
    config = read_json(folder / "config.json")
    path = folder / "model.safetensors"
    if config.get("format") == FORMAT:
        model = small_model(config["sizes"])
        state = {name: tensor.float() for name, tensor in read_weights(path, config["weights_sha256"]).items()}
        load_into(model, state, path)
        size, context = (
            config["sizes"]["vision_config"]["image_size"],
            config["sizes"]["text_config"]["max_position_embeddings"],
        )
        preprocessing = Preprocessing(size, (0.5,) * 3, (0.5,) * 3)
        return BlipEncoder(folder.name, model, SmallTokens(folder / "tokenizer.txt.gz", context), preprocessing,
                           config["weights_sha256"], device)  # fmt: skip
    return _full_size(folder, path, device)


def _full_size(folder: Path, path: Path, device: str) -> BlipEncoder:
    from transformers import AutoTokenizer, BlipForImageTextRetrieval

    sha256 = file_digest(path) if path.is_file() else ""
    model = BlipForImageTextRetrieval.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    context = model.config.text_config.max_position_embeddings
    size = model.config.vision_config.image_size
    preprocessing = Preprocessing(size, CLIP_MEAN, CLIP_STD, resize_mode="squash")

    def tokenize(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, truncation=True, max_length=context)["input_ids"]
        return ids

    return BlipEncoder(folder.name, model, tokenize, preprocessing, sha256, device)
