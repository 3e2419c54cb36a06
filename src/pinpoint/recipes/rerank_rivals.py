"""Other first stages for chapter 6's ladder: every method of the book that answers a composed query.

What is trained has the updates and the batch of chapter 6's stage 1. Each comes with a way to answer queries anew, so
that its time can be measured: from the sentence, and the reference as its tower left it, to the ranked gallery. The
reference lies in the gallery, so its tower has seen it already; the same holds for chapter 6's stages.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from pinpoint import zscir_study
from pinpoint.composing import slerp
from pinpoint.distinctive_data import triplet_set
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, WARM_RATE
from pinpoint.distinctive_objectives import Budget as ObjectiveBudget
from pinpoint.distinctive_study import ask, seen_of
from pinpoint.distinctive_training import train, warmed
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.qformer import load_qformer
from pinpoint.prompt_tables import PromptTables
from pinpoint.recipes import zscir_tuning
from pinpoint.recipes.distinctive_ground import ENCODER
from pinpoint.recipes.rerank_ground import Ground
from pinpoint.rerank_speed import ms_per_query
from pinpoint.rerank_study import competing, shortlist
from pinpoint.retriever import Retriever, VectorRetriever, similarity
from pinpoint.zscir_study import Choices

TIMED, DEPTH = 64, 50  # queries that are timed together, and how deep their rankings go


@dataclass(frozen=True, eq=False)
class FirstStage:
    """A first stage: its ranking of all queries, and `answer(n)`, which makes the scores of the first n (n, G) anew."""

    retriever: Retriever
    answer: Callable[[int], np.ndarray]

    def ms(self, ground: Ground, repeats: int = 3) -> float:
        """Milliseconds that a query takes when a few dozen are answered together."""
        benchmark = ground.asked.benchmark
        n, depth = min(TIMED, len(benchmark.queries)), min(DEPTH, len(benchmark.gallery) - 1)
        some = replace(benchmark, queries=benchmark.queries[:n])
        return ms_per_query(lambda: shortlist(competing(some, self.answer(n)), depth), n, repeats).value


def vector_stage(name: str, gallery: np.ndarray, vectors: Callable[[int], Any], queries: int) -> FirstStage:
    """One that compares vectors: `vectors(n)` makes those of the first n queries, (n, D)."""
    return FirstStage(
        VectorRetriever(name, np.asarray(vectors(queries)), gallery),
        lambda n: similarity(np.asarray(vectors(n)), gallery),
    )


# -- chapter 3 --------------------------------------------------------------------------------------------------------
def clip_stage(name: str, ground: Ground, profile: str, seed: int) -> FirstStage:
    """What trains nothing: the text alone, or slerp of text and image with the weight that chapter 3 chose."""
    made = zscir_tuning.prepare(_sizes(ground, profile, seed), "test")
    clip, asked = made.material.clip, made.asked

    def vectors(n: int) -> torch.Tensor:
        text_emb = normalize(clip.embed(asked.texts[:n]), dim=1)
        return text_emb if name == "text" else slerp(asked.references.v[:n], text_emb, Choices().alpha)

    return vector_stage(name, asked.gallery.numpy(), vectors, len(asked.texts))


def composer_stage(name: str, ground: Ground, profile: str, seed: int) -> FirstStage:
    """LinCIR, or the two-stage zero-shot composer with half of the updates for each of its stages.

    Neither has seen a triplet of ours; the budget is equal, the supervision is not.
    """
    sizes = _sizes(ground, profile, seed, parts=2 if name == "zscir" else 1)
    made = zscir_tuning.prepare(sizes, "test")
    methods = ("stage1", "two_stage") if name == "zscir" else (name,)
    trained = zscir_study.train_heads(made.material, made.oti, made.drawn, sizes.budget, Choices(), methods)
    mapping, adapters = trained.mappings[methods[0]], trained.adapters if name == "zscir" else None

    def vectors(n: int) -> torch.Tensor:
        benchmark = replace(made.asked.benchmark, queries=made.asked.benchmark.queries[:n])
        some = made.asked.references.of(made.asked.references.ids[:n])
        part = replace(made.asked, benchmark=benchmark, references=some, text_emb=made.asked.text_emb[:n])
        return zscir_study.composed(made.material.clip, mapping, part, adapters)

    return vector_stage(name, made.asked.gallery.numpy(), vectors, len(made.asked.texts))


def _sizes(ground: Ground, profile: str, seed: int, parts: int = 1) -> zscir_tuning.Settings:
    """Chapter 3's sizes with our queries, our gallery and our budget, shared by so many trainings."""
    own, first = ground.settings, ground.settings.first
    budget = zscir_study.Budget(first.updates // parts, first.batch, seed)
    return replace(zscir_tuning.PROFILES[profile], queries=own.queries, gallery=own.gallery, budget=budget)


# -- chapter 2 --------------------------------------------------------------------------------------------------------
def promptable_stage(name: str, ground: Ground, profile: str, seed: int) -> FirstStage:
    """The promptable embedder with the sentence as the prompt of the reference; it was never trained to compose.

    Its time includes the tower: the reference is read under another prompt for every query.
    """
    encoder: Any = load("diorama-mllm")
    benchmark, size = ground.asked.benchmark, encoder.image_size
    generic = encoder.record.format.generic_prompt
    gallery = PromptTables(encoder, ground.store, size).get(benchmark, [generic])[generic]
    images = [benchmark.gallery.images.load(q.image or "", size) for q in benchmark.queries]

    def vectors(n: int) -> np.ndarray:
        pairs = zip(images[:n], benchmark.queries[:n], strict=True)
        return np.concatenate([encoder.encode_images([image], q.text) for image, q in pairs])

    return vector_stage(name, gallery, vectors, len(images))


# -- chapter 5 --------------------------------------------------------------------------------------------------------
def objective_stage(name: str, ground: Ground, profile: str, seed: int) -> FirstStage:
    """One of chapter 5's objectives on the triplets that stage 1 trains on; the common start is part of the budget."""
    encoder, first = load_qformer(shipped_folder(ENCODER)), ground.settings.first
    trained, asked = ground.trained, ground.asked.benchmark
    seen = [seen_of(encoder, ground.store, b.gallery.images, b.gallery.ids) for b in (trained, asked)]
    data = triplet_set(encoder, trained, seen[0])
    warm = max(1, first.updates * 3 // 10)
    budget = ObjectiveBudget(first.updates - warm, first.batch, refresh=4, seed=seed)
    start = warmed(encoder.model, data, replace(budget, updates=warm), WARM_RATE)
    model, _, _ = train(start, data, OBJECTIVES[name], budget, RATES[name])
    question = ask(encoder, asked, seen[1])

    def answer(n: int) -> np.ndarray:
        some = replace(asked, queries=asked.queries[:n])
        part = replace(question, benchmark=some, ids=question.ids[:n], mask=question.mask[:n])
        return part.retriever(model, name).scores(some, slice(0, n))

    return FirstStage(question.retriever(model, name), answer)


Make = Callable[[str, Ground, str, int], FirstStage]
RIVALS: Mapping[str, Make] = {
    "zscir": composer_stage, "dqe": objective_stage, "infonce": objective_stage, "lincir": composer_stage,
    "promptable": promptable_stage, "slerp": clip_stage, "text": clip_stage,
}  # fmt: skip
CLAIMED = ("zscir", "dqe")  # with three seeds; the others show where the frontier lies, with one


def described(name: str, profile: str) -> dict[str, Any]:
    """What a rival's numbers depend on besides the ground."""
    if name in OBJECTIVES:
        return {"objective": asdict(OBJECTIVES[name]), "rates": [RATES[name], WARM_RATE]}
    return {"settings": asdict(zscir_tuning.PROFILES[profile]), "choices": asdict(Choices())}
