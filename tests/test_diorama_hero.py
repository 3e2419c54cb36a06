"""The picture on the cover."""

from pinpoint.diorama.hero import COVER, hero_sheet
from pinpoint.diorama.scene import PLACES, WEATHERS, legal


def test_the_cover_shows_every_place_once_and_many_hours_and_weathers() -> None:
    assert sorted(scene.place for scene in COVER) == sorted(PLACES)
    assert len({scene.time for scene in COVER}) >= 6
    assert len({scene.weather for scene in COVER}) >= 4
    assert len({scene.subject.name for scene in COVER}) >= len(COVER) - 1
    assert {scene.weather for scene in COVER} <= set(WEATHERS)


def test_the_cover_shows_scenes_the_grammar_allows() -> None:
    assert [scene.id for scene in COVER if not legal(scene)] == []


def test_the_sheet_has_two_rows_of_six() -> None:
    sheet = hero_sheet(size=32)
    assert sheet.size == (6 * 38 - 6, 2 * 38 - 6)
