"""What chapter 5 puts on record, each from the results of its experiments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from pinpoint.distinctive_data import TripletSet
from pinpoint.distinctive_figures import answers_sheet
from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, Budget, Objective
from pinpoint.distinctive_study import Asked, confusion, suppression
from pinpoint.distinctive_training import Trace, train
from pinpoint.evaluate import evaluate
from pinpoint.recipes.distinctive_ground import Ground
from pinpoint.result import Result
from pinpoint.significance import bootstrap
from pinpoint.training import History

METRICS = ("r1", "r10", "r50", "map5", "map10")
ONE = ("t1", "t10", "t50")  # with the annotated target alone


def asked_of(model: Composer, asked: Asked, name: str) -> Result:
    """An objective's result on one benchmark."""
    return evaluate(asked.benchmark, asked.retriever(model, name))


def record_results(study: Any, results: Mapping[str, Result], prefix: str = "dqe") -> None:
    """Macro means over the kinds of edit, and each kind alone; with the annotated target alone, the mean only."""
    for name, result in results.items():
        for metric in (*METRICS, *ONE):
            e = result.macro(metric)
            study.record(f"{prefix}.{name}.{metric}", e.value, e.low, e.high, n=e.n)
            for kind in result.groups if metric in METRICS else ():
                e = result.metric(metric, kind)
                study.record(f"{prefix}.{name}.{kind}.{metric}", e.value, e.low, e.high, n=e.n)


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


def delta_moment(title: str, scores: np.ndarray, data: TripletSet, low: float, high: float) -> Moment:
    """Where all candidates and the valid ones stand, seen from the target, and where the zone lies in the mean."""
    delta = scores[np.arange(len(scores)), data.target][:, None] - scores  # (N, M)
    valid = np.concatenate([
        delta[n, sorted(rows - {int(target)})]
        for n, (rows, target) in enumerate(zip(data.valid, data.target.tolist(), strict=True)) if len(rows) > 1
    ])  # fmt: skip
    below = [np.sort(row[row >= 0]) for row in delta]
    bounds = [float(np.mean([row[min(round(q * len(row)), len(row) - 1)] for row in below])) for q in (low, high)]
    return title, delta.ravel(), valid, (bounds[0], bounds[1])


@dataclass(frozen=True, eq=False)
class Live:
    """What the page trains: models and traces by objective, the start first, and the scores of the last
    objective whenever its sets were made."""

    models: dict[str, Composer]
    traces: dict[str, Trace]
    histories: dict[str, History]
    scores: dict[int, np.ndarray]


def train_live(ground: Ground, names: Sequence[str], budget: Budget) -> Live:
    """Some objectives, each from the same start; those with sets of negatives show their scores."""
    live = Live({"warm": ground.start}, {}, {}, {})
    for name in names:
        live.scores.clear()
        live.models[name], live.traces[name], live.histories[name] = train(
            ground.start, ground.data, OBJECTIVES[name], budget, RATES[name], watch=live.scores.__setitem__
        )
    return live


def opening(asked: Asked, kind: str, size: int = 120) -> Figure:
    """The first query of a kind of edit that has two right answers nobody annotated: all of its world."""
    load = asked.benchmark.gallery.images.load
    query = next(q for q in asked.benchmark.queries if q.group == kind and len(q.relevant) > 2)
    others = [i for i in query.relevant if i != query.target]
    near = [i for i in query.members if i not in (query.target, query.image)]
    return answers_sheet(
        load(query.image or "", size), query.text or "", load(query.target or "", size),
        [load(i, size) for i in others[:4]], [load(i, size) for i in near[:4]],
    )  # fmt: skip


def record_setting(study: Any, ground: Ground, params: Any, live: Live) -> None:
    """What the prose says about sizes, and how long each training took here."""
    valid = [len(rows) for rows in ground.data.valid]
    for name in ("updates", "warm", "batch", "refresh"):
        study.record(f"dqe.setting.{name}", getattr(params, name), unit="count", band=0.0)
    for name, value in {"triplets": len(ground.data), "corpus": len(ground.data.seen)}.items():
        study.record(f"dqe.setting.{name}", value, unit="count", band=0.0)
    study.record("dqe.setting.valid", float(np.mean(valid)), unit="", band=0.0)
    for name, history in live.histories.items():
        study.record(f"dqe.seconds.{name}", history.seconds, unit="s", band=4 * history.seconds)


def gates_of(model: Composer, asked: Asked, rows: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """The texts of some queries, and how much each part of the query weighs there, (N, parts)."""
    with torch.no_grad():
        gates = model.queries(asked.references[list(rows)].float(), asked.ids[list(rows)], asked.mask[list(rows)]).gates
    if gates is None:
        return [], np.zeros((0, 1))
    out: np.ndarray = gates.cpu().numpy()
    return [asked.benchmark.queries[row].text or "" for row in rows], out


def moments(live: Live, data: TripletSet, objective: Objective) -> list[Moment]:
    """The first, a middle and the last making of the sets."""
    made = sorted(live.scores)
    chosen = dict.fromkeys((made[0], made[len(made) // 2], made[-1]))
    return [
        delta_moment(_when(n), live.scores[n], data, objective.low, objective.high)
        for n in chosen
    ]  # fmt: skip


def _when(updates: int) -> str:
    return f"after {updates} updates" if updates else "before training"


def dozen(asked: Asked, n: int) -> list[int]:
    """Rows of the first queries with different texts, the kinds of edit in turn."""
    queries, kinds = asked.benchmark.queries, asked.benchmark.groups
    by_kind = []
    for kind in kinds:
        first = {q.text: row for row, q in reversed(list(enumerate(queries))) if q.group == kind}
        by_kind.append(sorted(first.values()))
    return [rows[k] for k in range(-(-n // len(kinds))) for rows in by_kind if k < len(rows)][:n]
