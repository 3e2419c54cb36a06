"""The hour and the weather as light: one table of hours, one of weathers, and what they do to colours.

Sky colours in `HOURS` are the colours a reader sees. The finished picture is multiplied once by `light_of(...)`, so the
sky is drawn divided by that light (`Air.seen`) and comes out as written here, while everything else takes the tint.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeVar

from pinpoint.diorama.brush import Light, Variety
from pinpoint.diorama.colour import RGB, mix

T = TypeVar("T")

LAMPS_LIT = frozenset({"evening", "dusk", "night"})
LIDDED = frozenset({"overcast", "rainy", "snowy", "stormy"})  # the cloud hides sun, moon and stars


@dataclass(frozen=True)
class Hour:
    """One hour under an open sky. Colours are as seen; `height` of the sun is 0 at the zenith, 1 at the horizon."""

    multiply: RGB
    top: RGB
    middle: RGB
    bottom: RGB
    cloud: RGB
    grey: RGB  # the lid of an overcast sky
    sun: RGB | None
    x: float = 0.5
    height: float = 0.0
    radius: float = 0.06
    lean: float = 0.0  # shadows fall to the right of things when the sun is on the left


HOURS: dict[str, Hour] = {
    "sunrise": Hour(
        (255, 230, 226),
        (150, 178, 226),
        (252, 188, 190),
        (255, 226, 150),
        (255, 206, 204),
        (206, 178, 184),
        (255, 204, 84),
        0.20,
        0.95,
        0.085,
        1.2,
    ),
    "morning": Hour(
        (252, 250, 242),
        (150, 202, 240),
        (204, 228, 240),
        (255, 246, 218),
        (255, 253, 246),
        (200, 207, 210),
        (255, 222, 100),
        0.15,
        0.60,
        0.060,
        0.8,
    ),
    "daytime": Hour(
        (255, 255, 255),
        (48, 130, 222),
        (98, 172, 236),
        (172, 218, 246),
        (255, 255, 255),
        (184, 192, 200),
        (255, 232, 96),
        0.37,
        0.18,
        0.065,
        0.1,
    ),
    "afternoon": Hour(
        (255, 240, 208),
        (104, 170, 218),
        (186, 206, 200),
        (255, 220, 146),
        (255, 244, 220),
        (208, 196, 172),
        (255, 214, 84),
        0.84,
        0.48,
        0.070,
        -0.6,
    ),
    "evening": Hour(
        (250, 208, 180),
        (148, 74, 112),
        (238, 98, 60),
        (255, 178, 70),
        (255, 168, 128),
        (172, 118, 106),
        (255, 92, 40),
        0.79,
        0.90,
        0.115,
        -1.2,
    ),
    "dusk": Hour((176, 168, 218), (48, 42, 106), (104, 76, 162), (210, 138, 172), (128, 104, 172), (96, 86, 132), None),
    "night": Hour((120, 132, 190), (12, 16, 48), (20, 28, 70), (40, 54, 112), (66, 76, 124), (44, 50, 84), None),
}

# weather: (light factor per channel, opacity of contact shadows, how much the lid is lightened or darkened, haze)
_WEATHER: dict[str, tuple[tuple[float, float, float], float, float, float]] = {
    "sunny": ((1.0, 1.0, 0.99), 0.38, 1.0, 0.0),
    "clear": ((1.0, 1.0, 1.0), 0.30, 1.0, 0.0),
    "cloudy": ((0.98, 0.98, 0.99), 0.24, 1.0, 0.05),
    "overcast": ((0.91, 0.92, 0.93), 0.13, 0.97, 0.16),
    "misty": ((0.96, 0.97, 0.98), 0.10, 1.05, 0.72),
    "rainy": ((0.83, 0.87, 0.91), 0.14, 0.76, 0.28),
    "snowy": ((0.93, 0.95, 0.99), 0.16, 0.88, 0.34),
    "stormy": ((0.72, 0.75, 0.80), 0.12, 0.42, 0.22),
}
_DARKEST = (120, 130, 150)  # below this, red, orange and brown things can no longer be told apart


@cache
def light_of(time: str, weather: str) -> Light:
    """The light of an hour under a weather. Multiply the picture by `.multiply` once, when all figures stand in it."""
    hour = HOURS[time]
    factor, shadow, _, haze = _WEATHER[weather]
    red, green, blue = (max(low, round(c * f)) for c, f, low in zip(hour.multiply, factor, _DARKEST, strict=True))
    multiply = (red, green, blue)
    lean = 0.0 if weather in LIDDED or weather == "misty" else hour.lean
    dim = 0.6 if hour.sun is None else 1.0
    far = mix(hour.bottom, hour.grey, 0.8 if haze > 0.1 else 0.0)
    lit = time in LAMPS_LIT or (weather == "stormy")
    return Light(multiply, shadow * dim, lean, lit, _divide(_scale(far, _WEATHER[weather][2]), multiply), haze)


def _scale(rgb: RGB, factor: float) -> RGB:
    return (min(255, round(rgb[0] * factor)), min(255, round(rgb[1] * factor)), min(255, round(rgb[2] * factor)))


def _divide(rgb: RGB, light: RGB) -> RGB:
    """The colour which, multiplied by `light`, is seen as `rgb` (or as near as white paper allows)."""
    r, g, b = (min(255, round(255 * c / m)) for c, m in zip(rgb, light, strict=True))
    return (r, g, b)


@dataclass(frozen=True)
class Air:
    """Hour, weather and variant, and what they do to the colours of scenery."""

    time: str
    weather: str
    v: Variety

    @cached_property
    def light(self) -> Light:
        """What hour and weather do to every colour of the picture."""
        return light_of(self.time, self.weather)

    @cached_property
    def hour(self) -> Hour:
        """The sky of the hour."""
        return HOURS[self.time]

    @property
    def flip(self) -> bool:
        """Scenery is mirrored in half of the variants; the sun never is."""
        return self.v[0] >= 0.5

    def pick(self, *options: T) -> T:
        """One of the options, by variant: so that no two kitchens of a gallery need be the same."""
        return options[min(int(self.v[1] * len(options)), len(options) - 1)]

    @property
    def snow(self) -> bool:
        """Snow lies on the ground and on roofs."""
        return self.weather == "snowy"

    @property
    def wet(self) -> bool:
        """The ground is wet and holds puddles."""
        return self.weather in ("rainy", "stormy")

    @property
    def lit(self) -> bool:
        """Lamps and windows are lit."""
        return self.light.lamps

    @property
    def wind(self) -> float:
        """Degrees by which trees lean, in the direction in which heavy rain falls (to the left in the picture)."""
        return 0.0 if self.weather != "stormy" else (11.0 if self.flip else -11.0)

    def seen(self, rgb: RGB) -> RGB:
        """Undo the light: a sky colour that shall be seen as `rgb`."""
        return _divide(rgb, self.light.multiply)

    def far(self, rgb: RGB, depth: float) -> RGB:
        """Scenery colour at a distance: 0 near … 1 at the horizon. Mist takes most of it."""
        return mix(rgb, self.light.haze, min(0.93, depth * 0.5 + self.light.haze_amount * (0.35 + 0.65 * depth)))

    def ground(self, rgb: RGB) -> RGB:
        """Ground colour: white under snow, a little darker when wet."""
        if self.snow:
            return mix(rgb, (244, 247, 253), 0.88)
        return mix(rgb, (70, 82, 104), 0.16) if self.wet else rgb

    def lid(self) -> RGB:
        """The colour, as seen, of the cloud that covers the whole sky."""
        grey = self.hour.grey
        if self.weather == "misty":
            grey = mix(mix(grey, self.hour.bottom, 0.15), (226, 228, 228), 0.45 if self.hour.sun else 0.0)
        if self.weather == "snowy":
            grey = mix(grey, (150, 170, 206), 0.30)
        return _scale(grey, _WEATHER[self.weather][2])
