"""Systems under test: anything that scores queries against a gallery."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.store import Store

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark


class Retriever(Protocol):
    """A system under test."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """The scores of some queries against the whole gallery, float32 (q, G), greater is better."""
        ...


def similarity(query_emb: np.ndarray, gallery_emb: np.ndarray, block: int = 8192) -> np.ndarray:
    """Inner products (Q, D) x (G, D) -> float32 (Q, G), summed in double precision and rounded once.

    A float32 matrix product rounds differently in another batch size or at another place in the matrix. That breaks
    ties between equal embeddings and moves ranks; here the batch cannot change a score.
    """
    query_emb = np.asarray(query_emb, dtype=np.float64)
    out = np.empty((len(query_emb), len(gallery_emb)), dtype=np.float32)
    for start in range(0, len(gallery_emb), block):
        out[:, start : start + block] = query_emb @ np.asarray(gallery_emb[start : start + block], np.float64).T
    return out


@dataclass(frozen=True, eq=False)
class VectorRetriever:
    """Nearest neighbours of given vectors: query_emb (Q, D) in the order of the queries, gallery_emb (G, D)."""

    name: str
    query_emb: np.ndarray
    gallery_emb: np.ndarray

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """Inner products of some queries with the gallery, float32 (q, G)."""
        sizes, expected = (len(self.query_emb), len(self.gallery_emb)), (len(benchmark.queries), len(benchmark.gallery))
        if sizes != expected:
            raise PinpointError(f"{self.name}: {sizes} query and gallery vectors for a benchmark of {expected}")
        return similarity(self.query_emb[query_slice], self.gallery_emb)


class TextImageEncoder(Protocol):
    """What EmbeddingRetriever needs of an encoder; `record` is a dataclass of everything that changes a vector."""

    @property
    def record(self) -> Any:
        """Name, checkpoint, preprocessing, dtype and the rest."""
        ...

    def encode_images(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Unit rows, float32 (N, D), of uint8 RGB images."""
        ...

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        """Unit rows, float32 (N, D)."""
        ...


@dataclass
class EmbeddingRetriever:
    """Text to image with a two-tower encoder; the gallery's vectors come from the store.

    With `size`, images are loaded as size x size squares (a drawn scene is rendered at it); without, in their native
    size, and the encoder's own preprocessing decides.
    """

    encoder: TextImageEncoder
    store: Store
    size: int | None = None
    _vectors: tuple[str, VectorRetriever] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The encoder's name."""
        return str(self.encoder.record.name)

    def scores(self, benchmark: "Benchmark", query_slice: slice) -> np.ndarray:
        """Cosines of some queries' texts with the gallery's images, float32 (q, G)."""
        if self._vectors is None or self._vectors[0] != benchmark.digest:
            self._vectors = (
                benchmark.digest,
                VectorRetriever(self.name, self.texts(benchmark), self.gallery(benchmark)),
            )
        return self._vectors[1].scores(benchmark, query_slice)

    def gallery(self, benchmark: "Benchmark") -> np.ndarray:
        """The gallery's unit vectors, float32 (G, D), from the store or encoded now."""
        images = benchmark.gallery.images
        record = {"encoder": asdict(self.encoder.record), "images": images.fingerprint, "size": self.size}

        def encode(ids: Sequence[str]) -> np.ndarray:
            return np.asarray(self.encoder.encode_images(images.load(i, self.size) for i in ids))

        return self.store.get(record, benchmark.gallery.ids, encode)

    def texts(self, benchmark: "Benchmark") -> np.ndarray:
        """The queries' unit vectors, float32 (Q, D); equal texts are encoded once."""
        silent = next((q.id for q in benchmark.queries if q.text is None), None)
        if silent is not None:
            raise PinpointError(f"query {silent!r} has no text; {self.name} needs one")
        texts = [q.text or "" for q in benchmark.queries]
        distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        return np.asarray(self.encoder.encode_texts(list(distinct)))[[distinct[text] for text in texts]]
