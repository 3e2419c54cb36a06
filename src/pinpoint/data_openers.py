"""What the adapter of each data set makes of a folder: a list of readings, each a line in words and what is missing.

A row of `data_sources` finds its readings here by its name. A reading raises the adapter's PinpointError.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pinpoint.benchmark import Benchmark
from pinpoint.datasets.folder import FolderImages, label_benchmark
from pinpoint.datasets.named_images import NamedImages

Read = tuple[str, str]  # what was read; what is missing, or ""
Reading = Callable[[], Read]


def shown(benchmark: Benchmark) -> Read:
    """A benchmark in a line, and how many pictures of its gallery are missing. No picture is opened."""
    images, gallery = benchmark.gallery.images, benchmark.gallery
    line = f"{benchmark.name} {benchmark.split}: {len(benchmark.queries):,} queries, gallery of {len(gallery):,} images"
    lost = images.missing() if isinstance(images, NamedImages) else ()
    return line, missing(images, lost, benchmark.split) if isinstance(images, NamedImages) and lost else ""


def missing(images: NamedImages, lost: tuple[str, ...], split: str) -> str:
    """How many pictures are missing, and the first of them."""
    first = images.root / images.paths[lost[0]]
    return f"{len(lost):,} of {len(images.paths):,} pictures of {split} are missing, the first {first}"


def coco_facet_read(root: Path) -> list[Reading]:
    """The eight facets, with every picture that their pools name."""
    from pinpoint.datasets.coco_facet import coco_facet

    return [lambda: shown(coco_facet(root))]


def annotations_read(root: Path) -> list[Reading]:
    """COCO's four files."""
    from pinpoint.datasets.coco_annotations import read_captions, read_instances

    def instances(split: str) -> Read:
        read = read_instances(root / f"instances_{split}.json")
        return f"instances {split}: {len(read.photos):,} images, {len(read.categories)} categories", ""

    def captions(split: str) -> Read:
        read = read_captions(root / f"captions_{split}.json")
        return f"captions {split}: {len(read.photos):,} images, {sum(map(len, read.captions.values())):,} captions", ""

    return [partial(kind, split) for split in ("val2017", "train2017") for kind in (instances, captions)]


def cirr_read(root: Path) -> list[Reading]:
    """CIRR's three splits."""
    from pinpoint.datasets.cirr import SPLITS, cirr

    return [partial(lambda s: shown(cirr(root, s)), s) for s in SPLITS]


def fashion_iq_read(root: Path) -> list[Reading]:
    """FashionIQ's three splits, the original gallery, a category at a time: without pools that is far quicker."""
    from pinpoint.datasets.fashion_iq import CATEGORIES, SPLITS, fashion_iq

    def read(split: str, category: str) -> Read:
        line, lost = shown(fashion_iq(root, split, category))
        return f"{category}, {line}", lost and f"{category}: {lost}"

    return [partial(read, split, category) for split in SPLITS for category in CATEGORIES]


def circo_read(root: Path) -> list[Reading]:
    """CIRCO's two splits over one gallery."""
    from pinpoint.datasets.circo import SPLITS, circo

    return [partial(lambda s: shown(circo(root, s)), s) for s in SPLITS]


def dsr_read(root: Path) -> list[Reading]:
    """DSR's two splits, with a picture in each of its folders."""
    from pinpoint.datasets.dsr import SPLITS, dsr

    return [partial(lambda s: shown(dsr(root, s)), s) for s in SPLITS]


def captioned_read(root: Path) -> list[Reading]:
    """The table of captions."""
    from pinpoint.datasets.captioned import captioned

    return [lambda: (f"{len(captioned(root)):,} captioned images", "")]


def lasco_read(root: Path) -> list[Reading]:
    """LaSCo's two files, with every picture that they name."""
    from pinpoint.datasets.lasco import lasco_benchmark

    return [partial(lambda s: shown(lasco_benchmark(root, f"lasco_{s}.json")), s) for s in ("train", "val")]


def products_read(root: Path) -> list[Reading]:
    """The table of the products."""
    from pinpoint.distinctive_photos import read_products

    def read() -> Read:
        images = read_products(root).images
        lost = images.missing()
        return f"{len(images.paths):,} products", missing(images, lost, "the table") if lost else ""

    return [read]


def pictures_read(root: Path) -> list[Reading]:
    """A folder of pictures without a list."""
    return [lambda: (f"{len(FolderImages(root).ids):,} pictures", "")]


def labelled_read(root: Path) -> list[Reading]:
    """Pictures in one sub-folder per label."""
    return [lambda: shown(label_benchmark(root))]


OPENERS: Mapping[str, Callable[[Path], list[Reading]]] = {
    "coco-val2017": pictures_read, "coco-train2017": pictures_read, "coco-annotations": annotations_read,
    "coco-facet": coco_facet_read, "cirr": cirr_read, "fashion-iq": fashion_iq_read, "circo": circo_read,
    "dsr": dsr_read, "cc3m": captioned_read, "lasco": lasco_read, "pacs": pictures_read,
    "fashion-products": products_read, "photos": labelled_read,
}  # fmt: skip
