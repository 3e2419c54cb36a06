"""The ten animals: cat, dog and bird here, the rest in `fauna_farm` and `fauna_wild`.

Each drawer gets a brush in the local frame (ground at y = 0, one unit tall, facing right), the coat colour, and three
numbers in [0, 1) for incidental variety. The coat may be any colour; what it takes to read it adapts to its lightness.
"""

from collections.abc import Callable
from functools import lru_cache

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import COLOURS, INK, RGB, darker, luminance
from pinpoint.diorama.fauna_farm import cow, horse, sheep
from pinpoint.diorama.fauna_parts import (
    CREAM,
    ROSE,
    deep,
    eye,
    far,
    leg,
    pale,
    pen,
    step,
    tube,
    union,
)
from pinpoint.diorama.fauna_wild import bear, elephant, giraffe, zebra
from pinpoint.diorama.paths import oval, path, polygon


def cat(b: Brush, rgb: RGB, v: Variety) -> None:
    """Sitting, tail out behind, pointed ears, whiskers. v: tail, tilt of the head, bib."""
    b.shadow(0.36)
    with b.at(-0.2, -0.07, 1, turn=-4 + 20 * v[0]):
        b.fill(
            tube("M 0.06,0.01 C -0.22,0.04 -0.32,-0.12 -0.22,-0.24 C -0.17,-0.31 -0.19,-0.37 -0.24,-0.39", 0.085), rgb
        )
    b.fill(
        path(
            "M -0.20,0 C -0.36,-0.02 -0.38,-0.26 -0.22,-0.40 C -0.14,-0.48 -0.08,-0.56 -0.04,-0.62 "
            "L 0.26,-0.60 "
            "C 0.34,-0.44 0.31,-0.20 0.31,-0.07 C 0.37,-0.06 0.38,0 0.33,0 Z"
        ),
        rgb,
    )
    if v[2] < 0.5:
        b.fill(
            path("M 0.06,-0.48 L 0.28,-0.48 C 0.30,-0.36 0.24,-0.30 0.19,-0.28 C 0.12,-0.32 0.08,-0.38 0.06,-0.48 Z"),
            pale(rgb),
            shade=0,
            outline=False,
        )
    b.line(path("M -0.08,-0.31 C 0.05,-0.28 0.07,-0.10 -0.03,-0.03"), pen(rgb), 0.016)
    b.line(path("M 0.13,-0.26 L 0.14,-0.02"), pen(rgb), 0.016)
    with b.at(0.14, -0.5, 1, turn=-7 + 12 * v[1]):
        _cat_head(b, rgb)


def _cat_head(b: Brush, rgb: RGB) -> None:
    """Drawn about the neck at (0, 0)."""
    b.fill(
        path(
            "M -0.26,-0.20 C -0.27,-0.32 -0.26,-0.42 -0.24,-0.46 Q -0.22,-0.49 -0.18,-0.46 L -0.07,-0.37 "
            "Q 0.01,-0.39 0.09,-0.37 L 0.20,-0.46 Q 0.24,-0.49 0.25,-0.45 C 0.27,-0.40 0.27,-0.32 0.27,-0.20 "
            "C 0.29,-0.02 0.12,0.04 0.01,0.04 C -0.12,0.04 -0.28,-0.02 -0.26,-0.20 Z"
        ),
        rgb,
    )
    inner = ROSE if rgb != COLOURS["pink"] else darker(rgb, 0.3)
    b.fill(polygon(-0.21, -0.40, -0.11, -0.33, -0.21, -0.28), inner, shade=0, outline=False)
    b.fill(polygon(0.22, -0.40, 0.13, -0.33, 0.23, -0.28), inner, shade=0, outline=False)
    b.fill(oval(0.06, -0.065, 0.115, 0.075), pale(rgb), shade=0, outline=False)
    eye(b, -0.07, -0.18, 0.040, rgb)
    eye(b, 0.17, -0.18, 0.040, rgb)
    b.fill(polygon(0.025, -0.115, 0.095, -0.115, 0.06, -0.075), (196, 88, 96), shade=0, outline=False)
    b.line(path("M 0.06,-0.08 V -0.045 M 0.01,-0.03 Q 0.045,-0.02 0.06,-0.045 Q 0.075,-0.02 0.11,-0.03"), INK, 0.012)
    whisker = CREAM if luminance(rgb) < 0.7 else (110, 100, 104)
    b.line(
        path(
            "M -0.06,-0.07 L -0.24,-0.10 M -0.06,-0.04 L -0.23,-0.02 M 0.18,-0.07 L 0.34,-0.10 "
            "M 0.18,-0.04 L 0.33,-0.02"
        ),
        whisker,
        0.010,
    )


