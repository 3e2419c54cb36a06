"""BLIP and BLIP-2 from disk: a name of the registry or a folder, whole or an error of one line, and the record.

A full-size checkpoint is read by transformers' own class in float32. No network, no pickle.
"""

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pinpoint.torchvision_shim  # noqa: F401  (before transformers' models are imported)
from pinpoint.encoders.hub import cached_checkpoint, check_blobs
from pinpoint.encoders.mllm_checkpoint import (
    config_digest,
    first_line,
    from_pretrained,
    quiet,
    refuse_gaps,
    refuse_nan,
)
from pinpoint.encoders.mllm_record import file_digests, joint_digest, weight_files
from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import BLIP_BY_NAME, BlipRow
from pinpoint.encoders.weights import read_metadata
from pinpoint.errors import PinpointError
from pinpoint.files import read_json

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")
OPENED_BY = {"blip": "load_blip", "blip-2": "load_qformer"}


@dataclass(frozen=True)
class Source:
    """Where a checkpoint lies, and what it is: `row` is that of the registry, `revision` its commit in the cache."""

    folder: Path
    name: str
    checkpoint: str
    revision: str = ""
    row: BlipRow | None = None

    @property
    def config(self) -> dict[str, Any]:
        """What `config.json` says."""
        found = read_json(self.folder / "config.json")
        if not isinstance(found, dict):
            raise PinpointError(f"{self.folder / 'config.json'} is not the config of a model; {self.fix}")
        return found

    @property
    def resize_mode(self) -> str:
        """What holds where the checkpoint does not say: BLIP's processor squashes."""
        return "squash" if self.row is None else self.row.resize_mode

    @property
    def fix(self) -> str:
        """How to get it whole."""
        return "save it there with save_pretrained" if self.row is None else f"run: pinpoint fetch {self.row.name}"


def find(name: Path | str, what: str) -> Source:
    """A name of the registry becomes its folder in the cache; a path stays what it is.

    Raises `PinpointError` where a name's weights are not on this machine, and for a folder that holds no config.
    """
    row = BLIP_BY_NAME.get(str(name))
    if row is not None:
        folder, revision = cached_checkpoint(row.name, row.repo, row.revision)
        source = Source(folder, row.name, row.repo, revision, row)
    else:
        source = Source(Path(name), Path(name).name, Path(name).name)
    if not (source.folder / "config.json").is_file():
        hint = "train it or save a checkpoint there" if row is None else source.fix
        raise PinpointError(f"{source.folder} holds no {what} (no config.json); {hint}")
    ours = "" if row is not None else source.config.get("name")  # of our own formats; a folder may hold a copy
    return replace(source, checkpoint=str(ours)) if ours else source


def absent(name: Path | str, needed: str) -> str:
    """For a page: the line that says what is missing where `find` would find nothing; "" where there is something."""
    if str(name) not in BLIP_BY_NAME:
        return "" if Path(name).is_dir() else absent_folder(Path(name), needed)
    try:
        find(name, "weights")
    except PinpointError as error:
        return f"Not run here: {error}."
    return ""


def absent_folder(path: Path, needed: str) -> str:
    """For a page: the line that says which folder is missing, and what it would hold."""
    return f"Not run here: there is no folder {str(path)!r}. It needs {needed}."


def read_checkpoint(source: Source, kind: Any, model_type: str) -> tuple[Any, str]:
    """A full-size model of transformers' class `kind`, every weight present and finite, and the weights' SHA-256."""
    config = source.config
    found = config.get("model_type") or config.get("format")
    if found != model_type:
        hint = f"; {OPENED_BY[found]} opens it" if found in OPENED_BY else ""
        raise PinpointError(f"{source.folder / 'config.json'} describes a {found}, expected a {model_type}{hint}")
    try:
        files = weight_files(source.folder)
    except PinpointError as error:
        raise PinpointError(f"{error}; {source.fix}") from None
    digests = file_digests(files)
    check_blobs(digests)
    for file in files:
        read_metadata(file)  # a file that is cut short is named
    model, info = from_pretrained(kind, source.folder, "float32")
    # what the class has no place for cannot change a number, and published files may carry more than we know of
    refuse_gaps(source.folder, {name: keys for name, keys in info.items() if name != "unexpected_keys"})
    refuse_nan(source.folder, model)
    refuse_other_sizes(source, model)
    return model, joint_digest(digests)


def refuse_other_sizes(source: Source, model: Any) -> None:
    """The registry's row says what the model gives and reads."""
    if source.row is None:
        return
    for what, found, expected in (
        ("dimensions", model.config.image_text_hidden_size, source.row.dim),
        ("pixels a side", model.config.vision_config.image_size, source.row.image_size),
    ):
        if found != expected:
            raise PinpointError(f"{source.name} has {found} {what}, the registry expects {expected}; {source.fix}")


def read_tokenizer(source: Source) -> Any:
    """The tokenizer beside the weights. Without its files transformers would make an empty one, so they are asked for.

    Raises `PinpointError` where they are missing or cannot be read.
    """
    from transformers import AutoTokenizer

    if not any((source.folder / file).is_file() for file in TOKENIZER_FILES):
        raise PinpointError(f"{source.folder} holds no tokenizer ({' or '.join(TOKENIZER_FILES)}); {source.fix}")
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PinpointError(f"{source.folder} holds no usable tokenizer ({first_line(error)}); {source.fix}") from None


def record_of(
    source: Source, kind: str, model: Any, sha256: str, preprocessing: Preprocessing, tokenizer: str, context: int
) -> EncoderRecord:
    """Everything that changes an embedding. tokenizer: its digest; context: the most tokens that a text keeps."""
    return EncoderRecord(
        name=source.name,
        kind=kind,
        architecture=f"transformers.{type(model).__name__}/{config_digest(model)[:12]}",
        checkpoint=source.checkpoint,
        revision=source.revision,
        weights_sha256=sha256,
        quick_gelu=model.config.vision_config.hidden_act == "quick_gelu",
        preprocessing=preprocessing,
        tokenizer_digest=tokenizer,
        context_length=context,
        dim=int(model.config.image_text_hidden_size),
        dtype="float32",
        library=f"transformers {version('transformers')}",
    )
