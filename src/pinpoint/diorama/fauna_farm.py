"""Three animals of the farm: horse, cow, sheep."""

import math
from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB, luminance
from pinpoint.diorama.fauna_parts import (
    CREAM,
    HORN,
    ROSE,
    deep,
    eye,
    far,
    hoof,
    is_dark,
    leg,
    pale,
    pen,
    step,
    tube,
    union,
)
from pinpoint.diorama.paths import oval, path


@lru_cache(maxsize=8)
def _horse_shape(stride: float) -> skia.Path:
    body = path(
        "M -0.44,-0.46 C -0.50,-0.62 -0.38,-0.67 -0.24,-0.65 C -0.10,-0.61 0.02,-0.60 0.10,-0.65 "
        "C 0.20,-0.72 0.20,-0.88 0.33,-0.93 C 0.43,-0.96 0.48,-0.87 0.52,-0.79 L 0.61,-0.65 "
        "C 0.65,-0.56 0.56,-0.51 0.51,-0.55 "
        "C 0.46,-0.61 0.44,-0.65 0.40,-0.66 C 0.36,-0.59 0.38,-0.46 0.28,-0.37 "
        "C 0.12,-0.30 -0.10,-0.32 -0.22,-0.33 C -0.34,-0.32 -0.42,-0.36 -0.44,-0.46 Z"
    )
    ear = path("M 0.28,-0.90 C 0.27,-0.95 0.30,-1.0 0.32,-1.0 C 0.37,-0.98 0.40,-0.94 0.40,-0.90 Z")
    return union(body, ear, leg(-0.34, -0.48, 0.11, 0.045, -stride), leg(0.22, -0.44, 0.09, 0.045, stride))


def horse(b: Brush, rgb: RGB, v: Variety) -> None:
    """Long face, arched neck with a mane, flowing tail, hooves. v: tail, stride, blaze."""
    stride, hair = step(v[1]), deep(rgb, 0.55)
    b.shadow(0.46)
    for x, s in ((-0.23, stride), (0.11, -stride)):
        b.fill(leg(x, -0.42, 0.07, 0.042, s), far(rgb))
        hoof(b, x + s, 0.046, rgb)
    with b.at(-0.43, -0.58, 1, turn=-6 + 16 * v[0]):
        b.fill(
            path(
                "M 0.06,-0.05 C -0.08,-0.08 -0.14,0.02 -0.13,0.16 C -0.12,0.26 -0.18,0.32 -0.15,0.38 "
                "C -0.02,0.36 0.03,0.22 0.0,0.10 Q 0.0,0.04 0.06,0.05 Z"
            ),
            hair,
        )
    b.fill(_horse_shape(stride), rgb)
    hoof(b, -0.34 - stride, 0.05, rgb)
    hoof(b, 0.22 + stride, 0.05, rgb)
    b.fill(
        path(
            "M 0.30,-0.94 C 0.22,-0.95 0.16,-0.86 0.13,-0.78 C 0.10,-0.72 0.04,-0.68 0.02,-0.62 "
            "C 0.10,-0.58 0.16,-0.58 0.20,-0.56 C 0.19,-0.64 0.26,-0.66 0.26,-0.72 "
            "C 0.30,-0.76 0.28,-0.82 0.33,-0.86 C 0.40,-0.82 0.44,-0.84 0.45,-0.88 "
            "C 0.42,-0.94 0.36,-0.95 0.30,-0.94 Z"
        ),
        hair,
    )
    b.fill(
        path("M 0.56,-0.73 L 0.61,-0.65 C 0.65,-0.56 0.56,-0.51 0.51,-0.55 C 0.48,-0.60 0.51,-0.69 0.56,-0.73 Z"),
        pale(rgb, 0.35),
        shade=0,
        outline=False,
    )
    if v[2] < 0.4 and luminance(rgb) < 0.8:
        b.line(path("M 0.475,-0.83 L 0.54,-0.72"), CREAM, 0.03)
    b.dot(0.575, -0.615, 0.015, pen(rgb))
    eye(b, 0.415, -0.80, 0.030, rgb)


