"""The door for promptable embedders: multimodal language models that turn an image and a prompt into one vector.

`MllmEncoder` serves the small models of this study and public ones (VLM2Vec, GME, Qwen3-VL-Embedding) alike. The
embedding is the final hidden state of the last token, of unit length (VLM2Vec). What differs between models, the format
of the input, is data in the record. Only the image side takes a prompt; texts have one format.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401  (before transformers imports torchvision)
from pinpoint.encoders import mllm_attention, mllm_forward
from pinpoint.encoders.common import check_text_batch, check_texts, in_batches, pick_device, unit_rows
from pinpoint.encoders.mllm_inputs import as_images, last_one, one_size, same_size, shared_start
from pinpoint.encoders.mllm_record import MllmRecord
from pinpoint.encoders.preprocess import ImageLike
from pinpoint.errors import PinpointError

BRANCH = 4, 3  # so many prompts that share so many tokens get a prefix of their own
PROMPTS_AT_ONCE = 16  # each prompt of a run holds its own copy of the image's keys and values
PER_TOKEN = ("input_ids", "mm_token_type_ids")  # what a processor gives for each token; the mask is all ones here


def pays(endings: list[tuple[int, list[int]]]) -> bool:
    """Whether prompts share enough to compute it once."""
    return len(endings) >= BRANCH[0] and shared_start([ending for _, ending in endings]) >= BRANCH[1]


class MllmEncoder:
    """A frozen promptable embedder. All embeddings are float32 rows of unit length on the CPU side.

    A row depends on its own image, prompt or text alone: not on the batch, its padding or its neighbours (tested). With
    the dtype bfloat16, weights and activations are bfloat16 and rows agree to its rounding only.
    """

    def __init__(self, model: nn.Module, processor: Any, record: MllmRecord, device: str = "auto") -> None:
        self.device = pick_device(device)
        self.model: Any = model.to(self.device).eval().requires_grad_(False)
        mllm_forward.use_uniform_attention(self.model)
        self.processor, self.record = processor, record
        self.processor.tokenizer.padding_side = record.format.padding_side

    def __repr__(self) -> str:
        size = f"{self.image_size} px, " if self.image_size else ""
        return f"<{self.record.name}: {self.dim} dimensions, {size}{self.device}>"

    @property
    def name(self) -> str:
        """The name it was loaded by."""
        return self.record.name

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return self.record.dim

    @property
    def image_size(self) -> int | None:
        """Side in pixels of the square images it was made for; None where any size will do."""
        return self.record.format.image_size

    def encode_images(
        self, images: Iterable[ImageLike] | np.ndarray, prompt: str | None = None, *, batch_size: int = 32
    ) -> np.ndarray:
        """(N, D) unit rows for N images under one prompt, the generic one by default.

        Images are uint8 RGB arrays (H, W, 3), PIL images, or one array (N, H, W, 3); sizes may differ.
        """
        return np.asarray(self.encode_prompts(images, [self._prompt(prompt)], batch_size=batch_size)[0])

    def encode_prompts(
        self, images: Iterable[ImageLike] | np.ndarray, prompts: Sequence[str], *, batch_size: int = 32
    ) -> np.ndarray:
        """(P, N, D) unit rows for N images under each of P prompts.

        Where the format puts the image first, its part of the computation is done once for all prompts. Equal to
        `encode_plain` prompt by prompt (tested).
        """
        check_texts(prompts, "encode_prompts")
        texts = [self._prompt(prompt) for prompt in prompts]
        if not texts:
            raise PinpointError("encode_prompts got no prompt")
        endings = self._endings(texts)

        def encode(batch: Sequence[ImageLike] | np.ndarray, first: int) -> np.ndarray:
            pictures = as_images(batch, first)
            if endings is None:
                embedding = torch.stack([self._plain(pictures, text) for text in texts])
            else:
                embedding = self._shared(pictures, endings)
            return unit_rows(embedding, self.name, "image", first)

        return in_batches(images, batch_size, encode, (len(prompts), 0, self.dim))

    def encode_plain(
        self, images: Iterable[ImageLike] | np.ndarray, prompt: str | None = None, *, batch_size: int = 32
    ) -> np.ndarray:
        """What `encode_images` computes, the obvious way: processor, padded batch, model, last real token."""
        text = self._prompt(prompt)

        def encode(batch: Sequence[ImageLike] | np.ndarray, first: int) -> np.ndarray:
            return unit_rows(self._plain(as_images(batch, first), text), self.name, "image", first)

        return in_batches(images, batch_size, encode, (0, self.dim))

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 256) -> np.ndarray:
        """(Q, D) unit rows for Q texts, in the model's format for texts. Nothing is cut off."""
        check_texts(texts, "encode_texts")

        def encode(batch: Sequence[str], first: int) -> np.ndarray:
            check_text_batch(batch, first)
            ids, lengths = self._padded([self._text_ids(text, first + row) for row, text in enumerate(batch)])
            return unit_rows(mllm_forward.embed_texts(self.model, ids, lengths), self.name, "text", first)

        return in_batches(texts, batch_size, encode, (0, self.dim))

    def relevance(self, images: Iterable[ImageLike] | np.ndarray, prompt: str, *, batch_size: int = 32) -> np.ndarray:
        """(N, h, w) float32: the attention that the pooled token pays to each image token; see `mllm_attention`.

        The images must have one size, since each becomes a grid of tokens.
        """
        text = self._prompt(prompt)

        def look(batch: Sequence[ImageLike] | np.ndarray, first: int) -> np.ndarray:
            return mllm_attention.relevance(self.model, self._inputs(as_images(batch, first), text))

        return in_batches(one_size(images), batch_size, look, (0, 0, 0), axis=0)

    def _prompt(self, prompt: str | None) -> str:
        return self._check(self.record.format.generic_prompt if prompt is None else prompt, "prompt")

    def _check(self, text: Any, what: str) -> str:
        if not isinstance(text, str):
            raise PinpointError(f"the {what} {text!r} is a {type(text).__name__}, not a string")
        if self.processor.image_token in text:
            raise PinpointError(f"the {what} {text!r} holds the image token {self.processor.image_token}; leave it out")
        return text

    def _plain(self, images: list[Image.Image], prompt: str) -> torch.Tensor:
        """(N, D) final hidden states at the last real token, in one padded batch."""
        inputs = self._inputs(images, prompt)
        hidden = self.model(**inputs, use_cache=False).last_hidden_state
        pooled: torch.Tensor = hidden[torch.arange(len(hidden), device=hidden.device), last_one(inputs)]
        return pooled

    def _shared(self, images: list[Image.Image], endings: list[list[int]]) -> torch.Tensor:
        """(P, N, D) with the image's part computed once; `endings` are the tokens behind the image, per prompt."""
        out = torch.empty(len(endings), len(images), self.dim, device=self.device)
        for rows in same_size(images):
            prefix = mllm_forward.image_prefix(self.model, self._up_to_image([images[row] for row in rows]))
            for prompts, part in self._branches(prefix, list(enumerate(endings))):
                for where, embedding in zip(prompts, part, strict=True):
                    out[where, rows] = embedding
        return out

    def _branches(
        self, prefix: mllm_forward.Prefix, endings: list[tuple[int, list[int]]]
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Embeddings (p, N, D) of some prompts at a time: what prompts begin with alike is computed once for them."""
        common = shared_start([ending for _, ending in endings])
        if common:
            words = torch.tensor(endings[0][1][:common], device=self.device)
            prefix = mllm_forward.extended(self.model, prefix, words)
        rest = [(where, ending[common:]) for where, ending in endings]
        alike: dict[int, list[tuple[int, list[int]]]] = {}
        for where, ending in rest:
            alike.setdefault(ending[0], []).append((where, ending))
        together = [group for group in alike.values() if pays(group)]
        for group in together:
            yield from self._branches(prefix, group)
        apart = [pair for group in alike.values() if group not in together for pair in group]
        for start in range(0, len(apart), PROMPTS_AT_ONCE):
            run = apart[start : start + PROMPTS_AT_ONCE]
            ids, lengths = self._padded([ending for _, ending in run])
            embedding = mllm_forward.embed_prompts(self.model, prefix, ids, lengths)
            yield [where for where, _ in run], embedding.transpose(0, 1)

    def _endings(self, prompts: Sequence[str]) -> list[list[int]] | None:
        """The tokens behind the image for each prompt; None where what is before them depends on the prompt."""
        image, heads, endings = self.processor.image_token_id, set(), []
        for prompt in prompts:
            ids = self._ids(self.record.format.image_text(prompt))
            cut = ids.index(image) + 1
            heads.add(tuple(ids[:cut]))
            endings.append(ids[cut:])
        first = self.record.format.image_template.partition("{prompt}")[0]
        shared = self.processor.image_token in first and len(heads) == 1 and all(endings)
        return endings if shared else None

    def _inputs(self, images: list[Image.Image], prompt: str) -> dict[str, torch.Tensor]:
        """What the processor makes of the images under a prompt, padded, on the device."""
        texts = [self.record.format.image_text(prompt)] * len(images)
        inputs = self.processor(text=texts, images=images, padding=True, return_tensors="pt")
        return {key: value.to(self.device) for key, value in inputs.items()}

    def _up_to_image(self, images: list[Image.Image]) -> dict[str, torch.Tensor]:
        """Inputs for images of one size, cut behind the last image token. Their tokens are equal: one row is made."""
        one = self._inputs(images[:1], self.record.format.generic_prompt)
        end = int((one["input_ids"][0] == self.processor.image_token_id).nonzero().max()) + 1
        tokens = {key: one[key][:, :end].expand(len(images), -1) for key in PER_TOKEN if key in one}
        pixels = self.processor.image_processor(images, return_tensors="pt")
        return tokens | {key: value.to(self.device) for key, value in pixels.items()}

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(text)["input_ids"]
        return ids

    def _text_ids(self, text: str, position: int) -> list[int]:
        ids = self._ids(self.record.format.text(self._check(text, f"text {position}")))
        if not ids:
            raise PinpointError(f"text {position} is empty, and so is its input; leave it out")
        return ids

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token lists as one tensor (N, T), filled at the right, and their lengths (N,). What fills is never read."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
        for line, row in zip(ids, rows, strict=True):
            line[: len(row)] = torch.tensor(row)
        return ids.to(self.device), lengths.to(self.device)
