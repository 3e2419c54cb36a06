"""The door: names, records, weights, preprocessing, and embeddings that depend on nothing but their input."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)

# isort: split
import open_clip

from pinpoint import encoders
from pinpoint.encoders.hub import fetch
from pinpoint.encoders.open_clip_door import OpenClipEncoder, pick_device
from pinpoint.encoders.preprocess import target_padded
from pinpoint.encoders.record import Preprocessing
from pinpoint.encoders.registry import BY_NAME, ROWS
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.tokenizer import build_vocabulary, save_vocabulary
from pinpoint.encoders.weights import write_weights
from pinpoint.errors import PinpointError
from pinpoint.files import read_json, write_json
from pinpoint.recipes.clip import ClipConfig, save_clip
from pinpoint.training import History

CONFIG = ClipConfig(32, 8, width=32, layers=2, head_width=16, text_width=32, text_layers=1, text_heads=2,
                    context_length=16, embed_dim=24)  # fmt: skip
TEXTS = ["a dog on the beach", "two people", "a red balloon in the park at night", "dog"]
TINY = "pinpoint-test-tiny"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `pinpoint train` writes it, with random weights."""
    out = tmp_path_factory.mktemp("models") / "tiny"
    save_vocabulary(out / "tokenizer.txt.gz", build_vocabulary(TEXTS))
    torch.manual_seed(0)
    model_cfg = CONFIG.model_cfg(encoders_vocabulary_size(out))
    save_clip(out, build_model(model_cfg, "test"), model_cfg, "tiny", History())
    return out


def encoders_vocabulary_size(folder: Path) -> int:
    from pinpoint.encoders.tokenizer import load_tokenizer

    return load_tokenizer(folder / "tokenizer.txt.gz", 16).vocab_size


@pytest.fixture(scope="module")
def encoder(saved: Path) -> OpenClipEncoder:
    return encoders.load(str(saved), device="cpu")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A copy of the folder to damage."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)


def assert_unit(rows: np.ndarray, shape: tuple[int, int]) -> None:
    assert rows.shape == shape and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)


def test_rows_are_unit_float32(encoder: OpenClipEncoder, pixels: np.ndarray) -> None:
    assert_unit(encoder.encode_images(pixels), (21, 24))
    assert_unit(encoder.encode_texts(TEXTS), (4, 24))
    assert encoder.encode_images([]).shape == (0, 24) and encoder.encode_texts([]).shape == (0, 24)


def test_a_row_does_not_depend_on_its_batch(encoder: OpenClipEncoder, pixels: np.ndarray) -> None:
    one, many = (encoder.encode_images(pixels, batch_size=n) for n in (1, 16))
    order = np.random.default_rng(1).permutation(len(pixels))
    permuted = encoder.encode_images(pixels[order], batch_size=16)
    np.testing.assert_allclose(one, many, atol=1e-5)
    np.testing.assert_allclose(many[order], permuted, atol=1e-5)
    texts = TEXTS * 3
    one, many = (encoder.encode_texts(texts, batch_size=n) for n in (1, 16))
    np.testing.assert_allclose(one, many, atol=1e-5)
    np.testing.assert_allclose(many[::-1], encoder.encode_texts(texts[::-1], batch_size=5), atol=1e-5)
    assert np.abs(many[0] - many[1]).max() > 1e-3  # and the rows do differ


def test_every_kind_of_image_gives_the_same_row(encoder: OpenClipEncoder, pixels: np.ndarray) -> None:
    fast = encoder.encode_images(pixels)
    listed = encoder.encode_images(list(pixels))
    generated = encoder.encode_images((Image.fromarray(image) for image in pixels), batch_size=4)
    np.testing.assert_allclose(fast, listed, atol=1e-5)
    np.testing.assert_allclose(fast, generated, atol=1e-5)
    read_only = pixels.copy()
    read_only.setflags(write=False)  # as a memory map is
    np.testing.assert_allclose(fast, encoder.encode_images(read_only), atol=1e-6)


