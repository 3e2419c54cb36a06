"""How sure a number is: bootstrap intervals over queries and paired tests between two systems.

A recall on 220 queries has a standard error of 3.4 points at 50 %. Two systems are compared on the same queries, so
the pairs are tested (McNemar for hits, a paired bootstrap for everything else), never the two intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.metrics import macro, micro

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval (percentile bootstrap over queries) and the number of queries."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


@dataclass(frozen=True)
class Comparison:
    """System a minus system b on the same queries, with the two-sided p-value of "no difference"."""

    difference: Estimate
    p: float


def bootstrap(
    values: np.ndarray,
    groups: Sequence[str] | None = None,
    *,
    scale: float = 1.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The mean of per-query values (Q,) with its interval; with groups the macro mean, resampled inside each group.

    `scale=100` gives percent points. The same values in any order give the same interval.
    """
    if groups is not None and len(groups) != len(values):
        raise PinpointError(f"{len(values)} values but {len(groups)} groups; give every query its group")
    value = micro(values) if groups is None else macro(values, groups)
    low, high = np.quantile(_means(values, groups, resamples, seed), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(scale * value, scale * float(low), scale * float(high), len(values))


def paired_bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    groups: Sequence[str] | None = None,
    *,
    scale: float = 1.0,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare any per-query metric of two systems; entry q of both is the same query.

    p is the share of resamples whose difference strays from the observed one by at least the observed one
    (Efron & Tibshirani's shifted null), never below 1 / (resamples + 1).
    """
    difference = _paired(a, b)
    estimate = bootstrap(difference, groups, scale=scale, resamples=resamples, seed=seed)
    observed = estimate.value / scale
    stray = np.abs(_means(difference, groups, resamples, seed) - observed)
    extreme = np.count_nonzero(stray >= abs(observed) * (1 - 1e-9))
    return Comparison(estimate, (1 + extreme) / (1 + resamples))


def mcnemar(a: np.ndarray, b: np.ndarray, *, scale: float = 1.0, seed: int = 0) -> Comparison:
    """Exact McNemar test of two systems' hits: among queries only one of them solves, is it a fair coin?

    Raises PinpointError for values other than 0 and 1 (a tie at the cut gives a fraction; use `paired_bootstrap`).
    """
    from scipy.stats import binomtest

    difference = _paired(a, b)
    if not np.isin(np.r_[a, b], (0.0, 1.0)).all():
        raise PinpointError("McNemar's test needs hits of 0 or 1; use paired_bootstrap for fractions")
    only_a, only_b = int((difference > 0).sum()), int((difference < 0).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return Comparison(bootstrap(difference, scale=scale, seed=seed), float(p))


def _paired(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if np.shape(a) != np.shape(b):
        raise PinpointError(f"{len(a)} and {len(b)} values cannot be paired; evaluate both systems on the same queries")
    return np.asarray(a, dtype=np.float64) - b


def _means(values: np.ndarray, groups: Sequence[str] | None, resamples: int, seed: int) -> np.ndarray:
    """The mean of every resample (resamples,). Queries of equal value are exchangeable, so a resample is one
    multinomial draw of how often each distinct value occurs: fast, and blind to the order of the queries."""
    rng = np.random.default_rng(seed)
    means = []
    for part in _split(np.asarray(values, dtype=np.float64), groups):
        distinct, counts = np.unique(part, return_counts=True)
        means.append(rng.multinomial(len(part), counts / len(part), size=resamples) @ distinct / len(part))
    return np.mean(means, axis=0)


def _split(values: np.ndarray, groups: Sequence[str] | None) -> Iterator[np.ndarray]:
    if not len(values):
        raise PinpointError("no queries to average")
    names = np.zeros(len(values)) if groups is None else np.asarray(groups)
    for name in np.unique(names):
        yield values[names == name]
