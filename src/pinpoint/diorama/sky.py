"""Everything overhead, far to near: the blend of the hour, stars, sun or moon, clouds, lightning."""

from dataclasses import dataclass
from functools import lru_cache

import skia

from pinpoint.diorama.air import LIDDED, Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import INK, RGB, mix
from pinpoint.diorama.paths import angle_point, box, oval, path


@dataclass(frozen=True)
class Opening:
    """The part of the frame where sky is: the sun keeps between `top` and `horizon`, in the middle `width` of it."""

    horizon: float = 0.56
    top: float = 0.0
    width: float = 1.0
    floor: float = 0.62  # the sky is painted down to here

    def at(self, x: float, height: float) -> tuple[float, float]:
        """(x, y) in the frame of a point given as shares: `x` from the left, `height` from the top to the horizon."""
        return 0.5 + (x - 0.5) * self.width, self.top + height * (self.horizon - self.top)


def sky(b: Brush, air: Air, opening: Opening) -> None:
    """Everything overhead, far to near: the blend of the hour, stars, sun or moon, clouds, lightning."""
    _blend(b, air, opening)
    if air.weather not in LIDDED:
        if air.time in ("dusk", "night"):
            _stars(b, air, opening)
        _sun(b, air, opening)
    if air.weather == "cloudy":
        _cumulus(b, air)
    elif air.weather in LIDDED:
        _lid(b, air, opening)


def _blend(b: Brush, air: Air, o: Opening) -> None:
    hour, half = air.hour, round(o.floor * 0.52, 2)
    stops = [hour.top, hour.middle, hour.bottom]
    if air.weather in LIDDED or air.weather == "misty":
        lid = air.lid()
        stops = [mix(lid, s, t) for s, t in zip(stops, (0.0, 0.08, 0.22), strict=True)]
    if b.style == "sketch" and hour.sun is not None:
        stops = [mix(s, (255, 255, 255), 0.45) for s in stops]  # a pencil leaves the sky of a day nearly bare
    top, middle, bottom = (air.seen(s) for s in stops)
    b.wash(box(-0.02, -0.02, 1.02, half + 0.005), top, middle)
    b.wash(box(-0.02, half, 1.02, o.floor), middle, bottom)


@lru_cache(maxsize=64)
def scatter(n: int, left: float, top: float, right: float, bottom: float, r: float, phase: float = 0.0) -> skia.Path:
    """`n` dots of radius about `r`, spread evenly without a grid (the R2 low-discrepancy sequence)."""
    out = skia.Path()
    for i in range(1, n + 1):
        x, y = (phase + 0.7548777 * i) % 1.0, (phase * 1.7 + 0.5698403 * i) % 1.0
        out.addCircle(left + x * (right - left), top + y * (bottom - top), r * (0.7 + 0.6 * ((i * 0.618) % 1.0)))
    return out


def disc(b: Brush, x: float, y: float, r: float, rgb: RGB) -> None:
    """A clean round: a pencil draws its rim, and does not search for it."""
    if b.style == "sketch":
        b.wash(oval(x, y, r, r), (255, 255, 255), (255, 255, 255))
        b.line(oval(x, y, r, r))
    else:
        b.dot(x, y, r, rgb)


def flecks(b: Brush, shape: skia.Path, rgb: RGB, *, rim: bool = False) -> None:
    """Stars or flakes, all in one path. A pencil leaves them out of its hatching, or gives them a `rim`."""
    if b.style != "sketch":
        b.fill(shape, rgb, shade=0, outline=False)
        return
    b.wash(shape, (255, 255, 255), (255, 255, 255))
    if rim:
        b.line(shape, INK, 0.004)


def _stars(b: Brush, air: Air, o: Opening) -> None:
    """Few at dusk, high up; many at night."""
    if air.weather == "misty":
        return
    if air.time == "night":
        flecks(b, scatter(46, 0.0, 0.01, 1.0, o.horizon * 0.9, 0.0045), (255, 255, 250))
    n, low = (9, 0.7) if air.time == "night" else (7, 0.36)
    flecks(b, scatter(n, 0.03, 0.03, 0.97, o.horizon * low, 0.0078, 0.37), (255, 255, 255))


@lru_cache(maxsize=32)
def _rays(x: float, y: float, r: float) -> skia.Path:
    out = skia.Path()
    for k in range(14):
        out.moveTo(*angle_point(x, y, r * 1.35, k * 360 / 14))
        out.lineTo(*angle_point(x, y, r * (1.85 if k % 2 else 2.25), k * 360 / 14))
    return out


def moon_at(air: Air, o: Opening) -> tuple[float, float]:
    """The moon stands at the right in one variant, at the left in the other."""
    return o.at(0.20 if air.flip else 0.80, 0.26)


