"""What a promptable embedder is: its templates and pixel limits, and the record of all that changes a number.

A multimodal language model becomes an embedder by a format: where the image and the prompt stand in its input, and
which token is read. VLM2Vec, GME and Qwen3-VL-Embedding share the reading (the last token's final hidden state) and
differ in the format, so here the format is data. A folder carries it as `pinpoint.json` beside the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest, read_json, write_json

CARD = "pinpoint.json"
CARD_FORMAT = 1
PADDING_SIDES = ("left", "right")


@dataclass(frozen=True)
class PromptFormat:
    """How an image with a prompt, and a text, become the tokens of a model.

    `image_template` holds the model's image token once and `{prompt}` once; `text_template` holds `{text}` once.
    `generic_prompt` is the prompt of a general-purpose embedding. `min_pixels` and `max_pixels` bound the area (height
    times width) that an image is resized to; None leaves the processor's own bound. `image_size` is the side in pixels
    of the square images that the model was made for, None if any size will do. `padding_side` is where a batch of
    unequal lengths is padded; the embedding does not depend on it (tested).
    """

    image_template: str
    text_template: str
    generic_prompt: str
    min_pixels: int | None = None
    max_pixels: int | None = None
    image_size: int | None = None
    padding_side: str = "right"

    def check(self, source: Path | str, image_token: str) -> None:
        """Refuse templates that the model cannot fill, naming `source`."""
        wanted = (("image_template", image_token), ("image_template", "{prompt}"), ("text_template", "{text}"))
        for field, part in wanted:
            if (count := getattr(self, field).count(part)) != 1:
                raise PinpointError(f"{source}: {field} holds {part!r} {count} times; it must hold it once")
        if self.padding_side not in PADDING_SIDES:
            raise PinpointError(f"{source}: padding_side is {self.padding_side!r}; choose left or right")

    def image_text(self, prompt: str) -> str:
        """The whole input for an image under `prompt`."""
        return self.image_template.replace("{prompt}", prompt)

    def text(self, text: str) -> str:
        """The whole input for a text."""
        return self.text_template.replace("{text}", text)


@dataclass(frozen=True)
class MllmRecord:
    """Everything that changes an embedding, except the prompt, which is an argument. Its digest keys the store."""

    name: str
    kind: str
    architecture: str
    checkpoint: str
    revision: str
    weights_sha256: str
    format: PromptFormat
    processor_digest: str
    tokenizer_digest: str
    pooling: str
    dim: int
    dtype: str
    library: str

    @property
    def digest(self) -> str:
        """SHA-256 over all fields, as 64 hex digits."""
        return digest(self)


@dataclass(frozen=True)
class Card:
    """The content of `pinpoint.json`."""

    name: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str | None
    format: PromptFormat


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint folder, whole: all shards that its index names."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        files = [folder / name for name in sorted(set(read_json(index)["weight_map"].values()))]
    else:
        files = [folder / "model.safetensors"]
    if missing := [file for file in files if not file.is_file()]:
        others = sorted(path.name for path in folder.glob("*") if path.suffix in (".bin", ".pt", ".pth", ".ckpt"))
        hint = f"; {others[0]} is not read (a pickle can run code)" if others else ""
        raise PinpointError(f"{missing[0]} is missing{hint}")
    return files


def joint_digest(digests: Mapping[Path, str]) -> str:
    """One hash for the weights: the SHA-256 of a single file, or that of the names and SHA-256s of several."""
    if len(digests) == 1:
        return next(iter(digests.values()))
    return digest({file.name: sha256 for file, sha256 in digests.items()})


def file_digests(files: list[Path]) -> dict[Path, str]:
    """The SHA-256 of each file."""
    return {file: file_digest(file) for file in files}


def write_card(folder: Path, name: str, form: PromptFormat, revision: str = "", **notes: Any) -> None:
    """Write `pinpoint.json` into a folder that holds a saved model and processor, with the SHA-256s of what is there.

    `notes` are further entries that are kept and change no number (the prompts it was trained with, the command).
    """
    form_fields = {field: value for field, value in asdict(form).items() if value is not None}
    if clash := form_fields.keys() & notes.keys():
        raise PinpointError(f"{', '.join(sorted(clash))}: given twice, as a note and in the format")
    card = {
        **notes,
        **form_fields,
        "format": CARD_FORMAT,
        "name": name,
        "revision": revision,
        "weights_sha256": joint_digest(file_digests(weight_files(folder))),
        "tokenizer_sha256": file_digest(folder / "tokenizer.json"),
    }
    write_json(folder / CARD, card)


def read_card(folder: Path) -> Card:
    """Read `pinpoint.json`; a missing one, another format or a missing entry is an error that names it."""
    path = folder / CARD
    if not path.is_file():
        raise PinpointError(
            f"{folder} holds no {CARD} (the templates of its inputs); write it with "
            "pinpoint.encoders.mllm_record.write_card, or train the model again"
        )
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != CARD_FORMAT:
        raise PinpointError(f"{path} is not of format {CARD_FORMAT}; train the model again")
    return parse_card(content, path)


def parse_card(content: Mapping[str, Any], path: Path) -> Card:
    """The card in a mapping read from `path`; entries it does not know are notes."""
    needed = ("name", "weights_sha256", "image_template", "text_template", "generic_prompt")
    if missing := [key for key in needed if not isinstance(content.get(key), str)]:
        raise PinpointError(f"{path} lacks {', '.join(missing)}")
    numbers = ("min_pixels", "max_pixels", "image_size")
    if wrong := [key for key in numbers if not isinstance(content.get(key, 1), int | None)]:
        raise PinpointError(f"{path}: {wrong[0]} is not a whole number")
    known = {field.name for field in fields(PromptFormat)}
    return Card(
        name=content["name"],
        revision=str(content.get("revision", "")),
        weights_sha256=content["weights_sha256"],
        tokenizer_sha256=content.get("tokenizer_sha256"),
        format=PromptFormat(**{key: value for key, value in content.items() if key in known}),
    )
