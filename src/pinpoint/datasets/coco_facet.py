"""COCO-Facet: eight facets, one query per record, a hundred candidates each (Li, Gao and Du, 2025, arXiv 2505.15877).

The released files are read as they are: texts word for word, pools as drawn, the first path the positive. Pools are
never merged: another query's positive may be right here as well, and nobody has labelled it.

    folder/COCO_object_retrieval.json ... mix_weather_retrieval.json     (huggingface.co/datasets/lst627/COCO-Facet)
    folder/val2017/  folder/visual7w/images/  folder/VisualDialog_val2018/    the photographs, or links to their folders
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.folder import FolderImages
from pinpoint.diorama.facets import FACETS
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest, file_digest, read_json

POOL = 100  # one positive and 99 negatives


@dataclass(frozen=True)
class Task:
    """One facet: its file, the folder its paths start from (`--image_dir` of the scripts), a bare id as a file name."""

    facet: str
    stem: str
    image_dir: str = ""
    by_id: str | None = None


ROWS = (
    Task("objects", "COCO_object_retrieval"),
    Task("animals", "COCO_animal_retrieval"),
    Task("gestures", "COCO_gesture_retrieval", "val2017", "{:0>12}.jpg"),
    Task("materials", "COCOStuff_material_retrieval", "val2017", "{:0>12}.jpg"),
    Task("scenes", "Visual7W_scene_retrieval", "visual7w/images"),
    Task("times", "Visual7W_time_retrieval", "visual7w/images"),
    Task("count", "Visual7W_people_num_retrieval", "visual7w/images", "v7w_{}.jpg"),
    Task("weather", "mix_weather_retrieval"),
)

# Where a path without a folder lies: the weather facet mixes three sources, and its notebook writes bare file names.
STYLES = {
    r"\d{12}\.jpg": "val2017",
    r"v7w_\d+\.jpg": "visual7w/images",
    r"VisualDialog_val2018_\d{12}\.jpg": "VisualDialog_val2018",
}


@dataclass(frozen=True, eq=False)
class FacetImages:
    """The photographs that the pools name, out of several folders; an id is `<image folder>/<file name>`."""

    ids: tuple[str, ...]
    folders: Mapping[str, FolderImages]

    @cached_property
    def fingerprint(self) -> str:
        """A hash over every id and its file's bytes; what else lies in the folders does not matter."""
        split = (i.rpartition("/") for i in self.ids)
        return digest([[home, name, file_digest(self.folders[home].root / name)] for home, _, name in split])

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One photograph as `FolderImages.load` reads it, uint8 RGB (H, W, 3) or (size, size, 3)."""
        home, _, name = image_id.rpartition("/")
        if home not in self.folders:
            raise PinpointError(f"{image_id!r} is no picture of COCO-Facet")
        return self.folders[home].load(name, size)


def coco_facet(
    folder: Path | str, tasks: Iterable[str] | None = None, *, image_dirs: Mapping[str, Path] | None = None
) -> Benchmark:
    """The released files below `folder` as one benchmark, a group per facet; `tasks` names some of the facets.

    image_dirs: where an image folder lies if not below `folder`, such as {"val2017": Path("/data/coco/val2017")}.
    A candidate that a pool lists twice competes once, and the positive is no negative of its own; what was removed is
    counted in `notes`. Raises PinpointError for a missing file or picture and for a record that is not in the format.
    """
    folder, queries = Path(folder), list[Query]()
    notes = {
        "source": "lst627/COCO-Facet, arXiv 2505.15877; query texts and pools as released",
        "licence": "query files MIT; photographs of Flickr's users, each under its own licence",
        "prompt": "the facet's GPT-written question",
        "repeats": "a candidate listed twice competes once; the positive is removed from its own negatives",
    }
    for task in _chosen(folder, tasks):
        path = folder / f"{task.stem}.json"
        found, removed = _queries(path, task)
        queries += found
        notes[task.facet] = f"{len(found)} queries, {removed}, file sha256 {file_digest(path)}"
    images = _images(folder, sorted({i for q in queries for i in q.pool or ()}), image_dirs or {})
    return Benchmark("coco-facet", "1", "test", Gallery(images.ids, images), tuple(queries), notes)


def counts(benchmark: Benchmark) -> dict[str, dict[str, int]]:
    """Per facet: queries, distinct texts, distinct images in the pools. The paper has 9,112 queries in all."""
    table = {}
    for group in benchmark.groups:
        queries = [q for q in benchmark.queries if q.group == group]
        texts, images = {q.text for q in queries}, {i for q in queries for i in q.pool or ()}
        table[group] = {"queries": len(queries), "texts": len(texts), "images": len(images)}
    return table


def _chosen(folder: Path, names: Iterable[str] | None) -> list[Task]:
    """The tasks asked for, in the order of the table; each must have its file."""
    known = [t.facet for t in ROWS]
    wanted = known if names is None else [names] if isinstance(names, str) else list(names)
    if strange := [name for name in wanted or [""] if name not in known]:
        raise unknown("task of COCO-Facet", strange[0], known)
    present = [t.facet for t in ROWS if (folder / f"{t.stem}.json").is_file()]
    missing = [f"{t.stem}.json" for t in ROWS if t.facet in wanted and t.facet not in present]
    if missing:
        there = f"tasks={present!r} are there" if present else "no task file is there"
        raise PinpointError(f"{folder} lacks {', '.join(missing)}; {there}; fetch the rest or choose tasks")
    return [t for t in ROWS if t.facet in wanted]


def _queries(path: Path, task: Task) -> tuple[list[Query], str]:
    """The queries of one file, and what was removed from their pools, in words."""
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise PinpointError(f"{path} is no list of records; restore the released file")
    queries, question, negatives, positives = [], FACETS[task.facet].question, 0, 0
    for n, record in enumerate(records):
        try:
            text, listed = _record(record, task)
        except PinpointError as error:
            raise PinpointError(f"{path}, record {n}: {error}") from None
        pool = tuple(dict.fromkeys(listed))
        own = listed.count(listed[0]) - 1
        positives, negatives = positives + own, negatives + len(listed) - len(pool) - own
        query_id = f"{task.facet}-{n:04d}"
        queries.append(Query(query_id, pool[:1], text, prompt=question, pool=pool, group=task.facet, target=pool[0]))
    return queries, f"{negatives} repeated negatives and {positives} copies of the positive removed"


def _record(record: Any, task: Task) -> tuple[str, list[str]]:
    """The text and the candidates' ids, the positive first."""
    if not isinstance(record, dict) or not {"qry_text", "tgt_img_path"} <= record.keys():
        raise PinpointError("it needs qry_text and tgt_img_path")
    text, paths = record["qry_text"], _listed(record["tgt_img_path"])
    if not isinstance(text, str) or not text.strip():
        raise PinpointError(f"qry_text is {text!r}, not a text")
    if record.get("qry_img_path"):
        raise PinpointError(f"qry_img_path is {record['qry_img_path']!r}; a query of COCO-Facet is text alone")
    if len(paths) != POOL:
        raise PinpointError(f"tgt_img_path lists {len(paths)} images, expected {POOL}")
    return text, [_image_id(path, task) for path in paths]


