"""Places without walls: beach, forest, mountains, desert. All in the frame of the picture."""

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, darker, lighter, mix
from pinpoint.diorama.paths import box, path, polygon
from pinpoint.diorama.scenery import TRUNK, bush, cactus, palm, pine, stand
from pinpoint.diorama.weather import SNOW, veil


def ground(b: Brush, air: Air, y: float, rgb: RGB, near: RGB | None = None) -> None:
    """Plain ground from `y` to the lower edge."""
    b.wash(box(-0.02, y, 1.02, 1.02), air.ground(rgb), air.ground(near or lighter(rgb, 0.25)))


_WAVES = path(
    "M 0.04 0.535 Q 0.08 0.52 0.12 0.535 Q 0.16 0.52 0.20 0.535 "
    "M 0.34 0.55 Q 0.38 0.535 0.42 0.55 Q 0.46 0.535 0.50 0.55 "
    "M 0.66 0.53 Q 0.70 0.515 0.74 0.53 Q 0.78 0.515 0.82 0.53 M 0.84 0.565 Q 0.88 0.55 0.92 0.565 Q 0.96 0.55 1 0.565 "
    "M 0.10 0.575 Q 0.14 0.56 0.18 0.575 Q 0.22 0.56 0.26 0.575 "
    "M 0.56 0.58 Q 0.60 0.565 0.64 0.58 Q 0.68 0.565 0.72 0.58"
)


def beach(b: Brush, air: Air) -> None:
    """Sea with rolling foam, light sand, a leaning palm."""
    sea = air.far((58, 152, 190), 0.25)
    b.wash(box(-0.02, 0.50, 1.02, 0.66), mix(darker(sea, 0.12), air.light.haze, 0.25), lighter(sea, 0.35))
    b.line(_WAVES, (232, 246, 250), 0.007)
    veil(b, air)
    sand = air.ground((246, 224, 172))
    foam = (
        "M -0.02 0.62 Q 0.06 0.66 0.14 0.63 Q 0.24 0.60 0.34 0.635 Q 0.44 0.665 0.54 0.63 Q 0.66 0.60 0.76 "
        "0.64 Q 0.88 0.67 1.02 0.62"
    )
    b.wash(path(foam + " V 1.02 H -0.02 Z"), sand, lighter(sand, 0.25))
    b.line(path(foam), (255, 255, 255), 0.016)
    b.line(
        path("M 0.05 0.72 Q 0.16 0.70 0.27 0.72 M 0.64 0.75 Q 0.78 0.73 0.92 0.75 M 0.10 0.90 Q 0.24 0.88 0.38 0.90"),
        darker(sand, 0.10),
        0.006,
    )
    stand(b, air, 0.90, 0.68, 0.60, palm, wide=0.16, flip=True)
    stand(b, air, air.pick(0.03, 0.10, -0.02), 0.66, air.pick(0.42, 0.34, 0.48), palm, wide=0.16)
    with b.at(air.pick(0.22, 0.30, 0.72), 0.70, 0.09):
        _sandcastle(b, air)


def _sandcastle(b: Brush, air: Air) -> None:
    sand = air.ground((226, 192, 130))
    b.fill(
        path("M -0.7 0 L -0.6 -0.6 H -0.3 L -0.3 -0.45 H -0.15 V -0.9 H 0.15 V -0.45 H 0.3 V -0.6 H 0.6 L 0.7 0 Z"),
        sand,
        shade=0.25,
    )
    b.line(path("M 0 -0.9 V -1.3"), TRUNK, 0.05)
    b.fill(polygon(0.0, -1.3, 0.35, -1.18, 0.0, -1.05), (226, 96, 84), shade=0)


def forest(b: Brush, air: Air) -> None:
    """Tall trunks in three depths under a roof of leaves, open in the middle."""
    _thicket(b, air)
    veil(b, air)
    ground(b, air, 0.60, (182, 204, 138), (206, 220, 166))
    b.wash(
        path(
            "M 0.44 0.60 Q 0.50 0.72 0.34 0.84 Q 0.28 0.92 0.30 1.02 H 0.76 Q 0.74 0.88 0.64 0.80 Q 0.54 0.70 "
            "0.56 0.60 Z"
        ),
        air.ground((222, 208, 166)),
        air.ground((234, 222, 186)),
    )
    s = air.pick(0.0, 0.02, -0.02)
    middle = ((0.27 + s, 0.62, 0.045, 0.10), (0.74 - s, 0.63, 0.05, 0.05), (0.15 - s, 0.67, 0.065, 0.0))
    near = ((0.87 + s, 0.68, 0.07, 0.0), (0.015, 0.74, 0.10, -0.1), (0.985, 0.76, 0.10, -0.1))
    for x, y, w, bark in middle + near:
        _trunk(b, air, x, y, w, bark)
    _canopy(b, air)
    for x, y, h in ((0.10, 0.70, 0.05), (0.92, 0.73, 0.055), (0.24, 0.635, 0.03), (0.78, 0.65, 0.035)):
        with b.at(x, y, h):
            bush(b, air, (104, 156, 88))


