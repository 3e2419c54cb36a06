"""What can be asked of photographs: the book's methods by name, what each needs, and the query vector it makes.

general, a text: the nearest pictures of a dual encoder (chapter 1). prompted, a prompt with a text or an image: the
same, every picture embedded beside a question (chapter 2). image_only: nearest neighbours. The others take an image and
a text that changes it. sum: both vectors added; slerp: the point between them on the sphere; inversion: the image
becomes a word, which stands in a sentence (chapter 3). qformer: one network reads both (chapter 5). filter: stage 1 of
chapter 6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from pinpoint.composing import compose, slerp
from pinpoint.diorama.facets import FACETS
from pinpoint.encoders.qformer import composed_emb, read_together
from pinpoint.errors import PinpointError
from pinpoint.inversion import invert
from pinpoint.photo_files import Chosen
from pinpoint.photo_models import CLIP, OWN_METHOD, PROMPTABLE, QFORMER, RERANK, Model, Stages
from pinpoint.promptable import prompt_of_facet
from pinpoint.rerank_model import queries_of
from pinpoint.zscir_setup import clip_of
from pinpoint.zscir_study import Choices


@dataclass(frozen=True)
class Question:
    """What is asked. text: what to look for, or what to change in the reference `image`, the path of a picture.

    prompt: a question that every picture is embedded with; the name of a facet, such as weather, stands for its own.
    """

    text: str | None = None
    image: Path | None = None
    prompt: str | None = None

    def __post_init__(self) -> None:
        for name in ("text", "prompt"):
            if (said := getattr(self, name)) is not None and not said.strip():
                raise PinpointError(f"the {name} is empty; write something, or leave it out")
        if self.image is not None and not self.image.is_file():
            raise PinpointError(f"there is no reference picture {self.image}; give --image the path of one")

    @property
    def given(self) -> frozenset[str]:
        """Which of the three are there."""
        return frozenset(name for name in ("text", "image", "prompt") if getattr(self, name) is not None)

    @property
    def full_prompt(self) -> str | None:
        """The prompt, that of a facet written out."""
        return prompt_of_facet(self.prompt) if self.prompt in FACETS else self.prompt

    @cached_property
    def _folder(self) -> Chosen:
        image = self.image or Path()
        return Chosen(image.parent, (image.name,))

    def picture(self, size: int | None = None) -> np.ndarray:
        """The reference, uint8 RGB, as the pictures of the folder are loaded."""
        return self._folder.load((self.image or Path()).name, size)


Ask = Callable[[Model, Question], np.ndarray]


@dataclass(frozen=True)
class Method:
    """One way to ask. needs: the sets of inputs that it takes; ask: the query vector, a unit row (1, D)."""

    needs: tuple[frozenset[str], ...]
    encoder: str
    ask: Ask

    def said(self) -> str:
        """What it needs, in words."""
        return ", or ".join(_words(some) for some in self.needs)


def choose(question: Question, name: str | None, encoder: str | None = None, rerank: bool = False) -> str:
    """The method that is asked for, or the obvious one for what is given. Raises PinpointError if they do not fit."""
    if name is None:
        name = _obvious(question.given, encoder, rerank)
    if name not in METHODS:
        raise PinpointError(f"unknown method {name!r}; {_list()}")
    if question.given not in METHODS[name].needs:
        given = _words(question.given) if question.given else "nothing"
        raise PinpointError(f"method {name} needs {METHODS[name].said()}, and was given {given}; {_list()}")
    if rerank and not question.given >= {"image", "text"}:
        raise PinpointError("--rerank reads a reference and a text together; give both --image and a text")
    return name


def _obvious(given: frozenset[str], encoder: str | None, rerank: bool) -> str:
    if not given & {"text", "image"}:
        raise PinpointError(f"nothing to look for; give a text, --image, or both; {_list()}")
    if "prompt" in given:
        return "prompted"
    if given == {"text", "image"}:
        own = OWN_METHOD.get(encoder or "", "sum")
        return "filter" if rerank and encoder is None else own
    return "general" if "text" in given else "image_only"


def _list() -> str:
    by_needs: dict[str, list[str]] = {}
    for name, method in METHODS.items():
        by_needs.setdefault(method.said(), []).append(name)
    return "the methods: " + "; ".join(f"{', '.join(names)} with {said}" for said, names in by_needs.items())


def _words(inputs: frozenset[str]) -> str:
    names = {"image": "--image", "text": "a text", "prompt": "--prompt"}
    return " and ".join(shown for name, shown in names.items() if name in inputs)


# -- query vectors ----------------------------------------------------------------------------------------------------
def _text(model: Model, question: Question) -> np.ndarray:
    return np.asarray(model.asks.encode_texts([question.text or ""]))


def _image(model: Model, question: Question) -> np.ndarray:
    return model.side.encode([question.picture(model.side.size)])


def _prompted(model: Model, question: Question) -> np.ndarray:
    return (_image if question.text is None else _text)(model, question)


def _both(model: Model, question: Question) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(_image(model, question)), torch.from_numpy(_text(model, question))


def _sum(model: Model, question: Question) -> np.ndarray:
    v, t = _both(model, question)
    return normalize(v + t, dim=1).numpy()


def _slerp(model: Model, question: Question) -> np.ndarray:
    return slerp(*_both(model, question), Choices().alpha).numpy()


def _inversion(model: Model, question: Question) -> np.ndarray:
    """SEARLE's word of the reference, found by optimisation, and the text behind it; seconds with a small CLIP."""
    encoder = model.asks
    if not hasattr(getattr(encoder, "model", None), "token_embedding"):
        raise PinpointError(f"inversion needs a text tower of CLIP's kind, {model.name} has none; try --method sum")
    clip = clip_of(encoder)
    v = torch.from_numpy(_image(model, question)).to(encoder.device)
    words = invert(clip.side, v, _no_phrases, phrase_weight=Choices().phrase_weight, templates=clip.templates)
    with torch.no_grad():
        return compose(clip.side, words[:, None], [question.text or ""], form=clip.form).cpu().numpy()


