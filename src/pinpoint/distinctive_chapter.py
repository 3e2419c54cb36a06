"""What chapter 5 puts on record, each from the results of its experiments."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_study import Asked, confusion, suppression
from pinpoint.distinctive_training import Trace, TripletSet, corpus_scores
from pinpoint.evaluate import evaluate
from pinpoint.result import Result
from pinpoint.significance import bootstrap

METRICS = ("r1", "r10", "r50", "map5", "map10")
ONE = ("t1", "t10", "t50")  # with the annotated target alone


def asked_of(model: Composer, asked: Asked, name: str) -> Result:
    """An objective's result on one benchmark."""
    return evaluate(asked.benchmark, asked.retriever(model, name))


def record_results(study: Any, results: Mapping[str, Result], prefix: str = "dqe") -> None:
    """Macro means over the kinds of edit, and each kind alone."""
    for name, result in results.items():
        for metric in (*METRICS, *ONE):
            e = result.macro(metric)
            study.record(f"{prefix}.{name}.{metric}", e.value, e.low, e.high, n=e.n)
            for kind in result.groups:
                e = result.metric(metric, kind)
                study.record(f"{prefix}.{name}.{kind}.{metric}", e.value, e.low, e.high, n=e.n)


def record_general(study: Any, results: Mapping[str, Result]) -> None:
    """Trained on edits of colour and shape, asked every kind of edit."""
    for name, result in results.items():
        for metric in ("r1", "map5"):
            e = result.macro(metric)
            study.record(f"dqe.zero_shot.{name}.{metric}", e.value, e.low, e.high, n=e.n)


def effects(model: Composer, asked: Asked, encoder: Any, said: Sequence[tuple[str, list[str]]]) -> dict[str, Any]:
    """Relevance suppression (mean normalised rank of valid, unannotated answers, in percent) and semantic confusion
    (mean cosine of one reference's queries), each with its interval."""
    pushed = suppression(asked, model)
    return {
        "suppression": pushed.macro("nrank"),
        "confusion": bootstrap(confusion(asked, model, encoder, said).astype(np.float64)),
    }


def record_effects(study: Any, found: Mapping[str, Mapping[str, Any]], traces: Mapping[str, Trace]) -> None:
    """Both effects for each objective, and the share of its negatives that were valid answers."""
    for name, values in found.items():
        e = values["suppression"]
        study.record(f"dqe.{name}.suppression", e.value, e.low, e.high, n=e.n)
        e = values["confusion"]
        study.record(f"dqe.{name}.confusion", e.value, e.low, e.high, n=e.n, unit="", band=0.1)
    for name, trace in traces.items():
        study.record(f"dqe.{name}.false_negative_share", trace.false_negative_share, n=trace.negatives, band=1.0)


Moment = tuple[str, np.ndarray, np.ndarray, tuple[float, float]]  # title, Delta (all), Delta (valid), mean bounds


def delta_moment(title: str, model: Composer, data: TripletSet, low: float, high: float) -> Moment:
    """Where all candidates and the valid ones stand, seen from the target, and where the zone lies in the mean."""
    scores = corpus_scores(model, data)
    delta = scores[np.arange(len(scores)), data.target][:, None] - scores  # (N, M)
    valid = np.concatenate([
        delta[n, sorted(rows - {int(target)})]
        for n, (rows, target) in enumerate(zip(data.valid, data.target.tolist(), strict=True)) if len(rows) > 1
    ])  # fmt: skip
    below = [np.sort(row[row >= 0]) for row in delta]
    bounds = [float(np.mean([row[min(round(q * len(row)), len(row) - 1)] for row in below])) for q in (low, high)]
    return title, delta.ravel(), valid, (bounds[0], bounds[1])


def gates_of(model: Composer, encoder: Any, asked: Asked, rows: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """The texts of some queries, and how much each part of the query weighs there, (N, parts)."""
    with torch.no_grad():
        gates = model.queries(asked.references[list(rows)].float(), asked.ids[list(rows)], asked.mask[list(rows)]).gates
    if gates is None:
        return [], np.zeros((0, 1))
    out: np.ndarray = gates.cpu().numpy()
    return [asked.benchmark.queries[row].text or "" for row in rows], out
