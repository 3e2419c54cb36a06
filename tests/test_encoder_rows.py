"""The registry's rows by name: every class with a tiny checkpoint of random weights in a cache made by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)

# isort: split
import open_clip

import qformer_toy
import rerank_toy
from hub_toy import COMMIT, put_in_cache, save_blip, save_tokenizer
from pinpoint import encoders
from pinpoint.encoders import hub
from pinpoint.encoders.blip import load_blip
from pinpoint.encoders.processor_config import CLIP_MEAN, CLIP_STD, read_preprocessing
from pinpoint.encoders.qformer import load_qformer
from pinpoint.encoders.record import EncoderRecord, Preprocessing
from pinpoint.encoders.registry import BLIP_BY_NAME, BLIP_ROWS, BY_NAME, BlipRow, EncoderRow
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import PinpointError
from pinpoint.files import file_digest, read_json, write_json
from pinpoint.rerank_data import Reader

TEXTS = ["a red cat", "long"]
KINDS: dict[str, tuple[Callable[..., Any], Callable[[], Any]]] = {
    "blip": (load_blip, rerank_toy.tiny_blip),
    "blip-2": (load_qformer, qformer_toy.tiny_model),
}


@pytest.fixture
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, size, np.uint8) for size in ((24, 24, 3), (40, 30, 3), (30, 60, 3))]


def add_row(patch: pytest.MonkeyPatch, kind: str, **changes: Any) -> BlipRow:
    row = replace(BlipRow("tiny", kind, kind, "some/tiny", None, 16, 24, "MIT", 1), **changes)
    patch.setitem(BLIP_BY_NAME, "tiny", row)
    return row


def inputs_of(folder: Path, pictures: list[np.ndarray]) -> dict[str, torch.Tensor]:
    """What transformers' own processors make of pictures and TEXTS. The one on PIL, by which BLIP was trained."""
    from transformers import AutoTokenizer
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    pixels = BlipImageProcessorPil.from_pretrained(folder)(pictures, return_tensors="pt")["pixel_values"]
    words = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    return {"pixel_values": pixels, "input_ids": words["input_ids"], "attention_mask": words["attention_mask"]}


def test_blip_by_name_embeds_as_transformers_does(
    hub_cache: Path, tmp_path: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import BlipForImageTextRetrieval

    add_row(monkeypatch, "blip")
    with pytest.raises(PinpointError, match=r"tiny .some/tiny. is not on this machine; .*: pinpoint fetch tiny$"):
        encoders.load("tiny")
    snapshot = put_in_cache(hub_cache, "some/tiny", save_blip(tmp_path / "tiny", rerank_toy.tiny_blip()))
    encoder = encoders.load("tiny", device="cpu")
    model, given = BlipForImageTextRetrieval.from_pretrained(snapshot), inputs_of(snapshot, pictures)
    with torch.no_grad():
        seen = model.vision_model(pixel_values=given["pixel_values"]).last_hidden_state
        read = model.text_encoder(input_ids=given["input_ids"], attention_mask=given["attention_mask"])[0]
        images, texts = normalize(model.vision_proj(seen[:, 0])), normalize(model.text_proj(read[:, 0]))
        scores = model(**given, use_itm_head=False)[0]
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(pictures) @ encoder.encode_texts(TEXTS).T, scores, atol=1e-5)


