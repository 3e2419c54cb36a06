"""What chapter 4 puts on record, each from the results of its experiments."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import torch
from IPython.display import Markdown

from pinpoint.benchmark import Benchmark
from pinpoint.evaluate import evaluate
from pinpoint.freestyle import Freestyle, gram
from pinpoint.result import Result
from pinpoint.style_data import KINDS
from pinpoint.style_figures import KIND_LABELS, LABELS
from pinpoint.style_models import VPT
from pinpoint.style_protocols import FUSIONS, JointRetriever, released_recall, rows_by_kind
from pinpoint.style_space import PICTURES, StyledFeatures, silhouettes, style_probe, styled
from pinpoint.style_study import Asked, encode, mean_of

UNSEEN = "glass"
Vectors = tuple[np.ndarray, np.ndarray]  # queries (Q, D), gallery (G, D)


def record_methods(study: Any, results: Mapping[str, Result]) -> None:
    """R@1 and R@5 per kind of query, over the four that training saw, and unseen. "vpt" is the better VPT."""
    better = {"vpt": results[VPT]} if VPT in results else {}
    for method, result in {**results, **better}.items():
        for metric in ("r1", "r5"):
            for kind in result.groups:
                e = result.metric(metric, kind)
                name = "unseen" if kind == UNSEEN else kind
                study.record(f"style.{method}.{name}.{metric}", e.value, e.low, e.high, n=e.n)
            e = mean_of(result, metric)
            study.record(f"style.{method}.mean.{metric}", e.value, e.low, e.high, n=e.n)


def record_setting(study: Any, params: Any, models: Mapping[str, Any], history: Any) -> None:
    """What the prose says about the budget, and how many parameters each method learns beside the layer norms."""
    for name in ("updates", "batch", "refresh", "scenes", "queries"):
        study.record(f"style.setting.{name}", params[name], unit="count", band=0.0)
    for method, model in models.items():
        sizes = {name: model.get_parameter(name).numel() for name in model.trained}
        norms = sum(size for name, size in sizes.items() if name.startswith("norms."))
        if method != "clip":
            value = norms if method == "norms" else sum(sizes.values()) - norms
            study.record(f"style.setting.{method}.parameters", value, unit="count", band=0.0)
    study.record("style.seconds.freestyle", history.seconds, unit="s", band=4 * history.seconds)


def example_rows(benchmark: Benchmark, n: int, size: int = 132) -> tuple[list[list[np.ndarray]], list[str], list[str]]:
    """The first n scenes in every style, their texts, and the names of the styles."""
    load, by_kind = benchmark.gallery.images.load, rows_by_kind(benchmark)
    kinds = [kind for kind in by_kind if kind != KINDS[0]]
    pictures, texts = [], []
    for k in range(n):
        queries = [benchmark.queries[by_kind[kind][k]] for kind in kinds]
        pictures.append([load(image, size) for image in (queries[0].relevant[0], *(q.image or "" for q in queries))])
        texts.append(benchmark.queries[by_kind[KINDS[0]][k]].text or "")
    return pictures, texts, ["natural", *kinds]


def joint_benchmark(benchmark: Benchmark) -> Benchmark:
    """The pictures that are asked for, each once: what a pair of queries is scored on."""
    queries = tuple(q for q in benchmark.queries if q.group == KINDS[0])
    return replace(benchmark, name=f"{benchmark.name}-joint", queries=tuple(replace(q, group="joint") for q in queries))


def joint_results(benchmark: Benchmark, vectors: Vectors, fusion: str = "mean") -> dict[tuple[str, str], Result]:
    """Every pair of kinds, asked together."""
    rows, (query_emb, gallery) = rows_by_kind(benchmark), vectors
    pairs = joint_benchmark(benchmark)
    return {
        (a, b): evaluate(pairs, JointRetriever(f"{a}+{b}", query_emb[rows[a]], query_emb[rows[b]], gallery, fusion))
        for a, b in combinations(rows, 2)
    }


def record_joint(study: Any, method: str, result: Result, vectors: Vectors) -> dict[str, dict[tuple[str, str], Result]]:
    """R@1 of every pair under every fusion, and how many pairs beat both of their kinds alone (those of `result`).

    The mean of features is the fusion without a name in its key.
    """
    found = {fusion: joint_results(result.benchmark, vectors, fusion) for fusion in FUSIONS}
    alone = {kind: result.metric("r1", kind).value for kind in result.groups}
    for fusion, pairs in found.items():
        middle = "joint" if fusion == "mean" else f"joint.{fusion}"
        for (a, b), pair in pairs.items():
            names = "_".join("unseen" if kind == UNSEEN else kind for kind in (a, b))
            e = pair.metric("r1")
            study.record(f"style.{method}.{middle}.{names}.r1", e.value, e.low, e.high, n=e.n)
        better = sum(pair.metric("r1").value > max(alone[a], alone[b]) for (a, b), pair in pairs.items())
        study.record(f"style.{method}.{middle}.better", better, unit="count", band=3.0)
    return found


def record_released(study: Any, method: str, benchmark: Benchmark, vectors: Vectors) -> dict[str, tuple[float, float]]:
    """R@1 and "R@5" as the released evaluator counts them: batches of 24, four ranks."""
    rows, (query_emb, gallery) = rows_by_kind(benchmark), vectors
    natural = gallery[benchmark.gallery.columns([q.relevant[0] for q in benchmark.queries if q.group == KINDS[0]])]
    out = {}
    for kind in KINDS:
        r1, r5 = out[kind] = released_recall(query_emb[rows[kind]], natural)
        study.record(f"style.{method}.released.{kind}.r1", r1, n=len(rows[kind]))
        study.record(f"style.{method}.released.{kind}.r5", r5, n=len(rows[kind]))
    return out


def released_table(
    results: Mapping[str, Result], released: Mapping[str, Mapping[str, tuple[float, float]]]
) -> Markdown:
    """Both ways to count, side by side, in per cent."""
    lines = [
        "| model | query | R@1, whole gallery | R@1, batch of 24 | R@5, whole gallery | “R@5”, batch of 24 |",
        "|---" * 6 + "|",
    ]
    for method, kinds in released.items():
        for kind, (r1, r5) in kinds.items():
            whole = [results[method].metric(metric, kind).value for metric in ("r1", "r5")]
            lines.append(
                f"| {LABELS[method]} | {KIND_LABELS[kind]} | {whole[0]:.1f} | {r1:.1f} | {whole[1]:.1f} | {r5:.1f} |"
            )
    return Markdown("\n".join(lines))


VARIANTS = {
    "methods": {"frozen CLIP": "sweep.clip", "layer norms alone": "sweep.norms", "pixel prompt": "sweep.pixel_prompt",
                "VPT shallow": "sweep.vpt_shallow", "VPT deep": "sweep.vpt_deep", "FreestyleRet*": "sweep.freestyle"},
    "FreestyleRet's tokens: before the first, the last block": {
        "style, Gram*": "sweep.freestyle", "learned, learned": "ablation.random_random",
        "style, learned": "ablation.style_random", "learned, Gram": "ablation.random_gram",
        "Gram, style": "ablation.gram_style"},
    "layer norms frozen": {
        "pixel prompt": "ablation.frozen_norms.pixel_prompt", "VPT shallow": "ablation.frozen_norms.vpt_shallow",
        "VPT deep": "ablation.frozen_norms.vpt_deep", "FreestyleRet*": "ablation.frozen_norms.freestyle"},
    "four times as many updates": {
        "layer norms alone": "longer.norms", "VPT deep": "longer.vpt_deep", "FreestyleRet*": "longer.freestyle"},
    "its style space and Gram path": {
        "one centre per style": "ablation.per_style", "Gram divided by places": "ablation.divided"},
    "tokens, centres (one seed)": {
        "1 token": "ablation.tokens_1", "2 tokens": "ablation.tokens_2", "8 tokens": "ablation.tokens_8",
        "1 centre": "ablation.centres_1", "2 centres": "ablation.centres_2", "8 centres": "ablation.centres_8"},
}  # fmt: skip


def quoted_variants(study: Any) -> dict[str, dict[str, Any]]:
    """Mean R@1 of the recorded variants, by block."""
    return {
        title: {label: study.quote(f"style.{key}.mean.r1", "recorded") for label, key in rows.items()}
        for title, rows in VARIANTS.items()
    }


def features_of(benchmark: Benchmark, vectors: Vectors) -> StyledFeatures:
    """The scenes that are asked for in all four styles that are pictures."""
    rows, (query_emb, gallery) = rows_by_kind(benchmark), vectors
    natural = gallery[benchmark.gallery.columns([q.relevant[0] for q in benchmark.queries if q.group == KINDS[0]])]
    return styled({kind: query_emb[rows[kind]] for kind in PICTURES[1:]}, natural)


def record_space(study: Any, name: str, data: StyledFeatures) -> None:
    """How much of the style an embedding still says, and what its points gather by."""
    probe = style_probe(data)
    study.record(f"style.{name}.style_probe", probe.value, probe.low, probe.high, n=probe.n)
    for what, value in silhouettes(data).items():
        study.record(f"style.{name}.silhouette_{what}", value, unit="", band=0.1)


def gram_features(model: Freestyle, asked: Asked) -> StyledFeatures:
    """The Gram tokens of the same pictures, as one row each."""
    benchmark = asked.benchmark

    def flat(pixels: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = model.tokens(pixels).flatten(1)
        return out

    gallery, drawn = (encode(flat, asked.preprocess, array) for array in (asked.gallery, asked.pictures))
    query_emb = np.zeros((len(benchmark.queries), gallery.shape[1]), np.float32)
    query_emb[asked.rows(drawn=True)] = drawn
    return features_of(benchmark, (query_emb, gallery))


def style_weights(model: Freestyle, asked: Asked) -> dict[str, np.ndarray]:
    """Mean weights of the style space's centres (K,) per kind of picture, the natural ones first."""

    def mean(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [
                model.space.weights(model.tokens(asked.preprocess(pictures[k : k + 64])))
                for k in range(0, len(pictures), 64)
            ]
        out: np.ndarray = torch.cat(parts).mean(dim=0).cpu().numpy()
        return out

    kinds = np.array([query.group for query in asked.benchmark.queries if query.image is not None])
    return {
        "natural": mean(asked.gallery[:200]),
        **{kind: mean(asked.pictures[kinds == kind][:200]) for kind in dict.fromkeys(kinds)},
    }


def gram_examples(
    asked: Asked, shallow: torch.nn.Module, n: int, size: int = 120
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """The first n scenes in the styles that are pictures, and their Gram matrices (C, C) of a stem's features; channels
    in the order of how strongly they fire, without those that never do."""
    pictures, _, kinds = example_rows(asked.benchmark, n, asked.gallery.shape[1])
    shown = [[row[kinds.index(style)] for style in PICTURES] for row in pictures]
    with torch.no_grad():
        g = [[gram(shallow(asked.preprocess(x[None])).flatten(2))[0].cpu().numpy() for x in row] for row in shown]
    fires = np.mean([matrix.diagonal() for row in g for matrix in row], axis=0)
    order = [c for c in np.argsort(-fires) if fires[c] > 1e-3 * fires.max()]
    large = [[row[kinds.index(style)] for style in PICTURES] for row in example_rows(asked.benchmark, n, size)[0]]
    return large, [[matrix[np.ix_(order, order)] for matrix in row] for row in g]


def record_style_space(study: Any, model: Freestyle, weights: Mapping[str, np.ndarray]) -> None:
    """How uneven the mixtures are, and how the centres differ in length, which a cosine does not see."""
    for kind, w in weights.items():
        name = "unseen" if kind == UNSEEN else kind
        study.record(f"style.space.{name}.largest_weight", float(w.max()), unit="", band=0.15)
    norms = model.space.centres.norm(dim=1)
    study.record(
        "style.space.norm_ratio", float(norms.max() / norms.min()), unit="", band=float(norms.max() / norms.min())
    )
