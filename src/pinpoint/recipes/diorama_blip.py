"""The recipe of `diorama-blip`: a small BLIP for retrieval. Its image tower learns from diorama-clip's, then rests; its
text encoder learns to embed a text, and to say whether a text belongs to an image whose tokens it reads.

As BLIP does it: a contrastive loss, and a matching loss on hard negatives that the contrastive scores propose. (The
third, captioning, is for generation.) Because the tower rests, its tokens are computed once.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

from pinpoint.diorama import tasks
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.blip import FORMAT, SmallTokens, match_logits, pad, small_model, text_features
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.files import atomic_path, canonical_json, digest, file_digest, write_json
from pinpoint.recipes.card import LICENCE, curve_table, loss_table
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.pairs import Shuffled, render_memmap
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
    teacher: Any = load(TEACHER)
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
    texts = Texts(bank, pairs, tokenizer, settings)
    dev = Development(model, tokenizer, settings)
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


def graft(model: Any, clip: Any, images: np.ndarray) -> None:
    """Copy CLIP's blocks. The norm before its first block, which BLIP lacks, is folded into what is embedded: exactly
    for the class token, which never changes, and for patches as centring, gain and mean scale over `images`."""
    norm, width = clip.ln_pre, clip.conv1.out_channels
    weight, position = clip.conv1.weight, clip.positional_embedding
    with torch.no_grad():
        patches = clip.conv1(normalised(torch.from_numpy(np.array(images)))).flatten(2).transpose(1, 2) + position[1:]
        gain = norm.weight / patches.std(dim=-1).mean()
        centred = weight.flatten(1) - weight.flatten(1).mean(dim=0)
        embeddings = model.vision_model.embeddings
        embeddings.patch_embedding.weight.copy_((gain[:, None] * centred).view_as(weight))
        embeddings.patch_embedding.bias.copy_(norm.bias)
        embeddings.class_embedding.copy_(norm(clip.class_embedding + position[0]).view(1, 1, width))
        moved = gain * (position[1:] - position[1:].mean(dim=1, keepdim=True))
        embeddings.position_embedding.copy_(torch.cat([torch.zeros(1, width), moved])[None])
        model.vision_proj.weight.copy_(clip.proj.T)
        model.vision_proj.bias.zero_()
    model.vision_model.post_layernorm.load_state_dict(clip.ln_post.state_dict())
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
             "self_attn.projection": "attn.out_proj"}  # fmt: skip
    for ours, theirs in zip(model.vision_model.encoder.layers, clip.transformer.resblocks, strict=True):
        state = {
            f"{new}.{kind}": theirs.state_dict()[f"{old}.{kind}"]
            for new, old in names.items()
            for kind in ("weight", "bias")
        }
        state |= {f"self_attn.qkv.{kind}": theirs.state_dict()[f"attn.in_proj_{kind}"] for kind in ("weight", "bias")}
        ours.load_state_dict(state)


class Tower(nn.Module):
    """BLIP's image tower as CLIP's student: 1 - cosine of their embeddings."""

    def __init__(self, model: Any, teacher: nn.Module) -> None:
        super().__init__()
        self.vision, self.head, self.teacher = model.vision_model, model.vision_proj, [teacher]

    def loss(self, pixels: torch.Tensor) -> torch.Tensor:
        """For uint8 pictures (B, S, S, 3)."""
        x = normalised(pixels)
        with torch.no_grad():
            wanted = self.teacher[0](x)
        out = self.head(self.vision(pixel_values=x).last_hidden_state[:, 0])
        return (1 - cosine_similarity(out.float(), wanted.float())).mean()


class Pictures:
    """`pictures(i)` -> uint8 (B, S, S, 3)."""

    def __init__(self, images: np.ndarray, batch: int) -> None:
        self.images, self.rows = images, Shuffled(len(images), min(batch, len(images)), 0)

    def __call__(self, i: int) -> torch.Tensor:
        """Batch i."""
        return torch.from_numpy(self.images[self.rows(i)[1]])


class Bank:
    """What the resting tower sees: v (N, D) unit rows, tokens (N, n, Dv) in half precision."""

    def __init__(self, model: Any, images: np.ndarray) -> None:
        v, tokens = [], []
        model.eval()
        with torch.no_grad():
            for start in range(0, len(images), 128):
                part = torch.from_numpy(np.array(images[start : start + 128]))
                hidden = model.vision_model(pixel_values=normalised(part)).last_hidden_state
                v.append(normalize(model.vision_proj(hidden[:, 0]), dim=1))
                tokens.append(hidden.half())
        self.v, self.tokens = torch.cat(v), torch.cat(tokens)


class Texts:
    """`texts(i)` -> rows (B,), token ids (B, L) and mask of their captions; and the two losses on them."""

    def __init__(self, bank: Bank, pairs: TrainingPairs, tokenize: SmallTokens, settings: Settings) -> None:
        self.bank, self.pairs, self.tokenize, self.matched = bank, pairs, tokenize, settings.matched
        self.seed, self.scale = settings.text.seed, 1 / 0.05
        self.rows = Shuffled(len(pairs), settings.batch, settings.text.seed)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch i, a function of i alone; captions are new in every epoch."""
        epoch, rows = self.rows(i)
        return (
            torch.from_numpy(rows),
            *pad([self.tokenize(self.pairs.caption(int(r), epoch, self.seed)) for r in rows]),
        )

    def loss(self, model: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Contrastive plus matching, each with weight 1, as BLIP has it."""
        rows, ids, mask = batch
        v = self.bank.v[rows]
        t = normalize(text_features(model, ids, mask).float(), dim=1)
        logits, own = self.scale * t @ v.T, torch.arange(len(rows))
        contrastive = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
        return contrastive + self.matching(model, rows, ids, mask, logits.detach())

    def matching(
        self, model: Any, rows: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """Pairs, texts with a hard wrong image, images with a hard wrong text: wrong ones are drawn by softmax."""
        m = self.matched
        chance = logits.clone().fill_diagonal_(-torch.inf)
        image = torch.multinomial(chance[:m].softmax(dim=1), 1)[:, 0]
        text = torch.multinomial(chance[:, :m].T.softmax(dim=1), 1)[:, 0]
        which = torch.cat([torch.arange(m), torch.arange(m), text])
        seen = torch.cat([rows[:m], rows[image], rows[:m]])
        truth = torch.cat([torch.ones(m), torch.zeros(2 * m)]).long()
        return cross_entropy(match_logits(model, ids[which], mask[which], self.bank.tokens[seen].float()), truth)


class Development:
    """Recall of facet queries, by the contrastive scores, and accuracy of matching on development pairs, in percent."""

    def __init__(self, model: Any, tokenize: SmallTokens, settings: Settings) -> None:
        self.benchmark, self.tokenize = tasks.facets("dev", settings.dev_gallery, settings.dev_per_facet), tokenize
        images: Any = self.benchmark.gallery.images
        pixels = images.load_batch(self.benchmark.gallery.ids, TrainingPairs(1).size)
        self.bank = Bank(model, pixels)
        pairs = TrainingPairs(min(256, settings.dev_gallery), split="dev")
        self.matched = Texts(Bank(model, np.stack([pairs.image(i) for i in range(len(pairs))])), pairs, tokenize,
                             replace(settings, batch=len(pairs), matched=len(pairs)))  # fmt: skip

    def __call__(self, model: Any) -> dict[str, float]:
        """One point of the curve."""
        ids, mask = pad([self.tokenize(query.text or "") for query in self.benchmark.queries])
        parts = [text_features(model, a, b) for a, b in zip(ids.split(256), mask.split(256), strict=True)]
        query_emb = normalize(torch.cat(parts), dim=1).numpy()
        result = evaluate(self.benchmark, VectorRetriever(NAME, query_emb, self.bank.v.numpy()))
        out = {metric: result.macro(metric).value for metric in ("r1", "r5")}
        return {**out, "animals.r1": result.metric("r1", "animals").value, "matching": self._matching(model)}

    def _matching(self, model: Any) -> float:
        """Right answers for pairs, and for the same texts with the next image."""
        rows, ids, mask = self.matched(0)
        tokens = self.matched.bank.tokens[rows].float()
        right = match_logits(model, ids, mask, tokens).argmax(1) == 1
        wrong = match_logits(model, ids, mask, tokens.roll(1, dims=0)).argmax(1) == 0
        return 100 * float(torch.cat([right, wrong]).float().mean())


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
    lines = [f"# {NAME}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    lines += ["", "## Loss", "", *loss_table(history), "", "## Development curve", "", *curve_table(history), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))


VISION = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "image_size", "patch_size")
TEXT = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size",
        "max_position_embeddings", "encoder_hidden_size", "hidden_dropout_prob", "attention_probs_dropout_prob",
        "pad_token_id", "bos_token_id", "sep_token_id")  # fmt: skip
