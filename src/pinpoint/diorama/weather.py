"""Weather below the clouds: what lies on the ground, hangs in the air, and falls in front of everything."""

from functools import lru_cache

import skia

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import INK, RGB, mix
from pinpoint.diorama.paths import box, oval
from pinpoint.diorama.sky import flecks, scatter

SNOW: RGB = (248, 250, 255)
_PAPER: RGB = (255, 255, 255)


def puddles(b: Brush, air: Air) -> None:
    """Standing water that mirrors the sky, where it rains."""
    if not air.wet:
        return
    water = mix(air.light.haze, (164, 184, 208), 0.70)
    for x, y, rx in ((0.16, 0.93, 0.13), (0.86, 0.80, 0.12), (0.55, 0.72, 0.09), (0.60, 0.965, 0.10)):
        b.wash(oval(1 - x if air.flip else x, y, rx, rx * 0.15), mix(water, (84, 100, 128), 0.40), water)


def cover(b: Brush, air: Air, ink: RGB = (226, 233, 244)) -> None:
    """A few soft drifts, so that snow lies and is not just missing colour."""
    if air.snow:
        for x, y, rx in ((0.2, 0.80, 0.26), (0.78, 0.88, 0.28), (0.5, 0.70, 0.20)):
            b.wash(oval(1 - x if air.flip else x, y, rx, rx * 0.10), (252, 253, 255), ink)


def veil(b: Brush, air: Air) -> None:
    """Mist between the far and the near scenery."""
    if air.weather == "misty":
        haze = _PAPER if b.style == "sketch" else air.light.haze
        b.wash(_bank(0.22, 0.68, 3), haze, haze, alpha=0.35)
        b.wash(_bank(0.36, 0.66, 4), haze, haze, alpha=0.50)


@lru_cache(maxsize=32)
def _bank(top: float, bottom: float, n: int) -> skia.Path:
    """A bank of mist with a wavy upper and lower edge."""
    out, step = skia.Path(), 1.2 / n
    out.moveTo(-0.1, top)
    for i in range(n):
        x, d = -0.1 + i * step, 0.035 if i % 2 else -0.035
        out.cubicTo(x + step * 0.35, top + d, x + step * 0.65, top + d, x + step, top)
    out.lineTo(1.1, bottom)
    for i in range(n):
        x, d = 1.1 - i * step, 0.03 if i % 2 else -0.03
        out.cubicTo(x - step * 0.35, bottom + d, x - step * 0.65, bottom + d, x - step, bottom)
    out.close()
    return out


@lru_cache(maxsize=32)
def _streaks(n: int, length: float, slant: float, phase: float) -> skia.Path:
    """Rain: `n` short parallel lines over the unit square, falling to the left by `slant` of their length."""
    out = skia.Path()
    for i in range(1, n + 1):
        x, y = (phase + 0.7548777 * i) % 1.0 * 1.2 - 0.05, (phase + 0.5698403 * i) % 1.0 * 1.1 - 0.1
        reach = length * (0.7 + 0.6 * ((i * 0.618) % 1.0))
        out.moveTo(x, y)
        out.lineTo(x - slant * reach, y + reach)
    return out


def falling(b: Brush, air: Air, zoom: float = 1.0) -> None:
    """Rain, snow or mist over the present frame, in colours as seen (this comes after the light).

    A window is a small frame: there, `zoom` makes fewer and larger drops and flakes.
    """
    phase = 0.41 if air.flip else 0.0
    if air.weather == "rainy":
        _rain(b, air, round(52 / zoom), 0.075 * zoom, 0.16, 0.0065 * zoom)
    elif air.weather == "stormy":
        _rain(b, air, round(70 / zoom), 0.12 * zoom, 0.60, 0.0065 * zoom)
    elif air.weather == "snowy":
        white = mix((255, 255, 255), air.light.multiply, 0.25)
        small = scatter(round(44 / zoom), 0.0, 0.0, 1.0, 1.0, 0.0085 * zoom, phase)
        large = scatter(round(20 / zoom), 0.0, 0.0, 1.0, 1.0, 0.0135 * zoom, phase + 0.3)
        flecks(b, small, white, rim=True)
        flecks(b, large, white, rim=True)
    elif air.weather == "misty":
        _mist(b, air)


def _rain(b: Brush, air: Air, n: int, length: float, slant: float, width: float) -> None:
    """Dark and pale streaks, so that rain shows before light and before dark things."""
    phase = 0.41 if air.flip else 0.0
    dark = INK if b.style == "sketch" else mix(air.lid(), (96, 116, 150), 0.70)
    b.line(_streaks(n, length, slant, phase), dark, width)
    b.line(_streaks(n, length, slant, phase + 0.23), mix(air.lid(), (236, 244, 252), 0.80), width)


def _mist(b: Brush, air: Air) -> None:
    """White veils: denser low down, never so dense that a figure loses its colour."""
    white = _PAPER if b.style == "sketch" else mix(air.lid(), (255, 255, 255), 0.35)
    b.wash(box(-0.02, -0.02, 1.02, 1.02), white, white, alpha=0.14)
    for top, bottom, n, alpha in ((0.44, 0.62, 3, 0.30), (0.72, 0.84, 4, 0.26), (0.88, 1.04, 3, 0.34)):
        b.wash(_bank(top, bottom, n), white, white, alpha=alpha)
