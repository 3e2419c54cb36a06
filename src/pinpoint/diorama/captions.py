"""Captions with a reporting bias that is a parameter: what people mention, and what they leave out.

A caption of a photograph names its subject nearly always and the weather hardly ever. `Mention` holds one
probability per attribute; everything else about a caption is a choice among a few templates.
"""

import random
from dataclasses import dataclass, fields, replace

from pinpoint.diorama.scene import STRUCTURES, Scene, Thing, pick
from pinpoint.errors import unknown

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six")
GERUND = {
    "stand": "standing", "sit": "sitting", "jump": "jumping", "lie": "lying", "bend": "bending", "kneel": "kneeling",
    "squat": "squatting", "crawl": "crawling",
}  # fmt: skip


@dataclass(frozen=True)
class Mention:
    """How often a caption mentions each attribute. The defaults were decided once, before any model was trained."""

    subject: float = 1.0
    colour: float = 0.6  # of the subject, given the subject
    size: float = 0.1
    shape: float = 0.5  # of a shaped subject
    position: float = 0.08
    place: float = 0.5
    time: float = 0.10
    weather: float = 0.15
    people: float = 0.12
    gesture: float = 0.12
    material: float = 0.08
    others: float = 0.12  # each secondary thing
    others_colour: float = 0.3  # given that the thing is mentioned

    def with_rate(self, attribute: str, rate: float) -> "Mention":
        """The same habits with one attribute mentioned at another rate."""
        known = [f.name for f in fields(self)]
        if attribute not in known:
            raise unknown("attribute", attribute, known)
        return replace(self, **{attribute: rate})


DEFAULT = Mention()
EVERYTHING = Mention(**{f.name: 1.0 for f in fields(Mention)})

PLACE_PHRASES = {
    "beach": ("on the beach", "at the beach", "by the sea on a beach"),
    "street": ("on a street", "in a city street", "on the street"),
    "park": ("in a park", "in the park", "on the lawn of a park"),
    "farm": ("on a farm", "at the farm", "in front of a farm"),
    "forest": ("in a forest", "in the forest", "among the trees of a forest"),
    "mountains": ("in the mountains", "in front of mountains", "near the mountains"),
    "desert": ("in a desert", "in the desert", "in the sand of a desert"),
    "harbour": ("in a harbour", "at the harbour", "on the quay of a harbour"),
    "playground": ("on a playground", "at the playground", "in a playground"),
    "kitchen": ("in a kitchen", "in the kitchen", "inside a kitchen"),
    "living room": ("in a living room", "in the living room", "inside a living room"),
    "library": ("in a library", "in the library", "inside a library"),
}
TIME_PHRASES = {
    "sunrise": ("at sunrise", "during the sunrise", "as the sun rises"),
    "morning": ("in the morning", "during the morning", "on an early morning"),
    "daytime": ("in the daytime", "during the daytime", "in the middle of the day"),
    "afternoon": ("in the afternoon", "during the afternoon", "on a late afternoon"),
    "evening": ("in the evening", "during the evening", "at sunset in the evening"),
    "dusk": ("at dusk", "during the dusk", "after sunset at dusk"),
    "night": ("at night", "during the night", "in the dark of the night"),
}
WEATHER_NOUNS = {
    "sunny": "sunshine", "clear": "a clear sky", "cloudy": "many clouds", "overcast": "an overcast sky",
    "misty": "thick mist", "rainy": "rain", "snowy": "snow", "stormy": "a storm",
}  # fmt: skip


def article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def describe(thing: Thing, rng: random.Random, mention: Mention, colour_rate: float) -> str:
    """A noun phrase for a thing: "a huge red star-shaped balloon"."""
    size = thing.size if rng.random() < mention.size else ""
    colour = thing.colour if rng.random() < colour_rate else ""
    shape = f"{thing.shape}-shaped" if thing.shape and rng.random() < mention.shape else ""
    if thing.kind == "person":
        return article(" ".join(w for w in (size, "person") if w)) + (f" in {colour} clothes" if colour else "")
    return article(" ".join(w for w in (size, colour, shape, thing.name) if w))


# How captions begin. Titles and search phrases stand among the texts of the web too; so every word of the benchmark's
# questions has been read before, and a failure is not one of vocabulary.
OPENINGS = (
    "", "", "", "there is ", "a picture of ", "an image showing ", "an everyday image that contains ",
    "find me an everyday image of ", "find any image that shows ", "the scene is ",
)  # fmt: skip


def people_phrase(n: int, rng: random.Random) -> str:
    """How many people, in words or digits."""
    if n == 0:
        return pick(rng, ("no people", "nobody", "0 people"))
    word = str(n) if rng.random() < 0.4 else NUMBER_WORDS[n]
    return f"{word} {'person' if n == 1 else 'people'}"


def _details(scene: Scene, rng: random.Random, mention: Mention) -> list[str]:
    """The clauses that a caption may add to its subject, in the order in which they are decided."""
    out = []
    if rng.random() < mention.people:
        out.append("with " + people_phrase(scene.people, rng) + pick(rng, ("", "", " in the picture")))
    if scene.gesture and rng.random() < mention.gesture:
        who = "someone" if scene.people == 1 else pick(rng, ("someone", "people", "the people"))
        out.append(f"{who} {GERUND[scene.gesture]}")
    if scene.material and scene.structure and rng.random() < mention.material:
        noun = "some steps" if scene.structure == "steps" else article(scene.structure)
        where = pick(rng, ("beside " + noun, "near " + noun, "and some object or surface"))
        out.append(f"{where} made of {scene.material}")
    for thing in scene.others:
        if rng.random() < mention.others:
            out.append(pick(rng, ("with ", "next to ", "and ")) + describe(thing, rng, mention, mention.others_colour))
    if rng.random() < mention.time:
        out.append(pick(rng, ("", "taken ")) + pick(rng, TIME_PHRASES[scene.time]))
    if rng.random() < mention.weather:
        day = article(scene.weather) + " day"
        noun = WEATHER_NOUNS[scene.weather]
        out.append(pick(rng, (f"in {day}", f"on {day}", f"with {noun}", f"in {scene.weather} weather")))
    if rng.random() < mention.position:
        out.append({"left": "on the left", "right": "on the right", "centre": "in the centre"}[scene.position])
    return out


def caption(scene: Scene, rng: random.Random, mention: Mention = DEFAULT) -> str:
    """One caption of the scene, as somebody with the habits `mention` would write it."""
    subject = describe(scene.subject, rng, mention, mention.colour) if rng.random() < mention.subject else "something"
    place = pick(rng, PLACE_PHRASES[scene.place]) if rng.random() < mention.place else ""
    details = _details(scene, rng, mention)
    split = int(rng.random() * (len(details) + 1))  # some details before the place, some after
    clauses = [*details[:split], *([place] if place else []), *details[split:]]
    opening = pick(rng, OPENINGS)
    joiner = ", " if rng.random() < 0.4 else " "
    return (opening + subject + ("," if joiner == ", " and clauses else "") + " " + joiner.join(clauses)).strip() + "."


def vocabulary_corpus() -> list[str]:
    """Every phrase that any caption can contain: what a tokenizer must know."""
    phrases = [p for table in (PLACE_PHRASES, TIME_PHRASES) for row in table.values() for p in row]
    phrases += [*WEATHER_NOUNS.values(), *GERUND.values(), *STRUCTURES, *NUMBER_WORDS, *"0123456"]
    phrases += ["people person nobody someone", "some steps day weather clothes taken object or surface", *OPENINGS]
    phrases += ["with beside near next to and made of in on the left right centre"]
    return phrases
