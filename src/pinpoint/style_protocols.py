"""How style-diversified retrieval is scored: joint queries, and the released evaluation, for comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinpoint.errors import PinpointError, unknown
from pinpoint.retriever import similarity

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark

FUSIONS = ("max", "mean", "sum")
BATCH, RANKS = 24, 4  # the released evaluator: its gallery is a mini-batch, and its R@5 looks at four places


@dataclass(frozen=True, eq=False)
class JointRetriever:
    """Two queries for one picture, such as its sketch and its text: first, second (Q, D), gallery (G, D), unit rows.

    max: the element-wise maximum of both softmax(100 x score), as released; mean: of unit features, normalised; sum: of
    scores.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    gallery: np.ndarray
    fusion: str = "mean"

    def __post_init__(self) -> None:
        if self.fusion not in FUSIONS:
            raise unknown("fusion", self.fusion, FUSIONS)
        if self.first.shape != self.second.shape:
            raise PinpointError(f"{self.name}: {len(self.first)} and {len(self.second)} queries cannot be joined")

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """Scores of some pairs against the gallery, float32 (q, G)."""
        first, second = self.first[query_slice], self.second[query_slice]
        if self.fusion == "mean":
            mean = first + second
            return similarity(mean / np.linalg.norm(mean, axis=1, keepdims=True), self.gallery)
        a, b = similarity(first, self.gallery), similarity(second, self.gallery)
        return a + b if self.fusion == "sum" else np.maximum(_softmax(100 * a), _softmax(100 * b))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    out: np.ndarray = e / e.sum(axis=1, keepdims=True)
    return out


def rows_by_kind(benchmark: "Benchmark") -> Mapping[str, np.ndarray]:
    """The query rows of each kind, in the order of their photographs, so that row n of two kinds is one picture."""
    by_kind: dict[str, dict[str, int]] = {}
    for row, query in enumerate(benchmark.queries):
        by_kind.setdefault(query.group, {})[query.id.rpartition("-")[0]] = row
    order = list(next(iter(by_kind.values())))
    for kind, rows in by_kind.items():
        if list(rows) != order:
            raise PinpointError(f"the {kind} queries are not of the same pictures as the others, or in another order")
    return {kind: np.array(list(rows.values())) for kind, rows in by_kind.items()}


def released_recall(query_emb: np.ndarray, natural_emb: np.ndarray, batch: int = BATCH) -> tuple[float, float]:
    """R@1 and "R@5" in percent as the released evaluator has them: row n of (Q, D) belongs to row n of the photographs
    (Q, D), only the `batch` rows around it compete, a last incomplete batch is dropped, and "R@5" is R@4.

    Ties count as their expected value. Chance is 1 / 24 and 4 / 24, not 1 / Q.
    """
    whole = len(query_emb) // batch * batch
    if not whole:
        raise PinpointError(f"{len(query_emb)} queries are fewer than one batch of {batch}")
    hits = []
    for start in range(0, whole, batch):
        scores = similarity(query_emb[start : start + batch], natural_emb[start : start + batch])
        own = scores.diagonal()[:, None]
        above, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
        hits.append(np.stack([np.clip((k - above) / equal, 0, 1) for k in (1, RANKS)], axis=1))
    r1, r5 = 100 * np.concatenate(hits).mean(axis=0)
    return float(r1), float(r5)
