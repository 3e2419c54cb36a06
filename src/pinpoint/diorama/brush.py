"""The one way to put ink on a picture: shapes go through a `Brush`, and the brush knows the style.

A drawer (a cat, a bus, a kitchen) says *what* is there: a path and its colour. The brush decides *how* it looks:
shaded gouache, pencil, oil or stained glass. So each thing is drawn once and exists in every style.

Frames. A picture is the unit square, y downwards. A drawer works in a local frame made by `Brush.at`: the ground
contact is (0, 0), up is negative y, and the thing is one unit tall, from y = -1 to y = 0.
"""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import skia

RGB = tuple[int, int, int]

# Ten colours that stay apart under every light of the world, and grey. Values are gouache, not primaries.
COLOURS: dict[str, RGB] = {
    "red": (206, 58, 52),
    "orange": (236, 136, 50),
    "yellow": (245, 206, 72),
    "green": (84, 156, 76),
    "blue": (58, 112, 196),
    "purple": (128, 80, 168),
    "pink": (240, 150, 182),
    "brown": (134, 88, 56),
    "black": (52, 50, 56),
    "white": (246, 243, 236),
    "grey": (152, 152, 156),
}
INK: RGB = (62, 52, 58)  # outlines, eyes, whiskers: a warm near-black


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """`a` at t = 0, `b` at t = 1."""
    return (round(a[0] + (b[0] - a[0]) * t), round(a[1] + (b[1] - a[1]) * t), round(a[2] + (b[2] - a[2]) * t))


def lighter(rgb: RGB, t: float) -> RGB:
    """Towards warm paper white."""
    return mix(rgb, (255, 250, 238), t)


def darker(rgb: RGB, t: float) -> RGB:
    """Towards a cool shadow, never to plain black: shadows outdoors are blue."""
    return mix(rgb, (38, 34, 58), t)


def luminance(rgb: RGB) -> float:
    """Perceived lightness in [0, 1] (Rec. 601 weights)."""
    return (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255


_TOKEN = re.compile(r"[MLQCZHV]|-?\d*\.?\d+")
_ARGUMENTS = {"M": 2, "L": 2, "Q": 4, "C": 6, "H": 1, "V": 1}
_METHOD = {"M": "moveTo", "L": "lineTo", "Q": "quadTo", "C": "cubicTo"}


@lru_cache(maxsize=4096)
def path(d: str) -> skia.Path:
    """A path from SVG path data with absolute commands M L H V Q C Z. Cached: drawers pass constant strings."""
    tokens = _TOKEN.findall(d)
    out = skia.Path()
    i, command, x, y = 0, "", 0.0, 0.0
    while i < len(tokens):
        if tokens[i].isalpha():
            command = tokens[i]
            i += 1
        if command == "Z":
            out.close()
            continue
        n = _ARGUMENTS[command]
        a = [float(t) for t in tokens[i : i + n]]
        i += n
        if command == "H":
            x = a[0]
            out.lineTo(x, y)
        elif command == "V":
            y = a[0]
            out.lineTo(x, y)
        else:
            x, y = a[-2], a[-1]
            getattr(out, _METHOD[command])(*a)
            command = "L" if command == "M" else command
    return out


@lru_cache(maxsize=4096)
def oval(x: float, y: float, rx: float, ry: float) -> skia.Path:
    """An ellipse by its centre and radii."""
    return skia.Path.Oval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))


@lru_cache(maxsize=4096)
def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> skia.Path:
    """A rectangle by its edges, with rounded corners if `radius` > 0."""
    return skia.Path.RRect(skia.Rect.MakeLTRB(left, top, right, bottom), radius, radius)


