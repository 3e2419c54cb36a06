"""What the profile `paper` needs, on a desk: a copy of the study to run in, tiny data sets in their released formats,
and small checkpoints of the real classes with random weights. A function per chapter writes them below a folder and
returns the parameters that name them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from nbformat import NotebookNode
from PIL import Image

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip, transformers and torchvision are imported)

# isort: split
import open_clip

import test_coco_facet
import test_folder
import test_rerank_real
import test_style_study
import test_zscir_data
import tiny_mllm
from hub_toy import save_blip
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.weights import write_weights
from pinpoint.study.layout import Layout, aside
from pinpoint.study.runner import run_chapters
from pinpoint.study.state import read_executed
from qformer_toy import tiny_model
from rerank_toy import tiny_blip

REPOSITORY = Path(__file__).resolve().parents[1]
SMALLEST_CLIP = "ViT-S-32-alt"  # open_clip's smallest architecture with CLIP's own tokenizer
RUN = {"threads": 1, "timeout_minutes": 10.0, "device": "cpu"}  # several chapters may run side by side

# The sizes of each tiny set: how many queries the page has to answer.
FACET_QUERIES, LASCO_QUERIES, DSR_RECORDS, FASHION_QUERIES, CIRR_QUERIES = 2, 5, 6, 3, 6
FASHION_IMAGES = 102  # of a category: chapter 6 looks at the first 100


@dataclass(frozen=True)
class Case:
    """One chapter: what it reads, and sizes of its Diorama part that are below those of the profile `smoke`."""

    write: Callable[[Path], dict[str, Any]]
    sizes: dict[str, Any] = field(default_factory=dict)


def study_copy(root: Path) -> Layout:
    """Everything that a run reads, copied, so that nothing it writes reaches the study. The package is linked."""
    layout = Layout(root)
    shutil.copytree(REPOSITORY / "notebooks", layout.notebooks)
    shutil.copytree(REPOSITORY / "results", layout.results)
    shutil.copytree(REPOSITORY / "book" / "assets", root / "book" / "assets")
    layout.source.symlink_to(REPOSITORY / "src")
    profile = layout.profiles / "paper.yml"
    profile.write_text(yaml.safe_dump({**yaml.safe_load(profile.read_text()), "run": RUN}))
    return layout


def real_folder(layout: Layout) -> Path:
    """Where a copy's data and checkpoints lie."""
    return layout.root / "real"


def section(layout: Layout, profile: str, chapter: str) -> dict[str, Any]:
    """What a profile's own file says of a chapter."""
    said: dict[str, Any] = yaml.safe_load((layout.profiles / f"{profile}.yml").read_text())[chapter]
    return said


def run_paper(layout: Layout, chapter: str) -> NotebookNode:
    """A chapter under the profile `paper`, its Diorama part as small as can be; the executed notebook."""
    case = CASES[chapter]
    overrides = {**section(layout, "smoke", chapter), **case.sizes, **case.write(real_folder(layout))}
    names = {key for key, value in section(layout, "paper", chapter).items() if isinstance(value, str)}
    assert names <= overrides.keys(), "a folder or checkpoint of the profile is not replaced"
    (outcome,) = run_chapters(layout, [chapter], "paper", overrides=overrides)
    assert outcome.status == "ran", outcome.message
    notebook = read_executed(aside(layout, "custom"), chapter)
    assert notebook is not None
    return notebook


# -- pictures and checkpoints ------------------------------------------------------------------------------------------
def patchwork(path: Path, seed: int) -> None:
    """Six patches of colour: even a network with random weights tells such pictures apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    patches = np.random.default_rng(seed).integers(0, 256, (2, 3, 3), np.uint8)
    Image.fromarray(patches).resize((60, 40), Image.Resampling.NEAREST).save(path)


def repainted(root: Path) -> str:
    """A data set's pictures as patchwork in the place of plain colours; where it lies."""
    pictures = sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".png"))
    for seed, path in enumerate(pictures):
        patchwork(path, seed)
    return str(root)


def open_clip_checkpoint(path: Path) -> str:
    """A public architecture as a local file; the name that `load` takes."""
    torch.manual_seed(0)
    model = build_model(open_clip.get_model_config(SMALLEST_CLIP), SMALLEST_CLIP)
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    says = {"model_cfg": {"quick_gelu": False}, "preprocess_cfg": {"mean": list(mean), "std": list(std)}}
    write_weights(path, model.half().state_dict(), says)  # in half precision, as OpenAI's were published
    return f"open_clip/{SMALLEST_CLIP}/{path}"


def vgg19_file(torch_home: Path) -> None:
    """VGG-19's weights where torch keeps them; all but the three layers in use are one repeated zero."""
    from torchvision.models import VGG19_Weights, vgg19

    used = ("features.0.", "features.2.", "features.5.")
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in vgg19(init_weights=False).state_dict().items()}
    state = {
        name: 0.05 * torch.randn(shape) if name.startswith(used) else torch.zeros(1).expand(shape)
        for name, shape in shapes.items()
    }
    path = torch_home / "hub" / "checkpoints" / Path(VGG19_Weights.IMAGENET1K_V1.url).name
    path.parent.mkdir(parents=True)
    torch.save(state, path)


