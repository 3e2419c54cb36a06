"""Five attributes of photographed products as facets: what is known of each product, how captions and questions speak.

Captions have a reporting bias, as those of real pairs have: the type of thing is nearly always named, what it looks
like and what it is for seldom. How often is a parameter, so that its effect can be measured (chapter 1).
"""

import csv
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pinpoint.distinctive_photos import MISSING, Product, Products
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest

MORE = ("masterCategory", "season", "usage")  # columns beside those of `distinctive_photos`


@dataclass(frozen=True)
class Facet:
    """One attribute: how a query asks for a value, what it asks of an image, and how else an answer says the value.

    alike: groups of values that do not exclude one another; none is a wrong answer to another's query.
    """

    text: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    alike: tuple[frozenset[str], ...] = ()

    @property
    def question(self) -> str:
        """The first wording, which measurements use."""
        return self.questions[0]

    def excluded(self, value: str) -> frozenset[str]:
        """Values that a query for `value` says nothing of: its like, and itself."""
        return frozenset({value}).union(*(group for group in self.alike if value in group))


def _alike(*groups: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(group.split(", ")) for group in groups)


FACETS: Mapping[str, Facet] = {
    "type": Facet(
        "a photo of {}", ("what kind of product is it", "what is it", "name the article", "which product is shown"),
        ("{}", "the kind is {}"),
        _alike("kurtas, kurtis, tunics, kurta sets", "tops, tshirts", "sandals, sports sandals, flats",
               "track pants, lounge pants, tracksuits", "shorts, lounge shorts, boxers", "briefs, trunk, boxers",
               "leggings, tights, churidar, stockings", "mufflers, scarves, stoles, dupatta", "caps, hat",
               "backpacks, rucksacks", "handbags, clutches", "perfume and body mist, deodorant, fragrance gift set")),
    "colour": Facet(
        "a product in {}", ("what colour is it", "which colour does it have", "name the colour", "how is it coloured"),
        ("{}", "in {}", "the colour {}"),
        _alike("blue, navy blue, turquoise blue, teal", "grey, charcoal, grey melange, silver, steel, metallic",
               "white, off white, cream", "red, maroon, burgundy, rust", "pink, magenta, peach",
               "purple, lavender, mauve", "green, olive, sea green, fluorescent green", "yellow, mustard, gold",
               "brown, coffee brown, tan, beige, khaki, taupe, bronze, copper, skin, nude", "black, charcoal",
               "cream, beige, nude, skin", "orange, rust, peach, copper", "teal, green, sea green")),
    "gender": Facet(
        "a product for {}", ("who is it for", "who wears it", "for whom is it made"), ("{}", "for {}", "made for {}"),
        _alike("men, boys, unisex", "women, girls, unisex")),
    "season": Facet(
        "a product for the {} season", ("which season is it for", "what time of the year suits it", "name the season"),
        ("{}", "the {} season", "for the {}")),
    "usage": Facet(
        "a product for {} use", ("what is it used for", "on which occasion is it worn", "name the use"),
        ("{}", "{} use", "for {} use"), _alike("casual, smart casual, travel", "formal, smart casual")),
}  # fmt: skip
HELD_OUT = ("gender", "usage")  # facets that no training asks about: do prompts carry over?
ASKED = tuple(name for name in FACETS if name not in HELD_OUT)
GENERAL = "what is shown"  # the general prompt
CATEGORY = ("which group of products does it belong to", "what sort of goods is it")
VAGUE = {"multi"}  # a colour that excludes no other: no query asks for it, and it answers none wrongly


@dataclass(frozen=True)
class Mention:
    """How often a caption names each attribute, a chance each: the reporting bias."""

    type: float = 0.95
    colour: float = 0.3
    gender: float = 0.3
    season: float = 0.05
    usage: float = 0.1

    def rate(self, facet: str) -> float:
        """The chance of one facet."""
        if facet not in FACETS:
            raise unknown("facet", facet, list(FACETS))
        return float(getattr(self, facet))


