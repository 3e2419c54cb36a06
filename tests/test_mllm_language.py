"""Learning to talk: conversations as tokens and targets, the loss against an obvious loop, and that it learns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mllm_toy import ARCHITECTURES, COLOURS, IMAGES, WORDS, Squares, toy_config, toy_model
from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.errors import PinpointError
from pinpoint.recipes import mllm_language
from pinpoint.recipes.mllm import prefix_of
from pinpoint.recipes.mllm_language import (
    SILENT,
    TalkBatches,
    TalkStep,
    conversation,
    learn_to_talk,
    next_token,
)
from pinpoint.recipes.mllm_models import IMAGE_TEMPLATE, processor
from pinpoint.recipes.word_pieces import Pieces, build_tokenizer
from pinpoint.training import Plan

PLAN = Plan(steps=60, lr=1e-2, warmup=5, save_every=40, evaluate_every=100, precision="float32")


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(build_tokenizer(WORDS))


def test_a_conversation_by_hand(pieces: Pieces) -> None:
    a, red, picture, below, end = (*pieces("a red picture below"), pieces.end)
    ids, targets = conversation([("a picture", "red"), ("below", "a red")], pieces)
    #                 a       picture  end  red  below   end  a    red
    assert ids == [a, picture, end, red, below, end, a, red]
    assert targets == [SILENT, SILENT, red, end, SILENT, a, red, end]


def test_a_batch_is_a_function_of_its_number_and_says_what_its_source_says(pieces: Pieces) -> None:
    batches = TalkBatches(IMAGES, Squares(), pieces, 32, 2, seed=4)
    pixels, talk = batches(3)
    again, _ = TalkBatches(IMAGES, Squares(), pieces, 32, 2, seed=4)(3)
    assert torch.equal(pixels, again) and not torch.equal(pixels, batches(2)[0])
    epoch, rows = batches.rows(3)
    seen, described = [], 0
    for picture, ids, targets in talk:
        assert ids.shape == targets.shape and ids.shape[1] % 8 == 0 and len(picture) == 16
        for n, given, wanted in zip(picture.tolist(), ids, targets, strict=True):
            row = int(rows[n])
            asked = [(PROMPT.format(question=a.question), a.answer) for a in Squares().questions(row, epoch, 2, 4)]
            options = [[(GENERIC_PROMPT, Squares().description(row, epoch, 4))], asked]
            found = [conversation(turns, pieces) for turns in options]
            spoken = (given.tolist(), wanted.tolist())
            matching = [spoken[0][: len(i)] == i and spoken[1][: len(t)] == t for i, t in found]
            assert any(matching)
            length = len(found[matching.index(True)][0])
            assert (given[length:] == pieces.end).all() and (wanted[length:] == SILENT).all()
            described += matching[0]
            seen.append(n)
    assert sorted(seen) == list(range(32)) and 10 < described < 32
    with pytest.raises(PinpointError, match="40 pairs are fewer than one batch of 41"):
        TalkBatches(IMAGES, Squares(), pieces, 41, 2, seed=4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_loss_is_that_of_the_library_picture_by_picture(architecture: str, pieces: Pieces) -> None:
    config = toy_config(architecture)
    model = toy_model(config, pieces.tokenizer)
    pixels, talk = TalkBatches(IMAGES, Squares(), pieces, 20, 2, seed=1)(0)
    with torch.no_grad():
        loss = TalkStep(config, pieces)(model, (pixels, talk)).item()
        losses = []
        for picture, ids, targets in talk:
            for n, given, wanted in zip(picture, ids, targets, strict=True):
                losses += obvious_losses(model, config, pieces, pixels[n].numpy(), given, wanted)
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)
    assert np.std(losses) > 0.1


def obvious_losses(model: Any, config: Any, pieces: Pieces, image: np.ndarray, ids: Any, targets: Any) -> list[float]:
    """Image and text in one sequence, by the library's processor and model; the cross-entropy of each wanted token."""
    start = IMAGE_TEMPLATE.partition("{prompt}")[0].strip()
    inputs = processor(config, pieces.tokenizer)(text=[start], images=[image], return_tensors="pt")
    before = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], ids[None]], dim=1)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if "mm_token_type_ids" in inputs:
        inputs["mm_token_type_ids"] = torch.cat([inputs["mm_token_type_ids"], torch.zeros_like(ids)[None]], dim=1)
    hidden = model(**inputs, use_cache=False).last_hidden_state[0, before:]
    logits = hidden @ model.get_input_embeddings().weight.T
    return [
        float(torch.logsumexp(row, 0) - row[token])
        for row, token in zip(logits, targets, strict=True)
        if token != SILENT
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_learns_to_say_what_the_picture_shows(architecture: str, pieces: Pieces, tmp_path: Path) -> None:
    config = toy_config(architecture, layers=2, vision_layers=1, width=32, vision_width=32)
    torch.manual_seed(0)
    model = mllm_language_model(config, pieces)
    points: list[int] = []
    history = learn_to_talk(
        model, config, Squares(), IMAGES, pieces, PLAN, tmp_path, batch=20, turns=2,
        evaluate=lambda module, words: {"pictures": float(points.append(1) is None)},
    )  # fmt: skip
    assert len(points) == 1 and history.curve == [{"step": 60.0, "pictures": 1.0}]
    assert np.mean(history.losses[-5:]) < 0.3 * history.losses[0]
    with torch.no_grad():
        prefix = prefix_of(model, config, pieces, torch.from_numpy(IMAGES[:25]))
        begun = [*pieces(PROMPT.format(question="Which colour is on top?")), pieces.end]
        said = pieces.tokenizer.convert_ids_to_tokens(next_token(model, prefix, begun))
    assert np.mean([word == COLOURS[i % 5] for i, word in enumerate(said)]) > 0.5  # chance is 0.2


def mllm_language_model(config: Any, pieces: Pieces) -> Any:
    from pinpoint.recipes.mllm_models import BUILD

    return BUILD[config.architecture](config, pieces.tokenizer)


def test_a_finished_run_is_taken_up_and_another_one_refused(
    pieces: Pieces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, plan = toy_config(), replace(PLAN, steps=3)
    model, again = toy_model(config, pieces.tokenizer), toy_model(config, pieces.tokenizer)
    arguments = (config, Squares(), IMAGES, pieces)
    learn_to_talk(model, *arguments, plan, tmp_path, batch=10)

    def refuse(*_: Any) -> None:
        raise AssertionError("a step was made again")

    monkeypatch.setattr(mllm_language, "predictions", refuse)
    learn_to_talk(again, *arguments, plan, tmp_path, batch=10)
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    for change in ({"batch": 8}, {"turns": 1}):
        with pytest.raises(PinpointError, match="belongs to a run with other numbers"):
            learn_to_talk(again, *arguments, plan, tmp_path, **{"batch": 10, **change})
