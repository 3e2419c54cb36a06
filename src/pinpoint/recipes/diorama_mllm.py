"""The recipes of the promptable embedders that have seen Diorama, and nothing else: `diorama-mllm` and its second."""

import random
import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pinpoint.diorama import tasks
from pinpoint.diorama.captions import DEFAULT
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import Asked, ask, labels, wordings
from pinpoint.diorama.scene import ANIMALS, OBJECTS
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.mllm_forward import embed_texts
from pinpoint.errors import unknown
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.files import digest
from pinpoint.recipes.diorama_clip import corpus
from pinpoint.recipes.mllm import TINY, MllmConfig, embed_pictures, train_mllm
from pinpoint.recipes.mllm_card import write_mllm_card
from pinpoint.recipes.pairs import render_memmap
from pinpoint.recipes.tower import start_from_clip, tower_plan
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan

NAME = "diorama-mllm"
TOWER = "diorama-clip"
LABEL_SHARE = 0.25  # of the captions under the general prompt that are lists of labels
COUNTRY = "Which country is shown in this image?"  # the tenth prompt of the paper's list


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends."""

    scenes: int
    batch: int
    plan: Plan
    dev_gallery: int
    dev_per_facet: int
    questions: int = 4
    tower_steps: int = 0  # of distillation from diorama-clip's image tower; 0: the tower starts at random
    config: MllmConfig = field(default_factory=MllmConfig)


PROFILES = {
    "smoke": Settings(256, 32, Plan(6, 1e-3, warmup=2, save_every=3, evaluate_every=3), 200, 5, 2, config=TINY),
    "lite": Settings(
        60_000, 64, Plan(6_000, 1e-3, warmup=100, save_every=100, evaluate_every=500), 1500, 60, 6, tower_steps=600
    ),
    "full": Settings(600_000, 512, Plan(12_000, 1e-3, warmup=500, evaluate_every=1000), 1500, 100, 8, 1_000),
}


class Asking(TrainingPairs):
    """Training scenes with captions under the general prompt, and with questions."""

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        """A caption with the habits of photographs' captions, or in a quarter of the cases a list of labels."""
        rng = random.Random(f"labels-{i}-{epoch}-{seed}")
        if rng.random() < LABEL_SHARE:
            return labels(self.scenes[i], rng)
        return super().caption(i, epoch, seed)

    def questions(self, i: int, epoch: int, n: int, seed: int = 0) -> list[Asked]:
        """`n` random questions about scene i; a function of its arguments alone."""
        rng = random.Random(f"questions-{i}-{epoch}-{seed}")
        return [ask(self.scenes[i], rng) for _ in range(n)]


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Draw the training scenes, train, measure on the development split, and write weights and card to `out`."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings = PROFILES[profile]
    work = find_layout().cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    history = train_on_questions(settings, out, NAME, work=work, resume=resume)
    command = shlex.join(["pinpoint", "train", NAME, "--profile", profile])
    write_mllm_card(out, NAME, settings, history, command, data=source_of(settings).digest)
    return out


def train_on_questions(settings: Settings, out: Path, name: str, *, work: Path, resume: bool = True) -> History:
    """Train one embedder on Diorama's questions; `settings.plan.seed` is its seed."""
    source, size = source_of(settings), settings.config.image_size
    path = find_layout().cache / "pixels" / f"{source.digest[:16]}.npy"
    images = render_memmap(len(source), size, source.image, path)
    return train_mllm(
        settings.config, source, images, words(), out, plan=settings.plan, batch=settings.batch,
        questions=settings.questions, evaluate=DevPrompts(settings), start=first_tower(settings, work, resume),
        started=teacher_digest(settings), name=name, work=work, resume=resume,
    )  # fmt: skip


def first_tower(settings: Settings, work: Path, resume: bool) -> Callable[[Any, np.ndarray], None] | None:
    """How the image tower starts: from that of `diorama-clip`, whose distillation leaves its checkpoint in `work`."""
    if not settings.tower_steps:
        return None
    clip, identity = load(TOWER, "cpu").model.visual, teacher_digest(settings)
    plan = tower_plan(settings.plan, settings.tower_steps, identity)
    return lambda model, images: start_from_clip(model, clip, settings.config, images, plan, work / "tower", resume)


def teacher_digest(settings: Settings) -> str:
    """What the start of the tower depends on; empty where it starts at random."""
    if not settings.tower_steps:
        return ""
    teacher = load(TOWER, "cpu").record.weights_sha256
    return digest([teacher, asdict(settings.config), source_of(settings).digest, settings.tower_steps])


def source_of(settings: Settings) -> Asking:
    """The training scenes of some settings. The world's seed stays 0: a model's seed changes the model alone."""
    return Asking(settings.scenes, 0, DEFAULT, size=settings.config.image_size)


def words() -> list[str]:
    """Texts that hold every word of a caption, a question, an answer, and of the benchmark."""
    prompts = [PROMPT, GENERIC_PROMPT, COUNTRY]
    prompts += [question for facet in FACETS.values() for question in (facet.question, facet.human_question)]
    queries = [text for facet in FACETS.values() for text, _ in facet.texts]
    source = Asking(2000)
    said = [source.caption(i, 0) for i in range(len(source))]
    said += [a.answer for i in range(len(source)) for a in source.questions(i, 0, 4)]
    return [*corpus(), *prompts, *queries, *wordings(), *ANIMALS, *OBJECTS, *said]


class DevPrompts:
    """The facet queries on the development split, general against prompted: the curve that says when to stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def benchmark(self) -> Any:
        """The frozen facets benchmark, dev split."""
        return tasks.facets("dev", self.settings.dev_gallery, self.settings.dev_per_facet)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Its pictures, uint8 (G, S, S, 3), drawn once."""
        gallery = self.benchmark.gallery
        pixels: np.ndarray = gallery.images.load_batch(gallery.ids, self.settings.config.image_size)
        return pixels

    def __call__(self, model: nn.Module, pieces: Pieces) -> Mapping[str, float]:
        """R@5 in percent per facet under the general prompt and under the facet's own, and their macro means."""
        prompts = [GENERIC_PROMPT, *(PROMPT.format(question=facet.question) for facet in FACETS.values())]
        device = next(model.parameters()).device
        with torch.autocast(device.type, torch.bfloat16):
            tables = embed_pictures(model, self.settings.config, pieces, self.pixels, prompts)
            texts = [query.text for query in self.benchmark.queries]
            ids, lengths = (part.to(device) for part in pieces.padded(texts))
            query_emb = embed_texts(model, ids, lengths).cpu().numpy()
        groups = np.array([query.group for query in self.benchmark.queries])
        curve: dict[str, float] = {}
        for row, facet in enumerate(FACETS, start=1):
            for mode, table in (("general", tables[0]), ("prompted", tables[row])):
                hits = evaluate(self.benchmark, VectorRetriever(mode, query_emb, table)).per_query["r5"]
                curve[f"{facet}.{mode}.r5"] = 100 * float(np.nanmean(hits[groups == facet]))
        for mode in ("general", "prompted"):
            curve[f"{mode}.r5"] = float(np.mean([curve[f"{facet}.{mode}.r5"] for facet in FACETS]))
        return curve


def settings_digest(settings: Settings) -> str:
    """A digest of everything a training depends on, for a record."""
    source = source_of(settings)
    said = [(source.caption(i, 0), [asdict(a) for a in source.questions(i, 0, 4)]) for i in range(16)]
    return digest([asdict(settings), said, teacher_digest(settings)])[:12]
