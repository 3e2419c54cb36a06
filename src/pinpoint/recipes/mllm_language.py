"""Before it embeds, the model learns to talk: it describes pictures and answers questions, one word after the other.

A full-size promptable embedder starts from such a model (VLM2Vec-V2 and GME from Qwen2-VL), and so does this one. A
contrastive loss says for a whole text whether it fits; next-token prediction says it for every word, so that the image
is read from the first hundred updates on. The turn of a picture ends with the token at which the embedding will be
read; that token already predicts the answer's first word.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pinpoint.diorama.facets import GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import Asked
from pinpoint.encoders.mllm_forward import Prefix, use_uniform_attention
from pinpoint.files import digest
from pinpoint.recipes.mllm import Evaluate, MllmConfig, prefix_of
from pinpoint.recipes.pairs import Shuffled
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.training import History, Plan, fit

SILENT = -100  # the target of a token that is given, not predicted: torch's own mark
DESCRIBED = 0.67  # of the pictures of a batch; the others are asked about
BUCKET = 16  # pictures whose texts are of like length
Turns = Sequence[tuple[str, str]]  # (what is said to the model, what it shall answer)


class Talker(Protocol):
    """Pictures that can be described in full and asked about."""

    digest: str

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    def description(self, i: int, epoch: int, seed: int = 0) -> str:
        """A text that leaves nothing of picture i out."""
        ...

    def questions(self, i: int, epoch: int, n: int, seed: int = 0) -> list[Asked]:
        """`n` questions about picture i with their answers."""
        ...


class TalkBatches:
    """`batches(i)` -> (pixels (B, S, S, 3) uint8, buckets of (picture (n,), ids (n, T), targets (n, T))).

    A function of i alone; every epoch is a new permutation. Each picture has a description, or a conversation of
    several questions.
    """

    def __init__(self, images: np.ndarray, source: Talker, pieces: Pieces, batch: int, turns: int, seed: int) -> None:
        self.images, self.source, self.pieces, self.turns = images, source, pieces, turns
        self.rows, self.seed = Shuffled(len(images), batch, seed), seed

    def __call__(self, i: int) -> tuple[Any, ...]:
        """Batch i."""
        epoch, rows = self.rows(i)
        described = np.random.default_rng([self.seed, i]).random(len(rows)) < DESCRIBED
        said = [self.turns_of(int(row), epoch, bool(d)) for row, d in zip(rows, described, strict=True)]
        tokens = [conversation(turns, self.pieces) for turns in said]
        order = sorted(range(len(rows)), key=lambda n: len(tokens[n][0]))
        buckets = [order[start : start + BUCKET] for start in range(0, len(order), BUCKET)]
        talk = tuple((torch.tensor(some), *padded([tokens[n] for n in some], self.pieces.end)) for some in buckets)
        return torch.from_numpy(self.images[rows]), talk

    def turns_of(self, i: int, epoch: int, described: bool) -> Turns:
        """What is said about picture i."""
        if described:
            return [(GENERIC_PROMPT, self.source.description(i, epoch, self.seed))]
        asked = self.source.questions(i, epoch, self.turns, self.seed)
        return [(PROMPT.format(question=a.question), a.answer) for a in asked]


def conversation(turns: Turns, pieces: Pieces) -> tuple[list[int], list[int]]:
    """Ids and targets of a conversation: prompt, end, answer, prompt, end, answer and so on.

    Position t is to predict `targets[t]`, the token after it: the answers' words, and that each answer ends. What is
    said to the model is `SILENT`.
    """
    ids: list[int] = []
    targets: list[int] = []
    for prompt, answer in turns:
        given, wanted = [*pieces(prompt), pieces.end], [*pieces(answer), pieces.end]
        ids += given + wanted[:-1]
        targets += [SILENT] * (len(given) - 1) + wanted
    return ids, targets


def padded(rows: Sequence[tuple[list[int], list[int]]], end: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and targets (n, T) of conversations. T is a multiple of 8: a CPU compiles kernels for every new shape."""
    length = -(-max(len(ids) for ids, _ in rows) // 8) * 8
    ids, targets = torch.full((len(rows), length), end), torch.full((len(rows), length), SILENT)
    for n, (given, wanted) in enumerate(rows):
        ids[n, : len(given)], targets[n, : len(wanted)] = torch.tensor(given), torch.tensor(wanted)
    return ids, targets


class TalkStep:
    """`step(model, batch)` -> mean cross-entropy of the predicted tokens; the head is the word embedding (tied)."""

    def __init__(self, config: MllmConfig, pieces: Pieces) -> None:
        self.config, self.pieces = config, pieces

    def __call__(self, model: Any, data: Sequence[Any]) -> torch.Tensor:
        """The loss of a batch."""
        pixels, talk = data
        prefix = prefix_of(model, self.config, self.pieces, pixels)
        spoken = [predictions(model, prefix, *some) for some in talk]
        logits, targets = (torch.cat(parts) for parts in zip(*spoken, strict=True))
        return cross_entropy(logits.float(), targets)


def predictions(
    model: Any, prefix: Prefix, picture: torch.Tensor, ids: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (M, V) and targets (M,) of the M tokens to be predicted, in conversations (n, T) about some images."""
    embedding = model.get_input_embeddings()
    hidden = model.language_model(
        inputs_embeds=embedding(ids),
        position_ids=prefix.following[picture][:, None] + torch.arange(ids.shape[1], device=ids.device),
        past_key_values=prefix.cache(picture),
        use_cache=True,
    ).last_hidden_state  # (n, T, D)
    wanted = targets != SILENT
    return hidden[wanted] @ embedding.weight.T, targets[wanted]


def next_token(model: Any, prefix: Prefix, ids: Sequence[int]) -> torch.Tensor:
    """The most likely token (B,) after `ids`, the same for each of the B pictures."""
    rows = torch.arange(len(prefix.following))
    given = torch.tensor(ids).expand(len(rows), -1)
    targets = torch.full_like(given, SILENT)
    targets[:, -1] = 0  # any token: only which place is asked matters
    logits, _ = predictions(model, prefix, *(part.to(prefix.following.device) for part in (rows, given, targets)))
    return logits.argmax(dim=1).cpu()


def learn_to_talk(
    model: Any, config: MllmConfig, source: Talker, images: np.ndarray, pieces: Pieces, plan: Plan, work: Path,
    *, batch: int = 64, turns: int = 3, evaluate: Evaluate | None = None, resume: bool = True,
) -> History:  # fmt: skip
    """Train the model in place on descriptions and conversations; its checkpoint goes to `work`."""
    use_uniform_attention(model)
    said = [[source.description(i, 0), *(a.answer for a in source.questions(i, 0, 2))] for i in range(8)]
    identity = digest([plan.identity, source.digest, said, batch, turns])
    return fit(
        model, TalkStep(config, pieces), TalkBatches(images, source, pieces, batch, turns, plan.seed),
        replace(plan, identity=identity), folder=work, resume=resume, label="learning to talk",
        evaluate=(lambda module: evaluate(module, pieces)) if evaluate else None,
    )  # fmt: skip