def test_other_sizes_are_preprocessed_as_open_clip_does(encoder: OpenClipEncoder) -> None:
    wide = np.random.default_rng(2).integers(0, 256, (50, 80, 3), dtype=np.uint8)
    prep = encoder.record.preprocessing
    config = open_clip.transform.PreprocessCfg(
        size=prep.image_size, mean=prep.mean, std=prep.std, interpolation="bicubic", resize_mode="shortest"
    )
    expected = open_clip.transform.image_transform_v2(config, is_train=False)(Image.fromarray(wide))
    torch.testing.assert_close(encoder.preprocess([wide])[0], expected, atol=1e-6, rtol=0)
    grey = Image.fromarray(wide[..., 0])
    assert_unit(encoder.encode_images([wide, grey]), (2, 24))


@pytest.mark.parametrize(
    ("size", "padded", "offset"),
    [
        ((80, 50), (80, 64), (0, 7)),  # 80 / 1.25 = 64: seven rows above, seven below
        ((50, 81), (64, 81), (7, 0)),  # 64.8 is wanted: 7.4 columns each, rounded down
        ((62, 50), (62, 50), (0, 0)),  # 1.24 is below the ratio
        ((100, 80), (100, 80), (0, 0)),  # at the ratio nothing is missing
    ],
)
def test_target_padding_by_hand(size: tuple[int, int], padded: tuple[int, int], offset: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(3).integers(1, 256, (size[1], size[0], 3), dtype=np.uint8))
    found = target_padded(image, 1.25)
    by_hand = Image.new("RGB", padded, "black")
    by_hand.paste(image, offset)
    assert found.size == padded and found.tobytes() == by_hand.tobytes()


def test_target_pad_is_a_policy_by_name(saved: Path, encoder: OpenClipEncoder) -> None:
    wide = np.random.default_rng(2).integers(0, 256, (50, 100, 3), dtype=np.uint8)
    padding = encoders.load(str(saved), device="cpu", resize_mode="target_pad")
    assert padding.record == replace(encoder.record, preprocessing=padding.record.preprocessing)
    assert padding.record.preprocessing.resize_mode == "target_pad" and padding.record.digest != encoder.record.digest
    bars = np.pad(wide, ((15, 15), (0, 0), (0, 0)))  # 100 / 1.25 = 80 rows
    torch.testing.assert_close(padding.preprocess([wide]), encoder.preprocess([bars]))
    square = wide[:, :50]
    torch.testing.assert_close(padding.preprocess([square]), encoder.preprocess([square]))
    with pytest.raises(
        PinpointError, match="unknown resize policy 'pad'; known: longest, shortest, squash, target_pad"
    ):
        encoders.load(str(saved), resize_mode="pad")
    with pytest.raises(PinpointError, match="diorama-mllm resizes by its own processor; leave resize_mode out"):
        encoders.load("diorama-mllm", resize_mode="squash")


def test_patches_are_what_the_last_norm_leaves(encoder: OpenClipEncoder, pixels: np.ndarray) -> None:
    pooled, tokens = encoder.encode_patches(pixels, batch_size=8)
    np.testing.assert_allclose(pooled, encoder.encode_images(pixels), atol=1e-5)
    assert tokens.shape == (21, 16, 32) and tokens.dtype == np.float32
    np.testing.assert_allclose(tokens.mean(-1), 0, atol=1e-4)  # a fresh LayerNorm centres each token
    assert encoder.model.visual.output_tokens is False


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((32, 32, 3))], "image 0 is float64"),
        ([np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8)], "image 1 is uint8 of shape"),
        (["photo.jpg"], "image 0 is a str"),
        (np.zeros((32, 32, 3), np.uint8), "shape"),
    ],
)
def test_what_is_no_image_is_named(encoder: OpenClipEncoder, images: Any, message: str) -> None:
    with pytest.raises(PinpointError, match=message):
        encoder.encode_images(images)


def test_what_is_no_list_of_texts_is_named(encoder: OpenClipEncoder) -> None:
    with pytest.raises(PinpointError, match="one string"):
        encoder.encode_texts("a dog")  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(PinpointError, match="text 1 is a NoneType"):
        encoder.encode_texts(["a dog", None])  # type: ignore[list-item]  # the mistake under test


