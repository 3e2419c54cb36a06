"""Chapters 1 and 2 on photographs: five attributes as facets, three seeds, in COCO-Facet's pools of a hundred.

Wanted: what `photos-clip` wants. Every model is trained once and kept; so is what was measured of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pinpoint import photos_study as study
from pinpoint.evaluate import evaluate
from pinpoint.files import digest
from pinpoint.photos_facets import ASKED, BIASED, FACETS, GENERAL, HELD_OUT
from pinpoint.product_encoder import Features
from pinpoint.promptable import prompted
from pinpoint.recipes.kept import kept, label
from pinpoint.recipes.photos_clip import opened
from pinpoint.recipes.photos_ground import Ground
from pinpoint.recipes.photos_kinds import RATES, SWEPT, rate_of
from pinpoint.result import Result
from pinpoint.significance import bootstrap, paired_bootstrap
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge
from pinpoint.training import device_name

NAME, PREFIX = "photos-facets", "photos.facet"
SEEDS = (0, 1, 2)
GAINS = (("clip_full", "clip"), ("prompted", "general"), ("linear", "general"), ("ridge", "general"),
         ("prompted_all", "prompted"), ("prompted", "clip"))  # fmt: skip
PARTS = {"seen": ASKED, "unseen": HELD_OUT}  # facets that questions asked of in training, or did not
SPACES = ("features", "clip", "clip_text", "promptable")


def make(
    *, out: Path | None = None, resume: bool = True, profile: str = "lite", features: Features | None = None
) -> Path:
    """Train, measure, record; what is finished is kept in `out`. A smoke run records nothing."""
    ground = opened(profile, out, features, resume)
    runs = [measured(ground, seed) for seed in SEEDS[: 1 if profile == "smoke" else None]]
    squared = swept(ground)
    if profile != "smoke":
        device = device_name(ground.looker.device)
        entries = dict(on_record(runs, [q.group for q in ground.test.queries], device))
        entries |= dict(of_setting(ground, device)) | dict(of_rates(squared, device))
        merge(find_layout().results / "recorded.json", NAME, entries, digest(used(ground, 0))[:12])
    return ground.folder


def used(ground: Ground, seed: int) -> list[Any]:
    """All that one seed's numbers depend on."""
    models = [ground.identity(kind, seed) for kind in ("clip", "clip_full", "promptable", "promptable_all")]
    return [models, ground.test.digest, asdict(ground.settings), ground.catalogue.digest_of("test")]


def measured(ground: Ground, seed: int) -> dict[str, Any]:
    """Per-query values of every mode, the curves over N, and what probes read."""
    path = ground.folder / f"facets-{seed}-{digest(used(ground, seed))[:12]}.json"
    found: dict[str, Any] = kept(path, ground.resume, lambda: measure(ground, seed))
    return found


def swept(ground: Ground) -> dict[str, dict[str, list[float]]]:
    """R@5 per query of a facet by the rate at which captions name it: the models of the square, one seed."""
    models = [f"square_{n}" for n in range(len(RATES))]
    used = [[ground.identity(kind, SEEDS[0]) for kind in models], ground.test.digest]

    def measure() -> dict[str, dict[str, list[float]]]:
        groups = np.array([q.group for q in ground.test.queries])
        out: dict[str, dict[str, list[float]]] = {facet: {} for facet in SWEPT}
        for n, kind in enumerate(models):
            encoder, _ = ground.trained(kind, SEEDS[0])
            hits = study.plain_result(encoder, ground.test, ground.seen, kind).per_query["r5"]
            for facet in SWEPT:
                out[facet][label(rate_of(n, facet))] = hits[groups == facet].tolist()
        return out

    found: dict[str, dict[str, list[float]]] = kept(
        ground.folder / f"rates-{digest(used)[:12]}.json", ground.resume, measure
    )
    return found


def of_rates(found: Mapping[str, Mapping[str, Sequence[float]]], device: str) -> Iterator[tuple[str, Entry]]:
    """The same as entries of the ledger, one seed."""
    for facet, by_rate in found.items():
        for rate, hits in by_rate.items():
            at, e = f"photos.mention.{facet}.rate_{rate}.r5", bootstrap(np.array(hits), scale=100)
            yield at, make_entry(at, e.value, e.low, e.high, e.n, 1, "%", None, device, NAME)


def measure(ground: Ground, seed: int) -> dict[str, Any]:
    """The same, now."""
    settings, results = ground.settings, dict[str, Result]()
    for kind in ("clip", "clip_full"):
        encoder, _ = ground.trained(kind, seed)
        results[kind] = study.plain_result(encoder, ground.test, ground.seen, kind)
    encoder, _ = ground.trained("promptable", seed)
    tables = study.make_tables(encoder, ground.test, ground.seen)
    results |= study.mode_results(tables, settings.fits[0], settings.draws)
    every, _ = ground.trained("promptable_all", seed)
    taught = study.make_tables(every, ground.test, ground.seen)
    results["prompted_all"] = evaluate(ground.test, prompted(taught.query_emb, taught.gallery, taught.prompts))
    return {
        "modes": {name: {m: r.per_query[m].tolist() for m in study.METRICS} for name, r in results.items()},
        "curves": study.curves(tables, settings.fits, settings.draws),
        "probes": read(ground, seed),
        "chance": results["clip"].chance("r5"),
    }


