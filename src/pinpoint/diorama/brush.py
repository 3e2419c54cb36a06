"""The one way to put ink on a picture: shapes go through a `Brush`, and the brush knows the style.

A drawer (a cat, a bus, a kitchen) says *what* is there: a path and its colour. The brush decides *how* it looks:
shaded gouache, pencil, oil or stained glass. So each thing is drawn once and exists in every style.

Frames. A picture is the unit square, y downwards. A drawer works in a local frame made by `Brush.at`: the ground
contact is (0, 0), up is negative y, and the thing is one unit tall, from y = -1 to y = 0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import skia

from pinpoint.diorama.colour import INK, RGB, darker, lighter, luminance, mix
from pinpoint.diorama.media import LEAD, argb, dab_lattice, flat, glass, in_medium, oil, paper_tone, pencil, stroke
from pinpoint.diorama.paths import oval, polygon

Variety = tuple[float, float, float]  # what every drawer takes: numbers in [0, 1), incidental differences, no identity


@dataclass(frozen=True)
class Light:
    """What the hour does to every colour in the picture."""

    multiply: RGB = (255, 255, 255)  # colour of the light; the finished picture is multiplied by it
    shadow: float = 0.30  # opacity of contact shadows
    lean: float = 0.25  # how far shadows fall to the right of what casts them, in local units; the sun is on the left
    lamps: bool = False  # windows, street lamps and headlights are lit
    haze: RGB = (220, 230, 240)  # far things fade towards it
    haze_amount: float = 0.0  # 0 clear air … 1 fog


class Brush:
    """Draws paths in one style on one canvas whose unit square is the picture.

    `style` is one of "natural", "sketch", "art", "glass". (Low-res is natural, pixelated afterwards.)
    """

    def __init__(self, canvas: skia.Canvas, style: str = "natural", light: Light | None = None, seed: int = 0):
        self.canvas, self.style, self.light, self.seed = canvas, style, light or Light(), seed
        self.scale = 1.0  # picture heights per local unit, for line widths that do not depend on the frame
        self.side = 1.0  # -1 in a mirrored frame: the sun does not move when a cat turns round

    # -- frames ------------------------------------------------------------------------------------------------
    @contextmanager
    def at(self, x: float, y: float, scale: float, flip: bool = False, turn: float = 0.0) -> Iterator[None]:
        """A local frame with its origin at (x, y), `scale` outer units per local unit, turned by `turn` degrees."""
        before = self.scale, self.side
        self.canvas.save()
        self.canvas.translate(x, y)
        if turn:
            self.canvas.rotate(turn)
        self.canvas.scale(-scale if flip else scale, scale)
        self.scale, self.side = self.scale * scale, -self.side if flip else self.side
        yield
        self.scale, self.side = before
        self.canvas.restore()

    @contextmanager
    def clip(self, shape: skia.Path) -> Iterator[None]:
        """Draw only inside `shape`."""
        self.canvas.save()
        self.canvas.clipPath(shape, skia.ClipOp.kIntersect, True)
        yield
        self.canvas.restore()

    # -- ink -----------------------------------------------------------------------------------------------------
    def fill(self, shape: skia.Path, rgb: RGB, *, shade: float = 0.22, outline: bool = True) -> None:
        """Fill `shape`; `shade` is how strongly it turns from the light (top left) to the shadow (bottom right).

        Use shade=0 for flat marks (eyes, stripes, lettering) and outline=False for parts that melt into a neighbour.
        """
        _FILLS[self.style](self, shape, rgb, shade, outline)

    def line(self, shape: skia.Path, rgb: RGB = INK, width: float = 0.03) -> None:
        """Draw along `shape` with a round pen of `width` local units (whiskers, ropes, spokes, thin legs)."""
        if self.style == "sketch":
            rgb, width = pencil(rgb), min(width, 0.009 / self.scale)
        elif self.style == "art":
            rgb = oil(rgb)
        elif self.style == "glass":
            rgb, width = glass(rgb), max(width, 0.008 / self.scale)
        self.canvas.drawPath(shape, stroke(rgb, width))

    def limb(self, shape: skia.Path, rgb: RGB, width: float) -> None:
        """A thick bent part (leg, arm, tail, trunk): a line of `width` local units with the style's own outline."""
        edge = 0.0035 / self.scale
        if self.style == "sketch":
            self.canvas.drawPath(shape, stroke(pencil(INK), width + 2 * edge))
            self.canvas.drawPath(shape, stroke(paper_tone(rgb), width))
        elif self.style == "glass":
            self.canvas.drawPath(shape, stroke(LEAD, width + 4 * edge))
            self.canvas.drawPath(shape, stroke(glass(rgb), width))
        else:
            body = oil(rgb) if self.style == "art" else rgb
            self.canvas.drawPath(shape, stroke(darker(body, 0.45), width + 1.6 * edge))
            self.canvas.drawPath(shape, stroke(body, width))

    def dot(self, x: float, y: float, r: float, rgb: RGB = INK) -> None:
        """A flat small disc without outline: an eye, a button, a berry."""
        self.canvas.drawCircle(x, y, r, flat(in_medium(self.style, rgb)))

    def shadow(self, half_width: float, x: float = 0.0, y: float = 0.0) -> None:
        """A soft contact shadow on the ground under a thing `2 * half_width` wide."""
        if self.style == "sketch":
            with self.clip(oval(x + 0.3 * half_width, y, half_width * 1.1, half_width * 0.16)):
                self._hatch(0.011, 0.004, (150, 148, 150), 18)
            return
        lean = self.light.lean * half_width * self.side
        shape = oval(x + lean, y, half_width * 1.15, half_width * 0.17)
        paint = flat((30, 26, 52), self.light.shadow)
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.04 * half_width))
        self.canvas.drawPath(shape, paint)

    def glow(self, x: float, y: float, r: float, rgb: RGB, strength: float = 0.8) -> None:
        """A lamp, a lit window or the sun's halo: light that adds to what is there. Pencil cannot glow."""
        if self.style == "sketch":
            return
        inner, outer = argb(rgb, strength), argb(rgb, 0.0)
        paint = skia.Paint(AntiAlias=True, BlendMode=skia.BlendMode.kScreen)
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), r, [inner, outer]))
        self.canvas.drawCircle(x, y, r, paint)

    def wash(self, shape: skia.Path, top: RGB, bottom: RGB, *, alpha: float = 1.0) -> None:
        """A vertical blend without outline, for skies, walls, water and ground."""
        first, last = (paper_tone(c) if self.style == "sketch" else in_medium(self.style, c) for c in (top, bottom))
        bounds = shape.getBounds()
        ends = [skia.Point(0, bounds.top()), skia.Point(0, bounds.bottom())]
        paint = skia.Paint(AntiAlias=True, Alphaf=alpha)
        paint.setShader(skia.GradientShader.MakeLinear(ends, [argb(first, 1.0), argb(last, 1.0)]))
        self.canvas.drawPath(shape, paint)
        if self.style == "sketch":
            self._tone(shape, mix(top, bottom, 0.5))
        elif self.style == "art":
            self._dabs(shape, mix(first, last, 0.5), 0.30)

    # -- what the styles share -------------------------------------------------------------------------------------
    def _hatch(self, gap: float, width: float, rgb: RGB, angle: float) -> None:
        """Parallel pencil lines over the present clip; gap and width in picture units."""
        matrix = skia.Matrix()
        matrix.setScale(gap / self.scale, gap / self.scale)
        matrix.preRotate(angle)
        lines = skia.Line2DPathEffect.Make(width / self.scale, matrix)
        paint = skia.Paint(AntiAlias=True, Color=argb(rgb, 1.0), PathEffect=lines)
        self.canvas.drawRect(self.canvas.getLocalClipBounds(), paint)

    def _tone(self, shape: skia.Path, rgb: RGB) -> None:
        """Pencil shading: the darker the colour, the denser the hatching; light colours stay paper."""
        dark = 1 - luminance(rgb)
        if dark < 0.22:
            return
        with self.clip(shape):
            self._hatch(0.030 - 0.020 * dark, 0.003 + 0.003 * dark, (132, 130, 132), -38)
            if dark > 0.6:
                self._hatch(0.016, 0.004, (112, 110, 112), 42)

    def _dabs(self, shape: skia.Path, rgb: RGB, strength: float) -> None:
        """Oil: short dabs of a lighter and a darker tone on two crossing lattices, as a pointillist sets them."""
        with self.clip(shape):
            bounds = self.canvas.getLocalClipBounds()
            for gap, tone, angle in ((0.052, lighter(rgb, 0.40), 28), (0.074, darker(rgb, 0.38), -17)):
                effect = dab_lattice(gap, round(self.scale, 3), angle + self.seed % 9)
                self.canvas.drawRect(bounds, skia.Paint(AntiAlias=True, Color=argb(tone, strength), PathEffect=effect))


