"""The weights that chapter 4 ships do what their cards say: none of these would pass with random ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinpoint.diorama import tasks
from pinpoint.diorama.captions import EVERYTHING
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.blip import load_blip, match_logits
from pinpoint.files import read_json
from pinpoint.freestyle import gram
from pinpoint.study.layout import find_layout
from pinpoint.style_data import DRAWN, scene_set
from pinpoint.style_heads import NAME, RIVALS, load_head
from pinpoint.style_map import load_map
from pinpoint.style_models import build, open_clip_backbone
from pinpoint.style_photos import nearest_labels
from pinpoint.style_stem import load_stem
from pinpoint.style_study import Choices, ask, scored

ROOT = find_layout().root


def test_rivals_find_mosaics_that_the_frozen_tower_does_not() -> None:
    encoder: Any = load("diorama-clip", device="cpu")
    backbone = open_clip_backbone(encoder, load_stem())
    asked = ask(encoder, tasks.style("dev", 80, 40))
    frozen = scored(asked, "clip", asked.vectors(build("clip", backbone))).metric("r1", "low_res").value
    for method in RIVALS:
        found = scored(asked, method, asked.vectors(load_head(method, backbone, encoder)))
        assert found.metric("r1", "low_res").value > frozen + 20, method


def test_rivals_were_trained_with_the_choices_of_today() -> None:
    config = read_json(shipped_folder(NAME) / "config.json")
    today = Choices()
    assert config["choices"] == {"lr": dict(today.lr), "path_rate": today.path_rate}


def test_the_stems_gram_matrices_tell_the_styles_apart() -> None:
    encoder: Any = load("diorama-clip", device="cpu")
    data, stem = scene_set(encoder, 40), load_stem()
    with torch.no_grad():
        g = [gram(stem.shallow(data.pixels(kind, range(40))).flatten(2)).flatten(1) for kind in ("natural", *DRAWN)]
    rows = torch.nn.functional.normalize(torch.cat(g), dim=1).numpy()
    labels = np.repeat(np.arange(4), 40)
    assert nearest_labels(rows, labels, 5).mean() > 0.55  # an untrained stem has 0.37 to 0.45


def test_blip_embeds_and_matches_texts_it_has_never_seen() -> None:
    encoder = load_blip(shipped_folder("diorama-blip"), device="cpu")
    pairs = TrainingPairs(40, split="dev", mention=EVERYTHING)
    images = np.stack([pairs.image(n) for n in range(40)])
    texts = [pairs.caption(n, 0) for n in range(40)]
    scores = encoder.encode_texts(texts) @ encoder.encode_images(images).T
    assert (scores.argmax(axis=1) == np.arange(40)).mean() > 0.6  # chance is one in forty
    ids, mask = encoder.laid_out(texts)
    with torch.no_grad():
        tokens = encoder.model.vision_model(pixel_values=encoder.preprocess(images)).last_hidden_state
        own, other = (match_logits(encoder.model, ids, mask, t)[:, 1] for t in (tokens, tokens.roll(1, dims=0)))
    assert (own > other).float().mean() > 0.8  # chance is a half


def test_the_committed_map_is_what_its_template_and_its_coordinates_give() -> None:
    page = (ROOT / "book" / "extra" / "style-map.html").read_text("utf-8")
    template = (Path(load_map.__code__.co_filename).parent / "style_map.html").read_text("utf-8")
    data = next(line for line in page.splitlines() if line.startswith("const D = "))
    assert page.replace(data, "const D = {{DATA}};").replace("The same scenes in four styles", "{{TITLE}}") == template
    kept = load_map(ROOT / "book" / "assets" / "style-map.json")
    for model, xy in kept.coordinates.items():
        assert f'["{model}",' in data and f"[{xy[0, 0]:g},{xy[0, 1]:g}]" in data
    assert len(kept.style) == len(kept.text) == 4 * len(set(kept.scene))


def test_the_coarse_set_is_frozen() -> None:
    from pinpoint.diorama.plain import style_coarse

    assert style_coarse("test", 1000, 400).digest.startswith("5b6a7ec50ba7f661")


@pytest.mark.parametrize("name", ["diorama-blip", "diorama-stem", NAME])
def test_every_shipped_model_has_a_card_with_its_command(name: str) -> None:
    card = (shipped_folder(name) / "card.md").read_text("utf-8")
    assert (
        f"pinpoint train {name}" in card and read_json(shipped_folder(name) / "config.json")["weights_sha256"] in card
    )
