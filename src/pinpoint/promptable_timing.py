"""How long each mode of `promptable` takes: milliseconds a query, seconds an image.

The modes are timed in one run, on one thread, with the exact index, so that they can be compared with one another.
Encoding the query's text is left out: every mode does it once, alike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from timeit import timeit
from typing import Protocol

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.index import Index, build
from pinpoint.linear import LinearMap
from pinpoint.timing import Measurement, agree, summary

NEIGHBOURS = 10  # how many images a search returns
BATCH = 64
SINGLE = 16  # searches of one query each that one repeat times
NOISE = 0.01  # of a unit vector: keeps copies of one image apart


class PromptEncoder(Protocol):
    """What is timed of an encoder; see `encoders.mllm`."""

    def encode_images(self, images: Sequence[np.ndarray], prompt: str | None = None) -> np.ndarray:
        """Unit rows (N, D)."""
        ...

    def encode_prompts(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> np.ndarray:
        """Unit rows (P, N, D)."""
        ...


@dataclass(frozen=True, eq=False)
class ModeVectors:
    """What the modes search with, all unit rows but the factors.

    queries (Q, D) with Q >= BATCH. general (N, D). tables (P, N, D): the images under each prompt, and prompts (P, D)
    the prompts' text vectors. linear is the map of one prompt. clip_queries (Q, C), clip (N, C).
    """

    queries: np.ndarray
    general: np.ndarray
    tables: np.ndarray
    prompts: np.ndarray
    linear: LinearMap
    clip_queries: np.ndarray
    clip: np.ndarray

    def __post_init__(self) -> None:
        if min(len(self.queries), len(self.clip_queries)) < BATCH:
            raise PinpointError(f"timing needs {BATCH} query vectors, not {len(self.queries)}; repeat some")
        if len(self.tables) != len(self.prompts):
            raise PinpointError(
                f"{len(self.tables)} tables for {len(self.prompts)} prompts; give each prompt its table"
            )


@dataclass(frozen=True)
class Encoding:
    """Seconds an image takes: under one prompt, under all P one after another, under all P with a shared prefix."""

    one: Measurement
    apart: Measurement
    shared: Measurement
    speed_up: Measurement  # of `shared` over `apart`


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold FAISS and PyTorch to one thread: how many there are says nothing about the method.

    NumPy's cannot be held from here. It maps queries, D^2 multiply-adds at most beside the G D of a search.
    """
    import faiss
    import torch

    threads = faiss.omp_get_max_threads(), torch.get_num_threads()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads[0])
        torch.set_num_threads(threads[1])


def widened(emb: np.ndarray, size: int, seed: int = 0) -> np.ndarray:
    """`size` unit rows (size, D): the given ones over and over, with a little noise, so that no two are equal.

    An exact search takes as long whatever the vectors are, so nothing is gained by encoding 10^5 images.
    """
    out = np.resize(np.asarray(emb, np.float32), (size, emb.shape[1]))
    out += NOISE / emb.shape[1] ** 0.5 * np.random.default_rng(seed).standard_normal(out.shape, np.float32)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def search_ms(vectors: ModeVectors, size: int, repeats: int = 5) -> dict[str, tuple[Measurement, Measurement]]:
    """Milliseconds a query takes in a gallery of `size` images, by mode: one query at a time, and in a batch of 64.

    The modes run in turn in every repeat, so that a busy machine slows all of them. `linear` maps the query by two
    thin products, `linear_dense` by one D x D product. Holds P + 2 tables of size x D floats.
    """
    with one_thread():
        searches = _searches(vectors, size)
        samples: dict[str, tuple[list[float], list[float]]] = {mode: ([], []) for mode in searches}
        for repeat in range(repeats + 1):
            for mode, (search, queries) in searches.items():
                single, together = _seconds(search, queries)
                if repeat:  # the first round fills the caches
                    samples[mode][0].append(1000 * single)
                    samples[mode][1].append(1000 * together)
    against = f"exact index, {size:,} images, one thread"
    return {
        mode: (summary(mode, single, "ms", f"{against}, one by one"), summary(mode, batch, "ms", f"{against}, {BATCH}"))
        for mode, (single, batch) in samples.items()
    }


Search = Callable[[np.ndarray], object]


def _searches(vectors: ModeVectors, size: int) -> dict[str, tuple[Search, np.ndarray]]:
    """How each mode answers queries (q, D), and the queries to time it with."""
    k = min(NEIGHBOURS, size)
    clip, general = (build(widened(emb, size)) for emb in (vectors.clip, vectors.general))
    tables = [build(widened(emb, size, seed)) for seed, emb in enumerate(vectors.tables)]
    thin, dense = vectors.linear, LinearMap((vectors.linear.matrix,))
    queries, prompts, clip_queries = (
        np.array(emb, np.float32) for emb in (vectors.queries, vectors.prompts, vectors.clip_queries)
    )
    return {
        "clip": (lambda q: clip.search(q, k), clip_queries),
        "general": (lambda q: general.search(q, k), queries),
        "prompted": (lambda q: tables[0].search(q, k), queries),
        "chosen": (lambda q: chosen_search(tables, prompts, q, k), queries),
        "linear": (lambda q: general.search(thin.query(q), k), queries),
        "linear_dense": (lambda q: general.search(dense.query(q), k), queries),
    }


def chosen_search(
    tables: Sequence[Index], prompts: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Search each query (q, D) in the table of the prompt nearest to it: scores and rows, (q, k) each."""
    choice = np.argmax(queries @ prompts.T, axis=1)
    scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    for prompt in np.unique(choice):
        asked = choice == prompt
        scores[asked], rows[asked] = tables[prompt].search(queries[asked], k)
    return scores, rows


def _seconds(search: Search, queries: np.ndarray) -> tuple[float, float]:
    """Seconds a query takes alone, and in a batch."""

    def one_by_one() -> None:
        for i in range(SINGLE):
            search(queries[i : i + 1])

    return timeit(one_by_one, number=1) / SINGLE, timeit(lambda: search(queries[:BATCH]), number=1) / BATCH


def encode_seconds(
    encoder: PromptEncoder, images: Sequence[np.ndarray], prompts: Sequence[str], repeats: int = 3, atol: float = 1e-4
) -> Encoding:
    """Seconds an image takes on one thread, and how much sharing the image's prefix between the prompts saves.

    Raises PinpointError where the two ways to encode differ by more than `atol`: speed counts only with equal results.
    """

    def apart() -> np.ndarray:
        return np.stack([encoder.encode_images(images, prompt) for prompt in prompts])

    def shared() -> np.ndarray:
        return encoder.encode_prompts(images, prompts)

    with one_thread():
        agree("shared prefix", shared(), apart(), atol)
        works = (lambda: encoder.encode_images(images, prompts[0]), apart, shared)
        seconds = np.array([[timeit(work, number=1) for work in works] for _ in range(repeats)])
    one, separate, together = (seconds / len(images)).T.tolist()
    what, many = f"{len(images)} images, one thread", f"{len(prompts)} prompts"
    return Encoding(
        summary("one prompt", one, "s", what),
        summary("apart", separate, "s", f"{what}, {many}"),
        summary("shared", together, "s", f"{what}, {many}, one prefix"),
        summary("speed_up", [a / b for a, b in zip(separate, together, strict=True)], "x", f"apart, {what}, {many}"),
    )
