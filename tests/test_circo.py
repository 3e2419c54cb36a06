"""CIRCO's several right answers, its gallery and counts; the server's file; every way in which a file can be wrong."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import Benchmark, evaluate
from pinpoint.datasets.circo import (
    check_circo_submission,
    circo,
    circo_aspects,
    circo_submission,
    semantic_map,
    write_circo_submission,
)
from pinpoint.datasets.named_images import require_images
from pinpoint.errors import PinpointError

COCO = "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"
NUMBERS = [50, 7, 9, 11, 13, 15, 17, 3, 4, *range(1000, 1050), 581854]  # in COCO's order, which is not sorted


def record(n: int, reference: int = 50, right: list[int] | None = None, **change: Any) -> dict[str, Any]:
    right = right or [7]
    answers = {"target_img_id": right[0], "gt_img_ids": right, "semantic_aspects": ["negation", "viewpoint"][: n + 1]}
    text = {"id": n, "reference_img_id": reference, "relative_caption": f"text {n}", "shared_concept": "a dog"}
    return text | answers | change


def write(root: Path, split: str, records: list[dict[str, Any]], numbers: list[int] = NUMBERS) -> Path:
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "height": 480, "width": 640} for n in numbers]
    for path, content in ((f"annotations/{split}.json", records), (COCO, {"info": {}, "images": images})):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps(content))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    hidden = [{k: v for k, v in record(n).items() if k.endswith(("id", "caption")) and k[0] != "t"} for n in range(2)]
    write(tmp_path, "test", hidden)
    return write(tmp_path, "val", [record(0), record(1, 4, [7, 9, 11, 13, 15, 17])])


@dataclass(frozen=True)
class Listing:
    """Ranks the named images first, in this order, and the others behind them in gallery order."""

    first: tuple[int, ...]
    name: str = "listing"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        order = [str(n) for n in self.first]
        place = {i: order.index(i) if i in order else 999 + g for g, i in enumerate(benchmark.gallery.ids)}
        row = -np.array([place[i] for i in benchmark.gallery.ids], np.float32)
        return np.tile(row, (len(benchmark.queries[query_slice]), 1))


def test_a_record_is_a_query_over_all_unlabelled_images(root):
    made = circo(root)
    assert made.gallery.ids == tuple(map(str, NUMBERS)) and (made.name, made.split) == ("circo", "val")
    query = made.queries[1]
    assert (query.id, query.text, query.image, query.exclude) == ("1", "text 1", "4", ())
    assert (query.relevant, query.target) == (("7", "9", "11", "13", "15", "17"), "7")
    assert made.notes["gallery"] == "60 images of COCO's unlabelled set" and made.notes["reference"] == "competes"


def test_every_right_answer_counts_by_the_rule_of_the_sheet(root):
    one = evaluate(circo(root), Listing((3, 7)))
    assert (one.per_query["map5"][0], one.per_query["map10"][0]) == (0.5, 0.5)
    rest = (1000, 1001, 1002, 1003, 1004)
    five = evaluate(circo(root), Listing((7, 9, 11, 13, 15, *rest)))
    assert five.per_query["map5"][1] == pytest.approx(5 / 5)  # min(6 truths, 5 places)
    assert five.per_query["map10"][1] == pytest.approx(5 / 6)
    last = evaluate(circo(root), Listing((9, 11, 13, 15, 17, 7)), ks=(1, 5, 10))
    assert [last.per_query[f"t{k}"][1] for k in (1, 5, 10)] == [0, 0, 1]  # recall knows the annotated target alone
    assert last.per_query["map5"][1] == 1


def test_the_reference_competes_unless_asked_otherwise(root):
    kept, removed = circo(root), circo(root, remove_reference=True)
    assert [evaluate(b, Listing((50, 7))).per_query["map5"][0] for b in (kept, removed)] == [0.5, 1]
    assert [q.exclude for q in removed.queries] == [("50",), ("4",)] and removed.notes["reference"] == "removed"


def test_aspects_share_their_queries(root):
    aspects = circo_aspects(root)
    assert aspects == {"0": ("negation",), "1": ("negation", "viewpoint")}
    found = semantic_map(evaluate(circo(root), Listing((3, 7, 9, 11, 13, 15, 17))), aspects)
    second = np.mean([k / (k + 1) for k in range(1, 7)])
    assert found["viewpoint"].value == pytest.approx(100 * second)
    assert found["negation"].value == pytest.approx(100 * (0.5 + second) / 2) and found["negation"].n == 2
    with pytest.raises(PinpointError, match="no map10; evaluate with 10 among map_ks"):
        semantic_map(evaluate(circo(root), Listing((7,)), map_ks=(5,)), aspects)


def test_pictures_are_needed_only_when_one_is_loaded(root):
    made = circo(root)
    assert "60 images" in made.describe()
    with pytest.raises(PinpointError, match=r"unlabeled2017/000000581854.jpg is missing"):
        made.gallery.images.load("581854")
    folder = root / "COCO2017_unlabeled/unlabeled2017"
    folder.mkdir()
    Image.new("RGB", (9, 6), "blue").save(folder / "000000581854.jpg")
    assert made.gallery.images.load("581854", 4).shape == (4, 4, 3)
    with pytest.raises(PinpointError, match=r"circo val: 59 of 60 pictures are missing, the first .*000000000050.jpg"):
        require_images(made)


# The server's file ----------------------------------------------------------------------------------------------


def test_the_file_holds_what_the_server_wants(root, tmp_path):
    made = circo(root, "test")
    assert [(q.id, q.relevant, q.target) for q in made.queries] == [("0", (), None), ("1", (), None)]
    path = write_circo_submission(tmp_path / "test.json", made, Listing((9, 581854, 7)))
    content = json.loads(path.read_text())
    assert content.keys() == {"0", "1"} and {len(images) for images in content.values()} == {50}
    assert content["0"][:5] == [9, 581854, 7, 50, 11]
    removed = circo_submission(circo(root, "test", remove_reference=True), Listing((50, 9)))
    assert removed["0"][0] == 9 and 50 not in removed["0"]


def swap(content: dict[str, Any], name: object) -> None:
    content["1"][1] = name


@pytest.mark.parametrize(("damage", "message"), [
    (lambda c: c.pop("1"), "lacks 1 of 2 queries, the first '1'"),
    (lambda c: c.update({"2": c["1"]}), "has '2', no query of circo test"),
    (lambda c: swap(c, "9"), "query 1 lists '9'; the server wants numbers"),
    (lambda c: swap(c, True), "query 1 lists True; the server wants numbers"),
    (lambda c: swap(c, c["1"][0]), "query 1 lists an image twice"),
    (lambda c: swap(c, 99), "query 1 lists '99', which is not in the gallery"),
    (lambda c: c["1"].pop(), "query 1: the server wants a list of 50 images, not 49"),
    (lambda c: c.update({"1": None}), "query 1: the server wants a list of 50 images, not None"),
])  # fmt: skip
def test_a_file_that_the_server_would_refuse(root, damage, message):
    made = circo(root, "test")
    content = circo_submission(made, Listing(()))
    check_circo_submission(content, made)
    damage(content)
    with pytest.raises(PinpointError, match=message):
        check_circo_submission(content, made)


# Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "message"), [
    ({"reference_img_id": 99}, r"annotations/val.json, record 1: image 99 is not in .*image_info_unlabeled2017.json"),
    ({"gt_img_ids": [7, 99]}, "record 1: image 99 is not in"),
    ({"gt_img_ids": [7, 7]}, "record 1: query '1' lists a relevant image twice"),
    ({"gt_img_ids": [9]}, "record 1: query '1' has a target that is not relevant"),
    ({"gt_img_ids": []}, "record 1: query '1' has no relevant image"),
    ({"gt_img_ids": [7, 4]}, "record 1: the reference 4 is among its own answers"),
    ({"gt_img_ids": 7}, "record 1: gt_img_ids is 7, expected list"),
    ({"target_img_id": "7"}, "record 1: target_img_id is '7', expected int"),
    ({"relative_caption": None}, "record 1: relative_caption is None, expected str"),
    ({"id": 0}, r"annotations/val.json: the ids are not 0, 1, 2, …"),
    ({"id": 2}, r"the ids are not 0, 1, 2, …"),
])  # fmt: skip
def test_a_fault_names_its_file_and_record(root, change, message):
    write(root, "val", [record(0), record(1, 4) | change])
    with pytest.raises(PinpointError, match=message):
        circo(root)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("annotations/val.json", "{}", r"val.json is no list of queries; put CIRCO's annotations there"),
    ("annotations/val.json", '[{"id": 0}]', r"record 0: not of CIRCO's form \(KeyError"),
    ("annotations/val.json", "[3]", r"record 0: not of CIRCO's form"),
    ("annotations/val.json", "[", r"val.json is not valid JSON"),
    ("annotations/val.json", None, r"there is no .*annotations/val.json"),
    (COCO, "[]", r"image_info_unlabeled2017.json is no table of COCO images; unpack .*unlabeled2017.zip"),
    (COCO, '{"images": []}', r"image_info_unlabeled2017.json lists no images"),
    (COCO, '{"images": [{"id": 7, "file_name": "../7.jpg"}]}', "record 0: '../7.jpg' leads out of the folder"),
    (COCO, '{"images": [{"id": 7, "file_name": "7"}, {"id": 7, "file_name": "8"}]}', "lists an image twice: '7'"),
    (COCO, None, r"there is no .*image_info_unlabeled2017.json; unpack"),
])  # fmt: skip
def test_a_fault_of_a_whole_file(root, name, content, message):
    if content is None:
        (root / name).unlink()
    else:
        (root / name).write_text(content)
    with pytest.raises(PinpointError, match=message):
        circo(root)


def test_an_unknown_split(tmp_path):
    with pytest.raises(PinpointError, match="unknown split 'train'; known: test, val"):
        circo(tmp_path, "train")


# The released files ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two annotation files, and a list of COCO images made of those that they name."""
    folder, root = shared_data / "annotations" / "circo", tmp_path_factory.mktemp("circo")
    if not folder.is_dir():
        pytest.skip(f"no annotations of CIRCO here: {folder} is not a folder")
    named = set[int]()
    for split in ("val", "test"):
        (root / "annotations").mkdir(exist_ok=True)
        shutil.copy(folder / f"circo_annotations_{split}.json", root / "annotations" / f"{split}.json")
        for found in json.loads((root / f"annotations/{split}.json").read_text()):
            named |= {found["reference_img_id"], *found.get("gt_img_ids", [])}
    images = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in sorted(named)]
    (root / COCO).parent.mkdir(parents=True)
    (root / COCO).write_text(json.dumps({"images": images}))
    return root


