"""What chapter 5 asks its trained objectives: composed queries, and the two effects that the paper argues with."""

import random
from collections.abc import MutableMapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pinpoint.benchmark import Benchmark, Images
from pinpoint.diorama.composed import ATTRIBUTE_KINDS, propose
from pinpoint.diorama.scene import pick
from pinpoint.distinctive import TokenRetriever
from pinpoint.distinctive_model import Composer, candidates_of, queries_of
from pinpoint.errors import PinpointError
from pinpoint.evaluate import evaluate
from pinpoint.result import Result
from pinpoint.store import Store
from pinpoint.training import prefetch

PART, BATCH = 1024, 64  # images in one part of the store; drawn while the tower looks at those before
WHOLE = 16  # photographs in their own size, which take more memory


def seen_of(encoder: Any, store: Store, images: Images, ids: Sequence[str]) -> torch.Tensor:
    """What the resting tower sees of some images, (N, n, Dv) in half precision; computed once, kept in the store.

    Images are loaded as the squares that the encoder reads, cut from their middle; under another resize policy than
    that they are loaded whole, and the encoder resizes them.
    """
    size = encoder.image_size if encoder.preprocessing.resize_mode == "shortest" else None
    record = {"encoder": [encoder.name, encoder.weights_sha256, asdict(encoder.preprocessing)],
              "images": images.fingerprint, "size": size, "of": "tower tokens"}  # fmt: skip

    def draw(some: Sequence[str]) -> list[np.ndarray] | np.ndarray:
        pictures = [images.load(i, size) for i in some]
        return pictures if size is None else np.stack(pictures)

    def encode(some: Sequence[str]) -> np.ndarray:
        batch = WHOLE if size is None else BATCH
        batches = [some[n : n + batch] for n in range(0, len(some), batch)]
        drawn = prefetch(lambda n: draw(batches[n]), 0, len(batches))
        return np.concatenate([encoder.see(pictures) for _, pictures in drawn]).reshape(len(some), -1)

    flat = torch.from_numpy(store.get(record, list(ids), encode, part_size=PART, dtype="float16"))
    return flat.reshape(len(ids), -1, encoder.model.config.vision_config.hidden_size)


@dataclass(frozen=True, eq=False)
class Asked:
    """A composed benchmark ready to be asked: its gallery as the tower saw it (G, n, Dv), and its queries laid out.

    candidates: what each model that no longer learns has made of the gallery, (G, T, D), once.
    """

    benchmark: Benchmark
    seen: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    candidates: MutableMapping[Composer, np.ndarray] = field(default_factory=WeakKeyDictionary, repr=False)

    @property
    def references(self) -> torch.Tensor:
        """The references, (Q, n, Dv)."""
        column = self.benchmark.gallery.column
        return self.seen[torch.tensor([column[q.image or ""] for q in self.benchmark.queries])]

    def retriever(self, model: Composer, name: str) -> TokenRetriever:
        """A trained objective as a retriever."""
        queries = queries_of(model, self.references, self.ids, self.mask)
        if model.training:
            raise PinpointError(f"{name} still learns; ask it in evaluation mode, what it makes of the gallery is kept")
        if model not in self.candidates:
            self.candidates[model] = candidates_of(model, self.seen).cpu().numpy()
        return TokenRetriever(name, queries.cpu().numpy(), self.candidates[model])


def ask(encoder: Any, benchmark: Benchmark, seen: torch.Tensor) -> Asked:
    """Lay out a benchmark's queries; its references lie in its gallery."""
    return Asked(benchmark, seen, *encoder.laid_out([q.text or "" for q in benchmark.queries]))


# -- what the paper argues with ---------------------------------------------------------------------------------------
def unannotated(benchmark: Benchmark) -> Benchmark:
    """The same queries, right only what is valid and not annotated: what training may have pushed away.

    The target is left out of the ranking; a query without another right answer is left out.
    """
    rest = [(q, tuple(i for i in q.relevant if i != q.target)) for q in benchmark.queries]
    queries = tuple(
        replace(q, relevant=others, target=None, members=(), exclude=(*q.exclude, q.target))
        for q, others in rest if others and q.target
    )  # fmt: skip
    return replace(benchmark, queries=queries, notes={**benchmark.notes, "right": "valid and not annotated"})


def suppression(asked: Asked, model: Composer) -> Result:
    """Relevance suppression: `nrank` is the mean normalised rank of valid answers that nobody annotated."""
    benchmark = unannotated(asked.benchmark)
    kept = {q.id for q in benchmark.queries}
    rows = torch.tensor([n for n, q in enumerate(asked.benchmark.queries) if q.id in kept])
    part = replace(asked, benchmark=benchmark, ids=asked.ids[rows], mask=asked.mask[rows])
    return evaluate(benchmark, part.retriever(model, "unannotated"))


def reworded(benchmark: Benchmark, references: int, texts: int, seed: int = 0) -> list[tuple[str, list[str]]]:
    """References of a benchmark of drawn scenes, each with several texts that ask for different results."""
    rng = random.Random(f"reworded-{seed}")
    images: Any = benchmark.gallery.images
    out: list[tuple[str, list[str]]] = []
    for reference in dict.fromkeys(q.image or "" for q in benchmark.queries):
        scene, found = images.scene(reference), dict[tuple, str]()
        for _ in range(20 * texts):
            edit = propose(scene, pick(rng, ATTRIBUTE_KINDS), rng)
            if edit is not None and len(found) < texts:
                found.setdefault(edit.answer, edit.text)
        if len(found) == texts:
            out.append((reference, list(found.values())))
        if len(out) == references:
            break
    return out


def confusion(asked: Asked, model: Composer, encoder: Any, said: Sequence[tuple[str, list[str]]]) -> np.ndarray:
    """Semantic confusion: for each reference the mean cosine between its queries with different texts, (R,)."""
    column, k = asked.benchmark.gallery.column, len(said[0][1])
    rows = torch.tensor([column[reference] for reference, texts in said for _ in texts])
    ids, mask = encoder.laid_out([text for _, texts in said for text in texts])
    q = queries_of(model, asked.seen[rows], ids, mask).reshape(len(said), k, -1)
    cosines = q @ q.transpose(1, 2)  # (R, k, k)
    off = ~torch.eye(k, dtype=torch.bool)
    out: np.ndarray = cosines[:, off].mean(dim=1).cpu().numpy()
    return out
