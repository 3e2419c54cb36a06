"""Real CLIP vectors as others have published them: names in ViT-B/32's text space; photographs and names in ViT-B/16's.

Wanted in a folder: `vitb32-text/` (names.json and an array per vocabulary, from Detic; lvis_v1_train_cat_info.json) and
`vitb16-unsplash/` (embeddings.bin and photo.json of photographs, zegclip_*.npy of names). The two spaces are of two
models: no vector of one is ever compared with one of the other. Arrays and JSON only, no pickle.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest, read_json

DIM = 512
TEXT, SPACE = "vitb32-text", "vitb16-unsplash"
ARRAYS = {"coco": "coco_clip_a+cname.npy", "lvis": "lvis_v1_clip_a+cname.npy", "o365": "o365_clip_a+cnamefix.npy",
          "oid": "oid_clip_a+cname.npy"}  # fmt: skip
VOC = (
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorcycle",
    "person",
    "potted plant",
    "sheep",
    "couch",
    "train",
    "tv",
)  # as COCO calls VOC's twenty


@dataclass(frozen=True, eq=False)
class Named:
    """A vocabulary: names as people write them, and their unit rows (N, D), float64."""

    names: tuple[str, ...]
    emb: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Space:
    """One model's space: images (M, D) of photographs, COCO-Stuff's names, and VOC's twenty under COCO's names."""

    images: np.ndarray
    stuff: Named
    voc: Named


def plain(name: str) -> str:
    """A name without case, underscores, and what stands in brackets: `Sandal_(type_of_shoe)` is `sandal`."""
    return " ".join(re.sub(r"\([^)]*\)", " ", name.replace("_", " ")).lower().split())


def read_vocabularies(folder: Path) -> dict[str, Named]:
    """The vocabularies in ViT-B/32's text space, by their short name. Raises PinpointError that names a bad file."""
    folder = _required(folder, TEXT)
    stated = _json(folder / "names.json", dict)
    found = {}
    for name, array in ARRAYS.items():
        if not isinstance(stated.get(name), list):
            raise PinpointError(f"{folder / 'names.json'} has no list {name!r}; restore it")
        names = tuple(plain(str(one)) for one in stated[name])
        found[name] = Named(names, _unit(_array(folder / array), len(names), folder / array))
    return found


def read_synonyms(folder: Path) -> list[frozenset[str]]:
    """For each LVIS category, in the order of its vectors, all names that LVIS gives it."""
    path = _required(folder, TEXT) / "lvis_v1_train_cat_info.json"
    try:
        return [frozenset(plain(s) for s in row["synonyms"]) for row in _json(path, list)]
    except (KeyError, TypeError) as error:
        raise PinpointError(f"{path} is no list of LVIS categories ({error!r}); restore it") from None


def read_space(folder: Path) -> Space:
    """Photographs and names in ViT-B/16's space."""
    folder = _required(folder, SPACE)
    path = folder / "embeddings.bin"
    photos = len(_json(folder / "photo.json", list))
    if not path.is_file():
        raise PinpointError(f"there is no {path}; put the embeddings of the photographs there")
    flat = np.fromfile(path, dtype="<f4")
    if flat.size != photos * DIM:
        raise PinpointError(f"{path} holds {flat.size:,} numbers for {photos:,} photographs of {DIM}; restore it")
    names = tuple(str(one) for one in _json(folder / "zegclip_coco_stuff_171_names.json", list))
    stuff, voc = folder / "zegclip_coco_single.npy", folder / "zegclip_voc12_single.npy"
    return Space(
        _unit(flat.reshape(photos, DIM), photos, path),
        Named(names, _unit(_array(stuff), len(names), stuff)),
        Named(VOC, _unit(_array(voc), len(VOC), voc)),
    )


def vectors_digest(folder: Path) -> str:
    """A hash over the bytes of every file."""
    return digest(
        [[p.relative_to(folder).as_posix(), file_digest(p)] for p in sorted(folder.rglob("*")) if p.is_file()]
    )


def _required(folder: Path, name: str) -> Path:
    if not (folder / name).is_dir():
        raise PinpointError(
            f"there is no {folder / name}; put the CLIP vectors there, or set PINPOINT_DATA to the folder that holds "
            "clip-embeddings"
        )
    return folder / name


def _json(path: Path, kind: type) -> Any:
    content = read_json(path)
    if not isinstance(content, kind):
        raise PinpointError(f"{path} holds no {kind.__name__}; restore it")
    return content


def _array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise PinpointError(f"there is no {path}; put the vectors of the names there")
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise PinpointError(f"{path} is no plain array ({error}); restore it") from error
    return np.asarray(loaded)


def _unit(rows: np.ndarray, n: int, path: Path) -> np.ndarray:
    """Unit rows (n, D) in double precision; another shape, or a row without a direction, is an error."""
    if rows.shape != (n, DIM):
        raise PinpointError(f"{path} has vectors of shape {rows.shape}, wanted ({n}, {DIM}); restore it")
    rows = rows.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise PinpointError(f"{path} has a row that is not finite or zero; restore it")
    return rows / norms
