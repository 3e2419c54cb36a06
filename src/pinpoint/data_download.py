"""One file from the network, whole or not at all: it grows under another name and is moved when all is right.

pooch streams it. What pooch leaves out is here: going on with a file that was begun (HTTP Range, guarded by the
server's validator, so that two versions are never joined), the stated size, the room on the disk, and a helpful error.
"""

import errno
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pinpoint.data_archives import require_room
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, locked, read_json, write_json

ATTEMPTS, PAUSE = 4, 2.0  # tries after a broken connection, and seconds before the second one
TIMEOUT = (30, 60)  # seconds to connect, and without a byte
CHUNK = 2**16
STAND_INS = {b"version https://git-lfs": "a pointer of Git LFS", b"<!DOCTYPE": "a page", b"<html": "a page"}


@dataclass(frozen=True)
class Known:
    """What is known of a file beforehand: bytes, SHA-256 and where the latter is from; more room that it will need."""

    size: int | None = None
    sha256: str | None = None
    source: str = "the table of data sets"
    unpacked: bool = False  # it needs its size a second time


UNKNOWN = Known()


def download(url: str, target: Path, known: Known = UNKNOWN, progress: Callable[[int], Any] | None = None) -> str:
    """Fetch `url` to `target`, going on where an earlier try stopped; the SHA-256 of the file.

    A file that is there is never touched: the caller asks for one that is not. progress: makes pooch's progress bar,
    given the bytes that are there already. Raises PinpointError, which names the file and the fix, for a server that
    refuses, a connection that breaks again and again (the part stays), a full disk, and a file that is not the known.
    """
    part = target.with_name(f".{target.name}.part")
    with locked(target):
        if target.exists():  # another process was quicker
            return file_digest(target)
        transfer = Transfer(url, target, part, known)
        transfer.run(progress)
        sha256 = _checked(url, target, part, known)
        part.replace(target)
        transfer.note.unlink(missing_ok=True)
    return sha256


