"""The recipe of `diorama-rerank`: stage 1 and stage 2 as the development split chose them, for the page to load."""

import shlex
from dataclasses import asdict
from pathlib import Path

from pinpoint.encoders import shipped_folder
from pinpoint.errors import unknown
from pinpoint.files import canonical_json
from pinpoint.recipes.card import LICENCE, write_page
from pinpoint.recipes.rerank_ground import ENCODER, PROFILES, Ground, dev_settings, prepare
from pinpoint.rerank_choices import FILTER_RATE, HARD_RATE, NEGATIVES, K
from pinpoint.rerank_files import NAME, write_rerank
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_study import stage_1, stage_2, two_stage
from pinpoint.study.layout import find_layout


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train both stages and write weights and card to `out`. What was trained before is read from its checkpoint."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings = dev_settings(PROFILES[profile])
    work = find_layout().cache / "training" / f"{NAME}-{profile}"
    out = out or (work / "model" if profile == "smoke" else shipped_folder(NAME))
    ground = prepare(settings, "dev")
    budget, data = (settings.first, FILTER_RATE), ground.data
    stage1, first = ground.stage1(*budget)
    reranker, draws, second = ground.stage2(budget, NEGATIVES, settings.second, HARD_RATE)
    stated = {"settings": asdict(settings), "negatives": asdict(NEGATIVES), "rates": [FILTER_RATE, HARD_RATE]}
    sha256 = write_rerank(out, ground.reader, stage1, reranker, stated)
    size = {name: (out / f"{name}.safetensors").stat().st_size / 1e6 for name in sha256}
    rows = {
        "model": f"a filter ({size['stage1']:.1f} MB) and a re-ranker with a dual encoder ({size['stage2']:.1f} MB), "
                 f"in half precision, each a copy of the text encoder of `{ENCODER}`",
        "weights": "; ".join(f"{name} SHA-256 `{digest}`" for name, digest in sha256.items()),
        "data": f"{settings.triplets:,} composed queries of the training split, every kind of edit, over "
                f"{len(data.seen):,} pictures",
        "recipe": f"the tower at rest; `{canonical_json(stated)}`",
        "development split": _measured(ground, stage1, reranker),
        "hard negatives that were right answers": f"{draws.false_negative_share:.1f} %",
        "seeds": f"1 (seed {settings.first.seed})",
        "device": f"{first.device}, {first.seconds / 60:.0f} and {second.seconds / 60:.0f} minutes",
        "command": f"`{shlex.join(['pinpoint', 'train', NAME, '--profile', profile])}`", "licence": LICENCE,
    }  # fmt: skip
    write_page(out, NAME, rows, second)
    return out


def _measured(ground: Ground, stage1: Filter, reranker: Reranker) -> str:
    """Both stages on the development split, in words."""
    asked = ground.asked
    two = two_stage(asked.benchmark, stage_1(stage1, asked), stage_2(stage1, reranker, asked), K)
    both = {"stage 1": two.before, f"stage 2 at K = {K}": two.after(K)}
    return "; ".join(f"{n}: R@1 {r.macro('r1')}, mAP@5 {r.macro('map5')}" for n, r in both.items())
