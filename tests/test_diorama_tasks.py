"""The frozen benchmarks: what competes, what is right, and that nothing depends on chance or process."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from pinpoint.benchmark import Benchmark
from pinpoint.diorama import tasks
from pinpoint.diorama.draw import STYLES, areas, render
from pinpoint.diorama.facets import FACETS, answers, contradicts, large_enough
from pinpoint.diorama.scene import Scene, sample_split, split_of
from pinpoint.diorama.tasks import AREA_EDGES, POOL
from pinpoint.diorama.world import DioramaImages, TrainingPairs, image_id
from pinpoint.errors import PinpointError


@pytest.fixture(scope="module")
def facets() -> Benchmark:
    return tasks.facets("test", 500, 24)


@pytest.fixture(scope="module")
def whole() -> Benchmark:
    return tasks.facets_whole("test", 500)


@pytest.fixture(scope="module")
def style() -> Benchmark:
    return tasks.style("test", 60, 25)


@pytest.fixture(scope="module")
def by_area() -> Benchmark:
    return tasks.by_area("test", 500, 20)


def scene(benchmark: Benchmark, image: str) -> Scene:
    return benchmark.gallery.images.scene(image)


def label_of(query) -> str:
    return dict(FACETS[query.group].texts)[query.text]


# -- facets in pools of a hundred ------------------------------------------------------------------------------------
def test_pools_hold_one_right_answer_and_99_wrong_ones(facets) -> None:
    for query in facets.queries:
        label = label_of(query)
        right, *wrong = query.pool
        assert query.relevant == (right,) and query.target == right
        assert len(set(query.pool)) == POOL == 100
        assert answers(query.group, label, scene(facets, right))
        assert large_enough(query.group, label, scene(facets, right))
        for image in wrong:
            shown = scene(facets, image)
            assert contradicts(query.group, label, shown) and not answers(query.group, label, shown)


def test_every_facet_is_asked_evenly(facets) -> None:
    assert facets.groups == tuple(FACETS)
    assert set(Counter(q.group for q in facets.queries).values()) == {24}
    for name in FACETS:
        times = Counter(q.text for q in facets.queries if q.group == name)
        assert max(times.values()) <= max(1, -(-24 // (len(FACETS[name].texts) - 2)))
    assert all(q.prompt == FACETS[q.group].question for q in facets.queries)


def test_pools_differ_between_queries(facets) -> None:
    assert len({q.pool[1:] for q in facets.queries}) == len(facets.queries)


def test_a_gallery_too_small_for_a_pool_drops_the_query() -> None:
    """As COCO-Facet does: of 150 pictures, fewer than 99 show any material."""
    small = tasks.facets("dev", 150, 5)
    assert all(len(q.pool) == 100 for q in small.queries)
    assert set(FACETS) - set(small.groups) == {"materials"}


# -- facets against the whole gallery --------------------------------------------------------------------------------
def test_every_right_picture_is_relevant(whole) -> None:
    for query in whole.queries:
        label = label_of(query)
        right, wrong, vague = set(), set(), set()
        for image in whole.gallery.ids:
            shown = scene(whole, image)
            if answers(query.group, label, shown):
                right.add(image)
            elif contradicts(query.group, label, shown):
                wrong.add(image)
            else:
                vague.add(image)
        assert set(query.relevant) == right and set(query.exclude) == vague
        assert query.group not in ("objects", "animals") or not vague
    assert [q.text for q in whole.queries] == [t for f in FACETS.values() for t, _ in f.texts]


# -- styles ----------------------------------------------------------------------------------------------------------
def test_style_queries(style) -> None:
    assert style.groups == ("text", *STYLES[1:])
    assert set(Counter(q.group for q in style.queries).values()) == {25}
    for query in style.queries:
        scene_id, kind = query.id.split("-")
        assert query.relevant == (scene_id,) == (query.target,) and kind == query.group
        assert (query.text is None) != (query.image is None)
        if query.image:
            assert query.image == f"{scene_id}@{kind}"
            drawn = render(scene(style, scene_id), kind, 32)
            np.testing.assert_array_equal(style.gallery.images.load(query.image, 32), drawn)
    assert len(style.gallery) == 60 and not any("@" in i for i in style.gallery.ids)  # only natural pictures are sought


def test_a_text_query_names_what_is_there(style) -> None:
    for query in style.subset("text").queries:
        shown = scene(style, query.target)
        assert shown.subject.name in query.text and shown.subject.colour in query.text
        assert all(t.name in query.text for t in shown.others) and (shown.material or "") in query.text


# -- by area ---------------------------------------------------------------------------------------------------------
def test_area_bins(by_area) -> None:
    texts = {t: label for name in ("objects", "animals") for t, label in FACETS[name].texts}
    for query in by_area.queries:
        role, number = query.group.split()
        shown, label = scene(by_area, query.target), texts[query.text]
        assert AREA_EDGES[int(number)] <= areas(shown)[label] < AREA_EDGES[int(number) + 1]
        assert (shown.subject.name == label) == (role == "subject")
        assert query.pool[0] == query.target and len(query.pool) == 100
        assert all(label not in {t.name for t in scene(by_area, i).things} for i in query.pool[1:])
    sizes = Counter(q.group for q in by_area.queries)
    assert max(sizes.values()) == 20 and {g.split()[0] for g in sizes} == {"subject", "secondary"}


@pytest.mark.parametrize(
    ("area", "expected"), [(0.0, 0), (0.0149, 0), (0.015, 1), (0.05, 3), (0.199, 5), (0.2, 6), (0.9, 6)]
)
def test_bins_are_closed_below(area, expected) -> None:
    assert tasks._area_bin(area) == expected


# -- all of them -----------------------------------------------------------------------------------------------------
MAKERS = {
    "facets": lambda split: tasks.facets(split, 300, 8), "facets_whole": lambda split: tasks.facets_whole(split, 120),
    "style": lambda split: tasks.style(split, 50, 20), "by_area": lambda split: tasks.by_area(split, 300, 8),
    "composed": lambda split: tasks.composed(split, 18, 120),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_galleries_are_of_their_split(name, split) -> None:
    benchmark = MAKERS[name](split)
    assert benchmark.split == split and split in benchmark.describe()
    assert {split_of(scene(benchmark, i)) for i in benchmark.gallery.ids} == {split}
    assert {split_of(scene(benchmark, q.image)) for q in benchmark.queries if q.image} <= {split}


def test_no_test_picture_shows_a_training_core(facets, style) -> None:
    trained = {s.core for s in TrainingPairs(4000).scenes}
    for benchmark in (facets, style):
        assert not trained & {s.core for s in benchmark.gallery.images.scenes.values()}


@pytest.mark.parametrize("name", MAKERS)
def test_an_unknown_split_is_named(name) -> None:
    with pytest.raises(PinpointError, match="unknown split 'val'; known: dev, test, train"):
        MAKERS[name]("val")


def test_digests_are_the_same_in_another_process() -> None:
    here = [MAKERS[name]("dev").digest for name in MAKERS]
    code = (
        "from pinpoint.diorama import tasks\n"
        "for b in (tasks.facets('dev', 300, 8), tasks.facets_whole('dev', 120), tasks.style('dev', 50, 20),\n"
        "          tasks.by_area('dev', 300, 8), tasks.composed('dev', 18, 120)):\n"
        "    print(b.digest)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "12345"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.split() == here and len(set(here)) == len(here)


def test_requested_sizes(facets, whole) -> None:
    assert len(facets.gallery) == len(whole.gallery) == 500
    assert facets.gallery.ids == whole.gallery.ids  # the same pictures, asked in two ways
    assert facets.digest != tasks.facets("test", 500, 23).digest


def test_more_style_queries_than_pictures_is_refused() -> None:
    with pytest.raises(PinpointError, match="21 style queries need a gallery of at least as many scenes, not 20"):
        tasks.style("dev", 20, 21)


# -- images ----------------------------------------------------------------------------------------------------------
def test_images_by_id() -> None:
    scenes = sample_split(4, "dev", 5)
    images = DioramaImages(scenes)
    assert images.load(scenes[0].id).shape == (96, 96, 3)
    ids = [image_id(scenes[0]), image_id(scenes[1], "sketch"), image_id(scenes[2], "low_res")]
    batch = images.load_batch(ids, 40)
    for row, image in zip(batch, ids, strict=True):
        np.testing.assert_array_equal(row, images.load(image, 40))
    assert images.fingerprint == DioramaImages(reversed(scenes)).fingerprint != DioramaImages(scenes[:3]).fingerprint


def test_an_unknown_image_is_named() -> None:
    images = DioramaImages(sample_split(4, "dev", 5))
    with pytest.raises(PinpointError, match="no scene 'deadbeef' among these 4"):
        images.load("deadbeef")
    with pytest.raises(PinpointError, match="unknown style 'fresco'"):
        images.load(f"{next(iter(images.scenes))}@fresco")
