"""COCO-Facet's facets: texts and prompts word for word, and which labels exclude which."""

import itertools
from dataclasses import replace

import pytest

from pinpoint.diorama.draw import areas
from pinpoint.diorama.facets import (
    FACETS,
    GENERIC_PROMPT,
    LEAST_AREA,
    PROMPT,
    answers,
    contradicts,
    large_enough,
)
from pinpoint.diorama.scene import (
    ANIMALS,
    GESTURES,
    MATERIALS,
    OBJECTS,
    PLACES,
    TIMES,
    WEATHERS,
    Scene,
    Thing,
    sample_split,
)

CAT = Thing("animal", "cat", "orange", "large")
PLAIN = Scene(CAT, "left", "park", "daytime", "clear", 0, None, None, None, (), 5)


def text(facet: str, label: str) -> str:
    return next(t for t, answer in FACETS[facet].texts if answer == label)


# -- texts (fact sheet on COCO-Facet: templates, articles and trailing newlines of the benchmark's notebooks) ----------
def test_the_eight_facets() -> None:
    assert list(FACETS) == ["objects", "animals", "gestures", "materials", "scenes", "times", "count", "weather"]


@pytest.mark.parametrize(
    ("facet", "label", "expected"),
    [
        ("objects", "car", "Find me an image that contains any car.\n"),
        ("objects", "teddy bear", "Find me an image that contains any teddy bear.\n"),
        ("animals", "elephant", "Find me an image that contains any elephant.\n"),
        ("gestures", "sit", "Find me an everyday image that contains someone sitting."),
        ("gestures", "lie", "Find me an everyday image that contains someone lying."),
        ("gestures", "squat", "Find me an everyday image that contains someone squating."),
        ("materials", "brick", "Find me an everyday image showing some object or surface made of brick."),
        ("scenes", "beach", "Find me an everyday image that shows the scene on the beach.\n"),
        ("scenes", "kitchen", "Find me an everyday image that shows the scene in a kitchen.\n"),
        ("times", "dusk", "Find me an everyday image that is taken during the dusk.\n"),
        ("count", "0", "Find me an everyday image with 0 people in the picture."),
        ("count", "1", "Find me an everyday image showing 1 person in the picture."),
        ("count", "6", "Find me an everyday image with 6 people in the picture."),
        ("weather", "sunny", "Find me an everyday image that is taken in a sunny day.\n"),
        ("weather", "overcast", "Find me an everyday image that is taken in an overcast day.\n"),
    ],
)
def test_texts_are_verbatim(facet, label, expected) -> None:
    assert text(facet, label) == expected


def test_a_scene_without_preposition_takes_of() -> None:
    texts = [t for t, label in FACETS["scenes"].texts if label == "library"]
    assert texts == [
        "Find me an everyday image that shows the scene in a library.\n",
        "Find me an everyday image that shows the scene of a library.\n",
    ]


def test_newlines_as_in_the_notebooks() -> None:
    for facet in FACETS.values():
        ends = {t.endswith(".\n") for t, _ in facet.texts}
        assert ends == {facet.name not in ("gestures", "materials", "count")}
        assert all(t.count("\n") <= 1 and t.rstrip("\n").endswith(".") for t, _ in facet.texts)


def test_every_label_is_asked_for() -> None:
    known = {"objects": OBJECTS, "animals": ANIMALS, "gestures": GESTURES, "materials": MATERIALS, "scenes": PLACES,
             "times": TIMES, "count": tuple("0123456"), "weather": WEATHERS}  # fmt: skip
    for name, labels in known.items():
        assert {label for _, label in FACETS[name].texts} == set(labels)
        texts = [t for t, _ in FACETS[name].texts]
        assert len(texts) == len(set(texts)) == len(labels) * (2 if name == "scenes" else 1)


def test_prompts_are_verbatim() -> None:
    assert GENERIC_PROMPT == "Represent the given image."
    assert PROMPT == "Represent the given image with the following question: {question}"
    assert {f.name: (f.question, f.human_question) for f in FACETS.values()} == {
        "objects": ("Which objects are present in this image?", "What objects are in the image?"),
        "animals": ("Which animals can be seen in this image?", "What animals are in this image?"),
        "gestures": ("What gesture are the people making in this image?", "What is the person doing in the image?"),
        "materials": (
            "What material are the objects in this image made of?", "What are the objects made of in the image?",
        ),
        "scenes": ("What type of location is depicted in this image?", "What scene is in the image?"),
        "times": ("What time of day is depicted in this image?", "When is the image taken?"),
        "count": ("How many people are present in this image?", "How many people are in the image?"),
        "weather": ("What is the weather like in this image?", "What is the weather in the image?"),
    }  # fmt: skip


# -- exclusion ---------------------------------------------------------------------------------------------------------
DAY, DARK = {"daytime", "morning", "sunrise", "afternoon"}, {"night", "evening", "dusk"}
TIME_SHEET = {**dict.fromkeys(DAY, DARK), "night": {*DAY, "evening", "dusk"}, "evening": {*DAY, "night"},
              "dusk": {*DAY, "night"}}  # fmt: skip
