"""How a recorded number is written on a page."""

from collections.abc import Callable

from pinpoint.errors import unknown
from pinpoint.study.ledger import Entry

DECIMALS = {
    "%": 1,
    "points": 1,
    "s": 1,
    "ms": 1,
    "min": 1,
    "MB": 0,
    "images/s": 0,
    "queries/s": 0,
    "count": 0,
    "1/s": 0,
    "x": 1,
}
TIGHT = {"%"}  # units set without a space


def number(value: float, unit: str) -> str:
    """The value with the decimals its unit deserves; unitless: whole numbers as such, others with two decimals."""
    decimals = DECIMALS.get(unit, 0 if float(value).is_integer() else 2)
    text = f"{value:,.{decimals}f}".replace("-", "−")  # a true minus sign
    return text.replace("−0.0", "0.0") if float(value) == 0 else text


def with_unit(text: str, unit: str) -> str:
    """Append a unit: `53.4%`, `1.2 s`, and nothing for a count."""
    if unit in ("", "count"):
        return text
    return f"{text}{unit}" if unit in TIGHT else f"{text}\N{NO-BREAK SPACE}{unit}"


def interval(entry: Entry) -> str:
    """`50.0–56.0%`, or the value where no interval was recorded."""
    if entry.low is None or entry.high is None:
        return with_unit(number(entry.value, entry.unit), entry.unit)
    between = " to " if entry.low < 0 else "–"  # a dash before a minus cannot be read
    return with_unit(f"{number(entry.low, entry.unit)}{between}{number(entry.high, entry.unit)}", entry.unit)


def value(entry: Entry) -> str:
    """`53.4%`."""
    return with_unit(number(entry.value, entry.unit), entry.unit)


def full(entry: Entry) -> str:
    """`53.4% (95% interval 50.0–56.0%, n = 800)`."""
    notes = [f"95% interval {interval(entry)}"] if entry.low is not None else []
    notes += [f"n = {entry.n:,}"] if entry.n is not None else []
    return f"{value(entry)} ({', '.join(notes)})" if notes else value(entry)


FORMS: dict[str, Callable[[Entry], str]] = {
    "value": value,
    "bare": lambda entry: number(entry.value, entry.unit),
    "ci": interval,
    "both": lambda entry: f"{value(entry)} [{interval(entry)}]",
    "full": full,
    "n": lambda entry: f"{entry.n:,}" if entry.n is not None else "?",
    "seeds": lambda entry: str(entry.seeds),
    "band": lambda entry: "±" + with_unit(number(entry.band, entry.unit), entry.unit),
    "device": lambda entry: entry.device,
}


def written(entry: Entry, form: str) -> str:
    """The entry in one of the `FORMS`."""
    if form not in FORMS:
        raise unknown("form of a number:", form, list(FORMS))
    return FORMS[form](entry)


def origin(entry: Entry, profile: str) -> str:
    """Where a number comes from, for the hover title."""
    seeds = f"{entry.seeds} seed{'s' * (entry.seeds != 1)}"
    return f"{full(entry)}; {seeds}; {entry.device}; profile {profile}, run {entry.seal}"