def test_a_nan_embedding_names_its_item(saved: Path, pixels: np.ndarray) -> None:
    broken = encoders.load(str(saved), device="cpu")
    encode = broken.model.encode_image
    last_of_four = torch.arange(4)[:, None] == 3
    broken.model.encode_image = lambda x: encode(x) if len(x) != 4 else encode(x).masked_fill(last_of_four, torch.nan)
    with pytest.raises(PinpointError, match="image 11 is NaN"):
        broken.encode_images(pixels[:12], batch_size=8)


def test_the_record_holds_everything_that_changes_a_number(encoder: OpenClipEncoder, saved: Path) -> None:
    record = encoder.record
    assert record.weights_sha256 == read_json(saved / "config.json")["weights_sha256"]
    changes = {
        "dtype": "bfloat16", "weights_sha256": "0" * 64, "tokenizer_digest": "0" * 64, "revision": "x",
        "quick_gelu": True, "preprocessing": replace(record.preprocessing, resize_mode="squash"),
    }  # fmt: skip
    digests = {record.digest, *(replace(record, **{key: value}).digest for key, value in changes.items())}
    assert len(digests) == 1 + len(changes)
    assert json.loads(json.dumps(asdict(record)))["preprocessing"]["image_size"] == 32
    assert record.digest == encoders.load(str(saved)).record.digest


def test_bfloat16_is_close_and_another_record(encoder: OpenClipEncoder, saved: Path, pixels: np.ndarray) -> None:
    half = encoders.load(str(saved), device="cpu", dtype="bfloat16")
    assert half.record.digest != encoder.record.digest
    rows = half.encode_images(pixels)
    assert_unit(rows, (21, 24))
    assert (rows * encoder.encode_images(pixels)).sum(1).min() > 0.99
    with pytest.raises(PinpointError, match="unknown dtype"):
        encoders.load(str(saved), dtype="int4")


def test_damage_is_one_clear_line(copy: Path) -> None:
    weights, config = copy / "model.safetensors", read_json(copy / "config.json")
    whole = weights.read_bytes()

    def refused(message: str, **changed: Any) -> None:
        write_json(copy / "config.json", {**config, **changed})
        with pytest.raises(PinpointError, match=message) as caught:
            encoders.load(str(copy))
        assert "\n" not in str(caught.value)

    weights.write_bytes(whole[:-100])
    refused("model.safetensors is damaged or was replaced")
    refused("model.safetensors is damaged", weights_sha256=digest_of(weights))
    weights.write_bytes(b"not safetensors at all")
    refused("damaged", weights_sha256=digest_of(weights))
    weights.unlink()
    refused("model.safetensors is missing")
    weights.write_bytes(whole)
    state = load_file(weights)
    for message, tensors in (
        ("NaN or infinity in 'visual.proj'", {**state, "visual.proj": state["visual.proj"] * torch.nan}),
        ("lacks 1 tensor.*visual.proj", {k: v for k, v in state.items() if k != "visual.proj"}),
        ("unexpected 1 tensor.*extra", {**state, "extra": torch.zeros(1)}),
        ("visual.proj has shape", {**state, "visual.proj": torch.zeros(3, 3)}),
    ):
        save_file(tensors, weights)
        refused(message, weights_sha256=digest_of(weights))
    weights.write_bytes(whole)
    refused("not the config of a", format="other/9")
    refused("does not describe an open_clip model", model_cfg={**config["model_cfg"], "surprise": 1})
    write_json(copy / "config.json", {k: v for k, v in config.items() if k != "preprocess_cfg"})
    with pytest.raises(PinpointError, match="lacks preprocess_cfg"):
        encoders.load(str(copy))
    write_json(copy / "config.json", config)
    (copy / "tokenizer.txt.gz").write_bytes(build_vocabulary(["cat"]))
    with pytest.raises(PinpointError, match=r"tokenizer\.txt\.gz is damaged or was replaced"):
        encoders.load(str(copy))


