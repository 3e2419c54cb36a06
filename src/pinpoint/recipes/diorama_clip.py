"""The recipe of `diorama-clip`: a small CLIP that has seen Diorama, and nothing else."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pinpoint.diorama import tasks
from pinpoint.diorama.captions import DEFAULT, EVERYTHING, Mention, vocabulary_corpus
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import shipped_folder
from pinpoint.errors import unknown
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.files import digest
from pinpoint.recipes.card import write_card
from pinpoint.recipes.clip import TINY, ClipConfig, normalised, train_clip
from pinpoint.recipes.pairs import render_memmap
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan

NAME = "diorama-clip"


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends."""

    scenes: int
    batch: int
    plan: Plan
    dev_gallery: int
    dev_per_facet: int
    config: ClipConfig = field(default_factory=ClipConfig)


PROFILES = {
    "smoke": Settings(256, 32, Plan(8, 1e-3, warmup=2, save_every=4, evaluate_every=4), 200, 5, TINY),
    "lite": Settings(60_000, 256, Plan(2_300, 1e-3, warmup=150, save_every=100, evaluate_every=460), 1500, 100),
    "full": Settings(600_000, 1024, Plan(20_000, 1e-3, warmup=500, evaluate_every=1000), 1500, 100),
}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Draw the training scenes, train, measure on the development split, and write weights and card to `out`."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings = PROFILES[profile]
    work = find_layout().cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    history = train_on_diorama(settings, out, work=work, resume=resume)
    command = shlex.join(["pinpoint", "train", NAME, "--profile", profile])
    write_card(out, NAME, settings, history, command, data=pairs_of(settings).digest)
    return out


def train_on_diorama(
    settings: Settings, out: Path, *, mention: Mention = DEFAULT, work: Path | None = None, resume: bool = True
) -> History:
    """Train one CLIP on Diorama with captions of the habits `mention`; `settings.plan.seed` is its seed.

    A sweep calls this once per rate and seed. The pictures are drawn once and shared: captions do not change them.
    """
    pairs = pairs_of(settings, mention)
    size = settings.config.image_size
    images = render_memmap(len(pairs), size, pairs.image, find_layout().cache / "pixels" / f"{pairs.digest[:16]}.npy")
    dev = DevFacets(settings.dev_gallery, settings.dev_per_facet, size)
    return train_clip(
        settings.config, pairs, images, corpus(), out,
        plan=settings.plan, batch=settings.batch, evaluate=dev, name=NAME,
        captions=digest(asdict(mention)), work=work, resume=resume,
    )  # fmt: skip


def pairs_of(settings: Settings, mention: Mention = DEFAULT) -> TrainingPairs:
    """The training pairs of some settings. The world's seed stays 0: a model's seed changes the model alone."""
    return TrainingPairs(settings.scenes, 0, mention, size=settings.config.image_size)


def corpus() -> list[str]:
    """Texts that hold every word of a caption, whatever is mentioned, and of a facet query."""
    everything = TrainingPairs(4000, 0, EVERYTHING)
    captions = [everything.caption(i, 0) for i in range(len(everything))]
    queries = tasks.facets("dev", 600, 30).queries
    return [*vocabulary_corpus(), *captions, *(query.text for query in queries if query.text)]


class DevFacets:
    """Recall of the facet queries on the development split: a point of the curve that decides when to stop."""

    def __init__(self, gallery: int, per_facet: int, size: int) -> None:
        self.gallery, self.per_facet, self.size = gallery, per_facet, size

    @cached_property
    def benchmark(self) -> Any:
        """The frozen facets benchmark, dev split."""
        return tasks.facets("dev", self.gallery, self.per_facet)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Its pictures, uint8 (G, S, S, 3), drawn once."""
        pixels: np.ndarray = self.benchmark.gallery.images.load_batch(self.benchmark.gallery.ids, self.size)
        return pixels

    def __call__(self, model: nn.Module, tokenizer: Any) -> Mapping[str, float]:
        """R@1 and R@5 in percent, averaged over the facets (macro), and R@1 of each."""
        texts = [query.text for query in self.benchmark.queries]
        result = evaluate(self.benchmark, VectorRetriever(NAME, *embed(model, tokenizer, texts, self.pixels)))
        groups = np.array([query.group for query in self.benchmark.queries])
        r1, r5 = (
            {group: 100 * float(np.nanmean(result.per_query[metric][groups == group])) for group in result.groups}
            for metric in ("r1", "r5")
        )
        macro = {"r1": float(np.mean([*r1.values()])), "r5": float(np.mean([*r5.values()]))}
        return {**macro, **{f"{group}.r1": value for group, value in r1.items()}}


def embed(model: Any, tokenizer: Any, texts: list[str], pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows of texts (Q, D) and of uint8 pictures (G, D), on the device the model trains on."""
    device = model.logit_scale.device
    text_emb = [model.encode_text(part.to(device), normalize=True) for part in tokenizer(texts).split(256)]
    image_emb = [
        model.encode_image(normalised(part.to(device)), normalize=True) for part in torch.from_numpy(pixels).split(256)
    ]
    return torch.cat(text_emb).cpu().numpy(), torch.cat(image_emb).cpu().numpy()
