"""The experiments on the linear approximation: draws, sample sizes, fits, and a prompt that was never encoded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pinpoint import promptable
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.evaluate import Result, evaluate
from pinpoint.linear import LinearMap, draws, released_fit, ridge_fit, sample, unit
from pinpoint.linear_prediction import TEMPERATURES, predicted_map, temperature_errors
from pinpoint.metrics import hit_at_k, macro, rank
from pinpoint.promptable_setup import ClaimSetup, Tables
from pinpoint.retriever import similarity

Draw = Callable[[np.random.Generator], Mapping[str, LinearMap]]
Spread = tuple[float, float, float]  # mean, lowest and highest over the draws
Point = tuple[int, float, float, float]  # N, and its spread


def released_draw(tables: Tables, n: int, fit: promptable.Fit = released_fit) -> Draw:
    """Maps as the released code fits them: N images of each facet's own pools, drawn from the test gallery."""
    return lambda rng: promptable.released_maps(tables.benchmark, tables.gallery, rng, n, fit=fit)


def held_out_draw(tables: Tables, n: int, fit: promptable.Fit) -> Draw:
    """Maps fitted on N held-out pictures, the same ones for every prompt."""
    prompts = {GENERIC_PROMPT, *tables.prompts}
    mine = {prompt: table for prompt, table in tables.held_out.items() if prompt in prompts}

    def draw(rng: np.random.Generator) -> Mapping[str, LinearMap]:
        return promptable.fit_maps(mine, sample(len(mine[GENERIC_PROMPT]), n, rng), fit)

    return draw


def over_draws(tables: Tables, draw: Draw, setup: ClaimSetup, side: str = "query") -> Result:
    """The linear mode, each query's score averaged over the draws. `side`: "query" for cos(Wᵀq, u), "image" for
    cos(q, W u). The top images are those of the first draw."""
    sets = [draw(rng) for rng in draws(setup.seed, setup.draws)]
    first = linear_result(tables, sets[0], side)
    values = [pool_hits(tables, maps, side) for maps in sets]
    return replace(first, per_query={name: np.mean([v[name] for v in values], axis=0) for name in values[0]})


def linear_result(tables: Tables, maps: Mapping[str, LinearMap], side: str = "query") -> Result:
    """One set of maps, scored."""
    mode = promptable.linear if side == "query" else promptable.linear_gallery
    return evaluate(tables.benchmark, mode(tables.query_emb, tables.general, maps, tables.prompts))


def pool_hits(tables: Tables, maps: Mapping[str, LinearMap], side: str = "query") -> dict[str, np.ndarray]:
    """r1 and r5 per query, (Q,), as `linear_result` has them (tested), without the rest of what `evaluate` does.

    A curve over N needs hundreds of such scorings.
    """
    prompts = np.array(tables.prompts, dtype=object)
    hits = {name: np.empty(len(prompts)) for name in ("r1", "r5")}
    for prompt in dict.fromkeys(prompts):
        rows = np.flatnonzero(prompts == prompt)
        query_emb, images = unit(tables.query_emb[rows]), tables.general
        if side == "query":
            query_emb = maps[prompt].query(query_emb)
        else:
            images = maps[prompt].image(images.astype(np.float64))
        scores = np.take_along_axis(similarity(query_emb, images), tables.pool_columns[rows], axis=1)  # (q, 100)
        right = np.zeros(scores.shape, bool)
        right[:, 0] = True  # COCO-Facet lists the positive first
        ranks = rank(scores, right)
        hits["r1"][rows], hits["r5"][rows] = hit_at_k(ranks, 1), hit_at_k(ranks, 5)
    return hits


def spread(tables: Tables, draw: Draw, setup: ClaimSetup, side: str = "query") -> Spread:
    """Macro R@5 in percent over the draws: mean, lowest, highest."""
    groups = [query.group for query in tables.benchmark.queries]
    scores = [100 * macro(pool_hits(tables, draw(rng), side)["r5"], groups) for rng in draws(setup.seed, setup.draws)]
    return float(np.mean(scores)), float(np.min(scores)), float(np.max(scores))


def recall_over_n(
    tables: Tables, sizes: Sequence[int], draw_of: Callable[[int], Draw], setup: ClaimSetup, side: str = "query"
) -> list[Point]:
    """Macro R@5 over the draws for every N."""
    return [(n, *spread(tables, draw_of(n), setup, side)) for n in sizes]


def curves(tables: Tables, sizes: Sequence[int], setup: ClaimSetup) -> dict[str, list[Point]]:
    """The released procedure over N, and ours: other pictures, a ridge, a true cosine."""
    fitting = [n for n in sizes if n <= len(tables.held_out[GENERIC_PROMPT])]

    def held_out(fit: promptable.Fit, side: str = "query") -> list[Point]:
        return recall_over_n(tables, fitting, lambda n: held_out_draw(tables, n, fit), setup, side)

    return {
        "linear": recall_over_n(tables, sizes, lambda n: released_draw(tables, n), setup),
        "pinv_held_out": held_out(released_fit),
        "linear_ridge": held_out(ridge_fit),
        "linear_gallery": held_out(ridge_fit, "image"),
    }


def subset(tables: Tables, per_facet: int) -> Tables:
    """The same tables with the first `per_facet` queries of every facet."""
    groups = np.array([query.group for query in tables.benchmark.queries])
    kept = np.sort(np.concatenate([np.flatnonzero(groups == group)[:per_facet] for group in dict.fromkeys(groups)]))
    queries = tuple(tables.benchmark.queries[i] for i in kept)
    return replace(tables, benchmark=replace(tables.benchmark, queries=queries), query_emb=tables.query_emb[kept])


# -- a prompt that no image was encoded with --------------------------------------------------------------------------
def predicted_result(tables: Tables) -> tuple[Result, dict[str, float]]:
    """Every facet's map predicted from the other prompts' maps and the prompt's text; and the chosen temperatures.

    Maps of known prompts are ridge maps on all held-out pictures. The temperature of a facet is chosen by leaving one
    of the *other* prompts out, so that the facet's own images are never looked at.
    """
    general = tables.held_out[GENERIC_PROMPT]
    known = promptable.fit_maps(tables.held_out, slice(None), ridge_fit)
    maps, temperatures = {}, {}
    for facet in FACETS:
        prompt = promptable.prompt_of_facet(facet)
        others = [p for p in known if p != prompt]
        emb = np.stack([tables.prompt_emb[p] for p in others])
        fitted, targets = [known[p] for p in others], [tables.held_out[p] for p in others]
        errors = temperature_errors(emb, fitted, general, targets, TEMPERATURES)
        temperatures[facet] = TEMPERATURES[int(np.argmin(errors))]
        maps[prompt] = predicted_map(tables.prompt_emb[prompt], emb, fitted, temperatures[facet])
    return linear_result(tables, maps), temperatures


def ablation(tables: Tables, setup: ClaimSetup) -> dict[str, Spread]:
    """Macro R@5 at one N for every choice that the released code fixes: source of the sample, fit, cosine."""
    draws_of = {
        "test_pinv": released_draw(tables, setup.n),
        "test_ridge": released_draw(tables, setup.n, ridge_fit),
        "held_out_pinv": held_out_draw(tables, setup.n, released_fit),
        "held_out_ridge": held_out_draw(tables, setup.n, ridge_fit),
        "held_out_identity": held_out_draw(tables, setup.n, partial(ridge_fit, toward_identity=True)),
    }
    return {
        f"{name}.{side}": spread(tables, draw, setup, side)
        for name, draw in draws_of.items()
        for side in ("query", "image")
    }
