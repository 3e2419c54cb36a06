"""How chapter 5 trains: one query encoder, one budget, and objectives that differ in what they push away."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.scene import COLOUR_NAMES, SHAPES
from pinpoint.distinctive import (
    ATTRIBUTES,
    NegativePool,
    attribute_margin_loss,
    ranking_margin,
    relative_zone,
    smoothed_kl,
    steep_drop_set,
    token_scores,
)
from pinpoint.distinctive_model import Composer
from pinpoint.errors import PinpointError, unknown
from pinpoint.recipes.pairs import Shuffled
from pinpoint.training import History, Plan, fit

WORDS = {"colour": frozenset(COLOUR_NAMES), "shape": frozenset(SHAPES)}  # what counts as naming an attribute


@dataclass(frozen=True)
class Objective:
    """What a training pushes away, and how.

    negatives: "batch" (all other targets, cross-entropy), or one for each query out of "random", "steep" (QuRe) or
    "zone" (target-relative, between the quantiles low and high). first: whether sets are made before the first epoch;
    else the first sets are random, as QuRe warms up. smoothing: e of the smoothed KL. ranking, attribute: weights of
    the margin losses.
    """

    name: str
    negatives: str
    attributes: bool = False
    smoothing: float = 0.0
    low: float = 0.0
    high: float = 1.0
    first: bool = False
    ranking: float = 0.0
    attribute: float = 0.0
    margin: float = 0.1

    def __post_init__(self) -> None:
        if self.negatives not in ("batch", "random", "steep", "zone"):
            raise unknown("kind of negatives", self.negatives, ("batch", "random", "steep", "zone"))
        if self.attribute and not self.attributes:
            raise PinpointError(f"objective {self.name}: margins of attributes need attribute weights")


@dataclass(frozen=True)
class Budget:
    """What every objective may spend. refresh: epochs between two makings of the sets, 0 for never."""

    updates: int
    batch: int = 32
    refresh: int = 3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class TripletSet:
    """N composed queries with one annotated target each, over a corpus of M images seen by a resting tower.

    seen (M, n, Dv) in half precision; ids and mask (N, L) of the texts; reference and target are rows of the corpus, as
    are the `valid` ones of each query: every right answer, the annotated one among them, which training never learns.
    """

    seen: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    reference: np.ndarray
    target: np.ndarray
    valid: Sequence[frozenset[int]]
    mentioned: dict[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.target)


def triplet_set(encoder: Any, benchmark: Benchmark, seen: torch.Tensor) -> TripletSet:
    """The queries of a benchmark as training triplets; `seen` holds its gallery, which contains the references."""
    column, queries = benchmark.gallery.column, benchmark.queries
    silent = next((q.id for q in queries if not (q.text and q.image and q.target)), None)
    if silent is not None:
        raise PinpointError(f"query {silent!r} is no triplet: it needs a reference, a text and one annotated target")
    texts = [q.text or "" for q in queries]
    ids, mask = encoder.laid_out(texts)
    reference, target = (np.array([column[getattr(q, side)] for q in queries]) for side in ("image", "target"))
    valid = [frozenset(column[i] for i in q.relevant) for q in queries]
    return TripletSet(seen, ids, mask, reference, target, valid, mentions(texts))


def mentions(texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """For each attribute whether a text names a value of it, 0 or 1, (N,)."""
    said = [set(text.lower().replace("-", " ").split()) for text in texts]
    return {name: torch.tensor([float(bool(words & s)) for s in said]) for name, words in WORDS.items()}


@dataclass
class Trace:
    """What a training saw: for each making of the sets their mean size and mean Delta, and every negative it took."""

    made_at: list[int] = field(default_factory=list)  # the update
    width: list[float] = field(default_factory=list)  # images in a set
    delta: list[float] = field(default_factory=list)  # s(target) - s(negative), the mean over sets
    falsehood: list[float] = field(default_factory=list)  # share of the sets' members that are really valid
    negatives: int = 0
    false_negatives: int = 0

    @property
    def false_negative_share(self) -> float:
        """Share of all negatives taken that were valid answers, in percent."""
        return 100 * self.false_negatives / max(1, self.negatives)


class Training:
    """One objective on one set: makes the negative sets, draws from them, computes the loss, keeps a trace."""

    def __init__(self, data: TripletSet, objective: Objective, budget: Budget) -> None:
        self.data, self.objective, self.budget, self.trace = data, objective, budget, Trace()
        self.rows = Shuffled(len(data), min(budget.batch, len(data)), budget.seed)
        self.per_epoch = max(1, len(data) // budget.batch)
        self.updates, self.rng = 0, np.random.default_rng(budget.seed)
        self.pool: NegativePool | None = None

    def __call__(self, i: int) -> torch.Tensor:
        """Query rows of batch i, (B,)."""
        return torch.from_numpy(self.rows(i)[1])

    def loss(self, model: Composer, rows: torch.Tensor) -> torch.Tensor:
        """The objective on some queries."""
        data, device = self.data, model.query_tokens.device
        rows = rows.cpu()
        asked = model.queries(self._seen(data.reference[rows], device), data.ids[rows].to(device),
                              data.mask[rows].to(device))  # fmt: skip
        positive = model.candidates(self._seen(data.target[rows], device))
        if self.objective.negatives == "batch":
            self._note_batch(rows.numpy())
            logits = model.scale * token_scores(asked.q, positive)
            return cross_entropy(logits, torch.arange(len(rows), device=device))
        negative = model.candidates(self._seen(self._draw(rows.numpy()), device))
        own, other = partial(own_scores, candidates=positive), partial(own_scores, candidates=negative)
        up, down = own(asked.q), other(asked.q)
        loss = smoothed_kl(model.scale * up, model.scale * down, self.objective.smoothing)
        if self.objective.ranking:
            loss = loss + self.objective.ranking * ranking_margin(up, down, self.objective.margin)
        if self.objective.attribute:
            said = {name: values[rows].to(device) for name, values in data.mentioned.items()}
            parts = asked.parts.items()
            margins = attribute_margin_loss(
                {n: own(q) for n, q in parts}, {n: other(q) for n, q in parts}, said, self.objective.margin
            )
            loss = loss + self.objective.attribute * margins
        return loss

    def after(self, model: Any) -> None:
        """Make the sets anew when they are due. In evaluation mode, and back."""
        self.updates += 1
        if self.budget.refresh and self.updates % (self.budget.refresh * self.per_epoch) == 0:
            self.remake(model)

    def remake(self, model: Composer) -> None:
        """The sets of all queries by the scores of now; a query without any takes every image but its target."""
        if self.objective.negatives not in ("steep", "zone") or self.updates >= self.budget.updates:
            return
        scores, o = corpus_scores(model, self.data), self.objective
        sets = []
        for row, target in zip(scores, self.data.target.tolist(), strict=True):
            some = steep_drop_set(row, target) if o.negatives == "steep" else relative_zone(row, target, o.low, o.high)
            sets.append(some if len(some) else np.delete(np.arange(len(row)), target))
        self.pool = NegativePool(sets, self.budget.seed + self.updates)
        self._note_sets(scores, sets)

    def _draw(self, rows: np.ndarray) -> np.ndarray:
        m = len(self.data.seen)
        if self.pool:
            taken = np.array([self.pool.draw(int(row)) for row in rows])
        else:  # any image but the target
            taken = self.rng.integers(m - 1, size=len(rows))
            taken += taken >= self.data.target[rows]
        self.trace.negatives += len(rows)
        self.trace.false_negatives += sum(int(t) in self.data.valid[row] for t, row in zip(taken, rows, strict=True))
        return taken

    def _note_batch(self, rows: np.ndarray) -> None:
        targets = self.data.target[rows].tolist()
        self.trace.negatives += len(rows) * (len(rows) - 1)
        self.trace.false_negatives += sum(
            targets[b] in self.data.valid[row] for a, row in enumerate(rows) for b in range(len(rows)) if a != b
        )

    def _note_sets(self, scores: np.ndarray, sets: Sequence[np.ndarray]) -> None:
        target, trace = scores[np.arange(len(scores)), self.data.target], self.trace
        trace.made_at.append(self.updates)
        trace.width.append(float(np.mean([len(some) for some in sets])))
        trace.delta.append(
            float(np.mean([t - row[some].mean() for t, row, some in zip(target, scores, sets, strict=True)]))
        )
        false = sum(len(self.data.valid[n].intersection(some.tolist())) for n, some in enumerate(sets))
        trace.falsehood.append(100 * false / sum(map(len, sets)))

    def _seen(self, rows: np.ndarray, device: torch.device) -> torch.Tensor:
        return self.data.seen[torch.from_numpy(np.asarray(rows))].to(device).float()


def own_scores(q: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """s(q_i, c_i) for rows (B, D) and (B, T, D) -> (B,)."""
    return torch.einsum("bd,btd->bt", q, candidates).amax(dim=1)


def train(
    encoder: Any,
    data: TripletSet,
    objective: Objective,
    budget: Budget,
    lr: float,
    attributes: Sequence[str] = ATTRIBUTES,
) -> tuple[Composer, Trace, History]:
    """One objective, from the pretrained Q-Former, in place of nothing: the encoder is not changed."""
    torch.manual_seed(budget.seed)
    model = Composer(encoder.model, objective.attributes, names=attributes)
    training = Training(data, objective, budget)
    if objective.first:
        training.remake(model)
    plan = Plan(budget.updates, lr, warmup=budget.updates // 10, weight_decay=0.05, seed=budget.seed)
    history = fit(model, training.loss, training, plan, after_step=training.after, label=objective.name)
    return model.eval().requires_grad_(False), training.trace, history


# -- scores -----------------------------------------------------------------------------------------------------------
def corpus_scores(model: Composer, data: TripletSet) -> np.ndarray:
    """Scores (N, M) of all queries with the whole corpus, in evaluation mode; the mode is restored."""
    was = model.training
    model.eval()
    with torch.no_grad():
        gallery = candidates_of(model, data.seen)
        queries = queries_of(model, data.seen[torch.from_numpy(data.reference)], data.ids, data.mask)
        flat = gallery.flatten(0, 1)
        parts = [(q @ flat.T).view(len(q), len(gallery), -1).amax(dim=2).cpu() for q in queries.split(64)]
    model.train(was)
    out: np.ndarray = torch.cat(parts).numpy()
    return out


def candidates_of(model: Composer, seen: torch.Tensor, batch: int = 256) -> torch.Tensor:
    """Unit rows (M, T, D) of image tokens (M, n, Dv)."""
    device = model.query_tokens.device
    with torch.no_grad():
        return torch.cat([model.candidates(part.to(device).float()) for part in seen.split(batch)])


def queries_of(
    model: Composer, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, batch: int = 128
) -> torch.Tensor:
    """Unit rows (N, D) of references (N, n, Dv) with texts (N, L)."""
    device = model.query_tokens.device
    parts = zip(seen.split(batch), ids.split(batch), mask.split(batch), strict=True)
    with torch.no_grad():
        return torch.cat([model.queries(s.to(device).float(), i.to(device), m.to(device)).q for s, i, m in parts])
