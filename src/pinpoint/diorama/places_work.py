"""Places of work: farm and harbour. All in the frame of the picture.

Neither holds anything that a query could ask for: no boats, animals or people.
"""

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, darker, lighter, mix
from pinpoint.diorama.paths import box, path, polygon
from pinpoint.diorama.places_wild import ground
from pinpoint.diorama.scenery import LAMP, round_tree, stand
from pinpoint.diorama.weather import SNOW, veil


def farm(b: Brush, air: Air) -> None:
    """A red barn with a silo, rows of a field, a white rail fence."""
    b.fill(
        path("M -0.02 0.60 V 0.52 Q 0.20 0.45 0.42 0.52 Q 0.70 0.44 1.02 0.52 V 0.60 Z"),
        air.far(air.ground((158, 192, 118)), 0.35),
        shade=0.08,
    )
    b.wash(
        path("M -0.02 0.545 Q 0.3 0.52 0.62 0.55 L 0.56 0.64 H -0.02 Z"),
        air.ground((226, 198, 108)),
        air.ground((236, 212, 128)),
    )
    b.line(
        path(
            "M 0.02 0.545 L -0.02 0.56 M 0.12 0.537 L 0.00 0.62 M 0.21 0.534 L 0.13 0.62 "
            "M 0.30 0.534 L 0.26 0.62 M 0.39 0.537 L 0.39 0.62 M 0.48 0.541 L 0.51 0.62"
        ),
        air.ground((176, 142, 66)),
        0.010,
    )
    veil(b, air)
    ground(b, air, 0.61, (190, 212, 132), (212, 226, 160))
    b.line(
        path("M 0.06 0.74 Q 0.5 0.70 0.94 0.74 M -0.02 0.85 Q 0.5 0.80 1.02 0.85 M -0.02 0.95 Q 0.5 0.91 1.02 0.95"),
        air.ground((176, 200, 118)),
        0.007,
    )
    with b.at(0.965, 0.63, 0.36):
        _silo(b, air)
    with b.at(0.79, 0.635, 0.33):
        _barn(b, air)
    _fence(b, air)
    stand(b, air, 0.06, 0.66, air.pick(0.36, 0.28, 0.42), round_tree, (112, 164, 84), wide=0.3)


def _barn(b: Brush, air: Air) -> None:
    red = air.far((190, 70, 58), 0.12)
    b.fill(
        polygon(-0.44, 0.0, -0.44, -0.56, -0.30, -0.84, 0.0, -1.0, 0.30, -0.84, 0.44, -0.56, 0.44, 0.0), red, shade=0.2
    )
    roof = SNOW if air.snow else air.far((112, 98, 104), 0.1)
    b.limb(path("M -0.47 -0.54 L -0.31 -0.84 L 0 -1.0 L 0.31 -0.84 L 0.47 -0.54"), roof, 0.075)
    b.fill(box(-0.21, -0.42, 0.21, 0.0), darker(red, 0.10), shade=0)
    b.line(path("M -0.21 0 V -0.42 H 0.21 V 0 M -0.21 -0.42 L 0.21 0 M 0.21 -0.42 L -0.21 0"), (250, 244, 234), 0.045)
    b.fill(box(-0.10, -0.80, 0.10, -0.60), LAMP if air.lit else (250, 244, 234), shade=0)
    b.line(path("M 0 -0.80 V -0.60 M -0.10 -0.70 H 0.10"), red, 0.03)


def _silo(b: Brush, air: Air) -> None:
    grey = air.far((196, 202, 210), 0.1)
    b.fill(box(-0.15, -0.84, 0.15, 0.0), grey, shade=0.25)
    b.fill(
        path("M -0.16 -0.83 Q -0.14 -1.0 0 -1.0 Q 0.14 -1.0 0.16 -0.83 Z"),
        SNOW if air.snow else air.far((150, 158, 172), 0.1),
        shade=0.25,
    )
    b.line(path("M -0.15 -0.62 H 0.15 M -0.15 -0.42 H 0.15 M -0.15 -0.22 H 0.15"), darker(grey, 0.2), 0.02)


def _fence(b: Brush, air: Air) -> None:
    white: RGB = (250, 246, 238)
    b.line(path("M -0.02 0.625 H 0.62 M -0.02 0.655 H 0.62"), darker(white, 0.45), 0.017)
    b.line(
        path(
            "M 0.02 0.60 V 0.685 M 0.14 0.60 V 0.685 M 0.26 0.60 V 0.685 M 0.38 0.60 V 0.685 "
            "M 0.50 0.60 V 0.685 M 0.62 0.60 V 0.685"
        ),
        darker(white, 0.45),
        0.021,
    )
    b.line(path("M -0.02 0.625 H 0.62 M -0.02 0.655 H 0.62"), white, 0.011)
    b.line(
        path(
            "M 0.02 0.60 V 0.685 M 0.14 0.60 V 0.685 M 0.26 0.60 V 0.685 M 0.38 0.60 V 0.685 "
            "M 0.50 0.60 V 0.685 M 0.62 0.60 V 0.685"
        ),
        white,
        0.015,
    )


