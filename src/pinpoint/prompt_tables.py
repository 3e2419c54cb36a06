"""A gallery embedded under several prompts: the paper's pre-processing, one table per prompt in the store.

With P prompts a gallery of G images costs P × G × D numbers, and a query pays nothing but the search of one table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from pinpoint.benchmark import Benchmark, Gallery
from pinpoint.retriever import EmbeddingRetriever, TextImageEncoder
from pinpoint.store import Store


class PromptableEncoder(TextImageEncoder, Protocol):
    """What PromptTables needs of an encoder."""

    def encode_prompts(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> np.ndarray:
        """Unit rows, float32 (P, N, D): every image under every prompt."""
        ...


class _Absent(Exception):
    """The store would have to encode."""


@dataclass(frozen=True)
class PromptTables:
    """A gallery's embeddings under several prompts, one table per prompt in the store.

    Tables that are missing are encoded together, so that an encoder can share what the prompts have in common (the
    image); `part` images at a time, which bounds the memory and what a killed run loses. `size` as in
    EmbeddingRetriever.
    """

    encoder: PromptableEncoder
    store: Store
    size: int | None = None
    part: int = 512

    def get(self, benchmark: Benchmark, prompts: Iterable[str]) -> dict[str, np.ndarray]:
        """The gallery under each prompt, float32 (G, D)."""
        return self.of(benchmark.gallery, prompts)

    def of(self, gallery: Gallery, prompts: Iterable[str]) -> dict[str, np.ndarray]:
        """Any images under each prompt, float32 (N, D), such as held-out ones to fit a map on."""
        distinct = list(dict.fromkeys(prompts))
        starts = range(0, len(gallery), self.part)
        parts = [self._part(gallery, gallery.ids[start : start + self.part], distinct) for start in starts]
        return {prompt: np.concatenate([part[prompt] for part in parts]) for prompt in distinct}

    def texts(self, benchmark: Benchmark) -> np.ndarray:
        """g(t) of every query, float32 (Q, D); equal texts are encoded once."""
        return EmbeddingRetriever(self.encoder, self.store, self.size).texts(benchmark)

    def _part(self, gallery: Gallery, ids: Sequence[str], prompts: Sequence[str]) -> dict[str, np.ndarray]:
        """Some images under each prompt: what is stored is read, the rest encoded together and stored one by one."""
        found = {prompt: self._stored(gallery, ids, prompt) for prompt in prompts}
        tables = {prompt: table for prompt, table in found.items() if table is not None}
        missing = [prompt for prompt in prompts if prompt not in tables]
        if missing:
            images = [gallery.images.load(i, self.size) for i in ids]
            made = dict(zip(missing, self.encoder.encode_prompts(images, missing), strict=True))
            tables |= {prompt: self._through(gallery, ids, prompt, made.__getitem__) for prompt in missing}
        return tables

    def _stored(self, gallery: Gallery, ids: Sequence[str], prompt: str) -> np.ndarray | None:
        def absent(prompt: str) -> np.ndarray:
            raise _Absent

        try:
            return self._through(gallery, ids, prompt, absent)
        except _Absent:
            return None

    def _through(
        self, gallery: Gallery, ids: Sequence[str], prompt: str, encode: Callable[[str], np.ndarray]
    ) -> np.ndarray:
        images = {"images": gallery.images.fingerprint, "size": self.size}
        record = {"encoder": asdict(self.encoder.record), **images, "prompt": prompt}
        return self.store.get(record, ids, lambda _: encode(prompt), part_size=self.part)
