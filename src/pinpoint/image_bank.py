"""Images as a frozen encoder sees them, ready to train on: pooled embeddings and patch tokens, from the store."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from pinpoint.benchmark import Images
from pinpoint.errors import PinpointError
from pinpoint.store import Store

PART = 512  # images per file of the store: patch tokens are large


@dataclass(frozen=True, eq=False)
class ImageBank:
    """N images of a frozen encoder: v (N, D) unit rows, patches (N, n, Dv) as the tower's last norm leaves them."""

    ids: tuple[str, ...]
    v: torch.Tensor
    patches: torch.Tensor

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _row(self) -> dict[str, int]:
        return {image: row for row, image in enumerate(self.ids)}

    def rows(self, ids: Sequence[str]) -> torch.Tensor:
        """The rows of some images, int64 (len(ids),)."""
        strange = next((i for i in ids if i not in self._row), None)
        if strange is not None:
            raise PinpointError(f"image {strange!r} is not among the {len(self)} of this bank; encode it with them")
        return torch.tensor([self._row[i] for i in ids], dtype=torch.int64)

    def joined(self, other: "ImageBank") -> "ImageBank":
        """This bank, and the images of another that it does not hold."""
        new = other.of([image for image in other.ids if image not in self._row])
        return ImageBank(self.ids + new.ids, torch.cat([self.v, new.v]), torch.cat([self.patches, new.patches]))

    def of(self, ids: Sequence[str]) -> "ImageBank":
        """The same for some of its images, in the order given."""
        rows = self.rows(ids)
        return ImageBank(tuple(ids), self.v[rows], self.patches[rows])


def encode_bank(encoder: Any, store: Store, images: Images, ids: Sequence[str], size: int | None = None) -> ImageBank:
    """Encode images once, or read them from the store. `encoder` has `encode_patches`; with `size`, images are loaded
    as squares of that side (a drawn scene is rendered at it)."""
    ids = tuple(dict.fromkeys(ids))
    record = {"encoder": asdict(encoder.record), "images": images.fingerprint, "size": size, "of": "v and patches"}

    def encode(some: Sequence[str]) -> np.ndarray:
        v, patches = encoder.encode_patches(images.load(i, size) for i in some)
        return np.concatenate([v, patches.reshape(len(v), -1)], axis=1)

    flat = torch.from_numpy(store.get(record, ids, encode, part_size=PART))
    v, patches = flat[:, : encoder.dim], flat[:, encoder.dim :]
    one = encoder.encode_patches([images.load(ids[0], size)])[1]  # (1, n, Dv); the store keeps flat rows
    return ImageBank(ids, v.contiguous(), patches.reshape(len(ids), *one.shape[1:]))
