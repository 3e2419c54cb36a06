"""What animals share: a coat that reads in any colour, joined silhouettes, legs, eyes."""

from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance, mix
from pinpoint.diorama.paths import path

CREAM: RGB = (250, 240, 222)
HORN: RGB = (240, 224, 188)
ROSE: RGB = (232, 150, 150)


def is_dark(rgb: RGB) -> bool:
    """True for coats on which ink would vanish (black; not brown or purple)."""
    return luminance(rgb) < 0.30


def far(rgb: RGB) -> RGB:
    """The legs on the far side: in shadow, but set off from the body even when the coat is black."""
    return lighter(rgb, 0.16) if is_dark(rgb) else darker(rgb, 0.26)


def deep(rgb: RGB, t: float = 0.42) -> RGB:
    """A darker tone of the coat for ears and manes; on black coats a lighter one, so that the part is seen."""
    return lighter(rgb, 0.30) if is_dark(rgb) else darker(rgb, t)


def pale(rgb: RGB, t: float = 0.62) -> RGB:
    """A paler tone of the coat for muzzles and bellies; on white coats a soft shadow tone."""
    return mix(rgb, (212, 200, 190), 0.75) if luminance(rgb) > 0.88 else lighter(rgb, t)


def pen(rgb: RGB) -> RGB:
    """A line inside the coat: mouth, paw, haunch."""
    return lighter(rgb, 0.42) if is_dark(rgb) else darker(rgb, 0.55)


def union(*parts: skia.Path) -> skia.Path:
    """One silhouette out of overlapping shapes, so that no outline runs where they join."""
    whole = parts[0]
    for part in parts[1:]:
        whole = skia.Op(whole, part, skia.PathOp.kUnion_PathOp)
    return whole


@lru_cache(maxsize=256)
def tube(d: str, width: float) -> skia.Path:
    """The outline of a round pen of `width` drawn along SVG path data: tails, horns, thin legs as fillable shapes."""
    stroke = skia.Paint(
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )
    out = skia.Path()
    stroke.getFillPath(path(d), out, None, 20.0)  # 20: keep curves smooth though the unit is the whole animal
    return skia.Simplify(out)


@lru_cache(maxsize=512)
def leg(x: float, top: float, wide: float, narrow: float, lean: float = 0.0) -> skia.Path:
    """A leg from (x, top) to the ground at x + lean; `wide` and `narrow` are its half widths above and below."""
    foot, knee = x + lean, top * 0.42
    out = skia.Path()
    out.moveTo(x - wide, top)
    out.cubicTo(x - wide, top * 0.6, foot - narrow, knee, foot - narrow, -0.03)
    out.quadTo(foot - narrow, 0, foot, 0)
    out.lineTo(foot + narrow * 1.1, 0)
    out.quadTo(foot + narrow * 1.35, -0.035, foot + narrow, -0.05)
    out.cubicTo(foot + narrow, knee, x + wide, top * 0.6, x + wide, top)
    out.close()
    return out


def step(v: float) -> float:
    """A stride out of three, so that silhouettes are few and stay cached; never one that hides the far legs."""
    return (-0.008, 0.018, 0.042)[int(v * 3)]


def eye(b: Brush, x: float, y: float, r: float, coat: RGB) -> None:
    """A small dark eye with a highlight; on a dark coat it sits in a pale ring."""
    if is_dark(coat):
        b.dot(x, y, r * 1.45, lighter(coat, 0.72))
    b.dot(x, y, r, (34, 28, 36))
    b.dot(x - r * 0.32, y - r * 0.36, r * 0.38, (255, 255, 255))


def hoof(b: Brush, x: float, half: float, coat: RGB) -> None:
    """A hoof on the ground at x."""
    tone = (122, 112, 112) if is_dark(coat) else mix(INK, coat, 0.15)
    b.fill(_hoof(x, half), tone, shade=0, outline=False)


@lru_cache(maxsize=256)
def _hoof(x: float, half: float) -> skia.Path:
    out = skia.Path()
    out.addPoly(
        [
            skia.Point(x - half, -0.055),
            skia.Point(x + half, -0.055),
            skia.Point(x + half * 1.3, 0),
            skia.Point(x - half, 0),
        ],
        True,
    )
    return out
