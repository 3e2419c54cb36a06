"""The store: what keys it, what survives a kill, what it refuses."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from pinpoint.errors import PinpointError
from pinpoint.files import write_json
from pinpoint.store import Store

IDS = tuple(f"image-{n}" for n in range(10))
RECORD = {
    "checkpoint": "toy", "revision": "1", "preprocessing": {"crop": "centre", "size": 64}, "prompt": "What colour?",
    "precision": "fp32", "weights": "ab12", "images": "cd34",
}  # fmt: skip


@dataclass
class Encoder:
    """Vectors that depend on the id alone; remembers what it was asked."""

    width: int = 3
    asked: list[str] = field(default_factory=list)

    def __call__(self, ids: Sequence[str]) -> np.ndarray:
        self.asked += ids
        return np.array([[hash((i, d)) % 1000 / 1000 for d in range(self.width)] for i in ids])


def arrays(store: Store) -> list[Path]:
    return sorted(Path(store.root).rglob("*.npy"))


def test_vectors_are_made_once_and_read_back_the_same(tmp_path):
    store, encoder = Store(tmp_path), Encoder()
    made = store.get(RECORD, IDS, encoder, part_size=4)
    read = store.get(RECORD, IDS, encoder, part_size=4)
    assert encoder.asked == list(IDS)
    assert np.array_equal(made, read)
    assert (made.shape, made.dtype) == ((10, 3), np.float32)
    assert len(arrays(store)) == 3
    assert json.loads((store.folder(RECORD) / "record.json").read_text())["record"] == RECORD


def test_the_size_of_the_parts_changes_nothing(tmp_path):
    results = [Store(tmp_path / str(n)).get(RECORD, IDS, Encoder(), part_size=n) for n in (1, 3, 10, 2048)]
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_a_longer_list_reuses_the_full_parts_and_another_order_is_other_work(tmp_path):
    store, encoder = Store(tmp_path), Encoder()
    store.get(RECORD, IDS[:8], encoder, part_size=4)
    store.get(RECORD, IDS, encoder, part_size=4)
    assert encoder.asked == list(IDS)
    backwards = store.get(RECORD, IDS[::-1], encoder, part_size=4)
    assert np.array_equal(backwards[::-1], store.get(RECORD, IDS, encoder, part_size=4))


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": "other"}, {"revision": "2"}, {"preprocessing": {"crop": "squash", "size": 64}},
        {"preprocessing": {"crop": "centre", "size": 96}}, {"prompt": "What colour"}, {"precision": "fp16"},
        {"weights": "ab13"}, {"images": "cd35"},
    ],
)  # fmt: skip
def test_another_record_is_another_key(tmp_path, change):
    store, first, second = Store(tmp_path), Encoder(), Encoder(width=5)
    store.get(RECORD, IDS, first)
    assert store.get({**RECORD, **change}, IDS, second).shape == (10, 5)
    assert second.asked == list(IDS)


def test_the_stored_dtype_is_part_of_the_key(tmp_path):
    store, encoder = Store(tmp_path), Encoder()
    exact, half = store.get(RECORD, IDS, encoder), store.get(RECORD, IDS, encoder, dtype="float16")
    assert len(encoder.asked) == 20
    assert half.dtype == store.get(RECORD, IDS, encoder, dtype="float16").dtype == np.float16
    assert half == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "swap"])
def test_a_damaged_array_is_refused_until_it_is_deleted(tmp_path, damage):
    store, encoder = Store(tmp_path), Encoder()
    expected = store.get(RECORD, IDS, encoder, part_size=5)
    victim, other = arrays(store)
    data = bytearray(victim.read_bytes())
    flipped = data[:-1] + bytes([data[-1] ^ 1])
    victim.write_bytes({"cut": data[:-4], "flip": flipped, "empty": b"", "swap": other.read_bytes()}[damage])
    with pytest.raises(PinpointError, match=f"cut short or altered; delete .*{victim.name}"):
        store.get(RECORD, IDS, encoder, part_size=5)
    victim.unlink()
    assert np.array_equal(store.get(RECORD, IDS, encoder, part_size=5), expected)
    assert len(encoder.asked) == 15


@pytest.mark.parametrize("change", [{"record": "0" * 32}, {"ids": "0" * 64}, {"dtype": "float64"}, {"rows": 9}, []])
def test_a_sidecar_of_other_embeddings_is_refused_until_it_is_deleted(tmp_path, change):
    store = Store(tmp_path)
    expected = store.get(RECORD, IDS, Encoder())
    sidecar = arrays(store)[0].with_name(arrays(store)[0].stem.split("-")[0] + ".json")
    meta = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**meta, **change} if change else change))
    with pytest.raises(PinpointError, match=f"delete .*{sidecar.name}"):
        store.get(RECORD, IDS, Encoder())
    sidecar.write_text("{")
    with pytest.raises(PinpointError, match=rf"{sidecar.name} is not valid JSON.*delete"):
        store.get(RECORD, IDS, Encoder())
    sidecar.unlink()
    assert np.array_equal(store.get(RECORD, IDS, Encoder()), expected)


def test_a_part_moved_from_another_record_is_refused(tmp_path):
    store = Store(tmp_path)
    other = {**RECORD, "prompt": "What shape?"}
    store.get(RECORD, IDS, Encoder())
    store.folder(RECORD).rename(store.folder(other))
    with pytest.raises(PinpointError, match="belongs to other embeddings"):
        store.get(other, IDS, Encoder())


def test_the_sidecar_of_another_part_is_refused(tmp_path):
    store = Store(tmp_path)
    store.get(RECORD, IDS, Encoder(), part_size=5)
    first, second = (path.with_name(path.stem.split("-")[0] + ".json") for path in arrays(store))
    second.write_bytes(first.read_bytes())
    with pytest.raises(PinpointError, match="belongs to other embeddings"):
        store.get(RECORD, IDS, Encoder(), part_size=5)


def test_vectors_that_no_metric_could_use_are_refused_and_not_stored(tmp_path):
    store = Store(tmp_path)
    broken = np.ones((10, 3))
    broken[4, 1] = np.nan
    with pytest.raises(PinpointError, match="image-4"):
        store.get(RECORD, IDS, lambda ids: broken)
    with pytest.raises(PinpointError, match="float16 embedding of 'image-0' is not finite"):
        store.get(RECORD, IDS, lambda ids: np.full((10, 3), 1e6), dtype="float16")
    for shape in ((9, 3), (10,), (10, 3, 1)):
        with pytest.raises(PinpointError, match="for 10 ids"):
            store.get(RECORD, IDS, lambda ids, shape=shape: np.ones(shape))
    with pytest.raises(PinpointError, match="differ in width"):
        store.get({}, IDS, lambda ids: np.ones((len(ids), len(ids))), part_size=4)
    with pytest.raises(PinpointError, match="no ids"):
        store.get(RECORD, (), Encoder())
    assert not list(store.folder(RECORD).glob("*.npy"))


def test_an_interrupted_encoder_keeps_the_finished_parts(tmp_path):
    store, encoder = Store(tmp_path), Encoder()

    def stops(ids: Sequence[str]) -> np.ndarray:
        if "image-8" in ids:
            raise KeyboardInterrupt
        return encoder(ids)

    with pytest.raises(KeyboardInterrupt):
        store.get(RECORD, IDS, stops, part_size=4)
    store.get(RECORD, IDS, encoder, part_size=4)
    assert encoder.asked == list(IDS)


SCRIPT = """
import os, signal, sys
import numpy as np
from pathlib import Path
from pinpoint.store import Store

