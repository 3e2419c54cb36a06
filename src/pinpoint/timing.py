"""Measuring speed: rates, and ratios of two ways to one result that were shown to agree."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from timeit import timeit

import numpy as np

from pinpoint.errors import PinpointError

Work = Callable[[], object]


@dataclass(frozen=True)
class Measurement:
    """One row: the median of `repeats` in `unit`, what it is compared with (or what ran), least, median, greatest."""

    name: str
    value: float
    unit: str
    against: str
    repeats: int
    spread: tuple[float, float, float]


def summary(name: str, samples: list[float], unit: str, against: str) -> Measurement:
    """The row of some samples; their median counts."""
    low, mid, high = min(samples), median(samples), max(samples)
    return Measurement(name, mid, unit, against, len(samples), (low, mid, high))


def rate(name: str, work: Work, items: int, repeats: int, against: str) -> Measurement:
    """Items a second. The first pass fills the caches and is not counted."""
    work()
    return summary(name, [items / timeit(work, number=1) for _ in range(repeats)], "1/s", against)


def ratio(name: str, slow: Work, fast: Work, repeats: int, against: str, number: int = 1) -> Measurement:
    """How many times faster `fast` is. The two run in turn, so that a busy machine slows both.

    number: how often `fast` runs in each repeat, where one run is too short for the clock.
    """
    samples = [timeit(slow, number=1) / (timeit(fast, number=number) / number) for _ in range(repeats)]
    return summary(name, samples, "x", against)


def agree(name: str, fast: np.ndarray, slow: np.ndarray, atol: float) -> None:
    """Speed counts only where the results are the same."""
    if fast.shape != slow.shape or not np.allclose(fast, slow, rtol=0.0, atol=atol):
        raise PinpointError(f"benchmark {name}: the fast path and the slow one disagree; no speed is reported")
