"""Captioned images and LaSCo-shaped triplets in folders: read as they are, and every fault named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.datasets.captioned import captioned
from pinpoint.datasets.lasco import lasco_benchmark, lasco_rows
from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.store import Store
from pinpoint.zscir_real import RealData, real_benchmark
from pinpoint.zscir_study import Budget, Choices


def paint(folder: Path, names: list[str]) -> None:
    for n, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(n).integers(0, 255, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    names = [f"images/{n}.png" for n in range(6)]
    paint(tmp_path / "cc3m", names)
    lines = [f"a picture number {n}\t{name}" for n, name in enumerate(names)]
    (tmp_path / "cc3m" / "captions.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path / "cc3m"


@pytest.fixture
def lasco(tmp_path: Path) -> Path:
    names = [f"train2014/COCO_{n}.jpg" for n in range(6)]
    paint(tmp_path / "lasco", names)
    for split, start in (("train", 0), ("val", 1)):
        rows = [record(n, n, (n + start + 1) % 6) for n in range(5)]
        (tmp_path / "lasco" / f"lasco_{split}.json").write_text(json.dumps(rows))
    return tmp_path / "lasco"


def record(qid: int, reference: int, target: int) -> dict[str, Any]:
    paths = [f"train2014/COCO_{n}.jpg" for n in (reference, target)]
    return {"qid": qid, "query-image": [reference, paths[0]], "query-text": "make it red",
            "target-image": [target, paths[1]]}  # fmt: skip


def test_captions_are_read_in_order(pairs: Path) -> None:
    read = captioned(pairs)
    assert len(read) == 6 and read.ids[2] == "images/2.png" and read.captions[2] == "a picture number 2"
    assert captioned(pairs, limit=4).ids == read.ids[:4]


@pytest.mark.parametrize(("line", "message"), [
    ("no tab here", "line 1: 'no tab here' is not a caption, one tab, and a path"),
    ("\timages/0.png", "line 1: .* is not a caption"),
    ("a\timages/0.png\textra", "line 1: .* is not a caption"),
    ("a\timages/none.png", "line 1: there is no image 'images/none.png'"),
    ("a\t../../etc/passwd", "line 1: there is no image"),
    ("a\timages/1.png\nb\timages/1.png", "line 2: 'images/1.png' has a caption already"),
    ("", "is empty"),
])  # fmt: skip
def test_a_fault_in_the_table_names_its_line(pairs: Path, line: str, message: str) -> None:
    (pairs / "captions.tsv").write_text(line)
    with pytest.raises(PinpointError, match=message):
        captioned(pairs)


def test_a_missing_table_says_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(PinpointError, match=r"there is no .*captions.tsv; write one line per image"):
        captioned(tmp_path)


def test_lasco_as_rows_and_as_a_benchmark(lasco: Path) -> None:
    _, rows = lasco_rows(lasco, "lasco_train.json")
    assert (rows[1].id, rows[1].reference, rows[1].target) == ("1", "train2014/COCO_1.jpg", "train2014/COCO_2.jpg")
    benchmark = lasco_benchmark(lasco)
    query = benchmark.queries[0]
    assert len(benchmark.queries) == 5 and len(benchmark.gallery) == 6 and benchmark.split == "lasco_val"
    assert query.relevant == ("train2014/COCO_2.jpg",) and query.exclude == (query.image,)


@pytest.mark.parametrize(("change", "message"), [
    ({"query-image": 3}, "record 0: not of LaSCo's form"),
    ({"query-text": " "}, "record 0: an empty text"),
    ({"target-image": [9, "train2014/COCO_9.jpg"]}, "qid 0: there is no image 'train2014/COCO_9.jpg'"),
    ({"target-image": [0, "train2014/COCO_0.jpg"]}, "a target that is its own reference"),
    ({"qid": 1}, "uses a qid twice"),
])  # fmt: skip
def test_a_fault_in_lasco_names_its_record(lasco: Path, change: dict[str, Any], message: str) -> None:
    rows = [{**record(0, 0, 1), **change}, record(1, 1, 2)]
    (lasco / "lasco_val.json").write_text(json.dumps(rows))
    with pytest.raises(PinpointError, match=message):
        lasco_benchmark(lasco)


def test_no_list_and_no_file(lasco: Path) -> None:
    (lasco / "lasco_val.json").write_text("{}")
    with pytest.raises(PinpointError, match="is no list of triplets"):
        lasco_benchmark(lasco)
    with pytest.raises(PinpointError, match=r"there is no .*other.json"):
        lasco_rows(lasco, "other.json")


def test_the_whole_path_on_folders(pairs: Path, lasco: Path, tmp_path: Path) -> None:
    data = RealData(pairs, lasco)
    choices = Choices()
    choices = Choices(composing=type(choices.composing)(rank=4, negatives=1, ceiling=1.0))
    table = real_benchmark(data, "diorama-clip", Store(tmp_path / "store"), Budget(2, 4), choices)
    assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == [
        f"| {method}" for method in ("image_only", "text_only", "sum", "slerp", "pic2word", "stage1", "two_stage")
    ]


def test_without_the_data_it_says_where_they_go(tmp_path: Path) -> None:
    data = RealData(tmp_path / "none", tmp_path / "nor")
    assert "there is no folder" in real_benchmark(data, "clip-l14", Store(tmp_path), Budget(1, 2), Choices())


def test_a_real_class_goes_through_the_same_door(tmp_path: Path) -> None:
    encoder: Any = load("diorama-clip", device="cpu")
    from pinpoint.zscir_setup import clip_of

    clip = clip_of(encoder)
    assert (clip.dim, clip.side.width) == (192, 192)
