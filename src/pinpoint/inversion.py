"""Images to pseudo-words: the mapping networks of zero-shot composed retrieval, and what each of them minimises.

Both encoders are frozen. Notation: v (B, D) image embeddings, P (B, n, Dv) patch tokens, E_t the text encoder, S (B, k,
width) pseudo-words. Pic2Word (Saito et al. 2023), SEARLE (Baldrati et al. 2023) and LinCIR (Gu et al. 2024) are as
released; stage 1 is our reading of "From Mapping to Composing" (Wang et al. 2025), whose formulas are not public.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax, normalize, softmax

from pinpoint.splice import PLACE, TextSide, encode_spliced
from pinpoint.training import attention

PHOTO = f"a photo of {PLACE}"  # the prompt of Pic2Word
TEMPLATES = (PHOTO, f"an image of {PLACE}", f"a picture of {PLACE}", f"there is {PLACE}")  # OTI draws one each step


# -- the networks -----------------------------------------------------------------------------------------------------
class Im2Text(nn.Module):
    """Pic2Word's mapping network: two blocks of linear, dropout 0.1 and ReLU, then a linear layer. One pseudo-word."""

    def __init__(self, dim: int, width: int, hidden: int = 512) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for size in (dim, hidden):
            blocks += [nn.Linear(size, hidden), nn.Dropout(0.1), nn.ReLU()]
        self.layers = nn.Sequential(*blocks, nn.Linear(hidden, width))

    def forward(self, v: torch.Tensor, patches: torch.Tensor | None = None) -> torch.Tensor:
        """(B, D) -> (B, 1, width); patches are not read."""
        words: torch.Tensor = self.layers(v)
        return words[:, None]


