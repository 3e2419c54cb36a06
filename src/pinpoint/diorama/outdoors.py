"""What stands in a street or a park, and what one carries there; each one unit tall (see `brush` for the frame)."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance
from pinpoint.diorama.paths import angle_point, box, oval, path, polygon
from pinpoint.diorama.thing_parts import STEEL, TYRE, accent, mirrored


def bench(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A park bench: broad planks in `rgb` on dark iron; v[0] picks two or three planks in the back."""
    b.shadow(0.8)
    b.limb(
        path("M -0.64 -0.4 L -0.68 -0.03 M 0.64 -0.4 L 0.68 -0.03 M -0.46 -0.36 V -0.1 M 0.46 -0.36 V -0.1"), TYRE, 0.06
    )
    b.limb(path("M -0.6 -0.4 L -0.63 -0.95 M 0.6 -0.4 L 0.63 -0.95"), TYRE, 0.06)
    edges = ((-0.97, -0.76), (-0.73, -0.52)) if v[0] < 0.5 else ((-0.97, -0.83), (-0.8, -0.66), (-0.63, -0.5))
    for top, bottom in edges:
        b.fill(box(-0.78, top, 0.78, bottom, 0.03), rgb)
    b.fill(path("M -0.72 -0.47 L 0.72 -0.47 L 0.83 -0.31 L -0.83 -0.31 Z"), lighter(rgb, 0.12))
    b.line(path("M -0.76 -0.395 H 0.76"), darker(rgb, 0.4), 0.016)
    b.fill(box(-0.83, -0.32, 0.83, -0.23, 0.02), darker(rgb, 0.18), shade=0.1)
    b.line(path("M -0.62 -0.62 Q -0.82 -0.66 -0.79 -0.44 M 0.62 -0.62 Q 0.82 -0.66 0.79 -0.44"), TYRE, 0.05)


