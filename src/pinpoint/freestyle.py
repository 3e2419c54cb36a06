"""FreestyleRet (Li et al. 2024): a frozen image tower is told, by prompt tokens, in which style its query is drawn.

Three steps. The Gram matrix of shallow conv features says how a picture is drawn and forgets where things are. K-means
over those of the training queries spans a *style space*; any picture is a soft mixture of its centres. The mixture and
the Gram tokens themselves enter the tower as tokens. What is built here is the method as described; in the released
code the computed tokens never reach the network.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, relu

from pinpoint.errors import PinpointError


@dataclass(frozen=True)
class Tower:
    """A ViT in three parts. embed: pixels (B, 3, S, S) to tokens (B, 1 + n, width), the class token first. blocks map
    tokens to tokens. head: tokens to embeddings (B, D), not normalised."""

    embed: Callable[[torch.Tensor], torch.Tensor]
    blocks: tuple[Callable[[torch.Tensor], torch.Tensor], ...]
    head: Callable[[torch.Tensor], torch.Tensor]
    width: int

    def __call__(self, pixels: torch.Tensor, shallow: Any = None, deep: Any = None) -> torch.Tensor:
        """Embeddings (B, D) with prompt tokens (B, m, width): `shallow` before block 1, `deep` before the last block.

        They stand behind the class token and have no position (as released).
        """
        tokens = inserted(self.embed(pixels), shallow)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        return self.head(self.blocks[-1](inserted(tokens, deep)))


def inserted(tokens: torch.Tensor, prompt: torch.Tensor | None) -> torch.Tensor:
    """Tokens (B, 1 + n, width) with a prompt (B, m, width) behind the class token."""
    return tokens if prompt is None else torch.cat([tokens[:, :1], prompt, tokens[:, 1:]], dim=1)


def open_clip_tower(visual: Any) -> Tower:
    """The parts of open_clip's VisionTransformer, from ViT-L/14 to the small one; equal to it without prompts."""
    if not hasattr(visual, "_embeds") or not hasattr(visual, "transformer"):
        raise PinpointError(f"{type(visual).__name__} is no ViT of open_clip; prompts need its token sequence")

    def head(tokens: torch.Tensor) -> torch.Tensor:
        pooled, _ = visual._pool(tokens)
        out: torch.Tensor = pooled if visual.proj is None else pooled @ visual.proj
        return out

    return Tower(visual._embeds, tuple(visual.transformer.resblocks), head, int(visual.positional_embedding.shape[1]))


