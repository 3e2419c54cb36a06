"""The experiments of chapter 2: the modes on one benchmark, the choice of a prompt, and the path to the real data."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import test_coco_facet
from claim_toy import SizedToy, toy_tables
from pinpoint import choosing, promptable_figures, promptable_study
from pinpoint.benchmark import Benchmark
from pinpoint.diorama import tasks
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.diorama.questions import SEEN, UNSEEN
from pinpoint.diorama.scene import sample_split
from pinpoint.errors import PinpointError
from pinpoint.evaluate import Result
from pinpoint.files import write_json
from pinpoint.linear import ridge_fit
from pinpoint.linear_study import held_out_draw, over_draws, released_draw
from pinpoint.promptable import closed_list, prompt_of_facet
from pinpoint.promptable_setup import ClaimSetup, held_out_gallery, make_tables
from pinpoint.promptable_study import (
    choices,
    dev_curve,
    human_prompts,
    macro_over,
    mode_results,
    pool_results,
    real_benchmark,
    reworded,
    typical_gain,
)
from pinpoint.store import Store
from promptable_toy import toy_benchmark

SETUP = ClaimSetup(gallery=30, per_facet=6, held_out=20, n=10, draws=3)
coco = test_coco_facet.released  # the tiny folder in the released format


def ranks_by_hand(encoder: SizedToy, benchmark: Benchmark, wording: str | None) -> np.ndarray:
    """The rank of each right image in its pool, 1 = first, image by image; `wording` None: the general prompt."""
    ranks = []
    for query in benchmark.queries:
        prompt = GENERIC_PROMPT if wording is None else prompt_of_facet(query.group, wording)
        images = encoder.encode_prompts([benchmark.gallery.images.load(i, 16) for i in query.pool], [prompt])[0]
        scores = images @ encoder.encode_texts([query.text])[0]
        ranks.append(1 + int((scores[1:] > scores[0]).sum()))
    return np.array(ranks)


def assert_ranks(result: Result, ranks: np.ndarray) -> None:
    assert np.array_equal(result.per_query["r1"], ranks <= 1)
    assert np.array_equal(result.per_query["r5"], ranks <= 5)
    np.testing.assert_allclose(result.per_query["mrr"], 1 / ranks)


# -- the modes --------------------------------------------------------------------------------------------------------
def test_every_mode_on_one_benchmark(tmp_path: Path) -> None:
    encoder, benchmark = SizedToy(), toy_benchmark()
    results, tables = mode_results(encoder, Store(tmp_path), benchmark, SETUP)
    assert list(results) == ["general", "prompted", "linear", "linear_ridge"]
    general, prompted = (ranks_by_hand(SizedToy(), benchmark, wording) for wording in (None, "gpt"))
    assert_ranks(results["general"], general)
    assert_ranks(results["prompted"], prompted)
    assert not np.array_equal(general, prompted)
    for name, draw in (("linear", released_draw(tables, 10)), ("linear_ridge", held_out_draw(tables, 10, ridge_fit))):
        expected = over_draws(tables, draw, SETUP)
        for metric in ("r1", "r5"):
            assert np.array_equal(results[name].per_query[metric], expected.per_query[metric])
    assert not np.array_equal(results["linear"].per_query["r5"], results["linear_ridge"].per_query["r5"])


def test_the_tables_hold_the_closed_list_and_are_made_once(tmp_path: Path) -> None:
    encoder, benchmark = SizedToy(), toy_benchmark()
    tables = make_tables(encoder, Store(tmp_path), benchmark, held_out=5)
    assert list(tables.gallery) == list(tables.held_out) == list(tables.prompt_emb) == list(closed_list())
    assert {table.shape for table in tables.gallery.values()} == {(30, 16)}
    assert {table.shape for table in tables.held_out.values()} == {(5, 16)}
    assert encoder.calls == [(30, closed_list()), (5, closed_list())]
    for prompt, row in tables.prompt_emb.items():
        assert np.array_equal(row, encoder.encode_texts([prompt])[0])
    bare = make_tables(encoder, Store(tmp_path), benchmark, held_out=0)
    assert bare.held_out == {} and len(encoder.calls) == 2  # read from the store
    more = make_tables(encoder, Store(tmp_path), benchmark, held_out=0, also=human_prompts())
    assert list(more.gallery) == [*closed_list(), *human_prompts()] and list(more.prompt_emb) == list(closed_list())
    assert encoder.calls[2:] == [(30, tuple(human_prompts()))]  # the rest is read from the store


def test_held_out_pictures_are_in_no_benchmark() -> None:
    held_out = held_out_gallery(300)
    tested = {scene.id for split in ("dev", "test") for scene in sample_split(300, split, tasks.SPLIT_SEED[split])}
    assert len(tested) == 600 and len(held_out) == 300 and not tested & set(held_out.ids)
    assert held_out.ids == tuple(scene.id for scene in sample_split(300, "train", 404))
    assert held_out.images.load(held_out.ids[0], 16).shape == (16, 16, 3)


def test_human_questions_are_put_and_no_others(tmp_path: Path) -> None:
    encoder, benchmark, store = SizedToy(), toy_benchmark(), Store(tmp_path)
    results, tables = mode_results(encoder, store, benchmark, SETUP)
    encoder.calls.clear()
    result = reworded(encoder, store, tables)
    human = tuple(prompt_of_facet(facet, "human") for facet in ("times", "animals"))
    assert encoder.calls == [(30, human)] and not set(human) & set(closed_list())
    assert set(human) < set(human_prompts()) and len(set(human_prompts())) == 8
    assert_ranks(result, ranks_by_hand(SizedToy(), benchmark, "human"))
    assert not np.array_equal(result.per_query["mrr"], results["prompted"].per_query["mrr"])


def test_another_pool_has_the_same_two_modes(tmp_path: Path) -> None:
    benchmark = toy_benchmark(images=60)
    encoder = SizedToy()
    found = pool_results(encoder, Store(tmp_path), benchmark)
    assert list(found) == ["general", "prompted"]
    assert encoder.calls == [(60, (GENERIC_PROMPT, prompt_of_facet("times"), prompt_of_facet("animals")))]
    for name, wording in (("general", None), ("prompted", "gpt")):
        assert_ranks(found[name], ranks_by_hand(SizedToy(), benchmark, wording))


# -- averages and examples --------------------------------------------------------------------------------------------
def result_of(groups: str, **per_query: list[float]) -> Result:
    """A result with given values; each letter of `groups` is a query's group."""
    query = toy_benchmark().queries[0]
    queries = tuple(replace(query, id=f"{n}", group=group) for n, group in enumerate(groups))
    values = {name: np.array(numbers) for name, numbers in per_query.items()}
    return Result(replace(toy_benchmark(), queries=queries), "made up", values, {}, np.zeros((len(groups), 1), int))


