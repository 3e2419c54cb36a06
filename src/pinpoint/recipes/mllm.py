"""Training a small promptable embedder as VLM2Vec is trained: image and prompt on one side, text on the other.

The models are transformers' own classes in small: Qwen2-VL (the class of VLM2Vec-V2 and GME) and Llava.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import pinpoint.torchvision_shim  # noqa: F401  (before transformers' image classes are imported)
from pinpoint.encoders.mllm_forward import (
    Prefix,
    embed_pairs,
    embed_prompts,
    embed_texts,
    extended,
    image_prefix,
    use_uniform_attention,
)
from pinpoint.files import digest
from pinpoint.recipes.gradient_cache import cached_backward
from pinpoint.recipes.mllm_models import BUILD, pixel_inputs, save_mllm
from pinpoint.recipes.question_batches import Batch, QuestionBatches, QuestionSource
from pinpoint.recipes.word_pieces import IMAGE, IMAGE_END, IMAGE_START, Pieces, build_tokenizer
from pinpoint.training import History, Plan, fit

TEMPERATURE = 0.02  # VLM2Vec's, fixed
Evaluate = Callable[[Any, Pieces], Mapping[str, float]]
Start = Callable[[Any, np.ndarray, Pieces], None]  # (model, pictures, tokenizer): whatever comes before embedding


@dataclass(frozen=True)
class MllmConfig:
    """The size of a small promptable embedder. The default has 4.4 million parameters: 8.7 MB in half precision."""

    architecture: str = "qwen2_vl"
    image_size: int = 96
    patch_size: int = 16
    vision_width: int = 192
    vision_layers: int = 6
    width: int = 192  # of the language model, and of the embedding
    mlp_width: int = 512
    layers: int = 3
    heads: int = 3

    @property
    def image_tokens(self) -> int:
        """Tokens the language model reads for an image: its patches, and in Llava's case CLIP's class token."""
        return (self.image_size // self.patch_size) ** 2 + (self.architecture == "llava")


TINY = MllmConfig(
    image_size=48, patch_size=12, vision_width=48, vision_layers=1, width=48, mlp_width=64, layers=1, heads=2
)


def train_mllm(
    config: MllmConfig,
    source: QuestionSource,
    images: np.ndarray,
    words: Iterable[str],
    out: Path,
    *,
    plan: Plan,
    batch: int = 128,
    questions: int = 4,
    chunk: int | None = None,
    evaluate: Evaluate | None = None,
    start: Start | None = None,
    started: str = "",
    name: str = "mllm",
    work: Path | None = None,
    resume: bool = True,
) -> History:
    """Train an embedder on pictures (N, S, S, 3) with captions and questions, and write a folder that `load` opens.

    Every picture of a batch is seen under the general prompt and under `questions` others. `chunk`: pictures encoded at
    a time with gradient caching; None where the batch fits. `start(model, images, pieces)` may pretrain the
    model or a part of it; `started` is a digest of them.
    """
    tokenizer = build_tokenizer(words)
    pieces = Pieces(tokenizer)
    torch.manual_seed(plan.seed)
    model: Any = BUILD[config.architecture](config, tokenizer)
    if start is not None:
        start(model, images, pieces)
    use_uniform_attention(model)
    said = [[source.caption(i, 0), *(a.answer for a in source.questions(i, 0, 2))] for i in range(8)]
    identity = digest(
        [asdict(config), tokenizer.backend_tokenizer.to_str(), source.digest, said, batch, questions, started]
    )
    history = fit(
        model,
        Step(config, pieces, chunk),
        QuestionBatches(images, source, pieces, batch, questions, plan.seed),
        replace(plan, identity=identity),
        folder=work or out,
        evaluate=(lambda module: evaluate(module, pieces)) if evaluate else None,
        resume=resume,
        label=name,
    )
    save_mllm(out, model, tokenizer, config, name, history)
    return history


class Step:
    """`step(model, batch)` -> VLM2Vec's loss."""

    def __init__(self, config: MllmConfig, pieces: Pieces, chunk: int | None = None) -> None:
        self.config, self.pieces, self.chunk = config, pieces, chunk

    def __call__(self, model: Any, data: Sequence[Any]) -> torch.Tensor:
        """The loss of a batch; with a chunk size its gradients have been added already."""
        batch = Batch(*data)
        images = [lambda part=part: self.images(model, batch, part) for part in self.parts(len(batch.pixels))]
        texts = [lambda padded=padded: embed_texts(model, *padded) for padded in batch.texts]
        if self.chunk is not None:
            order = torch.cat([self.order(batch, part) for part in self.parts(len(batch.pixels))])
            return cached_backward(
                [images, texts], lambda u, g: contrastive_loss(u, g, batch, order), batch.pixels.device.type
            )
        rows = slice(0, len(batch.pixels))
        return contrastive_loss(images[0](), torch.cat([text() for text in texts]), batch, self.order(batch, rows))

    def parts(self, pictures: int) -> list[slice]:
        """Which pictures are encoded together."""
        chunk = self.chunk or pictures
        return [slice(start, start + chunk) for start in range(0, pictures, chunk)]

    def images(self, model: Any, batch: Batch, part: slice) -> torch.Tensor:
        """Some pictures under the general prompt, then under their questions bucket by bucket, (n (1 + K), D)."""
        prefix = prefix_of(model, self.config, self.pieces, batch.pixels[part])
        rows = [embed_prompts(model, prefix, *batch.general).flatten(0, 1)]
        asked = extended(model, prefix, batch.lead)
        for ids, lengths, picture in batch.questions:
            mine = (picture >= part.start) & (picture < part.stop)
            if mine.any():
                rows.append(embed_pairs(model, asked, picture[mine] - part.start, ids[mine], lengths[mine]))
        return torch.cat(rows)

    def order(self, batch: Batch, part: slice) -> torch.Tensor:
        """Which entry of the flattened target each row of `images` belongs to."""
        questions = batch.target.shape[1] - 1
        picture, k = batch.places // questions, batch.places % questions
        mine = (picture >= part.start) & (picture < part.stop)
        first = torch.arange(part.start, min(part.stop, len(batch.pixels)), device=picture.device)
        return torch.cat([first * (1 + questions), (picture * (1 + questions) + 1 + k)[mine]])


