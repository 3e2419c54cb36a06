"""What chapter 2 puts on record and shows, each from the results of its experiments."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinpoint import choosing
from pinpoint.benchmark import Benchmark
from pinpoint.diorama.draw import render
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.diorama.questions import SEEN, UNSEEN, asked_about
from pinpoint.diorama.scene import Scene, sample_split
from pinpoint.linear import ridge_fit
from pinpoint.linear_study import Point
from pinpoint.promptable import prompt_of_facet
from pinpoint.promptable_cost import Cost, Encoding, ModeVectors, break_even, costs, encode_seconds
from pinpoint.promptable_setup import Tables
from pinpoint.promptable_study import macro_over
from pinpoint.result import Result

LONG = 384  # pixels of a picture on the page
SHOWN = ("animals", "times", "count", "gestures", "structure", "subject colour", "neighbours", "colour of", "presence")


def example_questions() -> tuple[np.ndarray, list[tuple[str, str]]]:
    """A training picture, and one question of each kind about it that arises, in a wording that fits a line."""
    scene, rng = busy(sample_split(400, "train", 0), 1)[0], random.Random(3)
    asked = {kind: asked_about(scene, kind, rng) for kind in SHOWN}
    return render(scene, "natural", LONG), [(a.question, a.answer) for a in asked.values() if a]


def busy(scenes: Sequence[Scene], n: int) -> list[Scene]:
    """The first `n` scenes where every prompt has something to look at: people, a structure, an animal, two things."""
    return [
        s for s in scenes
        if s.people > 1 and s.structure and len(s.others) > 1 and any(t.kind == "animal" for t in s.things)
    ][:n]  # fmt: skip


def where_it_looks(
    embedder: Any, benchmark: Benchmark, n: int, facets: Sequence[str]
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """`n` pictures of a benchmark, and the embedder's relevance maps under the general prompt and some facets'."""
    images: Any = benchmark.gallery.images
    scenes = busy([images.scene(i) for i in benchmark.gallery.ids], n)
    small = [images.load(scene.id, embedder.image_size) for scene in scenes]
    prompts = {"general": GENERIC_PROMPT, **{FACETS[facet].question: prompt_of_facet(facet) for facet in facets}}
    maps = {label: embedder.relevance(small, prompt) for label, prompt in prompts.items()}
    return [images.load(scene.id, LONG) for scene in scenes], maps


def record_seen_and_unseen(study: Any, results: Mapping[str, Result], modes: Sequence[str]) -> None:
    """Macro R@5 over the facets that training prompted, and over those it did not."""
    for mode in modes:
        for name, facets in (("seen", SEEN), ("unseen", UNSEEN)):
            e = macro_over(results[mode], facets)
            study.record(f"promptable.{mode}.{name}.r5", e.value, e.low, e.high, n=e.n)


def record_choice(study: Any, way: str, choice: Sequence[str], result: Result) -> None:
    """How often a way to choose the prompt agrees with the facet's own, over distinct texts, and its recall."""
    agrees = choosing.agreement(choice, result.benchmark.queries)
    for facet, agreement in agrees.items():
        e = agreement.texts
        study.record(f"promptable.choice.{way}.{facet}", e.value, n=e.n)
    mean = float(np.mean([agreement.texts.value for agreement in agrees.values()]))
    study.record(f"promptable.choice.{way}.macro", mean, n=sum(a.texts.n for a in agrees.values()))
    for metric in ("r1", "r5"):
        e = result.macro(metric)
        study.record(f"promptable.choice.{way}.macro.{metric}", e.value, e.low, e.high, n=e.n)


def record_curves(study: Any, curves: Mapping[str, Sequence[Point]], released: str = "linear") -> None:
    """Macro R@5 per N with its range over the draws. The released procedure has the plain key."""
    for name, points in curves.items():
        for n, mean, low, high in points:
            key = f"promptable.linear.n{n}" if name == released else f"promptable.curve.{name}.n{n}"
            study.record(f"{key}.macro.r5", mean, low, high)


def measure_costs(
    clip: Any, embedder: Any, tables: Tables, clip_emb: np.ndarray, params: Any
) -> tuple[Encoding, list[Cost]]:
    """What encoding and searching cost here, for every size of gallery asked for."""
    images: Any = tables.benchmark.gallery.images
    pictures = [images.load(i, embedder.image_size) for i in tables.benchmark.gallery.ids[: params.cost_images]]
    prompts = list(tables.prompt_emb)
    encoding = encode_seconds(embedder, pictures, prompts, params.cost_repeats)
    started = time.perf_counter()
    clip.encode_images(pictures)
    clip_s = (time.perf_counter() - started) / len(pictures)
    general, first = (tables.held_out[prompt][: params.sample] for prompt in (GENERIC_PROMPT, prompts[1]))
    vectors = ModeVectors(
        queries=np.resize(tables.query_emb, (64, tables.query_emb.shape[1])), general=tables.general,
        tables=np.stack([tables.gallery[prompt] for prompt in prompts]),
        prompts=np.stack([tables.held_out[prompt].mean(axis=0) for prompt in prompts]),
        linear=ridge_fit(general, first),
        clip_queries=np.resize(clip_emb, (64, clip_emb.shape[1])), clip=clip_emb,
    )  # fmt: skip
    sized = [costs(vectors, encoding, clip_s, size, repeats=params.cost_repeats) for size in params.cost_sizes]
    return encoding, [cost for some in sized for cost in some]


def record_costs(study: Any, encoding: Encoding, measured: Sequence[Cost], candidates: int = 100) -> None:
    """Milliseconds per query and megabytes per mode (the greatest gallery has the plain key), the encoding, and when
    preparing a prompt pays."""
    greatest = max(cost.images for cost in measured)

    def timed(key: str, value: float, unit: str) -> None:
        study.record(f"promptable.cost.{key}", value, unit=unit, band=LOOSE * value)

    for cost in measured:
        size = "" if cost.images == greatest else f".n{cost.images}"
        timed(f"{cost.mode}.ms_per_query{size}", cost.ms_per_query, "ms")
        study.record(f"promptable.cost.{cost.mode}.storage_mb{size}", cost.storage_mb, unit="MB", band=0.0)
    for name, m in (("one", encoding.one), ("apart", encoding.apart), ("shared", encoding.shared)):
        timed(f"encode_{name}", 1000 * m.value, "ms")
    timed("shared_speed_up", encoding.speed_up.value, "x")
    pays = break_even(encoding.one.value, greatest, candidates=candidates)
    for name, queries in (("table", pays.table_over_on_the_fly), ("linear", pays.linear_over_on_the_fly)):
        study.record(f"promptable.cost.break_even_{name}", queries, unit="count", band=0.0)


LOOSE = 4.0  # a time on another machine may differ several times over
