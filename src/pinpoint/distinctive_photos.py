"""Composed queries on photographs of products: this one in another colour, or another kind of article in its colour.

A product is known by gender, type and colour, so an edit of one of them has answers that a table knows: every product
of the split with the edited three. One of them is annotated, as datasets do it; the others are valid and unannotated.
Wanted in a folder: `attributes.csv` with the columns below, and `images/<id>.jpg`. No picture is copied.
"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.datasets.named_images import NamedImages
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest

Kind = tuple[str, str, str]  # gender, type, colour, as the table spells them

COLUMNS = ("id", "gender", "articleType", "baseColour")
MISSING = ("", "NA")
SPLITS = {"train": 70, "dev": 80, "test": 100}  # the products whose hash, in percent, lies below
PLACE = {"colour": 2, "type": 1}  # what is edited, the groups of a benchmark, and where a Kind has it
WORDINGS = {
    "colour": ("in {}", "the same in {}", "make it {}", "but in {}", "change the colour to {}"),
    "type": ("as {}", "change it to {}", "but {}", "{} instead", "turn it into {}"),
}


@dataclass(frozen=True)
class Product:
    """One product: its id and what it is."""

    id: str
    kind: Kind

    @property
    def caption(self) -> str:
        """What it is in words, such as "men casual shoes in navy blue"."""
        gender, article, colour = self.kind
        return f"{gender} {article} in {colour}".lower()


@dataclass(frozen=True, eq=False)
class Products:
    """The products that can be asked about, and how many the table has besides, with something left unsaid."""

    items: tuple[Product, ...]
    left_out: int
    images: NamedImages

    def of(self, split: str) -> list[Product]:
        """Those of one split, in the order of the table."""
        if split not in SPLITS:
            raise unknown("split", split, list(SPLITS))
        return [product for product in self.items if split_of(product.id) == split]


def split_of(product_id: str) -> str:
    """The split of a product: a function of its id alone."""
    percent = int(digest(["fashion-products", product_id])[:8], 16) % 100
    return next(split for split, below in SPLITS.items() if percent < below)


def read_products(folder: Path, at_most: int = 0) -> Products:
    """The products of a folder, or its first `at_most`. Rows that leave an attribute unsaid are left out and counted.

    Raises PinpointError that names the table for a missing or unreadable one, a missing column and an id given twice.
    """
    path = folder / "attributes.csv"
    rows = _rows(path)
    twice = _first_repeated([row[0] for row in rows])
    if twice is not None:
        raise PinpointError(f"{path} lists the product {twice!r} twice; keep one of its rows")
    stated = [row for row in rows if not any(value in MISSING for value in row)]
    if not stated:
        raise PinpointError(f"{path} has no product with {', '.join(COLUMNS)}; restore it")
    items = tuple(Product(i, (gender, article, colour)) for i, gender, article, colour in stated)
    items = items[: at_most or None]
    images = NamedImages(folder / "images", {product.id: f"{product.id}.jpg" for product in items})
    return Products(items, len(rows) - len(stated), images)


def composed_products(products: Products, split: str, n: int, seed: int = 0) -> Benchmark:
    """At most n composed queries over the products of a split, half of them edits of the colour, half of the type.

    The gallery is the whole split; the reference is left out of the ranking, and never valid.
    """
    shown = products.of(split)
    members: dict[Kind, list[str]] = {}
    for product in shown:
        members.setdefault(product.kind, []).append(product.id)
    rng, queries = random.Random(f"products-{split}-{seed}"), list[Query]()
    for group, place in PLACE.items():
        for reference, kind in edits(shown, place, rng)[: n // 2]:
            text = rng.choice(WORDINGS[group]).format(kind[place].lower())
            valid = tuple(members[kind])
            queries.append(Query(f"{reference.id}/{kind[place]}", valid, text, reference.id, group=group,
                                 exclude=(reference.id,), target=rng.choice(valid)))  # fmt: skip
    if not queries:
        raise PinpointError(f"no two products of {split} differ in colour or type alone; give more products")
    notes = {
        "left out": f"{products.left_out:,} products without gender, articleType or baseColour",
        "split": "by a hash of the product's id",
        "relevant": "all products of the split with the gender, type and colour that are asked for",
        "target": "one of them, drawn",
    }
    gallery = Gallery(tuple(product.id for product in shown), products.images)
    return Benchmark("fashion-products", "1", split, gallery, tuple(queries), notes)


def edits(products: Sequence[Product], place: int, rng: random.Random) -> list[tuple[Product, Kind]]:
    """References with an edited kind that exists: every reference once, then each again with another value, and so on.

    All values that a reference can take are equally likely, so that frequent ones are not asked for all the time.
    """
    values: dict[Kind, set[str]] = {}
    for product in products:
        values.setdefault(_put(product.kind, place, ""), set()).add(product.kind[place])
    turns = []
    for product in rng.sample(products, len(products)):
        others = sorted(values[_put(product.kind, place, "")] - {product.kind[place]})
        turns.append([(product, _put(product.kind, place, v)) for v in rng.sample(others, len(others))])
    return [pair for turn in zip_longest(*turns) for pair in turn if pair]


def attribute_words(products: Sequence[Product]) -> Mapping[str, frozenset[str]]:
    """The words that name a colour or a type."""
    return {
        group: frozenset(word for product in products for word in product.kind[place].lower().split())
        for group, place in PLACE.items()
    }


def _put(kind: Kind, place: int, value: str) -> Kind:
    gender, article, colour = (value if n == place else old for n, old in enumerate(kind))
    return gender, article, colour


def _rows(path: Path) -> list[list[str]]:
    """The wanted columns of every row, in the order of COLUMNS; what a short row lacks is empty."""
    if not path.is_file():
        raise PinpointError(f"there is no {path}; put the table of the products there")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise PinpointError(f"{path} has no column {missing[0]!r}; restore the table of the products")
            return [[(row[name] or "").strip() for name in COLUMNS] for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PinpointError(f"{path} cannot be read as a table ({error}); restore it") from error


def _first_repeated(ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for product_id in ids:
        if product_id in seen:
            return product_id
        seen.add(product_id)
    return None
