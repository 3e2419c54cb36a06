"""Every model that has a name, as one table: what the package ships, and the public rows of the registry.

Whether a public model is on this machine is read from the Hugging Face cache, without a network; torch is not imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pinpoint.encoders.registry import (
    ADAPTER_WEIGHTS,
    BLIP_ROWS,
    MLLM_ROWS,
    ROWS,
    SHIPPED,
    WEIGHT_FILES,
    BlipRow,
    EncoderRow,
    MllmRow,
)
from pinpoint.encoders.shipped import Shipped, shipped

INDEXED = ("model.safetensors", "model.safetensors.index.json")  # whole, or in shards


@dataclass(frozen=True)
class Model:
    """One line. `revision`: a commit, None for the one that was fetched, of shipped weights their SHA-256.

    `image_size` is in pixels; None with `resize_mode` "native" means pictures in their own size, of at most
    `max_pixels`. `memory_mb`: the weights in float32. `here`: "shipped", "fetched", or the command that gets it.
    """

    name: str
    kind: str
    checkpoint: str
    revision: str | None
    image_size: int | None
    resize_mode: str | None
    max_pixels: int | None
    dim: int | None
    licence: str
    memory_mb: int | None
    here: str
    what: str = ""


def models() -> list[Model]:
    """All lines: the shipped first, then open_clip's, BLIP, promptable embedders."""
    ours = shipped()
    absent = [name for name in SHIPPED if name not in {model.name for model in ours}]
    return [
        *(of_shipped(model) for model in ours),
        *(Model(name, "", "", None, None, None, None, None, "MIT", None, f"pinpoint train {name}") for name in absent),
        *(of_open_clip(row) for row in ROWS),
        *(of_blip(row) for row in BLIP_ROWS),
        *(of_mllm(row) for row in MLLM_ROWS),
    ]


def of_shipped(model: Shipped) -> Model:
    """A folder of weights in the package."""
    return Model(
        model.name, model.kind, f"weights/{model.name}", model.weights_sha256, model.image_size, model.resize_mode,
        None, model.dim, model.licence, model.memory_mb, "shipped", model.what,
    )  # fmt: skip


def of_open_clip(row: EncoderRow) -> Model:
    """A pretrained tag of open_clip, which names no commit."""
    return Model(
        row.name, row.kind, row.source, None, row.image_size, row.resize_mode, None, row.dim, row.licence,
        row.memory_mb, here(row.name, cached(row.repo, None, WEIGHT_FILES)),
    )  # fmt: skip


def of_blip(row: BlipRow) -> Model:
    """A BLIP or BLIP-2."""
    return Model(
        row.name, row.kind, row.source, row.revision, row.image_size, row.resize_mode, None, row.dim, row.licence,
        row.memory_mb, here(row.name, cached(row.repo, row.revision, INDEXED)),
    )  # fmt: skip


def of_mllm(row: MllmRow) -> Model:
    """A promptable embedder; an adapter needs its base too."""
    fetched = cached(row.repo, row.revision, INDEXED if row.base is None else (ADAPTER_WEIGHTS,))
    fetched &= row.base is None or cached(*row.base, INDEXED)
    return Model(
        row.name, row.kind, row.source, row.revision, row.format.image_size, "native", row.format.max_pixels, row.dim,
        row.licence, row.memory_mb, here(row.name, fetched),
    )  # fmt: skip


def here(name: str, fetched: bool) -> str:
    """Whether it is on this machine, or how to get it."""
    return "fetched" if fetched else f"pinpoint fetch {name}"


def cached(repo: str, revision: str | None, files: Iterable[str]) -> bool:
    """Whether one of some files of a repository is in the Hugging Face cache, at a commit or as last fetched."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(repo, file, revision=revision), str) for file in files)
