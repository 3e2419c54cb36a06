"""Chapter 4 on DSR: the same functions on a full-size CLIP, with VGG-19 beside it."""

from pathlib import Path
from typing import Any

from pinpoint.benchmark import Benchmark
from pinpoint.datasets.dsr import dsr
from pinpoint.errors import PinpointError
from pinpoint.style_data import DRAWN, NATURAL, StyleSet, folder_set
from pinpoint.style_models import METHODS, open_clip_backbone, vgg19_stem
from pinpoint.style_protocols import rows_by_kind
from pinpoint.style_study import Budget, Choices, ask, mean_of, scored, train


def training_set(encoder: Any, benchmark: Benchmark) -> StyleSet:
    """A style benchmark's queries and photographs as a training set, read from the disk batch by batch."""
    rows, queries = rows_by_kind(benchmark), benchmark.queries
    missing = [kind for kind in ("text", *DRAWN) if kind not in rows]
    if missing:
        raise PinpointError(f"{benchmark.name} has no {', '.join(missing)} queries; training needs every kind")
    ids = {kind: [queries[row].image or "" for row in rows[kind]] for kind in DRAWN}
    ids[NATURAL] = [queries[row].relevant[0] for row in rows["text"]]
    texts = [queries[row].text or "" for row in rows["text"]]
    return folder_set(encoder, benchmark.gallery.images, ids, texts)


def real_benchmark(folder: Path, name: str, budget: Budget, choices: Choices = Choices(), stem: Any = None) -> str:
    """Every method on DSR's test split, whole gallery, as Markdown; without the data, a line that says where it goes.

    `stem` None: VGG-19 with torchvision's ImageNet weights.
    """
    if not folder.is_dir():
        return (
            f"Not run here: there is no folder {str(folder)!r}. It needs DSR's dataset.json and its folders images, "
            "sketch, art, mosaic and text (CC BY-NC 4.0)."
        )
    from pinpoint.encoders import load

    encoder: Any = load(name) if isinstance(name, str) else name
    backbone = open_clip_backbone(encoder, stem or vgg19_stem())
    data, asked = training_set(encoder, dsr(folder, "train")), ask(encoder, dsr(folder, "test"))
    lines = ["| method | text | sketch | art | low-res | mean |", "|---|---|---|---|---|---|"]
    for method in METHODS:
        model, _ = train(method, backbone, data, budget, choices)
        result = scored(asked, method, asked.vectors(model))
        cells = [str(result.metric("r1", kind)) for kind in ("text", *DRAWN)]
        lines.append(f"| {method} | {' | '.join(cells)} | {mean_of(result)} |")
    return "\n".join(lines)
