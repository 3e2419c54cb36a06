"""Ranks and what is counted from them: one definition of each metric, exact where scores tie.

A ranking with equal scores is not one ranking but many. Sorting picks one of them by accident, so a collapsed model
(every score equal) gets R@1 = 100 from one sort and 0 from another. Here every metric is its **expectation over all
orders of the tied items**, in closed form: a collapsed model scores exactly chance, and nothing depends on the order
of the gallery. Without ties the values are the usual ones.

The distribution needs only, for each score value that a relevant item holds, how many candidates lie above it, how
many share it, and how many of those are relevant: one *block* of `Ranks`. Every metric reads the blocks and returns
one value per query in [0, 1]; averages and percent come later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError


@dataclass(frozen=True)
class Ranks:
    """Where the relevant items of Q queries stand. One block per (query, score value held by a relevant item).

    row: the block's query. above: candidates with a greater score. tied: candidates with this score, relevant or not.
    hits: the relevant ones among them. hits_above: relevant items with a greater score. All int64 (B,), best first.
    n_candidates, n_relevant: int64 (Q,).
    """

    row: np.ndarray
    above: np.ndarray
    tied: np.ndarray
    hits: np.ndarray
    hits_above: np.ndarray
    n_candidates: np.ndarray
    n_relevant: np.ndarray

    def shuffled(self) -> "Ranks":
        """The same queries under a random ranking: all candidates in one tie. Metrics of it are exact chance."""
        n, zero = self.n_candidates, np.zeros_like(self.n_candidates)
        return Ranks(np.arange(len(n)), zero, n, self.n_relevant, zero, n, self.n_relevant)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Add up one value per block to one per query, float64 (Q,)."""
        return np.bincount(self.row, weights=values, minlength=len(self.n_relevant))


def rank(
    scores: np.ndarray, relevant: np.ndarray, allowed: np.ndarray | None = None, names: Sequence[str] | None = None
) -> Ranks:
    """Rank a batch of queries, greater scores first.

    scores (Q, G); relevant, allowed: boolean (Q, G). Only allowed items compete, the others count in no tie; without
    a mask, those scored -inf are left out. With one, allowed items scored -inf share the last places at random (a
    reranker's rest). Raises PinpointError for NaN, for a query without a relevant item, or one whose relevant item
    may not compete; `names` (Q,) are what the message calls the queries.
    """
    scores = _real(scores, names)
    if allowed is None:
        allowed = np.asarray(scores > -np.inf)
    n_relevant = relevant.sum(axis=1)
    _refuse(n_relevant == 0, names, "has no relevant item")
    _refuse((relevant & ~allowed).any(axis=1), names, "has a relevant item that may not compete")
    scores = np.where(allowed, scores, -np.inf)
    n_candidates, n_out = allowed.sum(axis=1), (~allowed).sum(axis=1)

    row, column = np.nonzero(relevant)
    value = scores[row, column]
    order = np.lexsort((-value, row))
    row, value = row[order], value[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(row) > 0) | (value[1:] != value[:-1])])
    hits = np.diff(starts, append=len(row))
    row, value = row[starts], value[starts]

    below, upto = np.empty_like(row), np.empty_like(row)
    bounds = np.searchsorted(row, np.arange(len(scores) + 1))
    for q, ascending in enumerate(np.sort(scores, axis=1)):
        block = slice(bounds[q], bounds[q + 1])
        below[block] = np.maximum(np.searchsorted(ascending, value[block], "left"), n_out[q])
        upto[block] = np.searchsorted(ascending, value[block], "right")
    so_far = np.cumsum(hits) - hits
    return Ranks(
        row=row,
        above=scores.shape[1] - upto,
        tied=upto - below,
        hits=hits,
        hits_above=so_far - so_far[bounds[row]],
        n_candidates=n_candidates,
        n_relevant=n_relevant,
    )


def recall_at_k(ranks: Ranks, k: int) -> np.ndarray:
    """P(rank <= k) of the single target: clip((k - above) / tied, 0, 1)."""
    return ranks.sum(_single(ranks).hits * _share_within(ranks, k))


def expected_rank(ranks: Ranks) -> np.ndarray:
    """Mean rank of the single target, 1 = first: above + (tied + 1) / 2."""
    return ranks.sum(_single(ranks).above + (ranks.tied + 1) / 2)


def hit_at_k(ranks: Ranks, k: int) -> np.ndarray:
    """P(any relevant item is in the first k): what CLIP and CIR papers call recall.

    The first block alone decides. If k cuts it after m of its t items, r of them relevant, the hit is missed with
    the hypergeometric probability C(t - r, m) / C(t, m).
    """
    drawn = np.clip(k - ranks.above, 0, ranks.tied)
    missed = np.ones(len(drawn))
    for i in range(drawn.max(initial=0)):
        factor = np.maximum(ranks.tied - ranks.hits - i, 0) / np.maximum(ranks.tied - i, 1)
        missed *= np.where(i < drawn, factor, 1.0)
    return ranks.sum((ranks.hits_above == 0) * (1 - missed))


def true_recall_at_k(ranks: Ranks, k: int) -> np.ndarray:
    """Expected share of the relevant items in the first k: recall as information retrieval defines it."""
    return ranks.sum(ranks.hits * _share_within(ranks, k)) / ranks.n_relevant


