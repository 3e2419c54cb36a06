"""What each way of asking costs: milliseconds a query, bytes stored, seconds to prepare; and when preparing pays.

G is the number of gallery images, P of prompts, D the width of a vector, N of the images that a linear map is fitted to
(the paper's: P = 10, D = 3072, N = 100). Times come from `promptable_timing`, all of one run.
"""

from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.linear import SAMPLE
from pinpoint.promptable_timing import BATCH, Encoding, ModeVectors, encode_seconds, search_ms

__all__ = [
    "BreakEven", "Cost", "Encoding", "ModeVectors", "break_even", "costs", "encode_seconds", "mode_storage",
    "search_ms", "storage_bytes",
]  # fmt: skip

FLOAT32 = 4  # bytes


@dataclass(frozen=True)
class Cost:
    """One mode on a gallery of `images`: what a query, the stored vectors and a new prompt cost.

    ms_per_query: one query at a time; ms_in_batch: 64 together. table_s: seconds to make all that is stored.
    new_prompt_s: seconds until a prompt that was not foreseen can be asked. Both times extrapolate a measured time per
    image to the gallery; so do the ms of a mode with `extrapolated`.
    """

    mode: str
    images: int
    ms_per_query: float
    ms_in_batch: float
    storage_mb: float
    table_s: float
    new_prompt_s: float
    extrapolated: bool = False


def storage_bytes(n_images: int, dim: int, n_prompts: int = 1, bytes_per: int = FLOAT32) -> int:
    """One vector an image and prompt. The paper's model in half precision: 3072 x 10 x 2 = 61,440 bytes an image."""
    return n_images * dim * n_prompts * bytes_per


def mode_storage(vectors: ModeVectors, size: int, bytes_per: int = FLOAT32) -> dict[str, int]:
    """Bytes that each mode keeps to answer any of the P prompts on `size` images; `on_the_fly` keeps the images alone.

    The linear map keeps the general table and 2 D N numbers a prompt, the dense one D^2.
    """
    prompts, dim = vectors.prompts.shape
    general, many = (storage_bytes(size, dim, p, bytes_per) for p in (1, prompts))
    return {
        "clip": storage_bytes(size, vectors.clip.shape[1], 1, bytes_per), "general": general, "prompted": many,
        "chosen": many + prompts * dim * bytes_per,
        "linear": general + prompts * vectors.linear.flops * bytes_per,
        "linear_dense": general + prompts * dim**2 * bytes_per, "on_the_fly": 0,
    }  # fmt: skip


def costs(
    vectors: ModeVectors, encoding: Encoding, clip_s: float, size: int, *, repeats: int = 5, samples: int = SAMPLE
) -> list[Cost]:
    """Every mode on a gallery of `size` images. clip_s: seconds CLIP takes for one image; samples: images
    that the map of a prompt is fitted to.

    on_the_fly is not run but extrapolated: every image is encoded under the query's prompt, then searched as prompted;
    a batch has one prompt and shares the encoding.
    """
    timed = search_ms(vectors, size, repeats)
    ms = {mode: (single.value, batch.value) for mode, (single, batch) in timed.items()}
    one, all_prompts = encoding.one.value, encoding.shared.value
    encoding_ms = 1000 * one * size
    ms["on_the_fly"] = (encoding_ms + ms["prompted"][0], encoding_ms / BATCH + ms["prompted"][1])
    samples = min(samples, size)
    table_s = {"clip": clip_s * size, "prompted": all_prompts * size, "chosen": all_prompts * size, "on_the_fly": 0.0}
    linear_s = one * size + all_prompts * samples
    table_s |= {"general": one * size, "linear": linear_s, "linear_dense": linear_s}
    new_s = {"prompted": one * size, "chosen": one * size, "linear": one * samples, "linear_dense": one * samples}
    stored = mode_storage(vectors, size)
    return [
        Cost(mode, size, *ms[mode], stored[mode] / 1e6, table_s[mode], new_s.get(mode, 0.0), mode == "on_the_fly")
        for mode in ms
    ]


@dataclass(frozen=True)
class BreakEven:
    """Queries per prompt from which on the first way takes less time in all than the second; inf means never."""

    table_over_on_the_fly: float
    linear_over_on_the_fly: float
    table_over_linear: float


def break_even(
    encode_s: float,
    n_images: int,
    *,
    candidates: int | None = None,
    table_s_per_image: float | None = None,
    samples: int = SAMPLE,
    fit_s: float = 0.0,
    map_s: float = 0.0,
) -> BreakEven:
    """When preparing a prompt pays. After Q queries with one prompt, beside the search that all three do alike,

        table       G t              every image once; t = `table_s_per_image`, less than e where prompts share a prefix
        linear      N e + f + Q m    N = `samples` images, f = `fit_s` to solve for W, m = `map_s` to map a query
        on the fly  Q c e            c = `candidates`: all G images, or the short list of a first search; e = `encode_s`

    and the lines cross at Q = G t / (c e), (N e + f) / (c e - m) and (G t - N e - f) / m. This counts time alone: a
    linear map is cheap and recalls less, which is why the two are set against recall in a figure.
    """
    if encode_s <= 0 or n_images < 1:
        raise PinpointError(f"{n_images} images at {encode_s} s each: break-even needs a positive time and number")
    per_query = (n_images if candidates is None else min(candidates, n_images)) * encode_s
    table = n_images * (encode_s if table_s_per_image is None else table_s_per_image)
    linear = min(samples, n_images) * encode_s + fit_s
    return BreakEven(
        table / per_query,
        linear / (per_query - map_s) if per_query > map_s else np.inf,
        max(table - linear, 0.0) / map_s if map_s else (np.inf if table > linear else 0.0),
    )
