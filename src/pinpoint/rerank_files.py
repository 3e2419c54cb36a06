"""Both trained stages of chapter 6 on disk: two weight files in half precision, and what they belong to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pinpoint.encoders.weights import load_into, read_weights, write_weights
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json, write_json
from pinpoint.rerank_data import Reader
from pinpoint.rerank_model import Filter, Reranker

FORMAT, NAME = "pinpoint-rerank/1", "diorama-rerank"


def write_rerank(
    out: Path, reader: Reader, stage1: Filter, reranker: Reranker, stated: Mapping[str, Any]
) -> dict[str, str]:
    """Write stage1.safetensors, stage2.safetensors and config.json; the digests of the two files.

    stated: how they were trained, as JSON values.
    """
    sha256 = {}
    for name, module in (("stage1", stage1), ("stage2", reranker)):
        path = out / f"{name}.safetensors"
        write_weights(path, {n: t.half() if t.is_floating_point() else t for n, t in module.state_dict().items()})
        sha256[name] = file_digest(path)
    config = {"format": FORMAT, "name": NAME, "blip_sha256": reader.weights_sha256, "weights_sha256": sha256}
    write_json(out / "config.json", {**config, "trained": dict(stated)})
    return sha256


def load_rerank(folder: Path | str, reader: Reader) -> tuple[Filter, Reranker]:
    """Stage 1 and stage 2, at rest, on the device of the BLIP that they were trained from."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise PinpointError(f"{folder} holds no re-ranker; make it with: pinpoint train {NAME}")
    config = read_json(folder / "config.json")
    if config.get("format") != FORMAT:
        raise PinpointError(f"{folder} holds {config.get('format')!r}, not {FORMAT!r}; make it anew")
    if config["blip_sha256"] != reader.weights_sha256:
        raise PinpointError(f"the re-ranker in {folder} is of another BLIP than {reader.name}; train it anew")
    stage1, reranker = Filter(reader.model), Reranker(reader.model)
    for name, module in (("stage1", stage1), ("stage2", reranker)):
        _load(module, folder / f"{name}.safetensors", config["weights_sha256"][name])
        module.to(reader.device).eval().requires_grad_(False)
    return stage1, reranker


def _load(module: nn.Module, path: Path, sha256: str) -> None:
    state = read_weights(path, sha256)
    load_into(module, {n: t.float() if t.is_floating_point() else t for n, t in state.items()}, path)
