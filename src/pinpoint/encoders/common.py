"""What all encoders do alike: choose a device, run without gradients, work in batches, return unit rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pinpoint.encoders.preprocess import batches
from pinpoint.errors import PinpointError

DTYPES = ("float32", "bfloat16")


def check_dtype(dtype: str) -> None:
    """Refuse a precision that no encoder computes in."""
    if dtype not in DTYPES:
        raise PinpointError(f"unknown dtype {dtype!r}; known: {', '.join(DTYPES)}")


def pick_device(device: str) -> torch.device:
    """The device by torch's name for it; `auto` is the GPU when there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PinpointError(f"device {device!r} was asked for and no CUDA device is visible; use device='auto'")
    try:
        return torch.device(device)
    except RuntimeError:
        raise PinpointError(f"unknown device {device!r}; choose auto, cpu or cuda") from None


@contextmanager
def inference() -> Iterator[None]:
    """No gradients, and TF32 off in convolutions, whose rounding would depend on the batch."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def unit_rows(embedding: torch.Tensor, name: str, what: str, first: int) -> np.ndarray:
    """Float32 rows (..., D) of unit length; one that has none (NaN, infinity, zero) names its item.

    `first` is the position of the first row of the second-to-last axis among all items of kind `what`.
    """
    rows = embedding.float().cpu().numpy()
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    bad = np.argwhere(~(np.isfinite(norms[..., 0]) & (norms[..., 0] > 0)))
    if len(bad):
        item = first + int(bad[:, -1].min())
        raise PinpointError(f"{name}: the embedding of {what} {item} is NaN, infinite or zero")
    unit: np.ndarray = (rows / norms).astype(np.float32)
    return unit


def check_texts(texts: Any, method: str) -> None:
    """Refuse one string where a list of them is meant: its letters would be embedded one by one."""
    if isinstance(texts, str):
        raise PinpointError(f"{method} takes a list of texts, got one string; write [text]")


def check_text_batch(batch: Any, first: int) -> None:
    """Refuse what is no string, by its position."""
    for row, text in enumerate(batch):
        if not isinstance(text, str):
            raise PinpointError(f"text {first + row} is a {type(text).__name__}, not a string")


def in_batches(
    items: Any, batch_size: int, encode: Callable[[Any, int], np.ndarray], empty: tuple[int, ...], axis: int = -2
) -> np.ndarray:
    """Encode `items` by runs of `batch_size` and join the results along `axis`, that of the items.

    `encode` takes a batch and the position of its first item; `empty` is the shape of the result for no item.
    """
    rows: list[np.ndarray] = []
    first = 0
    for batch in batches(items, batch_size):
        with inference():
            rows.append(encode(batch, first))
        first += len(batch)
    return np.concatenate(rows, axis=axis) if rows else np.empty(empty, np.float32)
