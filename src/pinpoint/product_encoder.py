"""A Q-Former that reads photographs through a real MobileNetV2 (Sandler et al. 2018) that rests.

The network's last feature map, pooled to 2 x 2, and its global feature are the image tokens, (B, 5, 1280), each
normalised as BLIP-2's tower ends in a layer norm. Query tokens, Q-Former and words learn from pairs of a photograph and
a caption, as in `recipes.qformer_pairs`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d, layer_norm

from pinpoint.encoders.blip import pad
from pinpoint.encoders.common import check_texts, pick_device
from pinpoint.encoders.qformer import small_model
from pinpoint.encoders.record import Preprocessing
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest
from pinpoint.recipes.qformer_pairs import Batch, Trained, pair_loss
from pinpoint.training import History, Plan, fit

MAP, POOLED = "t168", "t169"  # in the ONNX graph: the last feature map (B, 1280, 7, 7), and its mean over positions
CONTEXT = 32
PAD, START, UNKNOWN = 0, 1, 2


class Features(Protocol):
    """A resting network. `name` and `sha256` say which, `width` is the size of its tokens."""

    name: str
    sha256: str
    width: int

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Image tokens (B, n, width) float32 of uint8 RGB pictures (B, 224, 224, 3)."""
        ...


class MobileNet:
    """`MobileNet(path)(pixels)` -> (B, 5, 1280): the global feature and the four quarters of the last feature map."""

    name, width = "mobilenet-v2/global+2x2", 1280

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PinpointError(f"there is no {path}; put the MobileNetV2 trained on ImageNet (ONNX) there")
        try:
            import onnxruntime
            from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
        except ImportError:
            raise PinpointError(
                'reading photographs needs onnxruntime; install it with: pip install -e ".[photos]"'
            ) from None
        self.sha256, options = file_digest(path), onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            content = path.read_bytes() + also_output(MAP)
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidGraph, InvalidProtobuf) as error:
            raise PinpointError(f"{path} is not the MobileNetV2 that is wanted ({error}); fetch it anew") from error

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Image tokens of uint8 pictures (B, 224, 224, 3)."""
        seen, pooled = self.raw(pixels)
        quarters = adaptive_avg_pool2d(seen, 2).flatten(2).transpose(1, 2)  # (B, 4, 1280)
        tokens = torch.cat([pooled.flatten(1)[:, None], quarters], dim=1)
        out: np.ndarray = layer_norm(tokens, (self.width,)).numpy()
        return out

    def raw(self, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The last feature map (B, 1280, 7, 7), and what the graph gives as its feature (B, 1280, 1, 1)."""
        inputs = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        name = self.session.get_inputs()[0].name
        seen, pooled = self.session.run([MAP, POOLED], {name: inputs})
        return torch.from_numpy(seen), torch.from_numpy(pooled)


def also_output(tensor: str) -> bytes:
    """Bytes that, behind an ONNX file, make one more inner tensor an output.

    Protocol buffers merge a field that comes twice: field 7 of the model is the graph, 12 its outputs, 1 a name.
    """
    name = tensor.encode()
    return bytes([7 << 3 | 2, len(name) + 4, 12 << 3 | 2, len(name) + 2, 1 << 3 | 2, len(name)]) + name


