"""What `pinpoint bench` measures: one function a row, called with the row's name and the sizes.

All inputs are made here from fixed seeds.
"""

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinpoint import metrics
from pinpoint.diorama.captions import caption, vocabulary_corpus
from pinpoint.diorama.draw import STYLES
from pinpoint.diorama.scene import Scene, sample_split
from pinpoint.diorama.world import NATIVE_SIZE, DioramaImages, image_id
from pinpoint.index import Index, build, recall_against_exact
from pinpoint.retriever import similarity
from pinpoint.store import Store
from pinpoint.timing import Measurement, agree, rate, ratio, summary

if TYPE_CHECKING:
    from pinpoint.encoders.open_clip_door import OpenClipEncoder

KS = (1, 5, 10, 50)
NEIGHBOURS = 10
LATENT = 32  # the made vectors lie near a plane of this many dimensions, as embeddings of real images do
# A graph over 10^5 vectors with the default parameters would take a minute to build.
APPROXIMATE: dict[str, dict[str, int]] = {"ivf": {}, "hnsw": {"m": 16, "ef_construction": 40, "ef_search": 64}}


@dataclass(frozen=True)
class Sizes:
    """How much of everything; the metrics at the size of CIRR's validation split."""

    scenes: int = 200
    queries: int = 4181
    gallery: int = 2297
    images: int = 64
    vectors: int = 100_000
    dim: int = 192
    searches: int = 100
    reranked: int = 40
    repeats: int = 5


# -- the world --------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=2)
def _scenes(n: int) -> list[Scene]:
    return sample_split(n, "test", seed=0)


@lru_cache(maxsize=2)
def _pictures(n: int, size: int) -> np.ndarray:
    scenes = _scenes(n)
    return DioramaImages(scenes).load_batch([image_id(scene) for scene in scenes], size)


def _captions(n: int) -> list[str]:
    return [caption(scene, random.Random(seed)) for seed, scene in enumerate(_scenes(n))]


def _render(name: str, sizes: Sizes) -> Measurement:
    """Pictures a second on one core, one process."""
    scenes = _scenes(sizes.scenes)
    images, ids = DioramaImages(scenes), [image_id(scene, name.partition(".")[2]) for scene in scenes]
    against = f"{len(ids)} scenes at {NATIVE_SIZE} px, one core, backdrops cached"
    return rate(name, lambda: images.load_batch(ids, NATIVE_SIZE), len(ids), sizes.repeats, against)


def _write_captions(name: str, sizes: Sizes) -> Measurement:
    n, rounds = sizes.scenes, 20

    def write() -> None:
        for _ in range(rounds):
            _captions(n)

    return rate(name, write, n * rounds, sizes.repeats, f"{n} scenes, one core")


