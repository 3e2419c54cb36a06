"""What drives: each drawn from the side, facing right, one unit tall (see `brush` for the frame)."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, darker, lighter
from pinpoint.diorama.paths import box, oval, path
from pinpoint.diorama.thing_parts import LEATHER, LIT, STEEL, TYRE, accent, pane


def wheel(b: Brush, x: float, r: float) -> None:
    """A car's wheel standing on the ground at `x`."""
    b.fill(oval(x, -r, r, r), TYRE, shade=0.12)
    b.fill(oval(x, -r, r * 0.52, r * 0.52), STEEL, shade=0.15, outline=False)
    b.dot(x, -r, r * 0.17, TYRE)


def _panes(b: Brush, *edges: tuple[float, float, float, float]) -> None:
    """Windows by left, top, right, bottom; after dark they shine."""
    for left, top, right, bottom in edges:
        b.fill(box(left, top, right, bottom, 0.035), pane(b), shade=0.10, outline=False)
    if b.light.lamps:
        left, top, right, bottom = edges[0][0], edges[0][1], edges[-1][2], edges[-1][3]
        with b.clip(box(left - 0.07, top - 0.1, right + 0.07, bottom + 0.14)):
            b.glow((left + right) / 2, (top + bottom) / 2, (right - left) * 0.6, LIT, 0.3)


def _headlight(b: Brush, x: float, y: float, r: float) -> None:
    b.dot(x, y, r, (255, 236, 170))
    if b.light.lamps:
        b.glow(x + r, y, r * 5, LIT, 0.7)


