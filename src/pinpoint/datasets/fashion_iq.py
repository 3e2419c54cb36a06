"""FashionIQ: a garment and two captions of how the wanted one differs, in three categories (Wu et al., CVPR 2021).

    folder/captions/cap.<category>.<split>.json         [{"candidate": reference, "target", "captions": [c1, c2]}, …]
    folder/image_splits/split.<category>.<split>.json   [id, …]                    (github.com/XiaoxiaoGuo/fashion-iq)
    folder/images/<id>.jpg                              fetched from a shop's pages, some of which are gone

Two galleries go by one name, and the smaller scores 6 to 12 points higher; never set one beside the other:
"original", every image of the category's split file, and "VAL", the references and targets of its queries alone. In
both the reference competes. The average is the macro mean of the categories: `Result.macro("r10")`, `macro("r50")`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.folder import SUFFIXES
from pinpoint.datasets.json_lists import below, json_list, parsed, refuse_twice, typed
from pinpoint.datasets.named_images import NamedImages, missing_note
from pinpoint.datasets.submissions import HiddenQuery
from pinpoint.errors import PinpointError, unknown
from pinpoint.result import Result
from pinpoint.significance import Estimate, bootstrap

CATEGORIES, SPLITS, PROTOCOLS = ("dress", "shirt", "toptee"), ("train", "val", "test"), ("original", "VAL")
FIX = "put FashionIQ's captions and image_splits there, as github.com/XiaoxiaoGuo/fashion-iq has them"

# How two captions become one text: which of them, in what order. A capital C begins the text with a capital.
POLICIES = {"C1 and c2": (0, 1), "C2 and c1": (1, 0), "c1 and c2": (0, 1), "c2 and c1": (1, 0), "C1": (0,), "C2": (1,)}
EACH = "each"  # two queries per record, its captions one by one
DRAWN = ("C1 and c2", "C2 and c1", "C1", "C2")  # what CLIP4Cir and its heirs train on, a quarter each


@dataclass(frozen=True)
class Triplet:
    """One record, its captions as released; in the test split, whose targets are not public, `target` is empty."""

    reference: str
    captions: tuple[str, str]
    target: str
    category: str


def fashion_iq(
    root: Path | str,
    split: str = "val",
    categories: str | Iterable[str] = CATEGORIES,
    *,
    protocol: str = "original",
    captions: str = "C1 and c2",
    remove_reference: bool = False,
    images: Path | str | None = None,
    suffix: str = ".jpg",
) -> Benchmark:
    """The queries of some categories, a group each, over that category's own gallery; one right answer per query.

    captions: a name of POLICIES, or "each" for two queries per record. remove_reference: no published protocol does.
    images: where the pictures lie if not in `root`/images; they are not opened. Every record becomes a query; the
    protocol is the `version`, and the policy and the sizes are in `notes`. Raises PinpointError for an unknown name, a
    malformed or missing file, and a record that names an image outside its split file.
    """
    _refuse_unknown("split", split, SPLITS)
    _refuse_unknown("protocol", protocol, PROTOCOLS)
    _refuse_unknown("caption policy", captions, (*POLICIES, EACH))
    if (protocol, split) == ("VAL", "test"):
        raise PinpointError("VAL's gallery needs the targets, and those of test are not public; use the original one")
    read = {category: _read(Path(root), category, split) for category in _chosen(categories)}
    galleries = {category: _gallery(listed, rows, protocol) for category, (listed, rows) in read.items()}
    queries = list[Query]()
    for category, (_, rows) in read.items():
        pool = galleries[category] if len(read) > 1 else None  # the only category has the gallery to itself
        queries += _queries(rows, captions, pool, remove_reference)
    ids = dict.fromkeys(i for gallery in galleries.values() for i in gallery)  # some garments are in two categories
    notes = _notes(galleries, [row for _, rows in read.values() for row in rows], captions, remove_reference)
    pictures = _images(root, ids, images, suffix)
    notes |= {"licence": "captions CDLA; photographs of a shop's sellers", "missing": missing_note(pictures)}
    return Benchmark("fashion-iq", protocol, split, Gallery(tuple(ids), pictures), tuple(queries), notes)


def fashion_iq_triplets(
    root: Path | str,
    split: str = "train",
    categories: str | Iterable[str] = CATEGORIES,
    *,
    images: Path | str | None = None,
    suffix: str = ".jpg",
) -> tuple[NamedImages, list[Triplet]]:
    """What a method trains on: the pictures of the split files, and every record. `training_text` makes its text."""
    _refuse_unknown("split with targets", split, SPLITS[:2])
    parts = [_read(Path(root), category, split) for category in _chosen(categories)]
    pictures = _images(root, dict.fromkeys(i for listed, _ in parts for i in listed), images, suffix)
    return pictures, [row for _, rows in parts for row in rows]


def fashion_iq_mean(result: Result) -> Estimate:
    """FashionIQ's one number: the mean of R@10 and R@50, macro over the categories, in percent."""
    groups = [query.group for query in result.benchmark.queries]
    return bootstrap((result.per_query["r10"] + result.per_query["r50"]) / 2, groups, scale=100)


