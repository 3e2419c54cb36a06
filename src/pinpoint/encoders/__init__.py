"""Encoders: one door, `load(name)`, for the models of this study and for every model of open_clip."""

from pathlib import Path
from typing import TYPE_CHECKING

from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import BY_NAME, SHIPPED
from pinpoint.errors import PinpointError, unknown

if TYPE_CHECKING:
    from pinpoint.encoders.open_clip_door import OpenClipEncoder

__all__ = ["EncoderRecord", "Preprocessing", "known", "load", "shipped_folder"]


def shipped_folder(name: str) -> Path:
    """Where the package keeps the weights of a model of its own."""
    return Path(__file__).parents[1] / "weights" / name


def known() -> list[str]:
    """The short names `load` knows, the shipped models first."""
    return [*SHIPPED, *sorted(BY_NAME)]


def load(name: str, device: str = "auto", dtype: str = "float32") -> "OpenClipEncoder":
    """Load an encoder by name. Nothing is downloaded.

    `name` is a short name of `known()`, `open_clip/ARCHITECTURE/TAG`, `open_clip/ARCHITECTURE/PATH.safetensors`, or the
    path of a folder that `pinpoint train` wrote. `dtype` is "float32" or "bfloat16" (autocast; part of the record).
    Raises `PinpointError` for an unknown name, weights that are absent or damaged, and a QuickGELU mismatch.
    """
    if name not in SHIPPED and name not in BY_NAME and not name.startswith("open_clip/") and not Path(name).is_dir():
        if "/" in name:
            raise PinpointError(f"no encoder folder {name}; a public model is spelled open_clip/ARCHITECTURE/TAG")
        raise unknown("encoder", name, [*known(), "open_clip/ARCHITECTURE/TAG"])
    from pinpoint.encoders.sources import from_folder, from_open_clip

    source = BY_NAME[name].source if name in BY_NAME else name
    if source.startswith("open_clip/"):
        architecture, _, checkpoint = source.removeprefix("open_clip/").partition("/")
        if not checkpoint:
            raise PinpointError(f"{name} names no checkpoint; write open_clip/{architecture}/TAG or …/PATH.safetensors")
        return from_open_clip(architecture, checkpoint, device, dtype)
    folder = shipped_folder(name) if name in SHIPPED else Path(name)
    if not (folder / "config.json").is_file():
        hint = f"make it with: pinpoint train {name}" if name in SHIPPED else "give a folder pinpoint train wrote"
        raise PinpointError(f"{folder} holds no config.json; {hint}")
    return from_folder(folder, name if name in SHIPPED else folder.name, device, dtype)
