"""What stands on a table: crockery, a vase, a book, a cake; each one unit tall (see `brush` for the frame)."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB, darker, lighter, mix
from pinpoint.diorama.paths import box, oval, path, polygon
from pinpoint.diorama.thing_parts import LEAF, LIT, PAPER, accent


def vase(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A bellied vase with one to three flowers (v[0]), a band or waves on it (v[1])."""
    b.shadow(0.24)
    stems = ((0.03, -0.88, (244, 170, 190)), (-0.18, -0.8, (250, 214, 96)), (0.2, -0.78, (250, 246, 236)))[
        : 1 + int(v[0] * 3)
    ]
    for x, y, petal in stems:
        b.line(path(f"M 0 -0.6 Q {x * 0.4:.2f} {y + 0.15:.2f} {x} {y}"), LEAF, 0.024)
        for dx, dy in ((-0.055, 0.0), (0.055, 0.0), (0.0, -0.055), (0.0, 0.055)):
            b.dot(x + dx, y + dy, 0.05, petal)
        b.dot(x, y, 0.035, (206, 130, 60))
    b.fill(
        path(
            "M -0.11 -0.69 L 0.11 -0.69 Q 0.1 -0.58 0.09 -0.53 Q 0.3 -0.45 0.3 -0.26 Q 0.29 -0.09 0.15 "
            "-0.01 L -0.15 -0.01 "
            "Q -0.29 -0.09 -0.3 -0.26 Q -0.3 -0.45 -0.09 -0.53 Q -0.1 -0.58 -0.11 -0.69 Z"
        ),
        rgb,
        shade=0.34,
    )
    if v[1] < 0.5:
        b.line(path("M -0.28 -0.2 Q 0 -0.13 0.28 -0.2"), accent(rgb), 0.035)
    else:
        b.line(path("M -0.285 -0.22 Q -0.14 -0.3 -0.01 -0.2 Q 0.12 -0.12 0.285 -0.22"), accent(rgb), 0.035)
    b.fill(oval(0.0, -0.69, 0.12, 0.03), darker(rgb, 0.35), shade=0.0)
    b.fill(oval(-0.15, -0.36, 0.035, 0.07), mix(rgb, (255, 255, 255), 0.6), shade=0.0, outline=False)


