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
from pinpoint.encoders.blip import CLIP_MEAN, CLIP_STD, SmallTokens, pad
from pinpoint.encoders.common import check_texts, in_batches, pick_device, unit_rows
from pinpoint.encoders.preprocess import ImageLike, Preprocessor
from pinpoint.encoders.record import Preprocessing
from pinpoint.encoders.weights import load_into, read_weights
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json

FORMAT = "pinpoint-qformer/1"


class QFormerEncoder:
    """A frozen BLIP-2 for retrieval: unit embeddings of texts, T of them for each image, and the tower's tokens."""

    def __init__(self, name: str, model: Any, tokenize: Any, preprocessing: Preprocessing, sha256: str,
                 device: str = "auto") -> None:  # fmt: skip
        self.name, self.device, self.weights_sha256 = name, pick_device(device), sha256
        self.model = model.to(self.device).eval().requires_grad_(False)
        self.tokenize, self.preprocess = tokenize, Preprocessor(preprocessing, self.device)
        self.preprocessing, self.image_size = preprocessing, preprocessing.image_size
        self.dim = int(model.config.image_text_hidden_size)
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


def load_qformer(folder: Path | str, device: str = "auto") -> QFormerEncoder:
    """A Q-Former from a folder: one of ours, or a checkpoint as `save_pretrained` writes it, its tokenizer beside."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise PinpointError(f"{folder} holds no Q-Former (no config.json); train it or save a checkpoint there")
    config, path = read_json(folder / "config.json"), folder / "model.safetensors"
    if config.get("format") != FORMAT:
        return _full_size(folder, device)
    sizes = config["sizes"]
    model = small_model(sizes)
    state = {name: tensor.float() for name, tensor in read_weights(path, config["weights_sha256"]).items()}
    load_into(model, state, path)
    tokens = SmallTokens(folder / "tokenizer.txt.gz", sizes["qformer_config"]["max_position_embeddings"])
    preprocessing = Preprocessing(sizes["vision_config"]["image_size"], (0.5,) * 3, (0.5,) * 3)
    return QFormerEncoder(folder.name, model, tokens, preprocessing, config["weights_sha256"], device)


def _full_size(folder: Path, device: str) -> QFormerEncoder:
    from transformers import AutoTokenizer, Blip2ForImageTextRetrieval

    model = Blip2ForImageTextRetrieval.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    if not model.config.qformer_config.use_qformer_text_input:
        raise PinpointError(f"the Q-Former in {folder} reads no text; take a checkpoint for image-text retrieval")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    weights = sorted(folder.glob("*.safetensors"))
    preprocessing = Preprocessing(model.config.vision_config.image_size, CLIP_MEAN, CLIP_STD, resize_mode="squash")

    def tokenize(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, truncation=True, max_length=32)["input_ids"]  # QuRe reads 32 word pieces
        return ids

    sha256 = "-".join(file_digest(path) for path in weights)
    return QFormerEncoder(folder.name, model, tokenize, preprocessing, sha256, device)
