"""Test splits whose answers a server keeps: their queries, the rankings to send in, and the checks before sending."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinpoint.benchmark import Benchmark, Query
from pinpoint.errors import PinpointError
from pinpoint.retriever import Retriever


@dataclass(frozen=True)
class HiddenQuery(Query):
    """A query without known answers (`relevant` is empty). It can be ranked and sent in; `evaluate` finds nothing to
    average for it."""

    def __post_init__(self) -> None:
        if self.relevant or self.target is not None:
            raise PinpointError(f"query {self.id!r} has an answer, so it is not hidden; make it a Query")


def ranked(benchmark: Benchmark, retriever: Retriever, chunk: int = 256) -> Iterator[tuple[Query, np.ndarray]]:
    """Every query with the gallery columns that may compete for it, int64, best first; ties in gallery order.

    Raises PinpointError for scores of a wrong shape and for NaN.
    """
    for start in range(0, len(benchmark.queries), chunk):
        span = slice(start, min(start + chunk, len(benchmark.queries)))
        queries, scores = benchmark.queries[span], np.asarray(retriever.scores(benchmark, span))
        expected = (len(queries), len(benchmark.gallery))
        if scores.shape != expected:
            raise PinpointError(f"{retriever.name} gave scores of shape {scores.shape}, expected {expected}")
        for query, row in zip(queries, scores, strict=True):
            if np.isnan(row).any():
                raise PinpointError(f"query {query.id!r} has a NaN score; look for a corrupted image")
            columns = _competing(benchmark, query)
            yield query, columns[np.argsort(-row[columns], kind="stable")]


def check_queries(where: str, keys: Iterable[str], benchmark: Benchmark) -> None:
    """Raise PinpointError unless the keys of a submission are exactly the benchmark's queries."""
    given, wanted = set(keys), {q.id for q in benchmark.queries}
    if lost := sorted(wanted - given):
        raise PinpointError(f"{where} lacks {len(lost):,} of {len(wanted):,} queries, the first {lost[0]!r}; rank all")
    if strange := sorted(given - wanted):
        raise PinpointError(f"{where} has {strange[0]!r}, no query of {benchmark.name} {benchmark.split}; remove it")


def check_names(where: str, names: Any, count: int, allowed: Container[str], place: str) -> None:
    """Raise PinpointError unless `names` are `count` different ones, all `allowed`; `place` says what allows them."""
    if not isinstance(names, list) or len(names) != count:
        length = len(names) if isinstance(names, list) else repr(names)
        raise PinpointError(f"{where}: the server wants a list of {count} images, not {length}")
    if strange := [name for name in names if not isinstance(name, str) or name not in allowed]:
        raise PinpointError(f"{where} lists {strange[0]!r}, which is not in {place}; rank the benchmark's own images")
    if len(set(names)) < count:
        raise PinpointError(f"{where} lists an image twice; every place of a ranking needs its own")


def _competing(benchmark: Benchmark, query: Query) -> np.ndarray:
    """Columns of the query's pool, or of the gallery, without what it excludes, in gallery order."""
    gallery = benchmark.gallery
    mask = np.full(len(gallery), query.pool is None)
    mask[gallery.columns(query.pool or ())] = True
    mask[gallery.columns(query.exclude)] = False
    return np.flatnonzero(mask)
