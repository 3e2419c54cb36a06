"""What stands on the floor of a room: furniture, a plant, a guitar, a bear; one unit tall (frame: see `brush`)."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance
from pinpoint.diorama.paths import box, oval, path
from pinpoint.diorama.thing_parts import LEAF, LEATHER, PAPER, TYRE, accent

WOOD: RGB = (150, 104, 68)


def chair(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A kitchen chair seen a little from the side; v[0] picks slats or a panel in the back."""
    b.shadow(0.3)
    b.limb(path("M -0.15 -0.42 L -0.13 -0.12 M 0.2 -0.42 L 0.18 -0.12"), darker(rgb, 0.3), 0.055)
    b.limb(path("M -0.27 -0.42 L -0.28 -0.96 M 0.17 -0.48 L 0.16 -0.96"), darker(rgb, 0.08), 0.065)
    if v[0] < 0.5:
        b.fill(box(-0.3, -0.97, 0.2, -0.83, 0.04), rgb)
        b.fill(box(-0.27, -0.73, 0.17, -0.6, 0.03), rgb)
    else:
        b.fill(box(-0.3, -0.97, 0.2, -0.6, 0.07), rgb)
        b.fill(box(-0.1, -0.9, 0.0, -0.8, 0.04), darker(rgb, 0.4), shade=0.0, outline=False)
    b.fill(path("M -0.29 -0.5 L 0.2 -0.5 L 0.34 -0.4 L 0.33 -0.33 L -0.32 -0.33 L -0.33 -0.4 Z"), rgb)
    b.fill(path("M -0.33 -0.4 L 0.34 -0.4 L 0.33 -0.33 L -0.32 -0.33 Z"), darker(rgb, 0.2), shade=0.0, outline=False)
    b.limb(path("M -0.27 -0.31 L -0.29 -0.035 M 0.26 -0.31 L 0.29 -0.035"), rgb, 0.065)


