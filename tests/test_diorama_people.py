"""People: eight poses that stay in their boxes, wear their colour and differ in outline."""

import numpy as np
import pytest

from paper import MEDIA, ink, on_paper
from pinpoint.diorama.brush import Light
from pinpoint.diorama.colour import COLOURS
from pinpoint.diorama.people import ASPECT, HEIGHT, person
from pinpoint.diorama.scene import GESTURES
from pinpoint.errors import PinpointError

SIZE, STATURE, GROUND = 96, 0.6, 0.9
V = ((0.1, 0.3, 0.2), (0.5, 0.5, 0.65), (0.9, 0.85, 0.9))
NO_SHADOW = Light(shadow=0.0)


def picture(gesture, rgb=COLOURS["red"], v=V[0], style="natural", light=NO_SHADOW):
    """One person on plain paper, int (SIZE, SIZE, 3)."""

    def draw(brush):
        with brush.at(0.5, GROUND, STATURE):
            person(brush, gesture, rgb, v)

    return on_paper(draw, style, light, size=SIZE)


@pytest.mark.parametrize("gesture", GESTURES)
@pytest.mark.parametrize("style", MEDIA)
def test_every_gesture_draws_in_every_style(gesture, style):
    assert ink(picture(gesture, style=style)).mean() > 0.02


@pytest.mark.parametrize("gesture", GESTURES)
@pytest.mark.parametrize("v", V)
def test_a_person_stays_inside_the_stated_box_and_fills_it(gesture, v):
    rows, columns = np.nonzero(ink(picture(gesture, v=v)))
    half = ASPECT[gesture] * STATURE / 2 * SIZE
    assert columns.min() >= SIZE / 2 - half - 1
    assert columns.max() <= SIZE / 2 + half
    top = (GROUND - HEIGHT[gesture] * STATURE) * SIZE
    assert rows.min() >= top - 1
    assert rows.min() <= top + 4  # HEIGHT is a measure, not an upper bound
    assert max(SIZE / 2 - columns.min(), columns.max() - SIZE / 2) >= half - 5


@pytest.mark.parametrize("gesture", GESTURES)
@pytest.mark.parametrize("colour", ["red", "blue", "green", "purple"])
def test_clothes_dominate(gesture, colour):
    image = picture(gesture, COLOURS[colour])
    drawn = image[ink(image)].astype(float)
    chroma = drawn - drawn.mean(1, keepdims=True)
    target = np.array(COLOURS[colour], float) - np.mean(COLOURS[colour])
    cosine = chroma @ target / (np.linalg.norm(chroma, axis=1) * np.linalg.norm(target) + 1e-9)
    assert (cosine > 0.8).mean() > 0.45


def test_a_jump_leaves_the_ground():
    assert not ink(picture("jump"))[round((GROUND - 0.11) * SIZE) : round(GROUND * SIZE)].any()
    assert ink(picture("jump", light=Light()))[round(GROUND * SIZE) - 1].any()  # but for the shadow


def test_no_two_gestures_have_similar_silhouettes():
    masks = {g: ink(picture(g)) for g in GESTURES}
    for i, one in enumerate(GESTURES):
        for other in GESTURES[i + 1 :]:
            overlap = (masks[one] & masks[other]).sum() / (masks[one] | masks[other]).sum()
            assert overlap < 0.7, (one, other)


@pytest.mark.parametrize("gesture", GESTURES)
def test_variation_changes_the_person_but_not_the_pose(gesture):
    one, other = picture(gesture, v=V[0]), picture(gesture, v=V[2])
    assert (one != other).any()
    a, b = ink(one), ink(other)
    assert (a & b).sum() / (a | b).sum() > 0.75


def test_drawing_is_deterministic():
    assert np.array_equal(picture("sit"), picture("sit"))


def test_an_unknown_gesture_is_named():
    with pytest.raises(PinpointError, match="dance"):
        picture("dance")
