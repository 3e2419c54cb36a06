"""From images to the tensor a tower reads. PIL is touched only where an image must be resized."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

import pinpoint.torchvision_shim  # noqa: F401  (before torchvision is imported)
from pinpoint.encoders.record import TARGET_RATIO, Preprocessing
from pinpoint.errors import PinpointError

ImageLike = np.ndarray | Image.Image


def batches(images: Iterable[ImageLike] | np.ndarray, batch_size: int) -> Iterator[Sequence[ImageLike] | np.ndarray]:
    """Cut `images` into runs of at most `batch_size`; an (N, H, W, 3) array is sliced, never copied image by image."""
    if batch_size < 1:
        raise PinpointError(f"batch_size must be at least 1, got {batch_size}")
    if isinstance(images, np.ndarray):
        if images.ndim != 4:
            raise PinpointError(f"an array of images has shape (N, H, W, 3), got {images.shape}")
        yield from (images[start : start + batch_size] for start in range(0, len(images), batch_size))
        return
    source = iter(images)
    while batch := list(islice(source, batch_size)):
        yield batch


class Preprocessor:
    """Turns images into normalised float32 tensors (N, 3, S, S), as the `Preprocessing` of a model prescribes."""

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self.size, self.device = preprocessing.image_size, device
        self.pads, self.fill = preprocessing.resize_mode == "target_pad", preprocessing.fill_color
        self.mean, self.std = (
            torch.tensor(value, device=device).view(1, 3, 1, 1) for value in (preprocessing.mean, preprocessing.std)
        )
        self.resize: Any = image_transform_v2(
            PreprocessCfg(
                size=preprocessing.image_size,
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
                interpolation=preprocessing.interpolation,
                resize_mode="shortest" if self.pads else preprocessing.resize_mode,
                fill_color=preprocessing.fill_color,
            ),
            is_train=False,
        )

    def __call__(self, images: Sequence[ImageLike] | np.ndarray, first: int = 0) -> torch.Tensor:
        """(N, 3, S, S) float32 on the device. `first` is the position of `images[0]` in the caller's list."""
        if isinstance(images, np.ndarray) and images.shape[1:] == (self.size, self.size, 3):
            pixels = self._from_bytes(check_pixels(images, first))
        else:
            pixels = torch.stack([self._one(image, first + row) for row, image in enumerate(images)]).to(self.device)
        return (pixels - self.mean) / self.std

    def _from_bytes(self, pixels: np.ndarray) -> torch.Tensor:
        """(N, S, S, 3) bytes to (N, 3, S, S) floats in 0..1; the bytes travel to the device, not the floats."""
        tensor = torch.from_numpy(np.array(pixels)).to(self.device)
        return tensor.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / 255

    def _one(self, image: ImageLike, position: int) -> torch.Tensor:
        """One image of any size to (3, S, S) floats in 0..1."""
        if isinstance(image, np.ndarray):
            check_pixels(image, position)
            if image.shape == (self.size, self.size, 3):
                return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
            image = Image.fromarray(image)
        if not isinstance(image, Image.Image):
            raise PinpointError(f"image {position} is a {type(image).__name__}; give a uint8 array or a PIL image")
        whole = image.convert("RGB")
        resized: torch.Tensor = self.resize(target_padded(whole, TARGET_RATIO, self.fill) if self.pads else whole)
        return resized


def target_padded(image: Image.Image, ratio: float, fill: int = 0) -> Image.Image:
    """The image with bars of `fill` at its two long sides, so that it is at most `ratio` times as long as wide.

    The bars are whole pixels, rounded down, as in CLIP4Cir's `TargetPad`; below `ratio` nothing is added.
    """
    if max(image.size) / min(image.size) < ratio:
        return image
    wanted = max(image.size) / ratio
    across, down = (max(int((wanted - side) / 2), 0) for side in image.size)
    return ImageOps.expand(image, (across, down, across, down), (fill, fill, fill))


def resized_by(encoder: Any, resize_mode: str) -> Any:
    """The encoder under another resize policy, by name; its record says so. For a promptable embedder there is none."""
    if not hasattr(encoder.record, "preprocessing"):
        raise PinpointError(f"{encoder.name} resizes by its own processor; leave resize_mode out")
    preprocessing = encoder.record.preprocessing.resized_by(resize_mode)
    encoder.record = replace(encoder.record, preprocessing=preprocessing)
    encoder.preprocess = Preprocessor(preprocessing, encoder.device)
    return encoder


def check_pixels(pixels: np.ndarray, position: int) -> np.ndarray:
    """Refuse everything but uint8 RGB: floats in 0..1 would silently become black."""
    if pixels.dtype != np.uint8 or pixels.shape[-1:] != (3,) or pixels.ndim not in (3, 4):
        raise PinpointError(
            f"image {position} is {pixels.dtype} of shape {pixels.shape}; an image is uint8 of shape (H, W, 3), RGB"
        )
    return pixels
