"""Archives that are honest, damaged or evil: all of one lands in its folder, or nothing does."""

import errno
import io
import os
import shutil
import stat
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pinpoint import data_archives
from pinpoint.data_archives import crc_of, unpack
from pinpoint.errors import PinpointError

CONTENT = {"val/1.jpg": b"one" * 500, "val/deep/2.jpg": b"two", "list.json": b"[]"}


def zipped(path: Path, content: Mapping[str, bytes] = CONTENT, **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that comes twice is what one test wants
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = options.get("mode", stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)
            if options.get("twice"):
                archive.writestr(info, data)
    return path


def taped(path: Path, content: Mapping[str, bytes] = CONTENT, mode: str = "w:gz", **options: Any) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = options.get("type", tarfile.REGTYPE), options.get("linkname", "")
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data) if info.size else None)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize(("make", "name"), [(zipped, "a.zip"), (taped, "a.tar.gz")])
def test_an_archive_is_unpacked_whole_and_listed(tmp_path, folder, make, name):
    done = list[int]()
    listing = unpack(make(tmp_path / name), folder, tick=done.append)
    assert files(folder) == CONTENT
    assert listing == {path: [len(data), zlib.crc32(data)] for path, data in CONTENT.items()}
    assert done == [len(data) for data in CONTENT.values()]
    assert crc_of(folder / "val/1.jpg") == listing["val/1.jpg"][1]


def test_a_plain_tar_that_ends_in_a_zip_is_a_tar(tmp_path, folder):
    inner = zipped(tmp_path / "inner.zip", {"x": b"x"}).read_bytes()
    unpack(taped(tmp_path / "a.tar", {"inner.zip": inner}, mode="w"), folder)
    assert files(folder) == {"inner.zip": inner}


def test_a_folder_around_everything_is_taken_off_if_asked(tmp_path, folder):
    around = {f"DSR-Dataset/{name}": data for name, data in CONTENT.items()}
    archive = zipped(tmp_path / "a.zip", {**around, "__MACOSX/DSR-Dataset/._list.json": b"junk"})
    unpack(archive, folder, wrapped=True)
    assert files(folder) == CONTENT
    unpack(archive, folder / "as-it-is")
    assert set(files(folder / "as-it-is")) == set(around)
    unpack(zipped(tmp_path / "b.zip"), folder / "nothing-around", wrapped=True)
    assert files(folder / "nothing-around") == CONTENT


@pytest.mark.parametrize("name", ["../out.txt", "val/../../out.txt", "/etc/out.txt", "val\\..\\out.txt", ".."])
@pytest.mark.parametrize("make", [zipped, taped])
def test_a_name_that_leads_out_refuses_the_whole_archive(tmp_path, folder, make, name):
    archive = make(tmp_path / "evil", {"good.txt": b"good", name: b"evil"})
    with pytest.raises(
        PinpointError, match=r"evil: its member .* leads out of the folder; nothing was unpacked. Delete"
    ):
        unpack(archive, folder)
    assert files(folder) == {} and not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_link_or_a_device_in_a_zip_is_refused(tmp_path, folder, mode):
    archive = zipped(tmp_path / "evil.zip", {"link": b"/etc/passwd"}, mode=mode)
    with pytest.raises(PinpointError, match="member 'link' is a link or a device; nothing was unpacked"):
        unpack(archive, folder)
    assert files(folder) == {}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_a_device_in_a_tar_is_refused(tmp_path, folder, kind):
    archive = taped(tmp_path / "evil.tar.gz", {"a/link": b""}, type=kind, linkname="/etc/passwd")
    with pytest.raises(PinpointError, match="member 'a/link' is a link or a device; nothing was unpacked"):
        unpack(archive, folder)
    assert os.listdir(folder) == []


def test_two_members_for_one_place_are_refused(tmp_path, folder):
    with pytest.raises(PinpointError, match="'x' is there twice"):
        unpack(zipped(tmp_path / "a.zip", {"x": b"1"}, twice=True), folder)
    with pytest.raises(PinpointError, match="'x' is there twice"):
        unpack(zipped(tmp_path / "b.zip", {"x": b"1", "./x": b"2"}), folder)
    with pytest.raises(PinpointError, match="'a/x' is a file and a folder"):
        unpack(zipped(tmp_path / "c.zip", {"a/x": b"1", "a/x/y/z": b"2"}), folder)
    assert files(folder) == {}


