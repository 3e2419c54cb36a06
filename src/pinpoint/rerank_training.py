"""How chapter 6 trains: stage 1 by the targets of its batch, stage 2 by those or by what stage 1 mistakes for them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pinpoint.distinctive_data import TripletSet
from pinpoint.errors import PinpointError
from pinpoint.recipes.pairs import Shuffled
from pinpoint.rerank import KeyValues, in_batch_loss
from pinpoint.rerank_data import trimmed
from pinpoint.rerank_model import Filter, Reranker, candidates_of, queries_of
from pinpoint.training import History, Plan, fit

DECAY = 0.05  # as released
SAVE = 50  # updates between two checkpoints
TOGETHER = 8  # queries of like length that stage 2 scores at once on a CPU, where padding costs time


@dataclass(frozen=True)
class Budget:
    """What a training may spend."""

    updates: int
    batch: int
    seed: int = 0

    def plan(self, lr: float, identity: str = "") -> Plan:
        """AdamW with a tenth of the updates to warm up."""
        return Plan(self.updates, lr, warmup=self.updates // 10, weight_decay=DECAY, seed=self.seed, save_every=SAVE,
                    identity=identity)  # fmt: skip


@dataclass(frozen=True)
class Negatives:
    """Hard negatives of stage 2, which the released code lacks: `count` for each query, in the place of the other
    targets of its batch, from ranks `low` to `high` of stage 1 (1 is the first), never its own target.

    spare: nor any other right answer, which only a fully labelled world can know.
    """

    count: int = 0
    low: int = 2
    high: int = 50
    spare: bool = False

    def __post_init__(self) -> None:
        if self.count and not 1 <= self.low <= self.high:
            raise PinpointError(f"negatives from ranks {self.low} to {self.high}; it must be 1 <= low <= high")


def equal_pairs(budget: Budget, negatives: Negatives) -> Budget:
    """As many updates as score as many pairs with hard negatives, 1 + H for a query, as a budget does with B."""
    if not negatives.count:
        return budget
    return replace(budget, updates=max(1, budget.updates * budget.batch // (1 + negatives.count)))


class Batches:
    """`batches(i)` -> query rows of batch i, (B,), a function of i alone."""

    def __init__(self, data: TripletSet, budget: Budget) -> None:
        self.rows = Shuffled(len(data), min(budget.batch, len(data)), budget.seed)

    def __call__(self, i: int) -> torch.Tensor:
        """Query rows of batch i."""
        return torch.from_numpy(self.rows(i)[1])


def texts_of(data: TripletSet, rows: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask (B, L) of some queries, no longer than their longest."""
    ids, mask = trimmed(data.ids[rows], data.mask[rows])
    return ids.to(device), mask.to(device)


def seen_at(data: TripletSet, rows: np.ndarray, device: torch.device) -> torch.Tensor:
    """What the tower saw of some images of the corpus, (B, n, Dv)."""
    return data.seen[torch.from_numpy(rows)].to(device).float()


# -- stage 1 ----------------------------------------------------------------------------------------------------------
def filter_loss(stage1: Filter, data: TripletSet, rows: torch.Tensor) -> torch.Tensor:
    """In-batch cross-entropy, query to target: logits_ij = q_i . c_j / tau, the diagonal is right."""
    rows, device = rows.cpu(), stage1.log_scale.device
    asked = stage1.queries(seen_at(data, data.reference[rows], device), *texts_of(data, rows, device))
    wanted = stage1.candidates(seen_at(data, data.target[rows], device))
    logits = stage1.scale * asked.q @ wanted.T  # (B, B)
    return cross_entropy(logits, torch.arange(len(rows), device=device))


def train_filter(
    start: Any, data: TripletSet, budget: Budget, lr: float, folder: Path | None = None, identity: str = ""
) -> tuple[Filter, History]:
    """Stage 1, from a copy of the text encoder and the projections of `start`, a BLIP.

    With a `folder` it can be interrupted and goes on; `identity` says what else its checkpoint depends on.
    """
    torch.manual_seed(budget.seed)
    stage1 = Filter(start)
    history = fit(stage1, lambda model, rows: filter_loss(model, data, rows), Batches(data, budget),
                  budget.plan(lr, identity), folder=folder, label="stage 1")  # fmt: skip
    return stage1.eval().requires_grad_(False), history


def ranks_of(stage1: Filter, data: TripletSet, last: int) -> np.ndarray:
    """The first `last` images of the corpus for each query, best first, the reference left out, int64 (N, last).

    In evaluation mode; the mode is restored.
    """
    was = stage1.training
    stage1.eval()
    gallery, found = candidates_of(stage1, data.seen), []
    for rows in torch.arange(len(data)).split(256):
        reference = torch.from_numpy(data.reference[rows])
        q = queries_of(stage1, data.seen[reference], data.ids[rows], data.mask[rows]).q
        scores = (q @ gallery.T).cpu()  # (rows, M)
        scores[torch.arange(len(rows)), reference] = -torch.inf
        found.append(scores.topk(min(last, len(gallery) - 1), dim=1).indices)
    stage1.train(was)
    out: np.ndarray = torch.cat(found).numpy()
    return out