@lru_cache(maxsize=8)
def _cow_shape(stride: float) -> skia.Path:
    body = path(
        "M -0.60,-0.50 C -0.63,-0.74 -0.52,-0.80 -0.38,-0.79 C -0.10,-0.76 0.06,-0.82 0.28,-0.82 "
        "C 0.42,-0.78 0.40,-0.56 0.36,-0.46 C 0.30,-0.30 0.10,-0.26 -0.14,-0.27 C -0.40,-0.26 -0.57,-0.30 -0.60,-0.50 Z"
    )
    return union(body, leg(-0.46, -0.48, 0.13, 0.062, -stride), leg(0.24, -0.44, 0.11, 0.062, stride))


def cow(b: Brush, rgb: RGB, v: Variety) -> None:
    """Boxy, patched, with horns, broad pink muzzle, udder and a tufted tail. v: patches, stride, tail."""
    stride = step(v[1])
    b.shadow(0.6)
    for x, s in ((-0.30, stride), (0.10, -stride)):
        b.fill(leg(x, -0.40, 0.09, 0.058, s), far(rgb))
        hoof(b, x + s, 0.062, rgb)
    b.fill(oval(-0.16, -0.26, 0.13, 0.085), ROSE)
    with b.at(-0.58, -0.7, 1, turn=-6 + 14 * v[2]):
        b.line(path("M 0.03,-0.02 C -0.08,-0.02 -0.10,0.12 -0.08,0.30"), pen(rgb), 0.03)
        b.fill(oval(-0.08, 0.34, 0.04, 0.075), deep(rgb, 0.55))
    shape, patch = _cow_shape(stride), (72, 62, 68) if luminance(rgb) > 0.7 else (250, 245, 236)
    b.fill(shape, rgb)
    with b.clip(shape):
        for spot in _PATCHES[int(v[0] * 3)]:
            b.fill(path(spot), patch, shade=0, outline=False)
    for x in (-0.46 - stride, 0.24 + stride):
        hoof(b, x, 0.066, rgb)
    _cow_head(b, rgb, patch)


_PATCHES = (
    (
        "M -0.30,-0.85 C -0.02,-0.90 0.04,-0.60 -0.10,-0.54 C -0.24,-0.48 -0.38,-0.62 -0.30,-0.85 Z",
        "M -0.64,-0.52 C -0.48,-0.56 -0.36,-0.44 -0.44,-0.32 L -0.7,-0.2 Z",
        "M 0.06,-0.40 C 0.14,-0.52 0.30,-0.48 0.32,-0.34 C 0.32,-0.22 0.16,-0.20 0.10,-0.26 Q 0.04,-0.30 0.06,-0.40 Z",
    ),
    (
        "M -0.50,-0.85 C -0.24,-0.90 -0.20,-0.60 -0.32,-0.54 C -0.44,-0.50 -0.56,-0.62 -0.50,-0.85 Z",
        "M -0.16,-0.60 C -0.02,-0.72 0.16,-0.64 0.14,-0.48 C 0.10,-0.36 -0.10,-0.36 -0.16,-0.48 Z",
    ),
    (
        "M 0.02,-0.85 C 0.30,-0.90 0.26,-0.60 0.14,-0.52 C 0.02,-0.46 -0.08,-0.62 0.02,-0.85 Z",
        "M -0.46,-0.66 C -0.30,-0.74 -0.18,-0.60 -0.22,-0.46 C -0.30,-0.34 -0.50,-0.40 -0.52,-0.52 Z",
    ),
)


