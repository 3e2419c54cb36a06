"""Four animals of the wild: elephant, bear, zebra, giraffe."""

from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, luminance
from pinpoint.diorama.fauna_parts import CREAM, deep, eye, far, hoof, leg, pale, pen, step, tube, union
from pinpoint.diorama.paths import oval, path


@lru_cache(maxsize=8)
def _elephant_shape(stride: float, lifted: bool) -> skia.Path:
    body = path(
        "M -0.64,-0.50 C -0.66,-0.80 -0.46,-0.95 -0.20,-0.95 C 0.0,-0.95 0.06,-0.90 0.14,-0.88 "
        "C 0.26,-1.0 0.48,-0.98 0.52,-0.76 "
        "C 0.55,-0.60 0.40,-0.46 0.26,-0.42 C 0.14,-0.30 -0.10,-0.28 -0.24,-0.28 "
        "C -0.46,-0.26 -0.62,-0.30 -0.64,-0.50 Z"
    )
    trunk = path(_TRUNKS[lifted])
    return union(body, trunk, leg(-0.47, -0.44, 0.15, 0.10, -stride), leg(0.10, -0.40, 0.13, 0.10, stride))


_TRUNKS = (
    "M 0.36,-0.80 L 0.52,-0.78 C 0.58,-0.56 0.56,-0.36 0.60,-0.22 "
    "C 0.63,-0.16 0.72,-0.20 0.71,-0.11 C 0.68,-0.03 0.54,-0.04 0.50,-0.15 "
    "C 0.45,-0.30 0.44,-0.44 0.34,-0.52 Z",
    "M 0.36,-0.80 L 0.52,-0.78 C 0.56,-0.60 0.56,-0.50 0.59,-0.46 "
    "C 0.64,-0.42 0.60,-0.58 0.66,-0.62 C 0.72,-0.62 0.73,-0.46 0.70,-0.38 "
    "C 0.64,-0.26 0.50,-0.30 0.46,-0.40 C 0.42,-0.46 0.40,-0.48 0.34,-0.52 Z",
)


def elephant(b: Brush, rgb: RGB, v: Variety) -> None:
    """Big and round, with a great ear, a trunk and a small tusk. v: ear, stride, trunk up or down."""
    stride = step(v[1])
    b.shadow(0.56)
    b.fill(leg(-0.27, -0.38, 0.11, 0.085, stride), far(rgb))
    b.fill(leg(0.21, -0.44, 0.10, 0.085, -stride), far(rgb))
    b.line(path("M -0.62,-0.62 C -0.70,-0.56 -0.70,-0.44 -0.68,-0.34"), deep(rgb, 0.3), 0.035)
    b.dot(-0.68, -0.32, 0.035, deep(rgb, 0.55))
    b.fill(_elephant_shape(stride, v[2] > 0.5), rgb, shade=0.28)
    b.line(path("M -0.30,-0.44 C -0.24,-0.38 -0.24,-0.32 -0.27,-0.27"), deep(rgb, 0.35), 0.014)
    for x in (-0.47 - stride, 0.10 + stride):
        b.line(
            path(f"M {x - 0.05:.3f},-0.02 V -0.04 M {x + 0.01:.3f},-0.02 V -0.045 M {x + 0.07:.3f},-0.02 V -0.04"),
            CREAM,
            0.03,
        )
    b.fill(
        path("M 0.40,-0.56 C 0.44,-0.46 0.52,-0.44 0.60,-0.47 C 0.58,-0.40 0.40,-0.36 0.33,-0.52 Z"),
        (252, 248, 236),
        shade=0.1,
    )
    with b.at(0.24, -0.82, 1, turn=-6 + 18 * v[0]):
        b.fill(
            path(
                "M 0.02,-0.10 C -0.16,-0.16 -0.36,-0.06 -0.37,0.14 C -0.38,0.30 -0.26,0.42 -0.16,0.36 "
                "C -0.08,0.32 -0.04,0.26 0.04,0.22 C 0.10,0.12 0.10,-0.06 0.02,-0.10 Z"
            ),
            deep(rgb, 0.20),
        )
        b.fill(
            path(
                "M -0.04,-0.04 C -0.16,-0.08 -0.29,0.0 -0.30,0.14 C -0.30,0.26 -0.22,0.32 -0.16,0.28 "
                "C -0.08,0.22 0.0,0.10 -0.04,-0.04 Z"
            ),
            pale(rgb, 0.28),
            shade=0,
            outline=False,
        )
    eye(b, 0.42, -0.76, 0.032, rgb)


