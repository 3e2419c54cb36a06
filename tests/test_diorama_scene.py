"""The grammar of scenes: what the drawers can draw, independence of the attributes, splits, records."""

import itertools
import json
import random
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from pinpoint.diorama import air, fauna, materials, people, places, structures, things
from pinpoint.diorama import scene as grammar
from pinpoint.diorama.colour import COLOURS
from pinpoint.diorama.scene import (
    COLOUR_NAMES,
    INDOOR,
    SKY,
    Scene,
    Thing,
    check,
    held_out,
    legal,
    sample,
    sample_split,
    scene_from_dict,
    split_of,
    with_subject,
)
from pinpoint.errors import PinpointError

CAT = Thing("animal", "cat", "orange", "large")
PLAIN = Scene(CAT, "left", "park", "daytime", "clear", 0, None, None, None, (), 5)


@pytest.fixture(scope="module")
def many() -> list[Scene]:
    rng = random.Random(7)
    return [sample(rng) for _ in range(20_000)]


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Scene]]:
    return {split: sample_split(3000, split, 1) for split in ("train", "dev", "test")}


# -- vocabularies ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "drawn"),
    [
        (grammar.ANIMALS, fauna.FAUNA), (grammar.OBJECTS, things.THINGS), (grammar.GESTURES, people._POSES),
        (grammar.MATERIALS, materials._PATTERNS), (grammar.STRUCTURES, structures.ASPECT),
        (grammar.PLACES, places._PLACES), (grammar.TIMES, air.HOURS), (grammar.WEATHERS, air._WEATHER),
        (grammar.COLOUR_NAMES, COLOURS),
    ],
    ids=["animals", "objects", "gestures", "materials", "structures", "places", "times", "weathers", "colours"],
)  # fmt: skip
def test_what_can_be_said_is_what_can_be_drawn(said, drawn) -> None:
    assert set(said) == set(drawn)
    assert len(said) == len(set(said))


def test_the_world_is_as_rich_as_planned() -> None:
    least = {"ANIMALS": 10, "OBJECTS": 24, "GESTURES": 8, "MATERIALS": 5, "PLACES": 12, "TIMES": 6, "WEATHERS": 7,
             "COLOUR_NAMES": 10}  # fmt: skip
    for name, count in least.items():
        assert len(getattr(grammar, name)) >= count, name
    assert set(grammar.ANIMALS) == {
        "cat", "dog", "bird", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe",
    }  # fmt: skip
    assert set(grammar.SHAPED) <= set(grammar.OBJECTS) and set(grammar.SKY) <= set(grammar.OBJECTS)
    assert set(grammar.INDOOR) < set(grammar.PLACES)


def test_every_value_occurs(many) -> None:
    assert {s.people for s in many} == set(range(7))
    assert {s.subject.name for s in many} == {*grammar.ANIMALS, *grammar.OBJECTS, "person"}
    assert {t.name for s in many for t in s.others} == {*grammar.ANIMALS, *grammar.OBJECTS}
    for attribute, values in (
        ("place", grammar.PLACES), ("time", grammar.TIMES), ("weather", grammar.WEATHERS),
        ("position", grammar.POSITIONS), ("gesture", (*grammar.GESTURES, None)),
        ("material", (*grammar.MATERIALS, None)), ("structure", (*grammar.STRUCTURES, None)),
    ):  # fmt: skip
        assert {getattr(s, attribute) for s in many} == set(values), attribute


# -- sampling --------------------------------------------------------------------------------------------------------
def test_sampling_repeats_itself() -> None:
    assert sample_split(50, "dev", 3) == sample_split(50, "dev", 3)
    assert sample_split(50, "dev", 3) != sample_split(50, "dev", 4)
    assert sample_split(80, "dev", 3)[:50] == sample_split(50, "dev", 3)  # a larger gallery extends a smaller one


def test_samples_are_legal(many) -> None:
    for s in many:
        check(s)
        assert legal(s)
        assert not (s.weather == "sunny" and s.time in ("dusk", "night"))
        assert s.place not in INDOOR or not {t.name for t in s.things} & {"airplane", "kite"}
        assert (s.people == 0) == (s.gesture is None)
        assert (s.material is None) == (s.structure is None)
        assert s.subject.kind != "person" or s.people >= 1
        assert len({t.name for t in s.things}) == len(s.things)  # "the red cup" is one thing
        assert s.subject.size in ("large", "huge") and all(t.size in ("small", "medium") for t in s.others)
        assert all((t.shape is not None) == (t.name in grammar.SHAPED) for t in s.things)


@pytest.mark.parametrize(
    "change",
    [{"weather": "sunny", "time": "night"}, {"weather": "sunny", "time": "dusk"}, {"people": 2}, {"gesture": "sit"}],
    ids=str,
)
def test_impossible_scenes_are_not_legal(change) -> None:
    assert legal(PLAIN)
    assert not legal(replace(PLAIN, **change))


def test_nothing_flies_indoors_but_a_balloon() -> None:
    for name in SKY:
        shape = "star" if name in grammar.SHAPED else None
        aloft = replace(PLAIN, others=(Thing("object", name, "red", "small", shape),))
        assert legal(aloft)
        assert legal(replace(aloft, place="kitchen")) == (name == "balloon")