def digest_of(path: Path) -> str:
    from pinpoint.files import file_digest

    return file_digest(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clip-b-32", "unknown encoder 'clip-b-32'; known: .*clip-b32.*diorama-clip"),
        ("some/folder", "no encoder folder some/folder"),
        ("open_clip/ViT-B-32", "names no checkpoint"),
        ("open_clip/ViT-B-33/openai", "unknown open_clip architecture 'ViT-B-33'; similar: ViT-B-32"),
        ("open_clip/ViT-B-32/nobody", "unknown pretrained tag of ViT-B-32 'nobody'; known: .*laion2b_s34b_b79k"),
        ("open_clip/ViT-B-32/openai", "QuickGELU mismatch.*use open_clip/ViT-B-32-quickgelu/"),
        ("open_clip/ViT-B-32-quickgelu/laion2b_s34b_b79k", "QuickGELU mismatch.*use open_clip/ViT-B-32/"),
        ("open_clip/ViT-B-32/weights.bin.safetensors", "weights.bin.safetensors is missing"),
        ("clip-l14", "not on this machine.*: pinpoint fetch open_clip/ViT-L-14-quickgelu/openai"),
    ],
)
def test_a_name_that_cannot_be_loaded_says_why(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(PinpointError, match=message) as caught:
        encoders.load(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["diorama-clip", "clip-b-32", "open_clip/ViT-B-32/nobody", "open_clip/ViT-B-33/openai"]
)
def test_what_is_no_public_encoder_cannot_be_fetched(name: str) -> None:
    with pytest.raises(PinpointError, match=f"nothing to fetch for '{name}'; give open_clip/ARCHITECTURE/TAG"):
        fetch(name)


@pytest.mark.parametrize("name", ["clip-b32", "siglip2-b16"])  # without and with a tokenizer to fetch
def test_a_fetch_that_fails_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PinpointError, match=f"could not fetch {name} from timm/"):
        fetch(name)


def test_a_device_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PinpointError, match="unknown device 'gpu'; choose auto, cpu or cuda"):
        pick_device("gpu")


def test_rows_of_the_registry_agree_with_open_clip() -> None:
    for row in ROWS:
        config = open_clip.get_model_config(row.architecture)
        tag = open_clip.get_pretrained_cfg(row.architecture, row.pretrained)
        assert config["embed_dim"] == row.dim and config["vision_cfg"]["image_size"] == row.image_size, row.name
        assert tag and bool(tag.get("quick_gelu")) == bool(config.get("quick_gelu")), row.name
        assert (tag["hf_hub"], tag["resize_mode"]) == (f"{row.repo}/", row.resize_mode), row.name
    assert len(BY_NAME) == len(ROWS)


