"""Content hashes and writes that are whole or absent."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from pinpoint.errors import PinpointError

ELSEWHERE, CACHE_ELSEWHERE = "free space, or choose another folder", "free space or set PINPOINT_CACHE"


def canonical_json(obj: Any) -> str:
    """The one JSON text of `obj`: sorted keys, no spaces, NaN refused. Dataclasses count as their fields."""
    value = asdict(obj) if is_dataclass(obj) and not isinstance(obj, type) else obj
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(obj: Any) -> str:
    """SHA-256 of the canonical JSON of `obj`, as 64 hex digits."""
    return hashlib.sha256(canonical_json(obj).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it into place only if the block ends well.

    A process killed half-way leaves a `.tmp` file that nothing ever reads, never a short `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time read, change and replace `path`. The lock dies with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock.tmp")  # matches the ignored pattern *.tmp
    with open(lock, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_json(path: Path, obj: Any, *, indent: int | None = 1, fix: str = ELSEWHERE) -> None:
    """Write `obj` as JSON, atomically, with sorted keys so that diffs stay small.

    Raises `PinpointError` naming `path`, and the `fix`, where it cannot be written.
    """
    text = json.dumps(obj, sort_keys=True, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(text)
    except OSError as error:
        why = error.strerror or str(error)
        raise PinpointError(f"cannot write {path} ({why}); {fix}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or damaged one is an error that names it."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise PinpointError(f"{path} is missing") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PinpointError(f"{path} is not valid JSON ({error}); restore or delete it") from None
