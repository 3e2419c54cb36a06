"""One file from a server that behaves well, or badly: whole at the end, or an error that names file and fix."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_toy import Site, serving
from pinpoint import data_download
from pinpoint.data_console import Bar
from pinpoint.data_download import Known, download
from pinpoint.errors import PinpointError

BODY = bytes(range(256)) * 2000  # 512,000 bytes, more than one chunk
SHA256 = hashlib.sha256(BODY).hexdigest()
SOURCE = Path(__file__).resolve().parents[1] / "src"


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
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


def begun(target: Path, url: str, have: int, validator: str = '"one"', total: int | None = len(BODY)) -> Path:
    """A part as an earlier try leaves it."""
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(BODY[:have])
    data_download.write_json(part.with_name(f"{part.name}.json"), {"url": url, "validator": validator, "total": total})
    return part


def left(folder: Path) -> set[str]:
    """What lies in a folder besides locks."""
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock.tmp")}


def test_a_file_comes_whole_and_nothing_else_stays(site, target):
    url = site.put("/file", BODY)
    assert download(url, target) == SHA256
    assert target.read_bytes() == BODY and left(target.parent) == {"file.bin"}
    assert site.asked == [("/file", "")]


def test_what_is_there_is_not_fetched_again(site, target):
    target.write_bytes(b"mine")
    assert download(site.put("/file", BODY), target) == hashlib.sha256(b"mine").hexdigest()
    assert target.read_bytes() == b"mine" and site.asked == []


def test_a_broken_connection_is_taken_up_where_it_broke(site, target):
    url = site.put("/file", BODY, cut=[100_000, 150_000])
    assert download(url, target) == SHA256
    assert target.read_bytes() == BODY
    first, *rest = [wanted for _, wanted in site.asked]
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in rest]
    assert first == "" and len(starts) == 2 and 0 < starts[0] <= 100_000 and starts[0] < starts[1] <= 250_000


def test_a_server_without_ranges_begins_again_and_joins_nothing(site, target):
    url = site.put("/file", BODY, cut=[100_000], ranges=False)
    assert download(url, target) == SHA256
    assert target.read_bytes() == BODY and len(site.asked) == 2


def test_a_truncated_download_is_never_taken_for_whole(site, target):
    url = site.put("/file", BODY, cut=[200_000] * 9, ranges=False)
    said = r"could not fetch file.bin from .*/file: the connection broke 4 times .* keeps what came. Run the same"
    with pytest.raises(PinpointError, match=f"{said} command again, or get the file by hand and put it at") as caught:
        download(url, target)
    assert not target.exists() and "\n" not in str(caught.value)
    site.pages["/file"].cut.clear()
    assert download(url, target) == SHA256  # the same command again


@pytest.mark.parametrize(("changed", "validator"), [('"two"', '"one"'), ('W/"one"', ""), ("", "")])
def test_two_versions_are_never_joined(site, target, changed, validator):
    url = site.put("/file", BODY, etag=changed)
    part = begun(target, url, 5, validator)
    part.write_bytes(b"other")
    assert download(url, target) == SHA256 and target.read_bytes() == BODY


def test_a_server_that_minds_no_condition_is_seen_by_its_tag(site, target):
    url = site.put("/file", BODY, etag='"two"', careless=True)
    begun(target, url, 5).write_bytes(b"other")
    assert download(url, target) == SHA256 and target.read_bytes() == BODY
    assert site.asked == [("/file", "bytes=5-"), ("/file", "")]


def test_a_part_of_another_address_is_not_gone_on_with(site, target):
    part = begun(target, "http://elsewhere/file", 5)
    part.write_bytes(b"other")
    assert download(site.put("/file", BODY), target) == SHA256
    assert site.asked == [("/file", "")]


def test_a_known_hash_stands_in_for_a_validator(site, target):
    url = site.put("/file", BODY, etag="", modified="")
    begun(target, url, 1000, "")
    assert download(url, target, Known(sha256=SHA256)) == SHA256
    assert site.asked == [("/file", "bytes=1000-")]


def test_a_date_is_a_validator_where_the_tag_is_weak(site, target):
    url = site.put("/file", BODY, etag='W/"x"', modified="Mon, 01 Jan 2024 00:00:00 GMT", cut=[99_000])
    assert download(url, target) == SHA256
    assert site.asked[1][1].startswith("bytes=")


def test_a_part_that_is_whole_needs_no_request(site, target):
    url = site.put("/file", BODY)
    begun(target, url, len(BODY))
    assert download(url, target) == SHA256 and site.asked == []


@pytest.mark.parametrize("fault", ["longer", "wrong"])
def test_a_part_that_cannot_be_gone_on_with_is_thrown_away(site, target, fault):
    url = site.put("/file", BODY, wrong=fault == "wrong")
    part = begun(target, url, 1000, total=None)
    if fault == "longer":
        part.write_bytes(BODY + b"more")
    assert download(url, target) == SHA256 and target.read_bytes() == BODY
    assert len(site.asked) == 2 and site.asked[1] == ("/file", "")


def test_a_wrong_checksum_removes_the_file_and_says_what_to_do(site, target):
    url = site.put("/file", BODY)
    said = r"gave 512,000 bytes of SHA-256 .*data.lock.json says .* for .*file.bin; the publisher changed it"
    with pytest.raises(PinpointError, match=f"{said} .* remove its entry there to accept it"):
        download(url, target, Known(sha256="0" * 64, source="data.lock.json"))
    assert left(target.parent) == set()


def test_a_wrong_size_is_seen_before_the_body_comes(site, target):
    with pytest.raises(PinpointError, match="it has 512,000 bytes there, and 7 in the table of data sets"):
        download(site.put("/file", BODY), target, Known(size=7))
    assert not target.exists()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<!doctype html><p>Please log in", "a page"),
        (b"\n<HTML><p>Gone", "a page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a pointer of Git LFS"),
    ],
)
def test_a_stand_in_is_no_file(site, target, body, what):
    with pytest.raises(PinpointError, match=rf"gave {what} in place of file.bin; get it by hand and put it at"):
        download(site.put("/file", body), target)
    assert left(target.parent) == set()


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_the_address_and_the_way_by_hand(site, target, status):
    url = site.put("/file", b"no", status=status)
    with pytest.raises(PinpointError, match=rf"could not fetch file.bin from {url}: {status} .*by hand and put it at"):
        download(url, target)
    assert not target.exists() and len(site.asked) == 1


def test_nobody_answers(target, monkeypatch):
    monkeypatch.setattr(data_download, "PAUSE", 0.0)
    with pytest.raises(PinpointError, match=r"the connection broke 4 times \(ConnectionError\)"):
        download("http://127.0.0.1:9/file", target)


def test_a_file_without_a_stated_end_needs_something_to_tell_it_by(site, target):
    url = site.put("/file", BODY, length=False)
    with pytest.raises(PinpointError, match="does not say how large it is"):
        download(url, target)
    assert download(url, target, Known(sha256=SHA256)) == SHA256


def test_a_full_disk_is_seen_before_the_body_comes(site, target, monkeypatch):
    url = site.put("/file", BODY)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(BODY)))
    assert download(url, target) == SHA256  # just enough
    target.unlink()
    said = "to fetch file.bin, .* needs 0.0 GB and has 0.0 GB free; free some, or set PINPOINT_DATA"
    with pytest.raises(PinpointError, match=said):
        download(url, target, Known(unpacked=True))  # an archive needs the room twice
    assert not target.exists()


def test_a_disk_that_fills_up_keeps_the_part(site, target, monkeypatch):
    from pooch import HTTPDownloader

    def full(self, url, handle, _):
        handle.write(BODY[:1000])
        handle.flush()
        raise OSError(errno.ENOSPC, "No space left on device")

    url = site.put("/file", BODY)
    with monkeypatch.context() as patch:
        patch.setattr(HTTPDownloader, "__call__", full)
        with pytest.raises(
            PinpointError, match=r"cannot write .*\.file\.bin\.part: the disk is full; .* it goes on there"
        ):
            download(url, target, Known(sha256=SHA256))
    assert not target.exists()
    assert download(url, target, Known(sha256=SHA256)) == SHA256
    assert site.asked == [("/file", "bytes=1000-")]


def test_killed_half_way_it_goes_on(site, target):
    """A process that is killed while the body comes leaves a part, no file; the next one asks for the rest alone."""
    rest = threading.Event()
    url = site.put("/file", BODY, cut=[400_000], slow=rest)
    code = "import sys, pathlib, pinpoint.data_download as d; d.download(sys.argv[1], pathlib.Path(sys.argv[2]))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, url, str(target)], env=os.environ | {"PYTHONPATH": str(SOURCE)}
    )
    part, deadline = target.with_name(".file.bin.part"), time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 100_000) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    rest.set()
    assert not target.exists() and 100_000 < part.stat().st_size < len(BODY)
    site.pages["/file"].slow = None
    assert download(url, target) == SHA256
    assert site.asked[1][1] == f"bytes={site.asked[1][1][6:-1]}-" and int(site.asked[1][1][6:-1]) > 100_000


def test_two_at_once_fetch_it_once(site, target):
    url = site.put("/file", BODY)
    threads = [threading.Thread(target=download, args=(url, target)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == BODY and len(site.asked) == 1


def test_the_bar_counts_what_was_there_and_never_too_much(site, target, capsys):
    bars = list[Bar]()

    def bar(have: int) -> Bar:
        bars.append(Bar(have))
        return bars[-1]

    url = site.put("/file", BODY)
    begun(target, url, 200_000)
    download(url, target, progress=bar)
    assert (bars[0].have, bars[0].bar.total, bars[0].bar.n) == (200_000, len(BODY), len(BODY))
