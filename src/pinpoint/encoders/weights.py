"""Reading weight files: safetensors only, whole, finite and the right shape, or one line that says what is wrong."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path, file_digest


def read_weights(path: Path, sha256: str | None = None) -> dict[str, torch.Tensor]:
    """Read a safetensors file into CPU tensors.

    Raises `PinpointError` when the file is missing, is another format (a pickle can run code), is cut short, holds
    NaN or infinity, or differs from the recorded `sha256`.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise PinpointError(f"{path} is not a .safetensors file; no other format is read (a pickle can run code)")
    if not path.is_file():
        raise PinpointError(f"{path} is missing")
    if sha256 is not None and (found := file_digest(path)) != sha256:
        raise PinpointError(
            f"{path} is damaged or was replaced: its SHA-256 is {found[:12]}…, the config records {sha256[:12]}…; "
            "fetch or train it again"
        )
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise PinpointError(f"{path} is damaged ({error}); fetch or train it again") from None
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise PinpointError(f"{path} holds NaN or infinity in {name!r}; fetch or train it again")
    return state


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file (text to text, often empty)."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise PinpointError(f"{path} is damaged ({error}); fetch or train it again") from None


def write_weights(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, object] | None = None) -> None:
    """Write tensors as safetensors, atomically. Values of `metadata` are stored as JSON text."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (metadata or {}).items()}
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    with atomic_path(path) as temporary:
        save_file(whole, temporary, metadata=texts)


def load_into(model: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load `state` into `model`, strictly; name the first key or shape that does not fit."""
    expected = model.state_dict()
    for verb, names in (("lacks", expected.keys() - state.keys()), ("has unexpected", state.keys() - expected.keys())):
        if names:
            first = ", ".join(sorted(names)[:3])
            raise PinpointError(f"{path} {verb} {len(names)} tensor(s): {first}; it belongs to another architecture")
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            raise PinpointError(
                f"{path}: {name} has shape {tuple(state[name].shape)}, the architecture needs {tuple(tensor.shape)}"
            )
    model.load_state_dict(dict(state), strict=True)
