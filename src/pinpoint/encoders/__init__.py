"""Encoders: one door, `load(name)`, for the models of this study, every model of open_clip and promptable embedders."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from pinpoint.encoders.mllm_record import CARD, MllmRecord, PromptFormat
from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import BY_NAME, MLLM_BY_NAME, SHIPPED
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import read_json

if TYPE_CHECKING:
    from pinpoint.encoders.mllm import MllmEncoder
    from pinpoint.encoders.open_clip_door import OpenClipEncoder

__all__ = ["EncoderRecord", "MllmRecord", "Preprocessing", "PromptFormat", "known", "load", "shipped_folder"]


def shipped_folder(name: str) -> Path:
    """Where the package keeps the weights of a model of its own."""
    return Path(__file__).parents[1] / "weights" / name


def known() -> list[str]:
    """The short names `load` knows, the shipped models first."""
    return [*SHIPPED, *sorted(BY_NAME), *sorted(MLLM_BY_NAME)]


@overload
def load(name: Literal["diorama-clip"], device: str = "auto", dtype: str = "float32") -> "OpenClipEncoder": ...
@overload
def load(name: Literal["diorama-mllm"], device: str = "auto", dtype: str = "float32") -> "MllmEncoder": ...
@overload
def load(name: str, device: str = "auto", dtype: str = "float32") -> Any: ...
def load(name: str, device: str = "auto", dtype: str = "float32") -> Any:
    """Load an encoder by name. Nothing is downloaded.

    `name` is a short name of `known()`, `open_clip/ARCHITECTURE/TAG`, `open_clip/ARCHITECTURE/PATH.safetensors`, or the
    path of a folder: one that `pinpoint train` wrote, or any transformers checkpoint with a `pinpoint.json`, which
    makes it a promptable embedder. `dtype` is "float32" or "bfloat16" (part of the record). The result is an
    `OpenClipEncoder` or, for a promptable embedder, an `MllmEncoder`; which one, its `record.kind` says.
    Raises `PinpointError` for an unknown name, weights that are absent or damaged, and a QuickGELU mismatch.
    """
    if name in MLLM_BY_NAME:
        from pinpoint.encoders.mllm_sources import from_mllm_row

        return from_mllm_row(MLLM_BY_NAME[name], device, dtype)
    if name not in SHIPPED and name not in BY_NAME and not name.startswith("open_clip/") and not Path(name).is_dir():
        if "/" in name:
            raise PinpointError(f"no encoder folder {name}; a public model is spelled open_clip/ARCHITECTURE/TAG")
        raise unknown("encoder", name, [*known(), "open_clip/ARCHITECTURE/TAG"])
    source = BY_NAME[name].source if name in BY_NAME else name
    if source.startswith("open_clip/"):
        from pinpoint.encoders.sources import from_open_clip

        architecture, _, checkpoint = source.removeprefix("open_clip/").partition("/")
        if not checkpoint:
            raise PinpointError(f"{name} names no checkpoint; write open_clip/{architecture}/TAG or …/PATH.safetensors")
        return from_open_clip(architecture, checkpoint, device, dtype)
    return load_folder(name, device, dtype)


def load_folder(name: str, device: str, dtype: str) -> "OpenClipEncoder | MllmEncoder":
    """Load a shipped model or a folder; what lies in it says of which kind it is."""
    folder = shipped_folder(name) if name in SHIPPED else Path(name)
    shown = name if name in SHIPPED else folder.name
    if not (folder / "config.json").is_file():
        hint = f"make it with: pinpoint train {name}" if name in SHIPPED else "give a folder pinpoint train wrote"
        raise PinpointError(f"{folder} holds no config.json; {hint}")
    if (folder / CARD).is_file() or "model_type" in read_json(folder / "config.json"):  # transformers' own key
        from pinpoint.encoders.mllm_sources import from_mllm_folder

        return from_mllm_folder(folder, shown, device, dtype)
    from pinpoint.encoders.sources import from_folder

    return from_folder(folder, shown, device, dtype)
