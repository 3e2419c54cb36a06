"""Public encoders by short name: a table of rows, not decorators. Any other open_clip model loads by its full name.

`source` is spelled as `open_clip/ARCHITECTURE/TAG`. Repositories, dimensions, sizes and resize policies are checked
against open_clip's own configs in the tests. Memory is the float32 weights in MB; the licence is the one on the model's
page, of the weights.

`BLIP_ROWS` are BLIP and BLIP-2 for retrieval, `MLLM_ROWS` promptable embedders: a Hugging Face repository, its commit,
and, for the latter, the format of their inputs.
"""

from dataclasses import dataclass

from pinpoint.encoders.mllm_record import PromptFormat

WEIGHT_FILES = ("open_clip_model.safetensors", "model.safetensors")
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class EncoderRow:
    """One public encoder."""

    name: str
    kind: str
    architecture: str
    pretrained: str
    dim: int
    image_size: int
    licence: str
    memory_mb: int
    repo: str
    resize_mode: str = "shortest"

    @property
    def source(self) -> str:
        """The full name that `load` takes."""
        return f"open_clip/{self.architecture}/{self.pretrained}"


ROWS = (
    EncoderRow("clip-b32", "clip", "ViT-B-32-quickgelu", "openai", 512, 224, "MIT", 605,
               "timm/vit_base_patch32_clip_224.openai"),
    EncoderRow("clip-b16", "clip", "ViT-B-16-quickgelu", "openai", 512, 224, "MIT", 599,
               "timm/vit_base_patch16_clip_224.openai"),
    EncoderRow("clip-l14", "clip", "ViT-L-14-quickgelu", "openai", 768, 224, "MIT", 1711,
               "timm/vit_large_patch14_clip_224.openai"),
    EncoderRow("clip-l14-336", "clip", "ViT-L-14-336-quickgelu", "openai", 768, 336, "MIT", 1712,
               "timm/vit_large_patch14_clip_336.openai"),
    EncoderRow("openclip-b32", "clip", "ViT-B-32", "laion2b_s34b_b79k", 512, 224, "MIT", 605,
               "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
    EncoderRow("openclip-l14", "clip", "ViT-L-14", "laion2b_s32b_b82k", 768, 224, "MIT", 1711,
               "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"),
    EncoderRow("siglip2-b16", "siglip", "ViT-B-16-SigLIP2", "webli", 768, 224, "Apache-2.0", 1501,
               "timm/ViT-B-16-SigLIP2", "squash"),
    EncoderRow("siglip2-so400m-384", "siglip", "ViT-SO400M-16-SigLIP2-384", "webli", 1152, 384, "Apache-2.0", 4545,
               "timm/ViT-SO400M-16-SigLIP2-384", "squash"),
    EncoderRow("eva02-b16", "eva", "EVA02-B-16", "merged2b_s8b_b131k", 512, 224, "MIT", 599,
               "timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k"),
    EncoderRow("eva02-l14-336", "eva", "EVA02-L-14-336", "merged2b_s6b_b61k", 768, 336, "MIT", 1713,
               "timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k"),
)  # fmt: skip

BY_NAME = {row.name: row for row in ROWS}
SHIPPED = ("diorama-clip", "diorama-mllm", "diorama-blip")


@dataclass(frozen=True)
class BlipRow:
    """One public BLIP or BLIP-2 for image-text retrieval.

    `revision` is the commit that may be loaded; None accepts the one in the cache and records it. `model_type` is
    transformers' name for the class, `resize_mode` what holds where the checkpoint brings no preprocessor_config.json.
    """

    name: str
    kind: str
    model_type: str
    repo: str
    revision: str | None
    dim: int
    image_size: int
    licence: str
    memory_mb: int
    resize_mode: str = "squash"

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"huggingface.co/{self.repo}"


# The commits are not known to us: the one in the cache is taken, and stands in the record. The paper of chapter 6
# starts from BLIP's base checkpoint as it was before it was fine-tuned for retrieval; no safetensors of that one in
# transformers' layout are known to us, so its row here is fine-tuned on COCO. No weights were at hand: these rows are
# tested on tiny checkpoints of the same classes.
BLIP_ROWS = (
    BlipRow("blip-itm-base", "blip", "blip", "Salesforce/blip-itm-base-coco", None, 256, 384, "BSD-3-Clause", 895),
    # 32 vectors of 256 numbers for an image
    BlipRow("blip2-itm-g", "blip-2", "blip-2", "Salesforce/blip2-itm-vit-g", None, 256, 224, "MIT", 4690),
)

BLIP_BY_NAME = {row.name: row for row in BLIP_ROWS}


@dataclass(frozen=True)
class MllmRow:
    """One public promptable embedder.

    `revision` is the commit that may be loaded; None accepts the one in the cache and records it. With `base`, `repo`
    holds a LoRA adapter for that repository, as (repository, commit). `model_type` is transformers' name for the class.
    """

    name: str
    kind: str
    model_type: str
    repo: str
    revision: str | None
    dim: int
    licence: str
    memory_mb: int
    format: PromptFormat
    base: tuple[str, str | None] | None = None

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"huggingface.co/{self.repo}"


_QWEN2_TOKEN, _QWEN3_TOKEN = 28 * 28, 32 * 32  # pixels behind one image token
_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"

# Repositories, dimensions, licences and commits are those the MTEB leaderboard's model list gives; the formats are read
# from the code that the models' authors published. No weights were at hand: that these rows reproduce the authors'
# embeddings has not been checked on the real checkpoints, only on tiny ones of the same classes.
MLLM_ROWS = (
    # The prompt follows the image, as in VLM2Vec's own demonstration. The repository holds a LoRA adapter (so its
    # authors say, and so MTEB loads it); the commit of the base is the one that public lock files quote.
    MllmRow(
        "vlm2vec-v2", "mllm", "qwen2_vl", "VLM2Vec/VLM2Vec-V2.0", "e39ff079b8275ef876d3656da8c0bddbff3c4dde",
        1536, "Apache-2.0", 8427,
        PromptFormat("<|image_pad|> {prompt}", "{text}", "Represent the given image.",
                     4 * _QWEN2_TOKEN, 1280 * _QWEN2_TOKEN),
        base=("Qwen/Qwen2-VL-2B-Instruct", "895c3a49bc3fa70a340399125c650a463535e71c"),
    ),
    # The instruction is the system message, before the image. The text side carries the instruction that the model's
    # page shows for finding images by text. Its authors compute in float16, here it is float32 or bfloat16.
    MllmRow(
        "gme-qwen2-vl-2b", "mllm", "qwen2_vl", "Alibaba-NLP/gme-Qwen2-VL-2B-Instruct",
        "ce765ae71b8cdb208203cd8fb64a170b1b84293a", 1536, "Apache-2.0", 8427,
        PromptFormat(
            "<|im_start|>system\n{prompt}<|im_end|>\n<|im_start|>user\n" + _IMAGE
            + "<|im_end|>\n<|im_start|>assistant\n<|endoftext|>",
            "<|im_start|>system\nFind an image that matches the given text.<|im_end|>\n<|im_start|>user\n{text}"
            "<|im_end|>\n<|im_start|>assistant\n<|endoftext|>",
            "You are a helpful assistant.", 256 * _QWEN2_TOKEN, 1280 * _QWEN2_TOKEN,
        ),
    ),
    # As for GME. The report reads an appended <|endoftext|>, the published code does not append it: the code is
    # followed, and the last token is the newline after "assistant".
    MllmRow(
        "qwen3-vl-embedding-2b", "mllm", "qwen3_vl", "Qwen/Qwen3-VL-Embedding-2B",
        "9f2f7e710d6d81056aa5c0a4f04764fec6bb7bda", 2048, "Apache-2.0", 8116,
        PromptFormat(
            "<|im_start|>system\n{prompt}<|im_end|>\n<|im_start|>user\n" + _IMAGE
            + "<|im_end|>\n<|im_start|>assistant\n",
            "<|im_start|>system\nRetrieve images or text relevant to the user's query.<|im_end|>\n"
            "<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n",
            "Represent the user's input.", 4 * _QWEN3_TOKEN, 1800 * _QWEN3_TOKEN,
        ),
    ),
)  # fmt: skip

MLLM_BY_NAME = {row.name: row for row in MLLM_ROWS}


def kind_of(architecture: str) -> str:
    """The family of an open_clip architecture, as the registry names it."""
    lowered = architecture.lower()
    return next((kind for kind in ("siglip", "eva") if kind in lowered), "clip")
