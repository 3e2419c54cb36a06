"""Chapter 7's page: every number that it quotes is one that a recipe records; its figures; what it computes live."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from photos_toy import write_vectors
from pinpoint import photos_figures as figures
from pinpoint import photos_quotes as quotes
from pinpoint.distinctive_objectives import OBJECTIVES
from pinpoint.errors import PinpointError
from pinpoint.photos_facets import FACETS
from pinpoint.photos_live import live_check
from pinpoint.photos_styles import Styled
from pinpoint.recipes import distinctive_photos, photos_facets, photos_rerank, photos_styles
from pinpoint.recipes import photos_rerank_record as rerank
from pinpoint.recipes.photos_ground import PROFILES as GROUNDS
from pinpoint.recipes.photos_kinds import RATES, SWEPT
from pinpoint.recipes.photos_vectors import entries, measured
from pinpoint.recipes.rerank_record import GAINS
from pinpoint.study.layout import find_layout
from pinpoint.study.ledger import Entry, read_ledger
from pinpoint.study.lint import ROLE, raw_literals
from pinpoint.study.profiles import load_profile
from pinpoint.study.roles import parse_reference
from pinpoint.study.script import code_cells, read_script
from test_photos_recipes import facet_run

NAME = "07-beyond-the-diorama"
RECORDED_ELSEWHERE = {f"rerank.sweep.gain.{a}_{b}.map5" for a, b in GAINS}  # by the recipe of chapter 6


def page() -> Path:
    return find_layout().notebooks / f"{NAME}.py"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Entry]:
    """What the recipes put on record with the sizes of `lite`, from made-up values."""
    rng = np.random.default_rng(0)
    groups = [facet for facet in FACETS for _ in range(4)]
    found = dict(photos_facets.on_record([facet_run(groups, rng) for _ in range(3)], groups, "CPU"))
    lite, test = GROUNDS["lite"], SimpleNamespace(queries=groups, gallery=groups)
    maps = {f"photos.facet.curve.{m}.n_{n}.r5" for m in ("linear", "ridge") for n in lite.fits}
    found |= {key: found["photos.facet.chance.r5"] for key in maps}
    shop = SimpleNamespace(of=lambda _: [SimpleNamespace(id="a")], facts={"a": dict.fromkeys(FACETS, "x")})
    captions = SimpleNamespace(met=lambda _: 50.0)
    ground: Any = SimpleNamespace(settings=lite, catalogue=shop, test=test, dev=test, captions=lambda *_: captions)
    found |= dict(photos_facets.of_setting(ground, "CPU"))
    rates = {facet: {photos_facets.label(rate): [0.0, 1.0] for rate in RATES} for facet in SWEPT}
    found |= dict(photos_facets.of_rates(rates, "CPU"))
    found |= dict(two_stages(rng))
    styles = [style for style in quotes.STYLES for _ in range(6)]
    data = Styled(rng.normal(size=(24, 4)), tuple(styles), tuple(["dog", "horse"] * 12))
    found |= dict(photos_styles.measured(data, "CPU"))
    return found | of_products(rng) | of_vectors(write_vectors(tmp_path_factory.mktemp("vectors")))


def two_stages(rng: np.random.Generator) -> Iterator[tuple[str, Entry]]:
    def run() -> dict[str, Any]:
        ks = [str(k) for k in photos_rerank.PROFILES["lite"].ks]
        at = {k: {m: rng.random(4).tolist() for m in photos_rerank.METRICS} for k in ks}
        return {
            "before": at[ks[0]],
            "at": at,
            "at_fused": at,
            "ceiling": {k: [1.0] * 4 for k in ks},
            "false_negative_share": 1.0,
        }

    runs = {arm: [run() for _ in range(3)] for arm in photos_rerank.ARMS}
    yield from rerank.on_record(runs, ["colour", "colour", "type", "type"], 50, {}, "CPU")


def of_products(rng: np.random.Generator) -> dict[str, Entry]:
    metrics = (*distinctive_photos.METRICS, distinctive_photos.SUPPRESSION)
    run = {**{m: rng.random(4) for m in metrics}, distinctive_photos.SHARE: 1.0}
    start = {m: run[m] for m in metrics}
    values = {"start": [start], **{name: [run] for name in OBJECTIVES}}
    groups = {m: ["colour", "colour", "type", "type"] for m in metrics}
    return dict(distinctive_photos.on_record(values, groups, "CPU"))


def of_vectors(root: Path) -> dict[str, Entry]:
    return entries(dict(measured(root / "clip-embeddings")))


def quoting(recorded: dict[str, Entry], asked: list[str] | None = None) -> Any:
    """A study that quotes what the recipes record, and what is on record of the drawn world."""
    lite, kept = (read_ledger(find_layout().results / f"{name}.json") for name in ("lite", "recorded"))

    def quote(key: str, profile: str | None = None) -> Entry:
        if asked is not None:
            asked.append(key)
        if key in RECORDED_ELSEWHERE:
            return recorded["photos.rerank.gain.stage2_stage1.map5"]
        return ({**kept, **recorded} if profile == "recorded" else lite)[key]

    return SimpleNamespace(quote=quote)


def test_every_number_of_the_page_is_recorded_by_a_recipe(recorded: dict[str, Entry]) -> None:
    study, missing = quoting(recorded), []
    for reference in sorted(set(ROLE.findall(page().read_text()))):
        profile, key, _ = parse_reference(reference)
        try:
            study.quote(key, profile)
        except KeyError:
            missing.append(reference)
    assert missing == []


def test_no_result_is_written_by_hand() -> None:
    text = page().read_text()
    cells = [cell.source for cell in read_script(page()).cells if cell.cell_type == "markdown"]
    assert [literal for cell in cells for literal in raw_literals(cell)] == []
    assert "VERDICT-" in text or page().parent.name == "notebooks"
    assert not re.search(r"\.(jpg|png|jpeg)\b", text.replace("<id>.jpg", ""))


DRAWN: dict[str, Callable[[Any], Figure]] = {
    "carried": lambda s: figures.carried_dots(quotes.carried(s)),
    "facets": lambda s: figures.part_dots(quotes.facets(s), "R@5 in %", 5.0),
    "read": lambda s: figures.part_dots(quotes.read(s), "accuracy in %"),
    "mentioned": lambda s: figures.rate_lines(quotes.mentioned(s)),
    "curve": lambda s: figures.size_lines(quotes.SIZES, quotes.curve(s), "N", "R@5"),
    "at_each": lambda s: figures.size_lines(quotes.KS, quotes.at_each(s), "K", "mAP@5"),
    "styles": lambda s: figures.style_matrices({"a": quotes.styles(s), "b": quotes.styles(s, "centred.")},
                                               quotes.STYLES),
    "gaps": lambda s: figures.value_blocks(quotes.gaps(s)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(DRAWN))
def test_figures_draw_what_is_quoted(name: str, recorded: dict[str, Entry]) -> None:
    asked: list[str] = []
    figure = DRAWN[name](quoting(recorded, asked))
    figure.canvas.draw()
    assert asked and figure.axes and figure.get_size_inches()[0] < 7
    assert not any(ax.images for ax in figure.axes if name != "styles")  # numbers alone


def test_the_page_runs_to_its_end_without_data(
    recorded: dict[str, Entry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = quoting(recorded)
    study.params = load_profile(find_layout(), "lite").chapter(NAME)
    monkeypatch.setattr("pinpoint.study.open_chapter", lambda *_: study)
    monkeypatch.setattr("pinpoint.plots.show", lambda figure, **_: figure)
    monkeypatch.setenv("PINPOINT_DATA", str(tmp_path))
    names: dict[str, Any] = {}
    for cell in code_cells(read_script(page())):
        exec(compile(cell.source, NAME, "exec"), names)  # the page's own cells
    assert "Not here: clip-embeddings/vitb16-unsplash" in (said := capsys.readouterr().out)
    assert str(tmp_path) not in said  # a page names no place of the machine that made it


def test_live_numbers_stand_beside_recorded_ones(tmp_path: Path) -> None:
    root = write_vectors(tmp_path)
    study = quoting(of_vectors(root))
    said = live_check(study, root / "clip-embeddings")
    rows = re.findall(r"([\d.]+)   on record, of all: ([\d.]+)", said)
    assert len(rows) == 5 and all(a == b for a, b in rows) and "nearest names, most frequent first:" in said
    assert "12 photographs" in live_check(study, root / "clip-embeddings", 12)
    with pytest.raises(PinpointError, match="1 photographs; ask for two or more"):
        live_check(study, root / "clip-embeddings", 1)
