"""A question to a folder of photographs: index what is new, score every picture, re-rank the first K if asked to."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinpoint.errors import PinpointError
from pinpoint.files import file_digest
from pinpoint.photo_files import Chosen, Report, require_folder, silent
from pinpoint.photo_index import PhotoIndex, index_folder
from pinpoint.photo_methods import METHODS, Question, choose
from pinpoint.photo_models import (
    COMPOSED,
    QFORMER,
    QFORMERS,
    RERANK,
    Model,
    Stages,
    open_dual,
    open_filter,
    open_qformer,
    open_stages,
)
from pinpoint.rerank import Reranked, rerank
from pinpoint.rerank_scoring import score_pairs, words_of
from pinpoint.retriever import similarity

TOP = 10  # pictures shown


@dataclass(frozen=True)
class Hit:
    """One picture found: its rank from 1, its score, its path below the folder.

    stage: which stage's score it is; those of stage 2 are no cosines. before: its rank after stage 1.
    """

    rank: int
    score: float
    path: str
    stage: int
    before: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What was asked, how, of which pictures, and the first of the ranking."""

    question: Question
    method: str
    encoder: str
    rerank: int | None
    index: PhotoIndex
    hits: tuple[Hit, ...]
    notes: tuple[str, ...]

    def said(self) -> str:
        """Of which pictures, by which method, with which model: one line."""
        n, k = len(self.index), self.rerank
        pictures = f"{n:,} picture{'s' * (n != 1)} in {self.index.listing.root.resolve().name}"
        stages = f", the first {k} re-ranked by stage 2" if k else ""
        return f"{len(self.hits)} of {pictures} · method {self.method}{stages} · {self.encoder}"

    def to_json(self) -> dict[str, Any]:
        """All of it but vectors and pixels, as JSON values."""
        question = {name: str(getattr(self.question, name)) for name in sorted(self.question.given)}
        return {
            "folder": str(self.index.listing.root), "question": question, "method": self.method,
            "encoder": self.encoder, "rerank": self.rerank, "pictures": len(self.index),
            "hits": [asdict(hit) for hit in self.hits],
            "unreadable": [asdict(file) for file in self.index.unreadable], "notes": list(self.notes),
        }  # fmt: skip


def search(
    root: Path | str, question: Question, *, method: str | None = None, encoder: str | None = None,
    rerank_k: int | None = None, top: int = TOP, cache: Path | None = None, stages: Path | None = None,
    report: Report = silent,
) -> Answer:  # fmt: skip
    """Answer a question with the pictures below a folder. A reference that lies in the folder is left out.

    method, encoder: by name; default, what fits the question. rerank_k: stage 2 of chapter 6 puts the first K into
    order. stages: where its weights lie. Raises PinpointError for what does not fit together, and for a K that exceeds
    the pictures there are.
    """
    require_folder(Path(root))
    name = choose(question, method, encoder, rerank_k is not None)
    opened = open_stages(stages) if rerank_k is not None or name == "filter" else None
    model = _model(name, encoder, question, opened)
    query_emb = METHODS[name].ask(model, question)  # before the folder, which may take hours: a mistake shows at once
    index = index_folder(root, model.side, cache=cache, report=report)
    rows = _rivals(index, question)
    scores = similarity_of(query_emb, index.emb[rows])
    order = np.argsort(-scores, kind="stable")
    hits = [
        Hit(n, float(scores[row]), index.ids[rows[row]], 1, n)
        for n, row in enumerate(order[: max(top, rerank_k or 0)], 1)
    ]
    if rerank_k is not None and opened is not None:
        hits = _reranked(opened, index, question, hits, len(rows), rerank_k)
    notes = (*_left_out(index, rows, question), *folder_notes(index), *drawn_note(model, rerank_k is not None))
    return Answer(question, name, model.name, rerank_k, index, tuple(hits[:top]), notes)


def similarity_of(query_emb: np.ndarray, emb: np.ndarray) -> np.ndarray:
    """Scores (G,) of a query (1, D) with pictures (G, T D): the best of each picture's T vectors."""
    g, d = len(emb), query_emb.shape[1]
    best: np.ndarray = similarity(query_emb, emb.reshape(-1, d)).reshape(g, -1).max(axis=1)
    return best


