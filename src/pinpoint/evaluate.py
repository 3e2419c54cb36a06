"""One `evaluate` for every benchmark and every system.

The benchmark says what competes and what is right, the retriever gives scores, and everything is kept per query, so
that averages, intervals, paired tests and pictures of failures come from one pass.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pinpoint import metrics
from pinpoint.errors import PinpointError
from pinpoint.metrics import Ranks, rank
from pinpoint.result import Result
from pinpoint.retriever import EmbeddingRetriever, Retriever, VectorRetriever, similarity

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark, Query

__all__ = ["EmbeddingRetriever", "Result", "Retriever", "VectorRetriever", "evaluate", "similarity"]

CELLS = 2**25  # scores held at a time: 128 MiB in float32, and a few arrays of that size beside it


def evaluate(
    benchmark: "Benchmark",
    retriever: Retriever,
    *,
    ks: Sequence[int] = (1, 5, 10, 50),
    map_ks: Sequence[int] = (5, 10, 25, 50),
    chunk: int = 512,
    depth: int = 50,
) -> Result:
    """Score every query of the benchmark, at most `chunk` at a time, which bounds the memory and changes nothing.

    The first `depth` images per query are kept for pictures. Raises PinpointError for scores of a wrong shape or NaN.
    """
    parts = []
    chunk = max(1, min(chunk, CELLS // len(benchmark.gallery)))
    for start in range(0, len(benchmark.queries), chunk):
        span = slice(start, min(start + chunk, len(benchmark.queries)))
        scores = np.asarray(retriever.scores(benchmark, span))
        expected = (span.stop - span.start, len(benchmark.gallery))
        if scores.shape != expected:
            raise PinpointError(f"{retriever.name} gave scores of shape {scores.shape}, expected {expected}")
        parts.append(_measure(benchmark, benchmark.queries[span], scores, ks, map_ks, depth))
    values, chance, top = zip(*parts, strict=True)
    return Result(benchmark, retriever.name, _joined(values), _joined(chance), np.concatenate(top))


Values = dict[str, np.ndarray]


def _measure(
    benchmark: "Benchmark",
    queries: Sequence["Query"],
    scores: np.ndarray,
    ks: Sequence[int],
    map_ks: Sequence[int],
    depth: int,
) -> tuple[Values, Values, np.ndarray]:
    """All metrics of one chunk: per query, by chance, and the top columns."""
    values: Values = {}
    chance: Values = {}
    allowed = _allowed(benchmark, queries)
    for judged in _judgements(benchmark, ks, map_ks):
        rows = [n for n, q in enumerate(queries) if judged.right(q)]
        blank = np.full(len(queries), np.nan)
        if rows:
            chosen = [queries[n] for n in rows]
            relevant = _mask(benchmark, [judged.right(q) for q in chosen])
            competing = (
                allowed[rows] & _mask(benchmark, [q.members for q in chosen]) if judged.members else allowed[rows]
            )
            ranks = rank(scores[rows], relevant, competing, [q.id for q in chosen])
        for name, metric in judged.metrics.items():
            values[name], chance[name] = blank.copy(), blank.copy()
            if rows:
                values[name][rows], chance[name][rows] = metric(ranks), metric(ranks.shuffled())
    column = benchmark.gallery.column
    reference = np.array([column.get(q.image, -1) if q.image is not None else -1 for q in queries])
    if any(q.image in column for q in benchmark.queries):
        competes = (reference >= 0) & allowed[np.arange(len(queries)), reference]
        values["ref1"] = metrics.first_is(scores, reference, allowed)
        chance["ref1"] = competes / allowed.sum(axis=1)
    return values, chance, _top(np.where(allowed, scores, -np.inf), allowed, depth)


@dataclass(frozen=True)
class _Judgement:
    """What counts as right, whether only the members compete, and the metrics read from those ranks."""

    right: Callable[["Query"], tuple[str, ...]]
    metrics: Mapping[str, Callable[[Ranks], np.ndarray]]
    members: bool = False


def _judgements(benchmark: "Benchmark", ks: Sequence[int], map_ks: Sequence[int]) -> Iterator[_Judgement]:
    """The judgements that a benchmark asks for, by the fields that its queries fill."""
    every: dict[str, Callable[[Ranks], np.ndarray]] = _at(metrics.hit_at_k, "r", ks)
    every |= {"mrr": metrics.reciprocal_rank, "nrank": metrics.normalised_rank}
    if any(len(q.relevant) > 1 for q in benchmark.queries):
        every |= _at(metrics.true_recall_at_k, "tr", ks) | _at(metrics.average_precision_at_k, "map", map_ks)
    yield _Judgement(lambda q: q.relevant, every)
    if any(q.target for q in benchmark.queries):
        yield _Judgement(_target, _at(metrics.recall_at_k, "t", ks))
    if any(q.members for q in benchmark.queries):
        yield _Judgement(_right_member, _at(metrics.hit_at_k, "rs", (1, 2, 3)), members=True)


def _at(
    metric: Callable[[Ranks, int], np.ndarray], prefix: str, ks: Sequence[int]
) -> dict[str, Callable[[Ranks], np.ndarray]]:
    return {f"{prefix}{k}": lambda ranks, k=k: metric(ranks, k) for k in ks}  # type: ignore[misc]  # k is bound early


def _target(query: "Query") -> tuple[str, ...]:
    return () if query.target is None else (query.target,)


def _right_member(query: "Query") -> tuple[str, ...]:
    """CIRR judges the subset by the annotated target alone; without one, by every right member."""
    right = _target(query) or query.relevant
    return tuple(i for i in right if i in query.members)


def _mask(benchmark: "Benchmark", lists: Sequence[Sequence[str]]) -> np.ndarray:
    mask = np.zeros((len(lists), len(benchmark.gallery)), dtype=bool)
    for row, ids in zip(mask, lists, strict=True):
        row[benchmark.gallery.columns(ids)] = True
    return mask


def _allowed(benchmark: "Benchmark", queries: Sequence["Query"]) -> np.ndarray:
    """Which images compete for each query: its pool, or the gallery, without what it excludes; boolean (q, G)."""
    columns = lru_cache(maxsize=8)(benchmark.gallery.columns)  # many queries may share one large pool
    allowed = np.ones((len(queries), len(benchmark.gallery)), dtype=bool)
    for row, query in zip(allowed, queries, strict=True):
        if query.pool is not None:
            row[:] = False
            row[columns(query.pool)] = True
        row[benchmark.gallery.columns(query.exclude)] = False
    return allowed


def _top(scores: np.ndarray, allowed: np.ndarray, depth: int) -> np.ndarray:
    """The first `depth` columns by (-score, column), int32 (q, depth), -1 where fewer compete."""
    depth = min(depth, scores.shape[1])
    top = np.full((len(scores), depth), -1, dtype=np.int32)
    cut = np.partition(scores, scores.shape[1] - depth, axis=1)[:, scores.shape[1] - depth]
    for n, row in enumerate(scores):
        columns = np.flatnonzero((row >= cut[n]) & allowed[n])
        best = columns[np.argsort(-row[columns], kind="stable")][:depth]
        top[n, : len(best)] = best
    return top


def _joined(parts: Sequence[Values]) -> Values:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
