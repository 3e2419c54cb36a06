"""Data in the exact forms that chapter 7 reads, made up: products, pictures in four styles, vectors and their names."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from pinpoint.photos_vectors import DIM, SPACE, TEXT, VOC
from test_distinctive_photos import COLOURS, FIRST, HEADER, TYPES, Quarters, square

__all__ = ["Quarters", "write_pacs", "write_products", "write_vectors"]

GENDERS, SEASONS, USES = ("Men", "Women"), ("Fall", "Summer"), ("Casual", "Sports")
STYLES, CLASSES = ("art_painting", "cartoon", "photo", "sketch"), ("dog", "horse")


def write_products(root: Path, n: int = 160) -> Path:
    """n squares; one more row says no season, and one no colour."""
    folder = root / "fashion-products"
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(n):
        article, colour = TYPES[i % 2], list(COLOURS)[i % 3]
        rows.append({"id": str(FIRST + i), "gender": GENDERS[i // 2 % 2], "masterCategory": "Apparel",
                     "articleType": article, "baseColour": colour, "season": SEASONS[i // 3 % 2],
                     "usage": USES[i // 5 % 2]})  # fmt: skip
        square(article, COLOURS[colour]).save(folder / "images" / f"{FIRST + i}.jpg")
    rows.append({**rows[0], "id": "7", "season": "NA"})
    rows.append({**rows[0], "id": "8", "baseColour": "NA"})
    square(TYPES[0], COLOURS["Red"]).save(folder / "images" / "7.jpg")
    with (folder / "attributes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return root


def write_pacs(root: Path, each: int = 40, name: str = "pacs") -> Path:
    """Squares: red ones are dogs, blue ones horses; a style makes all of them lighter."""
    rng = np.random.default_rng(0)
    for s, style in enumerate(STYLES):
        for c, kind in enumerate(CLASSES):
            folder = root / name / style / kind
            folder.mkdir(parents=True)
            for n in range(each):
                colour = np.array([200, 30, 30] if c == 0 else [30, 30, 200]) + 12 * s + rng.integers(0, 20, 3)
                Image.new("RGB", (24, 24), tuple(int(v) for v in colour)).save(folder / f"{n:03}.png")
    return root


NAMES = {
    "coco": ["person", "couch", "cat"], "lvis": ["sofa", "wooden_spoon", "spoon", "tea_spoon", "wooden_leg", "glove"],
    "lvis_synset": [], "o365": ["Couch", "Gloves", "Cat"], "oid": ["Couch", "Spoon", "Tree"],
}  # fmt: skip
SYNONYMS = {"sofa": ["sofa", "couch"]}


def write_vectors(root: Path, photos: int = 40, seed: int = 0) -> Path:
    """Random vectors; a couch lies where its synonym does, a glove where its plural does."""
    rng = np.random.default_rng(seed)
    text, space = root / "clip-embeddings" / TEXT, root / "clip-embeddings" / SPACE
    text.mkdir(parents=True)
    space.mkdir()
    meaning: dict[str, np.ndarray] = {}

    def vector(name: str) -> np.ndarray:
        key = {"couch": "sofa", "gloves": "glove"}.get(name.lower().replace("_", " "), name.lower().replace("_", " "))
        return meaning.setdefault(key, rng.normal(size=DIM)) + 0.1 * rng.normal(size=DIM) + 1

    files = {"coco": "coco_clip_a+cname.npy", "lvis": "lvis_v1_clip_a+cname.npy", "o365": "o365_clip_a+cnamefix.npy",
             "oid": "oid_clip_a+cname.npy"}  # fmt: skip
    for name, file in files.items():
        np.save(text / file, np.stack([9 * vector(one) for one in NAMES[name]]).astype(np.float16))
    (text / "names.json").write_text(json.dumps(NAMES))
    lvis = [{"name": name, "synonyms": SYNONYMS.get(name, [name])} for name in NAMES["lvis"]]
    (text / "lvis_v1_train_cat_info.json").write_text(json.dumps(lvis))
    images = rng.normal(size=(photos, DIM)) + 1.5
    (images / np.linalg.norm(images, axis=1, keepdims=True)).astype("<f4").tofile(space / "embeddings.bin")
    (space / "photo.json").write_text(json.dumps([{"id": str(n), "url": ""} for n in range(photos)]))
    stuff = ["wall-brick", "wall-wood", "floor-wood", *VOC]
    (space / "zegclip_coco_stuff_171_names.json").write_text(json.dumps(stuff))
    emb = np.stack([vector(name) for name in stuff]) - 2
    np.save(space / "zegclip_coco_single.npy", emb.astype(np.float16))
    np.save(space / "zegclip_voc12_single.npy", emb[3:].astype(np.float16))
    return root
