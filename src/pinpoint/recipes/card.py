"""The card of a model: what it is, how it was made, how well it does, in one page beside the weights."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pinpoint.files import atomic_path, canonical_json, read_json
from pinpoint.training import History

LICENCE = "MIT. Trained on pictures that the package draws itself: no photograph, no scraped text, no person."


def write_card(out: Path, name: str, settings: Any, history: History, command: str, data: str) -> None:
    """Write `card.md` into the model's folder."""
    config = read_json(out / "config.json")
    size = (out / "model.safetensors").stat().st_size / 1e6
    plan = asdict(settings.plan)
    rows = {
        "model": f"open_clip `CLIP`, {size:.1f} MB in half precision, `{canonical_json(config['model_cfg'])}`",
        "weights": f"SHA-256 `{config['weights_sha256']}`",
        "data": f"{settings.scenes:,} Diorama scenes, training split, digest `{data}`; a new caption every epoch",
        "recipe": f"`ClipLoss`, AdamW, batch {settings.batch}, `{canonical_json(plan)}`",
        "seeds": f"1 (seed {settings.plan.seed})",
        "steps": f"{history.step:,} ({history.step * settings.batch:,} pairs)",
        "device": f"{history.device}, {history.seconds / 60:.0f} minutes",
        "command": f"`{command}`",
        "licence": LICENCE,
    }
    write_page(out, name, rows, history)


def write_page(out: Path, name: str, rows: Mapping[str, str], history: History) -> None:
    """A card: what is stated of a model, then its loss and its development curve."""
    lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    lines += ["", "## Loss", "", *loss_table(history), "", "## Development curve", "", *curve_table(history), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))


def loss_table(history: History, points: int = 10) -> list[str]:
    """The mean loss of equal stretches of the run."""
    stretch = max(1, -(-history.step // points))
    rows = [history.losses[start : start + stretch] for start in range(0, history.step, stretch)]
    ends = [min((n + 1) * stretch, history.step) for n in range(len(rows))]
    return ["| up to step | mean loss |", "|---|---|"] + [
        f"| {end} | {sum(row) / len(row):.3f} |" for end, row in zip(ends, rows, strict=True)
    ]


def curve_table(history: History) -> list[str]:
    """Every point of the development curve, recall in percent."""
    if not history.curve:
        return ["Not measured."]
    keys = [key for key in history.curve[0] if key != "step"]
    lines = ["| step | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    return lines + [
        f"| {point['step']:.0f} | " + " | ".join(f"{point[key]:.1f}" for key in keys) + " |" for point in history.curve
    ]
