"""Structures: every shape in every material, told apart by colour in paint and by pattern in pencil."""

import numpy as np
import pytest

from paper import MEDIA, ink, on_paper
from pinpoint.diorama.brush import Light
from pinpoint.diorama.materials import material_fill
from pinpoint.diorama.paths import box
from pinpoint.diorama.scene import MATERIALS, STRUCTURES
from pinpoint.diorama.structures import ASPECT, structure
from pinpoint.errors import PinpointError

SIZE, HEIGHT, GROUND = 96, 0.5, 0.8
NO_SHADOW = Light(shadow=0.0)
V = ((0.1, 0.3, 0.2), (0.6, 0.6, 0.7), (0.9, 0.9, 0.9))


def picture(shape, material, v=V[0], style="natural"):
    """One structure on plain paper, int (SIZE, SIZE, 3)."""

    def draw(brush):
        with brush.at(0.5, GROUND, HEIGHT):
            structure(brush, shape, material, v)

    return on_paper(draw, style, NO_SHADOW, size=SIZE)


@pytest.mark.parametrize("shape", STRUCTURES)
@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("style", MEDIA)
def test_every_shape_draws_in_every_material_and_style(shape, material, style):
    assert ink(picture(shape, material, style=style)).mean() > 0.05


@pytest.mark.parametrize("shape", STRUCTURES)
@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("v", V)
def test_a_structure_stays_inside_the_stated_box_and_fills_it(shape, material, v):
    rows, columns = np.nonzero(ink(picture(shape, material, v)))
    half = ASPECT[shape] * HEIGHT / 2 * SIZE
    assert columns.min() >= SIZE / 2 - half - 1
    assert columns.max() <= SIZE / 2 + half
    assert (GROUND - HEIGHT) * SIZE - 1 <= rows.min() <= (GROUND - HEIGHT) * SIZE + 3
    assert columns.max() - columns.min() >= 2 * half - 5


def texture(material, v, style):
    """Descriptor of a filled square at the size of a structure in a 96 px picture: mean colour and its roughness."""

    def draw(brush):
        with brush.at(0.5, 1.0, 1.0):
            material_fill(brush, box(-0.5, -1.0, 0.5, 0.0), material, v)

    image = on_paper(draw, style, NO_SHADOW, size=30).astype(float)
    grey = image.mean(-1)
    return image.mean((0, 1)), np.array([np.abs(np.diff(grey, axis=a)).mean() for a in (0, 1)])


def test_materials_differ_in_colour():
    means = [texture(m, V[0], "natural")[0] for m in MATERIALS]
    gaps = [np.linalg.norm(means[i] - means[j]) for i in range(5) for j in range(i)]
    assert min(gaps) > 30


def test_a_material_keeps_its_colour_in_every_layout():
    for material in MATERIALS:
        means = [texture(material, v, "natural")[0] for v in V]
        assert max(np.linalg.norm(a - means[0]) for a in means) < 20


def test_every_material_has_a_pattern_in_pencil():
    plain = texture("paper", V[0], "sketch")[1].sum()
    assert plain > 4  # even paper is printed and folded
    for material in MATERIALS:
        assert texture(material, V[0], "sketch")[1].sum() > 4


@pytest.mark.parametrize("material", MATERIALS)
def test_variation_changes_the_picture(material):
    assert (picture("hut", material, V[0]) != picture("hut", material, V[2])).any()


def test_drawing_is_deterministic():
    assert np.array_equal(picture("arch", "stone"), picture("arch", "stone"))


def test_unknown_names_are_named():
    with pytest.raises(PinpointError, match="pyramid"):
        picture("pyramid", "stone")
    with pytest.raises(PinpointError, match="jelly"):
        picture("wall", "jelly")
