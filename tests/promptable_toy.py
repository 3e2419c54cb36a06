"""A promptable encoder small enough to check by eye, and a benchmark of two facets over its images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.linear import unit

DIM = 16


@dataclass(frozen=True)
class Pixels:
    """Image number n is a 1 × 1 picture whose colour is its number."""

    fingerprint: str = "numbers"

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        n = int(image_id.removeprefix("i"))
        return np.array([[[n % 256, n // 256, size or 0]]], np.uint8)


@dataclass(frozen=True)
class Record:
    name: str = "toy"


@dataclass
class ToyEncoder:
    """Every (image, prompt) has a random direction of its own, or with `constant` all have one and the same."""

    constant: bool = False
    record: Record = Record()
    calls: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def encode_images(self, images: Iterable[np.ndarray]) -> np.ndarray:
        raise AssertionError("a table must be made by encode_prompts")

    def encode_prompts(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> np.ndarray:
        self.calls.append((len(images), tuple(prompts)))
        numbers = [int(i[0, 0, 0]) + 256 * int(i[0, 0, 1]) for i in images]
        return np.stack([[self._vector(f"{prompt}/{n}") for n in numbers] for prompt in prompts])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, key: str) -> np.ndarray:
        seed = [0] if self.constant else list(key.encode())
        return unit(np.random.default_rng(seed).normal(size=DIM)).astype(np.float32)


def toy_benchmark(images: int = 30, facets: Sequence[str] = ("times", "animals")) -> Benchmark:
    """Each facet asks two texts, three times each, in pools of ten out of `images`."""
    ids = tuple(f"i{n}" for n in range(images))
    rng = np.random.default_rng(1)
    queries = []
    for facet in facets:
        for n in range(6):
            pool = tuple(ids[k] for k in rng.permutation(images)[:10])
            queries.append(Query(f"{facet}-{n}", pool[:1], text=f"{facet} {n % 2}", group=facet, pool=pool))
    return Benchmark("toy", "1", "test", Gallery(ids, Pixels()), tuple(queries))
