"""The seal of an executed chapter: what its outputs depend on, hashed part by part so that staleness has a reason.

Sealed: code cells, parameters, the `pinpoint` modules imported (transitively, lazy imports included), the weights and
data files named, the versions locked for the numeric libraries (another torch may move a number, and the lock is the
same on every machine where the installed set is not), and the ledger entries quoted. Comments, docstrings and prose
are not: they cannot change an output, and the runner refreshes them without executing.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from pinpoint.errors import PinpointError
from pinpoint.files import digest, file_digest
from pinpoint.study.layout import Layout
from pinpoint.study.ledger import read_ledger
from pinpoint.study.profiles import Params, plain
from pinpoint.study.script import bare_code, checked_ast, code_cells, header_list

# The version in `pinpoint` itself, and machinery that carries numbers without making them; `study.chapter` seeds the
# run and is sealed.
UNSEALED = re.compile(r"pinpoint(\.(cli|devices|errors|files|study\.(?!chapter$)\w+))?$")
MODULE_NAME = re.compile(r"pinpoint(\.[a-z_]\w*)+")
LOCKED = ("numpy", "scipy", "scikit-learn", "umap-learn", "torch", "torchvision", "open-clip-torch", "transformers",
          "faiss-cpu", "faiss-gpu", "skia-python", "pillow", "sentence-transformers")  # fmt: skip

Parts = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Seal:
    """The parts of a seal, `{kind: {name: short hash}}`, and their joint hash."""

    parts: Parts

    @property
    def short(self) -> str:
        """Twelve hex digits, as printed on the page."""
        return digest(self.parts)[:12]


def make_seal(layout: Layout, notebook: NotebookNode, params: Params) -> Seal:
    """Seal a chapter (as read by `script.read_script`) under its parameters. Runs nothing, imports nothing."""
    sources = [cell.source for cell in code_cells(notebook)]
    trees = [ast.parse(source) for source in sources]
    values = plain(params)
    words = {word for tree in trees for word in _strings(tree)} | set(_texts(values))
    return Seal({
        "code": {"cells": digest([bare_code(source) for source in sources])[:12]},
        "parameter": {key: digest(values[key])[:12] for key in params},
        "module": imported_modules(layout, trees),
        "weights": _weights(layout, header_list(notebook, "weights"), words),
        "data": {name: _data_digest(layout, name) for name in header_list(notebook, "data")},
        "library": locked_versions(layout.root / "requirements.lock"),
    })  # fmt: skip


def differences(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What changed between two seals, in words: `["module pinpoint.metrics", "parameter seeds (new)"]`."""
    found = []
    for kind in sorted(set(old) | set(new)):
        before, after = old.get(kind, {}), new.get(kind, {})
        for name in sorted(set(before) | set(after)):
            if before.get(name) != after.get(name):
                note = " (new)" if name not in before else " (gone)" if name not in after else ""
                found.append("code cells" if kind == "code" else f"{kind} {name}{note}")
    return found


def quotes_changed(layout: Layout, quoted: Mapping[str, str]) -> list[str]:
    """The ledger entries that a chapter quoted and that differ by now. `quoted` maps `profile:key` to a short hash."""
    changed = []
    for name, old in sorted(quoted.items()):
        profile, _, key = name.partition(":")
        entry = read_ledger(layout.results / f"{profile}.json").get(key)
        if entry is None or digest(asdict(entry))[:12] != old:
            changed.append(f"quoted number {name}")
    return changed


def imported_modules(layout: Layout, trees: list[ast.Module]) -> dict[str, str]:
    """`{module: hash}` of every `pinpoint` module reachable from `trees`, packages' `__init__` included."""
    waiting = [name for tree in trees for name in _named_modules(tree, "")]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        path = _module_file(layout, name)
        if path is None or name in found or UNSEALED.match(name):
            continue
        short, names = _module(path, name, path.stat().st_mtime_ns)
        found[name] = short
        waiting += [*names, *([name.rpartition(".")[0]] if "." in name else [])]
    return dict(sorted(found.items()))


def locked_versions(lock: Path) -> dict[str, str]:
    """The versions that the lock file names for the numeric libraries."""
    if not lock.is_file():
        return {}
    pins = re.findall(r"^([\w.-]+)==([^\s;+\\]+)", lock.read_text(), flags=re.MULTILINE)
    return {name: version for raw, version in pins if (name := raw.lower().replace("_", "-")) in LOCKED}


@cache
def _module(path: Path, name: str, _changed: int) -> tuple[str, tuple[str, ...]]:
    source = path.read_text()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = checked_ast(source, str(path))
    return digest(bare_code(source))[:12], tuple(_named_modules(tree, package))


def _named_modules(tree: ast.Module, package: str) -> list[str]:
    """Every module a tree may import: import statements anywhere, and strings that look like a module's name."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    names += [text.partition(":")[0] for text in _strings(tree)]
    return [name for name in names if name == "pinpoint" or MODULE_NAME.fullmatch(name)]


def _module_file(layout: Layout, name: str) -> Path | None:
    stem = layout.source.joinpath(*name.split("."))
    for path in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _strings(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _weights(layout: Layout, declared: list[str], words: set[str]) -> dict[str, str]:
    """Hash the weights that a chapter declares, or names in its code or parameters."""
    files: dict[str, list[Path]] = {}
    for path in sorted([*layout.weights.rglob("*.safetensors"), *layout.weights.rglob("*.json")]):
        files.setdefault(path.relative_to(layout.weights).parts[0].split(".")[0], []).append(path)
    for name in declared:
        if name not in files:
            known = ", ".join(files) or "(none)"
            raise PinpointError(f"declared weights {name!r} are not in {layout.weights}; known: {known}")
    return {name: digest([_hash_file(path, path.stat().st_mtime_ns) for path in files[name]])[:12]
            for name in sorted(set(files) & (set(declared) | words))}  # fmt: skip


def _data_digest(layout: Layout, name: str) -> str:
    path = layout.root / name
    if not path.is_file():
        raise PinpointError(f"declared data {name!r} is not a file below {layout.root}")
    return file_digest(path)[:12]


@cache
def _hash_file(path: Path, _changed: int) -> str:
    return file_digest(path)
