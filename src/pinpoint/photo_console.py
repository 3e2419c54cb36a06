"""What `pinpoint index` and `pinpoint search` print, and the exit status they return."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from pinpoint.photo_files import Report, require_folder
from pinpoint.photo_index import PhotoIndex, index_folder
from pinpoint.study.console import err, out

if TYPE_CHECKING:
    from pinpoint.photo_search import Answer

Result = TypeVar("Result")


def index(folder: Path, encoder: str, prompt: str | None, strict: bool) -> int:
    """Bring an index up to date; status 1 if a file could not be read and that is an error (`strict`)."""
    from pinpoint.photo_methods import Question
    from pinpoint.photo_models import open_model
    from pinpoint.photo_search import drawn_note, folder_notes

    require_folder(folder)
    model = open_model(encoder, Question(prompt=prompt).full_prompt)
    made = _followed(lambda report: index_folder(folder, model.side, report=report))
    out.print(Text(shown(_summary(made, model.name))))
    return _end(made, [*folder_notes(made), *drawn_note(model)], strict)


def search(
    folder: Path, text: str | None, image: Path | None, prompt: str | None, method: str | None, encoder: str | None,
    rerank: int | None, top: int, as_json: bool, html: Path | None, strict: bool,
) -> int:  # fmt: skip
    """Answer a question on the terminal, as JSON, as a page; status as for `index`."""
    from pinpoint.contact_sheet import check_name, write_sheet
    from pinpoint.photo_methods import Question
    from pinpoint.photo_search import search as ask

    question = Question(text, image, prompt)
    if html is not None:
        check_name(html)
    answer = _followed(
        lambda report: ask(folder, question, method=method, encoder=encoder, rerank_k=rerank, top=top, report=report)
    )
    if as_json:
        print(json.dumps(answer.to_json(), indent=1))
    else:
        _print_table(answer)
    if html is not None:
        write_sheet(html, answer)
        (err if as_json else out).print(Text(shown(str(html))))
    return _end(answer.index, answer.notes, strict)


def shown(text: str) -> str:
    """A text for a terminal: what is not printable, such as an escape sequence in a file's name, is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _print_table(answer: "Answer") -> None:
    """How it was asked; then rank, score, path, and with stage 2 also the rank before it."""
    staged = answer.rerank is not None
    columns = [Column("rank", justify="right"), Column("score", justify="right"), Column("path", overflow="fold")]
    if staged:
        columns[1:2] = [Column("before", justify="right"), Column("stage", justify="right"), columns[1]]
    table = Table(*columns, box=None, pad_edge=False)
    for hit in answer.hits:
        middle = [str(hit.before), str(hit.stage)] if staged else []
        table.add_row(str(hit.rank), *middle, f"{hit.score:.3f}", Text(shown(hit.path)))
    longest = max(len(shown(hit.path)) for hit in answer.hits)
    console = out if out.is_terminal else Console(highlight=False, width=longest + 60)  # a pipe has no width to fold at
    out.print(Text(shown(answer.said())))
    console.print(table)


def _summary(made: PhotoIndex, name: str) -> str:
    """One line: how many pictures there are, and what has changed."""
    there = f"{len(made):,} picture{'s' * (len(made) != 1)} of {made.listing.root} in the index of {name}"
    return f"{there}: {made.encoded:,} encoded now, {len(made.gone):,} gone since the last visit"


def _end(made: PhotoIndex, notes: Sequence[str], strict: bool) -> int:
    """What the reader should know, at the end, and the exit status."""
    for note in notes:
        err.print(Text(shown(f"note: {note}")))
    if made.unreadable:
        n = len(made.unreadable)
        err.print(f"{n} file{'s' * (n > 1)} could not be read, left out of the index:")
    for file in made.unreadable:
        err.print(Text(f"  {shown(file.reason)}"))
    return 1 if strict and made.unreadable else 0


def _followed(work: Callable[[Report], Result]) -> Result:
    """Do the work behind a bar on a terminal; an interruption says that nothing is lost."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("opening", total=None)

        def report(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total)

        try:
            return work(report)
        except KeyboardInterrupt:
            said = "stopped; what is encoded is kept, and the same command goes on from there"
            raise KeyboardInterrupt(said) from None
