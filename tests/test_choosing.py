"""The choice of a prompt from the query's text: by the embedder, from a file, and how often it is right."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from pinpoint.benchmark import Query
from pinpoint.choosing import RECORDED, agreement, by_centroid, by_peak, by_text, misses, recorded
from pinpoint.diorama.facets import FACETS
from pinpoint.errors import PinpointError
from pinpoint.files import write_json
from pinpoint.promptable import closed_list, prompt_of_facet

COUNT, GESTURES = prompt_of_facet("count"), prompt_of_facet("gestures")
TEXTS = [text for facet in FACETS.values() for text, _ in facet.texts]


def test_by_text_takes_the_nearest_prompt_by_cosine_and_the_first_of_equals() -> None:
    prompt_emb = {"a": np.array([10.0, 0, 0]), "b": np.array([0, 1.0, 0]), "c": np.array([0, 1.0, 0])}
    query_emb = np.array([[0.6, 0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    assert by_text(query_emb, prompt_emb) == ["b", "a", "a"]


def test_by_centroid_compares_with_the_direction_of_the_mean_image() -> None:
    tables = {"a": np.array([[1.0, 0], [0.8, 0.6]]), "b": np.array([[0, 1.0], [-0.6, 0.8]])}
    # the means are (.9, .3) and (-.3, .9); the query (.5, .866) is at cosine .75 from the first, .66 from the second
    assert by_centroid(np.array([[0.5, 0.866], [0.4, 0.917]]), tables) == ["a", "b"]


def test_by_peak_reads_the_best_images_and_forgives_a_prompt_that_is_near_everything() -> None:
    angle = np.radians([0.0, 90.0, 45.0, 46.0])
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # two directions to ask for, two images between them
    tables = {"tells": np.stack([circle[0]] * 2 + [circle[1]] * 2), "near all": np.stack([circle[2], circle[3]] * 2)}
    third = np.array([[np.cos(0.8), np.sin(0.8)]])  # a text amid the images of "near all"
    query_emb = np.concatenate([circle[:2], third])
    assert by_peak(query_emb, tables, share=0.4) == ["tells", "tells", "near all"]
    with pytest.raises(PinpointError, match="share of 0"):
        by_peak(query_emb, tables, share=0)


# --- recorded choices -------------------------------------------------------------------------------------------------


def test_the_recorded_choices_cover_every_text_of_the_facets_and_say_where_they_come_from() -> None:
    assert len(set(TEXTS)) == 100
    choices = recorded(TEXTS)
    assert set(choices) <= set(closed_list()) and len(choices) == len(TEXTS)
    stated = json.loads(RECORDED.read_text())
    assert sorted(stated["prompts"].values()) == sorted(closed_list())
    assert set(stated["choices"]) == set(TEXTS)
    assert all(stated[name].strip() for name in ("model", "date", "instruction"))


def test_the_package_carries_the_recorded_choices(repository: Path) -> None:
    patterns = tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = repository / "src" / "pinpoint"
    assert any(RECORDED in package.glob(pattern) for pattern in patterns["pinpoint"])


def test_our_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    write_json(path, {"model": "m", "prompts": {"a": COUNT, "b": GESTURES}, "choices": {"one": "b", "two\n": "a"}})
    assert recorded(["two", "one\n", "two\n"], path) == [COUNT, GESTURES, COUNT]


def test_the_released_caches_are_read_one_per_task(tmp_path: Path) -> None:
    gestures, counts = tmp_path / "gesture_prompt.json", tmp_path / "count_prompt.json"
    write_json(
        gestures, {"someone lying.": f"<|image_1|>\n{COUNT}\n", "someone jumping.": f"<|image_1|>\n{GESTURES}\n"}
    )
    write_json(counts, {"0 people": f"<|image_1|>\n{COUNT}\n"})
    texts = ["0 people", "someone lying.", "someone jumping."]
    assert recorded(texts, gestures, counts) == [COUNT, COUNT, GESTURES]


def test_a_text_that_was_never_asked_is_named(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    write_json(path, {"prompts": {"a": COUNT}, "choices": {"one": "a"}})
    with pytest.raises(PinpointError, match=r"'a text nobody asked' in .*choices\.json"):
        recorded(["one", "a text nobody asked"], path)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"prompts": {"a": COUNT}, "choices": {"one": "z"}}, "'one' has the answer 'z', not one of a"),
        ({"prompts": {"a": "Look!"}, "choices": {}}, "unknown prompt 'Look!'; known: Represent"),
        ({"one": "Look!"}, "unknown prompt 'Look!'; known: Represent"),
        (["one"], "no JSON object"),
    ],
)
def test_a_file_that_holds_no_choices_is_refused_by_name(tmp_path: Path, stated: object, message: str) -> None:
    write_json(tmp_path / "bad.json", stated)
    with pytest.raises(PinpointError, match=message) as caught:
        recorded(["one"], tmp_path / "bad.json")
    assert "bad.json" in str(caught.value)


# --- agreement --------------------------------------------------------------------------------------------------------


def queries(*pairs: tuple[str, str]) -> list[Query]:
    return [Query(f"q{n}", ("x",), text=text, group=facet) for n, (facet, text) in enumerate(pairs)]


def test_agreement_counts_texts_and_queries_apart() -> None:
    # Two gesture texts, one right: half the texts. The wrong one is asked three times out of four: a quarter.
    asked = queries(*[("gestures", "lying")] * 3, ("gestures", "jumping"), ("count", "0 people"))
    table = agreement([COUNT, COUNT, COUNT, GESTURES, COUNT], asked)
    assert (table["gestures"].texts.value, table["gestures"].texts.n) == (50, 2)
    assert (table["gestures"].queries.value, table["gestures"].queries.n) == (25, 4)
    assert table["gestures"].queries.low < 25 < table["gestures"].queries.high
    assert (table["count"].texts.value, table["count"].queries.value) == (100, 100)


def test_agreement_is_with_the_wording_asked_for() -> None:
    asked = queries(("count", "0 people"))
    assert agreement([prompt_of_facet("count", "human")], asked, "human")["count"].texts.value == 100
    assert agreement([prompt_of_facet("count", "human")], asked)["count"].texts.value == 0


def test_misses_lists_each_wrong_text_once() -> None:
    asked = queries(("gestures", "lying\n"), ("gestures", "lying\n"), ("count", "0 people"))
    assert misses([COUNT, COUNT, COUNT], asked) == [("gestures", "lying", COUNT)]
