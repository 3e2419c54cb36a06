"""The Q-Former as an encoder: equal to transformers' own scores, independent of batch and padding, saved and opened."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from pinpoint.diorama.captions import EVERYTHING
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import shipped_folder
from pinpoint.encoders.blip import load_blip, pad, text_features
from pinpoint.encoders.qformer import (
    candidate_emb,
    composed_emb,
    image_tokens,
    load_qformer,
    match_logits,
    read_together,
    small_model,
    text_emb,
)
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.recipes.qformer_pairs import hard_partners
from pinpoint.recipes.qformer_start import started
from pinpoint.recipes.registry import train
from qformer_toy import tiny_model, tiny_sizes


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model()


@pytest.fixture
def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 3, 24, 24), *pad([[5, 6, 7, 8], [9, 6]])


def test_scores_are_those_of_transformers(model: Any, inputs: Any) -> None:
    pixels, ids, mask = inputs
    seen = image_tokens(model, pixels)
    theirs = model(pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=False)
    ours = torch.einsum("ntd,bd->nbt", candidate_emb(model, seen), text_emb(model, ids, mask)).amax(2)
    assert_close(ours, theirs.logits_per_image, atol=1e-5, rtol=1e-4)
    theirs = model(pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=True)
    ours = match_logits(model, read_together(model, seen, ids, mask))
    assert_close(ours, theirs.logits_per_image, atol=1e-5, rtol=1e-4)


def test_neither_padding_nor_batch_changes_a_query(model: Any, inputs: Any) -> None:
    pixels, ids, mask = inputs
    seen = image_tokens(model, pixels)
    together = composed_emb(model, read_together(model, seen, ids, mask))
    alone = composed_emb(model, read_together(model, seen[1:], *pad([[9, 6]])))
    assert_close(together[1:], alone, atol=1e-5, rtol=1e-4)
    assert_close(together.norm(dim=1), torch.ones(2))


def test_a_composed_query_hears_the_text_and_sees_the_reference(model: Any, inputs: Any) -> None:
    pixels, ids, mask = inputs
    seen = image_tokens(model, pixels)
    plain = composed_emb(model, read_together(model, seen, ids, mask))
    other_text = composed_emb(model, read_together(model, seen, ids.flip(0), mask.flip(0)))
    other_image = composed_emb(model, read_together(model, seen.flip(0), ids, mask))
    assert (plain - other_text).abs().max() > 1e-3 and (plain - other_image).abs().max() > 1e-3


def test_a_small_qformer_is_trained_and_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINPOINT_CACHE", str(tmp_path_factory.mktemp("qformer")))
        folder = train("diorama-qformer", profile="smoke")
    encoder = load_qformer(folder)
    pictures = np.random.default_rng(0).integers(0, 255, (3, 96, 96, 3), np.uint8)
    emb = encoder.encode_images(pictures)
    assert emb.shape == (3, 8, 192) and np.allclose(np.linalg.norm(emb, axis=2), 1, atol=1e-5)
    assert np.allclose(encoder.encode_images(pictures, batch_size=1), emb, atol=1e-5)
    assert np.abs(emb[:, 0] - emb[:, 1]).max() > 1e-3  # query tokens differ from the start
    texts = ["a red cat.", "there is a dog in the snow"]
    assert np.allclose(encoder.encode_texts(texts)[:1], encoder.encode_texts(texts[:1]), atol=1e-5)
    assert encoder.see(pictures).shape == (3, 37, 192)
    assert "matching" in (folder / "card.md").read_text()
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])
    with pytest.raises(PinpointError, match="damaged or was replaced"):
        load_qformer(folder)
    with pytest.raises(PinpointError, match=r"holds no Q-Former \(no config.json\)"):
        load_qformer(folder / "nowhere")


def test_a_full_checkpoint_is_opened_from_its_folder(model: Any, tmp_path: Path) -> None:
    from transformers import BertTokenizer

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "cat", "a"]))
    BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    encoder = load_qformer(tmp_path, "cpu")
    emb = encoder.encode_images(np.random.default_rng(0).integers(0, 255, (2, 40, 30, 3), np.uint8))
    assert emb.shape == (2, 3, 16) and encoder.encode_texts(["a red cat"]).shape == (1, 16)
    ids, _mask = encoder.laid_out(["a red cat " * 40])
    assert ids.shape == (1, 32)  # as QuRe cuts


def test_a_qformer_without_words_is_refused(tmp_path: Path) -> None:
    sizes = tiny_sizes()
    sizes["qformer_config"]["use_qformer_text_input"] = False
    small_model(sizes).save_pretrained(tmp_path)
    with pytest.raises(PinpointError, match="reads no text"):
        load_qformer(tmp_path, "cpu")


def test_the_start_embeds_a_text_as_blip_does() -> None:
    blip = load_blip(shipped_folder("diorama-blip"), "cpu")
    model = started(blip.model, 4, 5, 48, 0).eval()
    ids, mask = blip.laid_out(["a red cat sits on the beach", "snow"])
    with torch.no_grad():
        ours, theirs = text_emb(model, ids, mask), text_features(blip.model, ids, mask)
        assert_close(ours, normalize(theirs, dim=1), atol=1e-5, rtol=1e-4)
        seen = image_tokens(model, torch.zeros(1, 3, 96, 96))
        assert_close(seen, blip.model.vision_model(pixel_values=torch.zeros(1, 3, 96, 96)).last_hidden_state)
    assert model.query_tokens.std() > 0.01


def test_hard_partners_are_wrong_ones_and_repeatable() -> None:
    logits = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)) * 5
    image, text = hard_partners(logits, 3)
    assert not (image == torch.arange(6)).any() and not (text == torch.arange(6)).any()
    assert torch.equal(hard_partners(logits, 3)[0], image)
    sure = torch.full((3, 3), -50.0)
    sure[0, 2] = sure[1, 0] = sure[2, 1] = 50.0
    assert hard_partners(sure, 0)[0].tolist() == [2, 0, 1] and hard_partners(sure, 0)[1].tolist() == [1, 2, 0]


def test_the_shipped_qformer_embeds_and_matches_what_it_has_never_seen() -> None:
    folder = shipped_folder("diorama-qformer")
    card = (folder / "card.md").read_text("utf-8")
    assert "pinpoint train diorama-qformer" in card and read_json(folder / "config.json")["weights_sha256"] in card
    encoder = load_qformer(folder, device="cpu")
    pairs = TrainingPairs(40, split="dev", mention=EVERYTHING)
    images = np.stack([pairs.image(n) for n in range(40)])
    texts = [pairs.caption(n, 0) for n in range(40)]
    scores = np.einsum("qd,gtd->qgt", encoder.encode_texts(texts), encoder.encode_images(images)).max(axis=2)
    assert (scores.argmax(axis=1) == np.arange(40)).mean() > 0.6  # chance is one in forty
    ids, mask = encoder.laid_out(texts)
    seen = torch.from_numpy(encoder.see(images))
    with torch.no_grad():
        own, other = (match_logits(encoder.model, read_together(encoder.model, s, ids, mask))[:, 1]
                      for s in (seen, seen.roll(1, dims=0)))  # fmt: skip
    assert (own > other).float().mean() > 0.9  # chance is a half
