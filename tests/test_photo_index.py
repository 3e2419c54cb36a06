"""The index of a folder: what is encoded again and what is not, what is left out, and what a stopped run leaves."""

import json
import os
import shutil
import struct
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photo_toy import Counting, embed, picture, pictures
from pinpoint import photo_files, photo_index
from pinpoint.datasets.folder import FolderImages
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest
from pinpoint.photo_files import LONGEST, Chosen
from pinpoint.photo_index import BATCH, PART, PhotoIndex, Shelf, index_folder
from pinpoint.store import Store

LONG_AGO = -(10**12)  # as `SETTLED`: every file counts as one that has not changed for a while


@pytest.fixture
def toy() -> Counting:
    return Counting()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return pictures(tmp_path / "photos", 10)


@pytest.fixture
def made(tmp_path: Path, toy: Counting, root: Path):
    """`made()` brings the index of `root` up to date, in a cache of its own."""

    def again(folder: Path = root, **options) -> PhotoIndex:
        return index_folder(folder, toy.side, cache=tmp_path / "cache", **options)

    return again


def true(index: PhotoIndex) -> bool:
    """Every row is the vector of its own file, opened here."""
    root = index.listing.root
    one_by_one = [embed([np.asarray(Image.open(root / name).convert("RGB"))])[0] for name in index.ids]
    return np.array_equal(index.emb, np.array(one_by_one)) and all(
        file_digest(root / name) == sha for name, sha in zip(index.ids, index.sha256, strict=True)
    )


# -- what is encoded --------------------------------------------------------------------------------------------------
def test_every_picture_below_the_folder_has_its_own_vector(made, toy: Counting, root: Path) -> None:
    (root / "notes.txt").write_text("no picture")
    picture(root / ".hidden" / "x.png", 99)
    picture(root / ".x.png", 99)
    picture(root / "A.JPG", 100)
    index = made()
    assert len(index) == 11 and index.ids[0] == "A.JPG" and list(index.ids) == sorted(index.ids)
    assert true(index) and toy.fresh() == index.encoded == 11 and index.unreadable == ()


def test_nothing_is_encoded_twice(made, toy: Counting) -> None:
    first = made()
    toy.fresh()
    second = made()
    assert toy.fresh() == second.encoded == 0
    assert np.array_equal(first.emb, second.emb) and first.ids == second.ids


def test_new_and_changed_files_alone_are_encoded(made, toy: Counting, root: Path) -> None:
    made()
    toy.fresh()
    picture(root / "a" / "new.png", 50)
    picture(root / "a" / "00.png", 51)
    index = made()
    assert toy.fresh() == index.encoded == 2 and len(index) == 11 and true(index)


def test_a_change_that_keeps_size_and_date_is_seen(
    made, toy: Counting, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_files, "SETTLED", LONG_AGO)
    path = picture(root / "x.bmp", 1)
    made()
    toy.fresh()
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    assert true(made()) and toy.fresh() == 1


