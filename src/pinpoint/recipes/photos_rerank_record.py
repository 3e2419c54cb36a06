"""What two stages on photographs put on record: means over seeds, gains paired by query, the ceiling, the trials."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pinpoint.significance import Estimate, bootstrap, paired_bootstrap
from pinpoint.study.ledger import Entry, make_entry

NAME, PREFIX = "photos-rerank", "photos.rerank"
MAIN = "stage2"
GAINED = ("r1", "r10", "map5")


Make = Callable[..., tuple[str, Entry]]  # (name, estimate, unit) -> key and entry


def on_record(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], k: int, trials: Mapping[str, float],
    device: str,
) -> Iterator[tuple[str, Entry]]:  # fmt: skip
    """runs: arm -> a run per seed, as `photos_rerank.Sweep` measures it. k: the main number of candidates."""
    entry = partial(_entry, len(runs[MAIN]), device)
    before = _mean([run["before"] for run in runs[MAIN]])
    after = {arm: _mean([run["at"][str(k)] for run in some]) for arm, some in runs.items()}
    pairs = {f"{arm}_stage1": (after[arm], before) for arm in after}
    pairs |= {f"{MAIN}_{arm}": (after[MAIN], after[arm]) for arm in after if arm != MAIN}
    both = _mean([run["at_fused"][str(k)] for run in runs[MAIN]])
    pairs |= {"fused_stage1": (both, before), f"fused_{MAIN}": (both, after[MAIN])}
    for name, values in {"stage1": before, **after, "fused": both}.items():
        for metric, each in values.items():
            yield entry(f"{name}.{metric}", bootstrap(each, groups, scale=100))
    yield from _gains(pairs, groups, entry)
    for number in runs[MAIN][0]["at"]:
        for kept, middle in (("at", ""), ("at_fused", "fused.")):
            for metric, each in _mean([run[kept][number] for run in runs[MAIN]]).items():
                yield entry(f"k{number}.{middle}{metric}", bootstrap(each, groups, scale=100))
        ceiling = np.mean([run["ceiling"][number] for run in runs[MAIN]], axis=0)
        for name in (f"k{number}.ceiling", *(["ceiling"] if number == str(k) else [])):
            yield entry(name, bootstrap(ceiling, groups, scale=100))
    yield from _rest(runs, groups, k, trials, device)


def _entry(seeds: int, device: str, name: str, e: Estimate, unit: str = "%") -> tuple[str, Entry]:
    at, band = f"{PREFIX}.{name}", 1.0 if unit == "points" else None
    return at, make_entry(at, e.value, e.low, e.high, e.n, seeds, unit, band, device, NAME)


def _gains(
    pairs: Mapping[str, tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]], groups: Sequence[str], entry: Make
) -> Iterator[tuple[str, Entry]]:
    """What one has over the other, paired by query: the mean of the kinds of edit, and each kind."""
    kinds = tuple(dict.fromkeys(groups))
    for name, (a, b) in pairs.items():
        for some in (kinds, *((kind,) for kind in kinds)):
            rows = np.isin(groups, some)
            among = np.array(groups)[rows].tolist()
            middle = "" if some == kinds else f"{some[0]}."
            for metric in GAINED:
                e = paired_bootstrap(a[metric][rows], b[metric][rows], among, scale=100).difference
                yield entry(f"gain.{name}.{middle}{metric}", e, "points")


def _rest(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], k: int, trials: Mapping[str, float],
    device: str,
) -> Iterator[tuple[str, Entry]]:  # fmt: skip
    """What has no interval over queries: trials, false negatives, how far apart the seeds are."""
    found = {f"dev.{name}.map5": (value, 1) for name, value in trials.items()}
    for arm, some in runs.items():
        found[f"{arm}.false_negative_share"] = (float(np.mean([r["false_negative_share"] for r in some])), len(some))
        scores = [bootstrap(np.array(run["at"][str(k)]["map5"]), groups, scale=100).value for run in some]
        found |= {f"{arm}.seeds.lowest": (min(scores), len(some)), f"{arm}.seeds.highest": (max(scores), len(some))}
    for name, (value, seeds) in found.items():
        at = f"{PREFIX}.{name}"
        yield at, make_entry(at, value, None, None, None, seeds, "%", None, device, NAME)


def _mean(runs: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in runs[0]}
