"""The query encoder that every objective of chapter 5 trains: a Q-Former, with or without attribute weights."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pinpoint.distinctive import ATTRIBUTES, AttributeQuery
from pinpoint.encoders.qformer import candidate_emb, composed_emb, read_together

START_TEMPERATURE = 0.07  # QuRe


@dataclass(frozen=True, eq=False)
class Composed:
    """Queries q (B, D), their attribute sub-queries (B, D) by name, and the gates (B, 1 + attributes), global first."""

    q: torch.Tensor
    parts: dict[str, torch.Tensor]
    gates: torch.Tensor | None = None


class Composer(nn.Module):
    """A copy of a model's Q-Former and heads, to be trained; the image tower stays where it is.

    Trained as in QuRe: Q-Former, query tokens, word embeddings, both projections, temperature. QuRe trains the tower's
    last norm as well; ours rests with the tower, whose tokens are computed once.
    """

    def __init__(
        self, model: Any, attributes: bool = False, rate: float = 1.0, names: Sequence[str] = ATTRIBUTES
    ) -> None:
        """names: of the attributes that have a sub-query each."""
        super().__init__()
        self.query_tokens = nn.Parameter(model.query_tokens.detach().clone())
        self.qformer, self.embeddings = deepcopy(model.qformer), deepcopy(model.embeddings)
        self.vision_projection, self.text_projection = (
            deepcopy(model.vision_projection),
            deepcopy(model.text_projection),
        )
        self.requires_grad_(True)
        start = torch.tensor(1 / START_TEMPERATURE).log()
        self.log_scale = nn.Parameter(getattr(model, "log_scale", start).detach().clone())
        self.attributes = None
        if attributes:
            width, dim = self.text_projection.in_features, self.text_projection.out_features
            self.attributes = AttributeQuery(width, dim, names, self.text_projection)
        self.rates = {"attributes": rate} if attributes else {}

    @property
    def scale(self) -> torch.Tensor:
        """One over the temperature; at most 100, as CLIP has it."""
        return self.log_scale.exp().clamp(max=100)

    def candidates(self, seen: torch.Tensor) -> torch.Tensor:
        """Image tokens (B, n, Dv) -> T unit rows each, (B, T, D)."""
        return candidate_emb(self, seen)

    def queries(self, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> Composed:
        """The reference's image tokens (B, n, Dv) and the text's token ids (B, L)."""
        read = read_together(self, seen, ids, mask)
        if self.attributes is None:
            return Composed(composed_emb(self, read), {})
        return Composed(*self.attributes(read.tokens, read.text))


def own_scores(q: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """s(q_i, c_i) for rows (B, D) and (B, T, D) -> (B,)."""
    return torch.einsum("bd,btd->bt", q, candidates).amax(dim=1)


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
