"""From what papermill leaves to what is published, and the refresh of prose around unchanged code."""

from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from pinpoint.study.script import PARAMETERS, tags

INJECTED = "injected-parameters"
CLOSING = "pinpoint-closing"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}


def publish(source: NotebookNode, executed: NotebookNode, provenance: Mapping[str, Any]) -> NotebookNode:
    """The notebook to publish: cells of the script `source`, outputs of the `executed` one, no volatile metadata.

    Works for a fresh run and for a refresh alike: `executed` may be an older publication of the same code. Times,
    paths, papermill's marks and its injected cell stay behind; the parameters cell is tagged `remove-cell`.
    """
    outputs = [cell.outputs for cell in executed.cells
               if cell.cell_type == "code" and not {INJECTED, CLOSING} & set(tags(cell))]  # fmt: skip
    cells, count = [], 0
    for cell in source.cells:
        cell = NotebookNode(cell)
        cell["metadata"] = NotebookNode(cell.metadata)
        if cell.cell_type == "code":
            cell["outputs"] = _clean_outputs(outputs[count], count + 1)
            count += 1
            cell["execution_count"] = count
            if PARAMETERS in tags(cell):
                cell["metadata"]["tags"] = sorted({*tags(cell), "remove-cell"})
        cells.append(cell)
    metadata = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO, "pinpoint": dict(provenance)}
    return new_notebook(cells=cells, metadata=metadata)


def _clean_outputs(outputs: list[NotebookNode], count: int) -> list[NotebookNode]:
    """Outputs with neighbouring pieces of one stream joined, and transient fields removed."""
    cleaned: list[NotebookNode] = []
    for output in outputs:
        output = NotebookNode(output)
        output.pop("transient", None)
        if output.output_type == "execute_result":
            output["execution_count"] = count
        last = cleaned[-1] if cleaned else None
        if last is not None and output.output_type == "stream" and last.get("name") == output.name:
            last["text"] = "".join(last.text) + "".join(output.text)
        else:
            cleaned.append(output)
    return cleaned