@pytest.fixture(scope="module")
def tiny_architectures(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny architecture registered with open_clip, with GELU and with QuickGELU."""
    folder = tmp_path_factory.mktemp("configs")
    config = CONFIG.model_cfg(49408)
    write_json(folder / f"{TINY}.json", config)
    write_json(folder / f"{TINY}-quickgelu.json", {**config, "quick_gelu": True})
    open_clip.add_model_config(folder)
    return TINY


def checkpoint(path: Path, architecture: str, quick_gelu: bool | None) -> Path:
    """A local checkpoint of random weights that says which preprocessing and (or not) which activation it needs."""
    torch.manual_seed(1)
    model = build_model(open_clip.get_model_config(architecture), architecture)
    says: dict[str, Any] = {"preprocess_cfg": {"mean": [0.4] * 3, "std": [0.2] * 3, "resize_mode": "squash"}}
    if quick_gelu is not None:
        says["model_cfg"] = {"quick_gelu": quick_gelu}
    write_weights(path, model.state_dict(), says)
    return path


def test_a_local_checkpoint_of_any_architecture(tiny_architectures: str, tmp_path: Path, pixels: np.ndarray) -> None:
    path = checkpoint(tmp_path / "mine.safetensors", TINY, quick_gelu=False)
    encoder = encoders.load(f"open_clip/{TINY}/{path}", device="cpu")
    assert encoder.record.name == f"open_clip/{TINY}/mine.safetensors"
    assert encoder.record.preprocessing == Preprocessing(32, (0.4,) * 3, (0.2,) * 3, "bicubic", "squash")
    torch.manual_seed(1)
    plain = build_model(open_clip.get_model_config(TINY), TINY).eval()
    tensor = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.4) / 0.2
    with torch.no_grad():
        images = plain.encode_image(tensor, normalize=True).numpy()
        texts = plain.encode_text(open_clip.get_tokenizer(TINY)(TEXTS), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images(pixels), images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)


def test_a_quickgelu_mismatch_of_a_local_file_raises(tiny_architectures: str, tmp_path: Path) -> None:
    quick = checkpoint(tmp_path / "quick.safetensors", TINY, quick_gelu=True)
    plain = checkpoint(tmp_path / "plain.safetensors", TINY, quick_gelu=False)
    with pytest.raises(PinpointError, match=r"QuickGELU mismatch: .*quick.safetensors was trained with QuickGELU"):
        encoders.load(f"open_clip/{TINY}/{quick}")
    with pytest.raises(PinpointError, match=r"QuickGELU mismatch: .*plain.safetensors was trained with GELU"):
        encoders.load(f"open_clip/{TINY}-quickgelu/{plain}")
    assert encoders.load(f"open_clip/{TINY}-quickgelu/{quick}").record.quick_gelu


def test_a_sibling_config_declares_the_activation(tiny_architectures: str, tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "silent.safetensors", TINY, quick_gelu=None)
    state = load_file(path)
    save_file(state, path)  # no metadata at all
    with pytest.raises(PinpointError, match=re.escape("open_clip_config.json beside it")):  # no tag to learn it from
        encoders.load(f"open_clip/{TINY}/{path}")
    prep = {"mean": [0.5] * 3, "std": [0.5] * 3}
    write_json(tmp_path / "open_clip_config.json", {"model_cfg": {"quick_gelu": True}, "preprocess_cfg": prep})
    with pytest.raises(PinpointError, match="QuickGELU mismatch"):
        encoders.load(f"open_clip/{TINY}/{path}")
    assert encoders.load(f"open_clip/{TINY}-quickgelu/{path}").record.preprocessing.mean == (0.5,) * 3


def test_a_pickle_is_never_read(tiny_architectures: str, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "weights.pt")
    with pytest.raises(PinpointError, match="unknown pretrained tag"):
        encoders.load(f"open_clip/{TINY}/{tmp_path / 'weights.pt'}")
    with pytest.raises(PinpointError, match=re.escape("is not a .safetensors file")):
        encoders.weights.read_weights(tmp_path / "weights.pt")


@pytest.mark.slow
def test_the_real_vit_b_32_through_the_door(tmp_path: Path) -> None:
    architecture = "ViT-B-32-quickgelu"
    model = build_model(open_clip.get_model_config(architecture), architecture)
    write_weights(tmp_path / "b32.safetensors", model.state_dict(), {"model_cfg": {"quick_gelu": True}})
    with pytest.raises(PinpointError, match="QuickGELU mismatch"):
        encoders.load(f"open_clip/ViT-B-32/{tmp_path / 'b32.safetensors'}")
    encoder = encoders.load(f"open_clip/{architecture}/{tmp_path / 'b32.safetensors'}")
    assert (encoder.dim, encoder.image_size) == (512, 224)
    photo = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert_unit(encoder.encode_images([photo, photo[:, ::-1].copy()]), (2, 512))
    pooled, tokens = encoder.encode_patches([photo])
    assert pooled.shape == (1, 512) and tokens.shape == (1, 49, 768)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_agrees_with_the_cpu(saved: Path, encoder: OpenClipEncoder, pixels: np.ndarray) -> None:
    on_gpu = encoders.load(str(saved), device="cuda")
    np.testing.assert_allclose(on_gpu.encode_images(pixels), encoder.encode_images(pixels), atol=1e-4)
    np.testing.assert_allclose(
        on_gpu.encode_images(pixels, batch_size=1), on_gpu.encode_images(pixels, batch_size=16), atol=1e-5
    )
