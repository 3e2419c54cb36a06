"""Five materials, each a base colour and a pattern, so that colour tells them apart in paint and pattern in pencil.

A pattern is laid out once over the unit frame x in [-1, 1], y in [-1.1, 0] and clipped to the shape it fills. Each
layer of it is a single path of many pieces, hence a single call.
"""

from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB, darker, lighter
from pinpoint.diorama.scene import MATERIALS
from pinpoint.errors import unknown

VARIANTS = 4  # layouts per material; few, so that they are built once and kept

BASE: dict[str, RGB] = {
    "wood": (200, 146, 88),
    "stone": (112, 106, 100),  # the mortar; the blocks lie on it
    "metal": (138, 152, 170),
    "paper": (253, 251, 244),
    "brick": (232, 212, 188),  # the mortar
}


def noise(*key: float) -> float:
    """A number in [0, 1) that depends on `key` alone: incidental variety without a random state."""
    mixed = 0
    for k in key:
        mixed = (mixed * 1_000_003 + round(k * 1000) + 0x9E37) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 12)) & 0xFFFFFF) / 0x1000000


def material_fill(b: Brush, shape: skia.Path, material: str, v: Variety) -> None:
    """Fill `shape` (in a frame one unit tall) with a material; `v`, three numbers in [0, 1), picks its layout."""
    if material not in MATERIALS:
        raise unknown("material", material, MATERIALS)
    base = BASE[material]
    if b.style == "sketch" and material == "wood":
        base = lighter(base, 0.7)  # hatching on every plank would drown the grain: leave it to every second one
    b.fill(shape, base, shade=0.16)
    with b.clip(shape):
        _PATTERNS[material](b, int(v[1] * VARIANTS))


# -- wood: planks, grain, knots and nails -----------------------------------------------------------------------------
@lru_cache(maxsize=VARIANTS)
def _wood(k: int) -> tuple[skia.Path, skia.Path, skia.Path, skia.Path]:
    planks, seams, grain, marks = skia.Path(), skia.Path(), skia.Path(), skia.Path()
    width = 0.165
    for i in range(-6, 7):
        x = i * width + 0.05 * noise(k, 1)
        if i % 2:
            planks.addRect(skia.Rect.MakeLTRB(x, -1.1, x + width, 0))
        seams.moveTo(x, -1.1).lineTo(x, 0)
        knot = -0.12 - 0.85 * noise(k, i, 2)
        middle = x + width * (0.42 + 0.16 * noise(k, i, 3))
        for side, reach in ((-1, 0.055), (1, 0.055)):  # the grain parts around the knot
            grain.moveTo(middle + side * 0.022, -1.1).lineTo(middle + side * 0.022, knot - 0.14)
            grain.quadTo(middle + side * reach * 1.6, knot, middle + side * 0.022, knot + 0.14)
            grain.lineTo(middle + side * 0.022, 0)
        marks.addOval(skia.Rect.MakeLTRB(middle - 0.026, knot - 0.042, middle + 0.026, knot + 0.042))
        for y in (-0.93, -0.06):
            marks.addCircle(x + width / 2, y, 0.016)
    return planks, seams, grain, marks


def _draw_wood(b: Brush, k: int) -> None:
    planks, seams, grain, marks = _wood(k)
    base = BASE["wood"]
    b.fill(planks, darker(base, 0.16), shade=0.08, outline=False)
    b.line(grain, darker(base, 0.32), 0.013)
    b.line(seams, darker(base, 0.62), 0.024)
    b.fill(marks, (104, 62, 38), shade=0, outline=False)


# -- stone: rounded blocks of uneven width in three greys --------------------------------------------------------------
@lru_cache(maxsize=VARIANTS)
def _stone(k: int) -> tuple[skia.Path, ...]:
    tones = (skia.Path(), skia.Path(), skia.Path())
    y, row = 0.0, 0
    while y > -1.1:
        height = 0.17 + 0.07 * noise(k, row, 1)
        x, i = -1.0 - 0.15 * noise(k, row, 2), 0
        while x < 1.0:
            width = 0.2 + 0.18 * noise(k, row, i, 3)
            tones[int(3 * noise(k, row, i, 4))].addPath(_block(x, y - height, x + width, y, k + 10 * row + i))
            x, i = x + width, i + 1
        y, row = y - height, row + 1
    return tones


def _block(left: float, top: float, right: float, bottom: float, key: int) -> skia.Path:
    """A field stone: a superellipse with a corner knocked in."""
    gap = 0.016
    left, top, right, bottom = left + gap, top + gap, right - gap, bottom - gap
    x, y = (left + right) / 2 + 0.03 * (noise(key, 7) - 0.5), (top + bottom) / 2 + 0.03 * (noise(key, 8) - 0.5)
    dent = 0.05 * noise(key, 9)
    out = skia.Path()
    out.moveTo(x, top + dent * 0.4)
    out.cubicTo(right - 0.05, top, right, top + 0.03, right - dent * 0.3, y)
    out.cubicTo(right, bottom - 0.02, right - 0.04, bottom, x, bottom)
    out.cubicTo(left + 0.04, bottom, left, bottom - 0.03, left, y)
    out.cubicTo(left + dent, top + 0.03, left + 0.04 + dent, top, x, top + dent * 0.4)
    out.close()
    return out


def _draw_stone(b: Brush, k: int) -> None:
    for blocks, tone in zip(_stone(k), ((200, 196, 186), (176, 172, 166), (154, 152, 150)), strict=True):
        b.fill(blocks, tone, shade=0.0 if b.style == "art" else 0.06, outline=b.style != "natural")


