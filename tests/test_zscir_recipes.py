"""Smoke runs of chapter 3's recipes, and what a real run would put on record."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.image_bank import ImageBank
from pinpoint.oti_words import load_words
from pinpoint.recipes import diorama_oti, zscir_sweep, zscir_tuning
from pinpoint.recipes.kept import trial_entries
from pinpoint.recipes.registry import train
from pinpoint.recipes.zscir_sweep import METRICS, SIZES, arms, on_record
from pinpoint.recipes.zscir_tuning import NAME, OWN, PROFILES, RATES, tuned
from pinpoint.study.ledger import KEY
from pinpoint.zscir_study import PROJECTIONS, Choices


@pytest.fixture(scope="module")
def oti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINPOINT_CACHE", str(tmp_path_factory.mktemp("oti")))
        return train("diorama-oti", profile="smoke")


def test_words_are_shipped_with_their_images_and_refused_for_another_clip(oti: Path, tmp_path: Path) -> None:
    encoder: Any = load("diorama-clip")
    config = read_json(oti / "config.json")
    ids = tuple(config["images"])
    bank = ImageBank(("other", *ids[:5]), torch.randn(6, 192), torch.zeros(6, 1, 1))
    v, words = load_words(bank, encoder, oti)
    assert v.shape == (5, 192) and words.shape == (5, 192) and torch.equal(v, bank.v[1:])
    assert "SEARLE" in (oti / "card.md").read_text()
    with pytest.raises(PinpointError, match="has no word for any of these 1 images"):
        load_words(ImageBank(("other",), torch.randn(1, 192), torch.zeros(1, 1, 1)), encoder, oti)
    encoder.record = type("Record", (), {"weights_sha256": "another"})()
    with pytest.raises(PinpointError, match="words of another CLIP"):
        load_words(bank, encoder, oti)


def refuse(*_: Any) -> None:
    raise AssertionError("a smoke run put numbers on record")


@pytest.mark.parametrize("name", ["zscir-tuning", "zscir-sweep"])
def test_a_smoke_run_ends_and_records_nothing(
    name: str, oti: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path))
    monkeypatch.setattr(zscir_tuning, "load_words", lambda bank, encoder: load_words(bank, encoder, oti))
    module = zscir_tuning if name == "zscir-tuning" else zscir_sweep
    monkeypatch.setattr(module, "merge", refuse)
    monkeypatch.setattr(zscir_sweep, "arms", lambda s: arms(s)[:2] + [a for a in arms(s) if "joint" in a.key])
    monkeypatch.setattr(zscir_tuning, "RATES", RATES[:1])
    out = train(name, profile="smoke")
    kept = [path for path in out.rglob("*.json") if path.name != "choices.json"]
    assert kept
    before = {path: path.read_bytes() for path in kept}
    monkeypatch.setattr(torch.optim, "AdamW", refuse)  # a second run trains nothing
    assert train(name, profile="smoke") == out and before == {path: path.read_bytes() for path in kept}


def test_every_head_has_the_same_number_of_trials_and_the_best_wins() -> None:
    tried: dict[str, list[str]] = {}

    def trial(method: str, label: str, choices: Choices) -> float:
        tried.setdefault(method, []).append(label)
        right = choices.lr[method] == 2e-3, choices.noise == 0.25, choices.phrase_weight == 0.3
        return float(sum(right))

    best = tuned(trial, Choices())
    assert {len(labels) for labels in tried.values()} == {7} and len(tried) == 5
    assert set(best.lr.values()) == {2e-3} and (best.noise, best.phrase_weight) == (0.25, 0.3)
    assert set(OWN) | {"pic2word"} == {*PROJECTIONS, "stage1", "two_stage"}
    keys = trial_entries({"zscir.dev.searle.own_0_75.map5": 3.0}, "CPU", NAME)
    assert all(KEY.fullmatch(key) for key in keys)


def test_the_arms_cover_the_claims() -> None:
    keys = [arm.key for arm in arms(PROFILES["lite"])]
    assert len(keys) == len(set(keys)) and keys[:3] == ["two_stage", "stage1", "stage1_longer"]
    assert {f"two_stage.triplets_{n}" for n in SIZES if n != 1000} <= set(keys)
    for name in ("no_injection", "no_soft", "k2", "k4", "random", "joint"):
        assert f"ablation.{name}.two_stage" in keys


def test_what_a_sweep_puts_on_record(rng: np.random.Generator) -> None:
    groups = ["a", "b"] * 10
    longer = [f"{m}_longer" for m in PROJECTIONS]
    names = ["two_stage", "stage1", *PROJECTIONS, *longer, "two_stage.triplets_30"]
    values = {n: [{m: (rng.random(20) + 0.1).tolist() for m in METRICS} for _ in range(3)] for n in names}
    entries = on_record(values, groups, "CPU", 1000)
    assert all(KEY.fullmatch(key) for key in entries)
    mean = 100 * np.mean([run["map5"] for run in values["stage1"]])
    assert entries["zscir.sweep.stage1.map5"].value == pytest.approx(mean)
    assert entries["zscir.two_stage.triplets_0.map5"].value == pytest.approx(mean)
    assert entries["zscir.two_stage.triplets_30.map5"].seeds == 3
    assert entries["zscir.two_stage.triplets_1000.map5"] == entries["zscir.sweep.two_stage.map5"]
    best = max(entries[f"zscir.sweep.{m}.r1"].value for m in PROJECTIONS)
    gain = 100 * (entries["zscir.sweep.two_stage.r1"].value / best - 1)
    assert entries["zscir.sweep.two_stage.gain_r1"].value == pytest.approx(gain)
    best = max(entries[f"zscir.sweep.{m}.r1"].value for m in (*PROJECTIONS, *longer))
    gain = 100 * (entries["zscir.sweep.two_stage.r1"].value / best - 1)
    assert entries["zscir.sweep.two_stage.gain_same_updates_r1"].value == pytest.approx(gain)


def test_the_recipes_know_their_profiles() -> None:
    for name in ("diorama-oti", "zscir-tuning", "zscir-sweep"):
        with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
            train(name, profile="huge")
    assert diorama_oti.PROFILES["lite"].images <= PROFILES["lite"].bank
