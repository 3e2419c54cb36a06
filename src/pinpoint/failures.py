"""The experiments of chapter 1: what a CLIP fails at, and whether the attribute is lost or only unread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.datasets.coco_facet import coco_facet
from pinpoint.diorama.scene import Scene
from pinpoint.diorama.tasks import AREA_EDGES, LARGEST_AREA
from pinpoint.diorama.world import NATIVE_SIZE, DioramaImages
from pinpoint.encoders import load
from pinpoint.evaluate import EmbeddingRetriever, Result, evaluate
from pinpoint.probes import ATTRIBUTES, labelled, probe, read_by_text, swapped_colours, token_features
from pinpoint.significance import Estimate, bootstrap
from pinpoint.store import Store

READERS = ("untrained", "text", "pooled", "tokens")


@dataclass(frozen=True)
class Encoded:
    """Scenes with their pooled embeddings (N, D) and what a linear reader sees of their patch tokens (N, F)."""

    scenes: Sequence[Scene]
    pooled: np.ndarray
    tokens: np.ndarray


def encode_scenes(encoder: Any, scenes: Sequence[Scene], chunk: int = 256) -> Encoded:
    """Draw and encode scenes; tokens are reduced chunk by chunk, so memory stays small."""
    images = DioramaImages(scenes)
    pooled, tokens = [], []
    for start in range(0, len(scenes), chunk):
        pixels = images.load_batch([s.id for s in scenes[start : start + chunk]], NATIVE_SIZE)
        one, many = encoder.encode_patches(pixels)
        pooled.append(one)
        tokens.append(token_features(many))
    return Encoded(scenes, np.concatenate(pooled), np.concatenate(tokens))


def read_attributes(
    encoder: Any, train: Encoded, test: Encoded, untrained: tuple[np.ndarray, np.ndarray]
) -> dict[str, tuple[dict[str, Estimate], float]]:
    """Accuracy in percent of the four readers per attribute, and chance (a uniform guess among the classes).

    `untrained`: the pooled embeddings of the same pictures, train (N, D) and test (M, D), by a network with random
    weights. It is the control: what it can read, training did not put there.
    """
    out = {}
    for attribute in ATTRIBUTES:
        train_rows, train_y = labelled(attribute, train.scenes)
        rows, y = labelled(attribute, test.scenes)
        classes = len(attribute.classes)
        class_emb = encoder.encode_texts([attribute.text(c) for c in attribute.classes])
        guesses = {
            "untrained": probe(untrained[0][train_rows], train_y, untrained[1][rows], classes)[0],
            "text": read_by_text(test.pooled[rows], class_emb),
            "pooled": probe(train.pooled[train_rows], train_y, test.pooled[rows], classes)[0],
            "tokens": probe(train.tokens[train_rows], train_y, test.tokens[rows], classes)[0],
        }
        scores = {reader: bootstrap((guess == y).astype(float), scale=100) for reader, guess in guesses.items()}
        out[attribute.name] = (scores, 100 / classes)
    return out


def binding(encoder: Any, test: Encoded, pairs: int) -> dict[str, Estimate]:
    """How often the right text beats (a) the text with swapped colours and (b) a text with an absent colour, in
    percent; chance is 50. Equal scores count half. Once with the subject named first, once with it named last."""
    out = {}
    for subject_first in (True, False):
        cases = swapped_colours(test.scenes, subject_first)[:pairs]
        image_emb = test.pooled[[i for i, *_ in cases]]  # (n, D)
        right, swapped, absent = (
            np.einsum("nd,nd->n", image_emb, encoder.encode_texts([case[k] for case in cases])) for k in (1, 2, 3)
        )
        for name, other in (("swapped", swapped), ("absent", absent)):
            wins = (right > other) + 0.5 * (right == other)
            out[name if subject_first else f"{name}_subject_last"] = bootstrap(wins, scale=100)
    return out


def area_curves(result: Result, metric: str = "r5") -> dict[str, list[tuple[float, Estimate]]]:
    """Per role (subject, secondary), (middle of the area bin in percent of the picture, estimate), small to large."""
    out: dict[str, list[tuple[float, Estimate]]] = {"subject": [], "secondary": []}
    for group in sorted(result.groups):
        role, number = group.split()
        low, high = AREA_EDGES[int(number)], min(AREA_EDGES[int(number) + 1], LARGEST_AREA)
        out[role].append((50 * (low + high), result.metric(metric, group)))
    return out


def real_benchmark(folder: str, encoder: str, store: Store) -> str:
    """Recall of a public encoder on COCO-Facet as a Markdown table; without the data, a line that says where it goes.

    Raises PinpointError where the data are there and the weights are not: then somebody meant to run this.
    """
    if not Path(folder).is_dir():
        return f"Not run here: there is no folder {folder!r}. Put the eight JSON files and their images there."
    retriever = EmbeddingRetriever(load(encoder), store)
    return evaluate(coco_facet(Path(folder)), retriever).table(["r1", "r5"])


def mid_ranked(result: Result, facets: Sequence[str]) -> list[int]:
    """One query per facet that shows a typical failure: the one whose normalised rank is the facet's upper quartile.

    Failures are chosen by rule, not by hand: a quarter of the facet's queries do worse.
    """
    groups = np.array([q.group for q in result.benchmark.queries])
    chosen = []
    for facet in facets:
        members = np.flatnonzero(groups == facet)
        order = members[np.argsort(result.per_query["nrank"][members], kind="stable")]
        chosen.append(int(order[int(0.75 * (len(order) - 1))]))
    return chosen


def record_metrics(
    study: Any, result: Result, prefix: str, metrics: Sequence[str] = ("r1", "r5"), seeds: int = 1
) -> Mapping[str, Estimate]:
    """Record every facet, macro and micro of a result under `prefix.<facet>.<metric>`; returns them by the last two.

    `seeds`: over how many random draws the result is a mean.
    """
    out = {}
    for metric in metrics:
        rows = {g: result.metric(metric, g) for g in result.groups}
        rows |= {"macro": result.macro(metric), "micro": result.micro(metric)}
        for name, e in rows.items():
            study.record(f"{prefix}.{name}.{metric}", e.value, e.low, e.high, n=e.n, seeds=seeds)
            out[f"{name}.{metric}"] = e
    return out
