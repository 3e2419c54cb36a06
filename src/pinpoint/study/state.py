"""Is an executed chapter what today's code, parameters, weights and data would make?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nbformat
from nbformat import NotebookNode

from pinpoint.errors import PinpointError
from pinpoint.files import digest, read_json
from pinpoint.study.layout import Layout, Target, recorded
from pinpoint.study.ledger import read_ledger
from pinpoint.study.profiles import Params, load_profile
from pinpoint.study.script import read_script
from pinpoint.study.seal import Seal, differences, make_seal, quotes_changed

FRESH, PROSE, STALE, ABSENT, ERROR = "fresh", "prose changed", "stale", "not run", "error"


@dataclass(frozen=True)
class Plan:
    """A chapter as it would run now."""

    chapter: str
    profile: str
    notebook: NotebookNode
    params: Params
    seal: Seal
    text: str  # hash of the whole script as cells, prose and comments included


@dataclass(frozen=True)
class State:
    """Fresh, prose changed, stale, not run or in error; `reasons` says why; `record` is the last run's provenance."""

    name: str
    reasons: tuple[str, ...]
    record: Mapping[str, Any]


def make_plan(layout: Layout, chapter: str, profile: str, overrides: Mapping[str, Any] | None = None) -> Plan:
    """Read and seal a chapter; everything a user can get wrong about it is an error here, before anything runs."""
    notebook = read_script(layout.script(chapter))
    params = load_profile(layout, profile).chapter(chapter, overrides)
    text = digest([[cell.cell_type, cell.source, cell.metadata] for cell in notebook.cells])[:12]
    return Plan(chapter, profile, notebook, params, make_seal(layout, notebook, params), text)


def read_executed(target: Target, chapter: str) -> NotebookNode | None:
    """The executed notebook of a chapter, or None where there is none; a damaged one is an error."""
    path = target.notebook(chapter)
    if not path.is_file():
        return None
    try:
        return nbformat.reads(path.read_text(), as_version=4)
    except (json.JSONDecodeError, UnicodeDecodeError, nbformat.reader.NotJSONError):
        raise PinpointError(f"{path} is not a notebook; delete it and run pinpoint run {chapter}") from None


def state_of(layout: Layout, plan: Plan, target: Target | None = None) -> State:
    """Compare a chapter's executed notebook with its plan."""
    target = target or recorded(layout, plan.profile)
    executed = read_executed(target, plan.chapter)
    record_path = target.record(plan.chapter, plan.profile)
    record = read_json(record_path) if record_path.is_file() else {}
    if executed is None:
        return State(ABSENT, (), record)
    mark = executed.metadata.get("pinpoint", {})
    reasons = differences(mark.get("parts", {}), plan.seal.parts) + quotes_changed(layout, mark.get("quoted", {}))
    if record.get("seal") != mark.get("seal"):
        reasons.append("record of the run")
    numbers = read_ledger(target.ledger)
    if any(entry.seal != mark.get("seal") for entry in numbers.values() if entry.chapter == plan.chapter) or any(
        key not in numbers for key in mark.get("keys", [])
    ):
        reasons.append("numbers in the ledger")
    if reasons:
        return State(STALE, tuple(reasons), record)
    return State(FRESH if mark.get("text") == plan.text else PROSE, (), record)


def chapter_state(layout: Layout, chapter: str, profile: str) -> State:
    """The state of a chapter; a mistake in its sources is a state too, and does not hide that of the others."""
    try:
        return state_of(layout, make_plan(layout, chapter, profile))
    except PinpointError as error:
        return State(ERROR, (str(error),), {})
