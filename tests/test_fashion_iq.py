"""FashionIQ's two galleries, its caption policies, its counts, and every way in which a file can be wrong."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import Benchmark, evaluate
from pinpoint.datasets.fashion_iq import (
    CATEGORIES,
    caption_text,
    fashion_iq,
    fashion_iq_mean,
    fashion_iq_triplets,
    training_text,
)
from pinpoint.datasets.named_images import NamedImages, require_images
from pinpoint.errors import PinpointError

LISTED = {
    "dress": ["D5", "D0", "D1", "D2", "D3", "D4"],
    "shirt": ["S0", "S1", "S2", "X"],
    "toptee": ["X", "T0", "T1", "T2", "T3"],
}
ASKED = {  # category -> (reference, target, captions)
    "dress": [("D0", "D1", [" is red.", "has sleeves"]), ("D0", "D2", ["", "is Blue"]), ("D3", "D0", ["is long", "."])],
    "shirt": [("S0", "X", ["is plain", "has a logo?"])],
    "toptee": [("T0", "X", ["is plain", "is grey"]), ("T1", "T2", ["is plain", "is grey"])],
}


def records(category: str, split: str) -> list[dict[str, Any]]:
    answers = {} if split == "test" else {"target": None}
    return [
        {**answers, "candidate": reference, "captions": captions} | ({"target": target} if answers else {})
        for reference, target, captions in ASKED[category]
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The released folder, tiny and without pictures; the three splits have the same images."""
    for folder in ("captions", "image_splits"):
        (tmp_path / folder).mkdir()
    for category in CATEGORIES:
        for split in ("train", "val", "test"):
            (tmp_path / f"captions/cap.{category}.{split}.json").write_text(json.dumps(records(category, split)))
            (tmp_path / f"image_splits/split.{category}.{split}.json").write_text(json.dumps(LISTED[category]))
    return tmp_path


@dataclass(frozen=True)
class Liked:
    """Scores an image by a table, the same for every query; images without an entry get 0."""

    table: dict[str, float]
    name: str = "liked"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        row = np.array([self.table.get(i, 0.0) for i in benchmark.gallery.ids], np.float32)
        return np.tile(row, (len(benchmark.queries[query_slice]), 1))


def test_every_record_is_a_query_over_its_own_category(root):
    made = fashion_iq(root)
    assert made.gallery.ids == ("D5", "D0", "D1", "D2", "D3", "D4", "S0", "S1", "S2", "X", "T0", "T1", "T2", "T3")
    assert (made.version, made.split, made.groups) == ("original", "val", CATEGORIES)
    assert " ".join(q.id for q in made.queries) == (
        "dress-0000 dress-0001 dress-0002 shirt-0000 toptee-0000 toptee-0001"
    )
    query = made.queries[3]
    assert (query.text, query.image, query.relevant, query.target) == ("Is plain and has a logo", "S0", ("X",), "X")
    assert (query.pool, query.exclude) == (tuple(LISTED["shirt"]), ())
    assert made.notes["gallery"] == "dress 6, shirt 4, toptee 5"
    assert made.notes["captions"].startswith("C1 and c2; in 2 of 6 records one is blank")


def test_the_small_gallery_holds_what_its_queries_name_and_no_more(root):
    made = fashion_iq(root, protocol="VAL")
    assert {q.group: q.pool for q in made.queries} == {
        "dress": ("D0", "D1", "D2", "D3"), "shirt": ("S0", "X"), "toptee": ("X", "T0", "T1", "T2"),
    }  # fmt: skip
    assert set(made.gallery.ids) == {i for q in made.queries for i in q.pool or ()}
    assert made.version == "VAL" and made.digest != fashion_iq(root).digest


def test_a_reference_competes_unless_asked_otherwise(root):
    liked = Liked({"D0": 3, "D1": 2, "D2": 1})
    kept, removed = (fashion_iq(root, "val", "dress", remove_reference=flag) for flag in (False, True))
    assert evaluate(kept, liked, ks=(1, 2)).per_query["r2"].tolist() == [1, 0, 1]
    assert evaluate(removed, liked, ks=(1, 2)).per_query["r2"].tolist() == [1, 1, 1]
    assert [q.exclude for q in removed.queries] == [("D0",), ("D0",), ("D3",)]
    assert (kept.notes["reference"], removed.notes["reference"]) == ("competes", "removed")


def test_one_category_alone_scores_what_it_scores_among_three(root):
    liked = Liked({"D0": 9, "X": 5, "T2": 4, "S1": 6})
    together = evaluate(fashion_iq(root), liked, ks=(1, 2))
    for category in CATEGORIES:
        alone = evaluate(fashion_iq(root, categories=category), liked, ks=(1, 2))
        assert alone.benchmark.queries[0].pool is None
        rows = [q.group == category for q in together.benchmark.queries]
        assert alone.per_query["r2"].tolist() == together.per_query["r2"][rows].tolist()
        assert alone.chance("r2") == pytest.approx(together.chance("r2", category))


