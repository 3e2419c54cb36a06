"""COCO-Facet's objects, animals and gestures from COCO's annotations: on tiny files, and on real ones if present."""

import copy
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import Benchmark, VectorRetriever, evaluate
from pinpoint.datasets.coco_annotations import licences, read_captions, read_instances
from pinpoint.datasets.coco_builder import ANY, BUILT, KEPT, MENDED, WORDS, built_facets, postures
from pinpoint.datasets.named_images import require_images
from pinpoint.diorama.facets import FACETS
from pinpoint.errors import PinpointError

PERSON, CAT, BEAR = 1, 17, 88
CATEGORIES = [
    {"supercategory": "person", "id": PERSON, "name": "person"},
    {"supercategory": "animal", "id": CAT, "name": "cat"},
    {"supercategory": "indoor", "id": BEAR, "name": "teddy bear"},
]
LICENSES = [{"url": "", "id": 1, "name": "Attribution License"}, {"url": "", "id": 4, "name": "No Derivs"}]
IMAGES = 20  # 100 x 50 pixels each: 5 % are 250


def image(n: int, **change: Any) -> dict[str, Any]:
    return {"id": n, "file_name": f"{n:012d}.jpg", "width": 100, "height": 50, "license": 1 + 3 * (n % 2)} | change


# (image, category, area): a cat is large in 1 and 2 (in 2 as two halves), small in 3; a teddy bear is large in 4
AREAS = [(1, CAT, 2000), (2, CAT, 125), (2, CAT, 125.0), (3, CAT, 249.9), (4, BEAR, 300)]
PEOPLE = [(n, PERSON, 2500) for n in range(5, IMAGES)]
CAPTIONS = {
    5: ["A man sits.", "A man sitting, and a dog."],  # twice the same posture
    6: ["Standing by a lake", "a woman"],  # the first word
    7: ["somebody squatting down", "a boy kneels"],  # two, and alike
    8: ["a girl kneeling"],
    9: ["a man standing next to a man sitting"],  # two in one caption
    10: ["an understanding sitter with a standingroom"],  # no whole word
    1: ["a cat lying on a sofa"],  # nobody
    **{n: ["people jumping"] for n in range(11, IMAGES)},
}


def instances(areas: list[tuple[int, int, float]] | None = None, n: int = IMAGES) -> dict[str, Any]:
    rows = [{"id": k, "image_id": i, "category_id": c, "area": a, "iscrowd": 0, "bbox": [0, 0, 1, 1],
             "segmentation": []} for k, (i, c, a) in enumerate(areas or AREAS + PEOPLE)]  # fmt: skip
    return {"info": {}, "licenses": LICENSES, "images": [image(k) for k in range(n)], "annotations": rows,
            "categories": CATEGORIES}  # fmt: skip


def captions(texts: dict[int, list[str]] | None = None, n: int = IMAGES) -> dict[str, Any]:
    pairs = [(i, text) for i, several in (texts or CAPTIONS).items() for text in several]
    rows = [{"image_id": i, "id": k, "caption": text} for k, (i, text) in enumerate(pairs)]
    return {"info": {}, "licenses": LICENSES, "images": [image(k) for k in range(n)], "annotations": rows}


def write(root: Path, split: str = "val2017", **content: Any) -> Path:
    (root / "annotations").mkdir(exist_ok=True)
    for kind, made in {"instances": instances(), "captions": captions(), **content}.items():
        (root / "annotations" / f"{kind}_{split}.json").write_text(json.dumps(made))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path)
    (tmp_path / "val2017").mkdir()
    for n in range(IMAGES):
        Image.new("RGB", (10, 5), (12 * n, 0, 0)).save(tmp_path / "val2017" / f"{n:012d}.jpg")
    return tmp_path


def asked(made: Benchmark) -> dict[str, list[int]]:
    """Label -> the images that are asked for by it."""
    found: dict[str, list[int]] = {}
    for query in made.queries:
        facet, label, number = query.id.split("-")
        assert (facet, query.target, query.relevant) == (query.group, f"val2017/{number}.jpg", (query.target,))
        found.setdefault(label, []).append(int(number))
    return found


def numbers(query: Any) -> list[int]:
    return [int(Path(i).stem) for i in query.pool]


# -- objects and animals ------------------------------------------------------------------------------------------