def test_a_macro_mean_over_some_facets_is_the_mean_of_their_means() -> None:
    result = result_of("aaaabbc", r5=[1, 1, 1, 0, 1, 0, 0], r1=[0, 0, 0, 0, 1, 0, 1])
    found = macro_over(result, ("a", "b"))
    assert found.value == pytest.approx(100 * (0.75 + 0.5) / 2) and found.n == 6
    assert found.low < found.value < found.high
    assert macro_over(result, ("c", "b"), "r1").value == pytest.approx(75)
    assert macro_over(result, ("a", "b", "c")).value == pytest.approx(result.macro("r5").value)


def test_the_typical_gain_is_the_median_of_each_facet() -> None:
    general = result_of("abababab", mrr=[1.0, 1.0, 0.5, 0.25, 0.1, 0.5, 0.2, 0.5])
    factor = [2.0, 5.0, 0.5, 1.0, 9.0, 0.1, 4.0, 3.0]  # of a: 2, 0.5, 9, 4; of b: 5, 1, 0.1, 3
    prompted = result_of("abababab", mrr=[g * f for g, f in zip(general.per_query["mrr"], factor, strict=True)])
    assert typical_gain(general, prompted, ("b", "a")) == [7, 6]  # the upper median of an even number: 3 and 4
    assert typical_gain(result_of("aba", mrr=[1, 1, 1]), result_of("aba", mrr=[0.5, 1, 1]), ["a"]) == [2]
    odd = result_of("aaa", mrr=[1.0, 1.0, 1.0])
    assert typical_gain(odd, result_of("aaa", mrr=[0.5, 0.1, 1.0]), "a") == [0]
    assert typical_gain(odd, odd, "a") == [1]  # all alike: by place, whatever the values


