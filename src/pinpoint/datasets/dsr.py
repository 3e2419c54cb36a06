"""DSR, the style-diversified set of FreestyleRet (Li et al. 2024): a photograph, and its text, sketch, art and mosaic.

    folder/dataset.json      [{"image": "<annotator>/<id>.jpg", "caption": "<annotator>/<id>.txt"}, …]
    folder/images/…  sketch/…  art/…  mosaic/…   one picture per record in each, at the record's image path
    folder/text/…            one text per record, its first line is the query

The released split is by position: every fifth record, from the first, is of the test split. Licence: CC BY-NC 4.0.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.folder import FolderImages
from pinpoint.datasets.json_lists import below, json_list, parsed, refuse_twice, typed
from pinpoint.errors import PinpointError, unknown

TABLE, NATURAL = "dataset.json", "images"
STYLES = {"sketch": "sketch", "art": "art", "low_res": "mosaic"}  # our names, and DSR's folders
SPLITS = ("train", "test")


def dsr(root: Path | str, split: str = "test") -> Benchmark:
    """Every query kind over the photographs of a split; the one photograph it was made of is right.

    Groups are text, sketch, art and low_res; queries of one photograph share the part of their id before the last dash.
    """
    records = dsr_records(root, split)
    images = FolderImages(Path(root))
    known = frozenset(images.ids)
    ids = tuple(_present(f"{NATURAL}/{image}", known, root) for image, _ in records)
    queries = [
        Query(f"{PurePosixPath(image).with_suffix('')}-text", (right,), text=_text(Path(root) / "text" / caption),
              group="text", target=right)
        for right, (image, caption) in zip(ids, records, strict=True)
    ]  # fmt: skip
    for kind, folder in STYLES.items():
        queries += [
            Query(f"{PurePosixPath(image).with_suffix('')}-{kind}", (right,), group=kind, target=right,
                  image=_present(f"{folder}/{image}", known, root))
            for right, (image, _) in zip(ids, records, strict=True)
        ]  # fmt: skip
    notes = {
        "licence": "CC BY-NC 4.0",
        "split": "position modulo 5 is 0: test",
        "art": "generated from the caption: its layout differs",
    }
    return Benchmark("dsr", "1", split, Gallery(ids, images), tuple(queries), notes)


def dsr_records(root: Path | str, split: str) -> list[tuple[str, str]]:
    """(image path, caption path) of a split's records; a malformed or repeated record is an error that names it."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    path = Path(root) / TABLE
    records = json_list(path, "records", "put DSR's list of records beside its folders")
    rows = parsed(path, records, lambda record: (_path(record, "image"), _path(record, "caption")), "DSR")
    refuse_twice([image for image, _ in rows], f"{path} lists an image twice")
    chosen = [row for n, row in enumerate(rows) if (n % 5 == 0) == (split == "test")]
    if not chosen:
        raise PinpointError(f"{path} has no {split} record among its {len(rows)}")
    return chosen


def _path(record: Any, key: str) -> str:
    return below(typed(record, key, str))


def _present(image: str, known: frozenset[str], root: Path | str) -> str:
    if image not in known:
        raise PinpointError(f"{root} has no {image!r}; a record needs a picture in each of its four folders")
    return image


def _text(path: Path) -> str:
    """The first line of a caption file."""
    if not path.is_file():
        raise PinpointError(f"{path} is missing; a record needs its caption")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PinpointError(f"{path} is no UTF-8 text ({error}); restore the released file") from None
    if not lines or not lines[0].strip():
        raise PinpointError(f"{path} has no first line; restore the released file")
    return lines[0].strip()
