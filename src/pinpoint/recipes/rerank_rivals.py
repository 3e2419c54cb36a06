"""Other first stages for chapter 6's ladder, each with the updates and the batch of its stage 1."""

from dataclasses import asdict, replace
from typing import Any

from pinpoint import zscir_study
from pinpoint.benchmark import Retriever
from pinpoint.distinctive_data import triplet_set
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, WARM_RATE
from pinpoint.distinctive_objectives import Budget as ObjectiveBudget
from pinpoint.distinctive_study import ask, seen_of
from pinpoint.distinctive_training import train, warmed
from pinpoint.encoders import shipped_folder
from pinpoint.encoders.qformer import load_qformer
from pinpoint.recipes import zscir_tuning
from pinpoint.recipes.distinctive_ground import ENCODER
from pinpoint.recipes.rerank_ground import Ground
from pinpoint.retriever import VectorRetriever
from pinpoint.zscir_study import Choices


def zscir_stage(ground: Ground, profile: str, seed: int) -> Retriever:
    """Chapter 3's two-stage zero-shot composer: half of the updates for each of its stages, its own synthetic triplets.

    It has never seen a triplet of ours; the budget is equal, the supervision is not.
    """
    settings, first = zscir_tuning.PROFILES[profile], ground.settings.first
    budget = zscir_study.Budget(first.updates // 2, first.batch, seed)
    sizes = replace(settings, queries=ground.settings.queries, gallery=ground.settings.gallery, budget=budget)
    made = zscir_tuning.prepare(sizes, "test")
    trained = zscir_study.train_heads(
        made.material, made.oti, made.drawn, budget, Choices(), ("stage1", "two_stage")
    )  # fmt: skip
    emb = zscir_study.composed(made.material.clip, trained.mappings["stage1"], made.asked, trained.adapters)
    return VectorRetriever("zscir", emb.numpy(), made.asked.gallery.numpy())


def dqe_stage(ground: Ground, profile: str, seed: int) -> Retriever:
    """Chapter 5's DQE-CIR on the triplets that stage 1 trains on; its common start counts as part of the budget."""
    encoder, first = load_qformer(shipped_folder(ENCODER)), ground.settings.first
    trained, asked = ground.trained, ground.asked.benchmark
    seen = [seen_of(encoder, ground.store, b.gallery.images, b.gallery.ids) for b in (trained, asked)]
    data = triplet_set(encoder, trained, seen[0])
    warm = max(1, first.updates * 3 // 10)
    budget = ObjectiveBudget(first.updates - warm, first.batch, refresh=4, seed=seed)
    start = warmed(encoder.model, data, replace(budget, updates=warm), WARM_RATE)
    model, _, _ = train(start, data, OBJECTIVES["dqe"], budget, RATES["dqe"])
    return ask(encoder, asked, seen[1]).retriever(model, "dqe")


RIVALS = {"zscir": zscir_stage, "dqe": dqe_stage}


def described(name: str, profile: str) -> dict[str, Any]:
    """What a rival's numbers depend on besides the ground."""
    if name == "zscir":
        return {"settings": asdict(zscir_tuning.PROFILES[profile]), "choices": asdict(Choices())}
    return {"objective": asdict(OBJECTIVES["dqe"]), "rates": [RATES["dqe"], WARM_RATE]}
