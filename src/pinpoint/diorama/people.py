"""People: eight gestures that read from the silhouette alone.

Unlike the other drawers, one unit here is the *stature* of a standing person, so that a crowd keeps its proportions:
`HEIGHT` says how much of it a gesture takes up, and `ASPECT` how wide it is.

A pose is a handful of joints. Everything else (clothes, hair, face) hangs on them, so the gestures differ in nothing
but the pose.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import acos, cos, hypot, sin

import skia

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance, mix
from pinpoint.diorama.paths import box, oval, path, polygon
from pinpoint.diorama.scene import GESTURES
from pinpoint.errors import unknown

ASPECT = {
    "stand": 0.58, "sit": 0.64, "jump": 0.76, "lie": 1.12, "bend": 0.78, "kneel": 0.66, "squat": 0.66, "crawl": 1.02,
}  # fmt: skip
HEIGHT = {
    "stand": 1.0, "sit": 0.9, "jump": 1.19, "lie": 0.33, "bend": 0.66, "kneel": 0.8, "squat": 0.77, "crawl": 0.65,
}  # fmt: skip

CROWN = 0.96  # the poses measure one unit without hair; with hair a standing person is as tall as the stature
HEAD = 0.118  # radius: four and a half heads make a person, as in picture books
LEG, ARM = 0.125, 0.088  # widths; at 27 pixels of stature a leg is still three pixels
SHOES: RGB = (70, 56, 54)
SKIN: tuple[RGB, ...] = (
    (251, 221, 198), (240, 200, 166), (220, 170, 130), (184, 130, 92), (142, 94, 66), (106, 70, 52),
)  # fmt: skip
HAIR: tuple[RGB, ...] = ((52, 42, 42), (78, 54, 42), (120, 76, 46), (168, 92, 48), (214, 170, 92), (168, 164, 164))

_SHORT = (
    "M-1.1 0.3 C-1.3 -0.9 -0.5 -1.36 0.15 -1.24 C0.85 -1.16 1.16 -0.7 1.02 -0.28 "
    "C0.65 -0.62 0.2 -0.72 -0.3 -0.6 C-0.42 -0.2 -0.5 0.1 -0.62 0.42 C-0.82 0.66 -1.04 0.6 -1.1 0.3 Z"
)
# What hangs behind the head, by style: short crop, long, bun, curls, pony tail.
_BEHIND: tuple[str | None, ...] = (
    None,
    "M-1.12 -0.3 C-1.5 0.7 -1.5 1.3 -1.2 1.66 C-0.7 1.8 0.0 1.7 0.3 1.5 L0.5 -0.6 Z",
    "M-1.5 -1.25 C-1.1 -1.75 -0.3 -1.5 -0.3 -0.95 C-0.5 -0.5 -1.1 -0.4 -1.45 -0.65 C-1.65 -0.85 -1.6 -1.1 -1.5 -1.25 Z",
    "M-0.5 1.0 C-1.5 1.1 -1.75 0.1 -1.45 -0.4 C-1.6 -1.15 -0.7 -1.6 0.1 -1.42 C1.0 -1.55 1.5 -0.9 1.25 -0.4 L0.4 0.6 Z",
    "M-0.8 -0.9 C-1.6 -1.1 -2.0 -0.3 -1.75 0.3 C-1.8 0.8 -1.6 1.1 -1.35 1.3 C-1.2 0.8 -1.0 0.2 -0.7 -0.1 Z",
)

Line = tuple[float, ...]  # x0, y0, x1, y1, … along a limb


@dataclass(frozen=True)
class Pose:
    """Joints in units of stature, ground at y = 0. The far limbs are drawn behind the trunk, the near ones before."""

    hip: tuple[float, float]
    chest: tuple[float, float]
    head: tuple[float, float, float]  # centre, and tilt in degrees
    far_leg: Line
    near_leg: Line
    far_arm: Line
    near_arm: Line
    shoes: tuple[tuple[float, float, float], ...]  # ankle, and tilt; shoes point to the right at tilt 0
    shadow: tuple[float, float]  # half width and centre


_POSES: dict[str, Pose] = {
    "stand": Pose(
        hip=(0.0, -0.46), chest=(0.0, -0.68), head=(0.01, -0.868, 0),
        far_leg=(0.06, -0.44, 0.095, -0.24, 0.105, -0.08), near_leg=(-0.06, -0.44, -0.095, -0.24, -0.115, -0.08),
        far_arm=(0.11, -0.69, 0.2, -0.56, 0.24, -0.42), near_arm=(-0.11, -0.69, -0.2, -0.56, -0.24, -0.42),
        shoes=((0.115, -0.045, 0), (-0.125, -0.045, 180)), shadow=(0.24, 0.0),
    ),
    "sit": Pose(
        hip=(-0.13, -0.38), chest=(-0.11, -0.6), head=(-0.07, -0.755, 0),
        far_leg=(-0.1, -0.36, 0.17, -0.385, 0.19, -0.08), near_leg=(-0.12, -0.35, 0.13, -0.365, 0.14, -0.08),
        far_arm=(-0.05, -0.6, 0.06, -0.5, 0.16, -0.45), near_arm=(-0.13, -0.6, -0.06, -0.46, 0.12, -0.42),
        shoes=((0.22, -0.045, 0), (0.17, -0.045, 0)), shadow=(0.3, 0.0),
    ),
    "jump": Pose(
        hip=(0.0, -0.66), chest=(0.0, -0.86), head=(0.0, -1.035, 0),
        far_leg=(0.05, -0.63, 0.21, -0.52, 0.25, -0.34), near_leg=(-0.05, -0.63, -0.21, -0.52, -0.25, -0.34),
        far_arm=(0.1, -0.88, 0.23, -1.0, 0.3, -1.17), near_arm=(-0.1, -0.88, -0.23, -1.0, -0.3, -1.17),
        shoes=((0.29, -0.305, 35), (-0.29, -0.305, 145)), shadow=(0.2, 0.0),
    ),
    "lie": Pose(
        hip=(0.04, -0.12), chest=(-0.18, -0.135), head=(-0.375, -0.165, -78),
        far_leg=(0.06, -0.13, 0.3, -0.12, 0.46, -0.085), near_leg=(0.06, -0.1, 0.28, -0.075, 0.45, -0.065),
        far_arm=(-0.16, -0.16, -0.02, -0.2, 0.08, -0.16), near_arm=(-0.22, -0.07, -0.36, -0.045, -0.48, -0.06),
        shoes=((0.495, -0.1, -80), (0.485, -0.08, -70)), shadow=(0.5, 0.0),
    ),
    "bend": Pose(
        hip=(-0.2, -0.56), chest=(0.05, -0.49), head=(0.215, -0.35, 85),
        far_leg=(-0.17, -0.53, -0.17, -0.28, -0.19, -0.08), near_leg=(-0.22, -0.53, -0.24, -0.28, -0.27, -0.08),
        far_arm=(0.1, -0.47, 0.15, -0.28, 0.14, -0.1), near_arm=(0.05, -0.45, 0.08, -0.27, 0.065, -0.09),
        shoes=((-0.16, -0.045, 0), (-0.25, -0.045, 0)), shadow=(0.3, -0.04),
    ),
    "kneel": Pose(
        hip=(0.02, -0.3), chest=(0.04, -0.5), head=(0.08, -0.65, 0),
        far_leg=(0.06, -0.29, 0.1, -0.07, -0.14, -0.065), near_leg=(0.01, -0.29, 0.04, -0.065, -0.2, -0.06),
        far_arm=(0.12, -0.51, 0.2, -0.4, 0.28, -0.5), near_arm=(0.0, -0.5, 0.08, -0.36, 0.24, -0.45),
        shoes=((-0.235, -0.075, 105), (-0.27, -0.07, 105)), shadow=(0.27, -0.05),
    ),
    "squat": Pose(
        hip=(0.0, -0.21), chest=(0.0, -0.43), head=(0.01, -0.615, 0),
        far_leg=(0.06, -0.17, 0.26, -0.31, 0.2, -0.08), near_leg=(-0.06, -0.17, -0.26, -0.31, -0.2, -0.08),
        far_arm=(0.11, -0.45, 0.2, -0.42, 0.27, -0.32), near_arm=(-0.11, -0.45, -0.2, -0.42, -0.27, -0.32),
        shoes=((0.225, -0.045, 0), (-0.225, -0.045, 180)), shadow=(0.3, 0.0),
    ),
    "crawl": Pose(
        hip=(-0.16, -0.32), chest=(0.1, -0.35), head=(0.275, -0.47, 4),
        far_leg=(-0.14, -0.29, -0.08, -0.08, -0.34, -0.07), near_leg=(-0.18, -0.29, -0.15, -0.07, -0.42, -0.065),
        far_arm=(0.14, -0.36, 0.22, -0.2, 0.25, -0.05), near_arm=(0.08, -0.35, 0.1, -0.19, 0.11, -0.05),
        shoes=((-0.38, -0.08, 105), (-0.455, -0.075, 105)), shadow=(0.42, -0.05),
    ),
}  # fmt: skip


@lru_cache(maxsize=256)
def trunk(x0: float, y0: float, r0: float, x1: float, y1: float, r1: float) -> skia.Path:
    """The outline of two discs and the belt around them: a body between hip and chest."""
    dx, dy = x1 - x0, y1 - y0
    length = hypot(dx, dy)
    ux, uy = dx / length, dy / length
    spread = acos((r0 - r1) / length)  # angle between the axis and the radius where the belt leaves a disc
    xy: list[float] = []
    for side in (1, -1):
        px, py = ux * cos(spread) - side * uy * sin(spread), uy * cos(spread) + side * ux * sin(spread)
        near, far = (x0 + r0 * px, y0 + r0 * py), (x1 + r1 * px, y1 + r1 * py)
        xy += [*near, *far] if side == 1 else [*far, *near]
    out = skia.Path(polygon(*xy))
    for disc in (oval(x0, y0, r0, r0), oval(x1, y1, r1, r1)):
        out = skia.Op(out, disc, skia.PathOp.kUnion_PathOp)
    return out


def person(b: Brush, gesture: str, rgb: RGB, v: Variety) -> None:
    """Draw one person, feet (or shadow) at the origin, one unit = the stature of somebody standing.

    `rgb` is the colour of the clothes; `v`, three numbers in [0, 1), picks skin, hair and how the clothes are cut.
    """
    if gesture not in _POSES:
        raise unknown("gesture", gesture, GESTURES)
    with b.at(0.0, 0.0, CROWN):
        _draw(b, gesture, rgb, v)


def _draw(b: Brush, gesture: str, rgb: RGB, v: Variety) -> None:
    """From back to front: far arm, legs, hair, trunk, thighs, head, near arm."""
    pose = _POSES[gesture]
    skin, legs = SKIN[int(v[0] * len(SKIN))], _trousers(rgb, v[2])
    b.shadow(pose.shadow[0], x=pose.shadow[1])
    if gesture == "sit":
        _stool(b)
    _arm(b, pose.far_arm, darker(rgb, 0.12), skin, v[2])
    for line, shoe, tone in ((pose.far_leg, pose.shoes[0], darker(legs, 0.15)), (pose.near_leg, pose.shoes[1], legs)):
        _shoe(b, *shoe)
        b.limb(polygon(*line, closed=False), tone, LEG)
    _hair_behind(b, pose.head, v)
    b.fill(trunk(*pose.hip, 0.108, *pose.chest, 0.124), rgb)
    if gesture in ("sit", "kneel", "squat", "crawl"):  # the near thigh lies in front of the shirt
        b.limb(polygon(*pose.near_leg, closed=False), legs, LEG)
    if gesture == "squat":
        b.limb(polygon(*pose.far_leg, closed=False), darker(legs, 0.08), LEG)
    neck = [0.45 * chest + 0.55 * head for chest, head in zip(pose.chest, pose.head, strict=False)]
    b.dot(neck[0], neck[1], 0.062, darker(skin, 0.1))
    _head(b, pose.head, skin, v, asleep=gesture == "lie")
    _arm(b, pose.near_arm, lighter(rgb, 0.08), skin, v[2])
    if gesture in ("stand", "jump", "squat"):
        _arm(b, pose.far_arm, rgb, skin, v[2])


def _trousers(rgb: RGB, cut: float) -> RGB:
    """A second tone of the same colour, so that clothes have two parts and one name."""
    if luminance(rgb) < 0.3:
        return lighter(rgb, 0.16)
    return darker(rgb, 0.3) if cut < 0.7 else darker(rgb, 0.18)


def _arm(b: Brush, line: Line, sleeve: RGB, skin: RGB, cut: float) -> None:
    b.limb(polygon(*line, closed=False), sleeve if cut < 0.6 else skin, ARM)
    if cut >= 0.6:  # short sleeves
        b.limb(polygon(*line[:4], closed=False), sleeve, ARM)
    b.dot(line[-2], line[-1], 0.048, skin)


def _shoe(b: Brush, x: float, y: float, tilt: float) -> None:
    with b.at(x, y, 1.0, turn=tilt):
        b.fill(box(-0.075, -0.045, 0.095, 0.045, 0.04), SHOES, shade=0.1)


def _stool(b: Brush) -> None:
    wood: RGB = (188, 142, 96)
    b.line(path("M-0.24 -0.27 L-0.29 -0.02 M-0.03 -0.27 L0.02 -0.02"), darker(wood, 0.25), 0.05)
    b.fill(box(-0.3, -0.32, 0.03, -0.24, 0.03), wood)


def _hair(v: Variety) -> RGB:
    return HAIR[int(v[1] * 97) % (3 if v[0] > 0.55 else len(HAIR))]


def _hair_behind(b: Brush, where: tuple[float, float, float], v: Variety) -> None:
    shape = _BEHIND[int(v[1] * len(_BEHIND))]
    if shape is not None:
        with b.at(where[0], where[1], HEAD, turn=where[2]):
            b.fill(path(shape), _hair(v), shade=0.15)


def _head(b: Brush, where: tuple[float, float, float], skin: RGB, v: Variety, asleep: bool) -> None:
    """Face towards the right, in a frame whose unit is the radius of the head."""
    with b.at(where[0], where[1], HEAD, turn=where[2]):
        b.fill(oval(0.0, 0.0, 1.0, 1.05), skin, shade=0.14)
        b.fill(path(_SHORT), _hair(v), shade=0.15)
        if asleep:
            b.line(path("M0.0 0.05 Q0.15 0.2 0.3 0.05 M0.55 0.05 Q0.68 0.2 0.8 0.05"), INK, 0.12)
        else:
            for x in (0.12, 0.7):
                b.dot(x, 0.06, 0.15, INK)
                b.dot(x - 0.05, 0.0, 0.055, (255, 252, 244))
        b.dot(-0.1, 0.42, 0.17, mix(skin, (226, 92, 84), 0.3))
        b.line(path("M0.2 0.5 Q0.45 0.72 0.7 0.48"), mix(skin, (122, 34, 44), 0.65), 0.13)
