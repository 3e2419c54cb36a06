"""The map of chapter 4: UMAP coordinates of three models, kept in the book, and the page that shows them."""

from pathlib import Path
from typing import Any

import numpy as np

from pinpoint.errors import unknown
from pinpoint.recipes.style_ground import PROFILES, prepare
from pinpoint.study.layout import find_layout
from pinpoint.style_chapter import features_of
from pinpoint.style_figures import KIND_LABELS, STYLE_COLOURS
from pinpoint.style_heads import load_head
from pinpoint.style_map import StyleMap, layout, write_page
from pinpoint.style_models import build
from pinpoint.style_space import PICTURES
from pinpoint.style_study import Choices, train

NAME = "style-map"
MODELS = {"clip": "frozen CLIP", "vpt_deep": "VPT deep", "freestyle": "FreestyleRet"}
TITLE = "The same scenes in four styles"
SHOWN = {"smoke": 6, "lite": 150, "full": 400}  # scenes


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train FreestyleRet as the page does, lay out the three models' embeddings, and write coordinates and page.

    They go to book/assets and book/extra; a smoke run writes to the cache.
    """
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    settings, paths = PROFILES[profile], find_layout()
    book = out or (paths.cache / "training" / f"{NAME}-smoke" if profile == "smoke" else paths.root / "book")
    ground = prepare(settings, "test")
    models: dict[str, Any] = {"clip": build("clip", ground.backbone)}
    if profile != "smoke":
        models["vpt_deep"] = load_head("vpt_deep", ground.backbone, ground.encoder)
    models["freestyle"] = train("freestyle", ground.backbone, ground.data, settings.budget, Choices())[0]
    benchmark = ground.asked.benchmark
    asked = [query for query in benchmark.queries if query.group == "text"][: SHOWN[profile]]
    coordinates = {}
    for name, model in models.items():
        data = features_of(benchmark, ground.asked.vectors(model)).features[: len(asked)]
        coordinates[name] = layout(data.reshape(-1, data.shape[2]))
    load, size = benchmark.gallery.images.load, ground.encoder.image_size
    pictures = [load(q.relevant[0] + ("" if s == "natural" else f"@{s}"), size) for q in asked for s in PICTURES]
    found = StyleMap(
        coordinates, [KIND_LABELS[style] for style in PICTURES], np.tile(np.arange(len(PICTURES)), len(asked)).tolist(),
        [q.relevant[0] for q in asked for _ in PICTURES], [q.text or "" for q in asked for _ in PICTURES],
    )  # fmt: skip
    found.save(book / "assets" / "style-map.json")
    write_page(book / "extra" / "style-map.html", TITLE, found, MODELS, pictures, STYLE_COLOURS)
    return book
