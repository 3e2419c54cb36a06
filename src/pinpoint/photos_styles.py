"""Can a picture in one style find the same kind of thing in another? Real photographs, paintings, cartoons, sketches.

Features are a real ImageNet network's, which has seen photographs alone. Nothing is trained: chapter 4's problem as it
stands, and the cheapest remedy, which takes the mean of each style out of its features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.linear import unit
from pinpoint.metrics import average_precision_at_k, hit_at_k, rank


@dataclass(frozen=True, eq=False)
class Styled:
    """Features (N, D) of pictures, and for each the names of its style and of the class of what it shows."""

    features: np.ndarray
    styles: tuple[str, ...]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.features) == len(self.styles) == len(self.classes):
            raise PinpointError(
                f"{len(self.features)} features, {len(self.styles)} styles and {len(self.classes)} classes; give each "
                "picture one of each"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The styles, sorted."""
        return tuple(sorted(set(self.styles)))

    def rows(self, style: str) -> np.ndarray:
        """The pictures of one style, int64."""
        return np.flatnonzero(np.array(self.styles) == style)


def from_labels(features: np.ndarray, labels: Sequence[str]) -> Styled:
    """Labels as `FolderImages` gives them, such as "sketch/dog". Raises PinpointError for one of another form."""
    parts = [label.split("/") for label in labels]
    odd = next((label for label, part in zip(labels, parts, strict=True) if len(part) != 2), None)
    if odd is not None:
        raise PinpointError(f"a picture lies in {odd!r}; the folder must hold <style>/<class>/ and pictures in them")
    return Styled(features, tuple(part[0] for part in parts), tuple(part[1] for part in parts))


def without_style(data: Styled) -> Styled:
    """Unit features about the mean of their own style: no label of a class is used, only how a picture is drawn."""
    rows = unit(data.features)
    for style in data.names:
        own = data.rows(style)
        rows[own] = rows[own] - rows[own].mean(axis=0)
    return Styled(unit(rows), data.styles, data.classes)


def across(data: Styled, query: str, gallery: str) -> Mapping[str, np.ndarray]:
    """R@1 and average precision over the whole list per query of one style against pictures of another, (Q,).

    Right is what shows the same class. Within one style a picture is left out of its own ranking.
    """
    rows, columns = data.rows(query), data.rows(gallery)
    classes, emb = np.array(data.classes), unit(data.features)
    scores = emb[rows] @ emb[columns].T
    allowed = rows[:, None] != columns[None, :]
    right = (classes[rows][:, None] == classes[columns][None, :]) & allowed
    alone = ~right.any(axis=1)
    if alone.any():
        shown = str(classes[rows][alone][0])
        raise PinpointError(f"{shown!r} has no other picture in {gallery}; give every class pictures in every style")
    ranks = rank(scores, right, allowed)
    return {"r1": hit_at_k(ranks, 1), "map": average_precision_at_k(ranks)}


def chance(data: Styled, query: str, gallery: str) -> float:
    """R@1 of a random order, in percent."""
    rows, columns = data.rows(query), data.rows(gallery)
    classes = np.array(data.classes)
    right = (classes[rows][:, None] == classes[columns][None, :]) & (rows[:, None] != columns[None, :])
    return 100 * float(np.mean(right.sum(axis=1) / (rows[:, None] != columns[None, :]).sum(axis=1)))


def majority(data: Styled, of: str, k: int = 5) -> np.ndarray:
    """1 where most of a picture's k nearest others, of all styles, share its `of`, "style" or "class", (N,)."""
    emb, names = unit(data.features), data.styles if of == "style" else data.classes
    labels = np.unique(np.array(names), return_inverse=True)[1]
    scores = emb @ emb.T
    np.fill_diagonal(scores, -np.inf)
    k = min(k, len(labels) - 1)
    votes = labels[np.argpartition(-scores, k - 1, axis=1)[:, :k]]
    return np.array([np.bincount(row).argmax() for row in votes] == labels, dtype=float)
