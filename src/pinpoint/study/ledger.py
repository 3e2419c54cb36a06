"""The ledger: every number of the study with its interval, its origin and the band a rerun must fall into.

`results/<profile>.json` is one JSON object `{key: {value, low, high, n, seeds, unit, device, band, seal, chapter}}`.
A notebook records into a side file; the runner merges it when the whole chapter has succeeded.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pinpoint.errors import PinpointError
from pinpoint.files import locked, read_json, write_json

KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
PERCENT_FLOOR = 1.0  # points: two machines may order near-ties differently
RELATIVE_FLOOR = 0.05


@dataclass(frozen=True)
class Entry:
    """One recorded number.

    `value`, `low`, `high` and `band` are in `unit` (a recall of 53 in a hundred is 53.0 with unit "%"); `low` and
    `high` bound the 95 % interval; `n` counts what was averaged over; a rerun agrees if it is within `band` of `value`.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    seeds: int = 1
    unit: str = "%"
    device: str = ""
    band: float = 0.0
    seal: str = ""
    chapter: str = ""


def make_entry(
    key: str, value: Any, low: Any, high: Any, n: Any, seeds: int, unit: str, band: Any, device: str, chapter: str
) -> Entry:
    """A checked entry: a well-formed key, finite numbers, the value inside its interval."""
    if not KEY.fullmatch(key):
        raise PinpointError(f"ledger key {key!r} must be dotted lower-case words, such as facets.clip.weather.r5")
    numbers = {name: _finite(key, name, x) for name, x in (("value", value), ("low", low), ("high", high))}
    if numbers["value"] is None:
        raise PinpointError(f"ledger key {key}: value is missing")
    if (low is None) != (high is None):
        raise PinpointError(f"ledger key {key}: give both low and high, or neither")
    slack = 1e-9 * max(1.0, abs(numbers["value"]))
    if low is not None and not numbers["low"] - slack <= numbers["value"] <= numbers["high"] + slack:
        raise PinpointError(f"ledger key {key}: value {value} lies outside its interval [{low}, {high}]")
    band = _finite(key, "band", band)
    if band is not None and band < 0:
        raise PinpointError(f"ledger key {key}: band {band} is negative")
    entry = Entry(**numbers, n=None if n is None else int(n), seeds=int(seeds), unit=unit, device=device,
                  chapter=chapter)  # fmt: skip
    return replace(entry, band=default_band(entry) if band is None else band)


def default_band(entry: Entry) -> float:
    """Half the width of the interval, and at least a floor: 1 point for "%", 5 % of the value for other units.

    A rerun with other hardware changes low bits, hence near-ties, hence a few ranks: much less than resampling the
    queries would. Half the interval is therefore generous to noise and still catches a real change.
    """
    floor = PERCENT_FLOOR if entry.unit == "%" else RELATIVE_FLOOR * abs(entry.value)
    half = (entry.high - entry.low) / 2 if entry.low is not None and entry.high is not None else 0.0
    return round(max(half, floor), 6)


def read_ledger(path: Path) -> dict[str, Entry]:
    """The entries of a ledger file; an absent file is an empty ledger, a damaged one an error."""
    if not path.exists():
        return {}
    return _entries(path, read_json(path))


def lookup(ledger: Mapping[str, Entry], key: str, where: str) -> Entry:
    """One entry; a missing one is an error that names the nearest keys."""
    if key in ledger:
        return ledger[key]
    near = difflib.get_close_matches(key, ledger, n=4, cutoff=0.5)
    hint = f"near it: {', '.join(near)}" if near else "nothing like it is"
    raise PinpointError(
        f"{key!r} is not on record in {where} ({hint}); run the chapter that records it, or mend the key"
    )


def merge(path: Path, chapter: str, entries: Mapping[str, Entry], seal: str) -> None:
    """Replace all numbers of `chapter` by `entries`, keep the others; the file is whole at every instant."""
    with locked(path):
        kept = {key: entry for key, entry in read_ledger(path).items() if entry.chapter != chapter}
        for key in entries:
            if key in kept:
                raise PinpointError(f"ledger key {key} is recorded by {kept[key].chapter} already; rename one of them")
        merged = kept | {key: replace(entry, seal=seal, chapter=chapter) for key, entry in entries.items()}
        write_json(path, {key: asdict(entry) for key, entry in merged.items()})


def from_side_file(path: Path) -> tuple[dict[str, Entry], dict[str, Any]]:
    """The entries a notebook recorded, and what it reported about itself (device, memory, versions, quotes)."""
    content = read_json(path) if path.exists() else {}
    return _entries(path, content.get("entries", {})), content.get("about", {})


def _entries(path: Path, content: Any) -> dict[str, Entry]:
    try:
        return {key: Entry(**fields) for key, fields in content.items()}
    except (AttributeError, TypeError) as error:
        raise PinpointError(f"{path} is not a ledger ({error}); restore it or run the chapters again") from None


def _finite(key: str, name: str, number: Any) -> Any:
    if number is None:
        return None
    if isinstance(number, bool) or not math.isfinite(float(number)):
        raise PinpointError(f"ledger key {key}: {name} is {number}, not a finite number")
    return float(number)