class WordTokens:
    """Texts to ids over the words of some texts: a start token, then a number for each word, one for all unknown."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.words = sorted({word for text in texts for word in words_of(text)})
        self.number = {word: n for n, word in enumerate(self.words, start=UNKNOWN + 1)}

    def __len__(self) -> int:
        return len(self.words) + UNKNOWN + 1

    def __call__(self, text: str) -> list[int]:
        """At most CONTEXT ids."""
        return [START, *(self.number.get(word, UNKNOWN) for word in words_of(text))][:CONTEXT]


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def mentions(texts: Sequence[str], words: Mapping[str, frozenset[str]]) -> dict[str, torch.Tensor]:
    """For each attribute whether a text has one of its words, 0 or 1, (N,)."""
    said = [set(words_of(text)) for text in texts]
    return {name: torch.tensor([float(bool(own & s)) for s in said]) for name, own in words.items()}


@dataclass(frozen=True)
class Sizes:
    """Of the Q-Former: width, layers, heads, query tokens, numbers of an embedding."""

    width: int = 192
    layers: int = 4
    heads: int = 4
    tokens: int = 8
    dim: int = 128


class ProductEncoder:
    """What chapter 5 asks of an encoder: `model` to start from, texts laid out, and what a resting network sees."""

    image_size = 224
    preprocessing = Preprocessing(224, (0.5,) * 3, (0.5,) * 3)

    def __init__(
        self, features: Features, tokenize: WordTokens, sizes: Sizes, seed: int = 0, device: str = "auto"
    ) -> None:
        self.name, self.weights_sha256 = features.name, features.sha256  # of what `see` gives
        self.features, self.tokenize, self.device = features, tokenize, pick_device(device)
        self.model = untrained(features.width, len(tokenize), sizes, seed).to(self.device)

    def laid_out(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids (B, L) and their mask (B, L), 1 at words, padded to the longest text."""
        check_texts(texts, "laid_out")
        return pad([self.tokenize(text) for text in texts])

    def see(self, images: np.ndarray, *, batch_size: int = 32) -> np.ndarray:
        """Image tokens (N, n, Dv) float32 of uint8 pictures (N, 224, 224, 3)."""
        return np.concatenate([self.features(images[k : k + batch_size]) for k in range(0, len(images), batch_size)])

    def pretrain(self, batches: "Captions", matched: int, plan: Plan, folder: Path, resume: bool = True) -> History:
        """Learn captions, kept in `folder`; then the model rests."""
        step = partial(pair_loss, min(matched, batches.batch))
        history = fit(Trained(self.model), step, batches, plan, folder=folder, resume=resume, label="captions")
        self.model.eval().requires_grad_(False)
        return history


def untrained(seen: int, words: int, sizes: Sizes, seed: int) -> Any:
    """A model whose Q-Former reads tokens of `seen` numbers. BLIP-2 ties that to its tower, which here is a stump."""
    torch.manual_seed(seed)
    model = small_model({
        "vision_config": {"hidden_size": seen, "intermediate_size": 1, "num_hidden_layers": 0,
                          "num_attention_heads": 1, "image_size": 2, "patch_size": 2},
        "qformer_config": {"hidden_size": sizes.width, "intermediate_size": 4 * sizes.width,
                           "num_attention_heads": sizes.heads, "num_hidden_layers": sizes.layers, "vocab_size": words,
                           "max_position_embeddings": CONTEXT, "hidden_dropout_prob": 0.0,
                           "attention_probs_dropout_prob": 0.0, "pad_token_id": PAD, "use_qformer_text_input": True},
        "image_text_hidden_size": sizes.dim, "num_query_tokens": sizes.tokens,
    })  # fmt: skip
    torch.nn.init.normal_(model.query_tokens, std=0.02)  # equal ones, as transformers makes them, would stay equal
    return model


class Captions:
    """`captions(i)` -> image tokens (B, n, Dv), token ids (B, L), mask, i: batch i, a function of i alone.

    No text comes twice in a batch: another photograph with the same caption would be a false negative.
    """

    def __init__(
        self, encoder: ProductEncoder, seen: torch.Tensor, texts: Sequence[str], batch: int, seed: int
    ) -> None:
        self.encoder, self.seen, self.texts, self.seed = encoder, seen, texts, seed
        distinct, self.number = np.unique(np.array(texts), return_inverse=True)  # (N,) the text of each photograph
        self.batch = min(batch, len(distinct))

    def __call__(self, i: int) -> Batch:
        """Batch i: photographs in random order, the first of each text."""
        order = np.random.default_rng([self.seed, i]).permutation(len(self.texts))
        _, first = np.unique(self.number[order], return_index=True)
        rows = order[np.sort(first)[: self.batch]]
        ids, mask = self.encoder.laid_out([self.texts[row] for row in rows])
        return self.seen[torch.from_numpy(rows)].float(), ids, mask, torch.tensor(i)
