"""The loss of a promptable embedder against an obvious loop, its batches, and gradients in chunks."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import ARCHITECTURES, IMAGES, WORDS, Squares, plain_row, plain_text_row, toy_config, toy_model
from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.errors import PinpointError
from pinpoint.recipes import question_batches
from pinpoint.recipes.gradient_cache import cached_backward
from pinpoint.recipes.mllm import TEMPERATURE, Step, contrastive_loss
from pinpoint.recipes.question_batches import Batch, QuestionBatches
from pinpoint.recipes.word_pieces import Pieces, build_tokenizer

PICTURES, QUESTIONS, SEED = 7, 3, 5


@pytest.fixture(autouse=True)
def _small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_batches, "BUCKET", 4)  # so that a toy batch has several, and fillers


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(build_tokenizer(WORDS))


@pytest.fixture
def batches(pieces: Pieces) -> QuestionBatches:
    return QuestionBatches(IMAGES, Squares(), pieces, PICTURES, QUESTIONS, SEED)


def rows_of(batches: QuestionBatches, i: int) -> tuple[int, np.ndarray]:
    """The epoch of batch i and its pictures, in order."""
    epoch, place = divmod(i, len(IMAGES) // PICTURES)
    order = np.random.default_rng([SEED, epoch]).permutation(len(IMAGES))
    return epoch, np.sort(order[place * PICTURES :][:PICTURES])


def written(batches: QuestionBatches, i: int) -> list[list[tuple[str, str]]]:
    """Per picture of batch i: (full prompt, text) under the general prompt, then under each question."""
    epoch, rows = rows_of(batches, i)
    source = Squares()
    return [
        [(GENERIC_PROMPT, source.caption(int(row), epoch, SEED))]
        + [(PROMPT.format(question=a.question), a.answer) for a in source.questions(int(row), epoch, QUESTIONS, SEED)]
        for row in rows
    ]  # fmt: skip


def obvious_loss(scores: list[list[float]], texts: list[str]) -> float:
    """VLM2Vec's InfoNCE in both directions, scores[m][n] of pair m's image against pair n's text: every other pair of
    the batch is a negative, but for those whose text is the same."""
    total = 0.0
    for m, text in enumerate(texts):
        others = [n for n, other in enumerate(texts) if other != text]
        for negatives in ([scores[m][n] for n in others], [scores[n][m] for n in others]):
            logits = [score / TEMPERATURE for score in (scores[m][m], *negatives)]
            top = max(logits)
            total += (top + math.log(sum(math.exp(x - top) for x in logits)) - logits[0]) / 2
    return total / len(texts)


# -- batches ----------------------------------------------------------------------------------------------------------
def test_a_batch_holds_the_words_of_its_pictures(batches: QuestionBatches, pieces: Pieces) -> None:
    for i in (0, 6):
        batch, pairs = Batch(*batches(i)), written(batches, i)
        assert torch.equal(batch.pixels, torch.from_numpy(IMAGES[rows_of(batches, i)[1]]))
        assert batch.general[0][0][: int(batch.general[1])].tolist() == [*pieces(GENERIC_PROMPT), pieces.end]
        texts = [row[:n].tolist() for ids, lengths in batch.texts for row, n in zip(ids, lengths, strict=True)]
        questions = [
            (row[:n].tolist(), int(picture))
            for ids, lengths, pictures in batch.questions
            for row, n, picture in zip(ids, lengths, pictures, strict=True)
        ]
        assert sorted(batch.places.tolist()) == list(range(PICTURES * QUESTIONS))
        for (ids, picture), place in zip(questions, batch.places.tolist(), strict=True):
            assert picture == place // QUESTIONS
            prompt = pairs[picture][1 + place % QUESTIONS][0]
            assert batch.lead.tolist() + ids == [*pieces(prompt), pieces.end]
        for b, row in enumerate(pairs):
            for k, (_, text) in enumerate(row):
                assert texts[int(batch.target[b, k])] == [*pieces(text), pieces.end]


def test_each_distinct_text_is_encoded_once_and_counted(batches: QuestionBatches, pieces: Pieces) -> None:
    batch, said = Batch(*batches(1)), [text for row in written(batches, 1) for _, text in row]
    texts = [tuple(row[:n].tolist()) for ids, lengths in batch.texts for row, n in zip(ids, lengths, strict=True)]
    assert len(texts) % 4 == 0 and len(batch.counts) == len(texts)
    count = {(*pieces(text), pieces.end): said.count(text) for text in said}
    assert dict(zip(texts, batch.counts.tolist(), strict=True)) == {**count, **{t: 0 for t in texts if t not in count}}
    assert max(count.values()) > 1 and int(batch.counts.sum()) == PICTURES * (1 + QUESTIONS)
    fillers = [text for text in texts if text not in count]
    assert len(fillers) == -len(count) % 4 > 0 and set(fillers) == {(pieces.end,)}


def test_buckets_pad_little(batches: QuestionBatches) -> None:
    batch = Batch(*batches(0))
    for buckets in (batch.texts, [(ids, lengths) for ids, lengths, _ in batch.questions]):
        assert len(buckets) > 1
        longest = [int(lengths.max()) for _, lengths in buckets]
        assert longest == sorted(longest)
        assert all(ids.shape[1] - n < 8 for (ids, _), n in zip(buckets, longest, strict=True))


def flat(data: Any) -> list[torch.Tensor]:
    return [data] if isinstance(data, torch.Tensor) else [tensor for part in data for tensor in flat(part)]


def test_a_batch_is_a_function_of_its_number(batches: QuestionBatches, pieces: Pieces) -> None:
    other = QuestionBatches(IMAGES, Squares(), pieces, PICTURES, QUESTIONS, SEED)
    for i in (7, 0, 3, 3):  # in any order, over two epochs
        for one, same in zip(flat(batches(i)), flat(other(i)), strict=True):
            assert torch.equal(one, same)
    another = QuestionBatches(IMAGES, Squares(), pieces, PICTURES, QUESTIONS, SEED + 1)
    assert not torch.equal(batches(0)[0], another(0)[0]) and not torch.equal(batches(0)[0], batches(1)[0])
    with pytest.raises(PinpointError, match="40 pairs are fewer than one batch of 41"):
        QuestionBatches(IMAGES, Squares(), pieces, 41, QUESTIONS, 0)


# -- the loss ---------------------------------------------------------------------------------------------------------
def test_the_loss_is_that_of_an_obvious_loop(batches: QuestionBatches) -> None:
    batch, said = Batch(*batches(1)), [text for row in written(batches, 1) for _, text in row]
    images = torch.nn.functional.normalize(torch.randn(len(said), 6), dim=-1)
    texts = torch.nn.functional.normalize(torch.randn(len(batch.counts), 6), dim=-1)
    target = batch.target.flatten()
    scores = (images @ texts[target].T).tolist()  # one column per pair: a text that occurs twice stands there twice
    order = torch.randperm(len(said))
    assert len(set(said)) < len(said)
    loss = contrastive_loss(images[order], texts, batch, order)
    assert float(loss) == pytest.approx(obvious_loss(scores, said), rel=1e-5)
    without_masks = obvious_loss(scores, [f"{n} {text}" for n, text in enumerate(said)])
    assert abs(without_masks - float(loss)) > 1e-3  # the mask matters here


def test_a_filler_never_counts(batches: QuestionBatches) -> None:
    batch = Batch(*batches(1))
    images = torch.nn.functional.normalize(torch.randn(PICTURES * (1 + QUESTIONS), 6), dim=-1)
    texts = torch.nn.functional.normalize(torch.randn(len(batch.counts), 6), dim=-1).requires_grad_()
    order, filler = torch.arange(len(images)), batch.counts == 0
    loss = contrastive_loss(images, texts, batch, order)
    loss.backward()
    assert filler.any() and texts.grad is not None
    assert (texts.grad[filler] == 0).all() and texts.grad[~filler].abs().sum(1).min() > 0
    other = texts.detach().clone()
    other[filler] = images[0]
    assert float(contrastive_loss(images, other, batch, order)) == float(loss.detach())


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_computes_the_loss_of_the_plain_model(
    architecture: str, chunk: int | None, batches: QuestionBatches, pieces: Pieces
) -> None:
    config = toy_config(architecture)
    model = toy_model(config, pieces.tokenizer)
    pairs = [(row, *pair) for row, some in zip(rows_of(batches, 1)[1], written(batches, 1), strict=True)
             for pair in some]  # fmt: skip
    with torch.no_grad():
        images = [plain_row(model, config, pieces.tokenizer, IMAGES[row], prompt) for row, prompt, _ in pairs]
        texts = [plain_text_row(model, pieces.tokenizer, text) for _, _, text in pairs]
    expected = obvious_loss((torch.stack(images) @ torch.stack(texts).T).tolist(), [text for _, _, text in pairs])
    loss = Step(config, pieces, chunk)(model, batches(1))
    assert expected > 0.5
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


# -- gradient caching -------------------------------------------------------------------------------------------------
def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("chunk", [1, 3, 7, 20])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_chunks_give_the_loss_and_the_gradients_of_the_whole_batch(
    architecture: str, chunk: int, batches: QuestionBatches, pieces: Pieces
) -> None:
    config = toy_config(architecture)
    model, data = toy_model(config, pieces.tokenizer).train(), batches(1)
    whole = Step(config, pieces)(model, data)
    expected = gradients(model, whole)
    model.zero_grad()
    cached = Step(config, pieces, chunk)(model, data)
    before = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    found = gradients(model, cached)  # the loop of the training calls backward() again: nothing may be added
    assert float(cached.detach()) == pytest.approx(float(whole.detach()), rel=1e-5)
    assert set(found) == set(before) == set(expected) and len(found) > 20
    largest = max(float(g.norm()) for g in expected.values())
    for name, gradient in expected.items():
        assert torch.equal(found[name], before[name])
        assert float((found[name] - gradient).norm()) <= 1e-5 * float(gradient.norm()) + 1e-6 * largest, name
    assert largest > 0.1


def test_every_part_of_the_model_is_trained(batches: QuestionBatches, pieces: Pieces) -> None:
    for architecture in ARCHITECTURES:
        config = toy_config(architecture)
        model = toy_model(config, pieces.tokenizer).train()
        found = gradients(model, Step(config, pieces, 3)(model, batches(1)))
        idle = {name for name, p in model.named_parameters() if name not in found or not found[name].any()}
        # Llava reads the tokens before the last block of CLIP's tower; a bias of all keys shifts no attention
        unread = ("post_layernorm", "k_proj.bias", f"vision_tower.encoder.layers.{config.vision_layers - 1}.")
        assert {name for name in idle if not any(part in name for part in unread)} == set()


def test_a_cache_holds_the_graph_of_one_chunk_at_a_time() -> None:
    weight, x = torch.randn(3, 2, requires_grad=True), torch.randn(9, 3)
    parts, log = [slice(0, 4), slice(4, 8), slice(8, 9)], []

    def chunk(part: slice) -> Any:
        def encode() -> torch.Tensor:
            log.append((part.start, torch.is_grad_enabled()))
            return (x[part] @ weight).tanh()

        return encode

    def loss_of(rows: torch.Tensor, same: torch.Tensor) -> torch.Tensor:
        return (rows @ same.T).logsumexp(1).mean()

    loss = cached_backward([[chunk(p) for p in parts], [chunk(p) for p in parts[:2]]], loss_of)
    starts = [0, 4, 8, 0, 4]
    assert log == [(s, False) for s in starts] + [(s, True) for s in starts]
    found = weight.grad
    assert loss.is_leaf and found is not None
    loss.backward()
    weight.grad = None
    whole = loss_of((x @ weight).tanh(), (x[:8] @ weight).tanh())
    whole.backward()
    assert_close(loss.detach(), whole.detach())
    assert_close(found, weight.grad, rtol=1e-5, atol=1e-7)
