"""What an evaluation found: every metric per query, and the averages, comparisons and tables read from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pinpoint.errors import PinpointError, unknown
from pinpoint.metrics import macro
from pinpoint.significance import Comparison, Estimate, bootstrap, mcnemar, paired_bootstrap

if TYPE_CHECKING:
    from pinpoint.benchmark import Benchmark


@dataclass(frozen=True, eq=False)
class Result:
    """Per-query values of every metric, and the chance of each.

    `per_query[name]` is float64 (Q,) in [0, 1], NaN where the metric does not apply to a query. Names: r{k} (a hit,
    the papers' recall), mrr, nrank (normalised rank); with several right answers tr{k} (share found), map{k} and,
    where one of them is the annotated `target`, t{k} (only it counts); with `members` rs1 to rs3; with a reference
    image in the gallery ref1 (the top hit is the reference itself).
    """

    benchmark: "Benchmark"
    retriever: str
    per_query: Mapping[str, np.ndarray]
    by_chance: Mapping[str, np.ndarray]
    top_columns: np.ndarray

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the benchmark, in order of first appearance."""
        return self.benchmark.groups

    def metric(self, name: str, group: str | None = None) -> Estimate:
        """A metric over one group, in percent with its interval. On a benchmark of several groups, name one."""
        if group is None and len(self.groups) > 1:
            raise PinpointError(f"{name} over {len(self.groups)} groups: ask for .macro(), .micro() or group=...")
        return bootstrap(self._values(self.per_query, name, group)[0], scale=100)

    def macro(self, name: str) -> Estimate:
        """The mean over groups, in percent; the interval resamples the queries of each group."""
        return bootstrap(*self._values(self.per_query, name), scale=100)

    def micro(self, name: str) -> Estimate:
        """The mean over all queries, in percent."""
        return bootstrap(self._values(self.per_query, name)[0], scale=100)

    def chance(self, name: str, group: str | None = None) -> float:
        """What a random ranking scores, in percent, exactly: of one group, or the macro mean of all."""
        return 100 * macro(*self._values(self.by_chance, name, group))

    def versus(self, other: "Result", name: str, group: str | None = None) -> Comparison:
        """This system minus `other`, in points, on the same queries: McNemar for a group's hits, else bootstrap.

        Without a group the difference is that of the macro means.
        """
        if other.benchmark.digest != self.benchmark.digest:
            raise PinpointError("the two results are of different benchmarks; compare systems on one benchmark only")
        (a, groups), (b, _) = self._values(self.per_query, name, group), other._values(other.per_query, name, group)
        if len(set(groups)) == 1 and np.isin(np.r_[a, b], (0, 1)).all():
            return mcnemar(a, b, scale=100)
        return paired_bootstrap(a, b, groups, scale=100)

    def top(self, query_index: int, k: int) -> tuple[str, ...]:
        """The ids of a query's first k images (fewer if fewer compete); equal scores stand in gallery order."""
        depth = self.top_columns.shape[1]
        if k > depth:
            raise PinpointError(f"only the first {depth} images were kept; evaluate with depth={k}")
        return tuple(self.benchmark.gallery.ids[g] for g in self.top_columns[query_index, :k] if g >= 0)

    def table(self, names: Sequence[str] | None = None) -> str:
        """A Markdown table in percent: a row per group, then macro, micro and chance; "-" where a metric is not
        defined for any query of the group."""
        names = list(self.per_query if names is None else names)
        rows = [(group or "all", [self._cell(n, group) for n in names]) for group in self.groups]
        if len(self.groups) > 1:
            rows.append(("macro", [str(self.macro(n)) for n in names]))
            rows.append(("micro", [str(self.micro(n)) for n in names]))
        rows.append(("chance (macro)", [f"{self.chance(n):.1f}" for n in names]))
        lines = [("group", names), ("---", ["---"] * len(names)), *rows]
        return "\n".join("| " + " | ".join([head, *cells]) + " |" for head, cells in lines)

    def _cell(self, name: str, group: str) -> str:
        return str(self.metric(name, group)) if len(self._values(self.per_query, name, group)[0]) else "-"

    def _values(
        self, source: Mapping[str, np.ndarray], name: str, group: str | None = None
    ) -> tuple[np.ndarray, list[str]]:
        if name not in source:
            raise unknown("metric", name, tuple(source))
        if group is not None and group not in self.groups:
            raise unknown("group", group, self.groups)
        kept = [
            (value, q.group)
            for value, q in zip(source[name], self.benchmark.queries, strict=True)
            if group in (None, q.group) and not np.isnan(value)
        ]
        return np.array([value for value, _ in kept]), [g for _, g in kept]