def blip_tower(model: Any) -> Tower:
    """The same of transformers' BLIP (`BlipForImageTextRetrieval`): its vision model and projection."""
    vision = model.vision_model

    def layer(module: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(tokens: torch.Tensor) -> torch.Tensor:
            out = module(tokens, attention_mask=None)
            return out[0] if isinstance(out, tuple) else out

        return run

    def head(tokens: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = model.vision_proj(vision.post_layernorm(tokens)[:, 0])
        return out

    layers = tuple(layer(module) for module in vision.encoder.layers)
    return Tower(vision.embeddings, layers, head, int(model.config.vision_config.hidden_size))


def gram(features: torch.Tensor) -> torch.Tensor:
    """G = F Fᵀ, (B, C, n) -> (B, C, C), not divided by n (as released): which channels fire together, and not where."""
    return features @ features.transpose(1, 2)


class StyleTokens(nn.Module):
    """The patch-Gram-pool-linear path: pixels (B, 3, S, S) -> Gram tokens g (B, m, width).

    shallow: the frozen first layers of a conv net, (B, 3, S, S) -> (B, channels, H, W); at full size VGG-19 up to
    ReLU2_1, 128 channels. Three linear layers without an activation between them, as released. divided: the Gram matrix
    is one over positions, not a sum.
    """

    def __init__(
        self, shallow: nn.Module, channels: int, width: int, tokens: int = 4, patch: int = 16, grams: int = 256,
        hidden: Sequence[int] = (512, 1024), divided: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.shallow, self.divided = shallow.eval().requires_grad_(False), divided
        self.gram_patch = nn.Conv2d(channels, grams, patch, patch)
        self.gram_pool = nn.Linear(grams, tokens)
        sizes = (grams, *hidden, width)
        self.gram_linear = nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(sizes)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) -> (B, m, width)."""
        with torch.no_grad():
            shallow = self.shallow(pixels)
        features = self.gram_patch(shallow).flatten(2)  # (B, C, n)
        matrix = gram(features) / (features.shape[2] if self.divided else 1)  # (B, C, C)
        out: torch.Tensor = self.gram_linear(self.gram_pool(matrix).transpose(1, 2))
        return out

    def train(self, mode: bool = True) -> "StyleTokens":
        """The frozen net stays in evaluation mode."""
        super().train(mode)
        self.shallow.eval()
        return self


class StyleSpace(nn.Module):
    """K centres of the training queries' Gram tokens, (K, m * width): the bases of the style space."""

    centres: torch.Tensor

    def __init__(self, k: int, size: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(k, size))

    def fit(self, g: torch.Tensor, seed: int = 0) -> "StyleSpace":
        """K-means over Gram tokens (N, m, width) of the training queries, until the centres stop moving."""
        from sklearn.cluster import KMeans

        flat, k = g.flatten(1).detach().cpu().double().numpy(), len(self.centres)
        if len(flat) < k:
            raise PinpointError(f"{len(flat)} queries cannot have {k} style centres")
        found = KMeans(k, n_init=4, random_state=seed).fit(flat).cluster_centers_
        self.centres.copy_(torch.from_numpy(found))
        return self

    def fit_styles(self, g: Sequence[torch.Tensor]) -> "StyleSpace":
        """As released: one centre per style, the mean of its pictures' Gram tokens (N, m, width), one entry a style."""
        if len(g) != len(self.centres):
            raise PinpointError(f"{len(g)} styles for {len(self.centres)} centres; one centre belongs to one style")
        self.centres.copy_(torch.stack([tokens.flatten(1).mean(dim=0) for tokens in g]))
        return self

    def weights(self, g: torch.Tensor) -> torch.Tensor:
        """w_j = softmax_j cos(g, centre_j), (B, K): soft, since a cosine lies in -1..1 and there is no temperature."""
        return cosine_similarity(g.flatten(1)[:, None], self.centres[None], dim=2).softmax(dim=1)

    def forward(self, g: torch.Tensor) -> torch.Tensor:
        """The style tokens s = sum_j w_j centre_j of Gram tokens (B, m, width), in the same shape."""
        return (self.weights(g) @ self.centres).view_as(g)


class Freestyle(nn.Module):
    """A frozen tower with style tokens before block 1 and Gram tokens before the last block.

    `shallow` and `deep` name what each place gets: "style", "gram" or "random" (learned, the same for all pictures), so
    that the paper's ablations are this class as well. A learned offset, zero at first, is added to computed tokens.
    """

    def __init__(
        self, tower: Tower, tokens: StyleTokens, space: StyleSpace, shallow: str = "style", deep: str = "gram"
    ) -> None:
        super().__init__()
        self.rates: dict[str, float] = {}  # learning rates of parts, relative to the plan's; read by `training.fit`
        self.tower, self.tokens, self.space, self.places = tower, tokens, space, (shallow, deep)
        m = tokens.gram_pool.out_features
        for name in self.places:
            if name not in ("style", "gram", "random"):
                raise PinpointError(f"prompt tokens {name!r}; known: style, gram, random")
        self.prompts = nn.ParameterList(
            torch.randn(m, tower.width) * 0.02 if name == "random" else torch.zeros(m, tower.width)
            for name in self.places
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D), not normalised, of pixels (B, 3, S, S)."""
        g = self.tokens(pixels) if set(self.places) != {"random"} else None
        return self.tower(pixels, *(self._prompt(n, g, len(pixels)) for n in (0, 1)))

    def _prompt(self, n: int, g: torch.Tensor | None, batch: int) -> torch.Tensor:
        learned = self.prompts[n].expand(batch, -1, -1)
        if g is None or self.places[n] == "random":
            return learned
        return learned + (g if self.places[n] == "gram" else self.space(g))


def triplet_loss(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float = 1.0
) -> torch.Tensor:
    """Mean of max(0, d(a, p) - d(a, n) + margin) with d = 1 - cosine; rows (B, D).

    A cosine distance lies in 0..2, so a margin of 1 is active most of the time.
    """
    near, far = (1 - cosine_similarity(anchor, other, dim=1) for other in (positive, negative))
    return relu(near - far + margin).mean()


def both_ways(natural: torch.Tensor, query: torch.Tensor, negative: torch.Tensor, margin: float = 1.0) -> torch.Tensor:
    """The CLIP version's loss: the natural image as anchor and the query as anchor, with the same negative."""
    forth = triplet_loss(natural, query, negative, margin)
    return (forth + triplet_loss(query, natural, negative, margin)) / 2
