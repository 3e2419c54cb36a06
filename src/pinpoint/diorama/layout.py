"""Where everything stands. A pure function of the scene, so that editing one attribute moves nothing else."""

import random
from dataclasses import dataclass

from pinpoint.diorama.brush import Variety
from pinpoint.diorama.scene import SIZES, SKY, Scene, Thing, shuffled

SUBJECT_GROUND = 0.945  # y of the subject's feet
PERSON_HEIGHT = 0.285  # stature of people in the middle ground, as a share of the picture
_SUBJECT_X = {"left": 0.26, "centre": 0.50, "right": 0.74}


@dataclass(frozen=True)
class Placed:
    """A thing (or a person: `thing` None) with its ground contact, height (of the unit frame) and facing."""

    thing: Thing | None
    x: float
    y: float
    height: float
    flip: bool
    v: Variety
    colour: str


@dataclass(frozen=True)
class Layout:
    """Everything that stands in the picture, back to front; and the structure's place."""

    subject: Placed
    others: tuple[Placed, ...]
    people: tuple[Placed, ...]
    structure_x: float
    structure_height: float
    v: Variety

    @property
    def back_to_front(self) -> list[Placed]:
        """The order of drawing: by ground contact, far ones first, and the subject before all."""
        return sorted((*self.others, *self.people, self.subject), key=lambda p: (p is self.subject, p.y))


def spots(position: str, lying: bool) -> list[tuple[float, float]]:
    """Free (x, y) spots on the ground beside the subject, nearest rows last; at least six."""
    rows = (0.70, 0.82, 0.945) if lying else (0.715, 0.93)
    if position == "centre":
        columns = [0.135, 0.865] if lying else [0.075, 0.205, 0.795, 0.925]
    else:
        columns = [0.635, 0.875] if lying else [0.585, 0.74, 0.895]
        columns = columns if position == "left" else [1 - x for x in columns]
    return [(x, y) for y in rows for x in columns]


def arrange(scene: Scene, aspect: dict[str, float], colours: tuple[str, ...], *, redo: int = 0) -> Layout:
    """Place everything. `aspect` gives width / height by name; `redo` > 0 composes the same content anew
    (DSR's art is re-generated, not filtered: the painter moves things)."""
    rng = random.Random(f"{scene.variant}-{redo}")
    position = scene.position if redo == 0 else {"left": "right", "right": "left", "centre": "centre"}[scene.position]
    subject = _place_subject(scene, position, aspect, rng)
    free = shuffled(spots(position, scene.gesture == "lie"), rng)
    people = [_person(free.pop(), rng, colours) for _ in range(scene.people - (scene.subject.kind == "person"))]
    sky = [(0.18, 0.30), (0.50, 0.24), (0.82, 0.30)]
    if position == "centre" and sum(t.name in SKY for t in scene.others) < len(sky):
        sky.pop(1)  # a tall subject in the centre reaches into that spot
    sky = shuffled(sky, rng)
    others = [_other(t, (sky if t.name in SKY else free).pop(), aspect, rng) for t in scene.others]
    side = {"left": 0.70, "centre": 0.24 if rng.random() < 0.5 else 0.76, "right": 0.30}[position]
    return Layout(subject, tuple(others), tuple(people), side, 0.29 + 0.05 * rng.random(), _v(rng))


def _v(rng: random.Random) -> Variety:
    return (rng.random(), rng.random(), rng.random())


def _place_subject(scene: Scene, position: str, aspect: dict[str, float], rng: random.Random) -> Placed:
    thing = scene.subject
    name = scene.gesture if thing.kind == "person" else thing.name
    wide = 0.52 if position != "centre" else 0.48
    height = min(SIZES[thing.size], wide / aspect[name or "stand"])
    y = SUBJECT_GROUND if thing.name not in SKY else 0.16 + height + 0.1 * rng.random()
    return Placed(thing, _SUBJECT_X[position], y, height, rng.random() < 0.5, _v(rng), thing.colour)


def _person(spot: tuple[float, float], rng: random.Random, colours: tuple[str, ...]) -> Placed:
    x, y = spot[0] + 0.012 * (rng.random() - 0.5), spot[1] + 0.016 * (rng.random() - 0.5)
    height = PERSON_HEIGHT * (0.94 + 0.12 * rng.random())
    colour = colours[int(rng.random() * len(colours))]
    return Placed(None, x, y, height, rng.random() < 0.5, _v(rng), colour)


def _other(thing: Thing, spot: tuple[float, float], aspect: dict[str, float], rng: random.Random) -> Placed:
    widest = 0.32 if thing.size == "medium" else 0.22
    height = min(SIZES[thing.size], widest / aspect[thing.name])
    return Placed(thing, spot[0], spot[1], height, rng.random() < 0.5, _v(rng), thing.colour)
