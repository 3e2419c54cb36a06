"""What a reader should never meet on a page, found before publishing. Each rule has a name and a place."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from pinpoint.errors import PinpointError
from pinpoint.study.layout import Layout
from pinpoint.study.ledger import lookup, read_ledger
from pinpoint.study.lint_html import lint_html
from pinpoint.study.lint_notebook import NOTEBOOKS_BUDGET, lint_notebook
from pinpoint.study.numbers import FORMS
from pinpoint.study.roles import parse_reference
from pinpoint.study.script import PARAMETERS, code_cells, parameter_names, read_script, tags

LONGEST_FUNCTION = 10
ROLE = re.compile(r"\{num\}`([^`]+)`")
# What may hold a decimal without being a measured number: code, formulas, links, roles, quoted tables.
EXEMPT = [
    re.compile(r"^(`{3,}|~{3,}|:{3,})\s*\{(list-table|table|csv-table)\}.*?\n:class:[^\n]*quoted.*?^\1", re.M | re.S),
    re.compile(
        r"^(`{3,}|~{3,})(?!\s*\{(?:admonition|note|tip|warning|exercise|solution|table|list-table)).*?^\1", re.M | re.S
    ),
    re.compile(r"\$\$.*?\$\$", re.S),
    re.compile(r"\$[^$\n]+\$"),
    re.compile(r"\{[\w:-]+\}`[^`]*`"),
    re.compile(r"(`+)[^`].*?\1"),
    re.compile(r"\]\([^)]*\)|<?https?://\S+"),
    re.compile(r"(§|[Ss]ections?|[Cc]hapters?|[Tt]ables?|[Ff]igures?|[Vv]ersions?|CC BY|Python)\s*\d+(\.\d+)*"),
    re.compile(r"\b95\s?%\s+([a-z]+\s+){0,2}intervals?"),
    re.compile(r"(?<![\w.])(0|100)\s?%"),  # the ends of a scale
    re.compile(r"\b\d+\.\d+\.\d+\b"),
]
LITERAL = re.compile(r"(?<![\w.])\d+(?:\.\d+)?\s?(?:%|per ?cent\b|percentage points?\b)|(?<![\w.])\d*\.\d+(?!\w)")


@dataclass(frozen=True)
class Finding:
    """One finding, printed as `place: rule: message`."""

    place: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}: {self.message}"


def lint_all(layout: Layout) -> list[Finding]:
    """Scripts, executed notebooks, references to numbers, table of contents, and the HTML if it has been built."""
    findings = [*lint_toc(layout), *lint_references(layout)]
    for chapter in layout.chapter_names():
        path = layout.script(chapter)
        findings += [Finding(f"notebooks/{chapter}.py", rule, text) for rule, text in lint_script(path)]
    total = 0
    for path in sorted(layout.chapters.glob("*.ipynb")):
        total += path.stat().st_size
        findings += [Finding(f"book/chapters/{path.name}", rule, text) for rule, text in lint_notebook(path)]
    if total > NOTEBOOKS_BUDGET:
        findings.append(
            Finding("book/chapters", "budget", f"notebooks together {total:,} bytes > {NOTEBOOKS_BUDGET:,}")
        )
    html = layout.root / "_build" / "html"
    if (html / "book").is_dir():
        findings += [Finding(place, rule, text) for place, rule, text in lint_html(html)]
    return findings


def lint_script(path: Path) -> Iterator[tuple[str, str]]:
    """Rules for a chapter's script: parameters cell, short functions, no measured number typed into the prose."""
    try:
        notebook = read_script(path)
        if "PROFILE" not in parameter_names(notebook, path):
            yield "parameters", "the parameters cell does not assign PROFILE"
    except PinpointError as error:
        yield "script", str(error)
        return
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION:
                yield "long-function", f"{node.name} is longer than {LONGEST_FUNCTION} lines; move it into the package"
        if PARAMETERS in tags(cell) and "record(" in cell.source:
            yield "parameters", "the parameters cell records a number; it is hidden from the reader"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for literal in raw_literals(cell.source):
                yield "raw-number", (f"{literal!r} is typed into the prose; print it with {{num}}`key`, "
                                     f"or mark it as {{quoted}}`{literal} from SOURCE`")  # fmt: skip


def raw_literals(markdown: str) -> list[str]:
    """Percentages and decimals in prose, outside of code, formulas, links, roles and tables of class `quoted`."""
    for pattern in EXEMPT:
        markdown = pattern.sub(" ", markdown)
    return [match.group().strip() for match in LITERAL.finditer(markdown)]


def lint_references(layout: Layout) -> Iterator[Finding]:
    """Every {num} in prose pages and scripts must be on record, in a form that exists."""
    pages = sorted((layout.root / "book").glob("*.md")) + sorted(layout.notebooks.glob("*.py"))
    for path in pages:
        for reference in sorted(set(ROLE.findall(re.sub(r"``.*?``", "", path.read_text())))):
            profile, key, form = parse_reference(reference)
            try:
                lookup(read_ledger(layout.results / f"{profile}.json"), key, f"results/{profile}.json")
            except PinpointError as error:
                yield Finding(str(path.relative_to(layout.root)), "number", str(error))
            if form not in FORMS:
                yield Finding(str(path.relative_to(layout.root)), "number", f"{form!r} is no form; {', '.join(FORMS)}")


def lint_toc(layout: Layout) -> Iterator[Finding]:
    """Table of contents, scripts and executed notebooks name the same chapters; every page that exists is listed."""
    toc = (layout.root / "_toc.yml").read_text()
    listed = set(_files(yaml.safe_load(toc)))
    scripts = set(layout.chapter_names())
    executed = {path.stem for path in layout.chapters.glob("*.ipynb")}
    chapters = {Path(name).name for name in listed if name.startswith("book/chapters/")}
    for name in sorted(scripts - chapters):
        yield Finding("_toc.yml", "toc", f"chapter {name} has a script and is not listed")
    for name in sorted(chapters - scripts):
        yield Finding("_toc.yml", "toc", f"chapter {name} is listed and has no script notebooks/{name}.py")
    for name in sorted(scripts - executed):
        yield Finding("book/chapters", "toc", f"chapter {name} is not executed; run pinpoint run {name}")
    for name in sorted(executed - scripts):
        yield Finding("book/chapters", "toc", f"{name}.ipynb has no script; delete it")
    pages = {f"book/{path.stem}" for path in (layout.root / "book").glob("*.md")}
    for page in sorted(pages - listed):
        yield Finding("_toc.yml", "toc", f"page {page}.md is not listed")
    for page in sorted(name for name in listed - pages if not name.startswith("book/chapters/")):
        yield Finding("_toc.yml", "toc", f"page {page}.md is listed and missing")


def _files(node: object) -> Iterator[str]:
    """Every `root` and `file` of a table of contents."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("root", "file"):
                yield str(value)
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for item in node:
            yield from _files(item)
