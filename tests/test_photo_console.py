"""`pinpoint index` and `pinpoint search` as they are typed: what they print, where, and the status they return."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from photo_toy import Counting, pictures
from pinpoint import cli, photo_console, photo_models, photo_search
from pinpoint.photo_console import shown
from pinpoint.photo_models import Model


class Asks:
    """Answers every text with the vector of the first picture."""

    def __init__(self, toy: Counting, root: Path) -> None:
        from pinpoint.datasets.folder import FolderImages

        self.row = toy._encode([FolderImages(root).load("a/00.png")])

    def encode_texts(self, texts: list[str]) -> Any:
        return self.row


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return pictures(tmp_path / "photos", 7)


@pytest.fixture
def pinpoint(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`pinpoint(…)` runs a command with a model that takes no time: status, stdout, stderr."""
    toy = Counting()
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    model = Model("toy", toy.side, Asks(toy, root), "--encoder clip-b32")
    monkeypatch.setattr(photo_models, "open_model", lambda *_: model)
    monkeypatch.setattr(photo_search, "open_dual", lambda *_: model)

    def run(*arguments: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pinpoint", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out, told.err

    return run


def test_index_says_what_it_did(pinpoint, root: Path) -> None:
    code, out, err = pinpoint("index", root)
    assert (
        code == 0 and out == f"7 pictures of {root} in the index of toy: 7 encoded now, 0 gone since the last visit\n"
    )
    assert err == "note: toy was trained on drawn scenes and does not know photographs; for those: --encoder clip-b32\n"
    (root / "a" / "00.png").unlink()
    assert "6 pictures" in (out := pinpoint("index", root)[1]) and "0 encoded now, 1 gone since" in out


def test_unreadable_files_are_listed_at_the_end_and_strict_makes_them_an_error(pinpoint, root: Path) -> None:
    (root / "x.jpg").write_text("no picture")
    (root / "b" / "y.jpg").touch()
    for command in (("index", root), ("search", root, "a dog")):
        code, _, err = pinpoint(*command)
        lines = err.splitlines()
        assert code == 0 and lines[-3] == "2 files could not be read, left out of the index:"
        assert f"  {root / 'b' / 'y.jpg'} cannot be read as a picture" in lines[-2] and "x.jpg" in lines[-1]
        assert pinpoint(*command, "--strict")[0] == 1
    (root / "b" / "y.jpg").unlink()
    assert "1 file could not be read" in pinpoint("index", root)[2]
    (root / "x.jpg").unlink()
    assert pinpoint("index", root, "--strict")[0] == 0


def test_search_prints_a_table(pinpoint, root: Path) -> None:
    long = root / ("long " * 20) / ("x" * 90 + ".png")
    long.parent.mkdir()
    long.write_bytes((root / "a" / "03.png").read_bytes())
    code, out, _ = pinpoint("search", root, "a dog", "--top", 8)
    lines = out.splitlines()
    assert code == 0 and lines[0] == "8 of 8 pictures in photos · method general · toy"
    assert lines[1].split() == ["rank", "score", "path"] and len(lines) == 10
    rows = [line.split(maxsplit=2) for line in lines[2:]]
    assert [int(row[0]) for row in rows] == list(range(1, 9))
    assert [float(row[1]) for row in rows] == sorted((float(row[1]) for row in rows), reverse=True)
    assert long.relative_to(root).as_posix() in {row[2].strip() for row in rows}  # whole, on one line


def test_search_prints_json_and_nothing_else_on_stdout(pinpoint, root: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, out, err = pinpoint("search", root, "a dog", "--json", "--top", 2, "--html", page)
    told = json.loads(out)
    assert code == 0 and len(told["hits"]) == 2 and told["pictures"] == 7 and told["question"] == {"text": "a dog"}
    assert str(page) in err and page.read_text().count("<li>") == 2


def test_search_writes_a_page(pinpoint, root: Path, tmp_path: Path) -> None:
    code, out, _ = pinpoint("search", root, "a dog", "--html", tmp_path / "page.html")
    assert code == 0 and out.splitlines()[-1] == str(tmp_path / "page.html")
    assert "<h1>a dog</h1>" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("index", "nowhere"), "error: nowhere is not a folder"),
        (("search", "nowhere", "x"), "error: nowhere is not a folder"),
        (("search", "{root}"), "error: nothing to look for; give a text, --image, or both"),
        (("search", "{root}", ""), "error: the text is empty"),
        (("search", "{root}", "x", "--method", "nope"), "error: unknown method 'nope'; the methods: general"),
        (("search", "{root}", "x", "--image", "nowhere.jpg"), "error: there is no reference picture nowhere.jpg"),
        (("search", "{root}", "x", "--html", "x.jpg"), "error: x.jpg is no name for a page"),
        (("search", "{root}", "x", "--rerank", "3"), "error: --rerank reads a reference and a text together"),
        (("search", "{root}", "x", "--rerank", "0"), "error: Invalid value for '--rerank'"),
        (("search", "{root}", "x", "--top", "0"), "error: Invalid value for '--top'"),
        (("index", "{root}", "--prompt", " "), "error: the prompt is empty"),
    ],
)
def test_a_mistake_is_one_clear_line_and_status_2(pinpoint, root: Path, arguments: Any, message: str) -> None:
    code, out, err = pinpoint(*(argument.format(root=root) for argument in arguments))
    assert code == 2 and out == "" and err.startswith(message) and err.count("\n") == 1


def test_a_stopped_run_says_how_to_go_on(pinpoint, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(photo_console, "index_folder", stopped)
    code, _, err = pinpoint("index", root)
    assert code == 130 and err == "stopped; what is encoded is kept, and the same command goes on from there\n"


def test_names_cannot_steer_the_terminal(pinpoint, root: Path) -> None:
    (root / "\x1b[31mred\n.png").write_bytes((root / "a" / "00.png").read_bytes())
    (root / "[bold]:dog:.png").write_bytes((root / "a" / "00.png").read_bytes())
    _, out, _ = pinpoint("search", root, "x")
    assert "\x1b" not in out and r"\x1b[31mred\n.png" in out and "[bold]:dog:.png" in out
    assert shown("é ü – 犬") == "é ü – 犬"
