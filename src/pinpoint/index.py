"""Nearest neighbours with FAISS: exact by default, approximate or on a GPU by name.

No benchmark of this study needs an approximate index; the exact one answers in milliseconds. Beyond a few million
images an index trades recall for time, and `recall_against_exact` says how much.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinpoint.errors import PinpointError, unknown

SEED = 1234


@dataclass(frozen=True)
class Index:
    """A built index over N unit vectors of width `dim`; `search` is all one needs."""

    kind: str
    dim: int
    size: int
    faiss_index: Any

    def search(self, query_emb: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k greatest inner products of each query (Q, D): scores float32 (Q, k), gallery rows int64 (Q, k).

        An approximate index that finds fewer than k fills up with score -inf and row -1. Raises PinpointError for
        k > N, vectors that are not unit length or not finite, or of another width.
        """
        if not 1 <= k <= self.size:
            raise PinpointError(f"k is {k}, but the gallery has {self.size} images; choose 1 <= k <= {self.size}")
        scores, rows = self.faiss_index.search(_unit_rows("query", query_emb, self.dim), k)
        return np.where(rows < 0, -np.inf, scores).astype(np.float32), rows


def build(gallery_emb: np.ndarray, kind: str = "exact", **params: int) -> Index:
    """Index unit vectors (N, D). `kind` is a key of KINDS, `params` override its defaults.

    exact: no parameter. ivf: nlist cells, nprobe of them searched. hnsw: m links per vector, ef_construction,
    ef_search. pq: m bytes per vector of 2^nbits centroids each. ivfpq: both. gpu: exact, on CUDA device `device`.
    Training is seeded and the HNSW graph is built in one thread, so that the same vectors give the same index.
    """
    if kind not in KINDS:
        raise unknown("index", kind, tuple(KINDS))
    make, defaults = KINDS[kind]
    strange = sorted(params.keys() - defaults.keys())
    if strange:
        raise PinpointError(f"index {kind!r} has no parameter {strange[0]!r}; known: {', '.join(defaults) or 'none'}")
    gallery_emb = _unit_rows("gallery", gallery_emb)
    size, dim = gallery_emb.shape
    index = make(gallery_emb, **{**defaults, **params})
    return Index(kind, dim, size, index)


def recall_against_exact(index: Index, gallery_emb: np.ndarray, query_emb: np.ndarray, k: int = 10) -> float:
    """The share of the exact k nearest neighbours that `index` finds, in [0, 1], mean over queries."""
    from faiss.contrib.evaluation import knn_intersection_measure

    _, exact = build(gallery_emb).search(query_emb, k)
    return float(knn_intersection_measure(exact, index.search(query_emb, k)[1]))


def _exact(gallery_emb: np.ndarray) -> Any:
    import faiss

    return _filled(faiss.IndexFlatIP(gallery_emb.shape[1]), gallery_emb)


def _gpu(gallery_emb: np.ndarray, device: int) -> Any:
    import faiss

    if not hasattr(faiss, "StandardGpuResources"):
        raise PinpointError("this FAISS has no GPU support; install faiss-gpu (environment.yml) or use kind='exact'")
    if device >= faiss.get_num_gpus():
        raise PinpointError(f"FAISS sees {faiss.get_num_gpus()} GPUs, so no device {device}; use kind='exact'")
    flat = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), device, faiss.IndexFlatIP(gallery_emb.shape[1]))
    return _filled(flat, gallery_emb)


def _hnsw(gallery_emb: np.ndarray, m: int, ef_construction: int, ef_search: int) -> Any:
    import faiss

    index = faiss.IndexHNSWFlat(gallery_emb.shape[1], m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = ef_construction, ef_search
    with _one_thread():  # several threads link the graph in another order each time
        return _filled(index, gallery_emb)


def _cells(gallery_emb: np.ndarray, nlist: int, nprobe: int, m: int = 0, nbits: int = 8) -> Any:
    """An inverted file of nlist cells; with m, its vectors are product-quantised to m codes."""
    import faiss

    size, dim = gallery_emb.shape
    nlist = nlist or max(1, round(np.sqrt(size)))
    _enough(size, nlist, f"{nlist} cells")
    coarse = faiss.IndexFlatIP(dim)
    index: Any
    if m:
        _codes(size, dim, m, nbits)
        index = faiss.IndexIVFPQ(coarse, dim, nlist, m, nbits, faiss.METRIC_INNER_PRODUCT)
        _seed(index.pq.cp)
    else:
        index = faiss.IndexIVFFlat(coarse, dim, nlist, faiss.METRIC_INNER_PRODUCT)
    _seed(index.cp)
    index.nprobe = min(nprobe, nlist)
    return _filled(index, gallery_emb)


def _pq(gallery_emb: np.ndarray, m: int, nbits: int) -> Any:
    import faiss

    size, dim = gallery_emb.shape
    _codes(size, dim, m, nbits)
    index = faiss.IndexPQ(dim, m, nbits, faiss.METRIC_INNER_PRODUCT)
    _seed(index.pq.cp)
    with _one_thread():  # many tiny k-means: threads cost far more than they bring
        return _filled(index, gallery_emb)


@contextmanager
def _one_thread() -> Iterator[None]:
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _filled(index: Any, gallery_emb: np.ndarray) -> Any:
    if not index.is_trained:
        index.train(gallery_emb)
    index.add(gallery_emb)
    return index


def _seed(clustering: Any) -> None:
    clustering.seed = SEED
    clustering.min_points_per_centroid = 1  # below 39 FAISS would only print a warning


def _codes(size: int, dim: int, m: int, nbits: int) -> None:
    if m < 1 or dim % m:
        raise PinpointError(f"m is {m}, but vectors of width {dim} split only into equal parts; choose a divisor")
    _enough(size, 2**nbits, f"{2**nbits} centroids (nbits={nbits})")


def _enough(size: int, needed: int, what: str) -> None:
    if size < needed:
        raise PinpointError(f"{size} vectors cannot train {what}; choose fewer, or kind='exact'")


def _unit_rows(what: str, emb: np.ndarray, dim: int | None = None) -> np.ndarray:
    emb = np.ascontiguousarray(emb, dtype=np.float32)
    if emb.ndim != 2 or not len(emb) or dim not in (None, emb.shape[1]):
        raise PinpointError(f"{what} embeddings have shape {emb.shape}; expected (n, {dim or 'D'}) with n > 0")
    off = ~(np.abs(np.linalg.norm(emb, axis=1) - 1) < 1e-2)  # half precision stays well inside; NaN does not
    if off.any():
        row = int(np.argmax(off))
        fault = (
            "not unit length; normalise the rows" if np.isfinite(emb[row]).all() else "not finite; look at that item"
        )
        raise PinpointError(f"{what} embedding {row} is {fault}")
    return emb


# kind -> how to build it, and its parameters (nlist 0: the square root of the gallery's size)
KINDS: dict[str, tuple[Callable[..., Any], dict[str, int]]] = {
    "exact": (_exact, {}),
    "gpu": (_gpu, {"device": 0}),
    "hnsw": (_hnsw, {"m": 32, "ef_construction": 200, "ef_search": 128}),
    "ivf": (_cells, {"nlist": 0, "nprobe": 16}),
    "ivfpq": (_cells, {"nlist": 0, "nprobe": 16, "m": 32, "nbits": 8}),
    "pq": (_pq, {"m": 32, "nbits": 8}),
}
