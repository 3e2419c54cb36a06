"""CIRR's gallery, reference, groups and counts; the server's two files; and every way in which a file can be wrong."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import Benchmark, VectorRetriever, evaluate
from pinpoint.datasets.cirr import (
    check_cirr_submission,
    cirr,
    cirr_average,
    cirr_submissions,
    write_cirr_submissions,
)
from pinpoint.datasets.named_images import require_images
from pinpoint.errors import PinpointError

SMALL = ["ref", "a", "b", "c", "d", "t"]  # a group of six
NAMES = [*SMALL, "z", *(f"n{n:02d}" for n in range(50))]  # 57 images: 56 compete with one reference left out


def record(pair: int, reference: str = "ref", target: str | None = "t", **change: Any) -> dict[str, Any]:
    answer = {} if target is None else {"target_hard": target, "target_soft": {target: 1.0, "a": 0.5}}
    group = {"id": 1, "members": SMALL, "reference_rank": 0}
    return {"pairid": pair, "reference": reference, **answer, "caption": f" text {pair}", "img_set": group} | change


def write(root: Path, split: str, records: list[dict[str, Any]]) -> Path:
    paths = {name: f"./{split}/{n % 2}/{name}.png" for n, name in enumerate(NAMES)}
    for folder, kind, content in (("captions", "cap", records), ("image_splits", "split", paths)):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / f"{kind}.rc2.{split}.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "train", [record(3)])
    write(tmp_path, "val", [record(7), record(12, "a", "b")])
    return write(tmp_path, "test1", [record(20, target=None), record(4, "b", None, caption=" ")])


@dataclass(frozen=True)
class Fixed:
    """A system whose scores are given by a table of names, the same for every query; the others get less, by place."""

    table: dict[str, float]
    name: str = "fixed"

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        row = np.array([self.table.get(i, -1.0 - g) for g, i in enumerate(benchmark.gallery.ids)], np.float32)
        return np.tile(row, (len(benchmark.queries[query_slice]), 1))


SHEET = Fixed({"ref": 0.9, "z": 0.8, "a": 0.7, "t": 0.6, "b": 0.5, "c": 0.4, "d": 0.3})


def test_a_record_is_a_query_over_the_whole_split(root):
    made = cirr(root)
    assert made.gallery.ids == tuple(NAMES) and (made.name, made.version, made.split) == ("cirr", "rc2", "val")
    query = made.queries[0]
    assert (query.id, query.text, query.image, query.exclude) == ("7", " text 7", "ref", ("ref",))
    assert (query.relevant, query.target, query.members, query.pool) == (("t",), "t", tuple(SMALL), None)
    assert made.groups == ("",) and len(cirr(root, "train").queries) == 1


def test_the_reference_never_competes_and_the_group_ranks_alone(root):
    result = evaluate(cirr(root), SHEET, ks=(1, 3, 5), depth=3)
    assert result.top(0, 3) == ("z", "a", "t")  # the reference, which scores best, is out
    assert result.per_query["r3"].tolist() == [1, 0] and result.per_query["r1"].tolist() == [0, 0]
    assert [result.per_query[f"rs{k}"][0] for k in (1, 2, 3)] == [0, 1, 1]  # a, then t: z is not of the group
    assert result.per_query["rs2"][1] == 0 and result.per_query["rs3"][1] == 1  # ref and t stand before b
    assert [result.chance(f"rs{k}") for k in (1, 2, 3)] == pytest.approx([20, 40, 60])
    assert result.chance("r1") == pytest.approx(100 / 56)
    assert cirr_average(result).value == pytest.approx((result.micro("r5").value + result.micro("rs1").value) / 2)
    assert cirr_average(evaluate(cirr(root), Fixed({"t": 2, "b": 1}), ks=(5,))).value == 75


def test_soft_targets_count_for_nothing(root):
    assert evaluate(cirr(root), Fixed({"a": 9}), ks=(1,)).per_query["r1"].tolist() == [0, 0]


def test_the_answers_of_test1_are_hidden_and_no_pair_is_dropped(root):
    made = cirr(root, "test1")
    assert [(q.id, q.relevant, q.target, q.exclude) for q in made.queries] == [
        ("20", (), None, ("ref",)), ("4", (), None, ("b",)),
    ]  # fmt: skip
    assert made.queries[1].text == " " and "1 are blank" in made.notes["captions"]


def test_pictures_lie_where_the_split_file_says(root):
    made = cirr(root)
    with pytest.raises(PinpointError, match=r"img_raw/val/1/a.png is missing; fetch it"):
        made.gallery.images.load("a")
    with pytest.raises(PinpointError, match=r"57 of 57 pictures are missing, the first .*val/0/ref.png"):
        require_images(made)
    (root / "nlvr2/val/1").mkdir(parents=True)
    Image.new("RGB", (9, 6), "blue").save(root / "nlvr2/val/1/a.png")
    made = cirr(root, images=root / "nlvr2")
    assert made.gallery.images.load("a").shape == (6, 9, 3)
    with pytest.raises(PinpointError, match="56 of 57"):
        require_images(made)


# The server's files ---------------------------------------------------------------------------------------------


def test_the_two_files_hold_what_the_server_wants(root, tmp_path):
    made = cirr(root, "test1")
    paths = write_cirr_submissions(tmp_path / "out", made, SHEET)
    assert [path.name for path in paths] == ["recall.json", "recall_subset.json"]
    recall, subset = (json.loads(path.read_text()) for path in paths)
    assert {k: v for k, v in recall.items() if not k.isdigit()} == {"version": "rc2", "metric": "recall"}
    assert subset == {"version": "rc2", "metric": "recall_subset", "20": ["a", "t", "b"], "4": ["ref", "a", "t"]}
    assert recall["20"][:4] == ["z", "a", "t", "b"] and recall["4"][:4] == ["ref", "z", "a", "t"]
    assert {len(recall["20"]), len(recall["4"])} == {50}
    assert recall["20"][6:] == NAMES[7:51]


def test_equal_scores_stand_in_gallery_order(root):
    made = cirr(root, "test1")
    flat = VectorRetriever("flat", np.ones((2, 4)), np.ones((len(NAMES), 4)))
    assert cirr_submissions(made, flat)["recall"]["20"] == NAMES[1:51]


def test_scores_that_cannot_be_ranked(root):
    made = cirr(root, "test1")
    with pytest.raises(PinpointError, match="query '20' has a NaN score"):
        cirr_submissions(made, Fixed({"z": np.nan}))

    class Short(Fixed):
        def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
            return super().scores(benchmark, query_slice)[:, 1:]

    with pytest.raises(PinpointError, match=r"fixed gave scores of shape \(2, 56\), expected \(2, 57\)"):
        cirr_submissions(made, Short({}))


def swap(content: dict[str, Any], name: str) -> None:
    content["20"][1] = name


@pytest.mark.parametrize(("metric", "damage", "message"), [
    ("recall", lambda c: c.pop("4"), "lacks 1 of 2 queries, the first '4'"),
    ("recall", lambda c: c.update({"5": c["4"]}), "has '5', no query of cirr test1"),
    ("recall", lambda c: swap(c, "ref"), "pair 20 lists its reference 'ref'"),
    ("recall", lambda c: swap(c, c["20"][0]), "pair 20 lists an image twice"),
    ("recall", lambda c: swap(c, "val-1"), "pair 20 lists 'val-1', which is not in the gallery"),
    ("recall", lambda c: swap(c, 3), "pair 20 lists 3, which is not in the gallery"),
    ("recall", lambda c: c["4"].pop(), "pair 4: the server wants a list of 50 images, not 49"),
    ("recall", lambda c: c.update({"4": "ref"}), "pair 4: the server wants a list of 50 images, not 'ref'"),
    ("recall", lambda c: c.pop("version"), "states version None and metric 'recall'; the server wants 'rc2'"),
    ("recall", lambda c: c.update(metric="recall_subset"), "wants a list of 3 images, not 50"),
    ("recall", lambda c: c.update(metric="r"), "metric 'r'"),
    ("recall_subset", lambda c: swap(c, "z"), "pair 20 lists 'z', which is not in its group"),
    ("recall_subset", lambda c: swap(c, "ref"), "pair 20 lists its reference 'ref'"),
    ("recall_subset", lambda c: c["4"].append("d"), "wants a list of 3 images, not 4"),
])  # fmt: skip
def test_a_file_that_the_server_would_refuse(root, metric, damage, message):
    made = cirr(root, "test1")
    content = cirr_submissions(made, SHEET)[metric]
    check_cirr_submission(content, made)
    damage(content)
    with pytest.raises(PinpointError, match=message):
        check_cirr_submission(content, made)


def test_a_file_too_large_for_the_server(root, monkeypatch):
    made = cirr(root, "test1")
    monkeypatch.setattr("pinpoint.datasets.cirr.LARGEST", 300)
    with pytest.raises(PinpointError, match=r"the submission for recall is of \d+ bytes, and the server takes 300"):
        check_cirr_submission(cirr_submissions(made, SHEET)["recall"], made)


# Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "message"), [
    ({"reference": "z"}, r"cap.rc2.val.json, record 1: pair 12: 'z' is not of its group"),
    ({"target_hard": "z"}, "record 1: pair 12: 'z' is not of its group"),
    ({"target_hard": ""}, "record 1: pair 12: '' is not of its group"),
    ({"target_hard": "a"}, "record 1: pair 12: the target is its own reference"),
    ({"target_hard": None}, "record 1: target_hard is None, expected str"),
    ({"pairid": "12"}, "record 1: pairid is '12', expected int"),
    ({"pairid": True}, "record 1: pairid is True, expected int"),
    ({"pairid": 7}, r"cap.rc2.val.json uses a pairid twice: '7'"),
    ({"caption": 5}, "record 1: caption is 5, expected str"),
    ({"img_set": {"members": SMALL[:5]}}, "pair 12 has 5 different members, expected 6"),
    ({"img_set": {"members": [*SMALL[:5], "a"]}}, "pair 12 has 5 different members, expected 6"),
    ({"img_set": {"members": [*SMALL[:5], "q"]}}, r"record 1: 'q' is not in .*split.rc2.val.json; restore"),
    ({"img_set": {}}, r"record 1: not of CIRR's form \(KeyError\('members'\)"),
])  # fmt: skip
def test_a_fault_names_its_file_and_record(root, change, message):
    write(root, "val", [record(7), record(12, "a", "b") | change])
    with pytest.raises(PinpointError, match=message):
        cirr(root)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("captions/cap.rc2.val.json", "{}", r"cap.rc2.val.json is no list of queries; put CIRR's"),
    ("captions/cap.rc2.val.json", "[1, ", r"cap.rc2.val.json is not valid JSON"),
    ("image_splits/split.rc2.val.json", "[]", r"split.rc2.val.json is no table of image names and paths"),
    ("image_splits/split.rc2.val.json", '{"a": 3}', "record 0: a is 3, expected str"),
    ("image_splits/split.rc2.val.json", '{"a": "./x/../../a.png"}', "record 0: './x/../../a.png' leads out"),
    ("image_splits/split.rc2.val.json", '{"a": "/etc/a.png"}', "leads out of the folder"),
    ("image_splits/split.rc2.val.json", '{"a": "./x.png", "b": "x.png"}', "has two names for one picture: 'x.png'"),
])  # fmt: skip
def test_a_fault_of_a_whole_file(root, name, content, message):
    (root / name).write_text(content)
    with pytest.raises(PinpointError, match=message):
        cirr(root)


def test_a_missing_split_and_an_unknown_one(root):
    with pytest.raises(PinpointError, match="unknown split 'test'; known: test1, train, val"):
        cirr(root, "test")
    (root / "captions/cap.rc2.train.json").unlink()
    with pytest.raises(PinpointError, match=r"there is no .*cap.rc2.train.json; put CIRR's captions .* there"):
        cirr(root, "train")


# The released files ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released(shared_data: Path) -> Path:
    folder = shared_data / "annotations" / "cirr"
    if not folder.is_dir():
        pytest.skip(f"no captions of CIRR here: {folder} is not a folder")
    return folder


@pytest.mark.parametrize(("split", "queries", "images", "references", "mean", "longest"), [
    ("val", 4181, 2297, 2165, 11.0, 47), ("test1", 4148, 2315, 2178, 10.7, 53),
])  # fmt: skip
def test_the_released_counts(released, split, queries, images, references, mean, longest):
    made = cirr(released, split)
    assert (len(made.queries), len(made.gallery)) == (queries, images)
    assert len({q.image for q in made.queries}) == references
    lengths = [len((q.text or "").split()) for q in made.queries]
    assert (round(float(np.mean(lengths)), 1), max(lengths)) == (mean, longest)
    assert "1 are blank" in made.notes["captions"] if split == "test1" else "0 are blank" in made.notes["captions"]
    assert len({frozenset(q.members) for q in made.queries}) == 503


def test_the_released_targets_and_chance(released):
    made = cirr(released)
    assert len({q.target for q in made.queries}) == 2206
    assert sum(n > 1 for n in Counter((q.image, q.text) for q in made.queries).values()) == 6
    result = evaluate(replace(made, queries=made.queries[:5]), Fixed({}))
    chances = [result.chance(name) for name in ("r1", "r5", "r10", "r50", "rs1", "rs2", "rs3")]
    assert chances == pytest.approx([0.044, 0.218, 0.436, 2.178, 20, 40, 60], abs=0.001)
    with pytest.raises(PinpointError, match=r"there is no .*cap.rc2.train.json"):
        cirr(released, "train")


def test_a_full_submission_fits_the_server(released):
    whole, rng = cirr(released, "test1"), np.random.default_rng(0)
    made = replace(whole, queries=whole.queries[:400])
    files = cirr_submissions(made, VectorRetriever("random", rng.random((400, 4)), rng.random((2315, 4))))
    for content in files.values():
        check_cirr_submission(content, made)
    assert 4e6 < len(json.dumps(files["recall"])) * 4148 / 400 < 4.5e6  # the server takes 5 MB