# -- what each chapter reads -------------------------------------------------------------------------------------------
def coco_facet(root: Path) -> dict[str, Any]:
    """COCO-Facet's eight files and a folder of open_clip's class."""
    root.mkdir()
    return {
        "coco_facet": str(test_coco_facet.write_released(root / "coco-facet", FACET_QUERIES)),
        "real_encoder": str(test_folder.tiny_encoder(root / "clip")),
    }


def coco_facet_prompted(root: Path) -> dict[str, Any]:
    """The same files, and a promptable embedder of Qwen2-VL's class."""
    root.mkdir()
    return {
        "coco_facet": str(test_coco_facet.write_released(root / "coco-facet", FACET_QUERIES)),
        "real_embedder": str(tiny_mllm.save(root / "qwen2")),
    }


def captions_and_lasco(root: Path) -> dict[str, Any]:
    """Captioned images in CC3M's order, LaSCo's two files, and a public architecture."""
    lines = []
    for n in range(8):
        patchwork(root / "cc3m" / "images" / f"{n}.jpg", n)
        lines.append(f"a dog on the beach, number {n}\timages/{n}.jpg\n")
    (root / "cc3m" / "captions.tsv").write_text("".join(lines))
    for n in range(12):
        patchwork(root / "lasco" / "train2014" / f"COCO_{n}.jpg", 100 + n)
    for split, step in (("train", 1), ("val", 2)):
        rows = [test_zscir_data.record(n, n, n + step) for n in range(LASCO_QUERIES)]
        (root / "lasco" / f"lasco_{split}.json").write_text(json.dumps(rows))
    return {
        "captions": str(root / "cc3m"),
        "real_triplets": str(root / "lasco"),
        "real_encoder": open_clip_checkpoint(root / "clip.safetensors"),
    }


def style_folder(root: Path) -> dict[str, Any]:
    """DSR's folder and a public architecture. VGG-19 has no parameter of its own: it lies where torch keeps it."""
    vgg19_file(root / "torch")
    return {
        "dsr": repainted(test_style_study.dsr_folder(root / "dsr", DSR_RECORDS)),
        "real_encoder": open_clip_checkpoint(root / "clip.safetensors"),
    }


def fashion(root: Path) -> dict[str, Any]:
    """FashionIQ's folder and a BLIP-2."""
    root.mkdir()
    return {
        "fashion_iq": repainted(test_rerank_real.fashion_folder(root / "fashion-iq", FASHION_IMAGES)),
        "real_encoder": str(save_blip(root / "blip2", tiny_model())),
    }


def cirr_and_fashion(root: Path) -> dict[str, Any]:
    """CIRR's and FashionIQ's folders and a BLIP."""
    root.mkdir()
    return {
        "cirr": repainted(test_rerank_real.cirr_folder(root / "cirr")),
        "fashion_iq": repainted(test_rerank_real.fashion_folder(root / "fashion-iq", FASHION_IMAGES)),
        "real_encoder": str(save_blip(root / "blip", tiny_blip())),
        "updates": [2, 2],
        "fashion_updates": [2, 2],
        "batches": [4, 4],
    }


CASES = {
    "01-attribute-failures": Case(coco_facet, {
        "gallery_size": 200, "facet_queries_per_facet": 2, "area_queries": 2, "probe_train": 100, "probe_test": 50,
    }),
    "02-promptable-embeddings": Case(coco_facet_prompted, {
        "gallery_size": 200, "facet_queries_per_facet": 2, "held_out": 30, "sample": 10, "draws": 1,
        "curve_sizes": [10], "curve_queries": 1, "pool_gallery": 120, "pool_queries": 1, "cost_sizes": [200, 300],
        "cost_images": 1, "worst": ["weather"],
    }),
    "03-zero-shot-composed": Case(captions_and_lasco, {
        "bank": 32, "triplets": 9, "queries": 9, "gallery_size": 80, "updates": 1, "batch": 4, "read_words": 1,
        "grid_kinds": ["animal", "object", "colour", "shape", "count", "place"], "worst": ["style"],
    }),
    "04-style-diversified": Case(style_folder, {
        "scenes": 4, "gallery_size": 24, "queries": 24, "updates": 1, "batch": 2, "fitted": 2, "spaces": ["clip"],
        "worst": ["sketch"],
    }),
    "05-distinctive-queries": Case(fashion, {
        "triplets": 8, "queries": 8, "gallery_size": 60, "references": 2, "warm": 1, "updates": 2, "batch": 4,
    }),
    "06-two-stage-reranking": Case(cirr_and_fashion),
}  # fmt: skip
