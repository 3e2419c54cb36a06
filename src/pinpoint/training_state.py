"""What a training run is (its plan), what it leaves (its history), and its state on disk between the two."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pinpoint.encoders.weights import read_metadata, read_weights, write_weights
from pinpoint.errors import PinpointError
from pinpoint.files import canonical_json

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Plan:
    """Every number of a training run. Learning rate: linear warm-up, then a cosine to zero at `steps`."""

    steps: int
    lr: float
    warmup: int = 0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0
    precision: str = "auto"  # or float32, or bfloat16
    seed: int = 0
    save_every: int = 500
    evaluate_every: int = 500
    identity: str = ""  # a digest of model and data: a checkpoint is taken up only by the run that wrote it

    def lr_at(self, step: int) -> float:
        """Learning rate of update `step` (from 0)."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * 0.5 * (1.0 + math.cos(math.pi * done))


@dataclass
class History:
    """What a run leaves besides the weights: its losses, the development curve, and where it ran."""

    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    device: str = ""

    @property
    def step(self) -> int:
        """Number of updates done."""
        return len(self.losses)


def save(path: Path, module: nn.Module, optimizer: Any, plan: Plan, history: History) -> None:
    """Write weights, optimizer, random state and history as one safetensors file, whole or not at all."""
    tensors = {f"model/{name}": tensor for name, tensor in module.state_dict().items()}
    for row, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{row}/{name}": torch.as_tensor(value) for name, value in slots.items()}
    tensors["rng/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng/cuda"] = torch.cuda.get_rng_state()
    write_weights(path, tensors, {"plan": canonical_json(plan), "history": json.dumps(asdict(history))})


def restore(path: Path, module: nn.Module, optimizer: Any, plan: Plan) -> History:
    """Put back what `save` wrote."""
    metadata, tensors = read_metadata(path), read_weights(path)
    if metadata.get("plan") != canonical_json(plan):
        raise PinpointError(f"{path} belongs to a run with other numbers; delete it, or train with resume=False")
    weights = {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")}
    module.load_state_dict(weights, strict=True)
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, row, slot = name.split("/")
            slots.setdefault(int(row), {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["rng/cpu"])
    if torch.cuda.is_available() and "rng/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng/cuda"])
    return History(**json.loads(metadata["history"]))
