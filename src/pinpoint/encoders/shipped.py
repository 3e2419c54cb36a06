"""The folders of weights that the package ships: of which kind each is, and what its config and its card say of it.

Nothing here imports torch: a list of models is printed at once.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint.encoders.mllm_record import CARD
from pinpoint.errors import PinpointError
from pinpoint.files import digest, read_json

KINDS = {"clip": "clip", "blip": "blip", "qformer": "blip-2"}  # by the name in pinpoint-NAME/1


@dataclass(frozen=True)
class Shipped:
    """One folder of weights. `image_size` and `dim` are None for what is no encoder; `memory_mb` counts float32."""

    name: str
    kind: str
    what: str
    licence: str
    weights_sha256: str
    dim: int | None
    image_size: int | None
    resize_mode: str | None
    memory_mb: int


def shipped_folder(name: str) -> Path:
    """Where the package keeps the weights of a model of its own."""
    return Path(__file__).parents[1] / "weights" / name


def kind_of_folder(folder: Path) -> str:
    """The kind of model in a folder, as the registry names it; of a format of ours that is no encoder, its name."""
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise PinpointError(f"{folder / 'config.json'} is not the config of a model; fetch or train it again")
    if (folder / CARD).is_file():
        return "mllm"
    if "model_type" in config:  # transformers' own key
        return str(config["model_type"]) if config["model_type"] in ("blip", "blip-2") else "mllm"
    name = str(config.get("format")).removeprefix("pinpoint-").partition("/")[0]
    return KINDS.get(name, name)


def shipped() -> list[Shipped]:
    """Every folder of weights in the package, by name."""
    return [describe(config.parent) for config in sorted(shipped_folder("").glob("*/config.json"))]


def describe(folder: Path) -> Shipped:
    """What the card, the config and the weights of one folder say."""
    config, kind = read_json(folder / "config.json"), kind_of_folder(folder)
    card = (folder / "card.md").read_text("utf-8") if (folder / "card.md").is_file() else ""
    described = read_json(folder / CARD) if (folder / CARD).is_file() else config
    sha256 = described.get("weights_sha256", "")
    dim, image_size, resize_mode = shape_of(kind, config, described)
    memory = sum(float32_bytes(file) for file in folder.glob("*.safetensors"))
    return Shipped(
        name=folder.name,
        kind=kind,
        what=(entry(card, "what") or entry(card, "model").partition(",")[0]).replace("`", ""),
        licence=entry(card, "licence").partition(".")[0],
        weights_sha256=sha256 if isinstance(sha256, str) else digest(sha256),
        dim=dim,
        image_size=image_size,
        resize_mode=resize_mode,
        memory_mb=math.ceil(memory / 1e6),
    )


def shape_of(kind: str, config: dict[str, Any], card: dict[str, Any]) -> tuple[int | None, int | None, str | None]:
    """Dimension, side of the image in pixels, resize policy."""
    if kind == "clip":
        preprocessing = config["preprocess_cfg"]
        return config["model_cfg"]["embed_dim"], preprocessing["size"], preprocessing["resize_mode"]
    if kind in ("blip", "blip-2"):
        return config["sizes"]["image_text_hidden_size"], config["sizes"]["vision_config"]["image_size"], "shortest"
    if kind == "mllm":
        return config["text_config"]["hidden_size"], card.get("image_size"), "native"
    return None, None, None


def entry(card: str, name: str) -> str:
    """The right cell of a card's row."""
    found = re.search(rf"^\| {name} \| (.*) \|$", card, re.MULTILINE)
    return found[1] if found else ""


def float32_bytes(weights: Path) -> int:
    """What the tensors of a safetensors file take in float32, from its header alone."""
    with open(weights, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(4 * math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
