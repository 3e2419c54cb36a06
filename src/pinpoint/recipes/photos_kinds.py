"""Ways to train a model of photographs: how captions speak and what questions ask; a square sweeps the mention rate."""

from collections.abc import Mapping
from dataclasses import dataclass

from pinpoint.photos_facets import ASKED, BIASED, EVERYTHING, FACETS, Mention, with_rate


@dataclass(frozen=True)
class Kind:
    """A way to train: how captions speak, and the facets that questions ask about (none: a plain CLIP).

    query_form: whether the query's own form is one of the wordings of an answer.
    """

    mention: Mention = BIASED
    facets: tuple[str, ...] = ()
    query_form: bool = True


SWEPT, RATES = ("colour", "gender", "season", "usage"), (0.02, 0.1, 0.3, 1.0)


def habits(model: int) -> Mention:
    """The captions of model number `model` of a Latin square: every attribute meets every rate once, and no model's
    captions say more than another's, as in chapter 1's sweep."""
    mention = BIASED
    for j, facet in enumerate(SWEPT):
        mention = with_rate(mention, facet, RATES[(model + j) % len(RATES)])
    return mention


def rate_of(model: int, facet: str) -> float:
    """At which rate the captions of a model of the square name a facet."""
    return RATES[(model + SWEPT.index(facet)) % len(RATES)]


MAIN: Mapping[str, Kind] = {
    "clip": Kind(), "clip_full": Kind(EVERYTHING), "promptable": Kind(facets=ASKED),
    "promptable_all": Kind(facets=tuple(FACETS)),
}  # fmt: skip
OTHER_WORDING = "promptable_plain"  # what `photos_wording` tries beside "promptable"
KINDS: Mapping[str, Kind] = {
    **MAIN,
    OTHER_WORDING: Kind(facets=ASKED, query_form=False),
    **{f"square_{n}": Kind(habits(n)) for n in range(len(RATES))},
}
