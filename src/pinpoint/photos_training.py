"""How a model of photographs learns: from captions, by CLIP's symmetric loss; or from questions, as VLM2Vec does."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pinpoint.encoders.blip import pad
from pinpoint.errors import PinpointError
from pinpoint.photos_facets import GENERAL, Catalogue, Mention, ask, caption, mentioned
from pinpoint.photos_model import PhotoClip
from pinpoint.product_encoder import WordTokens
from pinpoint.recipes.mllm import TEMPERATURE, to_image, to_text

TRIES = 4  # photographs looked at for each one of a batch: one with a text that is there already is passed over


class CaptionBatches:
    """`batches(i)` -> image tokens (B, n, Dv), token ids (B, L), mask: batch i, a function of i alone.

    Captions are new in every batch. No text comes twice in one: another photograph with the same caption would be a
    false negative. So a batch may hold fewer than `batch` pairs, at least two.
    """

    def __init__(
        self, catalogue: Catalogue, seen: torch.Tensor, tokenize: WordTokens, mention: Mention, batch: int, seed: int
    ) -> None:
        self.catalogue, self.seen, self.tokenize, self.mention = catalogue, seen, tokenize, mention
        self.ids = [product.id for product in catalogue.of("train")]
        self.batch, self.seed = batch, seed
        if len(self.ids) != len(seen):
            raise PinpointError(f"{len(self.ids)} products of train and {len(seen)} of them seen; look at all")

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch i."""
        first = self.drawn(i)
        if len(first) < 2:
            raise PinpointError("all captions of a batch are equal; name more attributes, or give more products")
        return self.seen[torch.tensor(list(first.values()))].float(), *pad([self.tokenize(text) for text in first])

    def drawn(self, i: int) -> dict[str, int]:
        """The captions of batch i, and the row of the photograph that each is under."""
        order = np.random.default_rng([self.seed, i]).permutation(len(self.ids))[: TRIES * self.batch]
        first: dict[str, int] = {}
        for row in order.tolist():
            first.setdefault(self.caption(row, i), row)
        return dict(list(first.items())[: self.batch])

    def caption(self, row: int, i: int) -> str:
        """What is written under a photograph in batch i."""
        return caption(self.facts(row), self.mention, self.chance(row, i))

    def facts(self, row: int) -> Mapping[str, str]:
        """What the table says of a photograph."""
        return self.catalogue.facts[self.ids[row]]

    def chance(self, row: int, i: int) -> random.Random:
        """What decides which attributes a caption names."""
        return random.Random(f"{self.seed}-{i}-{row}")

    def met(self, facet: str, batches: int = 50) -> float:
        """How often the captions of the first batches name a facet that is known, in percent.

        More often than it is drawn: captions that name more are seldom equal to another.
        """
        rows = [(row, i) for i in range(batches) for row in self.drawn(i).values() if facet in self.facts(row)]
        named = [facet in mentioned(self.facts(row), self.mention, self.chance(row, i)) for row, i in rows]
        return 100 * float(np.mean(named))


def clip_loss(model: PhotoClip, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The mean of both cross-entropies over the batch, image to text and text to image (Radford et al. 2021)."""
    seen, ids, mask = batch
    logits = model.scale.float() * cosines(model.images(seen), model.texts(ids, mask))  # (B, B)
    own = torch.arange(len(logits), device=logits.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


class QuestionBatches:
    """`batches(i)` -> image tokens (M, n, Dv), questions (M, L) and mask, texts (U, T) and mask, which text answers
    each (M,), how often the batch holds each text (U,). A function of i alone.

    Every photograph comes under the general prompt, with a caption, and under `questions` questions of the `facets`.
    One answer has one wording in a batch, for another would be a false negative. query_form: see `ask`.
    """

    def __init__(
        self, captions: CaptionBatches, facets: Sequence[str], questions: int, general: str = GENERAL,
        query_form: bool = True,
    ) -> None:  # fmt: skip
        self.captions, self.facets, self.questions, self.general = captions, tuple(facets), questions, general
        self.query_form = query_form

    def __call__(self, i: int) -> tuple[torch.Tensor, ...]:
        """Batch i."""
        c = self.captions
        rows = np.random.default_rng([c.seed, i]).permutation(len(c.ids))[: c.batch]
        rng = random.Random(f"questions-{c.seed}-{i}")
        worded: dict[str, str] = {}
        shown: list[int] = []
        prompts: list[str] = []
        said: list[str] = []
        for row in rows.tolist():
            asked = [ask(c.catalogue, c.ids[row], self.facets, rng, self.query_form) for _ in range(self.questions)]
            shown += [row] * (1 + self.questions)
            prompts += [self.general, *(a.question for a in asked)]
            said += [c.caption(row, i), *(worded.setdefault(a.meaning, a.answer) for a in asked)]
        distinct = {text: n for n, text in enumerate(dict.fromkeys(said))}
        target = torch.tensor([distinct[text] for text in said])
        return (
            c.seen[torch.tensor(shown)].float(), *pad([c.tokenize(text) for text in prompts]),
            *pad([c.tokenize(text) for text in distinct]), target, torch.bincount(target, minlength=len(distinct)),
        )  # fmt: skip


def question_loss(model: PhotoClip, batch: tuple[Any, ...]) -> torch.Tensor:
    """VLM2Vec's contrastive loss as chapter 2 has it: both directions, equal texts never negatives of one another."""
    seen, asked, asked_mask, ids, mask, target, counts = batch
    scores = cosines(model.images(seen, asked, asked_mask), model.texts(ids, mask)) / TEMPERATURE  # (M, U)
    return (to_text(scores, target, counts) + to_image(scores, target)) / 2


def cosines(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Cosines (M, U) of unit rows in single precision: bfloat16 would round one near 1 to 0.004, 0.2 as a logit."""
    with torch.autocast(images.device.type, enabled=False):
        return images.float() @ texts.float().T
