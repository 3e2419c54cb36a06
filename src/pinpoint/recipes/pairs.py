"""Images and captions as a stream of batches, each a function of its number alone."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from pinpoint.encoders.tokenizer import WordCache
from pinpoint.errors import PinpointError
from pinpoint.files import locked

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer

CHUNK = 128  # images per task of the pool: small enough that all workers end together


class PairSource(Protocol):
    """Scenes that can be drawn and captioned; a caption is new in every epoch and a function of its arguments."""

    digest: str  # of the pictures: what a rendered file may be reused for

    def __len__(self) -> int:
        """Number of pairs."""
        ...

    def image(self, i: int) -> np.ndarray:
        """Picture i, uint8 (S, S, 3)."""
        ...

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        """The caption of picture i in an epoch."""
        ...


class Shuffled:
    """`rows(i)` -> (epoch, the sorted row numbers of batch i). Every epoch is a new permutation, its rest left out."""

    def __init__(self, n: int, batch: int, seed: int) -> None:
        if n < batch:
            raise PinpointError(f"{n} pairs are fewer than one batch of {batch}")
        self.n, self.batch, self.seed = n, batch, seed
        self.permutation: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def __call__(self, i: int) -> tuple[int, np.ndarray]:
        """A function of i alone; the permutation is kept for the next call."""
        epoch, place = divmod(i, self.n // self.batch)
        if self.permutation[0] != epoch:
            self.permutation = epoch, np.random.default_rng([self.seed, epoch]).permutation(self.n)
        return epoch, np.sort(self.permutation[1][place * self.batch : (place + 1) * self.batch])


class PairBatches:
    """`batches(i)` -> (pixels uint8 (B, S, S, 3), tokens int64 (B, T)): batch i of an endless, shuffled stream.

    Every epoch is a new permutation (the last, incomplete batch is left out) with new captions. T is the longest
    caption of the batch, rounded up to a multiple of 8: most captions are far shorter than the context.
    """

    def __init__(
        self, images: np.ndarray, pairs: PairSource, tokenizer: "SimpleTokenizer", batch: int, seed: int
    ) -> None:
        self.images, self.pairs, self.tokenizer, self.seed = images, pairs, tokenizer, seed
        self.rows, self.words = Shuffled(len(images), batch, seed), WordCache(tokenizer)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Batch i."""
        epoch, rows = self.rows(i)
        return torch.from_numpy(self.images[rows]), self.tokens(rows, epoch)

    def tokens(self, rows: np.ndarray, epoch: int) -> torch.Tensor:
        """Captions of some pairs as token ids, padded with zeros: start, words, end (the largest id)."""
        context = self.tokenizer.context_length
        captions = [self.words(self.pairs.caption(int(row), epoch, self.seed))[: context - 2] for row in rows]
        length = min(context, -(-(max(map(len, captions)) + 2) // 8) * 8)
        out = np.zeros((len(rows), length), np.int64)
        for row, ids in zip(out, captions, strict=True):
            row[: len(ids) + 2] = [self.tokenizer.sot_token_id, *ids, self.tokenizer.eot_token_id]
        return torch.from_numpy(out)


def render_memmap(
    n: int, size: int, render_one: Callable[[int], np.ndarray], path: Path, workers: int | None = None
) -> np.ndarray:
    """Draw images 0..n-1 once into `path` and return them as a read-only (n, size, size, 3) uint8 memory map.

    Name `path` by the content (its digest): an existing file is taken as it is. A killed run leaves `.partial` files,
    and the next call draws only the missing chunks. With more than one worker, `render_one` must be importable.
    """
    if not path.is_file():
        with locked(path):  # another process may be drawing the same pictures: wait, then take them
            if not path.is_file():
                _render_into(path, n, size, render_one, workers or os.cpu_count() or 1)
    return np.load(path, mmap_mode="r")


def _render_into(path: Path, n: int, size: int, render_one: Callable[[int], np.ndarray], workers: int) -> None:
    partial, done_file = path.with_suffix(".partial.npy"), path.with_suffix(".partial.txt")
    done = set(done_file.read_text().split()) if done_file.is_file() and partial.is_file() else set()
    mode = "r+" if done else "w+"
    images = np.lib.format.open_memmap(partial, mode, np.uint8, None if done else (n, size, size, 3))
    missing = [start for start in range(0, n, CHUNK) if str(start) not in done]
    with done_file.open("a" if done else "w") as log:
        for start, chunk in drawn(missing, n, render_one, workers):
            images[start : start + len(chunk)] = chunk
            images.flush()  # before the chunk counts as drawn
            print(start, file=log, flush=True)
    del images
    os.replace(partial, path)
    done_file.unlink()


def drawn(
    starts: list[int], n: int, render_one: Callable[[int], np.ndarray], workers: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (start, images) for every chunk, as they are finished."""
    if workers == 1 or len(starts) < 2:
        _prepare(render_one)
        yield from (_draw(start, min(start + CHUNK, n)) for start in starts)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's threads in an undefined state
    with ProcessPoolExecutor(workers, context, initializer=_prepare, initargs=(render_one,)) as pool:
        for future in as_completed([pool.submit(_draw, start, min(start + CHUNK, n)) for start in starts]):
            yield future.result()


_render: Callable[[int], np.ndarray]


def _prepare(render_one: Callable[[int], np.ndarray]) -> None:
    global _render  # one per worker process: the scenes are sent once, not with every chunk
    _render = render_one


def _draw(start: int, stop: int) -> tuple[int, np.ndarray]:
    return start, np.stack([_render(i) for i in range(start, stop)])
