"""What a picture shows, as a small frozen record; and the grammar that makes such records up.

A `Scene` is complete: two equal scenes are the same picture. Attributes are drawn independently of one another
(but for three physical rules, see `legal`), because Diorama is an instrument: a correlation in the world would look
like an ability in the model.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from pinpoint.errors import unknown
from pinpoint.files import digest

T = TypeVar("T")

WORLD_VERSION = "1"  # raise it whenever a scene would be drawn or sampled differently: benchmarks carry it

ANIMALS = ("cat", "dog", "bird", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
OBJECTS = (
    "bicycle", "car", "bus", "truck", "motorcycle", "boat", "airplane", "kite", "balloon", "cushion", "clock",
    "lantern", "bench", "umbrella", "suitcase", "sports ball", "chair", "couch", "potted plant", "vase", "book", "cup",
    "bottle", "cake", "teddy bear", "tv", "fire hydrant", "traffic light", "stop sign", "backpack", "guitar",
)  # fmt: skip
SKY = frozenset({"airplane", "kite", "balloon"})  # these hang in the air
SHAPED = frozenset({"kite", "balloon", "cushion", "clock", "lantern"})  # these come in every shape
SHAPES = ("round", "square", "triangle", "star", "heart")
COLOUR_NAMES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
GESTURES = ("stand", "sit", "jump", "lie", "bend", "kneel", "squat", "crawl")
MATERIALS = ("wood", "stone", "metal", "paper", "brick")
STRUCTURES = ("wall", "hut", "tower", "arch", "steps")
PLACES = (
    "beach", "street", "park", "farm", "forest", "mountains", "desert", "harbour", "playground",
    "kitchen", "living room", "library",
)  # fmt: skip
INDOOR = frozenset({"kitchen", "living room", "library"})
TIMES = ("sunrise", "morning", "daytime", "afternoon", "evening", "dusk", "night")
WEATHERS = ("sunny", "clear", "cloudy", "overcast", "misty", "rainy", "snowy", "stormy")
POSITIONS = ("left", "centre", "right")
SIZES = {"small": 0.17, "medium": 0.27, "large": 0.42, "huge": 0.55}  # height as a share of the picture's
MOST_PEOPLE = 6
_PEOPLE_SHARES = (0.34, 0.14, 0.12, 0.12, 0.10, 0.09, 0.09)  # of 0 … 6 people
_KIND_SHARES = {"animal": 0.42, "object": 0.43, "person": 0.15}  # of the main subject


@dataclass(frozen=True)
class Thing:
    """An animal, an object or a person, with its visible attributes. A person's colour is that of the clothes."""

    kind: str  # "animal" | "object" | "person"
    name: str
    colour: str
    size: str
    shape: str | None = None


