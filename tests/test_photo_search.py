"""Searching photographs: every method against its slow twin, what is left out, re-ranking, and every mistake."""

import json
import shutil
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from hub_toy import save_blip
from photo_toy import scenes
from pinpoint import photo_methods, photo_models
from pinpoint.composing import compose
from pinpoint.datasets.folder import FolderImages
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.qformer import composed_emb, load_qformer, read_together
from pinpoint.errors import PinpointError
from pinpoint.inversion import invert
from pinpoint.photo_index import index_folder
from pinpoint.photo_methods import METHODS, Question, choose
from pinpoint.photo_models import open_dual, open_model
from pinpoint.photo_search import Answer, search
from pinpoint.promptable import prompt_of_facet
from pinpoint.rerank_data import Reader
from pinpoint.rerank_files import load_rerank, write_rerank
from pinpoint.rerank_model import Filter, Reranker, candidates_of, queries_of
from pinpoint.rerank_scoring import words_of
from pinpoint.rerank_speed import plain_loop
from pinpoint.zscir_setup import clip_of
from qformer_toy import tiny_model
from rerank_toy import tiny_blip
from test_folder import tiny_encoder

TEXT = "a dog in the snow"


@pytest.fixture(scope="module", autouse=True)
def _each_model_is_opened_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load", "load_qformer", "load_rerank", "Reader"):
            patch.setattr(photo_models, name, cache(getattr(photo_models, name)))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenes(tmp_path_factory.mktemp("photos"), 8)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that is not in the folder."""
    folder = scenes(tmp_path_factory.mktemp("reference"), 9)
    return folder / "s8.png"


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stages of chapter 6 as its recipe saves them, before they have learned anything."""
    folder, reader = tmp_path_factory.mktemp("stages"), Reader(shipped_folder("diorama-blip"))
    torch.manual_seed(0)
    write_rerank(folder, reader, Filter(reader.model), Reranker(reader.model), {})
    return folder


@pytest.fixture(scope="module")
def clip() -> Any:
    return load("diorama-clip")


@pytest.fixture(scope="module")
def mllm() -> Any:
    return load("diorama-mllm")


def all_of(root: Path, size: int | None = None) -> list[np.ndarray]:
    return [FolderImages(root).load(f"s{i}.png", size) for i in range(8)]


def one(path: Path, size: int | None = None) -> np.ndarray:
    return FolderImages(path.parent).load(path.name, size)


def same(answer: Answer, scores: np.ndarray) -> bool:
    """Whether the ranking is that of some scores (G,) of s0, s1, … ."""
    order = np.argsort(-scores, kind="stable")
    found = [(hit.path, hit.rank) for hit in answer.hits]
    return found == [(f"s{i}.png", n) for n, i in enumerate(order, 1)] and np.allclose(
        [hit.score for hit in answer.hits], scores[order], atol=1e-5
    )


# -- methods ----------------------------------------------------------------------------------------------------------
def test_a_text_finds_its_nearest_pictures(root: Path, clip: Any) -> None:
    answer = search(root, Question(TEXT))
    assert same(answer, clip.encode_images(all_of(root)) @ clip.encode_texts([TEXT])[0])
    assert (answer.method, answer.encoder, answer.rerank) == ("general", "diorama-clip", None)
    assert [hit.path for hit in search(root, Question(TEXT), top=3).hits] == [hit.path for hit in answer.hits[:3]]


def test_a_picture_finds_its_neighbours(root: Path, reference: Path, clip: Any) -> None:
    answer = search(root, Question(image=reference))
    assert answer.method == "image_only"
    assert same(answer, clip.encode_images(all_of(root)) @ clip.encode_images([one(reference)])[0])


def test_picture_and_text_are_added(root: Path, reference: Path, clip: Any) -> None:
    v, t = clip.encode_images([one(reference)])[0], clip.encode_texts(["at night"])[0]
    both = (v + t) / np.linalg.norm(v + t)
    answer = search(root, Question("at night", reference))
    assert answer.method == "sum" and same(answer, clip.encode_images(all_of(root)) @ both)
    theta = np.arccos(v @ t)
    alpha = photo_methods.Choices().alpha
    between = (np.sin((1 - alpha) * theta) * v + np.sin(alpha * theta) * t) / np.sin(theta)
    answer = search(root, Question("at night", reference), method="slerp")
    assert same(answer, clip.encode_images(all_of(root)) @ between)