@lru_cache(maxsize=8)
def _bear_shape(stride: float) -> skia.Path:
    body = path(
        "M -0.66,-0.44 C -0.70,-0.72 -0.56,-0.86 -0.34,-0.86 C -0.16,-0.86 -0.06,-0.98 0.12,-0.96 "
        "C 0.32,-0.94 0.40,-0.80 0.42,-0.64 "
        "C 0.44,-0.44 0.38,-0.28 0.20,-0.24 C -0.04,-0.20 -0.26,-0.20 -0.42,-0.22 "
        "C -0.58,-0.22 -0.65,-0.30 -0.66,-0.44 Z"
    )
    return union(body, leg(-0.48, -0.44, 0.18, 0.125, -stride), leg(0.20, -0.44, 0.17, 0.115, stride))


def bear(b: Brush, rgb: RGB, v: Variety) -> None:
    """Bulky, on thick legs, small round ears, a pale muzzle. v: head turn, stride, head high or low."""
    stride = step(v[1])
    b.shadow(0.62)
    b.fill(leg(-0.27, -0.40, 0.13, 0.105, stride), far(rgb))
    b.fill(leg(0.05, -0.40, 0.13, 0.10, -stride), far(rgb))
    b.fill(oval(-0.655, -0.58, 0.06, 0.06), rgb)
    b.fill(_bear_shape(stride), rgb, shade=0.28)
    for x in (-0.48 - stride, 0.20 + stride):
        b.line(
            path(f"M {x:.3f},-0.02 V -0.06 M {x + 0.06:.3f},-0.02 V -0.06 M {x + 0.12:.3f},-0.02 V -0.05"),
            pen(rgb),
            0.018,
        )
    b.line(path("M -0.28,-0.50 C -0.20,-0.42 -0.20,-0.32 -0.25,-0.22"), deep(rgb, 0.35), 0.016)
    with b.at(0.36, -0.66 + 0.10 * v[2], 1, turn=-6 + 12 * v[0]):
        for x in (-0.17, 0.13):
            b.fill(oval(x, -0.21, 0.085, 0.085), rgb)
            b.fill(oval(x, -0.205, 0.045, 0.045), deep(rgb, 0.4), shade=0, outline=False)
        b.fill(
            path(
                "M -0.25,0.0 C -0.25,-0.16 -0.14,-0.25 0.0,-0.25 C 0.14,-0.25 0.22,-0.16 0.24,-0.05 "
                "C 0.34,-0.04 0.37,0.04 0.35,0.11 "
                "C 0.32,0.20 0.18,0.22 0.04,0.22 C -0.14,0.22 -0.25,0.14 -0.25,0.0 Z"
            ),
            rgb,
        )
        b.fill(oval(0.21, 0.085, 0.145, 0.115), pale(rgb, 0.66), shade=0.08, outline=False)
        b.fill(oval(0.275, 0.03, 0.062, 0.045), (40, 34, 40), shade=0, outline=False)
        b.line(path("M 0.275,0.06 V 0.11 Q 0.22,0.17 0.15,0.14 M 0.275,0.11 Q 0.29,0.15 0.32,0.13"), INK, 0.014)
        eye(b, 0.03, -0.075, 0.036, rgb)
        eye(b, 0.185, -0.10, 0.034, rgb)


@lru_cache(maxsize=8)
def _zebra_shape(stride: float) -> skia.Path:
    body = path(
        "M -0.46,-0.46 C -0.52,-0.64 -0.38,-0.69 -0.24,-0.68 C -0.08,-0.64 0.04,-0.64 0.10,-0.68 "
        "C 0.16,-0.76 0.20,-0.86 0.30,-0.91 C 0.42,-0.95 0.48,-0.88 0.51,-0.80 L 0.59,-0.66 "
        "C 0.62,-0.57 0.52,-0.53 0.47,-0.58 "
        "C 0.44,-0.62 0.42,-0.64 0.39,-0.64 C 0.37,-0.56 0.38,-0.44 0.28,-0.35 "
        "C 0.12,-0.28 -0.10,-0.28 -0.24,-0.30 C -0.36,-0.30 -0.44,-0.36 -0.46,-0.46 Z"
    )
    ear = path("M 0.27,-0.88 C 0.25,-0.94 0.28,-0.985 0.31,-0.985 C 0.36,-0.97 0.38,-0.94 0.38,-0.89 Z")
    return union(body, ear, leg(-0.36, -0.46, 0.12, 0.052, -stride), leg(0.22, -0.42, 0.10, 0.052, stride))


