"""How chapter 5 trains: one query encoder, one budget, and objectives that differ in what they push away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

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
from pinpoint.distinctive_data import TripletSet
from pinpoint.distinctive_model import Composer, candidates_of, own_scores, queries_of
from pinpoint.distinctive_objectives import OBJECTIVES, Budget, Objective
from pinpoint.recipes.pairs import Shuffled
from pinpoint.training import History, Plan, fit


@dataclass
class Trace:
    """What a training saw: for each making of the sets their sizes and Delta, and every negative it took."""

    made_at: list[int] = field(default_factory=list)  # the update
    width: list[float] = field(default_factory=list)  # images in a set, the mean
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0))  # images in each query's set at the last making
    delta: list[float] = field(default_factory=list)  # s(target) - s(negative), the mean over sets
    falsehood: list[float] = field(default_factory=list)  # chance that a draw from a set is really valid, in percent
    negatives: int = 0
    false_negatives: int = 0

    @property
    def false_negative_share(self) -> float:
        """Share of all negatives taken that were valid answers, in percent."""
        return 100 * self.false_negatives / max(1, self.negatives)


Watch = Callable[[int, np.ndarray], None]  # update, scores (N, M) of all queries with the corpus


class Training:
    """One objective on one set: makes the negative sets, draws from them, computes the loss, keeps a trace."""

    def __init__(self, data: TripletSet, objective: Objective, budget: Budget, watch: Watch | None = None) -> None:
        self.data, self.objective, self.budget, self.watch, self.trace = data, objective, budget, watch, Trace()
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
        in_batch = token_scores(asked.q, positive) if "batch" in self.objective.negatives else None
        labels = torch.arange(len(rows), device=device)
        if in_batch is not None:
            self._note_batch(rows.numpy())
            if self.objective.negatives == "batch":
                return cross_entropy(model.scale * in_batch, labels)
        negative = model.candidates(self._seen(self._draw(rows.numpy()), device))
        if in_batch is not None:
            both = torch.cat([in_batch, own_scores(asked.q, negative)[:, None]], dim=1)  # (B, B + 1)
            return cross_entropy(model.scale * both, labels)
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
        if self.objective.negatives in ("batch", "random") or self.updates >= self.budget.updates:
            return
        scores, o = corpus_scores(model, self.data), self.objective
        sets = []
        for row, target in zip(scores, self.data.target.tolist(), strict=True):
            some = steep_drop_set(row, target) if o.negatives == "steep" else relative_zone(row, target, o.low, o.high)
            sets.append(some if len(some) else np.delete(np.arange(len(row)), target))
        self.pool = NegativePool(sets, self.budget.seed + self.updates)
        if self.watch:
            self.watch(self.updates, scores)
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
        trace.sizes = np.array([len(some) for some in sets])
        trace.width.append(float(trace.sizes.mean()))
        trace.delta.append(
            float(np.mean([t - row[some].mean() for t, row, some in zip(target, scores, sets, strict=True)]))
        )
        false = [len(self.data.valid[n].intersection(some.tolist())) / len(some) for n, some in enumerate(sets)]
        trace.falsehood.append(100 * float(np.mean(false)))

    def _seen(self, rows: np.ndarray, device: torch.device) -> torch.Tensor:
        return self.data.seen[torch.from_numpy(np.asarray(rows))].to(device).float()


def train(
    start: Any,
    data: TripletSet,
    objective: Objective,
    budget: Budget,
    lr: float,
    attributes: Sequence[str] = ATTRIBUTES,
    watch: Watch | None = None,
) -> tuple[Composer, Trace, History]:
    """One objective, from a copy of `start`: a model with a Q-Former, or a `Composer` that was trained before.

    `watch` is shown all scores whenever sets are made.
    """
    torch.manual_seed(budget.seed)
    model = Composer(start, objective.attributes, names=attributes)
    training = Training(data, objective, budget, watch)
    if objective.first:
        training.remake(model)
    plan = Plan(budget.updates, lr, warmup=budget.updates // 10, weight_decay=0.05, seed=budget.seed)
    history = fit(model, training.loss, training, plan, after_step=training.after, label=objective.name)
    return model.eval().requires_grad_(False), training.trace, history


def warmed(start: Any, data: TripletSet, budget: Budget, lr: float) -> Composer:
    """What all objectives start from: a Q-Former that has learned to compose, by InfoNCE, in a few updates.

    One negative per query teaches too little while the encoder knows nothing of changes; the papers' own encoders spend
    thousands of updates on it.
    """
    return train(start, data, OBJECTIVES["infonce"], budget, lr)[0]


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
