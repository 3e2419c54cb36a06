"""Stage 2 over many queries at once: any pairs of a query and an image, each image's keys and values made once."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from pinpoint.rerank import DualEncoder
from pinpoint.rerank_model import Filter, Reranker, queries_of
from pinpoint.training import Plan, chosen_precision

CACHE, CACHE_GPU = 2**28, 2**33  # bytes of keys and values held at a time
PAIRS = 128  # scored together: on a CPU the work of a batch should stay in its cache
PAIRS_GPU = 512


@dataclass(frozen=True, eq=False)
class Words:
    """The texts of Q queries as both streams start: grounded (z_t) and plain (Q, L, width), mask (Q, L)."""

    grounded: torch.Tensor
    plain: torch.Tensor
    mask: torch.Tensor


def words_of(
    stage1: Filter, reranker: Reranker, references: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor
) -> Words:
    """z_t always comes from stage 1's encoder, whatever proposes the candidates. references (Q, n, Dv)."""
    device = next(reranker.parameters()).device
    z = queries_of(stage1, references, ids, mask).z.to(device)
    with torch.no_grad():
        return Words(z, reranker.plain(ids.to(device)), mask.bool().to(device))


def quickest(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor computes in it, else float32: emulated, it would be many times slower."""
    return torch.bfloat16 if chosen_precision(device, Plan(1, 0.0)) == "bfloat16" else torch.float32


def score_pairs(
    dual: DualEncoder, words: Words, seen: torch.Tensor, pairs: np.ndarray, *, dtype: torch.dtype = torch.float32,
    cache: int | None = None, batch: int | None = None,
) -> np.ndarray:  # fmt: skip
    """Stage 2's scores (P,) of pairs (P, 2) of a query's row and an image's row in `seen` (G, n, Dv), in any order.

    The images are taken in chunks whose keys and values fill `cache` bytes; each chunk meets all its queries before the
    next is projected, texts of like length together. Neither `cache` nor `batch` nor the order changes a score beyond
    rounding. dtype: see `quickest`; bfloat16 is coarser.
    """
    device = words.mask.device
    dual = dual if dtype == torch.float32 else deepcopy(dual).to(dtype)
    out = np.empty(len(pairs), dtype=np.float32)
    cpu = device.type == "cpu"
    batch, cache = batch or (PAIRS if cpu else PAIRS_GPU), cache or (CACHE if cpu else CACHE_GPU)
    with torch.inference_mode():
        streams = _begun(dual, words, dtype)
        length = words.mask.sum(dim=1).cpu().numpy()
        for images, members in _chunks(dual, seen, pairs, length, cache):
            kvs = dual.project(seen[torch.from_numpy(images)].to(device, dtype))
            local = np.searchsorted(images, pairs[:, 1])
            for part in np.split(members, range(batch, len(members), batch)):
                rows, longest = torch.from_numpy(pairs[part, 0]).to(device), int(length[pairs[part, 0]].max())
                some = [h[rows, :longest] for h in streams]
                found = torch.from_numpy(local[part]).to(device)
                out[part] = dual.finish(some, words.mask[rows, :longest], kvs, found).float().cpu().numpy()
    return out


def _begun(dual: DualEncoder, words: Words, dtype: torch.dtype) -> list[torch.Tensor]:
    """Both streams (Q, L, width) after what no candidate can change."""
    parts = [
        dual.begin(words.grounded[rows].to(dtype), words.plain[rows].to(dtype), words.mask[rows])
        for rows in torch.arange(len(words.mask)).split(256)
    ]
    return [torch.cat(both) for both in zip(*parts, strict=True)]


def _chunks(
    dual: DualEncoder, seen: torch.Tensor, pairs: np.ndarray, length: np.ndarray, cache: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images that fit the cache, and the numbers of the pairs that they are in, short texts first."""
    wide = int(dual.layers[0].up.in_features)
    at_once = max(1, cache // (16 * len(dual.layers) * seen.shape[1] * wide))  # 2 streams, K and V, 4 bytes
    needed = np.unique(pairs[:, 1])
    for start in range(0, len(needed), at_once):
        images = needed[start : start + at_once]
        members = np.flatnonzero((pairs[:, 1] >= images[0]) & (pairs[:, 1] <= images[-1]))
        yield images, members[np.lexsort((pairs[members, 1], length[pairs[members, 0]]))]