def _thicket(b: Brush, air: Air) -> None:
    leaf = air.far((112, 158, 112), 0.55)
    b.wash(
        path(
            "M -0.02 0.10 H 0.20 Q 0.30 0.30 0.28 0.46 Q 0.40 0.54 0.50 0.54 Q 0.62 0.54 0.72 0.46 Q 0.70 0.26 "
            "0.80 0.10 H 1.02 V 0.62 H -0.02 Z"
        ),
        leaf,
        air.far((146, 184, 130), 0.55),
    )
    far = air.far((96, 104, 84), 0.45)
    b.line(
        path(
            "M 0.21 0.05 V 0.61 M 0.33 0.02 V 0.60 M 0.395 0.02 V 0.585 M 0.62 0.02 V 0.59 M 0.68 0.02 V 0.60 "
            "M 0.80 0.05 V 0.61"
        ),
        far,
        0.018,
    )


def _trunk(b: Brush, air: Air, x: float, y: float, w: float, tone: float) -> None:
    bark = air.far(darker(TRUNK, 0.12) if tone < 0 else mix(TRUNK, (176, 150, 120), tone * 3), max(0.0, tone))
    r, t = round(w / 2, 4), round(w * 0.38, 4)
    left = f"M {x - r - 0.02:.3f} {y} Q {x - t:.3f} {y - 0.03:.3f} {x - t:.3f} {y - 0.14:.3f} L {x - t * 0.8:.3f} -0.02"
    right = f"H {x + t * 0.8:.3f} L {x + t:.3f} {y - 0.14:.3f} Q {x + t:.3f} {y - 0.03:.3f} {x + r + 0.02:.3f} {y} Z"
    b.fill(path(f"{left} {right}"), bark, shade=0.25)


def _canopy(b: Brush, air: Air) -> None:
    back = (
        "M -0.02 -0.02 H 1.02 V 0.30 Q 0.95 0.36 0.88 0.28 Q 0.80 0.30 0.74 0.20 Q 0.66 0.20 0.62 0.12 Q 0.55 "
        "0.15 0.50 0.10 Q 0.42 0.15 0.37 0.12 Q 0.33 0.21 0.26 0.20 Q 0.20 0.31 0.12 0.28 Q 0.05 0.36 -0.02 0.30 Z"
    )
    top = (
        "M -0.02 -0.02 H 1.02 V 0.18 Q 0.95 0.24 0.88 0.17 Q 0.80 0.18 0.74 0.10 Q 0.64 0.11 0.58 0.05 Q 0.50 "
        "0.08 0.42 0.05 Q 0.36 0.11 0.26 0.10 Q 0.20 0.18 0.12 0.17 Q 0.05 0.24 -0.02 0.18 Z"
    )
    b.fill(path(back), air.far(mix((94, 150, 84), SNOW, 0.35 if air.snow else 0), 0.08), shade=0.15)
    b.fill(path(top), mix((70, 124, 74), SNOW, 0.75 if air.snow else 0), shade=0.15, outline=False)


def mountains(b: Brush, air: Air) -> None:
    """Jagged peaks with snow, pines at both sides, a meadow in front."""
    b.fill(
        polygon(
            -0.02, 0.60, -0.02, 0.44, 0.08, 0.36, 0.18, 0.44, 0.30, 0.30, 0.42, 0.42, 0.66, 0.40, 0.80, 0.28,
            0.90, 0.40, 1.02, 0.34, 1.02, 0.60,
        ),
        air.far((150, 164, 196), 0.45),
        shade=0.08,
        outline=True,
    )  # fmt: skip
    with b.at(air.pick(0.0, 0.05, -0.05), 0.0, 1.0):
        _peaks(b, air)
    veil(b, air)
    ground(b, air, 0.58, (170, 204, 128), (204, 224, 160))
    b.wash(
        path("M -0.02 0.60 Q 0.3 0.52 0.62 0.60 Q 0.85 0.64 1.02 0.58 V 0.70 H -0.02 Z"),
        air.ground((156, 194, 118)),
        air.ground((170, 204, 128)),
    )
    for x, y, h in (
        (0.20, 0.62, 0.17),
        (0.80, 0.62, 0.18),
        (0.70, 0.61, 0.13),
        (0.04, 0.68, 0.34),
        (0.13, 0.66, 0.25),
        (0.95, 0.70, 0.38),
    ):
        stand(b, air, x, y, h, pine, 0.12, wide=0.2)


