"""What each method of chapter 4 is and trains: nothing but what it should, and every kind of input refused by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.freestyle import StyleSpace
from pinpoint.style_models import (
    METHODS,
    Backbone,
    Prompting,
    blip_backbone,
    build,
    learned,
    open_clip_backbone,
    restored,
    trained_parameters,
    vgg19_stem,
)
from pinpoint.style_stem import load_stem

NORMS = 2 * 192 * (2 * 6 + 2)  # gain and bias, two norms a block, one before and one after


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return open_clip_backbone(load("diorama-clip", device="cpu"), load_stem())


def pixels(n: int = 3, size: int = 96) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_every_method_trains_what_it_should_and_nothing_else(backbone: Backbone) -> None:
    own = {method: {k: v for k, v in trained_parameters(build(method, backbone)).items() if not k.startswith("norms.")}
           for method in METHODS}  # fmt: skip
    assert own["clip"] == {} == own["norms"]
    assert own["pixel_prompt"] == {"prompt": 3 * 96 * 96}
    assert own["vpt_shallow"] == {"prompts": 4 * 192} and own["vpt_deep"] == {"prompts": 6 * 4 * 192}
    path = {
        "tokens.gram_patch.weight": 64 * 32 * 8 * 8, "tokens.gram_patch.bias": 64, "tokens.gram_pool.weight": 4 * 64,
        "tokens.gram_pool.bias": 4, "tokens.gram_linear.0.weight": 64 * 128, "tokens.gram_linear.0.bias": 128,
        "tokens.gram_linear.1.weight": 128 * 192, "tokens.gram_linear.1.bias": 192,
        "tokens.gram_linear.2.weight": 192 * 192, "tokens.gram_linear.2.bias": 192,
    }  # fmt: skip
    assert own["freestyle"] == {**path, "prompts.0": 4 * 192, "prompts.1": 4 * 192}
    for method in METHODS:
        norms = sum(v for k, v in trained_parameters(build(method, backbone)).items() if k.startswith("norms."))
        assert norms == (0 if method == "clip" else NORMS)
        assert not any("norms" in k for k in trained_parameters(build(method, backbone, Prompting(norms=False))))


def test_at_full_size_the_gram_path_has_the_papers_parameters() -> None:
    """28,588,548 minus a convolution that the released forward pass never uses, and its second linear stack."""
    from pinpoint.freestyle import StyleTokens

    stem = vgg19_stem(None)
    path = StyleTokens(stem.shallow, stem.channels, 1024, 4, stem.patch, stem.grams, stem.hidden)
    size = sum(p.numel() for p in path.parameters() if p.requires_grad)
    assert size == 8_388_864 + 1_706_496 + 1_028
    assert size + 8 * 1024 == 28_588_548 - 16_777_472 - 1_706_496
    with torch.no_grad():
        assert path(pixels(1, 224)).shape == (1, 4, 1024)


def test_training_one_method_leaves_the_tower_and_the_others_alone(backbone: Backbone) -> None:
    before = {k: v.clone() for k, v in backbone.vision.state_dict().items()}
    model = build("vpt_deep", backbone)
    model(pixels()).sum().backward()
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(1.0)
    assert all(torch.equal(v, before[k]) for k, v in backbone.vision.state_dict().items())
    assert_close(build("clip", backbone)(pixels()), backbone.vision(pixels()), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_depends_on_its_own_picture_alone(backbone: Backbone, method: str) -> None:
    model = build(method, backbone).eval()
    if method == "freestyle":
        model.space = StyleSpace(4, 4 * 192).fit(model.tokens(pixels(8)).detach())
    with torch.no_grad():
        assert_close(model(pixels(3))[1:2], model(pixels(3)[1:2]), atol=2e-5, rtol=1e-4)


def test_deep_prompts_are_thrown_away_after_each_block(backbone: Backbone) -> None:
    model = build("vpt_deep", backbone)
    lengths: list[int] = []
    inner = model.tower.blocks
    spied = tuple(lambda t, b=b: lengths.append(t.shape[1]) or b(t) for b in inner)
    model.tower = model.tower.__class__(model.tower.embed, spied, model.tower.head, 192)
    model(pixels())
    assert lengths == [1 + 4 + 36] * 6


def test_what_is_learned_comes_back_and_another_methods_is_refused(backbone: Backbone) -> None:
    one = build("freestyle", backbone, seed=1)
    one.space.fit(one.tokens(pixels(8)).detach())
    state = {k: v.clone() for k, v in learned(one.requires_grad_(False)).items()}
    assert "space.centres" in state and not any(k.startswith("tokens.shallow") for k in state)
    again = restored(build("freestyle", backbone, seed=2), state, "file")
    with torch.no_grad():
        assert_close(again(pixels()), one(pixels()))
    with pytest.raises(PinpointError, match="file is of another method"):
        restored(build("vpt_deep", backbone), state, "file")
    with pytest.raises(PinpointError, match="another method or size"):
        restored(build("freestyle", backbone, Prompting(tokens=2)), state, "file")


def test_the_same_framework_stands_on_blips_tower() -> None:
    from transformers import BlipConfig, BlipForImageTextRetrieval

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    vision, text = {"image_size": 96, "patch_size": 16}, {"vocab_size": 50, "bos_token_id": 1, "sep_token_id": 2}
    config = BlipConfig(vision_config=sizes | vision, text_config=sizes | text, image_text_hidden_size=24)
    model = BlipForImageTextRetrieval(config)
    backbone = blip_backbone(model, 96, load_stem())
    for method in METHODS:
        built = build(method, backbone)
        assert built(pixels(2)).shape == (2, 24)
        norms = [k for k in trained_parameters(built) if k.startswith("norms.")]
        assert len(norms) == (0 if method == "clip" else 2 * 5)  # of the image tower alone


def test_unknown_names_are_errors(backbone: Backbone) -> None:
    with pytest.raises(PinpointError, match="unknown method 'lora'"):
        build("lora", backbone)
    with pytest.raises(PinpointError, match="no VGG-19 weights 'MINE'"):
        vgg19_stem("MINE")


def test_vgg_19_is_read_from_the_folder_that_torch_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import vgg19

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    fix = r"vgg19-dcbb9e9d\.pth is missing; fetch https://\S+/vgg19-dcbb9e9d\.pth into .*checkpoints once"
    with pytest.raises(PinpointError, match=fix):
        vgg19_stem()
    with torch.device("meta"):
        whole = vgg19(init_weights=False)
    used = {name: torch.randn(tensor.shape) for name, tensor in whole.features[:7].state_dict().items()}
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    state = {**{f"features.{name}": tensor for name, tensor in used.items()}, "classifier.6.bias": torch.zeros(1000)}
    torch.save(state, tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth")
    stem = vgg19_stem()
    assert str(stem.shallow) == str(whole.features[:7]) and not stem.shallow.training
    assert all(torch.equal(tensor, used[name]) for name, tensor in stem.shallow.state_dict().items())


def test_one_centre_per_style_needs_as_many_styles() -> None:
    g = [torch.full((3, 2, 5), float(n)) for n in range(4)]
    space = StyleSpace(4, 10).fit_styles(g)
    assert_close(space.centres[2], torch.full((10,), 2.0))
    with pytest.raises(PinpointError, match="3 styles for 4 centres"):
        space.fit_styles(g[:3])


def test_a_model_says_its_rate(backbone: Backbone) -> Any:
    assert build("freestyle", backbone, Prompting(path_rate=0.25)).rates == {"tokens": 0.25}
