"""The words that SEARLE's optimisation found for training pictures, as they are shipped."""

from pathlib import Path
from typing import Any

import torch

from pinpoint.encoders import shipped_folder
from pinpoint.encoders.weights import read_weights
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.image_bank import ImageBank

NAME = "diorama-oti"


def load_words(bank: ImageBank, encoder: Any, folder: Path | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The images v (N, D) of `bank` that have a word, and the words (N, width). Words of another CLIP are refused."""
    folder = folder or shipped_folder(NAME)
    config = read_json(folder / "config.json")
    if config["clip_sha256"] != encoder.record.weights_sha256:
        raise PinpointError(f"{folder} holds words of another CLIP; run `pinpoint train {NAME}` again")
    words = read_weights(folder / "model.safetensors", config["weights_sha256"])["words"].float()
    known = set(bank.ids)
    rows = [n for n, image in enumerate(config["images"]) if image in known]
    if not rows:
        raise PinpointError(f"{folder} has no word for any of these {len(bank)} images; take the bank of chapter 3")
    return bank.v[bank.rows([config["images"][n] for n in rows])], words[rows]
