"""Chapter 4's problem on real pictures: one class across photograph, painting, cartoon and sketch, where the data lie.

Wanted: `data/pacs/<style>/<class>/…` (PACS, Li et al. 2017; `pacs-half` does as well) and
`data/models/mobilenet_v2_imagenet.onnx`. PINPOINT_DATA names another folder than `data`. What Gram statistics say of
the same pictures is `style-photos`. No picture is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pinpoint.data_fetch import data_folder
from pinpoint.datasets.folder import FolderImages
from pinpoint.distinctive_study import seen_of
from pinpoint.errors import PinpointError, unknown
from pinpoint.files import digest
from pinpoint.photos_styles import Styled, across, chance, from_labels, majority, without_style
from pinpoint.product_encoder import Features
from pinpoint.recipes.photos_ground import Looker, resting, store
from pinpoint.significance import Estimate, bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME, PREFIX = "photos-styles", "photos.style"
FOLDERS, PHOTO = ("pacs", "pacs-half"), "photo"
Pair = tuple[str, str]
Values = Mapping[Pair, Mapping[str, np.ndarray]]
PROFILES = {"smoke": 10, "lite": 1, "full": 1}  # every tenth picture, or all


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Look at every picture once, measure, record; a smoke run records nothing. Returns the folder of the ledger."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    root = next((data_folder() / name for name in FOLDERS if (data_folder() / name).is_dir()), None)
    if root is None:
        raise PinpointError(
            f"there is no {data_folder() / FOLDERS[0]}; put PACS there, or set PINPOINT_DATA to the folder that has it"
        )
    images, looker, layout = FolderImages(root), Looker(resting(features)), find_layout()
    ids = images.ids[:: PROFILES[profile]]
    seen = seen_of(looker, store(), images, ids)[:, 0].float().numpy()
    data = from_labels(seen, [images.label(i) for i in ids])
    found = dict(measured(data, device_name(looker.device)))
    if profile != "smoke":
        merge(layout.results / "recorded.json", NAME, found, digest([images.fingerprint, looker.weights_sha256])[:12])
    return layout.results


def measured(data: Styled, device: str) -> Iterator[tuple[str, Entry]]:
    """Every pair of styles, as the features are and without their style; what neighbours share; the gains."""
    pairs = [(a, b) for a in data.names for b in data.names]
    spaces = {"": data, "centred.": without_style(data)}
    values = {prefix: {pair: across(some, *pair) for pair in pairs} for prefix, some in spaces.items()}
    estimates = {**_pairs(values), **_means(values, data.names)}
    for prefix, some in spaces.items():
        for of in ("style", "class"):
            estimates[f"{prefix}neighbours_{of}"] = bootstrap(majority(some, of), scale=100)
    for name, e in estimates.items():
        at, unit = f"{PREFIX}.{name}", "points" if name.startswith("gain.") else "%"
        band = 1.0 if unit == "points" else None
        yield at, make_entry(at, e.value, e.low, e.high, e.n, 1, unit, band, device, NAME)
    by_chance = float(np.mean([chance(data, a, b) for a, b in pairs if a != b]))
    for name, value, unit in (("chance.r1", by_chance, "%"), ("setting.pictures", len(data.styles), "count")):
        at = f"{PREFIX}.{name}"
        yield at, make_entry(at, value, None, None, None, 1, unit, None, device, NAME)


def _pairs(values: Mapping[str, Values]) -> dict[str, Estimate]:
    """Each style against each."""
    return {
        f"{prefix}{a}_{b}.{metric}": bootstrap(each, scale=100)
        for prefix, by_pair in values.items() for (a, b), found in by_pair.items() for metric, each in found.items()
    }  # fmt: skip


def _means(values: Mapping[str, Values], styles: Sequence[str]) -> dict[str, Estimate]:
    """The mean of all pairs of two styles, of all of one with itself, and what centring gains across styles."""
    parts = {"crossing": [(a, b) for a in styles for b in styles if a != b], "same": [(a, a) for a in styles]}
    out = {}
    for metric in ("r1", "map"):
        for name, pairs in parts.items():
            for prefix, by_pair in values.items():
                out[f"{prefix}{name}.{metric}"] = bootstrap(*_joined(by_pair, pairs, metric), scale=100)
        (after, groups), (before, _) = (_joined(values[p], parts["crossing"], metric) for p in ("centred.", ""))
        out[f"gain.centred.{metric}"] = paired_bootstrap(after, before, groups, scale=100).difference
    return out


def _joined(values: Values, pairs: Sequence[Pair], metric: str) -> tuple[np.ndarray, list[str]]:
    """Values of several pairs of styles, and the pair that each belongs to: their mean is that of the pairs."""
    each = [values[pair][metric] for pair in pairs]
    return np.concatenate(each), [f"{a} {b}" for (a, b), one in zip(pairs, each, strict=True) for _ in one]
