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
    from pinpoint.benchmark import Benchmark, Gallery, Query

__all__ = ["EmbeddingRetriever", "Result", "Retriever", "VectorRetriever", "evaluate", "similarity"]

Values = dict[str, np.ndarray]  # metric name -> one value per query, float64 (Q,)
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
    judgements = tuple(_judgements(benchmark, ks, map_ks))
    chunk = max(1, min(chunk, CELLS // len(benchmark.gallery)))
    found, random, top = [], [], []
    for start in range(0, len(benchmark.queries), chunk):
        span = slice(start, min(start + chunk, len(benchmark.queries)))
        queries, scores = benchmark.queries[span], np.asarray(retriever.scores(benchmark, span))
        if scores.shape != (len(queries), len(benchmark.gallery)):
            expected = (len(queries), len(benchmark.gallery))
            raise PinpointError(f"{retriever.name} gave scores of shape {scores.shape}, expected {expected}")
        allowed = _allowed(benchmark, queries)
        judged = [_judged(j, benchmark.gallery, queries, scores, allowed) for j in judgements]
        judged.append(_reference(benchmark, queries, scores, allowed))
        found.append({name: values for part, _ in judged for name, values in part.items()})
        random.append({name: values for _, part in judged for name, values in part.items()})
        top.append(_top(np.where(allowed, scores, -np.inf), allowed, depth))
    return Result(benchmark, retriever.name, _joined(found), _joined(random), np.concatenate(top))


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
    if any(q.target and len(q.relevant) > 1 for q in benchmark.queries):
        yield _Judgement(_target, _at(metrics.recall_at_k, "t", ks))
    if any(q.members for q in benchmark.queries):
        yield _Judgement(_right_member, _at(metrics.hit_at_k, "rs", (1, 2, 3)), members=True)


def _at(
    metric: Callable[[Ranks, int], np.ndarray], prefix: str, ks: Sequence[int]
) -> dict[str, Callable[[Ranks], np.ndarray]]:
    def cut(k: int) -> Callable[[Ranks], np.ndarray]:
        return lambda ranks: metric(ranks, k)

    return {f"{prefix}{k}": cut(k) for k in ks}


def _judged(
    judgement: _Judgement, gallery: "Gallery", queries: Sequence["Query"], scores: np.ndarray, allowed: np.ndarray
) -> tuple[Values, Values]:
    """One judgement's metrics of a chunk of queries, and their chance; NaN for the queries it does not concern."""
    rows = [n for n, q in enumerate(queries) if judgement.right(q)]
    values, chance = ({name: np.full(len(queries), np.nan) for name in judgement.metrics} for _ in range(2))
    if rows:
        chosen = [queries[n] for n in rows]
        competing = allowed[rows]
        if judgement.members:
            competing &= _mask(gallery, [q.members for q in chosen])
        relevant = _mask(gallery, [judgement.right(q) for q in chosen])
        ranks = rank(scores[rows], relevant, competing, [q.id for q in chosen])
        for name, metric in judgement.metrics.items():
            values[name][rows], chance[name][rows] = metric(ranks), metric(ranks.shuffled())
    return values, chance


def _reference(
    benchmark: "Benchmark", queries: Sequence["Query"], scores: np.ndarray, allowed: np.ndarray
) -> tuple[Values, Values]:
    """How often the top hit is the reference image itself, where references lie in the gallery."""
    place = benchmark.gallery.column
    if not any(q.image in place for q in benchmark.queries):
        return {}, {}
    column = np.array([place.get(q.image or "", -1) for q in queries])
    competes = (column >= 0) & allowed[np.arange(len(queries)), column]
    return {"ref1": metrics.first_is(scores, column, allowed)}, {"ref1": competes / allowed.sum(axis=1)}


def _target(query: "Query") -> tuple[str, ...]:
    return () if query.target is None else (query.target,)


def _right_member(query: "Query") -> tuple[str, ...]:
    """CIRR judges the subset by the annotated target alone; without one, by every right member."""
    right = _target(query) or query.relevant
    return tuple(i for i in right if i in query.members)


def _mask(gallery: "Gallery", lists: Sequence[Sequence[str]]) -> np.ndarray:
    """Lists of ids as boolean rows (len(lists), G)."""
    mask = np.zeros((len(lists), len(gallery)), dtype=bool)
    for row, ids in zip(mask, lists, strict=True):
        row[gallery.columns(ids)] = True
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
