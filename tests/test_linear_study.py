"""The experiments on the linear approximation: the quick scoring, draws, curves, and the prompt never encoded."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from claim_toy import rotation, toy_tables
from pinpoint import promptable
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.errors import PinpointError
from pinpoint.evaluate import Result, evaluate
from pinpoint.linear import LinearMap, draws, released_fit, ridge_fit, unit
from pinpoint.linear_prediction import TEMPERATURES
from pinpoint.linear_study import (
    ablation,
    curves,
    held_out_draw,
    linear_result,
    over_draws,
    pool_hits,
    predicted_result,
    released_draw,
    spread,
    subset,
)
from pinpoint.metrics import macro
from pinpoint.promptable import prompt_of_facet
from pinpoint.promptable_setup import ClaimSetup, Tables
from promptable_toy import DIM

SETUP = ClaimSetup(gallery=30, per_facet=6, held_out=24, n=8, draws=4, seed=5)
SIDES = ("query", "image")


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toy_tables()


def prompted(tables: Tables) -> Result:
    return evaluate(tables.benchmark, promptable.prompted(tables.query_emb, tables.gallery, tables.prompts))


def assert_equal_hits(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> None:
    for name in ("r1", "r5"):
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=1e-12)


def macro_r5(tables: Tables, maps: Mapping[str, LinearMap], side: str) -> float:
    """The slow twin of one scoring, in percent."""
    groups = [query.group for query in tables.benchmark.queries]
    return 100 * macro(linear_result(tables, maps, side).per_query["r5"], groups)


# -- the quick scoring ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fit", [released_fit, ridge_fit, partial(ridge_fit, affine=True, toward_identity=True)])
def test_the_quick_scoring_equals_the_evaluation(tables: Tables, fit: promptable.Fit, side: str) -> None:
    for draw in (released_draw(tables, 8, fit), held_out_draw(tables, 20, fit)):
        maps = draw(np.random.default_rng(1))
        hits = pool_hits(tables, maps, side)
        assert set(hits) == {"r1", "r5"}
        assert_equal_hits(hits, linear_result(tables, maps, side).per_query)
        assert 0 < hits["r1"].mean() < hits["r5"].mean() < 1


@pytest.mark.parametrize("side", SIDES)
def test_the_quick_scoring_shares_ties_as_the_evaluation_does(tables: Tables, side: str) -> None:
    general = tables.general.copy()
    general[:15] = general[0]  # half of the gallery is one and the same picture
    tied = replace(tables, gallery={**tables.gallery, GENERIC_PROMPT: general})
    maps = held_out_draw(tied, 20, ridge_fit)(np.random.default_rng(1))
    hits = pool_hits(tied, maps, side)
    assert_equal_hits(hits, linear_result(tied, maps, side).per_query)
    assert (hits["r1"] % 1 > 0).any() and (hits["r5"] % 1 > 0).any()


def test_the_two_sides_differ(tables: Tables) -> None:
    maps = released_draw(tables, 8)(np.random.default_rng(1))
    query, image = (linear_result(tables, maps, side).top_columns for side in SIDES)
    assert not np.array_equal(query, image)


def test_a_pool_begins_with_its_right_image(tables: Tables) -> None:
    ids = tables.benchmark.gallery.ids
    first = [[ids[c] for c in row[:1]] for row in tables.pool_columns]
    assert first == [list(query.relevant) for query in tables.benchmark.queries]
    query = tables.benchmark.queries[3]
    for pool in (None, query.pool[::-1]):
        queries = (*tables.benchmark.queries[:3], replace(query, pool=pool), *tables.benchmark.queries[4:])
        odd = replace(tables, benchmark=replace(tables.benchmark, queries=queries))
        with pytest.raises(PinpointError, match=r"query 'times-3' has no pool that begins with its one right image"):
            _ = odd.pool_columns


# -- what maps are fitted on ------------------------------------------------------------------------------------------
def test_held_out_maps_never_see_the_gallery_and_share_their_images(tables: Tables) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def spy(u: np.ndarray, v: np.ndarray) -> LinearMap:
        seen.append((u, v))
        return released_fit(u, v)

    maps = held_out_draw(tables, 9, spy)(np.random.default_rng(2))
    assert set(maps) == set(tables.prompts)  # and no map that no query needs
    rows = [int(np.flatnonzero((tables.held_out[GENERIC_PROMPT] == u).all(axis=1))[0]) for u in seen[0][0]]
    assert len(set(rows)) == 9
    for prompt, (u, v) in zip(maps, seen, strict=True):
        assert np.array_equal(u, tables.held_out[GENERIC_PROMPT][rows])
        assert np.array_equal(v, tables.held_out[prompt][rows])


def test_released_maps_need_no_held_out_pictures(tables: Tables) -> None:
    maps, bare = (released_draw(t, 9)(np.random.default_rng(2)) for t in (tables, replace(tables, held_out={})))
    assert set(maps) == set(tables.prompts)
    for prompt in maps:
        assert np.array_equal(maps[prompt].matrix, bare[prompt].matrix)


# -- draws ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", SIDES)
def test_a_result_over_draws_is_their_mean(tables: Tables, side: str) -> None:
    draw = released_draw(tables, 8)
    single = [linear_result(tables, draw(rng), side) for rng in draws(5, 4)]
    over = over_draws(tables, draw, SETUP, side)
    assert_equal_hits(over.per_query, {m: np.mean([s.per_query[m] for s in single], axis=0) for m in ("r1", "r5")})
    assert np.array_equal(over.top_columns, single[0].top_columns)
    assert any(not np.array_equal(s.per_query["r1"], over.per_query["r1"]) for s in single)  # the draws do differ


def test_draws_follow_the_seed(tables: Tables) -> None:
    first, again, other = (
        over_draws(tables, released_draw(tables, 8), replace(SETUP, seed=seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.per_query["r5"], again.per_query["r5"])
    assert np.array_equal(first.top_columns, again.top_columns)
    assert not np.array_equal(first.per_query["r5"], other.per_query["r5"])


@pytest.mark.parametrize("side", SIDES)
def test_a_spread_is_of_the_macro_means(tables: Tables, side: str) -> None:
    draw = held_out_draw(tables, 8, ridge_fit)
    scores = [macro_r5(tables, draw(rng), side) for rng in draws(5, 4)]
    mean, low, high = spread(tables, draw, SETUP, side)
    assert (mean, low, high) == pytest.approx((np.mean(scores), min(scores), max(scores)))
    assert low < mean < high
    assert mean == pytest.approx(over_draws(tables, draw, SETUP, side).macro("r5").value)


# -- curves and choices -----------------------------------------------------------------------------------------------
def test_curves_leave_out_samples_that_the_held_out_pictures_cannot_give(tables: Tables) -> None:
    few = replace(tables, held_out={prompt: table[:12] for prompt, table in tables.held_out.items()})
    found = curves(few, (4, 12, 20), SETUP)
    assert list(found) == ["linear", "pinv_held_out", "linear_ridge", "linear_gallery"]
    assert [point[0] for point in found["linear"]] == [4, 12, 20]
    assert all([point[0] for point in found[name]] == [4, 12] for name in list(found)[1:])
    assert all(0 <= low <= mean <= high <= 100 for points in found.values() for _, mean, low, high in points)
    expected = {
        "linear": [spread(few, released_draw(few, n), SETUP) for n in (4, 12, 20)],
        "pinv_held_out": [spread(few, held_out_draw(few, n, released_fit), SETUP) for n in (4, 12)],
        "linear_ridge": [spread(few, held_out_draw(few, n, ridge_fit), SETUP) for n in (4, 12)],
        "linear_gallery": [spread(few, held_out_draw(few, n, ridge_fit), SETUP, "image") for n in (4, 12)],
    }
    assert {name: [point[1:] for point in points] for name, points in found.items()} == expected


def test_a_sample_larger_than_a_facets_pools_is_refused(tables: Tables) -> None:
    with pytest.raises(PinpointError, match="a sample of 31 images out of"):
        curves(tables, (31,), SETUP)


def test_the_ablation_varies_sample_fit_and_cosine(tables: Tables) -> None:
    identity = partial(ridge_fit, toward_identity=True)
    expected = {
        "test_pinv": released_draw(tables, 8), "test_ridge": released_draw(tables, 8, ridge_fit),
        "held_out_pinv": held_out_draw(tables, 8, released_fit), "held_out_ridge": held_out_draw(tables, 8, ridge_fit),
        "held_out_identity": held_out_draw(tables, 8, identity),
    }  # fmt: skip
    found = ablation(tables, SETUP)
    assert found == {f"{n}.{side}": spread(tables, d, SETUP, side) for n, d in expected.items() for side in SIDES}
    assert len(set(found.values())) > 5  # the choices matter, so a mixed-up one would show


def test_a_subset_keeps_the_first_queries_of_each_facet() -> None:
    tables = toy_tables()
    order = [7, 0, 1, 9, 2, 6, 8, 3, 10, 4, 11, 5]  # the facets in turns
    mixed = replace(
        tables, query_emb=tables.query_emb[order],
        benchmark=replace(tables.benchmark, queries=tuple(tables.benchmark.queries[i] for i in order)),
    )  # fmt: skip
    assert len(mixed.pool_columns) == 12  # cached: the subset must not inherit it
    few = subset(mixed, 2)
    kept = [7, 0, 1, 9]
    assert [q.id for q in few.benchmark.queries] == [tables.benchmark.queries[i].id for i in kept]
    assert np.array_equal(few.query_emb, tables.query_emb[kept])
    assert np.array_equal(few.pool_columns, tables.pool_columns[kept])
    assert few.prompts == [tables.prompts[i] for i in kept]
    whole = prompted(tables).per_query["r5"]
    assert np.array_equal(prompted(few).per_query["r5"], whole[kept])
    assert [q.id for q in subset(mixed, 99).benchmark.queries] == [q.id for q in mixed.benchmark.queries]


# -- where the approximation is exact ---------------------------------------------------------------------------------
@pytest.mark.parametrize("side", SIDES)
def test_a_rotation_is_recovered_from_as_many_images_as_dimensions(side: str) -> None:
    turned = toy_tables(noise=0.0)
    wanted, general = prompted(turned), promptable.general(turned.query_emb, turned.gallery)
    assert not np.array_equal(evaluate(turned.benchmark, general).per_query["r1"], wanted.per_query["r1"])
    setup = replace(SETUP, draws=2)
    for draw in (released_draw(turned, DIM + 2), held_out_draw(turned, DIM + 2, released_fit)):
        assert np.array_equal(linear_result(turned, draw(draws(5, 2)[0]), side).top_columns, wanted.top_columns)
        assert_equal_hits(over_draws(turned, draw, setup, side).per_query, wanted.per_query)
    few = over_draws(turned, released_draw(turned, DIM // 2), setup, side)
    assert not np.array_equal(few.top_columns, wanted.top_columns)


@pytest.mark.parametrize("side", SIDES)
def test_a_sample_that_is_the_gallery_ranks_as_the_prompt(side: str) -> None:
    small = toy_tables(images=14)  # no more than dimensions; each prompt is no linear function of the general one
    wanted = prompted(small)
    maps = released_draw(small, 14)(np.random.default_rng(0))
    assert np.array_equal(linear_result(small, maps, side).top_columns, wanted.top_columns)
    assert_equal_hits(over_draws(small, released_draw(small, 14), SETUP, side).per_query, wanted.per_query)
    assert spread(small, released_draw(small, 14), SETUP, side) == pytest.approx((wanted.macro("r5").value,) * 3)
    fewer = linear_result(small, released_draw(small, 10)(np.random.default_rng(0)), side)
    assert not np.array_equal(fewer.top_columns, wanted.top_columns)


# -- a prompt that no image was encoded with --------------------------------------------------------------------------
def poisoned(tables: Tables, prompt: str) -> Tables:
    """The tables with large nonsense wherever images were encoded under one prompt."""
    rng = np.random.default_rng(9)

    def with_nonsense(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**rows, prompt: 1e3 * rng.normal(size=rows[prompt].shape)}

    return replace(tables, gallery=with_nonsense(tables.gallery), held_out=with_nonsense(tables.held_out))


def test_a_prediction_never_uses_the_facets_own_tables() -> None:
    tables = toy_tables(noise=0.3)
    own = prompt_of_facet("times")
    mine = np.array([query.group == "times" for query in tables.benchmark.queries])
    (clean, temperatures), (blind, again) = predicted_result(tables), predicted_result(poisoned(tables, own))
    assert list(temperatures) == list(FACETS) and set(temperatures.values()) <= set(TEMPERATURES)
    assert again["times"] == temperatures["times"]
    assert np.array_equal(blind.top_columns[mine], clean.top_columns[mine])
    for name, values in clean.per_query.items():
        assert np.array_equal(blind.per_query[name][mine], values[mine]), name

    others = [p for p in tables.prompt_emb if p not in (GENERIC_PROMPT, own)]
    nearest = max(others, key=lambda p: tables.prompt_emb[p] @ tables.prompt_emb[own])
    used, _ = predicted_result(poisoned(tables, nearest))
    assert not np.array_equal(used.top_columns[mine], clean.top_columns[mine])


def test_where_near_prompts_have_equal_maps_the_prediction_is_the_prompted_mode() -> None:
    rng = np.random.default_rng(3)
    prompts = list(toy_tables().prompt_emb)
    alike = [prompts[1:4], prompts[4:7], prompts[7:]]  # three prompts mean nearly the same, and so turn the images
    turns = {prompt: turn for some in alike for turn in [rotation(rng)] for prompt in some}
    near = {p: unit(mean + 0.01 * rng.normal(size=DIM)) for some, mean in zip(alike, rotation(rng), strict=False)
            for p in some}  # fmt: skip
    tables = toy_tables(noise=0.0, facets=tuple(FACETS), turns=turns)
    tables = replace(tables, prompt_emb={**tables.prompt_emb, **near})
    result, temperatures = predicted_result(tables)
    assert max(temperatures.values()) <= 0.1  # the other prompts of the kind, and nothing else
    wanted = prompted(tables)
    np.testing.assert_allclose(result.per_query["r5"], wanted.per_query["r5"])
    general = evaluate(tables.benchmark, promptable.general(tables.query_emb, tables.gallery))
    assert result.macro("r5").value > general.macro("r5").value + 10