def _listed(value: Any) -> list[Any]:
    """The candidates; three of the notebooks write the list as Python text, which is read as a literal and no more."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = None
    if not isinstance(value, list) or any(type(item) not in (str, int) for item in value):
        raise PinpointError("tgt_img_path is no list of paths or image numbers")
    return value


@lru_cache(maxsize=2**17)  # 911,200 paths, of some ten thousand pictures
def _image_id(path: str | int, task: Task) -> str:
    """`<image folder>/<file name>`, the same for one file whatever facet names it."""
    if isinstance(path, int) or path.isdecimal():
        if task.by_id is None:
            raise PinpointError(f"image {path!r} is a number, and the paths of {task.facet} are file names")
        path = task.by_id.format(path)
    stated = PurePosixPath(path)
    if stated.is_absolute() or ".." in stated.parts or "\\" in path:
        raise PinpointError(f"the path {path!r} does not stay in the image folder; restore the released file")
    home, _, name = (task.image_dir / stated).as_posix().rpartition("/")
    home = home or next((known for style, known in STYLES.items() if re.fullmatch(style, name)), "")
    if not home:
        raise PinpointError(f"the path {path!r} names no folder and is of no known source")
    return f"{home}/{name}"


def _images(folder: Path, ids: list[str], image_dirs: Mapping[str, Path]) -> FacetImages:
    """The loader of the named images; every one of them must be there."""
    homes = sorted({i.rpartition("/")[0] for i in ids})
    folders = {home: FolderImages(Path(image_dirs.get(home, folder / home))) for home in homes}
    if strange := sorted(image_dirs.keys() - {*homes, *STYLES.values()}):
        raise unknown("image folder", strange[0], [*{*homes, *STYLES.values()}])
    there = {f"{home}/{name}" for home, pictures in folders.items() for name in pictures.ids}
    missing = [i for i in ids if i not in there]
    if missing:
        home, _, name = missing[0].rpartition("/")
        lost = f"{len(missing):,} of {len(ids):,} pictures are missing, the first {folders[home].root / name}"
        raise PinpointError(f"{lost}; fetch the whole set, or give its folder in image_dirs")
    return FacetImages(tuple(ids), folders)
