"""What chapter 4 trains on: pictures of the same scenes in several styles, with a text each."""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinpoint.benchmark import Images
from pinpoint.diorama import plain
from pinpoint.diorama.captions import EVERYTHING, caption
from pinpoint.diorama.draw import mosaic
from pinpoint.diorama.scene import Scene, sample_split
from pinpoint.diorama.world import DioramaImages
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest
from pinpoint.recipes.pairs import render_memmap

NATURAL = "natural"
KINDS = ("text", "sketch", "art", "low_res")  # the queries of the DSR task
DRAWN = KINDS[1:]  # those that are pictures

Rows = Sequence[int] | np.ndarray
Pixels = Callable[[str, Rows], torch.Tensor]  # kind, rows -> normalised pixels (B, 3, S, S)


@dataclass(frozen=True, eq=False)
class StyleSet:
    """N photographs, each with its sketch, its painting, its mosaic and its text.

    pixels(kind, rows): normalised as the tower wants them; kind is "natural" or one of DRAWN. text_emb (N, D): unit
    rows of a frozen text tower.
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
        raise unknown("query kind", kind, tuple(known))
    return kind


@dataclass(frozen=True)
class Loader:
    """Picture n of a list of ids, at one size; can be sent to another process."""

    images: Images
    ids: tuple[str, ...]
    size: int

    def __call__(self, n: int) -> np.ndarray:
        """uint8 (S, S, 3)."""
        return self.images.load(self.ids[n], self.size)


def pictures_of(images: Images, ids: Sequence[str], size: int, folder: Path | None = None) -> np.ndarray:
    """Pictures as one array, uint8 (N, S, S, 3). With a `folder` they are drawn once, by all cores, and kept there
    under a name that their content determines."""
    load = Loader(images, tuple(ids), size)
    if folder is None:
        return np.stack([load(n) for n in range(len(load.ids))])
    name = digest(["pictures", images.fingerprint, list(ids), size])[:16]
    return render_memmap(len(load.ids), size, load, folder / f"{name}.npy")


def pictures_in(
    images: Images, groups: Sequence[Sequence[str]], size: int, folder: Path | None = None
) -> list[np.ndarray]:
    """Several groups of pictures, drawn in one go: workers take seconds to start."""
    together = pictures_of(images, [i for ids in groups for i in ids], size, folder)
    ends = np.cumsum([0, *map(len, groups)])
    return [together[a:b] for a, b in itertools.pairwise(ends)]


def drawn_set(
    encoder: Any, images: Images, ids: Sequence[str], texts: Sequence[str], folder: Path | None = None
) -> StyleSet:
    """A training set of drawn pictures, in every style but the one that stays unseen; ids are those of natural ones."""
    kinds = (NATURAL, "sketch", "art")
    wanted = [[i if kind == NATURAL else f"{i}@{kind}" for i in ids] for kind in kinds]
    pictures = dict(zip(kinds, pictures_in(images, wanted, encoder.image_size, folder), strict=True))
    pictures["low_res"] = np.stack([mosaic(picture) for picture in pictures[NATURAL]])
    return array_set(encoder, pictures, texts)


def scene_set(encoder: Any, n: int, folder: Path | None = None) -> StyleSet:
    """The first n training scenes of Diorama, with every attribute in the text."""
    scenes = sample_split(n, "train", 0)
    return drawn_set(encoder, DioramaImages(scenes), [s.id for s in scenes], texts_of(scenes), folder)


def plain_set(encoder: Any, n: int, folder: Path | None = None) -> StyleSet:
    """The first n plain training pictures, with their class as text."""
    pictures = plain.sample_plain(n, "train")
    texts = [plain.plain_text(picture) for picture in pictures]
    return drawn_set(encoder, plain.PlainImages(pictures), [p.id for p in pictures], texts, folder)


def texts_of(scenes: Sequence[Scene]) -> list[str]:
    """One full caption per scene; a function of the scene."""
    return [caption(scene, random.Random(f"style-{scene.id}"), EVERYTHING) for scene in scenes]


def array_set(encoder: Any, pictures: Mapping[str, np.ndarray], texts: Sequence[str]) -> StyleSet:
    """A set from arrays: for each kind of picture, uint8 (N, S, S, 3)."""

    def pixels(kind: str, rows: Rows) -> torch.Tensor:
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

    def pixels(kind: str, rows: Rows) -> torch.Tensor:
        chosen = ids[check_kind(kind, (NATURAL, *DRAWN))]
        loaded = [images.load(chosen[row], encoder.image_size) for row in rows]
        out: torch.Tensor = encoder.preprocess(np.stack(loaded))
        return out

    return StyleSet(len(texts), pixels, torch.from_numpy(encoder.encode_texts(texts)))