def zebra(b: Brush, rgb: RGB, v: Variety) -> None:
    """Stocky, with a standing mane and bold stripes: dark, or light on black and brown. v: stripes, stride, tail."""
    stride, stripe = step(v[1]), (240, 234, 222) if luminance(rgb) < 0.39 else (44, 38, 48)
    b.shadow(0.46)
    for x, s in ((-0.25, stride), (0.11, -stride)):
        b.fill(leg(x, -0.40, 0.07, 0.05, s), far(rgb))
        left, right = x + s - 0.03, x + s + 0.03
        b.line(path(f"M {left:.3f},-0.12 H {right:.3f} M {left:.3f},-0.20 H {right:.3f}"), stripe, 0.03)
        hoof(b, x + s, 0.052, rgb)
    with b.at(-0.45, -0.58, 1, turn=-6 + 16 * v[2]):
        b.fill(tube("M 0.03,-0.02 C -0.07,0.0 -0.09,0.10 -0.08,0.18", 0.042), rgb)
        b.fill(oval(-0.08, 0.25, 0.045, 0.09), stripe)
    b.fill(
        path(
            "M 0.06,-0.68 C 0.06,-0.80 0.14,-0.95 0.27,-0.965 L 0.40,-0.92 L 0.30,-0.86 "
            "C 0.22,-0.82 0.18,-0.74 0.14,-0.66 Z"
        ),
        stripe,
    )
    shape = _zebra_shape(stride)
    b.fill(shape, rgb, shade=0.14)
    with b.clip(shape), b.at(-0.015 + 0.03 * int(v[0] * 3), 0, 1):
        b.fill(path(_STRIPES), stripe, shade=0, outline=False)
    b.fill(
        path("M 0.535,-0.755 L 0.59,-0.66 C 0.62,-0.57 0.52,-0.53 0.47,-0.58 C 0.45,-0.63 0.48,-0.71 0.535,-0.755 Z"),
        stripe,
        shade=0,
        outline=False,
    )
    eye(b, 0.42, -0.795, 0.03, (40, 40, 40))


def _stripe(top: tuple[float, float], bottom: tuple[float, float], bend: float, width: float) -> str:
    """A tapering bent band from one point to another, as path data."""
    (x0, y0), (x1, y1) = top, bottom
    xm, ym = (x0 + x1) / 2 + bend, (y0 + y1) / 2
    return (
        f"M {x0 - width / 2:.3f},{y0:.3f} Q {xm - width / 2:.3f},{ym:.3f} {x1 - width * 0.2:.3f},{y1:.3f} "
        f"L {x1 + width * 0.2:.3f},{y1:.3f} Q {xm + width / 2:.3f},{ym:.3f} {x0 + width / 2:.3f},{y0:.3f} Z "
    )


_STRIPES = "".join(
    [_stripe((x, -0.74), (x + 0.02, -0.33), 0.04, 0.062) for x in (-0.22, -0.10, 0.02, 0.14)]
    + [_stripe((-0.34, -0.74), (-0.25, -0.40), 0.01, 0.055), _stripe((-0.46, -0.70), (-0.28, -0.40), -0.01, 0.055)]
    + [_stripe((-0.54, -0.56), (-0.32, -0.38), 0.0, 0.055)]
    + [_stripe((x, y), (x + 0.15, y + 0.16), 0.0, 0.062) for x, y in ((0.10, -0.78), (0.155, -0.88), (0.23, -0.95))]
    + [
        f"M {x - 0.12},{y} L {x + 0.14},{y + 0.01} V {y + 0.035} L {x - 0.12},{y + 0.04} Z "
        for x in (-0.36, 0.22)
        for y in (-0.33, -0.235, -0.145)
    ]
    + [_stripe((0.45, -0.92), (0.39, -0.66), 0.0, 0.035)]
)


