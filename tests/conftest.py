"""What every test may lean on: its own cache, fixed seeds, few threads, and the optional folder of real data.

Nothing heavy is imported here, so that a test of something light starts at once.
"""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]

# Set before torch, FAISS or a tokenizer is imported: few threads, and no network. A worker of pytest-xdist has one, and
# does not inherit the two of the process that started it: four threads on two cores wait for each other.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ[variable] = "1"
    else:
        os.environ.setdefault(variable, "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache folder for this run of the tests. The cache of the repository is never read or written."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["PINPOINT_CACHE"] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test starts from the same seeds; torch is seeded where a test has imported it."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache in the place of the machine's own."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets and checkpoints, where a machine has them: $PINPOINT_SHARED_DATA, else ../shared/data."""
    folder = Path(os.environ.get("PINPOINT_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data here: {folder} is not a folder; set PINPOINT_SHARED_DATA to one")
    return folder


@pytest.fixture(autouse=True)
def _no_figure_left_open() -> Iterator[None]:
    """A figure that one test leaves open must not be found by the next on the same worker."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")
