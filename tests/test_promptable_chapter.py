"""What chapter 2 records and shows: the keys of the ledger, true questions, and where an embedder looks."""

from types import SimpleNamespace

import numpy as np
import pytest

from claim_toy import Notebook, SizedToy, toy_tables
from pinpoint import promptable, promptable_chapter
from pinpoint.benchmark import Gallery
from pinpoint.diorama.captions import GERUND, NUMBER_WORDS, TIME_PHRASES
from pinpoint.diorama.draw import render
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT
from pinpoint.diorama.questions import KINDS, SEEN, UNSEEN
from pinpoint.diorama.scene import Scene, Thing, sample_split
from pinpoint.diorama.world import DioramaImages
from pinpoint.evaluate import Result, evaluate
from pinpoint.linear import unit
from pinpoint.promptable_chapter import (
    SHOWN,
    busy,
    example_questions,
    measure_costs,
    record_choice,
    record_costs,
    record_curves,
    record_seen_and_unseen,
    where_it_looks,
)
from pinpoint.promptable_cost import Cost, Encoding
from pinpoint.promptable_pictures import question_sheet
from pinpoint.promptable_setup import Tables
from pinpoint.promptable_study import macro_over
from pinpoint.timing import summary

MODES = ("clip", "general", "prompted", "chosen", "linear", "linear_dense", "on_the_fly")
CURVES = {"linear": [(10, 50.0, 48.0, 53.0), (100, 60.0, 60.0, 60.0)], "linear_ridge": [(10, 55.0, 51.0, 58.0)]}


@pytest.fixture(scope="module")
def tables() -> Tables:
    return toy_tables(facets=tuple(FACETS))


@pytest.fixture(scope="module")
def results(tables: Tables) -> dict[str, Result]:
    modes = {
        "general": promptable.general(tables.query_emb, tables.gallery),
        "prompted": promptable.prompted(tables.query_emb, tables.gallery, tables.prompts),
    }
    return {name: evaluate(tables.benchmark, retriever) for name, retriever in modes.items()}


def encoding(one: float = 0.02) -> Encoding:
    """Seconds an image: 20 ms under one prompt, ten times that apart, half of that shared."""
    times = {"one": one, "apart": 10 * one, "shared": 5 * one}
    return Encoding(*(summary(name, [s], "s", "toy") for name, s in times.items()), summary("x", [2.0], "x", "toy"))


def cost(mode: str, images: int) -> Cost:
    return Cost(mode, images, images / 1000, 0.1, images / 100, 3.0, 4.0)


# -- the ledger -------------------------------------------------------------------------------------------------------
def test_seen_and_unseen_facets_are_recorded_apart(results: dict[str, Result]) -> None:
    study = Notebook()
    record_seen_and_unseen(study, results, ("general", "prompted"))
    assert list(study.entries) == [
        f"promptable.{m}.{s}.r5" for m in ("general", "prompted") for s in ("seen", "unseen")
    ]
    for mode, result in results.items():
        for name, facets, n in (("seen", SEEN, 36), ("unseen", UNSEEN, 12)):
            entry, wanted = study.entries[f"promptable.{mode}.{name}.r5"], macro_over(result, facets)
            assert (entry.value, entry.low, entry.high, entry.n) == (wanted.value, wanted.low, wanted.high, n)
    values = [entry.value for entry in study.entries.values()]
    assert len(set(values)) > 2  # a mix-up of modes or facets would show


def test_a_choice_is_recorded_per_facet_and_with_its_recall(tables: Tables, results: dict[str, Result]) -> None:
    study = Notebook()
    own = tables.prompts
    wrong = [p if q.group != "times" or q.text == "times 0" else GENERIC_PROMPT
             for p, q in zip(own, tables.benchmark.queries, strict=True)]  # fmt: skip
    for way, choice in (("oracle", own), ("half", wrong)):
        record_choice(study, way, choice, results["prompted"])
    keys = [f"promptable.choice.{way}.{name}" for way in ("oracle", "half")
            for name in (*FACETS, "macro", "macro.r1", "macro.r5")]  # fmt: skip
    assert list(study.entries) == keys
    by_facet = {facet: study.entries[f"promptable.choice.half.{facet}"] for facet in FACETS}
    assert {facet: entry.value for facet, entry in by_facet.items()} == {f: 50 if f == "times" else 100 for f in FACETS}
    assert {entry.n for entry in by_facet.values()} == {2}  # distinct texts, not queries
    assert study.entries["promptable.choice.oracle.macro"].value == 100
    macro = study.entries["promptable.choice.half.macro"]
    assert (macro.value, macro.n) == (pytest.approx(100 * 7.5 / 8), 16)
    recall = results["prompted"].macro("r5")
    entry = study.entries["promptable.choice.half.macro.r5"]
    assert (entry.value, entry.low, entry.high, entry.n) == (recall.value, recall.low, recall.high, 48)


