"""Photographs and names in one real CLIP space: the gap between the two modalities, hubs, and what centring does.

The modality gap (Liang et al. 2022): images and texts lie in two cones, apart. Hubness (Radovanovic et al. 2010): in
many dimensions a few points are the nearest of very many. Here a hub is a name that is nearest to far more photographs
than it could be true of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.photos_vectors import Space
from pinpoint.significance import Estimate, bootstrap

TOP = 10  # the most frequent names, and the photographs that a name finds first


@dataclass(frozen=True, eq=False)
class Hubs:
    """How often each name is the nearest of a photograph, int64 (N,), most frequent first, and the names' numbers."""

    counts: np.ndarray
    order: np.ndarray

    @property
    def effective(self) -> float:
        """The exponential of the entropy of the counts: as many names, equally frequent, would be as varied."""
        share = self.counts[self.counts > 0] / self.counts.sum()
        return float(np.exp(-np.sum(share * np.log(share))))

    @property
    def skewness(self) -> float:
        """The third standardised moment of the counts, the usual measure of hubness; 0 where all are equal."""
        spread = self.counts.std()
        return float(np.mean((self.counts - self.counts.mean()) ** 3) / spread**3) if spread else 0.0

    def share(self, first: int) -> float:
        """Photographs whose nearest name is one of the `first` most frequent, in percent."""
        return 100 * float(self.counts[:first].sum() / self.counts.sum())

    @property
    def never(self) -> float:
        """Names that are nearest to no photograph, in percent."""
        return 100 * float(np.mean(self.counts == 0))


def gap(space: Space) -> float:
    """The distance of the two means of unit rows: 0 where the clouds lie on each other, 2 at most."""
    return float(np.linalg.norm(space.images.mean(axis=0) - space.stuff.emb.mean(axis=0)))


def cosines(space: Space) -> Mapping[str, np.ndarray]:
    """The mean cosine of each photograph to the other photographs, of each name to the other names, of each photograph
    to the names."""
    images, texts = space.images, space.stuff.emb
    return {
        "image_image": (images @ images.sum(axis=0) - 1) / (len(images) - 1),
        "text_text": (texts @ texts.sum(axis=0) - 1) / (len(texts) - 1),
        "image_text": images @ texts.mean(axis=0),
    }


def separable(space: Space, seed: int = 0) -> Estimate:
    """How often one direction tells a name from a photograph, in percent, the mean of both kinds: the difference of the
    means of one half, cut halfway between them, asked about the other half. Chance is 50."""
    rng, halves = np.random.default_rng(seed), []
    for rows in (space.images, space.stuff.emb):
        if len(rows) < 2:
            raise PinpointError("telling images from texts takes at least two of each; give more vectors")
        order = rng.permutation(len(rows))
        halves.append((rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]))
    means = [first.mean(axis=0) for first, _ in halves]
    direction, middle = means[0] - means[1], (means[0] + means[1]) / 2
    right = [((rest - middle) @ direction > 0) == (n == 0) for n, (_, rest) in enumerate(halves)]
    groups = ["image"] * len(right[0]) + ["text"] * len(right[1])
    return bootstrap(np.concatenate(right).astype(float), groups, scale=100)


def centred(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Photographs (M, D) and names (N, D), each about its own mean, unit rows: the gap is closed by construction."""
    return _about_mean(space.images), _about_mean(space.stuff.emb)


def nearest(images: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """The number of each photograph's nearest name, (M,)."""
    out: np.ndarray = (images @ texts.T).argmax(axis=1)
    return out


def hubs(named: np.ndarray, names: int) -> Hubs:
    """From the nearest name of each photograph, (M,)."""
    counts = np.bincount(named, minlength=names)
    order = np.argsort(-counts, kind="stable")
    return Hubs(counts[order], order)


def found_by(images: np.ndarray, texts: np.ndarray, k: int = TOP) -> np.ndarray:
    """How many of the names have each photograph among their first k, int64 (M,)."""
    k = min(k, len(images))
    found = np.argpartition(-(texts @ images.T), k - 1, axis=1)[:, :k]
    return np.bincount(found.ravel(), minlength=len(images))


def own_places(times: np.ndarray) -> float:
    """Of all places in the names' first photographs, in percent, how many different photographs they hold: 100 where
    none is found twice. times (M,) is of `found_by`."""
    return 100 * float(np.count_nonzero(times) / times.sum())


def own_by_chance(times: np.ndarray, k: int = TOP) -> float:
    """The same where every name draws its photographs at random: 100 M (1 - (1 - k / M)^N) / (k N)."""
    images, k = len(times), min(k, len(times))
    names = times.sum() / k
    return 100 * float(images * (1 - (1 - k / images) ** names) / times.sum())


def voc_agrees(space: Space) -> np.ndarray:
    """Whether the nearest COCO-Stuff name to each of VOC's twenty is the same thing, (20,): a check of the vectors."""
    found = (space.voc.emb @ space.stuff.emb.T).argmax(axis=1)
    return np.array([space.stuff.names[n] == name for n, name in zip(found, space.voc.names, strict=True)], dtype=float)


def _about_mean(rows: np.ndarray) -> np.ndarray:
    moved = rows - rows.mean(axis=0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.divide(moved, norms, out=np.zeros_like(moved), where=norms > 0)
