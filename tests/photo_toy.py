"""A folder of pictures, and a side that turns pictures into vectors without a model and counts them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pinpoint.photo_index import PictureSide


def picture(path: Path, seed: int, size: tuple[int, int] = (12, 9), **options: Any) -> Path:
    """A file of noise that depends on the seed alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def pictures(root: Path, n: int) -> Path:
    for i in range(n):
        picture(root / "abc"[i % 3] / f"{i:02d}.png", i)
    return root


def scenes(root: Path, n: int, size: int = 128) -> Path:
    """Drawn scenes as files, s0.png and so on."""
    from pinpoint.diorama.draw import render
    from pinpoint.diorama.scene import sample_split

    root.mkdir(parents=True, exist_ok=True)
    for i, scene in enumerate(sample_split(n, "test", 0)):
        Image.fromarray(render(scene, "natural", size)).save(root / f"s{i}.png")
    return root


def embed(some: Sequence[np.ndarray]) -> np.ndarray:
    """Mean colour and mean of the squares, (n, 6)."""
    rows = [np.concatenate([(p / 255.0).mean(axis=(0, 1)), (p / 255.0).__pow__(2).mean(axis=(0, 1))]) for p in some]
    return np.array(rows, dtype=np.float32)


class Counting:
    """A side that remembers how many pictures it has seen."""

    def __init__(self, name: str = "toy", size: int | None = None) -> None:
        self.seen = 0
        self.side = PictureSide({"encoder": name, "size": size}, self._encode, size)

    def _encode(self, some: Sequence[np.ndarray]) -> np.ndarray:
        self.seen += len(some)
        return embed(some)

    def fresh(self) -> int:
        """How many since the last question."""
        seen, self.seen = self.seen, 0
        return seen
