"""The frozen benchmarks of the world: facets, composed edits, styles. Each is a `Benchmark`, drawn from one split.

Because every attribute of every picture is known, `relevant` lists *all* right answers: no image that is retrieved
and counted as wrong is ever secretly right.
"""

import random
from collections.abc import Sequence
from functools import cache

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.diorama.captions import EVERYTHING, caption
from pinpoint.diorama.composed import composed
from pinpoint.diorama.draw import STYLES, areas
from pinpoint.diorama.facets import FACETS, answers, contradicts, large_enough
from pinpoint.diorama.scene import WORLD_VERSION, Scene, sample_split, shuffled
from pinpoint.diorama.world import DioramaImages, image_id
from pinpoint.errors import PinpointError

__all__ = ["by_area", "composed", "facets", "facets_whole", "style"]

POOL = 100  # COCO-Facet: one positive, 99 negatives
SPLIT_SEED = {"train": 101, "dev": 202, "test": 303}  # another split is named by `sample_split`


def facets(split: str = "test", gallery: int = 3000, per_facet: int = 250) -> Benchmark:
    """COCO-Facet on Diorama: each query has its own pool of one positive (listed first) and 99 negatives.

    A negative carries a label that excludes the queried one, as in the benchmark. Groups are the eight facets; at most
    `per_facet` queries each, spread evenly over the facet's texts.
    """
    scenes = sample_split(gallery, split, SPLIT_SEED.get(split, 0))
    queries = [q for name in FACETS for q in facet_queries(name, scenes, per_facet)]
    notes = {
        "task": "facets", "negatives": "label excludes the query's", "positives": "objects and animals cover >= 5 %",
    }  # fmt: skip
    return Benchmark("diorama-facets", WORLD_VERSION, split, _gallery(scenes), tuple(queries), notes)


def facet_queries(name: str, scenes: Sequence[Scene], per_facet: int) -> list[Query]:
    """One facet's queries over any scenes: texts in turn, each with a right picture and 99 that contradict it."""
    rng = random.Random(f"facets-{name}")
    by_text = []
    for text, label in FACETS[name].texts:
        right = [s for s in scenes if answers(name, label, s) and large_enough(name, label, s)]
        wrong = [s.id for s in scenes if contradicts(name, label, s)]
        if len(wrong) < POOL - 1 or not right:
            continue  # too few pictures contradict it (COCO-Facet drops such queries as well)
        by_text.append([(text, s.id, wrong) for s in shuffled(right, rng)])
    chosen = [rows[k] for k in range(per_facet) for rows in by_text if k < len(rows)][:per_facet]
    return [
        Query(f"{name}-{i:04d}", (right,), text=text, prompt=FACETS[name].question, group=name, target=right,
              pool=(right, *shuffled(wrong, rng)[: POOL - 1]))
        for i, (text, right, wrong) in enumerate(chosen)
    ]  # fmt: skip


def facets_whole(split: str = "test", gallery: int = 3000) -> Benchmark:
    """The same questions to the whole gallery: one query a text, every right picture relevant.

    Pictures that neither answer nor contradict a query (clear sky, when sunny was asked) are excluded from its ranking.
    """
    scenes = sample_split(gallery, split, SPLIT_SEED.get(split, 0))
    queries = []
    for name, facet in FACETS.items():
        for i, (text, label) in enumerate(facet.texts):
            right = tuple(s.id for s in scenes if answers(name, label, s))
            vague = tuple(s.id for s in scenes if not answers(name, label, s) and not contradicts(name, label, s))
            if right:
                query_id = f"{name}-{i:03d}"
                queries.append(Query(query_id, right, text=text, prompt=facet.question, group=name, exclude=vague))
    notes = {"task": "facets, whole gallery", "vague": "pictures that neither answer nor contradict are excluded"}
    return Benchmark("diorama-facets-whole", WORLD_VERSION, split, _gallery(scenes), tuple(queries), notes)


def style(split: str = "test", gallery: int = 1000, queries: int = 400) -> Benchmark:
    """Style-diversified retrieval (DSR): find the natural picture of the scene that a text, a sketch, a painting or a
    mosaic shows. Groups are the query kinds; "glass" is the style that no training sees. Queries of one scene share
    the part of their id before the dash, so that joint queries can be put together."""
    if queries > gallery:
        raise PinpointError(f"{queries} style queries need a gallery of at least as many scenes, not {gallery}")
    scenes = sample_split(gallery, split, SPLIT_SEED.get(split, 0) + 1)
    rng = random.Random("style")
    asked = scenes[:queries]
    texts = [caption(s, rng, EVERYTHING) for s in asked]
    out = [Query(f"{s.id}-text", (s.id,), text=t, group="text", target=s.id) for s, t in zip(asked, texts, strict=True)]
    for kind in STYLES[1:]:
        out += [Query(f"{s.id}-{kind}", (s.id,), image=image_id(s, kind), group=kind, target=s.id) for s in asked]
    notes = {"task": "style", "text": "every attribute mentioned", "unseen": "glass"}
    return Benchmark("diorama-style", WORLD_VERSION, split, _gallery(scenes), tuple(out), notes)


def _gallery(scenes: Sequence[Scene]) -> Gallery:
    return Gallery(tuple(s.id for s in scenes), DioramaImages(scenes))


AREA_EDGES = (0.0, 0.015, 0.03, 0.05, 0.08, 0.12, 0.20, 1.0)  # shares of the picture
LARGEST_AREA = 0.23  # nothing covers more, so this is where the last bin really ends


def by_area(split: str = "test", gallery: int = 3000, most: int = 300) -> Benchmark:
    """Queries for any object or animal, of every size. Groups are "<role> <area bin>": whether the
    thing is the picture's subject (nearly always captioned) or secondary (seldom), and how much of the picture it
    covers. At most `most` queries a group; pools of 100 as in `facets`."""
    scenes = sample_split(gallery, split, SPLIT_SEED.get(split, 0))
    rng = random.Random("by-area")
    by_group: dict[str, list[tuple[str, str, str]]] = {}
    for scene in shuffled(scenes, rng):
        area = areas(scene)
        for thing in scene.things:
            if thing.kind != "person":
                facet = "animals" if thing.kind == "animal" else "objects"
                group = f"{'subject' if thing is scene.subject else 'secondary'} {_area_bin(area[thing.name])}"
                by_group.setdefault(group, []).append((facet, thing.name, scene.id))
    texts = {label: text for facet in ("objects", "animals") for text, label in FACETS[facet].texts}

    @cache
    def wrong(facet: str, name: str) -> list[str]:
        return [s.id for s in scenes if contradicts(facet, name, s)]

    queries = []
    for group, rows in sorted(by_group.items()):
        for i, (facet, name, right) in enumerate(rows[:most]):
            pool = (right, *shuffled(wrong(facet, name), rng)[: POOL - 1])
            queries.append(Query(f"{group}-{i:04d}", (right,), text=texts[name], group=group, target=right, pool=pool))
    notes = {"task": "facets by area", "edges": " ".join(str(e) for e in AREA_EDGES)}
    return Benchmark("diorama-by-area", WORLD_VERSION, split, _gallery(scenes), tuple(queries), notes)


def _area_bin(area: float) -> int:
    """Index of the bin of `AREA_EDGES` that holds `area`."""
    return max(i for i, edge in enumerate(AREA_EDGES[:-1]) if area >= edge)