@dataclass(frozen=True)
class Scene:
    """One picture of the world: a large main subject, small secondary things, people, and where and when it all is."""

    subject: Thing
    position: str  # of the subject
    place: str
    time: str
    weather: str
    people: int  # everyone in the picture, the subject included
    gesture: str | None  # what all of them do; None without people
    material: str | None  # of the one structure in the middle ground; None without one
    structure: str | None
    others: tuple[Thing, ...]
    variant: int  # everything incidental: tree shapes, which way a cat looks, where the second row stands

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that name this scene and no other."""
        return digest(self)[:12]

    @property
    def things(self) -> tuple[Thing, ...]:
        """The subject and the secondary things; background people are in `people`."""
        return (self.subject, *self.others)

    @property
    def core(self) -> tuple[str, str, str | None, str, str, str, int]:
        """What a viewer would name first; composed queries and splits are about this."""
        s = self.subject
        return (s.name, s.colour, s.shape, self.place, self.time, self.weather, self.people)


def pick(rng: random.Random, options: Sequence[T]) -> T:
    """One of `options`, uniformly. Only `rng.random()` is used: its stream is the same in every Python."""
    return options[int(rng.random() * len(options))]


def pick_share(rng: random.Random, options: Sequence[T], shares: Sequence[float]) -> T:
    """One of `options` with the given probabilities."""
    u = rng.random() * sum(shares)
    for option, share in zip(options, shares, strict=True):
        u -= share
        if u < 0:
            return option
    return options[-1]


def shuffled(items: Sequence[T], rng: random.Random) -> list[T]:
    """A shuffled copy (Fisher and Yates), again from `rng.random()` alone."""
    out = list(items)
    for i in range(len(out) - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        out[i], out[j] = out[j], out[i]
    return out


def sample_thing(rng: random.Random, kind: str, size: str) -> Thing:
    """A thing of the kind with random name, colour and, where it has one, shape."""
    name = pick(rng, ANIMALS if kind == "animal" else OBJECTS) if kind != "person" else "person"
    shape = pick(rng, SHAPES) if name in SHAPED else None
    return Thing(kind, name, pick(rng, COLOUR_NAMES), size, shape)


def room_for_others(people: int) -> int:
    """How many secondary things still find a free spot beside the subject and that many people."""
    return (3, 3, 3, 2, 2, 1, 0)[people]


def _others(rng: random.Random, subject: Thing, people: int) -> tuple[Thing, ...]:
    taken, out = {subject.name}, []
    for _ in range(int(rng.random() * (room_for_others(people) + 1))):
        kind = "animal" if rng.random() < 0.3 else "object"
        thing = sample_thing(rng, kind, "small" if rng.random() < 0.6 else "medium")
        if thing.name not in taken:
            out.append(thing)
        taken.add(thing.name)
    return tuple(out)


def legal(scene: Scene) -> bool:
    """The three physical rules: the sun does not shine by night, nothing flies indoors, people do something."""
    sun = not (scene.weather == "sunny" and scene.time in ("dusk", "night"))
    air = scene.place not in INDOOR or all(t.name not in SKY - {"balloon"} for t in scene.things)
    return sun and air and (scene.people == 0) == (scene.gesture is None)


def sample(rng: random.Random) -> Scene:
    """A random legal scene."""
    while True:
        kind = pick_share(rng, list(_KIND_SHARES), list(_KIND_SHARES.values()))
        subject = sample_thing(rng, kind, "huge" if rng.random() < 0.5 else "large")
        people = pick_share(rng, range(MOST_PEOPLE + 1), _PEOPLE_SHARES)
        people = max(people, 1) if kind == "person" else people
        built = rng.random() < 0.6
        scene = Scene(
            subject=subject,
            position=pick(rng, POSITIONS),
            place=pick(rng, PLACES),
            time=pick(rng, TIMES),
            weather=pick(rng, WEATHERS),
            people=people,
            gesture=pick(rng, GESTURES) if people else None,
            material=pick(rng, MATERIALS) if built else None,
            structure=pick(rng, STRUCTURES) if built else None,
            others=_others(rng, subject, people),
            variant=int(rng.random() * 2**31),
        )
        if legal(scene):
            return scene


def scene_from_dict(record: dict) -> Scene:
    """The scene of a JSON record; an unknown value is an error that lists the known ones."""
    subject = Thing(**record["subject"])
    others = tuple(Thing(**t) for t in record["others"])
    scene = Scene(**{**record, "subject": subject, "others": others})
    check(scene)
    return scene


def check(scene: Scene) -> None:
    """Raise PinpointError if any attribute is outside the grammar."""
    for kind, value, known in (
        ("place", scene.place, PLACES), ("time", scene.time, TIMES), ("weather", scene.weather, WEATHERS),
        ("position", scene.position, POSITIONS), ("gesture", scene.gesture, (*GESTURES, None)),
        ("material", scene.material, (*MATERIALS, None)), ("structure", scene.structure, (*STRUCTURES, None)),
        ("number of people", scene.people, tuple(range(MOST_PEOPLE + 1))),
    ):  # fmt: skip
        if value not in known:
            raise unknown(kind, str(value), [str(k) for k in known])
    for thing in scene.things:
        if thing.name not in (*ANIMALS, *OBJECTS, "person"):
            raise unknown("thing", thing.name, [*ANIMALS, *OBJECTS, "person"])
        if thing.colour not in COLOUR_NAMES:
            raise unknown("colour", thing.colour, COLOUR_NAMES)
        if thing.size not in SIZES:
            raise unknown("size", thing.size, list(SIZES))
        shapes = SHAPES if thing.name in SHAPED else (None,)
        if thing.shape not in shapes:
            raise unknown(f"shape of a {thing.name}", str(thing.shape), [str(s) for s in shapes])


# -- splits -----------------------------------------------------------------------------------------------------------
def _bucket(*words: object, of: int) -> int:
    return int(digest([str(w) for w in words])[:8], 16) % of


def held_out(scene: Scene) -> bool:
    """True for combinations that never occur in training: about one (subject, colour) pair in twelve and one
    (subject, place) pair in sixteen."""
    s = scene.subject
    return _bucket("colour", s.name, s.colour, of=12) == 0 or _bucket("place", s.name, scene.place, of=16) == 0


def split_of(scene: Scene) -> str:
    """ "train", "dev" or "test", by the scene's core alone: no core occurs in two splits, whatever else differs."""
    if held_out(scene):
        return "test"
    bucket = _bucket(*scene.core, of=100)
    return "train" if bucket < 70 else "dev" if bucket < 80 else "test"


def sample_split(n: int, split: str, seed: int) -> list[Scene]:
    """`n` scenes of one split, no two with the same id."""
    if split not in ("train", "dev", "test"):
        raise unknown("split", split, ("train", "dev", "test"))
    rng, seen = random.Random(f"{split}-{seed}"), set()
    scenes: list[Scene] = []
    while len(scenes) < n:
        scene = sample(rng)
        if split_of(scene) == split and scene.id not in seen:
            seen.add(scene.id)
            scenes.append(scene)
    return scenes


def with_subject(scene: Scene, **changes: Any) -> Scene:
    """The scene with some attributes (fields of `Thing`) of its subject changed."""
    return replace(scene, subject=replace(scene.subject, **changes))
