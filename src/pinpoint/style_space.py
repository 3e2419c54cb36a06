"""Do features separate style from meaning? Probes and silhouettes of pictures of the same scenes in four styles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.errors import PinpointError
from pinpoint.significance import Estimate, bootstrap

PICTURES = ("natural", "sketch", "art", "low_res")  # the styles that have a picture


@dataclass(frozen=True, eq=False)
class StyledFeatures:
    """Features (N, S, D) of N scenes in S styles; a row of scene n is of the same scene in every style."""

    features: np.ndarray
    styles: tuple[str, ...] = PICTURES

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or self.features.shape[1] != len(self.styles):
            raise PinpointError(f"features of shape {self.features.shape} are not (scenes, {len(self.styles)}, D)")

    @property
    def flat(self) -> np.ndarray:
        """(N S, D), scene by scene."""
        return self.features.reshape(-1, self.features.shape[2])

    def style_labels(self) -> np.ndarray:
        """(N S,), the number of the style."""
        return np.tile(np.arange(len(self.styles)), len(self.features))

    def scene_labels(self) -> np.ndarray:
        """(N S,), the number of the scene."""
        return np.repeat(np.arange(len(self.features)), len(self.styles))


def styled(query_emb: Mapping[str, np.ndarray], natural: np.ndarray) -> StyledFeatures:
    """From unit rows per kind of query (N, D) and of the natural pictures (N, D), in one order of scenes."""
    return StyledFeatures(np.stack([natural, *(query_emb[kind] for kind in PICTURES[1:])], axis=1))


def style_probe(data: StyledFeatures) -> Estimate:
    """Accuracy in percent of a linear classifier that names the style: trained on the first half of the scenes, asked
    on the second. Chance is 100 / S. High: the embedding still says how a picture is drawn."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels, first = data.style_labels(), data.scene_labels() < len(data.features) // 2
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(data.flat[first], labels[first])
    return bootstrap((probe.predict(data.flat[~first]) == labels[~first]).astype(float), scale=100)


def silhouettes(data: StyledFeatures, scenes: int = 100) -> dict[str, float]:
    """Mean silhouette, -1 to 1 by cosine distance, of the groups by style and of the groups by scene, over the first
    `scenes` scenes. Near 1: points of a group lie together and far from others; below 0: nearer to another group."""
    from sklearn.metrics import silhouette_score

    part = StyledFeatures(data.features[:scenes], data.styles)
    return {
        name: float(silhouette_score(part.flat, labels, metric="cosine"))
        for name, labels in (("style", part.style_labels()), ("scene", part.scene_labels()))
    }


def purity(clusters: Sequence[int] | np.ndarray, labels: Sequence[int] | np.ndarray) -> float:
    """The share, in percent, of items whose label is the commonest of their cluster."""
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    if len(clusters) != len(labels) or not len(labels):
        raise PinpointError(f"{len(clusters)} cluster numbers for {len(labels)} labels")
    return 100 * sum(np.bincount(labels[clusters == c]).max() for c in np.unique(clusters)) / len(labels)
