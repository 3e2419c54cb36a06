"""What the recipes of chapter 7 on photographs of products stand on: sizes, photographs as they are seen, the models.

A model that several recipes need is trained once: its checkpoint is kept, under a name that says what it depends on.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import torch

from pinpoint.benchmark import Benchmark
from pinpoint.data_fetch import data_folder
from pinpoint.datasets.named_images import require_images
from pinpoint.distinctive_photos import SPLITS, read_products
from pinpoint.distinctive_study import seen_of
from pinpoint.encoders.common import pick_device
from pinpoint.errors import PinpointError, unknown
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.files import digest
from pinpoint.photos_facets import GENERAL, Catalogue, read_catalogue, wordings
from pinpoint.photos_model import PhotoClip, PhotoEncoder, Sizes
from pinpoint.photos_tasks import facet_benchmark
from pinpoint.photos_training import CaptionBatches, QuestionBatches, clip_loss, question_loss
from pinpoint.product_encoder import Features, MobileNet, ProductEncoder, WordTokens
from pinpoint.recipes.photos_kinds import KINDS
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.training import History, Plan, fit

NETWORK = "mobilenet_v2_imagenet.onnx"
EVALUATIONS = 4  # points of a development curve


@dataclass(frozen=True)
class Settings:
    """Sizes of everything.

    products: at most so many rows of the table, 0 for all; per_facet, dev_per_facet: queries; pool: candidates of each;
    captions, questions: the plans; batch, asked_batch: photographs of one; asks: questions about each; fits: N of the
    linear maps, the first of them the main one; draws: samples per N.
    """

    products: int
    per_facet: int
    dev_per_facet: int
    pool: int
    captions: Plan
    questions: Plan
    batch: int
    asked_batch: int
    asks: int
    fits: tuple[int, ...]
    draws: int = 10
    sizes: Sizes = field(default_factory=Sizes)


PROFILES = {
    "smoke": Settings(200, 8, 4, 4, Plan(3, 1e-3, warmup=1), Plan(3, 1e-3, warmup=1), 8, 4, 2, (6, 8), 2,
                      Sizes(32, 1, 1, 2, 16)),
    "lite": Settings(0, 250, 60, 100, Plan(1200, 1e-3, warmup=120), Plan(1200, 1e-3, warmup=120), 128, 48, 2,
                     (100, 300, 900)),
    "full": Settings(0, 400, 60, 100, Plan(8000, 1e-3, warmup=400), Plan(8000, 1e-3, warmup=400), 512, 256, 3,
                     (100, 200, 300, 600, 900), sizes=Sizes(256, 3, 3)),
}  # fmt: skip


class Looker(ProductEncoder):
    """The resting network alone: what `seen_of` asks of an encoder, and nothing that learns."""

    def __init__(self, features: Features) -> None:
        self.name, self.weights_sha256 = features.name, features.sha256
        self.features, self.device = features, pick_device("auto")
        vision = SimpleNamespace(hidden_size=features.width)
        self.model = SimpleNamespace(config=SimpleNamespace(vision_config=vision))


def resting(features: Features | None) -> Features:
    """A network that is given, else the real MobileNetV2 from the data folder."""
    return features or MobileNet(data_folder() / "models" / NETWORK)


def store() -> Store:
    """Where what the network has seen is kept."""
    return Store(find_layout().cache / "embeddings")


def read_shop(products: int = 0) -> Catalogue:
    """The products of the data folder. Raises PinpointError that says where they go."""
    folder = data_folder() / "fashion-products"
    if not folder.is_dir():
        raise PinpointError(
            f"there is no {folder}; put the photographs of products there, or set PINPOINT_DATA to the folder that "
            "holds them"
        )
    return read_catalogue(folder, read_products(folder, products))


@dataclass(frozen=True, eq=False)
class Ground:
    """The products, what a resting network sees of them (N, n, Dv) by split, and models trained on them."""

    settings: Settings
    catalogue: Catalogue
    looker: Looker
    seen: Mapping[str, torch.Tensor]
    folder: Path
    resume: bool = True

    @cached_property
    def tokenize(self) -> WordTokens:
        """The words of training captions, queries and questions about training products."""
        return WordTokens(wordings(self.catalogue))

    @cached_property
    def test(self) -> Benchmark:
        """The facets that are reported."""
        s = self.settings
        return facet_benchmark(self.catalogue, "test", s.per_facet, s.pool)

    @cached_property
    def dev(self) -> Benchmark:
        """The facets of the development curve."""
        s = self.settings
        return facet_benchmark(self.catalogue, "dev", s.dev_per_facet, s.pool)

    def identity(self, kind: str, seed: int) -> str:
        """A digest of all that a model depends on."""
        way, s = KINDS[kind], self.settings
        plan, batch = (s.questions, [s.asked_batch, s.asks]) if way.facets else (s.captions, [s.batch])
        images = self.catalogue.products.images.fingerprint
        return digest([
            self.looker.name, self.looker.weights_sha256, images, self.catalogue.digest_of("train"),
            self.tokenize.words, asdict(way), asdict(s.sizes), asdict(plan), batch, seed,
        ])  # fmt: skip

    def captions(self, kind: str, seed: int) -> CaptionBatches:
        """What a model of one kind and seed reads."""
        way, s = KINDS[kind], self.settings
        batch = s.asked_batch if way.facets else s.batch
        return CaptionBatches(self.catalogue, self.seen["train"], self.tokenize, way.mention, batch, seed)

    def trained(self, kind: str, seed: int) -> tuple[PhotoEncoder, History]:
        """A model of one kind and seed: from its checkpoint, where it has been trained before."""
        if kind not in KINDS:
            raise unknown("kind of model", kind, list(KINDS))
        way, s, name = KINDS[kind], self.settings, self.identity(kind, seed)
        model = PhotoClip(self.looker.features.width, len(self.tokenize), s.sizes, seed)
        captions = self.captions(kind, seed)
        plan = s.questions if way.facets else s.captions
        plan = replace(plan, seed=seed, identity=name, evaluate_every=max(1, plan.steps // EVALUATIONS))
        encoder = PhotoEncoder(model, self.tokenize)
        history = fit(
            model, question_loss if way.facets else clip_loss,
            QuestionBatches(captions, way.facets, s.asks, query_form=way.query_form) if way.facets else captions,
            plan, folder=self.folder / f"{kind}-{seed}-{name[:12]}", resume=self.resume, label=f"{kind}, seed {seed}",
            evaluate=lambda _: self.development(encoder, GENERAL if way.facets else None),
        )  # fmt: skip
        model.requires_grad_(False)
        return encoder, history

    def development(self, encoder: PhotoEncoder, prompt: str | None) -> dict[str, float]:
        """R@1 and R@5 of the development facets, without their questions."""
        texts = encoder.encode_texts([q.text or "" for q in self.dev.queries])
        result = evaluate(self.dev, VectorRetriever("dev", texts, encoder.encode_images(self.seen["dev"], prompt)))
        return {metric: result.macro(metric).value for metric in ("r1", "r5")}


def prepare(settings: Settings, folder: Path, features: Features | None = None, resume: bool = True) -> Ground:
    """Read the table, and look at every photograph once."""
    catalogue, kept = read_shop(settings.products), store()
    require_images(facet_benchmark(catalogue, "test", 1, settings.pool))  # all splits have the same pictures
    looker = Looker(resting(features))
    seen = {
        split: seen_of(looker, kept, catalogue.products.images, [p.id for p in catalogue.of(split)]) for split in SPLITS
    }
    return Ground(settings, catalogue, looker, seen, folder, resume)
