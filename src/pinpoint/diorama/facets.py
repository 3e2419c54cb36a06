"""COCO-Facet's eight facets on Diorama: what each asks, which pictures answer it, which contradict it.

Templates, prompts and exclusion rules are those of the benchmark (Li, Gao and Du, 2025, construction notebooks),
word for word, the misspelt "squating" and the trailing newlines included; they must be, to compare.
"""

from dataclasses import dataclass

from pinpoint.diorama.captions import GERUND, PLACE_PHRASES
from pinpoint.diorama.draw import areas
from pinpoint.diorama.scene import ANIMALS, GESTURES, MATERIALS, OBJECTS, PLACES, TIMES, WEATHERS, Scene

LEAST_AREA = 0.05  # COCO-Facet: a positive shows its object on at least 5 % of the image
GENERIC_PROMPT = "Represent the given image."
PROMPT = "Represent the given image with the following question: {question}"


@dataclass(frozen=True)
class Facet:
    """One facet: its prompt questions, and its query texts with the label that each asks for."""

    name: str
    question: str  # GPT-written, used for headline runs
    human_question: str
    texts: tuple[tuple[str, str], ...]  # (text, label)


def _with_newline(template: str, labels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((template.format(label) + "\n", label) for label in labels)


def _gesture_text(gesture: str) -> str:
    gerund = "squating" if gesture == "squat" else GERUND[gesture]
    return f"Find me an everyday image that contains someone {gerund}."


def _scene_text(answer: str) -> str:
    first = answer.split()[0]
    of = "" if first in ("at", "in", "on", "by", "near", "outside", "inside") else "of "
    return f"Find me an everyday image that shows the scene {of}{answer}.\n"


def _count_text(n: int) -> str:
    if n == 1:
        return "Find me an everyday image showing 1 person in the picture."
    return f"Find me an everyday image with {n} people in the picture."


def _weather_text(label: str) -> str:
    article = "an" if label[0] == "o" else "a"
    return f"Find me an everyday image that is taken in {article} {label} day.\n"


_ANY = "Find me an image that contains any {}."
_MADE_OF = "Find me an everyday image showing some object or surface made of {}."
_DURING = "Find me an everyday image that is taken during the {}."

FACETS: dict[str, Facet] = {
    f.name: f
    for f in (
        Facet("objects", "Which objects are present in this image?", "What objects are in the image?",
              _with_newline(_ANY, OBJECTS)),
        Facet("animals", "Which animals can be seen in this image?", "What animals are in this image?",
              _with_newline(_ANY, ANIMALS)),
        Facet("gestures", "What gesture are the people making in this image?",
              "What is the person doing in the image?", tuple((_gesture_text(g), g) for g in GESTURES)),
        Facet("materials", "What material are the objects in this image made of?",
              "What are the objects made of in the image?", tuple((_MADE_OF.format(m), m) for m in MATERIALS)),
        Facet("scenes", "What type of location is depicted in this image?", "What scene is in the image?",
              tuple((_scene_text(a), p) for p in PLACES for a in (PLACE_PHRASES[p][0], "a " + p))),
        Facet("times", "What time of day is depicted in this image?", "When is the image taken?",
              _with_newline(_DURING, TIMES)),
        Facet("count", "How many people are present in this image?", "How many people are in the image?",
              tuple((_count_text(n), str(n)) for n in range(7))),
        Facet("weather", "What is the weather like in this image?", "What is the weather in the image?",
              tuple((_weather_text(w), w) for w in WEATHERS)),
    )
}  # fmt: skip

# Clusters of places that could be taken for one another; a negative shares no cluster with its positive.
_CLUSTERS: dict[str, frozenset[str]] = {
    "beach": frozenset({"sea"}), "harbour": frozenset({"sea"}), "park": frozenset({"park", "nature"}),
    "playground": frozenset({"park"}), "forest": frozenset({"nature"}), "mountains": frozenset({"nature"}),
}  # fmt: skip
_DAY = ("daytime", "morning", "sunrise", "afternoon")
_TIME_EXCLUDES = {
    **{t: frozenset({"night", "evening", "dusk"}) for t in _DAY},
    "night": frozenset(TIMES) - {"night"},
    "evening": frozenset({*_DAY, "night"}),
    "dusk": frozenset({*_DAY, "night"}),
}
_COUNT_EXCLUDES = {
    0: {3, 4, 5, 6}, 1: {4, 5, 6}, 2: {5, 6}, 3: {0, 6}, 4: {0, 1}, 5: {0, 1, 2}, 6: {0, 1, 2, 3},
}  # fmt: skip
_BRIGHT, _WET = ("sunny", "clear"), ("rainy", "stormy")
_WEATHER_EXCLUDES = {
    **{w: frozenset({"cloudy", "misty", "overcast", "rainy", "snowy", "stormy"}) for w in _BRIGHT},
    **{w: frozenset({"sunny", "clear", "snowy"}) for w in ("misty", "overcast", "cloudy", *_WET)},
    "snowy": frozenset({"sunny", "clear", "rainy", "stormy"}),
}


def answers(facet: str, label: str, scene: Scene) -> bool:
    """True if the picture is a right answer. Objects and animals of any size count; see `large_enough`."""
    if facet in ("objects", "animals"):
        return any(t.name == label for t in scene.things)
    return label == {
        "gestures": scene.gesture, "materials": scene.material, "scenes": scene.place, "times": scene.time,
        "count": str(scene.people), "weather": scene.weather,
    }[facet]  # fmt: skip


def large_enough(facet: str, label: str, scene: Scene) -> bool:
    """COCO-Facet's rule for positives: the queried thing covers at least 5 % of the picture."""
    return facet not in ("objects", "animals") or areas(scene)[label] >= LEAST_AREA


def contradicts(facet: str, label: str, scene: Scene) -> bool:
    """True if the picture's own label excludes the queried one; pictures that do neither are never candidates."""
    if facet in ("objects", "animals"):
        return all(t.name != label for t in scene.things)
    if facet == "gestures":
        return scene.gesture not in (None, label) and {scene.gesture, label} != {"squat", "kneel"}
    if facet == "materials":
        return scene.material not in (None, label) and {scene.material, label} != {"stone", "brick"}
    if facet == "scenes":
        ours, theirs = _CLUSTERS.get(scene.place, {scene.place}), _CLUSTERS.get(label, {label})
        return scene.place != label and not set(ours) & set(theirs)
    if facet == "times":
        return scene.time in _TIME_EXCLUDES[label]
    if facet == "count":
        return scene.people in _COUNT_EXCLUDES[int(label)]
    return scene.weather in _WEATHER_EXCLUDES[label]
