"""The readers of an embedding: ridge against scikit-learn, planted and absent attributes, colour binding."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pinpoint.diorama.captions import article
from pinpoint.diorama.scene import COLOUR_NAMES, Scene, Thing, sample_split
from pinpoint.probes import (
    ATTRIBUTES,
    RIDGE_GRID,
    labelled,
    probe,
    read_by_text,
    ridge_fit,
    swapped_colours,
    token_features,
)

CAT = Thing("animal", "cat", "orange", "large")
CUP = Thing("object", "cup", "blue", "medium")
PLAIN = Scene(CAT, "left", "park", "daytime", "clear", 0, None, None, None, (), 5)
BY_NAME = {a.name: a for a in ATTRIBUTES}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(600, "train", 15)


# -- ridge -----------------------------------------------------------------------------------------------------------
def test_ridge_is_ridge(rng) -> None:
    x, y = rng.normal(size=(80, 12)), rng.normal(size=(80, 3))
    for penalty, w in zip((1e-3, 0.1, 10.0), ridge_fit(x, y, (1e-3, 0.1, 10.0)), strict=True):
        theirs = Ridge(alpha=penalty * len(x), fit_intercept=False).fit(x, y)
        np.testing.assert_allclose(w, theirs.coef_.T, rtol=1e-8, atol=1e-10)


def test_ridge_survives_repeated_features(rng) -> None:
    x = rng.normal(size=(40, 5))
    doubled = np.concatenate([x, x], axis=1)
    (w,) = ridge_fit(doubled, x[:, :1], [1e-3])
    np.testing.assert_allclose(doubled @ w, x[:, :1], atol=0.02)


# -- the probe -------------------------------------------------------------------------------------------------------
def planted(rng: np.random.Generator, n: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    directions = np.random.default_rng(1).normal(size=(6, 32))
    y = rng.integers(0, 6, n)
    return strength * directions[y] + rng.normal(size=(n, 32)), y


def test_a_planted_attribute_is_read(rng) -> None:
    (x, y), (test_x, test_y) = planted(rng, 600, 1.5), planted(rng, 400, 1.5)
    predicted, penalty = probe(x, y, test_x, 6)
    assert (predicted == test_y).mean() > 0.97
    assert penalty in RIDGE_GRID


def test_scale_and_offset_of_features_do_not_matter(rng) -> None:
    (x, y), (test_x, _) = planted(rng, 600, 0.5), planted(rng, 400, 0.5)
    scale, offset = 10.0 ** rng.uniform(-3, 3, 32), rng.normal(size=32) * 100
    plain, changed = probe(x, y, test_x, 6)[0], probe(x * scale + offset, y, test_x * scale + offset, 6)[0]
    assert (plain == changed).mean() > 0.99  # (features of 0.001 feel the guard against division by zero)


def test_an_absent_attribute_is_not_read(rng) -> None:
    x, y = rng.normal(size=(600, 32)), rng.integers(0, 6, 600)
    test_x, test_y = rng.normal(size=(2000, 32)), rng.integers(0, 6, 2000)
    predicted, _ = probe(x, y, test_x, 6)
    assert abs((predicted == test_y).mean() - 1 / 6) < 4 * (5 / 36 / 2000) ** 0.5


def test_the_penalty_is_chosen_on_rows_that_were_not_fitted(rng) -> None:
    """With as many features as rows, the least penalty fits the training rows best and generalises worst."""
    direction = rng.normal(size=300)
    x, test_x = rng.normal(size=(300, 300)), rng.normal(size=(1000, 300))
    y, test_y = (x @ direction > 0).astype(int), (test_x @ direction > 0).astype(int)
    predicted, penalty = probe(x, y, test_x, 2)
    least = probe(x, y, test_x, 2, grid=(RIDGE_GRID[0],))[0]
    assert penalty > RIDGE_GRID[0]
    assert (predicted == test_y).mean() > (least == test_y).mean() - 0.02
    assert probe(x, y, test_x, 2, grid=(7.0,))[1] == 7.0


def test_a_constant_feature_does_no_harm(rng) -> None:
    (x, y), (test_x, test_y) = planted(rng, 600, 1.5), planted(rng, 400, 1.5)
    predicted, _ = probe(np.c_[x, np.ones(600)], y, np.c_[test_x, np.ones(400)], 6)
    assert (predicted == test_y).mean() > 0.97


def test_features_of_tokens() -> None:
    tokens = np.array([[[1.0, 5.0], [3.0, -1.0]]])
    np.testing.assert_array_equal(token_features(tokens), [[2.0, 2.0, 3.0, 5.0]])


def test_reading_by_text() -> None:
    images = np.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
    classes = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]])
    assert read_by_text(images, classes).tolist() == [1, 0, 2]


# -- attributes ------------------------------------------------------------------------------------------------------
def test_labels_are_the_scenes_own(scenes) -> None:
    fields = {"place": "place", "weather": "weather", "time": "time", "gesture": "gesture", "material": "material",
              "position": "position"}  # fmt: skip
    for attribute in ATTRIBUTES:
        rows, classes = labelled(attribute, scenes)
        assert rows.dtype.kind == classes.dtype.kind == "i" and len(rows) == len(classes) > 50
        assert (np.diff(rows) > 0).all()
        said = dict(zip(rows.tolist(), (attribute.classes[c] for c in classes), strict=True))
        for i, scene in enumerate(scenes):
            assert said.get(i) == attribute.label(scene)
            if attribute.name in fields:
                assert said.get(i) == getattr(scene, fields[attribute.name])


def test_labels_by_hand() -> None:
    people = replace(PLAIN, subject=Thing("person", "person", "red", "large"), people=2, gesture="sit")
    two = replace(PLAIN, others=(CUP, Thing("object", "vase", "red", "small")))
    expected = {
        "subject": ["cat", None, "cat"], "subject colour": ["orange", "red", "orange"], "people": ["0", "2", "0"],
        "gesture": [None, "sit", None], "material": [None, None, None], "secondary thing": [None, None, None],
    }  # fmt: skip
    for name, labels in expected.items():
        assert [BY_NAME[name].label(s) for s in (PLAIN, people, two)] == labels
    assert BY_NAME["secondary thing"].label(replace(PLAIN, others=(CUP,))) == "cup"


def test_an_attribute_that_no_scene_has() -> None:
    rows, classes = labelled(BY_NAME["gesture"], [PLAIN])
    assert rows.shape == classes.shape == (0,)
    assert np.zeros((1, 4))[rows].shape == (0, 4)  # empty, and still good for indexing


def test_each_class_has_its_own_text() -> None:
    for attribute in ATTRIBUTES:
        texts = [attribute.text(c) for c in attribute.classes]
        assert len(set(texts)) == len(set(attribute.classes)) == len(texts)


# -- binding ---------------------------------------------------------------------------------------------------------
def test_swapped_texts_have_the_same_words(scenes) -> None:
    cases = swapped_colours(scenes)
    assert len(cases) > 100
    for row, right, swapped, wrong in cases:
        assert Counter(right.split()) == Counter(swapped.split()) and right != swapped
        assert Counter(wrong.split()) != Counter(right.split())
        a, b = scenes[row].subject, max(scenes[row].others, key=lambda t: t.size == "medium")
        said = f"{{}} {a.name} next to {{}} {b.name}."
        assert right == said.format(article(a.colour), article(b.colour))  # true of the scene
        assert swapped == said.format(article(b.colour), article(a.colour))  # false: the colours differ
        spare = next(c for c in COLOUR_NAMES if wrong.startswith(article(c) + " "))
        assert spare not in (a.colour, b.colour) and wrong == said.format(article(spare), article(b.colour))


def test_binding_needs_two_things_of_two_colours() -> None:
    same = replace(PLAIN, others=(replace(CUP, colour="orange"),))
    person = replace(PLAIN, subject=Thing("person", "person", "red", "large"), people=1, gesture="sit", others=(CUP,))
    assert swapped_colours([PLAIN, same, person]) == []
    ((row, right, swapped, _),) = swapped_colours([PLAIN, replace(PLAIN, others=(CUP,))])
    assert (row, right) == (1, "an orange cat next to a blue cup.")
    assert swapped == "a blue cat next to an orange cup."
