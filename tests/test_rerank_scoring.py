"""The quick way gives the plain loop's scores, whatever batch, cache and order; and the counts are the sheet's."""

from typing import Any

import numpy as np
import pytest
import torch

from pinpoint.errors import PinpointError
from pinpoint.rerank import DualEncoder, KeyValues
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_scoring import Words, quickest, score_pairs, words_of
from pinpoint.rerank_speed import (
    VIT_B_384,
    candidate_macs,
    fast_macs,
    ms_per_query,
    pairs_of,
    plain_loop,
    sizes_of,
    speedup,
)
from rerank_toy import tiny_blip, tiny_set

DATA = tiny_set()


@pytest.fixture(scope="module")
def model() -> Reranker:
    torch.manual_seed(2)
    return Reranker(tiny_blip()).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def words(model: Reranker) -> Words:
    return words_of(Filter(tiny_blip()).eval(), model, DATA.seen[torch.from_numpy(DATA.reference)], DATA.ids, DATA.mask)


@pytest.fixture(scope="module")
def pairs(rng: np.random.Generator) -> np.ndarray:
    return pairs_of(np.stack([rng.permutation(40)[:9] for _ in range(12)]))


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_the_quick_way_is_the_plain_loop(model: Reranker, words: Words, pairs: np.ndarray) -> None:
    slow = plain_loop(model.dual, words, DATA.seen, pairs)
    assert np.ptp(slow) > 0.05
    for dual in (model.dual, DualEncoder(32, 2, 32, 48, 1).eval(), DualEncoder(32, 2, 32, 48, 3).eval()):
        expected = plain_loop(dual, words, DATA.seen, pairs)
        assert np.abs(score_pairs(dual, words, DATA.seen, pairs) - expected).max() < 1e-4


@pytest.mark.parametrize("cache, batch", [(1, 1), (1, 1000), (50_000, 7), (10**9, 3)])
def test_cache_batch_and_order_change_nothing(
    model: Reranker, words: Words, pairs: np.ndarray, cache: int, batch: int, rng: np.random.Generator
) -> None:
    whole = score_pairs(model.dual, words, DATA.seen, pairs)
    order = rng.permutation(len(pairs))
    some = score_pairs(model.dual, words, DATA.seen, pairs[order], cache=cache, batch=batch)
    assert np.abs(some - whole[order]).max() < 1e-5


def test_every_image_is_projected_once(
    model: Reranker, words: Words, pairs: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    projected: list[int] = []
    plain = model.dual.project

    def noted(tokens: torch.Tensor) -> KeyValues:
        projected.append(len(tokens))
        return plain(tokens)

    monkeypatch.setattr(model.dual, "project", noted)
    score_pairs(model.dual, words, DATA.seen, pairs, cache=100_000)
    assert sum(projected) == len(set(pairs[:, 1].tolist())) and len(projected) > 2
    bytes_each = sum(t.numel() * t.element_size() for kvs in plain(DATA.seen[:1].float()) for kv in kvs for t in kv)
    assert all(n * bytes_each <= 100_000 for n in projected)


def test_a_permutation_of_candidates_permutes_scores(model: Reranker, words: Words) -> None:
    top = np.arange(12 * 5).reshape(12, 5) % 40
    scores = score_pairs(model.dual, words, DATA.seen, pairs_of(top)).reshape(12, 5)
    turned = score_pairs(model.dual, words, DATA.seen, pairs_of(top[:, ::-1])).reshape(12, 5)
    assert np.abs(turned[:, ::-1] - scores).max() < 1e-5


def test_at_the_start_the_lower_half_does_not_tell_the_streams_apart(model: Reranker, words: Words) -> None:
    layer, kvs = model.dual.layers[0], model.dual.project(DATA.seen[:12].float())[0]
    a, b = words.grounded, words.plain
    out, swapped = (layer.read(layer.attend(streams, words.mask), kvs) for streams in ((a, b), (b, a)))
    assert torch.allclose(out[0], swapped[1], atol=1e-5) and torch.allclose(out[1], swapped[0], atol=1e-5)


def test_bfloat16_is_close(model: Reranker, words: Words, pairs: np.ndarray) -> None:
    exact = score_pairs(model.dual, words, DATA.seen, pairs)
    coarse = score_pairs(model.dual, words, DATA.seen, pairs, dtype=torch.bfloat16)
    assert 0 < np.abs(coarse - exact).max() < 0.1 and np.corrcoef(coarse, exact)[0, 1] > 0.98
    assert next(model.dual.parameters()).dtype == torch.float32
    assert quickest(torch.device("cuda")) == torch.bfloat16 and quickest(torch.device("cpu")) in (
        torch.float32, torch.bfloat16
    )  # fmt: skip


def test_the_counts_are_the_sheets() -> None:
    macs = candidate_macs(**VIT_B_384)
    assert macs.keys_values == pytest.approx(16.3e9, rel=5e-3) and macs.rest == pytest.approx(4.0e9, rel=2e-2)
    one = {"layers": 2, "width": 3, "source": 5, "inner": 7, "image_tokens": 11, "text_tokens": 4}
    assert candidate_macs(**one).keys_values == 2 * 2 * 2 * 11 * 5 * 3
    fast = fast_macs(**one, shared=2.0)
    assert fast.keys_values == candidate_macs(**one).keys_values / 2
    # layer 1: cross-attention and feed-forward of four tokens; layer 2: keys and values of four, all else of one
    assert fast.rest == 2 * (4 * (2 * 9 + 2 * 21) + 4 * 2 * 9 + (4 * 9 + 2 * 21))


def test_the_sizes_are_the_models(model: Reranker) -> None:
    assert sizes_of(model.dual, DATA.seen, 4) == {
        "layers": 2, "width": 32, "inner": 48, "source": 32, "image_tokens": 5, "text_tokens": 4
    }  # fmt: skip


def test_speed_counts_only_with_equal_scores(model: Reranker, words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    top = np.arange(12 * 5).reshape(12, 5) % 40
    found = speedup(model.dual, words, DATA.seen, top, 3, repeats=1)
    assert found.value > 1 and found.unit == "x" and "K = 5" in found.against
    wrong: Any = lambda *_, **__: np.zeros(60, np.float32)  # noqa: E731
    monkeypatch.setattr("pinpoint.rerank_speed.score_pairs", wrong)
    with pytest.raises(PinpointError, match="re-ranking: the fast path and the slow one disagree"):
        speedup(model.dual, words, DATA.seen, top, 3, repeats=1)
    with pytest.raises(PinpointError, match="the plain loop on 13 of 12 queries"):
        speedup(model.dual, words, DATA.seen, top, 13)
    assert ms_per_query(lambda: None, 4, 2).unit == "ms"
    with pytest.raises(PinpointError, match="no queries to time"):
        ms_per_query(lambda: None, 0)