@lru_cache(maxsize=8)
def _dog_shape(stride: float) -> skia.Path:
    torso = path(
        "M -0.42,-0.40 C -0.44,-0.56 -0.32,-0.58 -0.20,-0.57 C -0.06,-0.56 0.02,-0.60 0.06,-0.72 "
        "L 0.36,-0.62 "
        "C 0.34,-0.46 0.34,-0.32 0.22,-0.25 C 0.08,-0.22 -0.10,-0.28 -0.20,-0.27 "
        "C -0.34,-0.24 -0.40,-0.30 -0.42,-0.40 Z"
    )
    return union(torso, leg(-0.32, -0.40, 0.10, 0.06, -stride), leg(0.20, -0.36, 0.09, 0.06, stride))


def dog(b: Brush, rgb: RGB, v: Variety) -> None:
    """Standing, hanging ears, long snout, collar, tail up. v: tail, stride, tilt of the head and tongue."""
    stride = step(v[1])
    b.shadow(0.44)
    with b.at(-0.37, -0.48, 1, turn=-22 + 34 * v[0]):
        b.fill(tube("M 0.03,0.02 C -0.10,-0.05 -0.13,-0.16 -0.10,-0.28", 0.08), rgb)
    b.fill(leg(-0.19, -0.36, 0.08, 0.055, stride), far(rgb))
    b.fill(leg(0.08, -0.34, 0.08, 0.055, -stride), far(rgb))
    b.fill(_dog_shape(stride), rgb)
    red, teal = COLOURS["red"], (40, 150, 152)
    b.line(path("M 0.07,-0.63 C 0.12,-0.52 0.22,-0.49 0.34,-0.50"), teal if rgb[0] > 1.35 * rgb[2] else red, 0.075)
    b.dot(0.25, -0.455, 0.036, (250, 208, 84))
    with b.at(0.22, -0.6, 1, turn=-6 + 10 * v[2]):
        _dog_head(b, rgb, tongue=v[2] > 0.5)


def _dog_head(b: Brush, rgb: RGB, tongue: bool) -> None:
    """Drawn about the neck at (0, 0)."""
    if tongue:
        b.fill(path("M 0.20,0.0 H 0.29 V 0.07 Q 0.245,0.13 0.20,0.07 Z"), (226, 96, 110), shade=0)
    b.fill(
        path(
            "M -0.20,-0.16 C -0.20,-0.34 -0.06,-0.38 0.04,-0.37 C 0.15,-0.36 0.20,-0.28 0.23,-0.22 "
            "C 0.34,-0.23 0.41,-0.19 0.40,-0.10 C 0.40,0.0 0.30,0.03 0.20,0.03 C 0.02,0.06 -0.20,0.04 -0.20,-0.16 Z"
        ),
        rgb,
    )
    b.fill(
        path(
            "M 0.16,-0.10 C 0.24,-0.20 0.40,-0.20 0.40,-0.10 C 0.40,0.0 0.30,0.03 0.20,0.03 "
            "C 0.12,0.02 0.12,-0.05 0.16,-0.10 Z"
        ),
        pale(rgb, 0.5),
        shade=0,
        outline=False,
    )
    b.fill(oval(0.365, -0.175, 0.052, 0.042), (40, 34, 40), shade=0, outline=False)
    b.line(path("M 0.37,-0.13 Q 0.34,-0.03 0.20,-0.04"), INK, 0.016)
    eye(b, 0.13, -0.20, 0.038, rgb)
    b.fill(
        path(
            "M -0.12,-0.33 C 0.02,-0.34 0.04,-0.22 0.02,-0.10 C 0.0,0.05 -0.10,0.12 -0.18,0.08 "
            "C -0.28,0.02 -0.26,-0.26 -0.12,-0.33 Z"
        ),
        deep(rgb),
    )


