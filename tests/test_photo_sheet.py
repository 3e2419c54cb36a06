"""The page of a ranking: it stands alone, says everything in text, shows no metadata, and is whole or absent."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photo_toy import Counting, picture
from pinpoint import contact_sheet
from pinpoint.contact_sheet import THUMB, filled, sheet, write_sheet
from pinpoint.errors import PinpointError
from pinpoint.photo_index import index_folder
from pinpoint.photo_methods import Question
from pinpoint.photo_search import Answer, Hit

EVIL = "<script>alert(\"x\")</script> & {{HITS}} 'quoted'"
NAMES = ("wide.jpg", "tall.png", '<b>bold</b> & "it\'s".png', "{{NOTES}}.png", "sub/é ü.png")


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def answer(tmp_path: Path) -> Answer:
    root, exif = tmp_path / "my <photos>", Image.Exif()
    exif[0x010E] = "a secret place"
    for n, (name, size) in enumerate(zip(NAMES, [(900, 300), (200, 800), (40, 30), (30, 40), (50, 50)], strict=True)):
        picture(root / name, n, size, exif=exif)
    index = index_folder(root, Counting().side, cache=tmp_path / "cache")
    hits = tuple(Hit(n, 0.9 - 0.1 * n, name, 1, n) for n, name in enumerate(NAMES, 1))
    return Answer(Question(EVIL), "general", "toy", None, index, hits, (f"note {EVIL}",))


def decoded(uri: str | None) -> Image.Image:
    head, _, body = (uri or "").partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_every_picture_has_its_thumbnail_its_rank_its_score_and_its_path(answer: Answer) -> None:
    page = Page(sheet(answer))
    images = page.of("img")
    assert [image["alt"] for image in images] == [f"Rank {n}: {name}" for n, name in enumerate(NAMES, 1)]
    for n, (name, image) in enumerate(zip(NAMES, images, strict=True)):
        small, whole = decoded(image["src"]), Image.open(answer.index.listing.root / name)
        assert max(small.size) == min(THUMB, max(whole.size)) and name in page.text
        assert small.width / small.height == pytest.approx(whole.width / whole.height, rel=0.02)
        assert f"{0.8 - 0.1 * n:.3f}" in page.text
        coarse = [
            np.asarray(image.convert("RGB").resize((4, 4), Image.Resampling.BOX), int) for image in (small, whole)
        ]
        assert np.abs(coarse[0] - coarse[1]).max() < 12  # it is that picture


def test_names_and_texts_are_text(answer: Answer) -> None:
    page = Page(sheet(answer))
    assert EVIL in page.text and f"note {EVIL}" in page.text and "my <photos>" in page.text
    assert {tag for tag, _ in page.tags} == {
        "html", "head", "meta", "title", "style", "body", "main", "header", "div", "h1", "p", "ol", "li", "figure",
        "img", "figcaption", "b", "span", "footer",
    }  # fmt: skip
    assert len(page.of("b")) == len(NAMES) and len(page.of("li")) == len(NAMES)


def test_the_page_loads_nothing_and_serves_both_schemes_and_a_phone(answer: Answer) -> None:
    text = sheet(answer)
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r"data:image/jpeg;base64,[\w+/=]*", "", text))
    page = Page(text)
    assert {name for _, attributes in page.tags for name in attributes} <= {
        "lang", "charset", "name", "content", "src", "alt", "loading", "class"
    }  # fmt: skip
    assert "prefers-color-scheme: dark" in text and "color-scheme: light dark" in text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.of("meta")
    assert page.of("html") == [{"lang": "en"}]


def test_thumbnails_carry_no_metadata(answer: Answer) -> None:
    path = answer.index.listing.root / "wide.jpg"
    assert Image.open(path).getexif()[0x010E] == "a secret place"
    for image in Page(sheet(answer)).of("img"):
        small = decoded(image["src"])
        assert not dict(small.getexif()) and b"secret" not in base64.b64decode((image["src"] or "").partition(",")[2])


def test_the_question_is_shown_as_it_was_asked(answer: Answer) -> None:
    image = answer.index.listing.root / NAMES[2]
    page = Page(sheet(replace(answer, question=Question(image=image, prompt="weather"), notes=())))
    assert page.of("img")[0]["alt"] == f"Reference picture {image.name}" and len(page.of("img")) == 1 + len(NAMES)
    assert "What is the weather like in this image?" in page.text and not page.of("footer")
    assert answer.said() in Page(sheet(answer)).text


def test_a_re_ranked_page_says_where_each_picture_was(answer: Answer) -> None:
    hits = (Hit(1, 2.5, NAMES[1], 2, 2), Hit(2, 1.5, NAMES[0], 2, 1), Hit(3, 0.25, NAMES[2], 1, 3))
    text = Page(sheet(replace(answer, rerank=2, hits=hits))).text
    assert re.search(r"1 2\.500was 2.*2 1\.500was 1.*3 0\.250 \(stage 1\)", text, re.S) and "was 3" not in text
    assert "the first 2 re-ranked by stage 2" in text


def test_the_page_is_whole_or_absent(answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out" / "page.html"
    write_sheet(path, answer)
    before = path.read_bytes()
    assert before.decode() == sheet(answer) and list(path.parent.iterdir()) == [path]
    (answer.index.listing.root / NAMES[0]).unlink()
    with pytest.raises(PinpointError, match=r"wide\.jpg cannot be read"):
        write_sheet(path, answer)
    monkeypatch.setattr(contact_sheet, "sheet", lambda _: None)  # fails while it is written
    with pytest.raises(TypeError):
        write_sheet(path, answer)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["photo.jpg", "page", "page.html.png"])
def test_a_picture_is_never_overwritten(answer: Answer, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(PinpointError, match=r"is no name for a page; end it in \.html"):
        write_sheet(tmp_path / name, answer)
    assert (tmp_path / name).read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(answer: Answer, tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder.html", tmp_path / "file" / "page.html"):
        with pytest.raises(PinpointError, match=f"cannot write {path}"):
            write_sheet(path, answer)


def test_a_folder_whose_name_is_no_text_has_a_page_too(tmp_path: Path) -> None:
    root = tmp_path / "caf\udce9"
    try:
        picture(root / "x.png", 0)
    except OSError:
        pytest.skip("this file system takes no such names")
    index = index_folder(root, Counting().side, cache=tmp_path / "cache")
    answer = Answer(Question("x"), "general", "toy", None, index, (Hit(1, 0.5, "x.png", 1, 1),), ())
    write_sheet(tmp_path / "page.html", answer)
    assert "1 picture in caf?" in (tmp_path / "page.html").read_text("utf-8")
    assert "caf" in json.dumps(answer.to_json())


def test_what_a_value_holds_is_not_filled_again() -> None:
    assert filled("{{A}}-{{B}}", {"A": "{{B}}", "B": r"\1"}) == r"{{B}}-\1"
