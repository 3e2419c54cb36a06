"""What the commands print, and the exit status they return."""

import functools
import http.server
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL.Image import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pinpoint.errors import PinpointError
from pinpoint.study.layout import PUBLISHED, Layout, find_layout
from pinpoint.study.profiles import parse_overrides
from pinpoint.study.runner import Outcome, Report, run_chapters

# Jupyter Book has no __main__, and after Sphinx has said what is wrong it raises a RuntimeError that says nothing more.
_JUPYTER_BOOK = """
import sys
from jupyter_book.cli.main import main
try:
    main()
except RuntimeError:
    sys.exit(1)
"""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def run(chapters: list[str], profile: str, force: bool, pairs: list[str]) -> int:
    """Run chapters; status 1 if one failed."""
    layout, overrides = find_layout(), parse_overrides(pairs)
    return _follow(
        lambda report: run_chapters(layout, chapters, profile, force=force, overrides=overrides, report=report)
    )


def status(profile: str, check: bool) -> int:
    """Print the state of every chapter; with `check`, status 1 unless all are fresh."""
    from pinpoint.study.state import ERROR, FRESH, chapter_state

    layout = find_layout()
    fresh = True
    out.print(f"{'chapter':<28}{'state':<15}{'minutes':>8}{'memory':>10}  {'seal':<14}device")
    for name in layout.chapter_names():
        state = chapter_state(layout, name, profile)
        fresh &= state.name == FRESH
        record = state.record
        memory = f"{record['peak_mb']:,} MB" if record.get("peak_mb") else ""
        colour = "green" if state.name == FRESH else "yellow"
        out.print(
            f"{name:<28}[{colour}]{state.name:<15}[/]{record.get('minutes', ''):>8}{memory:>10}  "
            f"{record.get('seal', ''):<14}{record.get('device', '')}"
        )
        if state.reasons:
            more = f" and {len(state.reasons) - 6} more" if len(state.reasons) > 6 else ""
            label = "" if state.name == ERROR else "changed: "
            out.print(f"    {label}{', '.join(state.reasons[:6])}{more}", markup=False)
    return 1 if check and not fresh else 0


def verify(chapters: list[str], profile: str, no_run: bool) -> int:
    """Rerun unless told not to, print published beside yours; status 1 if a number left its band."""
    from pinpoint.study.verify import compare, rerun

    layout = find_layout()
    failed = 0 if no_run else _follow(lambda report: rerun(layout, chapters, profile, report))
    table = Table("key", "published", "yours", "band", "inside", box=None, pad_edge=False)
    comparisons = compare(layout, chapters, profile)
    for item in comparisons:
        yours = f"{item.yours.value:.4g}" if item.yours else "absent"
        verdict = "[green]yes[/]" if item.inside else "[red]NO[/]"
        table.add_row(item.key, f"{item.published.value:.4g}", yours, f"±{item.published.band:.3g}", verdict)
    out.print(table)
    inside = sum(item.inside for item in comparisons)
    out.print(f"{inside} of {len(comparisons)} numbers are inside their bands")
    return 1 if failed or inside < len(comparisons) else 0


def book(strict: bool, no_run: bool) -> int:
    """Execute what is stale, write the status page, render."""
    from pinpoint.study.statuspage import write_status_page

    layout = find_layout()
    failed = 0 if no_run else _follow(lambda report: run_chapters(layout, [], PUBLISHED, report=report))
    write_status_page(layout)
    options = ["-W", "-n", "--keep-going"] if strict else []
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(layout.root), *options]
    built = subprocess.run(command, cwd=layout.root, check=False).returncode
    return 1 if failed or built else 0


def lint() -> int:
    """Print every finding; status 1 if there is one."""
    from pinpoint.study.lint import lint_all

    findings = lint_all(find_layout())
    for finding in findings:
        out.print(escape(str(finding)))
    out.print("no findings" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


def serve(port: int) -> None:
    """Serve _build/html on the loopback interface until interrupted."""
    folder = _html(find_layout())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        out.print(f"http://127.0.0.1:{port}/  (Ctrl-C to stop)")
        server.serve_forever()


def clean() -> None:
    """Remove _build and runs."""
    layout = find_layout()
    for folder in (layout.root / "_build", layout.runs):
        shutil.rmtree(folder, ignore_errors=True)


def save(picture: Image, path: Path) -> None:
    """Write a contact sheet; the format follows from the name."""
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise PinpointError(f"cannot write {path}: {error}") from None
    out.print(str(path), markup=False)


def _html(layout: Layout) -> Path:
    folder = layout.root / "_build" / "html"
    if not (folder / "index.html").is_file():
        raise PinpointError(f"{folder} is not built yet; run pinpoint book")
    return folder


def _follow(outcomes: Callable[[Report], Iterable[Outcome]]) -> int:
    """Show progress on a terminal, one line per chapter anywhere; return 1 if a chapter failed."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failed = 0
    lines = err if err.is_terminal and out.is_terminal else out  # above the bar, if both share the screen
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("reading chapters", total=None)

        def report(chapter: str, cell: int, cells: int, seconds: float) -> None:
            bar.update(task, description=chapter, completed=cell, total=cells)

        for outcome in outcomes(report):
            bar.reset(task, description="")
            failed += outcome.status == "failed"
            if outcome.status == "failed":
                err.print(f"[bold red]failed[/]    {escape(outcome.message)}")
            else:
                took = f"  {outcome.seconds:.1f} s" if outcome.status == "ran" else ""
                lines.print(f"{outcome.status:<9} {outcome.chapter}{took}")
    return 1 if failed else 0
