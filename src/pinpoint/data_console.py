"""What `pinpoint data` prints, and the exit status it returns."""

import sys
from typing import Any

from rich.console import Console

from pinpoint.data_fetch import LOCK, data_folder, fetch
from pinpoint.data_sources import BY_NAME, DATASETS, Dataset
from pinpoint.errors import PinpointError, unknown

out = Console(highlight=False, soft_wrap=True)
COLOURS = {"whole": "green", "incomplete": "yellow", "absent": "red"}


class Bar:
    """The progress bar that pooch fills, for a file of which `have` bytes came before; on stderr."""

    def __init__(self, have: int) -> None:
        from tqdm import tqdm

        self.have, self.bar = have, tqdm(initial=have, unit="B", unit_scale=True, leave=False, file=sys.stderr)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "total":  # pooch states what is still to come
            self.bar.total = self.have + value
        else:
            super().__setattr__(name, value)

    def update(self, n: int) -> None:
        """Some bytes came; pooch counts whole chunks, so the last one may be too many."""
        self.bar.update(min(n, max(0, (self.bar.total or sys.maxsize) - self.bar.n)))

    def reset(self) -> None:
        """Pooch counts anew at the end."""
        self.bar.n = self.have

    def close(self) -> None:
        """The file is there."""
        self.bar.close()


def rows(names: list[str]) -> list[Dataset]:
    """The rows of some names, in their order, or all for none; an unknown name is an error that lists the known."""
    for name in names:
        if name not in BY_NAME:
            raise unknown("data set", name, list(BY_NAME))
    return [BY_NAME[name] for name in names] or list(DATASETS)


def list_rows() -> int:
    """The table of all rows: name, what `fetch` brings, who reads it; below each, what it is and its licence."""
    out.print(f"{'name':<18}{'to fetch':<34}read by")
    for row in DATASETS:
        out.print(f"{row.name:<18}{size_of(row):<34}{row.readers}", markup=False)
        out.print(f"    {row.what}\n    licence: {row.licence}", markup=False)
    return 0


def size_of(row: Dataset) -> str:
    """What `fetch` brings, as far as sizes are known before."""
    sizes = [file.size for file in row.files]
    known = sum(size or 0 for size in sizes)
    more = "more than " if None in sizes and known else ""
    amount = f"{more}{known / 1e9:,.1f} GB" if known > 1e8 else f"{more}{known / 1e6:,.1f} MB" if known else ""
    number = f"{len(sizes)} file{'s' * (len(sizes) > 1)}" if sizes else ""
    return ", ".join(filter(None, (number, amount, "by hand" if row.by_hand else "")))


def where_rows(names: list[str]) -> int:
    """The data folder, and for each row its folder, what its adapter expects there, and who reads it."""
    folder = data_folder()
    out.print(f"{folder}  (PINPOINT_DATA names another; {LOCK} there records what was fetched)", markup=False)
    for row in rows(names):
        there = "" if (folder / row.folder).is_dir() else "  (not there)"
        out.print(f"\n{row.name}: {folder / row.folder}{there}\n  {row.layout}\n  read by {row.readers}", markup=False)
    return 0


def fetch_rows(names: list[str], images: bool = True, keep: bool = False) -> int:
    """Fetch some rows; their order is kept, and the first that fails ends it."""
    if not names:
        known = ", ".join(row.name for row in DATASETS if row.files)
        raise PinpointError(f"say which: {known}; all together are some seventy gigabytes")
    folder, progress = data_folder(), Bar if sys.stderr.isatty() else None
    for row in rows(names):
        fetch(row, folder, images=images, keep=keep, say=_say, progress=progress)
    return 0


def verify_rows(names: list[str], quick: bool = False) -> int:
    """Check rows and print what was found; status 1 if a row that was named, or is there, is not whole."""
    from pinpoint.data_verify import ABSENT, WHOLE, verify

    folder, bad = data_folder(), False
    for row in rows(names):
        report = verify(row, folder, quick)
        bad |= report.state != WHOLE and (bool(names) or report.state != ABSENT)
        out.print(f"[{COLOURS[report.state]}]{report.state:<11}[/] {row.name}")
        for line in report.reads:
            out.print(f"    {line}", markup=False)
        for line in report.faults:
            out.print(f"  ! {line}", markup=False)
        if report.state != WHOLE:
            out.print(f"    to get it: {report.fix}", markup=False)
    return int(bad)


def _say(line: str) -> None:
    out.print(line, markup=False)
