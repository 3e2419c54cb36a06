"""Unpacking an archive that nobody here has made: all of it or an error, and nothing outside of its folder.

Every member is looked at before the first is written. A name that leads out of the folder, a link, a device, an
encrypted member or two members for one place refuse the whole archive. A member is written under another name and then
moved, so a file that is there is whole, and an unpacking that was stopped goes on where it was.
"""

import errno
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pinpoint.datasets.json_lists import below
from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path

CHUNK = 2**20
JUNK = "__MACOSX/"  # what one kind of computer adds to its archives; no data
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError,
           NotImplementedError)  # fmt: skip
Tick = Callable[[int], Any]


@dataclass(frozen=True)
class Member:
    """One file of an archive: where it goes below the folder, its size in bytes, and its bytes."""

    path: str
    size: int
    read: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path, *, wrapped: bool = False, tick: Tick | None = None) -> dict[str, list[int]]:
    """Unpack a zip or tar file into `folder`; {path below it: [size in bytes, CRC-32]} of all its files.

    wrapped: take off a folder that is around everything. tick: told the bytes of each file that is done. A file that is
    there already with the same content stays as it is; with other content it is an error, as are a damaged archive,
    one that leads out of the folder, and a full disk.
    """
    with _opened(archive) as found:
        members = _unwrapped(found) if wrapped else found
        _refuse_clashes(archive, members)
        _refuse_links_out(archive, folder, members)
        require_room(folder, sum(m.size for m in members if not (folder / m.path).exists()), f"unpack {archive.name}")
        listing = {}
        for member in members:
            listing[member.path] = [member.size, _placed(archive, member, folder / member.path)]
            if tick is not None:
                tick(member.size)
        return listing


def require_room(folder: Path, needed: int, purpose: str) -> None:
    """Raise PinpointError unless the disk of `folder`, or of its nearest parent that exists, has `needed` bytes."""
    place = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise PinpointError(
            f"to {purpose}, {place} needs {needed / 1e9:,.1f} GB and has {free / 1e9:,.1f} GB free; free some, or set "
            "PINPOINT_DATA to a folder on a larger disk"
        )


def crc_of(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc


@contextmanager
def _opened(archive: Path) -> Iterator[list[Member]]:
    """The checked members of an archive, readable inside the block."""
    try:
        if _starts_as_zip(archive):
            with zipfile.ZipFile(archive) as packed:
                yield [_of_zip(archive, packed, info) for info in packed.infolist() if not _no_file(info)]
        else:
            with tarfile.open(archive, "r:*") as tape:
                members = [_of_tar(archive, tape, info) for info in tape.getmembers() if not info.isdir()]
                while tape.fileobj is not None and tape.fileobj.read(CHUNK):
                    pass  # to the end of a compressed stream, where its checksum is
                yield members
    except DAMAGED as error:
        raise PinpointError(
            f"{archive} is damaged or no zip or tar file ({type(error).__name__}); delete it and fetch it again"
        ) from error
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise PinpointError(
            f"{archive} could not be unpacked: {what}; mend that and run the same command again, what is unpacked stays"
        ) from error


def _starts_as_zip(archive: Path) -> bool:
    """By its first bytes: the end of a tar file may hold a zip file, and would look like one."""
    with open(archive, "rb") as file:
        return file.read(2) == b"PK"


def _no_file(info: zipfile.ZipInfo) -> bool:
    return info.is_dir() or info.filename.startswith(JUNK)


def _of_zip(archive: Path, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):  # 0: the archive does not say
        raise _refused(archive, info.filename, "is a link or a device")
    if info.flag_bits & 1:
        raise _refused(archive, info.filename, "is encrypted")
    return Member(_inside(archive, info.filename), info.file_size, lambda: packed.open(info))


def _of_tar(archive: Path, tape: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        raise _refused(archive, info.name, "is a link or a device")
    return Member(_inside(archive, info.name), info.size, lambda: tape.extractfile(info))


def _inside(archive: Path, name: str) -> str:
    try:
        return below(name)
    except PinpointError:
        raise _refused(archive, name, "leads out of the folder") from None


def _refused(archive: Path, name: str, fault: str) -> PinpointError:
    return PinpointError(
        f"{archive}: its member {name!r} {fault}; nothing was unpacked. Delete it and get another copy"
    )


def _unwrapped(members: list[Member]) -> list[Member]:
    """The members without the folder that is around all of them, if there is one."""
    around = {member.path.partition("/")[0] for member in members}
    if len(around) != 1 or any("/" not in member.path for member in members):
        return members
    return [Member(m.path.partition("/")[2], m.size, m.read) for m in members]


def _refuse_clashes(archive: Path, members: list[Member]) -> None:
    """One place for one file, and no file where another one needs a folder."""
    seen = set[str]()
    for member in members:
        if member.path in seen:
            raise _refused(archive, member.path, "is there twice")
        seen.add(member.path)
    for path in seen:
        if clash := next((str(p) for p in Path(path).parents if str(p) in seen), None):
            raise _refused(archive, clash, "is a file and a folder")


def _refuse_links_out(archive: Path, folder: Path, members: list[Member]) -> None:
    """No folder that is there already may lead elsewhere by a link."""
    inside = folder.resolve()
    for parent in sorted({(folder / member.path).parent for member in members}):
        if not parent.resolve().is_relative_to(inside):
            raise PinpointError(
                f"{parent} leads out of {folder} by a link; remove the link, or {archive} cannot go there"
            )


def _placed(archive: Path, member: Member, target: Path) -> int:
    """Write one member unless it is there; its CRC-32."""
    if target.exists():
        crc = _copied(archive, member, None)
        if target.stat().st_size != member.size or crc_of(target) != crc:
            raise PinpointError(f"{target} is not the file that {archive.name} has there; move it away and fetch again")
        return crc
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        return _copied(archive, member, file)


def _copied(archive: Path, member: Member, file: IO[bytes] | None) -> int:
    """Read a member to its end, into `file` if there is one; its CRC-32."""
    source, crc, size = member.read(), 0, 0
    if source is None:
        raise _refused(archive, member.path, "has no content")
    with source:
        while chunk := source.read(CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            if file is not None:
                file.write(chunk)
    if size != member.size:
        raise PinpointError(f"{archive}: {member.path!r} has {size:,} bytes and says {member.size:,}; fetch it again")
    return crc
