"""From a scene to pixels: `render(scene, style, size)`, the same on every machine with the locked packages."""

from functools import lru_cache

import numpy as np
import skia

from pinpoint.diorama import fauna, people, places, structures, things
from pinpoint.diorama.brush import Brush, Light, Variety
from pinpoint.diorama.colour import COLOURS
from pinpoint.diorama.layout import Layout, Placed, arrange
from pinpoint.diorama.scene import COLOUR_NAMES, Scene
from pinpoint.errors import PinpointError, unknown

STYLES = ("natural", "sketch", "art", "low_res", "glass")
UNSEEN_STYLE = "glass"  # kept out of every training
ASPECT: dict[str, float] = {**fauna.ASPECT, **things.ASPECT, **people.ASPECT, "person": people.ASPECT["stand"]}
BLOCKS = 16  # DSR's low-resolution queries: a 16 x 16 mosaic
_VARIANTS = 3  # backdrops per (place, hour, weather): enough that none is a landmark


def render(scene: Scene, style: str = "natural", size: int = 96) -> np.ndarray:
    """The picture of `scene` as uint8 (size, size, 3) RGB.

    Raises PinpointError for an unknown style and for a size outside 16 to 2048.
    """
    if style not in STYLES:
        raise unknown("style", style, STYLES)
    if not 16 <= size <= 2048:
        raise PinpointError(f"size {size} is outside 16 to 2048 pixels")
    if style == "low_res":
        return mosaic(render(scene, "natural", size))
    layout = arrange(scene, ASPECT, COLOUR_NAMES, redo=1 if style == "art" else 0)
    surface = _surface(size)
    canvas = surface.getCanvas()
    canvas.save()
    canvas.drawImage(_backdrop(scene.place, scene.time, scene.weather, scene.variant % _VARIANTS, style, size), 0, 0)
    canvas.scale(size, size)
    light = places.light_of(scene.time, scene.weather)
    brush = Brush(canvas, style, light, scene.variant % 97)
    _draw_middle_ground(brush, scene, layout)
    for placed in layout.back_to_front:
        draw_placed(brush, placed, scene.gesture)
    _light_and_weather(brush, scene, light)
    canvas.restore()
    return surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, :3].copy()


def mosaic(picture: np.ndarray) -> np.ndarray:
    """16 x 16 blocks of the picture's mean colours, back at the picture's size (S, S, 3)."""
    size = picture.shape[0]
    edges = np.linspace(0, size, BLOCKS + 1).round().astype(int)
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.int64), edges[:-1], axis=0), edges[:-1], axis=1)
    widths = np.diff(edges)
    means = (sums / (widths[:, None, None] * widths[None, :, None])).round().astype(np.uint8)
    return np.repeat(np.repeat(means, widths, axis=0), widths, axis=1)


def draw_placed(brush: Brush, placed: Placed, gesture: str | None) -> None:
    """Draw one thing or person in its place."""
    with brush.at(placed.x, placed.y, placed.height, placed.flip):
        rgb, thing = COLOURS[placed.colour], placed.thing
        if thing is None or thing.kind == "person":
            people.person(brush, gesture or "stand", rgb, placed.v)
        elif thing.kind == "animal":
            fauna.FAUNA[thing.name](brush, rgb, placed.v)
        else:
            things.THINGS[thing.name](brush, rgb, thing.shape, placed.v)


def _draw_middle_ground(brush: Brush, scene: Scene, layout: Layout) -> None:
    if scene.structure is None or scene.material is None:
        return
    height = min(layout.structure_height, 0.46 / structures.ASPECT[scene.structure])
    with brush.at(layout.structure_x, 0.645, height):
        structures.structure(brush, scene.structure, scene.material, layout.v)


def _light_and_weather(brush: Brush, scene: Scene, light: Light) -> None:
    """One light over everything, then what glows, then what falls in front."""
    if brush.style != "sketch":
        paint = skia.Paint(Color=skia.Color(*light.multiply), BlendMode=skia.BlendMode.kMultiply)
        brush.canvas.drawRect(skia.Rect.MakeWH(1, 1), paint)
    v = _arrangement(scene.variant)
    if light.lamps:
        places.lamps(brush, scene.place, scene.time, scene.weather, v)
    places.front(brush, scene.place, scene.time, scene.weather, v)


def _arrangement(variant: int) -> Variety:
    """How a place is laid out: one of a few, shared by the backdrop and by the lamps that must sit on its posts."""
    k = variant % _VARIANTS
    return ((k * 0.37 + 0.11) % 1, (k * 0.61 + 0.29) % 1, (k * 0.83 + 0.53) % 1)


@lru_cache(maxsize=4)
def _surface(size: int) -> skia.Surface:
    return skia.Surface(size, size)


@lru_cache(maxsize=6000)
def _backdrop(place: str, time: str, weather: str, variant: int, style: str, size: int) -> skia.Image:
    """The empty place. Cached: there are 672 of them a variant, and they cost half of a picture."""
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorWHITE)  # opaque: through a seam between two washes the picture drawn before would show
    canvas.scale(size, size)
    brush = Brush(canvas, style, places.light_of(time, weather), variant)
    places.backdrop(brush, place, time, weather, _arrangement(variant))
    return surface.makeImageSnapshot()


@lru_cache(maxsize=1024)
def ink_area(kind: str, name: str, shape: str | None) -> float:
    """Area of a thing of height 1, in squared heights: counted in pixels, on its own, shadow excluded."""
    size, height = 96, 0.4
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(skia.ColorTRANSPARENT)
    canvas.scale(size, size)
    v = (0.5, 0.5, 0.5)
    with (brush := Brush(canvas, light=Light(shadow=0.0))).at(0.5, 0.8, height):
        if kind == "animal":
            fauna.FAUNA[name](brush, COLOURS["red"], v)
        elif kind == "object":
            things.THINGS[name](brush, COLOURS["red"], shape, v)
        else:
            people.person(brush, name, COLOURS["red"], v)
    alpha = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[:, :, 3]
    return float((alpha > 127).mean() / height**2)


def areas(scene: Scene) -> dict[str, float]:
    """Share of the picture that each named thing covers (unoccluded), by name."""
    layout = arrange(scene, ASPECT, COLOUR_NAMES)
    out: dict[str, float] = {}
    for placed in (layout.subject, *layout.others):
        thing = placed.thing
        assert thing is not None  # people in the middle ground are not in these lists
        name = (scene.gesture or "stand") if thing.kind == "person" else thing.name
        out[thing.name] = placed.height**2 * ink_area(thing.kind, name, thing.shape)
    return out
