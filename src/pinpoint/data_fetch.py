"""Bring a data set to its place: what is whole stays, what was begun goes on, and what came is recorded.

data.lock.json beside the data holds, for every file that was fetched or found, its SHA-256, its size and its address.
Where the publisher states no hash, the first fetch fixes it there, and a later fetch of other bytes is an error. Of an
archive the list of its files is kept as archives/<name>.json, so that one that is lost later is missed.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinpoint.data_archives import unpack
from pinpoint.data_download import Known, download
from pinpoint.data_hub import SCHEME, Found, find
from pinpoint.data_sources import BY_NAME, Dataset, File
from pinpoint.datasets.folder import SUFFIXES
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, locked, read_json, write_json
from pinpoint.study.layout import find_layout

LOCK, ARCHIVES = "data.lock.json", "archives"
Say = Callable[[str], Any]
Bar = Callable[[int], Any]  # makes a progress bar, given the bytes that are there


def data_folder() -> Path:
    """Where the data sets lie: `PINPOINT_DATA`, else `data` in the checkout."""
    return Path(os.environ.get("PINPOINT_DATA") or find_layout().root / "data")


def fetch(row: Dataset, folder: Path, *, images: bool = True, keep: bool = False, say: Say = print,
          progress: Bar | None = None) -> None:  # fmt: skip
    """Fetch what a row needs, then its files; unpack its archives, make its links, and say what to get by hand.

    images: without them only the annotations come. keep: leave an archive in `folder`/archives when it is unpacked.
    Raises PinpointError as `download` and `unpack` do, and for a file that is there with other bytes than recorded.
    """
    for name in row.needs if images else ():
        fetch(BY_NAME[name], folder, images=images, keep=keep, say=say, progress=progress)
    say(f"{row.name}: {row.licence}")
    for file in row.files:
        if file.images and not images:
            say(f"  {file.path}/{file.holds}: pictures, left out")
        elif file.holds:
            say(f"  {file.path}/{file.holds}: {fetch_archive(file, folder, keep, progress)}")
        else:
            say(f"  {file.path}: {fetch_file(file, folder, progress)}")
    if images:
        for link, target in row.links:
            make_link(folder / link, folder / target)
    if row.by_hand:
        say(f"  by hand: {row.by_hand} (below {folder / row.folder})")


def fetch_file(file: File, folder: Path, progress: Bar | None = None) -> str:
    """Fetch one plain file, or check the one that is there; what was done, in words."""
    target = folder / file.path
    recorded = read_lock(folder).get(file.path, {})
    sha256 = file.sha256 or recorded.get("sha256")
    if target.exists():
        found = file_digest(target)
        if sha256 not in (None, found):
            raise PinpointError(
                f"{target} has SHA-256 {found[:12]}…, and {_source(file)} says {sha256[:12]}…; move it away, then fetch"
            )
        if not recorded:
            record(folder, file.path, {"sha256": found, "size": target.stat().st_size, "url": "found in place"})
        return "there already"
    place = located(file)
    known = Known(file.size or place.size, sha256 or place.sha256, _source(file) if sha256 else "the Hub")
    target.parent.mkdir(parents=True, exist_ok=True)
    found = download(place.url, target, known, progress)
    record(folder, file.path, {"sha256": found, "size": target.stat().st_size, "url": place.url})
    return f"fetched, {target.stat().st_size / 1e6:,.1f} MB"


def fetch_archive(file: File, folder: Path, keep: bool = False, progress: Bar | None = None) -> str:
    """Fetch and unpack one archive, unless all that it holds is there; what was done, in words."""
    packed = f"{ARCHIVES}/{file.name}"
    archive, recorded = folder / packed, read_lock(folder).get(packed, {})
    if recorded.get("files") and not lacking(folder, file):
        return "there already"
    if not recorded and file.pictures and count_pictures(folder / file.path / file.holds) == file.pictures:
        return f"there already, {file.pictures:,} pictures put in place by hand"
    sha256 = _archive(file, archive, recorded, progress)
    record(folder, packed, {**recorded, "url": file.url})  # a hash is fixed when the archive has proved sound
    (folder / file.path).mkdir(parents=True, exist_ok=True)
    bar = progress(0) if progress else None
    listing = unpack(archive, folder / file.path, wrapped=file.wrapped, tick=bar.update if bar else None)
    if bar:
        bar.close()
    write_json(folder / f"{packed}.json", listing, indent=None)
    entry = {"sha256": sha256, "size": archive.stat().st_size, "url": file.url, "files": len(listing)}
    record(folder, packed, {**entry, "listing": file_digest(folder / f"{packed}.json")})
    if not keep:
        archive.unlink()
    return f"fetched, {len(listing):,} files"


def _archive(file: File, archive: Path, recorded: dict[str, Any], progress: Bar | None) -> str:
    """Have the archive itself, from an earlier try or from the network; its SHA-256, which is the known one."""
    sha256 = file.sha256 or recorded.get("sha256")
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        known = Known(file.size or recorded.get("size"), sha256, _source(file), unpacked=True)
        return download(file.url, archive, known, progress)
    found = file_digest(archive)
    if sha256 not in (None, found):
        raise PinpointError(f"{archive} is not the file that {_source(file)} records; delete it and fetch again")
    return found


def lacking(folder: Path, file: File) -> list[str]:
    """The files of an unpacked archive that are gone or have another size, by its list; all of it without the list."""
    listing = folder / ARCHIVES / f"{file.name}.json"
    if not listing.is_file():
        return [f"{file.path}/{file.holds}"]
    paths = ((folder / file.path / path, size) for path, (size, _) in read_json(listing).items())
    return [str(path) for path, size in paths if not path.is_file() or path.stat().st_size != size]


def located(file: File) -> Found:
    """The address of a file; the Hub is asked where it keeps one of its own."""
    return find(file.url) if file.url.startswith(SCHEME) else Found(file.url, file.size, file.sha256)


def count_pictures(folder: Path) -> int:
    """How many pictures lie in a folder, by their suffix; sub-folders do not count."""
    if not folder.is_dir():
        return 0
    return sum(Path(entry.name).suffix.lower() in SUFFIXES for entry in os.scandir(folder))


def make_link(link: Path, target: Path) -> None:
    """A relative link, unless something is there already."""
    if link.exists() or not target.exists():
        return
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)  # one that leads nowhere
        link.symlink_to(os.path.relpath(target, link.parent))
    except OSError as error:
        raise PinpointError(f"{link} cannot be a link ({error.strerror}); copy {target} there") from error


def read_lock(folder: Path) -> dict[str, Any]:
    """What data.lock.json records, by path below the data folder."""
    path = folder / LOCK
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise PinpointError(f"{path} is no table of files; restore or delete it")
    return content


def record(folder: Path, path: str, entry: dict[str, Any]) -> None:
    """Put one entry into data.lock.json, which several processes may do at once."""
    lock = folder / LOCK
    with locked(lock):
        write_json(lock, {**read_lock(folder), path: entry})


def _source(file: File) -> str:
    return "the table of data sets" if file.sha256 else LOCK
