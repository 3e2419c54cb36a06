"""The words that SEARLE's optimisation finds for training pictures: what its network Phi is distilled from.

Each image costs 350 updates of one free word. That is minutes for a thousand images, too long for a page that anybody
should be able to run; so the words are made once and shipped, and the network is trained from them in the chapter.
"""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import normalize

from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.files import atomic_path, canonical_json, digest, file_digest, write_json
from pinpoint.heads import Clip, Photo
from pinpoint.image_bank import ImageBank
from pinpoint.inversion import invert
from pinpoint.oti_words import NAME
from pinpoint.recipes.card import LICENCE
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.training import device_name
from pinpoint.zscir_setup import ConceptPhrases, make_material

TOWER = "diorama-clip"


@dataclass(frozen=True)
class Settings:
    """How many images are inverted, and by the released numbers: lr, decay and weights are defaults of `invert`."""

    images: int
    captions: int = 3000  # training captions that phrases are taken from
    steps: int = 350
    chunk: int = 256
    seed: int = 0


PROFILES = {"smoke": Settings(16, 200, 3, 16), "lite": Settings(768), "full": Settings(16_384, 16_384, chunk=2048)}


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Invert the first training pictures of chapter 3's bank; finished chunks are kept, so a stopped run goes on."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, layout = PROFILES[profile], find_layout()
    out = out or (layout.cache / "training" / f"{NAME}-smoke" if profile == "smoke" else shipped_folder(NAME))
    encoder: Any = load(TOWER)
    store = Store(layout.cache / "embeddings")
    material = make_material(encoder, store, settings.captions)
    bank = material.bank.of(material.bank.ids[: settings.images])
    words = torch.from_numpy(inverted(material.clip, bank, material.captions, settings, store, resume))
    write(out, material.clip, bank, words, settings, encoder, f"pinpoint train {NAME} --profile {profile}")
    return out


def inverted(
    clip: Clip, bank: ImageBank, captions: tuple[str, ...], settings: Settings, store: Store, resume: bool
) -> Any:
    """The words (N, width), float32, chunk by chunk."""
    phrases = ConceptPhrases(clip, bank.v, captions)
    row = {image: n for n, image in enumerate(bank.ids)}

    def encode(ids: Any) -> Any:
        rows = [row[image] for image in ids]
        words = invert(clip.side, bank.v[rows], lambda i: phrases(i, rows), steps=settings.steps,
                       templates=clip.templates, seed=settings.seed)  # fmt: skip
        return words.numpy()

    record = {"oti": asdict(settings), "said": digest(captions), "templates": clip.templates}
    if not resume:
        shutil.rmtree(store.folder(record), ignore_errors=True)
    return store.get(record, bank.ids, encode, part_size=settings.chunk)


def write(out: Path, clip: Clip, bank: ImageBank, words: torch.Tensor, settings: Settings, encoder: Any,
          command: str) -> None:  # fmt: skip
    """Words, what they belong to, and a card that says how well they say their images."""
    with torch.no_grad():
        u = Photo(clip, 1)(words.half().float()[:, None])
    cosine = float((u * normalize(bank.v, dim=1)).sum(1).mean())
    write_weights(out / "model.safetensors", {"words": words.half()})
    config = {"format": "pinpoint-oti/1", "name": NAME, "clip_sha256": encoder.record.weights_sha256,
              "images": list(bank.ids), "weights_sha256": file_digest(out / "model.safetensors")}  # fmt: skip
    write_json(out / "config.json", config)
    rows = {
        "what": f"one pseudo-word each of {len(bank):,} Diorama training scenes, for `{TOWER}`",
        "weights": f"SHA-256 `{config['weights_sha256']}`",
        "recipe": f"SEARLE's optimisation-based textual inversion, `{canonical_json(settings)}`; templates and phrases "
                  "in the words of Diorama's captions",
        "cosine of prompt and image": f"{cosine:.3f}",
        "device": device_name(encoder.device), "command": f"`{command}`", "licence": LICENCE,
    }  # fmt: skip
    lines = [f"# {NAME}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items()), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))
