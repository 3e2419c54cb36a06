"""COCO-Facet's released format: eight files into one benchmark, and every way in which a file can be wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pinpoint.benchmark import EmbeddingRetriever, VectorRetriever, evaluate
from pinpoint.datasets.coco_facet import ROWS, coco_facet, counts
from pinpoint.diorama.facets import FACETS
from pinpoint.errors import PinpointError
from pinpoint.store import Store

COCO = [f"{n:012d}.jpg" for n in range(100, 210)]
V7W = [f"v7w_{n}.jpg" for n in range(2000, 2110)]
VISDIAL = [f"VisualDialog_val2018_{n:012d}.jpg" for n in range(10)]
TEXTS = {
    "objects": "Find me an image that contains any teddy bear.\n",
    "animals": "Find me an image that contains any cat.\n",
    "gestures": "Find me an everyday image that contains someone squating.",
    "materials": "Find me an everyday image showing some object or surface made of wood.",
    "scenes": "Find me an everyday image that shows the scene on the beach.\n",
    "times": "Find me an everyday image that is taken during the night.\n",
    "count": "Find me an everyday image with 3 people in the picture.",
    "weather": "Find me an everyday image that is taken in an overcast day.\n",
}
PATHS = {  # as each released file spells its paths
    "objects": [f"val2017/{name}" for name in COCO],
    "animals": [f"val2017/{name}" for name in COCO],
    "gestures": COCO,
    "materials": COCO,
    "scenes": V7W,
    "times": V7W,
    "count": V7W,
    "weather": [*VISDIAL, *COCO[:50], *V7W[:50]],
}


def record(text: str, paths: list[str]) -> dict[str, object]:
    generic = "<|image_1|> Represent the given image."
    return {"qry_text": text, "qry_img_path": "", "tgt_text": generic, "tgt_img_path": paths}


def file_of(root: Path, facet: str) -> Path:
    return root / f"{next(row.stem for row in ROWS if row.facet == facet)}.json"


def rewrite(root: Path, facet: str, change: object) -> None:
    """Pass a facet's records through `change`, which may alter them in place."""
    path = file_of(root, facet)
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records))


