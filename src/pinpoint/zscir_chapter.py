"""What chapter 3 puts on record and shows, each from the results of its experiments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from IPython.display import Markdown

from pinpoint import metrics
from pinpoint.diorama.triplets import Triplet
from pinpoint.heads import Clip, words_of
from pinpoint.image_bank import ImageBank
from pinpoint.relative import relative_gain
from pinpoint.result import Result
from pinpoint.retriever import similarity
from pinpoint.significance import bootstrap
from pinpoint.splice import nearest_words
from pinpoint.zscir_study import PROJECTIONS, Asked, Heads

RECORDED = ("r1", "r5", "r10", "r50", "rs1", "rs2", "rs3", "map5", "map10", "map25", "map50", "t1", "t5", "t10")


def record_methods(
    study: Any, results: Mapping[str, Result], asked: Asked, vectors: Mapping[str, torch.Tensor]
) -> None:
    """Macro means over the kinds of edit, mAP@5 per kind, and how often the first hit is the reference itself."""
    for method, result in results.items():
        for metric in RECORDED:
            e = result.macro(metric)
            study.record(f"zscir.{method}.{metric}", e.value, e.low, e.high, n=e.n)
        for kind in result.groups:
            e = result.metric("map5", kind)
            study.record(f"zscir.{method}.{kind}.map5", e.value, e.low, e.high, n=e.n)
        e = bootstrap(reference_first(asked, vectors[method]), result_groups(result), scale=100)
        study.record(f"zscir.{method}.ref_first", e.value, e.low, e.high, n=e.n)


def reference_first(asked: Asked, query_emb: torch.Tensor) -> np.ndarray:
    """For each query, 1 where the reference itself would be the first hit if it stayed in the gallery, (Q,)."""
    scores = similarity(query_emb.numpy(), asked.gallery.numpy())
    column = asked.benchmark.gallery.columns([query.image or "" for query in asked.benchmark.queries])
    return metrics.first_is(scores, column, np.ones_like(scores, dtype=bool))


def record_gains(study: Any, results: Mapping[str, Result]) -> str:
    """The claim: by how many percent two stages exceed the best projection, and the best method that trains nothing.

    Returns the name of the best projection by mAP@5.
    """
    best = ""
    for metric in ("r1", "map5"):
        for name, others in (("projection", PROJECTIONS), ("untrained", ("image_only", "text_only", "sum", "slerp"))):
            best = max(others, key=lambda method: results[method].macro(metric).value)
            a, b = (results[method].per_query[metric] for method in ("two_stage", best))
            e = relative_gain(a, b, result_groups(results[best]))
            study.record(f"zscir.gain.{name}.{metric}", e.value, e.low, e.high, n=e.n)
            if name == "projection":
                winner = best
    return winner


def result_groups(result: Result) -> list[str]:
    """The kind of edit of each query."""
    return [query.group for query in result.benchmark.queries]


def triplet_table(some: Sequence[Triplet], n: int = 9) -> Markdown:
    """The first triplets of different kinds: what is said in training, and what the benchmark would say."""
    head = ["| kind of edit | sentence of a triplet | sentence of the benchmark |", "|---|---|---|"]
    return Markdown("\n".join([*head, *(f"| {t.edit.kind} | {t.text} | {t.edit.text} |" for t in some[:n])]))


def record_setting(study: Any, params: Any, trained: Heads) -> None:
    """What the prose says about the budget: counts, and how long each head took here."""
    for name in ("updates", "batch", "bank", "triplets", "queries"):
        study.record(f"zscir.setting.{name}", params[name], unit="count", band=0.0)
    for method, history in trained.histories.items():
        study.record(f"zscir.seconds.{method}", history.seconds, unit="s", band=4 * history.seconds)


RECORDED_LEDGER = "recorded"


def quoted_amounts(study: Any, sizes: Sequence[int]) -> tuple[dict[int, Any], dict[str, Any]]:
    """mAP@5 by the number of triplets, and the levels of what uses none."""
    points = {n: study.quote(f"zscir.two_stage.triplets_{n}.map5", RECORDED_LEDGER) for n in sizes}
    return points, {m: study.quote(f"zscir.sweep.{m}.map5", RECORDED_LEDGER) for m in ("lincir", "pic2word")}


ABLATIONS = {
    "as described": "", "no injection": "no_injection", "no soft alignment": "no_soft",
    "2 pseudo-words": "k2", "4 pseudo-words": "k4", "no stage 1: random words": "random",
    "no stage 1: learned in stage 2": "joint",
}  # fmt: skip
QUALITIES = {
    "clean": "", "as the benchmark says it": "as_benchmark", "30 % wrong": "wrong30", "30 % vague": "vague30",
    "30 % wrong, 30 % vague": "wrong30_vague30",
}  # fmt: skip


def quoted_ablations(study: Any, metric: str = "map5") -> dict[str, dict[str, Any]]:
    """Variants of stage 1, each alone and with stage 2 behind it; what has no stage 1 has one number."""
    out: dict[str, dict[str, Any]] = {}
    for label, name in ABLATIONS.items():
        stages = ("two_stage",) if name in ("random", "joint") else ("stage1", "two_stage")
        middle = f"ablation.{name}." if name else ""
        out[label] = {s: study.quote(f"zscir.sweep.{middle}{s}.{metric}", RECORDED_LEDGER) for s in stages}
    return out


def quoted_qualities(study: Any, metric: str = "map5") -> dict[str, dict[str, Any]]:
    """Two stages with triplets of stated quality."""
    keys = {label: f"quality.{name}" if name else "two_stage" for label, name in QUALITIES.items()}
    return {
        label: {"two_stage": study.quote(f"zscir.sweep.{key}.{metric}", RECORDED_LEDGER)} for label, key in keys.items()
    }


def vocabulary(captions: Sequence[str]) -> list[str]:
    """Every word of some captions, for reading pseudo-words."""
    return sorted({word for text in captions for word in re.findall(r"[a-z]+", text)})


def what_words_say(
    clip: Clip, trained: Heads, references: ImageBank, rows: Sequence[int], words: Sequence[str], n: int = 5
) -> dict[str, list[list[str]]]:
    """Per method, the n nearest words to the pseudo-word of some references."""
    some = replace(references, ids=tuple(references.ids[r] for r in rows), v=references.v[list(rows)],
                   patches=references.patches[list(rows)])  # fmt: skip
    return {
        method: nearest_words(clip.side, words_of(mapping, some)[:, 0], words, n)
        for method, mapping in trained.mappings.items()
    }