def test_an_image_asks_for_what_covers_five_per_cent_of_it(root):
    made = built_facets(root, facets=["objects", "animals"], pool=6)
    assert made.groups == ("objects", "animals")
    assert asked(made) == {
        "teddy bear": [4],
        "cat": [1, 2],
    }  # halves are summed, 5 % is enough, person is not asked for
    assert {q.text for q in made.queries} == {ANY.format("cat"), ANY.format("teddy bear")}
    assert (ANY.format("cat"), "cat") in FACETS["animals"].texts  # word for word
    assert {q.prompt for q in made.queries} == {FACETS["objects"].question, FACETS["animals"].question}
    assert made.notes["animals"] == "2 queries, 1 texts; left out: 1 images show theirs on less than 5 %"


def test_negatives_lack_the_category_and_come_once(root):
    made = built_facets(root, facets="animals", pool=18)  # exactly the 17 images without a cat
    for query in made.queries:
        pool = numbers(query)
        assert pool[0] == int(Path(query.target).stem) and len(set(pool)) == 18
        assert set(pool[1:]) == set(range(IMAGES)) - {1, 2, 3}  # a small cat is a cat


def test_a_query_without_enough_negatives_is_counted_not_dropped(root):
    made = built_facets(root, facets=["objects", "animals"], pool=19)
    assert made.groups == ("objects",)
    assert made.notes["animals"].endswith("; 2 of cat for want of 18 negatives")
    with pytest.raises(PinpointError, match="gives no query with 99 negatives; take a larger split or a smaller pool"):
        built_facets(root)


# -- gestures -----------------------------------------------------------------------------------------------------


def test_postures_are_whole_words_of_all_captions(root):
    made = built_facets(root, facets="gestures", pool=3)
    found = asked(made)
    assert {label: found.get(label, []) for label in WORDS} == {
        "stand": [6, 9], "sit": [5, 9], "jump": list(range(11, IMAGES)), "lie": [], "bend": [], "kneel": [7, 8],
        "squat": [7], "crawl": [],
    }  # fmt: skip
    texts = {q.text for q in made.queries}
    assert texts <= {text for text, _ in FACETS["gestures"].texts}
    assert "Find me an everyday image that contains someone squating." in texts  # as released
    assert made.notes["gestures"].endswith("left out: 1 images of a posture without a person")
    assert asked(built_facets(root, facets="gestures", pool=3, people=False))["lie"] == [1]


def test_no_image_is_a_negative_of_a_posture_that_it_shows(root):
    labels = {n: postures("\n".join(texts)) for n, texts in CAPTIONS.items()}
    for query in built_facets(root, facets="gestures", pool=4).queries:
        label = query.id.split("-")[1]
        alike = {"squat", "kneel"} if label in ("squat", "kneel") else {label}
        first, *others = numbers(query)
        assert label in labels[first] and first not in others and len(set(others)) == 3
        assert all(labels[n] and not labels[n] & alike for n in others)


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("Squatting.", {"squat"}), ("squating", {"squat"}), ("A MAN SITS, another stands", {"sit", "stand"}),
        ("lies, lie and lying", {"lie"}), ("bent over", set()), ("belie the outstanding bystander", set()), ("", set()),
        ("sit-ups", {"sit"}), ("crawls kneels bends jumps", {"crawl", "kneel", "bend", "jump"}),
    ],
)  # fmt: skip
def test_postures_of_a_caption(caption, found):
    assert postures(caption) == found


# -- what both share ----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_benchmark_whatever_else_is_built(root):
    made = built_facets(root, pool=5)
    assert built_facets(root, pool=5).digest == made.digest
    assert built_facets(root, pool=5, seed=7).digest != made.digest
    for facet in BUILT:
        alone = built_facets(root, facets=[facet], pool=5)
        assert alone.queries == made.subset(facet).queries
    shuffled = copy.deepcopy(instances())
    random.Random(1).shuffle(shuffled["images"])
    random.Random(2).shuffle(shuffled["annotations"])
    assert built_facets(write(root, instances=shuffled), pool=5).queries == made.queries  # not by the file's order


def test_chance_is_chance(root):
    made = built_facets(root, pool=5)
    constant = VectorRetriever("constant", np.ones((len(made.queries), 2)), np.ones((len(made.gallery), 2)))
    assert evaluate(made, constant, depth=5).micro("r1").value == pytest.approx(20)