class Transfer:
    """One file on its way. The note beside the part holds the server's validator and the whole size."""

    def __init__(self, url: str, target: Path, part: Path, known: Known) -> None:
        self.url, self.target, self.part, self.known = url, target, part, known
        self.note = part.with_name(f"{part.name}.json")
        self.total: int | None = None
        self.validator = ""  # under which the part was begun
        self.handle: IO[bytes]

    def run(self, progress: Callable[[int], Any] | None) -> None:
        """Stream until the part is whole; a broken connection is taken up again, a few times."""
        for attempt in range(ATTEMPTS):
            try:
                self.stream(progress)
                return
            except OSError as error:  # of the disk with a number; of the network without, and with what was answered
                if error.errno is not None:
                    raise self.stopped(error) from error
                if getattr(error, "response", None) is not None or isinstance(error, ValueError):
                    raise self.failed(str(error)) from None
                broken = error
            if attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE * 2**attempt)
        raise self.failed(f"the connection broke {ATTEMPTS} times ({type(broken).__name__})")

    def stream(self, progress: Callable[[int], Any] | None) -> None:
        """One request. What is there already is asked for no more, if the server can do that."""
        from pooch import HTTPDownloader

        self.remember()
        with open(self.part, "ab") as self.handle:
            if not self.validator and self.known.sha256 is None:  # nothing would show that two versions were joined
                self.empty()
            have = self.handle.tell()
            if have and have == self.total:
                return
            headers = {"Accept-Encoding": "identity"}
            if have:
                headers |= {"Range": f"bytes={have}-"} | ({"If-Range": self.validator} if self.validator else {})
            bar = progress(have) if progress else False
            fetch = HTTPDownloader(progressbar=bar, chunk_size=CHUNK, headers=headers, timeout=TIMEOUT,
                                   hooks={"response": self.answered})  # fmt: skip
            fetch(self.url, self.handle, None)
            self.handle.flush()
            if self.total is not None and self.handle.tell() < self.total:
                raise ConnectionError(f"{self.handle.tell():,} of {self.total:,} bytes came")

    def remember(self) -> None:
        """What the note says of a part that was begun at this address."""
        noted = read_json(self.note) if self.part.exists() and self.note.is_file() else {}
        if noted.get("url") == self.url:
            self.validator, self.total = str(noted["validator"]), noted["total"]

    def answered(self, response: Any, **_: Any) -> None:
        """What pooch's HTTP client calls with every answer, before the body is read."""
        have, tag, status = self.handle.tell(), _validator(response), response.status_code
        begin = _begin(response.headers.get("Content-Range", "")) if status == 206 else 0
        if status == 416 or begin not in (0, have) or (begin and self.validator not in ("", tag)):
            self.empty()
            raise ConnectionError(f"the server has no part of this file from byte {have:,}")
        if status not in (200, 206):
            return  # a redirection, or an error that pooch raises
        if begin == 0:
            self.empty()
        self.total = self.stated(response, begin)
        if (size := self.total or self.known.size) is not None:
            needed = size - begin + size * self.known.unpacked
            require_room(self.part.parent, needed, f"fetch {self.target.name}")
        write_json(self.note, {"url": self.url, "validator": tag, "total": self.total})

    def empty(self) -> None:
        """Throw away what came."""
        self.handle.seek(0)
        self.handle.truncate()
        self.note.unlink(missing_ok=True)
        self.total, self.validator = None, ""

    def stated(self, response: Any, begin: int) -> int | None:
        """The whole size by the headers; with nothing to tell a whole file by, an error."""
        length = response.headers.get("Content-Length")
        encoded = response.headers.get("Content-Encoding", "identity") != "identity"
        total = None if length is None or encoded else begin + int(length)
        if total is not None and self.known.size not in (None, total):
            raise self.failed(f"it has {total:,} bytes there, and {self.known.size:,} in {self.known.source}")
        ends = response.headers.get("Transfer-Encoding") == "chunked" or encoded
        if total is None and self.known.size is None and self.known.sha256 is None and not ends:
            raise self.failed("the server does not say how large it is, so nothing would tell a half file from a whole")
        return total

    def failed(self, why: str) -> PinpointError:
        """The error for an address that does not give the file."""
        kept = f"; {self.part} keeps what came" if self.part.exists() and self.part.stat().st_size else ""
        return PinpointError(
            f"could not fetch {self.target.name} from {self.url}: {why}{kept}. Run the same command again, or get the "
            f"file by hand and put it at {self.target}"
        )

    def stopped(self, error: OSError) -> PinpointError:
        """The error for a disk that takes no more."""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else error.strerror or str(error)
        return PinpointError(
            f"cannot write {self.part}: {why}; mend that and run the same command again, it goes on there"
        )


def _validator(response: Any) -> str:
    """What changes with the file's bytes: its tag, unless that is a weak one, or its date; "" without either."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag and not tag.startswith("W/") else str(response.headers.get("Last-Modified", ""))


def _begin(content_range: str) -> int:
    """The first byte of `bytes 100-199/200`; -1 for anything else."""
    found = re.match(r"bytes (\d+)-", content_range)
    return int(found[1]) if found else -1


def _checked(url: str, target: Path, part: Path, known: Known) -> str:
    """The SHA-256 of a whole part; a part that is something else is removed, and the error says what it is."""
    with open(part, "rb") as file:
        start = file.read(64).lstrip()
    size, sha256 = part.stat().st_size, file_digest(part)
    stand_in = next((what for sign, what in STAND_INS.items() if start.lower().startswith(sign.lower())), None)
    if known.sha256 in (None, sha256) and known.size in (None, size) and stand_in is None:
        return sha256
    part.unlink()
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)
    if stand_in is not None:
        raise PinpointError(f"{url} gave {stand_in} in place of {target.name}; get it by hand and put it at {target}")
    raise PinpointError(
        f"{url} gave {size:,} bytes of SHA-256 {sha256[:12]}…, and {known.source} says "
        f"{known.size or size:,} bytes of {(known.sha256 or 'any')[:12]}… for {target}; the publisher changed it or it "
        "was damaged on its way. Fetch again; if it stays so, keep an old copy, or remove its entry there to accept it"
    )
