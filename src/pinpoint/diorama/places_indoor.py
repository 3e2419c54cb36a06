"""Three rooms. Each has one large window in the middle of its wall (see `room`); hour and weather are what it shows."""

from functools import lru_cache
from itertools import pairwise

import skia

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, darker, lighter
from pinpoint.diorama.paths import box, oval, path, polygon
from pinpoint.diorama.room import FLOOR, floor, mirrored, window
from pinpoint.diorama.scenery import LAMP
from pinpoint.diorama.sky import disc


def kitchen(b: Brush, air: Air) -> None:
    """Cupboards above and below, a stove with its hood, pans on a rail, a light chequered floor."""
    b.wash(box(-0.02, -0.02, 1.02, FLOOR + 0.01), (250, 240, 214), (244, 232, 204))
    floor(b, (226, 232, 230), (238, 242, 238))
    b.wash(_chequers(), (206, 218, 220), (212, 222, 224))
    b.line(_joints(), (190, 202, 206), 0.004)
    with mirrored(b, air):
        _cupboards(b, air)
        _stove(b)
        _pans(b)
    window(b, air, (252, 250, 244))


@lru_cache(maxsize=1)
def _chequers() -> skia.Path:
    """The dark half of a tiled floor that runs towards a point behind the window."""
    out, rows = skia.Path(), (0.62, 0.67, 0.74, 0.84, 0.98, 1.18)
    for r in range(len(rows) - 1):
        near, far = (rows[r + 1] - 0.30), (rows[r] - 0.30)
        for k in range(-9, 9):
            if (k + r) % 2 == 0:
                xs = [0.5 + (k + d) * 0.40 * s for d, s in ((0, far), (1, far), (1, near), (0, near))]
                ys = (rows[r], rows[r], rows[r + 1], rows[r + 1])
                out.addPoly([skia.Point(x, y) for x, y in zip(xs, ys, strict=True)], True)
    return out


@lru_cache(maxsize=1)
def _joints() -> skia.Path:
    """The lines between the tiles of `_chequers`."""
    out = skia.Path()
    for y in (0.67, 0.74, 0.84, 0.98):
        out.moveTo(-0.02, y)
        out.lineTo(1.02, y)
    for k in range(-8, 9):
        out.moveTo(0.5 + k * 0.40 * 0.32, 0.62)
        out.lineTo(0.5 + k * 0.40 * 0.72, 1.02)
    return out


def _cupboards(b: Brush, air: Air) -> None:
    mint = air.pick((150, 196, 182), (160, 186, 216), (238, 208, 148))
    b.fill(box(-0.02, 0.05, 0.235, 0.30), mint, shade=0.12)
    b.line(path("M 0.108 0.05 V 0.30 M 0.13 0.17 V 0.21 M 0.086 0.17 V 0.21"), darker(mint, 0.4), 0.007)
    b.fill(box(-0.02, 0.49, 0.74, 0.645), mint, shade=0.10)
    for x in (0.02, 0.20, 0.38, 0.56):
        b.fill(box(x, 0.515, round(x + 0.155, 3), 0.625, 0.01), lighter(mint, 0.22), shade=0.08)
        b.dot(x + 0.13, 0.565, 0.008, (90, 104, 104))
    b.fill(box(-0.03, 0.465, 1.03, 0.49), (232, 212, 180), shade=0)
    b.line(path("M 0.50 0.465 V 0.425 Q 0.50 0.405 0.53 0.405 Q 0.555 0.405 0.555 0.43"), (150, 158, 170), 0.014)


def _stove(b: Brush) -> None:
    """Oven below the worktop, hobs with a pot, a hood above."""
    white: RGB = (244, 244, 242)
    b.fill(box(0.755, 0.465, 1.03, 0.65, 0.01), white, shade=0.12)
    b.fill(box(0.79, 0.535, 0.99, 0.625, 0.012), (86, 92, 106), shade=0.2)
    for x in (0.80, 0.85, 0.93, 0.98):
        b.dot(x, 0.505, 0.012, (96, 100, 112))
    b.fill(
        polygon(0.755, 0.25, 0.83, 0.15, 0.83, -0.02, 0.95, -0.02, 0.95, 0.15, 1.03, 0.25), (196, 204, 212), shade=0.25
    )
    b.fill(box(0.745, 0.25, 1.03, 0.275), (168, 178, 190), shade=0)
    b.fill(box(0.81, 0.40, 0.93, 0.465, 0.012), (214, 110, 86), shade=0.25)
    b.line(path("M 0.785 0.42 H 0.81 M 0.93 0.42 H 0.955"), (150, 74, 62), 0.013)
    b.fill(box(0.80, 0.388, 0.94, 0.405, 0.008), (190, 92, 72), shade=0)
    b.dot(0.87, 0.382, 0.010, (110, 60, 54))


