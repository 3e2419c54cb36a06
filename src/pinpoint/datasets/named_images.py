"""The pictures that an annotation file names, whether they are there or not.

A benchmark can then be listed, counted and described from its annotations alone; a picture that is not there is an
error when it is needed, never a shorter gallery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pinpoint.benchmark import Benchmark
from pinpoint.datasets.folder import FolderImages
from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest


@dataclass(frozen=True, eq=False)
class NamedImages:
    """An `Images` for a `Gallery`: by id, each at a path below `root`. A link out of `root` counts as missing."""

    root: Path
    paths: Mapping[str, str]

    @cached_property
    def fingerprint(self) -> str:
        """A hash over every id and its file's bytes; a missing picture counts as null, so fetching it changes it."""
        missing = frozenset(self.missing())
        return digest(
            [[i, None if i in missing else file_digest(self.root / path)] for i, path in sorted(self.paths.items())]
        )

    def missing(self) -> tuple[str, ...]:
        """The ids whose file is not there now, in the order of the annotations; nothing is opened."""
        inside = self.root.resolve()
        return tuple(i for i, path in self.paths.items() if not _lies_in(inside, path))

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One picture as `FolderImages.load` reads it, uint8 RGB (H, W, 3) or (size, size, 3).

        Raises PinpointError that names the file for an image that is missing, damaged or of no known id.
        """
        if image_id not in self.paths:
            raise PinpointError(f"{image_id!r} is no picture of this dataset")
        path = self.paths[image_id]
        if not _lies_in(self.root.resolve(), path):
            raise PinpointError(f"{self.root / path} is missing; fetch it, or give the pictures' folder in images=")
        return self._folder.load(path, size)

    @cached_property
    def _folder(self) -> FolderImages:
        return FolderImages(self.root)


def missing_note(images: NamedImages) -> str:
    """How many pictures are missing now, for a benchmark's notes."""
    missing = images.missing()
    first = f", the first {images.paths[missing[0]]}" if missing else ""
    return f"{len(missing):,} of {len(images.paths):,} pictures{first}"


def require_images(benchmark: Benchmark) -> None:
    """Raise one PinpointError, before anything is encoded, if pictures of the gallery are missing."""
    images = benchmark.gallery.images
    if isinstance(images, NamedImages) and (missing := images.missing()):
        first = images.root / images.paths[missing[0]]
        raise PinpointError(
            f"{benchmark.name} {benchmark.split}: {len(missing):,} of {len(images.paths):,} pictures are missing, the "
            f"first {first}; fetch the whole set (a smaller gallery scores higher) or give its folder in images="
        )


def _lies_in(folder: Path, path: str) -> bool:
    """Whether there is such a file, and no link that leads out of the folder."""
    file = (folder / path).resolve()
    return file.is_relative_to(folder) and file.is_file()