def test_an_old_file_is_not_hashed_again(made, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a file has not changed for a while, size and times are enough."""
    hashed: list[Path] = []
    monkeypatch.setattr(photo_files, "file_digest", lambda path: hashed.append(path) or file_digest(path))
    made()
    made()
    assert len(hashed) == 20  # so fresh that they may change within the same tick of the clock
    monkeypatch.setattr(photo_files, "SETTLED", LONG_AGO)
    os.utime(root / "b" / "01.png", (4e9, 4e9))  # a camera whose clock is wrong
    made()
    picture(root / "a" / "00.png", 77)
    hashed.clear()
    assert true(made()) and hashed == [root / "a" / "00.png"]


def test_a_new_date_name_or_folder_costs_nothing(made, toy: Counting, root: Path, tmp_path: Path) -> None:
    made()
    toy.fresh()
    os.utime(root / "a" / "00.png", (1, 1))
    (root / "b" / "01.png").rename(root / "renamed.png")
    index = made()
    assert toy.fresh() == 0 and true(index) and "renamed.png" in index.ids and index.gone == ("b/01.png",)
    shutil.copytree(root, tmp_path / "elsewhere")
    assert len(made(tmp_path / "elsewhere")) == 10 and toy.fresh() == 0


def test_a_deleted_file_leaves_the_index_and_may_come_back(made, toy: Counting, root: Path) -> None:
    made()
    toy.fresh()
    data = (root / "a" / "00.png").read_bytes()
    (root / "a" / "00.png").unlink()
    index = made()
    assert len(index) == 9 and "a/00.png" not in index.ids and index.gone == ("a/00.png",) and true(index)
    assert made().gone == ()
    (root / "a" / "00.png").write_bytes(data)
    assert len(made()) == 10 and toy.fresh() == 0


def test_equal_files_are_encoded_once_and_both_found(made, toy: Counting, root: Path) -> None:
    shutil.copy(root / "a" / "00.png", root / "z.png")
    index = made()
    assert toy.fresh() == 10 and len(index) == 11 and true(index)


def test_another_encoder_has_an_index_of_its_own(made, root: Path, tmp_path: Path) -> None:
    made()
    other = Counting("other", size=4)
    index = index_folder(root, other.side, cache=tmp_path / "cache")
    squares = [embed([FolderImages(root).load(name, 4)])[0] for name in index.ids]
    assert other.fresh() == 10 and np.array_equal(index.emb, np.array(squares))


# -- what is left out -------------------------------------------------------------------------------------------------
def test_what_cannot_be_read_is_listed_and_the_rest_is_there(made, toy: Counting, root: Path) -> None:
    whole = picture(root / "big.png", 1, (60, 60)).read_bytes()
    (root / "big.png").write_bytes(whole[: len(whole) // 2])
    (root / "c" / "html.jpg").write_text("<html>404</html>")
    (root / "empty.jpg").touch()
    picture(root / "strip.png", 2, (LONGEST + 1, 1))
    shutil.copy(root / "empty.jpg", root / "empty too.jpg")
    index = made()
    assert {file.path for file in index.unreadable} == {
        "big.png", "c/html.jpg", "empty.jpg", "empty too.jpg", "strip.png"
    }  # fmt: skip
    assert all(file.path in file.reason for file in index.unreadable)
    assert len(index) == 10 and true(index)
    (root / "big.png").write_bytes(whole)
    assert "big.png" in made().ids


def test_odd_metadata_is_no_crash(made, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = FolderImages.load

    def odd(self: FolderImages, name: str, size: int | None = None) -> np.ndarray:
        if name == "a/00.png":
            raise struct.error("required argument is not an integer")  # as Pillow does when it turns such a picture
        return load(self, name, size)

    monkeypatch.setattr(FolderImages, "load", odd)
    index = made()
    assert [file.path for file in index.unreadable] == ["a/00.png"] and len(index) == 9
    assert "not an integer" in index.unreadable[0].reason


def test_links_that_lead_out_are_not_followed(made, root: Path, tmp_path: Path) -> None:
    secret = picture(tmp_path / "outside" / "secret.png", 9)
    (root / "link.png").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "gone.png").symlink_to(tmp_path / "outside" / "nothing.png")
    (root / "same.png").symlink_to(root / "a" / "00.png")
    (root / "loop").symlink_to(root)
    (root / "self.png").symlink_to(root / "self.png")
    index = made()
    assert len(index) == 11 and "same.png" in index.ids and true(index)
    assert sorted(index.listing.outside) == ["folder", "gone.png", "link.png"]
    assert [file.path for file in index.unreadable] == ["self.png"]


def test_what_is_no_file_is_not_opened(made, root: Path) -> None:
    os.mkfifo(root / "pipe.jpg")  # reading it would wait for ever
    (root / "folder.jpg").mkdir()
    index = made()
    assert len(index) == 10 and [file.path for file in index.unreadable] == ["pipe.jpg"]


def test_a_name_that_is_no_text_is_listed(made, root: Path) -> None:
    try:
        shutil.copy(root / "a" / "00.png", os.fsdecode(os.fsencode(root) + b"/caf\xe9.png"))
    except OSError:
        pytest.skip("this file system takes no such names")
    index = made()
    assert len(index) == 10 and [file.path for file in index.unreadable] == ["caf?.png"]
    assert "rename it" in index.unreadable[0].reason


def test_a_file_that_changes_while_it_is_read_is_not_kept_under_its_old_hash(
    made, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Chosen.load

    def slow(self: Chosen, name: str, size: int | None = None) -> np.ndarray:
        if name == "a/00.png":
            picture(root / name, 500)
        return load(self, name, size)

    with monkeypatch.context() as patch:
        patch.setattr(Chosen, "load", slow)
        index = made()
    assert [file.path for file in index.unreadable] == ["a/00.png"] and "changed while" in index.unreadable[0].reason
    assert len(made()) == 10 and true(made())


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: None, "photos is not a folder"),
        (lambda root: root.write_text(""), "photos is not a folder"),
        (lambda root: root.mkdir(), r"photos holds no picture \(\.bmp, "),
        (lambda root: (root.mkdir(), (root / "x.HEIC").touch()), r"; 1 \.heic must be converted to JPEG first"),
        (lambda root: (root.mkdir(), (root / "x.jpg").touch()), r"none of the 1 pictures in .* the first: .*x\.jpg"),
    ],
)
def test_a_folder_without_pictures_is_an_error(tmp_path: Path, toy: Counting, prepare, message: str) -> None:
    prepare(tmp_path / "photos")
    with pytest.raises(PinpointError, match=message):
        index_folder(tmp_path / "photos", toy.side, cache=tmp_path / "cache")


def test_pictures_of_other_kinds_are_counted(made, root: Path) -> None:
    for name in ("1.HEIC", "2.heic", "3.dng"):
        (root / name).touch()
    assert made().listing.foreign == {".heic": 2, ".dng": 1}


# -- what a stopped run leaves ----------------------------------------------------------------------------------------
def test_a_stopped_run_keeps_what_it_has_made(made, toy: Counting, tmp_path: Path) -> None:
    root = pictures(tmp_path / "many", PART + 3 * BATCH + 2)

    def stop(doing: str, done: int, total: int) -> None:
        if doing == "encoding" and done >= PART + BATCH:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(root, report=stop)
    assert toy.fresh() == PART + BATCH
    index = made(root)
    assert toy.fresh() == index.encoded == 2 * BATCH + 2 and true(index)
    assert made(root).encoded == 0


def test_a_run_killed_before_its_part_is_listed_costs_that_part_alone(
    made, toy: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(photo_index, "write_json", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            made()
    toy.fresh()
    assert true(made()) and toy.fresh() == 10


def test_hashes_of_a_stopped_run_are_kept(made, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_files, "SETTLED", LONG_AGO)
    left = count(6, -1)
    hashed: list[Path] = []

    def digest(path: Path) -> str:
        if next(left) == 0:
            raise KeyboardInterrupt
        hashed.append(path)
        return file_digest(path)

    monkeypatch.setattr(photo_files, "file_digest", digest)
    with pytest.raises(KeyboardInterrupt):
        made()
    assert len(hashed) == 6
    assert true(made()) and len(set(hashed)) == len(hashed) == 10
    picture(root / "a" / "00.png", 70)  # the first of all
    left = count(0, -1)
    with pytest.raises(KeyboardInterrupt):
        made()
    assert true(made()) and hashed[10:] == [root / "a" / "00.png"]


def test_a_part_that_was_deleted_is_made_again(made, toy: Counting, root: Path, tmp_path: Path) -> None:
    made()
    picture(root / "new.png", 60)
    made()
    toy.fresh()
    (folder,) = (tmp_path / "cache" / "embeddings").iterdir()
    largest = max(folder.glob("*.npy"), key=lambda path: path.stat().st_size)
    largest.unlink()
    (root / "a" / "00.png").unlink()  # one of that part: it cannot be made as it was
    assert true(made()) and toy.fresh() == 9
    assert true(made()) and toy.fresh() == 0
    listed = [sha for part in json.loads((folder / "photographs.json").read_text()) for sha in part]
    assert len(listed) == len(set(listed)) == 10


@pytest.mark.parametrize("pattern", ["*.npy", "photographs.json"])
def test_a_damaged_part_is_named(made, tmp_path: Path, pattern: str) -> None:
    made()
    (path,) = (tmp_path / "cache" / "embeddings").glob(f"*/{pattern}")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PinpointError, match=f"{path.name}.*delete"):
        made()
    path.unlink()
    assert true(made())


def test_a_list_that_is_none_is_named(made, tmp_path: Path) -> None:
    made()
    (path,) = (tmp_path / "cache" / "embeddings").glob("*/photographs.json")
    path.write_text("{}")
    with pytest.raises(PinpointError, match=r"photographs\.json is no list of parts; delete it"):
        made()


def test_two_runs_add_to_one_list(toy: Counting, tmp_path: Path) -> None:
    one, two = (Shelf(Store(tmp_path), toy.side.record) for _ in range(2))
    rows = {name: np.full(6, n, np.float32) for n, name in enumerate("abc")}
    one.put({"a": rows["a"]})
    two.put({"b": rows["b"], "c": rows["c"]})
    one.put({"a": rows["a"]})
    assert one.parts() == [["a"], ["b", "c"]]
    found = two.read(dict.fromkeys("abz"))
    assert set(found) == {"a", "b"} and all(np.array_equal(found[k], rows[k]) for k in found)


def test_runs_at_the_same_time_lose_nothing(toy: Counting, tmp_path: Path) -> None:
    def add(run: int) -> None:
        for n in range(15):
            Shelf(Store(tmp_path), toy.side.record).put({f"{run}-{n}": np.full(6, n, np.float32)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    names = [f"{run}-{n}" for run in range(4) for n in range(15)]
    assert set(Shelf(Store(tmp_path), toy.side.record).read(dict.fromkeys(names))) == set(names)


def test_a_full_disk_is_one_clear_line(made, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")  # no folder can be made there
    with pytest.raises(PinpointError, match=r"cannot write .*set PINPOINT_CACHE"):
        made()
