"""What the drawers of things share: materials by colour, a second colour, and the sense of the frame."""

from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import RGB, luminance

TYRE: RGB = (54, 52, 60)
STEEL: RGB = (176, 180, 188)
LIT: RGB = (255, 226, 138)
LEATHER: RGB = (74, 56, 50)
LEAF: RGB = (78, 148, 82)
PAPER: RGB = (248, 240, 222)
_PANE: RGB = (196, 222, 234)


def accent(rgb: RGB) -> RGB:
    """A second colour that shows on `rgb`: cream on most, caramel on yellow, a warm grey on white."""
    light = luminance(rgb)
    return (250, 244, 230) if light < 0.75 else (172, 112, 58) if light < 0.9 else (150, 132, 122)


def mirrored(b: Brush) -> bool:
    """True if the present frame is mirrored, so that a drawer can turn its lettering back."""
    return bool(b.canvas.getTotalMatrix().getScaleX() < 0)


def pane(b: Brush) -> RGB:
    """The colour of a window: sky by day, lamplight after dark."""
    return LIT if b.light.lamps else _PANE
