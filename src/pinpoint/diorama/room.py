"""What the three rooms share: a large window in the middle of the wall, which shows hour and weather, and a floor."""

from contextlib import AbstractContextManager

from pinpoint.diorama.air import Air
from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, darker
from pinpoint.diorama.paths import box, path
from pinpoint.diorama.scenery import round_tree
from pinpoint.diorama.sky import Opening, sky
from pinpoint.diorama.weather import falling, veil

WINDOW = Opening(horizon=0.62, top=0.0, width=0.92, floor=0.90)  # in the window's own frame, which is 1 wide, 0.86 tall
_LEFT, _TOP, _WIDE, _TALL = 0.29, 0.07, 0.42, 0.36
FLOOR = 0.62


def window_frame() -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of every room's window."""
    return (_LEFT, _TOP, _LEFT + _WIDE, _TOP + _TALL)


def mirrored(b: Brush, air: Air) -> AbstractContextManager[None]:
    """The frame, turned over in half of the variants; windows are not."""
    return b.at(1.0 if air.flip else 0.0, 0.0, 1.0, flip=air.flip)


def window(b: Brush, air: Air, frame: RGB) -> None:
    """Sky, a strip of garden and the weather, cut to the pane; then the bars."""
    left, top, right, bottom = window_frame()
    with b.clip(box(left, top, right, bottom)), b.at(left, top, _WIDE):
        sky(b, air, WINDOW)
        grass = air.far(air.ground((150, 196, 118)), 0.25)
        b.wash(path("M -0.02 0.88 V 0.70 Q 0.25 0.62 0.55 0.70 Q 0.80 0.76 1.02 0.68 V 0.88 Z"), grass, grass)
        for x, h in ((0.04, 0.32), (0.97, 0.26)):
            with b.at(x, 0.78, h, turn=-abs(air.wind)):
                round_tree(b, air, (112, 164, 96), 0.3)
        veil(b, air)
        falling(b, air, 1.9)
    pane = box(left, top, right, bottom)
    b.line(pane, darker(frame, 0.4), 0.034)
    b.line(pane, frame, 0.026)
    b.line(path("M 0.5 0.07 V 0.43"), frame, 0.013)
    b.fill(box(left - 0.035, bottom, right + 0.035, bottom + 0.025, 0.005), frame, shade=0.15)


def floor(b: Brush, far: RGB, near: RGB) -> None:
    """The floor, from the foot of the wall to the lower edge."""
    b.wash(box(-0.02, FLOOR, 1.02, 1.02), far, near)
