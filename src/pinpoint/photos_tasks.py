"""Text to image by one attribute, in pools of a hundred: COCO-Facet's protocol on photographed products.

As there: one right image, listed first, and 99 others that carry a label which excludes the one asked for, drawn at
random. A value that is like the one asked for (navy blue and blue, tops and T-shirts) is in no pool of it. Values are
asked in turn, so that frequent ones are not asked all the time. A product whose attribute is unsaid is in no pool.
"""

import random
from collections.abc import Mapping
from itertools import zip_longest

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.errors import PinpointError
from pinpoint.photos_facets import FACETS, VAGUE, Catalogue

POOL = 100


def facet_benchmark(catalogue: Catalogue, split: str, per_facet: int, pool: int = POOL, seed: int = 0) -> Benchmark:
    """At most `per_facet` queries of every facet over one split. Raises PinpointError where a facet has none."""
    queries: list[Query] = []
    for facet in FACETS:
        found = facet_queries(catalogue, split, facet, per_facet, pool, seed)
        if not found:
            raise PinpointError(
                f"no value of {facet} in {split} has {pool - 1} products that exclude it; give more products"
            )
        queries += found
    ids = tuple(product.id for product in catalogue.of(split))
    notes = {
        "protocol": f"COCO-Facet's: one right image and {pool - 1} that carry a label which excludes it",
        "right": "the product the query was made from; others with its value are in no pool",
        "split": "by a hash of the product's id",
    }
    return Benchmark("photo-facets", "1", split, Gallery(ids, catalogue.products.images), tuple(queries), notes)


def facet_queries(
    catalogue: Catalogue, split: str, facet: str, per_facet: int, pool: int = POOL, seed: int = 0
) -> list[Query]:
    """The queries of one facet: its values in turn, each positive once."""
    rng, labels = random.Random(f"photo-facets-{split}-{facet}-{seed}"), labels_of(catalogue, split, facet)
    turns = []
    for value in sorted(set(labels.values()) - VAGUE):
        others = FACETS[facet].excluded(value) | VAGUE
        wrong = [i for i, label in labels.items() if label not in others]
        right = [i for i, label in labels.items() if label == value]
        if len(wrong) >= pool - 1:
            turns.append([(value, i, wrong) for i in rng.sample(right, len(right))])
    in_turn = [one for turn in zip_longest(*turns) for one in turn if one][:per_facet]
    return [
        Query(f"{facet}/{i}", (i,), FACETS[facet].text.format(value), prompt=FACETS[facet].question, group=facet,
              pool=(i, *rng.sample(wrong, pool - 1)))
        for value, i, wrong in in_turn
    ]  # fmt: skip


def labels_of(catalogue: Catalogue, split: str, facet: str) -> Mapping[str, str]:
    """The value of a facet by product, in the order of the table; products that leave it unsaid are left out."""
    facts = catalogue.facts
    return {p.id: facts[p.id][facet] for p in catalogue.of(split) if facet in facts[p.id]}
