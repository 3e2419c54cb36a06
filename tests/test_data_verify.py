"""Whole, incomplete or absent: what `pinpoint data` says of folders, and how to get the rest."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from data_toy import Site, packed, serving
from pinpoint import cli, data_console, data_openers, data_verify
from pinpoint.data_fetch import fetch, read_lock
from pinpoint.data_sources import BY_NAME, DATASETS, Dataset, File
from pinpoint.data_verify import Report, verify


def save(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), colour).save(path)
    return path


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as served:
        served.put("/list.json", b"[1]")
        served.put("/pics.zip", packed([f"pics/{n}.jpg" for n in range(3)]))
        yield served


@pytest.fixture
def row(site: Site, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    files = (
        File(f"{site.url}/list.json", "toy/list.json"),
        File(f"{site.url}/pics.zip", "toy", holds="pics", pictures=3),
    )
    made = Dataset("toy", "a toy", "toy", "free", "nobody", "list.json, pics/", files, "write to its authors",
                   links=(("toy/more", "toy/pics"),))  # fmt: skip
    monkeypatch.setitem(BY_NAME, "toy", made)
    monkeypatch.setattr(data_console, "DATASETS", (made,))
    monkeypatch.setitem(data_openers.OPENERS, "toy", data_openers.pictures_read)
    return made


@pytest.fixture
def folder(row: Dataset, tmp_path: Path) -> Path:
    fetch(row, tmp_path, say=lambda _: None)
    return tmp_path


def test_a_row_is_absent_until_something_is_there(row, tmp_path):
    report = verify(row, tmp_path)
    assert (report.state, report.faults) == ("absent", ())
    assert report.fix == "pinpoint data fetch toy; write to its authors"
    (tmp_path / "toy").mkdir()
    assert verify(row, tmp_path).state == "absent"


def test_a_fetched_row_is_whole_and_says_what_is_read(row, folder):
    report = verify(row, folder)
    assert (report.state, report.faults, report.reads) == ("whole", (), ("3 pictures",))


def test_every_loss_is_named(row, folder):
    (folder / "toy/list.json").unlink()
    (folder / "toy/pics/1.jpg").unlink()
    (folder / "toy/pics/2.jpg").write_bytes(b"cut")
    (folder / "toy/more").unlink()
    report = verify(row, folder, quick=True)
    assert report.state == "incomplete" and report.faults == (
        f"{folder}/toy/list.json is missing",
        f"2 of 3 files of pics.zip are gone or cut short, the first {folder}/toy/pics/1.jpg",
        f"{folder}/toy/more is missing",
    )


def test_changed_bytes_of_the_same_length_need_the_hashes(row, folder):
    (folder / "toy/list.json").write_bytes(b"[2]")
    (folder / "toy/pics/1.jpg").write_bytes(b"Picture pics/1.jpg")
    assert verify(row, folder, quick=True).state == "whole"
    assert verify(row, folder).faults == (
        f"{folder}/toy/list.json is not the file that is on record (SHA-256); delete it and fetch it again",
        f"{folder}/toy/pics/1.jpg has other bytes than pics.zip had; delete it and fetch again",
    )
    (folder / "toy/list.json").write_bytes(b"[22]")
    assert "list.json has 4 bytes, not 3; delete it" in verify(row, folder, quick=True).faults[0]


@pytest.mark.parametrize("loss", ["gone", "changed"])
def test_the_list_of_an_archive_is_checked_itself(row, site, folder, loss):
    listing = folder / "archives/pics.zip.json"
    listing.unlink()
    if loss == "changed":
        listing.write_text("{}")
    report = verify(row, folder)
    assert f"{listing}, the list of what pics.zip held, is gone or was changed; delete it and fetch" in report.faults[0]
    listing.unlink(missing_ok=True)
    fetch(row, folder, say=lambda _: None)
    assert verify(row, folder).state == "whole"


def test_an_archive_that_is_not_unpacked_to_its_end(row, folder):
    lock = read_lock(folder)
    del lock["archives/pics.zip"]["files"]
    (folder / "data.lock.json").write_text(json.dumps(lock))
    assert f"{folder}/archives/pics.zip is not unpacked to its end; fetch goes on there" in verify(row, folder).faults


def test_pictures_put_there_by_hand_are_counted(row, tmp_path):
    save(tmp_path / "toy/pics/0.jpg")
    (tmp_path / "toy/list.json").write_text("[1]")
    assert f"{tmp_path}/toy/pics has 1 of 3 pictures" in verify(row, tmp_path).faults
    (tmp_path / "toy/more").symlink_to("pics")
    for n in (1, 2):
        save(tmp_path / f"toy/pics/{n}.jpg")
    assert verify(row, tmp_path).state == "whole"


def test_the_adapter_is_the_judge(tmp_path):
    row = BY_NAME["cc3m"]
    save(tmp_path / "cc3m/a.jpg")
    assert "there is no" in verify(row, tmp_path).faults[0]
    (tmp_path / "cc3m/captions.tsv").write_text("a red one\ta.jpg\n")
    assert verify(row, tmp_path) == Report(row, "whole", ("1 captioned images",))
    (tmp_path / "cc3m/captions.tsv").write_text("a red one\ta.jpg\na blue one\tb.jpg\n")
    assert "line 2: there is no image 'b.jpg'" in verify(row, tmp_path).faults[0]


def test_missing_pictures_of_a_listed_set_are_counted(tmp_path, monkeypatch):
    row = Dataset("circo", "", "circo", "", "", "")
    images = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in range(3)]
    record = {"id": 0, "reference_img_id": 0, "relative_caption": "other", "target_img_id": 1, "gt_img_ids": [1]}
    hidden = {key: record[key] for key in ("id", "reference_img_id", "relative_caption")}
    content = {"COCO2017_unlabeled/annotations/image_info_unlabeled2017.json": {"images": images},
               "annotations/val.json": [record], "annotations/test.json": [hidden]}  # fmt: skip
    for path, value in content.items():
        (tmp_path / "circo" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "circo" / path).write_text(json.dumps(value))
    report = verify(row, tmp_path)
    assert report.reads == ("circo val: 1 queries, gallery of 3 images", "circo test: 1 queries, gallery of 3 images")
    assert (
        report.faults[0].startswith("3 of 3 pictures of val are missing, the first ") and report.state == "incomplete"
    )
    for n in range(3):
        save(tmp_path / f"circo/COCO2017_unlabeled/unlabeled2017/{n:012d}.jpg")
    assert verify(row, tmp_path).state == "whole"


def test_every_opener_says_what_is_wrong_with_an_odd_folder(tmp_path):
    """No adapter breaks on a folder that holds something else: one line each, that names a path."""
    for row in DATASETS:
        (tmp_path / row.folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / row.folder / "notes.txt").write_text("not what is looked for")
    for row in DATASETS:
        report = verify(row, tmp_path)
        assert report.state == "incomplete" and report.faults, row.name
        assert all("\n" not in fault and str(tmp_path) in fault for fault in report.faults), report.faults


# -- the commands -------------------------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["pinpoint", "data", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def test_list_and_where_name_every_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    code, listed, _ = run(monkeypatch, capsys, "list")
    assert code == 0 and all(f"\n{row.name} " in listed and row.licence in listed for row in DATASETS)
    assert "0.8 GB" in listed and "by hand" in listed and "more than 20.2 GB" in listed
    save(tmp_path / "dsr/x.jpg")
    code, where, _ = run(monkeypatch, capsys, "where")
    assert code == 0 and where.startswith(f"{tmp_path}  (PINPOINT_DATA names another; data.lock.json")
    assert f"dsr: {tmp_path}/dsr\n" in where and f"cirr: {tmp_path}/cirr  (not there)\n" in where
    assert run(monkeypatch, capsys, "where", "dsr")[1].count("read by") == 1


def test_fetch_and_verify_from_the_command_line(row, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    assert run(monkeypatch, capsys, "verify", "toy")[0] == 1  # it was asked for, and is absent
    code, said, err = run(monkeypatch, capsys, "fetch", "toy", "--no-images")
    assert (code, err) == (0, "") and "pictures, left out" in said
    code, said, _ = run(monkeypatch, capsys, "verify")
    assert code == 1 and "incomplete  toy" in said and "to get it: pinpoint data fetch toy; write to its" in said
    assert run(monkeypatch, capsys, "fetch", "toy", "--keep")[0] == 0 and (tmp_path / "archives/pics.zip").exists()
    code, said, _ = run(monkeypatch, capsys, "verify", "toy", "--quick")
    assert code == 0 and "whole       toy\n    3 pictures\n" in said and "to get it" not in said


def test_mistakes_are_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    for arguments, message in ((("fetch",), "error: say which: coco-val2017, "),
                               (("fetch", "nope"), "error: unknown data set 'nope'; known: cc3m"),
                               (("verify", "nope"), "error: unknown data set 'nope'")):  # fmt: skip
        code, _, err = run(monkeypatch, capsys, *arguments)
        assert (code, err.count("\n")) == (2, 1) and err.startswith(message)
    assert os.listdir(tmp_path) == []


def test_nothing_absent_fails_the_check_of_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    code, said, _ = run(monkeypatch, capsys, "verify")
    assert code == 0 and said.count("absent") == len(DATASETS)
    assert data_verify.ABSENT == "absent"


def test_the_page_of_the_book_names_every_row_and_no_other(repository):
    table = [
        line.split("|")[1] for line in (repository / "book/data.md").read_text().splitlines() if line.startswith("| `")
    ]
    named = [name for cell in table for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(named) == sorted(BY_NAME)
