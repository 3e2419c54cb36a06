"""The trained heads of chapter 4's rivals, as they are shipped."""

from pathlib import Path
from typing import Any

from torch import nn

from pinpoint.encoders import shipped_folder
from pinpoint.encoders.weights import read_weights
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import read_json
from pinpoint.style_models import Backbone, Prompting, build, restored

NAME = "diorama-styles"
RIVALS = ("norms", "pixel_prompt", "vpt_shallow", "vpt_deep")


def load_head(method: str, backbone: Backbone, encoder: Any, folder: Path | None = None) -> nn.Module:
    """One rival over its own copy of the tower. Heads that were trained before another tower are refused."""
    if method not in RIVALS:
        raise unknown("shipped head", method, RIVALS)
    folder = folder or shipped_folder(NAME)
    config, path = read_json(folder / "config.json"), folder / "model.safetensors"
    if config["clip_sha256"] != encoder.record.weights_sha256:
        raise PinpointError(f"{folder} holds heads of another CLIP; run `pinpoint train {NAME}` again")
    state = {
        name.removeprefix(f"{method}/"): tensor
        for name, tensor in read_weights(path, config["weights_sha256"]).items() if name.startswith(f"{method}/")
    }  # fmt: skip
    return restored(build(method, backbone, Prompting()), state, str(path))