def test_the_released_curve_has_the_plain_key() -> None:
    study = Notebook()
    record_curves(study, CURVES)
    assert {key: (e.value, e.low, e.high) for key, e in study.entries.items()} == {
        "promptable.linear.n10.macro.r5": (50, 48, 53),
        "promptable.linear.n100.macro.r5": (60, 60, 60),
        "promptable.curve.linear_ridge.n10.macro.r5": (55, 51, 58),
    }
    assert {entry.unit for entry in study.entries.values()} == {"%"}


def test_the_greatest_gallery_has_the_plain_cost() -> None:
    study = Notebook()
    record_costs(study, encoding(), [cost(mode, n) for n in (1000, 50_000, 200) for mode in ("prompted", "linear")])
    entries = {key.removeprefix("promptable.cost."): entry for key, entry in study.entries.items()}
    for mode in ("prompted", "linear"):
        for suffix, images in (("", 50_000), (".n1000", 1000), (".n200", 200)):
            ms, stored = entries.pop(f"{mode}.ms_per_query{suffix}"), entries.pop(f"{mode}.storage_mb{suffix}")
            assert (ms.value, ms.unit, ms.band) == (images / 1000, "ms", 4 * images / 1000)
            assert (stored.value, stored.unit, stored.band) == (images / 100, "MB", 0)
    found = {key: (entry.value, entry.unit) for key, entry in entries.items()}
    assert {key: value for key, (value, _) in found.items()} == pytest.approx(
        {"encode_one": 20, "encode_apart": 200, "encode_shared": 100, "shared_speed_up": 2,
         # on the fly a query encodes its 100 candidates: 2 s; a table 50,000 images; a linear map 100
         "break_even_table": 500, "break_even_linear": 1}
    )  # fmt: skip
    assert {unit for _, unit in found.values()} == {"ms", "x", "count"}


def test_no_number_has_two_places(tables: Tables, results: dict[str, Result]) -> None:
    study = Notebook()  # refuses a second one
    record_seen_and_unseen(study, results, results)
    record_choice(study, "text", tables.prompts, results["prompted"])
    record_curves(study, {**CURVES, "pinv_held_out": CURVES["linear"], "linear_gallery": CURVES["linear"]})
    record_costs(study, encoding(), [cost(mode, n) for n in (100, 1000) for mode in MODES])
    assert len(study.entries) == 4 + 11 + 7 + (2 * 2 * 7 + 4 + 2)


def test_costs_are_measured_for_every_mode_and_size(tables: Tables) -> None:
    params = SimpleNamespace(cost_images=6, cost_repeats=1, cost_sizes=[100, 150], sample=20)
    encoder, rng = SizedToy(), np.random.default_rng(0)
    clip_emb = unit(rng.normal(size=(30, 12))).astype(np.float32)
    shown: list[int] = []
    clip = SimpleNamespace(encode_images=lambda images: shown.append(len(images)))
    measured, found = measure_costs(clip, encoder, tables, clip_emb, params)
    assert [(c.mode, c.images) for c in found] == [(mode, size) for size in (100, 150) for mode in MODES]
    assert shown == [6] and {n for n, _ in encoder.calls} == {6}
    assert {prompts for _, prompts in encoder.calls if len(prompts) > 1} == {tuple(tables.prompt_emb)}
    stored = {c.mode: c.storage_mb * 1e6 / 4 for c in found if c.images == 150}  # in numbers
    assert stored["clip"] == 150 * 12 and stored["general"] == 150 * 16 and stored["prompted"] == 10 * 150 * 16
    assert stored["linear_dense"] == 150 * 16 + 10 * 16 * 16
    study = Notebook()
    record_costs(study, measured, found)
    assert {f"promptable.cost.{mode}.ms_per_query" for mode in MODES} <= set(study.entries)
    assert all(entry.value > 0 for key, entry in study.entries.items() if "ms_per_query" in key)


# -- what is shown ----------------------------------------------------------------------------------------------------
def named(scene: Scene, question: str) -> Thing | None:
    """The thing of the scene that a question speaks of."""
    return next((t for t in scene.things if f" {t.name}?" in question), None)


