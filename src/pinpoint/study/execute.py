"""Run one chapter in a kernel of this very Python: papermill does the work, this module sets the stage."""

import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillException, PapermillExecutionError

from pinpoint.study.chapter import OVERRIDES, SIDE_FILE
from pinpoint.study.clean import CLOSING
from pinpoint.study.layout import Layout
from pinpoint.study.script import parameter_names

KERNEL = "pinpoint"
Progress = Callable[[int, int, float], None]  # cell, cells, seconds so far
_CLOSE = "from pinpoint.study.chapter import close_chapter\nclose_chapter()"


class ChapterFailed(Exception):
    """A chapter did not run to its end; the message says where and why."""


class _Engine(NBClientEngine):
    """Papermill's own engine, which also reports progress and tells an interrupt from a dead kernel."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        progress: Progress = options["progress"]
        start, total, cell_start = time.monotonic(), len(nb_man.nb.cells), nb_man.cell_start

        def report_and_start(cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
            progress((cell_index or 0) + 1, total, time.monotonic() - start)
            cell_start(cell, cell_index, **kwargs)

        nb_man.cell_start = report_and_start
        client = PapermillNotebookClient(
            nb_man, kernel_name=kernel_name, timeout=options["execution_timeout"], startup_timeout=60,
            stdout_file=options["stdout_file"], stderr_file=options["stderr_file"],
        )  # fmt: skip
        try:
            return client.execute()
        except RuntimeError:
            # On Ctrl-C nbclient shuts the kernel down, and then finds that the kernel has died.
            if getattr(client, "_async_cleanup_kernel_future", None) is not None:
                raise KeyboardInterrupt from None
            raise


papermill_engines.register(KERNEL, _Engine)


def execute(
    layout: Layout, notebook: NotebookNode, chapter: str, profile: str, run: Mapping[str, Any],
    overrides: Mapping[str, Any], work: Path, log: Path, progress: Progress,
) -> tuple[NotebookNode, Path]:  # fmt: skip
    """Execute `notebook` inside the folder `work`; return the executed notebook and the side file with its numbers.

    Raises `ChapterFailed` for an error in a cell, a dead kernel or a timeout. Cell status is never trusted: a kernel
    that dies leaves its cells marked as completed.
    """
    script = layout.script(chapter)
    if "PROFILE" not in parameter_names(notebook, script):
        raise ChapterFailed(f"{script}: the cell tagged parameters does not assign PROFILE")
    prepared, side = work / "in.ipynb", work / "numbers.json"
    closing = new_code_cell(_CLOSE, metadata={"tags": [CLOSING]}, id="closing")
    staged = NotebookNode(notebook | {"cells": [*notebook.cells, closing]})
    prepared.write_text(nbformat.writes(staged))
    environment = kernel_environment(layout, run) | {SIDE_FILE: str(side), OVERRIDES: json.dumps(dict(overrides))}
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as lines, _kernel(work, environment):
        try:
            executed = execute_notebook(
                prepared, work / "out.ipynb", {"PROFILE": profile}, engine_name=KERNEL, kernel_name=KERNEL,
                progress_bar=False, cwd=layout.root, stdout_file=lines, stderr_file=lines, progress=progress,
                execution_timeout=max(1, round(60 * run["timeout_minutes"])),
            )  # fmt: skip
        except (PapermillException, DeadKernelError, CellControlSignal, RuntimeError) as error:
            message = _explain(layout, chapter, error, run)
            lines.write(f"\n{message}\n{error}\n")
            raise ChapterFailed(f"{message} (log: {log})") from None
    return executed, side


def kernel_environment(layout: Layout, run: Mapping[str, Any]) -> dict[str, str]:
    """Environment of a chapter's kernel: fixed hash seed and threads, no network for model hubs, no progress bars."""
    threads = str(run["threads"])
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(layout.source), os.environ.get("PYTHONPATH")])),
        "PINPOINT_ROOT": str(layout.root),
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        **dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1"),
        "PYTHONWARNINGS": "ignore:IProgress not found",  # some library asks for widgets that no page shows
        **dict.fromkeys(("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS", "TQDM_DISABLE"), "1"),
        "TOKENIZERS_PARALLELISM": "false",
        **({"CUDA_VISIBLE_DEVICES": ""} if run["device"] == "cpu" else {}),
    }


@contextmanager
def _kernel(work: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Offer a kernel that is this interpreter, whatever kernels the user has installed."""
    folder = work / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True)
    command = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}",
               "--IPKernelApp.log_level=50"]  # fmt: skip
    spec = {"argv": command, "display_name": "Pinpoint", "language": "python", "env": dict(environment)}
    (folder / "kernel.json").write_text(json.dumps(spec))
    changed = {
        "JUPYTER_PATH": os.pathsep.join(filter(None, [str(work / "jupyter"), os.environ.get("JUPYTER_PATH")])),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # otherwise the kernel's debugger warns on stderr
    }
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({name: value} if value is not None else {})


def _explain(layout: Layout, chapter: str, error: Exception, run: Mapping[str, Any]) -> str:
    """One line: chapter, place in the script, error."""
    if isinstance(error, PapermillExecutionError):
        trace = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(error.traceback))
        where = re.findall(r"Cell In\[\d+\], line (\d+)", trace)
        line = int(where[0]) if where else 1
        first = _first_line(layout.script(chapter), error.source)
        code = error.source.splitlines()[line - 1].strip()
        evalue = " ".join(error.evalue.split())
        return f"{chapter}: notebooks/{chapter}.py:{first + line - 1}: {code!r} raised {error.ename}: {evalue}"
    if isinstance(error, CellControlSignal):
        return f"{chapter}: a cell ran longer than the profile's timeout of {run['timeout_minutes']} minutes"
    if isinstance(error, DeadKernelError):
        return f"{chapter}: the kernel died (out of memory?)"
    return f"{chapter}: the kernel could not run: {io.StringIO(str(error)).readline().strip()}"


def _first_line(script: Path, cell: str) -> int:
    """The line of `script` at which the source of a cell begins, 1 if it cannot be found."""
    position = script.read_text().find(cell)
    return script.read_text()[:position].count("\n") + 1 if position >= 0 else 1
