"""The fast forward pass against the library's plain one: shared prefixes, buckets, and folded attention."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import ARCHITECTURES, WORDS, plain_row, plain_text_row, toy_config, toy_model
from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.encoders import mllm_forward
from pinpoint.encoders.mllm_forward import (
    embed_pairs,
    embed_prompts,
    embed_texts,
    extended,
    image_prefix,
    uniform_attention,
    use_uniform_attention,
)
from pinpoint.recipes.mllm import MllmConfig, embed_pictures, prefix_of
from pinpoint.recipes.mllm_models import IMAGE_TEMPLATE, pixel_inputs, processor
from pinpoint.recipes.question_batches import LEAD
from pinpoint.recipes.word_pieces import IMAGE, IMAGE_END, IMAGE_START, Pieces, build_tokenizer

PROMPTS = [GENERIC_PROMPT, PROMPT.format(question="below?"), PROMPT.format(question="Which colour is on top?"), "top?"]
PICTURES = np.random.default_rng(5).integers(0, 256, (3, 24, 24, 3), np.uint8)
CLOSE = {"atol": 1e-5, "rtol": 0.0}


class Toy:
    """A model with what belongs to it."""

    def __init__(self, architecture: str) -> None:
        self.config, self.tokenizer = toy_config(architecture), build_tokenizer(WORDS)
        self.model, self.pieces = toy_model(self.config, self.tokenizer), Pieces(self.tokenizer)
        use_uniform_attention(self.model)

    def prefix(self, pictures: np.ndarray = PICTURES) -> Any:
        return prefix_of(self.model, self.config, self.pieces, torch.from_numpy(pictures))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def toy(request: pytest.FixtureRequest) -> Toy:
    return Toy(request.param)


@pytest.fixture(scope="module")
def plain(toy: Toy) -> torch.Tensor:
    """(B, K, D), one picture and one prompt at a time, by the library alone."""
    library = toy_model(toy.config, toy.tokenizer)
    with torch.no_grad():
        rows = [[plain_row(library, toy.config, toy.tokenizer, x, p) for p in PROMPTS] for x in PICTURES]
    return torch.stack([torch.stack(row) for row in rows])


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def test_a_shared_prefix_gives_the_embeddings_of_whole_sequences(toy: Toy, plain: torch.Tensor) -> None:
    prefix = toy.prefix()
    rows = embed_prompts(toy.model, prefix, *toy.pieces.padded(PROMPTS))
    assert_close(rows, plain, **CLOSE)
    assert_close(embed_prompts(toy.model, prefix, *toy.pieces.padded(PROMPTS)), rows)  # the prefix is not used up
    flat = plain.flatten(0, 1)
    assert torch.cdist(flat, flat).add(torch.eye(len(flat))).min() > 1e-3  # every picture and prompt shows


def test_embed_pictures_has_a_table_per_prompt(toy: Toy, plain: torch.Tensor) -> None:
    tables = embed_pictures(toy.model, toy.config, toy.pieces, PICTURES, PROMPTS, batch=2)  # the last batch is shorter
    assert tables.dtype == np.float32
    assert_close(torch.from_numpy(tables), plain.transpose(0, 1), **CLOSE)


def test_a_batch_and_its_padding_do_not_matter(toy: Toy, plain: torch.Tensor) -> None:
    for b, k in ((0, 0), (2, 1), (1, 3)):
        one = embed_prompts(toy.model, toy.prefix(PICTURES[b : b + 1]), *toy.pieces.padded(PROMPTS[k : k + 1]))
        assert_close(one[0, 0], plain[b, k], **CLOSE)
    ids, lengths = toy.pieces.padded(PROMPTS)
    long = torch.cat([ids, torch.randint(0, len(toy.tokenizer), (len(ids), 9))], dim=1)
    for row, length in zip(long, lengths, strict=True):
        row[length:] = torch.randint(0, len(toy.tokenizer), (len(row) - int(length),))  # any words: never read
    assert_close(embed_prompts(toy.model, toy.prefix(), long, lengths), plain, **CLOSE)
    order = [3, 1, 0, 2]
    other = embed_prompts(toy.model, toy.prefix(PICTURES[[2, 0, 0]]), *toy.pieces.padded([PROMPTS[k] for k in order]))
    assert_close(other, plain[[2, 0, 0]][:, order], **CLOSE)


def test_pairs_take_any_image_of_the_prefix(toy: Toy, plain: torch.Tensor) -> None:
    rows, prompts = torch.tensor([2, 0, 0, 1, 2]), [1, 3, 0, 2, 2]
    pairs = embed_pairs(toy.model, toy.prefix(), rows, *toy.pieces.padded([PROMPTS[k] for k in prompts]))
    assert_close(pairs, plain[rows, prompts], **CLOSE)
    assert_close(pairs.norm(dim=-1), torch.ones(5))


def test_words_behind_the_prefix_are_words_before_the_prompt(toy: Toy, plain: torch.Tensor) -> None:
    before = toy.prefix()
    asked = extended(toy.model, before, torch.tensor(toy.pieces(LEAD)))
    questions = ["below?", "Which colour is on top?"]
    assert PROMPTS[1:3] == [LEAD + question for question in questions]
    assert_close(embed_prompts(toy.model, asked, *toy.pieces.padded(questions)), plain[:, 1:3], **CLOSE)
    assert (asked.following - before.following == len(toy.pieces(LEAD))).all()
    assert_close(embed_prompts(toy.model, before, *toy.pieces.padded(PROMPTS)), plain, **CLOSE)  # left as it was


def test_texts_in_a_batch_equal_texts_alone(toy: Toy) -> None:
    texts = ["a red picture", "one very very black picture", "below", "blue is below"]
    alone = torch.stack([plain_text_row(toy.model, toy.tokenizer, text) for text in texts])
    ids, lengths = toy.pieces.padded(texts)
    assert_close(embed_texts(toy.model, ids, lengths), alone, **CLOSE)
    longer = torch.cat([ids, torch.randint(0, len(toy.tokenizer), (4, 5))], dim=1)
    assert_close(embed_texts(toy.model, longer, lengths), alone, **CLOSE)
    assert torch.cdist(alone, alone).add(torch.eye(4)).min() > 1e-3


def test_gradients_reach_the_image_tower_through_the_prefix(toy: Toy) -> None:
    with torch.enable_grad():
        embed_prompts(toy.model, toy.prefix(), *toy.pieces.padded(PROMPTS)).sum().backward()
    tower = toy.model.visual if hasattr(toy.model, "visual") else toy.model.vision_tower
    grads = [p.grad for p in tower.parameters() if p.grad is not None]
    assert grads and max(float(g.abs().max()) for g in grads) > 1e-4
    toy.model.zero_grad()


def test_images_of_other_shapes_have_their_own_positions() -> None:
    """Two Qwen-VL images of as many tokens, one high and one wide: the shortcut for equal images must not be taken."""
    toy = Toy("qwen2_vl")
    pictures = [np.random.default_rng(n).integers(0, 256, size, np.uint8) for n, size in ((1, (12, 48, 3)),
                                                                                         (2, (48, 12, 3)))]  # fmt: skip
    process = processor(toy.config, toy.tokenizer)
    before = IMAGE_TEMPLATE.partition("{prompt}")[0]
    inputs = process(text=[before] * 2, images=pictures, return_tensors="pt")
    assert inputs["image_grid_thw"].tolist() == [[1, 1, 4], [1, 4, 1]]
    rows = embed_prompts(toy.model, image_prefix(toy.model, inputs), *toy.pieces.padded(PROMPTS[:2]))
    for picture, row in zip(pictures, rows, strict=True):
        for prompt, embedding in zip(PROMPTS, row, strict=False):
            assert_close(embedding, plain_row(toy.model, toy.config, toy.tokenizer, picture, prompt), **CLOSE)


def patches(toy: Toy, grids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    grid = torch.tensor(grids)
    return torch.randn(int(grid.prod(1).sum()), 3 * toy.config.patch_size**2), grid


@pytest.mark.parametrize("library", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("grids", "calls"), [([[1, 2, 2]] * 3, 1), ([[1, 2, 2], [1, 4, 2], [1, 2, 6]], 3), ([[1, 3, 2]], 1)]
)
def test_folded_attention_equals_the_librarys_loop(
    library: str, grids: list[list[int]], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, counted = Toy("qwen2_vl"), []
    pixels, grid = patches(toy, grids)
    attend = mllm_forward.scaled_dot_product_attention

    def counting(*args: Any, **options: Any) -> torch.Tensor:
        counted.append(args[0].shape)
        return attend(*args, **options)

    monkeypatch.setattr(mllm_forward, "scaled_dot_product_attention", counting)
    ours = toy.model.visual(pixels, grid).last_hidden_state
    assert len(counted) == calls * toy.config.vision_layers  # equal images are one batch
    toy.model.visual.config._attn_implementation = library
    theirs = toy.model.visual(pixels, grid).last_hidden_state
    assert len(counted) == calls * toy.config.vision_layers  # the library went its own way
    assert_close(ours, theirs, **CLOSE)


def test_attention_without_lengths_is_plain_attention() -> None:
    q, k, v = torch.randn(3, 2, 4, 5, 8)
    mask = torch.zeros(5, 5).masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    for given in (None, mask):
        out, weights = uniform_attention(None, q, k, v, given, scaling=0.3)
        scores = 0.3 * q @ k.mT + (0 if given is None else given)
        assert weights is None
        assert_close(out, (scores.softmax(-1) @ v).transpose(1, 2))


def test_llava_needs_no_folding() -> None:
    toy = Toy("llava")
    assert toy.model.config.vision_config._attn_implementation != "uniform_flash"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("sizes", [{}, {"image_size": 48, "patch_size": 12}, {"image_size": 96, "patch_size": 16}])
def test_pixel_inputs_are_those_of_the_processor(architecture: str, sizes: dict[str, int]) -> None:
    config: MllmConfig = toy_config(architecture, **sizes)
    tokenizer = build_tokenizer(WORDS)
    side, n = config.image_size, 3
    pictures = np.random.default_rng(1).integers(0, 256, (n, side, side, 3), np.uint8)
    pictures[0, 0, 0], pictures[0, -1, -1] = 0, 255
    before = IMAGE_TEMPLATE.partition("{prompt}")[0]
    theirs = processor(config, tokenizer)(text=[before] * n, images=list(pictures), return_tensors="pt")
    ids = Pieces(tokenizer)(f"{IMAGE_START} {' '.join([IMAGE] * config.image_tokens)} {IMAGE_END}")
    ours = pixel_inputs(config, torch.from_numpy(pictures), torch.tensor(ids))
    assert set(ours) == set(theirs) - {"attention_mask"} and theirs["attention_mask"].all()
    for key, value in ours.items():
        assert value.shape == theirs[key].shape, key
        assert_close(value.float(), theirs[key].float(), **CLOSE)
    assert ours["pixel_values"].min() == -1.0 and ours["pixel_values"].max() == 1.0


def test_the_default_config_has_the_shape_that_is_shipped() -> None:
    config = MllmConfig()
    assert (config.image_tokens, config.width, config.architecture) == (36, 192, "qwen2_vl")


@pytest.mark.parametrize(
    "module", ["pinpoint.encoders.mllm_forward", "pinpoint.encoders.mllm", "pinpoint.recipes.tower"]
)
def test_a_module_can_be_the_first_that_is_imported(module: str) -> None:
    """A CPU build of torch meets torchvision only after its two operators were registered."""
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True, timeout=120)
