"""Reading a transformers checkpoint: processor, model, and a LoRA adapter, each whole or an error of one line.

No network, no pickle, no code from the checkpoint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401  (before transformers imports torchvision)
from pinpoint.encoders.mllm_record import PromptFormat
from pinpoint.encoders.registry import ADAPTER_WEIGHTS
from pinpoint.encoders.weights import read_weights
from pinpoint.errors import PinpointError
from pinpoint.files import digest

ADAPTER_CONFIG = "adapter_config.json"


def read_processor(folder: Path, form: PromptFormat) -> Any:
    """The processor of a checkpoint folder (tokenizer and image processor), with the format's pixel limits set."""
    from transformers import AutoProcessor

    try:
        with quiet():
            processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise PinpointError(f"{folder} holds no usable processor ({first_line(error)})") from None
    if not all(hasattr(processor, part) for part in ("image_processor", "tokenizer", "image_token")):
        raise PinpointError(f"{folder} holds no image processor; put its preprocessor_config.json beside the weights")
    if form.min_pixels is not None or form.max_pixels is not None:
        size = dict(processor.image_processor.size)
        if not {"shortest_edge", "longest_edge"} <= size.keys():
            raise PinpointError(f"{folder}: its image processor resizes to a fixed size; leave the pixel limits out")
        size["shortest_edge"] = form.min_pixels or size["shortest_edge"]
        size["longest_edge"] = form.max_pixels or size["longest_edge"]
        # transformers gives these two names to what Qwen-VL processors take for areas
        processor.image_processor.size = {key: size[key] for key in ("shortest_edge", "longest_edge")}
    return processor


def read_model(folder: Path, dtype: str) -> nn.Module:
    """The model of a checkpoint folder without its language-modelling head, every weight present and finite."""
    from transformers import AutoModel

    model, info = from_pretrained(AutoModel, folder, dtype)
    refuse_gaps(folder, info, "lm_head")
    if not hasattr(model, "language_model"):
        raise PinpointError(f"{folder} holds a {type(model).__name__}; a vision-language model is needed")
    refuse_nan(folder, model)
    whole: nn.Module = model
    return whole


def from_pretrained(kind: Any, folder: Path, dtype: str) -> tuple[Any, dict[str, Any]]:
    """A model of transformers' class `kind` from a folder, and what did not fit: for `refuse_gaps`."""
    try:
        with quiet():
            model, info = kind.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # reported, all at once
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise PinpointError(f"{folder} cannot be loaded ({first_line(error)})") from None
    return model, info


def refuse_nan(folder: Path, model: nn.Module) -> None:
    """Name the first weight that is not finite."""
    for name, tensor in model.named_parameters():
        if not torch.isfinite(tensor).all():
            raise PinpointError(f"{folder} holds NaN or infinity in {name!r}; fetch or train it again")


def merge_adapter(model: Any, folder: Path) -> None:
    """Load a LoRA adapter and add it to the weights. An adapter that names other layers is an error, not a no-op."""
    try:
        from peft import PeftConfig
        from peft.tuners.tuners_utils import BaseTunerLayer
    except ImportError:
        raise PinpointError("a LoRA adapter needs peft; install it with: pip install 'pinpoint[scale]'") from None
    state = read_weights(folder / ADAPTER_WEIGHTS)
    try:
        with quiet():
            config = PeftConfig.from_pretrained(str(folder))
            info = model.load_adapter(peft_config=config, adapter_state_dict=state)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise PinpointError(f"{folder}: the adapter cannot be loaded ({first_line(error)})") from None
    refuse_gaps(folder, {"missing_keys": info.missing_keys, "unexpected_keys": info.unexpected_keys})
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            module.merge()


def refuse_gaps(folder: Path, info: dict[str, Any], unneeded: str | None = None) -> None:
    """transformers fills a weight that is missing with random numbers and warns; here that is an error.

    `unneeded` is a part of a tensor's path that the model has no use for: the language-modelling head.
    """
    for verb, kind in (
        ("lacks", "missing_keys"),
        ("has unexpected", "unexpected_keys"),
        ("misfits", "mismatched_keys"),
    ):
        keys = (key if isinstance(key, str) else key[0] for key in info.get(kind) or ())  # a misfit brings its shapes
        if names := sorted(key for key in keys if unneeded not in key.split(".")):
            raise PinpointError(
                f"{folder} {verb} {len(names)} tensor(s): {', '.join(names[:3])}; the weights belong to another model"
            )


def config_digest(model: Any) -> str:
    """A hash over the architecture alone, without the names and versions that transformers writes beside it."""
    config = model.config.to_diff_dict()
    return digest({key: value for key, value in config.items() if key not in ("_name_or_path", "transformers_version")})


def first_line(error: Exception) -> str:
    """The first line of a library's message, for a message of one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without progress bars and warnings, which would stand in the middle of a chapter."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
