"""What `pinpoint models` prints."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pinpoint.encoders.listing import Model, models

WIDTH = 200  # of a pipe, which has none of its own
COLUMNS = ("name", "kind", "checkpoint", "revision", "preprocessing", "dim", "licence", "MB", "here")
RIGHT = ("dim", "MB")


def list_models(as_json: bool = False) -> None:
    """The table of all models; as JSON with full values."""
    out = Console(highlight=False)
    if as_json:
        print(json.dumps([asdict(model) for model in models()], indent=1, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in RIGHT else "left", overflow="fold")
    for model in models():
        table.add_row(*cells(model), style=None if model.here in ("shipped", "fetched") else "dim")
    (out if out.is_terminal else Console(highlight=False, width=WIDTH)).print(table)


def cells(model: Model) -> list[str]:
    """One line of the table."""
    shown = (model.name, model.kind, model.checkpoint, revision(model), preprocessing(model), model.dim, model.licence,
             None if model.memory_mb is None else f"{model.memory_mb:,}", model.here)  # fmt: skip
    return ["–" if cell in (None, "") else escape(str(cell)) for cell in shown]


def revision(model: Model) -> str | None:
    """The first digits of a commit or of a SHA-256; None for weights that are not made yet."""
    if model.revision is None:
        return "as fetched" if model.checkpoint else None
    return model.revision[:12]


def preprocessing(model: Model) -> str | None:
    """The side in pixels and the resize policy; or the largest area."""
    if model.resize_mode is None:
        return None
    if model.image_size is None:
        area = "" if model.max_pixels is None else f", up to {model.max_pixels / 1e6:.1f} MP"
        return f"{model.resize_mode}{area}"
    return f"{model.image_size} px, {model.resize_mode}"
