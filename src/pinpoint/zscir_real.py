"""Chapter 3 on real data: stage 1 on captioned images, stage 2 on LaSCo-shaped triplets, any open_clip backbone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinpoint import heads
from pinpoint import zscir_study as experiments
from pinpoint.composing import Triplets
from pinpoint.datasets.captioned import captioned
from pinpoint.datasets.lasco import lasco_benchmark, lasco_rows, named_images
from pinpoint.heads import Clip
from pinpoint.image_bank import ImageBank, encode_bank
from pinpoint.store import Store
from pinpoint.zscir_setup import clip_of
from pinpoint.zscir_study import Budget, Choices, Heads


@dataclass(frozen=True)
class RealData:
    """Where the data lie; `limit` bounds the images and triplets that are read (None: all)."""

    captions: Path
    triplets: Path
    limit: int | None = None


def real_material(encoder: Any, store: Store, data: RealData) -> tuple[Clip, ImageBank, tuple[str, ...]]:
    """A bank of captioned images, encoded once, and their captions."""
    read = captioned(data.captions, data.limit)
    return clip_of(encoder), encode_bank(encoder, store, read.images, read.ids), read.captions


def real_triplets(encoder: Any, store: Store, data: RealData) -> tuple[ImageBank, Triplets]:
    """A bank of the images that the triplets name, and the triplets as its rows."""
    images, rows = lasco_rows(data.triplets, "lasco_train.json", data.limit)
    bank = encode_bank(encoder, store, images, named_images(rows))
    reference, target = bank.rows([row.reference for row in rows]), bank.rows([row.target for row in rows])
    return bank, Triplets(reference, target, tuple(row.text for row in rows))


def train_on_real(encoder: Any, store: Store, data: RealData, budget: Budget, choices: Choices) -> tuple[Clip, Heads]:
    """Pic2Word, stage 1 and stage 2, by the functions that train the small ones."""
    clip, bank, captions = real_material(encoder, store, data)
    pic2word, first = heads.train_pic2word(clip, bank, choices.plan("pic2word", budget), budget.batch)
    plan = choices.plan("stage1", budget)
    stage1, second = heads.train_stage1(clip, bank, captions, plan, budget.batch, soft_weight=choices.soft_weight)
    triplet_bank, triplets = real_triplets(encoder, store, data)
    plan = choices.plan("two_stage", budget)
    adapters, third = heads.train_stage2(clip, triplet_bank, stage1, triplets, plan, budget.batch, choices.composing)
    histories = {"pic2word": first, "stage1": second, "two_stage": third}
    return clip, Heads({"pic2word": pic2word, "stage1": stage1}, adapters, histories)


def real_benchmark(data: RealData, name: str, store: Store, budget: Budget, choices: Choices) -> str:
    """Every method on LaSCo's validation triplets as Markdown; without the data, a line that says where they go."""
    missing = [folder for folder in (data.captions, data.triplets) if not folder.is_dir()]
    if missing:
        return (
            f"Not run here: there is no folder {str(missing[0])!r}. It needs captioned images (captions.tsv) in "
            f"{str(data.captions)!r} and LaSCo's files and images in {str(data.triplets)!r}."
        )
    from pinpoint.encoders import load

    encoder: Any = load(name)
    clip, trained = train_on_real(encoder, store, data, budget, choices)
    asked = experiments.ask(encoder, clip, store, lasco_benchmark(data.triplets, limit=data.limit), drawn=False)
    results = experiments.scored(asked, experiments.query_vectors(clip, trained, asked, choices.alpha))
    rows = [f"| {method} | {r.micro('r1')} | {r.micro('r10')} | {r.micro('r50')} |" for method, r in results.items()]
    return "\n".join(["| method | R@1 | R@10 | R@50 |", "|---|---|---|---|", *rows])