@lru_cache(maxsize=1024)
def polygon(*xy: float, closed: bool = True) -> skia.Path:
    """Straight edges through x0, y0, x1, y1, …"""
    return skia.Path.Polygon([skia.Point(xy[i], xy[i + 1]) for i in range(0, len(xy), 2)], closed)


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
            rgb, width = _pencil(rgb), min(width, 0.009 / self.scale)
        elif self.style == "art":
            rgb = _oil(rgb)
        elif self.style == "glass":
            rgb, width = _glass(rgb), max(width, 0.008 / self.scale)
        self.canvas.drawPath(shape, _stroke(rgb, width))

    def limb(self, shape: skia.Path, rgb: RGB, width: float) -> None:
        """A thick bent part (leg, arm, tail, trunk): a line of `width` local units with the style's own outline."""
        edge = 0.0035 / self.scale
        if self.style == "sketch":
            self.canvas.drawPath(shape, _stroke(_pencil(INK), width + 2 * edge))
            self.canvas.drawPath(shape, _stroke(_paper_tone(rgb), width))
        elif self.style == "glass":
            self.canvas.drawPath(shape, _stroke(_LEAD, width + 4 * edge))
            self.canvas.drawPath(shape, _stroke(_glass(rgb), width))
        else:
            body = _oil(rgb) if self.style == "art" else rgb
            self.canvas.drawPath(shape, _stroke(darker(body, 0.45), width + 1.6 * edge))
            self.canvas.drawPath(shape, _stroke(body, width))

    def dot(self, x: float, y: float, r: float, rgb: RGB = INK) -> None:
        """A flat small disc without outline: an eye, a button, a berry."""
        self.canvas.drawCircle(x, y, r, _flat(_in_medium(self.style, rgb)))

    def shadow(self, half_width: float, x: float = 0.0, y: float = 0.0) -> None:
        """A soft contact shadow on the ground under a thing `2 * half_width` wide."""
        if self.style == "sketch":
            with self.clip(oval(x + 0.3 * half_width, y, half_width * 1.1, half_width * 0.16)):
                self._hatch(0.011, 0.004, (150, 148, 150), 18)
            return
        lean = self.light.lean * half_width * self.side
        shape = oval(x + lean, y, half_width * 1.15, half_width * 0.17)
        paint = _flat((30, 26, 52), self.light.shadow)
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.04 * half_width))
        self.canvas.drawPath(shape, paint)

    def glow(self, x: float, y: float, r: float, rgb: RGB, strength: float = 0.8) -> None:
        """A lamp, a lit window or the sun's halo: light that adds to what is there. Pencil cannot glow."""
        if self.style == "sketch":
            return
        inner, outer = _argb(rgb, strength), _argb(rgb, 0.0)
        paint = skia.Paint(AntiAlias=True, BlendMode=skia.BlendMode.kScreen)
        paint.setShader(skia.GradientShader.MakeRadial(skia.Point(x, y), r, [inner, outer]))
        self.canvas.drawCircle(x, y, r, paint)

    def wash(self, shape: skia.Path, top: RGB, bottom: RGB, *, alpha: float = 1.0) -> None:
        """A vertical blend without outline, for skies, walls, water and ground."""
        first, last = (_paper_tone(c) if self.style == "sketch" else _in_medium(self.style, c) for c in (top, bottom))
        bounds = shape.getBounds()
        ends = [skia.Point(0, bounds.top()), skia.Point(0, bounds.bottom())]
        paint = skia.Paint(AntiAlias=True, Alphaf=alpha)
        paint.setShader(skia.GradientShader.MakeLinear(ends, [_argb(first, 1.0), _argb(last, 1.0)]))
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
        paint = skia.Paint(AntiAlias=True, Color=_argb(rgb, 1.0), PathEffect=lines)
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
                effect = _lattice(gap, round(self.scale, 3), angle + self.seed % 9)
                self.canvas.drawRect(bounds, skia.Paint(AntiAlias=True, Color=_argb(tone, strength), PathEffect=effect))


@lru_cache(maxsize=2048)
def _lattice(gap: float, scale: float, angle: float) -> skia.PathEffect:
    """Elliptical dabs on a slanted lattice; `gap` in picture units."""
    matrix = skia.Matrix()
    matrix.setScale(gap / scale, 0.62 * gap / scale)
    matrix.preRotate(angle)
    matrix.preSkew(0.5, 0.0)
    rx, ry = 0.36 * gap / scale, 0.15 * gap / scale
    return skia.Path2DPathEffect.Make(matrix, skia.Path.Oval(skia.Rect.MakeLTRB(-rx, -ry, rx, ry)))


def _argb(rgb: RGB, alpha: float) -> int:
    return skia.Color(rgb[0], rgb[1], rgb[2], round(255 * alpha))


def _flat(rgb: RGB, alpha: float = 1.0) -> skia.Paint:
    return skia.Paint(AntiAlias=True, Color=_argb(rgb, alpha))


