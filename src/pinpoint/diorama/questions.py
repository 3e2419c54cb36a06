"""Questions about a scene, with paraphrases and answers: what a promptable embedder is trained on.

Following a prompt that was never trained must come from variety. So there are dozens of kinds of question, over every
attribute of a scene but two: nothing here asks for the weather or for a material. Those two facets measure whether an
embedder follows a new prompt. Their words do occur in captions, else the text side could not know them.
The human-written questions of COCO-Facet are left out as well: they measure paraphrases.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pinpoint.diorama.captions import GERUND, NUMBER_WORDS, PLACE_PHRASES, TIME_PHRASES, WEATHER_NOUNS, article
from pinpoint.diorama.captions import people_phrase as people
from pinpoint.diorama.facets import FACETS
from pinpoint.diorama.scene import INDOOR, OBJECTS, Scene, Thing, pick, shuffled

UNSEEN = ("weather", "materials")  # never prompted in training
SEEN = tuple(name for name in FACETS if name not in UNSEEN)
FACET_SHARE = 0.55  # of the questions; the others ask for something else
VEHICLES = frozenset({"bicycle", "car", "bus", "truck", "motorcycle", "boat", "airplane"})
FURNITURE = frozenset({"bench", "chair", "couch", "cushion", "lantern", "clock"})
NATURE = frozenset({"beach", "forest", "mountains", "desert"})
WATER = frozenset({"beach", "harbour"})
BUILT = frozenset({"street", "farm", "harbour", "playground"}) | INDOOR  # drawn with buildings of their own
DARK = frozenset({"night", "dusk"})


@dataclass(frozen=True)
class Asked:
    """A question about a scene and one true answer; `meaning` is what all wordings of that answer have in common."""

    question: str
    answer: str
    meaning: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of question: its wordings, and how a scene answers it (None: it does not arise).

    Wordings and answer may speak of one thing, `{x}`.
    """

    wordings: tuple[str, ...]
    answer: Callable[[Scene, Thing, random.Random], str | None]
    about: Callable[[Scene], Sequence[Thing]] = lambda scene: scene.things
    value: Callable[[Scene], object] | None = None  # what the wordings of an answer share; None: it has one wording


def _named(things: Sequence[Thing], rng: random.Random, none: str | None) -> str | None:
    """Some of the things, in any order, sometimes with their colours."""
    if not things:
        return none
    some = shuffled(things, rng)
    some = some[:1] if rng.random() < 0.5 else some
    coloured = rng.random() < 0.25
    return " and ".join(article(f"{t.colour} {t.name}" if coloured and t.kind != "person" else t.name) for t in some)


def _of_kind(scene: Scene, kind: str) -> list[Thing]:
    return [t for t in scene.things if t.kind == kind]


def _counted(n: int, one: str, many: str, rng: random.Random) -> str:
    number = str(n) if rng.random() < 0.4 else NUMBER_WORDS[n]
    return f"{number} {one if n == 1 else many}"


def _gesture(scene: Scene, _x: Thing, rng: random.Random) -> str | None:
    if scene.gesture is None:
        return None
    doing = GERUND[scene.gesture]
    return pick(rng, (f"someone {doing}", f"people {doing}", doing, f"a person who is {doing}"))


def _place(scene: Scene, _x: Thing, rng: random.Random) -> str:
    return pick(rng, (*PLACE_PHRASES[scene.place], scene.place, f"the scene {PLACE_PHRASES[scene.place][0]}"))


def _time(scene: Scene, _x: Thing, rng: random.Random) -> str:
    phrase = pick(rng, TIME_PHRASES[scene.time])
    return pick(rng, (phrase, f"taken {phrase}", scene.time))


def _structure(scene: Scene, _x: Thing, _rng: random.Random) -> str | None:
    if scene.structure is None:
        return None if scene.place in BUILT else "nothing built"
    return "some steps" if scene.structure == "steps" else article(scene.structure)


def _land(scene: Scene, _x: Thing, _rng: random.Random) -> str:
    return "a room" if scene.place in INDOOR else "nature" if scene.place in NATURE else "outdoors among people"


def _neighbours(scene: Scene, _x: Thing, rng: random.Random) -> str | None:
    return _named(scene.others, rng, None if scene.people else "nothing else")


def _presence(scene: Scene, x: Thing, rng: random.Random) -> str:
    found = any(t.name == x.name for t in scene.things)
    return pick(rng, ("yes, ", "")) + article(x.name) if found else pick(rng, ("no, ", "")) + f"not {article(x.name)}"


