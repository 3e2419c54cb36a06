"""The frozen stem that Gram features are read from on Diorama: the first three layers of a small net of VGG's kind."""

from pathlib import Path

from torch import nn

from pinpoint.encoders import shipped_folder
from pinpoint.encoders.weights import load_into, read_weights
from pinpoint.files import read_json
from pinpoint.style_models import Stem

NAME = "diorama-stem"
CHANNELS = 32


def shallow() -> nn.Sequential:
    """VGG's plan up to ReLU2_1 with fewer channels: two layers at full size, a pooling, one at half size."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, CHANNELS, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def load_stem(folder: Path | None = None) -> Stem:
    """The stem as it is shipped, frozen, with a Gram path cut for pictures of 96 pixels: 36 cells, C = 64."""
    folder = folder or shipped_folder(NAME)
    network, path = shallow(), folder / "model.safetensors"
    sha256 = read_json(folder / "config.json")["weights_sha256"]
    load_into(network, {name: tensor.float() for name, tensor in read_weights(path, sha256).items()}, path)
    return Stem(network.eval().requires_grad_(False), CHANNELS, patch=8, grams=64, hidden=(128, 192))
