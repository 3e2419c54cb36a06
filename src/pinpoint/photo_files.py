"""The reader's photographs as files: which are there, and what each one holds, by the hash of its bytes.

A photograph is known by the SHA-256 of its file, so a new name or another folder costs nothing. Hashing is spared where
a file has the size and the times of the last visit. A catalogue per folder, in the cache, remembers those; it may be
deleted at any time.
"""

import os
import stat
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from pinpoint.datasets.folder import SUFFIXES, FolderImages
from pinpoint.errors import PinpointError
from pinpoint.files import CACHE_ELSEWHERE, digest, file_digest, read_json, write_json

FORMAT = "pinpoint-photographs/1"
FOREIGN = frozenset({".heic", ".heif", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"})
DAMAGED = (struct.error, EOFError, TypeError, OverflowError)  # what Pillow raises for odd metadata, besides OSError
LONGEST = 200  # times as long as wide; beyond it no encoder sees anything, and some refuse
SETTLED = 2_000_000_000  # ns; a file changed so shortly before it was hashed may change again within one tick

Stamp = tuple[int, int, int]  # size in bytes; nanoseconds of the last change of the content, and of anything
Report = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


def silent(doing: str, done: int, total: int) -> None:
    """A `Report` that says nothing."""


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be read as a picture: its path below the folder, and a sentence that says why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Chosen(FolderImages):
    """Some pictures below a folder and no others, so that the folder need not be listed again."""

    only: tuple[str, ...]

    def _files(self) -> Iterator[Path]:
        yield from (self.root / i for i in self.only)

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """As `FolderImages.load`; also odd metadata and a strip of pixels are a PinpointError that names the file."""
        path = self.root / image_id
        try:
            whole = super().load(image_id)
        except DAMAGED as error:
            raise PinpointError(f"{path} cannot be read as a picture ({error}); replace or remove it") from error
        if max(whole.shape[:2]) > LONGEST * min(whole.shape[:2]):
            raise PinpointError(f"{path} is over {LONGEST} times as long as wide; crop or remove it")
        if size is None:
            return whole
        return np.array(ImageOps.fit(Image.fromarray(whole), (size, size), Image.Resampling.BICUBIC))  # decoded once


@dataclass
class Listing:
    """What lies below a folder. files: the stamp of each picture by id, which is its path below the folder.

    outside: links that lead out of the folder, which are not followed. foreign: how many pictures have a suffix that is
    not read, by suffix.
    """

    root: Path
    files: dict[str, Stamp] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)

    def add_file(self, path: Path) -> None:
        """Sort a file in by its suffix; what is no picture is passed over in silence."""
        suffix, name = path.suffix.lower(), path.relative_to(self.root).as_posix()
        if suffix in FOREIGN:
            self.foreign[suffix] += 1
        elif suffix in SUFFIXES and not self.leads_out(path, name):
            try:
                name.encode()
                self.files[name] = stamp(path)
            except UnicodeEncodeError:
                shown = _utf8(name)
                self.unreadable.append(Unreadable(shown, f"the name of {shown} is no valid UTF-8; rename it"))
            except OSError as error:
                self.unreadable.append(Unreadable(name, f"{path} cannot be opened ({error.strerror or error})"))

    def leads_out(self, path: Path, name: str) -> bool:
        """Whether this is a link to a place outside the folder; it is noted."""
        out = path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))
        if out:
            self.outside.append(_utf8(name))
        return out

    def refused(self, error: OSError) -> None:
        """A sub-folder that cannot be listed."""
        name = _utf8(os.path.relpath(error.filename, self.root))
        self.unreadable.append(Unreadable(name, f"the folder {name} cannot be listed ({error.strerror})"))


def stamp(path: Path) -> Stamp:
    """Size and times of a file. Raises OSError if it is absent, or no file (reading a pipe would wait for ever)."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is no file")
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def require_folder(root: Path) -> None:
    """Raise PinpointError for what is no folder."""
    if not root.is_dir():
        raise PinpointError(f"{root} is not a folder; give the folder that holds the photographs")


def list_folder(root: Path) -> Listing:
    """All pictures below a folder, sorted, hidden ones left out. Raises PinpointError if it is no folder."""
    require_folder(root)
    found = Listing(root)
    for folder, subfolders, names in os.walk(root, onerror=found.refused):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for path in (Path(folder, name) for name in subfolders):
            found.leads_out(path, path.relative_to(root).as_posix())
        for name in names:
            if not name.startswith("."):
                found.add_file(Path(folder, name))
    found.files = dict(sorted(found.files.items()))
    return found


@dataclass(frozen=True)
class Contents:
    """The SHA-256 of every picture by id, in the order of the listing; and the ids gone since the last visit."""

    sha256: Mapping[str, str]
    gone: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]


def read_contents(listing: Listing, cache: Path, report: Report = silent) -> Contents:
    """Hash what is new or changed. What is hashed is kept if the run is stopped."""
    path = cache / "photographs" / f"{digest(os.fsencode(os.path.realpath(listing.root)).hex())[:32]}.json"
    known, rows, failed = _catalogue(path), dict[str, list[Any]](), list[Unreadable]()
    try:
        for n, (name, now) in enumerate(listing.files.items(), start=1):
            row = known.get(name)
            try:
                rows[name] = row if row and _holds(row, now) else _row(listing.root / name, now)
            except OSError as error:
                failed.append(Unreadable(name, f"{listing.root / name} cannot be read ({error.strerror or error})"))
            report("reading", n, len(listing.files))
    finally:
        whole = len(rows) + len(failed) == len(listing.files)
        _write(path, listing.root, rows if whole else {**known, **rows})
    gone = tuple(name for name in known if name not in listing.files)
    return Contents({name: row[-1] for name, row in rows.items()}, gone, tuple(failed))


def _row(path: Path, now: Stamp) -> list[Any]:
    """Stamp, the time of hashing, hash."""
    return [*now, time.time_ns(), file_digest(path)]


def _holds(row: list[Any], now: Stamp) -> bool:
    """Whether a row is of the file as it is now; the third of a stamp is the clock's, the second may be set by hand."""
    return tuple(row[:3]) == now and now[2] + SETTLED < row[3]


def _catalogue(path: Path) -> dict[str, list[Any]]:
    """The rows of the last visit; none if there was no visit, or one by another version."""
    found = read_json(path) if path.is_file() else None
    return dict(found["files"]) if isinstance(found, dict) and found.get("format") == FORMAT else {}


def _write(path: Path, root: Path, rows: Mapping[str, list[Any]]) -> None:
    listed = {"format": FORMAT, "folder": _utf8(os.path.realpath(root)), "files": dict(rows)}
    write_json(path, listed, indent=None, fix=CACHE_ELSEWHERE)


def _utf8(name: str) -> str:
    """A name that can be shown and written; bytes that are no text become question marks."""
    return name.encode(errors="replace").decode()
