"""What chapter 7 quotes: recorded runs on real data, and beside them what the drawn world gave."""

from collections.abc import Sequence
from typing import Any

from pinpoint.photos_facets import FACETS

RECORDED = "recorded"
MODES = ("clip", "general", "prompted", "linear", "ridge")
STYLES = ("photo", "art_painting", "cartoon", "sketch")
RATES = ("0_02", "0_1", "0_3", "1")  # as keys write them
KS = (5, 10, 20, 50)
SIZES = (100, 300, 900)  # N of the linear maps
CARRIED = {  # what is claimed: the key in the drawn world with its ledger, and the key on photographs
    "2  prompted over general, R@5": ("lite", "promptable.gain.prompted.macro.r5",
                                      "photos.facet.gain.prompted_general.macro.r5"),
    "2  linear map over general, R@5": ("lite", "promptable.gain.linear.macro.r5",
                                        "photos.facet.gain.linear_general.macro.r5"),
    "5  target-relative over QuRe, mAP@5": ("recorded", "dqe.gain.trns_qure.map5", "dqe.photos.gain.trns_qure.map5"),
    "5  target-relative over InfoNCE, mAP@5": ("recorded", "dqe.gain.trns_infonce.map5",
                                               "dqe.photos.gain.trns_infonce.map5"),
    "6  stage 2 over stage 1, mAP@5": ("recorded", "rerank.sweep.gain.hard_stage1.map5",
                                       "photos.rerank.gain.stage2_stage1.map5"),
    "6  both scores over stage 1, mAP@5": ("recorded", "rerank.sweep.gain.hard_fused_stage1.map5",
                                           "photos.rerank.gain.fused_stage1.map5"),
    "6  hard negatives over the batch's, mAP@5": ("recorded", "rerank.sweep.gain.hard_in_batch.map5",
                                                  "photos.rerank.gain.stage2_in_batch.map5"),
}  # fmt: skip
Rows = dict[str, dict[str, Any]]


def carried(study: Any) -> Rows:
    """Each gain in the drawn world and on photographs."""
    return {
        claim: {"drawn": study.quote(drawn, ledger), "photographs": study.quote(photographed, RECORDED)}
        for claim, (ledger, drawn, photographed) in CARRIED.items()
    }


def facets(study: Any, modes: Sequence[str] = MODES, metric: str = "r5") -> Rows:
    """Mode -> facet, and the macro mean -> entry."""
    return {
        mode: {part: study.quote(f"photos.facet.{mode}.{part}.{metric}", RECORDED) for part in (*FACETS, "macro")}
        for mode in modes
    }


def mentioned(study: Any) -> Rows:
    """Facet -> the rate at which captions name it -> R@5."""
    swept = ("colour", "gender", "season", "usage")
    return {
        facet: {r.replace("_", "."): study.quote(f"photos.mention.{facet}.rate_{r}.r5", RECORDED) for r in RATES}
        for facet in swept
    }


def read(study: Any) -> Rows:
    """Reader -> facet -> accuracy: of a probe on the features, of one on the embedding, of the text alone; and what the
    commonest value gives."""
    readers = {"features": "features", "embedding": "clip", "clip_text": "clip_text", "commonest": "commonest"}
    return {
        name: {f: study.quote(f"photos.probe.{key}.{f}", RECORDED) for f in FACETS} for name, key in readers.items()
    }


def curve(study: Any) -> dict[str, list[Any]]:
    """Macro R@5 of the linear maps at every N; without and with prompts, which depend on no N."""
    level = {mode: [study.quote(f"photos.facet.{mode}.macro.r5", RECORDED)] * len(SIZES)
             for mode in ("general", "prompted")}  # fmt: skip
    maps = ("linear", "ridge")
    return level | {m: [study.quote(f"photos.facet.curve.{m}.n_{n}.r5", RECORDED) for n in SIZES] for m in maps}


def at_each(study: Any, metric: str = "map5") -> dict[str, list[Any]]:
    """Stage 1, which depends on no K; stage 2, and both scores together, at every K."""
    stage1 = [study.quote(f"photos.rerank.stage1.{metric}", RECORDED)] * len(KS)
    stage2 = [study.quote(f"photos.rerank.k{k}.{metric}", RECORDED) for k in KS]
    both = [study.quote(f"photos.rerank.k{k}.fused.{metric}", RECORDED) for k in KS]
    return {"stage1": stage1, "stage2": stage2, "fused": both}


def styles(study: Any, prefix: str = "", metric: str = "r1") -> list[list[Any]]:
    """Style of the query -> style of the gallery -> entry; prefix "centred." without the mean of each style."""
    return [[study.quote(f"photos.style.{prefix}{a}_{b}.{metric}", RECORDED) for b in STYLES] for a in STYLES]


def gaps(study: Any) -> Rows:
    """Cosines of CLIP's two modalities, and what centring changes about hubs: block -> label -> entry."""

    def quoted(**keys: str) -> dict[str, Any]:
        return {label.replace("_", " "): study.quote(f"photos.clip.{key}", RECORDED) for label, key in keys.items()}

    return {
        "mean cosine": quoted(two_names="gap.text_text", two_photographs="gap.image_image",
                              a_photograph_and_a_name="gap.image_text"),
        "photographs found, % of places": quoted(as_it_is="found.own", centred="centred.found.own",
                                                 by_chance="found.chance"),
        "names that find the commonest photograph": quoted(as_it_is="found.most", centred="centred.found.most"),
    }  # fmt: skip