def _stroke(rgb: RGB, width: float) -> skia.Paint:
    return skia.Paint(
        AntiAlias=True,
        Color=_argb(rgb, 1.0),
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


# -- the four media: how each fills a shape -------------------------------------------------------------------------
_LEAD: RGB = (34, 32, 40)


def _pencil(rgb: RGB) -> RGB:
    """Graphite: keeps only how dark a line is, compressed so that even light marks are visible."""
    grey = round(60 + 120 * luminance(rgb))
    return (grey, grey, grey)


def _paper_tone(rgb: RGB) -> RGB:
    """Paper with a breath of the tone, so that large dark areas do not vanish."""
    grey = round(226 + 24 * luminance(rgb))
    return (grey, grey, grey - 4)


@lru_cache(maxsize=4096)
def _oil(rgb: RGB) -> RGB:
    """The painter's palette: hues pushed apart, darks turned to violet, lights to warm cream."""
    tone = luminance(rgb)
    vivid = [min(255.0, max(0.0, 255 * tone + 1.5 * (c - 255 * tone))) for c in rgb]
    cast = mix((58, 36, 120), (255, 224, 150), tone)
    return mix((round(vivid[0]), round(vivid[1]), round(vivid[2])), cast, 0.24)


def _glass(rgb: RGB) -> RGB:
    """Coloured glass: saturated, a little dark, whites become pale amber."""
    grey = luminance(rgb) * 255
    vivid = [min(255.0, max(0.0, grey + 1.8 * (c - grey))) for c in rgb]
    return (round(vivid[0] * 0.95), round(vivid[1] * 0.93), round(vivid[2] * 0.86))


_MEDIA: dict[str, Callable[[RGB], RGB]] = {"sketch": _pencil, "art": _oil, "glass": _glass}


def _in_medium(style: str, rgb: RGB) -> RGB:
    """The colour as the style's medium has it; gouache has every colour."""
    return _MEDIA[style](rgb) if style in _MEDIA else rgb


def _fill_natural(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    if shade > 0:
        bounds = shape.getBounds()
        right = bounds.left() + 0.55 * bounds.width()
        ends = [skia.Point(bounds.left(), bounds.top()), skia.Point(right, bounds.bottom())]
        stops = [_argb(lighter(rgb, shade * 0.8), 1.0), _argb(rgb, 1.0), _argb(darker(rgb, shade * 1.1), 1.0)]
        paint = skia.Paint(AntiAlias=True, Shader=skia.GradientShader.MakeLinear(ends, stops, [0.0, 0.45, 1.0]))
    else:
        paint = _flat(rgb)
    b.canvas.drawPath(shape, paint)
    if outline:
        b.canvas.drawPath(shape, _stroke(darker(rgb, 0.45), 0.0035 / b.scale))


def _unsteady(shape: skia.Path, longest: float) -> float:
    """Length of the straight pieces of a hand-drawn contour: shorter on small shapes, so that heads stay round."""
    bounds = shape.getBounds()
    return max(min(longest, 0.22 * max(bounds.width(), bounds.height())), 1e-3)


def _fill_sketch(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    b.canvas.drawPath(shape, _flat(_paper_tone(rgb)))
    b._tone(shape, rgb)
    if outline or shade == 0:
        for k in range(2):  # two passes that do not quite meet: the look of a searching pencil
            paint = _stroke((70, 68, 72), 0.0042 / b.scale)
            segment = _unsteady(shape, 0.045 / b.scale)
            paint.setPathEffect(skia.DiscretePathEffect.Make(segment, 0.1 * segment, b.seed + 17 * k))
            b.canvas.drawPath(shape, paint)


def _fill_art(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    oil = _oil(rgb)
    paint = _flat(oil)
    if shade > 0:  # broken contours and visible strokes, but never on small flat marks: eyes must stay eyes
        segment = _unsteady(shape, 0.05 / b.scale)
        paint.setPathEffect(skia.DiscretePathEffect.Make(segment, 0.14 * segment, b.seed))
    b.canvas.drawPath(shape, paint)
    if shade > 0:
        b._dabs(shape, oil, 0.5)
        bounds = shape.getBounds()
        shade_side = oval(bounds.right(), bounds.bottom(), bounds.width() * 0.7, bounds.height() * 0.7)
        with b.clip(shape):
            b.canvas.drawPath(shade_side, _flat(darker(oil, 0.5), 0.35))


def _fill_glass(b: Brush, shape: skia.Path, rgb: RGB, shade: float, outline: bool) -> None:
    b.canvas.drawPath(shape, _flat(_glass(rgb)))
    if shade > 0:
        bounds = shape.getBounds()
        with b.clip(shape):  # one bright facet, as if the pane were cut
            b.canvas.drawPath(
                polygon(bounds.left(), bounds.top(), bounds.right(), bounds.top(), bounds.left(), bounds.bottom()),
                _flat((255, 255, 255), 0.16),
            )
    if outline or shade > 0:
        b.canvas.drawPath(shape, _stroke(_LEAD, 0.0095 / b.scale))


_FILLS = {"natural": _fill_natural, "sketch": _fill_sketch, "art": _fill_art, "glass": _fill_glass}


def angle_point(x: float, y: float, r: float, degrees: float) -> tuple[float, float]:
    """The point at `r` and `degrees` (0 = right, 90 = down) from (x, y)."""
    return x + r * math.cos(math.radians(degrees)), y + r * math.sin(math.radians(degrees))
