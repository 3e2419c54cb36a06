"""Training a promptable embedder: what is asked, that it learns, resumes and saves, and the recipe end to end."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mllm_toy import ARCHITECTURES, COLOURS, IMAGES, WORDS, Squares, toy_config
from pinpoint.diorama.captions import WEATHER_NOUNS
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import UNSEEN
from pinpoint.diorama.scene_labels import LABEL_RATES
from pinpoint.diorama.world import TrainingPairs
from pinpoint.encoders.mllm_forward import embed_texts
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json
from pinpoint.promptable import COUNTRY
from pinpoint.recipes import diorama_mllm, mllm, question_batches
from pinpoint.recipes.diorama_mllm import PROFILES, Asking, settings_digest, source_of, words
from pinpoint.recipes.mllm import embed_pictures, train_mllm
from pinpoint.recipes.mllm_card import transposed, write_mllm_card
from pinpoint.recipes.registry import train
from pinpoint.recipes.word_pieces import Pieces, build_tokenizer
from pinpoint.training import History, Plan

PLAN = Plan(steps=8, lr=1e-2, warmup=2, save_every=3, evaluate_every=4, precision="float32")


def trained(out: Path, plan: Plan = PLAN, **options: Any) -> History:
    config = options.pop("config", toy_config())
    source = Squares()
    return train_mllm(config, source, IMAGES, WORDS, out, plan=plan, **{"batch": 10, "questions": 2, **options})


@pytest.fixture(autouse=True)
def _small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_batches, "BUCKET", 16)  # toy batches have few texts


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """(model, tokenizer) of every training, as they were when they were saved."""
    models, save = [], mllm.save_mllm

    def keeping(out: Path, model: Any, tokenizer: Any, *rest: Any) -> None:
        models.append((deepcopy(model).cpu(), tokenizer))  # wherever it was trained
        save(out, model, tokenizer, *rest)

    monkeypatch.setattr(mllm, "save_mllm", keeping)
    return models


# -- what is asked ----------------------------------------------------------------------------------------------------
def test_texts_are_a_function_of_picture_epoch_and_seed() -> None:
    one, other = Asking(40), Asking(40)
    for i in (30, 2, 17):  # in any order
        assert one.caption(i, 3, 1) == other.caption(i, 3, 1)
        assert one.questions(i, 3, 5, 1) == other.questions(i, 3, 5, 1)
    assert one.questions(4, 0, 3) == one.questions(4, 0, 6)[:3]
    for change in ({"epoch": 1}, {"seed": 1}):
        call = {"epoch": 0, "seed": 0, **change}
        assert [one.caption(i, **call) for i in range(40)] != [one.caption(i, 0, 0) for i in range(40)]
        assert [one.questions(i, n=4, **call) for i in range(40)] != [one.questions(i, 0, 4, 0) for i in range(40)]


def test_a_quarter_of_the_captions_are_labels() -> None:
    source, plain = Asking(3000), TrainingPairs(3000)
    assert source.digest == plain.digest  # the same pictures
    said = [source.caption(i, 0) for i in range(3000)]
    listed = [text for text in said if text.split(": ")[0] in LABEL_RATES]
    assert len(listed) / 3000 == pytest.approx(0.25, abs=0.03)
    assert all(text == plain.caption(i, 0) for i, text in enumerate(said) if text not in set(listed))


def test_descriptions_leave_nothing_out() -> None:
    source = Asking(300)
    said = [source.description(i, 0) for i in range(300)]
    assert said == [source.description(i, 0) for i in range(300)] != [source.description(i, 1) for i in range(300)]
    listed = 0
    for scene, text in zip(source.scenes, said, strict=True):
        words = text.replace(",", "").replace(".", "").replace(";", "")
        for value in (scene.weather, scene.material, *(thing.name for thing in scene.things)):
            found = value is None or value in words or (value in WEATHER_NOUNS and WEATHER_NOUNS[value] in words)
            assert found, (value, text)
        listed += text.split(": ")[0] in LABEL_RATES
    assert 120 < listed < 180  # the other half are sentences


def test_the_vocabulary_holds_every_word_that_is_read() -> None:
    tokenizer = build_tokenizer(words())
    pieces, source = Pieces(tokenizer), Asking(500, seed=77)
    texts = [text for f in FACETS.values() for text, _ in f.texts]
    texts += [GENERIC_PROMPT, PROMPT.format(question=COUNTRY["gpt"])]
    texts += [PROMPT.format(question=q) for f in FACETS.values() for q in (f.question, f.human_question)]
    texts += [source.caption(i, epoch) for i in range(500) for epoch in range(2)]
    texts += [source.description(i, epoch) for i in range(500) for epoch in range(2)]
    texts += [text for i in range(500) for a in source.questions(i, 0, 4) for text in (a.question, a.answer)]
    for text in texts:
        assert not any(token.startswith("##") for token in tokenizer.convert_ids_to_tokens(pieces(text))), text
        assert tokenizer.unk_token_id not in pieces(text)
    assert len(tokenizer) < 1000


# -- training ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_small_run_learns_to_follow_its_prompts(architecture: str, tmp_path: Path, kept: list[Any]) -> None:
    config = toy_config(architecture, layers=2, vision_layers=1, width=32, vision_width=32)
    plan = replace(PLAN, steps=75, warmup=10, save_every=1000, evaluate_every=1000)
    history = trained(tmp_path / "out", plan, config=config, batch=20)
    assert np.mean(history.losses[-5:]) < 0.7 * np.mean(history.losses[8:13]) < 0.2 * history.losses[0]
    model, tokenizer = kept[0]
    pieces = Pieces(tokenizer)
    prompts = [PROMPT.format(question=q) for q in ("Which colour is on top?", "below?")]
    answers = [[*COLOURS], [f"{colour} is below" for colour in COLOURS]]
    with torch.no_grad():
        tables = embed_pictures(model, config, pieces, IMAGES[:25], prompts)
        text_emb = [embed_texts(model, *pieces.padded(texts)).numpy() for texts in answers]
    truth = [np.arange(25) % 5, np.arange(25) // 5]
    for table, text, right in zip(tables, text_emb, truth, strict=True):
        assert np.mean((table @ text.T).argmax(1) == right) > 0.5  # chance is 0.2


def test_a_run_that_stops_and_resumes_ends_with_the_same_weights(tmp_path: Path) -> None:
    calls: list[int] = []

    def evaluate(model: Any, pieces: Pieces) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the disk is gone")  # at step 4, the last state is that of step 3
        return {"rows": float(len(pieces("a red picture")))}

    with pytest.raises(OSError, match="disk"):
        trained(tmp_path / "broken", evaluate=evaluate)
    assert not (tmp_path / "broken" / "model.safetensors").exists()
    resumed = trained(tmp_path / "broken", evaluate=evaluate)
    straight = trained(tmp_path / "straight", evaluate=lambda model, pieces: {"rows": 3.0})
    assert resumed.losses == straight.losses and len(resumed.losses) == 8 and resumed.curve == straight.curve
    for file in ("model.safetensors", "tokenizer.json", "config.json", "pinpoint.json", "dev_curve.json"):
        assert (tmp_path / "broken" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes(), file


def test_chunks_train_the_model_of_the_whole_batch(tmp_path: Path) -> None:
    whole, chunked = (trained(tmp_path / f"{chunk}", replace(PLAN, steps=5), chunk=chunk) for chunk in (None, 4))
    assert chunked.losses == pytest.approx(whole.losses, rel=1e-3)
    assert whole.losses[-1] != pytest.approx(whole.losses[0], rel=1e-2)


def test_a_checkpoint_of_other_words_or_sizes_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "one")
    for change in ({"questions": 1}, {"batch": 8}, {"config": toy_config(mlp_width=16)}):
        with pytest.raises(PinpointError, match="other numbers"):
            trained(tmp_path / "one", **change)


def test_a_model_may_start_from_given_weights(tmp_path: Path, kept: list[Any]) -> None:
    def start(model: Any, images: np.ndarray, pieces: Pieces) -> None:
        assert images is IMAGES  # the pictures it will train on
        model.get_input_embeddings().weight.data.fill_(0.125)

    still = replace(PLAN, steps=1, lr=0.0, warmup=0)
    trained(tmp_path / "out", still, start=start)
    assert (kept[0][0].get_input_embeddings().weight == 0.125).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_folder_is_a_transformers_checkpoint(architecture: str, tmp_path: Path, kept: list[Any]) -> None:
    out, config = tmp_path / "out", toy_config(architecture)
    trained(out, config=config, name="squares")
    assert_opens(out, *kept[0], config, IMAGES[:6])
    record = read_json(out / "pinpoint.json")
    assert record["name"] == "squares" and record["image_size"] == 24


def assert_opens(out: Path, model: Any, tokenizer: Any, config: Any, pictures: np.ndarray) -> None:
    """The folder gives, by transformers alone, the embeddings of the model that was trained, in half precision."""
    from transformers import AutoModel, AutoProcessor

    record = read_json(out / "pinpoint.json")
    assert record["weights_sha256"] == file_digest(out / "model.safetensors")
    assert record["tokenizer_sha256"] == file_digest(out / "tokenizer.json")
    assert record["generic_prompt"] == GENERIC_PROMPT and record["format"] == 1
    processor, loaded = AutoProcessor.from_pretrained(out), AutoModel.from_pretrained(out, dtype=torch.float32).eval()
    assert type(loaded) is type(model)
    assert {t.dtype for t in AutoModel.from_pretrained(out, dtype="auto").state_dict().values()} == {torch.float16}
    assert next(model.parameters()).dtype == torch.float32  # what was trained is left as it was
    trained_model, pieces = deepcopy(model).half().float().eval(), Pieces(tokenizer)
    prompts = [GENERIC_PROMPT, PROMPT.format(question=FACETS["times"].question)]
    with torch.no_grad():
        expected = torch.from_numpy(embed_pictures(trained_model, config, pieces, pictures, prompts))
        for prompt, table in zip(prompts, expected, strict=True):
            text = record["image_template"].format(prompt=prompt)
            inputs = processor(text=[text] * len(pictures), images=list(pictures), return_tensors="pt")
            rows = loaded(**inputs).last_hidden_state[:, -1]
            assert_close(torch.nn.functional.normalize(rows, dim=-1), table, atol=1e-5, rtol=0.0)
        text = record["text_template"].format(text="a red picture.\n")
        ids = processor.tokenizer(text, return_tensors="pt")["input_ids"]
        row = loaded.language_model(input_ids=ids).last_hidden_state[:, -1]
        mine = embed_texts(trained_model, *pieces.padded(["a red picture.\n"]))
        assert_close(torch.nn.functional.normalize(row, dim=-1), mine, atol=1e-5, rtol=0.0)
        assert (expected[0] - expected[1]).norm(dim=-1).min() > 1e-3


# -- the card ---------------------------------------------------------------------------------------------------------
def test_the_card_says_what_was_done(tmp_path: Path) -> None:
    history = trained(tmp_path, evaluate=lambda model, pieces: {"general.r5": 12.5, "prompted.r5": 87.5})
    settings = replace(PROFILES["smoke"], scenes=40, batch=10, plan=PLAN)
    talk = History([3.0], [{"step": 1.0, "place": 62.5}], 30.0)
    stages = {"tower": History([2.0, 1.0], [], 90.0, "toy"), "talk": talk}
    write_mllm_card(tmp_path, "squares", settings, history, stages, "pinpoint train squares", data="0123abc")
    card = (tmp_path / "card.md").read_text()
    for fact in ("# squares", "| never asked about | weather, materials;",
                 "| stage 1 | image tower:", "; 2 updates, 2 minutes, toy |", "| stage 2 | all but the tower:",
                 "## After the stage *talk*", "| place | 62.5 |", "`Qwen2VLModel`", "digest `0123abc`",
                 "8 (80 pictures, 240 pairs)", "seed 0", "`pinpoint train squares`", "| step | 4 | 8 |",
                 "| general.r5 | 12.5 | 12.5 |", "| prompted.r5 | 87.5 | 87.5 |",
                 read_json(tmp_path / "pinpoint.json")["weights_sha256"]):  # fmt: skip
        assert fact in card, fact
    assert all(name in card for name in UNSEEN)
    assert read_json(tmp_path / "dev_curve.json") == history.curve


def test_a_table_is_turned_on_its_side() -> None:
    table = ["| step | a | b |", "|---|---|---|", "| 1 | 2.0 | 3.0 |", "| 4 | 5.0 | 6.0 |"]
    assert transposed(table) == ["| step | 1 | 4 |", "|---|---|---|", "| a | 2.0 | 5.0 |", "| b | 3.0 | 6.0 |"]
    assert transposed(["Not measured."]) == ["Not measured."]


# -- the recipe -------------------------------------------------------------------------------------------------------
def test_an_unknown_profile_is_one_line() -> None:
    with pytest.raises(PinpointError, match="unknown training profile 'huge'; known: full, lite, smoke"):
        train("diorama-mllm", profile="huge")


def test_a_digest_names_the_settings_and_the_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    smoke = PROFILES["smoke"]
    assert settings_digest(smoke) == settings_digest(replace(smoke)) and len(settings_digest(smoke)) == 12
    assert settings_digest(smoke) != settings_digest(replace(smoke, questions=3))
    before = settings_digest(smoke)
    monkeypatch.setattr(diorama_mllm, "LABEL_SHARE", 1.0)
    assert settings_digest(smoke) != before


def test_the_seed_of_a_model_does_not_change_the_world() -> None:
    smoke = PROFILES["smoke"]
    seeded = replace(smoke, plan=replace(smoke.plan, seed=3))
    assert source_of(seeded).digest == source_of(smoke).digest
    assert source_of(smoke).image(0).shape == (48, 48, 3)


def test_the_smoke_recipe_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: list[Any]) -> None:
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(question_batches, "BUCKET", 128)  # as it is
    out = train("diorama-mllm", profile="smoke")
    assert out.is_relative_to(tmp_path)  # a smoke run never touches the weights of the package
    config = PROFILES["smoke"].config
    source = source_of(PROFILES["smoke"])
    assert_opens(out, *kept[0], config, np.stack([source.image(i) for i in range(4)]))
    card, curve = (out / "card.md").read_text(), read_json(out / "dev_curve.json")
    assert "pinpoint train diorama-mllm --profile smoke" in card and source.digest in card
    assert [point["step"] for point in curve] == [3, 6]
    facets = [f"{facet}.{mode}.r5" for facet in FACETS for mode in ("general", "prompted")]
    for point in curve:
        assert set(point) == {"step", *facets, "general.r5", "prompted.r5"}
        for mode in ("general", "prompted"):
            mean = np.mean([point[f"{facet}.{mode}.r5"] for facet in FACETS])
            assert point[f"{mode}.r5"] == pytest.approx(mean) and 0 <= mean <= 100
    assert all(np.isfinite(point[key]) for point in curve for key in facets)
