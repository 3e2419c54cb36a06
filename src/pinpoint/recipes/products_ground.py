"""What the recipe of chapter 5 on photographs of products stands on: sizes, the start, the queries that are asked."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from pinpoint.datasets.named_images import require_images
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import WARM_RATE, Budget
from pinpoint.distinctive_photos import Products, attribute_words, composed_products, read_products
from pinpoint.distinctive_study import Asked, ask, seen_of
from pinpoint.distinctive_training import warmed
from pinpoint.errors import PinpointError
from pinpoint.files import digest
from pinpoint.product_encoder import Captions, Features, MobileNet, ProductEncoder, Sizes, WordTokens, mentions
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.training import Plan


@dataclass(frozen=True)
class Settings:
    """Sizes of everything.

    products: at most so many rows of the table, 0 for all; triplets, dev, test: queries; captions, batch, matched: how
    the encoder is pretrained; warm: updates of InfoNCE that all objectives start from; rates: the learning rates that
    every objective may try.
    """

    products: int
    triplets: int
    dev: int
    test: int
    captions: Plan
    batch: int
    matched: int
    warm: int
    budget: Budget
    rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
    sizes: Sizes = field(default_factory=Sizes)


PROFILES = {
    "smoke": Settings(200, 40, 20, 20, Plan(6, 1e-3, warmup=1), 6, 3, 2, Budget(4, 8, refresh=1), (1e-4, 1e-3),
                      Sizes(32, 2, 2, 3, 16)),
    "lite": Settings(0, 4000, 1000, 2000, Plan(1500, 1e-3, warmup=150), 128, 32, 200, Budget(300, 32, refresh=1)),
    "full": Settings(0, 12_000, 1000, 4000, Plan(6000, 1e-3, warmup=300), 256, 64, 1000, Budget(6000, 32, refresh=3),
                     sizes=Sizes(256)),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ground:
    """The pretrained encoder, the start that all share, what they train on, what they are asked, and a digest
    of all that a run depends on."""

    encoder: ProductEncoder
    start: Composer
    data: TripletSet
    dev: Asked
    test: Asked
    identity: str


def prepare(
    root: Path, settings: Settings, folder: Path, features: Features | None = None, resume: bool = True
) -> Ground:
    """Read the table in `root`, look at every photograph once, and make in `folder` the start that all share."""
    if not (root / "fashion-products").is_dir():
        raise PinpointError(
            f"there is no {root / 'fashion-products'}; put the photographs of products there, or set PINPOINT_DATA to "
            "the folder that holds them"
        )
    products = read_products(root / "fashion-products", settings.products)
    sizes = {"train": settings.triplets, "dev": settings.dev, "test": settings.test}
    asked = [composed_products(products, split, n) for split, n in sizes.items()]
    require_images(asked[0])  # all splits have the same pictures
    features = features or MobileNet(root / "models" / "mobilenet_v2_imagenet.onnx")
    texts = [q.text or "" for q in asked[0].queries]
    words = WordTokens([*texts, *(product.caption for product in products.of("train"))])
    encoder, store = ProductEncoder(features, words, settings.sizes), Store(find_layout().cache / "embeddings")
    seen = [seen_of(encoder, store, b.gallery.images, b.gallery.ids) for b in asked]
    identity = started(encoder, products, seen[0], settings, folder, resume)
    words_of_attributes = attribute_words(products.of("train"))
    data = replace(triplet_set(encoder, asked[0], seen[0]), mentioned=mentions(texts, words_of_attributes))
    identity = digest([identity, settings.warm, *(b.digest for b in asked)])
    start = warmed(encoder.model, data, replace(settings.budget, updates=settings.warm, seed=0), WARM_RATE)
    return Ground(encoder, start, data, ask(encoder, asked[1], seen[1]), ask(encoder, asked[2], seen[2]), identity)


def started(
    encoder: ProductEncoder, products: Products, seen: torch.Tensor, settings: Settings, folder: Path, resume: bool
) -> str:
    """Pretrain the encoder on the captions of the training split; the digest of all that it depends on."""
    captions = [product.caption for product in products.of("train")]
    made_of = {
        "features": [encoder.name, encoder.weights_sha256, products.images.fingerprint], "captions": captions,
        "words": encoder.tokenize.words, "sizes": asdict(settings.sizes), "plan": asdict(settings.captions),
        "batch": [settings.batch, settings.matched],
    }  # fmt: skip
    plan = replace(settings.captions, identity=digest(made_of))
    batches = Captions(encoder, seen, captions, settings.batch, plan.seed)
    encoder.pretrain(batches, settings.matched, plan, folder / f"captions-{plan.identity[:12]}", resume)
    return plan.identity
