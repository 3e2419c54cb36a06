"""Small steps between what a caller gives and what a multimodal language model reads."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

import numpy as np
import torch
from PIL import Image

from pinpoint.encoders.preprocess import ImageLike, check_pixels
from pinpoint.errors import PinpointError


def as_images(batch: Sequence[ImageLike] | np.ndarray, first: int) -> list[Image.Image]:
    """PIL images in RGB; what is no image is named by its position. Bytes are not copied twice."""
    images = []
    for position, image in enumerate(batch, start=first):
        if isinstance(image, np.ndarray):
            image = Image.fromarray(check_pixels(image, position))
        if not isinstance(image, Image.Image):
            raise PinpointError(f"image {position} is a {type(image).__name__}; give a uint8 array or a PIL image")
        images.append(image.convert("RGB"))
    return images


def same_size(images: Sequence[Image.Image]) -> list[list[int]]:
    """The positions of the images, grouped by their size: images of one size become equally many tokens."""
    groups: dict[tuple[int, int], list[int]] = {}
    for position, image in enumerate(images):
        groups.setdefault(image.size, []).append(position)
    return list(groups.values())


def one_size(images: Iterable[ImageLike] | np.ndarray) -> np.ndarray | list[ImageLike]:
    """The images, or an error that names the first whose size is not that of image 0."""
    if isinstance(images, np.ndarray):
        return images
    listed = list(images)
    sizes = [image.size if isinstance(image, Image.Image) else np.shape(image)[1::-1] for image in listed]
    for position, size in enumerate(sizes):
        if size != sizes[0]:
            raise PinpointError(f"image {position} is {size}, image 0 {sizes[0]}; relevance needs images of one size")
    return listed


def shared_start(endings: list[list[int]]) -> int:
    """How many tokens several lists begin with; at least one is left to each, to be read. A single one shares none."""
    if len(endings) == 1:
        return 0
    columns = zip(*(ending[:-1] for ending in endings), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def last_one(inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(N,) position of the last real token of each row, wherever the padding is."""
    mask = inputs["attention_mask"]
    return mask.shape[1] - 1 - mask.flip(1).argmax(1)
