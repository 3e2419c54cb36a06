"""The brush: path data against hand-computed points, colours, frames, and ink in every medium."""

import numpy as np
import pytest
import skia

from paper import MEDIA
from pinpoint.diorama import brush as brushes
from pinpoint.diorama.brush import Brush, Light
from pinpoint.diorama.colour import COLOURS, INK, darker, lighter, luminance, mix
from pinpoint.diorama.paths import angle_point, box, oval
from pinpoint.diorama.paths import path as parse

SIZE = 64


def paint(draw, style: str = "natural", light: Light | None = None) -> np.ndarray:
    """What `draw(brush)` leaves on a transparent square, RGBA (64, 64, 4)."""
    surface = skia.Surface(SIZE, SIZE)
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorTRANSPARENT)
    canvas.scale(SIZE, SIZE)
    draw(Brush(canvas, style, light, 3))
    return surface.toarray(colorType=skia.kRGBA_8888_ColorType)


def inked(image: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, top, bottom of the visible pixels, as shares of the picture."""
    rows, columns = np.nonzero(image[:, :, 3] > 60)
    return columns.min() / SIZE, (columns.max() + 1) / SIZE, rows.min() / SIZE, (rows.max() + 1) / SIZE


# -- paths -----------------------------------------------------------------------------------------------------------
def points(d: str) -> list[tuple[float, float]]:
    shape = parse(d)
    return [(round(shape.getPoint(i).x(), 5), round(shape.getPoint(i).y(), 5)) for i in range(shape.countPoints())]


@pytest.mark.parametrize(
    ("d", "expected"),
    [
        ("M 0 0 L 1 0 L 1 1", [(0, 0), (1, 0), (1, 1)]),
        ("M0 0 1 0 1 1", [(0, 0), (1, 0), (1, 1)]),  # further pairs after M are lines
        ("M0.1-.2L-.3.4", [(0.1, -0.2), (-0.3, 0.4)]),  # numbers may run into each other
        ("M1,2 L3,4", [(1, 2), (3, 4)]),
        ("M 1 2 H 5 V 7", [(1, 2), (5, 2), (5, 7)]),
        ("M 1 2 H 5 6 V 7 8", [(1, 2), (5, 2), (6, 2), (6, 7), (6, 8)]),
        ("M 0 0 Q 1 2 3 4", [(0, 0), (1, 2), (3, 4)]),
        ("M 0 0 Q 1 2 3 4 V 9", [(0, 0), (1, 2), (3, 4), (3, 9)]),  # V keeps the x of the curve's end
        ("M 0 0 C 1 2 3 4 5 6 7 8 9 1 2 3", [(0, 0), (1, 2), (3, 4), (5, 6), (7, 8), (9, 1), (2, 3)]),
        ("M 0 0 L 1 1 M 2 2 L 3 3", [(0, 0), (1, 1), (2, 2), (3, 3)]),
    ],
)
def test_path_data(d, expected) -> None:
    assert points(d) == expected


def test_z_closes() -> None:
    assert parse("M 0 0 L 1 0 L 1 1 Z").isLastContourClosed()
    assert not parse("M 0 0 L 1 0 L 1 1").isLastContourClosed()
    square = parse("M 0 0 H 2 V 2 H 0 Z M 5 5 H 6 V 6 Z")
    assert square.contains(1, 1) and square.contains(5.9, 5.1) and not square.contains(3, 3)


def test_a_curve_bends_as_bezier_says() -> None:
    measure = skia.PathMeasure(parse("M 0 0 Q 1 2 2 0"), False)
    middle = measure.getPosTan(measure.getLength() / 2)[0]
    assert (middle.x(), middle.y()) == pytest.approx((1.0, 1.0), abs=0.01)  # (0 + 2·1 + 2) / 4, (0 + 2·2 + 0) / 4


def test_boxes_and_ovals() -> None:
    assert box(0, 1, 2, 4).getBounds() == skia.Rect.MakeLTRB(0, 1, 2, 4)
    assert box(0, 0, 2, 2).contains(0.01, 0.01) and not box(0, 0, 2, 2, 0.5).contains(0.01, 0.01)
    assert oval(1, 1, 0.5, 0.25).getBounds() == skia.Rect.MakeLTRB(0.5, 0.75, 1.5, 1.25)
    corner = brushes.polygon(0, 0, 1, 0, 0, 1)
    assert corner.contains(0.2, 0.2) and not corner.contains(0.8, 0.8) and corner.isLastContourClosed()


def test_angles() -> None:
    assert angle_point(1, 1, 2, 0) == pytest.approx((3, 1))
    assert angle_point(1, 1, 2, 90) == pytest.approx((1, 3))  # y points down


# -- colours ---------------------------------------------------------------------------------------------------------
def test_mixing() -> None:
    assert mix((0, 10, 20), (100, 110, 120), 0.25) == (25, 35, 45)
    assert mix((1, 2, 3), (9, 9, 9), 0) == (1, 2, 3) and mix((1, 2, 3), (9, 9, 9), 1) == (9, 9, 9)
    assert luminance((255, 255, 255)) == pytest.approx(1) and luminance((0, 0, 0)) == 0
    for rgb in COLOURS.values():
        assert luminance(lighter(rgb, 0.4)) >= luminance(rgb) >= luminance(darker(rgb, 0.4))


def test_colours_stay_apart() -> None:
    names = list(COLOURS)
    for i, a in enumerate(names):
        for b in names[:i]:
            assert np.linalg.norm(np.subtract(COLOURS[a], COLOURS[b])) > 50, (a, b)
    assert luminance(INK) < 0.3


# -- ink -------------------------------------------------------------------------------------------------------------
MARKS = {
    "fill": lambda b: b.fill(box(0.3, 0.3, 0.7, 0.7), COLOURS["red"]),
    "flat": lambda b: b.fill(box(0.3, 0.3, 0.7, 0.7), COLOURS["red"], shade=0, outline=False),
    "line": lambda b: b.line(parse("M 0.3 0.5 H 0.7"), COLOURS["red"], 0.05),
    "limb": lambda b: b.limb(parse("M 0.3 0.5 H 0.7"), COLOURS["red"], 0.1),
    "dot": lambda b: b.dot(0.5, 0.5, 0.1, COLOURS["red"]),
    "wash": lambda b: b.wash(box(0.3, 0.3, 0.7, 0.7), COLOURS["red"], COLOURS["blue"]),
}


@pytest.mark.parametrize("style", MEDIA)
@pytest.mark.parametrize("mark", MARKS)
def test_every_medium_leaves_ink_where_it_should(mark, style) -> None:
    image = paint(MARKS[mark], style)
    assert (image[:, :, 3] > 60).sum() > 10
    left, right, top, bottom = inked(image)
    assert left > 0.2 and right < 0.8 and top > 0.2 and bottom < 0.8
    assert (image[:8, :, 3] == 0).all()


@pytest.mark.parametrize("mark", ["fill", "limb", "wash"])
def test_media_differ(mark) -> None:
    images = [paint(MARKS[mark], style).astype(int) for style in MEDIA]
    for i, a in enumerate(images):
        for b in images[:i]:
            assert np.abs(a - b).max() > 12


def test_graphite_is_grey() -> None:
    for mark in MARKS.values():
        r, g, b, alpha = np.moveaxis(paint(mark, "sketch").astype(int), 2, 0)
        on = alpha > 200
        assert (np.abs(r - g)[on] <= 8).all() and (np.abs(g - b)[on] <= 8).all()


def test_a_shaded_fill_turns_from_the_light() -> None:
    image = paint(lambda b: b.fill(box(0.1, 0.1, 0.9, 0.9), COLOURS["blue"], shade=0.4, outline=False)).astype(int)
    flat = paint(lambda b: b.fill(box(0.1, 0.1, 0.9, 0.9), COLOURS["blue"], shade=0, outline=False))
    assert image[12, 12, :3].sum() > image[32, 32, :3].sum() > image[52, 52, :3].sum()
    assert tuple(flat[32, 32, :3]) == COLOURS["blue"]


@pytest.mark.parametrize("style", MEDIA)
def test_a_shadow_lies_under_the_thing(style) -> None:
    image = paint(lambda b: b.shadow(0.2, 0.4, 0.5), style, Light(shadow=0.6, lean=0.25))
    rows, columns = np.nonzero(image[:, :, 3] > 30)
    assert len(rows) and abs(rows.mean() / SIZE - 0.5) < 0.03
    assert columns.mean() / SIZE > 0.41  # it leans to the right of what casts it


def test_glow_adds_light_but_not_in_pencil() -> None:
    def lamp(b: Brush) -> None:
        b.wash(box(0, 0, 1, 1), (40, 40, 60), (40, 40, 60))
        b.glow(0.5, 0.5, 0.3, (255, 220, 120))

    lit = paint(lamp).astype(int)
    assert lit[32, 32, 0] > 150 and lit[32, 32, 0] > lit[32, 40, 0] > lit[32, 60, 0] == 40

    def without(b: Brush) -> None:
        b.wash(box(0, 0, 1, 1), (40, 40, 60), (40, 40, 60))

    np.testing.assert_array_equal(paint(lamp, "sketch"), paint(without, "sketch"))


# -- frames ----------------------------------------------------------------------------------------------------------
def test_a_frame_places_scales_and_flips() -> None:
    def draw(flip: bool):
        def inner(b: Brush) -> None:
            with b.at(0.5, 0.75, 0.5, flip):
                assert b.scale == 0.5
                b.fill(box(0, -1, 0.5, 0), COLOURS["red"], shade=0, outline=False)
            assert b.scale == 1.0

        return inner

    assert inked(paint(draw(False))) == (0.5, 0.75, 0.25, 0.75)
    assert inked(paint(draw(True))) == (0.25, 0.5, 0.25, 0.75)


def test_a_frame_turns_clockwise() -> None:
    def draw(b: Brush) -> None:
        with b.at(0.5, 0.5, 1.0, turn=90):
            b.fill(box(0, -0.05, 0.4, 0.05), COLOURS["red"], shade=0, outline=False)

    left, right, top, bottom = inked(paint(draw))
    assert (top, bottom) == pytest.approx((0.5, 0.9), abs=0.02)
    assert (left, right) == pytest.approx((0.45, 0.55), abs=0.02)


def test_a_clip_ends() -> None:
    def draw(b: Brush) -> None:
        with b.clip(box(0, 0, 0.5, 1)):
            b.fill(box(0, 0.5, 1, 1), COLOURS["red"], shade=0, outline=False)
        b.fill(box(0, 0, 1, 0.25), COLOURS["red"], shade=0, outline=False)

    alpha = paint(draw)[:, :, 3]
    assert alpha[48, 16] == 255 and alpha[48, 48] == 0 and alpha[8, 48] == 255


def test_line_widths_do_not_depend_on_the_frame_in_pencil() -> None:
    def at(scale: float):
        def inner(b: Brush) -> None:
            with b.at(0.0, 0.5, scale):
                b.line(parse(f"M 0 0 H {1 / scale}"), INK, 0.2)

        return inner

    wide, narrow = (int(paint(at(scale), "sketch")[:, 32, 3].sum()) for scale in (1.0, 0.25))
    assert wide == pytest.approx(narrow, rel=0.1)
