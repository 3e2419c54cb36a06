"""What real CLIP vectors say of chapters 1 and 2, where they lie: names in its text space, names and photographs.

Wanted: `data/clip-embeddings/` as `pinpoint.photos_vectors` describes it. PINPOINT_DATA names another folder than
`data`. Nothing is trained; a run takes seconds.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pinpoint import photos_clip_images as seen
from pinpoint import photos_clip_text as said
from pinpoint.data_fetch import data_folder
from pinpoint.errors import PinpointError, unknown
from pinpoint.photos_vectors import Named, Space, read_space, read_synonyms, read_vocabularies, vectors_digest
from pinpoint.significance import Estimate
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, make_entry, merge

NAME, PREFIX, FOLDER = "photos-vectors", "photos.clip", "clip-embeddings"
PROFILES = ("smoke", "lite", "full")
OTHERS = ("coco", "o365", "oid")
PLURALS = (("o365", "lvis"), ("oid", "lvis"), ("oid", "o365"))
Measured = tuple[float | Estimate, str]  # a value, with an interval or without, and its unit


def make(*, out: Path | None = None, resume: bool = True, profile: str = "lite") -> Path:
    """Measure and record; a smoke run records nothing. Returns the folder of the ledger."""
    if profile not in PROFILES:
        raise unknown("training profile", profile, list(PROFILES))
    folder, layout = data_folder() / FOLDER, find_layout()
    found = dict(measured(folder))
    if profile != "smoke":
        merge(layout.results / "recorded.json", NAME, entries(found), vectors_digest(folder)[:12])
    return layout.results


def measured(folder: Path) -> Iterator[tuple[str, Measured]]:
    """Every number, by its key without the prefix."""
    vocabularies = read_vocabularies(folder)
    yield from of_names(vocabularies, read_synonyms(folder))
    yield from of_space(read_space(folder))


def of_names(vocabularies: Mapping[str, Named], synonyms: list[frozenset[str]]) -> Iterator[tuple[str, Measured]]:
    """What the text space keeps apart."""
    yield "text.unrelated", (_known(said.unrelated(vocabularies["lvis"])), "")
    about = {name: said.centred(one) for name, one in vocabularies.items()}
    for prefix, space in (("", vocabularies), ("centred.", about)):
        lvis = space["lvis"]
        pairs = {other: said.synonym_pairs(lvis, synonyms, space[other]) for other in OTHERS}
        yield from _matched(f"text.{prefix}synonym", [said.matched(lvis, space[o], p) for o, p in pairs.items() if p])
        plural = {(a, b): said.plural_pairs(space[a], space[b]) for a, b in PLURALS}
        some = [said.matched(space[a], space[b], pairs) for (a, b), pairs in plural.items() if pairs]
        yield from _matched(f"text.{prefix}plural", some)
        labels = said.super_categories(space["coco"])
        share, chance = said.neighbours_share(space["coco"], labels)
        within, between = said.within_between(space["coco"], labels)
        yield f"text.{prefix}super.nearest", (_known(share, 100), "%")
        yield f"text.{prefix}super.chance", (chance, "%")
        yield f"text.{prefix}super.within", (_known(within), "")
        yield f"text.{prefix}super.between", (_known(between), "")
    yield from _parts(said.pooled(vocabularies.values()), "text")


def _matched(key: str, some: list[said.Pairs]) -> Iterator[tuple[str, Measured]]:
    if some:
        yield f"{key}.cosine", (_known(np.concatenate([one.cosines for one in some])), "")
        yield f"{key}.r1", (_known(np.concatenate([one.nearest for one in some]), 100), "%")


def _parts(named: Named, key: str) -> Iterator[tuple[str, Measured]]:
    """Names of two words: do they stand by the thing, or by what is said of it?"""
    mates, bare = said.mates(named), said.bare_parts(named)
    for kind, values in mates.items():
        if (e := said.estimate(values)) is not None:
            yield f"{key}.mates.{kind}", (e, "")
    for name, pair in (("mates", mates), ("bare", bare)):
        if (e := said.estimate(said.nearer(pair["head"], pair["modifier"]), 100)) is not None:
            yield f"{key}.{name}.nearer_head", (e, "%")
    for kind, values in bare.items():
        if (e := said.estimate(values)) is not None:
            yield f"{key}.bare.{kind}", (e, "")


def of_space(space: Space) -> Iterator[tuple[str, Measured]]:
    """The gap between photographs and names, and hubs, as the vectors are and about their means."""
    yield "gap.distance", (seen.gap(space), "")
    yield "gap.separable", (seen.separable(space), "%")
    yield "gap.voc", (_known(seen.voc_agrees(space), 100), "%")
    for kind, values in seen.cosines(space).items():
        yield f"gap.{kind}", (_known(values), "")
    images, texts = seen.centred(space)
    yield "centred.gap.distance", (float(np.linalg.norm(images.mean(axis=0) - texts.mean(axis=0))), "")
    before, after = seen.nearest(space.images, space.stuff.emb), seen.nearest(images, texts)
    yield "centred.same_name", (_known((before == after).astype(float), 100), "%")
    for prefix, rows, names, nearest in (
        ("", space.images, space.stuff.emb, before), ("centred.", images, texts, after),
    ):  # fmt: skip
        hubs, times = seen.hubs(nearest, len(names)), seen.found_by(rows, names)
        shares = {"first": hubs.share(1), "first_ten": hubs.share(seen.TOP), "never": hubs.never}
        yield from ((f"{prefix}hubs.{key}", (value, "%")) for key, value in shares.items())
        yield f"{prefix}hubs.effective", (hubs.effective, "count")
        yield f"{prefix}hubs.skewness", (hubs.skewness, "")
        yield f"{prefix}found.own", (seen.own_places(times), "%")
        yield f"{prefix}found.most", (float(times.max()), "count")
    for name, rows, names in (("images", images, space.stuff.emb), ("names", space.images, texts)):  # one side alone
        yield f"centred_{name}.found.own", (seen.own_places(seen.found_by(rows, names)), "%")
    yield "found.chance", (seen.own_by_chance(seen.found_by(images, texts)), "%")
    yield "setting.photographs", (float(len(space.images)), "count")
    yield "setting.names", (float(len(space.stuff)), "count")
    yield from _parts(space.stuff, "stuff")


def entries(found: Mapping[str, Measured]) -> dict[str, Entry]:
    """The same as entries of the ledger."""
    out = {}
    for name, (value, unit) in found.items():
        at = f"{PREFIX}.{name}"
        e = value if isinstance(value, Estimate) else Estimate(value, value, value, 0)
        low, high, n = (e.low, e.high, e.n) if isinstance(value, Estimate) else (None, None, None)
        out[at] = make_entry(at, e.value, low, high, n, 1, unit, None, "CPU", NAME)
    return out


def _known(values: np.ndarray, scale: float = 1.0) -> Estimate:
    e = said.estimate(values, scale)
    if e is None:
        raise PinpointError(f"the vectors in {FOLDER} leave nothing to average; give the whole vocabularies")
    return e