def couch(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """Two seats between fat arms; v[0] throws a small pillow on one side, v[1] buttons the back."""
    b.shadow(0.94)
    for x in (-0.76, 0.76):
        b.limb(path(f"M {x} -0.12 V -0.03"), WOOD, 0.07)
    b.fill(
        path("M -0.8 -0.2 L -0.8 -0.84 Q -0.8 -0.99 -0.64 -0.99 L 0.64 -0.99 Q 0.8 -0.99 0.8 -0.84 L 0.8 -0.2 Z"), rgb
    )
    b.line(path("M 0 -0.96 V -0.5"), darker(rgb, 0.35), 0.018)
    if v[1] < 0.5:
        for x in (-0.38, 0.38):
            b.dot(x, -0.76, 0.035, darker(rgb, 0.4))
    b.fill(box(-0.75, -0.54, 0.0, -0.3, 0.09), lighter(rgb, 0.14))
    b.fill(box(0.0, -0.54, 0.75, -0.3, 0.09), lighter(rgb, 0.14))
    b.fill(box(-0.82, -0.34, 0.82, -0.1, 0.05), darker(rgb, 0.08))
    for x in (-0.82, 0.82):
        b.fill(box(x - 0.155, -0.68, x + 0.155, -0.09, 0.14), rgb)
    if v[0] < 0.7:
        x = -0.47 if v[0] < 0.35 else 0.47
        b.fill(
            path(
                f"M {x - 0.17} -0.78 Q {x} -0.74 {x + 0.17} -0.8 Q {x + 0.14} -0.63 {x + 0.18} -0.47 "
                f"Q {x} -0.51 {x - 0.16} -0.46 Q {x - 0.13} -0.62 {x - 0.17} -0.78 Z"
            ),
            accent(rgb),
        )


def tv(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """An old set in a coloured case with aerials, knobs and splayed legs; v[0] picks what is on."""
    b.shadow(0.56)
    b.line(path("M -0.05 -0.78 L -0.28 -0.975 M -0.02 -0.78 L 0.2 -0.975"), (110, 112, 120), 0.028)
    b.limb(path("M -0.4 -0.1 L -0.47 -0.025 M 0.4 -0.1 L 0.47 -0.025"), WOOD, 0.055)
    b.fill(box(-0.62, -0.8, 0.62, -0.08, 0.1), rgb)
    b.fill(box(-0.5, -0.69, 0.24, -0.2, 0.1), TYRE, shade=0.0, outline=False)
    screen = box(-0.455, -0.645, 0.195, -0.245, 0.08)
    b.fill(screen, (168, 206, 222), shade=0.2, outline=False)
    with b.clip(screen):
        programme = int(v[0] * 3)
        if programme == 0:
            b.fill(
                path("M -0.5 -0.3 Q -0.3 -0.5 -0.1 -0.32 Q 0.05 -0.46 0.3 -0.3 L 0.3 -0.2 L -0.5 -0.2 Z"),
                LEAF,
                shade=0.0,
                outline=False,
            )
            b.dot(0.06, -0.53, 0.055, (250, 214, 96))
        elif programme == 1:
            b.line(path("M -0.4 -0.22 V -0.7 M -0.12 -0.22 V -0.7 M 0.16 -0.22 V -0.7"), (240, 190, 110), 0.1)
    b.line(path("M -0.38 -0.49 L -0.28 -0.59"), (250, 252, 252), 0.03)
    for y in (-0.62, -0.46):
        b.dot(0.43, y, 0.062, accent(rgb))
        b.dot(0.43, y, 0.022, INK)
    b.line(path("M 0.36 -0.3 H 0.5 M 0.36 -0.23 H 0.5"), darker(rgb, 0.45), 0.022)
    if b.light.lamps:
        b.glow(-0.12, -0.44, 0.5, (180, 214, 240), 0.45)


def potted_plant(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A big pot with a few green leaves; v[0] picks fans or round leaves, v[1] a band on the pot."""
    b.shadow(0.32)
    if v[0] < 0.5:
        for d in (
            "M 0 -0.5 Q -0.36 -0.62 -0.4 -0.84 Q -0.1 -0.8 0 -0.5 Z",
            "M 0 -0.5 Q 0.36 -0.62 0.4 -0.84 Q 0.1 -0.8 0 -0.5 Z",
        ):
            b.fill(path(d), darker(LEAF, 0.12))
        b.fill(path("M 0 -0.5 Q -0.22 -0.78 0.0 -0.99 Q 0.22 -0.78 0 -0.5 Z"), LEAF)
        b.line(path("M 0 -0.55 V -0.88"), darker(LEAF, 0.35), 0.014)
    else:
        b.line(
            path("M 0 -0.5 Q -0.1 -0.7 -0.2 -0.76 M 0 -0.5 V -0.86 M 0 -0.5 Q 0.1 -0.66 0.24 -0.74"),
            darker(LEAF, 0.3),
            0.03,
        )
        for x, y, r in ((-0.24, -0.74, 0.125), (0.25, -0.72, 0.12), (0.01, -0.86, 0.13)):
            b.fill(oval(x, y, r, r * 0.95), LEAF)
    b.fill(
        path(
            "M -0.31 -0.48 L 0.31 -0.48 L 0.24 -0.05 Q 0.23 -0.01 0.18 -0.01 L -0.18 -0.01 Q -0.23 -0.01 -0.24 -0.05 Z"
        ),
        rgb,
        shade=0.28,
    )
    if v[1] < 0.5:
        b.line(path("M -0.265 -0.24 L -0.13 -0.17 L 0 -0.24 L 0.13 -0.17 L 0.265 -0.24"), accent(rgb), 0.03)
    b.fill(box(-0.38, -0.58, 0.38, -0.44, 0.04), lighter(rgb, 0.06))


def guitar(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """An upright guitar: waisted body in `rgb`, sound hole, long neck; v[0] adds a guard beside the hole."""
    b.shadow(0.26)
    body = path(
        "M 0 -0.62 Q 0.2 -0.62 0.2 -0.49 Q 0.2 -0.42 0.165 -0.375 Q 0.27 -0.31 0.27 -0.18 Q 0.25 -0.01 0 -0.01 "
        "Q -0.25 -0.01 -0.27 -0.18 Q -0.27 -0.31 -0.165 -0.375 Q -0.2 -0.42 -0.2 -0.49 Q -0.2 -0.62 0 -0.62 Z"
    )
    b.fill(body, rgb, shade=0.28)
    b.fill(box(-0.04, -0.9, 0.04, -0.38, 0.01), LEATHER, shade=0.06)
    b.fill(path("M -0.05 -0.85 L -0.075 -0.98 Q 0 -1.0 0.075 -0.98 L 0.05 -0.85 Z"), rgb)
    b.line(path("M -0.1 -0.95 H -0.075 M 0.075 -0.95 H 0.1 M -0.095 -0.895 H -0.07 M 0.07 -0.895 H 0.09"), PAPER, 0.03)
    b.dot(0.0, -0.38, 0.1, accent(rgb))
    b.dot(0.0, -0.38, 0.076, LEATHER)
    if v[0] < 0.5:
        b.fill(
            path("M 0.08 -0.34 Q 0.19 -0.29 0.18 -0.16 Q 0.08 -0.18 0.05 -0.29 Z"),
            darker(rgb, 0.5),
            shade=0.0,
            outline=False,
        )
    b.line(path("M -0.1 -0.14 H 0.1"), LEATHER, 0.042)
    b.line(path("M -0.014 -0.96 V -0.14 M 0.014 -0.96 V -0.14"), PAPER, 0.009)
    b.line(path("M -0.2 -0.22 Q -0.19 -0.11 -0.1 -0.06"), lighter(rgb, 0.5), 0.022)


def teddy_bear(b: Brush, rgb: RGB, shape: str | None, v: Variety) -> None:
    """A sitting toy: soles forward, stitched belly, button eyes, a bow (v[0]), perhaps a mended ear (v[1])."""
    b.shadow(0.38)
    pale = lighter(rgb, 0.5) if sum(rgb) < 660 else (222, 206, 186)
    b.limb(path("M -0.19 -0.48 Q -0.31 -0.42 -0.32 -0.28 M 0.19 -0.48 Q 0.31 -0.42 0.32 -0.28"), rgb, 0.13)
    b.fill(oval(0.0, -0.3, 0.25, 0.27), rgb)
    b.fill(oval(0.0, -0.27, 0.15, 0.17), pale, shade=0.08, outline=False)
    b.line(path("M 0 -0.42 V -0.14 M -0.035 -0.36 H 0.035 M -0.035 -0.28 H 0.035 M -0.035 -0.2 H 0.035"), INK, 0.014)
    for x in (-0.255, 0.255):
        b.fill(oval(x, -0.115, 0.125, 0.11), rgb)
        b.fill(oval(x, -0.11, 0.068, 0.062), pale, shade=0.0, outline=False)
        b.fill(oval(x * 0.86, -0.9, 0.098, 0.092), rgb)
        b.dot(x * 0.86, -0.895, 0.052, pale)
    b.fill(oval(0.0, -0.735, 0.275, 0.235), rgb)
    b.fill(oval(0.0, -0.67, 0.125, 0.095), pale, shade=0.08, outline=False)
    b.fill(oval(0.0, -0.715, 0.048, 0.034), INK, shade=0.0, outline=False)
    b.line(path("M 0 -0.69 V -0.65 M -0.055 -0.63 Q 0 -0.6 0.055 -0.63"), INK, 0.016)
    for x in (-0.125, 0.125):
        if luminance(rgb) < 0.3:  # ink on black would not show
            b.dot(x, -0.785, 0.058, pale)
        b.dot(x, -0.785, 0.042, INK)
        b.dot(x - 0.013, -0.8, 0.014, (255, 255, 255))
    bow = ((206, 58, 52), (58, 112, 196), (245, 206, 72))[int(v[0] * 3)]
    b.fill(path("M 0 -0.49 L -0.15 -0.56 L -0.15 -0.42 L 0 -0.49 L 0.15 -0.56 L 0.15 -0.42 Z"), bow, shade=0.1)
    b.dot(0.0, -0.49, 0.034, darker(bow, 0.3))
    if v[1] < 0.3:
        b.line(path("M 0.16 -0.9 L 0.24 -0.84 M 0.17 -0.84 L 0.22 -0.9"), INK, 0.016)