def test_the_average_is_the_mean_of_the_categories(root):
    result = evaluate(fashion_iq(root), Liked({"D0": 9, "X": 5, "T2": 4, "S1": 6}), ks=(1, 10, 50))
    assert [result.metric("r1", c).value for c in CATEGORIES] == pytest.approx([100 / 3, 0, 50])
    assert result.macro("r1").value == pytest.approx(250 / 9)
    assert result.macro("r1").value != pytest.approx(result.micro("r1").value)
    values = {"r10": np.array([1, 0, 0, 1, 0, 0.0]), "r50": np.array([1, 1, 0, 1, 1, 0.0])}
    assert fashion_iq_mean(replace(result, per_query=values)).value == pytest.approx((50 + 100 + 25) / 3)


@pytest.mark.parametrize(("policy", "text", "blank"), [
    ("C1 and c2", "Is red and has V neck", "Is blue"),
    ("C2 and c1", "Has v neck and is red", "Is blue"),
    ("c1 and c2", "is red and has V neck", "is Blue"),
    ("c2 and c1", "has V neck and is red", "is Blue"),
    ("C1", "Is red", "Is blue"),
    ("C2", "Has v neck", "Is blue"),
])  # fmt: skip
def test_two_captions_become_one_text(policy, text, blank):
    assert caption_text((" is red.", "has V neck ?,"), policy) == text
    assert caption_text((" .", "is Blue."), policy) == caption_text(("is Blue", ""), policy) == blank


def test_two_blank_captions_make_no_text():
    with pytest.raises(PinpointError, match="both captions are blank"):
        caption_text((" ", "."), "C1")


def test_each_caption_can_be_a_query(root):
    made = fashion_iq(root, captions="each", categories=["toptee"])
    assert [(q.id, q.text) for q in made.queries[:2]] == [("toptee-0000-C1", "Is plain"), ("toptee-0000-C2", "Is grey")]
    assert len(made.queries) == 4 and made.queries[0].relevant == made.queries[1].relevant


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_the_answers_of_test_are_hidden(root):
    made = fashion_iq(root, "test")
    assert len(made.queries) == 6 and {q.relevant for q in made.queries} == {()}
    with pytest.raises(PinpointError, match="no queries to average"):
        evaluate(made, Liked({})).metric("r10", "dress")
    with pytest.raises(PinpointError, match="VAL's gallery needs the targets"):
        fashion_iq(root, "test", protocol="VAL")
    with pytest.raises(PinpointError, match="unknown split with targets 'test'; known: train, val"):
        fashion_iq_triplets(root, "test")


def test_triplets_keep_every_record_and_both_captions(root):
    pictures, triplets = fashion_iq_triplets(root)
    assert [(t.reference, list(t.captions), t.target) for t in triplets] == [
        (r["candidate"], r["captions"], r["target"]) for c in CATEGORIES for r in records(c, "train")
    ]
    assert [t.category for t in triplets] == ["dress"] * 3 + ["shirt"] + ["toptee"] * 2
    assert set(pictures.paths) == {i for listed in LISTED.values() for i in listed}


def test_a_training_text_is_one_of_four_equally_often(rng):
    drawn = Counter(training_text(("is red", "is long"), rng) for _ in range(4000))
    assert set(drawn) == {"Is red and is long", "Is long and is red", "Is red", "Is long"}
    assert all(900 < n < 1100 for n in drawn.values())


def test_pictures_are_needed_only_when_one_is_loaded(root):
    made = fashion_iq(root, categories="shirt")
    assert "4 images" in made.describe()
    with pytest.raises(PinpointError, match=r"images/S0.jpg is missing; fetch it"):
        made.gallery.images.load("S0", 8)
    with pytest.raises(PinpointError, match=r"4 of 4 pictures are missing, the first .*images/S0.jpg"):
        require_images(made)
    for name in LISTED["shirt"]:
        (root / "images").mkdir(exist_ok=True)
        Image.new("RGB", (20, 10), "red").save(root / "images" / f"{name}.jpg")
    complete = fashion_iq(root, categories="shirt")
    require_images(complete)
    assert complete.gallery.images.load("S0", 8).shape == (8, 8, 3)
    assert complete.digest != made.digest
    with pytest.raises(PinpointError, match="'D0' is no picture of this dataset"):
        complete.gallery.images.load("D0")
    elsewhere = fashion_iq(root, categories="shirt", images=root / "images", suffix=".png")
    with pytest.raises(PinpointError, match=r"S0.png is missing"):
        elsewhere.gallery.images.load("S0")


