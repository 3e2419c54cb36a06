"""Places of the town: street, park, playground. All in the frame of the picture.

None of them holds anything that a query could ask for: no boats, benches, cars, animals or people.
"""

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, mix
from pinpoint.diorama.paths import box, oval, path, polygon
from pinpoint.diorama.places_wild import ground
from pinpoint.diorama.scenery import bush, house, lamp_post, round_tree, stand
from pinpoint.diorama.weather import SNOW, veil


def street(b: Brush, air: Air) -> None:
    """A row of plastered house fronts, pavement, kerb, road with dashes, a lamp post."""
    walls: tuple[RGB, ...] = ((240, 214, 176), (206, 220, 226), (240, 196, 176), (222, 222, 190), (226, 206, 224))
    roofs: tuple[RGB, ...] = ((184, 106, 84), (112, 124, 142), (150, 96, 88), (166, 112, 84), (120, 110, 136))
    turn = air.pick(0, 1, 3)
    for i, (x, h) in enumerate(((0.10, 0.36), (0.325, 0.32), (0.53, 0.27), (0.73, 0.32), (0.945, 0.37))):
        with b.at(x, 0.61, h):
            house(b, air, walls[(i + turn) % 5], roofs[(i + 2 * turn) % 5], i % 2 == 0, 0.64)
    veil(b, air)
    b.wash(box(-0.02, 0.61, 1.02, 0.70), air.ground((214, 210, 204)), air.ground((226, 222, 216)))
    b.line(
        path(
            "M 0.10 0.61 L 0.04 0.70 M 0.30 0.61 L 0.27 0.70 M 0.50 0.61 V 0.70 M 0.70 0.61 L 0.73 0.70 "
            "M 0.90 0.61 L 0.96 0.70"
        ),
        air.ground((194, 190, 186)),
        0.004,
    )
    b.wash(box(-0.02, 0.70, 1.02, 1.02), air.ground((176, 178, 188)), air.ground((192, 194, 202)))
    b.fill(box(-0.02, 0.692, 1.02, 0.712), air.ground((236, 234, 228)), shade=0)
    for x in (0.02, 0.29, 0.56, 0.83):
        b.fill(
            polygon(x, 0.850, x + 0.14, 0.850, x + 0.135, 0.872, x - 0.005, 0.872),
            (246, 246, 242),
            shade=0,
            outline=False,
        )
    stand(b, air, 0.965, 0.69, 0.52, lamp_post, wide=0.04, flip=True, bends=False)


def park(b: Brush, air: Air) -> None:
    """Lawn, round trees, a pale winding path, a fountain."""
    _tree_line(
        b,
        air,
        "M -0.02 0.60 V 0.49 Q 0.06 0.44 0.14 0.48 Q 0.24 0.42 0.34 0.49 Q 0.44 0.45 0.54 0.49 Q 0.66 0.43 "
        "0.76 0.48 Q 0.88 0.42 1.02 0.48 V 0.60 Z",
        (128, 176, 112),
        0.45,
    )
    veil(b, air)
    ground(b, air, 0.57, (172, 212, 126), (198, 224, 152))
    b.wash(
        path(
            "M 0.47 0.60 Q 0.66 0.66 0.50 0.76 Q 0.32 0.86 0.34 1.02 H 0.74 Q 0.62 0.88 0.70 0.78 Q 0.80 0.66 "
            "0.56 0.60 Z"
        ),
        air.ground((236, 220, 178)),
        air.ground((244, 232, 200)),
    )
    for x, y, h in ((0.29, 0.60, 0.20), (0.85, 0.61, 0.26)):
        stand(b, air, x, y, h, round_tree, (128, 180, 100), 0.25, wide=0.3)
    with b.at(0.50, 0.635, 0.17):
        _fountain(b, air)
    stand(b, air, 0.67, 0.66, 0.42, lamp_post, wide=0.04, flip=True, bends=False)
    stand(b, air, 0.09, 0.68, air.pick(0.46, 0.40, 0.50), round_tree, (104, 164, 88), wide=0.3)
    stand(b, air, 0.96, 0.70, 0.40, round_tree, air.pick((114, 172, 84), (160, 176, 84), (96, 160, 104)), wide=0.3)
    for x, y in ((0.20, 0.78), (0.14, 0.83), (0.88, 0.86), (0.82, 0.80), (0.24, 0.90), (0.94, 0.78)):
        if not air.snow:
            b.dot(x, y, 0.007, (255, 250, 236))


def _tree_line(b: Brush, air: Air, outline: str, green: RGB, haze: float) -> None:
    """Far trees or a hedge as one silhouette (SVG path data), half white in snow, faded by `haze`."""
    b.fill(path(outline), air.far(mix(green, SNOW, 0.5 if air.snow else 0), haze), shade=0.1)