def write_released(root: Path, queries: int = 3) -> Path:
    """Some queries a facet over 230 pictures of 12 x 8 pixels."""
    rng = np.random.default_rng(0)
    for home, names in (("val2017", COCO), ("visual7w/images", V7W), ("VisualDialog_val2018", VISDIAL)):
        (root / home).mkdir(parents=True)
        for name in names:
            Image.fromarray(rng.integers(0, 256, (8, 12, 3), np.uint8)).save(root / home / name)
    for facet, text in TEXTS.items():
        pools = [rng.permutation(PATHS[facet])[:100].tolist() for _ in range(queries)]
        file_of(root, facet).write_text(json.dumps([record(text, pool) for pool in pools]))
    return root


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test may change."""
    return write_released(tmp_path_factory.mktemp("released"))


@pytest.fixture
def root(released: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(released, tmp_path / "coco-facet")


def test_the_eight_files_are_one_benchmark(root):
    made = coco_facet(root)
    assert made.name == "coco-facet"
    assert made.groups == tuple(FACETS)
    assert {q.group: q.text for q in made.queries} == TEXTS
    assert {q.group: q.prompt for q in made.queries} == {name: facet.question for name, facet in FACETS.items()}
    assert {len(q.pool) for q in made.queries} == {100}
    assert len(made.gallery) == len(COCO) + len(V7W) + len(VISDIAL)  # a photograph of several facets is there once
    assert "24 queries in 8 groups, gallery of 230 images, pools of 100" in made.describe()
    images = len({i for q in made.queries[:3] for i in q.pool})
    assert counts(made)["objects"] == {"queries": 3, "texts": 1, "images": images}
    assert list(counts(made)) == list(FACETS)


def test_the_first_path_is_right_and_the_pool_is_the_files(root):
    made = coco_facet(root)
    for facet, folder in (("objects", ""), ("gestures", "val2017/"), ("times", "visual7w/images/")):
        records = json.loads(file_of(root, facet).read_text())
        for query, stated in zip(made.subset(facet).queries, records, strict=True):
            assert query.relevant == (folder + stated["tgt_img_path"][0],)
            assert query.pool == tuple(folder + path for path in stated["tgt_img_path"])


def test_the_order_of_a_pool_changes_no_score(root):
    scores = np.random.default_rng(1).normal(size=(24, 230)).astype(np.float32)

    def r1() -> np.ndarray:
        made = coco_facet(root)
        return evaluate(made, VectorRetriever("random", scores, np.eye(230, dtype=np.float32))).per_query["r5"]

    before = r1()
    rewrite(root, "times", lambda records: [r["tgt_img_path"].__setitem__(slice(1, None), r["tgt_img_path"][:0:-1])
                                            for r in records])  # fmt: skip
    assert (r1() == before).all()
    assert 0 < before.sum() < 24


def test_constant_embeddings_score_chance(root):
    result = evaluate(coco_facet(root), VectorRetriever("constant", np.ones((24, 4)), np.ones((230, 4))))
    for facet in FACETS:
        assert result.metric("r1", facet).value == pytest.approx(1)
        assert result.metric("r5", facet).value == pytest.approx(5)
    assert (result.chance("r1"), result.chance("r5")) == (pytest.approx(1), pytest.approx(5))


def test_weather_takes_bare_names_and_stated_folders(root):
    bare = coco_facet(root, ["weather"])
    home = {"v": "visual7w/images/", "V": "VisualDialog_val2018/", "0": "val2017/"}
    rewrite(root, "weather", lambda records: [
        r.update(tgt_img_path=[home[p[0]] + p for p in r["tgt_img_path"]]) for r in records])  # fmt: skip
    stated = coco_facet(root, ["weather"])
    assert [q.pool for q in stated.queries] == [q.pool for q in bare.queries]
    assert {Path(i).parent.as_posix() + "/" for i in bare.gallery.ids} == set(home.values())


def test_repeats_are_removed_and_counted(root):
    clean = coco_facet(root)

    def repeat(records: list) -> None:
        pool = records[1]["tgt_img_path"]
        pool[5] = pool[0]  # the positive among its own negatives
        pool[8] = pool[7] = pool[6]

    rewrite(root, "gestures", repeat)
    made = coco_facet(root)
    assert made.notes["gestures"].startswith("3 queries, 2 repeated negatives and 1 copies of the positive removed")
    assert made.notes["times"].startswith("3 queries, 0 repeated negatives and 0 copies of the positive removed")
    assert [len(q.pool) for q in made.subset("gestures").queries] == [100, 97, 100]
    assert len(made.queries) == len(clean.queries)
    assert made.digest != clean.digest
    result = evaluate(made, VectorRetriever("constant", np.ones((24, 2)), np.ones((len(made.gallery), 2))))
    assert result.metric("r1", "gestures").value == pytest.approx(100 * (2 / 100 + 1 / 97) / 3)


@pytest.mark.parametrize("as_ids", ["int", "digits", "names"])
def test_a_list_written_as_python_text_is_read(root, as_ids):
    clean = coco_facet(root)
    spelled = {"int": lambda p: int(p[:12]), "digits": lambda p: str(int(p[:12])), "names": str}[as_ids]
    rewrite(root, "gestures", lambda records: [
        r.update(tgt_img_path=str([spelled(p) for p in r["tgt_img_path"]])) for r in records])  # fmt: skip
    assert [q.pool for q in coco_facet(root).queries] == [q.pool for q in clean.queries]


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("tgt_img_path", [], "lists 0 images, expected 100"),
        ("tgt_img_path", COCO[:99], "lists 99 images, expected 100"),
        ("tgt_img_path", COCO[:101], "lists 101 images, expected 100"),
        ("tgt_img_path", "__import__('os').getcwd()", "no list of paths"),
        ("tgt_img_path", "[1.5, 2]", "no list of paths"),
        ("tgt_img_path", "[" * 9000, "no list of paths"),
        ("tgt_img_path", [*COCO[:99], None], "no list of paths"),
        ("tgt_img_path", [*COCO[:99], True], "no list of paths"),
        ("tgt_img_path", {"0": COCO[0]}, "no list of paths"),
        ("tgt_img_path", [*PATHS["objects"][:99], "val2017/../../secret.jpg"], "does not stay in the image folder"),
        ("tgt_img_path", [*PATHS["objects"][:99], "/etc/secret.jpg"], "does not stay in the image folder"),
        ("tgt_img_path", [*PATHS["objects"][:99], "val2017\\x.jpg"], "does not stay in the image folder"),
        ("tgt_img_path", [*PATHS["objects"][:99], "photo.jpg"], "names no folder"),
        ("tgt_img_path", [*PATHS["objects"][:99], 139], "is a number"),
        ("qry_text", " \n", "not a text"),
        ("qry_text", None, "not a text"),
        ("qry_img_path", "x.jpg", "text alone"),
    ],
)
def test_a_faulty_record_is_named(root, field, value, fault):
    rewrite(root, "objects", lambda records: records[2].update({field: value}))
    with pytest.raises(PinpointError, match=rf"COCO_object_retrieval\.json, record 2: .*{fault}") as caught:
        coco_facet(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[{]", "{}", "[]", '"a"'])
def test_a_faulty_file_is_named(root, text):
    file_of(root, "times").write_text(text)
    with pytest.raises(PinpointError, match=r"Visual7W_time_retrieval\.json is (not valid JSON|no list of records)"):
        coco_facet(root)
    file_of(root, "times").write_text("[3]")
    with pytest.raises(PinpointError, match="record 0: it needs qry_text"):
        coco_facet(root)


def test_missing_files_are_listed_and_tasks_choose(root):
    whole = coco_facet(root)
    file_of(root, "weather").unlink()
    with pytest.raises(PinpointError, match=r"lacks mix_weather_retrieval\.json; tasks=\['objects', .*'count'\]"):
        coco_facet(root)
    chosen = coco_facet(root, ["times", "animals"])
    assert chosen.groups == ("animals", "times")
    assert chosen.queries == whole.subset("animals").queries + whole.subset("times").queries
    assert coco_facet(root, ["animals", "times", "times"]).digest == chosen.digest
    assert coco_facet(root, "times").groups == ("times",)
    for wrong in (["time"], []):
        with pytest.raises(PinpointError, match=r"unknown task of COCO-Facet .* known: animals, count"):
            coco_facet(root, wrong)
    with pytest.raises(PinpointError, match="no task file is there"):
        coco_facet(root / "val2017")


def test_a_missing_picture_is_named_at_once_and_a_damaged_one_when_read(root):
    made = coco_facet(root, "scenes")
    name = made.queries[0].relevant[0]
    data = (root / name).read_bytes()
    (root / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(PinpointError, match=rf"{Path(name).name} cannot be read as a picture"):
        coco_facet(root, "scenes").gallery.images.load(name)
    (root / name).unlink()
    with pytest.raises(PinpointError, match=rf"1 of \d+ pictures are missing, the first .*{name};"):
        coco_facet(root, "scenes")


def test_nothing_else_is_loaded(root):
    Image.new("RGB", (4, 4)).save(root / "secret.jpg")
    images = coco_facet(root).gallery.images
    for strange in ("secret.jpg", "val2017/../secret.jpg", "elsewhere/x.jpg", "val2017/absent.jpg"):
        with pytest.raises(PinpointError, match="is no picture of"):
            images.load(strange)


def test_image_folders_may_lie_elsewhere(root, tmp_path_factory):
    digest = coco_facet(root).digest
    elsewhere = tmp_path_factory.mktemp("coco") / "photos"
    (root / "val2017").rename(elsewhere)
    with pytest.raises(PinpointError, match="val2017 is not a folder"):
        coco_facet(root)
    moved = coco_facet(root, image_dirs={"val2017": elsewhere})
    assert moved.digest == digest
    assert moved.gallery.images.load(f"val2017/{COCO[0]}", 6).shape == (6, 6, 3)
    with pytest.raises(PinpointError, match=r"unknown image folder 'val2014'; known: .*val2017"):
        coco_facet(root, image_dirs={"val2014": elsewhere})


def test_the_digest_sees_a_changed_picture_and_only_those_of_the_pools(root):
    made = coco_facet(root)
    Image.new("RGB", (4, 4)).save(root / "val2017" / "000000999999.jpg")
    assert coco_facet(root).digest == made.digest
    Image.new("RGB", (4, 4)).save(root / "val2017" / COCO[3])
    assert coco_facet(root).digest != made.digest


def test_a_clip_of_the_real_class_is_evaluated(root, tmp_path):
    pytest.importorskip("torch")
    import torch

    from pinpoint.encoders.open_clip_door import OpenClipEncoder
    from pinpoint.encoders.record import EncoderRecord, Preprocessing
    from pinpoint.encoders.sources import build_model
    from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary

    save_vocabulary(tmp_path / "tokenizer.txt.gz", build_vocabulary(TEXTS.values()))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.txt.gz", 24)
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
        "text_cfg": {"context_length": 24, "vocab_size": tokenizer.vocab_size, "width": 32, "layers": 1, "heads": 2},
    }
    torch.manual_seed(0)
    half = Preprocessing(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    stated = EncoderRecord("random", "clip", "CLIP", "none", "", "", False, half, "", 24, 16, "float32", "open_clip")
    encoder = OpenClipEncoder(build_model(config, "random"), tokenizer, stated, "cpu")
    made = coco_facet(root)
    retriever = EmbeddingRetriever(encoder, Store(tmp_path / "store"))
    result = evaluate(made, retriever)
    assert len(result.per_query["r1"]) == len(made.queries) == 24
    assert not np.isnan(result.per_query["r1"]).any()
    for n, query in list(enumerate(made.queries))[
        ::3
    ]:  # the slow twin: a hundred cosines, the positive's place in them
        text = encoder.encode_texts([query.text])[0]
        cosines = encoder.encode_images([made.gallery.images.load(i) for i in query.pool]) @ text
        assert result.per_query["r10"][n] == float((cosines > cosines[0] + 1e-6).sum() < 10)
