"""Is a data set whole? Its files, their sizes and hashes, and what its adapter makes of them.

The adapter is the judge: it names a malformed file, a record without a picture, a split that is not there. What lies in
the folder beside that does not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.data_archives import crc_of
from pinpoint.data_fetch import ARCHIVES, count_pictures, lacking, read_lock
from pinpoint.data_openers import OPENERS
from pinpoint.data_sources import Dataset, File
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json

WHOLE, INCOMPLETE, ABSENT = "whole", "incomplete", "absent"


@dataclass(frozen=True)
class Report:
    """What was found of one row: a state, what its adapter reads, and what is wrong or missing."""

    row: Dataset
    state: str
    reads: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def fix(self) -> str:
        """How to get the rest."""
        command = f"pinpoint data fetch {self.row.name}" if self.row.files else ""
        return "; ".join(filter(None, (command, self.row.by_hand)))


def verify(row: Dataset, folder: Path, quick: bool = False) -> Report:
    """Check one row below the data folder. quick: sizes in place of hashes, so that no large file is read."""
    root = folder / row.folder
    if not root.is_dir() or not any(root.iterdir()):
        return Report(row, ABSENT)
    faults = [fault for file in row.files for fault in file_faults(file, folder, quick)]
    faults += [f"{folder / link} is missing" for link, _ in row.links if not (folder / link).exists()]
    reads = list[str]()
    for read in OPENERS[row.name](root):
        try:
            line, lost = read()
        except PinpointError as error:
            faults.append(str(error))
            continue
        reads.append(line)
        faults += [lost] if lost else []
    return Report(row, INCOMPLETE if faults else WHOLE, tuple(reads), tuple(dict.fromkeys(faults)))


def file_faults(file: File, folder: Path, quick: bool) -> Iterator[str]:
    """What is wrong with one file of a row, or with what its archive brought."""
    recorded = read_lock(folder)
    if file.holds:
        yield from archive_faults(file, folder, recorded, quick)
        return
    path, entry = folder / file.path, recorded.get(file.path, {})
    if not path.is_file():
        yield f"{path} is missing"
        return
    size, sha256 = file.size or entry.get("size"), file.sha256 or entry.get("sha256")
    if size not in (None, path.stat().st_size):
        yield f"{path} has {path.stat().st_size:,} bytes, not {size:,}; delete it and fetch it again"
    elif not quick and sha256 not in (None, file_digest(path)):
        yield f"{path} is not the file that is on record (SHA-256); delete it and fetch it again"


def archive_faults(file: File, folder: Path, recorded: dict[str, Any], quick: bool) -> Iterator[str]:
    """Files of an archive that are gone or changed; without its list, a count of pictures that is not the known one."""
    held, packed = folder / file.path / file.holds, f"{ARCHIVES}/{file.name}"
    if "files" not in recorded.get(packed, {}):
        if (folder / packed).exists() or packed in recorded:
            yield f"{folder / packed} is not unpacked to its end; fetch goes on there"
        elif not held.is_dir():
            yield f"{held} is missing"
        elif file.pictures and (n := count_pictures(held)) != file.pictures:
            yield f"{held} has {n:,} of {file.pictures:,} pictures"
        return
    listing, lost = folder / f"{packed}.json", lacking(folder, file)
    if not listing.is_file() or file_digest(listing) != recorded[packed]["listing"]:
        yield f"{listing}, the list of what {file.name} held, is gone or was changed; delete it and fetch again"
    elif lost:
        whole = recorded[packed]["files"]
        yield f"{len(lost):,} of {whole:,} files of {file.name} are gone or cut short, the first {lost[0]}"
    elif not quick:
        yield from changed(file, folder)


def changed(file: File, folder: Path) -> Iterator[str]:
    """The first file whose bytes are no longer those of the archive."""
    for path, (_, crc) in read_json(folder / ARCHIVES / f"{file.name}.json").items():
        if crc_of(folder / file.path / path) != crc:
            yield f"{folder / file.path / path} has other bytes than {file.name} had; delete it and fetch again"
            return
