"""Chapter 7's recipes on tiny data: they end, keep what they measured, refuse what is absent, and record by rule."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from photos_toy import Quarters, write_pacs, write_products, write_vectors
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.photos_facets import ASKED, FACETS, HELD_OUT
from pinpoint.photos_study import METRICS, MODES
from pinpoint.photos_tasks import labels_of
from pinpoint.recipes import (
    photos_clip,
    photos_facets,
    photos_ground,
    photos_rerank,
    photos_study,
    photos_styles,
    photos_wording,
)
from pinpoint.recipes.photos_ground import PROFILES
from pinpoint.recipes.photos_kinds import KINDS, MAIN, OTHER_WORDING, RATES, SWEPT, rate_of
from pinpoint.recipes.photos_rerank_record import on_record as reranked
from pinpoint.recipes.registry import train
from pinpoint.study.ledger import KEY

RECIPES = ("photos-clip", "photos-study", "photos-facets", "photos-rerank", "photos-styles", "photos-vectors",
           "photos-wording")  # fmt: skip


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("this must not happen in a smoke run that is done")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vectors(write_pacs(write_products(tmp_path_factory.mktemp("data"))))


@pytest.fixture(scope="module")
def cache(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("photos")
        patch.setenv("PINPOINT_CACHE", str(folder))
        patch.setenv("PINPOINT_DATA", str(root))
        for module in (photos_facets, photos_rerank, photos_styles, photos_wording):
            patch.setattr(module, "merge", refuse)
        yield folder


@pytest.fixture(scope="module")
def ground(cache: Path) -> photos_ground.Ground:
    photos_clip.make(profile="smoke", features=Quarters())
    return photos_clip.opened("smoke", features=Quarters())


# -- models -----------------------------------------------------------------------------------------------------------
def test_models_stay_in_the_cache_and_are_trained_once(
    cache: Path, ground: photos_ground.Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sorted(ground.folder.glob("*/checkpoint.safetensors"))
    assert ground.folder == cache / "training" / "photos-clip-smoke" and len(kept) == len(MAIN)
    assert {path.parent.name.split("-")[0] for path in kept} == set(MAIN)
    history = read_json(kept[0].parent / "history.json")
    assert [point["step"] for point in history["curve"]] == [1, 2, 3] and "r5" in history["curve"][0]
    first, _ = ground.trained("promptable", 0)
    monkeypatch.setattr(photos_ground, "question_loss", refuse)  # a finished model takes no step
    again, _ = ground.trained("promptable", 0)
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True))
    assert ground.identity("clip", 0) != ground.identity("clip", 1) != ground.identity("clip_full", 1)
    with pytest.raises(PinpointError, match="unknown kind of model 'other'; known: clip, clip_full, promptable"):
        ground.trained("other", 0)


def test_a_killed_training_ends_with_the_same_weights(
    root: Path, tmp_path: Path, ground: photos_ground.Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = photos_ground.clip_loss, [0]

    def killed(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return real(*given)

    settings = replace(ground.settings, captions=replace(ground.settings.captions, save_every=1))
    monkeypatch.setattr(photos_ground, "clip_loss", killed)
    some = replace(ground, settings=settings, folder=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        some.trained("clip", 0)
    monkeypatch.setattr(photos_ground, "clip_loss", real)
    resumed, history = some.trained("clip", 0)
    whole, _ = replace(some, folder=tmp_path / "whole").trained("clip", 0)
    assert history.step == 3
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_every_split_is_seen_and_no_product_is_in_two(ground: photos_ground.Ground) -> None:
    ids = {split: [p.id for p in ground.catalogue.of(split)] for split in ("train", "dev", "test")}
    assert {split: len(seen) for split, seen in ground.seen.items()} == {s: len(i) for s, i in ids.items()}
    assert len(set().union(*ids.values())) == sum(map(len, ids.values())) == 161
    assert set(ground.test.gallery.ids) == set(ids["test"]) and set(ground.dev.gallery.ids) == set(ids["dev"])
    rows = dict(zip(ids["test"], ground.seen["test"], strict=True))
    assert rows[ids["test"][0]].shape == (5, 8)


# -- chapters 1 and 2 -------------------------------------------------------------------------------------------------
def test_facets_are_measured_once_and_kept(ground: photos_ground.Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train_with_toy(photos_facets)
    found = read_json(next(folder.glob("facets-0-*.json")))
    assert set(found["modes"]) == {"clip", "clip_full", *MODES, "prompted_all"}
    n = len(ground.test.queries)
    assert all(len(values[m]) == n for values in found["modes"].values() for m in METRICS)
    assert found["curves"]["linear"].keys() == found["curves"]["ridge"].keys() == {"6", "8"}
    assert found["chance"] == 100.0  # five places in a pool of four
    test = ground.catalogue.of("test")
    assert {len(v) for v in found["probes"]["features"].values()} <= {len(test), len(test) - 1}
    rates = read_json(next(folder.glob("rates-*.json")))
    assert set(rates) == set(SWEPT) and all(set(by) == {"0_02", "0_1", "0_3", "1"} for by in rates.values())
    trained = [path.parent.name.split("-")[0] for path in folder.glob("*/checkpoint.safetensors")]
    assert sorted({*trained, OTHER_WORDING}) == sorted(KINDS) and len(set(trained)) == len(trained)  # each kind once
    for name in ("measure", "clip_loss", "question_loss"):
        monkeypatch.setattr(photos_facets if name == "measure" else photos_ground, name, refuse)
    train_with_toy(photos_facets)


def test_both_wordings_of_an_answer_are_asked_on_the_development_split(
    ground: photos_ground.Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train_with_toy(photos_wording)
    found = {path.stem.split("-")[1]: read_json(path) for path in folder.glob("wording-*.json")}
    assert set(found) == set(photos_wording.WORDINGS.values())
    n = len(ground.dev.queries)
    assert all(len(values) == n for modes in found.values() for values in modes.values()) and n != len(
        ground.test.queries
    )
    assert all(modes.keys() == {"general", "prompted"} for modes in found.values())
    monkeypatch.setattr(photos_wording, "measure", refuse)
    train_with_toy(photos_wording)
    ways = [KINDS[kind] for kind in photos_wording.WORDINGS.values()]
    assert {way.query_form for way in ways} == {True, False} and ways[0].facets == ways[1].facets
    values = {name: {mode: [float(name == "plain"), 1.0] for mode in ("general", "prompted")}
              for name in photos_wording.WORDINGS}  # fmt: skip
    entries = dict(photos_wording.on_record(values, ["colour", "season"], "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    assert entries["photos.dev.wording.query_form.general.r5"].value == 50
    assert entries["photos.dev.wording.gain.prompted.r5"].value == -50


def test_every_attribute_meets_every_rate_once() -> None:
    for facet in SWEPT:
        assert sorted(rate_of(n, facet) for n in range(len(RATES))) == sorted(RATES)
        assert all(KINDS[f"square_{n}"].mention.rate(facet) == rate_of(n, facet) for n in range(len(RATES)))
    said = [sum(kind.mention.rate(f) for f in SWEPT) for name, kind in KINDS.items() if "square" in name]
    assert said == pytest.approx([said[0]] * len(RATES))


def test_rates_go_on_record(rng: np.random.Generator) -> None:
    found = {facet: {"0_02": [0.0, 1.0], "1": [1.0, 1.0]} for facet in SWEPT}
    entries = dict(photos_facets.of_rates(found, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    assert entries["photos.mention.colour.rate_0_02.r5"].value == 50 and len(entries) == 2 * len(SWEPT)


def train_with_toy(module: Any, **given: Any) -> Path:
    folder: Path = module.make(profile="smoke", features=Quarters(), **given)
    return folder


def facet_run(groups: list[str], rng: np.random.Generator) -> dict[str, Any]:
    names = ("clip", "clip_full", *MODES, "prompted_all")
    return {
        "modes": {name: {m: rng.integers(0, 2, len(groups)).astype(float).tolist() for m in METRICS} for name in names},
        "curves": {name: {"100": 40.0, "300": 50.0} for name in ("linear", "ridge")}, "chance": 5.0,
        "probes": {s: {f: rng.integers(0, 2, 9).astype(float).tolist() for f in FACETS} for s in photos_facets.SPACES},
    }  # fmt: skip


def test_what_facets_put_on_record(rng: np.random.Generator) -> None:
    groups = [facet for facet in FACETS for _ in range(6)]
    runs = [facet_run(groups, rng) for _ in range(3)]
    entries = dict(photos_facets.on_record(runs, groups, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    for mode in MODES:
        for part in (*FACETS, "macro", "seen", "unseen"):
            assert entries[f"photos.facet.{mode}.{part}.r5"].seeds == 3
    mean = {m: np.mean([run["modes"][m]["r5"] for run in runs], axis=0) for m in ("prompted", "general")}
    assert entries["photos.facet.prompted.macro.r5"].value == pytest.approx(100 * mean["prompted"].mean())
    unseen = np.isin(groups, HELD_OUT)
    gain = entries["photos.facet.gain.prompted_general.unseen.r5"]
    assert gain.value == pytest.approx(100 * (mean["prompted"] - mean["general"])[unseen].mean())
    assert gain.unit == "points" and entries["photos.facet.chance.r5"].value == 5
    assert entries["photos.facet.curve.ridge.n_300.r5"].value == 50
    lowest, highest = (entries[f"photos.facet.clip.seeds.{end}"].value for end in ("lowest", "highest"))
    assert lowest <= entries["photos.facet.clip.macro.r5"].value <= highest
    assert entries["photos.probe.clip_text.colour"].n == 9


def test_settings_go_on_record(ground: photos_ground.Ground) -> None:
    entries = dict(photos_facets.of_setting(ground, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    assert entries["photos.facet.setting.gallery"].value == len(ground.catalogue.of("test"))
    assert entries["photos.facet.setting.mention.type"].value == 95
    genders = list(labels_of(ground.catalogue, "test", "gender").values())
    share = 100 * genders.count("men") / len(genders)
    assert entries["photos.probe.commonest.gender"].value in (pytest.approx(share), pytest.approx(100 - share))


# -- chapter 6 --------------------------------------------------------------------------------------------------------
def test_two_stages_end_and_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = train_with_toy(photos_rerank)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert folder == cache / "training" / "photos-rerank-smoke"
    assert sorted(path.name.rsplit("-", 1)[0] for path in kept) == [
        "dev-in_batch-lr_0_001", "dev-lr_0_001", "dev-stage2-lr_0_001", "in_batch-0", "stage2-0",
    ]  # fmt: skip
    found = read_json(next(path for path in kept if path.name.startswith("stage2")))
    assert found["at"].keys() == found["ceiling"].keys() == {"3", "4"} and len(found["before"]["r1"]) == 20
    for name in ("train_filter", "train_reranker"):
        monkeypatch.setattr(photos_rerank, name, refuse)
    train_with_toy(photos_rerank)
    assert kept == {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}


def test_candidates_are_moved_and_none_comes_in(cache: Path) -> None:
    settings = photos_rerank.PROFILES["smoke"]
    ground = photos_rerank.prepare(settings, cache / "training" / "photos-rerank-smoke", Quarters())
    sweep = photos_rerank.Sweep(ground, settings, cache / "training" / "photos-rerank-smoke", photos_rerank.SMALL)
    two, share = sweep.two("stage2", sweep.rates["stage2"], 0, settings.second, ground.test)
    assert two.second.shape == (20, 4) and 0 <= share <= 100
    after = two.retriever(4).order
    assert torch.equal(after[:, :4].sort().values, two.top.sort().values)
    column = ground.test.benchmark.gallery.column
    for query, top in zip(ground.test.benchmark.queries, two.top.tolist(), strict=True):
        assert column[query.image or ""] not in top  # the reference does not compete
    assert set(sweep.trials) == {"stage1.lr_0_001", "stage2.lr_0_001", "in_batch.lr_0_001"}


def test_what_two_stages_put_on_record(rng: np.random.Generator) -> None:
    groups = ["colour"] * 6 + ["type"] * 6

    def run() -> dict[str, Any]:
        values = {str(k): {m: rng.random(12).tolist() for m in photos_rerank.METRICS} for k in (10, 50)}
        ceiling = {k: rng.random(12).tolist() for k in values}
        return {"before": values["10"], "at": values, "at_fused": values, "ceiling": ceiling,
                "false_negative_share": 4.0}  # fmt: skip

    runs = {"stage2": [run() for _ in range(3)], "in_batch": [run() for _ in range(3)]}
    entries = dict(reranked(runs, groups, 50, {"stage1.lr_0_001": 30.0}, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    for stage in ("stage1", "stage2"):
        assert {f"photos.rerank.{stage}.{m}" for m in ("r1", "r10", "map5")} <= set(entries)
    means = {s: np.mean([(r["before"] if s == "stage1" else r["at"]["50"])["map5"] for r in runs["stage2"]], axis=0)
             for s in ("stage1", "stage2")}  # fmt: skip
    gain = entries["photos.rerank.gain.stage2_stage1.map5"]
    assert gain.value == pytest.approx(100 * (means["stage2"] - means["stage1"]).mean()) and gain.seeds == 3
    typed = entries["photos.rerank.gain.stage2_stage1.type.map5"]
    assert typed.value == pytest.approx(100 * (means["stage2"] - means["stage1"])[6:].mean())
    ceiling = np.mean([r["ceiling"]["50"] for r in runs["stage2"]])
    assert entries["photos.rerank.ceiling"].value == pytest.approx(100 * ceiling)
    same = entries["photos.rerank.gain.fused_stage1.map5"].value  # here both scores rank as stage 2 does
    assert same == pytest.approx(gain.value) and "photos.rerank.k50.fused.r1" in entries
    assert entries["photos.rerank.ceiling"] == entries["photos.rerank.k50.ceiling"]
    assert entries["photos.rerank.dev.stage1.lr_0_001.map5"].value == 30
    assert entries["photos.rerank.stage2.false_negative_share"].value == 4


# -- all of it, and what is absent ------------------------------------------------------------------------------------
def test_the_whole_study_ends(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pinpoint.recipes import photos_vectors

    monkeypatch.setattr(photos_vectors, "merge", refuse)
    done: list[str] = []
    parts = {name: lambda name=name, **_: done.append(name) for name in ("facets", "rerank")}
    monkeypatch.setattr(photos_study, "TRAINED", parts)
    assert photos_study.make(out=tmp_path, profile="smoke", features=Quarters()) == tmp_path
    assert done == ["facets", "rerank"]


def test_what_is_absent_is_named_before_anything_is_trained(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in RECIPES:
        with pytest.raises(PinpointError, match="unknown training profile 'huge'"):
            train(name, profile="huge")
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    with pytest.raises(PinpointError, match="fashion-products, pacs, clip-embeddings, models/mobilenet_v2_imagenet"):
        train("photos-study", profile="smoke")
    for name in ("photos-clip", "photos-facets", "photos-rerank"):
        with pytest.raises(PinpointError, match="fashion-products; put the photographs of products there"):
            train(name, profile="smoke")
    with pytest.raises(PinpointError, match="pacs; put PACS there"):
        train("photos-styles", profile="smoke")
    with pytest.raises(PinpointError, match="vitb32-text; put the CLIP vectors there"):
        train("photos-vectors", profile="smoke")
    shutil.copytree(root / "fashion-products", tmp_path / "fashion-products")
    for name in ("photos-clip", "photos-rerank"):
        with pytest.raises(PinpointError, match=r"there is no .*mobilenet_v2_imagenet\.onnx"):
            train(name, profile="smoke")
    next((tmp_path / "fashion-products" / "images").glob("*.jpg")).unlink()
    for name in ("photos-clip", "photos-rerank"):
        with pytest.raises(PinpointError, match="1 of 161 pictures are missing"):
            train(name, profile="smoke")


def test_the_settings_make_sense() -> None:
    assert set(PROFILES) == set(photos_rerank.PROFILES) == set(photos_styles.PROFILES)
    for s in PROFILES.values():
        assert s.fits[0] == min(s.fits) and s.batch >= 2 and s.asks > 0
    for r in photos_rerank.PROFILES.values():
        assert r.k in r.ks and r.matched <= r.batch and list(r.rates) == sorted(r.rates)
    assert PROFILES["lite"].pool == PROFILES["full"].pool == 100 and photos_rerank.PROFILES["lite"].k == 50
    assert KINDS["promptable"].facets == ASKED and not KINDS["clip"].facets
    assert set(photos_study.TRAINED) == {"facets", "rerank"}


def test_no_recipe_writes_into_the_project(cache: Path) -> None:
    assert os.environ["PINPOINT_CACHE"] == str(cache)
    layout = SimpleNamespace(weights=Path(photos_clip.__file__).parents[1] / "weights")
    assert not [path for path in layout.weights.rglob("*") if "photos" in path.name]
