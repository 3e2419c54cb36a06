"""Preprocessing that travels with the weights: transformers' `preprocessor_config.json` in our terms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinpoint.encoders.record import Preprocessing
from pinpoint.errors import PinpointError
from pinpoint.files import read_json

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
FILE, WITH_TOKENIZER = "preprocessor_config.json", "processor_config.json"
INTERPOLATIONS = {2: "bilinear", 3: "bicubic"}  # by PIL's number


def read_preprocessing(folder: Path, image_size: int, resize_mode: str) -> Preprocessing:
    """What a checkpoint folder says of its images; where it says nothing, CLIP's mean and std, and `resize_mode`.

    `image_size` is the side in pixels that the model reads. Raises `PinpointError` that names the file for what gives
    no square of that side, and for what cannot be said in a `Preprocessing`.
    """
    if (folder / FILE).is_file():
        return parse(read_json(folder / FILE), folder / FILE, image_size)
    together = read_json(folder / WITH_TOKENIZER) if (folder / WITH_TOKENIZER).is_file() else {}
    if isinstance(together, dict) and "image_processor" in together:  # as transformers 5 saves a whole processor
        return parse(together["image_processor"], folder / WITH_TOKENIZER, image_size)
    return Preprocessing(image_size, CLIP_MEAN, CLIP_STD, resize_mode=resize_mode)


def parse(config: Any, path: Path, image_size: int) -> Preprocessing:
    """The preprocessing in an image processor's config that was read from `path`."""
    if not isinstance(config, Mapping):
        raise PinpointError(f"{path} is not the config of an image processor; fetch it again")
    side, mode = resizing(config, path)
    if side != image_size:
        raise PinpointError(f"{path} makes images of {side} pixels, the model reads {image_size}; fetch it again")
    factor = config.get("rescale_factor", 1 / 255)
    if not config.get("do_resize", True) or not config.get("do_rescale", True) or abs(255 * factor - 1) > 1e-6:
        raise PinpointError(f"{path} does not resize images and scale them to 0..1, as every encoder here does")
    if (resample := config.get("resample", 3)) not in INTERPOLATIONS:
        raise PinpointError(f"{path}: resample {resample!r} is not supported; known: 2 (bilinear), 3 (bicubic)")
    normal = config.get("do_normalize", True)
    stated = {
        "mean": config.get("image_mean", CLIP_MEAN) if normal else (0, 0, 0),
        "std": config.get("image_std", CLIP_STD) if normal else (1, 1, 1),
        "interpolation": INTERPOLATIONS[resample],
        "resize_mode": mode,
    }
    return Preprocessing.from_config(stated, side)


def resizing(config: Mapping[str, Any], path: Path) -> tuple[int, str]:
    """The side in pixels and the resize policy: two sides squash, a shortest edge leaves the rest to a centre crop."""
    size, crops = config.get("size"), bool(config.get("do_center_crop"))
    if isinstance(size, int):  # of older files
        size = {"shortest_edge": size} if crops else {"height": size, "width": size}
    if isinstance(size, Mapping) and "shortest_edge" in size:
        side = int(size["shortest_edge"])
        if not crops or square(config.get("crop_size"), path) != side:
            raise PinpointError(f"{path}: a shortest edge of {side} pixels needs a centre crop of the same size")
        return side, "shortest"
    side = square(size, path)
    if crops and square(config.get("crop_size"), path) != side:
        raise PinpointError(f"{path}: crop_size is not the size of {side} pixels")
    return side, "squash"


def square(size: Any, path: Path) -> int:
    """The side of a size that is a number, or as high as wide."""
    height, width = (size.get("height"), size.get("width")) if isinstance(size, Mapping) else (size, size)
    if not isinstance(height, int) or height != width:
        raise PinpointError(f"{path}: a size of {size} is not that of a square; choose a square model")
    return height
