"""Captions: what is mentioned, how often, and in words that the tokenizer knows."""

import random
import re
from dataclasses import fields, replace

import pytest

from pinpoint.diorama.captions import (
    DEFAULT,
    EVERYTHING,
    GERUND,
    NUMBER_WORDS,
    OPENINGS,
    PLACE_PHRASES,
    TIME_PHRASES,
    WEATHER_NOUNS,
    Mention,
    caption,
    people_phrase,
    vocabulary_corpus,
)
from pinpoint.diorama.facets import FACETS
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    GESTURES,
    MATERIALS,
    OBJECTS,
    PLACES,
    SHAPES,
    SIZES,
    TIMES,
    WEATHERS,
    Scene,
    Thing,
    sample_split,
)
from pinpoint.diorama.world import TrainingPairs
from pinpoint.errors import PinpointError

ATTRIBUTES = [f.name for f in fields(Mention)]
NOTHING = Mention(**dict.fromkeys(ATTRIBUTES, 0.0))
CAT = Thing("animal", "cat", "orange", "huge")
CUP = Thing("object", "cup", "blue", "small")
KITE = Thing("object", "kite", "red", "large", "star")
SCENE = Scene(CAT, "left", "park", "dusk", "rainy", 3, "sit", "brick", "wall", (CUP,), 5)
PEOPLE = re.compile(r"with (nobody|(no|0|one|1) (people|person)|[2-6] people|(two|three|four|five|six) people)")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(4000, "train", 8)


def said(attribute: str, scene: Scene, text: str) -> bool | None:
    """Whether a caption names an attribute, read from its words; None where the scene has none or words are shared."""
    s, first = scene.subject, scene.others[0] if len(scene.others) == 1 else None
    plain, alone = not scene.others, all(t.shape != s.shape for t in scene.others)
    return {
        "subject": lambda: bool(re.search(rf"\b{s.name}\b", text)) if plain and s.kind != "person" else None,
        "colour": lambda: bool(re.search(rf"\b{s.colour}\b", text)) if plain else None,
        "size": lambda: bool(re.search(rf"\b{s.size}\b", text)) if plain else None,
        "shape": lambda: f"{s.shape}-shaped" in text if s.shape and alone else None,
        "position": lambda: bool(re.search(r"on the left|on the right|in the centre", text)),
        "place": lambda: any(p in text for p in PLACE_PHRASES[scene.place]),
        "time": lambda: any(t in text for t in TIME_PHRASES[scene.time]),
        "weather": lambda: (
            bool(re.search(rf"an? {scene.weather} day|in {scene.weather} weather", text))
            or f"with {WEATHER_NOUNS[scene.weather]}" in text
        ),
        "people": lambda: bool(PEOPLE.search(text)),
        "gesture": lambda: GERUND[scene.gesture] in text if scene.gesture else None,
        "material": lambda: f"made of {scene.material}" in text if scene.material else None,
        "others": lambda: bool(re.search(rf"\b{first.name}\b", text)) if first else None,
        "others_colour": lambda: None,  # given that the thing is mentioned: has a test of its own
    }[attribute]()


def captions(scenes: list[Scene], mention: Mention) -> list[tuple[Scene, str]]:
    rng = random.Random(1)
    return [(s, caption(s, rng, mention)) for s in scenes]


@pytest.mark.parametrize("attribute", [a for a in ATTRIBUTES if a != "others_colour"])
def test_the_rate_is_the_rate(scenes, attribute) -> None:
    """Counted in the words: 0 is never, 1 is always, the default within four standard errors."""
    whole = DEFAULT.with_rate("subject", 1.0)
    for rate in (0.0, getattr(DEFAULT, attribute), 1.0):
        judged = [said(attribute, s, c) for s, c in captions(scenes, whole.with_rate(attribute, rate))]
        hits = [hit for hit in judged if hit is not None]
        assert len(hits) > 100
        assert abs(sum(hits) / len(hits) - rate) <= 4 * (rate * (1 - rate) / len(hits)) ** 0.5


def test_the_rate_of_one_attribute_leaves_the_others_alone(scenes) -> None:
    for attribute in ("place", "time", "people"):
        changed = captions(scenes, DEFAULT.with_rate("weather", 1.0))
        share = sum(bool(said(attribute, s, c)) for s, c in changed) / len(changed)
        rate = getattr(DEFAULT, attribute)
        assert abs(share - rate) < 4 * (rate * (1 - rate) / len(changed)) ** 0.5


def test_colours_of_secondary_things_come_with_the_thing(scenes) -> None:
    mention = replace(NOTHING, others=1.0, others_colour=0.3)
    hits = [any(t.colour in c for t in s.others) for s, c in captions(scenes, mention) if len(s.others) == 1]
    assert abs(sum(hits) / len(hits) - 0.3) < 4 * (0.21 / len(hits)) ** 0.5
    assert not any(t.colour in c.split() for s, c in captions(scenes, replace(mention, others=0.0)) for t in s.others)


def test_everything_is_everything() -> None:
    for seed in range(20):
        text = caption(SCENE, random.Random(seed), EVERYTHING)
        for word in ("huge orange cat", "park", "dusk", "sitting", "made of brick", "small blue cup", "the left"):
            assert word in text
        assert re.search(r"(three|3) people", text) and re.search("rain", text)