# -- the core ---------------------------------------------------------------------------------------------------------
def counted_hits(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Hit at each of KS (Q, len(KS)), as the study counts it: by how many items lie above the target."""
    relevant = np.zeros(scores.shape, dtype=bool)
    relevant[np.arange(len(target)), target] = True
    ranks = metrics.rank(scores, relevant)
    return np.stack([metrics.recall_at_k(ranks, k) for k in KS], axis=1)


def sorted_hits(scores: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The same by sorting the whole gallery for each query and looking for the target in the list."""
    hits = np.zeros((len(scores), len(KS)))
    for q, row in enumerate(scores):
        place = np.argsort(-row).tolist().index(target[q])
        hits[q] = [place < k for k in KS]
    return hits


def _ranks(name: str, sizes: Sizes) -> Measurement:
    rng = np.random.default_rng(0)
    rows = np.tile(np.arange(sizes.gallery, dtype=np.float32), (sizes.queries, 1))
    scores = rng.permuted(rows, axis=1)  # no ties, whose order a sort would settle by accident
    target = rng.integers(0, sizes.gallery, sizes.queries)
    agree(name, counted_hits(scores, target), sorted_hits(scores, target), atol=0.0)
    against = f"argsort and a Python loop, {sizes.queries:,} x {sizes.gallery:,} scores"
    slow, fast = (lambda: sorted_hits(scores, target)), (lambda: counted_hits(scores, target))
    return ratio(name, slow, fast, sizes.repeats, against)


@lru_cache(maxsize=1)
def encoder() -> "OpenClipEncoder":
    """The shipped CLIP; where its weights are absent a tiny one with random weights, whose name says so."""
    from pinpoint.encoders import load, shipped_folder

    if (shipped_folder("diorama-clip") / "config.json").is_file():
        return load("diorama-clip")
    with tempfile.TemporaryDirectory() as folder:
        return _random_clip(Path(folder) / "tiny random CLIP")


def _random_clip(folder: Path) -> "OpenClipEncoder":
    import torch

    from pinpoint.encoders import load
    from pinpoint.encoders.sources import build_model
    from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary
    from pinpoint.recipes.clip import TINY, save_clip
    from pinpoint.training import History

    vocabulary = folder / "tokenizer.txt.gz"
    save_vocabulary(vocabulary, build_vocabulary(vocabulary_corpus()))
    config = TINY.model_cfg(load_tokenizer(vocabulary, TINY.context_length).vocab_size)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_clip(folder, build_model(config, folder), config, folder.name, History())
    return load(str(folder))


def _encode_images(name: str, sizes: Sizes) -> Measurement:
    clip, pictures = encoder(), _pictures(sizes.images, encoder().image_size)
    n, against = len(pictures), f"{clip!r}, a batch of {len(pictures)}"
    return rate(name, lambda: clip.encode_images(pictures, batch_size=n), n, sizes.repeats, against)


def _encode_texts(name: str, sizes: Sizes) -> Measurement:
    clip, texts = encoder(), _captions(sizes.images)
    return rate(name, lambda: clip.encode_texts(texts), len(texts), sizes.repeats, repr(clip))


def _encode_batch(name: str, sizes: Sizes) -> Measurement:
    clip, pictures = encoder(), _pictures(sizes.images, encoder().image_size)

    def embed(batch_size: int) -> np.ndarray:
        return clip.encode_images(pictures, batch_size=batch_size)

    n, against = len(pictures), f"a batch of {len(pictures)} against one by one, {clip!r}"
    agree(name, embed(n), embed(1), atol=1e-5)
    return ratio(name, lambda: embed(1), lambda: embed(n), sizes.repeats, against)


def _store(name: str, sizes: Sizes) -> Measurement:
    clip, pictures = encoder(), _pictures(sizes.images, encoder().image_size)
    ids = [scene.id for scene in _scenes(sizes.images)]
    with tempfile.TemporaryDirectory() as folder:
        store, record = Store(folder), {"encoder": clip.record.digest}

        def read() -> np.ndarray:
            return store.get(record, ids, lambda _: clip.encode_images(pictures))

        read()  # encodes and writes
        agree(name, read(), clip.encode_images(pictures), atol=1e-6)
        against = f"encoding {len(ids)} drawn pictures anew, {clip!r}"
        return ratio(name, lambda: clip.encode_images(pictures), read, sizes.repeats, against, number=20)


# -- the index --------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def vectors(n: int, queries: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """A gallery (n, dim) and queries (queries, dim) of unit vectors: a random plane of LATENT dimensions, and noise."""
    rng = np.random.default_rng(0)
    emb = rng.standard_normal((n + queries, LATENT), np.float32) @ rng.standard_normal((LATENT, dim), np.float32)
    emb = emb / LATENT**0.5 + 0.3 * rng.standard_normal(emb.shape, np.float32)
    emb /= np.linalg.norm(emb, axis=1, keepdims=True)
    return emb[:n], emb[n:]


@lru_cache(maxsize=2)
def _index(kind: str, sizes: Sizes) -> Index:
    return build(vectors(sizes.vectors, sizes.searches, sizes.dim)[0], kind, **APPROXIMATE.get(kind, {}))


def best_scores(query_emb: np.ndarray, gallery_emb: np.ndarray) -> np.ndarray:
    """The greatest similarities of each query in falling order, by NumPy (Q, NEIGHBOURS)."""
    scores = similarity(query_emb, gallery_emb)
    return -np.sort(-np.partition(scores, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:], axis=1)


def _exact(name: str, sizes: Sizes) -> Measurement:
    gallery, queries = vectors(sizes.vectors, sizes.searches, sizes.dim)
    index = _index("exact", sizes)
    slow, fast = (lambda: best_scores(queries, gallery)), (lambda: index.search(queries, NEIGHBOURS))
    agree(name, index.search(queries, NEIGHBOURS)[0], best_scores(queries, gallery), atol=1e-5)
    against = f"similarity and partition in NumPy, {sizes.searches} queries in {sizes.vectors:,} x {sizes.dim}"
    return ratio(name, slow, fast, sizes.repeats, against)


def _approximate(name: str, sizes: Sizes) -> Measurement:
    """How many times faster than the exact index. Its results differ; `index.KIND.recall` says by how much."""
    queries = vectors(sizes.vectors, sizes.searches, sizes.dim)[1]
    exact, index = _index("exact", sizes), _index(name.split(".")[1], sizes)
    slow, fast = (lambda: exact.search(queries, NEIGHBOURS)), (lambda: index.search(queries, NEIGHBOURS))
    against = f"the exact index, {sizes.searches} queries in {sizes.vectors:,} x {sizes.dim}"
    return ratio(name, slow, fast, sizes.repeats, against)


def _recall(name: str, sizes: Sizes) -> Measurement:
    index = _index(name.split(".")[1], sizes)
    found = recall_against_exact(index, *vectors(sizes.vectors, sizes.searches, sizes.dim), k=NEIGHBOURS)
    return summary(name, [100 * found], "%", f"the {NEIGHBOURS} nearest by the exact index, {sizes.vectors:,} vectors")


# -- re-ranking -------------------------------------------------------------------------------------------------------
def _rerank(name: str, sizes: Sizes) -> Measurement:
    """Both ways are compared by `speedup` itself."""
    from pinpoint.rerank_speed import made, speedup

    images = min(10 * sizes.reranked, sizes.gallery)
    found = speedup(*made(sizes.reranked, min(50, images), images), plain=1, repeats=sizes.repeats)
    return replace(found, name=name, against=f"{found.against}, {images:,} pictures, a model of random weights")


ROWS: dict[str, Callable[[str, Sizes], Measurement]] = {
    **{f"render.{style}": _render for style in STYLES},
    "captions": _write_captions,
    "ranks": _ranks,
    "store": _store,
    "encode.images": _encode_images,
    "encode.texts": _encode_texts,
    "encode.batch": _encode_batch,
    "index.exact": _exact,
    "index.ivf.speed": _approximate,
    "index.ivf.recall": _recall,
    "index.hnsw.speed": _approximate,
    "index.hnsw.recall": _recall,
    "rerank": _rerank,
}
