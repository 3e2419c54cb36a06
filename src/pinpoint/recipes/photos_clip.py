"""The models of chapter 7: a small CLIP, and a promptable one, over what a real MobileNetV2 sees of products.

Wanted: `data/fashion-products/` (attributes.csv and images/, "Fashion Product Images") and
`data/models/mobilenet_v2_imagenet.onnx`. PINPOINT_DATA names another folder than `data`. The weights stay in the cache
folder: they are never shipped, and no picture is kept.
"""

from pathlib import Path

from pinpoint.errors import unknown
from pinpoint.files import write_json
from pinpoint.product_encoder import Features
from pinpoint.recipes.photos_ground import PROFILES, Ground, prepare
from pinpoint.recipes.photos_kinds import MAIN
from pinpoint.study.layout import find_layout

NAME = "photos-clip"
SEED = 0  # the recipe's; the study trains more


def folder_of(profile: str) -> Path:
    """Where the checkpoints of a profile lie."""
    return find_layout().cache / "training" / f"{NAME}-{profile}"


def opened(
    profile: str, out: Path | None = None, features: Features | None = None, resume: bool = True
) -> Ground:  # fmt: skip
    """The ground of a profile; its models are kept in `out`, or in the recipe's own folder."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    return prepare(PROFILES[profile], out or folder_of(profile), features, resume)


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Train one model of every kind, and write its development curve beside its checkpoint."""
    ground = opened(profile, out, features, resume)
    for kind in MAIN:
        _, history = ground.trained(kind, SEED)
        path = ground.folder / f"{kind}-{SEED}-{ground.identity(kind, SEED)[:12]}" / "history.json"
        write_json(path, {"curve": history.curve, "seconds": history.seconds, "device": history.device})
    return ground.folder