def umbrella(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Open, standing on its crook; v[0] makes every second gore pale or dotted."""
    b.shadow(0.2)
    b.line(path("M 0 -0.99 V -0.93"), INK, 0.03)
    b.line(path("M 0 -0.5 V -0.12 Q 0 -0.03 0.08 -0.03 Q 0.15 -0.03 0.15 -0.11"), (124, 84, 56), 0.05)
    b.fill(
        path(
            "M -0.57 -0.48 Q -0.54 -0.95 0 -0.95 Q 0.54 -0.95 0.57 -0.48 Q 0.46 -0.56 0.35 -0.48 Q "
            "0.24 -0.56 0.12 -0.48 "
            "Q 0 -0.56 -0.12 -0.48 Q -0.24 -0.56 -0.35 -0.48 Q -0.46 -0.56 -0.57 -0.48 Z"
        ),
        rgb,
        shade=0.28,
    )
    if v[0] < 0.5:
        pale = lighter(rgb, 0.55) if sum(rgb) < 660 else (214, 204, 196)
        b.fill(
            path("M -0.35 -0.49 Q -0.3 -0.85 0 -0.95 Q -0.12 -0.8 -0.12 -0.49 Q -0.24 -0.56 -0.35 -0.49 Z"),
            pale,
            shade=0.0,
            outline=False,
        )
        b.fill(
            path("M 0.35 -0.49 Q 0.3 -0.85 0 -0.95 Q 0.12 -0.8 0.12 -0.49 Q 0.24 -0.56 0.35 -0.49 Z"),
            pale,
            shade=0.0,
            outline=False,
        )
    b.line(
        path(
            "M 0 -0.95 Q -0.3 -0.85 -0.35 -0.49 M 0 -0.95 Q -0.12 -0.8 -0.12 -0.49 M 0 -0.95 "
            "Q 0.12 -0.8 0.12 -0.49 M 0 -0.95 Q 0.3 -0.85 0.35 -0.49"
        ),
        darker(rgb, 0.35),
        0.014,
    )


def suitcase(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A ribbed trolley case with its handle out; v[0] and v[1] place a sticker and a tag."""
    b.shadow(0.32)
    b.line(path("M -0.14 -0.74 V -0.95 H 0.14 V -0.74"), (96, 98, 108), 0.04)
    b.line(path("M -0.14 -0.95 H 0.14"), TYRE, 0.065)
    for x in (-0.22, 0.22):
        b.dot(x, -0.05, 0.05, TYRE)
    b.fill(box(-0.34, -0.78, 0.34, -0.07, 0.08), rgb)
    b.line(
        path("M -0.2 -0.72 V -0.13 M -0.07 -0.72 V -0.13 M 0.07 -0.72 V -0.13 M 0.2 -0.72 V -0.13"),
        darker(rgb, 0.32),
        0.02,
    )
    for x, y in ((-0.27, -0.71), (0.27, -0.71), (-0.27, -0.14), (0.27, -0.14)):
        b.dot(x, y, 0.05, darker(rgb, 0.4))
    b.limb(path("M -0.08 -0.77 Q 0 -0.84 0.08 -0.77"), darker(rgb, 0.3), 0.03)
    if v[0] < 0.6:
        x, y = (-0.12, -0.5) if v[0] < 0.3 else (0.13, -0.3)
        b.fill(oval(x, y, 0.1, 0.1), accent(rgb), shade=0.0)
        b.fill(polygon(x, y - 0.05, x + 0.05, y + 0.04, x - 0.05, y + 0.04), rgb, shade=0.0, outline=False)
    if v[1] < 0.5:
        b.line(path("M 0.06 -0.8 L 0.22 -0.62"), INK, 0.012)
        b.fill(polygon(0.19, -0.66, 0.29, -0.58, 0.21, -0.48, 0.13, -0.56), (250, 240, 214), shade=0.0)


def _pentagon(x: float, y: float, r: float, turn: float) -> list[float]:
    return [c for k in range(5) for c in angle_point(x, y, r, turn + 72 * k)]


def sports_ball(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A ball in `rgb`: v[0] picks a football's patches, a basketball's seams or a volleyball's panels."""
    b.shadow(0.42)
    ball = oval(0.0, -0.5, 0.485, 0.485)
    b.fill(ball, rgb, shade=0.34)
    dark = accent(rgb) if sum(rgb) < 220 else INK
    kind = int(v[0] * 3)
    with b.clip(ball):
        if kind == 0:
            patch = dark if sum(rgb) > 600 else accent(rgb)
            b.fill(polygon(*_pentagon(0.0, -0.5, 0.15, -90)), patch, shade=0.0, outline=False)
            for k in range(5):
                x, y = angle_point(0.0, -0.5, 0.47, 72 * k - 90)
                b.fill(polygon(*_pentagon(x, y, 0.15, 72 * k + 90)), patch, shade=0.0, outline=False)
                near, far = angle_point(0.0, -0.5, 0.15, 72 * k - 90), angle_point(0.0, -0.5, 0.32, 72 * k - 90)
                b.line(polygon(*near, *far, closed=False), patch, 0.022)
        elif kind == 1:
            b.line(
                path(
                    "M -0.5 -0.46 Q 0 -0.56 0.5 -0.54 M 0.04 -1 Q -0.06 -0.5 0.04 0 M -0.3 -1 "
                    "Q 0.02 -0.5 -0.3 0 M 0.36 -1 Q 0.02 -0.5 0.36 0"
                ),
                dark,
                0.032,
            )
        else:
            b.line(
                path(
                    "M 0 -0.5 Q -0.16 -0.8 0.1 -1.02 M 0 -0.5 Q 0.34 -0.5 0.42 -0.16 M 0 -0.5 Q -0.18 -0.24 -0.5 -0.34"
                ),
                accent(rgb),
                0.045,
            )
            b.line(
                path(
                    "M -0.2 -0.56 Q -0.32 -0.8 -0.16 -1.0 M 0.16 -0.62 "
                    "Q 0.44 -0.66 0.56 -0.4 M 0.04 -0.3 Q -0.12 -0.06 -0.36 -0.1"
                ),
                accent(rgb),
                0.03,
            )


def fire_hydrant(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Bonnet, barrel, two side nozzles and one in front; v[0] gives it a pale band, v[1] a pale bonnet nut."""
    b.shadow(0.28)
    b.fill(box(-0.06, -0.99, 0.06, -0.88, 0.02), accent(rgb) if v[1] < 0.5 else darker(rgb, 0.2))
    b.fill(box(-0.33, -0.62, 0.33, -0.46, 0.03), darker(rgb, 0.14))
    b.fill(box(-0.335, -0.65, -0.265, -0.43, 0.02), rgb, shade=0.1)
    b.fill(box(0.265, -0.65, 0.335, -0.43, 0.02), rgb, shade=0.1)
    b.fill(box(-0.2, -0.75, 0.2, -0.08, 0.02), rgb, shade=0.30)
    b.fill(path("M -0.22 -0.72 Q -0.2 -0.93 0 -0.93 Q 0.2 -0.93 0.22 -0.72 Z"), rgb)
    b.fill(box(-0.26, -0.77, 0.26, -0.69, 0.03), darker(rgb, 0.1))
    if v[0] < 0.5:
        b.fill(box(-0.19, -0.27, 0.19, -0.19), accent(rgb), shade=0.0, outline=False)
    b.fill(oval(0.0, -0.5, 0.12, 0.12), lighter(rgb, 0.12))
    b.fill(oval(0.0, -0.5, 0.06, 0.06), darker(rgb, 0.35), shade=0.0, outline=False)
    b.fill(box(-0.29, -0.13, 0.29, -0.005, 0.03), darker(rgb, 0.08))


def traffic_light(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Three lamps under hoods in a case of `rgb` on a short post; v[0] says which lamp burns."""
    b.shadow(0.16)
    b.fill(box(-0.045, -0.25, 0.045, -0.005), (104, 106, 116))
    b.fill(box(-0.13, -0.05, 0.13, -0.005, 0.01), (84, 86, 96), shade=0.1)
    b.fill(box(-0.215, -0.985, 0.215, -0.17, 0.07), rgb)
    lamps = ((226, 58, 48), (252, 200, 56), (70, 190, 96))
    for k, (y, colour) in enumerate(zip((-0.845, -0.58, -0.315), lamps, strict=True)):
        on = k == int(v[0] * 3)
        b.dot(0.0, y, 0.118, darker(rgb, 0.55) if sum(rgb) > 220 else (150, 150, 156))
        b.dot(0.0, y, 0.092, colour if on else darker(colour, 0.45))
        if on:
            b.dot(-0.03, y - 0.03, 0.025, (255, 250, 236))
            b.glow(0.0, y, 0.3, colour, 0.8 if b.light.lamps else 0.3)
        b.line(
            path(f"M -0.125 {y - 0.02} Q -0.1 {y - 0.13} 0 {y - 0.13} Q 0.1 {y - 0.13} 0.125 {y - 0.02}"),
            darker(rgb, 0.4),
            0.028,
        )


def stop_sign(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """The octagon in `rgb` with a pale rim and STOP on it; v[0] leans a tuft of grass at the foot of the pole."""
    b.shadow(0.14)
    b.fill(box(-0.03, -0.5, 0.03, -0.005), STEEL, shade=0.15)
    if v[0] < 0.6:
        s = 1 if v[0] < 0.3 else -1
        b.line(
            path(f"M 0 -0.005 L {-0.1 * s} -0.09 M 0 -0.005 L {0.05 * s} -0.12 M 0 -0.005 L {0.11 * s} -0.07"),
            (86, 146, 84),
            0.025,
        )
    edges = [22.5 + 45 * k for k in range(8)]
    r = 0.335
    b.fill(polygon(*(c for a in edges for c in angle_point(0.0, -0.675, r, a))), (250, 246, 236), shade=0.04)
    b.fill(
        polygon(*(c for a in edges for c in angle_point(0.0, -0.675, r * 0.88, a))),
        rgb,
        shade=0.16,
        outline=sum(rgb) > 660,
    )
    letters = path(
        "M -0.155 -0.735 Q -0.23 -0.765 -0.23 -0.71 Q -0.22 -0.68 -0.19 -0.675 "
        "Q -0.15 -0.66 -0.155 -0.625 Q -0.17 -0.59 -0.235 -0.615 "
        "M -0.125 -0.745 L -0.025 -0.745 M -0.075 -0.745 L -0.075 -0.605 M 0.055 -0.745 "
        "Q 0.1 -0.745 0.1 -0.675 Q 0.1 -0.605 0.055 -0.605 "
        "Q 0.01 -0.605 0.01 -0.675 Q 0.01 -0.745 0.055 -0.745 M 0.14 -0.605 "
        "L 0.14 -0.745 Q 0.235 -0.75 0.23 -0.7 Q 0.225 -0.655 0.14 -0.665"
    )
    with b.at(0.0, 0.0, 1.0, flip=mirrored(b)):
        b.line(letters, (252, 248, 238) if luminance(rgb) < 0.75 else INK, 0.032)


def backpack(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A school bag: handle, flap, pockets, long leather straps; v[0] picks one strap or two, v[1] a badge."""
    b.shadow(0.36)
    b.limb(path("M -0.11 -0.9 Q -0.1 -0.965 0 -0.965 Q 0.1 -0.965 0.11 -0.9"), darker(rgb, 0.35), 0.045)
    b.limb(path("M -0.26 -0.8 Q -0.39 -0.7 -0.37 -0.44 M 0.26 -0.8 Q 0.39 -0.7 0.37 -0.44"), darker(rgb, 0.35), 0.05)
    for x in (-0.325, 0.325):
        b.fill(box(x - 0.075, -0.4, x + 0.075, -0.06, 0.05), darker(rgb, 0.12))
    bag = path(
        "M -0.31 -0.1 L -0.31 -0.62 Q -0.31 -0.92 0 -0.92 Q 0.31 -0.92 0.31 -0.62 L 0.31 -0.1 "
        "Q 0.31 -0.01 0.22 -0.01 L -0.22 -0.01 Q -0.31 -0.01 -0.31 -0.1 Z"
    )
    b.fill(bag, rgb)
    b.fill(box(-0.24, -0.36, 0.24, -0.06, 0.06), lighter(rgb, 0.06))
    flap = path(
        "M -0.31 -0.58 Q -0.32 -0.92 0 -0.92 Q 0.32 -0.92 0.31 -0.58 Q 0.31 -0.46 0.2 -0.46 L -0.2 -0.46 "
        "Q -0.31 -0.46 -0.31 -0.58 Z"
    )
    b.fill(flap, lighter(rgb, 0.14))
    for x in (-0.15, 0.15) if v[0] < 0.5 else (0.0,):
        b.line(path(f"M {x} -0.68 V -0.27"), (122, 84, 58), 0.06)
        b.line(path(f"M {x - 0.035} -0.43 H {x + 0.035}"), (246, 208, 96), 0.045)
    if v[1] < 0.5:
        star = (c for k in range(10) for c in angle_point(0.0, -0.78, 0.09 if k % 2 == 0 else 0.044, 36 * k - 90))
        b.fill(polygon(*star), accent(rgb), shade=0.0, outline=False)