# -- the choice of a prompt -------------------------------------------------------------------------------------------
def test_prompts_are_chosen_in_three_ways() -> None:
    tables = toy_tables(facets=tuple(FACETS))
    queries = tuple(
        replace(query, text=FACETS[query.group].texts[n % 2][0]) for n, query in enumerate(tables.benchmark.queries)
    )
    tables = replace(tables, benchmark=replace(tables.benchmark, queries=queries))
    by_prompt = np.stack([tables.prompt_emb[prompt] for prompt in tables.prompts])
    by_mean = np.stack([tables.held_out[prompt].mean(axis=0) for prompt in tables.prompts])
    found, turned = choices(replace(tables, query_emb=by_prompt)), choices(replace(tables, query_emb=by_mean))
    assert list(found) == ["text", "centroid", "peak", "recorded"]
    assert len(found["peak"]) == len(tables.prompts) and set(found["peak"]) <= set(closed_list())
    assert found["text"] == turned["centroid"] == tables.prompts
    assert found["centroid"] != tables.prompts != turned["text"]
    assert found["recorded"] == turned["recorded"] == choosing.recorded([query.text for query in queries])
    assert set(found["centroid"]) <= set(closed_list())


# -- the development curve --------------------------------------------------------------------------------------------
def test_a_recorded_curve_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [(facet, mode) for facet in FACETS for mode in ("general", "prompted")]
    recorded = [
        {"step": 100.0 * k, "general.r5": 1.0, "prompted.r5": 2.0}
        | {f"{facet}.{mode}.r5": k + 10.0 * n for n, (facet, mode) in enumerate(kinds)}
        for k in (1, 2, 3)
    ]
    write_json(tmp_path / "some" / "dev_curve.json", recorded)
    monkeypatch.setattr(promptable_study, "shipped_folder", lambda name: tmp_path / name)
    curve = dev_curve("some")
    assert set(curve[0]) == {"step", "general.r5", "prompted.r5", *(f"{mode}.{facet}.r5" for facet, mode in kinds)}
    assert curve[2]["prompted.animals.r5"] == recorded[2]["animals.prompted.r5"] == 33
    import matplotlib.pyplot as plt

    with plt.rc_context():
        figure = promptable_figures.dev_curves(curve, UNSEEN)
    panels = {ax.get_title(loc="left") or ax.get_title(): ax for ax in figure.axes if ax.lines}
    assert list(panels) == [f"{facet} (unseen)" if facet in UNSEEN else facet for facet in FACETS]
    for n, (facet, mode) in enumerate(kinds):
        ax = panels[facet if facet in SEEN else f"{facet} (unseen)"]
        line = next(line for line in ax.lines if line.get_label() == mode)
        assert list(line.get_ydata()) == [k + 10.0 * n for k in (1, 2, 3)]
    plt.close(figure)


# -- the real data ----------------------------------------------------------------------------------------------------
def test_without_the_data_it_says_what_is_missing(tmp_path: Path) -> None:
    said = real_benchmark(f"{tmp_path}/absent", "no-such-encoder", Store(tmp_path), SETUP)
    assert said.startswith("Not run here: there is no folder") and f"{tmp_path}/absent" in said
    assert "eight JSON files" in said and "\n" not in said


def test_the_data_without_weights_are_an_error(coco: Path, tmp_path: Path) -> None:
    with pytest.raises(PinpointError, match="unknown encoder 'no-such-encoder'"):
        real_benchmark(str(coco), "no-such-encoder", Store(tmp_path), SETUP)


def test_a_checkpoint_of_a_real_class_on_the_released_format(coco: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    import tiny_mllm
    from pinpoint.datasets.coco_facet import coco_facet
    from pinpoint.encoders import load

    folder, store = tiny_mllm.save(tmp_path / "tiny"), Store(tmp_path / "store")
    said = real_benchmark(str(coco), str(folder), store, replace(SETUP, n=5, draws=2))
    blocks = dict(re.findall(r"^(\w+)\n\n(\| group .*?)(?=\n\n|\Z)", said, re.M | re.S))
    assert list(blocks) == ["general", "prompted", "linear"]
    for table in blocks.values():
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        assert [row[0] for row in rows] == ["group", "---", *FACETS, "macro", "micro", "chance (macro)"]
        assert rows[0][1:] == ["r1", "r5"] and rows[-1][1:] == ["1.0", "5.0"]
    expected = pool_results(load(str(folder)), store, coco_facet(coco))  # from the store: nothing is encoded again
    for name, result in expected.items():
        assert blocks[name] == result.table(["r1", "r5"])