def _sun(b: Brush, air: Air, o: Opening) -> None:
    hour = air.hour
    if air.time == "night":
        return _moon(b, air, o)
    if hour.sun is None:
        return
    x, y = o.at(hour.x, hour.height)
    r = hour.radius * (0.78 if o.width < 1 else 1.0)
    if air.weather == "misty":
        return b.wash(oval(x, y, r * 0.9, r * 0.9), air.seen(mix(hour.sun, air.lid(), 0.35)), air.seen(air.lid()))
    b.glow(x, y, r * 4.2, hour.sun, 0.75 if air.weather == "sunny" else 0.45)
    if air.weather == "sunny":
        b.line(_rays(x, y, r), air.seen(mix(hour.sun, (255, 250, 225), 0.25)), 0.014)
        r *= 1.1
    disc(b, x, y, r, air.seen(hour.sun))


def _moon(b: Brush, air: Air, o: Opening) -> None:
    x, y = moon_at(air, o)
    disc(b, x, y, 0.058, (255, 252, 236))
    if air.weather != "misty":
        for dx, dy, r in ((-0.018, -0.012, 0.013), (0.020, 0.014, 0.010), (0.008, -0.026, 0.007)):
            b.dot(x + dx, y + dy, r, (222, 222, 214))


_PUFF = path(
    "M -0.50 0 C -0.62 -0.02 -0.60 -0.22 -0.42 -0.20 C -0.40 -0.38 -0.16 -0.42 -0.10 -0.30 "
    "C -0.02 -0.50 0.28 -0.46 0.28 -0.24 C 0.40 -0.32 0.54 -0.24 0.48 -0.12 C 0.60 -0.10 0.58 0 0.50 0 Z"
)


def _cumulus(b: Brush, air: Air) -> None:
    """Several separate heaps, which may hide part of the sun."""
    shift = air.pick(0.0, 0.12, -0.10)
    for x, y, s in ((0.20, 0.17, 0.34), (0.80, 0.13, 0.36), (0.50, 0.31, 0.25), (0.06, 0.41, 0.20), (0.93, 0.37, 0.24)):
        with b.at((x + shift) % 1.0, y, s, flip=air.flip):
            b.fill(_PUFF, air.seen(air.hour.cloud), shade=0.16, outline=b.style == "sketch")


@lru_cache(maxsize=32)
def _scallops(y: float, n: int, depth: float, phase: float) -> skia.Path:
    """A lid of cloud with a lumpy lower edge at about `y`."""
    out = skia.Path()
    out.moveTo(-0.1, -0.1)
    out.lineTo(-0.1, y)
    step = 1.2 / n
    for i in range(n):
        x = -0.1 + i * step
        d = depth * (0.6 + 0.8 * ((phase + i * 0.618) % 1.0))
        out.cubicTo(x + 0.1 * step, y + d, x + 0.9 * step, y + d, x + step, y)
    out.lineTo(1.1, -0.1)
    out.close()
    return out


_BOLT = path("M 0.10 -1 L -0.16 -0.46 L 0.02 -0.48 L -0.14 0 L 0.20 -0.60 L 0.03 -0.58 L 0.26 -1 Z")


def _lid(b: Brush, air: Air, o: Opening) -> None:
    """Overcast: flat and even. Rain and snow: heavier. Storm: towering, nearly black, torn by lightning."""
    lid, phase = air.lid(), 0.5 if air.flip else 0.0
    if air.weather != "stormy":
        bands = ((0.40, 5, 0.05, 0.05), (0.24, 4, 0.06, 0.0), (0.09, 5, 0.05, -0.06))
        for y, n, depth, tone in bands:
            shade = mix(lid, (255, 255, 255) if tone > 0 else (70, 78, 96), abs(tone) + 0.02)
            if b.style == "sketch" and air.snow:
                shade = mix(shade, (255, 255, 255), 0.6)  # or the hatching hides the flakes
            lump = _scallops(y * o.floor / 0.62, n, depth, phase)
            b.wash(lump, air.seen(shade), air.seen(mix(shade, lid, 0.6)))
            if b.style == "sketch":
                b.line(lump)
        return
    for y, n, depth, tone in ((0.36, 4, 0.10, 0.10), (0.24, 3, 0.13, -0.10), (0.10, 4, 0.10, -0.30)):
        shade = mix(lid, (150, 156, 176) if tone > 0 else (14, 14, 26), abs(tone))
        b.fill(_scallops(y * o.floor / 0.62, n, depth, phase), air.seen(shade), shade=0.10, outline=False)
    x, y = bolt_at(air, o)
    with b.at(x, y, 0.40 * o.floor / 0.62, flip=air.flip):
        b.fill(_BOLT, (255, 252, 214), shade=0, outline=False)


def bolt_at(air: Air, o: Opening) -> tuple[float, float]:
    """Where lightning ends."""
    return (0.5 - 0.26 * o.width if air.flip else 0.5 + 0.26 * o.width), o.horizon - 0.02
