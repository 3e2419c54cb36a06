"""A data set is brought to its place from a server on this machine: recorded, resumed, never overwritten."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from data_toy import Served, Site, packed, serving
from pinpoint import data_archives, data_download, data_fetch
from pinpoint.data_console import Bar, rows
from pinpoint.data_fetch import LOCK, data_folder, fetch, fetch_archive, fetch_file, read_lock
from pinpoint.data_hub import find
from pinpoint.data_openers import OPENERS
from pinpoint.data_sources import BY_NAME, DATASETS, Dataset, File
from pinpoint.errors import PinpointError

TEXT = b'{"a": 1}'
SHA256 = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def site(server: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    server.pages.clear()
    server.asked.clear()
    monkeypatch.setattr(data_download, "PAUSE", 0.0)
    return server


@pytest.fixture
def row(site: Site) -> Dataset:
    """One plain file and one archive of three pictures."""
    pictures = File(site.put("/pics.zip", packed([f"pics/{n}.jpg" for n in range(3)])), "toy", holds="pics", pictures=3)
    return Dataset("toy", "a toy", "toy", "free", "nobody", "list.json, pics/",
                   (File(site.put("/list.json", TEXT), "toy/list.json"), pictures))  # fmt: skip


def fetched(row: Dataset, folder: Path, **options: bool) -> list[str]:
    said = list[str]()
    fetch(row, folder, say=said.append, **options)
    return said


# -- files --------------------------------------------------------------------------------------------------------


def test_all_of_a_row_comes_and_is_recorded(row, site, tmp_path):
    said = fetched(row, tmp_path)
    assert said[0] == "toy: free" and "fetched, 3 files" in said[2]
    assert {p.name for p in (tmp_path / "toy/pics").iterdir()} == {"0.jpg", "1.jpg", "2.jpg"}
    lock = json.loads((tmp_path / LOCK).read_text())
    assert lock["toy/list.json"] == {"sha256": SHA256, "size": len(TEXT), "url": f"{site.url}/list.json"}
    assert (lock["archives/pics.zip"]["files"], lock["archives/pics.zip"]["url"]) == (3, f"{site.url}/pics.zip")
    assert not (tmp_path / "archives/pics.zip").exists()  # unpacked, and so not kept


def test_a_second_fetch_asks_for_nothing(row, site, tmp_path):
    fetched(row, tmp_path)
    site.asked.clear()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    said = fetched(row, tmp_path)
    assert [line.rpartition(": ")[2] for line in said[1:]] == ["there already"] * 2 and site.asked == []
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before


def test_other_bytes_at_a_later_fetch_are_an_error(row, site, tmp_path):
    fetched(row, tmp_path)
    (tmp_path / "toy/list.json").unlink()
    site.pages["/list.json"] = Served(b'{"a": 2}')
    with pytest.raises(
        PinpointError, match=r"and data.lock.json says .* for .*toy/list.json; .* remove its entry there"
    ):
        fetched(row, tmp_path)
    assert not (tmp_path / "toy/list.json").exists()
    lock = read_lock(tmp_path)
    del lock["toy/list.json"]
    (tmp_path / LOCK).write_text(json.dumps(lock))
    fetched(row, tmp_path)
    assert read_lock(tmp_path)["toy/list.json"]["sha256"] != SHA256


def test_a_file_that_was_changed_is_named_and_left_alone(row, tmp_path):
    fetched(row, tmp_path)
    (tmp_path / "toy/list.json").write_bytes(b"mine")
    with pytest.raises(PinpointError, match=r"toy/list.json has SHA-256 .*, and data.lock.json says .*; move it away"):
        fetched(row, tmp_path)
    assert (tmp_path / "toy/list.json").read_bytes() == b"mine"


def test_a_file_put_there_by_hand_is_kept_and_recorded(row, site, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/list.json").write_bytes(b"[1]")
    assert fetch_file(row.files[0], tmp_path) == "there already"
    assert (read_lock(tmp_path)["toy/list.json"]["url"], site.asked) == ("found in place", [])
    stated = replace(row.files[0], sha256=SHA256)
    with pytest.raises(PinpointError, match="the table of data sets says"):
        fetch_file(stated, tmp_path)


def test_a_hash_of_the_table_is_held_to(row, tmp_path):
    good, bad = (replace(row.files[0], sha256=value, size=len(TEXT)) for value in (SHA256, "0" * 64))
    with pytest.raises(PinpointError, match="the table of data sets says"):
        fetch_file(bad, tmp_path)
    assert not (tmp_path / "toy/list.json").exists() and read_lock(tmp_path) == {}
    assert fetch_file(good, tmp_path).startswith("fetched")


# -- archives -----------------------------------------------------------------------------------------------------


def test_an_archive_can_be_kept(row, site, tmp_path):
    fetched(row, tmp_path, keep=True)
    archive = tmp_path / "archives/pics.zip"
    assert archive.read_bytes() == site.pages["/pics.zip"].body
    (tmp_path / "toy/pics/1.jpg").unlink()
    site.asked.clear()
    assert fetch_archive(row.files[1], tmp_path, keep=True) == "fetched, 3 files" and site.asked == []
    archive.write_bytes(b"other")
    (tmp_path / "toy/pics/1.jpg").unlink()
    with pytest.raises(PinpointError, match=r"pics.zip is not the file that data.lock.json records; delete it"):
        fetch_archive(row.files[1], tmp_path)


@pytest.mark.parametrize("loss", ["gone", "cut"])
def test_what_was_lost_is_brought_back_and_the_rest_stays(row, site, tmp_path, loss):
    fetched(row, tmp_path)
    lost, kept = tmp_path / "toy/pics/1.jpg", tmp_path / "toy/pics/2.jpg"
    lost.unlink()
    before = kept.stat().st_ino
    if loss == "cut":
        lost.write_bytes(b"pic")
        with pytest.raises(PinpointError, match=r"1.jpg is not the file that pics.zip has there; move it away"):
            fetched(row, tmp_path)
        lost.unlink()
    assert fetch_archive(row.files[1], tmp_path) == "fetched, 3 files"
    assert lost.read_bytes() == b"picture pics/1.jpg" and kept.stat().st_ino == before


def test_progress_is_told_of_what_comes_and_what_is_unpacked(row, site, tmp_path):
    bars = list[Bar]()

    def bar(have: int) -> Bar:
        bars.append(Bar(have))
        return bars[-1]

    fetch(row, tmp_path, say=lambda _: None, progress=bar)
    sizes = [len(TEXT), len(site.pages["/pics.zip"].body), 3 * len("picture pics/0.jpg")]
    assert [bar.bar.n for bar in bars] == sizes


def test_pictures_put_there_by_hand_are_counted_not_fetched(row, site, tmp_path):
    (tmp_path / "toy/pics").mkdir(parents=True)
    for n in range(3):
        (tmp_path / f"toy/pics/{n}.jpg").write_bytes(b"mine")
    assert "3 pictures put in place by hand" in fetch_archive(row.files[1], tmp_path)
    assert site.asked == []


def test_killed_while_it_unpacks_it_goes_on(row, site, tmp_path, monkeypatch):
    placed = data_archives._placed

    def killed(archive, member, target):
        if member.path.endswith("1.jpg"):
            raise KeyboardInterrupt
        return placed(archive, member, target)

    with monkeypatch.context() as patch:
        patch.setattr(data_archives, "_placed", killed)
        with pytest.raises(KeyboardInterrupt):
            fetched(row, tmp_path)
    assert os.listdir(tmp_path / "toy/pics") == ["0.jpg"] and "files" not in read_lock(tmp_path)["archives/pics.zip"]
    site.asked.clear()
    assert fetch_archive(row.files[1], tmp_path) == "fetched, 3 files" and site.asked == []


def test_an_evil_archive_touches_nothing_and_is_not_what_is_recorded(row, site, tmp_path):
    good, site.pages["/pics.zip"] = site.pages["/pics.zip"], Served(packed(["pics/0.jpg", "../../evil.txt"]))
    with pytest.raises(PinpointError, match="leads out of the folder"):
        fetched(row, tmp_path / "data")
    assert not list(tmp_path.rglob("evil.txt")) and not (tmp_path / "data/toy/pics").exists()
    assert "sha256" not in read_lock(tmp_path / "data")["archives/pics.zip"]
    (tmp_path / "data/archives/pics.zip").unlink()
    site.pages["/pics.zip"] = good
    assert fetch_archive(row.files[1], tmp_path / "data") == "fetched, 3 files"


def test_without_images_only_the_annotations_come(row, site, tmp_path):
    said = fetched(row, tmp_path, images=False)
    assert said[-1] == "  toy/pics: pictures, left out" and [path for path, _ in site.asked] == ["/list.json"]


# -- rows ---------------------------------------------------------------------------------------------------------


def test_what_a_row_needs_comes_first_and_is_linked(row, tmp_path, monkeypatch):
    monkeypatch.setitem(BY_NAME, "toy", row)
    upper = Dataset("upper", "needs the toy", "upper", "free", "nobody", "pics/", by_hand="write to its authors",
                    needs=("toy",), links=(("upper/pics", "toy/pics"),))  # fmt: skip
    said = fetched(upper, tmp_path)
    link = tmp_path / "upper/pics"
    assert link.is_symlink() and not os.path.isabs(os.readlink(link)) and (link / "2.jpg").is_file()
    assert said[-1] == f"  by hand: write to its authors (below {tmp_path / 'upper'})"
    assert fetched(upper, tmp_path)[-1] == said[-1]  # a link that is there stays
    (tmp_path / "toy").rename(tmp_path / "away")
    fetched(upper, tmp_path, images=False)
    assert link.is_symlink() and not link.exists()


def test_a_lock_that_is_no_table_is_named(row, tmp_path):
    (tmp_path / LOCK).write_text("[]")
    with pytest.raises(PinpointError, match=r"data.lock.json is no table of files; restore or delete it"):
        fetched(row, tmp_path)
    (tmp_path / LOCK).write_text("{")
    with pytest.raises(PinpointError, match=r"data.lock.json is not valid JSON"):
        fetched(row, tmp_path)


def test_the_data_folder_is_that_of_the_environment_or_the_checkout(tmp_path, monkeypatch, repository):
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("PINPOINT_DATA", "")
    assert data_folder() == repository / "data"


def test_the_table_is_sound():
    assert len(BY_NAME) == len(DATASETS) and OPENERS.keys() == BY_NAME.keys()
    files = [file for row in DATASETS for file in row.files]
    archives = [file.name for file in files if file.holds]
    assert len(set(archives)) == len(archives)  # they share a folder
    assert len({file.path for file in files if not file.holds}) == len(files) - len(archives)
    for row in DATASETS:
        assert row.what and row.licence and row.readers and row.layout and (row.files or row.by_hand), row.name
        assert all(name in BY_NAME for name in row.needs)
        for file in row.files:
            assert file.path == row.folder or file.path.startswith((f"{row.folder}/", f"{row.folder.split('/')[0]}"))
            assert re.fullmatch(r"(https?|hf)://[^\s]+", file.url) and ".." not in file.path
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert (file.sha256 is None) or file.size  # a known hash comes with its size
    assert rows([]) == list(DATASETS) and rows(["dsr", "cirr"]) == [BY_NAME["dsr"], BY_NAME["cirr"]]
    with pytest.raises(PinpointError, match="unknown data set 'coco'; known: cc3m"):
        rows(["coco"])


def test_hashes_of_the_table_are_those_of_the_files(shared_data):
    """The hashes of the table are of files that can be compared here, where somebody has them."""
    places = {"cirr/": "cirr/", "circo/annotations/": "circo/circo_annotations_"}
    compared = 0
    for file in (f for name in ("cirr", "circo") for f in BY_NAME[name].files if f.sha256):
        prefix = next(p for p in places if file.path.startswith(p))
        path = shared_data / "annotations" / (places[prefix] + file.path.removeprefix(prefix))
        if path.is_file():
            assert (data_fetch.file_digest(path), path.stat().st_size) == (file.sha256, file.size), path
            compared += 1
    if not compared:
        pytest.skip("none of CIRR's and CIRCO's files are there")


# -- the Hub ------------------------------------------------------------------------------------------------------

HUB = "hf://datasets/lst627/COCO-Facet/a.json"


@pytest.fixture
def hub(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    large = {"rfilename": "benchmark set/a.json", "size": len(TEXT), "lfs": {"sha256": SHA256, "size": len(TEXT)}}
    siblings = [{"rfilename": "README.md"}, large, {"rfilename": "b.json"}, {"rfilename": "x/b.json"}]
    site.put("/api/datasets/lst627/COCO-Facet", json.dumps({"sha": "c0ffee", "siblings": siblings}).encode())
    site.put("/datasets/lst627/COCO-Facet/resolve/c0ffee/benchmark%20set/a.json", TEXT)
    return site


def test_the_hub_is_asked_for_the_folder_the_commit_and_the_hash(hub, tmp_path):
    found = find(HUB)
    assert found.url == f"{hub.url}/datasets/lst627/COCO-Facet/resolve/c0ffee/benchmark%20set/a.json"
    assert (found.size, found.sha256) == (len(TEXT), SHA256)
    assert fetch_file(File(HUB, "facets/a.json"), tmp_path).startswith("fetched")
    assert read_lock(tmp_path)["facets/a.json"]["url"] == found.url


def test_a_file_that_the_hub_lacks_or_has_twice_is_not_guessed(hub):
    for name, n in (("none.json", 0), ("b.json", 2)):
        with pytest.raises(
            PinpointError, match=rf"datasets/lst627/COCO-Facet has {n} files {name}; get the right one by"
        ):
            find(HUB.replace("a.json", name))


@pytest.mark.parametrize(("body", "status"), [(b"[]", 200), (b"no", 200), (b"no", 401)])
def test_a_hub_that_does_not_answer_is_named(hub, body, status):
    hub.pages["/api/datasets/lst627/COCO-Facet"] = Served(body, status=status)
    said = r"api/datasets/lst627/COCO-Facet (did not answer|answered something else) ?.*"
    with pytest.raises(PinpointError, match=said + "get a.json by hand from huggingface.co/datasets/lst627/COCO-Facet"):
        find(HUB)
