"""From script to page: run what is stale, one chapter after the other, and publish only what ran to its end.

Order of the three writes that publish a chapter: ledger, provenance record, notebook. The notebook carries the seal
that `state_of` compares with the other two, so a run killed between writes is seen as stale and simply runs again.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path, write_json
from pinpoint.study.clean import publish
from pinpoint.study.layout import Layout, Target, aside, recorded
from pinpoint.study.ledger import from_side_file, merge
from pinpoint.study.profiles import load_profile
from pinpoint.study.state import FRESH, PROSE, Plan, make_plan, read_executed, state_of

Report = Callable[[str, int, int, float], None]  # chapter, cell, cells, seconds


@dataclass(frozen=True)
class Outcome:
    """What became of one chapter: `ran`, `fresh`, `refreshed` or `failed` (with the reason)."""

    chapter: str
    status: str
    seconds: float = 0.0
    message: str = ""


def run_chapters(
    layout: Layout, chapters: Sequence[str], profile: str, *, force: bool = False,
    overrides: Mapping[str, Any] | None = None, target: Target | None = None, report: Report | None = None,
) -> Iterator[Outcome]:  # fmt: skip
    """Run the stale ones of `chapters` (default: all), yield an `Outcome` for each; a failure does not stop the rest.

    With `overrides` nothing of the study is touched: notebook and numbers go to `runs/custom/`.
    """
    if target is None:
        target = aside(layout, "custom") if overrides else recorded(layout, profile)
    names = list(dict.fromkeys(chapters)) or layout.chapter_names()
    for name in names:  # every mistake in names, parameters and headers shows before the first minute is spent
        make_plan(layout, name, profile, overrides)
    for name in names:
        plan = make_plan(layout, name, profile, overrides)
        state = None if force or overrides else state_of(layout, plan, target).name
        if state == FRESH:
            yield Outcome(name, "fresh")
        elif state == PROSE:
            _refresh(plan, target)
            yield Outcome(name, "refreshed")
        else:
            yield _run(layout, plan, target, overrides or {}, report)


def _run(layout: Layout, plan: Plan, target: Target, overrides: Mapping[str, Any], report: Report | None) -> Outcome:
    from pinpoint.study.execute import ChapterFailed, execute

    def progress(cell: int, cells: int, seconds: float) -> None:
        if report is not None:
            report(plan.chapter, cell, cells, seconds)

    run = load_profile(layout, plan.profile).run
    log = layout.runs / "logs" / f"{plan.chapter}.{plan.profile}.log"
    start = time.monotonic()
    with _work_folder(layout, plan.chapter) as work:
        try:
            executed, side = execute(
                layout, plan.notebook, plan.chapter, plan.profile, run, overrides, work, log, progress
            )
            seconds = time.monotonic() - start
            _publish(plan, target, executed, side, seconds)
        except (ChapterFailed, PinpointError) as failure:
            return Outcome(plan.chapter, "failed", time.monotonic() - start, str(failure))
    return Outcome(plan.chapter, "ran", seconds)


def _publish(plan: Plan, target: Target, executed: NotebookNode, side: Path, seconds: float) -> None:
    """Write ledger, record and notebook of a chapter that ran to its end.

    The seal was made before the run: sources edited meanwhile make the new notebook stale, as they should.
    """
    entries, about = from_side_file(side)
    merge(target.ledger, plan.chapter, entries, plan.seal.short)
    record = {
        "chapter": plan.chapter, "profile": plan.profile, "seal": plan.seal.short, "minutes": round(seconds / 60, 2),
        "device": about.get("device", "CPU"), "peak_mb": about.get("peak_mb"), "versions": about.get("versions", {}),
        "numbers": len(entries),
    }  # fmt: skip
    write_json(target.record(plan.chapter, plan.profile), record)
    mark = {
        "chapter": plan.chapter, "profile": plan.profile, "seal": plan.seal.short, "parts": plan.seal.parts,
        "text": plan.text, "quoted": about.get("quoted", {}), "keys": sorted(entries), "device": record["device"],
    }  # fmt: skip
    _write_notebook(target.notebook(plan.chapter), publish(plan.notebook, executed, mark))


def _refresh(plan: Plan, target: Target) -> None:
    """New prose around the outputs of unchanged code."""
    executed = read_executed(target, plan.chapter)
    if executed is not None:
        mark = executed.metadata["pinpoint"] | {"text": plan.text}
        _write_notebook(target.notebook(plan.chapter), publish(plan.notebook, executed, mark))


def _write_notebook(path: Path, notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    with atomic_path(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n")


@contextmanager
def _work_folder(layout: Layout, chapter: str) -> Iterator[Path]:
    """A scratch folder below `runs/work`, named after this process; those of dead processes are removed."""
    base = layout.runs / "work"
    base.mkdir(parents=True, exist_ok=True)
    for old in base.iterdir():
        if not _alive(old.name.partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{chapter}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