def _peaks(b: Brush, air: Air) -> None:
    rock = air.far((124, 132, 160), 0.20)
    peaks = polygon(
        0.00, 0.60, 0.16, 0.40, 0.22, 0.44, 0.38, 0.16, 0.47, 0.30, 0.52, 0.26, 0.66, 0.44, 0.74, 0.36, 0.96, 0.60
    )
    b.fill(peaks, rock, shade=0.25)
    b.fill(
        polygon(
            0.38, 0.16, 0.47, 0.30, 0.52, 0.26, 0.57, 0.325, 0.53, 0.36, 0.49, 0.33, 0.45, 0.38, 0.41, 0.32,
            0.36, 0.37, 0.34, 0.31, 0.295, 0.31,
        ),
        air.far((250, 252, 255), 0.10),
        shade=0.06,
    )  # fmt: skip
    b.fill(
        polygon(0.74, 0.36, 0.785, 0.41, 0.76, 0.43, 0.73, 0.41, 0.70, 0.43, 0.69, 0.415),
        air.far((250, 252, 255), 0.10),
        shade=0,
    )
    b.fill(polygon(0.16, 0.40, 0.185, 0.418, 0.16, 0.45, 0.135, 0.432), air.far((250, 252, 255), 0.10), shade=0)


def desert(b: Brush, air: Air) -> None:
    """A flat-topped mesa, dunes with sharp crests, tall cactuses."""
    rock = air.far((206, 124, 84), 0.25)
    b.fill(polygon(0.62, 0.58, 0.665, 0.36, 0.70, 0.35, 0.84, 0.35, 0.865, 0.38, 0.93, 0.58), rock, shade=0.25)
    b.fill(polygon(0.93, 0.58, 0.945, 0.40, 0.985, 0.39, 1.02, 0.58), rock, shade=0.2)
    b.line(path("M 0.665 0.41 L 0.87 0.41 M 0.65 0.465 L 0.885 0.465"), darker(rock, 0.15), 0.008)
    if air.snow:
        b.fill(polygon(0.665, 0.365, 0.70, 0.35, 0.84, 0.35, 0.865, 0.38), SNOW, shade=0, outline=False)
    veil(b, air)
    dune = air.ground((236, 178, 116))
    b.fill(path("M -0.02 0.62 Q 0.18 0.40 0.30 0.47 Q 0.42 0.58 0.62 0.62 Z"), air.far(dune, 0.15), shade=0.12)
    b.wash(
        path("M 0.30 0.47 Q 0.42 0.58 0.62 0.62 H 0.24 Q 0.38 0.56 0.30 0.47 Z"), darker(dune, 0.18), darker(dune, 0.12)
    )
    b.fill(
        path("M 0.40 0.63 Q 0.62 0.53 0.78 0.55 Q 0.92 0.57 1.02 0.60 V 0.66 H 0.40 Z"),
        air.far(lighter(dune, 0.1), 0.1),
        shade=0.06,
    )
    ground(b, air, 0.61, (240, 194, 136), (246, 210, 160))
    for d in (
        "M 0.04 0.72 Q 0.18 0.69 0.32 0.72",
        "M 0.60 0.76 Q 0.76 0.73 0.92 0.76",
        "M 0.08 0.90 Q 0.24 0.87 0.40 0.90",
        "M 0.62 0.93 Q 0.76 0.90 0.90 0.93",
    ):
        b.line(path(d), darker(dune, 0.08), 0.007)
    b.dot(0.25, 0.655, 0.012, darker(rock, 0.1))
    stand(b, air, 0.10, 0.69, air.pick(0.42, 0.34, 0.47), cactus, wide=0.12)
    stand(b, air, 0.93, 0.66, 0.25, cactus, wide=0.12, flip=True)
    stand(b, air, 0.30, 0.605, 0.10, cactus, wide=0.12)