@lru_cache(maxsize=8)
def _giraffe_shape(stride: float) -> skia.Path:
    body = path(
        "M -0.33,-0.39 C -0.35,-0.48 -0.27,-0.50 -0.18,-0.50 C -0.08,-0.51 -0.02,-0.53 0.01,-0.59 "
        "L 0.12,-0.87 C 0.15,-0.95 0.25,-0.95 0.28,-0.91 "
        "L 0.39,-0.855 C 0.43,-0.82 0.40,-0.775 0.35,-0.78 L 0.225,-0.80 C 0.20,-0.68 0.19,-0.56 0.17,-0.46 "
        "C 0.16,-0.38 0.10,-0.345 0.0,-0.345 C -0.12,-0.325 -0.31,-0.31 -0.33,-0.39 Z"
    )
    return union(body, leg(-0.26, -0.41, 0.07, 0.030, -stride), leg(0.10, -0.41, 0.06, 0.030, stride))


def giraffe(b: Brush, rgb: RGB, v: Variety) -> None:
    """The long neck and long legs, darker patches, two knobbed horns. v: patches, stride, tail."""
    stride = step(v[1]) * 0.7
    b.shadow(0.32)
    for x, s in ((-0.17, stride), (0.02, -stride)):
        b.fill(leg(x, -0.40, 0.045, 0.028, s), far(rgb))
        hoof(b, x + s, 0.032, rgb)
    with b.at(-0.32, -0.45, 1, turn=-4 + 14 * v[2]):
        b.line(path("M 0.02,-0.02 C -0.05,0.0 -0.06,0.06 -0.05,0.13"), pen(rgb), 0.02)
        b.fill(oval(-0.05, 0.17, 0.026, 0.055), deep(rgb, 0.6))
    b.line(path("M 0.13,-0.88 L 0.0,-0.56 L -0.05,-0.52"), deep(rgb, 0.5), 0.042)
    for x in (0.16, 0.225):
        b.fill(tube(f"M {x + 0.01},-0.91 L {x},-0.965", 0.026), rgb)
        b.dot(x, -0.97, 0.026, deep(rgb, 0.6))
    shape = _giraffe_shape(stride)
    b.fill(shape, rgb, shade=0.16)
    with b.clip(shape), b.at(-0.01 + 0.02 * int(v[0] * 3), 0, 1):
        b.fill(path(_GIRAFFE), deep(rgb, 0.45), shade=0, outline=False)
    b.fill(path("M 0.13,-0.90 C 0.05,-0.94 0.01,-0.91 0.01,-0.87 C 0.05,-0.84 0.10,-0.84 0.14,-0.86 Z"), rgb)
    b.fill(oval(0.365, -0.815, 0.042, 0.036), pale(rgb, 0.45), shade=0, outline=False)
    for x in (-0.26 - stride, 0.10 + stride):
        hoof(b, x, 0.034, rgb)
    eye(b, 0.235, -0.88, 0.025, rgb)


def _patch(x: float, y: float, r: float) -> str:
    """An uneven pentagon as path data."""
    corners = ((-1, -0.3), (-0.1, -1), (1, -0.4), (0.7, 0.8), (-0.7, 0.8))
    return "M " + " L ".join(f"{x + r * dx:.3f},{y + r * dy:.3f}" for dx, dy in corners) + " Z "


_GIRAFFE = "".join(
    _patch(x, y, r)
    for x, y, r in (
        (-0.26, -0.44, 0.055),
        (-0.14, -0.45, 0.058),
        (-0.01, -0.46, 0.06),
        (0.12, -0.45, 0.055),
        (-0.20, -0.345, 0.045),
        (-0.07, -0.355, 0.045),
        (0.06, -0.36, 0.045),
        (0.05, -0.57, 0.05),
        (0.155, -0.56, 0.045),
        (0.09, -0.67, 0.046),
        (0.19, -0.66, 0.042),
        (0.125, -0.765, 0.042),
        (0.205, -0.75, 0.036),
        (0.15, -0.85, 0.03),
        (-0.27, -0.30, 0.035),
        (0.10, -0.27, 0.032),
    )
)
