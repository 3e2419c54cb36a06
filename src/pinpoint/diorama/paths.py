"""Shapes to draw: SVG path data, ovals, boxes and polygons as skia paths, cached because drawers pass constants."""

import math
import re
from functools import lru_cache

import skia

_TOKEN = re.compile(r"[MLQCZHV]|-?\d*\.?\d+")
_ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "H": 1, "V": 1}
_METHOD = {"M": "moveTo", "L": "lineTo", "Q": "quadTo", "C": "cubicTo"}


@lru_cache(maxsize=4096)
def path(d: str) -> skia.Path:
    """A path from SVG path data with absolute commands M L H V Q C Z. Cached: drawers pass constant strings."""
    tokens = _TOKEN.findall(d)
    out = skia.Path()
    i, command, x, y = 0, "", 0.0, 0.0
    while i < len(tokens):
        if tokens[i].isalpha():
            command = tokens[i]
            i += 1
        if command == "Z":
            out.close()
            continue
        n = _ARGUMENTS[command]
        a = [float(t) for t in tokens[i : i + n]]
        i += n
        if command == "H":
            x = a[0]
            out.lineTo(x, y)
        elif command == "V":
            y = a[0]
            out.lineTo(x, y)
        else:
            x, y = a[-2], a[-1]
            getattr(out, _METHOD[command])(*a)
            command = "L" if command == "M" else command
    return out


@lru_cache(maxsize=4096)
def oval(x: float, y: float, rx: float, ry: float) -> skia.Path:
    """An ellipse by its centre and radii."""
    return skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))


@lru_cache(maxsize=4096)
def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> skia.Path:
    """A rectangle by its edges, with rounded corners if `radius` > 0."""
    return skia.Path.RRect(skia.Rect.MakeLTRB(left, top, right, bottom), radius, radius)


@lru_cache(maxsize=1024)
def polygon(*xy: float, closed: bool = True) -> skia.Path:
    """Straight edges through x0, y0, x1, y1, …"""
    return skia.Path.Polygon([skia.Point(xy[i], xy[i + 1]) for i in range(0, len(xy), 2)], closed)


def angle_point(x: float, y: float, r: float, degrees: float) -> tuple[float, float]:
    """The point at `r` and `degrees` (0 = right, 90 = down) from (x, y)."""
    return x + r * math.cos(math.radians(degrees)), y + r * math.sin(math.radians(degrees))
