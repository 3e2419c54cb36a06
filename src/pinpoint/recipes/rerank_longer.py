"""Chapter 6 behind a stage 1 that had four times the updates: does the second look still add anything? One seed.

Two re-rankers follow it: that of the sweep, trained on the mistakes of the shorter stage 1, and one of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from pinpoint.errors import unknown
from pinpoint.files import digest
from pinpoint.recipes.kept import kept
from pinpoint.recipes.rerank_ground import PROFILES, Ground, prepare
from pinpoint.recipes.rerank_record import METRICS
from pinpoint.recipes.rerank_sweep import LONGER
from pinpoint.rerank_choices import ALPHA, FILTER_RATE, HARD_RATE, NEGATIVES, K
from pinpoint.rerank_study import stage_1, stage_2, two_stage
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME, PREFIX = "rerank-longer", "rerank.longer"
RERANKERS = ("reranked", "own")  # the sweep's, and one trained behind the longer stage 1
Found = Mapping[str, Mapping[str, list[float]]]  # system -> metric -> a value per query


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Train what is not trained yet, measure on the test split, record. A smoke run records nothing."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    layout, settings = find_layout(), PROFILES[profile]
    folder = out or layout.cache / "training" / f"{NAME}-{profile}"
    ground = prepare(settings, "test")
    used = digest([asdict(settings), asdict(NEGATIVES), LONGER, FILTER_RATE, HARD_RATE, ALPHA, K,
                   ground.asked.benchmark.digest, ground.reader.weights_sha256])[:12]  # fmt: skip
    found: dict[str, dict[str, list[float]]] = {}
    for name in RERANKERS:
        found |= kept(folder / f"{name}-{used}.json", resume, partial(measure, ground, name))
    if profile != "smoke":
        groups = [q.group for q in ground.asked.benchmark.queries]
        merge(layout.results / "recorded.json", NAME, dict(on_record(found, groups, device_name(ground.reader.device))),
              used)  # fmt: skip
    return folder


def measure(ground: Ground, name: str) -> dict[str, dict[str, list[float]]]:
    """The longer stage 1 alone, re-ranked, by both scores; z_t is of the stage 1 that the re-ranker learned with."""
    settings, asked = ground.settings, ground.asked
    shorter = settings.first, FILTER_RATE
    longer = replace(settings.first, updates=LONGER * settings.first.updates), FILTER_RATE
    teacher = longer if name == "own" else shorter
    reranker, _, _ = ground.stage2(teacher, NEGATIVES, settings.second, HARD_RATE)
    scorer = stage_2(ground.stage1(*teacher)[0], reranker, asked)
    two = two_stage(asked.benchmark, stage_1(ground.stage1(*longer)[0], asked), scorer, K)
    results = {"stage1": two.before, name: two.after(K), f"{name}_fused": two.after(K, ALPHA)}
    return {key: {m: r.per_query[m].tolist() for m in METRICS} for key, r in results.items()}


def on_record(found: Found, groups: list[str], device: str) -> Iterator[tuple[str, Entry]]:
    """Every system, and what it has over the longer stage 1 alone."""
    values = {key: {m: np.array(v) for m, v in of.items()} for key, of in found.items()}
    for key, of in values.items():
        for metric in METRICS:
            e, at = bootstrap(of[metric], groups, scale=100), f"{PREFIX}.{key}.{metric}"
            yield at, make_entry(at, e.value, e.low, e.high, e.n, 1, "%", None, device, NAME)
            if key != "stage1":
                e = paired_bootstrap(of[metric], values["stage1"][metric], groups, scale=100).difference
                at = f"{PREFIX}.gain.{key}.{metric}"
                yield at, make_entry(at, e.value, e.low, e.high, e.n, 1, "points", 1.0, device, NAME)
