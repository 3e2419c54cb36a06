"""Smoke runs of chapter 4's recipes, what they ship and refuse, and what a real run puts on record."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close

from pinpoint.encoders import load
from pinpoint.encoders.blip import load_blip, match_logits, text_features
from pinpoint.errors import PinpointError
from pinpoint.files import read_json, write_json
from pinpoint.recipes import blip_tower, diorama_blip, style_heads, style_map, style_sweep, style_tuning
from pinpoint.recipes.diorama_stem import Classifier, normalise
from pinpoint.recipes.registry import train
from pinpoint.recipes.style_sweep import Arm, arms, on_record
from pinpoint.study.ledger import KEY
from pinpoint.style_heads import RIVALS, load_head
from pinpoint.style_models import PROMPTED, Prompting, learned, open_clip_backbone
from pinpoint.style_stem import load_stem
from pinpoint.style_study import CHOICES


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("style")
        patch.setenv("PINPOINT_CACHE", str(folder))
        yield folder


def refuse(*_: Any) -> None:
    raise AssertionError("a smoke run put numbers on record")


def test_a_stem_is_trained_normalised_and_opened(cache: Path) -> None:
    folder = train("diorama-stem", profile="smoke")
    stem = load_stem(folder)
    assert (
        not any(p.requires_grad for p in stem.shallow.parameters()) and "whole net" in (folder / "card.md").read_text()
    )
    with torch.no_grad():
        assert stem.shallow(torch.zeros(2, 3, 96, 96)).shape == (2, 32, 48, 48)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])
    with pytest.raises(PinpointError, match="damaged or was replaced"):
        load_stem(folder)


def test_normalising_changes_each_channel_by_a_factor_alone() -> None:
    torch.manual_seed(0)
    stem = Classifier().shallow
    images = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), np.uint8)
    x = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        before = stem(x)
        normalise(stem, images)
        after = stem(x)
    mean = before.mean(dim=(0, 2, 3))
    alive = mean > 1e-2  # an untrained net has channels that never fire
    assert alive.sum() > 5
    assert_close(after.mean(dim=(0, 2, 3))[alive], torch.ones(int(alive.sum())), atol=1e-3, rtol=1e-3)
    assert_close(after[:, alive], (before / mean[:, None, None])[:, alive], atol=1e-3, rtol=1e-3)


def test_a_small_blip_is_trained_and_opened(cache: Path) -> None:
    folder = train("diorama-blip", profile="smoke")
    encoder = load_blip(folder)
    texts = ["a red cat.", "there is a dog in the snow, with two people"]
    emb = encoder.encode_texts(texts)
    assert emb.shape == (2, 192) and np.allclose(np.linalg.norm(emb, axis=1), 1, atol=1e-5)
    assert_close(encoder.encode_texts(texts[:1])[0], emb[0], atol=1e-5, rtol=1e-4)  # padding changes nothing
    picture = np.random.default_rng(0).integers(0, 255, (1, 96, 96, 3), np.uint8)
    clip: Any = load("diorama-clip")
    own, theirs = encoder.encode_images(picture), clip.encode_images(picture)
    assert own.shape == (1, 192) and float((own * theirs).sum()) > 0.8  # grafted: near to its teacher from the start
    assert "matching" in (folder / "card.md").read_text()
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "weights_sha256": "0" * 64})
    with pytest.raises(PinpointError, match="damaged or was replaced"):
        load_blip(folder)
    with pytest.raises(PinpointError, match="holds no BLIP"):
        load_blip(folder / "nowhere")


def test_blip_as_transformers_saves_it_opens_through_the_same_door(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BlipConfig, BlipForImageTextRetrieval, PreTrainedTokenizerFast

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        "vocab_size": 9,
        "bos_token_id": 1,
        "sep_token_id": 2,
        "encoder_hidden_size": 32,
        "max_position_embeddings": 12,
    }
    model = BlipForImageTextRetrieval(BlipConfig(vision_config={**sizes, "image_size": 32, "patch_size": 16},
                                                 text_config={**sizes, **text}, image_text_hidden_size=24))  # fmt: skip
    model.save_pretrained(tmp_path)
    inner = Tokenizer(WordLevel({"[UNK]": 0, "a": 3, "red": 4, "cat": 5}, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]").save_pretrained(tmp_path)
    encoder = load_blip(tmp_path)
    assert encoder.encode_texts(["a red cat", "a"]).shape == (2, 24)
    picture = np.random.default_rng(0).integers(0, 255, (2, 50, 40, 3), np.uint8)
    assert encoder.encode_images(list(picture)).shape == (2, 24)


def test_the_two_readings_of_blip_are_transformers_own() -> None:
    torch.manual_seed(0)
    model = diorama_blip.small_model(diorama_blip.sizes(load("diorama-clip"), 60, 2)).eval()
    ids, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    pixels = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        tokens = model.vision_model(pixel_values=pixels).last_hidden_state
        itm = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_itm_head=True).itm_score
        assert_close(match_logits(model, ids, mask, tokens), itm, atol=1e-5, rtol=1e-4)
        itc = model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_itm_head=False).itm_score
        v, t = model.vision_proj(tokens[:, 0]), text_features(model, ids, mask)
        assert_close(cosine_similarity(v[:, None], t[None], dim=2), itc, atol=1e-5, rtol=1e-4)


def test_grafting_keeps_clips_embedding() -> None:
    teacher: Any = load("diorama-clip")
    model = diorama_blip.small_model(diorama_blip.sizes(teacher, 60, 1)).eval()
    pairs = diorama_blip.TrainingPairs(24)
    images = np.stack([pairs.image(n) for n in range(24)])
    blip_tower.graft(model, teacher.model.visual, images)
    x = blip_tower.normalised(torch.from_numpy(images))
    with torch.no_grad():
        own = model.vision_proj(model.vision_model(pixel_values=x).last_hidden_state[:, 0])
        assert cosine_similarity(own, teacher.model.visual(x)).mean() > 0.97


def test_rivals_are_shipped_and_refused_for_another_clip(cache: Path) -> None:
    folder = train("diorama-styles", profile="smoke")
    encoder: Any = load("diorama-clip")
    backbone = open_clip_backbone(encoder, load_stem())
    for method in RIVALS:
        model = load_head(method, backbone, encoder, folder)
        assert learned(model) and not any(p.requires_grad for p in model.parameters())
    with pytest.raises(PinpointError, match="unknown shipped head 'freestyle'"):
        load_head("freestyle", backbone, encoder, folder)
    other = SimpleNamespace(record=SimpleNamespace(weights_sha256="another"))
    with pytest.raises(PinpointError, match="heads of another CLIP"):
        load_head("norms", backbone, other, folder)
    assert set(style_heads.RIVALS) == {"norms", *PROMPTED} - {"freestyle"}


def test_smoke_runs_end_and_record_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [a for a in arms() if a.key in ("sweep.clip", "sweep.freestyle", "coarse.vpt_deep", "ablation.only_text")]
    monkeypatch.setattr(style_sweep, "arms", lambda: some)
    monkeypatch.setattr(style_sweep, "merge", refuse)
    monkeypatch.setattr(style_tuning, "merge", refuse)
    monkeypatch.setattr(style_tuning, "RATES", style_tuning.RATES[:1])
    out = train("style-sweep", profile="smoke")
    assert {path.stem.rsplit("-", 1)[0] for path in out.glob("*.json")} == {f"{a.key}-0" for a in some}
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    train("style-sweep", profile="smoke")  # nothing is measured twice
    assert kept == {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    tuned = read_json(train("style-tuning", profile="smoke") / "choices.json")
    assert set(tuned) == set(CHOICES) and all("path_rate" in choices for choices in tuned.values())


def test_the_map_is_made_from_a_smoke_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(features: np.ndarray) -> np.ndarray:  # UMAP itself, half a minute to compile, has a test of its own
        return (features[:, :2] - features[:, :2].min(axis=0)) / np.ptp(features[:, :2], axis=0)

    monkeypatch.setattr(style_map, "layout", flat)
    book = train("style-map", profile="smoke")
    assert (book / "assets" / "style-map.json").is_file() and (book / "extra" / "style-map.html").stat().st_size > 5000


def test_every_arm_of_the_issue_is_there() -> None:
    keys = {a.key: a for a in arms()}
    assert len(keys) == len(arms())
    for method in ("clip", "norms", *PROMPTED):
        assert f"sweep.{method}" in keys and f"coarse.{method}" in keys
    assert {f"ablation.tokens_{n}" for n in (1, 2, 8)} <= set(keys) and keys["ablation.tokens_8"].how == Prompting(
        tokens=8
    )
    assert {f"ablation.centres_{n}" for n in (1, 2, 8)} <= set(keys) and keys["freestyle_blip"].ground == "blip"
    for m in PROMPTED:
        assert all(keys[f"{at}.{m}"].seeds == 3 for at in ("sweep", "coarse", "ablation.frozen_norms"))
        assert keys[f"coarse.{m}"].tuned == "coarse" and keys[f"ablation.frozen_norms.{m}"].tuned == "frozen"
    assert keys["longer.freestyle"].longer == keys["longer.vpt_deep"].longer > 1


def test_what_a_sweep_puts_on_record(rng: np.random.Generator) -> None:
    groups = [kind for kind in ("text", "sketch", "art", "low_res", "glass") for _ in range(6)]
    names = ("sweep.clip", "sweep.norms", "sweep.vpt_deep", "sweep.pixel_prompt", "sweep.freestyle", "freestyle_blip")
    values = {n: [{m: rng.random(30).tolist() for m in ("r1", "r5")} for _ in range(3)] for n in names}
    entries = dict(on_record(values, dict.fromkeys(names, groups), "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    sketch = 100 * np.mean([run["r1"][6:12] for run in values["sweep.freestyle"]])
    assert entries["style.sweep.freestyle.sketch.r1"].value == pytest.approx(sketch)
    assert entries["style.freestyle_blip.unseen.r5"].seeds == 3
    mean = {
        n: 100 * np.mean([run["r1"][:24] for run in values[f"sweep.{n}"]])
        for n in ("freestyle", "vpt_deep", "pixel_prompt")
    }
    best = max(mean["vpt_deep"], mean["pixel_prompt"])
    assert entries["style.sweep.gain.best.r1"].value == pytest.approx(mean["freestyle"] - best)
    assert (
        entries["style.sweep.freestyle.least"].value <= mean["freestyle"] <= entries["style.sweep.freestyle.most"].value
    )


def test_the_recipes_know_their_profiles() -> None:
    for name in ("diorama-stem", "diorama-blip", "diorama-styles", "style-tuning", "style-sweep", "style-map"):
        with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
            train(name, profile="huge")


def test_without_pacs_the_recipe_says_where_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    with pytest.raises(PinpointError, match="put PACS there"):
        train("style-photos")


def test_an_arm_is_what_its_key_says() -> None:
    assert Arm("x", "freestyle").kinds == ("text", "sketch", "art", "low_res")