def _no_phrases(update: int) -> tuple[torch.Tensor, list[str]]:
    raise PinpointError("phrases cost on the development split of chapter 3; this search has none")


def _qformer(model: Model, question: Question) -> np.ndarray:
    encoder = model.asks
    seen = torch.from_numpy(encoder.see([question.picture(model.side.size)])).to(encoder.device)
    ids, mask = (t.to(encoder.device) for t in encoder.laid_out([question.text or ""]))
    with torch.inference_mode():
        return composed_emb(encoder.model, read_together(encoder.model, seen, ids, mask)).cpu().numpy()


def _filter(model: Model, question: Question) -> np.ndarray:
    stages: Stages = model.asks
    seen = torch.from_numpy(stages.reader.see(question.picture(stages.reader.image_size)[None]))
    return queries_of(stages.first, seen, *stages.reader.laid_out([question.text or ""])).q.cpu().numpy()


_TEXT, _IMAGE, _COMPOSED = frozenset({"text"}), frozenset({"image"}), frozenset({"image", "text"})
METHODS: Mapping[str, Method] = {
    "general": Method((_TEXT,), CLIP, _text),
    "prompted": Method((_TEXT | {"prompt"}, _IMAGE | {"prompt"}), PROMPTABLE, _prompted),
    "image_only": Method((_IMAGE,), CLIP, _image),
    "sum": Method((_COMPOSED,), CLIP, _sum),
    "slerp": Method((_COMPOSED,), CLIP, _slerp),
    "inversion": Method((_COMPOSED,), CLIP, _inversion),
    "qformer": Method((_COMPOSED,), QFORMER, _qformer),
    "filter": Method((_COMPOSED,), RERANK, _filter),
}
