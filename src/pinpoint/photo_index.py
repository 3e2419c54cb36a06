"""A folder of photographs as vectors, in which only new and changed pictures are encoded.

The vectors lie in the store, in parts of a few dozen, keyed by everything that made them and by the hashes of the
files. A list beside them says which parts there are. A part is listed once it is whole, so a stopped run loses nothing
that it has finished, and the same command goes on from there. A deleted picture leaves the index; its vector stays in
the cache, and is found again if the picture comes back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.datasets.folder import SUFFIXES
from pinpoint.errors import PinpointError
from pinpoint.files import CACHE_ELSEWHERE, locked, read_json, write_json
from pinpoint.photo_files import (
    Chosen,
    Contents,
    Listing,
    Report,
    Unreadable,
    list_folder,
    read_contents,
    silent,
    stamp,
)
from pinpoint.store import Store
from pinpoint.study.layout import find_layout

PART = 64  # vectors in one part of the store
BATCH = 8  # pictures decoded at a time: a large photograph takes over 100 MB of memory


@dataclass(frozen=True, eq=False)
class PictureSide:
    """How pictures become vectors. record: all that changes a vector, as JSON values. encode: n uint8 RGB pictures ->
    (n, D). size: load them as squares of that side; None: as they are."""

    record: Mapping[str, Any]
    encode: Callable[[Sequence[np.ndarray]], np.ndarray]
    size: int | None = None


@dataclass(frozen=True, eq=False)
class PhotoIndex:
    """G readable pictures of a folder, sorted: their paths below it, the SHA-256 of their files, their vectors (G, D).

    encoded: how many pictures were encoded now. listing: what else lies in the folder.
    """

    listing: Listing
    ids: tuple[str, ...]
    sha256: tuple[str, ...]
    emb: np.ndarray
    unreadable: tuple[Unreadable, ...]
    encoded: int
    gone: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def index_folder(
    root: Path | str, side: PictureSide, *, cache: Path | None = None, report: Report = silent
) -> PhotoIndex:
    """Bring the index of a folder up to date, and open it. An unreadable file is listed, not raised.

    cache: default, that of the study. Raises PinpointError if it is no folder, holds no picture or none that can be
    read, for a damaged part of the store, and when the disk is full.
    """
    cache = cache or find_layout().cache
    listing = list_folder(Path(root))
    contents = read_contents(listing, cache, report)
    shelf = Shelf(Store(cache / "embeddings"), side.record)
    first = dict[str, str]()  # equal files are encoded once
    for name, sha in contents.sha256.items():
        first.setdefault(sha, name)
    known = shelf.read(first)
    made, failed = _encode(listing, {s: n for s, n in first.items() if s not in known}, side, shelf, report)
    reasons = {
        name: failed[sha] if first[sha] == name else f"{listing.root / name} is the same file as {first[sha]}"
        for name, sha in contents.sha256.items() if sha in failed
    }  # fmt: skip
    return _opened(listing, contents, known | made, reasons, len(made))


def _opened(
    listing: Listing, contents: Contents, vectors: Mapping[str, np.ndarray], reasons: Mapping[str, str], encoded: int
) -> PhotoIndex:
    """The index, or an error if nothing is in it."""
    unreadable = (*listing.unreadable, *contents.unreadable, *(Unreadable(*pair) for pair in reasons.items()))
    rows = {name: sha for name, sha in contents.sha256.items() if name not in reasons}
    if not rows:
        if unreadable:
            said = f"none of the {len(unreadable)} pictures in {listing.root} can be read"
            raise PinpointError(f"{said}; the first: {unreadable[0].reason}")
        others = "".join(f"; {n} {suffix} must be converted to JPEG first" for suffix, n in listing.foreign.items())
        raise PinpointError(f"{listing.root} holds no picture ({', '.join(sorted(SUFFIXES))}){others}")
    emb = np.stack([vectors[sha] for sha in rows.values()])
    return PhotoIndex(listing, tuple(rows), tuple(rows.values()), emb, unreadable, encoded, contents.gone)


def _encode(
    listing: Listing, pending: Mapping[str, str], side: PictureSide, shelf: "Shelf", report: Report
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Vectors of pending pictures by hash, each part stored as it fills up; and why others could not be read."""
    images, hashes = Chosen(listing.root, tuple(pending.values())), list(pending)
    made, waiting, failed = dict[str, np.ndarray](), dict[str, np.ndarray](), dict[str, str]()
    try:
        for start in range(0, len(hashes), BATCH):
            pictures = dict[str, np.ndarray]()
            for sha in hashes[start : start + BATCH]:
                try:
                    pictures[sha] = _picture(images, pending[sha], listing, side.size)
                except PinpointError as error:
                    failed[sha] = str(error)
            if pictures:
                waiting |= zip(pictures, side.encode(list(pictures.values())), strict=True)
            if len(waiting) >= PART:
                made |= shelf.put(waiting)
                waiting = {}
            report("encoding", min(start + BATCH, len(hashes)), len(hashes))
    finally:  # also what a stopped run has made
        made |= shelf.put(waiting)
    return made, failed


def _picture(images: Chosen, name: str, listing: Listing, size: int | None) -> np.ndarray:
    """One picture of the listing, uint8 RGB."""
    picture, path = images.load(name, size), listing.root / name
    if not path.is_file() or stamp(path) != listing.files[name]:  # its vector would lie under another picture's hash
        raise PinpointError(f"{path} changed while it was read; run again")
    return picture


class _Absent(Exception):
    """The store would have to encode."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """Vectors by the hash of a file, in parts of the store; `photographs.json` beside them lists the parts."""

    store: Store
    record: Mapping[str, Any]

    @property
    def _list(self) -> Path:
        return self.store.folder(self.record) / "photographs.json"

    def parts(self) -> list[list[str]]:
        """The hashes in each part, in order."""
        found = read_json(self._list) if self._list.is_file() else []
        if not isinstance(found, list) or not all(isinstance(part, list) for part in found):
            raise PinpointError(f"{self._list} is no list of parts; delete it and run again")
        return found

    def read(self, wanted: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The vectors that are there, of those wanted. A part that was deleted leaves the list."""
        found, absent = dict[str, np.ndarray](), list[list[str]]()
        for part in self.parts():
            if not wanted.keys().isdisjoint(part):
                try:
                    found |= zip(part, self.store.get(self.record, part, _refuse, part_size=len(part)), strict=True)
                except _Absent:
                    absent.append(part)
        if absent:
            self._change(lambda parts: [part for part in parts if part not in absent])
        return {sha: vector for sha, vector in found.items() if sha in wanted}

    def put(self, vectors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Store some vectors as a part, list it, and give them back as they are stored."""
        if not vectors:
            return {}
        part = list(vectors)
        rows = self.store.get(self.record, part, lambda _: np.stack(list(vectors.values())), part_size=len(part))
        self._change(lambda parts: parts if part in parts else [*parts, part])
        return dict(zip(part, rows, strict=True))

    def _change(self, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
        """Two runs may add to one list."""
        try:
            with locked(self._list):
                write_json(self._list, change(self.parts()), indent=None, fix=CACHE_ELSEWHERE)
        except OSError as error:  # of the lock
            raise PinpointError(f"cannot write {self._list} ({error.strerror}); {CACHE_ELSEWHERE}") from error


def _refuse(ids: Sequence[str]) -> np.ndarray:
    raise _Absent