ids = [f"image-{n}" for n in range(10)]
replace, moves = os.replace, []

def deadly(source, target):
    moves.append(target)
    if len(moves) == int(sys.argv[2]):
        if sys.argv[3] == "after":
            replace(source, target)
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = deadly
Store(sys.argv[1]).get({"model": "toy"}, ids, lambda ids: np.array([[int(i[6:]), 1.0] for i in ids]), part_size=2)
"""


def run_child(*arguments: object) -> subprocess.CompletedProcess[str]:
    source = str(Path(__file__).parents[1] / "src")
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True
    )


@pytest.mark.parametrize(("move", "when"), [(1, "before"), (4, "before"), (4, "after"), (5, "before"), (5, "after")])
def test_a_kill_at_any_write_leaves_whole_parts_and_the_next_run_finishes(tmp_path, move, when):
    # moves into place: 1 record, then array and sidecar of each part: 4 is the second array, 5 its sidecar
    assert run_child("-c", SCRIPT, tmp_path, move, when).returncode == -signal.SIGKILL
    encoder_calls = []

    def encode(ids: Sequence[str]) -> np.ndarray:
        encoder_calls.extend(ids)
        return np.array([[int(i[6:]), 1.0] for i in ids])

    vectors = Store(tmp_path).get({"model": "toy"}, [f"image-{n}" for n in range(10)], encode, part_size=2)
    assert vectors[:, 0].tolist() == list(range(10))
    finished = {(1, "before"): 0, (5, "after"): 2}.get((move, when), 1)
    assert len(encoder_calls) == 10 - 2 * finished


def test_json_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PinpointError, match=r"cannot write .*file/x.json \(.+\); free space, or choose another folder"):
        write_json(tmp_path / "file" / "x.json", {})  # no folder can be made there
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_behind(tmp_path):
    script = """
import resource, signal, sys
import numpy as np
from pinpoint.errors import PinpointError
from pinpoint.files import write_json
from pinpoint.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    Store(sys.argv[1]).get({}, ["a", "b"], lambda ids: np.ones((2, 4000)))
except PinpointError as error:
    sys.exit(str(error))
"""
    child = run_child("-c", script, tmp_path)
    assert child.returncode == 1
    assert child.stderr.startswith("cannot write ")
    assert "free space" in child.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["record.json"]


def test_two_writers_of_slightly_different_vectors_leave_one_whole_part(tmp_path):
    barrier = threading.Barrier(2)
    results = []

    def work(shift: float) -> None:
        def encode(ids: Sequence[str]) -> np.ndarray:
            barrier.wait()
            return np.full((len(ids), 4), shift)

        results.append(Store(tmp_path).get({"m": 1}, IDS, encode))

    threads = [threading.Thread(target=work, args=(shift,)) for shift in (0.1, 0.2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    read = Store(tmp_path).get({"m": 1}, IDS, Encoder())
    assert any(np.array_equal(read, made) for made in results)
