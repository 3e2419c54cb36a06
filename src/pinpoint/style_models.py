"""What chapter 4 compares: a frozen image tower, and four ways to tell it in which style a query is drawn.

All of them are modules `pixels (B, 3, S, S) -> embeddings (B, D)` over a tower of their own copy. The copy is frozen
but for the gains and biases of its layer norms, which the released code leaves to be learned for every method.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pinpoint.errors import PinpointError, unknown
from pinpoint.freestyle import Freestyle, StyleSpace, StyleTokens, Tower, blip_tower, inserted, open_clip_tower

PROMPTED = ("pixel_prompt", "vpt_shallow", "vpt_deep", "freestyle")
METHODS = ("clip", "norms", *PROMPTED)  # norms: nothing but the layer norms is learned
VPT = "vpt_shallow"  # the better of the two on the development split
SCALE = 0.02  # of prompts at the start


@dataclass(frozen=True)
class Stem:
    """The frozen first layers of a conv net, (B, 3, S, S) -> (B, channels, S / 2, S / 2), and how its Gram path is cut.

    patch: side of the cells that features are summed up in; grams: side C of the Gram matrix; hidden: of the linear
    layers.
    """

    shallow: nn.Module
    channels: int
    patch: int = 16
    grams: int = 256
    hidden: tuple[int, ...] = (512, 1024)


@dataclass(frozen=True)
class Backbone:
    """A frozen image tower to build on: its module, how it comes apart, its input size, and the stem beside it."""

    vision: nn.Module
    apart: Callable[[Any], Tower]
    image_size: int
    stem: Stem


@dataclass(frozen=True)
class Prompting:
    """What a prompted tower is made of; the defaults are the paper's.

    tokens: m, prompts per place; centres: K of the style space; shallow, deep: what FreestyleRet puts before the first
    and before the last block; norms: are the layer norms learned? path_rate: the learning rate of FreestyleRet's Gram
    path, relative to that of prompts and norms. As released and not as described: per_style, one centre per style, the
    mean of its pictures, in place of K-means. As Gatys et al. have it: divided, Gram matrices over their positions.
    """

    tokens: int = 4
    centres: int = 4
    shallow: str = "style"
    deep: str = "gram"
    norms: bool = True
    path_rate: float = 0.1
    per_style: bool = False
    divided: bool = False


def open_clip_backbone(encoder: Any, stem: Stem) -> Backbone:
    """The image tower of an open_clip encoder."""
    return Backbone(encoder.model.visual, open_clip_tower, encoder.image_size, stem)


def blip_backbone(model: nn.Module, image_size: int, stem: Stem) -> Backbone:
    """The image tower of transformers' `BlipForImageTextRetrieval`, without its text encoder."""
    whole: Any = model
    vision: Any = nn.ModuleDict({"vision_model": whole.vision_model, "vision_proj": whole.vision_proj})
    vision.config = whole.config
    return Backbone(vision, blip_tower, image_size, stem)


def build(method: str, backbone: Backbone, how: Prompting = Prompting(), seed: int = 0) -> Any:
    """One method over its own copy of a tower, with the parameters that it trains, and no others, set to be trained."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    torch.manual_seed(seed)
    vision = copy.deepcopy(backbone.vision).requires_grad_(False)
    tower = backbone.apart(vision)
    model = _head(method, tower, backbone, how)
    model.norms = nn.ModuleList(norm for norm in vision.modules() if isinstance(norm, nn.LayerNorm))
    model.norms.requires_grad_(how.norms and method != "clip")
    model.trained = tuple(trained_parameters(model))  # their names, kept when the model is frozen after training
    return model.to(next(vision.parameters()).device)


def _head(method: str, tower: Tower, backbone: Backbone, how: Prompting) -> Any:
    if method == "pixel_prompt":
        return PixelPrompt(tower, backbone.image_size)
    if method == "vpt_shallow":
        return ShallowPrompts(tower, how.tokens)
    if method == "vpt_deep":
        return DeepPrompts(tower, how.tokens)
    if method in ("clip", "norms"):
        return Frozen(tower)
    stem = backbone.stem
    tokens = StyleTokens(
        stem.shallow, stem.channels, tower.width, how.tokens, stem.patch, stem.grams, stem.hidden, how.divided
    )
    model = Freestyle(tower, tokens, StyleSpace(how.centres, how.tokens * tower.width), how.shallow, how.deep)
    model.rates = {"tokens": how.path_rate}
    return model


def trained_parameters(model: nn.Module) -> dict[str, int]:
    """Name and size of everything that a method trains."""
    return {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}


def learned(model: Any) -> dict[str, torch.Tensor]:
    """What makes a trained method: its trained parameters and, where there is one, its style space."""
    names = {*model.trained, *(name for name, _ in model.named_buffers() if name.startswith("space."))}
    return {name: tensor for name, tensor in model.state_dict().items() if name in names}


def restored(model: nn.Module, state: Mapping[str, torch.Tensor], origin: str) -> nn.Module:
    """Put what `learned` gave into a freshly built model of the same method. `origin` names the file in an error."""
    wanted = learned(model)
    wrong = sorted(set(wanted) ^ set(state)) or [k for k, v in state.items() if v.shape != wanted[k].shape]
    if wrong:
        raise PinpointError(f"{origin} is of another method or size (first difference: {wrong[0]}); train it again")
    model.load_state_dict(dict(state), strict=False)
    return model.eval().requires_grad_(False)


class Frozen(nn.Module):
    """The tower as it is."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalised, of pixels (B, 3, S, S); so for all classes here."""
        return self.tower(pixels)


