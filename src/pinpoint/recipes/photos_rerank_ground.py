"""What chapter 6 on photographs stands on: sizes, a pretrained BLIP over photographs, and composed queries."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pinpoint.datasets.named_images import require_images
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_photos import composed_products
from pinpoint.distinctive_study import Asked, ask, seen_of
from pinpoint.files import digest
from pinpoint.photos_blip import BlipSizes, ProductBlip
from pinpoint.product_encoder import Captions, Features, WordTokens
from pinpoint.recipes.photos_ground import read_shop, resting, store
from pinpoint.rerank_training import Budget
from pinpoint.training import Plan


@dataclass(frozen=True)
class Settings:
    """Sizes of everything.

    products: at most so many rows of the table, 0 for all; triplets, dev, test: queries; captions, batch, matched: how
    the BLIP is pretrained; first, second: budgets of the stages; k, ks: candidates; rates: what every stage may try.
    """

    products: int
    triplets: int
    dev: int
    test: int
    captions: Plan
    batch: int
    matched: int
    first: Budget
    second: Budget
    ks: tuple[int, ...]
    k: int = 50
    rates: tuple[float, ...] = (3e-4, 1e-3)
    sizes: BlipSizes = field(default_factory=BlipSizes)


PROFILES = {
    "smoke": Settings(400, 30, 20, 20, Plan(3, 1e-3, warmup=1), 6, 3, Budget(2, 6), Budget(2, 3), (3, 4), 4, (1e-3,),
                      BlipSizes(32, 1, 2, 16)),
    "lite": Settings(0, 4000, 500, 2000, Plan(1000, 1e-3, warmup=100), 128, 32, Budget(400, 64), Budget(600, 16),
                     (5, 10, 20, 50)),
    "full": Settings(0, 12_000, 1000, 4000, Plan(6000, 1e-3, warmup=300), 256, 64, Budget(3000, 128),
                     Budget(8000, 16), (5, 10, 20, 50, 100, 200), rates=(1e-4, 3e-4, 1e-3), sizes=BlipSizes(256)),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ground:
    """The pretrained BLIP, its training triplets, and the queries of two splits."""

    blip: ProductBlip
    data: TripletSet
    dev: Asked
    test: Asked
    identity: str


def prepare(
    settings: Settings, folder: Path, features: Features | None = None, resume: bool = True
) -> Ground:  # fmt: skip
    """Read the table, look at every photograph once, and pretrain the BLIP on the captions of the training split."""
    shop = read_shop(settings.products).products
    sizes = {"train": settings.triplets, "dev": settings.dev, "test": settings.test}
    asked = [composed_products(shop, split, n) for split, n in sizes.items()]
    require_images(asked[0])  # all splits have the same pictures
    captions = [product.caption for product in shop.of("train")]
    words = WordTokens([*(q.text or "" for q in asked[0].queries), *captions])
    blip = ProductBlip(resting(features), words, settings.sizes)
    seen = [seen_of(blip, store(), b.gallery.images, b.gallery.ids) for b in asked]
    used = [blip.name, blip.weights_sha256, shop.images.fingerprint, captions, words.words, asdict(settings.sizes)]
    plan = settings.captions
    plan = replace(plan, identity=digest([*used, asdict(plan), settings.batch, settings.matched]))
    batches = Captions(blip, seen[0], captions, settings.batch, plan.seed)
    blip.pretrain(batches, settings.matched, plan, folder / f"captions-{plan.identity[:12]}", resume)
    identity = digest([plan.identity, *(b.digest for b in asked)])
    data = triplet_set(blip, asked[0], seen[0])
    return Ground(blip, data, ask(blip, asked[1], seen[1]), ask(blip, asked[2], seen[2]), identity)
