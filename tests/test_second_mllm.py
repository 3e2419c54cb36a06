"""The second promptable embedder: its settings, a smoke run, and what a real run puts on record."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.promptable_setup import ClaimSetup
from pinpoint.recipes import diorama_mllm, second_mllm
from pinpoint.recipes.registry import train
from pinpoint.recipes.second_mllm import PROFILES
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import KEY, read_ledger
from pinpoint.training import History

MODES = ("general", "prompted", "linear", "linear_ridge")


@pytest.mark.parametrize("name", ["smoke", "lite", "full"])
def test_it_is_the_first_in_another_class_and_half_as_long(name: str) -> None:
    first, second = diorama_mllm.PROFILES[name], PROFILES[name]
    assert (first.config.architecture, second.config.architecture) == ("qwen2_vl", "llava")
    assert second.plan.steps == math.ceil(first.plan.steps / 2)
    assert second.tower_steps == math.ceil(first.tower_steps / 2)
    assert second.plan.warmup <= second.plan.steps // 4 and second.plan.evaluate_every == second.plan.steps
    same = {"align_steps", "talk_steps", "scenes", "batch", "dev_gallery", "dev_per_facet", "questions"}
    assert all(getattr(first, field) == getattr(second, field) for field in same)
    assert {k: v for k, v in vars(first.config).items() if k != "architecture"} == {
        k: v for k, v in vars(second.config).items() if k != "architecture"
    }
    changed = {"steps", "warmup", "evaluate_every"}
    assert {k: v for k, v in vars(first.plan).items() if k not in changed} == {
        k: v for k, v in vars(second.plan).items() if k not in changed
    }


def test_an_unknown_profile_is_one_line() -> None:
    with pytest.raises(PinpointError, match="unknown training profile 'huge'; known: full, lite, smoke"):
        train("diorama-llava", profile="huge")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a smoke run, which may write nowhere but below its own cache."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a smoke run put numbers on record")

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("second")
        patch.setenv("PINPOINT_CACHE", str(cache))
        patch.setattr(second_mllm, "merge", refuse)
        patch.setattr(second_mllm, "measured", refuse)
        ledger = find_layout().results / "recorded.json"
        before = read_ledger(ledger)
        out = train("diorama-llava", profile="smoke")
        assert out.is_relative_to(cache)
        assert read_ledger(ledger) == before
    return out


def test_a_smoke_run_writes_a_folder_that_opens(smoke: Path) -> None:
    encoder = load(str(smoke), "cpu")
    assert encoder.record.kind == "mllm" and type(encoder.model).__name__ == "LlavaModel"
    assert (encoder.dim, encoder.image_size) == (48, 48)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), np.uint8)
    tables = encoder.encode_prompts(pictures, ["Represent the given image.", "What colour is it?"])
    np.testing.assert_allclose(np.linalg.norm(tables, axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(tables[0], encoder.encode_plain(pictures), atol=1e-4)
    assert np.abs(tables[0] - tables[1]).max() > 1e-3
    card = (smoke / "card.md").read_text()
    assert "# diorama-llava" in card and "pinpoint train diorama-llava --profile smoke" in card and "LlavaModel" in card
    assert read_json(smoke / "pinpoint.json")["name"] == "diorama-llava"
    assert read_json(smoke / "dev_curve.json")[-1]["step"] == PROFILES["smoke"].plan.steps == 3


def test_a_longer_run_puts_its_macro_means_on_record(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(settings: Any, out: Path, name: str, **_: Any) -> tuple[History, dict[str, History]]:
        shutil.copytree(smoke, out)
        return History(losses=[1.0, 0.5], device="toy"), {}

    layout = SimpleNamespace(cache=tmp_path / "cache", results=tmp_path / "results")
    monkeypatch.setattr(second_mllm, "find_layout", lambda: layout)
    monkeypatch.setattr(second_mllm, "train_on_questions", trained)
    monkeypatch.setattr(second_mllm, "TEST", ClaimSetup(gallery=200, per_facet=1, held_out=16, n=8, draws=2))
    monkeypatch.setitem(PROFILES, "lite", PROFILES["smoke"])
    second_mllm.make(profile="lite")
    entries = read_ledger(tmp_path / "results" / "recorded.json")
    assert set(entries) == {f"promptable.second.{mode}.macro.{m}" for mode in MODES for m in ("r1", "r5")}
    assert all(KEY.fullmatch(key) and entry.chapter == "diorama-llava" for key, entry in entries.items())
    assert all(0 <= entry.low <= entry.value <= entry.high <= 100 and entry.n == 8 for entry in entries.values())
    assert len({entry.seal for entry in entries.values()}) == 1 and all(entry.seal for entry in entries.values())
    for mode in MODES:
        assert (
            entries[f"promptable.second.{mode}.macro.r1"].value <= entries[f"promptable.second.{mode}.macro.r5"].value
        )
