"""The recipe of `diorama-stem`: a small conv net learns to name what natural pictures show; its first layers are kept.

VGG-19 is used the same way: trained to classify photographs, it has never been told about style. Here too no drawing,
painting or mosaic is seen.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pinpoint.diorama.scene import ANIMALS, COLOUR_NAMES, OBJECTS, PLACES, TIMES, WEATHERS, Scene, sample_split
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import shipped_folder
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.files import atomic_path, canonical_json, digest, file_digest, write_json
from pinpoint.recipes.card import LICENCE
from pinpoint.recipes.clip import normalised
from pinpoint.recipes.pairs import Shuffled
from pinpoint.study.layout import find_layout
from pinpoint.style_stem import CHANNELS, NAME, shallow
from pinpoint.training import History, Plan, fit

ANSWERS = ((*ANIMALS, *OBJECTS, "person"), COLOUR_NAMES, PLACES, TIMES, WEATHERS)


@dataclass(frozen=True)
class Settings:
    """How much of everything a profile spends."""

    scenes: int
    batch: int
    plan: Plan
    dev: int


PROFILES = {
    "smoke": Settings(64, 16, Plan(4, 1e-3, warmup=1, evaluate_every=4), 32),
    "lite": Settings(20_000, 64, Plan(900, 3e-3, warmup=50, evaluate_every=300), 1000),
    "full": Settings(200_000, 256, Plan(6_000, 3e-3, warmup=200, evaluate_every=1000), 4000),
}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Draw natural training scenes, train the classifier, and write its first layers and a card to `out`."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings = PROFILES[profile]
    work = find_layout().cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    pairs = TrainingPairs(settings.scenes)
    images = np.stack([pairs.image(i) for i in range(len(pairs))])
    torch.manual_seed(settings.plan.seed)
    model, batches = Classifier(), Pictures(images, pairs.scenes, settings)
    plan = Plan(**{**settings.plan.__dict__, "identity": digest([pairs.digest, ANSWERS, settings.batch])})
    dev = Development(settings.dev)
    history = fit(model, loss, batches, plan, folder=work, evaluate=dev, resume=resume, label=NAME)
    normalise(model.shallow, images[:256])
    write(out, model.shallow, settings, history, shlex.join(["pinpoint", "train", NAME, "--profile", profile]))
    return out


class Classifier(nn.Module):
    """VGG's plan in small: the shallow layers, three more with a pooling each, and one linear head per attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.shallow = shallow()
        layers: list[nn.Module] = []
        for before, after in ((CHANNELS, 64), (64, 96), (96, 128)):
            layers += [nn.MaxPool2d(2), nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        self.deep = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.heads = nn.ModuleList(nn.Linear(128, len(names)) for names in ANSWERS)

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Logits (B, n) per attribute for pixels (B, 3, S, S)."""
        features = self.deep(self.shallow(pixels))
        return [head(features) for head in self.heads]


class Pictures:
    """`pictures(i)` -> uint8 (B, S, S, 3) and labels (B, attributes), a function of i alone."""

    def __init__(self, images: np.ndarray, scenes: list[Scene], settings: Settings) -> None:
        self.images, self.labels = images, labels(scenes)
        self.rows = Shuffled(len(images), settings.batch, settings.plan.seed)

    def __call__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Batch i."""
        rows = self.rows(i)[1]
        return torch.from_numpy(self.images[rows]), self.labels[rows]


def labels(scenes: list[Scene]) -> torch.Tensor:
    """Subject, its colour, place, hour and weather as class numbers, int64 (N, 5)."""
    said = [(s.subject.name, s.subject.colour, s.place, s.time, s.weather) for s in scenes]
    return torch.tensor([[names.index(x) for names, x in zip(ANSWERS, row, strict=True)] for row in said])


def loss(model: Any, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The sum of the attributes' cross-entropies."""
    pixels, truth = batch
    terms = [cross_entropy(logits, truth[:, n]) for n, logits in enumerate(model(normalised(pixels)))]
    return torch.stack(terms).sum()


class Development:
    """Accuracy per attribute on development scenes, in percent."""

    def __init__(self, n: int) -> None:
        scenes = sample_split(n, "dev", 0)
        pairs = TrainingPairs(n, split="dev")
        self.pixels, self.truth = np.stack([pairs.image(i) for i in range(n)]), labels(scenes)

    def __call__(self, model: Any) -> dict[str, float]:
        """One point of the curve."""
        parts = [model(normalised(part)) for part in torch.from_numpy(self.pixels).split(128)]
        names = ("subject", "colour", "place", "time", "weather")
        return {
            name: 100 * float((torch.cat([p[n] for p in parts]).argmax(1) == self.truth[:, n]).float().mean())
            for n, name in enumerate(names)
        }


def normalise(stem: nn.Sequential, images: np.ndarray) -> None:
    """Rescale every layer so that each channel's mean activation over `images` is 1, as the released VGG-19 is; the
    function changes by a factor per channel alone, since a rectifier lets positive factors through."""
    x = normalised(torch.from_numpy(images))
    before: torch.Tensor | None = None
    with torch.no_grad():
        for n, layer in enumerate(stem):
            if isinstance(layer, nn.Conv2d):
                if before is not None:
                    layer.weight.mul_(before[None, :, None, None])
                mean = torch.relu(layer(x)).mean(dim=(0, 2, 3)).clamp_min(1e-3)
                layer.weight.div_(mean[:, None, None, None])
                assert layer.bias is not None
                layer.bias.div_(mean)
                before = mean
            x = stem[n](x)


def write(out: Path, stem: nn.Module, settings: Settings, history: History, command: str) -> None:
    """Weights in half precision, their digest, and a card."""
    path = out / "model.safetensors"
    write_weights(path, {name: tensor.half() for name, tensor in stem.state_dict().items()})
    write_json(out / "config.json", {"format": "pinpoint-stem/1", "name": NAME, "weights_sha256": file_digest(path)})
    curve = [" ".join(f"{key} {value:.1f}" for key, value in point.items()) for point in history.curve]
    rows = {
        "what": "the first three layers of a small conv net that names subject, colour, place, hour and weather of "
                "natural Diorama pictures; every channel's mean activation is 1",
        "weights": f"SHA-256 `{file_digest(path)}`", "recipe": f"`{canonical_json(settings)}`",
        "development accuracy of the whole net, %": "; ".join(curve), "seconds": f"{history.seconds:.0f}",
        "device": history.device, "command": f"`{command}`", "licence": LICENCE,
    }  # fmt: skip
    lines = [f"# {NAME}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items()), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))
