"""The recipes of the promptable embedders that have seen Diorama, and nothing else: `diorama-mllm` and its second."""

import random
import shlex
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.diorama.captions import DEFAULT, EVERYTHING, caption
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import Asked, ask, wordings
from pinpoint.diorama.scene import ANIMALS, OBJECTS
from pinpoint.diorama.scene_labels import EVERY_LABEL, labels
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load, shipped_folder
from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.promptable import COUNTRY
from pinpoint.recipes.alignment import align
from pinpoint.recipes.diorama_clip import corpus
from pinpoint.recipes.mllm import TINY, MllmConfig, train_mllm
from pinpoint.recipes.mllm_card import write_mllm_card
from pinpoint.recipes.mllm_development import DevPrompts, DevTalk
from pinpoint.recipes.mllm_language import learn_to_talk
from pinpoint.recipes.pairs import render_memmap
from pinpoint.recipes.tower import start_from_clip, tower_plan
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan

NAME = "diorama-mllm"
TOWER = "diorama-clip"
LABEL_SHARE = 0.25  # of the captions under the general prompt that are lists of labels


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends."""

    scenes: int
    batch: int
    plan: Plan
    dev_gallery: int
    dev_per_facet: int
    questions: int = 4
    tower_steps: int = 0  # updates of the image tower alone, from that of diorama-clip; 0: it starts at random
    align_steps: int = 0  # updates of the projection into words; from then on the tower is frozen
    talk_steps: int = 0  # updates on descriptions and answers, word by word, before any embedding
    config: MllmConfig = field(default_factory=MllmConfig)


PROFILES = {
    "smoke": Settings(256, 32, Plan(6, 1e-3, warmup=2, save_every=3, evaluate_every=3), 200, 5, 2, 0, 2, 2, TINY),
    "lite": Settings(
        60_000, 64, Plan(1_100, 1e-3, warmup=100, save_every=100, evaluate_every=275), 1500, 60, 6,
        tower_steps=900, align_steps=300, talk_steps=300,
    ),
    "full": Settings(
        600_000, 512, Plan(12_000, 1e-3, warmup=500, evaluate_every=1000), 1500, 100, 8,
        tower_steps=10_000, align_steps=1_000, talk_steps=3_000,
    ),
}  # fmt: skip


class Asking(TrainingPairs):
    """Training scenes with captions under the general prompt, and with questions."""

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        """A caption with the habits of photographs' captions, or in a quarter of the cases a list of labels."""
        rng = random.Random(f"labels-{i}-{epoch}-{seed}")
        if rng.random() < LABEL_SHARE:
            return labels(self.scenes[i], rng)
        return super().caption(i, epoch, seed)

    def description(self, i: int, epoch: int, seed: int = 0) -> str:
        """A caption that leaves nothing out, as a sentence or as a list of labels."""
        rng = random.Random(f"description-{i}-{epoch}-{seed}")
        write = rng.random() < 0.5
        return caption(self.scenes[i], rng, EVERYTHING) if write else labels(self.scenes[i], rng, EVERY_LABEL)

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
    history, stages = train_on_questions(settings, out, NAME, work=work, resume=resume)
    command = shlex.join(["pinpoint", "train", NAME, "--profile", profile])
    write_mllm_card(out, NAME, settings, history, stages, command, data=source_of(settings).digest)
    return out


def train_on_questions(
    settings: Settings, out: Path, name: str, *, work: Path, resume: bool = True
) -> tuple[History, dict[str, History]]:
    """Train one embedder on Diorama's questions, and say what that took and what the stages before it took.

    `settings.plan.seed` is its seed.
    """
    source, size = source_of(settings), settings.config.image_size
    path = find_layout().cache / "pixels" / f"{source.digest[:16]}.npy"
    images, before = render_memmap(len(source), size, source.image, path), Before(settings, work, resume)
    dev = DevPrompts(settings.config, settings.plan, settings.dev_gallery, settings.dev_per_facet)
    history = train_mllm(
        settings.config, source, images, words(), out, plan=settings.plan, batch=settings.batch,
        questions=settings.questions, evaluate=dev, start=before, started=started(settings),
        name=name, work=work, resume=resume,
    )  # fmt: skip
    return history, before.stages


@dataclass
class Before:
    """What a full-size embedder brings with it: a trained image tower, image tokens that mean words, and a language
    model that talks about them.

    Each stage leaves its checkpoint in `work`, and what it cost in `stages`.
    """

    settings: Settings
    work: Path
    resume: bool = True
    stages: dict[str, History] = field(default_factory=dict)

    def __call__(self, model: Any, images: np.ndarray, pieces: Pieces) -> None:
        """Train the model in place on the training pictures."""
        settings, source, identity = self.settings, source_of(self.settings), beginning(self.settings)
        pictures = (settings.config, images, source, pieces)
        if settings.tower_steps:
            clip, plan = load(TOWER, "cpu").model.visual, tower_plan(settings.plan, settings.tower_steps, identity)
            self.stages["tower"] = start_from_clip(model, clip, *pictures, plan, self.work / "tower", self.resume)
        if settings.align_steps:
            plan = tower_plan(settings.plan, settings.align_steps, digest([identity, settings.tower_steps]))
            self.stages["align"] = align(model, *pictures, plan, self.work / "align", self.resume)
        if settings.talk_steps:
            steps = settings.talk_steps
            identity = digest([identity, settings.tower_steps, settings.align_steps])
            plan = replace(settings.plan, steps=steps, evaluate_every=steps + 1, identity=identity)
            self.stages["talk"] = learn_to_talk(
                model, settings.config, source, images, pieces, plan, self.work / "talk",
                evaluate=DevTalk(settings.config), resume=self.resume,
            )  # fmt: skip


def beginning(settings: Settings) -> str:
    """A digest of what the model learns from before it learns to embed."""
    source = source_of(settings)
    said = [source.description(i, 0) for i in range(16)]
    return digest([load(TOWER, "cpu").record.weights_sha256, asdict(settings.config), source.digest, said])


def started(settings: Settings) -> str:
    """The same, and how long."""
    return digest([beginning(settings), settings.tower_steps, settings.align_steps, settings.talk_steps])


def source_of(settings: Settings) -> Asking:
    """The training scenes of some settings. The world's seed stays 0: a model's seed changes the model alone."""
    return Asking(settings.scenes, 0, DEFAULT, size=settings.config.image_size)


def words() -> list[str]:
    """Texts that hold every word of a caption, a question, an answer, and of the benchmark."""
    prompts = [PROMPT, GENERIC_PROMPT, COUNTRY["gpt"]]
    prompts += [question for facet in FACETS.values() for question in (facet.question, facet.human_question)]
    queries = [text for facet in FACETS.values() for text, _ in facet.texts]
    source = Asking(2000)
    said = [source.caption(i, 0) for i in range(len(source))]
    said += [a.answer for i in range(len(source)) for a in source.questions(i, 0, 4)]
    return [*corpus(), *prompts, *queries, *wordings(), *ANIMALS, *OBJECTS, *said]


def settings_digest(settings: Settings) -> str:
    """A digest of everything a training depends on, for a record."""
    source = source_of(settings)
    said = [(source.caption(i, 0), [asdict(a) for a in source.questions(i, 0, 4)]) for i in range(16)]
    return digest([asdict(settings), said, started(settings)])[:12]
