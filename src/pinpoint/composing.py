"""The text encoder learns to compose: stage 2 of "From Mapping to Composing" (Wang et al. 2025), our reading.

Stage 1 maps an image to pseudo-words whose sentence finds that same image. A composed query asks for *another* image,
so pseudo-words and modification have never been read together. Stage 2 trains small adapters in the text encoder on
few synthetic triplets (reference, modification, target). The image encoder and the mapping stay frozen, so no vector of
a gallery changes.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from pinpoint.errors import PinpointError
from pinpoint.splice import PLACE, TextSide, encode_spliced

COMPOSED = f"a photo of {PLACE} , {{}}"  # the prompt of Pic2Word: pseudo-words, a comma, the modification


class Adapter(nn.Module):
    """A bottleneck behind a sublayer: x + up(GELU(down(x))). `up` starts at zero, so at first it changes nothing."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, rank), nn.Linear(rank, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width)."""
        return x + self.up(nn.functional.gelu(self.down(x)))


class Adapters(nn.Module):
    """One adapter behind every attention and every feed-forward of a text tower."""

    def __init__(self, side: TextSide, rank: int = 64) -> None:
        super().__init__()
        self.adapters = nn.ModuleList(Adapter(side.width, rank) for _ in side.sublayers)

    @contextmanager
    def attached(self, side: TextSide) -> Iterator[None]:
        """While it lasts, the tower computes with the adapters; its own weights are not touched."""
        if len(side.sublayers) != len(self.adapters):
            raise PinpointError(f"{len(self.adapters)} adapters for {len(side.sublayers)} sublayers: another tower")
        with ExitStack() as stack:
            for sublayer, adapter in zip(side.sublayers, self.adapters, strict=True):
                stack.callback(sublayer.register_forward_hook(_behind(adapter)).remove)
            yield


def _behind(adapter: nn.Module) -> Any:
    def hook(_module: nn.Module, _inputs: Any, out: Any) -> Any:
        return (adapter(out[0]), *out[1:]) if isinstance(out, tuple) else adapter(out)  # attention gives a tuple

    return hook


def compose(
    side: TextSide, words: torch.Tensor, texts: Sequence[str], adapters: Adapters | None = None, form: str = COMPOSED
) -> torch.Tensor:
    """Unit query embeddings (B, D) of pseudo-words (B, k, width) with a modification each, in sentences of a `form`."""
    spliced = [form.format(text) for text in texts]
    if adapters is None:
        return normalize(encode_spliced(side, spliced, words), dim=1)
    with adapters.attached(side):
        return normalize(encode_spliced(side, spliced, words), dim=1)


@dataclass(frozen=True)
class Triplets:
    """Synthetic training triplets; images are rows of one bank of embeddings. reference, target: int64 (M,)."""

    reference: torch.Tensor
    target: torch.Tensor
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.reference) == len(self.target) == len(self.texts):
            raise PinpointError("a triplet needs a reference, a text and a target each")

    def __len__(self) -> int:
        return len(self.texts)


def hard_negatives(
    query_emb: torch.Tensor, target: torch.Tensor, bank: torch.Tensor, m: int, ceiling: float
) -> torch.Tensor:
    """The m images of the bank (N, D) nearest to each query (B, D), int64 (B, m), that are no likely right answers.

    An image whose cosine with the true target exceeds `ceiling` may be right as well and is left out, so is the target.
    Raises PinpointError where fewer than m images are left.
    """
    allowed = bank[target] @ bank.T <= ceiling  # (B, N)
    allowed[torch.arange(len(target)), target] = False
    least = int(allowed.sum(dim=1).min())
    if least < m:
        raise PinpointError(f"under the ceiling {ceiling} a query has {least} negatives, not {m}; raise it")
    return (query_emb @ bank.T).masked_fill(~allowed, -torch.inf).topk(m, dim=1).indices


def composing_loss(
    query_emb: torch.Tensor, target: torch.Tensor, reference: torch.Tensor, hard: torch.Tensor, bank: torch.Tensor,
    scale: float,
) -> torch.Tensor:  # fmt: skip
    """InfoNCE from each query (B, D) to its target, among the batch's targets, the batch's references and the hard
    negatives (B, m) of all queries.

    The query's own reference is always among the negatives: returning it is the classic failure. An image counts once,
    however often it occurs, and is never a negative of a query whose target it is.
    """
    images = torch.cat([target, reference, hard.flatten()]).unique()  # sorted
    own = torch.searchsorted(images, target)
    return cross_entropy(scale * query_emb @ bank[images].T, own)


def slerp(v: torch.Tensor, t: torch.Tensor, alpha: float) -> torch.Tensor:
    """Spherical interpolation of unit rows (B, D) from image (alpha 0) to text (alpha 1); equal directions give v."""
    theta = torch.arccos((v * t).sum(dim=1, keepdim=True).clamp(-1, 1))
    sine = torch.sin(theta)
    mixed = (torch.sin((1 - alpha) * theta) * v + torch.sin(alpha * theta) * t) / sine.clamp_min(1e-7)
    return torch.where(sine > 1e-6, mixed, v)
