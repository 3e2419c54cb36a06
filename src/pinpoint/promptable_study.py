"""The experiments of chapter 2: every mode on one benchmark, the choice of a prompt, other pools, the real data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint import choosing, promptable
from pinpoint.benchmark import Benchmark
from pinpoint.datasets.coco_facet import coco_facet
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.encoders import load, shipped_folder
from pinpoint.evaluate import Result, evaluate
from pinpoint.files import read_json
from pinpoint.linear import ridge_fit
from pinpoint.linear_study import held_out_draw, over_draws, released_draw
from pinpoint.prompt_tables import PromptTables
from pinpoint.promptable_setup import ClaimSetup, Tables, make_tables
from pinpoint.retriever import Retriever
from pinpoint.significance import Estimate, bootstrap
from pinpoint.store import Store


def mode_results(
    encoder: Any, store: Store, benchmark: Benchmark, setup: ClaimSetup, also: Sequence[str] = ()
) -> tuple[dict[str, Result], Tables]:
    """Every mode that the embedder offers, scored on one benchmark; and the tables it read, `also` some more."""
    tables = make_tables(encoder, store, benchmark, setup.held_out, also)
    modes: dict[str, Retriever] = {
        "general": promptable.general(tables.query_emb, tables.gallery),
        "prompted": promptable.prompted(tables.query_emb, tables.gallery, tables.prompts),
    }
    results = {name: evaluate(benchmark, retriever) for name, retriever in modes.items()}
    results["linear"] = over_draws(tables, released_draw(tables, setup.n), setup)
    results["linear_ridge"] = over_draws(tables, held_out_draw(tables, setup.n, ridge_fit), setup)
    return results, tables


def choices(tables: Tables) -> dict[str, list[str]]:
    """Four ways to choose each query's prompt from its text among the ten."""
    texts = [query.text or "" for query in tables.benchmark.queries]
    distinct, place = np.unique(texts, return_inverse=True)
    one_each = tables.query_emb[[texts.index(text) for text in distinct]]
    by_peak = choosing.by_peak(one_each, tables.held_out)
    return {
        "text": choosing.by_text(tables.query_emb, tables.prompt_emb),
        "centroid": choosing.by_centroid(tables.query_emb, tables.held_out),
        "peak": [by_peak[k] for k in place],
        "recorded": choosing.recorded(texts),
    }


def typical_gain(general: Result, prompted: Result, facets: Sequence[str]) -> list[int]:
    """One query per facet whose rank improves by the facet's median factor: chosen by rule, not by hand."""
    groups = np.array([query.group for query in general.benchmark.queries])
    gain = np.log(prompted.per_query["mrr"] / general.per_query["mrr"])
    chosen = []
    for facet in facets:
        members = np.flatnonzero(groups == facet)
        order = members[np.argsort(gain[members], kind="stable")]
        chosen.append(int(order[len(order) // 2]))
    return chosen


HUMAN = "human"


def human_prompts() -> list[str]:
    """The facets' prompts with the human-written questions."""
    return [promptable.prompt_of_facet(facet, HUMAN) for facet in FACETS]


def reworded(encoder: Any, store: Store, tables: Tables) -> Result:
    """The prompted mode under the human-written questions, which no training ever saw."""
    prompts = [promptable.facet_prompt(query, HUMAN) for query in tables.benchmark.queries]
    source = PromptTables(encoder, store, encoder.image_size).get(tables.benchmark, prompts)
    return evaluate(tables.benchmark, promptable.prompted(tables.query_emb, source, prompts))


def macro_over(result: Result, facets: Sequence[str], metric: str = "r5") -> Estimate:
    """The macro mean over some of the facets, in percent."""
    groups = np.array([query.group for query in result.benchmark.queries])
    mine = np.isin(groups, facets)
    return bootstrap(result.per_query[metric][mine], list(groups[mine]), scale=100)


def pool_results(encoder: Any, store: Store, benchmark: Benchmark) -> dict[str, Result]:
    """General and prompted on another pool of images."""
    source = PromptTables(encoder, store, encoder.image_size)
    prompts = [promptable.facet_prompt(query) for query in benchmark.queries]
    gallery, query_emb = source.get(benchmark, [GENERIC_PROMPT, *prompts]), source.texts(benchmark)
    return {
        "general": evaluate(benchmark, promptable.general(query_emb, gallery)),
        "prompted": evaluate(benchmark, promptable.prompted(query_emb, gallery, prompts)),
    }


def dev_curve(name: str) -> list[dict[str, float]]:
    """The development curve that a shipped embedder's training left, with keys "<mode>.<facet>.<metric>"."""
    points: list[dict[str, float]] = read_json(shipped_folder(name) / "dev_curve.json")
    swap = {f"{facet}.{mode}.r5": f"{mode}.{facet}.r5" for facet in FACETS for mode in ("general", "prompted")}
    return [{swap.get(key, key): value for key, value in point.items()} for point in points]


def real_benchmark(folder: str, encoder: str, store: Store, setup: ClaimSetup) -> str:
    """The general, prompted and released linear modes of a public embedder on COCO-Facet, as Markdown tables; without
    the data, a line that says where it goes.

    Raises PinpointError where the data are there and the weights are not: then somebody meant to run this.
    """
    if not Path(folder).is_dir():
        return f"Not run here: there is no folder {folder!r}. Put the eight JSON files and their images there."
    model, benchmark = load(encoder), coco_facet(Path(folder))
    tables = make_tables(model, store, benchmark, held_out=0)  # all prompts at once: the images are read once
    results = dict(pool_results(model, store, benchmark))
    results["linear"] = over_draws(tables, released_draw(tables, setup.n), setup)
    return "\n\n".join(f"{name}\n\n{result.table(['r1', 'r5'])}" for name, result in results.items())