def _fountain(b: Brush, air: Air) -> None:
    stone: RGB = (206, 206, 212)
    water = (196, 226, 240)
    if not air.snow:
        for d in ("M 0 -0.62 Q -0.10 -1.06 -0.40 -0.66", "M 0 -0.62 Q 0.10 -1.06 0.40 -0.66", "M 0 -0.62 V -0.98"):
            b.line(path(d), water, 0.05)
    b.fill(box(-0.09, -0.55, 0.09, -0.12), stone, shade=0.25)
    b.fill(path("M -0.46 -0.60 H 0.46 Q 0.36 -0.42 0 -0.42 Q -0.36 -0.42 -0.46 -0.60 Z"), stone, shade=0.25)
    b.fill(path("M -0.95 -0.26 H 0.95 L 0.84 0 H -0.84 Z"), stone, shade=0.2)
    b.fill(oval(0, -0.26, 0.95, 0.10), SNOW if air.snow else (142, 198, 224), shade=0.05)


def playground(b: Brush, air: Air) -> None:
    """A slide on its tower, a swing in its frame, a hedge and low posts behind, soft ground with hopscotch."""
    _tree_line(
        b,
        air,
        "M -0.02 0.60 V 0.46 Q 0.08 0.40 0.18 0.46 Q 0.30 0.41 0.42 0.47 Q 0.56 0.42 0.68 0.47 Q 0.84 0.40 "
        "1.02 0.46 V 0.60 Z",
        (136, 184, 120),
        0.4,
    )
    _palings(b, air)
    veil(b, air)
    ground(b, air, 0.60, (236, 206, 172), (244, 222, 194))
    b.line(
        path("M 0.38 0.74 H 0.60 V 0.99 H 0.34 Z M 0.366 0.82 H 0.60 M 0.353 0.90 H 0.60 M 0.483 0.82 L 0.478 0.90"),
        (252, 244, 232),
        0.008,
    )
    with b.at(0.225, 0.70, 0.53):
        _slide(b, air)
    stand(b, air, 0.50, 0.62, 0.43, lamp_post, wide=0.03, bends=False)
    with b.at(0.80, 0.68, 0.42):
        _swing(b, air)
    with b.at(0.02, 0.70, 0.05):
        bush(b, air)


def _palings(b: Brush, air: Air) -> None:
    tones: tuple[RGB, ...] = ((240, 122, 98), (250, 206, 92), (106, 172, 210))
    for k in range(12):
        x, rgb = round(0.04 + k * 0.084, 3), air.far(tones[k % 3], 0.2)
        b.fill(path(f"M {x - 0.016:.3f} 0.62 V 0.545 L {x} 0.525 L {x + 0.016:.3f} 0.545 V 0.62 Z"), rgb, shade=0)
    b.line(path("M -0.02 0.585 H 1.02"), air.far((244, 238, 226), 0.1), 0.010)


def _slide(b: Brush, air: Air) -> None:
    red = air.pick((222, 92, 78), (236, 150, 70), (94, 160, 110))
    blue, chute = (82, 138, 204), air.pick((250, 204, 84), (236, 110, 92), (250, 204, 84))
    b.limb(path("M -0.34 0 V -0.78 M -0.06 0 V -0.78"), blue, 0.05)
    b.line(path("M -0.34 -0.14 H -0.06 M -0.34 -0.27 H -0.06 M -0.34 -0.40 H -0.06"), blue, 0.04)
    b.fill(
        path(
            "M -0.08 -0.58 Q 0.10 -0.54 0.26 -0.26 Q 0.36 -0.10 0.60 -0.10 V 0 Q 0.28 0 0.16 -0.20 Q 0.02 "
            "-0.46 -0.08 -0.46 Z"
        ),
        chute,
        shade=0.2,
    )
    b.fill(box(-0.40, -0.54, 0.0, -0.47), red, shade=0.1)
    b.fill(polygon(-0.46, -0.76, -0.20, -1.0, 0.06, -0.76), SNOW if air.snow else red, shade=0.2)


def _swing(b: Brush, air: Air) -> None:
    frame = air.pick((96, 168, 148), (150, 118, 180), (222, 108, 88))
    b.limb(
        path("M -0.46 0 L -0.36 -0.96 M -0.26 0 L -0.36 -0.96 M 0.46 0 L 0.36 -0.96 M 0.26 0 L 0.36 -0.96"),
        frame,
        0.045,
    )
    b.limb(path("M -0.38 -0.96 H 0.38"), SNOW if air.snow else frame, 0.055)
    b.line(
        path(
            "M -0.22 -0.95 L -0.19 -0.32 M -0.04 -0.95 L -0.01 -0.32 M 0.08 -0.95 L 0.13 -0.36 "
            "M 0.26 -0.95 L 0.31 -0.36"
        ),
        (104, 104, 116),
        0.014,
    )
    b.fill(box(-0.22, -0.34, 0.02, -0.29, 0.02), (236, 150, 76), shade=0)
    b.fill(box(0.10, -0.38, 0.34, -0.33, 0.02), (236, 150, 76), shade=0)
