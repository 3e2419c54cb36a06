"""What chapter 6's page measures and draws, from a tiny BLIP and a small drawn benchmark."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pinpoint import rerank_chapter as chapter
from pinpoint import rerank_figures as figures
from pinpoint import rerank_moves as moves
from pinpoint import rerank_quotes as quotes
from pinpoint.diorama.composed import KINDS, composed
from pinpoint.distinctive_study import ask, seen_of
from pinpoint.encoders.blip import pad
from pinpoint.encoders.record import Preprocessing
from pinpoint.recipes.rerank_record import on_record
from pinpoint.recipes.rerank_sweep import arms
from pinpoint.recipes.rerank_tuning import ALPHAS, label
from pinpoint.rerank_choices import KS
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_study import stage_1, stage_2, two_stage
from pinpoint.significance import Estimate
from pinpoint.store import Store
from pinpoint.study.ledger import KEY
from rerank_toy import run_of, tiny_blip


class Toy:
    """The tiny BLIP as a reader; it sees the mean colour of five strips."""

    name, weights_sha256, image_size, preprocessing = "toy", "0", 16, Preprocessing(16, (0.5,) * 3, (0.5,) * 3)

    def __init__(self) -> None:
        self.model = tiny_blip()
        self.turn = np.random.default_rng(0).normal(size=(3, 32))

    def laid_out(self, texts: Any) -> Any:
        return pad([[1, *(2 + sum(map(ord, word)) % 56 for word in text.split())] for text in texts])

    def see(self, pictures: np.ndarray) -> np.ndarray:
        strips = np.stack([part.mean(axis=(1, 2)) for part in np.array_split(pictures, 5, axis=1)], axis=1)
        return (strips / 255 @ self.turn).astype(np.float32)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> chapter.Live:
    reader, bench = Toy(), composed("test", 18, 250, KINDS)
    asked = ask(
        reader, bench, seen_of(reader, Store(tmp_path_factory.mktemp("seen")), bench.gallery.images, bench.gallery.ids)
    )
    stage1 = Filter(reader.model).eval().requires_grad_(False)
    torch.manual_seed(3)
    reranker = Reranker(reader.model).eval().requires_grad_(False)
    two = two_stage(bench, stage_1(stage1, asked), stage_2(stage1, reranker, asked), 200)
    return chapter.Live(asked, stage1, reranker, two)


@pytest.fixture
def study() -> Any:
    records: dict[str, float] = {}

    def record(key: str, value: float, *_: Any, **__: Any) -> None:
        assert KEY.fullmatch(key) and key not in records
        records[key] = value

    return SimpleNamespace(record=record, records=records)


def test_what_the_page_puts_on_record(live: chapter.Live, study: Any) -> None:
    chapter.record_ladder(study, live, KS)
    chapter.record_gain(study, live, 50)
    chapter.record_fusion(study, live, 50, 0.3)
    measured = chapter.times(live, (5, 20), 4, 1)
    chapter.record_times(study, measured)
    found = chapter.record_speedup(study, live, 50, 4, 2, 1)
    counts = chapter.record_macs(study, live, 50, 4)
    trained = {"settings": {"triplets": 9, "first": {"updates": 2, "batch": 3}, "second": {"updates": 4, "batch": 5}},
               "negatives": {"count": 3}}  # fmt: skip
    chapter.record_setting(study, live, trained)
    records = study.records
    for k in KS:
        for name in ("stage1", "stage2", "ceiling"):
            assert {f"rerank.{name}.k{k}.{m}" for m in ("r1", "r5", "r10", "rs1")} <= set(records)
        assert records[f"rerank.stage2.k{k}.r1"] <= records[f"rerank.ceiling.k{k}.r1"] + 1e-9
        assert records[f"rerank.stage2.k{k}.r10"] <= records[f"rerank.ceiling.k{k}.r10"] + 1e-9
    assert records["rerank.stage2.k5.r5"] == records["rerank.stage1.k5.r5"]  # recall at the cut
    assert records["rerank.gain.k50.r1"] == pytest.approx(
        records["rerank.stage2.k50.r1"] - records["rerank.stage1.k50.r1"]
    )
    assert set(measured) == {0, 5, 20} and records["rerank.stage2.k20.ms_per_query"] > 0
    assert records["rerank.speedup"] == found.value and counts["quick"].rest < counts["plain"].rest
    assert records["rerank.macs.full.keys_values"] == pytest.approx(16.3e3, rel=0.01)
    assert records["rerank.setting.queries"] == 18 and records["rerank.setting.updates_2"] == 5
    assert records["rerank.setting.pairs_1"] == 18 and records["rerank.setting.pairs_2"] == 100  # as many as 4 x 5 x 5
    assert records["rerank.fusion.gain_stage1.r1"] == pytest.approx(
        records["rerank.fusion.r1"] - records["rerank.stage1.k50.r1"]
    )


def test_every_figure_is_drawn(live: chapter.Live) -> None:
    gains = chapter.kind_gains(live, 50)
    assert set(gains) == set(KINDS)
    curve = chapter.fusion_curve(live, 50, (0.0, 0.5, 1.0))
    assert curve[1.0].value == pytest.approx(live.before.macro("map5").value)
    e = Estimate(50, 45, 55, 100)
    later = [(93.0, e)] * 2  # re-ranked, and by both scores
    rows = moves.typical_moves(live.two, 50, KINDS, right=True)
    wrong = moves.typical_moves(live.two, 50, KINDS, right=False)
    assert all(live.two.after(50).per_query["r1"][n] for n in rows)
    assert all(live.before.per_query["r1"][n] and not live.two.after(50).per_query["r1"][n] for n in wrong)
    for figure in (
        moves.grid(live.two, 50, [0, 5]),
        figures.recall_lines(KS, {name: [e] * len(KS) for name in ("stage1", "stage2", "hard_fused", "ceiling")}),
        figures.frontier([50], {"ours": [(2.0, e), (90.0, e)], "fused": [(90.0, e)], "dqe": [(3.0, e), *later]}),
        figures.kind_bars(gains),
        figures.alpha_lines({"development": curve, "test": curve}, 0.5),
        figures.ladder_dots({name: {"alone": e, "reranked": e, "fused": e} for name in ("stage1", "dqe")}),
    ):
        figure.draw_without_rendering()


def test_what_the_page_quotes_is_what_the_recipes_put_on_record(rng: np.random.Generator) -> None:
    runs = {arm.key: [run_of(arm, rng, 18) for _ in range(arm.seeds)] for arm in arms()}
    known = set(dict(on_record(runs, list(KINDS) * 2, "CPU")))
    known |= {f"rerank.dev.fusion.alpha_{label(alpha)}.map5" for alpha in ALPHAS}
    asked: list[str] = []
    study = SimpleNamespace(quote=lambda key, profile: asked.append(key) or SimpleNamespace(value=1.0))
    quotes.quoted_ladder(study)
    quotes.quoted_frontier(study, KS)
    quotes.quoted_variants(study)
    quotes.quoted_gains(study, KINDS)
    quotes.quoted_at(study, KS)
    quotes.quoted_fusion(study, ALPHAS)
    assert len(asked) > 40 and set(asked) <= known