def test_the_description_states_licence_gallery_size_and_what_is_missing(root):
    made = built_facets(root, pool=5)
    notes = made.notes
    assert notes["licence"].startswith("annotations CC BY 4.0; photographs: ") and "No Derivs" in notes["licence"]
    assert notes["gallery"] == f"{len(made.gallery)} images that some pool names"
    assert notes["missing"] == f"0 of {len(made.gallery)} pictures"
    assert f"gallery of {len(made.gallery)} images, pools of 5" in made.describe()
    assert all(now in notes["mended"] and was in notes["mended"] for _, was, now in MENDED)
    assert all(line in notes["kept"] for line in KEPT) and "seed 42, pools of 5" in notes["source"]
    assert "sha256" in notes["source"] and made.name == "coco-facet-built"  # not to be taken for the released one
    gone = root / made.gallery.ids[0]
    gone.unlink()
    again = built_facets(root, pool=5)
    assert again.notes["missing"] == f"1 of {len(made.gallery)} pictures, the first {gone}"
    with pytest.raises(PinpointError, match=r"1 of .* pictures are missing"):
        require_images(again)
    elsewhere = built_facets(root, pool=5, images=root / "nowhere")
    assert elsewhere.notes["missing"].startswith(f"{len(made.gallery)} of {len(made.gallery)} pictures")
    assert made.gallery.images.load(made.gallery.ids[1], 4).shape == (4, 4, 3)


def test_licences_are_counted_and_an_unknown_one_is_said(root):
    content = instances()
    content["images"][0]["license"] = 99
    del content["images"][1]["license"]
    read = read_instances(write(root, instances=content) / "annotations/instances_val2017.json")
    assert licences(read.photos.values()) == "9 Attribution License, 9 No Derivs, 2 not stated"


def test_unknown_names_are_errors_that_list_the_known(root):
    with pytest.raises(PinpointError, match="unknown split 'val2014'; known: train2017, val2017"):
        built_facets(root, "val2014")
    for wrong in (["weather"], []):
        with pytest.raises(PinpointError, match=r"unknown facet that is built .*; known: animals, gestures, objects"):
            built_facets(root, facets=wrong)
    with pytest.raises(PinpointError, match=r"there is no .*instances_train2017.json; pinpoint data fetch coco-annot"):
        built_facets(root, "train2017")


def test_only_the_files_that_are_needed_are_read(root):
    (root / "annotations/captions_val2017.json").unlink()
    built_facets(root, facets=["objects"], pool=5)
    write(root)
    (root / "annotations/instances_val2017.json").unlink()
    built_facets(root, facets="gestures", pool=3, people=False)
    with pytest.raises(PinpointError, match=r"there is no .*instances_val2017.json"):
        built_facets(root, facets="gestures", pool=3)


FAULTS = [
    ("instances", "images", 2, {"id": 1}, "lists an image twice: 1;"),
    ("instances", "images", 2, {"file_name": f"{1:012d}.jpg"}, "gives a file to two images"),
    ("instances", "images", 2, {"file_name": "../x.jpg"}, "record 2: '../x.jpg' leads out of the folder"),
    ("instances", "images", 2, {"width": 0}, "record 2: its size is 0 x 50"),
    ("instances", "images", 2, {"height": "50"}, "record 2: height is '50', expected int"),
    ("instances", "categories", 1, {"id": PERSON}, "lists a category id twice"),
    ("instances", "categories", 1, {"name": "person"}, "lists a category name twice"),
    ("instances", "annotations", 3, {"id": 0}, "lists an annotation twice: 0;"),
    ("instances", "annotations", 3, {"image_id": 999}, "record 3: image 999 or category 17 is not listed"),
    ("instances", "annotations", 3, {"category_id": 2}, "record 3: image 3 or category 2 is not listed"),
    ("instances", "annotations", 3, {"area": "9"}, "record 3: area is '9', not a number of pixels"),
    ("instances", "annotations", 3, {"area": float("nan")}, "record 3: area is nan, not a number of pixels"),
    ("instances", "annotations", 3, {"area": -1}, "record 3: area is -1, not a number of pixels"),
    ("captions", "annotations", 3, {"caption": None}, "record 3: caption is None, expected str"),
    ("captions", "annotations", 3, {"image_id": 999}, "record 3: image 999 is not listed"),
    ("captions", "annotations", 3, {"image_id": [6]}, r"record 3: image_id is \[6\], expected int"),
    ("captions", "annotations", 3, {"id": 0}, "lists an annotation twice: 0;"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "part", "n", "change", "message"), FAULTS)
