"""Distinctive queries: QuRe's negatives exactly, and our reading of DQE-CIR, whose formulas are not public.

A composed query has one annotated target and many valid ones. In-batch contrast pushes all of them away but one. QuRe
(ICML 2025) takes one negative per query out of a set between two steep drops of the ranking. DQE-CIR (Park et
al. 2026) takes it from a zone of scores relative to the target's, and weighs attributes by what the text says.
Notation: queries q (B, D) and candidates c (N, T, D) of T tokens, unit rows; s(q, c) = max_k q · c_k.
"""

import itertools
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import kl_div, logsigmoid, normalize, relu

from pinpoint.errors import PinpointError
from pinpoint.retriever import similarity

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark

ATTRIBUTES = ("colour", "shape")


def token_scores(query_emb: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """s(q, c), the best of a candidate's tokens: (B, D) and (N, T, D) -> (B, N)."""
    return torch.einsum("bd,ntd->bnt", query_emb, candidates).amax(dim=2)


@dataclass(frozen=True, eq=False)
class TokenRetriever:
    """Nearest neighbours where an image has several vectors: query_emb (Q, D), gallery_emb (G, T, D)."""

    name: str
    query_emb: np.ndarray
    gallery_emb: np.ndarray

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """s(q, c) of some queries with the gallery, float32 (q, G)."""
        sizes, expected = (len(self.query_emb), len(self.gallery_emb)), (len(benchmark.queries), len(benchmark.gallery))
        if sizes != expected:
            raise PinpointError(f"{self.name}: {sizes} queries and images for a benchmark of {expected}")
        g, t, d = self.gallery_emb.shape
        flat = similarity(self.query_emb[query_slice], self.gallery_emb.reshape(g * t, d))
        best: np.ndarray = flat.reshape(len(flat), g, t).max(axis=2)
        return best


# -- one negative against the target ----------------------------------------------------------------------------------
def bradley_terry(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """QuRe: -log sigma(s+ - s-), the mean over scores (B,); the KL divergence from (1, 0) is the same number."""
    return -logsigmoid(positive - negative).mean()


def smoothed_kl(positive: torch.Tensor, negative: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Our reading of DQE-CIR's KL term: KL((1 - e, e) || softmax(s+, s-)), the mean over scores (B,).

    With e = 0 it is Bradley-Terry. With e > 0 it has its minimum at s+ - s- = log((1 - e) / e): a pair that is told
    apart by more than that is pulled together again.
    """
    if not 0 <= smoothing < 0.5:
        raise PinpointError(f"label smoothing of {smoothing}; it must lie in 0 <= e < 0.5")
    said = torch.stack([positive, negative], dim=1).log_softmax(dim=1)
    right = torch.tensor([1 - smoothing, smoothing], device=said.device).expand_as(said)
    return kl_div(said, right, reduction="batchmean")


def ranking_margin(positive: torch.Tensor, negative: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean of max(0, m - s+ + s-) over scores (B,)."""
    return relu(margin - positive + negative).mean()


# -- which negative ---------------------------------------------------------------------------------------------------
def steep_drop_set(scores: np.ndarray, target: int, threshold: int = 1) -> np.ndarray:
    """QuRe's hard negatives of one query, candidate numbers in rank order: everything between two steep drops.

    scores (N,) of the whole corpus. Below the target, y are the scores in rank order and d = diff(y). Positions are
    walked from the steepest drop on, in neighbouring pairs of that order, until two are more than `threshold` apart;
    with k1 < k2 these two, the set is the ranks target + 1 + k1 + 1 to target + 1 + k2. Empty if there is no such pair.
    As released, the reference is not left out.
    """
    order = np.argsort(-scores, kind="stable")
    rank = int(np.flatnonzero(order == target)[0])
    drops = np.diff(scores[order[rank + 1 :]])  # all <= 0
    steepest = np.argsort(drops, kind="stable")
    for a, b in itertools.pairwise(steepest.tolist()):
        if abs(a - b) > threshold:
            first, last = sorted((a, b))
            return order[rank + 1 + first + 1 : rank + 1 + last + 1]
    return order[:0]


def relative_zone(scores: np.ndarray, target: int, low: float, high: float) -> np.ndarray:
    """Target-relative negative sampling, our reading: candidate numbers of the middle zone of one query.

    Delta_j = s(target) - s_j; candidates with Delta < 0 stand above the target and are never taken. Of the others, in
    order of Delta, the zone is what lies between the quantiles `low` and `high`: nearer ones may be valid answers,
    farther ones teach nothing. Empty zones give the one candidate next below `low`.
    """
    if not 0 <= low < high <= 1:
        raise PinpointError(f"zone from quantile {low} to {high}; it must be 0 <= low < high <= 1")
    delta = scores[target] - scores
    others = np.flatnonzero((delta >= 0) & (np.arange(len(scores)) != target))
    ordered = others[np.argsort(delta[others], kind="stable")]
    start, stop = round(low * len(ordered)), round(high * len(ordered))
    return ordered[start:stop] if stop > start else ordered[start : start + 1]


@dataclass
class NegativePool:
    """One negative per query and epoch: uniform without repetition until a query's set is used up, then anew."""

    sets: Sequence[np.ndarray]
    seed: int = 0
    used: dict[int, list[int]] = field(default_factory=dict)
    rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        empty = next((i for i, some in enumerate(self.sets) if not len(some)), None)
        if empty is not None:
            raise PinpointError(f"query number {empty} has no negative; widen the zone or give it random ones")
        self.rng = np.random.default_rng(self.seed)

    def draw(self, query: int) -> int:
        """A candidate number for one query."""
        some, used = self.sets[query], self.used.setdefault(query, [])
        if len(used) == len(some):
            used.clear()
        left = np.setdiff1d(some, used)
        chosen = int(left[self.rng.integers(len(left))])
        used.append(chosen)
        return chosen


# -- attributes -------------------------------------------------------------------------------------------------------
class AttributeQuery(nn.Module):
    """Learnable attribute weights, our reading: a global query and one sub-query per attribute, mixed by the text.

    Z (B, T, d): the query tokens that have read reference and text. t (B, d): the pooled text. For each attribute a,
    alpha_a = softmax_k((W_a Z_k) · (U_a t) / sqrt d), z_a = sum_k alpha_ak Z_k, q_a = unit(P_a z_a); the global
    q_g = unit(P_g mean_k Z_k); gates g = softmax(MLP t), and q = unit(g_0 q_g + sum_a g_a q_a). The gates begin at
    softmax(2, 0, ...) whatever the text, so that training starts close to the plain query.
    """

    def __init__(
        self, width: int, dim: int, attributes: Sequence[str] = ATTRIBUTES, start: nn.Linear | None = None
    ) -> None:
        """start: the projection that a plain query has; all of ours begin as copies of it."""
        super().__init__()
        self.attributes = tuple(attributes)
        n = len(self.attributes)
        self.keys = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(n))
        self.asks = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(n))
        self.projections = nn.ModuleList(deepcopy(start) if start else nn.Linear(width, dim) for _ in range(n + 1))
        last = nn.Linear(width, n + 1)
        nn.init.zeros_(last.weight)
        last.bias.data = torch.tensor([2.0] + n * [0.0])
        self.gate = nn.Sequential(nn.Linear(width, width), nn.GELU(), last)

    def forward(
        self, tokens: torch.Tensor, text: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """q (B, D), the sub-queries q_a (B, D) by name, and the gates (B, 1 + attributes), the global one first."""
        parts = [normalize(self.projections[0](tokens.mean(dim=1)), dim=1)]
        for key, ask, projection in zip(self.keys, self.asks, self.projections[1:], strict=True):
            weights = torch.einsum("btd,bd->bt", key(tokens), ask(text)) / tokens.shape[2] ** 0.5
            read = torch.einsum("bt,btd->bd", weights.softmax(dim=1), tokens)
            parts.append(normalize(projection(read), dim=1))
        gates = self.gate(text).softmax(dim=1)
        mixed = torch.einsum("bn,nbd->bd", gates, torch.stack(parts))
        return normalize(mixed, dim=1), dict(zip(self.attributes, parts[1:], strict=True)), gates


def attribute_margin_loss(
    positive: dict[str, torch.Tensor], negative: dict[str, torch.Tensor], mentioned: dict[str, torch.Tensor],
    margin: float,
) -> torch.Tensor:  # fmt: skip
    """sum_a mean_i w_a(t_i) max(0, m - s(q_a, c+) + s(q_a, c-)): scores (B,) of each attribute's sub-query, by the same
    best token that ranks images; mentioned: w_a in 0..1, (B,) each."""
    losses = [mentioned[name] * relu(margin - positive[name] + negative[name]) for name in positive]
    return torch.stack(losses).mean(dim=1).sum()
