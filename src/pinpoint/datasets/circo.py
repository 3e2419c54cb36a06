"""CIRCO: a photograph and a sentence, with every right answer that annotators found (Baldrati et al., ICCV 2023).

    folder/annotations/<split>.json        [{"id", "reference_img_id", "relative_caption", "shared_concept",
                                             "target_img_id", "gt_img_ids", "semantic_aspects"}, …]  (miccunifi/CIRCO)
    folder/COCO2017_unlabeled/annotations/image_info_unlabeled2017.json    COCO's list of its unlabelled images
    folder/COCO2017_unlabeled/unlabeled2017/<12 digits>.jpg

The gallery is the whole unlabelled set, about 123,000 images; an id is its number in decimal. mAP@5, 10, 25 and 50
count all right answers (`map5` …), R@K the annotated target alone (`t5` …). The answers of test are kept by a server.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.json_lists import below, json_list, json_table, parsed, refuse_twice, typed
from pinpoint.datasets.named_images import NamedImages, missing_note
from pinpoint.datasets.submissions import HiddenQuery, check_names, check_queries, ranked
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import write_json
from pinpoint.result import Result
from pinpoint.retriever import Retriever
from pinpoint.significance import Estimate, bootstrap

T = TypeVar("T")

SPLITS, DEPTH = ("val", "test"), 50  # images per query in the server's file
COCO = "COCO2017_unlabeled"
FIX = "put CIRCO's annotations there, as github.com/miccunifi/CIRCO has them"
COCO_FIX = "unpack images.cocodataset.org/annotations/image_info_unlabeled2017.zip there; its list is the gallery"


def circo(
    root: Path | str, split: str = "val", *, remove_reference: bool = False, images: Path | str | None = None
) -> Benchmark:
    """The queries of a split over COCO's unlabelled images; in val several answers are right, in test none is known.

    remove_reference: leave the reference out of the ranking; most published rows keep it. images: where the pictures
    lie if not in `root`/COCO2017_unlabeled/unlabeled2017; they are not opened. Raises PinpointError for an unknown
    split, a malformed or missing file, ids that are not 0, 1, 2, …, and a record that names an image outside the
    gallery.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    listed = Path(root) / COCO / "annotations" / "image_info_unlabeled2017.json"
    gallery = _gallery(listed)

    def query(record: Any) -> Query:
        made = _query(record, split == "test", remove_reference)
        if strange := [i for i in (made.image or "", *made.relevant) if i not in gallery]:
            raise PinpointError(f"image {strange[0]} is not in {listed}; restore both lists")
        return made

    queries = _records(Path(root), split, query)
    pictures = NamedImages(Path(images or Path(root) / COCO / "unlabeled2017"), gallery)
    notes = {
        "licence": "annotations CC BY-NC 4.0; photographs COCO's, each under its own licence",
        "missing": missing_note(pictures),
        "gallery": f"{len(gallery):,} images of COCO's unlabelled set",
        "right": "hidden" if split == "test" else "gt_img_ids; target_img_id is the annotated one",
        "text": "relative_caption alone, without shared_concept",
        "reference": "removed" if remove_reference else "competes",
    }
    return Benchmark("circo", "1", split, Gallery(tuple(gallery), pictures), tuple(queries), notes)


def circo_aspects(root: Path | str) -> dict[str, tuple[str, ...]]:
    """What each validation query asks for ("negation", "viewpoint", …; some of nine), by the query's id."""
    found = _records(Path(root), "val", lambda record: tuple(typed(record, "semantic_aspects", list)))
    return {str(n): aspects for n, aspects in enumerate(found)}


def semantic_map(result: Result, aspects: Mapping[str, Sequence[str]]) -> dict[str, Estimate]:
    """mAP@10 over the queries of each aspect, in percent; a query counts for each of its aspects."""
    if "map10" not in result.per_query:
        raise PinpointError("the result has no map10; evaluate with 10 among map_ks")
    asked = [aspects.get(q.id, ()) for q in result.benchmark.queries]
    names = sorted({name for some in asked for name in some})
    rows = {name: np.array([name in some for some in asked]) for name in names}
    return {name: bootstrap(result.per_query["map10"][mask], scale=100) for name, mask in rows.items()}


def circo_submission(benchmark: Benchmark, retriever: Retriever) -> dict[str, list[int]]:
    """What the server takes: 50 image numbers per query, best first."""
    ids = benchmark.gallery.ids
    return {q.id: [int(ids[g]) for g in columns[:DEPTH]] for q, columns in ranked(benchmark, retriever)}


def check_circo_submission(content: Mapping[str, Any], benchmark: Benchmark) -> None:
    """Raise PinpointError unless the server would take it: every query and nothing else, and per query 50 different
    image numbers (not texts) of the gallery."""
    check_queries("the submission", content.keys(), benchmark)
    for query_id, images in content.items():
        where = f"the submission, query {query_id}"
        if isinstance(images, list) and (odd := [i for i in images if type(i) is not int]):
            raise PinpointError(f"{where} lists {odd[0]!r}; the server wants numbers")
        names = [str(i) for i in images] if isinstance(images, list) else images
        check_names(where, names, DEPTH, benchmark.gallery.column, "the gallery")


def write_circo_submission(path: Path | str, benchmark: Benchmark, retriever: Retriever) -> Path:
    """Rank, check and write one file for circo.micc.unifi.it; its path."""
    content = circo_submission(benchmark, retriever)
    check_circo_submission(content, benchmark)
    write_json(Path(path), content, indent=None)
    return Path(path)


def _gallery(path: Path) -> dict[str, str]:
    """Image number in decimal -> file name, in COCO's order."""
    listed = json_table(path, "COCO images", COCO_FIX).get("images")
    if not isinstance(listed, list) or not listed:
        raise PinpointError(f"{path} lists no images; {COCO_FIX}")
    rows = parsed(path, listed, lambda r: (str(typed(r, "id", int)), below(typed(r, "file_name", str))), "COCO")
    refuse_twice([image for image, _ in rows], f"{path} lists an image twice")
    return dict(rows)


def _query(record: Any, hidden: bool, remove_reference: bool) -> Query:
    query_id, reference = str(typed(record, "id", int)), str(typed(record, "reference_img_id", int))
    text, out = typed(record, "relative_caption", str), (reference,) * remove_reference
    if hidden:
        return HiddenQuery(query_id, (), text, reference, exclude=out)
    right, target = tuple(map(str, typed(record, "gt_img_ids", list))), str(typed(record, "target_img_id", int))
    if reference in right:
        raise PinpointError(f"the reference {reference} is among its own answers; restore the released file")
    return Query(query_id, right, text, reference, exclude=out, target=target)


def _records(root: Path, split: str, parse: Callable[[Any], T]) -> list[T]:
    """`parse` of every record of a split, whose ids must count from 0 (the server's evaluation demands it)."""
    path = root / "annotations" / f"{split}.json"
    records = json_list(path, "queries", FIX)
    found = parsed(path, records, parse, "CIRCO")
    if [record.get("id") for record in records] != list(range(len(records))):
        raise PinpointError(f"{path}: the ids are not 0, 1, 2, …; restore the released file")
    return found
