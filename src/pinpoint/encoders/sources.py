"""Where an encoder comes from: a folder of ours, a pretrained tag of open_clip, or an architecture and a local file."""

import json
from copy import deepcopy
from dataclasses import replace
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)
from pinpoint.encoders.hub import cached_weights, open_clip_tokenizer, tokenizer_digest
from pinpoint.encoders.open_clip_door import OpenClipEncoder
from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import kind_of
from pinpoint.encoders.tokenizer import load_tokenizer
from pinpoint.encoders.weights import load_into, read_metadata, read_weights
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest, file_digest, read_json

FORMAT = "pinpoint-clip/1"


def from_folder(folder: Path, name: str, device: str, dtype: str) -> OpenClipEncoder:
    """Load a model of this study: `config.json`, `model.safetensors`, `tokenizer.txt.gz`."""
    config = read_json(folder / "config.json")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise PinpointError(f"{folder / 'config.json'} is not the config of a {FORMAT} model")
    needed = {"model_cfg", "preprocess_cfg", "weights_sha256", "tokenizer_sha256"}
    towers = {"embed_dim", "vision_cfg", "text_cfg"}
    if missing := sorted((needed - config.keys()) or (towers - config["model_cfg"].keys())):
        raise PinpointError(f"{folder / 'config.json'} lacks {', '.join(missing)}")
    image_size = config["model_cfg"]["vision_cfg"].get("image_size", 224)
    context_length = config["model_cfg"]["text_cfg"].get("context_length", 77)
    vocabulary = folder / "tokenizer.txt.gz"
    tokenizer = load_tokenizer(vocabulary, context_length)
    if file_digest(vocabulary) != config["tokenizer_sha256"]:
        raise PinpointError(f"{vocabulary} is damaged or was replaced: its SHA-256 is not the one config.json records")
    weights = folder / "model.safetensors"
    model = build_model(config["model_cfg"], folder / "config.json")
    load_into(model, read_weights(weights, config["weights_sha256"]), weights)
    record = EncoderRecord(
        name=name,
        kind="clip",
        architecture=f"open_clip.CLIP/{digest(config['model_cfg'])[:12]}",
        checkpoint=str(config.get("name", folder.name)),
        revision=str(config.get("revision", "")),
        weights_sha256=config["weights_sha256"],
        quick_gelu=bool(config["model_cfg"].get("quick_gelu", False)),
        preprocessing=Preprocessing.from_config(config["preprocess_cfg"], image_size),
        tokenizer_digest=config["tokenizer_sha256"],
        context_length=context_length,
        dim=config["model_cfg"]["embed_dim"],
        dtype=dtype,
        library=library(),
    )
    return OpenClipEncoder(model, tokenizer, record, device)


def build_model(config: dict[str, Any], source: Path | str) -> nn.Module:
    """An open_clip model with random weights from its config dict; an option it does not know names `source`."""
    import open_clip

    options = deepcopy(config)
    custom_text = options.pop("custom_text", False)
    if "hf_model_name" in options["text_cfg"]:
        custom_text, options["text_cfg"]["hf_model_pretrained"] = True, False
    model_class = open_clip.CLIP if not custom_text else open_clip.CustomTextCLIP
    if "multimodal_cfg" in options:
        model_class = open_clip.CoCa
    try:
        model: nn.Module = model_class(**options)
    except TypeError as error:
        raise PinpointError(f"{source}: model_cfg does not describe an open_clip model ({error})") from None
    return model


def untrained_twin(encoder: OpenClipEncoder, folder: Path | None = None, seed: int = 0) -> OpenClipEncoder:
    """The same architecture with random weights: what an encoder can do before it has learned anything.

    `folder` holds the config of a model of this study; a public architecture brings its own.
    """
    import open_clip

    record = encoder.record
    ours = read_json(folder / "config.json")["model_cfg"] if folder else None
    config = ours or open_clip.get_model_config(record.architecture)
    torch.manual_seed(seed)
    model = build_model(config, record.architecture)
    nothing = replace(record, name=f"untrained {record.name}", weights_sha256=f"random, seed {seed}")
    return OpenClipEncoder(model, encoder.tokenizer, nothing, str(encoder.device))


def library() -> str:
    """The library whose code computes the embedding."""
    return f"open_clip {version('open_clip_torch')}"