def contrastive_loss(images: torch.Tensor, texts: torch.Tensor, batch: Batch, order: torch.Tensor) -> torch.Tensor:
    """InfoNCE between image-and-prompt and text over the whole batch, in both directions; equal texts are never
    negatives of one another.

    images (M, D), texts (U, D): each distinct text once; row m of the images belongs to entry order[m] of the target.
    VLM2Vec trains on tasks of both directions. The second is there because the first alone falls far by knowing which
    answers a question can have, without a look at the image.
    """
    target = batch.target.flatten()[order]
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 rounds a cosine near 1 to 0.004, 0.2 here
        scores = images.float() @ texts.float().T / TEMPERATURE  # (M, U)
    return (to_text(scores, target, batch.counts) + to_image(scores, target)) / 2


def to_text(scores: torch.Tensor, target: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Which text belongs to each image and prompt? A text that the batch holds c times stands for c negatives, hence
    log c; as the positive it counts once, and an empty filler (c = 0) not at all."""
    negatives = counts.log().expand(len(scores), -1)
    return cross_entropy(scores + negatives.scatter(1, target[:, None], 0.0), target)


def to_image(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Which image and prompt belongs to each text? Others with an equal text are left out."""
    own = torch.arange(len(target), device=target.device)
    equal = (target[:, None] == target[None, :]) & (own[:, None] != own[None, :])
    return cross_entropy(scores[:, target].T.masked_fill(equal, -torch.inf), own)


def prefix_of(model: Any, config: MllmConfig, pieces: Pieces, pixels: torch.Tensor) -> Prefix:
    """The image prefix of uint8 pictures (B, S, S, 3)."""
    ids = pieces(f"{IMAGE_START} {' '.join([IMAGE] * config.image_tokens)} {IMAGE_END}")
    return image_prefix(model, pixel_inputs(config, pixels, torch.tensor(ids, device=pixels.device)))


def embed_pictures(
    model: Any, config: MllmConfig, pieces: Pieces, pixels: np.ndarray, prompts: Sequence[str], batch: int = 128
) -> np.ndarray:
    """Unit rows (P, N, D) of pictures under some prompts, as the development curve needs them."""
    device = next(model.parameters()).device
    ids, lengths = (part.to(device) for part in pieces.padded(prompts))
    rows = []
    for part in torch.from_numpy(np.asarray(pixels)).split(batch):
        prefix = prefix_of(model, config, pieces, part.to(device))
        rows.append(embed_prompts(model, prefix, ids, lengths).cpu())
    return torch.cat(rows).transpose(0, 1).numpy()
