"""The recipe of `diorama-qformer`: a small BLIP-2 for retrieval, before the image tower of `diorama-blip`.

The tower rests from the start, as BLIP-2 has it, so its tokens are computed once. What learns are the query tokens, the
Q-Former, which starts from BLIP's text encoder, its word embeddings and the heads.
"""

import shlex
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import shipped_folder
from pinpoint.encoders.blip import SmallTokens, load_blip
from pinpoint.encoders.qformer import FORMAT
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.files import atomic_path, canonical_json, digest, file_digest, write_json
from pinpoint.recipes.card import LICENCE, write_page
from pinpoint.recipes.pairs import render_memmap
from pinpoint.recipes.qformer_pairs import Development, Pairs, Trained, pair_loss, seen_by
from pinpoint.recipes.qformer_start import started
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan, fit

NAME, TOWER = "diorama-qformer", "diorama-blip"
CONTEXT = 48


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends. matched: pairs per update that the matching loss sees."""

    scenes: int
    batch: int
    matched: int
    plan: Plan
    dev_gallery: int
    dev_per_facet: int
    layers: int = 4
    tokens: int = 8


PROFILES = {
    "smoke": Settings(64, 16, 8, Plan(4, 1e-3, warmup=1, evaluate_every=4), 200, 4, 2),
    "lite": Settings(24_000, 64, 16, Plan(500, 1e-3, warmup=50, save_every=100, evaluate_every=125), 1500, 100),
    "full": Settings(600_000, 1024, 256, Plan(20_000, 1e-3, warmup=500, evaluate_every=2000), 1500, 100),
}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Draw the training scenes, look at them once, train the Q-Former, and write weights and card to `out`."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    work = layout.cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    pairs = TrainingPairs(settings.scenes)
    images = render_memmap(len(pairs), pairs.size, pairs.image, layout.cache / "pixels" / f"{pairs.digest[:16]}.npy")
    tower = load_blip(shipped_folder(TOWER))
    tokenizer = SmallTokens(shipped_folder(TOWER) / "tokenizer.txt.gz", CONTEXT)
    model = started(tower.model, settings.layers, settings.tokens, CONTEXT, settings.plan.seed).to(tower.device)
    dev = Development(model, tokenizer, settings.dev_gallery, settings.dev_per_facet)
    batches = Pairs(seen_by(model, images), pairs, tokenizer, settings.batch, settings.plan.seed)
    plan = replace(settings.plan, identity=digest([pairs.digest, tower.weights_sha256, asdict(settings)]))
    history = fit(Trained(model), partial(pair_loss, settings.matched), batches, plan, folder=work, evaluate=dev,
                  resume=resume, label=NAME)  # fmt: skip
    write(out, model, settings, history, shlex.join(["pinpoint", "train", NAME, "--profile", profile]))
    return out


def write(out: Path, model: Any, settings: Settings, history: History, command: str) -> None:
    """Weights in half precision, vocabulary, configuration and card."""
    path = out / "model.safetensors"
    write_weights(path, {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()})
    with atomic_path(out / "tokenizer.txt.gz") as temporary:
        temporary.write_bytes((shipped_folder(TOWER) / "tokenizer.txt.gz").read_bytes())
    sha256, config = file_digest(path), model.config
    stated = {
        "vision_config": {k: getattr(config.vision_config, k) for k in VISION},
        "qformer_config": {k: getattr(config.qformer_config, k) for k in QFORMER},
        "image_text_hidden_size": config.image_text_hidden_size, "num_query_tokens": config.num_query_tokens,
    }  # fmt: skip
    write_json(out / "config.json", {"format": FORMAT, "name": NAME, "sizes": stated, "weights_sha256": sha256})
    rows = {
        "model": f"transformers' `Blip2ForImageTextRetrieval`, {path.stat().st_size / 1e6:.1f} MB in half precision",
        "weights": f"SHA-256 `{sha256}`",
        "data": f"{settings.scenes:,} Diorama scenes, training split, natural pictures; a new caption every epoch",
        "recipe": f"the image tower of `{TOWER}`, at rest; its text encoder as start; contrastive and matching loss, "
                  f"`{canonical_json(settings)}`",
        "seeds": f"1 (seed {settings.plan.seed})",
        "device": f"{history.device}, {history.seconds / 60:.0f} minutes",
        "command": f"`{command}`", "licence": LICENCE,
    }  # fmt: skip
    write_page(out, NAME, rows, history)


VISION = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "image_size", "patch_size",
          "layer_norm_eps")  # fmt: skip
QFORMER = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size",
           "max_position_embeddings", "encoder_hidden_size", "hidden_dropout_prob", "attention_probs_dropout_prob",
           "pad_token_id", "use_qformer_text_input")  # fmt: skip
