"""What sails and flies: each drawn from the side, facing right, one unit tall (see `brush` for the frame)."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB, darker, lighter
from pinpoint.diorama.paths import box, path, polygon
from pinpoint.diorama.thing_parts import accent, pane


def boat(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A sailing boat: hull and main sail in `rgb`, a pale jib; v[0] picks the sail's mark, v[1] the pennant."""
    b.shadow(0.56, y=-0.02)
    b.line(path("M 0.02 -0.3 V -0.96"), (116, 82, 58), 0.035)
    b.fill(path("M -0.02 -0.94 Q -0.16 -0.6 -0.56 -0.36 L -0.02 -0.36 Z"), lighter(rgb, 0.12))
    if v[0] < 0.5:
        with b.clip(path("M -0.02 -0.94 Q -0.16 -0.6 -0.56 -0.36 L -0.02 -0.36 Z")):
            b.line(path("M -0.6 -0.48 H 0"), accent(rgb), 0.06)
    b.fill(path("M 0.07 -0.86 Q 0.34 -0.62 0.46 -0.37 L 0.07 -0.37 Z"), (250, 244, 230), shade=0.12)
    b.fill(path("M -0.62 -0.29 L 0.63 -0.31 Q 0.6 -0.12 0.42 -0.01 L -0.44 -0.01 Q -0.58 -0.1 -0.62 -0.29 Z"), rgb)
    b.line(path("M -0.585 -0.215 L 0.585 -0.23"), accent(rgb), 0.035)
    if v[1] < 0.6:
        b.fill(
            polygon(0.02, -0.99, -0.15, -0.955, 0.02, -0.92), (226, 96, 72) if v[1] < 0.3 else (70, 130, 196), shade=0.0
        )
    b.line(
        path(
            "M -0.62 -0.02 Q -0.54 -0.06 -0.46 -0.02 Q -0.38 0.0 -0.3 -0.02 "
            "M 0.2 -0.02 Q 0.3 -0.06 0.4 -0.02 Q 0.5 0.0 0.6 -0.03"
        ),
        (222, 238, 246),
        0.025,
    )


def airplane(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """An airliner climbing gently; v[0] puts a band along the windows, v[1] picks the tail's mark."""
    b.fill(path("M 0.0 -0.56 L -0.26 -0.86 L -0.13 -0.87 L 0.3 -0.58 Z"), darker(rgb, 0.22))
    b.fill(path("M -0.62 -0.52 L -0.9 -0.98 L -0.7 -0.99 Q -0.5 -0.72 -0.3 -0.62 Z"), rgb)
    b.fill(
        path(
            "M -0.94 -0.5 Q -0.7 -0.66 -0.3 -0.68 L 0.5 -0.68 Q 0.86 -0.66 0.94 -0.48 Q 0.9 -0.34 0.56 -0.32 "
            "L -0.1 -0.32 Q -0.6 -0.34 -0.94 -0.5 Z"
        ),
        rgb,
    )
    if v[0] < 0.5:
        b.line(path("M -0.76 -0.48 Q -0.5 -0.44 0.9 -0.45"), accent(rgb), 0.045)
    b.fill(
        path("M 0.66 -0.66 Q 0.8 -0.64 0.88 -0.55 L 0.68 -0.54 Z"),
        pane(b),
        shade=0.1,
        outline=False,
    )
    for k in range(6):
        b.dot(-0.36 + 0.17 * k, -0.56, 0.035, pane(b))
    b.fill(path("M 0.24 -0.42 L -0.34 -0.01 L -0.5 -0.01 L -0.2 -0.42 Z"), lighter(rgb, 0.10))
    b.fill(box(-0.02, -0.27, 0.2, -0.15, 0.055), darker(rgb, 0.25))
    b.fill(path("M -0.56 -0.5 L -0.92 -0.36 L -0.8 -0.35 L -0.4 -0.46 Z"), darker(rgb, 0.10))
    if v[1] < 0.6:
        b.dot(-0.72, -0.84, 0.055, accent(rgb))