def test_an_encrypted_member_is_refused(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", {"x": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    with pytest.raises(PinpointError, match="'x' is encrypted"):
        unpack(path, folder)


@pytest.mark.parametrize(("make", "name"), [(zipped, "a.zip"), (taped, "a.tar.gz")])
@pytest.mark.parametrize("fault", ["cut", "empty", "text", "flipped"])
def test_a_damaged_archive_is_an_error_and_leaves_no_half_file(tmp_path, folder, rng, make, name, fault):
    path = make(tmp_path / name, {"x": rng.bytes(5000), "y": rng.bytes(5000)})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4] = b"\0\0\0\0"
    path.write_bytes({"cut": data[:middle], "empty": b"", "text": b"<p>no</p>", "flipped": data}[fault])
    with pytest.raises(
        PinpointError, match=rf"{name} is damaged or no zip or tar file .*; delete it and fetch it again"
    ):
        unpack(path, folder)
    assert all(len(data) == 5000 for data in files(folder).values())


def test_a_member_longer_than_it_says_is_no_way_round_the_room(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", {"x": b"0" * 100_000})
    data = path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(PinpointError, match="damaged"):
        unpack(path, folder)
    assert files(folder) == {}


def test_a_folder_that_is_a_link_elsewhere_is_not_written_through(tmp_path, folder):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "val").symlink_to(elsewhere)
    with pytest.raises(PinpointError, match=r"out/val leads out of .*/out by a link; remove the link"):
        unpack(zipped(tmp_path / "a.zip"), folder)
    assert os.listdir(elsewhere) == [] and not (folder / "list.json").exists()
    within = folder / "kept"
    within.mkdir()
    (folder / "val").unlink()
    (folder / "val").symlink_to(within)  # a link that stays inside does no harm
    unpack(tmp_path / "a.zip", folder)
    assert (within / "1.jpg").is_file()


@pytest.mark.parametrize(("make", "name"), [(zipped, "a.zip"), (taped, "a.tar.gz")])
def test_whole_files_stay_and_other_ones_are_never_overwritten(tmp_path, folder, make, name):
    archive = make(tmp_path / name)
    (folder / "val").mkdir()
    (folder / "val/1.jpg").write_bytes(CONTENT["val/1.jpg"])
    before = (folder / "val/1.jpg").stat().st_ino
    unpack(archive, folder)
    assert files(folder) == CONTENT and (folder / "val/1.jpg").stat().st_ino == before
    for other in (b"mine", b"One" * 500):  # another length, and the same
        (folder / "val/1.jpg").write_bytes(other)
        with pytest.raises(
            PinpointError, match=r"val/1.jpg is not the file that a\..* has there; move it away and fetch"
        ):
            unpack(archive, folder)
        assert (folder / "val/1.jpg").read_bytes() == other


def test_the_room_is_looked_at_before_and_counts_what_is_missing(tmp_path, folder, monkeypatch):
    archive = zipped(tmp_path / "a.zip")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1504))
    with pytest.raises(PinpointError, match=r"to unpack a.zip, .* needs 0.0 GB and has 0.0 GB free"):
        unpack(archive, folder)
    assert files(folder) == {}
    (folder / "list.json").write_bytes(b"[]")
    unpack(archive, folder)
    assert files(folder) == CONTENT


def test_a_disk_that_fills_up_keeps_whole_files_and_goes_on(tmp_path, folder, monkeypatch):
    archive, copied = zipped(tmp_path / "a.zip"), data_archives._copied

    def full(packed, member, file):
        if member.path == "val/deep/2.jpg":
            file.write(b"t")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copied(packed, member, file)

    with monkeypatch.context() as patch:
        patch.setattr(data_archives, "_copied", full)
        with pytest.raises(PinpointError, match="could not be unpacked: the disk is full; mend that and run the same"):
            unpack(archive, folder)
    assert files(folder) == {"val/1.jpg": CONTENT["val/1.jpg"]}
    unpack(archive, folder)
    assert files(folder) == CONTENT
