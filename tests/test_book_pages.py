"""The prose pages tell the truth: their examples run, the names and the commands they list exist."""

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from pinpoint.cli import app

BOOK = Path(__file__).resolve().parents[1] / "book"
FENCE = re.compile(r"^```pycon\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sessions(page: str) -> str:
    """All Python sessions of a page, one after another: later ones use the names of earlier ones."""
    return "\n".join(FENCE.findall((BOOK / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize(("page", "least"), [("metrics-and-protocols.md", 40), ("api.md", 5)])
def test_the_examples_of_a_page_give_what_it_shows(page: str, least: int) -> None:
    test = doctest.DocTestParser().get_doctest(sessions(page), {}, page, page, 0)
    assert len(test.examples) >= least
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert "".join(report) == ""


def documented() -> set[tuple[str, str]]:
    """The (module, name) pairs of the API page."""
    module, found = "", set()
    for directive, name in re.findall(r"^\.\. (\w+):: (\S+)$", (BOOK / "api.md").read_text(), flags=re.MULTILINE):
        if directive == "currentmodule":
            module = name
        else:
            found.add((module, name))
    return found


def test_every_name_of_the_api_page_exists_and_says_what_it_is() -> None:
    assert len(documented()) > 40
    for module, name in sorted(documented()):
        assert getattr(importlib.import_module(module), name).__doc__, f"{module}.{name}"


@pytest.mark.parametrize("module", ["metrics", "significance", "evaluate", "result", "retriever", "store", "benchmark"])
def test_the_api_page_leaves_no_main_name_out(module: str) -> None:
    members = vars(importlib.import_module(f"pinpoint.{module}")).items()
    public = {name: thing for name, thing in members if not name.startswith("_")}
    own = {name for name, thing in public.items() if getattr(thing, "__module__", "") == f"pinpoint.{module}"}
    inner = {"TextImageEncoder", "load_batch", "Encode"}  # what only the code needs
    assert own - inner <= {name for _, name in documented()}


def commands(group: Any, prefix: str) -> dict[str, set[str]]:
    """`{command: options}` of a typer group and of the groups in it, without hidden ones."""
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            found |= commands(command, f"{prefix} {name}")
        else:
            options = [p for p in command.params if p.param_type_name == "option"]
            found[f"{prefix} {name}"] = {flag for p in options for flag in (*p.opts, *p.secondary_opts)}
    return found


def test_the_table_of_commands_is_complete_and_true() -> None:
    rows = re.findall(r"^\| `(pinpoint [^`]+)` \|([^|]*)\|", (BOOK / "api.md").read_text(), flags=re.MULTILINE)
    listed = {
        re.sub(r" \[?[A-Z]+\]?$", "", command): set(re.findall(r"`(-[^`]+)`", options)) for command, options in rows
    }
    assert listed == commands(typer.main.get_command(app), "pinpoint")


@pytest.mark.parametrize("page", ["index.md", "metrics-and-protocols.md", "api.md"])
def test_every_picture_of_a_page_is_there_and_described(page: str) -> None:
    blocks = re.findall(r"^```\{(?:image|figure)\} (\S+)\n(.*?)^```", (BOOK / page).read_text(), re.M | re.S)
    assert blocks
    for path, options in blocks:
        assert (BOOK / path).stat().st_size < 250_000
        assert re.search(r"^:alt: .{40,}", options, re.M), path
