"""One list of demands, held to every adapter: a fault is one line with file and fix, a description is honest."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pinpoint.benchmark import Benchmark
from pinpoint.datasets.captioned import captioned
from pinpoint.datasets.circo import circo
from pinpoint.datasets.cirr import cirr
from pinpoint.datasets.coco_builder import built_facets
from pinpoint.datasets.coco_facet import coco_facet
from pinpoint.datasets.dsr import dsr
from pinpoint.datasets.fashion_iq import CATEGORIES, fashion_iq
from pinpoint.datasets.folder import label_benchmark
from pinpoint.datasets.lasco import lasco_benchmark
from pinpoint.datasets.named_images import NamedImages, require_images
from pinpoint.errors import PinpointError

FIX = re.compile(r"[;,:] .*\b(restore|fetch|put|give|delete|remove|keep|unpack|copy|write|choose|mend|brings|needs)\b")


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (len(str(path)) % 256, 9, 9)).save(path)


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


# -- a tiny folder of each data set, whole ------------------------------------------------------------------------


def write_coco_facet(root: Path) -> None:
    names = [f"val2017/{n:012d}.jpg" for n in range(100)]
    for name in names:
        picture(root / name)
    put(root / "COCO_animal_retrieval.json", [{"qry_text": "any cat", "qry_img_path": "", "tgt_img_path": names}])


def write_cirr(root: Path) -> None:
    members = [f"dev-{n}-0-img0" for n in range(6)]
    record = {"pairid": 1, "reference": members[0], "target_hard": members[1], "caption": "other",
              "img_set": {"members": members}}  # fmt: skip
    put(root / "captions/cap.rc2.val.json", [record])
    put(root / "image_splits/split.rc2.val.json", {name: f"./dev/{name}.png" for name in members})
    for name in members:
        picture(root / f"img_raw/dev/{name}.png")


def write_fashion_iq(root: Path) -> None:
    for category in CATEGORIES:
        ids = [f"{category}{n}" for n in range(3)]
        put(root / f"image_splits/split.{category}.val.json", ids)
        record = {"candidate": ids[0], "target": ids[1], "captions": ["is red", "is long"]}
        put(root / f"captions/cap.{category}.val.json", [record])
        for name in ids:
            picture(root / f"images/{name}.jpg")


def write_circo(root: Path) -> None:
    record = {"id": 0, "reference_img_id": 0, "relative_caption": "other", "target_img_id": 1, "gt_img_ids": [1]}
    put(root / "annotations/val.json", [record])
    images = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in range(3)]
    put(root / "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json", {"images": images})
    for image in images:
        picture(root / f"COCO2017_unlabeled/unlabeled2017/{image['file_name']}")


def write_dsr(root: Path) -> None:
    put(root / "dataset.json", [{"image": f"a/{n}.jpg", "caption": f"a/{n}.txt"} for n in range(6)])
    for n in range(6):
        put(root / f"text/a/{n}.txt", f"number {n}\n")
        for style in ("images", "sketch", "art", "mosaic"):
            picture(root / f"{style}/a/{n}.jpg")


def write_lasco(root: Path) -> None:
    names = [f"val2014/COCO_val2014_{n:012d}.jpg" for n in range(3)]
    for name in names:
        picture(root / name)
    rows = [{"qid": n, "query-image": [n, names[n]], "query-text": "other", "target-image": [n + 1, names[n + 1]]}
            for n in range(2)]  # fmt: skip
    put(root / "lasco_val.json", rows)


def write_captioned(root: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        picture(root / name)
    put(root / "captions.tsv", "one\ta.jpg\ntwo\tb.jpg\n")


def write_folder(root: Path) -> None:
    for name in ("cat/a.jpg", "dog/b.jpg"):
        picture(root / name)


def write_built(root: Path) -> None:
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "width": 8, "height": 6, "license": 1} for n in range(6)]
    cats = [{"id": 0, "image_id": 0, "category_id": 17, "area": 40}]
    put(root / "annotations/instances_val2017.json", {
        "images": images, "annotations": cats, "licenses": [{"id": 1, "name": "Attribution License"}],
        "categories": [{"id": 17, "name": "cat", "supercategory": "animal"}]})  # fmt: skip
    for image in images:
        picture(root / f"val2017/{image['file_name']}")


@dataclass(frozen=True)
class Adapter:
    """write: a whole folder. open: read it. split: read a split that is not there. file: what holds the records.
    image: one picture of it. twice: make the content of `file` name something twice."""

    write: Callable[[Path], None]
    open: Callable[[Path], Any]
    file: str
    image: str
    split: Callable[[Path], Any] | None = None
    twice: Callable[[Any], Any] | None = None


def doubled(records: list[Any]) -> list[Any]:
    return [*records, records[0]]


ADAPTERS = {
    "coco_facet": Adapter(write_coco_facet, lambda r: coco_facet(r, ["animals"]), "COCO_animal_retrieval.json",
                          f"val2017/{7:012d}.jpg", lambda r: coco_facet(r, ["times"])),
    "cirr": Adapter(write_cirr, cirr, "captions/cap.rc2.val.json", "img_raw/dev/dev-3-0-img0.png",
                    lambda r: cirr(r, "test"), doubled),
    "fashion_iq": Adapter(write_fashion_iq, fashion_iq, "image_splits/split.shirt.val.json", "images/shirt2.jpg",
                          lambda r: fashion_iq(r, "dev"), doubled),
    "circo": Adapter(write_circo, circo, "annotations/val.json", f"COCO2017_unlabeled/unlabeled2017/{2:012d}.jpg",
                     lambda r: circo(r, "train"), doubled),
    "dsr": Adapter(write_dsr, dsr, "dataset.json", "art/a/5.jpg", lambda r: dsr(r, "val"), doubled),
    "lasco": Adapter(write_lasco, lasco_benchmark, "lasco_val.json", f"val2014/COCO_val2014_{2:012d}.jpg",
                     lambda r: lasco_benchmark(r, "lasco_test.json"), doubled),
    "captioned": Adapter(write_captioned, captioned, "captions.tsv", "b.jpg",
                         twice=lambda text: text + "three\ta.jpg\n"),
    "folder": Adapter(write_folder, label_benchmark, "", "dog/b.jpg"),
    "coco_builder": Adapter(write_built, lambda r: built_facets(r, facets="animals", pool=4),
                            "annotations/instances_val2017.json", f"val2017/{0:012d}.jpg",
                            lambda r: built_facets(r, "test2017"),
                            lambda content: {**content, "images": doubled(content["images"])}),
}  # fmt: skip
LISTED = [name for name, adapter in ADAPTERS.items() if adapter.file]
TABLES = [name for name in LISTED if name != "captioned"]  # JSON
SPLIT = [name for name, adapter in ADAPTERS.items() if adapter.split]
TWICE = [name for name, adapter in ADAPTERS.items() if adapter.twice]
BENCHMARKS = [name for name in ADAPTERS if name != "captioned"]


def fault(action: Callable[[], Any], *named: str) -> str:
    """The one line that an action ends in; it names these parts and says what to do."""
    with pytest.raises(PinpointError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and all(part in message for part in named), message
    assert FIX.search(message), f"no fix in: {message}"
    return message


def whole(adapter: Adapter, root: Path) -> Any:
    """What is read, with its pictures."""
    made = adapter.open(root)
    if isinstance(made, Benchmark):
        require_images(made)
    return made


# -- the demands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_tiny_folder_is_whole(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    assert whole(ADAPTERS[name], tmp_path)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("text", ["", "{", '"text"', "[]", "\x00"])
def test_a_file_that_is_no_json_of_its_form(name, text, tmp_path):
    ADAPTERS[name].write(tmp_path)
    (tmp_path / ADAPTERS[name].file).write_text(text)
    fault(lambda: ADAPTERS[name].open(tmp_path), Path(ADAPTERS[name].file).name)


@pytest.mark.parametrize("name", LISTED)
def test_a_file_that_is_no_text(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    (tmp_path / ADAPTERS[name].file).write_bytes(b"\xff\xfe\x00\x81")
    fault(lambda: ADAPTERS[name].open(tmp_path), Path(ADAPTERS[name].file).name)


@pytest.mark.parametrize("name", TABLES)
def test_a_record_of_another_form(name, tmp_path):
    adapter = ADAPTERS[name]
    adapter.write(tmp_path)
    content = json.loads((tmp_path / adapter.file).read_text())
    put(tmp_path / adapter.file, [3] if isinstance(content, list) else {**content, "images": [3]})
    fault(lambda: adapter.open(tmp_path), Path(adapter.file).name, "record 0")


@pytest.mark.parametrize("name", LISTED)
def test_a_file_that_is_not_there(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    (tmp_path / ADAPTERS[name].file).unlink()
    fault(lambda: ADAPTERS[name].open(tmp_path), Path(ADAPTERS[name].file).name)


@pytest.mark.parametrize("name", TWICE)
def test_an_id_that_comes_twice(name, tmp_path):
    adapter = ADAPTERS[name]
    adapter.write(tmp_path)
    path = tmp_path / adapter.file
    put(path, adapter.twice(path.read_text() if path.suffix == ".tsv" else json.loads(path.read_text())))
    fault(lambda: adapter.open(tmp_path), path.name)


@pytest.mark.parametrize("name", [n for n in ADAPTERS if n != "folder"])  # a plain folder lists nothing
def test_a_picture_that_is_missing(name, tmp_path):
    adapter = ADAPTERS[name]
    adapter.write(tmp_path)
    (tmp_path / adapter.image).unlink()
    fault(lambda: whole(adapter, tmp_path), Path(adapter.image).name)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_picture_that_is_no_picture(name, tmp_path):
    adapter = ADAPTERS[name]
    adapter.write(tmp_path)
    (tmp_path / adapter.image).write_bytes(b"not a picture")
    made = whole(adapter, tmp_path)
    images, ids = (made.images, made.ids) if name == "captioned" else (made.gallery.images, made.gallery.ids)
    asked = [q.image for q in made.queries if q.image] if isinstance(made, Benchmark) else []
    fault(lambda: [images.load(i) for i in (*ids, *asked)], Path(adapter.image).name)


@pytest.mark.parametrize("name", SPLIT)
def test_a_split_that_does_not_exist(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    with pytest.raises(PinpointError, match=r"; known: |; tasks=|; put LaSCo's") as caught:
        ADAPTERS[name].split(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_description_states_the_size_of_the_gallery(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    made = ADAPTERS[name].open(tmp_path)
    assert f"gallery of {len(made.gallery):,} images" in made.describe()


@pytest.mark.parametrize(
    "name", [n for n in BENCHMARKS if n != "folder"]
)  # one's own photographs have one's own licence
def test_the_description_states_the_licence(name, tmp_path):
    ADAPTERS[name].write(tmp_path)
    notes = ADAPTERS[name].open(tmp_path).notes
    assert re.search(r"\b(CC BY|MIT|CDLA|Terms)\b", notes["licence"])


# A missing picture is an error in the others.
@pytest.mark.parametrize("name", [n for n in BENCHMARKS if n not in ("coco_facet", "dsr", "lasco", "folder")])
def test_the_description_states_what_is_missing(name, tmp_path):
    adapter = ADAPTERS[name]
    adapter.write(tmp_path)
    (tmp_path / adapter.image).unlink()
    made = adapter.open(tmp_path)
    assert isinstance(made.gallery.images, NamedImages)
    assert made.notes["missing"].startswith(f"1 of {len(made.gallery.images.paths)} pictures")


def test_a_caption_of_dsr_that_is_no_text(tmp_path):
    write_dsr(tmp_path)
    (tmp_path / "text/a/0.txt").write_bytes(b"\xff\xfe\x00\x81")
    fault(lambda: dsr(tmp_path), "0.txt")


def test_a_triplet_of_lasco_that_asks_for_its_own_reference(tmp_path):
    write_lasco(tmp_path)
    rows = json.loads((tmp_path / "lasco_val.json").read_text())
    put(tmp_path / "lasco_val.json", [{**rows[0], "target-image": rows[0]["query-image"]}])
    fault(lambda: lasco_benchmark(tmp_path), "lasco_val.json", "record 0")


def test_a_template_without_the_label_asks_for_everything_alike(tmp_path):
    write_folder(tmp_path)
    with pytest.raises(PinpointError, match=r"has no \{label\} in it"):
        label_benchmark(tmp_path, "a photo of a thing")