def bird(b: Brush, rgb: RGB, v: Variety) -> None:
    """Round, in profile on the ground, with beak, wing and tail. v: tail, wing, crest or none."""
    warm = rgb[0] > 220 and 100 < rgb[1] < 220 and rgb[2] < 90  # orange and yellow birds need another beak
    beak = (150, 92, 62) if warm else (242, 152, 46)
    b.shadow(0.3)
    for x in (-0.10, 0.10):
        b.fill(tube(f"M {x},-0.22 V -0.03 M {x - 0.05},-0.025 H {x + 0.11}", 0.05), beak, shade=0.1)
    with b.at(-0.28, -0.38, 1, turn=-14 + 26 * v[0]):
        b.fill(
            path(
                "M 0.10,-0.14 L -0.22,-0.16 Q -0.28,-0.12 -0.25,-0.07 L -0.27,0.0 Q -0.24,0.05 -0.18,0.04 L 0.14,0.12 Z"
            ),
            deep(rgb),
        )
    if v[2] > 0.6:
        b.fill(
            path(
                "M 0.24,-0.96 C 0.14,-1.0 0.02,-0.98 -0.03,-0.90 L 0.03,-0.90 L -0.03,-0.83 "
                "C 0.06,-0.80 0.16,-0.84 0.22,-0.90 Z"
            ),
            deep(rgb, 0.30),
        )
    b.fill(polygon(0.36, -0.84, 0.59, -0.735, 0.36, -0.65), beak)
    b.fill(
        path(
            "M -0.40,-0.44 C -0.32,-0.62 -0.08,-0.62 -0.02,-0.78 C 0.02,-0.94 0.14,-0.98 0.23,-0.98 "
            "C 0.38,-0.98 0.45,-0.86 0.43,-0.74 C 0.40,-0.66 0.42,-0.58 0.40,-0.48 C 0.38,-0.28 0.20,-0.15 0.0,-0.15 "
            "C -0.22,-0.15 -0.38,-0.26 -0.40,-0.44 Z"
        ),
        rgb,
    )
    b.fill(
        path("M 0.395,-0.52 C 0.39,-0.28 0.20,-0.15 0.02,-0.155 C 0.10,-0.28 0.22,-0.46 0.395,-0.52 Z"),
        pale(rgb),
        shade=0,
        outline=False,
    )
    with b.at(0.08, -0.52, 1, turn=-8 + 18 * v[1]):
        b.fill(
            path(
                "M 0.08,-0.06 C 0.10,0.12 -0.04,0.24 -0.20,0.22 C -0.30,0.21 -0.38,0.16 -0.44,0.12 "
                "C -0.30,0.08 -0.26,-0.12 -0.08,-0.13 C 0.02,-0.14 0.07,-0.11 0.08,-0.06 Z"
            ),
            deep(rgb, 0.30),
        )
        b.line(path("M -0.30,0.13 Q -0.18,0.13 -0.12,0.04 M -0.17,0.17 Q -0.06,0.15 -0.02,0.06"), pen(rgb), 0.016)
    eye(b, 0.27, -0.80, 0.045, rgb)


FAUNA: dict[str, Callable[[Brush, RGB, Variety], None]] = {
    "cat": cat,
    "dog": dog,
    "bird": bird,
    "horse": horse,
    "sheep": sheep,
    "cow": cow,
    "elephant": elephant,
    "bear": bear,
    "zebra": zebra,
    "giraffe": giraffe,
}
# Full width over height; the ink of each lies within half of it on either side.
ASPECT: dict[str, float] = {
    "cat": 1.04,
    "dog": 1.30,
    "bird": 1.24,
    "horse": 1.30,
    "sheep": 1.40,
    "cow": 1.52,
    "elephant": 1.48,
    "bear": 1.48,
    "zebra": 1.30,
    "giraffe": 0.90,
}
