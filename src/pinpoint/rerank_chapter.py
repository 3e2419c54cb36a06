"""What chapter 6 measures, puts on record and shows, each from the shipped stages and one benchmark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from pinpoint.distinctive_study import Asked
from pinpoint.encoders import shipped_folder
from pinpoint.recipes.rerank_ground import Ground
from pinpoint.rerank_files import NAME, load_rerank
from pinpoint.rerank_model import Filter, Reranker, queries_of
from pinpoint.rerank_scoring import score_pairs, words_of
from pinpoint.rerank_speed import (
    VIT_B_384,
    Macs,
    candidate_macs,
    fast_macs,
    ms_per_query,
    pairs_of,
    sizes_of,
    speedup,
)
from pinpoint.rerank_study import TwoStage, competing, moved, shortlist, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives, equal_pairs
from pinpoint.result import Result
from pinpoint.retriever import similarity
from pinpoint.significance import Estimate
from pinpoint.timing import Measurement

METRICS = ("r1", "r5", "r10", "rs1")


@dataclass(frozen=True, eq=False)
class Live:
    """What the page asks: both shipped stages, and the benchmark after them at the largest K."""

    asked: Asked
    stage1: Filter
    reranker: Reranker
    two: TwoStage

    @property
    def before(self) -> Result:
        """Stage 1 alone."""
        return self.two.before


def open_live(ground: Ground, ks: Sequence[int]) -> Live:
    """Load what is shipped, and score the first max(ks) candidates of every query."""
    stage1, reranker = load_rerank(shipped_folder(NAME), ground.reader)
    asked = ground.asked
    two = two_stage(asked.benchmark, stage_1(stage1, asked), stage_2(stage1, reranker, asked), max(ks))
    return Live(asked, stage1, reranker, two)


# -- recall -----------------------------------------------------------------------------------------------------------
def record_ladder(study: Any, live: Live, ks: Sequence[int]) -> None:
    """Stage 1, stage 2 and what no order of the candidates can exceed, at every K.

    The ceiling of R@n is the share of queries with a right answer among the K (the n, if these are more); that of Rs@1
    is everything, because a group is scored whether it is among the K or not.
    """
    for k in ks:
        for name, result in (("stage1", live.before), ("stage2", live.two.after(k))):
            for metric in METRICS:
                e = result.macro(metric)
                study.record(f"rerank.{name}.k{k}.{metric}", e.value, e.low, e.high, n=e.n)
        for metric in METRICS[:3]:  # R@n, places behind the K stay as they are
            e = live.before.macro(f"r{max(k, int(metric[1:]))}")
            study.record(f"rerank.ceiling.k{k}.{metric}", e.value, e.low, e.high, n=e.n)
        study.record(f"rerank.ceiling.k{k}.rs1", 100.0, n=e.n, band=0.0)


def record_gain(study: Any, live: Live, k: int) -> None:
    """What stage 2 adds to its own stage 1, in points, paired by query; and what it puts right and wrong."""
    after = live.two.after(k)
    for metric in (*METRICS, "map5"):
        e = after.versus(live.before, metric).difference
        study.record(f"rerank.gain.k{k}.{metric}", e.value, e.low, e.high, n=e.n, unit="points")
    record_moved(study, "rerank.moved", live, k)


def record_moved(study: Any, key: str, live: Live, k: int, alpha: float = 0.0) -> None:
    """How many queries are right at the first place and were not, and the other way round."""
    for name, rows in zip(("put_right", "put_wrong"), moved(live.two, k, alpha), strict=True):
        study.record(f"{key}.{name}", len(rows), unit="count", band=max(3.0, 0.1 * len(rows)))


def kind_gains(live: Live, k: int, metric: str = "r1") -> dict[str, Estimate]:
    """The same for each kind of edit."""
    after = live.two.after(k)
    return {kind: after.versus(live.before, metric, kind).difference for kind in after.groups}


def fusion_curve(live: Live, k: int, alphas: Sequence[float], metric: str = "map5") -> dict[float, Estimate]:
    """A metric by the weight of stage 1's score."""
    return {alpha: live.two.after(k, alpha).macro(metric) for alpha in alphas}


def record_fusion(study: Any, live: Live, k: int, alpha: float) -> None:
    """Both scores together, with the weight that the development split chose, against stage 2 and stage 1 alone."""
    both = live.two.after(k, alpha)
    for metric in ("r1", "map5"):
        e = both.macro(metric)
        study.record(f"rerank.fusion.{metric}", e.value, e.low, e.high, n=e.n)
        for name, alone in (("gain", live.two.after(k)), ("gain_stage1", live.before)):
            e = both.versus(alone, metric).difference
            study.record(f"rerank.fusion.{name}.{metric}", e.value, e.low, e.high, n=e.n, unit="points")
    record_moved(study, "rerank.fusion.moved", live, k, alpha)


