"""Gains in percent of a baseline, as papers like to state them, with an interval."""

from collections.abc import Sequence

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.significance import CONFIDENCE, RESAMPLES, Estimate


def relative_gain(
    a: np.ndarray, b: np.ndarray, groups: Sequence[str] | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """By how many percent the macro mean of a exceeds that of b, on the same queries, with its interval.

    Queries are resampled in pairs inside each group. Raises PinpointError where b scores nothing at all.
    """
    pairs = np.stack([a, b], axis=1).astype(np.float64)  # (Q, 2)
    rng, means = np.random.default_rng(seed), []
    names = np.zeros(len(pairs)) if groups is None else np.asarray(groups)
    for name in np.unique(names):
        part = pairs[names == name]
        drawn = part[rng.integers(len(part), size=(resamples, len(part)))].mean(axis=1)
        means.append(np.concatenate([part.mean(axis=0)[None], drawn]))  # the first row is what was observed
    of_a, of_b = np.mean(means, axis=0).T
    if of_b[0] == 0:
        raise PinpointError("system b scores zero on every query; a gain relative to nothing has no size")
    known = of_b > 0  # a resample without any hit of b has no ratio
    gain = 100 * (of_a[known] / of_b[known] - 1)
    low, high = np.quantile(gain[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(gain[0]), min(float(low), float(gain[0])), max(float(high), float(gain[0])), len(pairs))
