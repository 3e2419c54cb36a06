"""The small models as transformers classes, their inputs, and their folder on disk."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import pinpoint.torchvision_shim  # noqa: F401  (before transformers' image classes are imported)
from pinpoint.diorama.facets import GENERIC_PROMPT
from pinpoint.encoders.mllm_record import PromptFormat, write_card
from pinpoint.files import write_json
from pinpoint.recipes.word_pieces import END, IMAGE, IMAGE_END, IMAGE_START
from pinpoint.training import History

if TYPE_CHECKING:
    from pinpoint.recipes.mllm import MllmConfig

PIXEL_MEAN = PIXEL_STD = 0.5
FEATURE_LAYER = -2  # of Llava's tower: the tokens before the last block, which serves CLIP's own readout alone
IMAGE_TEMPLATE = IMAGE_START + IMAGE + IMAGE_END + "\n{prompt}\n" + END
TEXT_TEMPLATE = "{text}" + END


def qwen2_vl(config: "MllmConfig", tokenizer: Any) -> Any:
    """A Qwen2-VL with random weights: no temporal axis, and no merging of the few patches there are."""
    from transformers import Qwen2VLConfig, Qwen2VLModel

    half = config.width // config.heads // 2  # rotary frequencies of a head, shared among time, height and width
    text = _language_model(config, tokenizer)
    text["rope_parameters"]["mrope_section"] = [half - 2 * (3 * half // 8), 3 * half // 8, 3 * half // 8]
    vision = {
        "depth": config.vision_layers, "embed_dim": config.vision_width, "hidden_size": config.width,
        "num_heads": config.vision_width // (config.width // config.heads), "patch_size": config.patch_size,
        "spatial_merge_size": 1, "temporal_patch_size": 1, "hidden_act": "gelu",
    }  # fmt: skip
    special = {
        "image_token_id": IMAGE, "vision_start_token_id": IMAGE_START, "vision_end_token_id": IMAGE_END,
        "video_token_id": "<|video_pad|>",
    }  # fmt: skip
    ids = {key: tokenizer.convert_tokens_to_ids(token) for key, token in special.items()}
    return Qwen2VLModel(Qwen2VLConfig(text_config=text, vision_config=vision, **ids))


def llava(config: "MllmConfig", tokenizer: Any) -> Any:
    """A Llava with random weights: CLIP's image tower, a two-layer projector, a Llama.

    The class token stays among the image's tokens, since CLIP gathers in it what the image is about; and the tokens are
    those before the last block, which serves CLIP's own readout alone.
    """
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaModel

    vision = CLIPVisionConfig(
        hidden_size=config.vision_width, intermediate_size=4 * config.vision_width, image_size=config.image_size,
        num_hidden_layers=config.vision_layers, patch_size=config.patch_size, hidden_act="gelu",
        num_attention_heads=config.vision_width // (config.width // config.heads),
    )  # fmt: skip
    text = LlamaConfig(**_language_model(config, tokenizer))
    return LlavaModel(
        LlavaConfig(
            vision_config=vision, text_config=text, vision_feature_layer=FEATURE_LAYER,
            vision_feature_select_strategy="full", image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
            image_seq_length=config.image_tokens,
        )
    )  # fmt: skip


def _language_model(config: "MllmConfig", tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "hidden_size": config.width, "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers, "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads, "max_position_embeddings": 256,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "initializer_range": 0.05,  # the usual 0.02 is for widths in the thousands
        "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


BUILD: Mapping[str, Callable[["MllmConfig", Any], Any]] = {"qwen2_vl": qwen2_vl, "llava": llava}


def pixel_inputs(config: "MllmConfig", pixels: torch.Tensor, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the model's processor would give for square pictures (B, S, S, 3) and the tokens (T0,) before a prompt.

    On the device and without PIL; equal to the processor (tested).
    """
    rows, image = len(pixels), ids == ids.mode().values  # the image token is the most frequent one
    values = (pixels.permute(0, 3, 1, 2).float() / 255 - PIXEL_MEAN) / PIXEL_STD  # (B, 3, S, S)
    inputs = {"input_ids": ids.expand(rows, -1)}
    if config.architecture == "llava":
        return {**inputs, "pixel_values": values}
    side = config.image_size // config.patch_size
    patches = values.unflatten(3, (side, -1)).unflatten(2, (side, -1)).permute(0, 2, 4, 1, 3, 5)  # (B, s, s, 3, P, P)
    grid = torch.tensor([1, side, side], device=pixels.device).expand(rows, 3)
    types = image.int().expand(rows, -1)
    return {**inputs, "pixel_values": patches.reshape(rows * side * side, -1), "image_grid_thw": grid,
            "mm_token_type_ids": types}  # fmt: skip


def image_tokens(tower: Any, config: "MllmConfig", pixels: torch.Tensor) -> torch.Tensor:
    """What an image tower makes of uint8 pictures (B, S, S, 3), before the projection, (B, P, Dv)."""
    inputs = pixel_inputs(config, pixels, torch.zeros(1, dtype=torch.long, device=pixels.device))
    if config.architecture == "llava":
        layers = tower(inputs["pixel_values"], output_hidden_states=True).hidden_states
        return torch.as_tensor(layers[FEATURE_LAYER])
    tokens = tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"]).last_hidden_state
    return torch.as_tensor(tokens.unflatten(0, (len(pixels), -1)))


def image_words(model: Any, config: "MllmConfig", pixels: torch.Tensor) -> torch.Tensor:
    """The same behind the projection: the vectors (B, P, D) that the language model reads in the place of words."""
    if config.architecture == "llava":
        return torch.as_tensor(model.multi_modal_projector(image_tokens(model.vision_tower, config, pixels)))
    tokens = image_tokens(model.visual, config, pixels)
    return torch.as_tensor(model.visual.merger(tokens.flatten(0, 1)).unflatten(0, (len(pixels), -1)))


def processor(config: "MllmConfig", tokenizer: Any) -> Any:
    """The processor that belongs to the model, pixels fixed at the size it was trained on."""
    side = {"height": config.image_size, "width": config.image_size}
    norm = {"image_mean": [PIXEL_MEAN] * 3, "image_std": [PIXEL_STD] * 3}
    if config.architecture == "llava":
        from transformers import CLIPImageProcessor, LlavaProcessor

        images = CLIPImageProcessor(size={"shortest_edge": config.image_size}, crop_size=side, **norm)
        return LlavaProcessor(
            images, tokenizer, patch_size=config.patch_size, vision_feature_select_strategy="full",
            image_token=IMAGE, num_additional_image_tokens=1,
        )  # fmt: skip
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    patch = {"patch_size": config.patch_size, "merge_size": 1, "temporal_patch_size": 1}
    area = config.image_size**2
    images = Qwen2VLImageProcessor(min_pixels=area, max_pixels=area, **patch, **norm)
    return Qwen2VLProcessor(images, tokenizer, Qwen2VLVideoProcessor(min_pixels=area, max_pixels=area, **patch, **norm))


def save_mllm(out: Path, model: Any, tokenizer: Any, config: "MllmConfig", name: str, history: History) -> None:
    """Write a transformers checkpoint in half precision, its processor, the curve, and last the record of hashes."""
    out.mkdir(parents=True, exist_ok=True)
    deepcopy(model).half().save_pretrained(out, safe_serialization=True)
    processor(config, tokenizer).save_pretrained(out)
    write_json(out / "dev_curve.json", history.curve)
    form = PromptFormat(IMAGE_TEMPLATE, TEXT_TEMPLATE, GENERIC_PROMPT, image_size=config.image_size)
    write_card(out, name, form)
