"""Rules for the rendered book: what slips through Sphinx even in a strict build."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

PAGE_BUDGET = 3_000_000  # bytes of a page with the pictures it shows
HASHED = re.compile(r"(^|/)[0-9a-f]{32,}\b")
SKIPPED = ("_static", "_sources", "_images", "_downloads")


def lint_html(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield `(page, rule, message)` for every page below `root` (the folder `_build/html`)."""
    for path in sorted(root.rglob("*.html")):
        place = path.relative_to(root)
        if place.parts[0] not in SKIPPED:
            for rule, message in lint_page(path, root):
                yield str(place), rule, message


def lint_page(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Tracebacks, missing or meaningless alternative text, dead internal links, weight."""
    page = _soup(path)
    article = page.find("article") or page
    if (
        article.find(class_=re.compile("^(traceback|stderr)$"))
        or "Traceback (most recent call last)" in article.get_text()
    ):
        yield "traceback", "an error is shown to the reader"
    weight = path.stat().st_size
    for image in page.find_all("img"):
        alt, source = image.get("alt"), str(image.get("src", ""))
        if alt is None or HASHED.search(str(alt)) or (not str(alt).strip() and image.get("role") != "presentation"):
            yield "alt", f"picture {source.rpartition('/')[2]} has no alternative text that says what it shows"
        target = _local(path, source, root)
        if target is not None and not target.is_file():
            yield "link", f"picture {source} does not exist"
        weight += target.stat().st_size if target is not None and target.is_file() else 0
    if weight > PAGE_BUDGET:
        yield "budget", f"{weight:,} bytes with its pictures > {PAGE_BUDGET:,}"
    for link in article.find_all("a", href=True):
        message = dead_link(path, str(link["href"]), root)
        if message:
            yield "link", message


def dead_link(page: Path, href: str, root: Path) -> str | None:
    """Why an internal link leads nowhere, or None if it is fine or external."""
    target = _local(page, href, root)
    if target is None:
        return None
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return f"link {href} leads to no page"
    fragment = unquote(urlsplit(href).fragment)
    if fragment and target.suffix == ".html" and fragment not in _anchors(target):
        return f"link {href} leads to no place on that page"
    return None


def _local(page: Path, url: str, root: Path) -> Path | None:
    """The file that a URL on a page names, None for an external or embedded one."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return None
    if not parts.path:
        return page
    return (root if parts.path.startswith("/") else page.parent) / unquote(parts.path).lstrip("/")


@cache
def _soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(), "html.parser")


@cache
def _anchors(path: Path) -> frozenset[str]:
    return frozenset(str(tag["id"]) for tag in _soup(path).find_all(id=True))
