"""Rules for executed notebooks, which a book with execution switched off would publish whatever they contain."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup

OUTPUT_BUDGET, NOTEBOOK_BUDGET, NOTEBOOKS_BUDGET = 300_000, 2_000_000, 12_000_000  # bytes
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")
SHOWN = (*IMAGES, "text/html", "text/markdown", "text/latex", "text/plain")
SCRIPTED = re.compile(r"application/(vnd\.(plotly|jupyter\.widget|vega|bokeh)|javascript)")
BANNER = re.compile(r"papermill-error|An Exception was encountered at")


def lint_notebook(path: Path) -> Iterator[tuple[str, str]]:
    """Yield `(rule, message)` for an executed notebook."""
    text = path.read_text()
    try:
        notebook = nbformat.reads(text, as_version=4)
    except (json.JSONDecodeError, nbformat.reader.NotJSONError):
        yield "format", "not a notebook"
        return
    if len(text.encode()) > NOTEBOOK_BUDGET:
        yield "budget", f"{len(text.encode()):,} bytes > {NOTEBOOK_BUDGET:,}"
    if "kernelspec" not in notebook.metadata or "language_info" not in notebook.metadata:
        yield "metadata", "kernelspec or language_info is missing"
    if "papermill" in notebook.metadata or "pinpoint" not in notebook.metadata:
        yield "metadata", "not published by pinpoint run (volatile metadata, or no seal)"
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    titles = re.findall(r"^# \S", re.sub(r"^(`{3,}|~{3,}).*?^\1", "", prose, flags=re.M | re.S), flags=re.M)
    if len(titles) != 1:
        yield "title", f"{len(titles)} headings of the first level; a page has exactly one"
    for number, cell in enumerate(notebook.cells, start=1):
        for rule, message in _lint_cell(cell):
            yield rule, f"cell {number}: {message}"


def _lint_cell(cell: Any) -> Iterator[tuple[str, str]]:
    if BANNER.search(cell.source):
        yield "banner", "papermill's error banner"
    if cell.cell_type != "code":
        return
    tags = cell.metadata.get("tags", [])
    if "injected-parameters" in tags or ("parameters" in tags and "remove-cell" not in tags):
        yield "parameters", "a parameters cell that readers would see"
    for output in cell.outputs:
        size = len(json.dumps(output))
        if size > OUTPUT_BUDGET:
            yield "budget", f"an output of {size:,} bytes > {OUTPUT_BUDGET:,}"
        if output.output_type == "error":
            yield "error", f"{output.ename}: {output.evalue}"
        elif output.output_type == "stream" and output.name == "stderr":
            yield "stderr", "".join(output.text).strip().splitlines()[-1][:120]
        elif "data" in output and "remove-cell" not in tags and "remove-output" not in tags:
            yield from _lint_data(output.data, cell)


def _lint_data(data: Any, cell: Any) -> Iterator[tuple[str, str]]:
    """Rules for what one output shows."""
    kinds = set(data)
    if any(SCRIPTED.match(kind) for kind in kinds) and not kinds & set(IMAGES):
        yield "scripted", "an output that needs a script from elsewhere to show; add a picture"
    if not kinds & set(SHOWN):
        yield "scripted", f"nothing in {', '.join(sorted(kinds))} can be rendered"
    image = cell.metadata.get("mystnb", {}).get("image", {})
    if kinds & set(IMAGES) and not str(image.get("alt", "")).strip():
        yield "alt", 'a picture without alternative text; give the cell mystnb={"image": {"alt": "..."}}'
    if "image/jpeg" in kinds and image and "dark-light" not in str(image.get("classes", "")):
        yield "dark", 'image options replace the global ones, and dark mode would dim it; add "classes": "dark-light"'
    html = "".join(data.get("text/html", ""))
    for tag in BeautifulSoup(html, "html.parser").find_all("img") if "<img" in html else []:
        if not str(tag.get("alt", "")).strip():
            yield "alt", "an HTML output with an <img> without alternative text"
