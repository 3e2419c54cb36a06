"""From a scene to pixels: the same bytes always, every style its own, every edit visible."""

import hashlib
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from pinpoint.diorama import draw
from pinpoint.diorama.draw import BLOCKS, STYLES, UNSEEN_STYLE, areas, ink_area, mosaic, render
from pinpoint.diorama.scene import (
    ANIMALS,
    GESTURES,
    OBJECTS,
    SHAPED,
    SHAPES,
    Scene,
    Thing,
    sample_split,
    with_subject,
)
from pinpoint.diorama.tasks import LARGEST_AREA
from pinpoint.errors import PinpointError

CAT = Thing("animal", "cat", "orange", "large")
PLAIN = Scene(CAT, "left", "park", "daytime", "clear", 0, None, None, None, (), 5)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(30, "train", 6)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


# -- always the same -------------------------------------------------------------------------------------------------
def test_pictures_do_not_depend_on_what_was_drawn_before(scenes) -> None:
    rooms = [replace(s, place="library", time=t) for s, t in zip(scenes, ("morning", "night", "dusk"), strict=False)]
    jobs = [(s, style) for s in (*scenes, *rooms) for style in STYLES]
    first = {job: render(*job) for job in jobs}
    random.Random(0).shuffle(jobs)
    for job in jobs:
        np.testing.assert_array_equal(render(*job), first[job])
    draw._backdrop.cache_clear()
    for job in jobs[:40]:
        np.testing.assert_array_equal(render(*job), first[job])


