"""Every animal draws in every style and any coat, stays in its box, keeps its colour and varies."""

import colorsys

import numpy as np
import pytest

from paper import MEDIA, ink, on_paper
from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import COLOURS, RGB
from pinpoint.diorama.fauna import ASPECT, FAUNA

ANIMALS = {"cat", "dog", "bird", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}
SIZE, SCALE, GROUND = 96, 0.6, 0.8
VARIETY = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.99, 0.99, 0.99), (0.1, 0.9, 0.6))


def picture(animal: str, coat: RGB, v: Variety = (0.4, 0.4, 0.4), style: str = "natural") -> np.ndarray:
    def draw(brush: Brush) -> None:
        with brush.at(0.5, GROUND, SCALE):
            FAUNA[animal](brush, coat, v)

    return on_paper(draw, style, size=SIZE)


def body(image: np.ndarray) -> np.ndarray:
    """Ink well above the ground, so that the shadow is left out."""
    return ink(image) & (np.arange(SIZE)[:, None] < (GROUND - 0.2 * SCALE) * SIZE)


def test_the_ten_animals_are_there() -> None:
    assert set(FAUNA) == set(ASPECT) == ANIMALS


@pytest.mark.parametrize("style", MEDIA)
@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_draws_in_every_style(animal: str, style: str) -> None:
    for coat in ("black", "white", "red"):
        seen = body(picture(animal, COLOURS[coat], style=style))
        assert 0.03 < seen.mean() < 0.6


@pytest.mark.parametrize("v", VARIETY)
@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_stays_in_its_box(animal: str, v: Variety) -> None:
    seen = body(picture(animal, COLOURS["purple"], v))
    rows, columns = np.nonzero(seen)
    slack = 0.012  # one pixel of outline
    assert rows.min() / SIZE >= GROUND - SCALE - slack
    assert columns.min() / SIZE >= 0.5 - SCALE * ASPECT[animal] / 2 - slack
    assert (columns.max() + 1) / SIZE <= 0.5 + SCALE * ASPECT[animal] / 2 + slack


@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_fills_its_box(animal: str) -> None:
    rows, columns = np.nonzero(body(picture(animal, COLOURS["purple"])))
    assert rows.min() / SIZE < GROUND - 0.9 * SCALE
    assert (np.ptp(columns) + 1) / SIZE > 0.75 * SCALE * ASPECT[animal]


@pytest.mark.parametrize("coat", ["red", "orange", "green", "blue", "purple"])
@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_the_coat_dominates(animal: str, coat: str) -> None:
    image = picture(animal, COLOURS[coat])
    mean = image[body(image)].mean(axis=0) / 255
    wanted = colorsys.rgb_to_hsv(*COLOURS[coat])[0]
    gap = abs(colorsys.rgb_to_hsv(*mean)[0] - wanted)
    assert min(gap, 1 - gap) < 0.06


@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_black_and_white_coats_differ_from_each_other(animal: str) -> None:
    dark, light = (picture(animal, COLOURS[c]) for c in ("black", "white"))
    assert light[body(light)].mean() - dark[body(dark)].mean() > 20  # a zebra is half stripes
    assert dark[body(dark)].std() > 12  # a black coat is not one blot


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("animal", sorted(ANIMALS))
def test_each_number_varies_the_animal(animal: str, axis: int) -> None:
    low, high = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]
    low[axis], high[axis] = 0.0, 0.99
    first, second = (picture(animal, COLOURS["brown"], (v[0], v[1], v[2])) for v in (low, high))
    assert (np.abs(first - second).max(axis=2) > 12).sum() > 4


def test_animals_are_told_apart_by_silhouette() -> None:
    masks = {a: body(picture(a, COLOURS["grey"])) for a in sorted(ANIMALS)}
    for one in masks:
        for other in masks:
            if one < other:
                overlap = (masks[one] & masks[other]).sum() / (masks[one] | masks[other]).sum()
                assert overlap < 0.93, (one, other)
