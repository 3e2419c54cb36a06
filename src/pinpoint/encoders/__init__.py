"""Encoders: one door, `load(name)`, for the models of this study, every model of open_clip, BLIP and promptable
embedders."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from pinpoint.encoders.mllm_record import MllmRecord, PromptFormat
from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import BLIP_BY_NAME, BY_NAME, MLLM_BY_NAME, SHIPPED
from pinpoint.encoders.shipped import kind_of_folder, shipped_folder
from pinpoint.errors import PinpointError, unknown

if TYPE_CHECKING:
    from pinpoint.encoders.blip import BlipEncoder
    from pinpoint.encoders.mllm import MllmEncoder
    from pinpoint.encoders.open_clip_door import OpenClipEncoder

__all__ = ["EncoderRecord", "MllmRecord", "Preprocessing", "PromptFormat", "known", "load", "shipped_folder"]


def known() -> list[str]:
    """The short names `load` knows, the shipped models first."""
    duals = (name for name, row in BLIP_BY_NAME.items() if row.kind == "blip")
    return [*SHIPPED, *sorted(BY_NAME), *sorted(duals), *sorted(MLLM_BY_NAME)]


@overload
def load(
    name: Literal["diorama-clip"], device: str = "auto", dtype: str = "float32", resize_mode: str | None = None
) -> "OpenClipEncoder": ...
@overload
def load(
    name: Literal["diorama-mllm"], device: str = "auto", dtype: str = "float32", resize_mode: str | None = None
) -> "MllmEncoder": ...
@overload
def load(name: str, device: str = "auto", dtype: str = "float32", resize_mode: str | None = None) -> Any: ...
def load(name: str, device: str = "auto", dtype: str = "float32", resize_mode: str | None = None) -> Any:
    """Load an encoder by name. Nothing is downloaded.

    `name` is a short name of `known()`, `open_clip/ARCHITECTURE/TAG`, `open_clip/ARCHITECTURE/PATH.safetensors`, or the
    path of a folder: one that `pinpoint train` wrote, a BLIP for retrieval as transformers saves it, or any
    transformers checkpoint with a `pinpoint.json`, which makes it a promptable embedder. `dtype` is "float32" or
    "bfloat16" (part of the record). `resize_mode` puts another policy in the place of the checkpoint's own, by a name
    of `Preprocessing`. The result is an `OpenClipEncoder`, a `BlipEncoder` or, for a promptable embedder, an
    `MllmEncoder`; which one, its `record.kind` says.
    Raises `PinpointError` for an unknown name, weights that are absent or damaged, a QuickGELU mismatch, and for a
    Q-Former, which gives an image several vectors.
    """
    encoder = _load(name, device, dtype)
    if resize_mode is None:
        return encoder
    from pinpoint.encoders.preprocess import resized_by

    return resized_by(encoder, resize_mode)


def _load(name: str, device: str, dtype: str) -> Any:
    if name in MLLM_BY_NAME:
        from pinpoint.encoders.mllm_sources import from_mllm_row

        return from_mllm_row(MLLM_BY_NAME[name], device, dtype)
    if name in BLIP_BY_NAME:
        return load_blip_as_dual(name, BLIP_BY_NAME[name].kind, name, device, dtype)
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


def load_folder(name: str, device: str, dtype: str) -> "OpenClipEncoder | BlipEncoder | MllmEncoder":
    """Load a shipped model or a folder; what lies in it says of which kind it is."""
    folder = shipped_folder(name) if name in SHIPPED else Path(name)
    shown = name if name in SHIPPED else folder.name
    if not (folder / "config.json").is_file():
        hint = f"make it with: pinpoint train {name}" if name in SHIPPED else "give a folder pinpoint train wrote"
        raise PinpointError(f"{folder} holds no config.json; {hint}")
    kind = kind_of_folder(folder)
    if kind in ("blip", "blip-2"):
        return load_blip_as_dual(name, kind, folder, device, dtype)
    if kind == "mllm":
        from pinpoint.encoders.mllm_sources import from_mllm_folder

        return from_mllm_folder(folder, shown, device, dtype)
    from pinpoint.encoders.sources import from_folder

    return from_folder(folder, shown, device, dtype)


def load_blip_as_dual(name: str, kind: str, where: Path | str, device: str, dtype: str) -> "BlipEncoder":
    """A BLIP, whose towers give one vector each. A Q-Former is refused, with the doors that take it."""
    from pinpoint.encoders.blip import load_blip
    from pinpoint.encoders.common import check_dtype

    if kind == "blip-2":
        raise PinpointError(
            f"{name} is a Q-Former and gives an image several vectors; use pinpoint search --method qformer --encoder "
            f"{name}, or pinpoint.encoders.qformer.load_qformer"
        )
    check_dtype(dtype)
    if dtype != "float32":
        raise PinpointError(f"{name} is computed in float32; leave dtype out")
    return load_blip(where, device)