def _cow_head(b: Brush, rgb: RGB, patch: RGB) -> None:
    b.fill(
        tube(
            "M 0.37,-0.85 C 0.29,-0.89 0.30,-0.95 0.35,-0.965 M 0.57,-0.85 C 0.65,-0.89 0.64,-0.95 0.59,-0.965", 0.052
        ),
        HORN,
    )
    b.fill(path("M 0.34,-0.80 C 0.24,-0.86 0.18,-0.80 0.18,-0.76 C 0.22,-0.70 0.30,-0.70 0.36,-0.74 Z"), deep(rgb))
    b.fill(path("M 0.60,-0.80 C 0.68,-0.86 0.74,-0.81 0.73,-0.77 C 0.70,-0.71 0.64,-0.71 0.58,-0.74 Z"), deep(rgb))
    b.fill(
        path(
            "M 0.32,-0.78 C 0.34,-0.90 0.60,-0.90 0.62,-0.78 C 0.63,-0.68 0.66,-0.60 0.65,-0.50 "
            "C 0.62,-0.42 0.36,-0.42 0.34,-0.50 C 0.33,-0.60 0.31,-0.68 0.32,-0.78 Z"
        ),
        rgb,
    )
    b.fill(path("M 0.45,-0.87 C 0.52,-0.88 0.55,-0.86 0.54,-0.78 L 0.52,-0.62 H 0.46 Z"), patch, shade=0, outline=False)
    b.fill(oval(0.50, -0.52, 0.175, 0.105), (240, 178, 172), shade=0.12)
    b.dot(0.45, -0.53, 0.022, (150, 82, 88))
    b.dot(0.56, -0.53, 0.022, (150, 82, 88))
    eye(b, 0.40, -0.71, 0.033, rgb)
    eye(b, 0.57, -0.71, 0.033, rgb)


@lru_cache(maxsize=4)
def _fleece(kind: int) -> skia.Path:
    """A woolly cloud: puffs round an oval; `kind` shifts them."""
    puffs = []
    for i in range(10):
        turn = math.radians(36 * i + 12 * kind)
        puffs.append(oval(-0.11 + 0.36 * math.cos(turn), -0.56 + 0.25 * math.sin(turn), 0.165, 0.165))
    return union(oval(-0.11, -0.56, 0.40, 0.28), *puffs)


def sheep(b: Brush, rgb: RGB, v: Variety) -> None:
    """A cloud of wool on thin legs, with a dark face (pale on black wool). v: wool, nod, stride."""
    skin, stride = (224, 208, 196) if is_dark(rgb) else (70, 60, 66), step(v[2])
    b.shadow(0.5)
    for x, s in ((-0.38, -stride), (-0.20, stride), (0.02, -stride), (0.18, stride)):
        b.fill(tube(f"M {x},-0.3 L {x + s:.3f},-0.04", 0.078), skin)
    b.fill(oval(-0.60, -0.60, 0.07, 0.09), rgb)
    b.fill(_fleece(int(v[0] * 3)), rgb, shade=0.24 if luminance(rgb) > 0.88 else 0.30)
    for curl in _CURLS:
        b.line(path(curl), deep(rgb, 0.30), 0.016)
    with b.at(0.34, -0.7, 1, turn=-8 + 18 * v[1]):
        b.fill(path("M -0.04,-0.06 C -0.20,-0.10 -0.26,0.0 -0.22,0.06 C -0.14,0.08 -0.08,0.06 -0.02,0.02 Z"), skin)
        b.fill(
            path(
                "M -0.06,-0.10 C -0.02,-0.24 0.16,-0.24 0.20,-0.08 C 0.24,0.0 0.31,0.08 0.29,0.16 "
                "C 0.25,0.24 0.12,0.23 0.06,0.17 C -0.02,0.10 -0.10,0.02 -0.06,-0.10 Z"
            ),
            skin,
        )
        b.fill(_tuft(), rgb)
        eye(b, 0.13, -0.02, 0.036, (40, 40, 40) if not is_dark(rgb) else (200, 200, 200))
        b.line(path("M 0.27,0.14 Q 0.22,0.17 0.18,0.15"), pen(skin), 0.014)


_CURLS = (
    "M -0.36,-0.62 Q -0.30,-0.70 -0.24,-0.62 Q -0.26,-0.57 -0.30,-0.60",
    "M -0.10,-0.70 Q -0.04,-0.78 0.02,-0.70 Q 0.0,-0.65 -0.04,-0.68",
    "M -0.16,-0.46 Q -0.10,-0.54 -0.04,-0.46 Q -0.06,-0.41 -0.10,-0.44",
    "M 0.10,-0.50 Q 0.16,-0.58 0.22,-0.50 Q 0.20,-0.45 0.16,-0.48",
)


@lru_cache(maxsize=1)
def _tuft() -> skia.Path:
    """The wool on the forehead."""
    return union(oval(-0.04, -0.17, 0.09, 0.08), oval(0.06, -0.205, 0.09, 0.08), oval(0.15, -0.16, 0.08, 0.07))
