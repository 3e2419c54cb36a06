"""The linear approximation of a promptable embedding: W with v = f(x, p) ≈ W u, where u = f(x, p0) is stored.

A prompt that is known only when the query arrives needs the N images of a sample re-encoded, not the whole gallery
(Li, Gao and Du, 2025, arXiv 2505.15877). Because q·(W u) = (Wᵀq)·u, the map moves to the query: q' = Wᵀq searches the
table of general embeddings that is there already.

The paper writes vectors as columns; here they are rows: U and V are (N, D), so W = Vᵀ A with A = pinv(Uᵀ), (N, D).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError

SAMPLE = 100  # N of the released code
PENALTIES = tuple(float(x) for x in np.logspace(-4, 2, 25))  # unit rows: the squared singular values of U sum to N


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of unit length, float64 (N, D). A zero row has no direction and stays zero: its scores all tie."""
    rows = np.asarray(rows, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


@dataclass(frozen=True, eq=False)
class LinearMap:
    """x -> W x + bias, where W = identity · I + the product of `factors`.

    factors: (D, N) and (N, D), or one (D, D). A sample smaller than D stays factored: two D×N products a query.
    penalty: the λ it was fitted with, 0 for the pseudo-inverse.
    """

    factors: tuple[np.ndarray, ...]
    identity: float = 0.0
    bias: np.ndarray | None = None
    penalty: float = 0.0

    def query(self, query_emb: np.ndarray) -> np.ndarray:
        """q' = Wᵀq re-normalised, float64 (Q, D), to be scored against the stored general embeddings.

        The bias adds q·b, the same for every image of a query: it moves no rank, so it is left out.
        """
        query_emb = np.asarray(query_emb, dtype=np.float64)
        moved = query_emb
        for factor in self.factors:
            moved = moved @ factor
        return unit(moved + self.identity * query_emb)

    def image(self, general_emb: np.ndarray) -> np.ndarray:
        """W u + b normalised, float64 (N, D): with it the score is a true cosine, at the price of a new table."""
        return unit(self.apply(general_emb))

    def apply(self, general_emb: np.ndarray) -> np.ndarray:
        """W u + b, float64 (N, D)."""
        general_emb = np.asarray(general_emb, dtype=np.float64)
        moved = general_emb
        for factor in reversed(self.factors):
            moved = moved @ factor.T
        return moved + self.identity * general_emb + (0.0 if self.bias is None else self.bias)

    @property
    def matrix(self) -> np.ndarray:
        """W itself (D, D)."""
        product = self.factors[0] if len(self.factors) == 1 else self.factors[0] @ self.factors[1]
        return product + self.identity * np.eye(len(product))

    @property
    def flops(self) -> int:
        """Multiply-adds that a query pays before the search: 2·D·N factored, D² dense."""
        return sum(factor.size for factor in self.factors)


def sample(n_images: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """The rows of n images, drawn uniformly without replacement, int64 (n,).

    The released code draws from numpy's global state without a seed. Here the same generator state gives nested
    samples: the first 10 of a draw of 100 are its draw of 10, so a curve over n is not blurred by luck.
    """
    if not 0 < n <= n_images:
        raise PinpointError(f"a sample of {n} images out of {n_images}; choose n between 1 and {n_images}")
    return rng.permutation(n_images)[:n]


def draws(seed: int, times: int = 10) -> list[np.random.Generator]:
    """Independent generators, one for each repetition of a fit: report the mean and the spread over them."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(times)]


def released_fit(general_emb: np.ndarray, prompted_emb: np.ndarray) -> LinearMap:
    """W = V U⁺ as the paper's code computes it: Moore-Penrose, numpy's default cut-off, no ridge, no centring.

    general_emb U, prompted_emb V: (N, D), the same images. N ≤ D images in general position are fitted exactly, so
    W u = v on all of them; a gallery that *is* the sample is then ranked as with the prompt. Beyond D images the
    fit is least squares and leaves a residual, unless V is truly linear in U (V = U Rᵀ gives W = R for N ≥ D).
    Near N = D the smallest singular values of U are tiny and their inverses loud: expect the worst maps there.
    """
    u, v = _pair(general_emb, prompted_emb)
    return LinearMap(_factored(v, np.linalg.pinv(u.T)))


def ridge_fit(
    general_emb: np.ndarray,
    prompted_emb: np.ndarray,
    penalties: Sequence[float] = PENALTIES,
    *,
    affine: bool = False,
    toward_identity: bool = False,
) -> LinearMap:
    """W minimising ‖W U − V‖² + λ‖W‖², λ by exact leave-one-out over the N images. Ours, not the paper's.

    affine fits an unpenalised bias as well. toward_identity penalises ‖W − I‖² instead: what the sample says nothing
    about then keeps its general embedding, instead of vanishing. Raises PinpointError for penalties that are not > 0.
    """
    ridge = _Ridge.of(general_emb, prompted_emb, affine, toward_identity)
    errors = [ridge.loo_error(penalty) for penalty in _positive(penalties)]
    return ridge.fit(penalties[int(np.argmin(errors))])


def loo_errors(
    general_emb: np.ndarray,
    prompted_emb: np.ndarray,
    penalties: Sequence[float] = PENALTIES,
    *,
    affine: bool = False,
    toward_identity: bool = False,
) -> np.ndarray:
    """The mean of ‖v_i − (W u_i + b)‖² with image i left out of the fit, for every penalty, (len(penalties),)."""
    ridge = _Ridge.of(general_emb, prompted_emb, affine, toward_identity)
    return np.array([ridge.loo_error(penalty) for penalty in _positive(penalties)])


@dataclass(frozen=True)
class _Ridge:
    """One singular value decomposition, U − mean = P diag(s) Q, serves every penalty."""

    target: np.ndarray  # (N, D), centred if affine
    p: np.ndarray  # (N, r)
    s: np.ndarray  # (r,)
    q: np.ndarray  # (r, D)
    means: tuple[np.ndarray, np.ndarray] | None
    identity: float

    @classmethod
    def of(cls, general_emb: np.ndarray, prompted_emb: np.ndarray, affine: bool, toward_identity: bool) -> "_Ridge":
        u, target = _pair(general_emb, prompted_emb)
        if toward_identity:
            target = target - u
        means = (u.mean(axis=0), target.mean(axis=0)) if affine else None
        if means is not None:
            u, target = u - means[0], target - means[1]
        p, s, q = np.linalg.svd(u, full_matrices=False)
        return cls(target, p, s, q, means, float(toward_identity))

    def loo_error(self, penalty: float) -> float:
        """The hat matrix H = P diag(s² / (s² + λ)) Pᵀ gives every left-out residual at once: r_i / (1 − H_ii)."""
        kept = self.s**2 / (self.s**2 + penalty)
        residual = self.target - (self.p * kept) @ (self.p.T @ self.target)
        leverage = self.p**2 @ kept + (1 / len(self.p) if self.means is not None else 0.0)
        return float(np.mean(np.sum((residual / (1 - leverage)[:, None]) ** 2, axis=1)))

    def fit(self, penalty: float) -> LinearMap:
        factors = _factored(self.target, (self.p * (self.s / (self.s**2 + penalty))) @ self.q)
        bias = None
        if self.means is not None:
            bias = self.means[1] - LinearMap(factors).apply(self.means[0])
        return LinearMap(factors, self.identity, bias, penalty)


def explained(linear_map: LinearMap, general_emb: np.ndarray, prompted_emb: np.ndarray) -> float:
    """The share of V's variance about its mean that W U + b accounts for: 1 exact, 0 no better than the mean."""
    u, v = _pair(general_emb, prompted_emb)
    spread = np.sum((v - v.mean(axis=0)) ** 2)
    if not spread:
        raise PinpointError("the prompted embeddings are all equal; there is no variance to explain")
    return float(1 - np.sum((v - linear_map.apply(u)) ** 2) / spread)


def _factored(v: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, ...]:
    """W = Vᵀ A, multiplied out only where that is the smaller."""
    return (v.T, a) if len(v) < v.shape[1] else (v.T @ a,)


def _pair(general_emb: np.ndarray, prompted_emb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, v = np.asarray(general_emb, dtype=np.float64), np.asarray(prompted_emb, dtype=np.float64)
    if u.ndim != 2 or u.shape != v.shape or not len(u):
        raise PinpointError(f"general and prompted embeddings of shapes {u.shape}, {v.shape}; give both as (N, D)")
    return u, v


def _positive(penalties: Sequence[float]) -> Sequence[float]:
    if not len(penalties) or not min(penalties) > 0:
        raise PinpointError(f"penalties {list(penalties)}: give at least one, all greater than 0")
    return penalties
