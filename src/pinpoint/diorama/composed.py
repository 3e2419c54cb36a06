"""Composed queries: a picture, a change in words, and every picture that shows the result.

An edit changes one attribute that a viewer would name (see `Scene.core`). A gallery picture is a right answer if its
core and style are exactly those of the edited reference; background details are free, as they are for an annotator.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.diorama.captions import NUMBER_WORDS, PLACE_PHRASES, TIME_PHRASES
from pinpoint.diorama.facets import contradicts
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    GESTURES,
    MOST_PEOPLE,
    OBJECTS,
    PLACES,
    SHAPED,
    SHAPES,
    TIMES,
    WEATHERS,
    WORLD_VERSION,
    Scene,
    legal,
    pick,
    room_for_others,
    sample,
    split_of,
    with_subject,
)  # fmt: skip
from pinpoint.diorama.world import DioramaImages, image_id
from pinpoint.errors import PinpointError, unknown

KINDS = ("animal", "object", "colour", "shape", "count", "place", "time", "weather", "style")
ATTRIBUTE_KINDS = ("colour", "shape")  # FashionIQ-like: the thing stays, its looks change
GROUP = 6  # CIRR: pictures in a group of look-alikes, the reference included
_STYLE_TEXTS = {
    "sketch": ("the same as a pencil sketch", "draw it as a sketch"),
    "art": ("the same as an oil painting", "paint it in oil"),
    "low_res": ("the same in coarse pixels", "make it a blocky low-resolution image"),
}
_SEED = {"train": 11, "dev": 22, "test": 33}
_MOST_TRIES = 20_000  # references drawn for one query; the frozen benchmarks need 4,000 at the most


@dataclass(frozen=True)
class Edit:
    """One change of a scene: its kind, its result, and one way to say it."""

    kind: str
    scene: Scene
    style: str
    text: str

    @property
    def answer(self) -> tuple:
        """What a right picture must have."""
        return (self.scene.core, self.style)


def propose(scene: Scene, kind: str, rng: random.Random) -> Edit | None:
    """A random edit of the kind, or None where the scene does not allow it (no shape to change, …)."""
    subject, edited, style = scene.subject, None, "natural"
    if kind in ("animal", "object") and subject.kind == kind:
        name = pick(rng, ANIMALS if kind == "animal" else OBJECTS)
        shape = pick(rng, SHAPES) if name in SHAPED else None
        edited = with_subject(scene, name=name, shape=shape) if name not in {t.name for t in scene.others} else None
        looks = f"a {shape}-shaped {name}" if shape else f"a {name}"
        text = pick(rng, (f"replace the {subject.name} with {looks}", f"{looks} instead", f"swap it for {looks}"))
    elif kind == "colour":
        colour = pick(rng, COLOUR_NAMES)
        edited = with_subject(scene, colour=colour)
        what = "the clothes" if subject.kind == "person" else f"the {subject.name}"
        text = pick(rng, (f"make {what} {colour}", f"the same but {what} {colour}", f"change {what} to {colour}"))
    elif kind == "shape" and subject.shape:
        shape = pick(rng, SHAPES)
        edited = with_subject(scene, shape=shape)
        text = pick(rng, (f"make it {shape}-shaped", f"a {shape}-shaped {subject.name} instead"))
    elif kind == "count":
        edited, text = _recount(scene, rng)
    elif kind == "place":
        edited = replace(scene, place=pick(rng, PLACES))
        text = pick(rng, ("the same ", "put it ")) + pick(rng, PLACE_PHRASES[edited.place])
    elif kind == "time" and scene.weather != "stormy":  # a storm makes every hour dark
        edited = replace(scene, time=pick(rng, TIMES))
        if not contradicts("times", scene.time, edited):  # under clouds, morning and afternoon look alike
            return None
        text = pick(rng, ("the same ", "but ")) + pick(rng, TIME_PHRASES[edited.time])
    elif kind == "weather":
        edited = replace(scene, weather=pick(rng, WEATHERS))
        if not contradicts("weather", scene.weather, edited):  # a clear day and a sunny day do as well
            return None
        text = pick(rng, ("the same in {} weather", "make the weather {}", "but on a {} day")).format(edited.weather)
    elif kind == "style":
        style = pick(rng, tuple(_STYLE_TEXTS))
        edited, text = scene, pick(rng, _STYLE_TEXTS[style])
    if edited is None or not legal(edited) or (edited.core == scene.core and style == "natural"):
        return None
    return Edit(kind, edited, style, text)


def _recount(scene: Scene, rng: random.Random) -> tuple[Scene, str]:
    least = 1 if scene.subject.kind == "person" else 0
    n = least + int(rng.random() * (MOST_PEOPLE + 1 - least))
    gesture = (scene.gesture or pick(rng, GESTURES)) if n else None
    number = "no people" if n == 0 else f"{NUMBER_WORDS[n]} {'person' if n == 1 else 'people'}"
    text = pick(rng, ("with {} instead", "the same with {}", "make it {}")).format(number)
    return replace(scene, people=n, gesture=gesture, others=scene.others[: room_for_others(n)]), text


def look_alike(scene: Scene, rng: random.Random) -> Scene:
    """Another picture with the same core: other background details, other secondary things, another place to stand."""
    other = sample(rng)
    secondary = tuple(t for t in other.others if t.name != scene.subject.name)[: room_for_others(scene.people)]
    gesture = pick(rng, GESTURES) if scene.people else None
    changed = replace(scene, others=secondary, gesture=gesture, position=other.position, variant=other.variant,
                      material=other.material, structure=other.structure)  # fmt: skip
    return changed if legal(changed) else replace(scene, variant=other.variant)


def composed(split: str = "test", queries: int = 600, gallery: int = 5000, kinds: Sequence[str] = KINDS) -> Benchmark:
    """Composed retrieval with all valid targets. Groups of queries are the kinds of edit, in equal numbers.

    Every query has a reference (excluded, as CIRR does), one annotated `target` that changes nothing but the edit,
    one to three further right pictures, and four near-misses; the six of reference, target and near-misses are its
    `members`. Random scenes of the split fill the gallery.
    """
    if split not in _SEED:
        raise unknown("split", split, list(_SEED))
    for kind in kinds or [""]:
        if kind not in KINDS:
            raise unknown("kind of edit", kind, KINDS)
    rng = random.Random(f"composed-{split}-{_SEED[split]}-{'-'.join(kinds)}")
    pictures: dict[str, tuple[Scene, str]] = {}  # image id -> scene and style, in gallery order
    drafts: list[_Draft] = []
    while len(drafts) < queries:
        draft = _draft(kinds[len(drafts) % len(kinds)], kinds, split, rng)
        pictures.update({image_id(s, style): (s, style) for s, style in draft[3]})
        drafts.append(draft)
    while len(pictures) < gallery:
        scene = sample(rng)
        if split_of(scene) == split:
            pictures[image_id(scene)] = (scene, "natural")
    by_answer: dict[tuple, list[str]] = {}
    for image, (scene, style) in pictures.items():
        by_answer.setdefault((scene.core, style), []).append(image)
    out = [_query(i, draft, by_answer) for i, draft in enumerate(drafts)]
    notes = {
        "task": "composed",
        "kinds": " ".join(kinds),
        "right": "core and style equal those of the edited reference",
    }
    scenes = DioramaImages(s for s, _ in pictures.values())
    return Benchmark("diorama-composed", WORLD_VERSION, split, Gallery(tuple(pictures), scenes), tuple(out), notes)


_Draft = tuple[Scene, Edit, list[str], list[tuple[Scene, str]]]  # reference, edit, members, all pictures it adds


def _draft(kind: str, kinds: Sequence[str], split: str, rng: random.Random) -> _Draft:
    """One query with its pictures. Everything must be in the split, the reference included; else draw again."""
    for _ in range(_MOST_TRIES):
        reference = sample(rng)
        if split_of(reference) != split:
            continue
        edit = _in_split(reference, kind, split, rng)
        if edit is None:
            continue
        near: dict[str, Edit] = {}
        for _ in range(60):
            miss = _in_split(reference, pick(rng, kinds), split, rng)
            if miss and miss.answer != edit.answer and len(near) < GROUP - 2:
                near[image_id(miss.scene, miss.style)] = miss
        if len(near) == GROUP - 2:
            more = [(look_alike(edit.scene, rng), edit.style) for _ in range(1 + int(rng.random() * 3))]
            misses = [(m.scene, m.style) for m in near.values()]
            members = [reference.id, image_id(edit.scene, edit.style), *near]
            return reference, edit, members, [(reference, "natural"), (edit.scene, edit.style), *misses, *more]
    raise PinpointError(
        f"no group of {GROUP} look-alikes in {_MOST_TRIES:,} {split} scenes by edits of {', '.join(kinds)} alone; "
        "allow more kinds of edit, or take a larger split"
    )


def _in_split(scene: Scene, kind: str, split: str, rng: random.Random) -> Edit | None:
    for _ in range(12):
        edit = propose(scene, kind, rng)
        if edit is not None and split_of(edit.scene) == split:
            return edit
    return None


def _query(i: int, draft: _Draft, by_answer: dict[tuple, list[str]]) -> Query:
    reference, edit, members, _ = draft
    target = image_id(edit.scene, edit.style)
    return Query(f"{edit.kind}-{i:04d}", tuple(by_answer[edit.answer]), text=edit.text, image=reference.id,
                 group=edit.kind, target=target, exclude=(reference.id,), members=tuple(members))  # fmt: skip
