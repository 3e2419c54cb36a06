"""A chapter's script as a notebook, and its code without what does not change a number."""

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode

from pinpoint.errors import PinpointError

PARAMETERS = "parameters"


def read_script(path: Path) -> NotebookNode:
    """The script as a notebook without outputs, its header under `metadata.pinpoint`, with stable cell ids."""
    notebook = jupytext.read(path, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
        if cell.cell_type == "code":
            checked_ast(cell.source, f"{path} cell {number + 1}")
    header = notebook.metadata.get("pinpoint", {})
    unknown_keys = set(header) - {"weights", "data"}
    if unknown_keys:
        raise PinpointError(f"{path}: header pinpoint has unknown key {min(unknown_keys)!r}; known: data, weights")
    notebook.metadata["pinpoint"] = header
    return notebook


def header_list(notebook: NotebookNode, key: str) -> list[str]:
    """A list of names declared in the header of the script."""
    return [str(item) for item in notebook.metadata["pinpoint"].get(key) or []]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def parameter_names(notebook: NotebookNode, path: Path) -> list[str]:
    """The names assigned in the cell tagged `parameters`; a chapter without that cell is an error."""
    cells = [cell for cell in code_cells(notebook) if PARAMETERS in tags(cell)]
    if len(cells) != 1:
        raise PinpointError(f"{path} needs exactly one cell tagged parameters, with PROFILE = ..., has {len(cells)}")
    names = []
    for node in ast.parse(cells[0].source).body:
        targets: list[Any] = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def checked_ast(source: str, where: str) -> ast.Module:
    """Parse Python; what does not parse (shell commands and magics included) is an error."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise PinpointError(f"{where}, line {error.lineno}: {error.msg}; only plain Python belongs there") from None


def bare_code(source: str) -> str:
    """Source without comments, docstrings and blank lines.

    Cut out of the text by position, not printed from the syntax tree, so that every Python version yields the same.
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _blank_docstring(node, lines)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _blank_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> None:
    if ast.get_docstring(node, clean=False) is None:
        return
    text = node.body[0]
    for row in range(text.lineno - 1, text.end_lineno or text.lineno):
        lines[row] = ""
