"""Pictures with captions, questions and answers, as a stream of batches."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import Asked
from pinpoint.recipes.pairs import Shuffled
from pinpoint.recipes.word_pieces import Pieces

BUCKET = 128  # rows; the shapes of a step recur, since a CPU compiles its kernels anew for every new shape
LEAD, _, _ = PROMPT.partition("{question}")  # the words before every question: computed once per image


class QuestionSource(Protocol):
    """Scenes that can be drawn, captioned and asked about; words are new in every epoch."""

    digest: str

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        """A text for picture i under the general prompt."""
        ...

    def questions(self, i: int, epoch: int, n: int, seed: int = 0) -> list[Asked]:
        """`n` questions about picture i with their answers."""
        ...


Padded = tuple[torch.Tensor, torch.Tensor]  # ids (n, T), lengths (n,)


class Batch(NamedTuple):
    """One batch: B pictures, K questions each, U distinct texts (and empty ones).

    Texts and questions lie in buckets of like length.
    """

    pixels: torch.Tensor  # (B, S, S, 3) uint8
    general: Padded  # the general prompt, one row
    lead: torch.Tensor  # (T,) the words before every question
    questions: tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], ...]  # buckets of ids, lengths, picture (n,)
    places: torch.Tensor  # (B K,) in the buckets' order, the place of question k of picture b: b K + k
    texts: tuple[Padded, ...]  # buckets; one after the other they are the U texts
    target: torch.Tensor  # (B, 1 + K) which text answers each prompt, the general one first
    counts: torch.Tensor  # (U,) how often the batch holds each text


class QuestionBatches:
    """`batches(i)` -> a `Batch` as a plain tuple; a function of i alone. Every epoch is a new permutation."""

    def __init__(
        self, images: np.ndarray, source: QuestionSource, pieces: Pieces, batch: int, questions: int, seed: int
    ) -> None:
        self.images, self.source, self.pieces = images, source, pieces
        self.rows, self.questions, self.seed = Shuffled(len(images), batch, seed), questions, seed

    def __call__(self, i: int) -> tuple[Any, ...]:
        """Batch i, the fields of a `Batch`."""
        epoch, rows = self.rows(i)
        asked = [self.source.questions(int(row), epoch, self.questions, self.seed) for row in rows]
        worded: dict[str, str] = {}  # one wording per answer and batch: another one would be a false negative
        texts = [
            [
                self.source.caption(int(row), epoch, self.seed),
                *(worded.setdefault(a.meaning or a.answer, a.answer) for a in some),
            ]
            for row, some in zip(rows, asked, strict=True)
        ]
        return tuple(self.collate(torch.from_numpy(self.images[rows]), asked, texts))

    def collate(self, pixels: torch.Tensor, asked: list[list[Asked]], texts: list[list[str]]) -> Batch:
        """Token ids of prompts and of the distinct texts, in buckets."""
        questions = [a.question for some in asked for a in some]
        order = self.by_length(questions)
        distinct = list(dict.fromkeys(text for some in texts for text in some))
        filler = -len(distinct) % BUCKET  # empty texts, counted zero times, so that shapes repeat
        number = {distinct[n]: filler + place for place, n in enumerate(self.by_length(distinct))}
        distinct = [""] * filler + list(number)
        target = torch.tensor([[number[text] for text in some] for some in texts])
        buckets = [order[part] for part in _buckets(len(order))]
        return Batch(
            pixels,
            self.pieces.padded([GENERIC_PROMPT]),
            torch.tensor(self.pieces(LEAD)),
            tuple((*self.pieces.padded([questions[n] for n in bucket]), torch.tensor(bucket) // len(asked[0]))
                  for bucket in buckets),
            torch.tensor(order),
            tuple(self.pieces.padded(distinct[part]) for part in _buckets(len(distinct))),
            target,
            torch.bincount(target.flatten(), minlength=len(distinct)),
        )  # fmt: skip

    def by_length(self, texts: list[str]) -> list[int]:
        """Their numbers, the shortest first."""
        return sorted(range(len(texts)), key=lambda n: len(self.pieces(texts[n])))


def _buckets(n: int) -> list[slice]:
    """Parts of n sorted rows: padding to the longest of a part costs far less than to the longest of all."""
    return [slice(start, start + BUCKET) for start in range(0, n, BUCKET)]