def test_a_picture_becomes_a_word_in_a_sentence(
    root: Path, reference: Path, clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(invert, steps=6)  # of 350
    monkeypatch.setattr(photo_methods, "invert", quick)
    answer = search(root, Question("at night", reference), method="inversion")
    parts, v = clip_of(clip), torch.from_numpy(clip.encode_images([one(reference)]))
    words = quick(parts.side, v, None, phrase_weight=0.0, templates=parts.templates)
    query = compose(parts.side, words[:, None], ["at night"], form="a picture of [$], {}")
    assert same(answer, clip.encode_images(all_of(root)) @ query.detach().numpy()[0])


def test_the_qformer_reads_both_and_ranks_by_the_best_token(root: Path, reference: Path) -> None:
    answer = search(root, Question("at night", reference), method="qformer")
    encoder = load_qformer(shipped_folder("diorama-qformer"))
    seen = torch.from_numpy(encoder.see([one(reference, encoder.image_size)]))
    ids, mask = encoder.laid_out(["at night"])
    tokens = encoder.model.qformer(
        query_embeds=encoder.model.embeddings(input_ids=ids, query_embeds=encoder.model.query_tokens),
        query_length=encoder.tokens, encoder_hidden_states=seen,
        attention_mask=torch.cat([torch.ones(1, encoder.tokens, dtype=mask.dtype), mask], dim=1),
    ).last_hidden_state[:, : encoder.tokens]  # fmt: skip
    q = normalize(encoder.model.text_projection(tokens).mean(dim=1), dim=1)[0].numpy()
    gallery = encoder.encode_images(all_of(root, encoder.image_size))
    assert gallery.shape == (8, encoder.tokens, encoder.dim) and same(answer, (gallery @ q).max(axis=1))
    assert answer.encoder == "diorama-qformer"


def test_a_full_size_qformer_sees_whole_pictures(root: Path, reference: Path, tmp_path: Path) -> None:
    folder = save_blip(tmp_path / "blip2", tiny_model())
    answer = search(root, Question("a red cat", reference), method="qformer", encoder=str(folder))
    encoder = load_qformer(folder)
    seen = torch.from_numpy(encoder.see([one(reference)]))
    q = composed_emb(encoder.model, read_together(encoder.model, seen, *encoder.laid_out(["a red cat"])))[0].numpy()
    assert same(answer, (encoder.encode_images(all_of(root)) @ q).max(axis=1)) and answer.encoder == "blip2"


def test_a_full_size_blip_searches_as_any_encoder(root: Path, reference: Path, tmp_path: Path) -> None:
    folder = save_blip(tmp_path / "blip", tiny_blip())
    encoder = load(str(folder))
    answer = search(root, Question("a red cat"), encoder=str(folder))
    assert same(answer, encoder.encode_images(all_of(root)) @ encoder.encode_texts(["a red cat"])[0])


@pytest.mark.parametrize(("prompt", "full"), [("weather", prompt_of_facet("weather")), ("Look at the sky.",) * 2])
def test_a_prompt_stands_beside_every_picture(root: Path, reference: Path, mllm: Any, prompt: str, full: str) -> None:
    table = mllm.encode_images(all_of(root, mllm.image_size), full)
    answer = search(root, Question(TEXT, prompt=prompt))
    assert answer.method == "prompted" and same(answer, table @ mllm.encode_texts([TEXT])[0])
    answer = search(root, Question(image=reference, prompt=prompt))
    assert same(answer, table @ mllm.encode_images([one(reference, mllm.image_size)], full)[0])


def test_a_promptable_embedder_does_without_a_prompt(root: Path, mllm: Any) -> None:
    answer = search(root, Question(TEXT), encoder="diorama-mllm")
    assert same(answer, mllm.encode_images(all_of(root, mllm.image_size)) @ mllm.encode_texts([TEXT])[0])


def test_what_is_new_is_indexed_first(root: Path, reference: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(root, tmp_path / "photos"))
    (folder / "s0.png").unlink()
    shutil.copy(reference, folder / "new.png")
    answer = search(folder, Question(TEXT))
    assert len(answer.index) == 8
    assert {"new.png"} == {hit.path for hit in answer.hits} - {f"s{i}.png" for i in range(1, 8)}


def test_the_reference_and_its_copies_are_left_out(root: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(root, tmp_path / "photos"))
    shutil.copy(folder / "s3.png", folder / "copy.png")
    answer = search(folder, Question(image=folder / "s3.png"))
    assert {hit.path for hit in answer.hits} == {f"s{i}.png" for i in range(8) if i != 3}
    assert any("is left out" in note for note in answer.notes) and not search(root, Question(TEXT)).notes[1:]
    for name in ("s0", "s1", "s2", "s4", "s5", "s6", "s7"):
        (folder / f"{name}.png").unlink()
    with pytest.raises(PinpointError, match="holds no picture but the reference"):
        search(folder, Question(image=folder / "s3.png"))


# -- stage 2 ----------------------------------------------------------------------------------------------------------
def test_stage_2_puts_the_first_k_into_its_own_order(root: Path, reference: Path, stages: Path) -> None:
    question, k = Question("at night", reference), 5
    before = search(root, question, method="sum")
    answer = search(root, question, method="sum", rerank_k=k, stages=stages)
    reader = Reader(shipped_folder("diorama-blip"))
    first, second = load_rerank(stages, reader)
    pictures = [
        one(reference, reader.image_size),
        *(one(root / hit.path, reader.image_size) for hit in before.hits[:k]),
    ]
    seen = torch.from_numpy(reader.see(np.stack(pictures)))
    words = words_of(first, second, seen[:1], *reader.laid_out(["at night"]))
    scores = plain_loop(second.dual, words, seen[1:], np.array([[0, n] for n in range(k)]))
    order = np.argsort(-scores, kind="stable")
    assert order.tolist() != list(range(k))  # stage 2 changes something
    assert [hit.path for hit in answer.hits[:k]] == [before.hits[n].path for n in order]
    assert np.allclose([hit.score for hit in answer.hits[:k]], scores[order], atol=1e-4)
    assert [hit.before for hit in answer.hits[:k]] == (order + 1).tolist()
    assert answer.hits[k:] == before.hits[k:]  # what lies behind K stays as it was
    assert [hit.stage for hit in answer.hits] == [2] * k + [1] * (8 - k)
    assert [hit.rank for hit in answer.hits] == list(range(1, 9))
    shorter = search(root, question, method="sum", rerank_k=k, stages=stages, top=2)
    assert shorter.hits == answer.hits[:2]


def test_stage_1_is_what_re_ranking_starts_from(root: Path, reference: Path, stages: Path) -> None:
    reader = Reader(shipped_folder("diorama-blip"))
    first, _ = load_rerank(stages, reader)
    seen = torch.from_numpy(reader.see(np.stack([one(reference, reader.image_size), *all_of(root, reader.image_size)])))
    q = queries_of(first, seen[:1], *reader.laid_out(["at night"])).q.numpy()[0]
    answer = search(root, Question("at night", reference), method="filter", stages=stages)
    assert same(answer, candidates_of(first, seen[1:]).numpy() @ q)
    both = search(root, Question("at night", reference), rerank_k=8, stages=stages)
    assert both.method == "filter" and {hit.stage for hit in both.hits} == {2}
    assert [answer.hits[hit.before - 1].path for hit in both.hits] == [hit.path for hit in both.hits]


def test_k_must_not_exceed_the_pictures(root: Path, stages: Path) -> None:
    with pytest.raises(PinpointError, match="--rerank 8: there are only 7 pictures to re-rank; give at most 7"):
        search(root, Question("at night", root / "s0.png"), rerank_k=8, stages=stages)


def test_weights_that_are_not_there_are_said_to_be_made(root: Path, reference: Path, tmp_path: Path) -> None:
    for options in ({"rerank_k": 3}, {"method": "filter"}):
        with pytest.raises(PinpointError, match="no re-ranker; make it with: pinpoint train diorama-rerank"):
            search(root, Question("at night", reference), stages=tmp_path, **options)


def never(doing: str, done: int, total: int) -> None:
    raise AssertionError("the folder was read before the mistake was seen")


# -- mistakes ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("", {}, "nothing to look for; give a text, --image, or both; the methods: general with a text; "),
        ("prompt", {}, "nothing to look for"),
        ("text", {"name": "nope"}, "unknown method 'nope'; the methods: general with a text; prompted with "),
        ("text", {"name": "sum"}, "method sum needs --image and a text, and was given a text; the methods: "),
        ("text image", {"name": "general"}, "method general needs a text, and was given --image and a text"),
        ("text prompt", {"name": "general"}, "method general needs a text, and was given a text and --prompt"),
        ("text", {"name": "prompted"}, "needs a text and --prompt, or --image and --prompt, and was given a text"),
        ("text image prompt", {}, "method prompted needs .* and was given --image and a text and --prompt"),
        ("text", {"rerank": True}, "--rerank reads a reference and a text together; give both"),
        ("image", {"rerank": True}, "--rerank reads a reference and a text together; give both"),
        ("text", {"encoder": "diorama-qformer", "name": "qformer"}, "method qformer needs --image and a text"),
    ],
)
def test_inputs_that_do_not_fit_a_method(reference: Path, given: str, options: Any, message: str) -> None:
    inputs = {"text": TEXT, "image": reference, "prompt": "weather"}
    question = Question(**{name: inputs[name] for name in given.split()})
    with pytest.raises(PinpointError, match=message):
        choose(question, **{"name": None, **options})