def harbour(b: Brush, air: Air) -> None:
    """A lighthouse on a mole, a quay crane, masts of a signal post, water, pale quay with bollards."""
    sea = air.far((72, 134, 170), 0.25)
    b.wash(box(-0.02, 0.50, 1.02, 0.64), mix(darker(sea, 0.1), air.light.haze, 0.25), lighter(sea, 0.2))
    b.line(
        path(
            "M 0.36 0.53 H 0.48 M 0.54 0.555 H 0.68 M 0.30 0.585 H 0.44 M 0.70 0.525 H 0.78 M 0.06 0.59 H 0.16 "
            "M 0.62 0.595 H 0.74"
        ),
        lighter(sea, 0.55),
        0.006,
    )
    b.fill(polygon(-0.02, 0.57, -0.02, 0.515, 0.28, 0.515, 0.33, 0.57), air.far((150, 152, 160), 0.2), shade=0.2)
    with b.at(0.16, 0.52, 0.36):
        _lighthouse(b, air)
    veil(b, air)
    b.wash(box(-0.02, 0.625, 1.02, 1.02), air.ground((208, 206, 204)), air.ground((226, 224, 220)))
    b.fill(box(-0.02, 0.615, 1.02, 0.645), air.ground((184, 184, 188)), shade=0)
    b.line(
        path(
            "M 0.16 0.645 L 0.02 1.02 M 0.39 0.645 L 0.34 1.02 M 0.61 0.645 L 0.66 1.02 "
            "M 0.84 0.645 L 0.98 1.02 M -0.02 0.74 H 1.02 M -0.02 0.87 H 1.02"
        ),
        air.ground((194, 192, 190)),
        0.005,
    )
    with b.at(0.86, 0.65, air.pick(0.50, 0.45, 0.53)):
        _crane(b, air)
    _signal_mast(b, air)
    for x in (0.06, 0.31, 0.56):
        with b.at(x, 0.668, 0.065):
            b.fill(
                path("M -0.30 0 L -0.22 -0.55 H -0.42 Q -0.50 -0.95 0 -1 Q 0.50 -0.95 0.42 -0.55 H 0.22 L 0.30 0 Z"),
                (84, 90, 106),
                shade=0.3,
            )
    b.line(path("M 0.06 0.635 Q 0.185 0.70 0.31 0.635 Q 0.435 0.70 0.56 0.635"), (150, 124, 92), 0.009)


def _lighthouse(b: Brush, air: Air) -> None:
    white, red = air.far((250, 246, 240), 0.15), air.far((208, 76, 66), 0.15)
    b.fill(polygon(-0.15, 0.0, -0.09, -0.78, 0.09, -0.78, 0.15, 0.0), white, shade=0.2)
    for y in (-0.12, -0.42, -0.70):
        wide, top = 0.15 + y * 0.077, 0.15 + (y - 0.13) * 0.077
        b.fill(polygon(-wide, y, -top, y - 0.13, top, y - 0.13, wide, y), red, shade=0.1, outline=False)
    b.fill(box(-0.13, -0.81, 0.13, -0.775), red, shade=0)
    b.fill(box(-0.065, -0.92, 0.065, -0.81), LAMP if air.lit else (200, 226, 236), shade=0)
    b.fill(polygon(-0.10, -0.92, 0.0, -1.0, 0.10, -0.92), SNOW if air.snow else red, shade=0.1)


def _crane(b: Brush, air: Air) -> None:
    steel = air.far((238, 178, 66), 0.06)
    b.limb(path("M -0.22 0 L -0.12 -0.62 M 0.24 0 L 0.12 -0.62"), steel, 0.05)
    b.line(path("M -0.20 -0.10 L 0.17 -0.36 M 0.22 -0.10 L -0.16 -0.36 M -0.17 -0.36 H 0.17"), steel, 0.032)
    b.fill(box(-0.20, -0.74, 0.20, -0.60, 0.02), steel, shade=0.2)
    b.limb(path("M 0.22 -0.70 L -0.78 -0.98 M 0.02 -0.96 L 0.02 -0.72"), steel, 0.04)
    b.line(
        path("M 0.02 -0.97 L -0.74 -0.97 M -0.30 -0.84 L 0.02 -0.97 M 0.02 -0.97 L 0.24 -0.68"),
        darker(steel, 0.2),
        0.014,
    )
    b.line(path("M -0.70 -0.96 V -0.52 Q -0.70 -0.46 -0.65 -0.47"), (70, 74, 88), 0.018)


def _signal_mast(b: Brush, air: Air) -> None:
    """A flag mast with yards and shrouds: masts without a boat."""
    wood = air.far((250, 246, 238), 0.05)
    b.limb(path("M 0.42 0.64 V 0.22"), wood, 0.010)
    b.limb(path("M 0.35 0.34 H 0.49"), wood, 0.008)
    b.line(path("M 0.42 0.23 L 0.33 0.64 M 0.42 0.23 L 0.51 0.64"), (110, 108, 120), 0.004)
    for k, rgb in enumerate(((214, 88, 78), (248, 212, 96), (74, 122, 190))):
        y = round(0.24 + 0.035 * k, 3)
        b.fill(polygon(0.425, y, 0.475, y + 0.012, 0.425, y + 0.026), rgb, shade=0, outline=False)
