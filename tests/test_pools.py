"""The facets on other pictures: the same rules, the same splits, and really other pictures."""

import numpy as np
import pytest

from pinpoint.benchmark import Benchmark
from pinpoint.diorama import pools, tasks
from pinpoint.diorama.draw import render
from pinpoint.diorama.facets import FACETS, answers, contradicts, large_enough
from pinpoint.diorama.scene import Scene, check, legal, sample_split, split_of
from pinpoint.diorama.tasks import POOL
from pinpoint.errors import PinpointError

# Frozen: a change of these digests is another benchmark, and needs another WORLD_VERSION.
DIGESTS = {
    ("art", "test"): "a33009b830680774138a8d41d75a71cc4e046645f685ffe8e19a35b8027eab47",
    ("art", "dev"): "a8f23d35996ae0c74a0f392ddb940546b3324f703a41553460b201d8d9dc8855",
    ("crowded", "test"): "8775755cef204c77884d48df26a98cc8cd0112cb3c8279b44ddcaf2652bf9a4e",
    ("crowded", "dev"): "97831ed6387f6988618e2531e151ba9cfa122846799a526d864c3b96c43f1fa0",
}


@pytest.fixture(scope="module")
def natural() -> Benchmark:
    return tasks.facets("test", 500, 24)


@pytest.fixture(scope="module", params=sorted(pools.POOLS))
def pool(request: pytest.FixtureRequest) -> Benchmark:
    return pools.facets_on(request.param, "test", 500, 24)


@pytest.fixture(scope="module")
def art() -> Benchmark:
    return pools.facets_art("test", 500, 24)


@pytest.fixture(scope="module")
def crowded() -> Benchmark:
    return pools.facets_crowded("test", 500, 24)


def scene(benchmark: Benchmark, image: str) -> Scene:
    images = benchmark.gallery.images
    return images.scene(image)


# -- both pools ------------------------------------------------------------------------------------------------------
def test_the_rules_of_the_benchmark_hold(pool) -> None:
    assert pool.name in ("diorama-facets-art", "diorama-facets-crowded")
    assert pool.groups == tuple(FACETS)
    for query in pool.queries:
        label = dict(FACETS[query.group].texts)[query.text]
        right, *wrong = (scene(pool, i) for i in query.pool)
        assert query.prompt == FACETS[query.group].question
        assert len(query.pool) == POOL and query.relevant == (query.target,) == query.pool[:1]
        assert answers(query.group, label, right) and large_enough(query.group, label, right)
        assert all(contradicts(query.group, label, s) for s in wrong)


def test_every_facet_is_asked_as_often(pool) -> None:
    """A pool in which some facet runs out of pictures could not be compared with the natural one."""
    assert [len(pool.subset(g).queries) for g in pool.groups] == [24] * len(FACETS)


def test_pictures_belong_to_the_split(pool) -> None:
    assert {split_of(scene(pool, i)) for i in pool.gallery.ids} == {"test"}


def test_all_of_it_is_a_function_of_the_arguments(pool) -> None:
    again = pools.facets_on(pool.name.rpartition("-")[2], "test", 500, 24)
    assert again.digest == pool.digest
    assert Benchmark.from_json(pool.to_json(), pool.gallery.images).digest == pool.digest


@pytest.mark.parametrize(("name", "split"), sorted(DIGESTS))
def test_the_pools_are_frozen(name: str, split: str) -> None:
    assert pools.facets_on(name, split).digest == DIGESTS[name, split]


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(PinpointError, match="unknown image pool 'oil'; known: art, crowded"):
        pools.facets_on("oil")
    for build in pools.POOLS.values():
        with pytest.raises(PinpointError, match="unknown split 'val'; known: dev, test, train"):
            build("val", 200, 4)


# -- art -------------------------------------------------------------------------------------------------------------
def test_art_asks_the_natural_queries(art, natural) -> None:
    for painted, plain in zip(art.queries, natural.queries, strict=True):
        assert (painted.id, painted.text, painted.prompt, painted.group) == (
            plain.id, plain.text, plain.prompt, plain.group,
        )  # fmt: skip
        assert painted.pool == tuple(f"{i}@art" for i in plain.pool)
    assert art.digest != natural.digest


def test_art_loads_paintings(art, natural) -> None:
    image = art.gallery.ids[3]
    painted = art.gallery.images.load(image, 48)
    np.testing.assert_array_equal(painted, render(scene(art, image), "art", 48))
    assert (painted != natural.gallery.images.load(natural.gallery.ids[3], 48)).any()


# -- crowded ---------------------------------------------------------------------------------------------------------
def everyone(s: Scene) -> int:
    background = s.people - 1 if s.subject.kind == "person" else s.people
    return 1 + len(s.others) + background


def test_crowded_scenes_are_crowded_legal_and_distinct(crowded) -> None:
    scenes = [scene(crowded, i) for i in crowded.gallery.ids]
    for s in scenes:
        check(s)
        assert legal(s) and s.subject.size == "large" and everyone(s) >= 4
    assert len(set(crowded.gallery.ids)) == 500


def test_it_is_another_distribution() -> None:
    """About three usual scenes in ten are crowded, and a crowded one shows more."""
    usual = sample_split(2000, "test", 9)
    share = np.mean([pools.crowded(s) for s in usual])
    assert 0.25 < share < 0.36
    shown = np.mean([everyone(s) for s in pools.sample_crowded(500, "test", 9)])
    assert shown > np.mean([everyone(s) for s in usual]) + 1


def test_every_count_occurs_among_crowded_scenes(crowded) -> None:
    assert {scene(crowded, i).people for i in crowded.gallery.ids} == set(range(7))


def test_another_seed_gives_other_scenes() -> None:
    one, other = ({s.id for s in pools.sample_crowded(50, "dev", seed)} for seed in (1, 2))
    assert not one & other