def _maybe_absent(scene: Scene) -> Sequence[Thing]:
    """Things to ask for, every second one absent."""
    wanted = OBJECTS[scene.variant % len(OBJECTS)]
    absent = Thing("object", wanted, "red", "small")
    return scene.things if scene.variant % 2 else (absent,)


FACET_KINDS: dict[str, Kind] = {
    "objects": Kind(
        (FACETS["objects"].question, "Which things can be seen here?", "Name the objects in this picture.",
         "What items does the image contain?", "objects?", "What things does this photo show?",
         "Tell me which objects you see.", "Is there any object in the scene, and which one?",
         "What lies or stands around here?", "Look for things: what do you find?"),
        lambda s, x, rng: _named(_of_kind(s, "object"), rng, "no objects")),
    "animals": Kind(
        (FACETS["animals"].question, "Which animal is this?", "Name the animals in this picture.",
         "What kinds of animals does the image show?", "animals?", "Which animals are here?",
         "Tell me which animals you see.", "Is there any animal in the scene, and which one?",
         "What species can be found in this photo?", "Look for animals: what do you find?"),
        lambda s, x, rng: _named(_of_kind(s, "animal"), rng, "no animals")),
    "gestures": Kind(
        (FACETS["gestures"].question, "What are the people doing?", "In what pose are the people?",
         "Which posture do the persons have?", "gesture?", "What is somebody doing in this picture?",
         "Are the people sitting, standing or lying?", "How do the people hold their bodies?",
         "Tell me what the persons do here.", "Look at the people: what are they doing in this photo?"), _gesture,
        value=lambda s: s.gesture),
    "scenes": Kind(
        (FACETS["scenes"].question, "Where is this?", "Which place does the picture show?",
         "What kind of place is in the background?", "place?", "In which place was this photo taken?",
         "What is the setting of the image?", "Tell me where we are.", "What is the place like in this picture?",
         "Look at the background: what scene is it?", "Which scene does this image show?"), _place,
        value=lambda s: s.place),
    "times": Kind(
        (FACETS["times"].question, "At what hour was this picture taken?", "Is it morning, noon or night?",
         "Which part of the day is it?", "time?", "When did somebody take this photo?",
         "What is the hour of the day here?",
         "Tell me the time of day.", "Is this by day or by night?",
         "Look at the light: when does this scene happen?"), _time, value=lambda s: s.time),
    "count": Kind(
        (FACETS["count"].question, "How many persons can be counted?", "Count the people.",
         "What is the number of people?", "number of people?", "How many persons does the picture show?",
         "How many people do you see here?", "Tell me how many people there are.", "people?",
         "Look for persons: how many are in this photo?"),
        lambda s, x, rng: pick(rng, ("with ", "", "showing ")) + people(s.people, rng), value=lambda s: s.people),
}  # fmt: skip