def test_the_obvious_method(reference: Path) -> None:
    both = Question(TEXT, reference)
    chosen = [
        choose(q, None) for q in (Question(TEXT), Question(image=reference), Question(TEXT, prompt="count"), both)
    ]
    assert chosen == ["general", "image_only", "prompted", "sum"]
    assert choose(both, None, rerank=True) == "filter" and choose(both, None, "clip-b32", rerank=True) == "sum"
    assert choose(both, None, "blip2-itm-g") == "qformer"
    assert choose(both, None, "diorama-qformer") == "qformer" and choose(both, "slerp", rerank=True) == "slerp"


def test_every_method_is_named_with_what_it_needs() -> None:
    with pytest.raises(PinpointError) as error:
        choose(Question(TEXT), "nope")
    for name, method in METHODS.items():
        assert name in str(error.value) and method.said() in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"text": " \n"}, "the text is empty; write something, or leave it out"),
        ({"text": TEXT, "prompt": ""}, "the prompt is empty"),
        ({"image": Path("nowhere.jpg")}, r"there is no reference picture nowhere\.jpg; give --image the path of one"),
        ({"image": Path()}, "there is no reference picture"),
    ],
)
def test_a_question_that_is_none(inputs: Any, message: str) -> None:
    with pytest.raises(PinpointError, match=message):
        Question(**inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "clip-b33"}, "unknown encoder 'clip-b33'; known: blip-itm-base, clip-b16, "),
        ({"encoder": "diorama-qformer", "method": "sum"}, "is the model of --method qformer; here choose one that"),
        ({"encoder": "blip2-itm-g", "method": "sum"}, "blip2-itm-g is the model of --method qformer"),
        ({"encoder": "clip-b32", "method": "qformer"}, "method qformer cannot use clip-b32; leave --encoder out"),
        (
            {"encoder": "diorama-mllm", "method": "inversion"},
            "inversion needs a text tower of CLIP's kind, diorama-mllm",
        ),
    ],
)
def test_an_encoder_that_does_not_fit(root: Path, reference: Path, options: Any, message: str) -> None:
    with pytest.raises(PinpointError, match=message):
        search(root, Question(TEXT, reference), report=never, **options)


