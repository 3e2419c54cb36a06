"""What a promptable embedder can do on the development split: points of the curves that say when to stop."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from pinpoint.diorama import tasks
from pinpoint.diorama.draw import render
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.scene_labels import LABEL_RATES, label_values
from pinpoint.encoders.mllm_forward import embed_texts
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.recipes.mllm import MllmConfig, embed_pictures, prefix_of
from pinpoint.recipes.mllm_language import next_token
from pinpoint.recipes.word_pieces import Pieces
from pinpoint.training import Plan, precision


class DevPrompts:
    """The facet queries on the development split, general against prompted: the curve that says when to stop."""

    def __init__(self, config: MllmConfig, plan: Plan, gallery: int, per_facet: int) -> None:
        self.config, self.plan, self.gallery, self.per_facet = config, plan, gallery, per_facet

    @cached_property
    def benchmark(self) -> Any:
        """The frozen facets benchmark, dev split."""
        return tasks.facets("dev", self.gallery, self.per_facet)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Its pictures, uint8 (G, S, S, 3), drawn once."""
        gallery = self.benchmark.gallery
        pixels: np.ndarray = gallery.images.load_batch(gallery.ids, self.config.image_size)
        return pixels

    def __call__(self, model: nn.Module, pieces: Pieces) -> Mapping[str, float]:
        """R@5 in percent per facet under the general prompt and under the facet's own, and their macro means."""
        prompts = [GENERIC_PROMPT, *(PROMPT.format(question=facet.question) for facet in FACETS.values())]
        device = next(model.parameters()).device
        with precision(device, self.plan):
            tables = embed_pictures(model, self.config, pieces, self.pixels, prompts)
            texts = [query.text for query in self.benchmark.queries]
            ids, lengths = (part.to(device) for part in pieces.padded(texts))
            query_emb = embed_texts(model, ids, lengths).cpu().numpy()
        groups = np.array([query.group for query in self.benchmark.queries])
        curve: dict[str, float] = {}
        for row, facet in enumerate(FACETS, start=1):
            for mode, table in (("general", tables[0]), ("prompted", tables[row])):
                hits = evaluate(self.benchmark, VectorRetriever(mode, query_emb, table)).per_query["r5"]
                curve[f"{facet}.{mode}.r5"] = 100 * float(np.nanmean(hits[groups == facet]))
        for mode in ("general", "prompted"):
            curve[f"{mode}.r5"] = float(np.mean([curve[f"{facet}.{mode}.r5"] for facet in FACETS]))
        return curve


class DevTalk:
    """What it says on pictures of the development split: the point at the end of the second stage."""

    def __init__(self, config: MllmConfig, pictures: int = 500) -> None:
        self.config, self.scenes = config, sample_split(pictures, "dev", seed=1)

    def __call__(self, model: nn.Module, pieces: Pieces) -> Mapping[str, float]:
        """Per label, the share in percent of the pictures that have it whose value's first word comes out right, when
        a description begins with that label."""
        device = next(model.parameters()).device
        pixels = np.stack([render(scene, "natural", self.config.image_size) for scene in self.scenes])
        prefix = prefix_of(model, self.config, pieces, torch.from_numpy(pixels).to(device))
        begun = [*pieces(GENERIC_PROMPT), pieces.end]
        curve = {}
        for label in LABEL_RATES:
            said = next_token(model, prefix, [*begun, *pieces(f"{label}:")]).tolist()
            truth = [label_values(scene).get(label) for scene in self.scenes]
            right = [word == pieces(value)[0] for word, value in zip(said, truth, strict=True) if value]
            curve[label] = 100 * float(np.mean(right))
        return curve
