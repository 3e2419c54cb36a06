"""What an encoder is: every choice that changes a number, in one frozen record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest

RESIZE_MODES = ("shortest", "longest", "squash", "target_pad")
TARGET_RATIO = 1.25  # of long to short side: what CLIP4Cir and its successors pad to


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a tensor. It is part of the model: another crop gives another embedding.

    `resize_mode` is a policy by name. Three are open_clip's: "shortest" (short side to `image_size`, centre crop),
    "longest" (long side, padded with `fill_color`), "squash" (both sides, aspect ratio lost). The fourth, "target_pad",
    first pads the short side until the long one is at most 1.25 times as long, then goes on as "shortest": composed
    retrieval on CIRR and FashionIQ is published with it. `mean`, `std`: per channel, for pixels in 0..1.
    """

    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], image_size: int | tuple[int, ...]) -> "Preprocessing":
        """Read open_clip's `preprocess_cfg` for a model whose input side is `image_size` pixels."""
        sides = {image_size} if isinstance(image_size, int) else set(image_size)
        if len(sides) != 1:
            raise PinpointError(f"a non-square input of {image_size} pixels is not supported; choose a square model")
        mean, std = (tuple(float(value) for value in config[key]) for key in ("mean", "std"))
        if len(mean) != 3 or len(std) != 3:
            raise PinpointError("preprocess_cfg needs three channel values in `mean` and in `std`")
        return cls(
            image_size=int(sides.pop()),
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
            interpolation=str(config.get("interpolation") or "bicubic"),
            resize_mode=str(config.get("resize_mode") or "shortest"),
            fill_color=int(config.get("fill_color") or 0),
        )

    def resized_by(self, resize_mode: str) -> "Preprocessing":
        """The same under another resize policy. Raises `PinpointError` for an unknown one."""
        if resize_mode not in RESIZE_MODES:
            raise unknown("resize policy", resize_mode, RESIZE_MODES)
        return replace(self, resize_mode=resize_mode)


@dataclass(frozen=True)
class EncoderRecord:
    """Everything that changes an embedding. Its digest keys the store and stands under the figures."""

    name: str
    kind: str
    architecture: str
    checkpoint: str
    revision: str
    weights_sha256: str
    quick_gelu: bool
    preprocessing: Preprocessing
    tokenizer_digest: str
    context_length: int
    dim: int
    dtype: str
    library: str

    @property
    def digest(self) -> str:
        """SHA-256 over all fields, as 64 hex digits."""
        return digest(self)


class Recorded:
    """What an encoder with a record says of itself; the names that stored vectors are found by."""

    record: EncoderRecord

    @property
    def name(self) -> str:
        """The name it was loaded by, or that of its folder."""
        return self.record.name

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of its weights."""
        return self.record.weights_sha256

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes a tensor."""
        return self.record.preprocessing

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return self.record.preprocessing.image_size

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return self.record.dim