def test_attributes_are_independent(many) -> None:
    """An instrument must not be biased: knowing one attribute says nothing about another (three rules excepted)."""
    readers = {
        "colour": lambda s: s.subject.colour, "size": lambda s: s.subject.size, "position": lambda s: s.position,
        "place": lambda s: s.place, "time": lambda s: s.time, "weather": lambda s: s.weather,
        "gesture": lambda s: s.gesture, "material": lambda s: s.material, "structure": lambda s: s.structure,
        "variant": lambda s: s.variant % 3, "people": lambda s: s.people or None,
        "animal": lambda s: s.subject.name if s.subject.kind == "animal" else None,
    }  # fmt: skip
    weak = []
    for (a, read_a), (b, read_b) in itertools.combinations(readers.items(), 2):
        pairs = Counter((read_a(s), read_b(s)) for s in many if read_a(s) is not None and read_b(s) is not None)
        rows, columns = (sorted({p[k] for p in pairs}) for k in (0, 1))
        table = np.array([[pairs[r, c] for c in columns] for r in rows])
        p = chi2_contingency(table).pvalue
        if {a, b} == {"time", "weather"}:
            assert p < 1e-6  # the sun does not shine by night: the test can see a dependence
        elif p < 1e-4:
            weak.append((a, b, p))
    assert not weak


def test_where_they_can_attributes_are_uniform(many) -> None:
    for values, read in (
        (COLOUR_NAMES, lambda s: s.subject.colour), (grammar.POSITIONS, lambda s: s.position),
        (grammar.GESTURES, lambda s: s.gesture), (grammar.MATERIALS, lambda s: s.material),
    ):  # fmt: skip
        counts = Counter(v for s in many if (v := read(s)) is not None)
        expected = counts.total() / len(values)
        assert all(abs(counts[v] - expected) < 4.5 * expected**0.5 for v in values)


# -- splits ----------------------------------------------------------------------------------------------------------
def test_no_core_is_in_two_splits(splits) -> None:
    cores = {split: {s.core for s in scenes} for split, scenes in splits.items()}
    for a, b in itertools.combinations(cores, 2):
        assert not cores[a] & cores[b]
    for split, scenes in splits.items():
        assert all(split_of(s) == split for s in scenes)
        assert len({s.id for s in scenes}) == len(scenes)


def test_the_split_is_about_the_core_alone(splits) -> None:
    for scene in splits["dev"][:200]:
        other = replace(scene, variant=scene.variant + 1, position="centre", others=(), structure=None, material=None)
        assert split_of(other) == "dev"


def test_some_combinations_are_only_in_test(splits) -> None:
    def pairs(scenes, attribute):
        return {(s.subject.name, attribute(s)) for s in scenes}

    for attribute, least in ((lambda s: s.subject.colour, 20), (lambda s: s.place, 15)):
        train, test = pairs(sample_split(15_000, "train", 2), attribute), pairs(splits["test"], attribute)
        assert len(test - train) >= least  # with so many training scenes, a pair that is missing is held out
        for part in (0, 1):  # of a combination: each name, colour and place is known from training
            assert {p[part] for p in train} == {p[part] for p in test}
    assert not any(held_out(s) for s in splits["train"] + splits["dev"])
    share = np.mean([held_out(s) for s in splits["test"]])
    assert 0.25 < share < 0.6  # test also has ordinary combinations


def test_split_sizes(many) -> None:
    shares = Counter(split_of(s) for s in many)
    assert 0.54 < shares["train"] / len(many) < 0.66
    assert 0.05 < shares["dev"] / len(many) < 0.12


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(PinpointError, match="unknown split 'validation'; known: dev, test, train"):
        sample_split(1, "validation", 0)


# -- records ---------------------------------------------------------------------------------------------------------
def test_a_scene_survives_json(splits) -> None:
    for scene in splits["test"][:200]:
        back = scene_from_dict(json.loads(json.dumps(asdict(scene))))
        assert back == scene and back.id == scene.id


def test_ids_name_everything_that_is_drawn() -> None:
    changes: list[Scene] = [
        with_subject(PLAIN, colour="red"), with_subject(PLAIN, name="dog"), with_subject(PLAIN, size="huge"),
        replace(PLAIN, position="right"), replace(PLAIN, place="beach"), replace(PLAIN, time="night"),
        replace(PLAIN, weather="rainy"), replace(PLAIN, people=1, gesture="sit"), replace(PLAIN, variant=6),
        replace(PLAIN, material="wood", structure="hut"),
        replace(PLAIN, others=(Thing("object", "cup", "red", "small"),)),
    ]  # fmt: skip
    assert len({s.id for s in (PLAIN, *changes)}) == 1 + len(changes)
    assert len(PLAIN.id) == 12 and int(PLAIN.id, 16) >= 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"place": "moon"}, "unknown place 'moon'; known: beach, desert"),
        ({"time": "noon"}, "unknown time 'noon'"),
        ({"weather": "hail"}, "unknown weather 'hail'"),
        ({"position": "top"}, "unknown position 'top'"),
        ({"gesture": "dance"}, "unknown gesture 'dance'"),
        ({"material": "glass"}, "unknown material 'glass'"),
        ({"structure": "bridge"}, "unknown structure 'bridge'"),
        ({"people": 7}, "unknown number of people '7'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_unknown_value_is_named(change, message) -> None:
    with pytest.raises(PinpointError, match=message):
        scene_from_dict({**asdict(PLAIN), **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "dragon"}, "unknown thing 'dragon'"),
        ({"colour": "mauve"}, "unknown colour 'mauve'"),
        ({"size": "tiny"}, "unknown size 'tiny'"),
        ({"shape": "star"}, "unknown shape of a cat 'star'; known: None"),
        ({"name": "kite", "shape": "oval"}, "unknown shape of a kite 'oval'; known: heart"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_unknown_look_is_named(change, message) -> None:
    record = asdict(PLAIN)
    with pytest.raises(PinpointError, match=message):
        scene_from_dict({**record, "subject": {**record["subject"], **change}})
    with pytest.raises(PinpointError, match=message):
        scene_from_dict({**record, "others": [{**record["subject"], **change}]})