BIASED = Mention()
EVERYTHING = Mention(1.0, 1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Products of all splits, and what the table says of each: id -> facet -> value, lower case; unsaid ones absent."""

    products: Products
    facts: Mapping[str, Mapping[str, str]]
    categories: Mapping[str, str] = field(default_factory=dict)

    def of(self, split: str) -> list[Product]:
        """The products of one split, in the order of the table."""
        return self.products.of(split)

    def digest_of(self, split: str) -> str:
        """A hash over what is known of a split."""
        return digest([[p.id, dict(self.facts[p.id]), self.categories.get(p.id, "")] for p in self.of(split)])


def read_catalogue(folder: Path, products: Products) -> Catalogue:
    """Season, usage and category beside what `read_products` has read from the same table."""
    path = folder / "attributes.csv"
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in MORE if name not in (reader.fieldnames or ())]
        if missing:
            raise PinpointError(f"{path} has no column {missing[0]!r}; restore the table of the products")
        rows = {(row["id"] or "").strip(): [(row[name] or "").strip().lower() for name in MORE] for row in reader}
    unsaid = {word.lower() for word in MISSING}
    facts, categories = {}, {}
    for product in products.items:
        category, season, usage = rows[product.id]
        gender, article, colour = (value.lower() for value in product.kind)
        stated = {"type": article, "colour": colour, "gender": gender, "season": season, "usage": usage}
        facts[product.id] = {name: value for name, value in stated.items() if value not in unsaid}
        if category not in unsaid:
            categories[product.id] = category
    return Catalogue(products, facts, categories)


def mentioned(known: Mapping[str, str], mention: Mention, rng: random.Random) -> dict[str, str]:
    """The attributes that somebody may name, and their values."""
    return {name: known[name] for name in FACETS if name in known and rng.random() < mention.rate(name)}


def caption(known: Mapping[str, str], mention: Mention, rng: random.Random) -> str:
    """What somebody may write under a photograph: "a photo of heels in red for women"."""
    said = mentioned(known, mention, rng)
    words = [f"a photo of {said['type']}" if "type" in said else "a product"]
    for name, piece in (("colour", "in {}"), ("gender", "for {}"), ("season", "for the {} season"),
                        ("usage", "for {} use")):  # fmt: skip
        if name in said:
            words.append(piece.format(said[name]))
    return " ".join(words)


@dataclass(frozen=True)
class Ask:
    """A question and its true answer; `meaning` is what all wordings of the answer share."""

    question: str
    answer: str
    meaning: str


def ask(
    catalogue: Catalogue, product: str, facets: Sequence[str], rng: random.Random, query_form: bool = True
) -> Ask:  # fmt: skip
    """A question about a product that one of `facets` asks, or the category, for variety; what is unsaid is not asked.

    query_form: the query's own form is one of the wordings of an answer (`recipes.photos_wording` tried both).
    """
    known, category = catalogue.facts[product], catalogue.categories.get(product)
    kinds = [name for name in facets if name in known] + (["category"] if category else [])
    name = rng.choice(kinds or ["type"])  # every product has a type
    if name == "category":
        return Ask(rng.choice(CATEGORY), str(category), f"category {category}")
    facet, value = FACETS[name], known[name]
    forms = (facet.text, *facet.answers) if query_form else facet.answers
    answer = rng.choice(forms).format(value)
    return Ask(rng.choice(facet.questions), answer, f"{name} {value}")


def wordings(catalogue: Catalogue) -> list[str]:
    """Every text that training or a query may hold: what the vocabulary is made of. Training products alone."""
    seen = {name: {k[name] for p in catalogue.of("train") if name in (k := catalogue.facts[p.id])} for name in FACETS}
    texts = [GENERAL, *CATEGORY, *(catalogue.categories.get(p.id, "") for p in catalogue.of("train"))]
    for name, facet in FACETS.items():
        texts += facet.questions
        texts += [form.format(value) for form in (facet.text, *facet.answers) for value in sorted(seen[name])]
    return texts


def with_rate(mention: Mention, facet: str, rate: float) -> Mention:
    """The same habits with another rate of one facet."""
    mention.rate(facet)  # refuses an unknown one
    changed: Mention = replace(mention, **{facet: rate})
    return changed
