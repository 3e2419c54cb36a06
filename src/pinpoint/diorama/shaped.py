"""Things that come as a circle, a square, a triangle, a star or a heart, all of one area."""

import math
from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance, mix
from pinpoint.diorama.paths import angle_point, box, oval, path, polygon
from pinpoint.diorama.thing_parts import LIT, accent

Points = tuple[tuple[float, float], ...]


def _corners(shape: str) -> list[tuple[float, float]]:
    if shape == "round":
        return [(math.cos(math.tau * k / 48), math.sin(math.tau * k / 48)) for k in range(48)]
    if shape == "square":
        return [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    if shape == "triangle":
        return [(0, -1.732), (1, 0), (-1, 0)]
    if shape == "star":
        turns = [math.tau * (k / 10 - 0.25) for k in range(10)]
        return [((1, 0.5)[k % 2] * math.cos(t), (1, 0.5)[k % 2] * math.sin(t)) for k, t in enumerate(turns)]
    heart = [math.tau * k / 56 for k in range(56)]
    return [
        (16 * math.sin(t) ** 3, -13 * math.cos(t) + 5 * math.cos(2 * t) + 2 * math.cos(3 * t) + math.cos(4 * t))
        for t in heart
    ]


def _cut(points: list[tuple[float, float]], t: float) -> list[tuple[float, float]]:
    """Chaikin's corner cutting: each corner is replaced by two points at `t` along its edges."""
    after = points[1:] + points[:1]
    return [
        (a[0] + s * (c[0] - a[0]), a[1] + s * (c[1] - a[1]))
        for a, c in zip(points, after, strict=True)
        for s in (t, 1 - t)
    ]


@lru_cache(maxsize=64)
def unit_outline(shape: str, softness: float) -> Points:
    """The shape with area 1, its bounding box centred on the origin; `softness` in [0, 0.3] rounds the corners."""
    points = _corners(shape)
    if softness and shape in ("square", "triangle", "star"):
        for t in (softness, 0.25, 0.25):
            points = _cut(points, t)
    after = points[1:] + points[:1]
    area = abs(sum(a[0] * c[1] - c[0] * a[1] for a, c in zip(points, after, strict=True))) / 2
    xs, ys = zip(*points, strict=True)
    x, y, scale = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, area**-0.5
    return tuple(((p - x) * scale, (q - y) * scale) for p, q in points)


@lru_cache(maxsize=512)
def outline(shape: str, x: float, y: float, size: float, softness: float = 0.12) -> skia.Path:
    """The shape with area size², centred on (x, y)."""
    return polygon(*(c for p, q in unit_outline(shape, softness) for c in (x + p * size, y + q * size)))


def half_height(shape: str, size: float, softness: float = 0.12) -> float:
    """Half the height of `outline`."""
    return size * max(q for _, q in unit_outline(shape, softness))


def foot(shape: str, y: float, size: float, softness: float) -> float:
    """Where the middle of `outline`'s lower edge is: what hangs or stands below is tied here (a star has a notch)."""
    if shape != "star":
        return y + half_height(shape, size, softness)
    return y + size * min(q for p, q in unit_outline(shape, softness) if abs(p) < 0.2 and q > 0)


def kite(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A flat two-tone sail on crossed spars, with a tail of bows; v[0] sways the tail, v[1] picks the bows."""
    form = shape or "round"
    high = half_height(form, 0.48, 0.03)
    y, side = -0.995 + high, 1 if v[0] < 0.5 else -1
    sail, end = outline(form, 0.0, y, 0.48, 0.03), foot(form, y, 0.48, 0.03)
    b.line(
        path(
            f"M 0 {end - 0.02} Q {0.22 * side} {end + 0.08} {0.04 * side} -0.16 Q {-0.14 * side} -0.06 "
            f"{0.2 * side} -0.03"
        ),
        INK,
        0.016,
    )
    b.fill(sail, rgb, shade=0.10)
    with b.clip(sail):
        b.fill(box(-0.5, -1.0, 0.0, y), lighter(rgb, 0.32), shade=0.0, outline=False)
        b.fill(box(0.0, y, 0.5, 0.0), darker(rgb, 0.22), shade=0.0, outline=False)
        b.line(path(f"M 0 -1 V 0 M -0.5 {y} H 0.5"), (92, 66, 50), 0.024)
    ribbon = rgb if v[1] < 0.5 else accent(rgb)
    for x, at in ((0.1 * side, (end - 0.16) / 2 + 0.02), (0.0, -0.12), (0.18 * side, -0.04)):
        b.fill(
            polygon(
                x, at, x - 0.075, at - 0.04, x - 0.075, at + 0.035, x, at, x + 0.075, at - 0.04, x + 0.075, at + 0.035
            ),
            ribbon,
            shade=0.0,
        )


def balloon(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A plump shining skin, a knot and a curly string; v[0] sways the string, v[1] moves the highlight."""
    form, side = shape or "round", 1 if v[0] < 0.5 else -1
    soft = 0.14 if form in ("square", "triangle") else 0.2
    y = -0.99 + half_height(form, 0.52, soft)
    end = foot(form, y, 0.52, soft)
    b.line(
        path(f"M 0 {end} Q {0.12 * side} {end * 2 / 3} 0 {end / 2} Q {-0.1 * side} {end / 4} {0.02 * side} -0.01"),
        (120, 108, 112),
        0.018,
    )
    b.fill(polygon(0, end - 0.03, -0.05, end + 0.045, 0.05, end + 0.045), darker(rgb, 0.15), shade=0.0)
    b.fill(outline(form, 0.0, y, 0.52, soft), rgb, shade=0.34)
    shine = {
        "round": (-0.12, -0.14),
        "square": (-0.15, -0.16),
        "triangle": (-0.07, -0.02),
        "star": (-0.1, -0.09),
        "heart": (-0.14, -0.13),
    }
    x, dy = shine[form]
    b.fill(
        oval(x, y + dy, 0.055, 0.04 if v[1] < 0.5 else 0.075), mix(rgb, (255, 255, 255), 0.75), shade=0.0, outline=False
    )


def cushion(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Stuffed cloth with a frill and a button in a dimple; v[0] picks plain, striped or dotted cloth."""
    form = shape or "round"
    size, soft = 0.61, 0.14 if form in ("square", "triangle") else 0.2
    y = -half_height(form, size, soft) - 0.055
    b.shadow(0.4)
    b.fill(frill(form, y, size, soft), lighter(rgb, 0.35) if luminance(rgb) < 0.85 else darker(rgb, 0.16), shade=0.1)
    skin = outline(form, 0.0, y, size, soft)
    b.fill(skin, rgb, shade=0.32)
    middle = y + {"triangle": 0.1, "heart": -0.02}.get(form, 0.0)
    cloth = int(v[0] * 3)
    with b.clip(skin):
        if cloth == 1:
            b.line(
                path("M -0.6 -0.1 L 0.3 -1 M -0.35 0 L 0.6 -0.95 M -0.6 -0.45 L 0 -1.05 M 0 0 L 0.6 -0.6"),
                lighter(rgb, 0.4),
                0.035,
            )
        elif cloth == 2:
            for k in range(5):
                b.dot(*angle_point(0.0, middle, 0.18, 72 * k - 54), 0.042, lighter(rgb, 0.5))
    b.line(folds(middle), darker(rgb, 0.32), 0.018)
    b.dot(0.0, middle, 0.05, darker(rgb, 0.4))


@lru_cache(maxsize=16)
def frill(shape: str, y: float, size: float, softness: float) -> skia.Path:
    """Small discs all along `outline`: what shows around the shape is a scalloped edge."""
    points = [(p * size, y + q * size) for p, q in unit_outline(shape, softness)]
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    length = sum(math.dist(a, c) for a, c in edges)
    count = round(length / 0.085)
    out, walked, placed = skia.Path(), 0.0, 0
    for a, c in edges:
        step = math.dist(a, c)
        while placed < count and placed * length / count <= walked + step:
            t = (placed * length / count - walked) / step
            out.addCircle(a[0] + t * (c[0] - a[0]), a[1] + t * (c[1] - a[1]), 0.046)
            placed += 1
        walked += step
    return out


@lru_cache(maxsize=16)
def folds(y: float) -> skia.Path:
    """Six short creases around a button at (0, y)."""
    ends = ((*angle_point(0.0, y, 0.04, 60 * k + 30), *angle_point(0.0, y, 0.1, 60 * k + 30)) for k in range(6))
    return path(" ".join(f"M {a:.3f} {b:.3f} L {c:.3f} {d:.3f}" for a, b, c, d in ends))


def clock(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A mantel clock: thick case, pale dial in the same shape, ticks and two hands; v sets the time."""
    form = shape or "round"
    size, soft = 0.63, 0.06
    high = half_height(form, size, soft)
    y = -0.035 - high
    b.shadow(0.36)
    b.fill(path("M -0.22 -0.1 H 0.22 L 0.32 -0.005 H -0.32 Z"), darker(rgb, 0.3))
    b.fill(outline(form, 0.0, y, size, soft), rgb, shade=0.28)
    b.fill(outline(form, 0.0, y, size * 0.64, soft), mix((252, 246, 232), rgb, 0.06), shade=0.06)
    middle = {"triangle": y + 0.085, "star": y + 0.03, "heart": y - 0.01}.get(form, y)
    reach = {"triangle": 0.14, "star": 0.135, "heart": 0.15}.get(form, 0.18)
    for k in range(12):
        t = math.tau * k / 12
        b.dot(reach * math.cos(t), middle + reach * math.sin(t), 0.019 if k % 3 == 0 else 0.011, INK)
    hour, minute = int(v[0] * 12), int(v[1] * 12)
    for turn, length, width in ((hour + minute / 12, 0.6, 0.045), (minute, 0.95, 0.03)):
        t = math.tau * (turn / 12 - 0.25)
        b.line(
            polygon(0.0, middle, reach * length * math.cos(t), middle + reach * length * math.sin(t), closed=False),
            INK,
            width,
        )
    b.dot(0.0, middle, 0.026, (200, 70, 50))


def lantern(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A ribbed paper lantern with a light inside, on a three-legged stand; v[0] picks the ribs, v[1] the tassel."""
    form = shape or "round"
    size, soft = 0.52, 0.06
    high = half_height(form, size, soft)
    y = -0.975 + high
    end = foot(form, y, size, soft)
    b.shadow(0.3)
    b.line(
        path(f"M 0 {end - 0.08} V -0.12 M -0.2 -0.015 L 0 -0.14 L 0.2 -0.015 M 0 -0.14 V -0.015"), (84, 60, 48), 0.04
    )
    paper = outline(form, 0.0, y, size, soft)
    b.fill(paper, rgb, shade=0.16)
    with b.clip(paper):
        count = 5 if v[0] < 0.5 else 7
        for k in range(1, count):
            level = y - high + 2 * high * k / count
            b.line(path(f"M -0.5 {level:.2f} H 0.5"), darker(rgb, 0.25), 0.012)
        warm = mix(lighter(rgb, 0.55), LIT, 0.5)
        b.glow(0.0, y + (0.08 if form == "triangle" else 0.0), 0.3, warm, 0.85 if b.light.lamps else 0.5)
    b.fill(box(-0.1, end - 0.05, 0.1, end + 0.01, 0.015), (84, 60, 48), shade=0.1)
    if form in ("round", "square", "triangle", "star"):
        b.fill(box(-0.07, -0.995, 0.07, -0.95, 0.015), (84, 60, 48), shade=0.0)
    if v[1] < 0.5:
        b.line(path(f"M 0.07 {end} V {end + 0.1}"), (204, 70, 56), 0.03)
    if b.light.lamps:
        b.glow(0.0, y, 0.7, LIT, 0.5)
