"""Which prompt should a query use? Chosen from its text alone, among a closed list.

The paper asks a language model, one letter per distinct text, and keeps the answers (Li, Gao and Du, 2025, arXiv
2505.15877, released as one cache per task). The embedder itself can choose as well: it has embedded the texts and the
prompts. `prompt_choices.json` holds recorded choices for the texts of Diorama's facets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.benchmark import Query
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import read_json
from pinpoint.linear import unit
from pinpoint.promptable import closed_list, facet_prompt
from pinpoint.significance import Estimate, bootstrap

RECORDED = Path(__file__).parent / "data" / "prompt_choices.json"
IMAGE_TAG = "<|image_1|>"  # stands before a prompt in the released caches


def by_text(query_emb: np.ndarray, prompt_emb: Mapping[str, np.ndarray]) -> list[str]:
    """The prompt whose own text embedding g(p) (D,) is nearest to g(t), for query_emb (Q, D); ties: the first."""
    prompts = list(prompt_emb)
    nearest = np.argmax(unit(query_emb) @ unit(np.stack([prompt_emb[p] for p in prompts])).T, axis=1)
    return [prompts[k] for k in nearest]


def by_centroid(query_emb: np.ndarray, tables: Mapping[str, np.ndarray]) -> list[str]:
    """The prompt under which images lie nearest to g(t): the cosine with the mean of its table, (Q,) prompts.

    tables: prompt -> (M, D) embeddings of held-out images. A prompt moves every image to the region of its answers,
    where the texts that ask for them lie too. Our reading of "chosen by the embedder itself".
    """
    return by_text(query_emb, {prompt: table.mean(axis=0) for prompt, table in tables.items()})


def by_peak(query_emb: np.ndarray, tables: Mapping[str, np.ndarray], share: float = 0.05) -> list[str]:
    """The prompt under which the best-matching images match g(t) unusually well. Ours.

    Under the prompt of its facet a text finds images that answer it and images that do not, so its best cosines stand
    out.
    For each prompt: the cosine that the best `share` of the held-out images (M, D) exceed, less its mean over all
    texts, since some prompts bring every image near every text. query_emb (Q, D): distinct texts of several facets.
    """
    if not 0 < share < 1:
        raise PinpointError(f"a share of {share}; it must lie between 0 and 1")
    prompts, unit_emb = list(tables), unit(query_emb)
    peaks = np.stack([np.quantile(unit_emb @ unit(tables[p]).T, 1 - share, axis=1) for p in prompts], axis=1)
    return [prompts[k] for k in np.argmax(peaks - peaks.mean(axis=0), axis=1)]


def recorded(texts: Sequence[str], *paths: Path | str) -> list[str]:
    """The prompt recorded for each text; without paths, the choices that the package carries.

    A file is {"prompts": {letter: prompt}, "choices": {text: letter}, …} or a released cache of COCO-Facet,
    {text: prompt}, of which there is one per task. A line feed at the end of a text is ignored, as some have it and
    some not. Raises PinpointError for a text that no file holds and for a letter or prompt that is not on the list.
    """
    files = [Path(path) for path in paths] or [RECORDED]
    choices: dict[str, str] = {}
    for path in files:
        choices |= _choices(path)
    missing = next((text for text in texts if text.strip() not in choices), None)
    if missing is not None:
        names = ", ".join(str(path) for path in files)
        raise PinpointError(f"no choice is recorded for the text {missing.strip()!r} in {names}; ask for it and add it")
    return [choices[text.strip()] for text in texts]


def _choices(path: Path) -> dict[str, str]:
    """Stripped text -> prompt, out of either format."""
    stated: Any = read_json(path)
    if not isinstance(stated, dict):
        raise PinpointError(f"{path} is no JSON object of choices; restore it")
    prompts = {str(letter): _prompt(prompt, path) for letter, prompt in stated.get("prompts", {}).items()}
    out = {}
    for text, answer in stated.get("choices", stated).items():
        if prompts and answer not in prompts:
            raise PinpointError(f"{path}: {text.strip()!r} has the answer {answer!r}, not one of {', '.join(prompts)}")
        out[text.strip()] = prompts[answer] if prompts else _prompt(answer, path)
    return out


def _prompt(stated: Any, path: Path) -> str:
    prompt = str(stated).replace(IMAGE_TAG, "").strip()
    if prompt not in closed_list():
        raise PinpointError(f"{path}: {unknown('prompt', prompt, list(closed_list()))}")
    return prompt


@dataclass(frozen=True)
class Agreement:
    """How often the chosen prompt is the facet's own, in percent: over its distinct texts, and over its queries."""

    texts: Estimate
    queries: Estimate


def agreement(choice: Sequence[str], queries: Sequence[Query], wording: str = "gpt") -> dict[str, Agreement]:
    """Per facet; choice (Q,) is one prompt per query.

    The two differ where one text is asked often: the paper's model missed three of eight gestures, the commonest ones.
    """
    right: dict[str, list[tuple[str, float]]] = {}
    for prompt, query in zip(choice, queries, strict=True):
        right.setdefault(query.group, []).append((query.text or "", float(prompt == facet_prompt(query, wording))))
    return {
        facet: Agreement(
            bootstrap(np.array(list(dict(rows).values())), scale=100),
            bootstrap(np.array([agrees for _, agrees in rows]), scale=100),
        )
        for facet, rows in right.items()
    }


def misses(choice: Sequence[str], queries: Sequence[Query], wording: str = "gpt") -> list[tuple[str, str, str]]:
    """The distinct (facet, text, chosen prompt) whose prompt is not the facet's own, in order of appearance."""
    pairs = zip(choice, queries, strict=True)
    wrong = ((q.group, (q.text or "").strip(), p) for p, q in pairs if p != facet_prompt(q, wording))
    return list(dict.fromkeys(wrong))