def read(ground: Ground, seed: int) -> dict[str, dict[str, list[float]]]:
    """By space and facet whether each test product's value was named."""
    shop, out = ground.catalogue, {space: dict[str, list[float]]() for space in SPACES}
    clip, _ = ground.trained("clip", seed)
    asked, _ = ground.trained("promptable", seed)
    splits = ("train", "test")
    spaces = {"features": {s: ground.seen[s][:, 0].float().numpy() for s in splits},
              "clip": {s: clip.encode_images(ground.seen[s]) for s in splits},
              "promptable": {s: asked.encode_images(ground.seen[s], GENERAL) for s in splits}}  # fmt: skip
    for facet in FACETS:
        for name, rows in spaces.items():
            out[name][facet] = study.read_by_probe(shop, rows, facet).tolist()
        out["clip_text"][facet] = study.read_by_texts(shop, spaces["clip"]["test"], clip, facet).tolist()
    return out


def on_record(runs: Sequence[Mapping[str, Any]], groups: Sequence[str], device: str) -> Iterator[tuple[str, Entry]]:
    """Means over seeds with intervals over queries, gains paired by query, curves, probes, and how far seeds differ."""
    seeds, facets = len(runs), np.array(groups)
    each = {name: {m: np.mean([run["modes"][name][m] for run in runs], axis=0) for m in study.METRICS}
            for name in runs[0]["modes"]}  # fmt: skip

    def entry(at: str, e: Any, unit: str = "%") -> tuple[str, Entry]:
        band = 1.0 if unit == "points" else None
        return at, make_entry(at, e.value, e.low, e.high, e.n, seeds, unit, band, device, NAME)

    parts = {**{facet: (facet,) for facet in FACETS}, "macro": tuple(FACETS), **PARTS}
    for part, members in parts.items():
        rows = np.isin(facets, members)
        among = facets[rows].tolist()
        for name, values in each.items():
            for metric in study.METRICS if part == "macro" else ("r5",):
                yield entry(f"{PREFIX}.{name}.{part}.{metric}", bootstrap(values[metric][rows], among, scale=100))
        for a, b in GAINS:
            gain = paired_bootstrap(each[a]["r5"][rows], each[b]["r5"][rows], among, scale=100).difference
            yield entry(f"{PREFIX}.gain.{a}_{b}.{part}.r5", gain, "points")
    yield from spreads(runs, groups, device)
    for space in SPACES:
        for facet in FACETS:
            values = np.mean([run["probes"][space][facet] for run in runs], axis=0)
            yield entry(f"photos.probe.{space}.{facet}", bootstrap(values, scale=100))


def spreads(runs: Sequence[Mapping[str, Any]], groups: Sequence[str], device: str) -> Iterator[tuple[str, Entry]]:
    """Chance; the curves over N; the lowest and the highest seed of every mode."""
    found = {"chance.r5": runs[0]["chance"]}
    for name, points in runs[0]["curves"].items():
        found |= {f"curve.{name}.n_{n}.r5": np.mean([run["curves"][name][n] for run in runs]) for n in points}
    for name in runs[0]["modes"]:
        scores = [bootstrap(np.array(run["modes"][name]["r5"]), groups, scale=100).value for run in runs]
        found |= {f"{name}.seeds.lowest": min(scores), f"{name}.seeds.highest": max(scores)}
    for name, value in found.items():
        at = f"{PREFIX}.{name}"
        yield at, make_entry(at, value, None, None, None, len(runs), "%", None, device, NAME)


def of_setting(ground: Ground, device: str) -> Iterator[tuple[str, Entry]]:
    """Sizes, the rates at which captions name each facet, and what naming the commonest value would score."""
    s, train = ground.settings, ground.catalogue.of("train")
    counts = {"train": len(train), "gallery": len(ground.test.gallery), "queries": len(ground.test.queries),
              "pool": s.pool, "updates": s.captions.steps, "n": s.fits[0], "dev": len(ground.dev.gallery)}  # fmt: skip
    for name, count in counts.items():
        at = f"{PREFIX}.setting.{name}"
        yield at, make_entry(at, count, None, None, None, 1, "count", 0.0, device, NAME)
    captions = ground.captions("clip", SEEDS[0])
    for facet in FACETS:
        for name, rate in (("mention", 100 * BIASED.rate(facet)), ("met", captions.met(facet))):
            at = f"{PREFIX}.setting.{name}.{facet}"
            yield at, make_entry(at, rate, None, None, None, 1, "%", 0.0, device, NAME)
        at, value = f"photos.probe.commonest.{facet}", study.commonest(ground.catalogue, facet)
        yield at, make_entry(at, value, None, None, None, 1, "%", None, device, NAME)