def book(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A thick book standing a little turned: spine, cover, pages on top; v[0] picks the emblem, v[1] a ribbon."""
    b.shadow(0.38)
    b.fill(path("M -0.38 -0.88 L -0.2 -0.99 L 0.39 -0.92 L 0.3 -0.84 Z"), PAPER, shade=0.1)
    b.line(path("M -0.3 -0.88 L 0.33 -0.86 M -0.24 -0.93 L 0.36 -0.89"), (196, 180, 156), 0.01)
    b.fill(path("M -0.4 -0.87 L -0.24 -0.83 L -0.24 -0.005 L -0.4 -0.07 Z"), darker(rgb, 0.28))
    b.fill(path("M -0.24 -0.83 L 0.4 -0.91 L 0.4 -0.09 L -0.24 -0.005 Z"), rgb)
    b.line(path("M -0.4 -0.72 L -0.25 -0.67 M -0.4 -0.22 L -0.25 -0.16"), accent(rgb), 0.03)
    b.line(path("M -0.16 -0.74 L 0.32 -0.8 L 0.32 -0.16 L -0.16 -0.1 Z"), accent(rgb), 0.018)
    if v[0] < 0.5:
        b.line(path("M -0.06 -0.6 L 0.22 -0.635 M -0.02 -0.51 L 0.18 -0.535"), accent(rgb), 0.045)
    else:
        b.fill(polygon(0.08, -0.62, 0.19, -0.47, 0.08, -0.3, -0.03, -0.45), accent(rgb), shade=0.0, outline=False)
    if v[1] < 0.4:
        b.fill(path("M 0.24 -0.9 L 0.32 -0.91 L 0.32 -0.72 L 0.28 -0.76 L 0.24 -0.71 Z"), (214, 74, 60), shade=0.0)


def cup(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A mug with its handle on the right and steam; v[0] picks dots, a band or nothing, v[1] the curl of steam."""
    b.shadow(0.42)
    b.limb(path("M 0.26 -0.58 Q 0.53 -0.62 0.5 -0.4 Q 0.47 -0.2 0.24 -0.2"), rgb, 0.1)
    b.fill(
        path("M -0.44 -0.71 L -0.39 -0.1 Q -0.37 -0.01 -0.26 -0.01 L 0.12 -0.01 Q 0.23 -0.01 0.25 -0.1 L 0.3 -0.71 Z"),
        rgb,
        shade=0.28,
    )
    if v[0] < 0.33:
        for x, y in ((-0.29, -0.5), (-0.08, -0.46), (0.14, -0.5), (-0.2, -0.25), (0.04, -0.25)):
            b.dot(x, y, 0.045, accent(rgb))
    elif v[0] < 0.66:
        b.line(path("M -0.4 -0.34 Q -0.07 -0.28 0.26 -0.34"), accent(rgb), 0.07)
    b.fill(oval(-0.07, -0.71, 0.37, 0.075), darker(rgb, 0.25), shade=0.0)
    b.fill(oval(-0.07, -0.7, 0.29, 0.045), (108, 66, 44), shade=0.0, outline=False)
    s = 1 if v[1] < 0.5 else -1
    b.line(
        path(
            f"M -0.18 -0.78 Q {-0.18 - 0.1 * s:.2f} -0.84 -0.18 -0.89 Q {-0.18 + 0.08 * s:.2f} -0.93 -0.18 -0.97 "
            f"M 0.04 -0.78 Q {0.04 - 0.1 * s:.2f} -0.84 0.04 -0.89 Q {0.04 + 0.08 * s:.2f} -0.93 0.04 -0.97"
        ),
        (252, 250, 246),
        0.035,
    )


def bottle(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Slim neck, round shoulders, a paper label (v[0] picks what is on it) and a cork."""
    b.shadow(0.24)
    b.fill(box(-0.055, -0.99, 0.055, -0.88, 0.015), (206, 164, 112))
    glass = path(
        "M -0.08 -0.92 L 0.08 -0.92 L 0.08 -0.7 Q 0.235 -0.64 0.235 -0.5 L 0.235 -0.07 Q 0.235 -0.01 0.17 -0.01 "
        "L -0.17 -0.01 Q -0.235 -0.01 -0.235 -0.07 L -0.235 -0.5 Q -0.235 -0.64 -0.08 -0.7 Z"
    )
    b.fill(glass, rgb, shade=0.34)
    b.fill(box(-0.095, -0.93, 0.095, -0.86, 0.02), darker(rgb, 0.2), shade=0.0, outline=False)
    b.fill(box(-0.17, -0.4, 0.17, -0.17, 0.02), PAPER, shade=0.06, outline=False)
    if v[0] < 0.5:
        b.dot(0.0, -0.285, 0.07, rgb)
    else:
        b.line(path("M -0.09 -0.33 H 0.09 M -0.09 -0.24 H 0.04"), darker(rgb, 0.2), 0.034)
    b.line(path("M -0.165 -0.58 V -0.47"), mix(rgb, (255, 255, 255), 0.7), 0.034)


def cake(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Two tiers of icing in `rgb` on a plate, with one to three candles (v[0]); v[1] adds cherries."""
    b.shadow(0.54)
    b.fill(oval(0.0, -0.06, 0.59, 0.055), (232, 236, 240), shade=0.1)
    b.fill(path("M -0.5 -0.42 L -0.5 -0.1 Q 0 0.0 0.5 -0.1 L 0.5 -0.42 Z"), rgb, shade=0.26)
    b.line(
        path(
            "M -0.49 -0.4 Q -0.41 -0.24 -0.33 -0.37 Q -0.25 -0.2 -0.16 -0.35 Q -0.08 -0.18 0.0 -0.35 "
            "Q 0.08 -0.18 0.16 -0.35 Q 0.25 -0.2 0.33 -0.37 Q 0.41 -0.24 0.49 -0.4"
        ),
        accent(rgb),
        0.045,
    )
    b.fill(oval(0.0, -0.42, 0.5, 0.075), lighter(rgb, 0.2), shade=0.0)
    b.fill(path("M -0.33 -0.68 L -0.33 -0.42 Q 0 -0.34 0.33 -0.42 L 0.33 -0.68 Z"), rgb, shade=0.26)
    b.line(
        path(
            "M -0.32 -0.66 Q -0.24 -0.5 -0.16 -0.61 Q -0.08 -0.46 0.0 -0.6 Q 0.08 -0.46 0.16 -0.61 Q "
            "0.24 -0.5 0.32 -0.66"
        ),
        accent(rgb),
        0.04,
    )
    b.fill(oval(0.0, -0.68, 0.33, 0.055), lighter(rgb, 0.2), shade=0.0)
    for x in ((0.0,), (-0.12, 0.12), (-0.18, 0.0, 0.18))[int(v[0] * 3)]:
        b.line(path(f"M {x} -0.69 V -0.84"), (250, 244, 230), 0.05)
        b.fill(
            path(f"M {x} -0.985 Q {x + 0.07} -0.88 {x} -0.86 Q {x - 0.07} -0.88 {x} -0.985 Z"),
            (250, 178, 60),
            shade=0.0,
        )
    if v[1] < 0.5:
        for x in (-0.4, 0.4):
            b.dot(x, -0.46, 0.055, (196, 40, 56))
    if b.light.lamps:
        b.glow(0.0, -0.9, 0.3, LIT, 0.5)
