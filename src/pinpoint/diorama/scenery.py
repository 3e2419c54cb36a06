"""What stands about in places: trees, posts, houses. All in the local frame: base at (0, 0), one unit tall."""

from collections.abc import Callable

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, darker, lighter, mix
from pinpoint.diorama.paths import box, oval, path, polygon
from pinpoint.diorama.weather import SNOW

TRUNK: RGB = (124, 92, 68)
LAMP: RGB = (255, 226, 140)


def stand(
    b: Brush,
    air: Air,
    x: float,
    y: float,
    h: float,
    draw: Callable[..., None],
    *args: object,
    wide: float = 0.2,
    flip: bool = False,
    bends: bool = True,
) -> None:
    """Put a thing of height `h` on the ground at (x, y), with the shadow of the hour; plants bend in a storm."""
    lean = air.light.lean * (-1 if air.flip else 1)
    if abs(lean) > 0.3 and b.style != "sketch":
        far, w = x + lean * h * 0.85, wide * h
        b.wash(
            polygon(
                round(x - w * 0.4, 3),
                y,
                round(x + w * 0.4, 3),
                y,
                round(far + w, 3),
                round(y + 0.05 * h + 0.02, 3),
                round(far - w, 3),
                round(y + 0.05 * h + 0.02, 3),
            ),
            (70, 66, 110),
            (70, 66, 110),
            alpha=0.28,
        )
    with b.at(x, y, h, flip=flip, turn=air.wind if bends else 0.0):
        draw(b, air, *args)


_CROWN = path(
    "M -0.20 -0.30 C -0.40 -0.30 -0.44 -0.54 -0.30 -0.62 C -0.36 -0.84 -0.12 -0.98 0.02 -0.92 "
    "C 0.20 -1.02 0.38 -0.84 0.31 -0.66 C 0.46 -0.56 0.42 -0.30 0.20 -0.30 Z"
)
_CROWN_SNOW = path(
    "M -0.30 -0.64 C -0.35 -0.84 -0.12 -0.98 0.02 -0.92 C 0.20 -1.02 0.38 -0.84 0.31 -0.68 "
    "C 0.24 -0.74 0.18 -0.66 0.10 -0.72 C 0.02 -0.78 -0.06 -0.66 -0.14 -0.72 C -0.20 -0.76 -0.24 -0.66 -0.30 -0.64 Z"
)


def round_tree(b: Brush, air: Air, green: RGB = (106, 164, 88), far: float = 0.0) -> None:
    """A park tree: a trunk under a lumpy ball of leaves."""
    b.limb(path("M 0 -0.02 L 0 -0.40"), air.far(TRUNK, far), 0.09)
    b.fill(_CROWN, air.far(mix(green, SNOW, 0.45) if air.snow else green, far), shade=0.28)
    if air.snow:
        b.fill(_CROWN_SNOW, air.far(SNOW, far), shade=0, outline=False)


_PINE = path(
    "M 0 -1 L 0.15 -0.70 L 0.09 -0.70 L 0.22 -0.42 L 0.13 -0.42 L 0.29 -0.10 L -0.29 -0.10 L -0.13 -0.42 "
    "L -0.22 -0.42 L -0.09 -0.70 L -0.15 -0.70 Z"
)
_PINE_SNOW = path(
    "M 0 -1 L 0.15 -0.70 L 0.05 -0.76 L 0 -0.68 L -0.06 -0.76 L -0.15 -0.70 Z "
    "M 0.10 -0.67 L 0.22 -0.42 L 0.11 -0.50 L 0.02 -0.42 L -0.10 -0.50 L -0.22 -0.42 L -0.10 -0.67 Z "
    "M 0.16 -0.36 L 0.29 -0.10 L 0.14 -0.20 L 0 -0.10 L -0.14 -0.20 L -0.29 -0.10 L -0.16 -0.36 Z"
)


def pine(b: Brush, air: Air, far: float = 0.0) -> None:
    """Three stepped triangles on a short stem."""
    b.limb(path("M 0 -0.02 L 0 -0.14"), air.far(TRUNK, far), 0.08)
    b.fill(_PINE, air.far((66, 122, 92), far), shade=0.25)
    if air.snow:
        b.fill(_PINE_SNOW, air.far(SNOW, far), shade=0, outline=False)


