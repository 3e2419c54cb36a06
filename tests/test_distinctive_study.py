"""Chapter 5's questions and effects: what is unannotated, what is confused, what is put on record; and FashionIQ."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pinpoint import distinctive_chapter as chapter
from pinpoint import distinctive_figures as figures
from pinpoint.diorama.composed import ATTRIBUTE_KINDS, composed
from pinpoint.distinctive_data import triplet_set
from pinpoint.distinctive_model import Composer
from pinpoint.distinctive_objectives import OBJECTIVES, RATES, Budget
from pinpoint.distinctive_quotes import EFFECTS, VARIANTS
from pinpoint.distinctive_real import real_benchmark
from pinpoint.distinctive_study import ask, confusion, reworded, seen_of, suppression, unannotated
from pinpoint.encoders.blip import pad
from pinpoint.encoders.record import Preprocessing
from pinpoint.recipes.distinctive_sweep import arms, on_record
from pinpoint.store import Store
from pinpoint.study.ledger import KEY
from qformer_toy import tiny_model


class Toy:
    """The tiny Q-Former as an encoder; it sees the mean colour of five strips."""

    name, weights_sha256, image_size, preprocessing = "toy", "0", 16, Preprocessing(16, (0.5,) * 3, (0.5,) * 3)

    def __init__(self) -> None:
        self.model = tiny_model()
        self.turn = np.random.default_rng(0).normal(size=(3, 32))
        self.looked = 0

    def laid_out(self, texts: Any) -> Any:
        return pad([[1, *(2 + sum(map(ord, word)) % 58 for word in text.split())] for text in texts])

    def see(self, pictures: np.ndarray) -> np.ndarray:
        self.looked += len(pictures)
        strips = np.stack([part.mean(axis=(1, 2)) for part in np.array_split(pictures, 5, axis=1)], axis=1)
        return (strips / 255 @ self.turn).astype(np.float32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    encoder, store = Toy(), Store(tmp_path_factory.mktemp("seen"))
    asked = composed("test", 16, 150, ATTRIBUTE_KINDS)
    trained = composed("train", 16, 0, ATTRIBUTE_KINDS)
    seen = [seen_of(encoder, store, b.gallery.images, b.gallery.ids) for b in (asked, trained)]
    looked = encoder.looked
    assert torch.equal(seen_of(encoder, store, asked.gallery.images, asked.gallery.ids), seen[0])
    assert encoder.looked == looked  # kept in the store
    return SimpleNamespace(encoder=encoder, attributes=ask(encoder, asked, seen[0]), general=None,
                           start=Composer(encoder.model).eval(),
                           data=triplet_set(encoder, trained, seen[1]))  # fmt: skip


def test_a_training_set_knows_what_training_does_not(world: Any) -> None:
    data = world.data
    assert len(data) == 16 and all(int(t) in rows for t, rows in zip(data.target, data.valid, strict=True))
    assert np.mean([len(rows) for rows in data.valid]) > 1.5
    assert data.mentioned["colour"].sum() + data.mentioned["shape"].sum() >= 16
    no_target = composed("train", 16, 0, ATTRIBUTE_KINDS)
    object.__setattr__(no_target.queries[3], "target", None)
    with pytest.raises(Exception, match="is no triplet"):
        triplet_set(world.encoder, no_target, data.seen)


def test_unannotated_answers_are_those_that_training_never_heard_of(world: Any) -> None:
    whole = {q.id: q for q in world.attributes.benchmark.queries}
    for query in unannotated(world.attributes.benchmark).queries:
        before = whole[query.id]
        assert set(query.relevant) == set(before.relevant) - {before.target} and before.target in query.exclude
    found = suppression(world.attributes, Composer(world.encoder.model).eval())
    assert 0 < found.macro("nrank").value < 60


def test_confusion_is_the_mean_cosine_of_one_references_queries(world: Any) -> None:
    model = Composer(world.encoder.model).eval()
    said = reworded(world.attributes.benchmark, 3, 4)
    assert len(said) == 3 and all(len(set(texts)) == 4 for _, texts in said)
    values = confusion(world.attributes, model, world.encoder, said)
    column = world.attributes.benchmark.gallery.column
    reference, texts = said[1]
    ids, mask = world.encoder.laid_out(texts)
    with torch.no_grad():
        q = model.queries(world.attributes.seen[[column[reference]] * 4].float(), ids, mask).q.numpy()
    by_hand = np.mean([q[a] @ q[b] for a in range(4) for b in range(4) if a != b])
    assert values[1] == pytest.approx(by_hand, abs=1e-5)
    same = [(reference, [texts[0]] * 4)]
    assert confusion(world.attributes, model, world.encoder, same)[0] == pytest.approx(1, abs=1e-5)


def test_the_page_trains_and_shows(world: Any) -> None:
    live = chapter.train_live(world, ("infonce", "dqe"), Budget(4, 8, refresh=1))
    assert set(live.models) == {"warm", "infonce", "dqe"} and sorted(live.scores) == [0, 2]
    moments = chapter.moments(live, world.data, OBJECTIVES["dqe"])
    title, delta, valid, (low, high) = moments[0]
    scores = live.scores[0]
    own = scores[np.arange(16), world.data.target]
    assert title == "before training" and 0 <= low <= high
    assert np.allclose(delta.reshape(scores.shape)[3], own[3] - scores[3])
    assert len(valid) == sum(len(rows) - 1 for rows in world.data.valid)
    texts, gates = chapter.gates_of(live.models["dqe"], world.attributes, chapter.dozen(world.attributes, 6))
    assert len(set(texts)) == 6 and np.allclose(gates.sum(axis=1), 1, atol=1e-5)
    result = chapter.asked_of(live.models["dqe"], world.attributes, "dqe")
    records: dict[str, Any] = {}
    study = SimpleNamespace(record=lambda key, value, *_, **__: records.__setitem__(key, value))
    chapter.record_results(study, {"dqe": result})
    chapter.record_effects(
        study, {"dqe": chapter.effects(live.models["dqe"], world.attributes, world.encoder,
                                       reworded(world.attributes.benchmark, 3, 4))}, live.traces)  # fmt: skip
    assert {"dqe.dqe.r10", "dqe.dqe.colour.map5", "dqe.dqe.suppression", "dqe.infonce.false_negative_share"} <= set(
        records
    )
    for figure in (
        figures.delta_panels(moments), figures.gate_bars(texts, gates, ("global", "colour", "shape")),
        chapter.opening(world.attributes, "colour", 24), figures.trace_lines({"dqe": live.traces["dqe"]}),
    ):  # fmt: skip
        figure.draw_without_rendering()


def test_what_the_sweep_puts_on_record_is_what_the_page_quotes(rng: np.random.Generator) -> None:
    groups = {"attributes": ["colour", "shape"] * 5, "general": ["animal", "place"] * 4, "suppression": ["shape"] * 7}
    run = lambda: {  # noqa: E731
        **{m: rng.random(10).tolist() for m in ("r1", "r10", "r50", "map5", "map10", "t1", "t10", "t50")},
        **{f"zero_shot.{m}": rng.random(8).tolist() for m in ("r1", "map5")},
        "suppression": rng.random(7).tolist(), "confusion": rng.random(4).tolist(), "false_negative_share": 0.4,
        "negatives": 10, "made_at": [0, 5], "width": [9.0, 4.0], "delta": [0.1, 0.2],
    }  # fmt: skip
    runs = {arm.key: [run() for _ in range(arm.seeds)] for arm in arms()}
    entries = dict(on_record(runs, groups, "CPU"))
    assert all(KEY.fullmatch(key) for key in entries)
    mean = 100 * np.mean([r["r10"] for r in runs["dqe"]])
    assert entries["dqe.dqe.r10"].value == pytest.approx(mean)
    gain = mean - 100 * np.mean([r["r10"] for r in runs["qure"]])
    assert entries["dqe.gain.dqe_qure.r10"].value == pytest.approx(gain)
    assert entries["dqe.dqe.sets.width_last"].value == 4.0
    seeds = [100 * np.mean(r["map5"]) for r in runs["dqe"]]
    assert entries["dqe.dqe.seeds.lowest"].value == pytest.approx(min(seeds))
    assert entries["dqe.dqe.seeds.highest"].value == pytest.approx(max(seeds))
    quoted = [f"dqe.{key}.map5" for rows in VARIANTS.values() for key in rows.values()]
    quoted += [f"dqe.{o}.{name}" for o in OBJECTIVES for name in EFFECTS.values()]
    quoted += [f"dqe.zero_shot.{o}.map5" for o in OBJECTIVES]
    assert set(quoted) <= set(entries)
    assert set(RATES) == set(OBJECTIVES)


def test_fashion_iq_runs_through_the_same_functions(tmp_path: Path) -> None:
    from transformers import BertTokenizer

    assert "there is no folder" in real_benchmark(
        tmp_path / "nowhere", tmp_path, Budget(2, 2), Budget(1, 2), tmp_path / "store"
    )
    budgets = Budget(2, 4, refresh=1), Budget(1, 4)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "is", "red", "and", "long"]
    checkpoint, data = tmp_path / "blip2", tmp_path / "fashion-iq"
    checkpoint.mkdir()
    (checkpoint / "vocab.txt").write_text("\n".join(words))
    BertTokenizer(str(checkpoint / "vocab.txt")).save_pretrained(checkpoint)
    tiny_model().save_pretrained(checkpoint)
    for folder in ("captions", "image_splits", "images"):
        (data / folder).mkdir(parents=True)
    for c, category in enumerate(("dress", "shirt", "toptee")):
        for split in ("train", "val"):
            ids = [f"{category}{split}{n}" for n in range(6)]
            (data / "image_splits" / f"split.{category}.{split}.json").write_text(json.dumps(ids))
            rows = [{"candidate": ids[n], "target": ids[n + 1], "captions": ["is red", "long"]} for n in range(3)]
            (data / "captions" / f"cap.{category}.{split}.json").write_text(json.dumps(rows))
            for n, i in enumerate(ids):
                Image.new("RGB", (20, 30), (40 * n, 80 * c, 90)).save(data / "images" / f"{i}.jpg")
    table = real_benchmark(data, checkpoint, *budgets, tmp_path / "store")
    assert all(f"| {name} |" in table for name in OBJECTIVES) and "nan" not in table
    (data / "images" / "dresstrain2.jpg").unlink()
    with pytest.raises(Exception, match=r"dresstrain2\.jpg"):
        real_benchmark(data, checkpoint, *budgets, tmp_path / "other")
