"""A small tokenizer for the small language models: every word of a corpus is one token, every other word is spelled."""

import re
import string
from collections.abc import Iterable, Sequence
from typing import Any

import torch

END, IMAGE, IMAGE_START, IMAGE_END, UNKNOWN = (
    "<|endoftext|>",
    "<|image_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<unk>",
)
SPECIAL = (END, UNKNOWN, IMAGE_START, IMAGE, IMAGE_END, "<|video_pad|>")
LETTERS = string.ascii_lowercase + string.digits + string.punctuation
_WORD = re.compile(r"\w+|[^\w\s]+")  # what the tokenizer's own splitter finds (tested)


def build_tokenizer(corpus: Iterable[str]) -> Any:
    """A transformers tokenizer in lower case whose vocabulary depends on the set of words alone."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for text in corpus for word in _WORD.findall(text.lower())} | set(LETTERS))
    tokens = [*SPECIAL, *words, *(f"##{letter}" for letter in LETTERS)]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=UNKNOWN, max_input_chars_per_word=60))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=END, unk_token=UNKNOWN, padding_side="right",
        additional_special_tokens=[IMAGE_START, IMAGE, IMAGE_END, "<|video_pad|>"], model_max_length=256,
    )  # fmt: skip


class Pieces:
    """Token ids of texts over few words, fast: each word is split into pieces once."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.end = tokenizer, int(tokenizer.eos_token_id)
        self.words: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """The ids of `text`, without an end token. Equal to the tokenizer's own (tested)."""
        ids: list[int] = []
        for word in text.split():
            if (pieces := self.words.get(word)) is None:
                pieces = self.words[word] = self.tokenizer(word, add_special_tokens=False)["input_ids"]
            ids += pieces
        return ids

    def padded(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids (N, T) of texts, each ended, padded at the right; and their lengths (N,)."""
        rows = [[*self(text), self.end] for text in texts]
        lengths = torch.tensor([len(row) for row in rows])
        out = torch.full((len(rows), -(-int(lengths.max()) // 8) * 8), self.end)
        for place, row in zip(out, rows, strict=True):
            place[: len(row)] = torch.tensor(row)
        return out, lengths
