"""One `evaluate` for every benchmark and every system.

The benchmark says what competes and what is right, the retriever gives scores, and everything is kept per query, so
that averages, intervals, paired tests and pictures of failures come from one pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pinpoint import metrics
from pinpoint.errors import PinpointError, unknown
from pinpoint.metrics import Ranks, rank
from pinpoint.significance import Comparison, Estimate, bootstrap, mcnemar, paired_bootstrap
from pinpoint.store import Store

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark, Query


CELLS = 2**25  # scores held at a time: 128 MiB in float32, and a few arrays of that size beside it


class Retriever(Protocol):
    """A system under test."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """The scores of some queries against the whole gallery, float32 (q, G), greater is better."""
        ...


def similarity(query_emb: np.ndarray, gallery_emb: np.ndarray, block: int = 8192) -> np.ndarray:
    """Inner products (Q, D) x (G, D) -> float32 (Q, G), summed in double precision and rounded once.

    A float32 matrix product rounds differently in another batch size or at another place in the matrix. That breaks
    ties between equal embeddings and moves ranks; here the batch cannot change a score.
    """
    query_emb = np.asarray(query_emb, dtype=np.float64)
    out = np.empty((len(query_emb), len(gallery_emb)), dtype=np.float32)
    for start in range(0, len(gallery_emb), block):
        out[:, start : start + block] = query_emb @ np.asarray(gallery_emb[start : start + block], np.float64).T
    return out


@dataclass(frozen=True, eq=False)
class VectorRetriever:
    """Nearest neighbours of given vectors: query_emb (Q, D) in the order of the queries, gallery_emb (G, D)."""

    name: str
    query_emb: np.ndarray
    gallery_emb: np.ndarray

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """Inner products of some queries with the gallery, float32 (q, G)."""
        sizes, expected = (len(self.query_emb), len(self.gallery_emb)), (len(benchmark.queries), len(benchmark.gallery))
        if sizes != expected:
            raise PinpointError(f"{self.name}: {sizes} query and gallery vectors for a benchmark of {expected}")
        return similarity(self.query_emb[query_slice], self.gallery_emb)


class TextImageEncoder(Protocol):
    """What EmbeddingRetriever needs of an encoder; `record` is a dataclass of everything that changes a vector."""

    @property
    def record(self) -> Any:
        """Name, checkpoint, preprocessing, dtype and the rest."""
        ...

    def encode_images(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit rows, float32 (N, D), of uint8 RGB images."""
        ...

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Unit rows, float32 (N, D)."""
        ...


@dataclass
class EmbeddingRetriever:
    """Text to image with a two-tower encoder; the gallery's vectors come from the store.

    With `size`, images are loaded as size x size squares (a drawn scene is rendered at it); without, in their native
    size, and the encoder's own preprocessing decides.
    """

    encoder: TextImageEncoder
    store: Store
    size: int | None = None
    _vectors: tuple[str, VectorRetriever] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The encoder's name."""
        return str(self.encoder.record.name)

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """Cosines of some queries' texts with the gallery's images, float32 (q, G)."""
        if self._vectors is None or self._vectors[0] != benchmark.digest:
            self._vectors = (
                benchmark.digest,
                VectorRetriever(self.name, self._texts(benchmark), self.gallery(benchmark)),
            )
        return self._vectors[1].scores(benchmark, query_slice)

    def gallery(self, benchmark: "Benchmark") -> np.ndarray:
        """The gallery's unit vectors, float32 (G, D), from the store or encoded now."""
        images = benchmark.gallery.images
        record = {"encoder": asdict(self.encoder.record), "images": images.fingerprint, "size": self.size}

        def encode(ids: Sequence[str]) -> np.ndarray:
            return np.asarray(self.encoder.encode_images(images.load(i, self.size) for i in ids))

        return self.store.get(record, benchmark.gallery.ids, encode)

    def _texts(self, benchmark: "Benchmark") -> np.ndarray:
        silent = next((q.id for q in benchmark.queries if q.text is None), None)
        if silent is not None:
            raise PinpointError(f"query {silent!r} has no text; {self.name} needs one")
        texts = [q.text or "" for q in benchmark.queries]
        distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        return np.asarray(self.encoder.encode_texts(list(distinct)))[[distinct[text] for text in texts]]


