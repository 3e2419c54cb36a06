"""Scenes as images: ids, pixels, and the training set."""

import random
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pinpoint.diorama.captions import DEFAULT, Mention, caption
from pinpoint.diorama.draw import render
from pinpoint.diorama.scene import WORLD_VERSION, Scene, sample_split
from pinpoint.errors import PinpointError
from pinpoint.files import digest

NATIVE_SIZE = 96  # pixels; what the small models see


def image_id(scene: Scene, style: str = "natural") -> str:
    """The scene's id, with "@style" unless it is natural."""
    return scene.id if style == "natural" else f"{scene.id}@{style}"


class DioramaImages:
    """Pictures of a set of scenes, in every style, drawn when asked for."""

    def __init__(self, scenes: Iterable[Scene]):
        self.scenes: Mapping[str, Scene] = {s.id: s for s in scenes}
        self.fingerprint = digest(["diorama", WORLD_VERSION, sorted(self.scenes)])

    def scene(self, image: str) -> Scene:
        """The scene behind an image id."""
        scene_id = image.partition("@")[0]
        if scene_id not in self.scenes:
            raise PinpointError(f"no scene {scene_id!r} among these {len(self.scenes)}; image ids come from image_id()")
        return self.scenes[scene_id]

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One picture, uint8 (size, size, 3)."""
        return render(self.scene(image_id), image_id.partition("@")[2] or "natural", size or NATIVE_SIZE)

    def load_batch(self, ids: Sequence[str], size: int) -> np.ndarray:
        """Several pictures, uint8 (N, size, size, 3)."""
        out = np.empty((len(ids), size, size, 3), np.uint8)
        for row, image in zip(out, ids, strict=True):
            row[...] = self.load(image, size)
        return out


class TrainingPairs:
    """`n` training scenes with a fresh caption each time one is asked for, as a photograph has several writers."""

    def __init__(
        self, n: int, seed: int = 0, mention: Mention = DEFAULT, split: str = "train", size: int = NATIVE_SIZE
    ):
        self.scenes = sample_split(n, split, seed)
        self.mention, self.size = mention, size
        self.digest = digest(["pairs", WORLD_VERSION, split, n, seed, size])

    def __len__(self) -> int:
        return len(self.scenes)

    def image(self, i: int) -> np.ndarray:
        """The picture of scene i, uint8 (size, size, 3)."""
        return render(self.scenes[i], "natural", self.size)

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        """The caption of scene i in an epoch; a function of its arguments alone."""
        return caption(self.scenes[i], random.Random(f"{i}-{epoch}-{seed}"), self.mention)
