"""COCO 2017's annotation files: which category covers how much of an image, and what five people wrote under it.

    folder/annotations/instances_<split>.json    {"images": [{"id", "file_name", "width", "height", "license"}, …],
                                                  "categories": [{"id", "name", "supercategory"}, …], "licenses": […],
                                                  "annotations": [{"id", "image_id", "category_id", "area", …}, …]}
    folder/annotations/captions_<split>.json     the same images, "annotations": [{"id", "image_id", "caption"}, …]

Segmentations and boxes are not looked at. An area is in pixels, of the mask, a crowd's of all that it covers.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.datasets.json_lists import below, json_table, parsed, refuse_twice, typed
from pinpoint.errors import PinpointError

FIX = "pinpoint data fetch coco-annotations brings COCO's file"
PHOTO, CATEGORY = frozenset({"id", "file_name", "width", "height"}), frozenset({"id", "name", "supercategory"})
INSTANCE, CAPTION = frozenset({"id", "image_id", "category_id", "area"}), frozenset({"id", "image_id", "caption"})


@dataclass(frozen=True)
class Photo:
    """One image of the list: its file below the split's folder, its size in pixels, the name of its licence."""

    id: int
    file_name: str
    pixels: int
    licence: str


@dataclass(frozen=True)
class Category:
    """One of COCO's eighty."""

    id: int
    name: str
    supercategory: str


@dataclass(frozen=True)
class Instances:
    """areas[category id][image id]: the summed area in pixels; an image without the category has no entry."""

    photos: Mapping[int, Photo]
    categories: tuple[Category, ...]
    areas: Mapping[int, Mapping[int, float]]

    def of(self, name: str) -> Mapping[int, float]:
        """The areas of a category by its name; of one that the file does not list, none."""
        return next((self.areas.get(c.id, {}) for c in self.categories if c.name == name), {})


@dataclass(frozen=True)
class Captions:
    """captions[image id]: its captions, in the order of the file."""

    photos: Mapping[int, Photo]
    captions: Mapping[int, tuple[str, ...]]


def read_instances(path: Path) -> Instances:
    """Read and check an instances file. Raises PinpointError that names the file, the record and the fix for a
    malformed one, an id given twice, and an annotation of an image or category that the file does not list."""
    content = json_table(path, "COCO's instances", FIX)
    photos = _photos(path, content)
    categories = tuple(parsed(path, _list(path, content, "categories", CATEGORY), _category, "COCO categories"))
    refuse_twice([c.id for c in categories], f"{path} lists a category id twice")
    refuse_twice([c.name for c in categories], f"{path} lists a category name twice")
    known, areas = {c.id for c in categories}, defaultdict[int, dict[int, float]](dict)

    def count(record: Any) -> int:
        image, category, area = typed(record, "image_id", int), typed(record, "category_id", int), record["area"]
        if image not in photos or category not in known:
            raise PinpointError(f"image {image} or category {category} is not listed; {FIX}")
        if type(area) not in (int, float) or not math.isfinite(area) or area < 0:
            raise PinpointError(f"area is {area!r}, not a number of pixels; {FIX}")
        areas[category][image] = areas[category].get(image, 0.0) + area
        return typed(record, "id", int)

    ids = parsed(path, _list(path, content, "annotations", INSTANCE), count, "COCO instances")
    refuse_twice(ids, f"{path} lists an annotation twice")
    return Instances(photos, categories, areas)


def read_captions(path: Path) -> Captions:
    """Read and check a captions file; raises PinpointError as `read_instances` does."""
    content = json_table(path, "COCO's captions", FIX)
    photos, captions = _photos(path, content), defaultdict[int, list[str]](list)

    def count(record: Any) -> int:
        image = typed(record, "image_id", int)
        if image not in photos:
            raise PinpointError(f"image {image} is not listed; {FIX}")
        captions[image].append(typed(record, "caption", str))
        return typed(record, "id", int)

    ids = parsed(path, _list(path, content, "annotations", CAPTION), count, "COCO captions")
    refuse_twice(ids, f"{path} lists an annotation twice")
    return Captions(photos, {image: tuple(texts) for image, texts in captions.items()})


def licences(photos: Iterable[Photo]) -> str:
    """How many photographs are under which licence, the frequent first: every one has its own."""
    found = Counter(photo.licence for photo in photos)
    return ", ".join(f"{n:,} {name}" for name, n in sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _photos(path: Path, content: Mapping[str, Any]) -> dict[int, Photo]:
    listed = content.get("licenses", [])
    names = {row.get("id"): row.get("name") for row in listed if isinstance(row, dict)}

    def photo(record: Any) -> Photo:
        pixels = typed(record, "width", int) * typed(record, "height", int)
        if pixels <= 0:
            raise PinpointError(f"its size is {record['width']} x {record['height']}; {FIX}")
        licence = names.get(record.get("license")) or "not stated"
        return Photo(typed(record, "id", int), below(typed(record, "file_name", str)), pixels, licence)

    found = parsed(path, _list(path, content, "images", PHOTO), photo, "COCO images")
    refuse_twice([p.id for p in found], f"{path} lists an image twice")
    refuse_twice([p.file_name for p in found], f"{path} gives a file to two images")
    return {p.id: p for p in found}


def _category(record: Any) -> Category:
    return Category(typed(record, "id", int), typed(record, "name", str), typed(record, "supercategory", str))


def _list(path: Path, content: Mapping[str, Any], key: str, needed: frozenset[str]) -> list[dict[str, Any]]:
    """A list of the file, whose records all have the keys that are needed."""
    value = content.get(key)
    if not isinstance(value, list) or not value:
        raise PinpointError(f"{path} has no list of {key}; {FIX}")
    for n, record in enumerate(value):
        if not isinstance(record, dict) or not needed <= record.keys():
            raise PinpointError(f"{path}, {key}, record {n}: it needs {', '.join(sorted(needed))}; {FIX}")
    return value
