"""Where things stand: in the picture, apart from one another, and unmoved by an edit of anything else."""

import itertools
from dataclasses import replace

import pytest

from pinpoint.diorama.draw import ASPECT, render
from pinpoint.diorama.layout import SUBJECT_GROUND, Layout, Placed, arrange, spots
from pinpoint.diorama.scene import (
    COLOUR_NAMES,
    GESTURES,
    POSITIONS,
    SKY,
    TIMES,
    WEATHERS,
    Scene,
    Thing,
    room_for_others,
    sample_split,
    with_subject,
)

MARGIN = 0.09  # a secondary thing at the edge may be cut by this much of the picture


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(2000, "train", 7)


def lay(scene: Scene, redo: int = 0) -> Layout:
    return arrange(scene, ASPECT, COLOUR_NAMES, redo=redo)


def spread(scene: Scene, placed: Placed) -> tuple[float, float, float, float]:
    """Left, right, top, bottom of a placed thing's box."""
    person = placed.thing is None or placed.thing.kind == "person"
    half = placed.height * ASPECT[(scene.gesture or "stand") if person else placed.thing.name] / 2
    return placed.x - half, placed.x + half, placed.y - placed.height, placed.y


@pytest.mark.parametrize("redo", [0, 1])
def test_everything_is_in_the_picture(scenes, redo) -> None:
    for scene in scenes:
        layout = lay(scene, redo)
        for placed in layout.back_to_front:
            left, right, top, bottom = spread(scene, placed)
            assert left > -MARGIN and right < 1 + MARGIN and top > -MARGIN / 2 and bottom < 1, scene
        left, right, top, bottom = spread(scene, layout.subject)
        assert left >= -0.001 and right <= 1.001 and top > 0 and bottom < 1, scene


def test_everyone_is_there(scenes) -> None:
    for scene in scenes:
        layout = lay(scene)
        assert len(layout.people) + (scene.subject.kind == "person") == scene.people
        assert [p.thing for p in layout.others] == list(scene.others)
        assert layout.subject.thing == scene.subject
        assert len(layout.back_to_front) == 1 + len(layout.people) + len(layout.others)
        assert layout.back_to_front[-1] is layout.subject  # nobody stands before the subject


def test_the_subject_is_where_the_scene_says(scenes) -> None:
    thirds = {"left": (0, 1 / 3), "centre": (1 / 3, 2 / 3), "right": (2 / 3, 1)}
    for scene in scenes:
        low, high = thirds[scene.position]
        assert low < lay(scene).subject.x < high
        if scene.subject.name not in SKY:
            assert lay(scene).subject.y == SUBJECT_GROUND


@pytest.mark.parametrize("redo", [0, 1])
def test_nobody_stands_in_anybody(scenes, redo) -> None:
    for scene in scenes:
        layout = lay(scene, redo)
        placed = (*layout.people, *layout.others)
        for a, b in itertools.combinations(placed, 2):
            assert ((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5 > 0.1


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("lying", [False, True])
def test_there_is_room_for_the_fullest_scenes(position, lying) -> None:
    free = spots(position, lying)
    assert len(set(free)) == len(free) >= max(n + room_for_others(n) for n in range(7))


@pytest.mark.parametrize("position", POSITIONS)
def test_three_things_find_room_in_the_sky(position) -> None:
    """A one-in-a-million scene: an airplane, a kite and a balloon at once, also above a subject in the centre."""
    flying = tuple(Thing("object", n, "red", "small", None if n == "airplane" else "star") for n in sorted(SKY))
    cat = Thing("animal", "cat", "grey", "large")
    scene = Scene(cat, position, "park", "daytime", "clear", 0, None, None, None, flying, 5)
    placed = lay(scene).others
    assert len({p.x for p in placed}) == 3 and all(p.y < 0.35 for p in placed)
    assert render(scene).shape == (96, 96, 3)


def test_nothing_flies_into_a_tall_subject(scenes) -> None:
    flying = [(s, p) for s in scenes if s.position == "centre" for p in lay(s).others if p.thing.name in SKY]
    assert flying and all(abs(p.x - 0.5) > 0.3 for _, p in flying)


def test_an_edit_of_the_surroundings_moves_nothing(scenes) -> None:
    for scene in scenes[:300]:
        here = lay(scene)
        for time in TIMES:
            assert lay(replace(scene, time=time)) == here
        for weather in WEATHERS:
            assert lay(replace(scene, weather=weather)) == here
        assert lay(replace(scene, place="beach", material="brick", structure="hut")) == here


def test_an_edit_of_the_subject_moves_no_other(scenes) -> None:
    for scene in scenes[:300]:
        before = lay(scene)
        recoloured = lay(with_subject(scene, colour="purple" if scene.subject.colour != "purple" else "red"))
        assert replace(recoloured, subject=before.subject) == before
        assert (recoloured.subject.x, recoloured.subject.height) == (before.subject.x, before.subject.height)
        if scene.gesture not in (None, "lie"):  # lying people need wider spots
            for gesture in set(GESTURES) - {"lie"}:
                after = lay(replace(scene, gesture=gesture))
                assert (after.people, after.others) == (before.people, before.others)


def test_art_is_composed_anew(scenes) -> None:
    for scene in scenes[:300]:
        photo, painting = lay(scene), lay(scene, redo=1)
        assert painting != photo
        assert lay(scene, redo=1) == painting
        if scene.position != "centre":
            assert painting.subject.x == pytest.approx(1 - photo.subject.x)
        assert {p.thing for p in painting.others} == {p.thing for p in photo.others}
        assert len(painting.people) == len(photo.people)
