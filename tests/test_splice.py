"""Pseudo-words in a sentence, on towers of open_clip and of transformers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip and transformers are imported)
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary
from pinpoint.errors import PinpointError
from pinpoint.recipes.clip import TINY
from pinpoint.recipes.word_pieces import build_tokenizer
from pinpoint.splice import (
    PLACE,
    TextSide,
    encode_spliced,
    nearest_words,
    open_clip_side,
    replaced,
    sentences,
    transformers_side,
)

TEXTS = ["a photo of dog , the same at night", "a photo of cat , make it red in the park", "a photo of dog"]
WORDS = ["dog", "cat", "dog"]
CORPUS = [*TEXTS, "a photo of , instead", "snow and rain"]


def open_clip_toy(tmp_path: Any) -> tuple[TextSide, Any, Any]:
    save_vocabulary(tmp_path / "tokenizer.txt.gz", build_vocabulary(CORPUS))
    tokenizer = load_tokenizer(tmp_path / "tokenizer.txt.gz", TINY.context_length)
    torch.manual_seed(0)
    model: Any = build_model(TINY.model_cfg(tokenizer.vocab_size), "toy").eval()
    louder(model)
    return open_clip_side(model, tokenizer), model, tokenizer


def transformers_toy(_tmp_path: Any) -> tuple[TextSide, Any, Any]:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    tokenizer = build_tokenizer(CORPUS)
    tokenizer.add_special_tokens({"bos_token": "<|start|>"})
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, projection_dim=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=48, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = CLIPTextModelWithProjection(config).eval()
    louder(model)
    return transformers_side(model, tokenizer), model, tokenizer


def louder(model: Any) -> None:
    """Weights large enough that every word and every place shows."""
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.2)


TOYS: dict[str, Callable[[Any], tuple[TextSide, Any, Any]]] = {
    "open_clip": open_clip_toy,
    "transformers": transformers_toy,
}


@pytest.fixture(params=list(TOYS))
def toy(request: pytest.FixtureRequest, tmp_path: Any) -> tuple[TextSide, Any, Any]:
    return TOYS[request.param](tmp_path)


def plain(toy: tuple[TextSide, Any, Any], texts: list[str]) -> torch.Tensor:
    """The library's own encoding, one text at a time."""
    side, model, tokenizer = toy
    if hasattr(model, "encode_text"):
        return torch.cat([model.encode_text(tokenizer([text])) for text in texts])
    rows = [[side.start, *side.tokens(text), side.end] for text in texts]
    return torch.cat([model(input_ids=torch.tensor([row])).text_embeds for row in rows])


def own_words(side: TextSide, words: list[str]) -> torch.Tensor:
    return torch.stack([side.weight[side.tokens(word)] for word in words])  # (B, 1, width)


def test_a_words_own_embedding_gives_the_plain_encoding(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    spliced = [text.replace(word, PLACE) for text, word in zip(TEXTS, WORDS, strict=True)]
    with torch.no_grad():
        mine, theirs = encode_spliced(side, spliced, own_words(side, WORDS)), plain(toy, TEXTS)
        other = encode_spliced(side, spliced, own_words(side, WORDS[::-1]).roll(1, 0))
    assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    assert (normalize(other, dim=1) - normalize(theirs, dim=1)).norm(dim=1).max() > 0.01  # the word matters


def test_k_words_stand_where_k_words_would(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    with torch.no_grad():
        words = torch.stack([side.weight[side.tokens(pair)] for pair in ("red dog", "snow rain")])
        mine = encode_spliced(side, [f"a photo of {PLACE} , the same", f"{PLACE} instead"], words)
        theirs = plain(toy, ["a photo of red dog , the same", "snow rain instead"])
    assert words.shape[1] == 2
    assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_one_word_may_stand_in_several_places_and_in_none(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    with torch.no_grad():
        words = own_words(side, ["dog", "cat", "red"])
        mine = encode_spliced(side, [f"{PLACE} and {PLACE}", "a photo of snow", f"the same {PLACE}"], words)
        theirs = plain(toy, ["dog and dog", "a photo of snow", "the same red"])
    assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_gradients_reach_the_words_and_the_hook_is_gone(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    with torch.no_grad():
        before = plain(toy, TEXTS)
    words = torch.randn(3, 1, side.width, requires_grad=True)
    encode_spliced(side, [f"a photo of {PLACE}"] * 3, words)[:, 0].sum().backward()
    assert words.grad is not None and (words.grad.abs().sum(dim=(1, 2)) > 0).all()
    place = torch.ones(1, 1, dtype=torch.bool)
    with pytest.raises(RuntimeError, match="inside"), replaced(side.embedding, place, words):
        raise RuntimeError("inside")
    with torch.no_grad():
        assert torch.equal(plain(toy, TEXTS), before)


def test_a_long_text_loses_words_and_never_its_end(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    long = f"a photo of {PLACE} , " + "rain " * 100
    ids, place = sentences(side, [long, f"{PLACE}"], 2)
    assert ids.shape == (2, 48) and ids[0, -1] == side.end and place.sum(dim=1).tolist() == [2, 2]
    assert ids[1].tolist()[:4] == [side.start, *([int(side.end == 0)] * 2), side.end]
    with pytest.raises(PinpointError, match="the pseudo-words end at token 10"):
        sentences(side, ["rain " * 100 + PLACE], 2)


def test_what_a_word_says(toy: tuple[TextSide, Any, Any]) -> None:
    side = toy[0]
    words = torch.stack([side.weight[side.tokens("dog")[0]], -2 * side.weight[side.tokens("rain")[0]]])
    said = nearest_words(side, words, ["rain", "dog", "cat", "dog rain"], n=3)
    assert said[0][0] == "dog" and said[1][-1] == "rain"
    assert all("dog rain" not in row for row in said)  # two tokens have no embedding of their own


@pytest.mark.parametrize(("name", "width"), [("ViT-B-32", 512), ("ViT-L-14", 768)])
def test_the_text_towers_of_full_size(name: str, width: int) -> None:
    import open_clip

    config = open_clip.get_model_config(name)
    config["vision_cfg"]["layers"] = 1  # no text passes through it
    torch.manual_seed(0)
    model: Any = build_model(config, name).eval().requires_grad_(False)
    side = open_clip_side(model, open_clip.get_tokenizer(name))
    assert (side.width, len(side.sublayers), side.context) == (width, 24, 77)
    texts = ["a photo of dog , the same at night", "a photo of dog"]
    words = torch.stack([side.weight[side.tokens("dog")]] * 2)
    mine = encode_spliced(side, [text.replace("dog", PLACE) for text in texts], words)
    theirs = model.encode_text(open_clip.get_tokenizer(name)(texts))
    assert mine.shape == (2, config["embed_dim"])
    assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
