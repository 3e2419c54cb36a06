"""Measured once, kept in a file: how sweeps of many trainings are interrupted and go on; and what trials are called."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pinpoint.files import read_json, write_json
from pinpoint.study.ledger import Entry, make_entry


def kept(path: Path, resume: bool, measure: Callable[[], Any]) -> Any:
    """What `measure` gives, as JSON: read from `path` if it is there, else measured and written, whole or not at all.

    Name the file by everything that the value depends on.
    """
    if not (resume and path.is_file()):
        write_json(path, measure())
    return read_json(path)


def label(value: float) -> str:
    """A number as keys and files name it: 3e-05 is `3em05`, 0.5 is `0_5`."""
    return f"{value:g}".replace(".", "_").replace("-", "m")


def trial_entries(trials: Mapping[str, float], device: str, source: str) -> dict[str, Entry]:
    """Trials of one seed on the development split as entries of the ledger, in percent, by their keys."""
    return {
        key: make_entry(key, value, None, None, None, 1, "%", None, device, source) for key, value in trials.items()
    }
