"""Chapter 5 on products: which answers are valid, what a photograph is read as, and a recipe that resumes."""

import csv
import random
import shutil
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import OBJECTIVES, Objective
from pinpoint.distinctive_photos import (
    COLUMNS,
    PLACE,
    WORDINGS,
    Product,
    attribute_words,
    composed_products,
    edits,
    read_products,
    split_of,
)
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest
from pinpoint.product_encoder import Captions, MobileNet, ProductEncoder, Sizes, WordTokens, also_output, mentions
from pinpoint.recipes import distinctive_photos
from pinpoint.recipes.distinctive_photos import METRICS, SHARE, SUPPRESSION, Sweep, make, on_record
from pinpoint.recipes.products_ground import PROFILES, prepare
from pinpoint.recipes.registry import train
from pinpoint.study.ledger import KEY

FIRST = 2737  # ids from here on give every split enough squares
TYPES, COLOURS = ("Tshirts", "Casual Shoes"), {"Red": (220, 20, 20), "Blue": (20, 20, 220), "Navy Blue": (0, 0, 90)}
HEADER = ("id", "gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage",
          "productDisplayName")  # fmt: skip


class Quarters:
    """Stands in for MobileNetV2: the mean colour of the picture and of its quarters, (B, 5, 8)."""

    name, sha256, width = "quarters", "0", 8

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        quarters = (pixels / 127.5 - 1).reshape(len(pixels), 2, 112, 2, 112, 3).mean(axis=(2, 4)).reshape(-1, 4, 3)
        tokens = np.concatenate([quarters.mean(axis=1, keepdims=True), quarters], axis=1)
        return np.pad(tokens, ((0, 0), (0, 0), (0, 5))).astype(np.float32)


def square(article: str, colour: tuple[int, int, int]) -> Image.Image:
    """A T-shirt fills its picture, a shoe only the lower half."""
    picture = Image.new("RGB", (32, 32), "white")
    picture.paste(colour, (0, 16 if article == "Casual Shoes" else 0, 32, 32))
    return picture


