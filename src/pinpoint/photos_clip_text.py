"""What does CLIP's text space keep apart? Names of four vocabularies, and the cosines between them.

Cosines of one text tower are all high, for every text shares a direction. So a mean cosine says little by itself: each
is set beside that of unrelated names, and wherever possible a question with a right answer is asked instead, whose
chance is known.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.metrics import hit_at_k, rank
from pinpoint.photos_vectors import Named
from pinpoint.significance import Estimate, bootstrap

SUPER = {  # COCO's super-categories: its eighty categories in their order, so many each
    "person": 1, "vehicle": 8, "outdoor": 5, "animal": 10, "accessory": 5, "sports": 10, "kitchen": 7, "food": 10,
    "furniture": 6, "electronic": 6, "appliance": 5, "indoor": 7,
}  # fmt: skip
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of one vocabulary with the rows of another that mean the same: `cosines` and, among all names of the other,
    whether the nearest is the right one, both (P,)."""

    cosines: np.ndarray
    nearest: np.ndarray


def matched(first: Named, second: Named, pairs: Sequence[Pair]) -> Pairs:
    """Measure pairs of rows of two vocabularies."""
    rows, columns = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    scores = first.emb[rows] @ second.emb.T
    right = np.zeros(scores.shape, dtype=bool)
    right[np.arange(len(rows)), columns] = True
    return Pairs(scores[np.arange(len(rows)), columns], hit_at_k(rank(scores, right), 1))


def synonym_pairs(lvis: Named, synonyms: Sequence[frozenset[str]], other: Named) -> list[Pair]:
    """LVIS rows and rows of another vocabulary that LVIS lists as another name of the same thing, spelt differently."""
    at = {name: n for n, name in enumerate(other.names)}
    out = []
    for n, (name, known) in enumerate(zip(lvis.names, synonyms, strict=True)):
        if name not in at:  # the same word is in both: nothing to ask
            out += [(n, at[one]) for one in sorted(known - {name}) if one in at]
    return out


def plural_pairs(first: Named, second: Named) -> list[Pair]:
    """Rows of names that differ by a plural ending alone, the second without that singular's own name."""
    at = {name: n for n, name in enumerate(second.names)}
    out = []
    for n, name in enumerate(first.names):
        forms = [f for f in (*_plurals(name), *_singulars(name)) if f in at]
        if forms and name not in at:
            out.append((n, at[forms[0]]))
    return out


def _plurals(name: str) -> list[str]:
    return [name + "s", name + "es", re.sub(r"y$", "ies", name)] if name else []


def _singulars(name: str) -> list[str]:
    ends = ((r"ies$", "y"), (r"es$", ""), (r"s$", ""))
    return [re.sub(end, new, name) for end, new in ends if re.search(end, name) and not name.endswith("ss")]


def super_categories(coco: Named) -> np.ndarray:
    """The number of each COCO name's super-category, (80,)."""
    return np.repeat(np.arange(len(SUPER)), list(SUPER.values()))[: len(coco)]


def neighbours_share(named: Named, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Whether each name's nearest other has its label, (N,); and the chance of it, in percent."""
    cosines = named.emb @ named.emb.T
    np.fill_diagonal(cosines, -np.inf)
    same = labels[cosines.argmax(axis=1)] == labels
    counts = np.bincount(labels)
    n = len(labels)
    return same.astype(float), 100 * float(np.sum(counts * (counts - 1)) / (n * (n - 1)))


def within_between(named: Named, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean cosine of each name with the others of its label, and with those of other labels, two (N,). NaN where a
    label has one name."""
    cosines, same = named.emb @ named.emb.T, labels[:, None] == labels[None, :]
    off = ~np.eye(len(labels), dtype=bool)
    return _row_means(cosines, same & off), _row_means(cosines, ~same)


def _row_means(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    counts = chosen.sum(axis=1)
    totals = np.where(chosen, values, 0.0).sum(axis=1)
    return np.divide(totals, counts, out=np.full(len(values), np.nan), where=counts > 0)


def parts_of(name: str) -> tuple[str, str] | None:
    """The modifier and the head of a name of two words; COCO-Stuff writes the head first, `wall-brick`."""
    if name.count("-") == 1 and " " not in name:
        head, modifier = name.split("-")
        return modifier, head
    words = name.split()
    return (words[0], words[1]) if len(words) == 2 and "-" not in name else None


def mates(named: Named) -> dict[str, np.ndarray]:
    """For each two-word name (n,) its mean cosine with other two-word names. `head`: they share the thing and differ in
    what is said of it (fire truck, tow truck). `modifier`: they share what is said of another thing (fire truck, fire
    hydrant). `neither`. NaN where it has no such mate."""
    split = [(n, part) for n, name in enumerate(named.names) if (part := parts_of(name)) and part[0] != "other"]
    emb = named.emb[[n for n, _ in split]].reshape(len(split), -1)
    modifiers, heads = (np.array([part[side] for _, part in split]) for side in (0, 1))
    same_head, same_modifier = (words[:, None] == words[None, :] for words in (heads, modifiers))
    off, cosines = ~np.eye(len(split), dtype=bool), emb @ emb.T
    return {
        "head": _row_means(cosines, same_head & ~same_modifier & off),
        "modifier": _row_means(cosines, same_modifier & ~same_head & off),
        "neither": _row_means(cosines, ~same_head & ~same_modifier),
    }


def bare_parts(named: Named) -> dict[str, np.ndarray]:
    """The cosine of each two-word name with its bare thing, `head` (wooden spoon, spoon), and with what is said of it,
    `modifier` (paper plate, paper), where these are names as well, else NaN; two (n,)."""
    at = {name: n for n, name in enumerate(named.names)}
    split = [(n, part) for n, name in enumerate(named.names) if (part := parts_of(name)) and " " in name]
    return {
        kind: np.array([named.emb[n] @ named.emb[at[p[side]]] if p[side] in at else np.nan for n, p in split])
        for kind, side in (("head", 1), ("modifier", 0))
    }


def nearer(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 where the first cosine is the greater, 0 where the second is, of those that have both."""
    both = ~np.isnan(first) & ~np.isnan(second)
    return (first[both] > second[both]).astype(float)


def pooled(vocabularies: Iterable[Named]) -> Named:
    """Several vocabularies as one; a name that several have is taken once."""
    rows: dict[str, np.ndarray] = {}
    for one in vocabularies:
        for name, row in zip(one.names, one.emb, strict=True):
            rows.setdefault(name, row)
    return Named(tuple(rows), np.stack(list(rows.values())))


def unrelated(named: Named) -> np.ndarray:
    """The cosine of each name to all others, in the mean, (N,)."""
    n = len(named)
    out: np.ndarray = (named.emb @ named.emb.sum(axis=0) - 1) / (n - 1)
    return out


def centred(named: Named) -> Named:
    """The same names about their mean: unit rows of what is left when the direction that all share is taken out."""
    moved = named.emb - named.emb.mean(axis=0)
    return Named(named.names, moved / np.linalg.norm(moved, axis=1, keepdims=True))


def estimate(values: np.ndarray, scale: float = 1.0) -> Estimate | None:
    """The mean with its interval, NaN left out; None where nothing is left."""
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    return bootstrap(kept, scale=scale) if len(kept) else None
