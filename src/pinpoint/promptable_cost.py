"""What each way of asking costs: milliseconds a query, bytes a table, seconds an image; and when a table pays.

Everything is measured in one run, on one thread, with the exact index, so that the modes can be compared with one
another. Encoding the query's text is left out: every mode does it once, alike. G is the number of gallery images, P of
prompts, D the width of a vector, N of the images that fit a linear map (papers' numbers: P = 10, D = 3072, N = 100).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from timeit import timeit
from typing import Protocol

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.index import Index, build
from pinpoint.timing import Measurement, agree, summary

NEIGHBOURS = 10  # how many images a search returns
BATCH = 64
SINGLE = 16  # searches of one query each that one repeat times
NOISE = 0.01  # of a unit vector: keeps copies of one image apart
SAMPLES = 100  # images that a new prompt's linear map is fitted to (released code)
FLOAT32 = 4  # bytes


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
    the prompts' text vectors. The linear map of a prompt is W = left right^T with left, right (D, n).
    clip_queries (Q, C), clip (N, C).
    """

    queries: np.ndarray
    general: np.ndarray
    tables: np.ndarray
    prompts: np.ndarray
    left: np.ndarray
    right: np.ndarray
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
class Cost:
    """One mode on a gallery of `images`: what a query, the stored vectors and a new prompt cost.

    ms_per_query: one query at a time; ms_in_batch: 64 together. table_s: seconds to make all that is stored.
    new_prompt_s: seconds until a prompt that was not foreseen can be asked. Both times extrapolate a measured time per
    image to the gallery; so do the ms of a mode with `extrapolated`.
    """

    mode: str
    images: int
    ms_per_query: float
    ms_in_batch: float
    storage_mb: float
    table_s: float
    new_prompt_s: float
    extrapolated: bool = False


@dataclass(frozen=True)
class Encoding:
    """Seconds an image takes: under one prompt, under all P one after another, under all P with a shared prefix."""

    one: Measurement
    apart: Measurement
    shared: Measurement
    speed_up: Measurement  # of `shared` over `apart`


