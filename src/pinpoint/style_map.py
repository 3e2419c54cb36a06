"""A map of embeddings that can be explored: one self-contained page, thumbnails on hover, tap or arrow keys, no script
from elsewhere. And the coordinates behind it, which are kept, because UMAP's seeds are not portable."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pinpoint.errors import PinpointError
from pinpoint.files import atomic_path, read_json, write_json

MARKS = ("circle", "square", "triangle", "diamond")  # one per style, so that colour is not needed
THUMB, COLUMNS = 56, 40


def layout(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """UMAP coordinates (N, 2) in 0..1 of unit rows (N, D), by cosine distance."""
    from umap import UMAP

    xy = UMAP(n_neighbors=15, min_dist=0.15, metric="cosine", random_state=seed, n_jobs=1).fit_transform(features)
    low, high = xy.min(axis=0), xy.max(axis=0)
    out: np.ndarray = ((xy - low) / np.where(high > low, high - low, 1)).astype(np.float64)  # short in JSON
    return out


@dataclass(frozen=True, eq=False)
class StyleMap:
    """Points of several models: coordinates (N, 2) per model, and for each point its style, scene and a text."""

    coordinates: Mapping[str, np.ndarray]
    styles: Sequence[str]  # names, in the order of MARKS
    style: Sequence[int]
    scene: Sequence[str]
    text: Sequence[str]

    def save(self, path: Path) -> None:
        """As JSON, rounded to four digits."""
        write_json(path, {
            "coordinates": {model: np.round(xy, 4).tolist() for model, xy in self.coordinates.items()},
            "styles": list(self.styles), "style": [int(s) for s in self.style], "scene": list(self.scene),
            "text": list(self.text),
        })  # fmt: skip


def load_map(path: Path) -> StyleMap:
    """What `save` wrote; a file of another form is an error."""
    if not path.is_file():
        raise PinpointError(f"there is no {path}; make it with `pinpoint train style-map`")
    found: Any = read_json(path)
    try:
        xy = {model: np.array(points, float) for model, points in found["coordinates"].items()}
        out = StyleMap(xy, found["styles"], found["style"], found["scene"], found["text"])
    except (KeyError, TypeError, ValueError) as error:
        raise PinpointError(f"{path} is no style map ({error!r}); make it with `pinpoint train style-map`") from None
    if any(points.shape != (len(out.style), 2) for points in xy.values()):
        raise PinpointError(f"{path}: a model's points are not as many as its styles; make it again")
    return out


def sprite(pictures: Sequence[np.ndarray], thumb: int = THUMB, columns: int = COLUMNS) -> bytes:
    """All thumbnails in one JPEG, row by row."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * thumb, rows * thumb), "white")
    for n, picture in enumerate(pictures):
        small = Image.fromarray(picture).resize((thumb, thumb), Image.Resampling.LANCZOS)
        sheet.paste(small, (n % columns * thumb, n // columns * thumb))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=78, optimize=True)
    return buffer.getvalue()


def write_page(path: Path, title: str, data: StyleMap, names: Mapping[str, str], pictures: Sequence[np.ndarray],
               colours: Sequence[str]) -> None:  # fmt: skip
    """The page. names: what each model is called; pictures: one per point, uint8 (S, S, 3); colours: one per style."""
    points = {
        "models": [[key, names[key], np.round(xy, 4).tolist()] for key, xy in data.coordinates.items()],
        "styles": list(data.styles), "style": [int(s) for s in data.style], "scene": list(data.scene),
        "text": list(data.text), "colours": list(colours), "marks": list(MARKS), "thumb": THUMB, "columns": COLUMNS,
        "sprite": "data:image/jpeg;base64," + base64.b64encode(sprite(pictures)).decode(),
    }  # fmt: skip
    template = (Path(__file__).parent / "style_map.html").read_text("utf-8")
    stated = json.dumps(points, separators=(",", ":")).replace("</", "<\\/")
    with atomic_path(path) as temporary:
        temporary.write_text(template.replace("{{TITLE}}", title).replace("{{DATA}}", stated), "utf-8")