def _pans(b: Brush) -> None:
    """Frying pans hanging below the wall cupboard."""
    b.line(path("M 0.00 0.345 H 0.235"), (140, 146, 156), 0.010)
    for x, r, rgb in ((0.045, 0.034, (104, 110, 124)), (0.125, 0.030, (206, 134, 88)), (0.20, 0.024, (104, 110, 124))):
        b.line(path(f"M {x} 0.345 V 0.39"), darker(rgb, 0.2), 0.012)
        disc(b, x, round(0.39 + r, 3), r, rgb)
        disc(b, x, round(0.39 + r, 3), round(r * 0.72, 4), lighter(rgb, 0.2))


def living_room(b: Brush, air: Air) -> None:
    """Striped wallpaper, curtains, a picture over a sideboard, a standard lamp, a rug on plain boards."""
    b.wash(
        box(-0.02, -0.02, 1.02, FLOOR),
        *air.pick(
            ((246, 222, 204), (242, 214, 196)), ((226, 232, 212), (218, 226, 202)), ((216, 226, 236), (208, 218, 230))
        ),
    )
    stripes = " ".join(f"M {x / 100:.2f} -0.02 V 0.60" for x in range(2, 102, 8))
    b.line(path(stripes), air.pick((226, 182, 170), (180, 204, 164), (166, 188, 214)), 0.030)
    floor(b, (226, 196, 158), (236, 212, 178))
    b.line(path("M -0.02 0.70 H 1.02 M -0.02 0.80 H 1.02 M -0.02 0.92 H 1.02"), (212, 180, 142), 0.005)
    b.fill(box(-0.02, 0.595, 1.02, 0.63), (252, 246, 236), shade=0)
    b.fill(oval(0.5, 0.84, 0.44, 0.115), air.pick((206, 222, 224), (238, 216, 190), (230, 210, 216)), shade=0.06)
    b.line(oval(0.5, 0.84, 0.40, 0.095), air.pick((150, 186, 196), (204, 150, 120), (188, 140, 160)), 0.012)
    window(b, air, (252, 248, 240))
    _curtains(b, air)
    with mirrored(b, air):
        _picture(b)
        _sideboard(b)
        _standard_lamp(b, air)


def _curtains(b: Brush, air: Air) -> None:
    cloth = air.pick((96, 146, 160), (206, 132, 96), (176, 104, 128))
    left = "M 0.215 0.05 H 0.335 Q 0.345 0.30 0.255 0.36 L 0.295 0.56 H 0.205 Q 0.225 0.36 0.215 0.05 Z"
    right = "M 0.785 0.05 H 0.665 Q 0.655 0.30 0.745 0.36 L 0.705 0.56 H 0.795 Q 0.775 0.36 0.785 0.05 Z"
    for d in (left, right):
        b.fill(path(d), cloth, shade=0.2)
    b.line(
        path(
            "M 0.25 0.06 Q 0.26 0.25 0.235 0.35 M 0.295 0.06 Q 0.30 0.26 0.245 0.35 "
            "M 0.75 0.06 Q 0.74 0.25 0.765 0.35 M 0.705 0.06 Q 0.70 0.26 0.755 0.35"
        ),
        darker(cloth, 0.25),
        0.006,
    )
    b.limb(path("M 0.19 0.045 H 0.81"), (176, 132, 88), 0.014)


def _picture(b: Brush) -> None:
    """A framed landscape of two hills."""
    b.fill(box(0.035, 0.14, 0.175, 0.29), (206, 164, 92), shade=0.2)
    b.fill(box(0.052, 0.157, 0.158, 0.273), (206, 228, 236), shade=0)
    b.fill(
        polygon(0.052, 0.273, 0.085, 0.20, 0.115, 0.245, 0.135, 0.22, 0.158, 0.273),
        (122, 168, 122),
        shade=0,
        outline=False,
    )


def _sideboard(b: Brush) -> None:
    wood: RGB = (176, 128, 92)
    b.fill(box(-0.02, 0.44, 0.185, 0.64, 0.01), wood, shade=0.15)
    b.line(path("M -0.02 0.505 H 0.185 M -0.02 0.57 H 0.185"), darker(wood, 0.4), 0.006)
    for y in (0.475, 0.54, 0.605):
        b.dot(0.085, y, 0.009, (244, 218, 160))


