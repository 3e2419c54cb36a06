"""The card of a promptable embedder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinpoint.diorama.questions import FACET_KINDS, OTHER_KINDS, UNSEEN
from pinpoint.files import atomic_path, canonical_json, read_json
from pinpoint.recipes.card import LICENCE, curve_table, loss_table
from pinpoint.training import History

STAGES = {
    "tower": "image tower: from `diorama-clip`, then its embedding and the words of full descriptions, batches of 128",
    "align": "projection and word embeddings, tower frozen from here on: the words of descriptions, batches of 128",
    "talk": "all but the tower: descriptions and answers, word by word, batches of 64",
}


def write_mllm_card(
    out: Path, name: str, settings: Any, history: History, stages: Mapping[str, History], command: str, data: str
) -> None:
    """Write `card.md` into the model's folder. `stages`: what came before embedding, under the names above."""
    record, config = read_json(out / "pinpoint.json"), read_json(out / "config.json")
    size = (out / "model.safetensors").stat().st_size / 1e6
    pairs = history.step * settings.batch * (1 + settings.questions)
    kinds = len(FACET_KINDS) + len(OTHER_KINDS)
    rows = {
        "model": f"transformers `{config['architectures'][0]}`, {size:.1f} MB in half precision, "
        f"`{canonical_json(settings.config)}`",
        "embedding": "last token, L2; the image, then the prompt",
        "weights": f"SHA-256 `{record['weights_sha256']}`",
        "data": f"{settings.scenes:,} Diorama scenes, training split, digest `{data}`; new captions and questions "
        f"every epoch, {kinds} kinds of question in several wordings, some about one named thing",
        "never asked about": f"{', '.join(UNSEEN)}; their words do occur in descriptions and captions",
        **{f"stage {n}": f"{STAGES[stage]}; {cost(past)}" for n, (stage, past) in enumerate(stages.items(), start=1)},
        "recipe": "InfoNCE between image with prompt and text, in both directions, temperature 0.02, AdamW, "
        f"batches of {settings.batch} "
        f"pictures under the general prompt and {settings.questions} questions each, `{canonical_json(settings.plan)}`",
        "seeds": f"1 (seed {settings.plan.seed})",
        "steps": f"{history.step:,} ({history.step * settings.batch:,} pictures, {pairs:,} pairs)",
        "device": f"{history.device}, {history.seconds / 60:.0f} minutes" + " after the stages before" * bool(stages),
        "command": f"`{command}`",
        "licence": LICENCE,
    }
    lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]
    for stage, past in stages.items():
        if past.curve:
            lines += ["", f"## After the stage *{stage}*", "", *transposed(curve_table(past))]
    lines += ["", "## Loss", "", *loss_table(history), "", "## Development curve", ""]
    lines += [*transposed(curve_table(history)), ""]
    with atomic_path(out / "card.md") as temporary:
        temporary.write_text("\n".join(lines))


def cost(history: History) -> str:
    """Updates, minutes and device of a stage."""
    return f"{history.step:,} updates, {history.seconds / 60:.0f} minutes, {history.device}"


def transposed(table: list[str]) -> list[str]:
    """The same table with a row per column: there are more measures than points of the curve."""
    if len(table) < 3:
        return table
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (table[0], *table[2:])]
    lines = ["| " + " | ".join(column) + " |" for column in zip(*cells, strict=True)]
    return [lines[0], "|---" * len(cells) + "|", *lines[1:]]
