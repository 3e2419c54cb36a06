"""Embeddings on disk, keyed by what produced them.

An embedding is worth keeping only together with everything that made it: checkpoint, preprocessing, prompt, dtype, the
images themselves. That record is hashed into the name of a folder; another prompt is another folder, so a stale
vector cannot be read. Vectors lie in parts of a few thousand rows:

    <root>/<record digest>/record.json                  the record, for people
    <root>/<record digest>/<ids digest>.json            one part: shape, dtype, digests, the name of its array
    <root>/<record digest>/<ids digest>-<sha256>.npy    its array

A part exists once its JSON does, and the JSON is written last. A killed run therefore loses one part at most, and two
runs that write the same part leave a whole one, whichever ends last.
"""

import hashlib
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.files import CACHE_ELSEWHERE, atomic_path, canonical_json, digest, file_digest, read_json

Encode = Callable[[Sequence[str]], np.ndarray]
_WRITING = threading.Lock()  # the temporary names of one process are shared by its threads


@dataclass(frozen=True)
class Store:
    """A folder of embeddings."""

    root: Path | str

    def get(
        self,
        record: Mapping[str, Any],
        ids: Sequence[str],
        encode: Encode,
        *,
        part_size: int = 2048,
        dtype: str = "float32",
    ) -> np.ndarray:
        """The vectors of `ids` (N, D) in `dtype`: read where they are stored, else made by `encode` and stored.

        record: everything that changes a vector, as JSON values. encode: ids (n,) -> vectors (n, D), the same vector
        for an id whatever its neighbours. Raises PinpointError for a damaged part (naming the file to delete), for
        vectors of a wrong shape or not finite, and when the disk is full.
        """
        if not len(ids):
            raise PinpointError("no ids to embed; the gallery or query list is empty")
        if part_size < 1:
            raise PinpointError(f"part_size is {part_size}; it must be at least 1")
        folder = self.folder(record, dtype)
        if not (folder / "record.json").exists():
            _written(folder / "record.json", _json({"record": record, "dtype": dtype}))
        chunks = [list(ids[start : start + part_size]) for start in range(0, len(ids), part_size)]
        parts = [_part(folder, chunk, encode, dtype) for chunk in chunks]
        if len({part.shape[1] for part in parts}) > 1:
            raise PinpointError(f"the parts in {folder} differ in width; delete the folder and run again")
        return np.concatenate(parts)

    def folder(self, record: Mapping[str, Any], dtype: str = "float32") -> Path:
        """Where the vectors of a record lie."""
        return Path(self.root) / digest({"record": record, "dtype": dtype})[:32]


def _part(folder: Path, ids: list[str], encode: Encode, dtype: str) -> np.ndarray:
    """One part, read if it is there, else made and stored."""
    expected = {"record": folder.name, "ids": digest(ids), "dtype": dtype, "rows": len(ids)}
    sidecar = folder / f"{digest(ids)[:32]}.json"
    if sidecar.exists():
        vectors = _read(sidecar, expected)
        if vectors is not None:
            return vectors
    vectors = _checked(encode(ids), ids, dtype)
    buffer = io.BytesIO()
    np.save(buffer, vectors, allow_pickle=False)
    sha256 = hashlib.sha256(buffer.getbuffer()).hexdigest()
    array = folder / f"{sidecar.stem}-{sha256[:16]}.npy"
    _written(array, buffer.getbuffer())
    _written(sidecar, _json({**expected, "shape": vectors.shape, "array": array.name, "sha256": sha256}))
    return vectors


def _read(sidecar: Path, expected: Mapping[str, Any]) -> np.ndarray | None:
    """The vectors of a stored part; None if its array was deleted. A part that is not what its JSON says is refused."""
    meta = read_json(sidecar)
    if not isinstance(meta, dict) or any(meta.get(name) != value for name, value in expected.items()):
        raise PinpointError(f"{sidecar} belongs to other embeddings or was edited; delete {sidecar} and run again")
    array = sidecar.parent / Path(str(meta.get("array"))).name
    if not array.is_file():
        return None
    if file_digest(array) != meta.get("sha256"):
        raise PinpointError(f"{array} was cut short or altered; delete {array} and run again")
    vectors = np.asarray(np.load(array, allow_pickle=False))
    if list(vectors.shape) != meta.get("shape") or vectors.dtype != expected["dtype"]:
        raise PinpointError(f"{sidecar} does not describe {array.name}; delete {sidecar} and run again")
    return vectors


def _checked(vectors: np.ndarray, ids: Sequence[str], dtype: str) -> np.ndarray:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or len(vectors) != len(ids):
        raise PinpointError(f"the encoder gave an array of shape {vectors.shape} for {len(ids)} ids; expected (ids, D)")
    with np.errstate(over="ignore"):  # an overflow becomes inf, refused below
        vectors = np.ascontiguousarray(vectors.astype(dtype))
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise PinpointError(f"the {dtype} embedding of {ids[int(np.argmax(bad))]!r} is not finite; look at that item")
    return vectors


def _json(obj: object) -> bytes:
    return (canonical_json(obj) + "\n").encode()


def _written(path: Path, data: bytes | memoryview) -> None:
    """Write a file, whole or not at all."""
    try:
        with _WRITING, atomic_path(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise PinpointError(f"cannot write {path} ({error.strerror}); {CACHE_ELSEWHERE}") from error
