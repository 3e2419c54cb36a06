"""Captioned images in a folder, as CC3M comes out of a downloader: what the mappings of chapter 3 learn from.

folder/captions.tsv     one line per image: caption <TAB> path of the image below the folder (CC3M's order)
folder/...              the images
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pinpoint.datasets.folder import FolderImages
from pinpoint.errors import PinpointError

TABLE = "captions.tsv"


@dataclass(frozen=True)
class Captioned:
    """Images with one caption each: captions[i] describes ids[i]."""

    images: FolderImages
    ids: tuple[str, ...]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def captioned(root: Path | str, limit: int | None = None) -> Captioned:
    """Read the table. A line that is no pair, an empty caption, an image named twice or missing is an error that names
    the line: a sample is never dropped silently. `limit`: the first lines only."""
    table = Path(root) / TABLE
    if not table.is_file():
        raise PinpointError(f"there is no {table}; write one line per image: caption, a tab, the image's path")
    images = FolderImages(Path(root))
    try:
        lines = table.read_text("utf-8").splitlines()[:limit]
    except UnicodeDecodeError as error:
        raise PinpointError(f"{table} is no UTF-8 text ({error}); write it anew") from None
    rows = [_pair(line, n, table) for n, line in enumerate(lines, start=1)]
    if not rows:
        raise PinpointError(f"{table} is empty; write one line per image")
    known, seen = frozenset(images.ids), set()
    for n, (_, image) in enumerate(rows, start=1):
        if image not in known:
            raise PinpointError(
                f"{table}, line {n}: there is no image {image!r} in {root}; remove the line or fetch it"
            )
        if image in seen:
            raise PinpointError(f"{table}, line {n}: {image!r} has a caption already; remove one of the lines")
        seen.add(image)
    captions, ids = zip(*rows, strict=True)
    return Captioned(images, tuple(ids), tuple(captions))


def _pair(line: str, n: int, table: Path) -> tuple[str, str]:
    caption, tab, image = line.partition("\t")
    if not tab or not caption.strip() or not image.strip() or "\t" in image:
        raise PinpointError(f"{table}, line {n}: {line[:60]!r} is not a caption, one tab, and a path; mend the line")
    return caption.strip(), PurePosixPath(image.strip()).as_posix()
