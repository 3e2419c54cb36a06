"""A plain folder of photographs as a gallery.

Ids are paths relative to the folder, with `/` on every system, sorted. Sub-folders are labels. Files that are no
pictures by their suffix, and hidden ones, are not part of it; a picture that cannot be decoded is an error, because a
gallery that silently shrinks makes recall look better.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageFile, ImageOps

from pinpoint.benchmark import Benchmark, Gallery, Query
from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


@dataclass(frozen=True)
class FolderImages:
    """The pictures below a folder; an `Images` for a `Gallery`."""

    root: Path

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Relative posix paths, sorted. Raises PinpointError for a missing or empty folder and for a link out of it."""
        if not self.root.is_dir():
            raise PinpointError(f"{self.root} is not a folder; give the folder that holds the photographs")
        ids = tuple(sorted(path.relative_to(self.root).as_posix() for path in self._files()))
        if not ids:
            raise PinpointError(f"{self.root} holds no picture ({', '.join(sorted(SUFFIXES))})")
        return ids

    @cached_property
    def fingerprint(self) -> str:
        """A hash over every id and every file's bytes; computed once per object."""
        return digest([[image_id, file_digest(self._path(image_id))] for image_id in self.ids])

    def label(self, image_id: str) -> str:
        """The sub-folder an image lies in, such as "photo/dog"; "" at the top."""
        parent = PurePosixPath(image_id).parent.as_posix()
        return "" if parent == "." else parent

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One picture, upright, uint8 RGB (H, W, 3); transparency lies on white.

        With `size` the short side is resized to it (bicubic) and the centre cropped, (size, size, 3). Raises
        PinpointError naming the file if it is cut short, damaged or no picture.
        """
        image = _decoded(self._path(image_id))
        if size is not None:
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        return np.array(image)

    def _path(self, image_id: str) -> Path:
        if image_id not in self._known:
            raise PinpointError(f"{image_id!r} is no picture of {self.root}")
        return self.root / image_id

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.ids)

    def _files(self) -> Iterator[Path]:
        """All pictures. A link is followed to a file inside the folder; a linked folder inside it is there already."""
        inside = self.root.resolve()
        for folder, subfolders, names in os.walk(self.root, onerror=_raise):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            pictures = [n for n in names if not n.startswith(".") and Path(n).suffix.lower() in SUFFIXES]
            for path in (Path(folder, name) for name in (*subfolders, *pictures)):
                if path.is_symlink() and not path.resolve().is_relative_to(inside):
                    raise PinpointError(f"{path} links to a place outside {self.root}; copy it in or remove the link")
            yield from (Path(folder, name) for name in pictures)


def open_folder(root: Path | str) -> Gallery:
    """The gallery of all pictures below `root`; `gallery.images` is its FolderImages."""
    images = FolderImages(Path(root))
    return Gallery(images.ids, images)


def label_benchmark(root: Path | str, template: str = "a photo of a {label}.") -> Benchmark:
    """One query per sub-folder, its name as text; every picture in it is right."""
    if "{label}" not in template:
        raise PinpointError(f"the template {template!r} has no {{label}} in it, so all queries would be the same")
    images = FolderImages(Path(root))
    members: dict[str, list[str]] = {}
    for image_id in images.ids:
        members.setdefault(images.label(image_id), []).append(image_id)
    members.pop("", None)
    if not members:
        raise PinpointError(f"{root} has no sub-folders; put the pictures of each label in a folder of that name")
    queries = tuple(
        Query(label, tuple(ids), text=template.format(label=PurePosixPath(label).name.replace("_", " ")))
        for label, ids in members.items()
    )
    notes = {"template": template, "relevant": "all pictures of the sub-folder"}
    return Benchmark(Path(root).resolve().name, "1", "all", Gallery(images.ids, images), queries, notes)


def score_folder(root: Path | str, encoder: str, template: str = "a photo of a {label}.") -> str:
    """What a folder of photographs is, and how well an encoder finds its labels: two lines and a Markdown table."""
    from pinpoint.encoders import load
    from pinpoint.evaluate import evaluate
    from pinpoint.retriever import EmbeddingRetriever
    from pinpoint.store import Store
    from pinpoint.study.layout import find_layout

    if not Path(root).is_dir():
        raise PinpointError(f"there is no folder {root}; give one with a sub-folder of photographs per label")
    benchmark = label_benchmark(root, template)
    retriever = EmbeddingRetriever(load(encoder), Store(find_layout().cache / "embeddings"))
    result = evaluate(benchmark, retriever, depth=min(50, len(benchmark.gallery)))
    names = ["r1", "r5", *(name for name in ("map50",) if name in result.per_query)]
    return f"{benchmark.describe()}\nencoder {retriever.name}\n\n{result.table(names)}"


def _decoded(path: Path) -> Image.Image:
    """The whole picture, upright, as RGB."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise PinpointError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, which pads damaged files; switch it off")
    try:
        with Image.open(path) as image:
            image.getexif()  # is kept with the picture
            image.info.pop("exif", None)  # or Pillow writes it anew without the rotation, and fails at a damaged entry
            return _rgb(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PinpointError(f"{path} cannot be read as a picture ({error}); replace or remove it") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, which `convert` would clip
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _raise(error: OSError) -> None:
    raise PinpointError(f"cannot list {error.filename} ({error.strerror})") from error
