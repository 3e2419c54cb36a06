"""How fast it is, measured: `pinpoint bench`.

A rate is what one machine did. A ratio sets two ways to the same result side by side in one run, after a check that
they agree, and travels better from machine to machine. Every number is the median of a few repeats and carries its
least and its greatest.
"""

import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pinpoint.bench_rows import ROWS, Sizes, encoder
from pinpoint.devices import processor
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest
from pinpoint.timing import Measurement

FULL = Sizes()
QUICK = Sizes(scenes=20, queries=500, images=32, vectors=5_000, reranked=10, repeats=2)
CHAPTER = "bench"


def measure(name: str = "", sizes: Sizes = FULL) -> Iterator[Measurement]:
    """The rows called `name` or `name.…`, all without a name, each as soon as it is measured.

    Raises PinpointError at once for an unknown name, and where a fast path and its slow twin disagree.
    """
    chosen = [row for row in ROWS if not name or row == name or row.startswith(f"{name}.")]
    if not chosen:
        groups = {row.partition(".")[0] for row in ROWS}
        raise unknown("benchmark", name, [*(groups - ROWS.keys()), *ROWS])
    return (ROWS[row](row, sizes) for row in chosen)


def report(name: str = "", quick: bool = False, record: bool = False) -> None:
    """Print the rows while they are measured; with `record`, put the whole table on record."""
    from pinpoint.study.console import out
    from pinpoint.study.layout import find_layout

    if record and (name or quick):
        raise PinpointError("--record replaces the whole table; leave out the name and --quick")
    ledger = find_layout().results / "recorded.json" if record else None
    done: list[Measurement] = []
    for row in measure(name, QUICK if quick else FULL):
        if not done:
            out.print(f"{'benchmark':<20}{'median':>10}     {'least to greatest':<22}compared with, or what ran")
        low, _, high = row.spread
        spread = f"{rounded(low):,g} to {rounded(high):,g}" if row.repeats > 1 else ""
        out.print(f"{row.name:<20}{rounded(row.value):>10,g} {row.unit:<4}{spread:<22}{row.against}", markup=False)
        done.append(row)
    out.print(device())
    if ledger:
        put_on_record(ledger, done)


def put_on_record(ledger: Path, rows: Iterable[Measurement]) -> None:
    """Replace the benchmark's numbers in a ledger, keys `bench.NAME`. Machines differ: the band is the value itself."""
    from pinpoint.study.chapter import versions
    from pinpoint.study.ledger import make_entry, merge

    entries = {}
    for row in rows:
        key, value = f"{CHAPTER}.{row.name}", rounded(row.value)
        entries[key] = make_entry(key, value, None, None, row.repeats, 1, row.unit, abs(value), device(), CHAPTER)
    sealed = {"sizes": asdict(FULL), "encoder": encoder().record.digest, "versions": versions()}
    merge(ledger, CHAPTER, entries, digest(sealed)[:12])


def rounded(value: float) -> float:
    """Three digits: a benchmark knows no more."""
    return float(f"{value:.3g}")


def device() -> str:
    """The processor as the operating system names it, and the threads that the libraries may use."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return processor(name=(models or [platform.machine()])[0])
