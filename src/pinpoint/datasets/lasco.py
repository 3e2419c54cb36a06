"""LaSCo-shaped triplets: synthetic ones to train on, or a benchmark of them (Levy et al., 2024).

    folder/lasco_train.json     [{"qid", "query-image": [id, path], "query-text", "target-image": [id, path]}, …]
    folder/train2014/...        the images, at the paths that the file names

LaSCo is built from COCO and VQA 2.0, so it is close in kind to CIRCO and CIRR: say so when you report those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.folder import FolderImages
from pinpoint.datasets.json_lists import json_list, parsed, refuse_twice
from pinpoint.errors import PinpointError


@dataclass(frozen=True)
class Row:
    """One record: reference and target as paths below the folder."""

    id: str
    reference: str
    text: str
    target: str


def lasco_rows(root: Path | str, file: str, limit: int | None = None) -> tuple[FolderImages, list[Row]]:
    """Read and check a file of triplets; a malformed record or a missing image is an error that names it."""
    path = Path(root) / file
    content = json_list(path, "triplets", "put LaSCo's annotation file beside its image folders")
    images = FolderImages(Path(root))
    known = frozenset(images.ids)
    rows = parsed(path, content[:limit], _row, "LaSCo")
    refuse_twice([row.id for row in rows], f"{path} uses a qid twice")
    for row in rows:
        for image in (row.reference, row.target):
            if image not in known:
                raise PinpointError(
                    f"{path}, qid {row.id}: there is no image {image!r} in {root}; fetch LaSCo's images"
                )
    return images, rows


def _row(record: Any) -> Row:
    reference, target = record["query-image"][1], record["target-image"][1]
    row = Row(str(record["qid"]), str(reference), str(record["query-text"]).strip(), str(target))
    if not row.text or row.reference == row.target:
        raise PinpointError("an empty text, or a target that is its own reference; restore the released file")
    return row


def lasco_benchmark(root: Path | str, file: str = "lasco_val.json", limit: int | None = None) -> Benchmark:
    """Its triplets as queries over all images that they name; one right answer each, the reference excluded."""
    images, rows = lasco_rows(root, file, limit)
    ids = tuple(dict.fromkeys(image for row in rows for image in (row.reference, row.target)))
    queries = tuple(
        Query(row.id, (row.target,), text=row.text, image=row.reference, target=row.target, exclude=(row.reference,))
        for row in rows
    )
    notes = {
        "source": file,
        "licence": "triplets MIT; photographs COCO's, each under its own licence",
        "right": "the one annotated target; others may be right and are not known",
    }
    return Benchmark("lasco", "1", Path(file).stem, Gallery(ids, images), queries, notes)


def named_images(rows: Sequence[Row]) -> list[str]:
    """Every image that some triplets name, once."""
    return list(dict.fromkeys(image for row in rows for image in (row.reference, row.target)))