def test_other_mistakes_name_the_thing_and_the_fix(root: Path, reference: Path, stages: Path, tmp_path: Path) -> None:
    with pytest.raises(PinpointError, match=r"diorama-clip takes no prompt; .*: diorama-mllm, vlm2vec-v2"):
        search(root, Question(TEXT, prompt="weather"), encoder="diorama-clip")
    with pytest.raises(PinpointError, match="method filter brings its own model; leave out --encoder clip-b32"):
        search(root, Question(TEXT, reference), method="filter", encoder="clip-b32", stages=stages)
    with pytest.raises(PinpointError, match="diorama-qformer takes no prompt"):
        open_model("diorama-qformer", "weather")
    with pytest.raises(PinpointError, match="nowhere is not a folder"):
        search(tmp_path / "nowhere", Question(TEXT))
    (tmp_path / "note.jpg").write_text("no picture")
    with pytest.raises(PinpointError, match=r"note\.jpg cannot be read as a picture"):
        search(root, Question(image=tmp_path / "note.jpg"), report=never)


# -- what is said -----------------------------------------------------------------------------------------------------
def test_models_of_drawn_scenes_say_so(root: Path, reference: Path, stages: Path, tmp_path: Path) -> None:
    (note,) = search(root, Question(TEXT)).notes
    assert note.startswith("diorama-clip was trained on drawn scenes") and "--encoder clip-b32" in note
    (note,) = search(root, Question(TEXT), encoder="diorama-mllm").notes
    assert "--encoder vlm2vec-v2" in note
    copied = Path(shutil.copytree(shipped_folder("diorama-clip"), tmp_path / "mine"))
    assert open_dual(str(copied)).instead is not None
    other = str(tiny_encoder(tmp_path / "tiny"))
    assert search(root, Question(TEXT), encoder=other).notes == ()
    (note,) = search(root, Question(TEXT, reference), encoder=other, rerank_k=2, stages=stages).notes
    assert note.startswith("diorama-rerank was trained on drawn scenes")


