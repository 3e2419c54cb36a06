"""Chapter 5 on FashionIQ: the same functions on a full-size BLIP-2."""

from pathlib import Path
from typing import Any

from pinpoint.benchmark import Benchmark
from pinpoint.datasets.fashion_iq import CATEGORIES, fashion_iq, fashion_iq_mean
from pinpoint.datasets.named_images import require_images
from pinpoint.distinctive_data import TripletSet, triplet_set
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, WARM_RATE, Budget
from pinpoint.distinctive_study import Asked, ask, seen_of
from pinpoint.distinctive_training import train, warmed
from pinpoint.encoders.blip_checkpoint import absent, absent_folder
from pinpoint.encoders.qformer import load_qformer
from pinpoint.evaluate import evaluate
from pinpoint.store import Store


def real_benchmark(
    folder: Path, encoder: Path | str, budget: Budget, warm: Budget, store: Path, captions: str = "C1 and c2",
    resize_mode: str = "target_pad",
) -> str:  # fmt: skip
    """Every objective on FashionIQ's validation split, both galleries, as Markdown; or a line that says what is absent.

    `encoder` is a folder or a name of the registry; `resize_mode` the policy for the images, by default the published.
    One model for the three categories; its corpus is all training images, where QuRe takes the targets of the query's
    own category. What the tower sees of them is kept in memory: 24 GB for ViT-L at 224 pixels.
    """
    if not folder.is_dir():
        return absent_folder(folder, "FashionIQ's captions, image_splits and images")
    if missing := absent(encoder, "a BLIP-2 for image-text retrieval as `save_pretrained` writes it"):
        return missing
    model: Any = load_qformer(encoder, resize_mode=resize_mode)
    data = training_set(model, fashion_iq(folder, "train", captions=captions), Store(store))
    asked = [question(model, fashion_iq(folder, "val", protocol=p, captions=captions), Store(store))
             for p in ("original", "VAL")]  # fmt: skip
    start = warmed(model.model, data, warm, WARM_RATE)
    head = ["objective", *(f"{c}, R@10 / R@50" for c in CATEGORIES), "mean", "mean, VAL gallery"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, objective in OBJECTIVES.items():
        trained, _, _ = train(start, data, objective, budget, RATES[name])
        first, second = (evaluate(a.benchmark, a.retriever(trained, name)) for a in asked)
        cells = [
            " / ".join(f"{first.metric(m, c).value:.1f}" for m in ("r10", "r50")) if c in first.groups else "-"
            for c in CATEGORIES
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {fashion_iq_mean(first)} | {fashion_iq_mean(second)} |")
    return "\n".join(lines)


def training_set(encoder: Any, benchmark: Benchmark, store: Store) -> TripletSet:
    """FashionIQ's training queries. Of other right answers nothing is known: only the annotated one is valid."""
    require_images(benchmark)
    return triplet_set(encoder, benchmark, seen_of(encoder, store, benchmark.gallery.images, benchmark.gallery.ids))


def question(encoder: Any, benchmark: Benchmark, store: Store) -> Asked:
    """A split to be asked; its references lie in its gallery."""
    require_images(benchmark)
    return ask(encoder, benchmark, seen_of(encoder, store, benchmark.gallery.images, benchmark.gallery.ids))
