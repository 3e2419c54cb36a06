"""Tiny promptable embedders with random weights, of the real transformers classes, as checkpoint folders."""

from pathlib import Path
from typing import Any

import torch

import pinpoint.torchvision_shim  # noqa: F401  (before transformers imports torchvision)

# isort: split
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLModel,
    Qwen2VLProcessor,
    Qwen3VLConfig,
    Qwen3VLModel,
    Qwen3VLProcessor,
)
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

from pinpoint.encoders.mllm_record import PromptFormat, write_card

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
           "<|video_pad|>", "<image>", "<s>")  # fmt: skip
IMAGE_FIRST = "<|vision_start|><|image_pad|><|vision_end|>\n{prompt}\n<|endoftext|>"
PROMPT_FIRST = "<|im_start|>system\n{prompt}<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
KINDS = ("qwen2", "qwen3", "llava")


def tokenizer(begin: str | None = None) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer without merges; with `begin`, every text starts with that token, as Llama's do."""
    vocabulary = {byte: n for n, byte in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(SPECIAL))
    if begin is not None:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, backend.token_to_id(begin))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=SPECIAL[0], eos_token=SPECIAL[0], extra_special_tokens=list(SPECIAL[1:])
    )


def text_config(words: PreTrainedTokenizerFast, **more: Any) -> dict[str, Any]:
    """Two layers of width 32."""
    return {
        "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024, "initializer_range": 0.3,
        "bos_token_id": None, "eos_token_id": 256, "pad_token_id": 256, **more,
    }  # fmt: skip


def rope(section: list[int], **more: Any) -> dict[str, Any]:
    """Multi-axis rotary positions for heads of width 8."""
    return {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": section, **more}


def token_ids(words: PreTrainedTokenizerFast) -> dict[str, int]:
    """The special tokens as a Qwen-VL config names them."""
    names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>",
             "vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}  # fmt: skip
    return {key: int(words.convert_tokens_to_ids(token)) for key, token in names.items()}


def qwen2_config(words: PreTrainedTokenizerFast) -> Qwen2VLConfig:
    """Patches of 8 pixels, 2 x 2 of them to a token."""
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8,
              "initializer_range": 0.2}  # fmt: skip
    return Qwen2VLConfig(
        text_config=text_config(words, rope_parameters=rope([1, 1, 2])), vision_config=vision, **token_ids(words)
    )


def qwen2(words: PreTrainedTokenizerFast, model_class: Any = Qwen2VLModel) -> tuple[Any, Any]:
    """Qwen2-VL, the class of VLM2Vec-V2 and GME."""
    pixels = Qwen2VLImageProcessor(patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 96 * 96})
    processor = Qwen2VLProcessor(pixels, words, Qwen2VLVideoProcessor(patch_size=8))
    return model_class(qwen2_config(words)), processor


def qwen3(words: PreTrainedTokenizerFast) -> tuple[Any, Any]:
    """Qwen3-VL, the class of Qwen3-VL-Embedding, with its image features fed to two layers."""
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
              "patch_size": 8, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1],
              "initializer_range": 0.2}  # fmt: skip
    text = text_config(words, head_dim=8, rope_parameters=rope([2, 1, 1], mrope_interleaved=True))
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **token_ids(words))
    pixels = Qwen2VLImageProcessor(patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 96 * 96})
    return Qwen3VLModel(config), Qwen3VLProcessor(pixels, words, Qwen3VLVideoProcessor(patch_size=8))


def llava(words: PreTrainedTokenizerFast) -> tuple[Any, Any]:
    """Llava over CLIP and Llama; every image becomes 32 x 32 pixels, 16 tokens. Saved with its language head."""
    text = {**text_config(words), "model_type": "llama", "head_dim": 8}
    vision = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 2, "image_size": 32, "patch_size": 8, "projection_dim": 32}  # fmt: skip
    config = LlavaConfig(
        text_config=text, vision_config=vision, image_token_index=words.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1, vision_feature_select_strategy="default",
    )  # fmt: skip
    pixels = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = LlavaProcessor(
        pixels, words, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    return LlavaForConditionalGeneration(config), processor


def save(folder: Path, kind: str = "qwen2", prompt_first: bool = False, **changes: Any) -> Path:
    """Write a checkpoint of a kind with its `pinpoint.json`; `changes` go into the `PromptFormat`."""
    torch.manual_seed(7)
    if kind == "llava":
        model, processor = llava(tokenizer("<s>"))
        template = "{prompt} <image>\nASSISTANT:" if prompt_first else "USER: <image>\n{prompt} ASSISTANT:"
    else:
        model, processor = {"qwen2": qwen2, "qwen3": qwen3}[kind](tokenizer())
        template = PROMPT_FIRST if prompt_first else IMAGE_FIRST
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    form = {"image_template": template, "text_template": "{text}<|endoftext|>",
            "generic_prompt": "Represent the given image."}  # fmt: skip
    write_card(folder, f"tiny-{kind}", PromptFormat(**{**form, **changes}))
    return folder


def qwen2_with_head(folder: Path) -> Path:
    """A checkpoint as the public ones are: saved with its language head."""
    torch.manual_seed(7)
    model, processor = qwen2(tokenizer(), Qwen2VLForConditionalGeneration)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
