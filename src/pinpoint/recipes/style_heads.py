"""The trained heads of chapter 4's rivals, seed 0, at the page's budget: what FreestyleRet is compared with there.

FreestyleRet itself is trained in the page. To train all of them live would cost a reader four more minutes.
"""

import shlex
from dataclasses import asdict
from pathlib import Path

import torch

from pinpoint.encoders import shipped_folder
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import unknown
from pinpoint.files import atomic_path, canonical_json, file_digest, write_json
from pinpoint.recipes.card import LICENCE
from pinpoint.recipes.style_ground import PROFILES, TOWER, prepare
from pinpoint.study.layout import find_layout
from pinpoint.style_heads import NAME, RIVALS
from pinpoint.style_models import learned
from pinpoint.style_study import Choices, train


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train the rivals and write what they learned, with a card, to `out`. Minutes; not resumed."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, choices = PROFILES[profile], Choices()
    work = find_layout().cache / "training" / f"{NAME}-{profile}"
    out = out or (work if profile == "smoke" else shipped_folder(NAME))
    ground = prepare(settings, "dev")
    state: dict[str, torch.Tensor] = {}
    seconds: dict[str, int] = {}
    device = ""
    for method in RIVALS:
        model, history = train(method, ground.backbone, ground.data, settings.budget, choices)
        state |= {f"{method}/{name}": tensor for name, tensor in learned(model).items()}
        seconds[method], device = round(history.seconds), history.device
    path = out / "model.safetensors"
    write_weights(path, state)
    config = {"format": "pinpoint-heads/1", "name": NAME, "clip_sha256": ground.encoder.record.weights_sha256,
              "budget": asdict(settings.budget), "choices": asdict(choices),
              "weights_sha256": file_digest(path)}  # fmt: skip
    write_json(out / "config.json", config)
    rows = {
        "what": f"what {', '.join(RIVALS)} learned before the frozen image tower of `{TOWER}`",
        "weights": f"SHA-256 `{config['weights_sha256']}`",
        "recipe": f"`{canonical_json(settings)}`, `{canonical_json(choices)}`",
        "seconds": canonical_json(seconds), "device": device,
        "command": f"`{shlex.join(['pinpoint', 'train', NAME, '--profile', profile])}`", "licence": LICENCE,
    }  # fmt: skip
    lines = [f"# {NAME}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items()), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))
    return out