class PixelPrompt(nn.Module):
    """CLIP* of the paper's tables, as its code has it: one learned image, zero at first, is added to every picture."""

    def __init__(self, tower: Tower, size: int) -> None:
        super().__init__()
        self.tower, self.prompt = tower, nn.Parameter(torch.zeros(3, size, size))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Add, then encode."""
        return self.tower(pixels + self.prompt)


class ShallowPrompts(nn.Module):
    """VPT-shallow (Jia et al. 2022): m learned tokens before block 1, the same for every picture."""

    def __init__(self, tower: Tower, m: int) -> None:
        super().__init__()
        self.tower, self.prompts = tower, nn.Parameter(SCALE * torch.randn(m, tower.width))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The tokens travel through all blocks."""
        return self.tower(pixels, self.prompts.expand(len(pixels), -1, -1))


class DeepPrompts(nn.Module):
    """VPT-deep: m learned tokens of its own before every block; those of the block before are thrown away."""

    def __init__(self, tower: Tower, m: int) -> None:
        super().__init__()
        self.tower = tower
        self.prompts = nn.Parameter(SCALE * torch.randn(len(tower.blocks), m, tower.width))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 1 + n, width) before a block, (B, 1 + m + n, width) in it."""
        m, tokens = self.prompts.shape[1], self.tower.embed(pixels)
        for block, prompt in zip(self.tower.blocks, self.prompts, strict=True):
            tokens = block(inserted(tokens, prompt.expand(len(pixels), -1, -1)))
            tokens = torch.cat([tokens[:, :1], tokens[:, 1 + m :]], dim=1)
        return self.tower.head(tokens)


def vgg19_stem(weights: str | None = "IMAGENET1K_V1") -> Stem:
    """VGG-19 up to ReLU2_1, 128 channels, by torchvision's name for its weights; None: untrained (for tests).

    The released code names this layer conv3_1. It feeds CLIP's own normalised pixels, as we do. Nothing is downloaded:
    raises PinpointError, with the address, where torch's cache does not hold the file.
    """
    import pinpoint.torchvision_shim  # noqa: F401  (before torchvision is imported)

    # isort: split
    from torchvision.models import VGG19_Weights
    from torchvision.models.vgg import cfgs, make_layers

    shallow = make_layers(cfgs["E"][:4])  # the rest of the network, 575 MB, is not built
    if weights is not None:
        known = VGG19_Weights.__members__
        if weights not in known:
            raise PinpointError(f"no VGG-19 weights {weights!r}; torchvision knows {', '.join(known)}")
        state = _kept_by_torch(known[weights].url)
        shallow.load_state_dict({name: state[f"features.{name}"] for name in shallow.state_dict()})
    return Stem(shallow.eval().requires_grad_(False), 128)


def _kept_by_torch(url: str) -> dict[str, torch.Tensor]:
    """A checkpoint from the folder that torch downloads to; of the file, tensors alone are read."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if not path.is_file():
        raise PinpointError(f"{path} is missing; fetch {url} into {folder} once, where there is a network")
    state: dict[str, torch.Tensor] = torch.hub.load_state_dict_from_url(url, map_location="cpu", weights_only=True)
    return state
