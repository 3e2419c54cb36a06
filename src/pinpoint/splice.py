"""Pseudo-words in a sentence: vectors that a frozen text encoder reads where a word would stand.

An image becomes one or more vectors in the space of *token embeddings*; "a photo of [$] at night" is then encoded with
those vectors in the place of `[$]`. They enter by a hook on the token embedding, behind it and before the positions
are added, so that any text tower of open_clip or transformers takes them unchanged.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pinpoint.encoders.tokenizer import WordCache
from pinpoint.errors import PinpointError

PLACE = "[$]"  # where the pseudo-words stand; LinCIR's mark


@dataclass(frozen=True)
class TextSide:
    """The text tower of a dual encoder, as a sentence with pseudo-words needs it.

    tokens: the ids of a text without start and end. encode: ids (B, T) to embeddings (B, D) of any length. sublayers:
    the attentions and feed-forwards of the tower, in order. `padding` fills the rows behind `end`; causal attention
    never reads it.
    """

    embedding: nn.Module
    tokens: Callable[[str], list[int]]
    encode: Callable[[torch.Tensor], torch.Tensor]
    sublayers: tuple[nn.Module, ...]
    start: int
    end: int
    padding: int
    context: int

    @property
    def width(self) -> int:
        """Length of a token embedding."""
        return int(self.weight.shape[1])

    @property
    def weight(self) -> torch.Tensor:
        """All token embeddings (V, width)."""
        return torch.as_tensor(self.embedding.weight)


def open_clip_side(model: Any, tokenizer: Any) -> TextSide:
    """The text side of an open_clip model of the class `CLIP` (ViT-B/32, ViT-L/14 and the small ones alike)."""

    def encode(ids: torch.Tensor) -> torch.Tensor:
        """`model.encode_text` on sentences shorter than the context: equal to it (tested), and so much faster."""
        from open_clip.transformer import text_global_pool

        length = ids.shape[1]
        x = model.token_embedding(ids) + model.positional_embedding[:length]
        x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
        pooled = text_global_pool(x, ids, model.text_pool_type, eos_token_id=getattr(model, "text_eos_id", None))
        embedding: torch.Tensor = pooled @ model.text_projection
        return embedding

    sublayers = tuple(part for block in model.transformer.resblocks for part in (block.attn, block.mlp))
    return TextSide(
        model.token_embedding, WordCache(tokenizer), encode, sublayers, tokenizer.sot_token_id, tokenizer.eot_token_id,
        padding=0, context=int(tokenizer.context_length),
    )  # fmt: skip


def transformers_side(model: Any, tokenizer: Any) -> TextSide:
    """The text side of transformers' `CLIPTextModelWithProjection` (or of anything built like it)."""

    def encode(ids: torch.Tensor) -> torch.Tensor:
        embedding: torch.Tensor = model(input_ids=ids).text_embeds
        return embedding

    def tokens(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    end, layers = int(tokenizer.eos_token_id), model.text_model.encoder.layers
    sublayers = tuple(part for layer in layers for part in (layer.self_attn, layer.mlp))
    return TextSide(
        model.get_input_embeddings(), tokens, encode, sublayers, int(tokenizer.bos_token_id), end, end,
        int(model.config.max_position_embeddings),
    )  # fmt: skip


def sentences(side: TextSide, texts: Sequence[str], k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (B, T) of texts in which each `[$]` is k tokens, and where those are, bool (B, T).

    A text that does not fit into the context loses its last words, never its end token, nor a pseudo-word.
    """
    rows = [_sentence(side, text, k) for text in texts]
    length = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), length), side.padding)
    place = torch.zeros(len(rows), length, dtype=torch.bool)
    for n, (row, where) in enumerate(rows):
        ids[n, : len(row)], place[n, where] = torch.tensor(row), True
    return ids, place


def _sentence(side: TextSide, text: str, k: int) -> tuple[list[int], list[int]]:
    parts = text.split(PLACE)
    filler = int(side.end == 0)  # any id but the end's, by which the sentence is read: its embedding is replaced
    row = [side.start, *side.tokens(parts[0])]
    where: list[int] = []
    for part in parts[1:]:
        where += range(len(row), len(row) + k)
        row += [filler] * k + side.tokens(part)
    if where and where[-1] >= side.context - 1:
        raise PinpointError(f"{text!r}: the pseudo-words end at token {where[-1]} of a context of {side.context}")
    return [*row[: side.context - 1], side.end], where


@contextmanager
def replaced(embedding: nn.Module, place: torch.Tensor, words: torch.Tensor) -> Iterator[None]:
    """While it lasts, `embedding` gives `words` (n, width), one after the other, at the n true entries of `place`."""

    def put(_module: nn.Module, _inputs: Any, out: torch.Tensor) -> torch.Tensor:
        return out.masked_scatter(place[..., None], words.to(out.dtype))

    handle = embedding.register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def encode_spliced(side: TextSide, texts: Sequence[str], words: torch.Tensor) -> torch.Tensor:
    """Embeddings (B, D), not normalised, of texts with pseudo-words: words (B, k, width), row b for each `[$]` of
    text b. Differentiable in the words."""
    ids, place = sentences(side, texts, words.shape[1])
    return encode_places(side, ids.to(words.device), place.to(words.device), words)


def encode_places(side: TextSide, ids: torch.Tensor, place: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """The same for sentences (B, T) that are laid out already."""
    times = place.sum(dim=1) // words.shape[1]  # how often each row has its pseudo-words
    each = words.repeat_interleave(times, dim=0).flatten(0, 1)
    with replaced(side.embedding, place, each):
        return side.encode(ids)


def nearest_words(side: TextSide, words: torch.Tensor, vocabulary: Sequence[str], n: int = 5) -> list[list[str]]:
    """What pseudo-words (B, width) "say": the n words of `vocabulary` with the nearest token embeddings, by cosine.

    Words of several tokens are left out: they have no embedding of their own.
    """
    single = [(word, ids[0]) for word in vocabulary if len(ids := side.tokens(word)) == 1]
    known = nn.functional.normalize(side.weight[[token for _, token in single]].detach(), dim=1)
    scores = nn.functional.normalize(words.detach(), dim=1) @ known.T  # (B, words)
    return [[single[k][0] for k in row] for row in scores.topk(min(n, len(single)), dim=1).indices.tolist()]
