"""A small vocabulary of CLIP's own tokenizer family.

CLIP's byte-pair encoding joins characters by 48,894 ranked merges; its embedding table of 49,408 rows would outweigh a
small model many times over. A world of a few hundred words needs a few hundred of those merges. `build_vocabulary`
keeps exactly the ones that encoding the given words uses, in CLIP's order, so each of these words falls into the very
pieces CLIP gives it; any other word falls into smaller pieces, in the end single bytes, and is never unknown.
"""

import gzip
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import regex

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

HEADER = "#version: 0.2 (the merges of CLIP's byte-pair encoding that this vocabulary needs)"


def used_merges(token: str, ranks: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """The merges that byte-pair encoding applies to one pre-token (already mapped to byte characters).

    Dropping every other merge leaves the derivation as it is: at each step the pair of lowest rank is still there,
    and no new pair can come before it.
    """
    used: set[tuple[str, str]] = set()
    pieces = [*token[:-1], token[-1] + "</w>"]
    while True:
        pairs = [pair for pair in pairwise(pieces) if pair in ranks]
        if not pairs:
            return used
        best = min(pairs, key=ranks.__getitem__)
        used.add(best)
        pieces = merge(pieces, best)


def merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of `pair` in `pieces`, from left to right."""
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def build_vocabulary(texts: Iterable[str]) -> bytes:
    """The merges file (gzip) of the smallest vocabulary that tokenises every word of `texts` as CLIP does.

    The bytes depend on the set of words alone: merges keep CLIP's order and the gzip header has no time stamp.
    """
    from open_clip.tokenizer import SimpleTokenizer

    full = SimpleTokenizer()
    used: set[tuple[str, str]] = set()
    for token in {token for text in texts for token in regex.findall(full.pat, full.clean_fn(text))}:
        used |= used_merges("".join(full.byte_encoder[byte] for byte in token.encode()), full.bpe_ranks)
    ordered = sorted(used, key=full.bpe_ranks.__getitem__)
    # No newline at the end: SimpleTokenizer would read it as one more, empty merge.
    return gzip.compress("\n".join([HEADER, *(" ".join(pair) for pair in ordered)]).encode(), mtime=0)


def save_vocabulary(path: Path, vocabulary: bytes) -> None:
    """Write the bytes of `build_vocabulary`, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(vocabulary)


def load_tokenizer(path: Path, context_length: int) -> "SimpleTokenizer":
    """open_clip's `SimpleTokenizer` over the merges file `path`; it pads and cuts to `context_length` tokens."""
    from open_clip.tokenizer import SimpleTokenizer

    try:
        return SimpleTokenizer(bpe_path=str(path), context_length=context_length)
    except FileNotFoundError:
        raise PinpointError(f"the vocabulary {path} is missing; it belongs beside the weights") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise PinpointError(f"the vocabulary {path} is damaged ({error}); fetch or train the model again") from None


class WordCache:
    """Tokenises a stream of captions over few words fast: each word is split into pieces once.

    Equal to the tokenizer itself because its pattern never spans white space (tested).
    """

    def __init__(self, tokenizer: "SimpleTokenizer") -> None:
        self.tokenizer = tokenizer
        self.words: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """The token ids of `text`, without start and end."""
        ids: list[int] = []
        for word in text.split():
            if (pieces := self.words.get(word)) is None:
                pieces = self.words[word] = self.tokenizer.encode(word)
            ids += pieces
        return ids
