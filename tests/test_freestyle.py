"""The style path, the style space and the prompted tower of FreestyleRet."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.freestyle import (
    Freestyle,
    StyleSpace,
    StyleTokens,
    blip_tower,
    both_ways,
    gram,
    open_clip_tower,
    triplet_loss,
)


def shallow() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())


def tokens(width: int = 192, m: int = 4) -> StyleTokens:
    torch.manual_seed(1)
    return StyleTokens(shallow(), 8, width, m, patch=8, grams=16, hidden=(24, 32))


@pytest.fixture(scope="module")
def visual() -> Any:
    return load("diorama-clip", device="cpu").model.visual


def pixels(n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, 96, 96, generator=torch.Generator().manual_seed(2))


def test_a_gram_matrix_is_symmetric_positive_and_forgets_places() -> None:
    features = torch.randn(2, 5, 40, dtype=torch.float64)
    g = gram(features)
    assert_close(g, g.transpose(1, 2))
    assert torch.linalg.eigvalsh(g).min() > -1e-9
    assert_close(gram(features[:, :, torch.randperm(40)]), g)
    assert g[1, 2, 3].item() == pytest.approx(float((features[1, 2] * features[1, 3]).sum()))


def test_without_prompts_the_tower_is_open_clips_own(visual: Any) -> None:
    with torch.no_grad():
        assert_close(open_clip_tower(visual)(pixels()), visual(pixels()), atol=1e-5, rtol=1e-4)


def test_without_prompts_the_tower_is_blips_own() -> None:
    from transformers import BlipConfig, BlipForImageTextRetrieval

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = BlipForImageTextRetrieval(BlipConfig(
        vision_config={**sizes, "image_size": 96, "patch_size": 16},
        text_config={**sizes, "vocab_size": 50, "bos_token_id": 1, "sep_token_id": 2},
        image_text_hidden_size=24,
    )).eval()  # fmt: skip
    for parameter in model.parameters():  # as BLIP is initialised, no token reaches another
        nn.init.normal_(parameter, std=0.2)
    tower = blip_tower(model)
    with torch.no_grad():
        own = model.vision_proj(model.vision_model(pixels()).last_hidden_state[:, 0])
        assert_close(tower(pixels()), own, atol=1e-5, rtol=1e-4)
        changed = tower(pixels(), deep=torch.randn(3, 2, 32))
    assert (changed - own).abs().max() > 1e-4 and len(tower.blocks) == 2


def test_style_weights_sum_to_one_and_a_centre_chooses_itself() -> None:
    space = StyleSpace(3, 4 * 6)
    groups = torch.randn(3, 1, 4, 6).repeat(1, 20, 1, 1)
    g = (groups + 0.05 * torch.randn(3, 20, 4, 6)).flatten(0, 1)
    space.fit(g)
    w = space.weights(g)
    assert_close(w.sum(dim=1), torch.ones(60))
    own = space.weights(space.centres.view(3, 4, 6))
    assert (own.argmax(dim=1) == torch.arange(3)).all()
    chosen = w.argmax(dim=1).view(3, 20)
    assert all(len(set(row.tolist())) == 1 for row in chosen) and len(set(chosen[:, 0].tolist())) == 3
    by_hand = sum(w[0, j] * space.centres[j] for j in range(3))
    assert_close(space(g[:1]).flatten(), by_hand)
    with pytest.raises(PinpointError, match="2 queries cannot have 3 style centres"):
        space.fit(g[:2])


def test_another_style_is_another_prompt_and_another_embedding(visual: Any) -> None:
    """The released code computes style tokens and never uses them; this would have shown it."""
    model = Freestyle(open_clip_tower(visual), tokens(), StyleSpace(2, 4 * 192)).eval()
    x = pixels()
    model.space.fit(model.tokens(x))
    seen: list[torch.Tensor] = []
    handle = visual.transformer.resblocks[0].register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    with torch.no_grad():
        first, second = model(x), model(x.flip(1) * 2)
    handle.remove()
    inserted = [tokens[:, 1:5] for tokens in seen]
    assert (inserted[0] - inserted[1]).abs().max() > 1e-3 and seen[0].shape == (3, 1 + 4 + 36, 192)
    assert (first - second).norm(dim=1).min() > 1e-3
    one = torch.cat([model(x[i : i + 1]) for i in range(3)])
    assert_close(one, first, atol=1e-5, rtol=1e-4)  # a row does not depend on its batch


@pytest.mark.parametrize(("shallow_place", "deep"), [
    ("random", "random"), ("style", "random"), ("random", "gram"), ("gram", "style"), ("style", "gram"),
])  # fmt: skip
def test_trained_are_exactly_the_prompts_and_the_style_path(visual: Any, shallow_place: str, deep: str) -> None:
    model = Freestyle(open_clip_tower(visual), tokens(), StyleSpace(4, 4 * 192), shallow_place, deep)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"tokens", "prompts"}
    assert {name.split(".")[1] for name in trained if name.startswith("tokens")} == {
        "gram_patch", "gram_pool", "gram_linear"
    }  # fmt: skip
    assert not any(p.requires_grad for p in visual.parameters())
    model.space.fit(model.tokens(pixels(6)))
    model.train()(pixels()).sum().backward()
    computed = {"style", "gram"} & {shallow_place, deep}
    assert (model.tokens.gram_pool.weight.grad is not None) == bool(computed)
    assert all(p.grad is not None for p in model.prompts) and not model.tokens.shallow.training


def test_full_size_has_the_papers_number_of_style_parameters() -> None:
    vgg = nn.Sequential(nn.Conv2d(3, 128, 3))
    model = StyleTokens(vgg, 128, 1024)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 8_388_864 + 1_028 + 1_706_496  # papers: gram_patch, gram_pool, gram_linear


def test_an_unknown_prompt_is_named(visual: Any) -> None:
    with pytest.raises(PinpointError, match="prompt tokens 'stile'; known: style, gram, random"):
        Freestyle(open_clip_tower(visual), tokens(), StyleSpace(2, 4 * 192), "stile")
    with pytest.raises(PinpointError, match="Linear is no ViT of open_clip"):
        open_clip_tower(nn.Linear(2, 2))


def test_the_triplet_loss_by_hand() -> None:
    a, p, n = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]), torch.tensor([[-3.0, 0.0]])
    assert triplet_loss(a, p, n).item() == pytest.approx(1 - 2 + 1)  # distances 1 and 2
    assert triplet_loss(a, n, p).item() == pytest.approx(2 - 1 + 1)
    assert triplet_loss(a, a, n).item() == 0
    assert both_ways(a, p, n).item() == pytest.approx((0 + (1 - 1 + 1)) / 2)
