"""What a notebook sees of the study: its parameters, its seeds, the store, and the ledger."""

import json
import os
import platform
import random
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinpoint.devices import device_in_words
from pinpoint.errors import PinpointError
from pinpoint.files import digest, write_json
from pinpoint.study.layout import Layout, find_layout
from pinpoint.study.ledger import Entry, lookup, make_entry, read_ledger
from pinpoint.study.profiles import Params, load_profile

if TYPE_CHECKING:
    from pinpoint.store import Store

SIDE_FILE = "PINPOINT_SIDE_FILE"  # set by the runner: where this run's numbers go
OVERRIDES = "PINPOINT_OVERRIDES"  # set by the runner: parameters changed by hand, as JSON
NAMED_VERSIONS = ("torch", "numpy", "open_clip_torch", "transformers", "faiss-cpu", "skia-python")

_open: "Chapter | None" = None


class Chapter:
    """An opened chapter. In a plain Jupyter session numbers stay in memory; under the runner they reach the ledger."""

    def __init__(self, name: str, profile: str, layout: Layout, overrides: Mapping[str, Any]) -> None:
        layout.script(name)
        resolved = load_profile(layout, profile)
        self.name, self.profile, self.layout = name, profile, layout
        self.params: Params = resolved.chapter(name, overrides)
        self.recorded: dict[str, Entry] = {}
        self._quoted: dict[str, str] = {}
        self._side_file = os.environ.get(SIDE_FILE)
        self._wanted_device = str(resolved.run["device"])
        seed_everything(int(dict(self.params).get("seed", 0)))

    def record(
        self, key: str, value: float, low: float | None = None, high: float | None = None, n: int | None = None,
        seeds: int = 1, unit: str = "%", band: float | None = None,
    ) -> Entry:  # fmt: skip
        """Put one number on record. `value`, `low`, `high`, `band` are in `unit`; see `ledger.Entry`."""
        if key in self.recorded and self._side_file:
            raise PinpointError(f"ledger key {key} is recorded twice in {self.name}; every number has one place")
        entry = make_entry(key, value, low, high, n, seeds, unit, band, self.device, self.name)
        self.recorded[key] = entry
        self._write()
        return entry

    def quote(self, key: str, profile: str | None = None) -> Entry:
        """A number of a recorded run: of this run if it has been recorded here, else of the named profile's ledger."""
        if profile is None and key in self.recorded:
            return self.recorded[key]
        profile = profile or self.profile
        path = self.layout.results / f"{profile}.json"
        entry = lookup(read_ledger(path), key, f"results/{profile}.json")
        self._quoted[f"{profile}:{key}"] = digest(asdict(entry))[:12]
        self._write()
        return entry

    @property
    def store(self) -> "Store":
        """The embedding store in the cache folder (`PINPOINT_CACHE`, default `.cache/` in the checkout)."""
        from pinpoint.store import Store

        return Store(self.layout.cache / "embeddings")

    @property
    def device(self) -> str:
        """What computes, in words: the GPU's name, or the CPU with its thread count."""
        return device_in_words(gpu=self._wanted_device != "cpu")

    def _write(self) -> None:
        if self._side_file:
            about = {"device": self.device, "quoted": self._quoted, "peak_mb": peak_memory_mb(), "versions": versions()}
            entries = {key: asdict(entry) for key, entry in self.recorded.items()}
            write_json(Path(self._side_file), {"entries": entries, "about": about})

    def __repr__(self) -> str:
        return f"{self.name}, profile {self.profile}, on {self.device}\n{self.params}"


def open_chapter(name: str, profile: str) -> Chapter:
    """Open a chapter under a profile. The first line of every notebook; it also fixes the seeds."""
    global _open
    _open = Chapter(name, profile, find_layout(), json.loads(os.environ.get(OVERRIDES, "{}")))
    return _open


def close_chapter() -> None:
    """Write the final report of the run; the runner appends this call to the notebook it executes."""
    if _open is not None:
        _open._write()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and, when it is loaded, torch (an unloaded torch starts from its own fixed seed)."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def peak_memory_mb() -> int:
    """Peak resident memory of this process in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make the numbers, where installed."""
    found = {"python": platform.python_version()}
    for name in NAMED_VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
