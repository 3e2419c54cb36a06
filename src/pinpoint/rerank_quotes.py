"""What chapter 6 quotes from its recorded sweeps."""

from collections.abc import Sequence
from typing import Any

RECORDED = "recorded"
SYSTEMS = ("stage1", "stage1_longer", "in_batch", "hard", "hard_fused")
FIRST_STAGES = ("stage1", "zscir", "dqe")  # three seeds
OTHERS = ("zscir", "dqe", "infonce", "lincir", "promptable", "slerp", "text")
VARIANTS = {
    "stage 2, trained against": {"the batch's targets": "in_batch", "hard negatives*": "hard"},
    "order by": {"stage 1*": "stage1", "stage 1, four times the updates": "stage1_longer", "stage 2": "hard",
                 "both scores": "hard_fused"},
}  # fmt: skip


def quoted_ladder(study: Any, metric: str = "r1") -> dict[str, dict[str, Any]]:
    """First stages alone, with the re-ranker behind them, and by both scores together."""
    parts = {"alone": "", "reranked": "reranked.", "fused": "fused."}
    return {
        name: {part: study.quote(f"rerank.first_stage.{name}.{middle}{metric}", RECORDED)
               for part, middle in parts.items()}
        for name in FIRST_STAGES
    }  # fmt: skip


def quoted_variants(study: Any, metric: str = "r1") -> dict[str, dict[str, Any]]:
    """A metric of the recorded variants, by block."""
    return {
        title: {label: study.quote(f"rerank.sweep.{key}.{metric}", RECORDED) for label, key in rows.items()}
        for title, rows in VARIANTS.items()
    }


def quoted_gains(
    study: Any, kinds: Sequence[str], pair: str = "hard_fused_stage1", metric: str = "r1"
) -> dict[str, Any]:
    """What one system has over the other, for each kind of edit, means of three seeds."""
    return {kind: study.quote(f"rerank.sweep.gain.{pair}.{kind}.{metric}", RECORDED) for kind in kinds}


def quoted_at(study: Any, ks: Sequence[int], metric: str = "r1") -> dict[str, list[Any]]:
    """Stage 1, stage 2, both scores together and the ceiling at every K, means of three seeds."""
    stage2, both, ceiling = (
        [study.quote(f"rerank.sweep.k{k}.{m}", RECORDED) for k in ks] for m in (metric, f"fused.{metric}", "ceiling")
    )
    return {"stage1": [study.quote(f"rerank.sweep.stage1.{metric}", RECORDED)] * len(ks), "stage2": stage2,
            "hard_fused": both, "ceiling": ceiling}  # fmt: skip


def quoted_fusion(study: Any, alphas: Sequence[float]) -> dict[float, Any]:
    """mAP@5 on the development split, by the weight of stage 1's score."""
    label = {alpha: f"{alpha:g}".replace(".", "_") for alpha in alphas}
    return {a: study.quote(f"rerank.dev.fusion.alpha_{name}.map5", RECORDED) for a, name in label.items()}


def quoted_frontier(study: Any, ks: Sequence[int], metric: str = "r1") -> dict[str, list[tuple[float, Any]]]:
    """Milliseconds per query and a metric, by method: our stages (stage 1, then every K; then every K by both scores);
    others alone, re-ranked, and by both scores."""

    def point(at: str, key: str) -> tuple[float, Any]:
        return (
            study.quote(f"rerank.first_stage.{at}.ms_per_query", RECORDED).value,
            study.quote(f"rerank.{key}.{metric}", RECORDED),
        )

    ours = [point("stage1", "sweep.stage1"), *(point(f"stage2.k{k}", f"sweep.k{k}") for k in ks)]
    both = [point(f"stage2.k{k}", f"sweep.k{k}.fused") for k in ks]
    times = {"": "", ".reranked": ".reranked", ".fused": ".reranked"}  # adding two scores takes no time
    others = {name: [point(name + ms, f"first_stage.{name}{at}") for at, ms in times.items()] for name in OTHERS}
    return {"ours": ours, "fused": both, **others}
