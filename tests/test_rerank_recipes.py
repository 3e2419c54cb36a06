"""Smoke runs of chapter 6's recipes: they end, keep what they measured, record nothing; and what they ship loads."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinpoint.encoders import shipped_folder
from pinpoint.errors import PinpointError
from pinpoint.files import read_json, write_json
from pinpoint.recipes import rerank_ground, rerank_longer, rerank_sweep, rerank_tuning
from pinpoint.recipes.registry import train
from pinpoint.recipes.rerank_ground import PROFILES, prepare
from pinpoint.recipes.rerank_record import GAINS, METRICS, MS, on_record
from pinpoint.recipes.rerank_rivals import RIVALS, composer_stage
from pinpoint.recipes.rerank_sweep import SEEDS, arms
from pinpoint.recipes.rerank_tuning import HARD, IN_BATCH, RATES, Trial, climb, first_trial, second_trial, variants
from pinpoint.rerank_data import Reader
from pinpoint.rerank_files import load_rerank
from pinpoint.rerank_training import Budget
from pinpoint.study.ledger import KEY
from rerank_toy import run_of


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("rerank")
        patch.setenv("PINPOINT_CACHE", str(folder))
        yield folder


def refuse(*_: Any) -> None:
    raise AssertionError("a smoke run put numbers on record")


def test_tuning_ends_and_keeps(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = {"RATES": (3e-4,), "COUNTS": (3,), "ALPHAS": (0.0, 0.5), "merge": refuse}
    for name, value in fewer.items():
        monkeypatch.setattr(rerank_tuning, name, value)
    out = train("rerank-tuning", profile="smoke")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("rerank.*.json")}
    assert len(kept) == 7  # stage 1, both ways of stage 2, three variants, the best with all pairs
    train("rerank-tuning", profile="smoke")  # nothing is measured twice
    assert kept == {path: path.stat().st_mtime_ns for path in out.glob("rerank.*.json")}
    chosen = read_json(out / "choices.json")
    assert chosen["first_rate"] == 3e-4 and chosen["alpha"] in (0.0, 0.5)


def test_the_sweep_ends_keeps_and_resumes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerank_sweep, "KS", (5, 50, 100))
    monkeypatch.setattr(rerank_sweep, "merge", refuse)
    some = [a for a in arms() if a.key in ("stage1", "hard", "dqe", "zscir")]
    monkeypatch.setattr(rerank_sweep, "arms", lambda: some)
    out = train("rerank-sweep", profile="smoke")
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert {path.stem.rsplit("-", 1)[0] for path in kept} == {f"{a.key}-0" for a in some}
    gone = next(path for path in kept if path.name.startswith("stage1"))
    gone.unlink()
    train("rerank-sweep", profile="smoke")
    again = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert {p for p in kept if kept[p] != again[p]} == {gone}
    hard = read_json(next(path for path in kept if path.name.startswith("hard")))
    stage1 = read_json(gone)
    assert hard["at"]["50"]["r1"] == hard["r1"] and set(hard["at"]) == {"5", "50", "100"}
    assert hard["before"] == {m: stage1[m] for m in METRICS} and len(hard["r1"]) == PROFILES["smoke"].queries
    assert hard["at"]["5"]["r5"] == stage1["r5"]  # recall at the cut


def test_a_longer_stage_1_is_measured_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerank_longer, "merge", refuse)
    monkeypatch.setattr(rerank_longer, "K", 5)
    out = train("rerank-longer", profile="smoke")
    found = {path.stem.split("-")[0]: read_json(path) for path in out.glob("*.json")}
    assert {name: set(some) for name, some in found.items()} == {
        name: {"stage1", name, f"{name}_fused"} for name in rerank_longer.RERANKERS
    }
    assert found["reranked"]["stage1"] == found["own"]["stage1"]  # one first stage, two re-rankers
    assert found["own"]["own"]["r5"] == found["own"]["stage1"]["r5"]  # recall at the cut
    monkeypatch.setattr(rerank_longer, "measure", refuse)
    train("rerank-longer", profile="smoke")


def test_a_longer_stage_1_goes_on_record() -> None:
    found = {key: {m: [0.0, float(key != "stage1")] for m in METRICS} for key in ("stage1", "own", "own_fused")}
    entries = dict(rerank_longer.on_record(found, ["animal", "place"], "CPU"))
    assert all(KEY.fullmatch(key) for key in entries) and "rerank.longer.gain.stage1.r1" not in entries
    assert entries["rerank.longer.stage1.map5"].value == 0 and entries["rerank.longer.own.map5"].value == 50
    gain = entries["rerank.longer.gain.own_fused.r1"]
    assert gain.value == 50 and gain.unit == "points" and gain.seeds == 1


def test_another_first_stage_is_asked_the_same_benchmark(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pinpoint.recipes import zscir_tuning

    made: list[Any] = []
    original = zscir_tuning.prepare

    def noted(*given: Any) -> Any:
        made.append(original(*given))
        return made[-1]

    monkeypatch.setattr(zscir_tuning, "prepare", noted)
    ground = prepare(PROFILES["smoke"], "test")
    composer_stage("zscir", ground, "smoke", 0)
    assert made[0].asked.benchmark.digest == ground.asked.benchmark.digest


@pytest.mark.parametrize("name", list(RIVALS))
def test_a_first_stage_answers_again_as_it_ranked(name: str, cache: Path) -> None:
    ground = prepare(PROFILES["smoke"], "test")
    stage = RIVALS[name](name, ground, "smoke", 0)
    ranked = stage.retriever.scores(ground.asked.benchmark, slice(0, 4))
    np.testing.assert_allclose(stage.answer(4), ranked, atol=1e-5)
    assert stage.ms(ground, repeats=1) > 0


def test_who_asks_for_a_stage_that_is_being_trained_waits(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground, original = prepare(PROFILES["smoke"], "test"), rerank_ground.train_filter
    at_work: list[int] = []
    most = 0

    def slow(*given: Any) -> Any:
        nonlocal most
        at_work.append(1)
        most = max(most, len(at_work))
        time.sleep(0.2)
        out = original(*given)
        at_work.pop()
        return out

    monkeypatch.setattr(rerank_ground, "train_filter", slow)
    ground.data  # noqa: B018  (made once, before both ask)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: ground.stage1(Budget(2, 8, seed=7), 1e-4)[0], range(2))
    assert most == 1
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_what_is_shipped_loads(cache: Path) -> None:
    out = train("diorama-rerank", profile="smoke")
    assert all((out / f"{name}.safetensors").stat().st_size < 12e6 for name in ("stage1", "stage2"))
    reader = Reader(shipped_folder("diorama-blip"))
    stage1, reranker = load_rerank(out, reader)
    assert not any(p.requires_grad for p in (*stage1.parameters(), *reranker.parameters()))
    assert all(torch.equal(p, p.half().float()) for p in reranker.parameters())
    assert "## Loss" in (out / "card.md").read_text()
    with pytest.raises(PinpointError, match="holds no re-ranker; make it with: pinpoint train diorama-rerank"):
        load_rerank(out.parent, reader)
    config = read_json(out / "config.json")
    write_json(out / "config.json", {**config, "blip_sha256": "0"})
    with pytest.raises(PinpointError, match="of another BLIP than diorama-blip"):
        load_rerank(out, reader)


def test_a_rate_is_searched_until_both_neighbours_are_worse() -> None:
    def found(best: float) -> tuple[float | None, list[float]]:
        seen: list[float] = []

        def measure(trial: Trial) -> float:
            assert trial.rate is not None
            seen.append(trial.rate)
            return -abs(RATES.index(trial.rate) - RATES.index(best))

        return climb(lambda lr: second_trial(1e-3, HARD, lr), measure).rate, seen

    assert found(3e-4) == (3e-4, [1e-4, 3e-4, 1e-3])
    assert found(1e-3) == (1e-3, [1e-4, 3e-4, 1e-3, 3e-3])
    assert found(3e-3) == (3e-3, [1e-4, 3e-4, 1e-3, 3e-3])
    assert found(3e-5) == (3e-5, [1e-4, 3e-4, 1e-3, 3e-5])


def test_trials_have_keys_of_their_own_and_variants_the_rate_of_the_best() -> None:
    hard = second_trial(1e-3, HARD, 3e-4)
    others = variants(hard)
    assert [t.negatives.count for t in others] == [3, 15, 7, 7] and {t.rate for t in others} == {3e-4}
    seconds = [second_trial(1e-3, some, lr) for some in (IN_BATCH, HARD) for lr in RATES]
    keys = [t.key for t in (*map(first_trial, RATES), *seconds, *others)]
    assert len(set(keys)) == 19 and all(KEY.fullmatch(key + ".map5") for key in keys)


def test_what_goes_on_record(rng: np.random.Generator) -> None:
    groups = ["animal", "place", "time"] * 4
    runs = {arm.key: [run_of(arm, rng) for _ in range(arm.seeds)] for arm in arms()}
    entries = dict(on_record(runs, groups, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    mean = {key: 100 * np.mean([r["r1"] for r in some]) for key, some in runs.items()}
    assert entries["rerank.sweep.hard.r1"].value == pytest.approx(mean["hard"])
    assert entries["rerank.sweep.hard.r1"].seeds == len(SEEDS)
    assert entries["rerank.sweep.gain.hard_stage1.r1"].value == pytest.approx(mean["hard"] - mean["stage1"])
    at = 100 * np.mean([r["at"]["20"]["r1"] for r in runs["hard"]])
    assert entries["rerank.sweep.k20.gain.r1"].value == pytest.approx(at - mean["stage1"])
    both = 100 * np.mean([r["at_fused"]["20"]["r1"] for r in runs["hard"]])
    assert entries["rerank.sweep.k20.fused.gain.r1"].value == pytest.approx(both - mean["stage1"])
    for name in ("stage1", "zscir", "dqe"):
        for key in ("r1", "map5", "reranked.r1", "reranked.map5", "fused.r1", "fused.gain.map5", "ceiling"):
            assert f"rerank.first_stage.{name}.{key}" in entries
    before = 100 * np.mean([r["before"]["map5"] for r in runs["dqe"]])
    assert entries["rerank.first_stage.dqe.map5"].value == pytest.approx(before)
    assert entries["rerank.first_stage.dqe.reranked.r1"].value == pytest.approx(mean["dqe"])
    assert entries["rerank.first_stage.stage1.reranked.r1"].value == pytest.approx(mean["hard"])
    assert entries["rerank.sweep.hard.false_negative_share"].value == 3.0
    assert {f"rerank.sweep.gain.{a}_{b}.animal.r1" for a, b in GAINS} <= set(entries)
    ms = {name: entries[f"rerank.first_stage.{name}.{MS}"].value for name in ("stage1", "stage2.k50", "text")}
    assert ms == {"stage1": 1.0, "stage2.k50": 51.0, "text": 1.5}
    assert entries[f"rerank.first_stage.text.reranked.{MS}"].value == 52.5


def test_the_recipes_know_their_profiles() -> None:
    for name in ("rerank-tuning", "rerank-sweep", "rerank-longer", "diorama-rerank"):
        with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
            train(name, profile="huge")