COUNT_SHEET = {"0": "3456", "1": "456", "2": "56", "3": "06", "4": "01", "5": "012", "6": "0123"}
BAD = {"cloudy", "misty", "overcast", "rainy", "snowy", "stormy"}
WEATHER_SHEET = {
    "sunny": BAD, "clear": BAD, **{w: {"sunny", "clear", "snowy"} for w in BAD - {"snowy"}},
    "snowy": {"sunny", "clear", "rainy", "stormy"},
}  # fmt: skip


def excluded(facet: str, label: str, variants: dict[str, Scene]) -> set[str]:
    return {name for name, scene in variants.items() if contradicts(facet, label, scene)}


def test_times_weather_and_counts_exclude_as_on_the_sheet() -> None:
    times = {t: replace(PLAIN, time=t) for t in TIMES}
    weathers = {w: replace(PLAIN, weather=w) for w in WEATHERS}
    counts = {str(n): replace(PLAIN, people=n, gesture="sit" if n else None) for n in range(7)}
    assert {t: excluded("times", t, times) for t in TIMES} == TIME_SHEET
    assert {w: excluded("weather", w, weathers) for w in WEATHERS} == WEATHER_SHEET
    assert {n: excluded("count", n, counts) for n in counts} == {n: set(out) for n, out in COUNT_SHEET.items()}


def test_gestures_and_materials_exclude_all_but_their_twins() -> None:
    acting = {g: replace(PLAIN, people=2, gesture=g) for g in GESTURES}
    built = {m: replace(PLAIN, material=m, structure="hut") for m in MATERIALS}
    for label in GESTURES:
        twins = {"squat", "kneel"} if label in ("squat", "kneel") else {label}
        assert excluded("gestures", label, acting) == set(GESTURES) - twins
        assert not contradicts("gestures", label, PLAIN)  # nobody is there to do something else
    for label in MATERIALS:
        twins = {"stone", "brick"} if label in ("stone", "brick") else {label}
        assert excluded("materials", label, built) == set(MATERIALS) - twins
        assert not contradicts("materials", label, PLAIN)


def test_places_that_look_alike_do_not_exclude_each_other() -> None:
    scenes = {p: replace(PLAIN, place=p) for p in PLACES}
    close = {("beach", "harbour"), ("park", "playground"), ("park", "forest"), ("park", "mountains"),
             ("forest", "mountains")}  # fmt: skip
    for a, b in itertools.product(PLACES, PLACES):
        alike = a == b or (a, b) in close or (b, a) in close
        assert contradicts("scenes", a, scenes[b]) == (not alike), (a, b)


@pytest.mark.parametrize("facet", ["times", "gestures", "materials", "scenes", "count"])
def test_exclusion_is_mutual(facet) -> None:
    """(But for weather: on the sheet, cloudy excludes snowy and snowy does not exclude cloudy.)"""

    def scene(label: str) -> Scene:
        changes = {"times": {"time": label}, "scenes": {"place": label}, "gestures": {"people": 1, "gesture": label},
                   "materials": {"material": label, "structure": "hut"},
                   "count": {"people": int(label) if label.isdigit() else 0}}  # fmt: skip
        return replace(PLAIN, **changes[facet])

    labels = {label for _, label in FACETS[facet].texts}
    for a, b in itertools.combinations(sorted(labels), 2):
        assert contradicts(facet, a, scene(b)) == contradicts(facet, b, scene(a))


def test_nothing_both_answers_and_contradicts() -> None:
    answered = dict.fromkeys(FACETS, 0)
    for scene in sample_split(300, "train", 12):
        for name, facet in FACETS.items():
            for _, label in facet.texts:
                right, wrong = answers(name, label, scene), contradicts(name, label, scene)
                assert not (right and wrong)
                if name in ("objects", "animals"):
                    assert right != wrong  # a thing is there or it is not
                answered[name] += right
    assert min(answered.values()) > 50


def test_answers() -> None:
    scene = replace(PLAIN, people=2, gesture="kneel", material="paper", structure="hut",
                    others=(Thing("object", "cup", "red", "small"),))  # fmt: skip
    right = {("animals", "cat"), ("objects", "cup"), ("gestures", "kneel"), ("materials", "paper"), ("scenes", "park"),
             ("times", "daytime"), ("count", "2"), ("weather", "clear")}  # fmt: skip
    said = {(name, label) for name, f in FACETS.items() for _, label in f.texts if answers(name, label, scene)}
    assert said == right


# -- the five per cent rule --------------------------------------------------------------------------------------------
def test_a_positive_is_large_enough() -> None:
    assert LEAST_AREA == 0.05
    cup = Thing("object", "cup", "red", "small")
    scene = replace(PLAIN, others=(cup,))
    assert areas(scene)["cat"] >= 0.05 > areas(scene)["cup"]
    assert large_enough("animals", "cat", scene) and not large_enough("objects", "cup", scene)
    assert answers("objects", "cup", scene)  # too small to be asked for, and no negative either
    assert large_enough("weather", "clear", scene)  # the rule is about things


def test_the_threshold_is_where_it_says() -> None:
    for scene in sample_split(100, "train", 13):
        for thing in scene.things:
            if thing.kind != "person":
                facet = "animals" if thing.kind == "animal" else "objects"
                assert large_enough(facet, thing.name, scene) == (areas(scene)[thing.name] >= 0.05)
