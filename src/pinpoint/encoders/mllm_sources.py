"""Where a promptable embedder comes from: a folder with `pinpoint.json`, or a row of the registry in the cache.

Both are plain transformers checkpoints and are loaded by transformers' own classes, with the format of their inputs as
data. sentence-transformers 6 can load some of them too, by a chat template and modules that each repository brings; it
takes the prompt and the image through one opaque call, which leaves no place to share the image between prompts and
changes with the repository's files. So there is one way in, here.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from pinpoint.encoders.common import check_dtype
from pinpoint.encoders.hub import cached_checkpoint, check_blobs, tokenizer_digest
from pinpoint.encoders.mllm import MllmEncoder
from pinpoint.encoders.mllm_checkpoint import (
    ADAPTER_CONFIG,
    config_digest,
    merge_adapter,
    read_model,
    read_processor,
)
from pinpoint.encoders.mllm_record import (
    CARD,
    MllmRecord,
    PromptFormat,
    file_digests,
    joint_digest,
    read_card,
    weight_files,
)
from pinpoint.encoders.registry import ADAPTER_WEIGHTS, MllmRow
from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest, read_json


def from_mllm_folder(folder: Path, name: str, device: str, dtype: str) -> MllmEncoder:
    """Load a checkpoint folder with `pinpoint.json`, a model of this study or anybody's."""
    check_dtype(dtype)
    card = read_card(folder)
    if (folder / ADAPTER_CONFIG).is_file():
        raise PinpointError(f"{folder} holds a LoRA adapter; merge it into its base model and save that")
    sha256 = joint_digest(file_digests(weight_files(folder)))
    if sha256 != card.weights_sha256:
        raise PinpointError(
            f"the weights in {folder} are damaged or were replaced: their SHA-256 is {sha256[:12]}…, {CARD} records "
            f"{card.weights_sha256[:12]}…; fetch or train the model again"
        )
    tokenizer = folder / "tokenizer.json"
    if card.tokenizer_sha256 is not None:
        if not tokenizer.is_file():
            raise PinpointError(f"{tokenizer} is missing; it belongs beside the weights")
        if file_digest(tokenizer) != card.tokenizer_sha256:
            raise PinpointError(f"{tokenizer} is damaged or was replaced: its SHA-256 is not the one {CARD} records")
    processor = read_processor(folder, card.format)
    model = read_model(folder, dtype)
    described = {"name": name, "checkpoint": card.name, "revision": card.revision, "weights_sha256": sha256}
    return build(model, processor, card.format, folder / CARD, described, device, dtype)


def from_mllm_row(row: MllmRow, device: str, dtype: str) -> MllmEncoder:
    """Load a public promptable embedder from the cache, at its pinned commit."""
    check_dtype(dtype)
    folder, revision = cached_checkpoint(row.name, row.repo, row.revision)
    if row.base is None:
        base, files = folder, weight_files(folder)
    else:
        base, commit = cached_checkpoint(row.name, *row.base)
        files, revision = [*weight_files(base), folder / ADAPTER_WEIGHTS], f"{revision} on {row.base[0]}@{commit}"
        if not files[-1].is_file():
            raise PinpointError(f"{row.name}: {row.repo} holds no {ADAPTER_WEIGHTS} at commit {folder.name}")
    digests = file_digests(files)
    check_blobs(digests)
    found = read_json(base / "config.json").get("model_type")
    if found != row.model_type:
        raise PinpointError(f"{row.name}: {base / 'config.json'} describes a {found}, expected a {row.model_type}")
    processor = read_processor(base, row.format)
    model = read_model(base, dtype)
    if row.base is not None:
        merge_adapter(model, folder)
    described = {
        "name": row.name,
        "checkpoint": row.repo,
        "revision": revision,
        "weights_sha256": joint_digest(digests),
    }
    encoder = build(model, processor, row.format, row.name, described, device, dtype)
    if encoder.dim != row.dim:
        raise PinpointError(f"{row.name} has {encoder.dim} dimensions, the registry expects {row.dim}; fetch it again")
    return encoder


def build(
    model: Any, processor: Any, form: PromptFormat, source: Path | str, described: dict[str, str], device: str,
    dtype: str,
) -> MllmEncoder:  # fmt: skip
    """The encoder and its record from the parts; `described` holds the fields that say where the parts are from."""
    form.check(source, processor.image_token)
    if model.config.image_token_id != processor.image_token_id:
        raise PinpointError(f"{source}: the tokenizer's {processor.image_token} is not the model's image token")
    record = MllmRecord(
        **described,
        kind="mllm",
        architecture=f"transformers.{type(model).__name__}/{config_digest(model)[:12]}",
        format=form,
        processor_digest=digest(processor.image_processor.to_json_string()),
        tokenizer_digest=tokenizer_digest(processor),
        pooling="last",
        dim=int(model.config.get_text_config().hidden_size),
        dtype=dtype,
        library=f"transformers {version('transformers')}",
    )
    return MllmEncoder(model, processor, record, device)