def test_the_released_counts(released):
    val, test = circo(released), circo(released, "test")
    assert (len(val.queries), len({q.image for q in val.queries})) == (220, 220)
    assert (len(test.queries), len({q.image for q in test.queries})) == (800, 798)
    truths = [len(q.relevant) for q in val.queries]
    assert (round(float(np.mean(truths)), 2), min(truths), max(truths)) == (4.16, 1, 14)
    assert all(q.target == q.relevant[0] and q.image not in q.relevant for q in val.queries)
    assert {q.id for q in test.queries} == set(map(str, range(800)))


def test_the_released_aspects(released):
    counted = Counter(name for names in circo_aspects(released).values() for name in names)
    assert sorted(counted.values()) == [21, 37, 50, 54, 80, 86, 100, 119, 164]
    assert (counted["negation"], counted["viewpoint"], counted["addition"]) == (21, 54, 80)


def test_right_answers_first_score_a_hundred(released):
    made = circo(released)

    class Oracle:
        name = "oracle"

        def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
            out = np.zeros((len(benchmark.queries[query_slice]), len(benchmark.gallery)), np.float32)
            for row, query in zip(out, benchmark.queries[query_slice], strict=True):
                row[benchmark.gallery.columns(query.relevant)] = 1
            return out

    result = evaluate(made, Oracle())
    assert [result.metric(f"map{k}").value for k in (5, 10, 25, 50)] == pytest.approx([100] * 4)
    assert result.metric("t1").value < 50  # the annotated target is one of several
