"""The twelve places: every hour and weather draws, can be told apart, and leaves things nameable."""

import numpy as np
import pytest
import skia

from pinpoint.diorama.brush import Brush
from pinpoint.diorama.colour import COLOURS
from pinpoint.diorama.places import backdrop, front, lamps, light_of
from pinpoint.diorama.scene import INDOOR, PLACES, TIMES, WEATHERS

V = (0.1, 0.3, 0.5)


def picture(place, time, weather, v=V, style="natural", size=48, *, with_front=True):
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(skia.Color(255, 0, 255))
    canvas.scale(size, size)
    light = light_of(time, weather)
    brush = Brush(canvas, style, light, seed=3)
    backdrop(brush, place, time, weather, v)
    paint = skia.Paint(Color=skia.Color(*light.multiply), BlendMode=skia.BlendMode.kMultiply)
    canvas.drawRect(skia.Rect.MakeWH(1, 1), paint)
    lamps(brush, place, time, weather, v)
    if with_front:
        front(brush, place, time, weather, v)
    return surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3].astype(int)


def apart(a, b):
    """Mean absolute difference in grey levels."""
    return np.abs(a - b).mean()


@pytest.mark.parametrize("style", ["natural", "sketch", "art", "glass"])
@pytest.mark.parametrize("place", PLACES)
def test_covers_the_frame_in_every_style(place, style):
    for weather in WEATHERS:
        image = picture(place, "evening", weather, style=style, size=24)
        bare = (image[..., 0] > 200) & (image[..., 1] < 20) & (image[..., 2] > 150)
        assert not bare.any(), weather


@pytest.mark.parametrize("time", TIMES)
def test_every_weather_of_every_hour_is_its_own_picture(time):
    seen = [picture("beach", time, weather) for weather in WEATHERS]
    for i, weather in enumerate(WEATHERS):
        for j in range(i):
            if {weather, WEATHERS[j]} == {"sunny", "clear"} and time in ("dusk", "night"):
                continue  # without a sun, sunny is clear
            assert apart(seen[i], seen[j]) > 0.4, (weather, WEATHERS[j])


@pytest.mark.parametrize("place", PLACES)
def test_hours_differ(place):
    seen = [picture(place, time, "clear") for time in TIMES]
    assert all(apart(seen[i], seen[j]) > 2.0 for i in range(len(TIMES)) for j in range(i))


@pytest.mark.parametrize("weather", ["clear", "snowy"])
def test_places_differ(weather):
    seen = [picture(place, "daytime", weather) for place in PLACES]
    assert all(apart(seen[i], seen[j]) > 8.0 for i in range(len(PLACES)) for j in range(i))


def test_light_keeps_colours_apart():
    """Under the darkest light, red, orange and brown are still different colours."""
    for time in TIMES:
        for weather in WEATHERS:
            light = np.array(light_of(time, weather).multiply) / 255
            seen = {name: np.array(rgb) * light for name, rgb in COLOURS.items()}
            close = ("red orange", "red brown", "orange brown", "blue purple", "black brown")
            for a, b in (pair.split() for pair in close):
                assert np.abs(seen[a] - seen[b]).max() > 20, (time, weather, a, b)


@pytest.mark.parametrize("place", PLACES)
def test_ground_by_day_is_calm_and_light(place):
    ground = picture(place, "daytime", "clear", size=96)[68:94, 20:76].mean(axis=-1)
    assert ground.mean() > 150
    assert ground.std() < 25


@pytest.mark.parametrize("place", sorted(INDOOR))
def test_no_rain_falls_indoors(place):
    dry = picture(place, "daytime", "rainy", with_front=False)
    assert np.array_equal(dry, picture(place, "daytime", "rainy"))
    outside = np.abs(picture(place, "daytime", "clear") - dry)[5:18, 18:30].mean()
    assert outside > 10, "the window shows the weather"


@pytest.mark.parametrize("place", PLACES)
def test_variants_differ_and_repeat(place):
    first = picture(place, "daytime", "clear")
    assert np.array_equal(first, picture(place, "daytime", "clear"))
    assert apart(first, picture(place, "daytime", "clear", (0.7, 0.3, 0.5))) > 0.5


def test_lamps_are_lit_in_the_dark_only():
    for time in TIMES:
        assert light_of(time, "clear").lamps == (time in ("evening", "dusk", "night"))


@pytest.mark.parametrize("place", ["street", "park", "harbour", "living room"])
def test_lamps_shine_where_the_scenery_has_them(place):
    """Turned-over scenery has its lamps on the other side."""
    centres = []
    for first in (0.1, 0.7):
        surface = skia.Surface(48, 48)
        canvas = surface.getCanvas()
        canvas.clear(skia.ColorBLACK)
        canvas.scale(48, 48)
        lamps(Brush(canvas, "natural", light_of("evening", "clear")), place, "evening", "clear", (first, 0.3, 0.5))
        glow = surface.toarray(colorType=skia.kRGBA_8888_ColorType)[..., 0].astype(float)
        centres.append((glow.sum(axis=0) * (np.arange(48) + 0.5)).sum() / glow.sum())
    assert sum(centres) == pytest.approx(48, abs=0.5)
    assert abs(centres[0] - centres[1]) > 1
