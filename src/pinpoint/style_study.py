"""The experiments of chapter 4: every method trained on the same triplets with the same budget, and asked the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from pinpoint.benchmark import Benchmark
from pinpoint.errors import PinpointError
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.freestyle import Freestyle, both_ways
from pinpoint.recipes.pairs import Shuffled
from pinpoint.result import Result
from pinpoint.significance import Estimate, bootstrap
from pinpoint.style_data import DRAWN, KINDS, NATURAL, StyleSet, check_kind, pictures_in
from pinpoint.style_models import Backbone, Prompting, build
from pinpoint.training import History, Plan, fit


@dataclass(frozen=True)
class Budget:
    """What every method may spend: updates of `batch` triplets each. refresh: updates between two fits of the style
    space, whose Gram features move as they are learned; fitted: training pictures of each kind it is fitted on."""

    updates: int
    batch: int = 24
    refresh: int = 40
    fitted: int = 64
    seed: int = 0


@dataclass(frozen=True)
class Choices:
    """What was tuned on the development split: a learning rate per method, and that of FreestyleRet's Gram path."""

    lr: Mapping[str, float] = field(
        default_factory=lambda: {
            "norms": 3e-2, "pixel_prompt": 1e-2, "vpt_shallow": 1e-1, "vpt_deep": 3e-2, "freestyle": 3e-2
        }
    )  # fmt: skip
    path_rate: float = 0.01  # relative to the learning rate

    def plan(self, method: str, budget: Budget) -> Plan:
        """AdamW with a tenth of the updates to warm up."""
        return Plan(budget.updates, self.lr[method], warmup=budget.updates // 10, seed=budget.seed)


# What `pinpoint train style-tuning` found: on the scenes, on the plain pictures, on the scenes with frozen layer norms.
CHOICES = {
    "fine": Choices(),
    "coarse": Choices({**Choices().lr, "pixel_prompt": 3e-2}, path_rate=0.03),
    "frozen": Choices({**Choices().lr, "vpt_shallow": 3e-1}, path_rate=0.03),
}


class Triplets:
    """`triplets(i)` -> a batch of (natural image, query of some kind, another natural image), a function of i alone.

    The kind is drawn evenly for each row. The negative is one of the batch's other natural images at random, so that no
    picture is encoded only to be pushed away.
    """

    def __init__(self, data: StyleSet, kinds: Sequence[str], batch: int, seed: int) -> None:
        self.data, self.kinds, self.seed = data, [check_kind(kind) for kind in kinds], seed
        if batch < 2 or not kinds:
            raise PinpointError("a triplet needs another photograph and a kind of query: a batch of 2 and one kind")
        self.rows = Shuffled(data.n, batch, seed)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """natural (B, 3, S, S), drawn queries (d, 3, S, S), text embeddings (B - d, D), the order in which the queries
        lie, and for each row its negative's row, (B,)."""
        rows, rng = self.rows(i)[1], np.random.default_rng([self.seed, i])
        rows = rng.permutation(rows)
        kinds = rng.integers(len(self.kinds), size=len(rows))
        order = np.argsort(kinds, kind="stable")  # one picture kind after the other, texts where they fall
        order = np.concatenate([order[self._drawn(kinds[order])], order[~self._drawn(kinds[order])]])
        pictures = [
            self.data.pixels(kind, rows[order][kinds[order] == n])
            for n, kind in enumerate(self.kinds) if kind != "text" and (kinds == n).any()
        ]  # fmt: skip
        texts = self.data.text_emb[rows[order][~self._drawn(kinds[order])]]
        natural = self.data.pixels(NATURAL, rows)
        drawn = torch.cat(pictures) if pictures else natural[:0]
        shift = 1 + int(rng.integers(len(rows) - 1))  # the rows lie in random order: any shift is a random other one
        return natural, drawn, texts, torch.from_numpy(order), torch.from_numpy(np.roll(np.arange(len(rows)), shift))

    def _drawn(self, kinds: np.ndarray) -> np.ndarray:
        return np.array([self.kinds[kind] != "text" for kind in kinds], dtype=bool)


def style_loss(model: nn.Module, batch: tuple[torch.Tensor, ...], margin: float = 1.0) -> torch.Tensor:
    """FreestyleRet's loss: both triplets, the photograph as anchor and the query as anchor, with the same negative."""
    natural, drawn, texts, order, negative = batch
    encoded = model(torch.cat([natural, drawn]))
    photos, queries = encoded[: len(natural)], torch.cat([encoded[len(natural) :], texts])
    return both_ways(photos[order], queries, photos[negative[order]], margin)


def train(
    method: str, backbone: Backbone, data: StyleSet, budget: Budget, choices: Choices = Choices(),
    how: Prompting = Prompting(), kinds: Sequence[str] = KINDS,
) -> tuple[nn.Module, History]:  # fmt: skip
    """One method, trained; "clip" is returned as it is."""
    model = build(method, backbone, replace(how, path_rate=choices.path_rate), budget.seed)
    if method == "clip":
        return model.eval(), History(device="")
    seen = [0]

    def after(module: nn.Module) -> None:
        seen[0] += 1
        if seen[0] % budget.refresh == 0 and seen[0] < budget.updates:
            fit_space(module, data, budget, kinds, how.per_style)

    fit_space(model, data, budget, kinds, how.per_style)
    batches = Triplets(data, kinds, min(budget.batch, data.n), budget.seed)
    history = fit(model, style_loss, batches, choices.plan(method, budget), after_step=after, label=method)
    return model.eval().requires_grad_(False), history


def fit_space(
    model: nn.Module, data: StyleSet, budget: Budget, kinds: Sequence[str] = KINDS, per_style: bool = False
) -> None:
    """The style space, from Gram tokens of training pictures of each kind, photographs among them (they pass the same
    tower): K-means over all of them, or with `per_style` the mean of each kind."""
    if not isinstance(model, Freestyle) or "style" not in model.places:
        return
    rows = range(min(budget.fitted, data.n))
    with torch.no_grad():
        g = [model.tokens(data.pixels(kind, rows)) for kind in (NATURAL, *DRAWN) if kind in (NATURAL, *kinds)]
    if per_style:
        model.space.fit_styles(g)
    else:
        model.space.fit(torch.cat(g), budget.seed)


Preprocess = Callable[[np.ndarray], torch.Tensor]  # uint8 (B, S, S, 3) -> normalised pixels (B, 3, S, S)


def encode(
    model: Callable[[torch.Tensor], torch.Tensor], preprocess: Preprocess, pictures: np.ndarray, batch: int = 64
) -> np.ndarray:
    """Unit embeddings (N, D) of pictures, uint8 (N, S, S, 3)."""
    with torch.no_grad():
        parts = [
            normalize(model(preprocess(pictures[k : k + batch])), dim=1) for k in range(0, len(pictures), batch)
        ]  # fmt: skip
    out: np.ndarray = torch.cat(parts).cpu().numpy()
    return out


@dataclass(frozen=True, eq=False)
class Asked:
    """A style benchmark ready for any tower: its pictures, loaded once (uint8), and its texts' embeddings."""

    benchmark: Benchmark
    preprocess: Preprocess
    gallery: np.ndarray  # (G, S, S, 3)
    pictures: np.ndarray  # (d, S, S, 3), of the queries that are pictures
    text_emb: torch.Tensor  # (t, D)

    def rows(self, drawn: bool) -> np.ndarray:
        """The query rows that are pictures, or those that are texts."""
        return np.flatnonzero([(query.image is not None) == drawn for query in self.benchmark.queries])

    def vectors(self, model: nn.Module) -> tuple[np.ndarray, np.ndarray]:
        """Unit rows of the queries (Q, D) and the gallery (G, D). Both pass the same tower."""
        gallery, drawn = (encode(model, self.preprocess, array) for array in (self.gallery, self.pictures))
        query_emb = np.empty((len(self.benchmark.queries), gallery.shape[1]), np.float32)
        query_emb[self.rows(drawn=True)], query_emb[self.rows(drawn=False)] = drawn, self.text_emb.numpy()
        return query_emb, gallery


def ask(encoder: Any, benchmark: Benchmark, folder: Path | None = None) -> Asked:
    """Load the pictures of a style benchmark at the encoder's size, encode its texts; `folder`: see `pictures_of`."""
    images, size = benchmark.gallery.images, encoder.image_size
    drawn = [q.image for q in benchmark.queries if q.image is not None]
    gallery, pictures = pictures_in(images, (benchmark.gallery.ids, drawn), size, folder)
    texts = [query.text or "" for query in benchmark.queries if query.image is None]
    return Asked(benchmark, encoder.preprocess, gallery, pictures, torch.from_numpy(encoder.encode_texts(texts)))


def scored(asked: Asked, name: str, vectors: tuple[np.ndarray, np.ndarray]) -> Result:
    """A method's result on the full gallery."""
    return evaluate(asked.benchmark, VectorRetriever(name, *vectors))


def mean_of(result: Result, metric: str = "r1", kinds: Sequence[str] = KINDS) -> Estimate:
    """The macro mean over some kinds of query, those that training saw unless told otherwise, in percent."""
    groups = np.array([query.group for query in result.benchmark.queries])
    kept = np.isin(groups, kinds)
    return bootstrap(result.per_query[metric][kept], groups[kept].tolist(), scale=100)