@dataclass(frozen=True, eq=False)
class Result:
    """Per-query values of every metric, and the chance of each.

    `per_query[name]` is float64 (Q,) in [0, 1], NaN where the metric does not apply to a query. Names: r{k} (a hit,
    the papers' recall), mrr, nrank (normalised rank); with several right answers tr{k} (share found) and map{k};
    with an annotated `target` t{k} (only it counts); with `members` rs1 to rs3; with a reference image in the gallery
    ref1 (the top hit is the reference itself).
    """

    benchmark: "Benchmark"
    retriever: str
    per_query: Mapping[str, np.ndarray]
    by_chance: Mapping[str, np.ndarray]
    top_columns: np.ndarray

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the benchmark, in order of first appearance."""
        return self.benchmark.groups

    def metric(self, name: str, group: str | None = None) -> Estimate:
        """A metric over one group, in percent with its interval. On a benchmark of several groups, name one."""
        if group is None and len(self.groups) > 1:
            raise PinpointError(f"{name} over {len(self.groups)} groups: ask for .macro(), .micro() or group=...")
        return bootstrap(self._values(self.per_query, name, group)[0], scale=100)

    def macro(self, name: str) -> Estimate:
        """The mean over groups, in percent; the interval resamples the queries of each group."""
        return bootstrap(*self._values(self.per_query, name), scale=100)

    def micro(self, name: str) -> Estimate:
        """The mean over all queries, in percent."""
        return bootstrap(self._values(self.per_query, name)[0], scale=100)

    def chance(self, name: str, group: str | None = None) -> float:
        """What a random ranking scores, in percent, exactly: of one group, or the macro mean of all."""
        return 100 * metrics.macro(*self._values(self.by_chance, name, group))

    def versus(self, other: "Result", name: str, group: str | None = None) -> Comparison:
        """This system minus `other`, in points, on the same queries: McNemar for a group's hits, else bootstrap.

        Without a group the difference is that of the macro means.
        """
        if other.benchmark.digest != self.benchmark.digest:
            raise PinpointError("the two results are of different benchmarks; compare systems on one benchmark only")
        (a, groups), (b, _) = self._values(self.per_query, name, group), other._values(other.per_query, name, group)
        if len(set(groups)) == 1 and np.isin(np.r_[a, b], (0, 1)).all():
            return mcnemar(a, b, scale=100)
        return paired_bootstrap(a, b, groups, scale=100)

    def top(self, query_index: int, k: int) -> tuple[str, ...]:
        """The ids of a query's first k images (fewer if fewer compete); equal scores stand in gallery order."""
        depth = self.top_columns.shape[1]
        if k > depth:
            raise PinpointError(f"only the first {depth} images were kept; evaluate with depth={k}")
        return tuple(self.benchmark.gallery.ids[g] for g in self.top_columns[query_index, :k] if g >= 0)

    def table(self, names: Sequence[str] | None = None) -> str:
        """A Markdown table in percent: a row per group, then macro, micro and chance; "-" where a metric is not
        defined for any query of the group."""
        names = list(self.per_query if names is None else names)
        rows = [(group or "all", [self._cell(n, group) for n in names]) for group in self.groups]
        if len(self.groups) > 1:
            rows.append(("macro", [str(self.macro(n)) for n in names]))
            rows.append(("micro", [str(self.micro(n)) for n in names]))
        rows.append(("chance (macro)", [f"{self.chance(n):.1f}" for n in names]))
        lines = [("group", names), ("---", ["---"] * len(names)), *rows]
        return "\n".join("| " + " | ".join([head, *cells]) + " |" for head, cells in lines)

    def _cell(self, name: str, group: str) -> str:
        return str(self.metric(name, group)) if len(self._values(self.per_query, name, group)[0]) else "-"

    def _values(
        self, source: Mapping[str, np.ndarray], name: str, group: str | None = None
    ) -> tuple[np.ndarray, list[str]]:
        if name not in source:
            raise unknown("metric", name, tuple(source))
        if group is not None and group not in self.groups:
            raise unknown("group", group, self.groups)
        kept = [
            (value, q.group)
            for value, q in zip(source[name], self.benchmark.queries, strict=True)
            if group in (None, q.group) and not np.isnan(value)
        ]
        return np.array([value for value, _ in kept]), [g for _, g in kept]


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
