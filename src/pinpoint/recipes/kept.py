"""Measured once, kept in a file: how sweeps of many trainings are interrupted and go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pinpoint.files import read_json, write_json


def kept(path: Path, resume: bool, measure: Callable[[], Any]) -> Any:
    """What `measure` gives, as JSON: read from `path` if it is there, else measured and written, whole or not at all.

    Name the file by everything that the value depends on.
    """
    if not (resume and path.is_file()):
        write_json(path, measure())
    return read_json(path)
