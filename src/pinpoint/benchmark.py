"""Gallery, Query, Benchmark: the one shape that every dataset and every protocol takes.

A protocol is what a paper often leaves unsaid: which images compete, which are left out, which count as right.
Here it is data. COCO-Facet's hundred candidates are a `pool`, CIRR's missing reference is an `exclude`, its group of
six are `members`, CIRCO's several truths are `relevant`; `evaluate` needs to know nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from pinpoint.errors import PinpointError, unknown
from pinpoint.evaluate import evaluate
from pinpoint.files import digest
from pinpoint.result import Result
from pinpoint.retriever import EmbeddingRetriever, Retriever, VectorRetriever, similarity

__all__ = [
    "Benchmark",
    "EmbeddingRetriever",
    "Gallery",
    "Images",
    "Query",
    "Result",
    "Retriever",
    "VectorRetriever",
    "evaluate",
    "load_batch",
    "similarity",
]


class Images(Protocol):
    """Where the pixels come from; a structural type, so nothing needs to inherit from it."""

    @property
    def fingerprint(self) -> str:
        """A hash of the content behind the ids: it changes whenever any pixel could."""
        ...

    def load(self, image_id: str, size: int | None = None) -> np.ndarray:
        """One image, uint8 RGB (H, W, 3); with `size`, square (size, size, 3)."""
        ...


def load_batch(images: Images, ids: Sequence[str], size: int) -> np.ndarray:
    """Several images, uint8 RGB (N, size, size, 3), by the loader's own `load_batch(ids, size)` where it has one."""
    together: Callable[[Sequence[str], int], np.ndarray] | None = getattr(images, "load_batch", None)
    if together is not None:
        return together(ids, size)
    return np.stack([images.load(i, size) for i in ids]) if len(ids) else np.zeros((0, size, size, 3), np.uint8)


