"""All of chapter 7's measurements on real data, one after the other: facets, two stages, styles, CLIP vectors.

Each part is a recipe of its own and says what it wants; `pinpoint train photos-facets` runs one alone. What is absent
stops the run before anything is trained.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pinpoint.data_fetch import data_folder
from pinpoint.errors import PinpointError, unknown
from pinpoint.product_encoder import Features
from pinpoint.recipes import photos_facets, photos_rerank, photos_styles, photos_vectors
from pinpoint.recipes.photos_ground import NETWORK
from pinpoint.recipes.photos_ground import PROFILES as KNOWN
from pinpoint.study.layout import find_layout

NAME = "photos-study"
WANTED = (("fashion-products",), photos_styles.FOLDERS, (photos_vectors.FOLDER,))
TRAINED: Mapping[str, Callable[..., Path]] = {"facets": photos_facets.make, "rerank": photos_rerank.make}


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Run the quick parts first, then those that train; each records its own numbers. `out` holds what trains."""
    if profile not in KNOWN:
        raise unknown("training profile", profile, list(KNOWN))
    missing = absent(features is None)
    if missing:
        raise PinpointError(
            f"not in {data_folder()}: {', '.join(missing)}; put them there, set PINPOINT_DATA to the folder that holds "
            "them, or run one part: photos-facets, photos-rerank, photos-styles, photos-vectors"
        )
    photos_vectors.make(profile=profile)
    photos_styles.make(profile=profile, features=features)
    for name, run in TRAINED.items():
        run(out=out / name if out else None, resume=resume, profile=profile, features=features)
    return out or find_layout().cache / "training"


def absent(network: bool = True) -> list[str]:
    """What the data folder lacks; of folders with two names, the first."""
    folder = data_folder()
    found = [names[0] for names in WANTED if not any((folder / name).is_dir() for name in names)]
    return found + [f"models/{NETWORK}"] * (network and not (folder / "models" / NETWORK).is_file())
