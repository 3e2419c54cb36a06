"""The dual encoder is BLIP twice where it should be, and re-ranking moves nothing outside its candidates."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

import pinpoint.torchvision_shim  # noqa: F401  (before transformers is imported)
from pinpoint.errors import PinpointError
from pinpoint.rerank import DualEncoder, dual_of_blip, in_batch_loss, rerank

WIDTH, SOURCE, LENGTH = 32, 24, 5


def blip(layers: int = 4, cross: bool = True) -> Any:
    from transformers import BlipTextConfig, BlipTextModel

    torch.manual_seed(0)
    config = BlipTextConfig(
        vocab_size=60, hidden_size=WIDTH, encoder_hidden_size=SOURCE, intermediate_size=48, num_hidden_layers=layers,
        num_attention_heads=4, max_position_embeddings=16, bos_token_id=1, sep_token_id=2, pad_token_id=0,
        is_decoder=cross,
    )  # fmt: skip
    model = BlipTextModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def inputs(n: int = 3, candidates: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(n, LENGTH, dtype=torch.bool)
    mask[1, 3:] = False
    z, t = (torch.randn(n, LENGTH, WIDTH, generator=generator) for _ in range(2))
    return z, t, mask, torch.randn(candidates, 7, SOURCE, generator=generator)


def test_with_equal_streams_the_lower_half_is_blips_text_encoder() -> None:
    """Two identical copies that start alike stay alike, and are what transformers computes."""
    model = blip()
    dual = dual_of_blip(model)
    ids, mask = torch.randint(3, 60, (2, LENGTH)), torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, 4:] = 0
    images = torch.randn(2, 7, SOURCE)
    with torch.no_grad():
        t = model.embeddings(input_ids=ids)
        states = model(input_ids=ids, attention_mask=mask, encoder_hidden_states=images, output_hidden_states=True,
                       is_decoder=False).hidden_states  # fmt: skip
        streams = [t, t]
        for n, layer in enumerate(dual.layers[:2]):
            kvs = [cross.project(images) for cross in layer.crosses]
            streams = layer.read(layer.attend(streams, mask.bool()), kvs)
            assert torch.equal(streams[0], streams[1])
            assert_close(streams[0], states[n + 1], atol=1e-5, rtol=1e-4)
        kvs = [cross.project(images) for cross in dual.layers[2].crosses]
        assert dual.layers[2].merge is not None
        upper = dual.layers[2].read(dual.layers[2].attend(streams, mask.bool()), kvs)
        assert not torch.allclose(upper[0], states[3], atol=1e-3)  # the linear merge is new


def plain_loop(dual: DualEncoder, z: torch.Tensor, t: torch.Tensor, mask: torch.Tensor, images: torch.Tensor,
               chosen: torch.Tensor) -> torch.Tensor:  # fmt: skip
    """One candidate at a time, nothing shared."""
    out = torch.zeros(chosen.shape)
    for q in range(len(z)):
        for place, c in enumerate(chosen[q].tolist()):
            streams = [z[q : q + 1], t[q : q + 1]]
            for layer in dual.layers:
                kvs = [cross.project(images[c : c + 1]) for cross in layer.crosses]
                streams = layer.read(layer.attend(streams, mask[q : q + 1]), kvs)
            out[q, place] = dual.head(torch.cat([h[:, 0] for h in streams], dim=1))[0, 0]
    return out


@pytest.mark.parametrize("layers", [2, 5])
def test_batched_scores_are_those_of_the_plain_loop(layers: int) -> None:
    dual = DualEncoder(WIDTH, 4, SOURCE, 48, layers).eval()
    assert [layer.merge is not None for layer in dual.layers] == [n >= layers // 2 for n in range(layers)]
    z, t, mask, images = inputs()
    chosen = torch.tensor([[0, 2, 5], [1, 1, 4], [5, 3, 0]])
    with torch.no_grad():
        scores = dual(z, t, mask, dual.project(images), chosen)
        assert_close(scores, plain_loop(dual, z, t, mask, images, chosen), atol=1e-4, rtol=1e-4)
        permuted = dual(z, t, mask, dual.project(images), chosen[:, [2, 0, 1]])
        assert_close(permuted, scores[:, [2, 0, 1]], atol=1e-6, rtol=1e-5)
        swapped = dual(t, z, mask, dual.project(images), chosen)
        assert not torch.allclose(swapped, scores, atol=1e-3)  # the streams have weights of their own
        changed = z.clone()
        changed[1, 3:] = 9.0  # padding is never read
        assert_close(dual(changed, t, mask, dual.project(images), chosen), scores, atol=1e-5, rtol=1e-4)


def test_every_part_learns_from_the_batch() -> None:
    dual = DualEncoder(WIDTH, 4, SOURCE, 48, 2)
    z, t, mask, images = inputs(3, 3)
    every = torch.arange(3).expand(3, -1)
    loss = in_batch_loss(dual(z, t, mask, dual.project(images), every), torch.arange(3))
    loss.backward()
    silent = [name for name, p in dual.named_parameters() if p.grad is None]
    assert silent == [] and loss.item() > 0


def test_faults_are_named() -> None:
    z, t, mask, images = inputs()
    dual = DualEncoder(WIDTH, 4, SOURCE, 48, 2)
    with pytest.raises(PinpointError, match="z_t has the text's length"):
        dual(z[:, :4], t, mask, dual.project(images), torch.zeros(3, 1, dtype=torch.int64))
    with pytest.raises(PinpointError, match="has no cross-attention"):
        dual_of_blip(blip(cross=False))
    first = torch.tensor([[0.1, 0.9, 0.5]])
    with pytest.raises(PinpointError, match="4 candidates of a gallery of 3"):
        rerank(first, torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.int64))
    with pytest.raises(PinpointError, match="are not the first K of stage 1"):
        rerank(first, torch.zeros(1, 2), torch.tensor([[0, 1]]))


def test_reranking_moves_candidates_and_nothing_else() -> None:
    first = torch.tensor([[0.1, 0.9, 0.5, 0.8, 0.2], [0.5, 0.5, 0.5, 0.1, 0.9]])
    top = torch.tensor([[1, 3, 2], [4, 0, 1]])
    out = rerank(first, torch.tensor([[0.0, 2.0, 1.0], [1.0, 1.0, 3.0]]), top)
    assert out.order.tolist() == [[3, 2, 1, 4, 0], [1, 4, 0, 2, 3]]  # ties keep stage 1's order
    assert out.scores.tolist() == [[2, 1, 0], [3, 1, 1]]
    for row, before in zip(out.order, top, strict=True):
        assert set(row[:3].tolist()) == set(before.tolist())  # recall at the cut is stage 1's