def from_open_clip(architecture: str, checkpoint: str, device: str, dtype: str) -> OpenClipEncoder:
    """Load `architecture` with a pretrained tag, or with a local `.safetensors` file, as `checkpoint`."""
    import open_clip

    config = open_clip.get_model_config(architecture)
    if config is None:
        near = get_close_matches(architecture, open_clip.list_models(), n=8, cutoff=0.3)
        raise PinpointError(f"unknown open_clip architecture {architecture!r}; similar: {', '.join(near) or 'none'}")
    quick_gelu = bool(config.get("quick_gelu", False))
    if checkpoint.endswith(".safetensors"):
        weights, revision = Path(checkpoint), ""
        state, preprocess_cfg = read_weights(weights), declared_preprocessing(weights, architecture)
        refuse_other_activation(architecture, quick_gelu, declared_activation(weights), str(weights))
    else:
        preprocess_cfg = tag_config(architecture, checkpoint, quick_gelu)
        weights, revision = cached_weights(f"open_clip/{architecture}/{checkpoint}", preprocess_cfg)
        state = read_weights(weights)
    model: Any = build_model(config, architecture)
    load_into(model, adapted(model, state), weights)
    tokenizer = open_clip_tokenizer(architecture, config["text_cfg"])
    record = EncoderRecord(
        name=f"open_clip/{architecture}/{checkpoint if revision else weights.name}",
        kind=kind_of(architecture),
        architecture=architecture,
        checkpoint=checkpoint if revision else weights.name,
        revision=revision,
        weights_sha256=file_digest(weights),
        quick_gelu=quick_gelu,
        preprocessing=Preprocessing.from_config(preprocess_cfg, model.visual.image_size),
        tokenizer_digest=tokenizer_digest(tokenizer),
        context_length=int(config["text_cfg"].get("context_length", 77)),
        dim=int(config["embed_dim"]),
        dtype=dtype,
        library=library(),
    )
    return OpenClipEncoder(model, tokenizer, record, device)


def adapted(model: Any, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Older key layouts in the one that open_clip 3 reads, by open_clip's own converters. Shapes stay as they are."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = convert_to_custom_text_state_dict(state)
    for name in ("logit_scale", "logit_bias"):  # a scalar in some files, one row in others
        if name in state and getattr(model, name, None) is not None:
            state[name] = state[name].reshape(getattr(model, name).shape)
    return {name: tensor for name, tensor in state.items() if not name.endswith("embeddings.position_ids")}


def tag_config(architecture: str, tag: str, quick_gelu: bool) -> dict[str, Any]:
    """open_clip's entry for a pretrained tag: where the weights are, and the preprocessing they were trained with."""
    import open_clip

    config: dict[str, Any] = open_clip.get_pretrained_cfg(architecture, tag)
    if config:
        refuse_other_activation(architecture, quick_gelu, bool(config.get("quick_gelu", False)), f"the tag {tag!r}")
        return config
    if quick_gelu and open_clip.get_pretrained_cfg(architecture.removesuffix("-quickgelu"), tag):
        refuse_other_activation(architecture, True, False, f"the tag {tag!r}")
    raise unknown(f"pretrained tag of {architecture}", tag, open_clip.list_pretrained_tags_by_model(architecture))


def refuse_other_activation(architecture: str, has: bool, needs: bool | None, source: str) -> None:
    """Weights trained with QuickGELU fit the plain architecture key by key and give wrong embeddings: an error here."""
    if needs is None or needs == has:
        return
    base = architecture.removesuffix("-quickgelu")
    fix = f"{base}-quickgelu" if needs else base
    trained, built = ("QuickGELU", "GELU") if needs else ("GELU", "QuickGELU")
    raise PinpointError(
        f"QuickGELU mismatch: {source} was trained with {trained}, {architecture} computes {built}; "
        f"use open_clip/{fix}/…"
    )


def declared_config(weights: Path) -> dict[str, Any]:
    """What a local checkpoint says about itself: the file's metadata, else `open_clip_config.json` beside it."""
    metadata = read_metadata(weights)
    if "model_cfg" in metadata or "preprocess_cfg" in metadata:
        keys = metadata.keys() & {"model_cfg", "preprocess_cfg"}
        try:
            return {key: json.loads(metadata[key]) for key in keys}
        except json.JSONDecodeError as error:
            raise PinpointError(f"{weights}: its metadata is not valid JSON ({error})") from None
    sibling = weights.with_name("open_clip_config.json")
    return dict(read_json(sibling)) if sibling.is_file() else {}


def declared_activation(weights: Path) -> bool | None:
    """True for QuickGELU, False for GELU, None where the checkpoint does not say."""
    config = declared_config(weights).get("model_cfg")
    return None if config is None else bool(config.get("quick_gelu", False))


def declared_preprocessing(weights: Path, architecture: str) -> dict[str, Any]:
    """The preprocessing of a local checkpoint; where it says nothing, the one all tags of the architecture share."""
    import open_clip

    if declared := declared_config(weights).get("preprocess_cfg"):
        return dict(declared)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    keys = ("mean", "std", "interpolation", "resize_mode")
    configs = [{key: open_clip.get_pretrained_cfg(architecture, tag)[key] for key in keys} for tag in tags]
    if not configs or any(config != configs[0] for config in configs):
        raise PinpointError(
            f"{weights} does not say how its images were preprocessed and checkpoints of {architecture} differ in it; "
            "put the model's open_clip_config.json beside it"
        )
    return configs[0]
