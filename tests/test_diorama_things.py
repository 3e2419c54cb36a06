"""Every object draws in every style, stays in its box, keeps its colour, tells its shape and varies."""

import colorsys

import numpy as np
import pytest
import skia

from paper import MEDIA, ink, on_paper
from pinpoint.diorama.brush import Brush, Light, Variety
from pinpoint.diorama.colour import COLOURS, RGB
from pinpoint.diorama.scene import SHAPED, SHAPES, SKY
from pinpoint.diorama.shaped import half_height, outline
from pinpoint.diorama.things import ASPECT, THINGS

SIZE, GROUND = 96, 0.8
VARIETY = ((0.0, 0.0, 0.0), (0.4, 0.4, 0.4), (0.99, 0.99, 0.99), (0.1, 0.9, 0.6))
CASES = [(name, shape) for name in sorted(THINGS) for shape in (SHAPES if name in SHAPED else (None,))]


def scale_of(name: str) -> float:
    return min(0.6, 0.84 / ASPECT[name])


def picture(
    name: str,
    shape: str | None,
    rgb: RGB,
    v: Variety = (0.4, 0.4, 0.4),
    style: str = "natural",
    light: Light | None = None,
) -> np.ndarray:
    def draw(brush: Brush) -> None:
        with brush.at(0.5, GROUND, scale_of(name)):
            THINGS[name](brush, rgb, shape, v)

    return on_paper(draw, style, light, size=SIZE)


def body(name: str, image: np.ndarray) -> np.ndarray:
    """Ink well above the ground, so that the shadow is left out; all ink of what hangs in the sky."""
    margin = 0.0 if name in SKY else 0.2
    return ink(image) & (np.arange(SIZE)[:, None] < (GROUND - margin * scale_of(name)) * SIZE)


def test_the_tables_agree() -> None:
    assert set(THINGS) == set(ASPECT)
    assert len(THINGS) == 31
    assert set(THINGS) >= SHAPED | SKY


@pytest.mark.parametrize("style", MEDIA)
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_draws_in_every_style(name: str, shape: str | None, style: str) -> None:
    for colour in ("black", "white", "red"):
        seen = body(name, picture(name, shape, COLOURS[colour], style=style))
        assert 0.02 < seen.mean() < 0.6


@pytest.mark.parametrize("v", VARIETY)
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_stays_in_its_box(name: str, shape: str | None, v: Variety) -> None:
    rows, columns = np.nonzero(body(name, picture(name, shape, COLOURS["purple"], v)))
    scale, slack = scale_of(name), 0.012  # one pixel of outline
    assert rows.min() / SIZE >= GROUND - scale - slack
    assert columns.min() / SIZE >= 0.5 - scale * ASPECT[name] / 2 - slack
    assert (columns.max() + 1) / SIZE <= 0.5 + scale * ASPECT[name] / 2 + slack
    if name in SKY:
        below = ink(picture(name, shape, COLOURS["purple"], v)) & (np.arange(SIZE)[:, None] > (GROUND + slack) * SIZE)
        assert not below.any()


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_fills_its_box(name: str, shape: str | None) -> None:
    rows, columns = np.nonzero(body(name, picture(name, shape, COLOURS["purple"])))
    scale = scale_of(name)
    if name not in {"cushion", "clock"}:  # equal area comes before equal height: a square is lower than a star
        assert rows.min() / SIZE < GROUND - 0.93 * scale
    assert (np.ptp(columns) + 1) / SIZE > (0.6 if shape else 0.8) * scale * ASPECT[name]


@pytest.mark.parametrize("colour", ["red", "orange", "green", "blue", "purple"])
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_colour_dominates(name: str, shape: str | None, colour: str) -> None:
    image = picture(name, shape, COLOURS[colour])
    seen = image[body(name, image)] / 255
    strong = seen[np.ptp(seen, axis=1) > 0.15]  # panes, tyres and metal have no hue
    hues = np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in strong])
    gaps = np.abs(hues - colorsys.rgb_to_hsv(*COLOURS[colour])[0])
    assert (np.minimum(gaps, 1 - gaps) < 0.08).mean() > 0.55


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_black_and_white_differ_from_each_other(name: str, shape: str | None) -> None:
    dark, light = (picture(name, shape, COLOURS[c]) for c in ("black", "white"))
    assert light[body(name, light)].mean() - dark[body(name, dark)].mean() > 40
    assert dark[body(name, dark)].std() > 12  # a black thing is not one blot


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_variety_shows(name: str, shape: str | None) -> None:
    first, second = (picture(name, shape, COLOURS["brown"], v) for v in ((0.05, 0.05, 0.05), (0.95, 0.95, 0.95)))
    assert (np.abs(first - second).max(axis=2) > 12).sum() > 4


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_one_area(shape: str) -> None:
    surface = skia.Surface(200, 200)
    canvas = surface.getCanvas()
    canvas.translate(100, 100)
    canvas.drawPath(outline(shape, 0.0, 0.0, 80.0), skia.Paint(AntiAlias=True))
    area = surface.toarray()[:, :, 3].sum() / 255
    assert area == pytest.approx(80.0**2, rel=0.01)
    assert half_height(shape, 80.0) < 100


@pytest.mark.parametrize("name", sorted(SHAPED))
def test_shapes_are_told_apart_by_silhouette(name: str) -> None:
    masks = {shape: body(name, picture(name, shape, COLOURS["purple"])) for shape in SHAPES}
    for k, one in enumerate(SHAPES):
        for other in SHAPES[k + 1 :]:
            overlap = (masks[one] & masks[other]).sum() / (masks[one] | masks[other]).sum()
            assert overlap < 0.92, (one, other)


@pytest.mark.parametrize("name", ["car", "bus", "truck", "tv", "lantern", "motorcycle", "airplane"])
def test_lamps_are_lit_after_dark(name: str) -> None:
    shape = "round" if name in SHAPED else None
    day, night = (picture(name, shape, COLOURS["blue"], light=Light(lamps=lamps)) for lamps in (False, True))
    assert np.abs(day - night).max() > 40


def test_lettering_reads_in_a_mirrored_frame() -> None:
    def sign(flip: bool) -> np.ndarray:
        surface = skia.Surface(SIZE, SIZE)
        surface.getCanvas().scale(SIZE, SIZE)
        brush = Brush(surface.getCanvas())
        with brush.at(0.5, 1.0, 1.0, flip=flip):
            THINGS["stop sign"](brush, COLOURS["red"], None, (0.9, 0.5, 0.5))
        return surface.toarray()[24:40, 24:72, :3].astype(int)  # the letters

    plain, flipped = sign(False), sign(True)
    assert np.abs(plain - flipped).mean() < 0.25 * np.abs(plain - flipped[:, ::-1]).mean()
