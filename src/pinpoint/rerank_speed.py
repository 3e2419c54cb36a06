"""How long re-ranking takes, and how much arithmetic it is: counted from the sizes, and measured in one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from timeit import timeit
from typing import Any

import numpy as np
import torch

from pinpoint.errors import PinpointError
from pinpoint.rerank import DualEncoder
from pinpoint.rerank_scoring import Words, score_pairs
from pinpoint.timing import Measurement, agree, summary

STREAMS = 2
DIORAMA = {"layers": 4, "width": 192, "heads": 3, "source": 192, "inner": 768}
TOKENS = 37  # of an image, there


@dataclass(frozen=True)
class Macs:
    """Multiply-adds for one candidate: projections of its tokens to keys and values, and everything else.

    The products of queries with keys and of weights with values are left out, as is the head: a few per cent.
    """

    keys_values: int
    rest: int


def candidate_macs(*, layers: int, width: int, source: int, inner: int, image_tokens: int, text_tokens: int) -> Macs:
    """Of the plain way: two streams, every layer, K and V of all image tokens anew; and on the text's tokens four
    projections of self-attention, two of cross-attention and the two of the feed-forward."""
    each = STREAMS * layers
    return Macs(each * 2 * image_tokens * source * width, each * text_tokens * (6 * width**2 + 2 * width * inner))


def fast_macs(
    *, layers: int, width: int, source: int, inner: int, image_tokens: int, text_tokens: int, shared: float = 1.0
) -> Macs:
    """Of the quick way: K and V once for the `shared` queries that an image is a candidate of; the first self-attention
    once per query, and of the last layer the first token alone."""
    whole = candidate_macs(layers=layers, width=width, source=source, inner=inner, image_tokens=image_tokens,
                           text_tokens=text_tokens)  # fmt: skip
    spared = 4 * text_tokens * width**2  # the first layer's self-attention
    if layers > 1:
        spared += (text_tokens - 1) * (4 * width**2 + 2 * width * inner)  # all but its keys and values
    return Macs(round(whole.keys_values / shared), whole.rest - STREAMS * spared)


def sizes_of(dual: DualEncoder, seen: torch.Tensor, text_tokens: int) -> dict[str, int]:
    """What the counts need of a model and its images (G, n, Dv)."""
    layer: Any = dual.layers[0]
    return {
        "layers": len(dual.layers), "width": layer.up.in_features, "inner": layer.up.out_features,
        "source": layer.crosses[0].key.in_features, "image_tokens": seen.shape[1], "text_tokens": text_tokens,
    }  # fmt: skip


VIT_B_384 = {"layers": 12, "width": 768, "source": 768, "inner": 3072, "image_tokens": 577, "text_tokens": 20}


def plain_loop(dual: DualEncoder, words: Words, seen: torch.Tensor, pairs: np.ndarray) -> np.ndarray:
    """What is obvious: one candidate at a time, its keys and values projected each time; scores (P,)."""
    out, length = np.empty(len(pairs), dtype=np.float32), words.mask.sum(dim=1).tolist()
    with torch.inference_mode():
        for n, (q, image) in enumerate(pairs.tolist()):
            streams = [h[q : q + 1, : length[q]] for h in (words.grounded, words.plain)]
            mask = words.mask[q : q + 1, : length[q]]
            tokens = seen[image : image + 1].to(mask.device).float()
            for layer in dual.layers:
                kvs = [cross.project(tokens) for cross in layer.crosses]
                streams = layer.read(layer.attend(streams, mask), kvs)
            out[n] = float(dual.head(torch.cat([h[:, 0] for h in streams], dim=1))[0, 0])
    return out


def speedup(
    dual: DualEncoder, words: Words, seen: torch.Tensor, top: np.ndarray, plain: int, repeats: int = 3,
    atol: float = 1e-4,
) -> Measurement:  # fmt: skip
    """How many times faster a candidate is scored the quick way, in one run, with equal scores.

    top (Q, K): the candidates that the quick way scores together; the plain loop takes those of the first `plain`
    queries, since its time for a candidate does not depend on how many there are. The two run in turn, so that a busy
    machine slows both.
    """
    if not 1 <= plain <= len(top):
        raise PinpointError(f"the plain loop on {plain} of {len(top)} queries; give it between one and all")
    pairs, some = pairs_of(top), pairs_of(top[:plain])
    found: dict[str, np.ndarray] = {}

    def slow() -> None:
        found["slow"] = plain_loop(dual, words, seen, some)

    def fast() -> None:
        found["fast"] = score_pairs(dual, words, seen, pairs)

    each, first = len(top) / plain, some[: top.shape[1]]
    agree("re-ranking", score_pairs(dual, words, seen, first), plain_loop(dual, words, seen, first), atol)  # both warm
    samples = [each * timeit(slow, number=1) / timeit(fast, number=1) for _ in range(repeats)]
    agree("re-ranking", found["fast"][: len(some)], found["slow"], atol)
    return summary("re-ranking", samples, "x", f"one candidate at a time, K = {top.shape[1]}, {len(top)} queries")


def made(queries: int, k: int, images: int, seed: int = 0) -> tuple[DualEncoder, Words, torch.Tensor, np.ndarray]:
    """What `speedup` takes, at the size of `diorama-rerank` and at random: the arithmetic is the same."""
    rng, length = torch.Generator().manual_seed(seed), 20
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        dual = DualEncoder(**DIORAMA).eval()
    width, source = DIORAMA["width"], DIORAMA["source"]
    grounded, plain = torch.randn(2, queries, length, width, generator=rng)
    mask = torch.arange(length) < torch.randint(5, length + 1, (queries, 1), generator=rng)  # words come first
    seen = torch.randn(images, TOKENS, source, generator=rng)
    top = torch.rand(queries, images, generator=rng).argsort(dim=1)[:, :k].numpy()
    return dual, Words(grounded, plain, mask), seen, top


def pairs_of(top: np.ndarray, rows: Sequence[int] | None = None) -> np.ndarray:
    """Candidates (Q, K) as pairs (Q K, 2) of a query's row (its number, or the one given) and an image's."""
    rows = range(len(top)) if rows is None else rows
    return np.stack([np.repeat(np.asarray(rows, dtype=np.int64), top.shape[1]), top.ravel().astype(np.int64)], axis=1)


def ms_per_query(work: Callable[[], object], queries: int, repeats: int = 3) -> Measurement:
    """Milliseconds a query takes when `queries` are answered together; the first pass is not counted."""
    if queries < 1:
        raise PinpointError("no queries to time; give at least one")
    work()
    samples = [1000 * timeit(work, number=1) / queries for _ in range(repeats)]
    return summary("per query", samples, "ms", f"{queries} queries together")
