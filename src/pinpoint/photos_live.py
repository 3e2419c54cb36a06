"""The one thing that chapter 7 computes on its page: the gap and the hubs of real CLIP vectors, where these lie."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pinpoint import photos_clip_images as seen
from pinpoint.errors import PinpointError
from pinpoint.photos_vectors import SPACE, read_space

WHERE = "photographs of Unsplash and COCO-Stuff's names in the space of CLIP ViT-B/16"


def live_check(study: Any, folder: Path, photographs: int = 0) -> str:
    """What the vectors in a folder give now, beside what is on record; or what is missing, and where it goes.

    photographs: the first so many, 0 for all. The names are those that are nearest to most of them.
    """
    if not (folder / SPACE).is_dir():
        return (
            f"Not here: {folder.name}/{SPACE} in the data folder, {WHERE}.\nPut them there, or set PINPOINT_DATA to "
            "the folder that holds them, and run this page again.\nThe numbers above are on record, and need none."
        )
    return "\n".join(_lines(study, folder, photographs))


def _lines(study: Any, folder: Path, photographs: int) -> Iterator[str]:
    space = read_space(folder)
    space = replace(space, images=space.images[: photographs or None])
    if len(space.images) < 2:
        raise PinpointError(f"{len(space.images)} photographs; ask for two or more")
    yield f"{len(space.images):,} {WHERE}"
    images, texts = seen.centred(space)
    times = {"as it is": seen.found_by(space.images, space.stuff.emb), "centred": seen.found_by(images, texts)}
    rows = {"distance of the means": (seen.gap(space), "gap.distance")}
    for name, prefix in (("as it is", ""), ("centred", "centred.")):
        rows[f"different photographs found, %, {name}"] = (seen.own_places(times[name]), f"{prefix}found.own")
        rows[f"names that find the commonest, {name}"] = (float(times[name].max()), f"{prefix}found.most")
    for label, (value, key) in rows.items():
        recorded = study.quote(f"photos.clip.{key}", "recorded").value
        yield f"{label:48} {value:8.2f}   on record, of all: {recorded:.2f}"
    hubs = seen.hubs(seen.nearest(space.images, space.stuff.emb), len(space.stuff))
    most = ", ".join(f"{space.stuff.names[n]} ({count})" for n, count in zip(hubs.order[:6], hubs.counts, strict=False))
    yield f"nearest names, most frequent first: {most}"