def subset_recall_at_k(
    scores: np.ndarray, relevant: np.ndarray, members: np.ndarray, k: int, allowed: np.ndarray | None = None
) -> np.ndarray:
    """CIRR's Rs@K: the hit among a query's few members (boolean (Q, G)) alone; `allowed` leaves out the reference."""
    allowed = members if allowed is None else members & allowed
    return hit_at_k(rank(scores, relevant & members, allowed), k)


def average_precision_at_k(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """AP@k by CIRCO's rule, sum over p <= k of P(p) rel(p), divided by min(n_relevant, k); no k: the whole list.

    Under ties the item at place p is relevant with probability r/t, and then each of the p - above - 1 tied items
    before it with c = (r - 1)/(t - 1) (McSherry & Najork, ECIR 2008), so the block adds
    r/t * sum_p (hits_above + 1 + c (p - above - 1)) / p, a constant plus a harmonic sum.
    """
    last = int((ranks.above + ranks.tied).max()) if k is None else k
    harmonic = np.r_[0.0, np.cumsum(1 / np.arange(1, last + 1))]
    start = np.minimum(ranks.above, last)
    places = np.clip(last - start, 0, ranks.tied)
    c = (ranks.hits - 1) / np.maximum(ranks.tied - 1, 1)
    reciprocals = harmonic[start + places] - harmonic[start]
    gain = c * places + (ranks.hits_above + 1 - c * (ranks.above + 1)) * reciprocals
    return ranks.sum(ranks.hits / ranks.tied * gain) / np.minimum(ranks.n_relevant, last)


def reciprocal_rank(ranks: Ranks) -> np.ndarray:
    """Expected 1 / rank of the first relevant item; its mean over queries is MRR."""
    first = ranks.hits_above == 0
    blocks = np.stack([ranks.above, ranks.tied, ranks.hits], axis=1)[first]
    distinct, inverse = np.unique(blocks, axis=0, return_inverse=True)
    values = np.zeros(len(first))
    values[first] = np.array([_reciprocal_of_first(*block) for block in distinct])[inverse.reshape(-1)]
    return ranks.sum(values)


def normalised_rank(ranks: Ranks) -> np.ndarray:
    """Share of (relevant, other) pairs in the wrong order, ties half: 0 perfect, 1/2 chance, 1 reversed.

    Equals (rank - 1) / (candidates - 1) for one target and 1 - AUC for several; unlike R@K it does not depend on the
    size of the gallery. A query all of whose candidates are relevant has no pair and counts 1/2.
    """
    others = ranks.n_candidates - ranks.n_relevant
    wrong = ranks.sum(ranks.hits * (ranks.above - ranks.hits_above + (ranks.tied - ranks.hits) / 2))
    pairs = ranks.n_relevant * others
    return np.divide(wrong, pairs, out=np.full(len(pairs), 0.5), where=pairs > 0)


def first_is(scores: np.ndarray, column: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """P(the top hit is the item in `column` (Q,)), such as the reference image; -1, or an item not allowed, gives 0."""
    rows = np.arange(len(scores))
    scores = np.where(allowed, _real(scores, None), -np.inf)
    value = scores[rows, column][:, None]
    competes = (column >= 0) & allowed[rows, column]
    top = competes & ~(scores > value).any(axis=1)
    return top / np.maximum(((scores == value) & allowed).sum(axis=1), 1)


def micro(values: np.ndarray) -> float:
    """The mean over queries: large groups weigh more."""
    return float(np.mean(values))


def macro(values: np.ndarray, groups: Sequence[str]) -> float:
    """The mean over groups of the group means: FashionIQ's average over categories, COCO-Facet's over facets."""
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    return float(np.mean(np.bincount(group, weights=values) / np.bincount(group)))


def _share_within(ranks: Ranks, k: int) -> np.ndarray:
    return np.clip((k - ranks.above) / ranks.tied, 0.0, 1.0)


def _single(ranks: Ranks) -> Ranks:
    if (ranks.n_relevant != 1).any():
        raise PinpointError("this metric needs one target per query; use hit_at_k or true_recall_at_k for several")
    return ranks


def _reciprocal_of_first(above: int, tied: int, hits: int) -> float:
    before = np.arange(tied - hits + 1)  # how many of the tied items precede the first relevant one
    miss = (tied - hits - before[:-1]) / (tied - before[:-1])
    reach = np.r_[1.0, np.cumprod(miss)]
    return float(np.sum(reach * hits / (tied - before) / (above + 1 + before)))


def _real(scores: np.ndarray, names: Sequence[str] | None) -> np.ndarray:
    scores = np.asarray(scores)
    scores = scores if np.issubdtype(scores.dtype, np.floating) else scores.astype(np.float64)
    _refuse(np.isnan(scores).any(axis=1), names, "has a NaN score; look for a corrupted image or an unnormalised zero")
    return scores


def _refuse(bad: np.ndarray, names: Sequence[str] | None, why: str) -> None:
    if bad.any():
        q = int(np.argmax(bad))
        raise PinpointError(f"query {names[q] if names is not None else q!r} {why}")