def _standard_lamp(b: Brush, air: Air) -> None:
    b.limb(path("M 0.88 0.68 V 0.30"), (120, 100, 92), 0.012)
    b.fill(oval(0.88, 0.68, 0.045, 0.012), (120, 100, 92), shade=0)
    b.fill(polygon(0.80, 0.34, 0.835, 0.19, 0.925, 0.19, 0.96, 0.34), LAMP if air.lit else (250, 236, 200), shade=0.12)


_SPINES: tuple[RGB, ...] = (
    (190, 84, 74),
    (84, 124, 168),
    (226, 184, 96),
    (104, 146, 104),
    (140, 104, 150),
    (220, 206, 178),
    (206, 136, 84),
)


def library(b: Brush, air: Air) -> None:
    """Shelves of coloured spines to the ceiling on both sides and below the window, a ladder, two hanging lamps."""
    b.wash(box(-0.02, -0.02, 1.02, FLOOR), (228, 210, 178), (220, 200, 168))
    floor(b, (206, 196, 206), (222, 214, 220))
    b.wash(
        polygon(0.26, 0.66, 0.74, 0.66, 0.92, 1.02, 0.08, 1.02),
        *air.pick(
            ((198, 178, 186), (214, 198, 204)), ((176, 194, 184), (198, 212, 204)), ((178, 186, 206), (200, 206, 220))
        ),
    )
    _shelves(b, -0.03, 0.235, (0.0, 0.125, 0.25, 0.375, 0.50, 0.63))
    _shelves(b, 0.765, 1.03, (0.0, 0.125, 0.25, 0.375, 0.50, 0.63))
    _shelves(b, 0.255, 0.745, (0.52, 0.63))
    window(b, air, (168, 124, 88))
    with mirrored(b, air):
        b.limb(path("M 0.115 0.70 L 0.20 0.02 M 0.215 0.70 L 0.275 0.02"), (214, 172, 118), 0.014)
        b.line(
            path(
                "M 0.128 0.60 H 0.224 M 0.140 0.50 H 0.233 M 0.153 0.40 H 0.242 M 0.165 0.30 H 0.25 "
                "M 0.178 0.20 H 0.26 M 0.19 0.10 H 0.268"
            ),
            (186, 142, 92),
            0.013,
        )
    for x in (0.262, 0.738):
        b.line(path(f"M {x} -0.02 V 0.05"), (104, 84, 72), 0.008)
        b.fill(path(f"M {x - 0.04:.3f} 0.085 Q {x} 0.015 {x + 0.04:.3f} 0.085 Z"), (96, 142, 118), shade=0.15)
        disc(b, x, 0.09, 0.017, LAMP if air.lit else (246, 242, 230))


def _shelves(b: Brush, left: float, right: float, levels: tuple[float, ...]) -> None:
    wood: RGB = (150, 110, 80)
    b.fill(box(left, round(levels[0] - 0.02, 3), right, levels[-1] + 0.02), darker(wood, 0.25), shade=0)
    for k, rgb in enumerate(_SPINES):
        b.fill(_spines(left, right, levels, k), rgb, shade=0, outline=b.style == "sketch")
    for y in levels:
        b.fill(box(left, y - 0.006, right, y + 0.014), wood, shade=0)
    b.line(
        path(
            f"M {left + 0.004:.3f} {levels[0]:.3f} V {levels[-1]:.3f} M {right - 0.004:.3f} {levels[0]:.3f} V "
            f"{levels[-1]:.3f}"
        ),
        wood,
        0.018,
    )


@lru_cache(maxsize=64)
def _spines(left: float, right: float, levels: tuple[float, ...], colour: int) -> skia.Path:
    """All spines of one colour: rows of upright strips of uneven width and height."""
    out = skia.Path()
    for row, (top, bottom) in enumerate(pairwise(levels)):
        x, i = left + 0.012, row * 5
        while x < right - 0.024:
            i += 1
            wide, gap = 0.017 + 0.010 * ((i * 0.618) % 1.0), 0.020 + 0.035 * ((i * 0.414) % 1.0)
            if (i * 3 + i // 4) % len(_SPINES) == colour:
                out.addRect(skia.Rect.MakeLTRB(x, top + gap, min(x + wide, right - 0.012), bottom))
            x += wide + 0.003
    return out
