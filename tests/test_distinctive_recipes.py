"""Smoke runs of chapter 5's recipes: they end, keep what they measured, and record nothing."""

from pathlib import Path
from typing import Any

import pytest

from pinpoint.distinctive_objectives import OBJECTIVES
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.recipes import distinctive_sweep, distinctive_tuning
from pinpoint.recipes.distinctive_ground import PROFILES, prepare
from pinpoint.recipes.distinctive_sweep import arms
from pinpoint.recipes.distinctive_tuning import dev_settings, trials
from pinpoint.recipes.registry import train


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("dqe")
        patch.setenv("PINPOINT_CACHE", str(folder))
        yield folder


def refuse(*_: Any) -> None:
    raise AssertionError("a smoke run put numbers on record")


def test_smoke_runs_end_keep_and_record_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [a for a in arms() if a.key in ("warm", "dqe", "scratch.qure", "ablation.refresh_0")]
    monkeypatch.setattr(distinctive_sweep, "arms", lambda: some)
    monkeypatch.setattr(distinctive_sweep, "merge", refuse)
    monkeypatch.setattr(distinctive_tuning, "merge", refuse)
    monkeypatch.setattr(distinctive_tuning, "OBJECTIVES", {n: OBJECTIVES[n] for n in ("infonce", "trns")})
    out = train("dqe-sweep", profile="smoke")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert {path.stem.rsplit("-", 1)[0] for path in kept} == {f"{a.key}-0" for a in some}
    train("dqe-sweep", profile="smoke")  # nothing is measured twice
    assert kept == {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    run = read_json(next(path for path in kept if path.name.startswith("dqe")))
    assert len(run["r10"]) == 12 and run["made_at"][0] == 0 and len(run["confusion"]) > 0
    tuned = read_json(train("dqe-tuning", profile="smoke") / "choices.json")
    assert set(tuned) == {"infonce", "trns"} and tuned["trns"]["negatives"] == "zone"


def test_every_objective_gets_the_same_number_of_trials() -> None:
    for name in ("infonce", "bt_random", "qure", "trns", "dqe"):
        some = list(trials(name))
        assert len(some) == 5 == len({t.key for t in some}) == len({t.lr for t in some})
        assert all(t.objective.name == name for t in some)


def test_the_development_split_asks_for_colour_and_shape_among_everything(cache: Path) -> None:
    ground = prepare(dev_settings(PROFILES["smoke"]), "dev")
    assert set(ground.attributes.benchmark.groups) == {"colour", "shape"} < set(ground.general.benchmark.groups)
    assert ground.attributes.benchmark.gallery.ids == ground.general.benchmark.gallery.ids
    assert ground.attributes.benchmark.split == "dev"


def test_the_recipes_know_their_profiles() -> None:
    for name in ("diorama-qformer", "dqe-tuning", "dqe-sweep"):
        with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
            train(name, profile="huge")
