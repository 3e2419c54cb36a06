"""What the experiments of chapter 3 train on: a bank of training pictures with captions, phrases, and triplets."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.nn.functional import normalize

from pinpoint.composing import Triplets
from pinpoint.diorama.captions import GERUND, WEATHER_NOUNS, article, caption
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    MATERIALS,
    OBJECTS,
    PLACES,
    SHAPES,
    TIMES,
    WEATHERS,
    Scene,
    sample_split,
)  # fmt: skip
from pinpoint.diorama.triplets import Triplet
from pinpoint.diorama.world import DioramaImages
from pinpoint.heads import Clip
from pinpoint.image_bank import ImageBank, encode_bank
from pinpoint.splice import PLACE, open_clip_side
from pinpoint.store import Store

CONCEPTS = (*ANIMALS, *OBJECTS)
KEYWORDS = sorted(
    {*CONCEPTS, *COLOUR_NAMES, *SHAPES, *PLACES, *TIMES, *WEATHERS, *WEATHER_NOUNS.values(), *GERUND.values(),
     *MATERIALS, *(f"{shape}-shaped" for shape in SHAPES), "person", "people", "clothes"},
    key=len, reverse=True,
)  # fmt: skip
_RUN = re.compile(r"\b(?:{0})(?:[ ](?:{0}))*\b".format("|".join(map(re.escape, KEYWORDS))))
# `diorama-clip` has never read the word "photo"; these are openings of the captions that it has read.
PROMPTS = {
    "diorama-clip": (
        f"a picture of {PLACE}",
        (f"a picture of {PLACE}", f"an image showing {PLACE}", f"there is {PLACE}", f"the scene is {PLACE}"),
        f"a picture of {PLACE}, {{}}",
    )
}
BANK_SEED = 505  # of the training pictures that the heads learn from


@dataclass(frozen=True, eq=False)
class Material:
    """What the heads learn from: training scenes as a bank of images, and one caption of each, as CC3M has."""

    clip: Clip
    scenes: Sequence[Scene]
    bank: ImageBank
    captions: tuple[str, ...]

    @cached_property
    def masked(self) -> list[str]:
        """The captions with `[$]` for each run of keywords: LinCIR's input."""
        return [mask_keywords(text) for text in self.captions]


def clip_of(encoder: Any) -> Clip:
    """The parts of an open_clip encoder that the heads use."""
    side = open_clip_side(encoder.model, encoder.tokenizer)
    return Clip(side, float(encoder.model.logit_scale.exp()), encoder.dim, *PROMPTS.get(encoder.name, ()))


def make_material(encoder: Any, store: Store, n: int, seed: int = BANK_SEED) -> Material:
    """`n` training scenes, encoded, each with one caption of the habits that the CLIP was trained with."""
    scenes = sample_split(n, "train", seed)
    bank = encode_bank(encoder, store, DioramaImages(scenes), [s.id for s in scenes], encoder.image_size)
    said = tuple(caption(s, random.Random(f"bank-{seed}-{i}")) for i, s in enumerate(scenes))
    return Material(clip_of(encoder), scenes, bank, said)


def mask_keywords(text: str) -> str:
    """ "a red dog on the beach at night." -> "a [$] on the [$] at [$]."; a caption without any keeps its words."""
    return _RUN.sub(PLACE, text)


class ConceptPhrases:
    """Phrases about the concepts of an image, once as they are and once with `[$]` for the concept.

    SEARLE takes them from a language model; here they are captions of training scenes that name the concept. The
    concepts of an image are the `top` nearest ones by CLIP, as in SEARLE; nobody is told what it shows.
    """

    def __init__(self, clip: Clip, v: torch.Tensor, captions: Sequence[str], top: int = 3) -> None:
        self.naming = {concept: _naming(concept, captions) for concept in CONCEPTS}
        self.said = {concept: clip.embed(texts) for concept, texts in self.naming.items() if texts}
        known = list(self.said)
        emb = normalize(clip.embed([clip.prompt.replace(PLACE, article(concept)) for concept in known]), dim=1)
        best = (v @ emb.T).topk(min(top, len(known)), dim=1).indices.tolist()
        self.concepts = [[known[k] for k in row] for row in best]

    def __call__(self, i: int, rows: Sequence[int]) -> tuple[torch.Tensor, list[str]]:
        """One phrase for each of some images at update i, encoded (B, D), and spliced: a function of its arguments."""
        rng = random.Random(f"phrases-{i}")
        said, spliced = [], []
        for row in rows:
            concept = self.concepts[row][int(rng.random() * len(self.concepts[row]))]
            n = int(rng.random() * len(self.naming[concept]))
            said.append(self.said[concept][n])
            spliced.append(re.sub(rf"\b{concept}\b", PLACE, self.naming[concept][n], count=1))
        return torch.stack(said), spliced


def _naming(concept: str, captions: Sequence[str], most: int = 24) -> list[str]:
    """The shortest captions that name a concept: phrases, as SEARLE's are."""
    word = re.compile(rf"\b{concept}\b")
    return sorted({text for text in captions if word.search(text)}, key=lambda text: (len(text), text))[:most]


def encode_triplets(
    encoder: Any, store: Store, some: Sequence[Triplet], more: ImageBank | None = None
) -> tuple[ImageBank, Triplets]:
    """Draw and encode the images of triplets, and the triplets as rows of that bank.

    `more`: a bank that is there already; its images need no sentence to be hard negatives.
    """
    scenes = [scene for t in some for scene in (t.reference, t.edit.scene)]
    ids = [image for t in some for image in t.images]
    bank = encode_bank(encoder, store, DioramaImages(scenes), ids, encoder.image_size)
    bank = bank.joined(more) if more is not None else bank
    return bank, as_rows(bank, some)


def as_rows(bank: ImageBank, some: Sequence[Triplet]) -> Triplets:
    """Triplets whose images lie in a bank."""
    reference, target = (bank.rows([t.images[k] for t in some]) for k in (0, 1))
    return Triplets(reference, target, tuple(t.text for t in some))