def _model(method: str, encoder: str | None, question: Question, stages: Stages | None) -> Model:
    """The model of a method, or the error that the encoder is not for it."""
    if method == "filter" and stages is not None:
        if encoder not in (None, RERANK):
            raise PinpointError(f"method filter brings its own model; leave out --encoder {encoder}")
        return open_filter(stages)
    if method == "qformer":
        if encoder not in (None, *QFORMERS) and not Path(str(encoder)).is_dir():
            hint = f"leave --encoder out, or give a folder or {' or '.join(QFORMERS)}"
            raise PinpointError(f"method qformer cannot use {encoder}; {hint}")
        return open_qformer(encoder or QFORMER)
    return open_dual(encoder or METHODS[method].encoder, question.full_prompt)


def _rivals(index: PhotoIndex, question: Question) -> np.ndarray:
    """The rows of the index that compete, int64: all but the reference and its copies."""
    own = file_digest(question.image) if question.image is not None else None
    rows = np.array([row for row, sha in enumerate(index.sha256) if sha != own], dtype=np.int64)
    if not len(rows):
        raise PinpointError(f"{index.listing.root} holds no picture but the reference; add some, or ask with another")
    return rows


# -- stage 2 ----------------------------------------------------------------------------------------------------------
def _reranked(stages: Stages, index: PhotoIndex, question: Question, hits: list[Hit], rivals: int, k: int) -> list[Hit]:
    """The first k hits in the order of stage 2, which reads reference, text and picture; the rest stays."""
    if not 1 <= k <= rivals:
        raise PinpointError(f"--rerank {k}: there are only {rivals} pictures to re-rank; give at most {rivals}")
    size = stages.reader.image_size
    folder = Chosen(index.listing.root, tuple(hit.path for hit in hits[:k]))
    pictures = [question.picture(size), *(folder.load(path, size) for path in folder.only)]
    found = stage_2(stages, question.text or "", np.stack(pictures))
    order, scores = found.order[0].tolist(), found.scores[0].tolist()
    first = [
        replace(hits[row], rank=n, score=score, stage=2)
        for n, (row, score) in enumerate(zip(order, scores, strict=True), 1)
    ]
    return [*first, *hits[k:]]


def stage_2(stages: Stages, text: str, pictures: np.ndarray) -> Reranked:
    """The ranking of K candidates by stage 2: pictures (1 + K, S, S, 3), the reference first."""
    seen = torch.from_numpy(stages.reader.see(pictures))
    ids, mask = stages.reader.laid_out([text])
    words = words_of(stages.first, stages.second, seen[:1], ids, mask)
    k = len(seen) - 1
    pairs = np.stack([np.zeros(k, np.int64), np.arange(k)], axis=1)
    second = torch.from_numpy(score_pairs(stages.second.dual, words, seen[1:], pairs))[None]
    return rerank(-torch.arange(k, dtype=torch.float32)[None], second, torch.arange(k)[None])


# -- what the reader should know --------------------------------------------------------------------------------------
def _left_out(index: PhotoIndex, rows: np.ndarray, question: Question) -> list[str]:
    if len(rows) == len(index):
        return []
    return [f"the reference {question.image} lies in the folder and is left out"]


def folder_notes(index: PhotoIndex) -> list[str]:
    """What lies in the folder and was passed over."""
    outside, foreign = index.listing.outside, index.listing.foreign
    links = [f"links that lead out of the folder are not followed: {', '.join(outside)}"] if outside else []
    counted = ", ".join(f"{n} {suffix}" for suffix, n in sorted(foreign.items()))
    return links + ([f"not read ({counted}): convert them to JPEG to search them"] if foreign else [])


def drawn_note(model: Model, reranked: bool = False) -> list[str]:
    """One line where the weights cannot know photographs."""
    name, instead = (RERANK, COMPOSED) if reranked else (model.name, model.instead)
    said = f"{name} was trained on drawn scenes and does not know photographs; for those: {instead}"
    return [said] if instead else []