@pytest.mark.parametrize("name", ["diorama-qformer", "diorama-rerank"])
def test_an_index_can_be_made_with_any_model(
    name: str, root: Path, reference: Path, stages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"diorama-rerank": stages}
    monkeypatch.setattr(photo_models, "shipped_folder", lambda name: folders.get(name) or shipped_folder(name))
    model = open_model(name)
    assert model.name == name and model.instead is not None
    assert len(index_folder(root, model.side)) == 8
    assert search(root, Question(TEXT, reference), encoder=name).index.encoded == 0  # by the method that is obvious


def test_an_answer_is_json(root: Path, reference: Path) -> None:
    answer = search(root, Question("at night", reference), top=2)
    told = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert told["question"] == {"text": "at night", "image": str(reference)} and told["pictures"] == 8
    assert [hit["path"] for hit in told["hits"]] == [hit.path for hit in answer.hits] and len(told["hits"]) == 2
    assert (told["method"], told["encoder"], told["unreadable"]) == ("sum", "diorama-clip", [])
    assert answer.said() == f"2 of 8 pictures in {root.name} · method sum · diorama-clip"


# -- photographs ------------------------------------------------------------------------------------------------------
def test_real_photographs_are_indexed_and_found(shared_data: Path, tmp_path: Path, clip: Any) -> None:
    folder = shared_data / "coco-images" / "images"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    names = sorted(path.name for path in folder.glob("*.jpg"))[:24]
    (tmp_path / "photos").mkdir()
    for name in names:
        shutil.copy(folder / name, tmp_path / "photos")
    (tmp_path / "photos" / "cut.jpg").write_bytes((folder / names[0]).read_bytes()[:2000])
    answer = search(tmp_path / "photos", Question("a dog"), top=24)
    assert [file.path for file in answer.index.unreadable] == ["cut.jpg"]
    assert sorted(hit.path for hit in answer.hits) == names
    scores = clip.encode_images([one(folder / name) for name in names]) @ clip.encode_texts(["a dog"])[0]
    assert [hit.path for hit in answer.hits] == [names[n] for n in np.argsort(-scores, kind="stable")]
    near = search(tmp_path / "photos", Question(image=folder / names[5]))
    assert near.index.encoded == 0 and names[5] not in {hit.path for hit in near.hits}
