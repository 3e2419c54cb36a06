"""Media: how gouache, pencil, oil and glass change a colour, and the skia paints that carry it."""

from collections.abc import Callable
from functools import lru_cache

import skia

from pinpoint.diorama.colour import RGB, luminance, mix

LEAD: RGB = (34, 32, 40)


def pencil(rgb: RGB) -> RGB:
    """Graphite: keeps only how dark a line is, compressed so that even light marks are visible."""
    grey = round(60 + 120 * luminance(rgb))
    return (grey, grey, grey)


def paper_tone(rgb: RGB) -> RGB:
    """Paper with a breath of the tone, so that large dark areas do not vanish."""
    grey = round(226 + 24 * luminance(rgb))
    return (grey, grey, grey - 4)


@lru_cache(maxsize=4096)
def oil(rgb: RGB) -> RGB:
    """The painter's palette: hues pushed apart, darks turned to violet, lights to warm cream."""
    tone = luminance(rgb)
    vivid = [min(255.0, max(0.0, 255 * tone + 1.5 * (c - 255 * tone))) for c in rgb]
    cast = mix((58, 36, 120), (255, 224, 150), tone)
    return mix((round(vivid[0]), round(vivid[1]), round(vivid[2])), cast, 0.24)


def glass(rgb: RGB) -> RGB:
    """Coloured glass: saturated, a little dark, whites become pale amber."""
    grey = luminance(rgb) * 255
    vivid = [min(255.0, max(0.0, grey + 1.8 * (c - grey))) for c in rgb]
    return (round(vivid[0] * 0.95), round(vivid[1] * 0.93), round(vivid[2] * 0.86))


_MEDIA: dict[str, Callable[[RGB], RGB]] = {"sketch": pencil, "art": oil, "glass": glass}


def in_medium(style: str, rgb: RGB) -> RGB:
    """The colour as the style's medium has it; gouache has every colour."""
    return _MEDIA[style](rgb) if style in _MEDIA else rgb


def argb(rgb: RGB, alpha: float) -> int:
    """Skia's colour number; `alpha` in [0, 1]."""
    return skia.Color(rgb[0], rgb[1], rgb[2], round(255 * alpha))


def flat(rgb: RGB, alpha: float = 1.0) -> skia.Paint:
    """Paint that fills with one colour."""
    return skia.Paint(AntiAlias=True, Color=argb(rgb, alpha))


def stroke(rgb: RGB, width: float) -> skia.Paint:
    """A round pen, `width` local units wide."""
    return skia.Paint(
        AntiAlias=True,
        Color=argb(rgb, 1.0),
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


@lru_cache(maxsize=2048)
def dab_lattice(gap: float, scale: float, angle: float) -> skia.PathEffect:
    """Elliptical dabs on a slanted lattice; `gap` in picture units."""
    matrix = skia.Matrix()
    matrix.setScale(gap / scale, 0.62 * gap / scale)
    matrix.preRotate(angle)
    matrix.preSkew(0.5, 0.0)
    rx, ry = 0.36 * gap / scale, 0.15 * gap / scale
    return skia.Path2DPathEffect.Make(matrix, skia.Path.Oval(skia.Rect.MakeLTRB(-rx, -ry, rx, ry)))
