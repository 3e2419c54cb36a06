"""Real CLIP vectors: what is read and refused, pairs of names, the gap, hubs, styles; and what goes on record."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photos_toy import CLASSES, STYLES, Quarters, write_pacs, write_vectors
from pinpoint import photos_clip_images as seen
from pinpoint import photos_clip_text as said
from pinpoint.errors import PinpointError
from pinpoint.linear import unit
from pinpoint.photos_styles import Styled, across, chance, from_labels, majority, without_style
from pinpoint.photos_vectors import (
    SPACE,
    TEXT,
    Named,
    Space,
    plain,
    read_space,
    read_synonyms,
    read_vocabularies,
    vectors_digest,
)
from pinpoint.recipes import photos_styles, photos_vectors
from pinpoint.recipes.photos_vectors import entries, measured
from pinpoint.study.ledger import KEY


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vectors(tmp_path_factory.mktemp("vectors")) / "clip-embeddings"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "clip-embeddings"))


def named(rng: np.random.Generator, *names: str) -> Named:
    return Named(names, unit(rng.normal(size=(len(names), 16))))


# -- reading ----------------------------------------------------------------------------------------------------------
def test_vectors_are_read_as_unit_rows(folder: Path) -> None:
    found = read_vocabularies(folder)
    assert set(found) == {"coco", "lvis", "o365", "oid"} and found["lvis"].names[1] == "wooden spoon"
    assert all(np.allclose(np.linalg.norm(one.emb, axis=1), 1) for one in found.values())
    space = read_space(folder)
    assert space.images.shape == (40, 512) and len(space.stuff) == 23 and len(space.voc) == 20
    assert seen.voc_agrees(space).mean() == 1
    assert read_synonyms(folder)[0] == {"sofa", "couch"} and plain("Sandal_(type_of_shoe)") == "sandal"


def test_what_is_damaged_is_named(copy: Path) -> None:
    digest = vectors_digest(copy)
    path = copy / SPACE / "embeddings.bin"
    path.write_bytes(path.read_bytes()[:-4])
    assert vectors_digest(copy) != digest
    with pytest.raises(PinpointError, match=r"embeddings\.bin holds 20,479 numbers for 40 photographs of 512"):
        read_space(copy)
    array = copy / TEXT / "oid_clip_a+cname.npy"
    np.save(array, np.ones((4, 512), np.float16))
    with pytest.raises(PinpointError, match=r"oid_clip.* has vectors of shape \(4, 512\), wanted \(3, 512\)"):
        read_vocabularies(copy)
    np.save(array, np.zeros((3, 512), np.float16))
    with pytest.raises(PinpointError, match="has a row that is not finite or zero"):
        read_vocabularies(copy)
    np.save(array, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(PinpointError, match="is no plain array"):
        read_vocabularies(copy)
    array.unlink()
    with pytest.raises(PinpointError, match=r"there is no .*oid_clip"):
        read_vocabularies(copy)
    (copy / TEXT / "names.json").write_text("{}")
    with pytest.raises(PinpointError, match="has no list 'coco'"):
        read_vocabularies(copy)
    (copy / TEXT / "names.json").write_text("[]")
    with pytest.raises(PinpointError, match="holds no dict"):
        read_vocabularies(copy)
    (copy / TEXT / "lvis_v1_train_cat_info.json").write_text(json.dumps([{"name": "sofa"}]))
    with pytest.raises(PinpointError, match="no list of LVIS categories"):
        read_synonyms(copy)
    shutil.rmtree(copy / SPACE)
    with pytest.raises(PinpointError, match="vitb16-unsplash; put the CLIP vectors there, or set PINPOINT_DATA"):
        read_space(copy)


# -- names ------------------------------------------------------------------------------------------------------------
def test_synonyms_are_other_words_for_one_thing(rng: np.random.Generator) -> None:
    lvis, other = named(rng, "sofa", "cat", "hog"), named(rng, "couch", "cat", "pig", "swine")
    synonyms = [frozenset({"sofa", "couch"}), frozenset({"cat", "pig"}), frozenset({"hog", "pig", "swine"})]
    assert said.synonym_pairs(lvis, synonyms, other) == [(0, 0), (2, 2), (2, 3)]  # "cat" is in both: nothing to ask
    same = Named(other.names[:3], lvis.emb)
    assert said.matched(lvis, same, [(0, 0), (1, 2)]).nearest.tolist() == [1, 0]
    assert said.matched(lvis, same, [(0, 0)]).cosines == pytest.approx([1])


def test_plurals_differ_by_their_ending_alone(rng: np.random.Generator) -> None:
    first = named(rng, "boots", "berry", "glass", "cat", "bus", "boxes")
    second = named(rng, "boot", "berries", "glasses", "cat", "bu", "box")
    assert said.plural_pairs(first, second) == [(0, 0), (1, 1), (2, 2), (4, 4), (5, 5)]


def test_names_by_their_thing_or_by_what_is_said_of_it() -> None:
    assert said.parts_of("fire truck") == ("fire", "truck") and said.parts_of("wall-brick") == ("brick", "wall")
    assert said.parts_of("cat") is None and said.parts_of("hot dog stand") is None
    angles = {"fire truck": 0.0, "tow truck": 0.1, "fire hydrant": 0.7, "tree": 2.0}
    some = Named(tuple(angles), np.array([[np.cos(a), np.sin(a)] for a in angles.values()]))
    mates = said.mates(some)
    assert mates["head"][:2] == pytest.approx([np.cos(0.1)] * 2) and np.isnan(mates["head"][2])
    assert mates["modifier"][0] == pytest.approx(np.cos(0.7)) and np.isnan(mates["modifier"][1])
    assert mates["neither"][1:] == pytest.approx([np.cos(0.6)] * 2)
    assert said.nearer(mates["head"], mates["modifier"]).tolist() == [1]
    bare = said.bare_parts(Named(("fire truck", "truck", "tow truck"), some.emb[:3]))
    assert bare["head"] == pytest.approx([np.cos(0.1), np.cos(0.6)]) and np.isnan(bare["modifier"]).all()
    assert said.estimate(bare["modifier"]) is None


def test_neighbours_within_and_between(rng: np.random.Generator) -> None:
    labels = np.array([0, 0, 1, 1])
    emb = unit(np.array([[1, 0.1], [1, -0.1], [0.1, 1], [-0.1, 1]]))
    share, by_chance = said.neighbours_share(Named(tuple("abcd"), emb), labels)
    assert share.tolist() == [1, 1, 1, 1] and by_chance == pytest.approx(100 / 3)
    within, between = said.within_between(Named(tuple("abcd"), emb), labels)
    assert within == pytest.approx([emb[0] @ emb[1]] * 2 + [emb[2] @ emb[3]] * 2) and (between < 0.3).all()
    coco = named(rng, *map(str, range(80)))
    assert len(said.SUPER) == 12 and np.bincount(said.super_categories(coco)).tolist() == list(said.SUPER.values())
    assert np.isnan(said.within_between(coco, said.super_categories(coco))[0][0])  # "person" is alone
    random = named(rng, *map(str, range(200)))
    assert abs(said.unrelated(random).mean()) < 0.02 and abs(said.centred(random).emb.mean()) < 0.01


def test_coco_s_super_categories_are_those_of_its_annotations(shared_data: Path) -> None:
    path = shared_data / "coco-images" / "annotations.json"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    rows = json.loads(path.read_text())["categories"]
    stated = [name for name, n in said.SUPER.items() for _ in range(n)]
    assert [row["supercategory"] for row in rows] == stated
    vocabulary = read_vocabularies(shared_data / "clip-embeddings")["coco"]
    assert [row["name"] for row in rows] == list(vocabulary.names)


# -- photographs and names --------------------------------------------------------------------------------------------
def apart(rng: np.random.Generator, shift: float) -> Space:
    direction = np.eye(16)[0] * shift
    images, texts = (unit(rng.normal(size=(n, 16)) * 0.1 + s * direction) for n, s in ((60, 1), (30, -1)))
    names = Named(tuple(map(str, range(30))), texts)
    return Space(images, names, names)


def test_a_gap_is_found_where_there_is_one(rng: np.random.Generator) -> None:
    space = apart(rng, 1.0)
    assert seen.gap(space) > 1.5 and seen.separable(space).value == 100
    images, texts = seen.centred(space)
    assert np.linalg.norm(images.mean(axis=0) - texts.mean(axis=0)) < 0.15
    mixed = apart(rng, 0.0)
    assert seen.gap(mixed) < 0.5 and 20 < seen.separable(mixed).value < 80
    cosines = seen.cosines(space)
    assert cosines["image_image"].mean() > 0.8 and cosines["image_text"].mean() < -0.8
    assert cosines["text_text"].shape == (30,)
    with pytest.raises(PinpointError, match="takes at least two of each"):
        seen.separable(Space(space.images[:1], space.stuff, space.voc))


def test_hubs_are_counted() -> None:
    one = seen.hubs(np.zeros(50, dtype=int), 10)
    assert one.share(1) == 100 and one.never == 90 and one.effective == pytest.approx(1) and one.skewness > 2
    even = seen.hubs(np.arange(50) % 10, 10)
    assert even.share(1) == 10 and even.never == 0 and even.effective == pytest.approx(10) and even.skewness == 0


def test_photographs_that_all_names_find(rng: np.random.Generator) -> None:
    images, texts = unit(rng.normal(size=(200, 16))), unit(rng.normal(size=(50, 16)))
    times = seen.found_by(images, texts, k=4)
    by_hand = np.zeros(200, dtype=int)
    for text in texts:
        by_hand[np.argsort(-(images @ text))[:4]] += 1
    assert np.array_equal(times, by_hand) and times.sum() == 200
    assert seen.own_places(times) == 100 * (times > 0).sum() / 200
    draws = [len({int(i) for _ in range(50) for i in rng.choice(200, 4, replace=False)}) / 2 for _ in range(200)]
    assert seen.own_by_chance(times, 4) == pytest.approx(np.mean(draws), abs=1)
    everything = np.zeros(200, dtype=int)
    everything[:4] = 50
    assert seen.own_places(everything) == 2


def test_what_the_vectors_put_on_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = entries(dict(measured(folder)))
    assert all(KEY.fullmatch(key) for key in found)
    assert found["photos.clip.text.synonym.r1"].value == 100 == found["photos.clip.text.plural.r1"].value
    assert found["photos.clip.gap.voc"].value == 100 and found["photos.clip.setting.photographs"].value == 40
    assert found["photos.clip.gap.distance"].value > found["photos.clip.centred.gap.distance"].value
    monkeypatch.setenv("PINPOINT_DATA", str(folder.parent))
    kept: list[Any] = []
    monkeypatch.setattr(photos_vectors, "merge", lambda *given: kept.append(given))
    photos_vectors.make(profile="smoke")
    assert not kept
    photos_vectors.make(profile="lite")
    assert kept[0][1] == "photos-vectors" and kept[0][2].keys() == found.keys()


def test_the_real_vectors(shared_data: Path) -> None:
    folder = shared_data / "clip-embeddings"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    space = read_space(folder)
    assert space.images.shape == (2001, 512) and len(space.stuff) == 171 and seen.voc_agrees(space).all()
    sizes = {name: len(one) for name, one in read_vocabularies(folder).items()}
    assert sizes == {"coco": 80, "lvis": 1203, "o365": 365, "oid": 500} and len(read_synonyms(folder)) == 1203


# -- styles -----------------------------------------------------------------------------------------------------------
def drawn(rng: np.random.Generator, style: float, each: int = 20) -> Styled:
    """Features whose first half tells the class, whose second half tells the style."""
    rows, styles, classes = [], [], []
    for s, name in enumerate(STYLES):
        for c, kind in enumerate(CLASSES):
            centre = np.concatenate([np.eye(4)[c], style * np.eye(4)[s]])
            rows += list(centre + 0.2 * rng.normal(size=(each, 8)))
            styles += [name] * each
            classes += [kind] * each
    return Styled(np.array(rows), tuple(styles), tuple(classes))


def test_a_style_stands_between_pictures_until_it_is_taken_out(rng: np.random.Generator) -> None:
    data = drawn(rng, 3.0)
    assert majority(data, "style").mean() > 0.95 and majority(without_style(data), "style").mean() < 0.6
    assert chance(data, "photo", "sketch") == pytest.approx(50)
    before, after = (across(some, "sketch", "photo")["map"].mean() for some in (data, without_style(data)))
    assert after > before and across(data, "photo", "photo")["r1"].shape == (40,)


def test_constant_features_score_chance(rng: np.random.Generator) -> None:
    data = drawn(rng, 1.0)
    flat = Styled(np.ones_like(data.features), data.styles, data.classes)
    assert across(flat, "photo", "sketch")["r1"].mean() == pytest.approx(0.5)
    own = across(flat, "photo", "photo")["r1"].mean()
    assert 100 * own == pytest.approx(chance(flat, "photo", "photo"))  # a picture does not find itself


def test_what_styles_refuse(rng: np.random.Generator) -> None:
    with pytest.raises(PinpointError, match="a picture lies in 'photo'; the folder must hold"):
        from_labels(np.ones((1, 2)), ["photo"])
    with pytest.raises(PinpointError, match="2 features, 1 styles and 1 classes"):
        Styled(np.ones((2, 2)), ("photo",), ("dog",))
    lonely = from_labels(np.ones((2, 2)), ["photo/dog", "sketch/horse"])
    with pytest.raises(PinpointError, match="'dog' has no other picture in sketch"):
        across(lonely, "photo", "sketch")


def test_the_recipe_of_styles_ends_and_records_by_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setenv("PINPOINT_DATA", str(write_pacs(tmp_path, 30, "pacs-half")))
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    kept: list[Any] = []
    monkeypatch.setattr(photos_styles, "merge", lambda *given: kept.append(given))
    photos_styles.make(profile="smoke", features=Quarters())
    assert not kept
    photos_styles.make(profile="lite", features=Quarters())
    found = kept[0][2]
    assert all(KEY.fullmatch(key) for key in found) and kept[0][1] == "photos-styles"
    assert found["photos.style.setting.pictures"].value == 240
    assert {f"photos.style.{prefix}{a}_{b}.r1" for prefix in ("", "centred.") for a in STYLES for b in STYLES} <= set(
        found
    )
    gain, after, before = (
        found[f"photos.style.{key}.r1"].value for key in ("gain.centred", "centred.crossing", "crossing")
    )
    assert gain == pytest.approx(after - before)
