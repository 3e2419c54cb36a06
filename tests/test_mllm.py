"""Promptable embedders: one door for folders and public rows, last-token pooling, and rows that no batch can change."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import tiny_mllm
from hub_toy import COMMIT, put_in_cache
from pinpoint import encoders
from pinpoint.encoders import hub, mllm_forward
from pinpoint.encoders.mllm import MllmEncoder
from pinpoint.encoders.mllm_checkpoint import merge_adapter, read_model
from pinpoint.encoders.mllm_record import CARD, PromptFormat, write_card
from pinpoint.encoders.registry import MLLM_BY_NAME, MLLM_ROWS, MllmRow
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json, write_json
from pinpoint.promptable import closed_list

PROMPTS = [
    "Represent the given image.",
    "Represent the given image with the following question: What time of day is depicted in this image?",
    "Colours?",
]
TEXTS = ["a dog", "Find me an everyday image that is taken during the night.\n", "dog", "two people on the beach"]
SIZES = [(32, 32), (48, 32), (32, 64), (32, 32), (20, 90), (96, 96), (200, 100), (64, 64), (32, 32)]
CASES = [(kind, prompt_first) for kind in tiny_mllm.KINDS for prompt_first in (False, True)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Path]:
    """A checkpoint folder of every class, with the image before and behind the prompt."""
    root = tmp_path_factory.mktemp("mllm")
    return {case: tiny_mllm.save(root / f"{case[0]}-{case[1]}", *case) for case in CASES}


@pytest.fixture(scope="module")
def loaded(folders: dict[tuple[str, bool], Path]) -> dict[tuple[str, bool], MllmEncoder]:
    return {case: encoders.load(str(folder), device="cpu") for case, folder in folders.items()}


@pytest.fixture(scope="module")
def saved(folders: dict[tuple[str, bool], Path]) -> Path:
    return folders["qwen2", False]


@pytest.fixture(scope="module")
def encoder(loaded: dict[tuple[str, bool], MllmEncoder]) -> MllmEncoder:
    return loaded["qwen2", False]


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A copy of the folder to damage."""
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def mixed() -> list[np.ndarray]:
    """Images of many sizes, so of many grids of tokens."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def by_hand(folder: Path, image: np.ndarray, prompt: str) -> np.ndarray:
    """One image, one prompt, transformers alone: processor, model, the last token, unit length."""
    from transformers import AutoModel, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    text = read_json(folder / CARD)["image_template"].format(prompt=prompt)
    inputs = processor(text=[text], images=[Image.fromarray(image)], return_tensors="pt")
    with torch.no_grad():
        row = model(**inputs).last_hidden_state[0, -1].numpy()
    return row / np.linalg.norm(row)


@pytest.mark.parametrize("case", CASES)
def test_an_image_embedding_is_the_last_token_of_the_plain_model(
    case: tuple[str, bool], folders: dict[Any, Path], loaded: dict[Any, MllmEncoder], mixed: list[np.ndarray]
) -> None:
    rows = loaded[case].encode_images(mixed[:3], PROMPTS[1])
    assert rows.shape == (3, 32) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    for row, image in zip(rows, mixed, strict=False):
        np.testing.assert_allclose(row, by_hand(folders[case], image, PROMPTS[1]), atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_shared_prefix_agrees_with_the_plain_path_in_any_batch(
    case: tuple[str, bool], loaded: dict[Any, MllmEncoder], mixed: list[np.ndarray]
) -> None:
    encoder = loaded[case]
    shared = encoder.encode_prompts(mixed, PROMPTS, batch_size=8)
    assert shared.shape == (3, 9, 32)
    np.testing.assert_allclose(shared, encoder.encode_prompts(mixed, PROMPTS, batch_size=1), atol=1e-5)
    for prompt, rows in zip(PROMPTS, shared, strict=True):
        for batch_size in (1, 8):
            np.testing.assert_allclose(rows, encoder.encode_plain(mixed, prompt, batch_size=batch_size), atol=1e-5)
            np.testing.assert_allclose(rows, encoder.encode_images(mixed, prompt, batch_size=batch_size), atol=1e-5)
    assert np.abs(shared[0] - shared[1]).max() > 0.1  # the prompt matters
    assert np.abs(shared[0, 0] - shared[0, 3]).max() > 0.01  # and so does the image


@pytest.mark.parametrize("case", CASES)
def test_the_prefix_is_shared_exactly_where_the_image_comes_first(
    case: tuple[str, bool], loaded: dict[Any, MllmEncoder], pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    prefix = mllm_forward.image_prefix
    monkeypatch.setattr(mllm_forward, "image_prefix", lambda *args: calls.append(1) or prefix(*args))
    loaded[case].encode_prompts(pixels, PROMPTS * 7, batch_size=4)
    assert len(calls) == (0 if case[1] else 2)  # two batches, however many prompts


def test_many_prompts_are_cut_into_runs(encoder: MllmEncoder, pixels: np.ndarray) -> None:
    prompts = [f"Which of the {n} things?" for n in range(19)]
    rows = encoder.encode_prompts(pixels[:3], prompts)
    np.testing.assert_allclose(rows[18], encoder.encode_plain(pixels[:3], prompts[18]), atol=1e-5)
    same = encoder.encode_prompts(pixels[:3], [PROMPTS[2]] * 2)  # no word is left to tell them apart
    np.testing.assert_allclose(same[1], encoder.encode_plain(pixels[:3], PROMPTS[2]), atol=1e-5)


def test_what_some_prompts_share_is_computed_once_for_them(
    encoder: MllmEncoder, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's list: all begin with "Represent the given image", all but the generic one go on alike."""
    prompts = list(closed_list())
    widths: list[tuple[int, int]] = []
    embed = mllm_forward.embed_prompts

    def counting(model: Any, prefix: Any, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        widths.append((len(ids), int(lengths.max())))
        return embed(model, prefix, ids, lengths)

    monkeypatch.setattr(mllm_forward, "embed_prompts", counting)
    rows = encoder.encode_prompts(pixels[:3], prompts)
    assert sum(n for n, _ in widths) == len(prompts) and len(widths) > 1
    whole = max(len(encoder.processor.tokenizer(prompt)["input_ids"]) for prompt in prompts)
    assert max(width for _, width in widths) < whole - 3
    for prompt, row in zip(prompts, rows, strict=True):
        np.testing.assert_allclose(row, encoder.encode_plain(pixels[:3], prompt), atol=1e-5)


def test_padding_on_either_side_gives_the_same_rows(
    tmp_path: Path, encoder: MllmEncoder, mixed: list[np.ndarray]
) -> None:
    left = encoders.load(str(tiny_mllm.save(tmp_path / "left", padding_side="left")), device="cpu")
    assert left.record.format.padding_side == "left" and left.record.digest != encoder.record.digest
    inputs = left._inputs([Image.fromarray(image) for image in mixed[:2]], PROMPTS[0])
    assert inputs["attention_mask"].min() == 0 and inputs["attention_mask"][:, -1].min() == 1
    np.testing.assert_allclose(left.encode_plain(mixed), encoder.encode_plain(mixed), atol=1e-5)
    np.testing.assert_allclose(left.encode_images(mixed), encoder.encode_images(mixed), atol=1e-5)
    np.testing.assert_allclose(left.encode_texts(TEXTS), encoder.encode_texts(TEXTS), atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_a_text_does_not_depend_on_its_batch(
    case: tuple[str, bool], folders: dict[Any, Path], loaded: dict[Any, MllmEncoder]
) -> None:
    from transformers import AutoModel

    encoder = loaded[case]
    many = encoder.encode_texts(TEXTS * 3, batch_size=8)
    np.testing.assert_allclose(many, encoder.encode_texts(TEXTS * 3, batch_size=1), atol=1e-5)
    np.testing.assert_allclose(many[::-1], encoder.encode_texts((TEXTS * 3)[::-1], batch_size=5), atol=1e-5)
    model = AutoModel.from_pretrained(folders[case], local_files_only=True).eval()
    ids = encoder.processor.tokenizer(TEXTS[1] + "<|endoftext|>", return_tensors="pt")
    with torch.no_grad():
        row = model(**ids).last_hidden_state[0, -1].numpy()
    np.testing.assert_allclose(many[1], row / np.linalg.norm(row), atol=1e-5)
    assert np.abs(many[0] - many[1]).max() > 0.1


def test_every_kind_of_image_gives_the_same_row(encoder: MllmEncoder, pixels: np.ndarray) -> None:
    whole = encoder.encode_images(pixels)
    generated = encoder.encode_images((Image.fromarray(image) for image in pixels), batch_size=4)
    np.testing.assert_allclose(whole, encoder.encode_images(list(pixels)), atol=1e-5)
    np.testing.assert_allclose(whole, generated, atol=1e-5)
    grey = Image.fromarray(pixels[0]).convert("L")
    np.testing.assert_allclose(encoder.encode_images([grey]), encoder.encode_images([grey.convert("RGB")]), atol=1e-6)
    assert encoder.encode_images([]).shape == (0, 32) and encoder.encode_texts([]).shape == (0, 32)
    assert encoder.encode_prompts([], PROMPTS).shape == (3, 0, 32)


def test_no_prompt_is_the_generic_prompt(encoder: MllmEncoder, pixels: np.ndarray) -> None:
    np.testing.assert_array_equal(encoder.encode_images(pixels), encoder.encode_images(pixels, PROMPTS[0]))


def test_the_pixel_limits_of_the_record_bound_the_image(tmp_path: Path, mixed: list[np.ndarray]) -> None:
    folder = tiny_mllm.save(tmp_path / "capped", min_pixels=16 * 16, max_pixels=32 * 32)
    capped = encoders.load(str(folder), device="cpu")
    inputs = capped._inputs([Image.fromarray(image) for image in mixed], PROMPTS[0])
    assert inputs["image_grid_thw"].prod(1).max() <= 16  # patches of 8 pixels in 32 x 32
    assert capped.record.format.max_pixels == 32 * 32
    other = tiny_mllm.save(tmp_path / "other", max_pixels=64 * 64)
    assert encoders.load(str(other)).record.processor_digest != capped.record.processor_digest


@pytest.mark.parametrize("case", CASES)
def test_relevance_is_the_attention_of_the_last_token(
    case: tuple[str, bool], folders: dict[Any, Path], loaded: dict[Any, MllmEncoder]
) -> None:
    from transformers import AutoModel, AutoProcessor

    folder, side = folders[case], 32 if case[0] == "llava" else 48
    images = np.random.default_rng(2).integers(0, 256, (3, 32, side, 3), dtype=np.uint8)
    before = loaded[case].encode_images(images)
    maps = loaded[case].relevance(images, PROMPTS[1], batch_size=2)
    assert maps.shape == ((3, 4, 4) if case[0] == "llava" else (3, 2, 3)) and maps.dtype == np.float32
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager").eval()
    text = read_json(folder / CARD)["image_template"].format(prompt=PROMPTS[1])
    inputs = processor(text=[text], images=[Image.fromarray(images[2])], return_tensors="pt")
    with torch.no_grad():
        last_layer = model(**inputs, output_attentions=True).attentions[-1]  # of two layers, the later half is one
    expected = last_layer[0].mean(0)[-1][inputs["input_ids"][0] == processor.image_token_id].numpy()
    np.testing.assert_allclose(maps[2].ravel(), expected, atol=1e-6)
    assert (maps >= 0).all() and (maps.sum((1, 2)) < 1).all()
    np.testing.assert_array_equal(before, loaded[case].encode_images(images))  # it leaves no trace


def test_relevance_follows_the_prompt_and_needs_one_size(encoder: MllmEncoder, mixed: list[np.ndarray]) -> None:
    first, second = (encoder.relevance(mixed[:1], prompt) for prompt in PROMPTS[:2])
    assert np.abs(first - second).max() > 1e-3
    with pytest.raises(PinpointError, match=r"image 1 is .32, 48., image 0 .32, 32.; relevance needs images of one"):
        encoder.relevance(mixed, PROMPTS[0])


def test_a_nan_row_names_its_image(saved: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, embed = encoders.load(str(saved), device="cpu"), mllm_forward.embed_prompts

    def poisoned(*args: Any) -> torch.Tensor:
        rows = embed(*args)
        rows[-1, 0] = torch.nan
        return rows

    monkeypatch.setattr(mllm_forward, "embed_prompts", poisoned)
    with pytest.raises(PinpointError, match="the embedding of image 3 is NaN"):
        broken.encode_prompts(pixels, PROMPTS, batch_size=4)


@pytest.mark.parametrize(
    ("method", "argument", "message"),
    [
        ("encode_images", [np.zeros((32, 32, 3))], "image 0 is float64"),
        ("encode_images", [np.zeros((32, 32, 3), np.uint8), "photo.jpg"], "image 1 is a str"),
        ("encode_images", np.zeros((32, 32, 3), np.uint8), "shape"),
        ("encode_texts", "a dog", "one string"),
        ("encode_texts", ["a dog", None], "text 1 is a NoneType"),
        ("encode_texts", ["a dog", "an <|image_pad|>"], "text 1 .* holds the image token"),
    ],
)
def test_what_cannot_be_encoded_is_named(encoder: MllmEncoder, method: str, argument: Any, message: str) -> None:
    with pytest.raises(PinpointError, match=message):
        getattr(encoder, method)(argument)


def test_what_is_no_prompt_is_named(encoder: MllmEncoder, pixels: np.ndarray) -> None:
    with pytest.raises(PinpointError, match=r"the prompt '<\|image_pad\|>' holds the image token"):
        encoder.encode_images(pixels, "<|image_pad|>")
    with pytest.raises(PinpointError, match="one string"):
        encoder.encode_prompts(pixels, "Which?")
    with pytest.raises(PinpointError, match="the prompt 3 is a int"):
        encoder.encode_prompts(pixels, [3])  # type: ignore[list-item]  # the mistake under test
    with pytest.raises(PinpointError, match="no prompt"):
        encoder.encode_prompts(pixels, [])


def test_the_record_holds_everything_that_changes_a_number(encoder: MllmEncoder, saved: Path) -> None:
    record = encoder.record
    assert (record.kind, record.pooling, record.dim) == ("mllm", "last", 32)
    assert record.weights_sha256 == file_digest(saved / "model.safetensors")
    changes = {
        "dtype": "bfloat16", "weights_sha256": "0" * 64, "tokenizer_digest": "0" * 64, "revision": "x",
        "processor_digest": "0" * 64, "format": replace(record.format, max_pixels=4096),
    }  # fmt: skip
    digests = {record.digest, *(replace(record, **{key: value}).digest for key, value in changes.items())}
    assert len(digests) == 1 + len(changes)
    assert json.loads(json.dumps(asdict(record)))["format"]["generic_prompt"] == "Represent the given image."
    assert record.digest == encoders.load(str(saved)).record.digest


def test_bfloat16_is_close_and_another_record(encoder: MllmEncoder, saved: Path, pixels: np.ndarray) -> None:
    half = encoders.load(str(saved), device="cpu", dtype="bfloat16")
    assert half.record.digest != encoder.record.digest
    assert next(half.model.parameters()).dtype == torch.bfloat16
    for rows, exact in ((half.encode_images(pixels), encoder.encode_images(pixels)),
                        (half.encode_plain(pixels), encoder.encode_plain(pixels)),
                        (half.encode_texts(TEXTS), encoder.encode_texts(TEXTS))):  # fmt: skip
        assert (rows * exact).sum(1).min() > 0.98
    with pytest.raises(PinpointError, match="unknown dtype"):
        encoders.load(str(saved), dtype="int4")


def refused(folder: Path, message: str) -> None:
    with pytest.raises(PinpointError, match=message) as caught:
        encoders.load(str(folder), device="cpu")
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_clear_line(copy: Path) -> None:
    weights, form = copy / "model.safetensors", encoders.load(str(copy)).record.format
    whole, state = weights.read_bytes(), load_file(weights)
    weights.write_bytes(whole[:-100])
    refused(copy, "weights in .* are damaged or were replaced")
    write_card(copy, "cut", form)
    refused(copy, "cannot be loaded")
    name = "layers.0.self_attn.q_proj.weight"
    key = next(key for key in state if key.endswith(name))
    for message, tensors in (
        (f"NaN or infinity in .*{name}", {**state, key: state[key] * torch.nan}),
        ("lacks 1 tensor.*q_proj.weight", {k: v for k, v in state.items() if k != key}),
        ("unexpected 1 tensor.*extra", {**state, "extra": torch.zeros(1)}),
        ("misfits 1 tensor.*q_proj.weight", {**state, key: torch.zeros(3, 3)}),
    ):
        save_file(tensors, weights, metadata={"format": "pt"})
        write_card(copy, "changed", form)
        refused(copy, message)
    weights.unlink()
    refused(copy, "model.safetensors is missing")
    torch.save({}, copy / "pytorch_model.bin")
    refused(copy, "model.safetensors is missing; pytorch_model.bin is not read")


def test_an_incomplete_folder_is_one_clear_line(copy: Path) -> None:
    card = read_json(copy / CARD)
    (copy / "adapter_config.json").write_text("{}")
    refused(copy, "holds a LoRA adapter; merge it")
    (copy / "adapter_config.json").unlink()
    for message, changed in (
        ("not of format 1", {"format": 2}),
        ("lacks generic_prompt", {"generic_prompt": None}),
        ("image_template holds '<.image_pad.>' 0 times", {"image_template": "{prompt}"}),
        ("image_template holds '{prompt}' 2 times", {"image_template": "<|image_pad|>{prompt}{prompt}"}),
        ("text_template holds '{text}' 0 times", {"text_template": "text"}),
        ("padding_side is 'middle'", {"padding_side": "middle"}),
        ("max_pixels is not a whole number", {"max_pixels": "many"}),
        ("tokenizer.json is damaged or was replaced", {"tokenizer_sha256": "0" * 64}),
    ):
        write_json(copy / CARD, {**card, **changed})
        refused(copy, message)
    config = read_json(copy / "config.json")
    write_json(copy / CARD, card)
    write_json(copy / "config.json", {**config, "image_token_id": 7})
    refused(copy, "is not the model's image token")
    write_json(copy / "config.json", config)
    (copy / CARD).write_text("{")
    refused(copy, "is not valid JSON")
    (copy / CARD).unlink()
    refused(copy, "holds no pinpoint.json")
    write_json(copy / CARD, card)
    (copy / "processor_config.json").unlink()
    refused(copy, "processor")


def test_a_checkpoint_saved_with_its_language_head_loads(tmp_path: Path, pixels: np.ndarray) -> None:
    folder = tiny_mllm.qwen2_with_head(tmp_path / "head")
    write_card(folder, "head", PromptFormat(tiny_mllm.IMAGE_FIRST, "{text}", "Represent the given image."))
    encoder = encoders.load(str(folder), device="cpu")
    assert encoder.record.architecture.startswith("transformers.Qwen2VLModel/")
    np.testing.assert_allclose(encoder.encode_images(pixels[:2])[1], by_hand(folder, pixels[1], PROMPTS[0]), atol=1e-5)
    with pytest.raises(PinpointError, match="text 1 is empty"):
        encoder.encode_texts(["a", ""])


def test_a_card_keeps_notes_and_refuses_a_clash(copy: Path) -> None:
    form = encoders.load(str(copy)).record.format
    write_card(copy, "noted", form, revision="7", prompts=PROMPTS)
    assert read_json(copy / CARD)["prompts"] == PROMPTS
    assert encoders.load(str(copy)).record.revision == "7"
    with pytest.raises(PinpointError, match="image_template: given twice"):
        write_card(copy, "noted", form, image_template="x")


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> MllmRow:
    """A row of the registry for the tiny checkpoint."""
    form = PromptFormat(tiny_mllm.IMAGE_FIRST, "{text}<|endoftext|>", "Represent the given image.", 256, 9216)
    row = MllmRow("tiny", "mllm", "qwen2_vl", "some/tiny", COMMIT, 32, "MIT", 1, form)
    monkeypatch.setitem(MLLM_BY_NAME, "tiny", row)
    return row


def test_a_public_row_loads_from_the_cache_at_its_commit(
    row: MllmRow, hub_cache: Path, tmp_path: Path, encoder: MllmEncoder, pixels: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with pytest.raises(PinpointError, match=r"tiny .some/tiny at commit 0123456789ab. is not on.*pinpoint fetch tiny"):
        encoders.load("tiny")
    snapshot = put_in_cache(hub_cache, "some/tiny", tiny_mllm.save(tmp_path / "tiny"))
    public = encoders.load("tiny", device="cpu")
    assert (public.record.revision, public.record.checkpoint) == (COMMIT, "some/tiny")
    assert public.record.weights_sha256 == file_digest(snapshot / "model.safetensors")
    np.testing.assert_allclose(public.encode_images(pixels), encoder.encode_images(pixels), atol=1e-6)
    for message, changed in (
        ("is not on this machine", replace(row, revision="f" * 40)),
        ("describes a qwen2_vl, expected a qwen3_vl", replace(row, model_type="qwen3_vl")),
        ("has 32 dimensions, the registry expects 64", replace(row, dim=64)),
    ):
        monkeypatch.setitem(MLLM_BY_NAME, "tiny", changed)
        with pytest.raises(PinpointError, match=message):
            encoders.load("tiny", device="cpu")
    monkeypatch.setitem(MLLM_BY_NAME, "tiny", replace(row, revision=None))
    assert encoders.load("tiny", device="cpu").record.revision == COMMIT  # of the cache, and on record
    blob = (snapshot / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(PinpointError, match=r"model.safetensors is damaged: its SHA-256 is not"):
        encoders.load("tiny", device="cpu")


def write_adapter(folder: Path, layers: str) -> dict[str, torch.Tensor]:
    """A LoRA adapter of rank 4 and scale 2 for the tiny model, with the paths that `layers` begins."""
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "inference_mode": True}
    write_json(folder / "adapter_config.json", config)
    state = {
        f"base_model.model.{layers}.{n}.self_attn.q_proj.lora_{part}.weight": torch.randn(*shape)
        for n in range(2)
        for part, shape in (("A", (4, 32)), ("B", (32, 4)))
    }
    save_file(state, folder / "adapter_model.safetensors")
    return state


@pytest.mark.parametrize("layers", ["model.layers", "model.language_model.layers"])  # of older and newer transformers
def test_an_adapter_is_added_to_the_weights(layers: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    base = tiny_mllm.qwen2_with_head(tmp_path / "base")
    state = write_adapter(tmp_path / "adapter", layers)
    model: Any = read_model(base, "float32")
    before = model.language_model.layers[1].self_attn.q_proj.weight.clone()
    merge_adapter(model, tmp_path / "adapter")
    a, b = (state[f"base_model.model.{layers}.1.self_attn.q_proj.lora_{part}.weight"] for part in "AB")
    after = model.language_model.layers[1].self_attn.q_proj.base_layer.weight
    torch.testing.assert_close(after, before + 2 * b @ a)


def test_an_adapter_row_loads_with_its_base(
    row: MllmRow, hub_cache: Path, tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    base = put_in_cache(hub_cache, "some/base", tiny_mllm.qwen2_with_head(tmp_path / "base"))
    write_adapter(tmp_path / "adapter", "model.layers")
    put_in_cache(hub_cache, "some/tiny", tmp_path / "adapter")
    plain = replace(row, repo="some/base")
    monkeypatch.setitem(MLLM_BY_NAME, "tiny", plain)
    without = encoders.load("tiny", device="cpu")
    monkeypatch.setitem(MLLM_BY_NAME, "tiny", replace(row, base=("some/base", COMMIT)))
    adapted = encoders.load("tiny", device="cpu")
    assert adapted.record.revision == f"{COMMIT} on some/base@{COMMIT}"
    assert adapted.record.weights_sha256 != without.record.weights_sha256 == file_digest(base / "model.safetensors")
    rows = adapted.encode_prompts(pixels, PROMPTS)
    assert np.abs(rows[0] - without.encode_images(pixels)).max() > 0.1
    np.testing.assert_allclose(rows[1], adapted.encode_plain(pixels, PROMPTS[1]), atol=1e-5)


def test_an_adapter_for_other_layers_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    write_adapter(tmp_path / "adapter", "elsewhere.layers")
    model = read_model(tiny_mllm.qwen2_with_head(tmp_path / "base"), "float32")
    with pytest.raises(PinpointError, match=r"lacks 4 tensor.*lora_A.*belong to another model"):
        merge_adapter(model, tmp_path / "adapter")


def test_a_fetch_asks_for_the_pinned_commit_and_for_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None, tuple[str, ...]]] = []

    def download(repo: str, revision: str | None = None, allow_patterns: Any = None, **_options: Any) -> str:
        asked.append((repo, revision, tuple(allow_patterns)))
        return f"/cache/{repo}"

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert hub.fetch("vlm2vec-v2") == Path("/cache/VLM2Vec/VLM2Vec-V2.0")
    row = MLLM_BY_NAME["vlm2vec-v2"]
    assert row.base is not None
    patterns = ("*.json", "*.safetensors")
    assert asked == [(*row.base, patterns), (row.repo, row.revision, patterns)]


def test_a_fetch_that_fails_is_one_line(hub_cache: Path) -> None:
    with pytest.raises(PinpointError, match="could not fetch gme-qwen2-vl-2b from Alibaba-NLP/") as caught:
        hub.fetch("gme-qwen2-vl-2b")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("row", MLLM_ROWS, ids=lambda row: row.name)
def test_a_public_row_is_pinned_and_its_format_can_be_filled(row: MllmRow) -> None:
    assert row.name in encoders.known() and row.kind == "mllm"
    assert row.revision is not None and len(row.revision) == 40 and int(row.revision, 16)
    row.format.check(row.name, "<|image_pad|>")
    assert 0 < (row.format.min_pixels or 0) < (row.format.max_pixels or 0)
    filled = row.format.image_text("What {is} this?")
    assert "What {is} this?" in filled and filled.count("<|image_pad|>") == 1


def test_a_public_row_that_is_not_here_says_how_to_get_it(hub_cache: Path) -> None:
    with pytest.raises(PinpointError, match=r"qwen3-vl-embedding-2b .*not on this machine.*pinpoint fetch qwen3"):
        encoders.load("qwen3-vl-embedding-2b")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("case", CASES)
def test_the_gpu_agrees_with_the_cpu(
    case: tuple[str, bool], folders: dict[Any, Path], loaded: dict[Any, MllmEncoder], mixed: list[np.ndarray]
) -> None:
    on_gpu = encoders.load(str(folders[case]), device="cuda")
    rows = on_gpu.encode_prompts(mixed, PROMPTS)
    np.testing.assert_allclose(rows, loaded[case].encode_prompts(mixed, PROMPTS), atol=1e-4)
    np.testing.assert_allclose(rows, on_gpu.encode_prompts(mixed, PROMPTS, batch_size=1), atol=1e-5)
    np.testing.assert_allclose(on_gpu.encode_texts(TEXTS), loaded[case].encode_texts(TEXTS), atol=1e-4)
    np.testing.assert_allclose(
        on_gpu.relevance(mixed[:1], PROMPTS[0]), loaded[case].relevance(mixed[:1], PROMPTS[0]), atol=1e-4
    )
