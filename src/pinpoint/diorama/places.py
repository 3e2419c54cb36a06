"""The twelve places. `backdrop` paints all that is behind the figures, `front` and `lamps` what comes after them.

Order of work for whoever composes a picture: `backdrop`, the figures, one multiplication of the whole canvas by
`light_of(time, weather).multiply`, then `lamps` and `front`. All three take the same `v`,
for it decides which way round the scenery is. The frame is the unit square, y downwards. The ground from
y = 0.62 to 1 stays calm and light: figures of any colour stand there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import skia

from pinpoint.diorama.air import Air, light_of
from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB
from pinpoint.diorama.paths import box
from pinpoint.diorama.places_indoor import kitchen, library, living_room
from pinpoint.diorama.places_town import park, playground, street
from pinpoint.diorama.places_wild import beach, desert, forest, mountains
from pinpoint.diorama.places_work import farm, harbour
from pinpoint.diorama.room import WINDOW, window_frame
from pinpoint.diorama.scene import INDOOR
from pinpoint.diorama.sky import Opening, bolt_at, moon_at, sky
from pinpoint.diorama.weather import cover, falling, puddles

__all__ = ["backdrop", "front", "lamps", "light_of"]


@dataclass(frozen=True)
class Place:
    """How a place is drawn, where its sky is, and its lamps as (x, y, radius), for the unmirrored scenery."""

    draw: Callable[[Brush, Air], None]
    opening: Opening
    lights: tuple[tuple[float, float, float], ...] = ()


_PLACES: dict[str, Place] = {
    "beach": Place(beach, Opening(horizon=0.50, width=0.72)),
    "street": Place(
        street, Opening(horizon=0.34, width=0.70), ((0.861, 0.256, 0.20), (0.17, 0.43, 0.07), (0.06, 0.43, 0.07))
    ),
    "park": Place(park, Opening(horizon=0.47, width=0.68), ((0.586, 0.309, 0.18),)),
    "farm": Place(farm, Opening(horizon=0.49, width=0.42), ((0.80, 0.375, 0.10),)),
    "forest": Place(forest, Opening(horizon=0.52, top=0.14, width=0.46)),
    "mountains": Place(mountains, Opening(horizon=0.37, top=0.03, width=0.90)),
    "desert": Place(desert, Opening(horizon=0.50, width=0.32)),
    "harbour": Place(harbour, Opening(horizon=0.50, width=0.62), ((0.16, 0.205, 0.22),)),
    "playground": Place(playground, Opening(horizon=0.44, width=0.50), ((0.545, 0.262, 0.16),)),
    "kitchen": Place(kitchen, WINDOW, ((0.88, 0.29, 0.20), (0.115, 0.315, 0.16))),
    "living room": Place(living_room, WINDOW, ((0.88, 0.27, 0.28),)),
    "library": Place(library, WINDOW, ((0.262, 0.095, 0.19), (0.738, 0.095, 0.19))),
}
_GLOW: RGB = (255, 196, 104)
_BULB: RGB = (255, 236, 170)


def backdrop(b: Brush, place: str, time: str, weather: str, v: Variety) -> None:
    """Sky, distance, scenery and ground of a place, in daylight colours (the light comes later)."""
    spot, air = _PLACES[place], Air(time, weather, v)
    if place in INDOOR:
        spot.draw(b, air)
        return
    sky(b, air, spot.opening)
    with b.at(1.0 if air.flip else 0.0, 0.0, 1.0, flip=air.flip):
        spot.draw(b, air)
    cover(b, air)
    puddles(b, air)


def front(b: Brush, place: str, time: str, weather: str, v: Variety) -> None:
    """Rain, snow and mist before everything outdoors. Indoors they stay behind the window, drawn by `backdrop`."""
    if place not in INDOOR:
        falling(b, Air(time, weather, v))


def lamps(b: Brush, place: str, time: str, weather: str, v: Variety) -> None:
    """Light that is added after the multiplication: lamps and windows, the moon's halo, the flash of lightning."""
    spot, air = _PLACES[place], Air(time, weather, v)
    strength = {"night": 0.75, "dusk": 0.60}.get(time, 0.40)
    if air.lit:
        for x, y, r in spot.lights:
            x = 1 - x if air.flip else x
            b.glow(x, y, r, _GLOW, strength)
            b.glow(x, y, r * 0.28, _BULB, strength)
    if place in INDOOR:
        if air.lit:
            with b.clip(_room()):
                b.glow(0.5, 0.30, 0.85, _GLOW, 0.36 * strength)
        with b.clip(box(*window_frame())), b.at(window_frame()[0], window_frame()[1], 0.42):
            _aloft(b, air, spot.opening)
    else:
        _aloft(b, air, spot.opening)


@lru_cache(maxsize=1)
def _room() -> skia.Path:
    """The frame without the window: warm light stays inside."""
    out = skia.Path()
    out.setFillType(skia.PathFillType.kEvenOdd)
    out.addRect(skia.Rect.MakeWH(1, 1))
    out.addRect(skia.Rect.MakeLTRB(*window_frame()))
    return out


def _aloft(b: Brush, air: Air, opening: Opening) -> None:
    if air.time == "night" and air.weather in ("sunny", "clear", "cloudy", "misty"):
        x, y = moon_at(air, opening)
        b.glow(x, y, 0.085, (255, 246, 214), 0.75)
        b.glow(x, y, 0.22, (150, 170, 230), 0.45)
    if air.weather == "stormy":
        x, y = bolt_at(air, opening)
        b.glow(x, y - 0.20, 0.30, (190, 196, 255), 0.45)
        for k in range(3):
            b.glow(x + (0.01 if air.flip else -0.01) * (1 - k), y - 0.08 - 0.12 * k, 0.09, (255, 252, 220), 0.55)
