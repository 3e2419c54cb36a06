"""The experiments of chapter 1 on encoders whose abilities are planted, so that each result is known beforehand."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pinpoint import failures, figures
from pinpoint.diorama import tasks
from pinpoint.diorama.scene import WEATHERS, Scene, sample_split
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.probes import swapped_colours
from pinpoint.store import Store

WORDS = 512


def bag_of_words(texts: Sequence[str]) -> np.ndarray:
    """Unit rows (N, WORDS): words counted by a hash of their letters; order is lost, as in a bag."""
    rows = np.zeros((len(texts), WORDS), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"[a-z]+", text):
            row[sum(ord(c) * 31**k for k, c in enumerate(word)) % WORDS] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class BagOfWords:
    """A text tower without word order."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return bag_of_words(texts)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return sample_split(900, "train", 5)


def planted(scenes: Sequence[Scene], seed: int) -> failures.Encoded:
    """The pooled embedding holds the weather, the tokens hold nothing."""
    rng = np.random.default_rng(seed)
    weather = np.eye(len(WEATHERS))[[WEATHERS.index(s.weather) for s in scenes]]
    pooled = np.concatenate([weather, 0.1 * rng.normal(size=(len(scenes), 24))], axis=1)
    return failures.Encoded(scenes, pooled.astype(np.float32), rng.normal(size=(len(scenes), 32)))


class NoText:
    """A text tower that gives every text the same vector."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.ones((len(texts), 32), np.float32) / 32**0.5


def test_readers_find_what_is_planted_and_nothing_else(scenes):
    train, test = planted(scenes[:600], 0), planted(scenes[600:], 1)
    noise = (np.random.default_rng(2).normal(size=(600, 32)), np.random.default_rng(3).normal(size=(300, 32)))
    readings = failures.read_attributes(NoText(), train, test, noise)
    weather, chance = readings["weather"]
    assert weather["pooled"].value > 95 and chance == 12.5
    assert weather["tokens"].value < 30 and weather["untrained"].value < 30
    assert readings["gesture"][0]["pooled"].value < 35
    assert set(weather) == set(failures.READERS)


def test_a_bag_of_words_fails_binding_and_only_binding(scenes):
    cases = swapped_colours(scenes)
    texts = {i: right for i, right, *_ in cases}
    pooled = bag_of_words([texts.get(i, "nothing") for i in range(len(scenes))])
    result = failures.binding(BagOfWords(), failures.Encoded(scenes, pooled, pooled), 200)
    assert result["swapped"].value == 50.0  # the same words: every pair is a tie, and counts half
    assert result["absent"].value == 100.0
    assert result["swapped"].n == 200
    assert result["swapped_subject_last"].value == 50.0


def test_an_area_curve_of_constant_embeddings_is_chance():
    benchmark = tasks.by_area("dev", gallery=900, most=20)
    gallery, queries = np.ones((len(benchmark.gallery), 4)), np.ones((len(benchmark.queries), 4))
    curves = failures.area_curves(evaluate(benchmark, VectorRetriever("constant", queries, gallery)))
    assert set(curves) == {"subject", "secondary"}
    for points in curves.values():
        middles = [area for area, _ in points]
        assert middles == sorted(middles) and 0 < middles[0] < middles[-1] < 100 * tasks.LARGEST_AREA
        assert all(estimate.value == pytest.approx(5.0) for _, estimate in points)


def test_the_shown_failure_is_the_upper_quartile():
    benchmark = tasks.facets("dev", gallery=900, per_facet=8)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(benchmark.queries), 8)), rng.normal(size=(len(benchmark.gallery), 8))
    result = evaluate(benchmark, VectorRetriever("random", *vectors))
    chosen = failures.mid_ranked(result, benchmark.groups[:3])
    assert [benchmark.queries[i].group for i in chosen] == list(benchmark.groups[:3])
    for i in chosen:
        facet = [j for j, q in enumerate(benchmark.queries) if q.group == benchmark.queries[i].group]
        worse = sum(result.per_query["nrank"][j] > result.per_query["nrank"][i] for j in facet)
        assert worse <= 0.25 * len(facet) + 1


def test_without_the_real_data_the_chapter_says_so(tmp_path: Path):
    said = failures.real_benchmark(str(tmp_path / "absent"), "clip-b32", Store(tmp_path))
    assert "absent" in said and "Not run here" in said


def test_figures_of_the_chapter_are_drawn(scenes):
    train, test = planted(scenes[:300], 0), planted(scenes[300:500], 1)
    noise = (train.pooled, test.pooled)
    figure = figures.reader_dots(failures.read_attributes(NoText(), train, test, noise))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert len(labels) == 5 and len(set(labels)) == 5
