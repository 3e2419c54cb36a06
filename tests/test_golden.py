"""The world is frozen: the same scenes, the same pixels, the same benchmarks, on every machine with the lock."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from pinpoint.diorama.scene import WORLD_VERSION
from pinpoint.files import read_json

FOLDER = Path(__file__).parent / "golden"
GOLDEN = read_json(FOLDER / "golden.json")

spec = importlib.util.spec_from_file_location("golden_regenerate", FOLDER / "regenerate.py")
assert spec and spec.loader
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)


def test_the_golden_files_belong_to_this_world():
    assert GOLDEN["world"] == WORLD_VERSION


def test_scenes_are_sampled_as_ever():
    assert [s.id for s in golden.scenes()] == GOLDEN["scenes"]


def test_pixels_are_drawn_as_ever():
    """By hash; or, where the processor rounds a blend the other way, within two levels of the committed picture."""
    sheet = golden.sheet()
    if hashlib.sha256(sheet.tobytes()).hexdigest() != GOLDEN["pixels"]:
        expected = np.asarray(Image.open(FOLDER / "diorama.png").convert("RGB")).astype(int)
        difference = np.abs(sheet.astype(int) - expected)
        assert difference.max() <= 2, f"{(difference > 2).any(axis=2).sum()} pixels differ; raise WORLD_VERSION?"


def test_the_hash_sees_one_pixel():
    sheet = golden.sheet()
    sheet[0, 0, 0] ^= 1
    assert hashlib.sha256(sheet.tobytes()).hexdigest() != GOLDEN["pixels"]


def test_benchmarks_are_frozen():
    """One test for all: they are drawn once, whichever worker does it."""
    assert golden.benchmarks() == GOLDEN["benchmarks"]
