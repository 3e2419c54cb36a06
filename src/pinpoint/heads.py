"""How the heads of chapter 3 are trained: five methods, one loop, one budget. Both encoders of the CLIP stay frozen.

Each function takes the text side, what its paper trains on, and a plan, and returns the trained module. A batch is the
row numbers of some images, a function of the update alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from pinpoint.composing import COMPOSED, Adapters, Triplets, composing_loss, hard_negatives
from pinpoint.image_bank import ImageBank
from pinpoint.inversion import (
    PHOTO,
    TEMPLATES,
    Im2Text,
    Phi,
    SemanticMapping,
    distillation_loss,
    lincir_input,
    mapping_loss,
    phrase_loss,
    soft_alignment_loss,
)  # fmt: skip
from pinpoint.recipes.pairs import Shuffled
from pinpoint.splice import TextSide, encode_places, sentences
from pinpoint.training import History, Plan, fit

Phrases = Callable[[int, Sequence[int]], tuple[torch.Tensor, Sequence[str]]]  # update, rows -> said (B, D), spliced


@dataclass(frozen=True)
class Clip:
    """The frozen dual encoder that all heads share: its text side, its exp(logit scale), its dimension, its prompts.

    The papers say "a photo of [$]" because CLIP has read that often. A CLIP that has never seen the word needs others.
    """

    side: TextSide
    scale: float
    dim: int
    prompt: str = PHOTO
    templates: tuple[str, ...] = TEMPLATES  # of inversion by optimisation
    form: str = COMPOSED  # pseudo-words and a modification

    def embed(self, texts: Sequence[str], batch: int = 256) -> torch.Tensor:
        """Embeddings (N, D), not normalised, of plain texts."""
        with torch.no_grad():
            laid_out = [sentences(self.side, texts[i : i + batch], 1)[0] for i in range(0, len(texts), batch)]
            return torch.cat([self.side.encode(ids) for ids in laid_out])


class Photo:
    """ "a photo of [$]", laid out once for a batch: words (B, k, width) -> unit embeddings (B, D)."""

    def __init__(self, clip: Clip, k: int) -> None:
        self.side = clip.side
        self.ids, self.place = sentences(clip.side, [clip.prompt], k)

    def __call__(self, words: torch.Tensor) -> torch.Tensor:
        """Differentiable in the words."""
        ids, place = (t.to(words.device).expand(len(words), -1) for t in (self.ids, self.place))
        return normalize(encode_places(self.side, ids, place, words), dim=1)


def rows_of(n: int, batch: int, seed: int) -> Callable[[int], torch.Tensor]:
    """`batch(i)` -> int64 (B,): the images of update i. Every epoch is a new permutation."""
    shuffled = Shuffled(n, min(batch, n), seed)
    return lambda i: torch.from_numpy(shuffled(i)[1])


def train_pic2word(clip: Clip, bank: ImageBank, plan: Plan, batch: int) -> tuple[Im2Text, History]:
    """Pic2Word: images alone. "a photo of S*" must find its own image in the batch."""
    torch.manual_seed(plan.seed)
    network, photo = Im2Text(clip.dim, clip.side.width), Photo(clip, 1)

    def step(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        v = bank.v[rows]
        return mapping_loss(v, photo(model(v)), clip.scale)

    return network, fit(network, step, rows_of(len(bank), batch, plan.seed), plan, label="Pic2Word")


def train_searle(
    clip: Clip, v: torch.Tensor, oti: torch.Tensor, phrases: Phrases, plan: Plan, batch: int,
    phrase_weight: float = 0.75, temperature: float = 0.25,
) -> tuple[Phi, History]:  # fmt: skip
    """SEARLE's second half: Phi learns the words `oti` (N, width) that `inversion.invert` found for images v (N, D)."""
    torch.manual_seed(plan.seed)
    network, draw = Phi(clip.dim, clip.side.width), rows_of(len(v), batch, plan.seed)

    def data(i: int) -> tuple[Any, ...]:
        rows = draw(i)
        return (rows, *phrases(i, rows.tolist()))

    def step(model: nn.Module, drawn: tuple[Any, ...]) -> torch.Tensor:
        rows, said, spliced = drawn
        words = model(v[rows])
        loss = distillation_loss(words[:, 0], oti[rows], temperature)
        return loss + phrase_weight * phrase_loss(clip.side, words, said, spliced) if phrase_weight else loss

    return network, fit(network, step, data, plan, label="SEARLE")


