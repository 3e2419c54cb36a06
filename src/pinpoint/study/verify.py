"""Does a rerun agree with the numbers on record? Every number has a band; this module says which ones left theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pinpoint.errors import PinpointError
from pinpoint.study.layout import Layout, Target, aside, recorded
from pinpoint.study.ledger import Entry, read_ledger
from pinpoint.study.runner import Outcome, Report, run_chapters


@dataclass(frozen=True)
class Comparison:
    """One number: as published, as rerun (None where the rerun did not record it), and whether it is in its band."""

    key: str
    published: Entry
    yours: Entry | None

    @property
    def inside(self) -> bool:
        """|yours - published| <= band."""
        return self.yours is not None and abs(self.yours.value - self.published.value) <= self.published.band + 1e-9


def verification(layout: Layout, profile: str) -> Target:
    """Where verification runs live; they never touch the study."""
    return aside(layout, f"verify/{profile}")


def rerun(layout: Layout, chapters: Sequence[str], profile: str, report: Report | None = None) -> Iterator[Outcome]:
    """Run the chapters again from the start, aside."""
    return run_chapters(layout, chapters, profile, force=True, target=verification(layout, profile), report=report)


def compare(layout: Layout, chapters: Sequence[str], profile: str) -> list[Comparison]:
    """Every published number of `chapters` (default: all) beside that of the last verification run."""
    for chapter in chapters:
        layout.script(chapter)
    published, yours = recorded(layout, profile).ledger, verification(layout, profile).ledger
    if not yours.exists():
        raise PinpointError(f"no verification run of profile {profile} yet; run pinpoint verify without --no-run")
    mine = read_ledger(yours)
    wanted = {key: entry for key, entry in read_ledger(published).items() if not chapters or entry.chapter in chapters}
    if not wanted:
        raise PinpointError(f"{published} holds no numbers to verify; run pinpoint run --profile {profile} first")
    return [Comparison(key, entry, mine.get(key)) for key, entry in sorted(wanted.items())]
