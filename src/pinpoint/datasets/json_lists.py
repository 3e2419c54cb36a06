"""Reading annotation files: JSON lists of records, every fault named with its file, its record and the fix."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from pinpoint.errors import PinpointError
from pinpoint.files import read_json

T = TypeVar("T")


def json_list(path: Path, items: str, fix: str) -> list[Any]:
    """The list in a file. `items` says what it holds, `fix` where the file comes from; no file, another kind of
    content or an empty list raise PinpointError with both."""
    return _content(path, list, f"list of {items}", fix)


def json_table(path: Path, items: str, fix: str) -> dict[str, Any]:
    """The same for a file that holds an object instead of a list."""
    return _content(path, dict, f"table of {items}", fix)


def parsed(path: Path, records: Iterable[Any], parse: Callable[[Any], T], form: str) -> list[T]:
    """`parse` of every record, in order. What it raises becomes a PinpointError with the file and the record's number;
    `form` names the dataset whose form a record should have."""
    rows = []
    for n, record in enumerate(records):
        try:
            rows.append(parse(record))
        except PinpointError as error:
            raise PinpointError(f"{path}, record {n}: {error}") from None
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise PinpointError(f"{path}, record {n}: not of {form}'s form ({error!r}); restore the file") from None
    return rows


def typed(record: Any, key: str, kind: type[T]) -> T:
    """record[key], of exactly this type: a number is no text, and true is no number."""
    value = record[key]
    if type(value) is not kind:
        raise PinpointError(f"{key} is {value!r}, expected {kind.__name__}; restore the released file")
    return value


def below(name: str) -> str:
    """A relative path, in its normal form; PinpointError if it leads out of the folder that it starts from."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith("/") or "\\" in name:
        raise PinpointError(f"{name!r} leads out of the folder; restore the released file")
    return "/".join(parts)


def refuse_twice(names: Iterable[object], fault: str) -> None:
    """Raise PinpointError(`fault`, and the name) for the first name that occurs a second time."""
    seen = set()
    for name in names:
        if name in seen:
            raise PinpointError(f"{fault}: {name!r}; restore the released file")
        seen.add(name)


def _content(path: Path, kind: type[T], what: str, fix: str) -> T:
    if not path.is_file():
        raise PinpointError(f"there is no {path}; {fix}")
    content = read_json(path)
    if not isinstance(content, kind) or not content:
        raise PinpointError(f"{path} is no {what}; {fix}")
    return content