def write_table(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "attributes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(dict(zip(COLUMNS, row, strict=True)) for row in rows)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 squares of two types in three colours, and two rows that leave something unsaid."""
    root = tmp_path_factory.mktemp("data")
    rows = [(str(FIRST + n), "Men", TYPES[n % 2], list(COLOURS)[n % 3]) for n in range(60)]
    folder = write_table(root / "fashion-products", [*rows, ("1", "Men", "Caps", "NA"), ("2", "", "Caps", "Red")])
    (folder / "images").mkdir()
    for i, _, article, colour in rows:
        square(article, COLOURS[colour]).save(folder / "images" / f"{i}.jpg")
    return root


@pytest.fixture(scope="module")
def encoder(root: Path) -> ProductEncoder:
    captions = [p.caption for p in read_products(root / "fashion-products").of("train")]
    return ProductEncoder(Quarters(), WordTokens(captions), Sizes(32, 2, 2, 3, 16), device="cpu")


# -- products and queries ---------------------------------------------------------------------------------------------
def test_a_table_of_products(root: Path) -> None:
    products = read_products(root / "fashion-products")
    assert len(products.items) == 60 and products.left_out == 2
    assert products.items[1].caption == "men casual shoes in blue"
    parts = [products.of(split) for split in ("train", "dev", "test")]
    assert sorted(p.id for part in parts for p in part) == sorted(p.id for p in products.items)
    assert (
        len(parts[0]) > len(parts[2]) > len(parts[1]) > 0
        and len(read_products(root / "fashion-products", 7).items) == 7
    )
    shares = [sum(split_of(str(i)) == split for i in range(4000)) / 4000 for split in ("train", "dev", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
    with pytest.raises(PinpointError, match="unknown split 'val'"):
        products.of("val")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_every_product_that_is_what_was_asked_for_is_valid(root: Path, split: str) -> None:
    products = read_products(root / "fashion-products")
    bench = composed_products(products, split, 40)
    assert bench == composed_products(products, split, 40) and len(bench.queries) <= 40
    assert bench.groups == ("colour", "type") and bench.notes["left out"].startswith("2 products")
    known = {p.id: p for p in products.of(split)}
    assert set(bench.gallery.ids) == set(known)
    for query in bench.queries:
        wanted, place = list(known[query.image or ""].kind), PLACE[query.group]
        value = query.id.partition("/")[2]
        assert value != wanted[place] and (query.text or "") in [w.format(value.lower()) for w in WORDINGS[query.group]]
        wanted[place] = value
        assert set(query.relevant) == {i for i, p in known.items() if list(p.kind) == wanted}
        assert query.target in query.relevant and query.exclude == (query.image,)


def test_pictures_are_not_needed_before_they_are_read(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "fashion-products" / "attributes.csv", tmp_path)
    bench = composed_products(read_products(tmp_path), "train", 10)
    assert len(bench.queries) == 10
    with pytest.raises(PinpointError, match=r"\.jpg is missing"):
        bench.gallery.images.load(bench.gallery.ids[0], 224)


def test_every_reference_is_asked_once_before_any_is_asked_again() -> None:
    kinds = [("Men", "Caps", "Red"), ("Men", "Caps", "Red"), ("Men", "Caps", "Blue"), ("Men", "Caps", "Grey"),
             ("Women", "Caps", "Pink"), ("Men", "Ties", "Red")]  # fmt: skip
    products = [Product(str(n), kind) for n, kind in enumerate(kinds)]
    found = edits(products, PLACE["colour"], random.Random(0))
    assert len(found) == len(set(found)) == 8  # four caps for men with two other colours each, nothing for the rest
    assert sorted(p.id for p, _ in found[:4]) == sorted(p.id for p, _ in found[4:]) == ["0", "1", "2", "3"]
    assert {kind for p, kind in found if p.id == "0"} == {("Men", "Caps", "Blue"), ("Men", "Caps", "Grey")}
    assert {(p.id, kind) for p, kind in edits(products, PLACE["type"], random.Random(0))} == {
        ("0", kinds[5]), ("1", kinds[5]), ("5", kinds[0])
    }  # fmt: skip


def test_a_table_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(PinpointError, match=r"there is no .*attributes\.csv; put the table"):
        read_products(tmp_path)
    row = ("7", "Men", "Caps", "Red")
    with pytest.raises(PinpointError, match=r"attributes\.csv lists the product '7' twice; keep one"):
        read_products(write_table(tmp_path, [row, ("8", *row[1:]), row]))
    with pytest.raises(PinpointError, match=r"attributes\.csv has no product with id, gender"):
        read_products(write_table(tmp_path, [("7", "Men", "", "Red")]))
    with pytest.raises(PinpointError, match="no two products of dev differ in colour or type alone"):
        composed_products(read_products(write_table(tmp_path, [row])), "dev", 4)
    table = tmp_path / "attributes.csv"
    table.write_text("id,gender,articleType\n7,Men,Caps\n")
    with pytest.raises(PinpointError, match=r"attributes\.csv has no column 'baseColour'; restore"):
        read_products(tmp_path)
    table.write_bytes(b"id,gender,articleType,baseColour\n7,Men,Caps,\xff\n")
    with pytest.raises(PinpointError, match=r"attributes\.csv cannot be read as a table"):
        read_products(tmp_path)
    table.write_text("id,gender,articleType,baseColour\n7,Men,Caps,Red\n8,Men\n")  # a short row leaves things unsaid
    assert read_products(tmp_path).left_out == 1


def test_a_text_names_a_colour_or_a_type(root: Path) -> None:
    bench = composed_products(read_products(root / "fashion-products"), "train", 40)
    words = attribute_words(read_products(root / "fashion-products").items)
    assert words == {"colour": {"red", "blue", "navy"}, "type": {"tshirts", "casual", "shoes"}}
    said = mentions([q.text or "" for q in bench.queries], words)
    for group, own in said.items():
        assert own.tolist() == [float(q.group == group) for q in bench.queries]


# -- the encoder ------------------------------------------------------------------------------------------------------
def test_words_are_numbered_and_strange_ones_are_unknown(encoder: ProductEncoder) -> None:
    tokens = WordTokens(["men caps in red", "in blue"])
    assert tokens.words == ["blue", "caps", "in", "men", "red"] and len(tokens) == 8
    assert tokens("In red, please") == [1, 5, 7, 2] and len(tokens("red " * 99)) == 32
    ids, mask = encoder.laid_out(["in red", "in navy blue"])
    assert ids.shape == mask.shape == (2, 4) and mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]] and ids[0, 3] == 0
    assert (ids[:, 0] == 1).all() and not (ids == 2).any()
    with pytest.raises(PinpointError, match="takes a list of texts"):
        encoder.laid_out("in red")  # type: ignore[arg-type]  # the mistake under test


def test_seeing_does_not_depend_on_the_batch(encoder: ProductEncoder, rng: np.random.Generator) -> None:
    pictures = rng.integers(0, 256, (5, 224, 224, 3), dtype=np.uint8)
    seen = encoder.see(pictures, batch_size=2)
    assert seen.shape == (5, 5, 8) and np.array_equal(
        seen, np.concatenate([encoder.see(pictures[[n]]) for n in range(5)])
    )


def test_no_text_comes_twice_in_a_batch(encoder: ProductEncoder) -> None:
    texts = [f"{word} tshirts" for word in ("red", "red", "red", "blue", "navy", "blue")]
    seen = torch.arange(6.0).reshape(6, 1, 1).half()
    captions = Captions(encoder, seen, texts, batch=5, seed=0)
    assert captions.batch == 3  # three texts
    drawn = [captions(i) for i in range(20)]
    for shown, ids, mask, number in drawn:
        assert len(set(map(tuple, ids.tolist()))) == 3 and mask.shape == ids.shape
        assert all(
            encoder.tokenize(texts[int(row)]) == line.tolist() for row, line in zip(shown.flatten(), ids, strict=True)
        )
        assert_close(captions(int(number))[0], shown)
    assert {int(row) for shown, *_ in drawn for row in shown.flatten()} == set(range(6))


def test_attributes_have_the_names_that_are_asked_for(encoder: ProductEncoder) -> None:
    model = Composer(encoder.model, True, names=tuple(PLACE)).eval()
    out = model.queries(torch.zeros(2, 5, 8), *encoder.laid_out(["in red", "in blue"]))
    assert set(out.parts) == {"colour", "type"} and out.gates is not None and out.gates.shape == (2, 3)


def test_one_more_output_is_asked_of_a_graph() -> None:
    # field 7 (graph) of 6 bytes: field 12 (output) of 4 bytes: field 1 (name) of 2 bytes
    assert also_output("ab") == b"\x3a\x06\x62\x04\x0a\x02ab"


def test_the_real_network_and_what_it_needs(shared_data: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("onnxruntime")
    path = shared_data / "models" / "mobilenet_v2_imagenet.onnx"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    network = MobileNet(path)
    pixels = rng.integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    seen, pooled = network.raw(pixels)
    assert seen.shape == (3, 1280, 7, 7) and network.sha256 == file_digest(path)
    assert_close(seen.mean(dim=(2, 3)), pooled.flatten(1), atol=1e-5, rtol=1e-4)
    tokens = network(pixels)
    first = seen[0, :, :4, :4].mean(dim=(1, 2))  # of seven places a quarter has four, the middle row in both
    by_hand = (first - first.mean()) / (first.var(correction=0) + 1e-5).sqrt()
    assert tokens.shape == (3, 5, 1280) and np.allclose(tokens[0, 1], by_hand, atol=1e-5)
    assert np.allclose(tokens[1:2], network(pixels[1:2]), atol=1e-3)
    (tmp_path / "other.onnx").write_bytes(b"no network")
    with pytest.raises(PinpointError, match=r"other\.onnx is not the MobileNetV2"):
        MobileNet(tmp_path / "other.onnx")


def test_without_onnxruntime_or_the_network_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PinpointError, match=r"there is no .*x\.onnx; put the MobileNetV2"):
        MobileNet(tmp_path / "x.onnx")
    (tmp_path / "x.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PinpointError, match=r'needs onnxruntime; install it with: pip install -e "\.\[photos\]"'):
        MobileNet(tmp_path / "x.onnx")


# -- the recipe -------------------------------------------------------------------------------------------------------
def test_a_smoke_run_measures_everything_keeps_it_and_records_nothing(
    root: Path, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINPOINT_DATA", str(root))
    recorded = repository / "results" / "recorded.json"
    before = recorded.read_bytes()
    folder = make(out=tmp_path, profile="smoke", features=Quarters())
    assert recorded.read_bytes() == before and folder == tmp_path
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert len(kept) == 1 + 2 * len(OBJECTIVES)  # the start, and two learning rates
    assert len([n for n in kept if n.startswith("dqe-lr_0_001-0-")]) == 1

    def no(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(distinctive_photos, "train", no)
    make(out=tmp_path, profile="smoke", features=Quarters())
    assert kept == {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    wider = {**OBJECTIVES, "trns": replace(OBJECTIVES["trns"], high=0.2)}
    with pytest.raises(AssertionError, match="trained again"):  # another zone is another run
        make(out=tmp_path, profile="smoke", features=Quarters(), objectives=wider)


def test_a_fresh_run_trains_each_pair_of_rate_and_seed_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, objective = PROFILES["smoke"], {"x": Objective("x", "random")}
    ground = prepare(root, settings, tmp_path, Quarters())
    assert set(ground.data.mentioned) == {"colour", "type"} and ground.data.seen.shape == (36, 5, 8)
    asked: list[tuple[float, int]] = []
    real = distinctive_photos.train

    def counted(*args: Any) -> Any:
        asked.append((args[4], args[3].seed))
        return real(*args)

    monkeypatch.setattr(distinctive_photos, "train", counted)
    sweep = Sweep(ground, settings, objective, tmp_path, resume=False)
    runs = [sweep("x", seed) for seed in (0, 1)]
    best = max(settings.rates, key=lambda lr: sweep.trial("x", lr))
    assert sweep.rate("x") == best and asked == [(1e-4, 0), (1e-3, 0), (best, 1)]
    for run in runs:
        assert all(len(run[m]) == len(ground.test.benchmark.queries) for m in METRICS) and 0 <= run[SHARE] <= 100
        assert np.all((np.array(run[SUPPRESSION]) >= 0) & (np.array(run[SUPPRESSION]) <= 1))


def test_an_objective_learns_to_compose(root: Path, tmp_path: Path) -> None:
    """Squares are easy: after a moment's training the right ones stand first."""
    smoke = PROFILES["smoke"]
    budget = replace(smoke.budget, updates=150, batch=32, refresh=0)
    settings = replace(smoke, captions=replace(smoke.captions, steps=60, lr=3e-3), budget=budget, rates=(3e-3,))
    ground = prepare(root, settings, tmp_path, Quarters())
    sweep = Sweep(ground, settings, OBJECTIVES, tmp_path)
    before, after = (np.mean(run["map5"]) for run in (sweep.start(), sweep("infonce", 0)))
    assert after > 0.5 and before < 0.35


def test_what_goes_on_record(rng: np.random.Generator) -> None:
    groups = {m: ["colour"] * 10 + ["type"] * 10 for m in METRICS} | {SUPPRESSION: ["colour"] * 6 + ["type"] * 4}
    one = lambda: {m: rng.random(len(g)).tolist() for m, g in groups.items()}  # noqa: E731
    values = {"start": [one()], **{name: [{**one(), SHARE: 4.0 + n} for n in range(3)] for name in OBJECTIVES}}
    entries = dict(on_record(values, groups, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    for name in OBJECTIVES:
        assert {f"dqe.photos.{name}.{m}" for m in (*METRICS, SUPPRESSION, SHARE, "pushed")} <= set(entries)
    of = {n: np.mean([run["r10"] for run in values[n]], axis=0) for n in ("dqe", "qure")}
    gain = entries["dqe.photos.gain.dqe_qure.r10"]
    assert gain.value == pytest.approx(100 * (of["dqe"] - of["qure"]).mean()) and gain.seeds == 3
    assert entries["dqe.photos.dqe.type.r10"].value == pytest.approx(100 * of["dqe"][10:].mean())
    assert entries["dqe.photos.trns.false_negative_share"].value == 5.0
    hidden = {n: np.mean([run[SUPPRESSION] for run in values[n]], axis=0) for n in ("dqe", "start")}
    change = hidden["dqe"] - hidden["start"]
    macro = 50 * (change[:6].mean() + change[6:].mean())
    assert entries["dqe.photos.dqe.pushed"].value == pytest.approx(macro)
    assert f"dqe.photos.start.{SHARE}" not in entries


def test_without_products_the_recipe_says_where_they_go(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
        train("dqe-photos", profile="huge")
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    with pytest.raises(PinpointError, match=r"fashion-products; put the photographs of products there"):
        train("dqe-photos", profile="smoke")
    shutil.copytree(root / "fashion-products", tmp_path / "fashion-products")
    next((tmp_path / "fashion-products" / "images").glob("*.jpg")).unlink()
    with pytest.raises(PinpointError, match="1 of 60 pictures are missing"):
        train("dqe-photos", profile="smoke")


def test_the_settings_make_sense() -> None:
    for settings in PROFILES.values():
        assert all(a < b for a, b in pairwise(settings.rates)) and settings.matched <= settings.batch
    assert OBJECTIVES["dqe"].attributes and {o.negatives for o in OBJECTIVES.values()} == {
        "batch", "random", "steep", "zone"
    }  # fmt: skip
    assert all(name == objective.name for name, objective in OBJECTIVES.items())


def test_the_counts_of_the_real_products(shared_data: Path) -> None:
    folder = shared_data / "fashion-products"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    products = read_products(folder)
    assert len(products.items) == 9580 and products.left_out == 3
    assert [len(products.of(split)) for split in ("train", "dev", "test")] == [6707, 941, 1932]
    settings = PROFILES["lite"]
    for split, n in (("train", settings.triplets), ("dev", settings.dev), ("test", settings.test)):
        assert len(composed_products(products, split, n).queries) == n
