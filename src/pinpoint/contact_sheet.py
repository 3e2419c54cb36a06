"""A ranking as one page that stands alone: thumbnails inside it, no script, nothing loaded from elsewhere."""

import base64
import io
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path
from pinpoint.photo_files import Chosen
from pinpoint.photo_search import Answer, Hit

THUMB = 440  # pixels of the longer side: twice what a phone shows
SUFFIXES = (".html", ".htm")


def write_sheet(path: Path, answer: Answer) -> None:
    """Write the page, whole or not at all. Raises PinpointError for a name that is no page's, and when it cannot."""
    check_name(path)
    page = sheet(answer)
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(page, "utf-8", errors="replace")
    except OSError as error:
        raise PinpointError(f"cannot write {path} ({error.strerror}); choose another place for the page") from error


def check_name(path: Path) -> None:
    """Refuse a name that may be a picture's."""
    if path.suffix.lower() not in SUFFIXES:
        raise PinpointError(f"{path} is no name for a page; end it in .html")


def sheet(answer: Answer) -> str:
    """The page as text. Every name and every text is escaped."""
    folder = Chosen(answer.index.listing.root, tuple(hit.path for hit in answer.hits))
    template = (Path(__file__).parent / "contact_sheet.html").read_text("utf-8")
    return filled(template, {
        "TITLE": escape(title(answer)), "QUERY": query(answer), "NOTES": notes(answer),
        "HITS": "\n".join(cell(hit, data_uri(folder.load(hit.path)), answer.rerank is not None) for hit in answer.hits),
    })  # fmt: skip


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with every {{NAME}} replaced, in one pass: what a value holds is not looked at again."""
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda match: values[match.group(1)], template)


def title(answer: Answer) -> str:
    """What the tab of a browser shows."""
    asked = answer.question.text or (answer.question.image.name if answer.question.image else "")
    return f"{asked} – {answer.index.listing.root.resolve().name}"


def query(answer: Answer) -> str:
    """The question: the reference, the text, the prompt, as far as they are there; and how it was asked."""
    question, parts = answer.question, []
    if question.image is not None:
        said = escape(f"Reference picture {question.image.name}", quote=True)
        parts.append(f'<img src="{data_uri(question.picture())}" alt="{said}">')
    words = [f"<h1>{escape(question.text)}</h1>"] if question.text else ["<h1>Pictures like this one</h1>"]
    words += [f"<p>asked beside every picture: {escape(question.full_prompt)}</p>"] if question.full_prompt else []
    return "".join((*parts, "<div>", *words, f"<p>{escape(answer.said())}</p></div>"))


def notes(answer: Answer) -> str:
    """What the reader should know, below the pictures."""
    lines = "".join(f"<p>{escape(note)}</p>" for note in answer.notes)
    return f"<footer>{lines}</footer>" if lines else ""


def cell(hit: Hit, uri: str, staged: bool) -> str:
    """One picture with its rank, score and path. staged: with its rank after stage 1, too."""
    moved = f'<span class="was">was {hit.before}</span>' if staged and hit.stage == 2 else ""
    score = f'<span class="score">{hit.score:.3f}{" (stage 1)" if staged and hit.stage == 1 else ""}</span>'
    said = escape(f"Rank {hit.rank}: {hit.path}", quote=True)
    return (f'<li><figure><img src="{uri}" alt="{said}" loading="lazy"><figcaption><b>{hit.rank}</b> {score}{moved}'
            f'<span class="path">{escape(hit.path)}</span></figcaption></figure></li>')  # fmt: skip


def data_uri(picture: np.ndarray, side: int = THUMB) -> str:
    """A uint8 RGB picture as a small JPEG inside a URI. It carries no metadata: no place, no date."""
    small = Image.fromarray(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80, optimize=True, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
