"""The two trained networks of chapter 6: the filter of stage 1 and the re-ranker of stage 2, each a copy of a BLIP."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from pinpoint.rerank import dual_of_blip
from pinpoint.rerank_data import trimmed

START_TEMPERATURE = 0.07  # as released


@dataclass(frozen=True, eq=False)
class Grounded:
    """Queries as stage 1 leaves them: q (B, D) unit rows, and z_t (B, L, width), all tokens of the text."""

    q: torch.Tensor
    z: torch.Tensor


class Filter(nn.Module):
    """Stage 1: BLIP's image-grounded text encoder as query encoder, and the projected class vector as candidate.

    q = unit(W_t z_t[0]), c = unit(W_v v[0]). Trained: text encoder, both projections, temperature; the tower rests.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.text_encoder, self.text_proj = deepcopy(model.text_encoder), deepcopy(model.text_proj)
        self.vision_proj = deepcopy(model.vision_proj)
        self.log_scale = nn.Parameter(torch.tensor(1 / START_TEMPERATURE).log())
        self.requires_grad_(True)

    @property
    def scale(self) -> torch.Tensor:
        """One over the temperature; at most 100, as CLIP has it."""
        return self.log_scale.exp().clamp(max=100)

    def candidates(self, seen: torch.Tensor) -> torch.Tensor:
        """Image tokens (B, n, Dv) -> unit rows (B, D), by the class token alone."""
        return normalize(self.vision_proj(seen[:, 0]), dim=1)

    def queries(self, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor) -> Grounded:
        """The reference's image tokens (B, n, Dv) and the text's token ids (B, L), [ENC] first."""
        readable = torch.ones(seen.shape[:2], dtype=torch.long, device=seen.device)
        z = self.text_encoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=seen,
                              encoder_attention_mask=readable).last_hidden_state  # fmt: skip
        return Grounded(normalize(self.text_proj(z[:, 0]), dim=1), z)


class Reranker(nn.Module):
    """Stage 2: the dual encoder, and word embeddings of its own for the plain stream."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.embeddings = deepcopy(model.text_encoder.embeddings)
        self.dual = dual_of_blip(model.text_encoder)
        self.requires_grad_(True)

    def plain(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (B, L) -> what stream 1 starts from, (B, L, width)."""
        out: torch.Tensor = self.embeddings(input_ids=ids)
        return out


def candidates_of(stage1: Filter, seen: torch.Tensor, batch: int = 512) -> torch.Tensor:
    """Unit rows (M, D) of image tokens (M, n, Dv)."""
    device = stage1.log_scale.device
    with torch.no_grad():
        return torch.cat([stage1.candidates(part[:, :1].to(device).float()) for part in seen.split(batch)])


def queries_of(stage1: Filter, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, batch: int = 128) -> Grounded:
    """Queries of references (N, n, Dv) with texts (N, L); where a text ends, z_t ends in zeros."""
    device, q = stage1.log_scale.device, []
    z = torch.zeros(*ids.shape, stage1.text_proj.in_features, device=device)
    with torch.no_grad():
        for rows in torch.arange(len(ids)).split(batch):
            some, words = trimmed(ids[rows], mask[rows])
            grounded = stage1.queries(seen[rows].to(device).float(), some.to(device), words.to(device))
            q.append(grounded.q)
            z[rows, : some.shape[1]] = grounded.z * words.to(device)[:, :, None]
    return Grounded(torch.cat(q), z)
