"""What chapter 6 asks: candidates from any first stage, scored by the re-ranker, at any K; and both scores together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import torch

from pinpoint.benchmark import Benchmark
from pinpoint.distinctive_study import Asked
from pinpoint.errors import PinpointError
from pinpoint.evaluate import evaluate
from pinpoint.rerank import rerank
from pinpoint.rerank_choices import KS
from pinpoint.rerank_model import Filter, Reranker, candidates_of, queries_of
from pinpoint.rerank_scoring import score_pairs, words_of
from pinpoint.rerank_speed import pairs_of
from pinpoint.result import Result
from pinpoint.retriever import Retriever, VectorRetriever

CUTS = tuple(sorted({1, 5, 10, 50, *KS}))  # the K of every recall
GROUP_METRICS = ("rs1", "rs2", "rs3")
Scorer = Callable[[np.ndarray], np.ndarray]  # pairs (P, 2) of query row and gallery column -> scores (P,)


def stage_1(stage1: Filter, asked: Asked, name: str = "stage1") -> VectorRetriever:
    """Stage 1 as a retriever."""
    q = queries_of(stage1, asked.references, asked.ids, asked.mask).q
    return VectorRetriever(name, q.cpu().numpy(), candidates_of(stage1, asked.seen).cpu().numpy())


def stage_2(stage1: Filter, reranker: Reranker, asked: Asked, dtype: torch.dtype = torch.float32) -> Scorer:
    """Stage 2 on a benchmark: its scores of any pairs."""
    words = words_of(stage1, reranker, asked.references, asked.ids, asked.mask)
    return lambda pairs: score_pairs(reranker.dual, words, asked.seen, pairs, dtype=dtype)


@dataclass(frozen=True, eq=False)
class OrderRetriever:
    """A ranking that is there already: order (Q, G), columns of the gallery, best first."""

    name: str
    order: torch.Tensor

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        """Minus the place of every image, float32 (q, G)."""
        order = self.order[query_slice]
        places = torch.arange(order.shape[1], dtype=torch.float32).expand(len(order), -1)
        out: np.ndarray = torch.empty(order.shape).scatter_(1, order, -places).numpy()
        return out


@dataclass(frozen=True, eq=False)
class ScoreRetriever:
    """Scores that are there already, (Q, G)."""

    name: str
    matrix: np.ndarray

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        """Those of some queries, (q, G)."""
        return self.matrix[query_slice]


@dataclass(frozen=True, eq=False)
class TwoStage:
    """A benchmark after both stages.

    first (Q, G): stage 1's scores, -inf where an image does not compete. top (Q, K): its first K, best first; second
    (Q, K): stage 2's scores of them. A score depends on its own pair alone, so every smaller K is contained.
    group (Q, G): stage 2's scores of a CIRR group, -inf elsewhere: its members are scored whether in the K or not.
    """

    benchmark: Benchmark
    name: str
    first: torch.Tensor
    top: torch.Tensor
    second: torch.Tensor
    group: np.ndarray | None = None

    @cached_property
    def before(self) -> Result:
        """Stage 1 alone."""
        return evaluate(self.benchmark, ScoreRetriever(self.name, self.first.numpy()), ks=CUTS)

    @cached_property
    def _in_group(self) -> dict[str, np.ndarray]:
        if self.group is None:
            return {}
        result = evaluate(self.benchmark, ScoreRetriever(self.name, self.group), ks=(1,))
        return {metric: result.per_query[metric] for metric in GROUP_METRICS}

    def retriever(self, k: int, alpha: float = 0.0) -> OrderRetriever:
        """The ranking after stage 2 has looked at K candidates; with alpha, by both scores (see `fused`)."""
        if k > self.top.shape[1]:
            raise PinpointError(f"only {self.top.shape[1]} candidates were scored; score {k}, or ask for fewer")
        second = self.second[:, :k]
        if alpha:
            second = fused(self.first.gather(1, self.top[:, :k]), second, alpha)
        return OrderRetriever(f"{self.name}, reranked", rerank(self.first, second, self.top[:, :k]).order)

    @cache  # noqa: B019  (a page asks for the same few again and again)
    def after(self, k: int, alpha: float = 0.0) -> Result:
        """Its result. Rs@K is of the group scored directly, as released; with alpha, of the ranking."""
        result = evaluate(self.benchmark, self.retriever(k, alpha), ks=CUTS)
        return result if alpha else replace(result, per_query={**result.per_query, **self._in_group})


def two_stage(
    benchmark: Benchmark, first_stage: Retriever, scorer: Scorer, k: int, name: str | None = None
) -> TwoStage:
    """Take the first K of a first stage, whichever it is, and score them, and each query's group beside them."""
    first = competing(benchmark, first_stage.scores(benchmark, slice(0, len(benchmark.queries))))
    top = shortlist(first, k)
    pairs, grouped = pairs_of(top.numpy()), _grouped(benchmark)
    scores = scorer(np.concatenate([pairs, grouped]))
    second = torch.from_numpy(scores[: len(pairs)]).view(top.shape)
    group = np.full(first.shape, -np.inf, dtype=np.float32) if len(grouped) else None
    if group is not None:
        group[grouped[:, 0], grouped[:, 1]] = scores[len(pairs) :]
    return TwoStage(benchmark, name or first_stage.name, first, top, second, group)


