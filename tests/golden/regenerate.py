"""Write the golden files anew. Run it only together with a raised `WORLD_VERSION`: python tests/golden/regenerate.py"""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from pinpoint.diorama import tasks
from pinpoint.diorama.composed import ATTRIBUTE_KINDS
from pinpoint.diorama.draw import STYLES, render
from pinpoint.diorama.scene import WORLD_VERSION, Scene, sample_split
from pinpoint.files import write_json

FOLDER = Path(__file__).parent
SIZE = 64


def scenes() -> list[Scene]:
    """A handful of test scenes."""
    return sample_split(6, "test", 42)


def sheet() -> np.ndarray:
    """The scenes (down) in every style (across), uint8 (6 S, 5 S, 3)."""
    return np.concatenate([np.concatenate([render(s, style, SIZE) for style in STYLES], axis=1) for s in scenes()])


def benchmarks() -> dict[str, str]:
    """The digest of every frozen benchmark, by name and split."""
    made = {"attribute edits, test": tasks.composed("test", 200, 1600, ATTRIBUTE_KINDS)}
    for split in ("dev", "test"):
        for name in ("facets", "facets_whole", "composed", "style"):
            made[f"{name}, {split}"] = getattr(tasks, name)(split)
    made["by_area, test"] = tasks.by_area()
    return {name: benchmark.digest for name, benchmark in sorted(made.items())}


if __name__ == "__main__":
    Image.fromarray(sheet()).save(FOLDER / "diorama.png")
    pixels = hashlib.sha256(sheet().tobytes()).hexdigest()
    golden = {"world": WORLD_VERSION, "pixels": pixels, "scenes": [s.id for s in scenes()], "benchmarks": benchmarks()}
    write_json(FOLDER / "golden.json", golden)