def _first_repeated(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for image_id in ids:
        if image_id in seen:
            return image_id
        seen.add(image_id)
    return None


@dataclass(frozen=True)
class Query:
    """One question to the gallery and its right answers; ids are image ids.

    `image` is the reference image (it need not be in the gallery), `prompt` the question put to a promptable encoder.
    With a `pool` only those images compete; images in `exclude` never do. `target` is the one annotated answer where
    a dataset singles one out of `relevant`. `members` is a CIRR group: Rs@K ranks these alone, without `exclude`.
    """

    id: str
    relevant: tuple[str, ...]
    text: str | None = None
    image: str | None = None
    prompt: str | None = None
    pool: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    group: str = ""
    target: str | None = None
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        relevant = set(self.relevant)
        faults = {
            "has no relevant image": not relevant,
            "lists a relevant image twice": len(relevant) < len(self.relevant),
            "excludes a relevant image": bool(relevant & set(self.exclude)),
            "has a relevant image outside its pool": self.pool is not None and not relevant <= set(self.pool),
            "has a target that is not relevant": self.target is not None and self.target not in relevant,
            "has no right answer among its members": bool(self.members) and relevant.isdisjoint(self.members),
            "has a target outside its members": bool(self.members) and self.target not in (None, *self.members),
            "lists a pool image twice": self.pool is not None and len(set(self.pool)) < len(self.pool),
            "lists a member twice": len(set(self.members)) < len(self.members),
        }
        for fault, present in faults.items():
            if present:
                raise PinpointError(f"query {self.id!r} {fault}; mend the benchmark that made it")

    def to_json(self) -> dict[str, Any]:
        """The fields that differ from their default, as JSON values; `relevant` and others become lists."""
        stated = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, (v, default) in stated.items() if v != default}

    @classmethod
    def from_json(cls, stated: Mapping[str, Any]) -> "Query":
        """The query that `to_json` wrote."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stated.items()}
        return cls(**values)


@dataclass(frozen=True)
class Gallery:
    """The images that are searched, in a fixed order: column g of every score matrix is `ids[g]`."""

    ids: tuple[str, ...]
    images: Images = field(compare=False, repr=False)

    def __post_init__(self) -> None:
        twice = _first_repeated(self.ids)
        if twice is not None:
            raise PinpointError(f"the gallery lists {twice!r} twice; give every image one id")
        if not self.ids:
            raise PinpointError("the gallery is empty; give it at least one image")

    @cached_property
    def column(self) -> Mapping[str, int]:
        """The column of each image id."""
        return MappingProxyType({image_id: g for g, image_id in enumerate(self.ids)})

    def columns(self, ids: Sequence[str]) -> np.ndarray:
        """The columns of some ids, int64 (len(ids),)."""
        return np.fromiter((self.column[i] for i in ids), dtype=np.int64, count=len(ids))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Benchmark:
    """A frozen test: gallery, queries and protocol under one `digest`. `notes` say what the numbers depend on besides
    (caption policy, removed items, source)."""

    name: str
    version: str
    split: str
    gallery: Gallery
    queries: tuple[Query, ...]
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.queries:
            raise PinpointError(f"benchmark {self.name!r} has no queries; give it at least one")
        twice = _first_repeated(q.id for q in self.queries)
        if twice is not None:
            raise PinpointError(f"benchmark {self.name!r} has two queries {twice!r}; give every query one id")
        known = self.gallery.column.keys()
        for query in self.queries:
            for name in ("relevant", "pool", "exclude", "members"):
                strange = next((i for i in getattr(query, name) or () if i not in known), None)
                if strange is not None:
                    raise PinpointError(f"query {query.id!r}: {name} image {strange!r} is not in the gallery")

    @cached_property
    def digest(self) -> str:
        """SHA-256 over gallery, queries, notes and the images' fingerprint: two equal digests are the same test."""
        return digest(self._content())

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups (facets, categories) in order of first appearance."""
        return tuple(dict.fromkeys(q.group for q in self.queries))

    def subset(self, group: str) -> "Benchmark":
        """The same test with one group's queries; the gallery stays whole."""
        if group not in self.groups:
            raise unknown("group", group, self.groups)
        queries = tuple(q for q in self.queries if q.group == group)
        return replace(self, name=f"{self.name}/{group}", queries=queries)

    def describe(self) -> str:
        """One line to stand beside every score: name, version, split, counts, candidates per query, digest."""
        pools = {len(q.pool) for q in self.queries if q.pool is not None}
        whole = any(q.pool is None for q in self.queries)
        pooled = f", pools of {'-'.join(f'{n:,}' for n in sorted({min(pools), max(pools)}))}" if pools else ""
        several = np.mean([len(q.relevant) for q in self.queries])
        return (
            f"{self.name} {self.version} {self.split}: {len(self.queries):,} queries in {len(self.groups)} "
            f"group{'s' * (len(self.groups) > 1)}, gallery of {len(self.gallery):,} images{pooled}"
            f"{' (some queries search the whole gallery)' * (whole and bool(pools))}, "
            f"{several:.2f} right per query, digest {self.digest[:12]}"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the pixels, as JSON values with the digest; for `files.write_json`."""
        return {**self._content(), "digest": self.digest}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], images: Images) -> "Benchmark":
        """Rebuild a benchmark over `images`; other pixels or an edited file are refused by the digest."""
        try:
            benchmark = cls._restored(content, images)
        except (KeyError, IndexError, TypeError) as error:
            raise PinpointError(f"this is no saved benchmark, or a damaged one ({error!r}); save it anew") from error
        saved = str(content.get("digest"))
        if benchmark.digest != saved:
            raise PinpointError(
                f"benchmark {benchmark.name!r} is not the one that was saved (digest {benchmark.digest[:12]}, saved "
                f"{saved[:12]}): its file was edited or its images changed; restore them or save it anew"
            )
        return benchmark

    @classmethod
    def _restored(cls, content: Mapping[str, Any], images: Images) -> "Benchmark":
        pools = [tuple(pool) for pool in content["pools"]]
        queries = tuple(
            Query.from_json({**q, "pool": pools[q["pool"]]} if "pool" in q else q) for q in content["queries"]
        )
        name, version, split, notes = (content[k] for k in ("name", "version", "split", "notes"))
        return cls(name, version, split, Gallery(tuple(content["gallery"]), images), queries, notes)

    def _content(self) -> dict[str, Any]:
        pools = tuple(dict.fromkeys(q.pool for q in self.queries if q.pool is not None))
        number = {pool: n for n, pool in enumerate(pools)}  # one large pool may serve thousands of queries
        return {
            "name": self.name,
            "version": self.version,
            "split": self.split,
            "notes": dict(self.notes),
            "images": self.gallery.images.fingerprint,
            "gallery": list(self.gallery.ids),
            "pools": [list(pool) for pool in pools],
            "queries": [
                {**q.to_json(), "pool": number[q.pool]} if q.pool is not None else q.to_json() for q in self.queries
            ],
        }
