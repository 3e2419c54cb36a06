"""FAISS indexes: exact equals a plain argsort, approximate ones are near it and repeatable, bad input is refused."""

from collections.abc import Iterator

import faiss
import numpy as np
import pytest

from pinpoint.errors import PinpointError
from pinpoint.index import KINDS, build, recall_against_exact


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Product quantisers of this size train slowly in several threads on a busy machine."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(threads)


@pytest.fixture(scope="module")
def emb() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, 32))
    vectors = centres[rng.integers(40, size=2060)] + 0.5 * rng.standard_normal((2060, 32))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit[:2000], unit[2000:]


def test_exact_search_equals_sorting_all_inner_products(emb):
    gallery, queries = emb
    scores, rows = build(gallery).search(queries, 10)
    expected = np.argsort(-(queries @ gallery.T), axis=1)[:, :10]
    assert np.array_equal(rows, expected)
    assert scores == pytest.approx(np.take_along_axis(queries @ gallery.T, expected, axis=1), abs=1e-6)
    assert build(gallery).search(queries, 2000)[1].shape == (60, 2000)


@pytest.mark.parametrize(
    ("kind", "floor"), [("exact", 1.0), ("ivf", 0.95), ("hnsw", 0.95), ("pq", 0.3), ("ivfpq", 0.3)]
)
def test_approximate_indexes_are_near_the_exact_one_and_repeatable(emb, kind, floor):
    gallery, queries = emb
    params = {"m": 16, "nbits": 6} if "pq" in kind else {}
    index = build(gallery, kind, **params)
    assert floor <= recall_against_exact(index, gallery, queries) <= 1
    faiss.omp_set_num_threads(1 if "pq" in kind else 2)
    again = build(gallery, kind, **params).search(queries, 10)
    assert all(np.array_equal(a, b) for a, b in zip(index.search(queries, 10), again, strict=True))


def test_searching_more_cells_finds_more(emb):
    gallery, queries = emb
    few, many = (recall_against_exact(build(gallery, "ivf", nprobe=n), gallery, queries) for n in (1, 45))
    assert few < many == 1


def test_places_an_approximate_index_cannot_fill_are_marked(emb):
    gallery, queries = emb
    scores, rows = build(gallery, "ivf", nlist=40, nprobe=1).search(queries, 1000)
    assert (rows == -1).any()
    assert np.array_equal(rows == -1, scores == -np.inf)


def test_other_dtypes_and_layouts_are_taken_as_they_mean(emb):
    gallery, queries = emb
    expected = build(gallery).search(queries, 5)[1]
    assert np.array_equal(build(np.asfortranarray(gallery.astype(np.float64))).search(queries, 5)[1], expected)
    half = build(gallery.astype(np.float16)).search(queries, 5)[1]
    assert (half[:, 0] == expected[:, 0]).mean() > 0.95


def test_unknown_names_list_the_known_ones(emb):
    with pytest.raises(PinpointError, match="known: exact, gpu, hnsw, ivf, ivfpq, pq"):
        build(emb[0], "annoy")
    with pytest.raises(PinpointError, match="no parameter 'nprobes'; known: nlist, nprobe"):
        build(emb[0], "ivf", nprobes=3)
    assert set(KINDS) == {"exact", "gpu", "hnsw", "ivf", "ivfpq", "pq"}


def test_vectors_that_would_rank_wrongly_are_refused(emb):
    gallery, queries = emb
    bad = gallery.copy()
    bad[7] *= 2
    with pytest.raises(PinpointError, match="gallery embedding 7 is not unit length"):
        build(bad)
    bad[7] = np.nan
    with pytest.raises(PinpointError, match="gallery embedding 7 is not finite"):
        build(bad)
    index = build(gallery)
    with pytest.raises(PinpointError, match="query embedding 0 is not unit"):
        index.search(queries * 0, 5)
    with pytest.raises(PinpointError, match=r"shape \(60, 16\); expected \(n, 32\)"):
        index.search(queries[:, :16], 5)
    for k in (0, 2001):
        with pytest.raises(PinpointError, match=f"k is {k}, but the gallery has 2000"):
            index.search(queries, k)


def test_parameters_that_cannot_work_are_refused(emb):
    with pytest.raises(PinpointError, match="choose a divisor"):
        build(emb[0], "pq", m=5)
    with pytest.raises(PinpointError, match="cannot train 3000 cells"):
        build(emb[0], "ivf", nlist=3000)
    with pytest.raises(PinpointError, match="cannot train 256 centroids"):
        build(emb[0][:100], "pq", m=16)


def test_a_gpu_index_works_or_says_what_is_missing(emb):
    gallery, queries = emb
    if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus():
        assert recall_against_exact(build(gallery, "gpu"), gallery, queries) > 0.99
    else:
        with pytest.raises(PinpointError, match=r"GPU.*kind='exact'"):
            build(gallery, "gpu")
