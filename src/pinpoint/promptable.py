"""Promptable image embeddings: the gallery is embedded together with a question about the facet that is asked for.

f(x, p) is the embedding of image x under prompt p, g(t) that of a query text, both unit rows of one model (Li, Gao and
Du, 2025, arXiv 2505.15877). Only the image side changes; the query text is embedded without any prompt. A mode is a
choice of the table that a query searches:

    general         u = f(x, p0)                            one table
    prompted        v = f(x, p_k), k the query's facet      a table per prompt, made beforehand
    chosen          v = f(x, p̂(t)), p̂ chosen from the text  the same tables; see pinpoint.choosing
    linear          Wᵀ g(t) against u                       one table and a map per prompt; see pinpoint.linear
    linear_gallery  g(t) against W u / ‖W u‖                a table per prompt, made without the encoder
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pinpoint.benchmark import Benchmark, Query
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.errors import PinpointError, unknown
from pinpoint.linear import SAMPLE, LinearMap, released_fit, sample
from pinpoint.prompt_tables import PromptableEncoder, PromptTables
from pinpoint.retriever import Retriever, VectorRetriever, similarity

__all__ = [
    "GENERIC_PROMPT",
    "PromptTables",
    "PromptableEncoder",
    "TableRetriever",
    "chosen",
    "closed_list",
    "facet_prompt",
    "fit_maps",
    "general",
    "linear",
    "linear_gallery",
    "pool_columns",
    "prompt_of_facet",
    "prompted",
    "released_maps",
]

Value = TypeVar("Value")
COUNTRY = {  # Country211's questions: a pool of the paper, and the tenth prompt of its closed list
    "gpt": "Which country is shown in this image?",
    "human": "What country is the scene located in the image?",
}


def facet_prompt(query: Query, wording: str = "gpt") -> str:
    """The prompt of a query's facet, which its group names; wording "gpt" (headline runs) or "human"."""
    return prompt_of_facet(query.group, wording)


def prompt_of_facet(facet: str, wording: str = "gpt") -> str:
    """The prompt of a facet, the string that stands beside the image. Raises PinpointError for an unknown facet."""
    if wording not in COUNTRY:
        raise unknown("wording", wording, list(COUNTRY))
    if facet not in FACETS:
        raise unknown("facet", facet, list(FACETS))
    question = FACETS[facet].question if wording == "gpt" else FACETS[facet].human_question
    return PROMPT.format(question=question)


def closed_list(wording: str = "gpt") -> tuple[str, ...]:
    """The ten prompts that one is chosen from: the generic one, the eight facets', Country211's."""
    return (
        GENERIC_PROMPT,
        *(prompt_of_facet(facet, wording) for facet in FACETS),
        PROMPT.format(question=COUNTRY[wording]),
    )


@dataclass(frozen=True, eq=False)
class TableRetriever:
    """Each query searches the table of its own prompt: query_emb (Q, D), tables prompt -> (G, D), prompts (Q,)."""

    name: str
    query_emb: np.ndarray
    tables: Mapping[str, np.ndarray]
    prompts: Sequence[str]

    def __post_init__(self) -> None:
        if len(self.prompts) != len(self.query_emb):
            raise PinpointError(f"{self.name}: {len(self.query_emb)} queries and {len(self.prompts)} prompts")
        for prompt in dict.fromkeys(self.prompts):
            _known(prompt, self.tables)

    def scores(self, benchmark: Benchmark, query_slice: slice) -> np.ndarray:
        """Inner products of some queries with their tables, float32 (q, G)."""
        expected = (len(benchmark.queries), len(benchmark.gallery))
        for table in (self.tables[prompt] for prompt in dict.fromkeys(self.prompts)):
            if (sizes := (len(self.query_emb), len(table))) != expected:
                raise PinpointError(f"{self.name}: {sizes} query and gallery vectors for a benchmark of {expected}")
        query_emb, prompts = self.query_emb[query_slice], np.asarray(self.prompts[query_slice], dtype=object)
        out = np.empty((len(query_emb), len(benchmark.gallery)), dtype=np.float32)
        for prompt in dict.fromkeys(prompts):
            rows = np.flatnonzero(prompts == prompt)
            out[rows] = similarity(query_emb[rows], self.tables[prompt])
        return out