def test_a_fresh_process_draws_the_same_bytes() -> None:
    def fingerprint() -> str:
        pictures = [render(s, style, 48) for style in STYLES for s in sample_split(8, "test", 9)]
        return hashlib.sha256(b"".join(p.tobytes() for p in pictures)).hexdigest()

    code = (
        "import hashlib\nfrom pinpoint.diorama.draw import STYLES, render\n"
        "from pinpoint.diorama.scene import sample_split\n"
        "pictures = [render(s, style, 48) for style in STYLES for s in sample_split(8, 'test', 9)]\n"
        "print(hashlib.sha256(b''.join(p.tobytes() for p in pictures)).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert there.stdout.strip() == fingerprint()


def test_a_picture_belongs_to_its_caller() -> None:
    mine = render(PLAIN)
    mine[:] = 0
    assert render(PLAIN).any()


# -- sizes and styles ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [16, 96, 97, 224])
def test_shape_and_type(style, size) -> None:
    picture = render(PLAIN, style, size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    assert picture.std() > 10


@pytest.mark.parametrize("size", [15, 2049, 0, -96])
def test_a_size_outside_the_range_is_refused(size) -> None:
    with pytest.raises(PinpointError, match=f"size {size} is outside 16 to 2048"):
        render(PLAIN, "natural", size)


def test_an_unknown_style_is_named() -> None:
    with pytest.raises(PinpointError, match="unknown style 'cubist'; known: art, glass, low_res, natural, sketch"):
        render(PLAIN, "cubist")


def test_styles_differ(scenes) -> None:
    assert UNSEEN_STYLE in STYLES
    for scene in scenes[:10]:
        drawn = {style: render(scene, style) for style in STYLES}
        for a in STYLES:
            for b in STYLES:
                assert a == b or apart(drawn[a], drawn[b]) > 4, (a, b)


def test_a_sketch_has_no_colour(scenes) -> None:
    for scene in scenes[:10]:
        sketch = render(scene, "sketch").astype(int)
        assert np.median(sketch.max(axis=2) - sketch.min(axis=2)) <= 12
        assert sketch.mean() > 150  # mostly paper


@pytest.mark.parametrize("size", [96, 100, 192])
def test_low_res_is_a_mosaic_of_mean_colours(scenes, size) -> None:
    natural, low = render(scenes[0], "natural", size), render(scenes[0], "low_res", size)
    edges = np.linspace(0, size, BLOCKS + 1).round().astype(int)
    assert BLOCKS == 16 and len(np.unique(low.reshape(-1, 3), axis=0)) <= BLOCKS**2
    for i in range(BLOCKS):
        for j in range(BLOCKS):
            here = np.s_[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
            block = low[here].reshape(-1, 3)
            assert (block == block[0]).all()
            np.testing.assert_allclose(block[0], natural[here].reshape(-1, 3).mean(axis=0), atol=0.51)


def test_mosaic_keeps_the_mean() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert abs(mosaic(noise).mean() - noise.mean()) < 0.5
    np.testing.assert_array_equal(mosaic(np.full((40, 40, 3), 77, np.uint8)), 77)


@pytest.mark.parametrize(("style", "most"), [("natural", 3), ("art", 4), ("glass", 6), ("low_res", 3), ("sketch", 10)])
def test_a_picture_is_the_same_at_every_size(scenes, style, most) -> None:
    """What a model sees at 96 pixels is what the page shows at 192."""
    for scene in scenes[:10]:
        small = render(scene, style, 96)
        large = render(scene, style, 192).astype(float).reshape(96, 2, 96, 2, 3).mean(axis=(1, 3))
        other = render(replace(scene, variant=scene.variant + 1), style, 96)
        assert np.abs(small - large).mean() < min(most, apart(small, other))


# -- every attribute shows -------------------------------------------------------------------------------------------
EDITS = {
    "animal": lambda s: with_subject(s, name="zebra"), "colour": lambda s: with_subject(s, colour="blue"),
    "size": lambda s: with_subject(s, size="huge"), "position": lambda s: replace(s, position="right"),
    "place": lambda s: replace(s, place="beach"), "time": lambda s: replace(s, time="night"),
    "weather": lambda s: replace(s, weather="snowy"), "people": lambda s: replace(s, people=3, gesture="sit"),
    "structure": lambda s: replace(s, structure="wall", material="brick"), "variant": lambda s: replace(s, variant=99),
    "others": lambda s: replace(s, others=(Thing("object", "umbrella", "red", "medium"),)),
}  # fmt: skip


# A pencil tells light from dark, not orange from blue.
@pytest.mark.parametrize(("edit", "style"), [(e, s) for e in EDITS for s in STYLES if (e, s) != ("colour", "sketch")])
def test_an_edit_shows(edit, style) -> None:
    assert apart(render(PLAIN, style), render(EDITS[edit](PLAIN), style)) > 0.5


def test_gestures_shapes_materials_and_numbers_show() -> None:
    crowd = replace(PLAIN, people=4, gesture="stand")
    kite = replace(PLAIN, subject=Thing("object", "kite", "red", "large", "round"))
    built = replace(PLAIN, structure="wall", material="wood")
    rows = (
        [replace(crowd, gesture=g) for g in GESTURES], [with_subject(kite, shape=s) for s in SHAPES],
        [replace(built, material=m) for m in ("wood", "stone", "metal", "paper", "brick")],
        [replace(crowd, people=n, gesture="stand" if n else None) for n in range(7)],
    )  # fmt: skip
    for row in rows:
        pictures = [render(s) for s in row]
        for i, a in enumerate(pictures):
            for b in pictures[:i]:
                assert apart(a, b) > 0.2


def test_a_change_of_colour_stays_on_the_thing() -> None:
    red, blue = (render(with_subject(PLAIN, colour=c), size=128).astype(int) for c in ("red", "blue"))
    changed = np.abs(red - blue).max(axis=2) > 8
    assert 0.3 * areas(PLAIN)["cat"] < changed.mean() < 1.1 * areas(PLAIN)["cat"]
    assert not changed[:, 64:].any()  # the cat is on the left


# -- areas -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["cat", "zebra", "car", "kite", "vase", "clock", "umbrella", "cup"])
def test_area_agrees_with_counted_pixels(name) -> None:
    """Pixels that change when the thing is taken away; its shadow and a near-white thing's edges make up the rest."""
    thing = Thing("animal" if name in ANIMALS else "object", name, "red", "medium", "star" if name in SHAPED else None)
    bottle = Thing("object", "bottle", "orange", "large")
    scene = Scene(bottle, "left", "kitchen", "daytime", "clear", 0, None, None, None, (thing,), 5)
    with_it, without = (render(s, "natural", 256).astype(int) for s in (scene, replace(scene, others=())))
    counted = (np.abs(with_it - without).max(axis=2) > 40).mean()
    assert areas(scene)[name] == pytest.approx(counted, rel=0.35)
    assert set(areas(scene)) == {"bottle", name}


def test_ink_area_lies_between_a_line_and_a_box() -> None:
    for kind, names, aspect in (("animal", ANIMALS, draw.ASPECT), ("object", OBJECTS, draw.ASPECT)):
        for name in names:
            shape = "round" if name in SHAPED else None
            assert 0.15 * aspect[name] < ink_area(kind, name, shape) < 1.02 * aspect[name], name


def test_nothing_covers_more_than_the_largest_area() -> None:
    """The largest thing of all, as a huge subject, ends the last bin of chapter 1's area figure."""
    cover = []
    for name in (*ANIMALS, *OBJECTS):
        for shape in SHAPES if name in SHAPED else (None,):
            thing = Thing("animal" if name in ANIMALS else "object", name, "red", "huge", shape)
            cover += [areas(replace(PLAIN, subject=thing, position=p))[name] for p in ("left", "centre")]
    assert LARGEST_AREA - 0.01 < max(cover) < LARGEST_AREA


def test_a_larger_thing_covers_more() -> None:
    huge = with_subject(PLAIN, size="huge")
    small = replace(PLAIN, subject=Thing("object", "bottle", "red", "large"), others=(replace(CAT, size="small"),))
    assert areas(huge)["cat"] > areas(PLAIN)["cat"] > 3 * areas(small)["cat"]


def test_a_person_as_subject_has_an_area() -> None:
    person = replace(PLAIN, subject=Thing("person", "person", "red", "large"), people=1, gesture="lie")
    assert 0.02 < areas(person)["person"] < 0.4