OTHER_KINDS: dict[str, Kind] = {
    "subject": Kind(
        ("What is the main subject?", "What is the largest thing in the picture?", "What stands in the foreground?",
         "subject?", "What is the subject of this image?"),
        lambda s, x, rng: article(s.subject.name)),
    "subject colour": Kind(
        ("What colour is the main subject?", "Which colour has the largest thing?", "subject colour?", "colour?",
         "What is the colour of the subject in this image?"),
        lambda s, x, rng: pick(rng, (s.subject.colour, f"something {s.subject.colour}")),
        value=lambda s: s.subject.colour),
    "subject size": Kind(("How large is the main subject?", "What size does the subject have?"),
                         lambda s, x, rng: s.subject.size),
    "position": Kind(
        ("On which side is the main subject?", "Where in the picture does the subject stand?", "position?"),
        lambda s, x, rng: "in the centre" if s.position == "centre" else f"on the {s.position}"),
    "subject shape": Kind(("What shape does the main thing have?", "subject shape?"),
                          lambda s, x, rng: f"{s.subject.shape}-shaped" if s.subject.shape else None),
    "structure": Kind(
        ("What has been built in the background?", "Which building can be seen?", "structure?",
         "What building is in this image?"), _structure),
    "indoors": Kind(("Is this indoors or outdoors?", "Was the picture taken inside or outside?"),
                    lambda s, x, rng: "indoors" if s.place in INDOOR else "outdoors"),
    "land": Kind(("Is this nature, a town or a room?", "In what surroundings was this taken?"), _land),
    "water": Kind(("Is there water?", "Can one see the sea?"),
                  lambda s, x, rng: None if s.place == "park" else
                  "water and the sea" if s.place in WATER else "no water"),  # a park may have a fountain
    "light": Kind(("Is it light or dark?", "Does the sun still light the scene?",
                   "What is the light like in this image?"),
                  lambda s, x, rng: "dark" if s.time in DARK else "light"),
    "neighbours": Kind(("What else is there beside the main subject?", "Which small things surround the subject?",
                        "others?"),
                       _neighbours),
    "animal count": Kind(("How many animals are there?", "number of animals?"),
                         lambda s, x, rng: _counted(len(_of_kind(s, "animal")), "animal", "animals", rng)),
    "object count": Kind(("How many objects are there?", "number of objects?"),
                         lambda s, x, rng: _counted(len(_of_kind(s, "object")), "object", "objects", rng)),
    "anybody": Kind(("Is anybody there?", "Does the picture show people or nobody?"),
                    lambda s, x, rng: "people" if s.people else "nobody"),
    "alive": Kind(("Is the main subject an animal, an object or a person?",),
                  lambda s, x, rng: article(s.subject.kind)),
    "vehicles": Kind(("Which vehicles can be seen?", "vehicles?"),
                     lambda s, x, rng: _named([t for t in s.things if t.name in VEHICLES], rng, None)),
    "furniture": Kind(("Which furniture can be seen?", "furniture?"),
                      lambda s, x, rng: _named([t for t in s.things if t.name in FURNITURE], rng, None)),
    "colours": Kind(("Which colours do the things have?", "colours?", "What colour are the things in this image?"),
                    lambda s, x, rng: " and ".join(t.colour for t in shuffled(s.things, rng))),
    "clothes": Kind(("What colour are the clothes of the person?", "clothes?"),
                    lambda s, x, rng: f"in {s.subject.colour} clothes" if s.subject.kind == "person" else None),
    "everything": Kind(("Who or what is in the picture?", "List everything that can be seen."),
                       lambda s, x, rng: _named(s.things, rng, None)),
    "colour of": Kind(("What colour is the {x}?", "Which colour has the {x}?"),
                      lambda s, x, rng: pick(rng, (x.colour, f"a {x.colour} {x.name}"))),
    "shape of": Kind(("What shape is the {x}?",),
                     lambda s, x, rng: f"{x.shape}-shaped" if x.shape else None,
                     lambda s: [t for t in s.things if t.shape] or s.things),
    "size of": Kind(("How large is the {x}?",), lambda s, x, rng: x.size),
    "presence": Kind(("Is there a {x}?", "Does the image contain a {x}?"), _presence, _maybe_absent),
}  # fmt: skip

KINDS = {**FACET_KINDS, **OTHER_KINDS}

ANSWER_OPENINGS = (
    "", "", "", "it shows ", "an image of ", "a picture: ", "an everyday image: ", "find me an everyday image ",
    "find any image ", "an image that contains ", "find me an image that shows ", "the scene is ",
)  # fmt: skip


def ask(scene: Scene, rng: random.Random) -> Asked:
    """A random question that arises for the scene, and an answer in the words of a search phrase.

    One question in eight is two questions at once.
    """
    first = _ask_one(scene, rng)
    if rng.random() < 0.125:
        second = _ask_one(scene, rng)
        both = f"{first.meaning} and {second.meaning}"
        first = Asked(f"{first.question} {second.question}", f"{first.answer}, {second.answer}", both)
    return replace(first, answer=pick(rng, ANSWER_OPENINGS) + first.answer)


def _ask_one(scene: Scene, rng: random.Random) -> Asked:
    while True:
        kinds = FACET_KINDS if rng.random() < FACET_SHARE else OTHER_KINDS
        asked = asked_about(scene, pick(rng, list(kinds)), rng)
        if asked is not None:
            return asked


def asked_about(scene: Scene, name: str, rng: random.Random) -> Asked | None:
    """A question of one kind and its plain answer; None where it does not arise."""
    kind = KINDS[name]
    x = pick(rng, kind.about(scene))
    answer = kind.answer(scene, x, rng)
    if answer is None:
        return None
    meaning = answer if kind.value is None else kind.value(scene)
    return Asked(pick(rng, kind.wordings).format(x=x.name), answer, f"{name}: {meaning}")


def wordings() -> list[str]:
    """Every question above as it is worded, with `{x}` for a thing, and the answers' openings: for a vocabulary."""
    return [w for kind in KINDS.values() for w in kind.wordings] + list(ANSWER_OPENINGS) + list(WEATHER_NOUNS.values())
