"""What the sweep of chapter 6 puts on record: means over seeds, gains, the ladder of first stages, times."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pinpoint.recipes.rerank_rivals import RIVALS
from pinpoint.rerank_choices import KS, K
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.ledger import Entry, make_entry

NAME = "rerank-sweep"
MS = "ms_per_query"
METRICS = ("r1", "r5", "r10", "map5", "rs1", "t1")
GAINS = (
    ("in_batch", "stage1"),
    ("hard", "stage1"),
    ("hard", "in_batch"),
    ("hard_fused", "hard"),
    ("hard_fused", "stage1"),
)

Found = Mapping[str, np.ndarray]  # metric -> mean over seeds, one value per query


def on_record(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], groups: Sequence[str], device: str
) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries; the gains that the claims are about, in points; the ladder."""
    mean = {key: _mean(some) for key, some in runs.items()}
    mean["hard_fused"] = _mean([run["fused"] for run in runs["hard"]])
    seeds = {key: len(runs[key.removesuffix("_fused")]) for key in mean}
    for key, found in mean.items():
        if key not in RIVALS:
            yield from _entries(f"rerank.sweep.{key}", found, groups, seeds[key], device)
    for k in KS:
        found = _mean([run["at"][str(k)] for run in runs["hard"]])
        found["ceiling"] = np.mean([run["ceiling"][str(k)] for run in runs["hard"]], axis=0)
        yield from _entries(f"rerank.sweep.k{k}", found, groups, seeds["hard"], device)
        gain = {m: found[m] - mean["stage1"][m] for m in METRICS}
        yield from _entries(f"rerank.sweep.k{k}.gain", gain, groups, seeds["hard"], device, "points")
        both = _mean([run["at_fused"][str(k)] for run in runs["hard"]])
        yield from _entries(f"rerank.sweep.k{k}.fused", both, groups, seeds["hard"], device)
        gain = {m: both[m] - mean["stage1"][m] for m in METRICS}
        yield from _entries(f"rerank.sweep.k{k}.fused.gain", gain, groups, seeds["hard"], device, "points")
    for key in ("stage1", *RIVALS):
        alone = mean["stage1"] if key == "stage1" else _mean([run["before"] for run in runs[key]])
        after = {"reranked": mean["hard"] if key == "stage1" else mean[key]}
        after["fused"] = _mean([run["fused"] for run in runs["hard" if key == "stage1" else key]])
        ceiling = np.mean([run["ceiling"][str(K)] for run in runs[key]], axis=0)
        at, n = f"rerank.first_stage.{key}", seeds[key]
        yield from _entries(at, {**alone, "ceiling": ceiling}, groups, n, device)
        for name, both in after.items():
            gain = {m: both[m] - alone[m] for m in METRICS}
            yield from _entries(f"{at}.{name}", both, groups, n, device)
            yield from _entries(f"{at}.{name}.gain", gain, groups, n, device, "points")
    yield from _times(runs, device)
    yield from _gains(mean, groups, seeds, device)
    for key, some in runs.items():
        yield from _spread(key, some, groups, device)


def _mean(runs: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in METRICS}


def _entries(
    prefix: str, found: Found, groups: Sequence[str], seeds: int, device: str, unit: str = "%"
) -> Iterator[tuple[str, Entry]]:
    for metric, each in found.items():
        e = bootstrap(each, groups, scale=100)
        at = f"{prefix}.{metric}"
        yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds, unit, 1.0 if unit == "points" else None, device,
                             NAME)  # fmt: skip


def _gains(
    mean: Mapping[str, Found], groups: Sequence[str], seeds: Mapping[str, int], device: str
) -> Iterator[tuple[str, Entry]]:
    """What one has over the other, paired by query: over all kinds of edit, and for each kind."""
    for a, b in GAINS:
        for kind in (None, *dict.fromkeys(groups)):
            rows = [n for n, group in enumerate(groups) if kind in (None, group)]
            for metric in METRICS if kind is None else ("r1", "map5"):
                x, y = (mean[name][metric][rows] for name in (a, b))
                e = paired_bootstrap(x, y, [groups[n] for n in rows], scale=100).difference
                at = f"rerank.sweep.gain.{a}_{b}.{kind + '.' if kind else ''}{metric}"
                yield at, make_entry(at, e.value, e.low, e.high, e.n, seeds[a], "points", 1.0, device, NAME)


def _times(runs: Mapping[str, Sequence[Mapping[str, Any]]], device: str) -> Iterator[tuple[str, Entry]]:
    """Milliseconds of a query: this chapter's stages at every K, other first stages alone and with K candidates."""
    own = {k: float(np.median([run[MS][k] for run in runs["hard"]])) for k in runs["hard"][0][MS]}
    found = {"stage1": own["0"], **{f"stage2.k{k}": ms for k, ms in own.items() if k != "0"}}
    for name in RIVALS:
        found[name] = float(np.median([run[MS] for run in runs[name]]))
        found[f"{name}.reranked"] = found[name] + own[str(K)]  # z_t takes stage 1's encoder, whoever comes first
    for name, ms in found.items():
        at = f"rerank.first_stage.{name}.{MS}"
        yield at, make_entry(at, ms, None, None, None, len(runs["hard"]), "ms", 4 * ms, device, NAME)


def _spread(
    key: str, runs: Sequence[Mapping[str, Any]], groups: Sequence[str], device: str
) -> Iterator[tuple[str, Entry]]:
    """How far apart the seeds are, and how many of the hard negatives were right answers."""
    each = [100 * float(np.mean(run["r1"])) for run in runs]
    found = {"r1_least": min(each), "r1_most": max(each)}
    if key not in RIVALS and "false_negative_share" in runs[0]:
        found["false_negative_share"] = float(np.mean([run["false_negative_share"] for run in runs]))
    for name, value in found.items():
        at = f"rerank.sweep.{key}.{name}"
        yield at, make_entry(at, value, None, None, len(groups), len(runs), "%", None, device, NAME)