_FRONDS = tuple(
    path(d)
    for d in (
        "M 0.10 -0.82 C -0.06 -1.00 -0.30 -0.98 -0.40 -0.74 C -0.26 -0.86 -0.08 -0.88 0.10 -0.82 Z",
        "M 0.10 -0.82 C 0.28 -1.00 0.52 -0.96 0.60 -0.72 C 0.46 -0.86 0.28 -0.88 0.10 -0.82 Z",
        "M 0.10 -0.82 C -0.08 -0.84 -0.26 -0.72 -0.26 -0.48 C -0.18 -0.64 -0.04 -0.74 0.10 -0.82 Z",
        "M 0.10 -0.82 C 0.30 -0.84 0.48 -0.72 0.48 -0.46 C 0.38 -0.64 0.24 -0.74 0.10 -0.82 Z",
        "M 0.10 -0.82 C 0.06 -0.98 0.14 -1.04 0.30 -1.02 C 0.20 -0.98 0.14 -0.92 0.10 -0.82 Z",
    )
)


def palm(b: Brush, air: Air) -> None:
    """A bent trunk and five drooping fronds."""
    b.limb(path("M -0.10 0 C -0.10 -0.30 -0.02 -0.60 0.10 -0.82"), (168, 130, 92), 0.065)
    for d in ("M -0.13 -0.18 L -0.06 -0.20", "M -0.11 -0.36 L -0.04 -0.38", "M -0.07 -0.54 L 0.00 -0.57"):
        b.line(path(d), (118, 88, 62), 0.015)
    for frond in _FRONDS:
        b.fill(frond, mix((86, 160, 92), SNOW, 0.6 if air.snow else 0.0), shade=0.25)


def cactus(b: Brush, air: Air) -> None:
    """A saguaro with two raised arms."""
    green = mix((96, 150, 96), SNOW, 0.35 if air.snow else 0.0)
    b.limb(path("M 0 -0.34 L -0.24 -0.34 Q -0.30 -0.34 -0.30 -0.42 V -0.62"), green, 0.13)
    b.limb(path("M 0 -0.46 L 0.22 -0.46 Q 0.28 -0.46 0.28 -0.54 V -0.78"), green, 0.13)
    b.fill(box(-0.11, -1.0, 0.11, 0.0, 0.10), green, shade=0.2)
    for x in (-0.045, 0.045):
        b.line(path(f"M {x} -0.90 V -0.06"), darker(green, 0.25), 0.012)
    if air.snow:
        b.fill(oval(0, -0.97, 0.10, 0.045), SNOW, shade=0, outline=False)


def lamp_post(b: Brush, air: Air) -> None:
    """A slim post with a bent neck and a hood; its light is added by `lamps`."""
    b.limb(path("M 0 0 V -0.82 Q 0 -0.97 0.12 -0.97 Q 0.20 -0.97 0.20 -0.90"), (92, 98, 112), 0.028)
    b.fill(polygon(0.12, -0.84, 0.17, -0.92, 0.23, -0.92, 0.28, -0.84), (92, 98, 112), shade=0.1)
    b.fill(oval(0.20, -0.835, 0.055, 0.030), LAMP if air.lit else (238, 240, 236), shade=0, outline=False)


def bush(b: Brush, air: Air, green: RGB = (120, 172, 96), far: float = 0.0) -> None:
    """A low lumpy shrub, about twice as wide as tall."""
    shape = path("M -1 0 C -1.2 -0.5 -0.8 -0.8 -0.5 -0.7 C -0.3 -1.1 0.3 -1.1 0.4 -0.75 C 0.8 -0.9 1.2 -0.4 1 0 Z")
    b.fill(shape, air.far(mix(green, SNOW, 0.75) if air.snow else green, far), shade=0.2)


def house(b: Brush, air: Air, wall: RGB, roof: RGB, gable: bool, wide: float = 0.8) -> None:
    """A plastered front, one unit tall with its roof, with two rows of windows and a door."""
    w, eave = wide / 2, -0.72
    b.fill(box(-w, eave, w, 0.0), air.far(wall, 0.10), shade=0.10)
    if gable:
        top = polygon(-w - 0.03, eave, 0.0, -1.0, w + 0.03, eave)
    else:
        top = polygon(-w - 0.03, eave, -w + 0.08, -0.90, w - 0.08, -0.90, w + 0.03, eave)
    b.fill(top, air.far(SNOW if air.snow else roof, 0.10), shade=0.18)
    pane = LAMP if air.lit else (150, 186, 206)
    for x, y in ((-w * 0.5, -0.62), (w * 0.5, -0.62), (w * 0.5, -0.32)):
        left, right, low = round(x - 0.09, 3), round(x + 0.09, 3), round(y + 0.19, 3)
        b.wash(box(left, y, right, low), pane, lighter(pane, 0.2))
        bars = f"M {left} {y} H {right} V {low} H {left} V {y} M {x:.3f} {y} V {low} M {left} {y + 0.09:.2f} H {right}"
        b.line(path(bars), (250, 246, 236), 0.02)
    b.fill(
        box(round(-w * 0.5 - 0.09, 3), -0.34, round(-w * 0.5 + 0.09, 3), 0.0), air.far((126, 110, 116), 0.1), shade=0.1
    )