# -- stage 2 ----------------------------------------------------------------------------------------------------------
class Draws:
    """`draws(i)` -> query rows of batch i, (B,), and H hard negatives of each, images of the corpus (B, H).

    Different ones, new ones at every update, and a function of i alone.
    """

    def __init__(self, stage1: Filter, data: TripletSet, negatives: Negatives, budget: Budget) -> None:
        self.data, self.negatives, self.budget = data, negatives, budget
        self.rows = Batches(data, budget)
        self.pools = _pools(stage1, data, negatives) if negatives.count else []

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and hard negatives of batch i."""
        rows, h = self.rows(i), self.negatives.count
        rng = np.random.default_rng([self.budget.seed, i])
        taken = [rng.choice(self.pools[row], size=h, replace=False) for row in rows.tolist()] if h else []
        return rows, torch.from_numpy(np.array(taken, dtype=np.int64).reshape(len(rows), h))

    @property
    def false_negative_share(self) -> float:
        """Share of all hard negatives of the training that were right answers, in percent."""
        false = total = 0
        for i in range(self.budget.updates if self.negatives.count else 0):
            rows, taken = self(i)
            total += taken.numel()
            right = [self.data.valid[row] for row in rows.tolist()]
            false += sum(len(some & set(t)) for some, t in zip(right, taken.tolist(), strict=True))
        return 100 * false / max(1, total)


def _pools(stage1: Filter, data: TripletSet, o: Negatives) -> list[np.ndarray]:
    """What hard negatives of each query are drawn from."""
    between = ranks_of(stage1, data, o.high)[:, o.low - 1 :]
    barred = data.valid if o.spare else [{int(t)} for t in data.target]
    pools = [row[~np.isin(row, list(wrong))] for row, wrong in zip(between, barred, strict=True)]
    least = min(map(len, pools))
    if least < o.count:
        raise PinpointError(
            f"{o.count} negatives from ranks {o.low} to {o.high}, of which a query has {least}; widen the ranks"
        )
    return pools


class RerankTraining:
    """Stage 2 on one set: z_t from stage 1, which rests; scores of all targets of the batch, or of hard negatives."""

    def __init__(self, stage1: Filter, data: TripletSet) -> None:
        self.stage1, self.data = stage1, data

    def loss(self, model: Reranker, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy of each query over the B targets of its batch; with hard negatives over 1 + H: its own target,
        then its own negatives, in the place of the others' targets."""
        data, device = self.data, next(model.parameters()).device
        rows, drawn = (part.cpu() for part in batch)
        order = data.mask[rows].sum(dim=1).argsort(stable=True)
        rows, taken = rows[order], drawn[order].numpy()
        b, h = taken.shape
        images = np.concatenate([data.target[rows], taken.ravel()])  # (B + B H,)
        candidates = model.dual.project(seen_at(data, images, device))
        targets, own = torch.arange(b, device=device), b + torch.arange(b * h, device=device).view(b, h)
        columns = torch.cat([targets[:, None], own], dim=1) if h else targets.expand(b, b)  # (B, 1 + H) or (B, B)
        right = torch.zeros_like(targets) if h else targets
        parts = torch.arange(b).split(TOGETHER if device.type == "cpu" else b)
        scores = [self.scores(model, rows[part], candidates, columns[part.to(device)]) for part in parts]
        return in_batch_loss(torch.cat(scores), right)

    def scores(
        self, model: Reranker, rows: torch.Tensor, candidates: list[KeyValues], columns: torch.Tensor
    ) -> torch.Tensor:
        """Scores (b, B) or (b, 1 + H) of some queries of the batch, padded no longer than their own longest text."""
        data, device = self.data, columns.device
        ids, mask = texts_of(data, rows, device)
        z = self.grounded(seen_at(data, data.reference[rows], device), ids, mask)
        found: torch.Tensor = model.dual(z, model.plain(ids), mask.bool(), candidates, columns)
        return found

    def grounded(self, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """z_t, made anew at every update with stage 1's dropout on, as released. Our small BLIP has none."""
        stage1 = self.stage1.to(seen.device).train()
        with torch.no_grad():
            z = stage1.queries(seen, ids, mask).z
        stage1.eval()
        return z


def train_reranker(
    start: Any, stage1: Filter, data: TripletSet, negatives: Negatives, budget: Budget, lr: float,
    folder: Path | None = None, identity: str = "",
) -> tuple[Reranker, Draws, History]:  # fmt: skip
    """Stage 2, from `start`, the BLIP that stage 1 started from: its text layers copied into both streams.

    folder, identity: as for `train_filter`.
    """
    torch.manual_seed(budget.seed)
    model, draws = Reranker(start), Draws(stage1, data, negatives, budget)
    history = fit(model, RerankTraining(stage1, data).loss, draws, budget.plan(lr, identity), folder=folder,
                  label="stage 2")  # fmt: skip
    return model.eval().requires_grad_(False), draws, history
