"""Coarse pictures: one subject on plain ground, in every style. What ImageNet-X is to DSR, these are to scenes.

A class is a subject, with its shape where it comes in several; pictures of one class differ in colour, size, place,
direction and ground. Every picture of the class is right. Colour is no part of it: a pencil drawing has none.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import skia

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.diorama.brush import Brush, Light
from pinpoint.diorama.captions import OPENINGS, Mention, describe
from pinpoint.diorama.colour import RGB
from pinpoint.diorama.draw import ASPECT, STYLES, draw_placed, mosaic
from pinpoint.diorama.layout import Placed
from pinpoint.diorama.paths import polygon
from pinpoint.diorama.scene import SKY, WORLD_VERSION, Thing, pick, sample_thing
from pinpoint.diorama.world import NATIVE_SIZE
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest

GROUNDS: tuple[RGB, ...] = ((236, 226, 206), (214, 226, 232), (222, 232, 214), (240, 220, 216), (226, 222, 236))
CLASS = Mention(size=0.0, shape=1.0)  # what a class says
SPLIT_SEED = {"train": 11, "dev": 12, "test": 13}


@dataclass(frozen=True)
class Plain:
    """One subject on plain ground; `variant` is everything incidental."""

    thing: Thing
    variant: int

    @property
    def id(self) -> str:
        """Twelve hex digits that name this picture and no other."""
        return "plain-" + digest(self)[:12]

    @property
    def label(self) -> str:
        """The class, in words: name and shape."""
        return describe(self.thing, random.Random(0), CLASS, 0.0)


def sample_plain(n: int, split: str) -> list[Plain]:
    """n pictures of a split; animals and objects in equal shares."""
    if split not in SPLIT_SEED:
        raise unknown("split", split, tuple(SPLIT_SEED))
    rng = random.Random(f"plain-{SPLIT_SEED[split]}")
    return [
        Plain(sample_thing(rng, "animal" if k % 2 else "object", "large"), int(rng.random() * 2**31)) for k in range(n)
    ]


def render_plain(plain: Plain, style: str = "natural", size: int = NATIVE_SIZE) -> np.ndarray:
    """The picture, uint8 (size, size, 3). The art style composes it anew, as it does with scenes."""
    if style not in STYLES:
        raise unknown("style", style, STYLES)
    if style == "low_res":
        return mosaic(render_plain(plain, "natural", size))
    rng = random.Random(f"{plain.variant}-{style == 'art'}")
    ground = GROUNDS[plain.variant % len(GROUNDS)]
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)
    canvas.scale(size, size)
    brush = Brush(canvas, style, Light(), plain.variant % 97)
    whole = polygon(0, 0, 1, 0, 1, 1, 0, 1)
    r, g, b = (int(0.93 * channel) for channel in ground)
    brush.wash(whole, ground, (r, g, b))
    draw_placed(brush, _placed(plain.thing, rng), None)
    return surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3].copy()


def _placed(thing: Thing, rng: random.Random) -> Placed:
    """Large, near the middle."""
    height = min(0.52 + 0.16 * rng.random(), 0.74 / ASPECT[thing.name])
    x, y = 0.5 + 0.08 * (rng.random() - 0.5), (0.5 if thing.name in SKY else 0.55) + height / 2
    v = (rng.random(), rng.random(), rng.random())
    return Placed(thing, x, min(y, 0.93), height, rng.random() < 0.5, v, thing.colour)


class PlainImages:
    """Plain pictures by id, in every style, drawn when asked for."""

    def __init__(self, pictures: Sequence[Plain]) -> None:
        self.pictures = {plain.id: plain for plain in pictures}
        self.fingerprint = digest(["plain", WORLD_VERSION, sorted(self.pictures)])

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One picture, uint8 (size, size, 3)."""
        name, _, style = image_id.partition("@")
        if name not in self.pictures:
            raise PinpointError(f"no plain picture {name!r} among these {len(self.pictures)}")
        return render_plain(self.pictures[name], style or "natural", size or NATIVE_SIZE)


def plain_text(plain: Plain) -> str:
    """What is asked for: the class, in the words of a caption."""
    rng = random.Random(plain.variant)
    return f"{pick(rng, OPENINGS)}{plain.label}."


def style_coarse(split: str = "test", gallery: int = 2000, queries: int = 400) -> Benchmark:
    """Find the natural pictures of a class from a text, a sketch, a painting or a mosaic of one of its members.

    Groups as in `tasks.style`. The queries' own natural pictures are in the gallery, and right like all of their class.
    """
    if queries > gallery:
        raise PinpointError(f"{queries} style queries need a gallery of at least as many pictures, not {gallery}")
    pictures = sample_plain(gallery, split)
    members: dict[str, list[str]] = {}
    for plain in pictures:
        members.setdefault(plain.label, []).append(plain.id)
    asked, out = pictures[:queries], []
    for kind in ("text", *STYLES[1:]):
        for p in asked:
            text, image = (plain_text(p), None) if kind == "text" else (None, f"{p.id}@{kind}")
            right = tuple(members[p.label])
            out.append(Query(f"{p.id}-{kind}", right, text=text, image=image, group=kind, target=p.id))
    notes = {"task": "style, coarse", "right": "same subject and shape", "unseen": "glass"}
    return Benchmark("diorama-style-coarse", WORLD_VERSION, split, Gallery(tuple(p.id for p in pictures),
                     PlainImages(pictures)), tuple(out), notes)  # fmt: skip