def test_a_fault_names_the_file_the_record_and_the_fix(root, kind, part, n, change, message):
    content = copy.deepcopy({"instances": instances(), "captions": captions()}[kind])
    content[part][n] |= change
    with pytest.raises(
        PinpointError, match=rf"{kind}_val2017.json.* {message}.*(fetch coco-annotations|restore)"
    ) as caught:
        built_facets(write(root, **{kind: content}), pool=3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"images": []}', '{"images": [3]}'])
def test_a_file_that_is_something_else_is_named(root, text):
    for kind, read in (("instances", read_instances), ("captions", read_captions)):
        path = root / "annotations" / f"{kind}_val2017.json"
        path.write_text(text)
        with pytest.raises(
            PinpointError, match=rf"{kind}_val2017.json(, images, record 0: it needs| is no| has no| is not va)"
        ):
            read(path)


def test_a_record_without_a_key_is_named(root):
    content = instances()
    del content["annotations"][1]["area"]
    with pytest.raises(PinpointError, match=r"annotations, record 1: it needs area, category_id, id, image_id; pinp"):
        built_facets(write(root, instances=content), pool=3)


# -- real files ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs and annotations of a small real sample, in COCO's own form and folders."""
    folder = shared_data / "coco-images"
    if not (folder / "annotations.json").is_file():
        pytest.skip(f"there is no {folder / 'annotations.json'}")
    sample = json.loads((folder / "annotations.json").read_text())
    listed = [{k: v for k, v in record.items() if k != "split"} for record in sample["images"]]
    boxes = [{"image_id": int(i), **box} for i, found in sample["instances"].items() for box in found]
    texts = [{"image_id": int(i), "caption": text} for i, several in sample["captions"].items() for text in several]
    licenses = json.loads((folder / "coco_image_licenses.json").read_text())
    licenses = licenses if isinstance(licenses, list) else licenses.get("licenses", [])
    root = tmp_path_factory.mktemp("coco")
    shared = {"info": {}, "licenses": licenses, "images": listed}
    number = lambda rows: [{"id": k, **row} for k, row in enumerate(rows)]  # noqa: E731
    write(root, instances={**shared, "annotations": number(boxes), "categories": sample["categories"]},
          captions={**shared, "annotations": number(texts)})  # fmt: skip
    (root / "val2017").symlink_to(folder / "images")
    return root


def test_a_real_sample_by_a_slow_twin(real):
    made = built_facets(real, facets=["objects", "animals"])
    content = json.loads((real / "annotations/instances_val2017.json").read_text())
    size = {r["id"]: r["width"] * r["height"] for r in content["images"]}
    animals = {c["name"] for c in content["categories"] if c["supercategory"] == "animal"}
    expected = Counter()
    for category in content["categories"]:
        has = {a["image_id"] for a in content["annotations"] if a["category_id"] == category["id"]}
        for i in has:
            area = sum(
                a["area"] for a in content["annotations"] if (a["image_id"], a["category_id"]) == (i, category["id"])
            )
            large = area / size[i] >= 0.05 and category["name"] != "person" and len(size) - len(has) >= 99
            expected["animals" if category["name"] in animals else "objects"] += large
    assert Counter(q.group for q in made.queries) == expected and expected["animals"] and expected["objects"]
    assert all(len(q.pool) == 100 for q in made.queries) and made.notes["missing"].startswith("0 of ")
    assert made.gallery.images.load(made.gallery.ids[0], 32).shape == (32, 32, 3)
    with_person = {a["image_id"] for a in content["annotations"] if a["category_id"] == 1}
    gestures = built_facets(real, facets="gestures", pool=20)
    assert len(gestures.queries) > 20 and {numbers(q)[0] for q in gestures.queries} <= with_person


def test_all_captions_of_the_validation_split(shared_data, tmp_path):
    path = shared_data / "coco-images" / "captions_val2017_full.json"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/captions_val2017.json").symlink_to(path)
    made = built_facets(tmp_path, facets="gestures", people=False)
    read = read_captions(path)
    assert (len(read.photos), sum(map(len, read.captions.values()))) == (5_000, 25_014)
    assert {q.text for q in made.queries} == {text for text, _ in FACETS["gestures"].texts}  # all eight
    counted = {"stand": 1222, "sit": 1525, "jump": 104, "lie": 100, "bend": 22, "kneel": 21, "squat": 8, "crawl": 1}
    assert Counter(q.id.split("-")[1] for q in made.queries) == counted
    assert all(len(q.pool) == 100 == len(set(q.pool)) for q in made.queries)
    assert "not stated" not in made.notes["licence"] and "Attribution" in made.notes["licence"]
