"""Benchmark: what it refuses, what its digest covers, how it survives a file."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from pinpoint.benchmark import Benchmark, Gallery, Query, load_batch
from pinpoint.errors import PinpointError


@dataclass(frozen=True)
class Flat:
    """Images of one grey value each."""

    fingerprint: str = "flat"

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        return np.full((size or 4, size or 4, 3), ord(image_id[-1]), np.uint8)


def gallery(letters: str = "abcdef") -> Gallery:
    return Gallery(tuple(letters), Flat())


def bench(*queries: Query, **changes: object) -> Benchmark:
    made = Benchmark("toy", "1", "test", gallery(), queries or (Query("q", ("a",)),), {"captions": "none"})
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"relevant": ()}, "no relevant"),
        ({"relevant": ("a", "a")}, "twice"),
        ({"relevant": ("a",), "exclude": ("a",)}, "excludes a relevant"),
        ({"relevant": ("a",), "pool": ("b", "c")}, "outside its pool"),
        ({"relevant": ("a",), "pool": ("a", "b", "b")}, "pool image twice"),
        ({"relevant": ("a",), "target": "b"}, "not relevant"),
        ({"relevant": ("a",), "members": ("b", "c")}, "no right answer among its members"),
        ({"relevant": ("a", "b"), "members": ("b", "c"), "target": "a"}, "target outside its members"),
        ({"relevant": ("a",), "members": ("a", "c", "c")}, "member twice"),
    ],
)
def test_a_query_that_cannot_be_scored_is_refused_by_name(arguments, fault):
    with pytest.raises(PinpointError, match=fault) as error:
        Query("q7", **arguments)
    assert "q7" in str(error.value)


@pytest.mark.parametrize("field", ["relevant", "pool", "exclude", "members"])
def test_an_image_outside_the_gallery_is_refused(field):
    stated = {"relevant": ("a",), field: ("a", "zebra") if field in ("pool", "members") else ("zebra",)}
    with pytest.raises(PinpointError, match="zebra"):
        bench(Query("q", **stated))


def test_repeated_ids_and_empty_benchmarks_are_refused():
    with pytest.raises(PinpointError, match="'b' twice"):
        gallery("abcb")
    with pytest.raises(PinpointError, match="two queries 'q'"):
        bench(Query("q", ("a",)), Query("q", ("b",)))
    with pytest.raises(PinpointError, match="empty"):
        gallery("")
    with pytest.raises(PinpointError, match="no queries"):
        bench(queries=())


def test_the_reference_image_of_a_query_may_lie_outside_the_gallery():
    assert bench(Query("q", ("a",), image="a sketch")).queries[0].image == "a sketch"


def test_the_digest_covers_everything_that_changes_a_number():
    original = bench()
    others = [
        bench(name="other"),
        bench(version="2"),
        bench(split="dev"),
        bench(notes={"captions": "all"}),
        bench(gallery=gallery("abcdfe")),
        bench(gallery=Gallery(tuple("abcdef"), Flat("other pixels"))),
        *(bench(replace(Query("q", ("a",)), **change)) for change in (
            {"id": "r"}, {"relevant": ("b",)}, {"text": ""}, {"image": "b"}, {"prompt": "p"}, {"pool": ("a", "b")},
            {"exclude": ("b",)}, {"group": "g"}, {"target": "a"}, {"members": ("a", "b")},
        )),
    ]  # fmt: skip
    assert bench().digest == original.digest
    assert len({b.digest for b in [original, *others]}) == 1 + len(others)


def test_a_benchmark_survives_json_and_an_edited_file_does_not():
    made = bench(Query("q", ("a", "b"), text="red", pool=tuple("abc"), exclude=("c",), target="b", members=("b", "c")))
    content = json.loads(json.dumps(made.to_json()))
    assert Benchmark.from_json(content, Flat()) == made
    with pytest.raises(PinpointError, match="its images changed"):
        Benchmark.from_json(content, Flat("repainted"))
    content["queries"][0]["text"] = "blue"
    with pytest.raises(PinpointError, match="edited"):
        Benchmark.from_json(content, Flat())
    content["queries"][0]["colour"] = "blue"
    for damaged in (content, {}, {**content, "pools": []}, {**content, "gallery": None}):
        with pytest.raises(PinpointError, match="no saved benchmark, or a damaged one"):
            Benchmark.from_json(damaged, Flat())


def test_subset_keeps_the_gallery_and_knows_its_groups():
    whole = bench(Query("1", ("a",), group="x"), Query("2", ("b",), group="y"), Query("3", ("c",), group="x"))
    assert whole.groups == ("x", "y")
    assert [q.id for q in whole.subset("x").queries] == ["1", "3"]
    assert whole.subset("x").gallery is whole.gallery
    with pytest.raises(PinpointError, match="known: x, y"):
        whole.subset("z")


def test_describe_prints_the_sizes_beside_the_name():
    line = bench(Query("1", ("a",), pool=("a", "b"), group="x"), Query("2", ("b",), group="y")).describe()
    assert "\n" not in line
    for part in ("toy 1 test", "2 queries in 2 groups", "gallery of 6 images", "pools of 2", "1.00 right"):
        assert part in line


def test_columns_and_batches_follow_the_gallery_order():
    g = gallery()
    assert g.columns(["c", "a"]).tolist() == [2, 0]
    assert load_batch(g.images, ["c", "a"], 2)[:, 0, 0, 0].tolist() == [ord("c"), ord("a")]
    assert load_batch(g.images, [], 2).shape == (0, 2, 2, 3)