# -- time -------------------------------------------------------------------------------------------------------------
def some_of(asked: Asked, n: int) -> Asked:
    """The first n queries over the whole gallery."""
    benchmark = replace(asked.benchmark, queries=asked.benchmark.queries[:n])
    return Asked(benchmark, asked.seen, asked.ids[:n], asked.mask[:n])


def times(live: Live, ks: Sequence[int], queries: int, repeats: int) -> dict[int, Measurement]:
    """Milliseconds a query takes with K candidates, from text and reference to the order; 0 is stage 1 alone."""
    asked, gallery = some_of(live.asked, queries), stage_1(live.stage1, live.asked).gallery_emb
    out = {0: ms_per_query(partial(_found, live, asked, gallery, max(ks)), queries, repeats)}
    return out | {k: ms_per_query(partial(_reranked, live, asked, gallery, k), queries, repeats) for k in ks}


def _found(live: Live, asked: Asked, gallery: np.ndarray, k: int) -> torch.Tensor:
    q = queries_of(live.stage1, asked.references, asked.ids, asked.mask).q.cpu().numpy()
    return shortlist(competing(asked.benchmark, similarity(q, gallery)), k)


def _reranked(live: Live, asked: Asked, gallery: np.ndarray, k: int) -> np.ndarray:
    top = _found(live, asked, gallery, k).numpy()
    words = words_of(live.stage1, live.reranker, asked.references, asked.ids, asked.mask)
    scores = score_pairs(live.reranker.dual, words, asked.seen, pairs_of(top)).reshape(top.shape)
    order: np.ndarray = np.take_along_axis(top, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return order


def record_times(study: Any, measured: Mapping[int, Measurement]) -> None:
    """A band of four times the value: machines differ."""
    for k, m in measured.items():
        key = f"rerank.stage2.k{k}.ms_per_query" if k else "rerank.stage1.ms_per_query"
        study.record(key, m.value, n=m.repeats, unit="ms", band=4 * m.value)


def record_speedup(study: Any, live: Live, k: int, queries: int, plain: int, repeats: int) -> Measurement:
    """The quick way for some queries against the plain loop for the first few, with equal scores, in one run."""
    asked = some_of(live.asked, queries)
    words = words_of(live.stage1, live.reranker, asked.references, asked.ids, asked.mask)
    top = live.two.top[:queries, :k].numpy()
    found = speedup(live.reranker.dual, words, asked.seen, top, plain, repeats)
    study.record("rerank.speedup", found.value, found.spread[0], found.spread[2], n=repeats, unit="x",
                 band=found.value)  # fmt: skip
    return found


def record_macs(study: Any, live: Live, k: int, queries: int) -> dict[str, Macs]:
    """Multiply-adds for one candidate, in millions: of our model in both ways, for so many queries as are raced, and
    of BLIP's size as released."""
    length = round(float(live.asked.mask[:queries].sum(dim=1).float().mean()))
    top = live.two.top[:queries, :k].numpy()
    shared = top.size / len(np.unique(top))
    sizes = sizes_of(live.reranker.dual, live.asked.seen, length)
    counts = {"plain": candidate_macs(**sizes), "quick": fast_macs(**sizes, shared=shared),
              "full": candidate_macs(**VIT_B_384)}  # fmt: skip
    for name, macs in counts.items():
        for part, value in (("keys_values", macs.keys_values / 1e6), ("rest", macs.rest / 1e6)):
            study.record(f"rerank.macs.{name}.{part}", value, unit="M", band=0.05 * value)
    study.record("rerank.setting.shared", shared, unit="", band=0.5)
    return counts


def record_setting(study: Any, live: Live, trained: Mapping[str, Any]) -> None:
    """What the prose says about sizes: of the training that made what is shipped, and of the benchmark."""
    settings, benchmark = trained["settings"], live.asked.benchmark
    negatives = Negatives(**trained["negatives"])
    second = equal_pairs(Budget(**settings["second"]), negatives)
    counts = {
        "triplets": settings["triplets"], "queries": len(benchmark.queries), "gallery": len(benchmark.gallery),
        "updates_1": settings["first"]["updates"], "batch_1": settings["first"]["batch"],
        "updates_2": second.updates, "batch_2": second.batch, "negatives": negatives.count,
        "layers": len(live.reranker.dual.layers), "tokens": live.asked.seen.shape[1],
        "pairs_1": settings["first"]["updates"] * settings["first"]["batch"] ** 2,
        "pairs_2": second.updates * second.batch * (1 + negatives.count if negatives.count else second.batch),
    }  # fmt: skip
    for name, value in counts.items():
        study.record(f"rerank.setting.{name}", value, unit="count", band=0.0)