def train_lincir(
    clip: Clip, captions: Sequence[str], masked: Sequence[str], plan: Plan, batch: int, noise: float = 1.0
) -> tuple[Phi, History]:
    """LinCIR: captions alone. `masked` are the captions with `[$]` for each keyword. `noise` scales the released n.

    What Phi reads is normalised after the noise (an option of the released code), for an image comes as a unit row.
    """
    torch.manual_seed(plan.seed)
    network, draw, e = Phi(clip.dim, clip.side.width), rows_of(len(captions), batch, plan.seed), clip.embed(captions)
    size = e.norm(dim=1).mean() / clip.dim**0.5  # of one entry: the released noise is of the size of CLIP's features

    def step(model: nn.Module, drawn: tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]) -> torch.Tensor:
        rows, ids, place, i = drawn
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + i)
        read = normalize(lincir_input(e[rows] / (noise * size), generator), dim=1)
        return (encode_places(clip.side, ids, place, model(read)) - e[rows]).square().mean()

    def data(i: int) -> tuple[Any, ...]:
        rows = draw(i)
        return (rows, *sentences(clip.side, [masked[row] for row in rows.tolist()], 1), i)

    return network, fit(network, step, data, plan, label="LinCIR")


def train_stage1(
    clip: Clip, bank: ImageBank, captions: Sequence[str], plan: Plan, batch: int,
    *, k: int = 1, injection: bool = True, soft_weight: float = 1.0, soft_scale: float = 10.0,
) -> tuple[SemanticMapping, History]:  # fmt: skip
    """Stage 1, our reading: images with a caption each. Mapping loss, and `soft_weight` of soft text alignment."""
    torch.manual_seed(plan.seed)
    network = SemanticMapping(clip.dim, clip.side.width, bank.patches.shape[2] if injection else None, k)
    photo, said = Photo(clip, k), normalize(clip.embed(captions), dim=1) if soft_weight else None

    def step(model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        v = bank.v[rows]
        u = photo(model(v, bank.patches[rows]))
        loss = mapping_loss(v, u, clip.scale)
        return loss if said is None else loss + soft_weight * soft_alignment_loss(u, said[rows], clip.scale, soft_scale)

    return network, fit(network, step, rows_of(len(bank), batch, plan.seed), plan, label="stage 1")


@dataclass(frozen=True)
class Composing:
    """What stage 2 chooses: the rank of its adapters, and how many hard negatives a query has, under which ceiling."""

    rank: int = 32
    negatives: int = 4
    ceiling: float = 0.9


def train_stage2(
    clip: Clip, bank: ImageBank, mapping: nn.Module, triplets: Triplets, plan: Plan, batch: int,
    how: Composing = Composing(), *, learn_mapping: bool = False,
) -> tuple[Adapters, History]:  # fmt: skip
    """Stage 2: adapters in the text encoder learn from triplets over a bank of images. The mapping is frozen.

    Hard negatives are mined in the whole bank at every update, by the queries as they are: those embeddings have just
    been computed. `learn_mapping`: the mapping learns from the triplets as well, in place (an ablation).
    """
    torch.manual_seed(plan.seed)
    adapters, draw = Adapters(clip.side, how.rank), rows_of(len(triplets), batch, plan.seed)
    words = None if learn_mapping else words_of(mapping, bank)

    def step(module: nn.Module, drawn: tuple[torch.Tensor, ...]) -> torch.Tensor:
        rows, ids, place = drawn
        reference, target = triplets.reference[rows], triplets.target[rows]
        read = mapping(bank.v[reference], bank.patches[reference]) if words is None else words[reference]
        with adapters.attached(clip.side):
            query_emb = normalize(encode_places(clip.side, ids, place, read), dim=1)
        hard = hard_negatives(query_emb.detach(), target, bank.v, how.negatives, how.ceiling)
        return composing_loss(query_emb, target, reference, hard, bank.v, clip.scale)

    def data(i: int) -> tuple[torch.Tensor, ...]:
        rows = draw(i)
        texts = [clip.form.format(triplets.texts[row]) for row in rows.tolist()]
        return (rows, *sentences(clip.side, texts, k))

    k = words_of(mapping, bank.of(bank.ids[:1])).shape[1]
    module = nn.ModuleList([adapters, mapping]) if learn_mapping else adapters
    return adapters, fit(module, step, data, plan, label="stage 2")


def words_of(mapping: nn.Module, bank: ImageBank) -> torch.Tensor:
    """The pseudo-words (N, k, width) of a bank's images, in evaluation mode and without gradients."""
    training = mapping.training
    mapping.eval()
    with torch.no_grad():
        words: torch.Tensor = mapping(bank.v, bank.patches)
    mapping.train(training)
    return words