def test_blip2_by_name_embeds_as_transformers_does(
    hub_cache: Path, tmp_path: Path, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Blip2ForImageTextRetrieval

    add_row(monkeypatch, "blip-2")
    snapshot = put_in_cache(hub_cache, "some/tiny", save_blip(tmp_path / "tiny", qformer_toy.tiny_model()))
    encoder = load_qformer("tiny", device="cpu")
    model, given = Blip2ForImageTextRetrieval.from_pretrained(snapshot), inputs_of(snapshot, pictures)
    with torch.no_grad():
        theirs = model(**given, use_image_text_matching_head=False)
    images, texts = encoder.encode_images(pictures), encoder.encode_texts(TEXTS)
    assert images.shape == (3, 3, 16) and texts.shape == (2, 16)
    np.testing.assert_allclose(images, normalize(theirs.image_embeds, dim=2), atol=1e-5)
    np.testing.assert_allclose(np.einsum("ntd,qd->nqt", images, texts).max(2), theirs.logits_per_image, atol=1e-5)
    with pytest.raises(PinpointError, match=r"tiny is a Q-Former .*--method qformer --encoder tiny, or .*load_qformer"):
        encoders.load("tiny")
    with pytest.raises(PinpointError, match="is a Q-Former"):
        encoders.load(str(snapshot))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_carries_a_record_of_all_that_changes_a_number(
    kind: str, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (opened, tiny), row = KINDS[kind], add_row(monkeypatch, kind)
    snapshot = put_in_cache(hub_cache, row.repo, save_blip(tmp_path / "tiny", tiny()))
    record: EncoderRecord = opened("tiny", "cpu").record
    assert (record.name, record.kind, record.checkpoint, record.revision) == ("tiny", kind, "some/tiny", COMMIT)
    assert record.architecture.startswith(f"transformers.{type(tiny()).__name__}/")
    assert record.weights_sha256 == file_digest(snapshot / "model.safetensors")
    assert record.preprocessing == Preprocessing(24, (0.4,) * 3, (0.2,) * 3, "bicubic", "squash")
    assert (record.context_length, record.dim, record.dtype) == (24 if kind == "blip" else 32, 16, "float32")
    assert record.library.startswith("transformers ") and len(record.tokenizer_digest) == 64
    padding = opened("tiny", "cpu", resize_mode="target_pad").record
    assert padding == replace(record, preprocessing=record.preprocessing.resized_by("target_pad"))
    other = opened(tmp_path / "tiny", "cpu").record
    assert other == replace(record, checkpoint="tiny", revision="")  # the same files, in a folder


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_with_a_row_is_one_line(
    kind: str, hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (opened, tiny), row = KINDS[kind], add_row(monkeypatch, kind)
    snapshot = put_in_cache(hub_cache, row.repo, save_blip(tmp_path / "tiny", tiny()))

    def refused(message: str) -> None:
        with pytest.raises(PinpointError, match=message) as caught:
            opened("tiny", "cpu")
        assert "\n" not in str(caught.value)

    for message, changes in (
        (f"tiny .some/tiny at commit {'f' * 12}. is not on this machine", {"revision": "f" * 40}),
        ("tiny has 16 dimensions, the registry expects 64; run: pinpoint fetch tiny", {"dim": 64}),
        ("tiny has 24 pixels a side, the registry expects 384", {"image_size": 384}),
    ):
        add_row(monkeypatch, kind, **changes)
        refused(message)
    add_row(monkeypatch, kind)
    weights = snapshot / "model.safetensors"
    blob = weights.resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-4] + b"\0\0\0\1")
    refused(r"model.safetensors is damaged: its SHA-256 is not .*delete it and fetch it again")
    blob.write_bytes(whole)
    weights.unlink()
    (snapshot / "pytorch_model.bin").write_bytes(b"a pickle")
    refused(r"model.safetensors is missing; pytorch_model.bin is not read .*; run: pinpoint fetch tiny")
    weights.symlink_to(blob)
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "vocab.txt").unlink()
    refused(r"holds no tokenizer .tokenizer.json or vocab.txt.; run: pinpoint fetch tiny")
    (snapshot / "config.json").unlink()
    refused(r"no config.json.; run: pinpoint fetch tiny")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_with_a_folder_is_one_line(kind: str, tmp_path: Path) -> None:
    opened, tiny = KINDS[kind]
    folder = save_blip(tmp_path / "tiny", tiny())
    weights, config = folder / "model.safetensors", read_json(folder / "config.json")
    whole = weights.read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(PinpointError, match=message) as caught:
            opened(folder, "cpu")
        assert "\n" not in str(caught.value)

    weights.write_bytes(whole[:-100])
    refused("model.safetensors is damaged .*; fetch or train it again")
    weights.unlink()
    refused("model.safetensors is missing; save it there with save_pretrained")
    weights.write_bytes(whole)
    other = {"blip": "blip-2", "blip-2": "blip"}[kind]
    write_json(folder / "config.json", {**config, "model_type": other})
    refused(f"config.json describes a {other}, expected a {kind}; load_(qformer|blip) opens it")
    write_json(folder / "config.json", {**config, "model_type": "clip"})
    refused(f"config.json describes a clip, expected a {kind}$")
    write_json(folder / "config.json", {**config, "image_text_hidden_size": 17})
    refused("misfits 4 tensor.*belong to another model")
    write_json(folder / "config.json", [])
    refused("config.json is not the config of a model")
    write_json(folder / "config.json", config)
    (folder / "tokenizer.json").write_text("{")
    refused("holds no usable tokenizer .*; save it there with save_pretrained")