def test_a_link_out_of_the_folder_is_a_missing_picture(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "S0.jpg"
    Image.new("RGB", (8, 8)).save(outside)
    (root / "images").mkdir()
    (root / "images" / "S0.jpg").symlink_to(outside)
    pictures = fashion_iq(root, categories="shirt").gallery.images
    assert isinstance(pictures, NamedImages) and pictures.missing() == ("S0", "S1", "S2", "X")
    with pytest.raises(PinpointError, match="is missing"):
        pictures.load("S0")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"split": "dev"}, "unknown split 'dev'; known: test, train, val"),
    ({"categories": "hat"}, "unknown category 'hat'; known: dress, shirt, toptee"),
    ({"categories": []}, "unknown category ''"),
    ({"protocol": "val"}, "unknown protocol 'val'; known: VAL, original"),
    ({"captions": "both"}, "unknown caption policy 'both'; known: .*each"),
    ({"suffix": "/../x.jpg"}, "unknown suffix"),
])  # fmt: skip
def test_unknown_names(root, arguments, message):
    with pytest.raises(PinpointError, match=message):
        fashion_iq(root, **arguments)


@pytest.mark.parametrize(("change", "message"), [
    ({"candidate": "S9"}, r"cap.shirt.val.json, record 0: 'S9' is not in .*split.shirt.val.json; restore"),
    ({"target": "D0"}, "record 0: 'D0' is not in"),
    ({"target": ""}, "record 0: '' is not in"),
    ({"target": "S0"}, "record 0: 'S0' is the target and its own reference"),
    ({"target": None}, "record 0: target is None, expected str"),
    ({"captions": ["one"]}, r"record 0: captions are \['one'\], expected two texts"),
    ({"captions": ["", " . "]}, "record 0: .* not both blank"),
    ({"captions": "two"}, "record 0: captions is 'two', expected list"),
])  # fmt: skip
def test_a_fault_names_its_file_and_record(root, change, message):
    (root / "captions/cap.shirt.val.json").write_text(json.dumps([records("shirt", "val")[0] | change]))
    with pytest.raises(PinpointError, match=message):
        fashion_iq(root)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("captions/cap.dress.val.json", "[", r"cap.dress.val.json is not valid JSON"),
    ("captions/cap.dress.val.json", "{}", r"cap.dress.val.json is no list of queries; put FashionIQ's"),
    ("captions/cap.dress.val.json", "[[]]", r"record 0: not of FashionIQ's form"),
    ("captions/cap.dress.val.json", '[{"candidate": "D0"}]', r"record 0: not of FashionIQ's form \(KeyError"),
    ("captions/cap.dress.val.json", None, r"there is no .*cap.dress.val.json; put FashionIQ's captions"),
    ("image_splits/split.dress.val.json", "[]", "is no list of image ids"),
    ("image_splits/split.dress.val.json", '["D0", "D0"]', r"split.dress.val.json lists an image twice: 'D0'"),
    ("image_splits/split.dress.val.json", '["D0", "../D1"]', r"record 1: '../D1' leads out of the folder"),
    ("image_splits/split.dress.val.json", "[3]", "record 0: not of FashionIQ's form"),
])  # fmt: skip
def test_a_fault_of_a_whole_file(root, name, content, message):
    if content is None:
        (root / name).unlink()
    else:
        (root / name).write_text(content)
    with pytest.raises(PinpointError, match=message):
        fashion_iq(root)


# The released files ---------------------------------------------------------------------------------------------

COUNTS = {  # queries and images of train, val, test; train: blank captions; val: VAL's gallery, references, words, ...
    "dress": ((5985, 2017, 2024), (11452, 3817, 3818), 1, 2628, 1331, (11.5, 25), 5, 0.26),
    "shirt": ((5988, 2038, 2038), (19036, 6346, 6346), 0, 3089, 1541, (11.5, 23), 1, 0.16),
    "toptee": ((6027, 1961, 2056), (16121, 5373, 5374), 12, 2902, 1454, (12.1, 24), 3, 0.19),
}


@pytest.fixture(scope="module")
def released(shared_data: Path) -> Path:
    folder = shared_data / "annotations" / "fashion-iq"
    if not folder.is_dir():
        pytest.skip(f"no captions of FashionIQ here: {folder} is not a folder")
    return folder


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_released_counts(released, category):
    asked, images, blank, union, references, words, same, chance = COUNTS[category]
    pictures, triplets = fashion_iq_triplets(released, "train", category)
    val, test = fashion_iq(released, "val", category), fashion_iq(released, "test", category)
    assert (len(triplets), len(val.queries), len(test.queries)) == asked
    assert (len(pictures.paths), len(val.gallery), len(test.gallery)) == images
    assert sum(not all(c.strip(" .?,") for c in t.captions) for t in triplets) == blank
    small = fashion_iq(released, "val", category, protocol="VAL")
    assert (len(small.gallery), len(small.queries)) == (union, asked[1])
    assert (len({q.image for q in val.queries}), len({q.target for q in val.queries})) == (references, asked[1])
    assert sum(n > 1 for n in Counter((q.image, q.text) for q in val.queries).values()) == same
    lengths = [len((q.text or "").split()) for q in val.queries]
    assert (round(float(np.mean(lengths)), 1), max(lengths)) == words
    result = evaluate(replace(val, queries=val.queries[:3]), Liked({}), ks=(10,))
    assert result.metric("r10").value == pytest.approx(chance, abs=0.005)
