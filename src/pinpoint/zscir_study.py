"""The experiments of chapter 3: every method trained on one material with one budget, and asked the same queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from pinpoint import heads
from pinpoint.benchmark import Benchmark
from pinpoint.composing import Adapters, Triplets, compose, slerp
from pinpoint.evaluate import EmbeddingRetriever, VectorRetriever, evaluate
from pinpoint.heads import Clip, Composing, words_of
from pinpoint.image_bank import ImageBank, encode_bank
from pinpoint.result import Result
from pinpoint.store import Store
from pinpoint.training import History, Plan
from pinpoint.zscir_setup import ConceptPhrases, Material

METHODS = ("image_only", "text_only", "sum", "slerp", "pic2word", "searle", "lincir", "stage1", "two_stage")
PROJECTIONS = ("pic2word", "searle", "lincir")  # one pseudo-word, frozen text encoder: what the claim compares with


@dataclass(frozen=True)
class Budget:
    """What every trained head may spend, stage 1 and stage 2 each as much as a projection method."""

    updates: int
    batch: int
    seed: int = 0


@dataclass(frozen=True)
class Choices:
    """What was tuned on the development split: a learning rate per head, and one number of its own."""

    lr: Mapping[str, float] = field(
        default_factory=lambda: {"pic2word": 5e-4, "searle": 2e-3, "lincir": 1e-3, "stage1": 4e-3, "two_stage": 4e-3}
    )
    alpha: float = 0.4  # of slerp
    phrase_weight: float = 0.0  # of SEARLE: on the development split the phrases only cost
    noise: float = 0.1  # of LinCIR
    soft_weight: float = 1.0  # of stage 1
    composing: Composing = field(default_factory=lambda: Composing(ceiling=0.95))

    def plan(self, method: str, budget: Budget) -> Plan:
        """AdamW with a tenth of the updates to warm up."""
        return Plan(budget.updates, self.lr[method], warmup=budget.updates // 10, seed=budget.seed)


@dataclass(frozen=True, eq=False)
class Heads:
    """Trained heads: a mapping per method, the adapters of stage 2, and what each training took."""

    mappings: Mapping[str, nn.Module]
    adapters: Adapters
    histories: Mapping[str, History]


@dataclass(frozen=True, eq=False)
class Asked:
    """A composed benchmark with its vectors: gallery (G, D), and per query its reference and its text (Q, D)."""

    benchmark: Benchmark
    gallery: torch.Tensor
    references: ImageBank
    text_emb: torch.Tensor

    @property
    def texts(self) -> list[str]:
        """The modification texts."""
        return [query.text or "" for query in self.benchmark.queries]


def ask(encoder: Any, clip: Clip, store: Store, benchmark: Benchmark, drawn: bool = True) -> Asked:
    """Encode a composed benchmark once for all methods. `drawn`: its pictures can be rendered at the encoder's size."""
    size = encoder.image_size if drawn else None
    gallery = EmbeddingRetriever(encoder, store, size=size).gallery(benchmark)
    images = [query.image or "" for query in benchmark.queries]
    bank = encode_bank(encoder, store, benchmark.gallery.images, images, size)
    text_emb = normalize(clip.embed([query.text or "" for query in benchmark.queries]), dim=1)
    return Asked(benchmark, torch.from_numpy(gallery), bank.of(images), text_emb)


def train_heads(
    material: Material, oti: tuple[torch.Tensor, torch.Tensor], drawn: tuple[ImageBank, Triplets], budget: Budget,
    choices: Choices = Choices(), methods: Sequence[str] = (*PROJECTIONS, "stage1", "two_stage"),
) -> Heads:  # fmt: skip
    """Train the heads of some methods, each on what its paper trains on. `oti`: images v and their inverted words."""
    clip, bank, captions = material.clip, material.bank, material.captions

    def train(method: str) -> tuple[Any, History]:
        plan, batch = choices.plan(method, budget), budget.batch
        if method == "pic2word":
            return heads.train_pic2word(clip, bank, plan, batch)
        if method == "searle":
            phrases = ConceptPhrases(clip, oti[0], captions)
            return heads.train_searle(clip, *oti, phrases, plan, batch, choices.phrase_weight)
        if method == "lincir":
            return heads.train_lincir(clip, captions, material.masked, plan, batch, choices.noise)
        if method == "stage1":
            return heads.train_stage1(clip, bank, captions, plan, batch, soft_weight=choices.soft_weight)
        return heads.train_stage2(clip, drawn[0], trained["stage1"][0], drawn[1], plan, batch, choices.composing)

    trained: dict[str, tuple[Any, History]] = {}
    for method in methods:
        trained[method] = train(method)
    mappings = {method: head for method, (head, _) in trained.items() if method != "two_stage"}
    adapters = trained["two_stage"][0] if "two_stage" in trained else Adapters(clip.side, choices.composing.rank)
    return Heads(mappings, adapters, {method: history for method, (_, history) in trained.items()})


def query_vectors(clip: Clip, trained: Heads, asked: Asked, alpha: float) -> dict[str, torch.Tensor]:
    """Each method's unit query vectors (Q, D). No method touches a vector of the gallery."""
    v, t = asked.references.v, asked.text_emb
    out = {"image_only": v, "text_only": t, "sum": normalize(v + t, dim=1), "slerp": slerp(v, t, alpha)}
    for method, mapping in trained.mappings.items():
        out[method] = composed(clip, mapping, asked)
    if "stage1" in trained.mappings and "two_stage" in trained.histories:
        out["two_stage"] = composed(clip, trained.mappings["stage1"], asked, trained.adapters)
    return out


def composed(clip: Clip, mapping: nn.Module, asked: Asked, adapters: Adapters | None = None) -> torch.Tensor:
    """Unit query vectors (Q, D) of one mapping, with or without adapters."""
    words = words_of(mapping, asked.references)
    with torch.no_grad():
        parts = [
            compose(clip.side, words[rows], [asked.texts[row] for row in rows.tolist()], adapters, clip.form)
            for rows in torch.arange(len(words)).split(256)
        ]
    return torch.cat(parts)


def scored(asked: Asked, vectors: Mapping[str, torch.Tensor]) -> dict[str, Result]:
    """Every method's result on the benchmark, the reference left out of the ranking, as CIRR does."""
    gallery = asked.gallery.numpy()
    return {
        name: evaluate(asked.benchmark, VectorRetriever(name, emb.numpy(), gallery)) for name, emb in vectors.items()
    }


def with_reference(asked: Asked, vectors: Mapping[str, torch.Tensor]) -> dict[str, Result]:
    """The same with the reference in the ranking: how often is it the first hit?"""
    queries = tuple(replace(query, exclude=()) for query in asked.benchmark.queries)
    benchmark = replace(asked.benchmark, name=f"{asked.benchmark.name}-with-reference", queries=queries)
    return scored(replace(asked, benchmark=benchmark), vectors)
