"""The sweep of the mention rate: how often must captions mention an attribute before CLIP can retrieve it?

Six small CLIPs are trained on the same pictures. They differ in their captions alone. Six attributes are swept at
once, in a Latin square: in model m, attribute j is mentioned at rate number (m + j) mod 6. So every attribute meets
every rate exactly once per seed, no model is richer in words than another, and six trainings do the work of thirty-six.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pinpoint.diorama import tasks
from pinpoint.diorama.captions import DEFAULT, Mention
from pinpoint.diorama.scene import WORLD_VERSION
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders import load
from pinpoint.errors import unknown
from pinpoint.evaluate import EmbeddingRetriever, Result, evaluate
from pinpoint.files import digest
from pinpoint.recipes.clip import ClipConfig
from pinpoint.recipes.diorama_clip import Settings, train_on_diorama
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import Plan, device_name

NAME = "mention-sweep"
TEST_GALLERY, TEST_PER_FACET = 3000, 250
RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SWEPT = {
    "times": "time", "weather": "weather", "count": "people", "gestures": "gesture", "materials": "material",
    "scenes": "place",
}  # fmt: skip
SMALL = ClipConfig(96, 16, width=128, layers=4, text_width=128, text_layers=2, text_heads=2, embed_dim=128)
SETTINGS = {
    "smoke": Settings(256, 32, Plan(4, 1e-3, warmup=2, save_every=4, evaluate_every=4), 200, 5, SMALL),
    "lite": Settings(60_000, 128, Plan(1_600, 1e-3, warmup=100, save_every=200, evaluate_every=800), 600, 20, SMALL),
    "full": Settings(
        120_000, 512, Plan(4_000, 2e-3, warmup=200, save_every=1000, evaluate_every=1000), 1500, 100, SMALL
    ),
}


def habits(model: int, rates: Sequence[float] = RATES) -> Mention:
    """The captions of model number `model` of the square."""
    mention = DEFAULT
    for j, attribute in enumerate(SWEPT.values()):
        mention = mention.with_rate(attribute, rates[(model + j) % len(rates)])
    return mention


def rate_of(model: int, facet: str, rates: Sequence[float] = RATES) -> float:
    """At which rate the captions of a model mention a facet."""
    return rates[(model + list(SWEPT).index(facet)) % len(rates)]


def key(facet: str, rate: float, metric: str) -> str:
    """The ledger key of one point: mention.weather.rate_0_02.r5."""
    return f"mention.{facet}.rate_{str(rate).replace('.', '_')}.{metric}"


def make(*, out: Path | None, resume: bool, profile: str) -> Path:
    """Train and measure the whole square, and put the curves on record in results/recorded.json.

    The lite chapter quotes them: six trainings are too long for a page that anybody should be able to run. A smoke run
    records nothing. The models stay in `out`, by default in the cache folder; with `resume`, a finished one is not
    trained again.
    """
    if profile not in SETTINGS:
        raise unknown("training profile", profile, list(SETTINGS))
    settings = SETTINGS[profile]
    layout = find_layout()
    folder = out or layout.cache / "training" / f"{NAME}-{profile}"
    entries: dict[str, Entry] = {}
    for model in range(len(RATES)):
        identity = digest([asdict(settings), _said(model, settings)])[:8]  # other captions are another model
        result, device = _one_model(model, settings, folder / f"model-{model}-{identity}", resume)
        for facet in SWEPT:
            for metric in ("r1", "r5"):
                e = result.metric(metric, facet)
                at = key(facet, rate_of(model, facet), metric)
                entries[at] = make_entry(at, e.value, e.low, e.high, e.n, 1, "%", None, device, NAME)
    if profile != "smoke":
        sealed = {"settings": asdict(settings), "rates": RATES, "swept": SWEPT, "world": WORLD_VERSION,
                  "test": tasks.facets("test", TEST_GALLERY, TEST_PER_FACET).digest}  # fmt: skip
        merge(layout.results / "recorded.json", NAME, entries, digest(sealed)[:12])
    return folder


def _said(model: int, settings: Settings) -> list[str]:
    """A few captions as model number `model` reads them: they change with the templates, the rates and the world."""
    pairs = TrainingPairs(16, 0, habits(model), size=settings.config.image_size)
    return [pairs.caption(i, 0) for i in range(len(pairs))]


def _one_model(model: int, settings: Settings, folder: Path, resume: bool) -> tuple[Result, str]:
    if not (resume and (folder / "config.json").is_file()):
        train_on_diorama(settings, folder, mention=habits(model), work=folder, resume=resume)
    encoder = load(str(folder))
    retriever = EmbeddingRetriever(encoder, Store(find_layout().cache / "embeddings"), size=settings.config.image_size)
    result = evaluate(tasks.facets("test", TEST_GALLERY, TEST_PER_FACET), retriever)
    return result, device_name(encoder.device)
