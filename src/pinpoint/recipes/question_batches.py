"""Pictures with captions, questions and answers, as a stream of batches."""

from typing import NamedTuple, Protocol

import numpy as np
import torch

from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import Asked
from pinpoint.errors import PinpointError
from pinpoint.recipes.word_pieces import Pieces

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


class Batch(NamedTuple):
    """One batch: B pictures, K questions each, U distinct texts."""

    pixels: torch.Tensor  # (B, S, S, 3) uint8
    general_ids: torch.Tensor  # (B, 1, T)
    general_lengths: torch.Tensor  # (B, 1)
    lead_ids: torch.Tensor  # (B, T): the words before each question, equal rows
    question_ids: torch.Tensor  # (B, K, T)
    question_lengths: torch.Tensor  # (B, K)
    text_ids: torch.Tensor  # (U, T)
    text_lengths: torch.Tensor  # (U,)
    target: torch.Tensor  # (B, 1 + K) which text answers each prompt
    counts: torch.Tensor  # (U,) how often the batch holds each text

    def of_images(self, rows: slice) -> "Batch":
        """The same batch with some of its pictures."""
        mine = Batch._fields[:6]
        return self._replace(**{field: getattr(self, field)[rows] for field in mine})


class QuestionBatches:
    """`batches(i)` -> a `Batch` as a plain tuple; a function of i alone. Every epoch is a new permutation."""

    def __init__(
        self, images: np.ndarray, source: QuestionSource, pieces: Pieces, batch: int, questions: int, seed: int
    ) -> None:
        if len(images) < batch:
            raise PinpointError(f"{len(images)} pictures are fewer than one batch of {batch}")
        self.images, self.source, self.pieces = images, source, pieces
        self.batch, self.questions, self.seed = batch, questions, seed
        self.permutation: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def __call__(self, i: int) -> tuple[torch.Tensor, ...]:
        """Batch i."""
        epoch, place = divmod(i, len(self.images) // self.batch)
        if self.permutation[0] != epoch:
            self.permutation = epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self.images))
        rows = np.sort(self.permutation[1][place * self.batch : (place + 1) * self.batch])
        asked = [self.source.questions(int(row), epoch, self.questions, self.seed) for row in rows]
        texts = [
            [self.source.caption(int(row), epoch, self.seed), *(a.answer for a in some)]
            for row, some in zip(rows, asked, strict=True)
        ]
        return tuple(self.collate(torch.from_numpy(self.images[rows]), asked, texts))

    def collate(self, pixels: torch.Tensor, asked: list[list[Asked]], texts: list[list[str]]) -> Batch:
        """Token ids of prompts and of the distinct texts."""
        many = len(pixels)
        general, general_lengths = self.pieces.padded([GENERIC_PROMPT])
        ids, lengths = self.pieces.padded([a.question for some in asked for a in some])
        number = {text: n for n, text in enumerate(dict.fromkeys(t for some in texts for t in some))}
        target = torch.tensor([[number[text] for text in some] for some in texts])
        text_ids, text_lengths = self.pieces.padded(list(number))
        return Batch(
            pixels, general.expand(many, 1, -1), general_lengths.expand(many, 1),
            torch.tensor(self.pieces(LEAD)).expand(many, -1),
            ids.unflatten(0, (many, -1)), lengths.unflatten(0, (many, -1)), text_ids, text_lengths,
            target, torch.bincount(target.flatten(), minlength=len(number)),
        )  # fmt: skip
