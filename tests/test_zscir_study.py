"""Every method of chapter 3 on one small benchmark: its vectors, and what is put on record of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from pinpoint import zscir_chapter as chapter
from pinpoint.composing import Adapters, slerp
from pinpoint.errors import PinpointError
from pinpoint.heads import Composing
from pinpoint.relative import relative_gain
from pinpoint.showcase import typical, typical_gains
from pinpoint.zscir_study import METHODS, Budget, Choices, Heads, composed, query_vectors, scored, train_heads
from zscir_toy import world


@pytest.fixture(scope="module")
def trained() -> Heads:
    w = world()
    return train_heads(w.material, w.oti, (w.bank, w.rows), Budget(3, 16), Choices(composing=Composing(rank=4)))


@pytest.fixture(scope="module")
def vectors(trained: Heads) -> dict[str, torch.Tensor]:
    return query_vectors(world().clip, trained, world().asked, 0.3)


def test_all_nine_methods_give_unit_vectors(vectors: dict[str, torch.Tensor], trained: Heads) -> None:
    asked = world().asked
    assert tuple(vectors) == METHODS
    for emb in vectors.values():
        assert emb.shape == (18, 192) and torch.allclose(emb.norm(dim=1), torch.ones(18), atol=1e-5)
    assert torch.equal(vectors["image_only"], asked.references.v)
    assert torch.equal(vectors["sum"], normalize(asked.references.v + asked.text_emb, dim=1))
    assert torch.equal(vectors["slerp"], slerp(asked.references.v, asked.text_emb, 0.3))
    assert not torch.equal(vectors["stage1"], vectors["two_stage"])
    fresh = composed(world().clip, trained.mappings["stage1"], asked, Adapters(world().clip.side, 4))
    assert torch.equal(fresh, vectors["stage1"])  # zero-initialised adapters are stage 1


def test_heads_spend_the_same_updates(trained: Heads) -> None:
    assert {method: history.step for method, history in trained.histories.items()} == dict.fromkeys(
        ("pic2word", "searle", "lincir", "stage1", "two_stage"), 3
    )


class Study:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def record(self, key: str, value: float, low: Any = None, high: Any = None, **more: Any) -> None:
        assert key not in self.kept and (low is None or low - 1e-9 <= value <= high + 1e-9)
        self.kept[key] = value

    def quote(self, key: str, profile: str) -> Any:
        return SimpleNamespace(key=key, profile=profile)


def test_the_keys_of_the_chapter(vectors: dict[str, torch.Tensor], trained: Heads) -> None:
    asked, study = world().asked, Study()
    results = scored(asked, vectors)
    chapter.record_methods(study, results, asked, vectors)
    best = chapter.record_gains(study, results)
    assert best in ("pic2word", "searle", "lincir")
    for method in METHODS:
        for metric in ("r1", "r5", "r10", "r50", "rs1", "map5", "map10", "ref_first"):
            assert f"zscir.{method}.{metric}" in study.kept
    assert study.kept["zscir.image_only.ref_first"] == 100  # the reference is nearest to itself
    gain = 100 * (study.kept["zscir.two_stage.map5"] / study.kept[f"zscir.{best}.map5"] - 1)
    assert study.kept["zscir.gain.projection.map5"] == pytest.approx(gain)
    params = {"updates": 3, "batch": 16, "bank": 96, "triplets": 45, "queries": 18}
    chapter.record_setting(study, params, trained)
    assert study.kept["zscir.setting.triplets"] == 45 and study.kept["zscir.seconds.lincir"] > 0


def test_one_target_is_never_easier_than_all_of_them(vectors: dict[str, torch.Tensor]) -> None:
    for result in scored(world().asked, vectors).values():
        assert (result.per_query["t5"] <= result.per_query["r5"] + 1e-12).all()


def test_queries_are_chosen_by_rule(vectors: dict[str, torch.Tensor]) -> None:
    results = scored(world().asked, vectors)
    a, b = results["sum"], results["two_stage"]
    groups = chapter.result_groups(b)
    kinds = ("colour", "time")
    for chosen in (typical(b, kinds), typical(b, kinds, 1.0), typical_gains(a, b, kinds)):
        assert [groups[i] for i in chosen] == list(kinds)
    worst = typical(b, kinds, 1.0)
    for kind, i in zip(kinds, worst, strict=True):
        members = [n for n, group in enumerate(groups) if group == kind]
        assert b.per_query["mrr"][i] == min(b.per_query["mrr"][members])


def test_what_is_quoted_comes_from_the_recorded_ledger() -> None:
    study = Study()
    points, levels = chapter.quoted_amounts(study, [0, 30])
    assert [points[n].key for n in points] == ["zscir.two_stage.triplets_0.map5", "zscir.two_stage.triplets_30.map5"]
    ablations, qualities = chapter.quoted_ablations(study), chapter.quoted_qualities(study)
    assert ablations["no injection"]["stage1"].key == "zscir.sweep.ablation.no_injection.stage1.map5"
    assert ablations["as described"]["two_stage"].key == qualities["clean"]["two_stage"].key
    assert {"stage1"}.isdisjoint(ablations["no stage 1: random words"])
    assert {e.profile for row in (*ablations.values(), levels) for e in row.values()} == {"recorded"}


def test_what_words_say(trained: Heads) -> None:
    w = world()
    words = chapter.vocabulary(["a red dog.", "a cat"])
    assert words == ["a", "cat", "dog", "red"]
    said = chapter.what_words_say(w.clip, trained, w.asked.references, [0, 2], words, n=2)
    assert set(said) == {"pic2word", "searle", "lincir", "stage1"}
    assert all(len(rows) == 2 and all(len(row) == 2 for row in rows) for rows in said.values())
    assert chapter.triplet_table(w.some, 2).data.count("\n") == 3


def test_a_relative_gain_by_hand() -> None:
    a, b = np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    e = relative_gain(a, b)
    assert e.value == pytest.approx(50) and e.low <= 50 <= e.high and e.n == 4
    grouped = relative_gain(a, b, ["x", "x", "y", "y"])
    assert grouped.value == pytest.approx(50)
    uneven = relative_gain(a, b, ["x", "y", "y", "y"])  # means of (1, 2/3) over (1, 1/3)
    assert uneven.value == pytest.approx(100 * ((1 + 2 / 3) / (1 + 1 / 3) - 1))
    assert relative_gain(b, b).low == relative_gain(b, b).high == 0
    with pytest.raises(PinpointError, match="scores zero"):
        relative_gain(a, np.zeros(4))