def bicycle(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Diamond frame and rims in `rgb`; v[0] adds a basket, v[1] picks mudguards."""
    b.shadow(0.74)
    for x in (-0.46, 0.46):
        rim = oval(x, -0.335, 0.285, 0.285)
        b.line(path(f"M {x - 0.27} -0.335 H {x + 0.27} M {x} -0.605 V -0.065"), (150, 150, 156), 0.012)
        b.line(
            path(f"M {x - 0.19} -0.525 L {x + 0.19} -0.145 M {x - 0.19} -0.145 L {x + 0.19} -0.525"),
            (150, 150, 156),
            0.012,
        )
        b.line(oval(x, -0.335, 0.305, 0.305), TYRE, 0.05)
        b.line(rim, rgb, 0.05)
    b.line(path("M 0.46 -0.335 Q 0.36 -0.6 0.31 -0.93 L 0.47 -0.95"), TYRE, 0.05)
    b.limb(path("M -0.46 -0.335 L -0.06 -0.32 L 0.33 -0.76 L -0.18 -0.74 Z"), rgb, 0.075)
    b.limb(path("M -0.06 -0.32 L -0.21 -0.84 M 0.46 -0.335 Q 0.37 -0.55 0.32 -0.84"), rgb, 0.075)
    b.fill(path("M -0.36 -0.88 Q -0.2 -0.92 -0.06 -0.87 Q -0.12 -0.81 -0.2 -0.81 Q -0.33 -0.8 -0.36 -0.88 Z"), LEATHER)
    b.dot(-0.06, -0.32, 0.075, TYRE)
    b.line(path("M -0.06 -0.32 L 0.04 -0.2 M 0.0 -0.2 H 0.1"), TYRE, 0.035)
    if v[0] < 0.4:
        b.fill(path("M 0.4 -0.9 H 0.7 L 0.65 -0.67 H 0.44 Z"), (190, 144, 92))
    if v[1] < 0.6:
        b.limb(
            path("M -0.79 -0.42 Q -0.72 -0.7 -0.44 -0.7" if v[1] < 0.3 else "M 0.3 -0.66 Q 0.6 -0.76 0.76 -0.46"),
            rgb,
            0.04,
        )


_CARS = (  # a saloon and a hatchback: the body, then the two panes
    (
        "M -0.98 -0.3 Q -1.0 -0.55 -0.84 -0.57 L -0.66 -0.6 Q -0.48 -0.98 -0.3 -0.98 L 0.16 -0.98 "
        "Q 0.34 -0.98 0.52 -0.6 Q 0.9 -0.57 0.96 -0.42 L 0.98 -0.24 "
        "Q 0.98 -0.17 0.9 -0.17 L -0.9 -0.17 Q -0.98 -0.17 -0.98 -0.3 Z",
        "M -0.52 -0.6 Q -0.4 -0.87 -0.27 -0.87 L -0.12 -0.87 L -0.12 -0.6 Z",
        "M -0.03 -0.6 L -0.03 -0.87 L 0.14 -0.87 Q 0.25 -0.87 0.38 -0.6 Z",
    ),
    (
        "M -0.96 -0.3 Q -0.98 -0.62 -0.9 -0.7 Q -0.78 -0.98 -0.6 -0.98 L 0.1 -0.98 Q 0.28 -0.98 0.48 -0.6 "
        "Q 0.9 -0.58 0.96 -0.42 L 0.98 -0.24 Q 0.98 -0.17 0.9 -0.17 L -0.9 -0.17 Q -0.96 -0.17 -0.96 -0.3 Z",
        "M -0.78 -0.61 Q -0.7 -0.87 -0.58 -0.87 L -0.26 -0.87 L -0.26 -0.61 Z",
        "M -0.17 -0.61 L -0.17 -0.87 L 0.06 -0.87 Q 0.18 -0.87 0.34 -0.61 Z",
    ),
)


def car(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A small family car; v[0] picks saloon or hatchback, v[1] a roof rack's absence or a stripe."""
    b.shadow(0.96)
    body, *windows = _CARS[int(v[0] * 2)]
    b.fill(path(body), rgb)
    for window in windows:
        b.fill(path(window), pane(b), shade=0.12, outline=False)
    if v[1] < 0.35:
        b.line(path("M -0.9 -0.42 H 0.9"), accent(rgb), 0.035)
    b.line(path("M -0.08 -0.56 V -0.22 M 0.02 -0.47 H 0.1"), darker(rgb, 0.4), 0.018)
    b.line(path("M -0.92 -0.22 H 0.94"), (120, 120, 128), 0.035)
    for x in (-0.55, 0.55):
        with b.clip(path(body)):
            b.fill(oval(x, -0.2, 0.255, 0.255), darker(rgb, 0.5), shade=0.0, outline=False)
        wheel(b, x, 0.21)
    b.dot(-0.93, -0.42, 0.045, (196, 60, 50))
    _headlight(b, 0.9, -0.43, 0.06)
    if b.light.lamps:
        with b.clip(path(body)):
            b.glow(-0.05, -0.72, 0.5, LIT, 0.3)


def bus(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A long box with a row of windows and a door; v[0] gives it a stripe, v[1] an air conditioner's hump."""
    b.shadow(1.02)
    if v[1] < 0.5:
        b.fill(box(-0.6, -0.99, 0.1, -0.9, 0.04), darker(rgb, 0.12))
    b.fill(
        path(
            "M -1.02 -0.2 L -1.02 -0.84 Q -1.02 -0.94 -0.92 -0.94 L 0.86 -0.94 Q 0.97 -0.94 0.99 -0.84 "
            "L 1.03 -0.45 L 1.03 -0.2 Q 1.03 -0.13 0.96 -0.13 L -0.95 -0.13 Q -1.02 -0.13 -1.02 -0.2 Z"
        ),
        rgb,
    )
    if v[0] < 0.6:
        b.fill(box(-1.0, -0.4, 0.53, -0.33), accent(rgb), shade=0.0, outline=False)
    _panes(b, *((x, -0.82, x + 0.25, -0.52) for x in (-0.94, -0.645, -0.35, -0.055, 0.24)))
    b.fill(box(0.555, -0.82, 0.775, -0.16, 0.03), darker(rgb, 0.35), shade=0.0, outline=False)
    _panes(b, (0.575, -0.79, 0.655, -0.3), (0.675, -0.79, 0.755, -0.3))
    b.fill(
        path("M 0.83 -0.82 L 0.93 -0.82 L 0.97 -0.5 L 0.83 -0.5 Z"),
        pane(b),
        shade=0.1,
        outline=False,
    )
    b.fill(box(0.5, -0.915, 0.92, -0.85, 0.02), TYRE, shade=0.0, outline=False)
    for x in (-0.6, 0.36):
        wheel(b, x, 0.18)
    _headlight(b, 0.975, -0.3, 0.045)


def truck(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A cab and, behind a gap, a taller windowless load; v[0] marks the load with a band, a disc or ribs."""
    b.shadow(0.98)
    b.fill(box(-0.97, -0.3, 0.92, -0.2, 0.02), TYRE, shade=0.0)
    b.fill(box(-0.98, -0.98, 0.33, -0.28, 0.03), lighter(rgb, 0.10))
    mark = int(v[0] * 3)
    if mark == 0:
        b.fill(box(-0.97, -0.5, 0.32, -0.4), accent(rgb), shade=0.0, outline=False)
    elif mark == 1:
        b.fill(oval(-0.32, -0.64, 0.17, 0.17), accent(rgb), shade=0.0, outline=False)
    else:
        b.line(
            path("M -0.72 -0.95 V -0.32 M -0.46 -0.95 V -0.32 M -0.2 -0.95 V -0.32 M 0.06 -0.95 V -0.32"),
            darker(rgb, 0.3),
            0.018,
        )
    b.fill(
        path(
            "M 0.42 -0.22 L 0.42 -0.74 Q 0.42 -0.8 0.48 -0.8 L 0.68 -0.8 Q 0.74 -0.8 0.78 -0.74 L 0.87 -0.52 "
            "Q 0.97 -0.5 0.97 -0.42 L 0.97 -0.17 L 0.42 -0.17 Z"
        ),
        rgb,
    )
    b.fill(
        path("M 0.54 -0.52 L 0.54 -0.72 L 0.66 -0.72 Q 0.7 -0.72 0.72 -0.68 L 0.79 -0.52 Z"),
        pane(b),
        shade=0.12,
        outline=False,
    )
    b.line(path("M 0.5 -0.42 H 0.57"), darker(rgb, 0.5), 0.025)
    b.fill(box(0.86, -0.22, 0.99, -0.12, 0.02), STEEL, shade=0.1)
    for x in (-0.68, -0.28, 0.64):
        wheel(b, x, 0.19)
    _headlight(b, 0.93, -0.34, 0.05)


def motorcycle(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Fat wheels, a tank, a fairing and a tail in `rgb`; v[0] raises the bars, v[1] picks a pale racing stripe."""
    b.shadow(0.76)
    for x in (-0.5, 0.5):
        b.line(oval(x, -0.29, 0.225, 0.225), TYRE, 0.115)
        b.line(oval(x, -0.29, 0.15, 0.15), rgb, 0.045)
        b.dot(x, -0.29, 0.06, STEEL)
    b.line(path("M -0.5 -0.29 L -0.08 -0.34"), TYRE, 0.07)
    b.line(path("M 0.5 -0.29 L 0.3 -0.82"), STEEL, 0.06)
    b.fill(box(-0.22, -0.46, 0.2, -0.13, 0.09), (120, 122, 132))
    b.line(path("M 0.06 -0.16 H -0.3 L -0.72 -0.23"), STEEL, 0.065)
    b.fill(
        path(
            "M -0.76 -0.77 Q -0.6 -0.74 -0.3 -0.6 L 0.02 -0.58 L -0.06 -0.4 "
            "Q -0.36 -0.36 -0.44 -0.52 Q -0.56 -0.66 -0.76 -0.77 Z"
        ),
        rgb,
    )
    b.fill(
        path("M -0.62 -0.78 Q -0.34 -0.76 -0.08 -0.68 L -0.06 -0.58 L -0.28 -0.58 Q -0.44 -0.7 -0.62 -0.78 Z"),
        LEATHER,
        shade=0.1,
    )
    b.fill(
        path(
            "M -0.12 -0.62 Q -0.06 -0.84 0.16 -0.84 Q 0.36 -0.82 0.42 -0.66 "
            "Q 0.5 -0.5 0.28 -0.26 Q 0.12 -0.24 0.1 -0.4 Q -0.02 -0.5 -0.12 -0.62 Z"
        ),
        rgb,
    )
    if v[1] < 0.5:
        b.line(path("M 0.0 -0.7 Q 0.2 -0.7 0.3 -0.5"), accent(rgb), 0.04)
    b.fill(path("M 0.22 -0.48 Q 0.5 -0.72 0.77 -0.42 Q 0.7 -0.5 0.5 -0.52 Q 0.36 -0.5 0.26 -0.38 Z"), rgb, shade=0.1)
    b.fill(oval(0.43, -0.74, 0.1, 0.1), rgb)
    _headlight(b, 0.48, -0.74, 0.06)
    top = -0.96 if v[0] < 0.5 else -0.92
    b.line(path(f"M 0.36 -0.8 L 0.3 {top} L 0.16 {top + 0.01}"), INK, 0.05)