def caption_text(captions: tuple[str, str], policy: str) -> str:
    """Two captions as one text, each without outer blanks and the signs . ? ,; a blank one gives way to the other."""
    _refuse_unknown("caption policy", policy, tuple(POLICIES))
    clean = [_clean(caption) for caption in captions]
    parts = [clean[i] for i in POLICIES[policy] if clean[i]] or [part for part in clean if part]
    if not parts:
        raise PinpointError(f"both captions are blank ({captions!r}); restore the released file")
    first = parts[0].capitalize() if policy.startswith("C") else parts[0]
    return " and ".join([first, *parts[1:]])


def training_text(captions: tuple[str, str], rng: np.random.Generator) -> str:
    """One of the four texts of DRAWN at random, to be drawn anew each time that a triplet is seen."""
    return caption_text(captions, DRAWN[rng.integers(len(DRAWN))])


def _refuse_unknown(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise unknown(kind, name, known)


def _chosen(categories: str | Iterable[str]) -> list[str]:
    """The categories asked for, in the order of CATEGORIES."""
    wanted = [categories] if isinstance(categories, str) else list(categories)
    for name in wanted or [""]:
        _refuse_unknown("category", name, CATEGORIES)
    return [name for name in CATEGORIES if name in wanted]


def _read(root: Path, category: str, split: str) -> tuple[list[str], list[Triplet]]:
    """The image ids of a category's split file and the records of its captions, all checked."""
    splits = root / "image_splits" / f"split.{category}.{split}.json"
    path = root / "captions" / f"cap.{category}.{split}.json"
    listed = parsed(splits, json_list(splits, "image ids", FIX), below, "FashionIQ")
    refuse_twice(listed, f"{splits} lists an image twice")
    known, hidden = frozenset(listed), split == "test"

    def triplet(record: Any) -> Triplet:
        row = _triplet(record, category, hidden)
        for image in [row.reference] if hidden else [row.reference, row.target]:
            if image not in known:
                raise PinpointError(f"{image!r} is not in {splits}; restore the released files")
        return row

    return listed, parsed(path, json_list(path, "queries", FIX), triplet, "FashionIQ")


def _triplet(record: Any, category: str, hidden: bool) -> Triplet:
    captions = typed(record, "captions", list)
    if len(captions) != 2 or not all(isinstance(c, str) for c in captions) or not any(map(_clean, captions)):
        raise PinpointError(f"captions are {captions!r}, expected two texts, not both blank; restore the released file")
    target = "" if hidden else typed(record, "target", str)
    row = Triplet(typed(record, "candidate", str), (captions[0], captions[1]), target, category)
    if row.reference == row.target:
        raise PinpointError(f"{row.target!r} is the target and its own reference; restore the released file")
    return row


def _gallery(listed: list[str], rows: list[Triplet], protocol: str) -> tuple[str, ...]:
    named = {image for row in rows for image in (row.reference, row.target)}
    return tuple(i for i in listed if protocol == "original" or i in named)


def _queries(rows: list[Triplet], captions: str, pool: tuple[str, ...] | None, remove: bool) -> list[Query]:
    """One query per record, or two; its id is the category and the record's place in the file."""
    queries = list[Query]()
    for n, row in enumerate(rows):
        kind, right = (Query, (row.target,)) if row.target else (HiddenQuery, ())
        for policy in ("C1", "C2") if captions == EACH else (captions,):
            query_id = f"{row.category}-{n:04d}" + (f"-{policy}" if captions == EACH else "")
            queries.append(kind(
                query_id, right, caption_text(row.captions, policy), row.reference, pool=pool, group=row.category,
                exclude=(row.reference,) if remove else (), target=row.target or None,
            ))  # fmt: skip
    return queries


def _notes(
    galleries: Mapping[str, tuple[str, ...]], rows: list[Triplet], captions: str, remove: bool
) -> dict[str, str]:
    """What a score depends on besides gallery and queries."""
    blank = sum(not all(map(_clean, row.captions)) for row in rows)
    return {
        "gallery": ", ".join(f"{category} {len(gallery):,}" for category, gallery in galleries.items()),
        "captions": f"{captions}; in {blank} of {len(rows):,} records one is blank, and the other stands in its place",
        "reference": "removed" if remove else "competes",
    }


def _images(root: Path | str, ids: Iterable[str], images: Path | str | None, suffix: str) -> NamedImages:
    _refuse_unknown("suffix", suffix, tuple(SUFFIXES))
    return NamedImages(Path(images or Path(root) / "images"), {i: f"{i}{suffix}" for i in ids})


def _clean(caption: str) -> str:
    return caption.strip(" .?,")
