"""CIRR, release rc2: a photograph and a sentence that leads to another one of its group (Liu et al., ICCV 2021).

    folder/captions/cap.rc2.<split>.json         [{"pairid", "reference", "caption", "img_set": {"members": [6 names]},
                                                   "target_hard"}, …]    (github.com/Cuberick-Orion/CIRR, cirr_dataset)
    folder/image_splits/split.rc2.<split>.json   {name: "./dev/<name>.png", …}: the gallery
    folder/img_raw/…                             NLVR2's images at those paths, which its authors give on request

The reference never competes. R@1, 5, 10 and 50 rank the rest of the gallery, Rs@1, 2 and 3 the five other members of
the group; `target_hard` alone is right. The targets of test1 are kept by a server, which takes two files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

SPLITS, VERSION, GROUP = ("train", "val", "test1"), "rc2", 6
FIX = "put CIRR's captions and image_splits there: branch cirr_dataset of github.com/Cuberick-Orion/CIRR"
DEPTH = {"recall": 50, "recall_subset": 3}  # names per query in each of the server's two files
LARGEST = 5_000_000  # bytes that the server takes


def cirr(root: Path | str, split: str = "val", *, images: Path | str | None = None) -> Benchmark:
    """The queries of a split over all images of its split file; the query's id is its pairid.

    Those of test1 have no right answer (`HiddenQuery`). images: where the pictures lie if not in `root`/img_raw; they
    are not opened. Raises PinpointError for an unknown split, a malformed or missing file, a pairid that is used twice
    and a record that names an image outside the gallery, or a reference or target outside its group.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    splits = Path(root) / "image_splits" / f"split.{VERSION}.{split}.json"
    path = Path(root) / "captions" / f"cap.{VERSION}.{split}.json"
    gallery = _gallery(splits)

    def query(record: Any) -> Query:
        made = _query(record, hidden=split == "test1")
        if strange := [name for name in made.members if name not in gallery]:
            raise PinpointError(f"{strange[0]!r} is not in {splits}; restore the released files")
        return made

    queries = parsed(path, json_list(path, "queries", FIX), query, "CIRR")
    refuse_twice([q.id for q in queries], f"{path} uses a pairid twice")
    pictures = NamedImages(Path(images or Path(root) / "img_raw"), gallery)
    notes = {
        "licence": "annotations MIT; photographs NLVR2's, under its Terms of Service",
        "missing": missing_note(pictures),
        "gallery": "every image of the split file, less the query's reference",
        "right": "target_hard alone; target_soft is ignored",
        "captions": f"word for word; {sum(not (q.text or '').strip() for q in queries)} are blank and kept",
    }
    return Benchmark("cirr", VERSION, split, Gallery(tuple(gallery), pictures), tuple(queries), notes)


def cirr_average(result: Result) -> Estimate:
    """CIRR's one number for choosing a model: the mean of R@5 and Rs@1, in percent."""
    return bootstrap((result.per_query["r5"] + result.per_query["rs1"]) / 2, scale=100)


def _gallery(path: Path) -> dict[str, str]:
    """Image name -> path below the folder of the pictures, in the order of the split file."""
    listed = json_table(path, "image names and paths", FIX)
    places = parsed(path, listed, lambda name: below(typed(listed, name, str)), "CIRR")
    refuse_twice(places, f"{path} has two names for one picture")
    return dict(zip(listed, places, strict=True))


def _query(record: Any, hidden: bool) -> Query:
    pair, reference = str(typed(record, "pairid", int)), typed(record, "reference", str)
    members, text = tuple(typed(record["img_set"], "members", list)), typed(record, "caption", str)
    target = None if hidden else typed(record, "target_hard", str)
    if len(set(members)) != GROUP or len(members) != GROUP:
        raise PinpointError(
            f"pair {pair} has {len(set(members))} different members, expected {GROUP}; restore the file"
        )
    if strange := [name for name in (reference, target) if name is not None and name not in members]:
        raise PinpointError(f"pair {pair}: {strange[0]!r} is not of its group; restore the released file")
    if target == reference:
        raise PinpointError(f"pair {pair}: the target is its own reference; restore the released file")
    if target is None:
        return HiddenQuery(pair, (), text, reference, exclude=(reference,), members=members)
    return Query(pair, (target,), text, reference, exclude=(reference,), target=target, members=members)


def cirr_submissions(benchmark: Benchmark, retriever: Retriever) -> dict[str, dict[str, Any]]:
    """What the server takes: by metric, "recall" (50 names a pair) and "recall_subset" (3 of the group), best first."""
    gallery = benchmark.gallery
    files: dict[str, dict[str, Any]] = {metric: {"version": VERSION, "metric": metric} for metric in DEPTH}
    for query, columns in ranked(benchmark, retriever):
        group = columns[np.isin(columns, gallery.columns(query.members))]
        for metric, best in (("recall", columns), ("recall_subset", group)):
            files[metric][query.id] = [gallery.ids[g] for g in best[: DEPTH[metric]]]
    return files


def check_cirr_submission(content: Mapping[str, Any], benchmark: Benchmark) -> None:
    """Raise PinpointError unless the server would take this file and score every pair of the benchmark.

    That is: version rc2 and one of the two metrics; every pairid and nothing else; 50 or 3 different names per pair,
    all of the gallery or of the pair's group, without the reference; at most 5 MB.
    """
    metric = content.get("metric")
    if content.get("version") != VERSION or metric not in DEPTH:
        stated = f"version {content.get('version')!r} and metric {metric!r}"
        raise PinpointError(f"the submission states {stated}; the server wants {VERSION!r} and one of {[*DEPTH]}")
    where = f"the submission for {metric}"
    check_queries(where, content.keys() - {"version", "metric"}, benchmark)
    for query in benchmark.queries:
        names, pair = content[query.id], f"{where}, pair {query.id}"
        if isinstance(names, list) and query.image in names:
            raise PinpointError(f"{pair} lists its reference {query.image!r}; leave it out of the ranking")
        if metric == "recall":
            check_names(pair, names, DEPTH[metric], benchmark.gallery.column, "the gallery")
        else:
            check_names(pair, names, DEPTH[metric], query.members, "its group")
    if (size := len(json.dumps(content))) > LARGEST:
        raise PinpointError(f"{where} is of {size:,} bytes, and the server takes {LARGEST:,}")


def write_cirr_submissions(folder: Path | str, benchmark: Benchmark, retriever: Retriever) -> list[Path]:
    """Rank, check and write `folder`/recall.json and recall_subset.json for cirr.cecs.anu.edu.au; their paths."""
    files = cirr_submissions(benchmark, retriever)
    for content in files.values():
        check_cirr_submission(content, benchmark)
    paths = [Path(folder) / f"{metric}.json" for metric in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_json(path, content, indent=None)
    return paths
