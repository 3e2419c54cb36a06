"""Candidate set re-ranking with a dual multi-modal encoder (Liu, Sun, Teney and Gould 2024), stage 2 as released.

Two streams of the same length run side by side. Stream 0 starts from z_t, the text as stage 1 has grounded it in the
reference; stream 1 from the plain text. Both attend to the *candidate's* image tokens, and are merged after that. Made
of BLIP's text layers, each copied into two.

Three things make it quick, and change nothing. The keys and values of a candidate's tokens do not depend on the
query: they are computed once per image. The first self-attention does not depend on the candidate: it is computed once
per query. And of the last layer only the first token is read: the others stop before it.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

from pinpoint.errors import PinpointError

KeyValues = list[tuple[torch.Tensor, torch.Tensor]]  # per layer and stream: keys and values (N, heads, n, d / heads)


class Attention(nn.Module):
    """Multi-head attention with BLIP's parameter names; its output projection is included, its LayerNorm is not."""

    def __init__(self, width: int, heads: int, source: int | None = None) -> None:
        super().__init__()
        source = source or width
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(source, width), nn.Linear(source, width)
        self.dense = nn.Linear(width, width)

    def project(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of tokens (B, n, source)."""
        return self._split(self.key(tokens)), self._split(self.value(tokens))

    def forward(
        self, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(B, L, width), keys and values of B items; mask (B, n), true where a token may be read."""
        allowed = None if mask is None else mask[:, None, None]
        read = scaled_dot_product_attention(self._split(self.query(hidden)), keys, values, attn_mask=allowed)
        out: torch.Tensor = self.dense(read.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


class DualLayer(nn.Module):
    """Self-attention per stream, cross-attention per stream to one candidate, a merge, a shared feed-forward.

    `linear` False: the merge is the mean (the lower half of the layers); True: W [a0; a1] + b (the upper half).
    """

    def __init__(self, width: int, heads: int, source: int, inner: int, linear: bool, eps: float = 1e-12) -> None:
        super().__init__()
        self.selfs: Any = nn.ModuleList(Attention(width, heads) for _ in range(2))
        self.crosses: Any = nn.ModuleList(Attention(width, heads, source) for _ in range(2))
        self.norms: Any = nn.ModuleList(nn.LayerNorm(width, eps) for _ in range(2))
        self.cross_norms: Any = nn.ModuleList(nn.LayerNorm(width, eps) for _ in range(2))
        self.merge = nn.Linear(2 * width, width) if linear else None
        self.up, self.down, self.norm = nn.Linear(width, inner), nn.Linear(inner, width), nn.LayerNorm(width, eps)

    def attend(
        self, streams: Sequence[torch.Tensor], mask: torch.Tensor, first: int | None = None
    ) -> list[torch.Tensor]:
        """The self-attentions: two streams (B, L, width) and the text mask (B, L); of the `first` tokens, or of all."""
        return [
            norm(attention(h[:, :first], *attention.project(h), mask) + h[:, :first])
            for h, attention, norm in zip(streams, self.selfs, self.norms, strict=True)
        ]

    def read(self, streams: Sequence[torch.Tensor], candidate: KeyValues) -> list[torch.Tensor]:
        """The rest of the layer: both streams read the candidate, are merged, and pass the shared feed-forward."""
        both = [cross(h, *kv) for h, cross, kv in zip(streams, self.crosses, candidate, strict=True)]
        merged = (both[0] + both[1]) / 2 if self.merge is None else self.merge(torch.cat(both, dim=-1))
        streams = [norm(merged + h) for h, norm in zip(streams, self.cross_norms, strict=True)]
        return [self.norm(self.down(gelu(self.up(h))) + h) for h in streams]


class DualEncoder(nn.Module):
    """The layers and the head: s = MLP([h0[0]; h1[0]]), of whose two outputs the first is the score."""

    def __init__(self, width: int, heads: int, source: int, inner: int, layers: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.layers: Any = nn.ModuleList(
            DualLayer(width, heads, source, inner, n >= layers // 2, eps) for n in range(layers)
        )
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 2))

    def project(self, candidates: torch.Tensor) -> list[KeyValues]:
        """Keys and values of candidates' image tokens (N, n, source), for every layer and stream: once per image."""
        return [[cross.project(candidates) for cross in layer.crosses] for layer in self.layers]

    def forward(
        self, grounded: torch.Tensor, plain: torch.Tensor, mask: torch.Tensor, candidates: list[KeyValues],
        chosen: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """Scores (B, K) of the candidates `chosen` (B, K), rows of what `project` gave, for B queries.

        grounded: z_t (B, L, width); plain: the text's embedding (B, L, width); mask (B, L), true at words.
        """
        b, k = chosen.shape
        streams = [h.repeat_interleave(k, dim=0) for h in self.begin(grounded, plain, mask)]  # (B K, L, width)
        return self.finish(streams, mask.repeat_interleave(k, dim=0), candidates, chosen.flatten()).view(b, k)

    def begin(self, grounded: torch.Tensor, plain: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """What no candidate can change, once per query: both streams after the first self-attention."""
        if grounded.shape != plain.shape:
            raise PinpointError(
                f"streams of {tuple(grounded.shape)} and {tuple(plain.shape)}: z_t has the text's length"
            )
        streams: list[torch.Tensor] = self.layers[0].attend((grounded, plain), mask)
        return streams

    def finish(
        self, streams: Sequence[torch.Tensor], mask: torch.Tensor, candidates: list[KeyValues], rows: torch.Tensor
    ) -> torch.Tensor:
        """Scores (P,) of pairs: what `begin` gave for each one's query (P, L, width), and the row of its candidate."""
        last = len(self.layers) - 1
        for n, (layer, kvs) in enumerate(zip(self.layers, candidates, strict=True)):
            if n:
                streams = layer.attend(streams, mask, 1 if n == last else None)
            elif last == 0:
                streams = [h[:, :1] for h in streams]
            streams = layer.read(streams, [(keys[rows], values[rows]) for keys, values in kvs])
        logits: torch.Tensor = self.head(torch.cat([h[:, 0] for h in streams], dim=1))
        return logits[:, 0]


def dual_of_blip(text_encoder: Any) -> DualEncoder:
    """The start of training: every layer of BLIP's text encoder (`BlipTextModel` with cross-attention) copied into
    both streams; merges and head are new."""
    config = text_encoder.config
    dual = DualEncoder(config.hidden_size, config.num_attention_heads, config.encoder_hidden_size,
                       config.intermediate_size, config.num_hidden_layers, config.layer_norm_eps)  # fmt: skip
    for layer, own in zip(dual.layers, text_encoder.encoder.layer, strict=True):
        if not hasattr(own, "crossattention"):
            raise PinpointError("this text encoder has no cross-attention; load it with is_decoder=True in its config")
        for n in range(2):
            _copy_attention(layer.selfs[n], own.attention)
            _copy_attention(layer.crosses[n], own.crossattention)
            layer.norms[n].load_state_dict(own.attention.output.LayerNorm.state_dict())
            layer.cross_norms[n].load_state_dict(own.crossattention.output.LayerNorm.state_dict())
        layer.up.load_state_dict(own.intermediate.dense.state_dict())
        layer.down.load_state_dict(own.output.dense.state_dict())
        layer.norm.load_state_dict(own.output.LayerNorm.state_dict())
    return dual


def _copy_attention(mine: Any, own: Any) -> None:
    for name in ("query", "key", "value"):
        getattr(mine, name).load_state_dict(copy.deepcopy(getattr(own.self, name).state_dict()))
    mine.dense.load_state_dict(own.output.dense.state_dict())


def in_batch_loss(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each query's scores (B, K) against the place of its target (B,)."""
    return cross_entropy(scores, target)


@dataclass(frozen=True)
class Reranked:
    """A ranking after stage 2: order (Q, G), columns of the gallery; scores (Q, K) of its first K."""

    order: torch.Tensor
    scores: torch.Tensor


def rerank(first: torch.Tensor, second: torch.Tensor, top: torch.Tensor) -> Reranked:
    """Put the K candidates `top` (Q, K) of stage 1 into the order of stage 2's scores (Q, K); what lies outside keeps
    its place, so recall at the cut is exactly stage 1's. Equal scores keep stage 1's order. first: scores (Q, G).
    """
    k = top.shape[1]
    if k > first.shape[1]:
        raise PinpointError(f"{k} candidates of a gallery of {first.shape[1]}; K must not exceed it")
    order = first.sort(dim=1, descending=True, stable=True).indices
    if not torch.equal(order[:, :k], top):
        raise PinpointError("the candidates are not the first K of stage 1, in its order")
    scores, places = second.sort(dim=1, descending=True, stable=True)
    return Reranked(torch.cat([top.gather(1, places), order[:, k:]], dim=1), scores)
