"""Style clusters on real photographs, paintings, cartoons and sketches, where the data lie; no picture is kept.

Wanted: `data/pacs/<style>/<class>/…` (PACS, Li et al. 2017) and `data/vgg19_16x_fp32.npz`. PINPOINT_DATA names another
folder than `data`.
"""

import os
from pathlib import Path

import numpy as np

from pinpoint.datasets.folder import FolderImages
from pinpoint.errors import PinpointError
from pinpoint.significance import bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import make_entry, merge
from pinpoint.style_photos import clusters, gram_statistics, nearest_labels, small_vgg
from pinpoint.style_space import purity

NAME = "style-photos"
SEEDS = range(5)


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Measure and record; a smoke run takes every tenth picture and records nothing."""
    layout = find_layout()
    root = Path(os.environ.get("PINPOINT_DATA") or layout.root / "data")
    if not (root / "pacs").is_dir():
        raise PinpointError(
            f"there is no {root / 'pacs'}; put PACS there, or set PINPOINT_DATA to the folder that holds it"
        )
    images = FolderImages(root / "pacs")
    ids = images.ids[:: 10 if profile == "smoke" else 1]
    styles, classes = (np.unique([images.label(i).split("/")[n] for i in ids], return_inverse=True) for n in (0, 1))
    statistics = gram_statistics(small_vgg(root / "vgg19_16x_fp32.npz"), images, ids)
    found = [clusters(statistics, len(styles[0]), seed=seed) for seed in SEEDS]
    values = {
        "purity_style": [purity(c, styles[1]) for c in found],
        "purity_class": [purity(c, classes[1]) for c in found],
    }
    knn = bootstrap(nearest_labels(statistics, styles[1]), scale=100)
    entries = {}
    for name, each in values.items():  # the spread over seeds is no interval over pictures, so it has keys of its own
        for at, measured in (("", float(np.mean(each))), ("_least", min(each)), ("_most", max(each))):
            key = f"style.photos.{name}{at}"
            entries[key] = make_entry(key, measured, None, None, len(ids), len(each), "%", None, "CPU", NAME)
    for name, value in (("chance_style", styles[1]), ("chance_class", classes[1])):
        at = f"style.photos.{name}"
        largest = 100 * float(np.bincount(value).max() / len(value))
        entries[at] = make_entry(at, largest, None, None, len(ids), 1, "%", None, "CPU", NAME)
    at = "style.photos.knn_style"
    entries[at] = make_entry(at, knn.value, knn.low, knn.high, knn.n, 1, "%", None, "CPU", NAME)
    if profile != "smoke":
        merge(layout.results / "recorded.json", NAME, entries, images.fingerprint[:12])
    return layout.results