def test_nothing_says_nothing() -> None:
    said = {caption(SCENE, random.Random(i), NOTHING) for i in range(200)}
    assert said == {f"{opening}something." for opening in OPENINGS}


def test_noun_phrases() -> None:
    kite = replace(SCENE, subject=KITE, others=())
    only = {"subject": 1.0, "colour": 1.0, "shape": 1.0}
    assert "a red star-shaped kite" in caption(kite, random.Random(0), replace(NOTHING, **only))
    assert "an orange cat" in caption(SCENE, random.Random(0), replace(NOTHING, **only))
    person = replace(SCENE, subject=Thing("person", "person", "green", "large"))
    assert "a person in green clothes" in caption(person, random.Random(0), replace(NOTHING, **only))
    assert "a large person." in caption(person, random.Random(0), replace(NOTHING, subject=1.0, size=1.0))


def test_steps_are_plural() -> None:
    steps = replace(SCENE, structure="steps")
    texts = {caption(steps, random.Random(i), EVERYTHING) for i in range(30)}
    assert any("some steps made of brick" in t for t in texts) and not any("a steps" in t for t in texts)


def test_every_word_of_a_question_occurs_in_captions(scenes) -> None:
    """Only the benchmark's own misspelling is left to the smaller pieces of the tokenizer."""
    known = {word for _, text in captions(scenes, EVERYTHING) for word in re.findall(r"[a-z0-9]+", text)}
    asked = {w for f in FACETS.values() for text, _ in f.texts for w in re.findall(r"[a-z0-9]+", text.lower())}
    assert asked - known == {"squating"}


@pytest.mark.parametrize("n", range(7))
def test_numbers_of_people(n) -> None:
    phrases = {people_phrase(n, random.Random(i)) for i in range(40)}
    if n == 0:
        assert phrases == {"no people", "nobody", "0 people"}
    else:
        noun = "person" if n == 1 else "people"
        assert phrases == {f"{n} {noun}", f"{NUMBER_WORDS[n]} {noun}"}


def test_a_caption_is_one_tidy_sentence(scenes) -> None:
    for mention in (DEFAULT, EVERYTHING):
        for _, text in captions(scenes, mention):
            assert re.fullmatch(r"[a-z0-9 ,-]+\.", text) and "  " not in text and " ," not in text and ",." not in text
            for article, noun in re.findall(r"\b(an?) (\w)", text):
                assert (article == "an") == (noun in "aeiou"), text


def test_every_word_is_in_the_corpus_or_the_grammar(scenes) -> None:
    """The tokenizer learns from the corpus and from captions that mention every name of the grammar."""
    known = set(re.findall(r"[a-z0-9]+", " ".join(
        [*vocabulary_corpus(), *ANIMALS, *OBJECTS, *COLOUR_NAMES, *(f"{s}-shaped" for s in SHAPES), *SIZES, *MATERIALS,
         *WEATHERS]
    )))  # fmt: skip
    for mention in (DEFAULT, EVERYTHING):
        for _, text in captions(scenes, mention):
            assert set(re.findall(r"[a-z0-9]+", text)) <= known, text


def test_every_value_has_its_words() -> None:
    assert set(PLACE_PHRASES) == set(PLACES) and set(TIME_PHRASES) == set(TIMES)
    assert set(WEATHER_NOUNS) == set(WEATHERS) and set(GERUND) == set(GESTURES)
    assert all(place.split()[-1] in p for place, row in PLACE_PHRASES.items() for p in row)


def test_a_caption_depends_on_its_arguments_alone() -> None:
    pairs = TrainingPairs(40, 3)
    first = [pairs.caption(i, epoch) for epoch in range(3) for i in range(40)]
    random.random()
    assert [pairs.caption(i, epoch) for epoch in range(3) for i in range(40)] == first
    assert [TrainingPairs(40, 3).caption(i, 2) for i in range(40)] == first[80:]
    assert first[:40] != first[40:80] != first[80:]  # another writer each epoch
    assert [pairs.caption(i, 0, seed=1) for i in range(40)] != first[:40]


def test_training_pairs_are_of_one_split() -> None:
    pairs = TrainingPairs(10, 3, size=48)
    assert len(pairs) == 10 and pairs.image(0).shape == (48, 48, 3)
    assert pairs.digest == TrainingPairs(10, 3, EVERYTHING, size=48).digest  # the pictures', whatever is said of them
    assert pairs.digest != TrainingPairs(11, 3, size=48).digest != TrainingPairs(10, 4, size=48).digest


def test_the_defaults_are_written_down() -> None:
    """Decided once, before any model was trained: subject nearly always, its colour often, the rest seldom."""
    assert (DEFAULT.subject, DEFAULT.colour, DEFAULT.place) == (1.0, 0.6, 0.5)
    for attribute in ("size", "position", "time", "weather", "people", "gesture", "material", "others"):
        assert 0.05 <= getattr(DEFAULT, attribute) <= 0.15


def test_an_unknown_attribute_is_named() -> None:
    with pytest.raises(PinpointError, match="unknown attribute 'wether'; known: colour, gesture"):
        DEFAULT.with_rate("wether", 0.5)
    assert DEFAULT.with_rate("weather", 0.5) == replace(DEFAULT, weather=0.5) and DEFAULT.weather == 0.15
