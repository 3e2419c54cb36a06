r"""Sphinx extension: numbers in prose come from the ledger.

{num}`facets.clip.weather.r5` prints the value of the published profile, {num}`full:facets.clip.weather.r5` that of
another one; {num}`key ci` its interval, and so on for every form in `numbers.FORMS` (`key|ci` outside of tables, where
a bar parts columns). A number that is not on record stops the build and names key and page.

{quoted}`75.94 from Table 2` marks a number quoted from a publication.
"""

from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxRole

from pinpoint.errors import PinpointError
from pinpoint.study import pages
from pinpoint.study.layout import PUBLISHED
from pinpoint.study.ledger import Entry, lookup, read_ledger
from pinpoint.study.numbers import origin, written


def parse_reference(text: str) -> tuple[str, str, str]:
    """`"full:key ci"` as `("full", "key", "ci")`; the defaults are the published profile and the value."""
    reference, _, form = text.strip().replace("|", " ").partition(" ")
    profile, colon, key = reference.rpartition(":")
    return (profile if colon else PUBLISHED), key, form.strip() or "value"


def resolve(root: Path, text: str) -> tuple[str, str]:
    """The text to print for a reference, and its origin; raises `PinpointError` if it is not on record."""
    profile, key, form = parse_reference(text)
    path = root / "results" / f"{profile}.json"
    entry = lookup(_ledger(path, path.stat().st_mtime_ns if path.exists() else 0), key, f"results/{profile}.json")
    return written(entry, form), origin(entry, profile)


@cache
def _ledger(path: Path, _changed: int) -> dict[str, Entry]:
    return read_ledger(path)


class NumberRole(SphinxRole):
    """The role `num`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number with its origin as a tip; one that is not on record is noted, and stops the build at its end."""
        root = Path(self.env.app.srcdir)
        self.env.note_dependency(str(root / "results" / f"{parse_reference(self.text)[0]}.json"))
        try:
            text, source = resolve(root, self.text)
        except PinpointError as error:
            _missing(self.env).setdefault(self.env.docname, []).append(str(error))
            return [nodes.inline(text="(missing number)")], []
        return [nodes.abbreviation(self.rawtext, text, explanation=source, classes=["pp-num"])], []


class QuotedRole(SphinxRole):
    """The role `quoted`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The text with its source as a tip; without a source it counts as missing."""
        text, _, source = self.text.replace("|", " from ", 1).partition(" from ")
        if not source.strip():
            _missing(self.env).setdefault(self.env.docname, []).append(f"{self.rawtext} names no source")
        explanation = f"quoted from {source.strip()}"
        return [nodes.abbreviation(self.rawtext, text.strip(), explanation=explanation, classes=["pp-quoted"])], []


def _missing(env: BuildEnvironment) -> dict[str, list[str]]:
    """What could not be printed, by page; kept in the environment so that an incremental build remembers it."""
    found: dict[str, list[str]] = vars(env).setdefault("pinpoint_missing", {})
    return found


def _forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _missing(env).pop(docname, None)


def _merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    _missing(env).update({name: found for name, found in _missing(other).items() if name in docnames})


def _stop_on_missing(app: Sphinx, env: BuildEnvironment) -> None:
    problems = [f"{page}: {message}" for page, found in sorted(_missing(env).items()) for message in found]
    if problems:
        raise ExtensionError("numbers that are not on record:\n  " + "\n  ".join(problems))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register roles and page hooks."""
    app.add_role("num", NumberRole())
    app.add_role("quoted", QuotedRole())
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("env-check-consistency", _stop_on_missing)
    pages.connect(app)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