# -- metal: riveted panels under a diagonal sheen ----------------------------------------------------------------------
@lru_cache(maxsize=VARIANTS)
def _metal(k: int) -> tuple[skia.Path, skia.Path, skia.Path, skia.Path]:
    sheen, seams, edges, rivets = skia.Path(), skia.Path(), skia.Path(), skia.Path()
    size = 0.42
    for i in range(-4, 6):
        x = i * 0.46 + 0.4 * noise(k, 1)
        for left, right in ((0.0, 0.15), (0.2, 0.25)):
            sheen.addPoly([skia.Point(x + left, 0), skia.Point(x + right, 0),
                           skia.Point(x + right + 0.75, -1.1), skia.Point(x + left + 0.75, -1.1)], True)  # fmt: skip
    offset = 0.2 * noise(k, 2)
    for i in range(-3, 4):
        x = i * size + offset
        seams.moveTo(x, -1.1).lineTo(x, 0)
        edges.moveTo(x + 0.018, -1.1).lineTo(x + 0.018, 0)
        for j in range(3):
            y = -0.5 * j
            for step in range(1, 4):
                rivets.addCircle(x + size * step / 4, y - 0.06, 0.02)
                rivets.addCircle(x + 0.065, y - 0.5 * step / 4, 0.02)
    for j in range(3):
        seams.moveTo(-1, -0.5 * j).lineTo(1, -0.5 * j)
        edges.moveTo(-1, -0.5 * j + 0.018).lineTo(1, -0.5 * j + 0.018)
    return sheen, seams, edges, rivets


def _draw_metal(b: Brush, k: int) -> None:
    sheen, seams, edges, rivets = _metal(k)
    base = BASE["metal"]
    b.fill(sheen, (206, 217, 229), shade=0, outline=False)
    b.line(edges, (240, 247, 252), 0.018)
    b.line(seams, darker(base, 0.55), 0.02)
    b.fill(rivets, darker(base, 0.6), shade=0, outline=False)


# -- paper: folded sheets of newsprint, taped together -----------------------------------------------------------------
@lru_cache(maxsize=VARIANTS)
def _paper(k: int) -> tuple[skia.Path, ...]:
    layers = folds, creases, text, headlines, tape = tuple(skia.Path() for _ in range(5))
    width, height = 0.48, 0.36
    for row in range(4):
        for i in range(-3, 3):
            x, y = i * width + 0.3 * noise(k, row, 1), -height * row
            corner = skia.Point(x if noise(k, row, i, 2) < 0.5 else x + width, y - height)
            sheet = tuple(skia.Path() for _ in range(4))
            sheet[0].addPoly([corner, skia.Point(x + width, y), skia.Point(x, y)], True)
            sheet[1].addPoly([skia.Point(x, y), skia.Point(x + width, y), corner], True)
            _print(sheet[2], sheet[3], x + 0.06, y - height + 0.05, noise(k, row, i, 3))
            askew = skia.Matrix.RotateDeg(24 * noise(k, row, i, 5) - 12, skia.Point(x + width / 2, y - height / 2))
            for layer, part in zip((folds, creases, text, headlines), sheet, strict=True):
                part.transform(askew)
                layer.addPath(part)
            if noise(k, row, i, 4) < 0.45:
                tape.addRect(skia.Rect.MakeXYWH(x - 0.06, y - height - 0.03, 0.13, 0.06))
    return layers


def _print(text: skia.Path, headlines: skia.Path, x: float, y: float, chance: float) -> None:
    """A sheet's worth of print: three lines, often under a headline."""
    if chance < 0.6:
        headlines.moveTo(x + 0.02, y + 0.02).lineTo(x + 0.3, y + 0.02)
    for n in range(3):
        text.moveTo(x, y + 0.1 + 0.07 * n).lineTo(x + (0.36 if n < 2 else 0.15 + 0.15 * chance), y + 0.1 + 0.07 * n)


def _draw_paper(b: Brush, k: int) -> None:
    folds, creases, text, headlines, tape = _paper(k)
    b.fill(folds, (236, 230, 222), shade=0, outline=False)
    b.line(creases, (190, 184, 178), 0.014)
    b.line(text, (128, 138, 166), 0.017)
    b.line(headlines, (112, 116, 140), 0.045)
    b.fill(tape, (244, 214, 130), shade=0, outline=False)


# -- brick: regular courses in two reds ------------------------------------------------------------------------------
@lru_cache(maxsize=VARIANTS)
def _brick(k: int) -> tuple[skia.Path, skia.Path, skia.Path]:
    light, dark, joints = skia.Path(), skia.Path(), skia.Path()
    height, width, joint = 0.14, 0.3, 0.028
    for row in range(8):
        y = -height * row
        joints.moveTo(-1, y).lineTo(1, y)
        for i in range(-4, 5):
            x = i * width - (row % 2) * width / 2
            brick = skia.Rect.MakeLTRB(x + joint / 2, y - height + joint / 2, x + width - joint / 2, y - joint / 2)
            (dark if noise(k, row, i, 1) < 0.3 else light).addRect(brick)
            joints.moveTo(x, y).lineTo(x, y - height)
    return light, dark, joints


def _draw_brick(b: Brush, k: int) -> None:
    light, dark, joints = _brick(k)
    if b.style == "sketch":  # one ruled line a joint, and hatching only where it does not drown the pattern
        b.fill(dark, (190, 82, 62), outline=False)
        b.line(joints, (40, 30, 30), 0.03)
        return
    shade = 0.0 if b.style == "art" else 0.08  # rough contours would turn bricks into pebbles
    b.fill(light, (190, 82, 62), shade=shade, outline=False)
    b.fill(dark, (154, 60, 50), shade=shade, outline=False)


_PATTERNS = {"wood": _draw_wood, "stone": _draw_stone, "metal": _draw_metal, "paper": _draw_paper, "brick": _draw_brick}
