"""What the chapter on the world shows: chosen scenes and worked examples of each task."""

import random
from dataclasses import replace
from typing import Any

import numpy as np

from pinpoint.benchmark import Benchmark
from pinpoint.diorama.captions import DEFAULT, GERUND, PLACE_PHRASES, TIME_PHRASES, WEATHER_NOUNS, caption
from pinpoint.diorama.draw import render
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    GESTURES,
    MATERIALS,
    OBJECTS,
    PLACES,
    SHAPED,
    TIMES,
    WEATHERS,
    Scene,
    Thing,
    sample_split,
)  # fmt: skip
from pinpoint.significance import Estimate, bootstrap

THUMB = 112
Row = tuple[str, list[tuple[np.ndarray, bool]]]


def showcase(n: int = 12, seed: int = 2) -> list[Scene]:
    """`n` training scenes, no two in the same place or with the same subject, light ones before dark ones."""
    out: list[Scene] = []
    for scene in sample_split(4000, "train", seed):
        hour = ("daytime", "evening", "morning", "afternoon", "sunrise", "night", "dusk")[len(out) % 7]
        if scene.time != hour or not scene.others or len(out) == n:
            continue
        if all(scene.place != s.place or len(out) >= len(PLACES) for s in out) and all(
            scene.subject.name != s.subject.name and scene.subject.colour != s.subject.colour for s in out[-6:]
        ):
            out.append(scene)
    return out


def _base(**changes: Any) -> Scene:
    """A plain scene to vary one attribute of."""
    cat = Thing("animal", "cat", "orange", "large")
    plain = Scene(cat, "left", "park", "daytime", "clear", 0, None, None, None, (), 5)
    return replace(plain, **changes)


def facet_rows() -> list[tuple[str, list[tuple[str, np.ndarray]]]]:
    """One row a facet: its name, and (label, picture) for each label."""

    def row(scenes: dict[str, Scene]) -> list[tuple[str, np.ndarray]]:
        return [(label, render(scene, "natural", 192)) for label, scene in scenes.items()]

    return [
        ("scenes", row({p: _base(place=p) for p in PLACES[:6]})),
        ("", row({p: _base(place=p) for p in PLACES[6:]})),
        ("times", row({t: _base(time=t) for t in TIMES})),
        ("weather", row({w: _base(weather=w) for w in WEATHERS})),
        ("gestures", row({g: _base(people=3, gesture=g, variant=8) for g in GESTURES})),
        ("count", row({str(n): _base(people=n, gesture="stand" if n else None) for n in range(7)})),
        ("materials", row({m: _base(material=m, structure="wall") for m in MATERIALS})),
    ]


def every_thing() -> list[Scene]:
    """One scene for each animal and object, as the subject, on a calm ground."""
    out = []
    for i, name in enumerate((*ANIMALS, *OBJECTS)):
        kind = "animal" if name in ANIMALS else "object"
        thing = Thing(kind, name, COLOUR_NAMES[(3 * i) % len(COLOUR_NAMES)], "huge", "star" if name in SHAPED else None)
        out.append(_base(subject=thing, position="centre", place="park", variant=3 * i))
    return out


def subject_colour_counts(n: int, seed: int = 0) -> tuple[list[str], list[str], np.ndarray]:
    """Names, colours, and how many of `n` training scenes have each pair as their subject."""
    names, colours = [*ANIMALS, *OBJECTS], list(COLOUR_NAMES)
    counts = np.zeros((len(colours), len(names)), int)
    for scene in sample_split(n, "train", seed):
        if scene.subject.kind != "person":
            counts[colours.index(scene.subject.colour), names.index(scene.subject.name)] += 1
    return names, colours, counts


def measured_mentions(n: int, seed: int = 0) -> dict[str, Estimate]:
    """Share of captions whose words mention each attribute, in percent, of the pictures that have it: counted in the
    captions themselves, not read from the parameter."""
    scenes = sample_split(n, "train", seed)
    rng = random.Random(f"mentions-{seed}")
    said = [(s, caption(s, rng, DEFAULT)) for s in scenes]
    tests = {
        "subject": lambda s, c: s.subject.name in c,
        "colour": lambda s, c: s.subject.colour in c.split(" next to ")[0] if not s.others else None,
        "place": lambda s, c: any(p in c for p in PLACE_PHRASES[s.place]),
        "weather": lambda s, c: f" {s.weather} " in c or WEATHER_NOUNS[s.weather] in c,
        "time": lambda s, c: any(t in c for t in TIME_PHRASES[s.time]),
        "people": lambda s, c: "with " in c and any(w in c for w in ("people", "person", "nobody"))
        and any(f"with {k}" in c for k in (*map(str, range(7)), "no", "one", "two", "three", "four", "five", "six")),
        "gesture": lambda s, c: GERUND[s.gesture] in c if s.gesture else None,
        "material": lambda s, c: f"made of {s.material}" in c if s.material else None,
        "others": lambda s, c: s.others[0].name in c if len(s.others) == 1 else None,
    }  # fmt: skip
    out = {}
    for name, test in tests.items():
        hits = [bool(hit) for s, c in said if (hit := test(s, c)) is not None]
        out[name] = bootstrap(np.array(hits, float), scale=100)
    return out


def facet_examples(benchmark: Benchmark, negatives: int = 5) -> list[Row]:
    """One query a facet with its right picture and the first negatives of its pool."""
    rows: list[Row] = []
    for facet in benchmark.groups:
        query = next(q for q in benchmark.queries if q.group == facet)
        ids = [*query.relevant, *[i for i in query.pool or () if i not in query.relevant][:negatives]]
        rows.append((query.text or "", [(benchmark.gallery.images.load(i, THUMB), i in query.relevant) for i in ids]))
    return rows


def composed_examples(benchmark: Benchmark, shown: int = 6) -> tuple[list[Row], list[np.ndarray | None]]:
    """One query a kind of edit: right answers first, then the near-misses of its group; and the references."""
    rows: list[Row] = []
    references: list[np.ndarray | None] = []
    load = benchmark.gallery.images.load
    for kind in benchmark.groups:
        query = next(q for q in benchmark.queries if q.group == kind)
        misses = [i for i in query.members if i not in query.relevant and i != query.image]
        ids = [*query.relevant[:3], *misses][:shown]
        rows.append((f"{query.text}", [(load(i, THUMB), i in query.relevant) for i in ids]))
        references.append(load(query.image or "", THUMB))
    return rows, references


def style_examples(benchmark: Benchmark, others: int = 4) -> tuple[list[Row], list[np.ndarray | None]]:
    """One query a kind, of different scenes: the right picture and some of the gallery; and the query images."""
    rows: list[Row] = []
    references: list[np.ndarray | None] = []
    load = benchmark.gallery.images.load
    for k, kind in enumerate(benchmark.groups):
        query = [q for q in benchmark.queries if q.group == kind][3 * k]
        ids = [query.relevant[0], *benchmark.gallery.ids[-others * (k + 1) :][:others]]
        text = query.text or f"({kind.replace('_', '-')} query)"
        rows.append((text, [(load(i, THUMB), i in query.relevant) for i in ids]))
        references.append(load(query.image, THUMB) if query.image else None)
    return rows, references