class Phi(nn.Module):
    """The network of SEARLE and LinCIR: two blocks of linear, GELU and dropout 0.5, then a linear layer."""

    def __init__(self, dim: int, width: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or 4 * dim
        blocks: list[nn.Module] = []
        for size in (dim, hidden):
            blocks += [nn.Linear(size, hidden), nn.GELU(), nn.Dropout(0.5)]
        self.layers = nn.Sequential(*blocks, nn.Linear(hidden, width))

    def forward(self, v: torch.Tensor, patches: torch.Tensor | None = None) -> torch.Tensor:
        """(B, D) -> (B, 1, width); patches are not read."""
        words: torch.Tensor = self.layers(v)
        return words[:, None]


class Injection(nn.Module):
    """One pre-norm block of visual semantic injection: pseudo-words attend to patch tokens, then a feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, words: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """t <- t + MHA(LN t, P, P); t <- t + FFN(LN t), for t (B, k, width) and P (B, n, width)."""
        read, _ = self.attention(self.norm(words), patches, patches, need_weights=False)
        words = words + read
        return words + self.mlp(self.norm_mlp(words))


class SemanticMapping(nn.Module):
    """Stage 1, our reading: a base word from v, one learned offset for each of k pseudo-words, and injection.

    `patch_dim` None: without injection (an ablation).
    """

    def __init__(
        self, dim: int, width: int, patch_dim: int | None, k: int = 1, blocks: int = 2, hidden: int = 512
    ) -> None:
        super().__init__()
        self.base = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.offsets = nn.Parameter(torch.randn(k, width) * 0.02)
        self.patches = nn.Linear(patch_dim, width) if patch_dim else None
        injections = [Injection(width, max(1, width // 64)) for _ in range(blocks if patch_dim else 0)]
        self.injections = nn.ModuleList(injections)

    def forward(self, v: torch.Tensor, patches: torch.Tensor | None = None) -> torch.Tensor:
        """(B, D) and (B, n, Dv) -> (B, k, width)."""
        words: torch.Tensor = self.base(v)[:, None] + self.offsets
        if self.patches is not None and patches is not None:
            keys = self.patches(patches)
            for block in self.injections:
                words = block(words, keys)
        return words


# -- what they minimise -----------------------------------------------------------------------------------------------
def mapping_loss(v: torch.Tensor, u: torch.Tensor, scale: float) -> torch.Tensor:
    """Pic2Word: "a photo of S*" must find its own image in the batch and the other way round.

    v, u: unit rows (B, D); scale: CLIP's exp(logit scale). Mean of both cross-entropies, the diagonal is right.
    """
    logits = scale * v @ u.T
    own = torch.arange(len(v), device=v.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def soft_alignment_loss(
    u: torch.Tensor, captions: torch.Tensor, scale: float, soft_scale: float, teacher: torch.Tensor | None = None
) -> torch.Tensor:
    """Soft text alignment, our reading: mean KL(p_i || q_i) over the batch's captions.

    q_ij = softmax_j(scale u_i · c_j) is what the pseudo-sentence says; p_ij = softmax_j(soft_scale c_i · c_j) is how
    alike the captions are (with `teacher` rows in the place of c_i). So a caption that says nearly the same is no
    negative. u, captions, teacher: unit rows (B, D).
    """
    said = log_softmax(scale * u @ captions.T, dim=1)
    alike = softmax(soft_scale * (captions if teacher is None else teacher) @ captions.T, dim=1)
    return kl_div(said, alike, reduction="batchmean")


def distillation_loss(words: torch.Tensor, oti: torch.Tensor, temperature: float = 0.25) -> torch.Tensor:
    """SEARLE's NT-Xent over the 2B vectors {OTI words, Phi's outputs} (B, width): each pair is a positive, the other
    2B - 2 vectors, also of its own side, are negatives."""
    both = normalize(torch.cat([words, oti]), dim=1)
    logits = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    n = len(words)
    return cross_entropy(logits, torch.arange(2 * n, device=words.device).roll(n))


def phrase_loss(side: TextSide, words: torch.Tensor, said: torch.Tensor, spliced: Sequence[str]) -> torch.Tensor:
    """SEARLE's regulariser: 1 - cos(E_t(phrase with its concept's word), E_t(the phrase with S* in its place)).

    said: the first of the two, (B, D); the phrases are few and are encoded once.
    """
    return (1 - cosine_similarity(encode_spliced(side, spliced, words), said)).mean()


def lincir_input(e: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """e + r n, with r ~ U(0, 1) per sample and n ~ N(0, I): noise that bridges the gap from text to image, (B, D)."""
    noise = torch.randn(e.shape, generator=generator, device=e.device)
    return e + torch.rand(len(e), 1, generator=generator, device=e.device) * noise


def lincir_loss(side: TextSide, words: torch.Tensor, masked: Sequence[str], e: torch.Tensor) -> torch.Tensor:
    """LinCIR: mean squared error, not normalised, between E_t(caption with its keywords replaced) and e = E_t(caption).
    words (B, 1, width), e (B, D)."""
    return (encode_spliced(side, masked, words) - e).square().mean()


# -- inversion by optimisation ----------------------------------------------------------------------------------------
def invert(
    side: TextSide,
    v: torch.Tensor,
    draw: Callable[[int], tuple[torch.Tensor, Sequence[str]]],
    *,
    steps: int = 350,
    lr: float = 2e-2,
    weight_decay: float = 0.01,
    decay: float = 0.99,
    cos_weight: float = 1.0,
    phrase_weight: float = 0.5,
    templates: Sequence[str] = TEMPLATES,
    seed: int = 0,
) -> torch.Tensor:
    """SEARLE's optimisation-based textual inversion of B images at once: one free word each, (B, width).

    Step i minimises (w_cos L_cos + w_phrase L_phrase) / (w_cos + w_phrase), L_cos = 1 - cos(v, E_t(template with w))
    for a random template. `draw(i)` gives the embeddings (B, D) of B phrases about concepts of the images, and the
    phrases with `[$]` for the concept. Returns the exponential moving average of w.
    """
    generator = torch.Generator().manual_seed(seed)
    start = 0.02 * torch.randn(len(v), side.width, generator=generator)
    words = start.to(v.device).requires_grad_()
    average = words.detach().clone()
    optimizer = torch.optim.AdamW([words], lr=lr, weight_decay=weight_decay)
    for i in range(steps):
        template = templates[int(torch.randint(len(templates), (1,), generator=generator))]
        with attention(v.device):
            said = encode_spliced(side, [template] * len(v), words[:, None])
            loss = cos_weight * (1 - cosine_similarity(said, v)).mean()
            if phrase_weight:
                loss = loss + phrase_weight * phrase_loss(side, words[:, None], *draw(i))
        optimizer.zero_grad()
        (loss / (cos_weight + phrase_weight)).backward()
        optimizer.step()
        average = decay * average + (1 - decay) * words.detach()
    return average
