"""What chapter 4 trains on: pictures of the same scenes in several styles, with a text each."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinpoint.benchmark import Images
from pinpoint.diorama.captions import EVERYTHING, caption
from pinpoint.diorama.draw import STYLES, UNSEEN_STYLE, mosaic
from pinpoint.diorama.scene import Scene, sample_split
from pinpoint.diorama.world import DioramaImages, image_id
from pinpoint.errors import PinpointError, unknown

NATURAL = "natural"
KINDS = ("text", "sketch", "art", "low_res")  # the queries of the DSR task
DRAWN = KINDS[1:]  # those that are pictures

Pixels = Callable[[str, Sequence[int]], torch.Tensor]  # kind, rows -> normalised pixels (B, 3, S, S)


@dataclass(frozen=True, eq=False)
class StyleSet:
    """N photographs, each with its sketch, its painting, its mosaic and its text.

    pixels(kind, rows): normalised as the tower wants them; kind is "natural" or one of DRAWN. text_emb (N, D): unit rows
    of a frozen text tower.
    """

    n: int
    pixels: Pixels
    text_emb: torch.Tensor

    def __post_init__(self) -> None:
        if len(self.text_emb) != self.n:
            raise PinpointError(f"{self.n} photographs, but {len(self.text_emb)} texts")


def check_kind(kind: str, known: Sequence[str] = KINDS) -> str:
    """The kind, or an error that lists those that exist."""
    if kind not in known:
        raise unknown("query kind", kind, known)
    return kind


def drawn_set(encoder: Any, scenes: Sequence[Scene]) -> StyleSet:
    """Training scenes of Diorama, drawn at the encoder's size; every attribute is in the text. Never the unseen style."""
    pictures = {kind: draw(scenes, kind, encoder.image_size) for kind in STYLES if kind not in ("low_res", UNSEEN_STYLE)}
    pictures["low_res"] = np.stack([mosaic(picture) for picture in pictures[NATURAL]])
    return array_set(encoder, pictures, texts_of(scenes))


def texts_of(scenes: Sequence[Scene]) -> list[str]:
    """One full caption per scene; a function of the scene."""
    return [caption(scene, random.Random(f"style-{scene.id}"), EVERYTHING) for scene in scenes]


def training_scenes(n: int) -> list[Scene]:
    """The first n training scenes."""
    return sample_split(n, "train", 0)


def draw(scenes: Sequence[Scene], kind: str, size: int) -> np.ndarray:
    """All scenes in one style, uint8 (N, S, S, 3)."""
    images = DioramaImages(scenes)
    return images.load_batch([image_id(scene, kind) for scene in scenes], size)


def array_set(encoder: Any, pictures: Mapping[str, np.ndarray], texts: Sequence[str]) -> StyleSet:
    """A set from arrays: for each kind of picture, uint8 (N, S, S, 3)."""

    def pixels(kind: str, rows: Sequence[int]) -> torch.Tensor:
        out: torch.Tensor = encoder.preprocess(pictures[check_kind(kind, (NATURAL, *DRAWN))][np.asarray(rows)])
        return out

    return StyleSet(len(texts), pixels, torch.from_numpy(encoder.encode_texts(texts)))


def folder_set(encoder: Any, images: Images, ids: Mapping[str, Sequence[str]], texts: Sequence[str]) -> StyleSet:
    """A set whose pictures are read when they are needed: for each kind the image ids, row by row.

    A missing kind is an error; a damaged picture is one when it is read, and names its file.
    """
    missing = [kind for kind in (NATURAL, *DRAWN) if len(ids.get(kind, ())) != len(texts)]
    if missing:
        raise PinpointError(f"every photograph needs a picture of each kind; {', '.join(missing)} has not {len(texts)}")

    def pixels(kind: str, rows: Sequence[int]) -> torch.Tensor:
        chosen = ids[check_kind(kind, (NATURAL, *DRAWN))]
        loaded = [images.load(chosen[row], encoder.image_size) for row in rows]
        out: torch.Tensor = encoder.preprocess(np.stack(loaded))
        return out

    return StyleSet(len(texts), pixels, torch.from_numpy(encoder.encode_texts(texts)))