# -- measuring --------------------------------------------------------------------------------------------------------
@contextmanager
def one_thread() -> Iterator[None]:
    """Hold FAISS and PyTorch to one thread: how many there are says nothing about the method."""
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
    """How each mode answers queries (q, D), and the queries to time it with.

    PyTorch maps the queries: NumPy's products cannot be held to one thread from here.
    """
    import torch

    k = min(NEIGHBOURS, size)
    clip, general = (build(widened(emb, size)) for emb in (vectors.clip, vectors.general))
    tables = [build(widened(emb, size, seed)) for seed, emb in enumerate(vectors.tables)]
    left, right = (torch.from_numpy(np.array(factor, np.float32)) for factor in (vectors.left, vectors.right))
    dense = left @ right.T  # W (D, D)

    def thin(q: np.ndarray) -> np.ndarray:
        return _unit((torch.from_numpy(q) @ left @ right.T).numpy())

    def square(q: np.ndarray) -> np.ndarray:
        return _unit((torch.from_numpy(q) @ dense).numpy())

    queries, prompts, clip_queries = (
        np.array(emb, np.float32) for emb in (vectors.queries, vectors.prompts, vectors.clip_queries)
    )
    return {
        "clip": (lambda q: clip.search(q, k), clip_queries),
        "general": (lambda q: general.search(q, k), queries),
        "prompted": (lambda q: tables[0].search(q, k), queries),
        "chosen": (lambda q: chosen_search(tables, prompts, q, k), queries),
        "linear": (lambda q: general.search(thin(q), k), queries),
        "linear_dense": (lambda q: general.search(square(q), k), queries),
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


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


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


# -- adding up --------------------------------------------------------------------------------------------------------
def storage_bytes(n_images: int, dim: int, n_prompts: int = 1, bytes_per: int = FLOAT32) -> int:
    """One vector an image and prompt. The paper's model in half precision: 3072 x 10 x 2 = 61,440 bytes an image."""
    return n_images * dim * n_prompts * bytes_per


def mode_storage(vectors: ModeVectors, size: int, bytes_per: int = FLOAT32) -> dict[str, int]:
    """Bytes that each mode keeps to answer any of the P prompts on `size` images; `on_the_fly` keeps the images alone.

    The linear map keeps the general table and 2 D N numbers a prompt, the dense one D^2.
    """
    prompts, dim = vectors.prompts.shape
    general, many = (storage_bytes(size, dim, p, bytes_per) for p in (1, prompts))
    return {
        "clip": storage_bytes(size, vectors.clip.shape[1], 1, bytes_per), "general": general, "prompted": many,
        "chosen": many + prompts * dim * bytes_per,
        "linear": general + prompts * (vectors.left.size + vectors.right.size) * bytes_per,
        "linear_dense": general + prompts * dim**2 * bytes_per, "on_the_fly": 0,
    }  # fmt: skip


def costs(vectors: ModeVectors, encoding: Encoding, clip_s: float, size: int, repeats: int = 5) -> list[Cost]:
    """Every mode on a gallery of `size` images. `clip_s`: seconds CLIP takes for one image.

    on_the_fly is not run but extrapolated: every image is encoded under the query's prompt, then searched as prompted;
    a batch has one prompt and shares the encoding.
    """
    timed = search_ms(vectors, size, repeats)
    ms = {mode: (single.value, batch.value) for mode, (single, batch) in timed.items()}
    one, all_prompts = encoding.one.value, encoding.shared.value
    encoding_ms = 1000 * one * size
    ms["on_the_fly"] = (encoding_ms + ms["prompted"][0], encoding_ms / BATCH + ms["prompted"][1])
    samples = min(vectors.left.shape[1], size)
    table_s = {"clip": clip_s * size, "prompted": all_prompts * size, "chosen": all_prompts * size, "on_the_fly": 0.0}
    linear_s = one * size + all_prompts * samples
    table_s |= {"general": one * size, "linear": linear_s, "linear_dense": linear_s}
    new_s = {"prompted": one * size, "chosen": one * size, "linear": one * samples, "linear_dense": one * samples}
    stored = mode_storage(vectors, size)
    return [
        Cost(mode, size, *ms[mode], stored[mode] / 1e6, table_s[mode], new_s.get(mode, 0.0), mode == "on_the_fly")
        for mode in ms
    ]


@dataclass(frozen=True)
class BreakEven:
    """Queries per prompt from which on the first way takes less time in all than the second; inf means never."""

    table_over_on_the_fly: float
    linear_over_on_the_fly: float
    table_over_linear: float


def break_even(
    encode_s: float,
    n_images: int,
    *,
    candidates: int | None = None,
    table_s_per_image: float | None = None,
    samples: int = SAMPLES,
    fit_s: float = 0.0,
    map_s: float = 0.0,
) -> BreakEven:
    """When preparing a prompt pays. After Q queries with one prompt, beside the search that all three do alike,

        table       G t              every image once; t = `table_s_per_image`, less than e where prompts share a prefix
        linear      N e + f + Q m    N = `samples` images, f = `fit_s` to solve for W, m = `map_s` to map a query
        on the fly  Q c e            c = `candidates`: all G images, or the short list of a first search; e = `encode_s`

    and the lines cross at Q = G t / (c e), (N e + f) / (c e - m) and (G t - N e - f) / m. This counts time alone: a
    linear map is cheap and recalls less, which is why the two are set against recall in a figure.
    """
    if encode_s <= 0 or n_images < 1:
        raise PinpointError(f"{n_images} images at {encode_s} s each: break-even needs a positive time and number")
    per_query = (n_images if candidates is None else min(candidates, n_images)) * encode_s
    table = n_images * (encode_s if table_s_per_image is None else table_s_per_image)
    linear = min(samples, n_images) * encode_s + fit_s
    return BreakEven(
        table / per_query,
        linear / (per_query - map_s) if per_query > map_s else np.inf,
        max(table - linear, 0.0) / map_s if map_s else (np.inf if table > linear else 0.0),
    )
