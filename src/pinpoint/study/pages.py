"""What a chapter's page says about its own making: a line under the title, a card at the end, an honest edit link."""

import json
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pinpoint.files import read_json
from pinpoint.study.layout import PUBLISHED, Layout, recorded

CHAPTERS = "book/chapters/"


def connect(app: Sphinx) -> None:
    """Hook into Sphinx. The edit link is rewritten after the theme has made its buttons (priority 501)."""
    app.connect("source-read", _depend_on_record)
    app.connect("html-page-context", _add_provenance)
    app.connect("html-page-context", _retarget_edit, priority=600)


def provenance(layout: Layout, chapter: str) -> dict[str, Any]:
    """The published notebook's own mark, joined with the record of its run; empty where there is neither."""
    target = recorded(layout, PUBLISHED)
    record = target.record(chapter, PUBLISHED)
    path = target.notebook(chapter)
    if not path.is_file() or not record.is_file():
        return {}
    mark = json.loads(path.read_text())["metadata"].get("pinpoint", {})
    return {**read_json(record), **{key: mark[key] for key in ("seal", "profile") if key in mark}}


def byline(about: dict[str, Any]) -> str:
    """One line of HTML under the title."""
    minutes = duration(about["minutes"])
    return (
        f'<p class="pp-byline">Executed with profile <b>{escape(about["profile"])}</b> in {minutes} on '
        f'{escape(about["device"])}. <a href="#pp-provenance">How this page was made</a></p>'
    )


def card(chapter: str, about: dict[str, Any]) -> str:
    """The provenance card as HTML; free of dates, so that the same run gives the same page."""
    versions = ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())
    rows = {
        "Profile": escape(about["profile"]),
        "Time": duration(about["minutes"]),
        "Device": escape(about["device"]),
        "Peak memory": f"{about['peak_mb']:,} MB" if about.get("peak_mb") else "not measured",
        "Numbers on record": str(about.get("numbers", 0)),
        "Seal": f"<code>{escape(about['seal'])}</code>",
        "Versions": escape(versions),
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{text}</dd></div>" for name, text in rows.items())
    command = f"pinpoint run {chapter} --force"
    return (
        '<aside class="pp-card" id="pp-provenance" aria-label="How this page was made">'
        f'<p class="pp-card-title">How this page was made</p><dl>{cells}</dl>'
        f"<p>Run it yourself: <code>{escape(command)}</code>, then compare: "
        f"<code>pinpoint verify {escape(chapter)}</code></p></aside>"
    )


def duration(minutes: float) -> str:
    """`42 s` below two minutes, `3.5 min` above."""
    return f"{round(60 * minutes)} s" if minutes < 2 else f"{minutes:.1f} min"


def _chapter(docname: str) -> str | None:
    return docname.removeprefix(CHAPTERS) if docname.startswith(CHAPTERS) else None


def _depend_on_record(app: Sphinx, docname: str, source: list[str]) -> None:
    chapter = _chapter(docname)
    if chapter is not None:
        app.env.note_dependency(str(recorded(Layout(Path(app.srcdir)), PUBLISHED).record(chapter, PUBLISHED)))


def _add_provenance(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    chapter = _chapter(pagename)
    about = provenance(Layout(Path(app.srcdir)), chapter) if chapter and "body" in context else {}
    if chapter and about:
        body = context["body"].replace("</h1>", "</h1>" + byline(about), 1)
        context["body"] = body + card(chapter, about)


def _retarget_edit(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Edit and source buttons of an executed notebook lead to its script, the only edited form."""
    chapter = _chapter(pagename)
    if chapter is not None:
        _replace_urls(context.get("header_buttons", []), f"{CHAPTERS}{chapter}.ipynb", f"notebooks/{chapter}.py")


def _replace_urls(buttons: list[dict[str, Any]], old: str, new: str) -> None:
    for button in buttons:
        if "url" in button and button.get("label") != "download-source-button":
            button["url"] = button["url"].replace(old, new)
        _replace_urls(button.get("buttons", []), old, new)
