"""The models that search photographs, each opened by name: how it turns pictures into vectors, and what asks them.

A CLIP or a promptable embedder comes through `load`. Chapter 5's Q-Former gives a picture several vectors, chapter 6's
stage 1 one; both come from their own folders.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.qformer import load_qformer
from pinpoint.encoders.registry import BLIP_ROWS, BY_NAME, MLLM_BY_NAME, SHIPPED
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.photo_index import BATCH, PictureSide
from pinpoint.recipes.rerank_ground import ENCODER as BLIP
from pinpoint.rerank_data import Reader
from pinpoint.rerank_files import NAME as RERANK
from pinpoint.rerank_files import load_rerank
from pinpoint.rerank_model import Filter, Reranker, candidates_of

CLIP, PROMPTABLE, QFORMER = "diorama-clip", "diorama-mllm", "diorama-qformer"
QFORMERS = (QFORMER, *(row.name for row in BLIP_ROWS if row.kind == "blip-2"))
OWN_METHOD = {RERANK: "filter", **dict.fromkeys(QFORMERS, "qformer")}  # of models that are asked in one way alone
COMPOSED = "--method sum with --encoder clip-b32"  # what reads photographs in the place of the small composed models


@dataclass(frozen=True, eq=False)
class Model:
    """A model that is open. side: how pictures become vectors; asks: what the queries are made with.

    instead: None, or what to ask of photographs, where this model has seen drawn scenes alone and cannot know them.
    """

    name: str
    side: PictureSide
    asks: Any
    instead: str | None


@dataclass(frozen=True, eq=False)
class Stages:
    """Both stages of chapter 6 and the BLIP that they are made from."""

    reader: Reader
    first: Filter
    second: Reranker
    sha256: str  # of stage 1


def open_dual(name: str, prompt: str | None = None) -> Model:
    """Any encoder that `load` knows. With a prompt, a promptable one: every picture is embedded beside the prompt."""
    if method := OWN_METHOD.get(name):
        raise PinpointError(f"{name} is the model of --method {method}; here choose one that `pinpoint models` lists")
    encoder = load(name)
    promptable = encoder.record.kind == "mllm"
    if prompt is not None and not promptable:
        known = ", ".join((PROMPTABLE, *MLLM_BY_NAME))
        raise PinpointError(f"{name} takes no prompt; leave it out, or choose a promptable embedder: {known}")
    size = encoder.image_size if promptable else None
    said = (encoder.record.format.generic_prompt if prompt is None else prompt) if promptable else None
    record = {"encoder": asdict(encoder.record), "pictures": "files by hash", "size": size, "prompt": said}

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        asked = {} if prompt is None else {"prompt": prompt}
        return np.asarray(encoder.encode_images(pictures, batch_size=BATCH, **asked))

    other = next(iter(MLLM_BY_NAME)) if promptable else next(iter(BY_NAME))
    drawn = name in SHIPPED or encoder.record.checkpoint in SHIPPED  # a folder may hold a copy of ours
    instead = f"pinpoint fetch {other}, then --encoder {other}" if drawn else None
    return Model(name, PictureSide(record, encode, size), encoder, instead)


def open_qformer(name: str = QFORMER) -> Model:
    """A Q-Former, ours, a public one by name, or one in a folder. A picture has T vectors, side by side in a row (T D).

    Pictures are loaded as squares cut from their middle, or whole where the model has another resize policy.
    """
    encoder = load_qformer(shipped_folder(name) if name == QFORMER else name)
    size = encoder.image_size if encoder.preprocessing.resize_mode == "shortest" else None
    made = [encoder.name, encoder.weights_sha256, asdict(encoder.preprocessing)]
    record = {"encoder": made, "pictures": "files by hash", "of": "query tokens", "size": size}

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        return encoder.encode_images(pictures).reshape(len(pictures), -1)

    instead = COMPOSED if encoder.name == QFORMER else None
    return Model(encoder.name, PictureSide(record, encode, size), encoder, instead)


def open_stages(folder: Path | None = None) -> Stages:
    """Chapter 6's two stages, shipped or from a folder. Raises PinpointError that says how to make them if absent."""
    folder, reader = folder or shipped_folder(RERANK), Reader(shipped_folder(BLIP))
    first, second = load_rerank(folder, reader)
    return Stages(reader, first, second, read_json(folder / "config.json")["weights_sha256"]["stage1"])


def open_filter(stages: Stages) -> Model:
    """Stage 1 alone: it reads reference and text together, and a picture by its class token."""
    reader = stages.reader
    made = [reader.name, reader.weights_sha256, asdict(reader.preprocessing), stages.sha256]
    record = {"encoder": made, "pictures": "files by hash", "of": "stage 1", "size": reader.image_size}

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        seen = torch.from_numpy(reader.see(np.stack(list(pictures))))
        return candidates_of(stages.first, seen).cpu().numpy()

    return Model(RERANK, PictureSide(record, encode, reader.image_size), stages, COMPOSED)


def open_model(name: str, prompt: str | None = None) -> Model:
    """Whatever an index can be made with, by name."""
    if name not in OWN_METHOD:
        return open_dual(name, prompt)
    if prompt is not None:
        raise PinpointError(f"{name} takes no prompt; leave it out, or choose a promptable embedder: {PROMPTABLE}")
    return open_qformer(name) if name in QFORMERS else open_filter(open_stages())