def is_true(scene: Scene, kind: str, question: str, answer: str) -> bool:
    """Whether an answer is true of a scene, said in other words than the questions' own."""
    parts, said = answer.split(" and "), answer.split()
    if kind in ("animals", "neighbours"):
        shown = [t for t in scene.things if t.kind == "animal"] if kind == "animals" else scene.others
        return all(any(part.endswith(t.name) for t in shown) for part in parts)
    if kind == "presence":
        return (named(scene, question) is not None) == ("not" not in said)
    return {
        "times": answer == scene.time or any(answer.endswith(phrase) for phrase in TIME_PHRASES[scene.time]),
        "count": bool({str(scene.people), NUMBER_WORDS[scene.people]} & set(said)),
        "gestures": GERUND.get(scene.gesture or "") in said,
        "structure": scene.structure is not None and answer.endswith(scene.structure),
        "subject colour": scene.subject.colour in said,
        "colour of": kind != "colour of" or named(scene, question).colour in said,
    }[kind]


def test_the_example_questions_are_answered_truly() -> None:
    image, asked = example_questions()
    scene = busy(sample_split(400, "train", 0), 1)[0]
    assert np.array_equal(image, render(scene, "natural", 384))
    other = next(s for s in busy(sample_split(400, "train", 0), 40) if s.core[3:] != scene.core[3:]
                 and s.subject.colour != scene.subject.colour and s.time != scene.time and s.people != scene.people
                 and s.gesture != scene.gesture and s.structure != scene.structure)  # fmt: skip
    assert len(asked) == len(SHOWN) == 9
    for kind, (question, answer) in zip(SHOWN, asked, strict=True):
        x = named(scene, question)
        assert question in {w.format(x=x.name if x else "") for w in KINDS[kind].wordings} or kind == "presence"
        assert is_true(scene, kind, question, answer), (kind, question, answer)
        if kind in ("times", "count", "gestures", "structure", "subject colour"):
            assert not is_true(other, kind, question, answer), kind  # the check can tell scenes apart
    assert (image, asked)[1] == example_questions()[1]  # the page is the same every time


def test_the_example_questions_fit_their_lines() -> None:
    import matplotlib.pyplot as plt

    from pinpoint.plots import use_style

    image, asked = example_questions()
    with plt.rc_context():
        use_style()
        figure = question_sheet(image, asked)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = {text.get_text(): text.get_window_extent(renderer) for ax in figure.axes for text in ax.texts}
    for question, answer in asked:
        assert question in boxes and answer in boxes, f"{answer!r} was shortened"
        assert boxes[question].x1 < boxes[answer].x0, f"{question!r} runs into its answer"
        assert boxes[answer].x1 <= figure.bbox.x1, f"{answer!r} runs off the page"
    plt.close(figure)


def test_busy_scenes_have_something_for_every_prompt() -> None:
    scenes = sample_split(400, "train", 0)
    found = busy(scenes, 5)
    assert len(found) == 5 and busy(scenes, 2) == found[:2]
    for scene in found:
        assert scene.people > 1 and scene.gesture and scene.structure and len(scene.others) > 1
        assert "animal" in {t.kind for t in scene.things}
    places = [scenes.index(scene) for scene in found]
    assert places == sorted(places)


def test_where_it_looks_has_a_map_per_label_and_picture() -> None:
    scenes = sample_split(300, "test", 303)
    images = DioramaImages(scenes)
    benchmark = SimpleNamespace(gallery=Gallery(tuple(scene.id for scene in scenes), images))
    calls: list[tuple[str, np.ndarray]] = []

    def relevance(pictures: list[np.ndarray], prompt: str) -> np.ndarray:
        calls.append((prompt, np.stack(pictures)))
        return np.full((len(pictures), 3, 3), len(calls), np.float32)

    embedder = SimpleNamespace(image_size=48, relevance=relevance)
    pictures, maps = where_it_looks(embedder, benchmark, 2, ("times", "materials"))
    assert [picture.shape for picture in pictures] == [(promptable_chapter.LONG,) * 2 + (3,)] * 2
    assert list(maps) == ["general", FACETS["times"].question, FACETS["materials"].question]
    assert [prompt for prompt, _ in calls] == [GENERIC_PROMPT, *map(promptable.prompt_of_facet, ("times", "materials"))]
    chosen = busy(scenes, 2)
    for n, (map_, (_, small)) in enumerate(zip(maps.values(), calls, strict=True), start=1):
        assert map_.shape == (2, 3, 3) and (map_ == n).all()
        assert np.array_equal(small, np.stack([images.load(scene.id, 48) for scene in chosen]))
    assert np.array_equal(pictures[1], images.load(chosen[1].id, promptable_chapter.LONG))