def general(query_emb: np.ndarray, tables: Mapping[str, np.ndarray]) -> Retriever:
    """The baseline: every query searches the general embeddings."""
    return VectorRetriever("general", query_emb, _known(GENERIC_PROMPT, tables))


def prompted(query_emb: np.ndarray, tables: Mapping[str, np.ndarray], prompts: Sequence[str]) -> Retriever:
    """Each query searches the table of its facet's prompt; prompts (Q,) are `facet_prompt` of the queries."""
    return TableRetriever("prompted", query_emb, tables, prompts)


def chosen(query_emb: np.ndarray, tables: Mapping[str, np.ndarray], choice: Sequence[str]) -> Retriever:
    """Each query searches the table of the prompt chosen for its text; choice (Q,) is of `pinpoint.choosing`."""
    return TableRetriever("chosen", query_emb, tables, choice)


def linear(
    query_emb: np.ndarray, general_emb: np.ndarray, maps: Mapping[str, LinearMap], prompts: Sequence[str]
) -> Retriever:
    """The paper's acceleration for new prompts: cos(Wᵀq, u) on the stored general embeddings (G, D).

    ‖W u‖ is not divided out: up to the norm of q' this is q·(W u), not cos(q, W u).
    """
    moved = np.empty(np.shape(query_emb))
    for prompt in dict.fromkeys(prompts):
        rows = [n for n, p in enumerate(prompts) if p == prompt]
        moved[rows] = _known(prompt, maps).query(query_emb[rows])
    return VectorRetriever("linear", moved, general_emb)


def linear_gallery(
    query_emb: np.ndarray, general_emb: np.ndarray, maps: Mapping[str, LinearMap], prompts: Sequence[str]
) -> Retriever:
    """cos(q, W u): the norm is divided out, and each prompt gets a table of its own. Ours, to compare."""
    tables = {prompt: _known(prompt, maps).image(general_emb) for prompt in dict.fromkeys(prompts)}
    return TableRetriever("linear_gallery", query_emb, tables, prompts)


Fit = Callable[[np.ndarray, np.ndarray], LinearMap]


def fit_maps(
    tables: Mapping[str, np.ndarray], rows: np.ndarray | slice, fit: Fit = released_fit
) -> dict[str, LinearMap]:
    """A map for every prompted table, fitted on some rows of it and of the generic one."""
    u = _known(GENERIC_PROMPT, tables)[rows]
    return {prompt: fit(u, table[rows]) for prompt, table in tables.items() if prompt != GENERIC_PROMPT}


def released_maps(
    benchmark: Benchmark,
    tables: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    n: int = SAMPLE,
    *,
    wording: str = "gpt",
    fit: Fit = released_fit,
) -> dict[str, LinearMap]:
    """One map per facet of the benchmark, fitted on n images of the facet's own pools: the test gallery, as released.

    Raises PinpointError where a facet has fewer than n images.
    """
    maps: dict[str, LinearMap] = {}
    for facet in benchmark.groups:
        prompt, columns = prompt_of_facet(facet, wording), pool_columns(benchmark, facet)
        rows = columns[sample(len(columns), n, rng)]
        maps |= fit_maps({p: _known(p, tables) for p in (GENERIC_PROMPT, prompt)}, rows, fit)
    return maps


def pool_columns(benchmark: Benchmark, facet: str) -> np.ndarray:
    """The gallery columns of the images that compete in a facet, each once, ascending, int64."""
    everything = benchmark.gallery.ids
    competing = {i for q in benchmark.subset(facet).queries for i in (everything if q.pool is None else q.pool)}
    return np.sort(benchmark.gallery.columns(tuple(competing)))


def _known(prompt: str, by_prompt: Mapping[str, Value]) -> Value:
    if prompt not in by_prompt:
        raise unknown("prompt", prompt, list(by_prompt))
    return by_prompt[prompt]
