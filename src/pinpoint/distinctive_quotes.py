"""What chapter 5 quotes from the recorded sweeps."""

from collections.abc import Sequence
from typing import Any

from pinpoint.distinctive_objectives import OBJECTIVES


def quoted(study: Any, names: Sequence[str], metrics: Sequence[str], prefix: str = "dqe") -> dict[str, dict[str, Any]]:
    """Recorded means over seeds: objective -> metric -> entry."""
    return {n: {m: study.quote(f"{prefix}.{n}.{m}", "recorded") for m in metrics} for n in names}


def quoted_photos(study: Any, metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same of the recorded run on photographs of products, the common start first."""
    found = quoted(study, ["start", *OBJECTIVES], metrics, "dqe.photos")
    return {"warm" if name == "start" else name: values for name, values in found.items()}


VARIANTS = {
    "target-relative: the zone's quantiles": {
        "0.002 to 0.02*": "trns", "0 to 0.02": "ablation.zone_0_0_02", "0.2 to 0.8": "ablation.zone_0_2_0_8",
        "made once": "ablation.refresh_0"},
    "DQE-CIR": {
        "as here*": "dqe", "gates without margins": "ablation.gates_alone", "labels smoothed by 0.01":
        "ablation.smoothed", "with a ranking margin": "ablation.ranking"},
    "InfoNCE": {
        "as it is*": "infonce", "with a zone negative": "ablation.infonce_zone", "with attribute weights":
        "ablation.infonce_gates"},
    "four times the updates": {
        "InfoNCE": "longer.infonce", "QuRe": "longer.qure", "target-relative": "longer.trns", "DQE-CIR": "longer.dqe"},
    "without the common start": {"InfoNCE": "scratch.infonce", "QuRe": "scratch.qure"},
}  # fmt: skip


def quoted_variants(study: Any, metric: str = "map5") -> dict[str, dict[str, Any]]:
    """A metric of the recorded variants, by block."""
    return {
        title: {label: study.quote(f"dqe.{key}.{metric}", "recorded") for label, key in rows.items()}
        for title, rows in VARIANTS.items()
    }


EFFECTS = {
    "negatives that are right, %": "false_negative_share",
    "rank of right ones, % of gallery": "suppression",
    "cosine of one reference's queries": "confusion",
}


def quoted_effects(study: Any) -> dict[str, dict[str, Any]]:
    """The two effects and the share of false negatives, recorded, by objective; what training has not touched first."""
    out: dict[str, dict[str, Any]] = {}
    for title, name in EFFECTS.items():
        before = {} if name == "false_negative_share" else {"warm": study.quote(f"dqe.warm.{name}", "recorded")}
        out[title] = before | {o: study.quote(f"dqe.{o}.{name}", "recorded") for o in OBJECTIVES}
    return out