def test_a_missing_weight_and_a_nan_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_blip(tmp_path / "tiny", rerank_toy.tiny_blip())
    state = load_file(folder / "model.safetensors")
    for message, tensors in (
        ("lacks 1 tensor.*vision_proj.bias", {k: v for k, v in state.items() if k != "vision_proj.bias"}),
        ("NaN or infinity in 'vision_proj.bias'", {**state, "vision_proj.bias": state["vision_proj.bias"] * torch.nan}),
    ):
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(PinpointError, match=message):
            load_blip(folder, "cpu")
    more = {**state, "text_encoder.embeddings.position_ids": torch.arange(24)[None], "of_another_head": torch.ones(2)}
    save_file(more, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_blip(folder, "cpu").dim == 16  # as published files may be: what has no place changes nothing


def test_half_precision_is_not_offered_and_a_folder_loads_through_the_door(
    tmp_path: Path, pictures: list[np.ndarray]
) -> None:
    folder = save_blip(tmp_path / "tiny", rerank_toy.tiny_blip().half())
    encoder = encoders.load(str(folder), device="cpu")
    assert encoder.model.dtype == torch.float32 and encoder.encode_images(pictures).shape == (3, 16)
    with pytest.raises(PinpointError, match="is computed in float32; leave dtype out"):
        encoders.load(str(folder), dtype="bfloat16")
    with pytest.raises(PinpointError, match="unknown dtype 'int4'"):
        encoders.load(str(folder), dtype="int4")


def test_the_small_blip_loads_by_name_and_keeps_what_its_caches_are_found_by() -> None:
    encoder, reader = encoders.load("diorama-blip", device="cpu"), Reader(encoders.shipped_folder("diorama-blip"))
    config = read_json(encoders.shipped_folder("diorama-blip") / "config.json")
    plain = Preprocessing(96, (0.5,) * 3, (0.5,) * 3)
    for made in (encoder, reader, load_qformer(encoders.shipped_folder("diorama-qformer"), "cpu")):
        assert json.dumps(vars(made.preprocessing)) == json.dumps(vars(plain)) and made.image_size == 96
    assert (reader.name, reader.weights_sha256) == ("diorama-blip", config["weights_sha256"])
    assert (encoder.record.checkpoint, encoder.record.kind, encoder.dim) == ("diorama-blip", "blip", 192)


@pytest.mark.parametrize("row", BLIP_ROWS, ids=lambda row: row.name)
def test_a_fetch_brings_no_pickle_and_says_why_it_failed(
    row: BlipRow, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (row.name in encoders.known()) == (row.kind == "blip")  # `load` refuses the other
    with pytest.raises(PinpointError, match=f"could not fetch {row.name} from Salesforce/") as caught:
        hub.fetch(row.name)
    assert "\n" not in str(caught.value)
    asked: list[Any] = []

    def download(repo: str, revision: str | None = None, allow_patterns: Any = None, **_options: Any) -> str:
        asked.append((repo, revision, tuple(allow_patterns)))
        return f"/cache/{repo}"

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert hub.fetch(row.name) == Path(f"/cache/{row.repo}")
    assert asked == [(row.repo, None, ("*.json", "*.safetensors", "*.txt"))]


# -- preprocessing ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("config", "mode", "interpolation"),
    [
        ({"size": 24}, "squash", "bicubic"),
        ({"size": {"height": 24, "width": 24}, "resample": 2}, "squash", "bilinear"),
        ({"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}, "do_center_crop": True},
         "shortest", "bicubic"),
        ({"size": 24, "crop_size": 24, "do_center_crop": True}, "shortest", "bicubic"),
    ],
)  # fmt: skip
def test_preprocessing_travels_with_the_weights(
    config: dict[str, Any], mode: str, interpolation: str, tmp_path: Path
) -> None:
    assert read_preprocessing(tmp_path, 24, "squash") == Preprocessing(24, CLIP_MEAN, CLIP_STD, resize_mode="squash")
    write_json(tmp_path / "processor_config.json", {"image_processor": {**config, "image_mean": [0.1] * 3}})
    assert read_preprocessing(tmp_path, 24, "squash").mean == (0.1,) * 3
    write_json(tmp_path / "preprocessor_config.json", {**config, "image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    found = read_preprocessing(tmp_path, 24, "squash")
    assert found == Preprocessing(24, (0.5,) * 3, (0.25,) * 3, interpolation, mode)
    write_json(tmp_path / "preprocessor_config.json", {**config, "do_normalize": False})
    assert read_preprocessing(tmp_path, 24, "squash").std == (1.0,) * 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"size": {"height": 24, "width": 32}}, "is not that of a square; choose a square model"),
        ({"size": {"longest_edge": 24}}, "is not that of a square"),
        ({"size": 32}, "makes images of 32 pixels, the model reads 24"),
        ({"size": {"shortest_edge": 24}}, "needs a centre crop of the same size"),
        ({"size": {"shortest_edge": 28}, "crop_size": 24, "do_center_crop": True}, "needs a centre crop"),
        ({"size": {"height": 24, "width": 24}, "crop_size": 20, "do_center_crop": True}, "crop_size is not the size"),
        ({"size": 24, "do_resize": False}, "does not resize images"),
        ({"size": 24, "rescale_factor": 1.0}, "does not resize images and scale them to 0..1"),
        ({"size": 24, "resample": 0}, "resample 0 is not supported"),
        ([], "is not the config of an image processor"),
    ],
)
def test_preprocessing_that_cannot_be_followed_names_its_file(config: Any, message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "preprocessor_config.json", config)
    with pytest.raises(PinpointError, match=rf"preprocessor_config\.json.*{message}"):
        read_preprocessing(tmp_path, 24, "squash")


