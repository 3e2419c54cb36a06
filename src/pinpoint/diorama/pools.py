"""The facets benchmark on other pictures: does a gain carry over to another style, and to another world of scenes?

The queries, rules and splits are those of `tasks.facets`; only the pictures differ. A method that was tuned on the
natural pool is run on these once, as the paper does with its other image pools.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.diorama import tasks
from pinpoint.diorama.facets import FACETS
from pinpoint.diorama.scene import WORLD_VERSION, Scene, sample, split_of
from pinpoint.diorama.world import DioramaImages, image_id
from pinpoint.errors import unknown

ART = "art"
CROWD = 4  # things and people: fewer than this is no crowded picture


def facets_art(split: str = "test", gallery: int = 3000, per_facet: int = 250) -> Benchmark:
    """The scenes, queries and pools of `tasks.facets`, painted: query n asks the same here and there, so results pair.

    A painting is composed anew (left and right change sides, things move) and brushed. What it shows, and how large,
    stays the same; so do the right answers and the five-per-cent rule.
    """
    natural = tasks.facets(split, gallery, per_facet)
    images = natural.gallery.images
    assert isinstance(images, DioramaImages)  # what `tasks` builds

    def painted(ids: Sequence[str]) -> tuple[str, ...]:
        return tuple(image_id(images.scene(i), ART) for i in ids)

    def asked(query: Query) -> Query:
        right, pool = painted(query.relevant), painted(query.pool or ())
        return replace(query, relevant=right, target=right[0], pool=pool)

    queries = tuple(asked(q) for q in natural.queries)
    notes = {**natural.notes, "pictures": "art style, the scenes of diorama-facets"}
    return Benchmark(
        "diorama-facets-art", WORLD_VERSION, split, Gallery(painted(natural.gallery.ids), images), queries, notes
    )


def facets_crowded(split: str = "test", gallery: int = 3000, per_facet: int = 250) -> Benchmark:
    """The facets on `crowded` scenes, with queries and pools of their own by the same rules."""
    scenes = sample_crowded(gallery, split, tasks.SPLIT_SEED.get(split, 0))
    queries = tuple(q for name in FACETS for q in tasks.facet_queries(name, scenes, per_facet))
    notes = {
        "task": "facets", "negatives": "label excludes the query's", "positives": "objects and animals cover >= 5 %",
        "pictures": f"a subject that is not huge, and at least {CROWD} things and people",
    }  # fmt: skip
    images = DioramaImages(scenes)
    return Benchmark(
        "diorama-facets-crowded", WORLD_VERSION, split, Gallery(tuple(images.scenes), images), queries, notes
    )


def crowded(scene: Scene) -> bool:
    """True if the subject leaves room (it is large, not huge) and `CROWD` or more things and people are to be seen.

    Such scenes are three in ten of the usual world: a busy street instead of a portrait. What a picture is *of* takes
    less of it, and every facet has more beside it to be confused with.
    """
    everyone = scene.people - (scene.subject.kind == "person")  # a person as the subject counts once
    return scene.subject.size == "large" and len(scene.things) + everyone >= CROWD


def sample_crowded(n: int, split: str, seed: int) -> list[Scene]:
    """`n` crowded scenes of one split, no two with the same id; splits are by core, as everywhere."""
    if split not in ("train", "dev", "test"):
        raise unknown("split", split, ("train", "dev", "test"))
    rng = random.Random(f"crowded-{split}-{seed}")
    scenes: dict[str, Scene] = {}
    while len(scenes) < n:
        scene = sample(rng)
        if split_of(scene) == split and crowded(scene):
            scenes.setdefault(scene.id, scene)
    return list(scenes.values())


POOLS: dict[str, Callable[[str, int, int], Benchmark]] = {"art": facets_art, "crowded": facets_crowded}


def facets_on(pool: str, split: str = "test", gallery: int = 3000, per_facet: int = 250) -> Benchmark:
    """The facets benchmark on a pool by name, a key of `POOLS`."""
    if pool not in POOLS:
        raise unknown("image pool", pool, tuple(POOLS))
    return POOLS[pool](split, gallery, per_facet)