# -- the four media: how each fills a shape
def _fill_natural(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    if shade > 0:
        bounds = shape.getBounds()
        right = bounds.left() + 0.55 * bounds.width()
        ends = [skia.Point(bounds.left(), bounds.top()), skia.Point(right, bounds.bottom())]
        stops = [argb(lighter(rgb, shade * 0.8), 1.0), argb(rgb, 1.0), argb(darker(rgb, shade * 1.1), 1.0)]
        paint = skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear(ends, stops, [0.0, 0.45, 1.0]))
    else:
        paint = flat(rgb)
    b.canvas.drawPath(shape, paint)
    if outline:
        b.canvas.drawPath(shape, stroke(darker(rgb, 0.45), 0.0035 / b.scale))


def _unsteady(shape: skia.Path, longest: float) -> float:
    """Length of the straight pieces of a hand-drawn contour: shorter on small shapes, so that heads stay round."""
    bounds = shape.getBounds()
    return max(min(longest, 0.22 * max(bounds.width(), bounds.height())), 1e-3)


def _fill_sketch(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    b.canvas.drawPath(shape, flat(paper_tone(rgb)))
    b._tone(shape, rgb)
    if outline or shade == 0:
        for k in range(2):  # two passes that do not quite meet: the look of a searching pencil
            paint = stroke((70, 68, 72), 0.0042 / b.scale)
            segment = _unsteady(shape, 0.045 / b.scale)
            paint.setPathEffect(skia.DiscretePathEffect.Make(segment, 0.1 * segment, b.seed + 17 * k))
            b.canvas.drawPath(shape, paint)


def _fill_art(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    body = oil(rgb)
    paint = flat(body)
    if shade > 0:  # broken contours and visible strokes, but never on small flat marks: eyes must stay eyes
        segment = _unsteady(shape, 0.05 / b.scale)
        paint.setPathEffect(skia.DiscretePathEffect.Make(segment, 0.14 * segment, b.seed))
    b.canvas.drawPath(shape, paint)
    if shade > 0:
        b._dabs(shape, body, 0.5)
        bounds = shape.getBounds()
        shade_side = oval(bounds.right(), bounds.bottom(), bounds.width() * 0.7, bounds.height() * 0.7)
        with b.clip(shape):
            b.canvas.drawPath(shade_side, flat(darker(body, 0.5), 0.35))


def _fill_glass(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    b.canvas.drawPath(shape, flat(glass(rgb)))
    if shade > 0:
        bounds = shape.getBounds()
        with b.clip(shape):  # one bright facet, as if the pane were cut
            b.canvas.drawPath(
                polygon(bounds.left(), bounds.top(), bounds.right(), bounds.top(), bounds.left(), bounds.bottom()),
                flat((255, 255, 255), 0.16),
            )
    if outline or shade > 0:
        b.canvas.drawPath(shape, stroke(LEAD, 0.0095 / b.scale))


_FILLS = {"natural": _fill_natural, "sketch": _fill_sketch, "art": _fill_art, "glass": _fill_glass}
