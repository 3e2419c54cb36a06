"""The recipe of `diorama-blip`: a small BLIP for retrieval. Its image tower learns from diorama-clip's, then rests; its
text encoder learns to embed a text, and to say whether a text belongs to an image whose tokens it reads.

As BLIP does it: a contrastive loss, and a matching loss on hard negatives that the contrastive scores propose. (The
third, captioning, is for generation.) Because the tower rests, its tokens are computed once.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.blip import FORMAT, SmallTokens, small_model
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.files import atomic_path, canonical_json, digest, file_digest, write_json
from pinpoint.recipes.blip_text import Bank, Development, Texts
from pinpoint.recipes.blip_tower import Pictures, Tower, graft
from pinpoint.recipes.card import LICENCE, write_page
from pinpoint.recipes.pairs import render_memmap
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan, fit

NAME, TEACHER = "diorama-blip", "diorama-clip"
CONTEXT = 48


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends. matched: pairs per update that the matching loss sees."""

    scenes: int
    batch: int
    matched: int
    tower: Plan
    text: Plan
    dev_gallery: int
    dev_per_facet: int
    layers: int = 4


PROFILES = {
    "smoke": Settings(64, 16, 8, Plan(2, 1e-3, warmup=1), Plan(4, 1e-3, warmup=1, evaluate_every=4), 200, 4, 1),
    "lite": Settings(24_000, 128, 32, Plan(100, 1e-3, warmup=10), Plan(700, 1e-3, warmup=70, save_every=100,
                     evaluate_every=175), 1500, 100),
    "full": Settings(600_000, 1024, 256, Plan(5_000, 1e-3, warmup=250), Plan(20_000, 1e-3, warmup=500,
                     evaluate_every=2000), 1500, 100),
}  # fmt: skip


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Draw the training scenes, teach the tower, train the text encoder, and write weights and card to `out`."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    work = layout.cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    pairs = TrainingPairs(settings.scenes)
    images = render_memmap(len(pairs), pairs.size, pairs.image, layout.cache / "pixels" / f"{pairs.digest[:16]}.npy")
    teacher: Any = load(TEACHER, device="cpu")
    tokenizer = SmallTokens(shipped_folder(TEACHER) / "tokenizer.txt.gz", CONTEXT)
    torch.manual_seed(settings.text.seed)
    model = small_model(sizes(teacher, len(tokenizer.tokenizer.encoder), settings.layers))
    identity = digest([pairs.digest, teacher.record.weights_sha256, settings.batch, settings.matched])
    graft(model, teacher.model.visual, images[:256])
    student = Tower(model, teacher.model.visual)
    fit(student, Tower.loss, Pictures(images, 64), replace(settings.tower, identity=identity, evaluate_every=10**9),
        folder=work / "tower", resume=resume, label="teaching BLIP's tower")  # fmt: skip
    model.vision_model.requires_grad_(False)
    model.vision_proj.requires_grad_(False)
    bank = Bank(model, images)
    texts = Texts(bank, pairs, tokenizer, settings.batch, settings.matched, settings.text.seed)
    dev = Development(model, tokenizer, settings.dev_gallery, settings.dev_per_facet)
    plan = replace(settings.text, identity=identity)
    history = fit(model, texts.loss, texts, plan, folder=work / "text", evaluate=dev, resume=resume, label=NAME)
    command = shlex.join(["pinpoint", "train", NAME, "--profile", profile])
    write(out, model, tokenizer, settings, history, command)
    return out


def sizes(teacher: Any, vocabulary: int, layers: int) -> dict[str, Any]:
    """BLIP's configuration at the size of the teacher's tower."""
    visual = teacher.model.visual
    width, blocks = visual.conv1.out_channels, len(visual.transformer.resblocks)
    heads = visual.transformer.resblocks[0].attn.num_heads
    shared = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": heads}
    vision = {
        **shared,
        "num_hidden_layers": blocks,
        "image_size": teacher.image_size,
        "patch_size": visual.conv1.kernel_size[0],
    }
    text = {**shared, "num_hidden_layers": layers, "vocab_size": vocabulary, "max_position_embeddings": CONTEXT,
            "encoder_hidden_size": width, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
            "pad_token_id": 0, "bos_token_id": vocabulary - 2, "sep_token_id": vocabulary - 1}  # fmt: skip
    return {"vision_config": vision, "text_config": text, "image_text_hidden_size": teacher.dim}


def write(out: Path, model: Any, tokenizer: SmallTokens, settings: Settings, history: History, command: str) -> None:
    """Weights in half precision, vocabulary, configuration and card."""
    path = out / "model.safetensors"
    write_weights(path, {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()})
    source = shipped_folder(TEACHER) / "tokenizer.txt.gz"
    with atomic_path(out / "tokenizer.txt.gz") as temporary:
        temporary.write_bytes(source.read_bytes())
    config = model.config
    stated = {
        "vision_config": {k: getattr(config.vision_config, k) for k in VISION},
        "text_config": {k: getattr(config.text_config, k) for k in TEXT},
        "image_text_hidden_size": config.image_text_hidden_size,
    }
    sha256 = file_digest(path)
    write_json(out / "config.json", {"format": FORMAT, "name": NAME, "sizes": stated, "weights_sha256": sha256})
    rows = {
        "model": f"transformers' `BlipForImageTextRetrieval`, {path.stat().st_size / 1e6:.1f} MB in half precision",
        "weights": f"SHA-256 `{sha256}`",
        "data": f"{settings.scenes:,} Diorama scenes, training split, natural pictures; a new caption every epoch",
        "recipe": f"tower grafted from `{TEACHER}` and taught by it, then at rest; contrastive and matching loss, "
                  f"`{canonical_json(settings)}`",
        "seeds": f"1 (seed {settings.text.seed})",
        "device": f"{history.device}, {history.seconds / 60:.0f} minutes for the text",
        "command": f"`{command}`", "licence": LICENCE,
    }  # fmt: skip
    write_page(out, NAME, rows, history)


VISION = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "image_size", "patch_size")
TEXT = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size",
        "max_position_embeddings", "encoder_hidden_size", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "pad_token_id", "bos_token_id", "sep_token_id")  # fmt: skip