def competing(benchmark: Benchmark, scores: np.ndarray) -> torch.Tensor:
    """Scores (Q, G), -inf for what is excluded or outside of a query's pool."""
    out, column = np.full_like(scores, -np.inf), benchmark.gallery.columns
    for row, query, given in zip(out, benchmark.queries, scores, strict=True):
        allowed = slice(None) if query.pool is None else column(query.pool)
        row[allowed] = given[allowed]
        row[column(query.exclude)] = -np.inf
    return torch.from_numpy(out)


def shortlist(first: torch.Tensor, k: int) -> torch.Tensor:
    """The first K columns (Q, K) of scores (Q, G), best first, equal scores in gallery order."""
    least = int((first > -torch.inf).sum(dim=1).min())
    if k > least:
        raise PinpointError(f"K is {k}, and a query has only {least} images to choose from; K must not exceed them")
    return first.sort(dim=1, descending=True, stable=True).indices[:, :k]


def fused(first: torch.Tensor, second: torch.Tensor, alpha: float) -> torch.Tensor:
    """alpha s1 + (1 - alpha) s2 of K candidates, (Q, K), both standardised over the K of their query."""
    if not 0 <= alpha <= 1:
        raise PinpointError(f"alpha is {alpha}; a share of stage 1's score lies between 0 and 1")
    return alpha * _standardised(first) + (1 - alpha) * _standardised(second)


def moved(two: TwoStage, k: int, alpha: float = 0.0, metric: str = "r1") -> tuple[np.ndarray, np.ndarray]:
    """Rows of the queries that stage 2, or both scores together, put right, and of those that were put wrong."""
    change = two.after(k, alpha).per_query[metric] - two.before.per_query[metric]
    return np.flatnonzero(change > 0.5), np.flatnonzero(change < -0.5)


def _standardised(scores: torch.Tensor) -> torch.Tensor:
    spread = scores.std(dim=1, keepdim=True, unbiased=False)
    return (scores - scores.mean(dim=1, keepdim=True)) / spread.clamp_min(1e-12)


def _grouped(benchmark: Benchmark) -> np.ndarray:
    """Pairs of each query with the members of its group, what it excludes left out."""
    column = benchmark.gallery.column
    some = [
        (n, column[i]) for n, q in enumerate(benchmark.queries) for i in q.members if i not in q.exclude
    ]  # fmt: skip
    return np.array(some, dtype=np.int64).reshape(-1, 2)