# -- open_clip --------------------------------------------------------------------------------------------------------
TEXT = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
TINY = {
    "clip": {"vision_cfg": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1, "head_width": 16},
             "text_cfg": {**TEXT, "vocab_size": 49408}},
    "siglip": {"vision_cfg": {"image_size": 32, "timm_model_name": "pinpoint_tiny_siglip", "timm_pool": "map",
                              "timm_proj": "none", "timm_model_pretrained": False},
               "text_cfg": {**TEXT, "hf_tokenizer_name": "some/words", "tokenizer_kwargs": {"clean": "canonicalize"},
                            "no_causal_mask": True, "proj_bias": True, "pool_type": "last"},
               "custom_text": True, "init_logit_bias": -10},
    "eva": {"vision_cfg": {"image_size": 32, "timm_model_name": "pinpoint_tiny_eva", "timm_pool": "token",
                           "timm_proj": None, "timm_model_pretrained": False},
            "text_cfg": {**TEXT, "vocab_size": 49408}, "custom_text": True},
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny_towers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tiny towers of timm's classes for SigLIP and EVA, and a tiny architecture of open_clip for each kind."""
    from timm.models import register_model
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer

    shared = {"img_size": 32, "patch_size": 16, "embed_dim": 32, "depth": 1, "num_heads": 2}

    def pinpoint_tiny_siglip(pretrained: bool = False, **options: Any) -> Any:
        return VisionTransformer(**shared, class_token=False, num_classes=0, global_pool="map")

    def pinpoint_tiny_eva(pretrained: bool = False, **options: Any) -> Any:
        return Eva(**shared, num_classes=options.get("num_classes", 32), use_rot_pos_emb=True, global_pool="token")

    for tower in (pinpoint_tiny_siglip, pinpoint_tiny_eva):
        register_model(tower)
    folder = tmp_path_factory.mktemp("configs")
    for kind, config in TINY.items():
        write_json(folder / f"pinpoint-row-{kind}.json", {"embed_dim": 32, **config})
    open_clip.add_model_config(folder)


@pytest.mark.parametrize("kind", TINY)
def test_an_open_clip_row_by_name(
    kind: str, tiny_towers: None, hub_cache: Path, tmp_path: Path, pictures: list[np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    architecture = f"pinpoint-row-{kind}"
    row = EncoderRow("tiny", kind, architecture, "made", 32, 32, "MIT", 1, "some/tiny", "squash")
    monkeypatch.setitem(BY_NAME, "tiny", row)
    prep = {"mean": (0.4,) * 3, "std": (0.2,) * 3, "interpolation": "bicubic", "resize_mode": row.resize_mode}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: {"hf_hub": f"{row.repo}/", **prep})
    save_tokenizer(tmp_path / "words")
    put_in_cache(hub_cache, "some/words", tmp_path / "words")
    model = build_model(open_clip.get_model_config(architecture), architecture).eval()
    write_weights(tmp_path / "tiny" / "open_clip_model.safetensors", model.state_dict())
    snapshot = put_in_cache(hub_cache, row.repo, tmp_path / "tiny")
    encoder = encoders.load("tiny", device="cpu")
    record = encoder.record
    assert (record.revision, record.dim, record.preprocessing.resize_mode) == (COMMIT, 32, "squash")
    assert record.weights_sha256 == file_digest(snapshot / "open_clip_model.safetensors")
    pixels = encoder.preprocess(pictures)
    with torch.no_grad():
        images = model.encode_image(pixels, normalize=True)
        texts = model.encode_text(encoder.tokenizer(TEXTS), normalize=True)
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)
    assert encoder.tokenizer(TEXTS).shape == (2, 8)
