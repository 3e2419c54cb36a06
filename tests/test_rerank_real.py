"""Chapter 6 on folders of CIRR's and FashionIQ's form, with a tiny BLIP saved and loaded from disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hub_toy import put_in_cache, save_blip
from pinpoint.datasets.cirr import check_cirr_submission, cirr
from pinpoint.datasets.fashion_iq import fashion_iq
from pinpoint.encoders.registry import BLIP_BY_NAME
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.rerank_data import ENC, FULL_VOCABULARY, Reader, look
from pinpoint.rerank_model import Filter
from pinpoint.rerank_real import FORMS, RealSettings, in_every_form, real_benchmark
from pinpoint.rerank_training import Budget, Negatives
from pinpoint.store import Store
from rerank_toy import tiny_blip

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "is", "red", "and", "long"]
SETTINGS = RealSettings(Budget(2, 4), Budget(2, 4), 52, 4, Negatives(2, 2, 50), (1e-4, 1e-4))


def save_checkpoint(folder: Path, vocabulary: int = 60) -> Path:
    from transformers import BertTokenizer

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    tiny_blip(vocabulary=vocabulary).save_pretrained(folder)
    return folder


def cirr_folder(root: Path) -> Path:
    for split in ("train", "val", "test1"):
        names = [f"{split}{n:02d}" for n in range(54)]
        paths = {name: f"./{split}/{name}.png" for name in names}
        (root / "img_raw" / split).mkdir(parents=True)
        for n, path in enumerate(paths.values()):
            Image.new("RGB", (20, 30), (4 * n, 90, 200 - 3 * n)).save(root / "img_raw" / path)
        records = [
            {"pairid": n, "reference": names[n], "caption": "is red", "img_set": {"id": 1, "members": names[n : n + 6]}}
            | ({} if split == "test1" else {"target_hard": names[n + 1], "target_soft": {}}) for n in range(6)
        ]  # fmt: skip
        for folder, kind, content in (("captions", "cap", records), ("image_splits", "split", paths)):
            (root / folder).mkdir(exist_ok=True)
            (root / folder / f"{kind}.rc2.{split}.json").write_text(json.dumps(content))
    return root


def fashion_folder(root: Path, images: int = 6) -> Path:
    """Three queries of a category and split, over so many images each."""
    for folder in ("captions", "image_splits", "images"):
        (root / folder).mkdir(parents=True)
    for c, category in enumerate(("dress", "shirt", "toptee")):
        for split in ("train", "val"):
            ids = [f"{category}{split}{n}" for n in range(images)]
            (root / "image_splits" / f"split.{category}.{split}.json").write_text(json.dumps(ids))
            rows = [{"candidate": ids[n], "target": ids[n + 1], "captions": ["is red", "long"]} for n in range(3)]
            (root / "captions" / f"cap.{category}.{split}.json").write_text(json.dumps(rows))
            for n, i in enumerate(ids):
                Image.new("RGB", (20, 30), (40 * n % 256, 80 * c, 90)).save(root / "images" / f"{i}.jpg")
    return root


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    text = real_benchmark(tmp_path / "c", tmp_path / "f", tmp_path / "e", SETTINGS, tmp_path, tmp_path)
    assert text.count("Not run here: there is no folder") == 3 and "CIRR's captions" in text


def test_a_name_stands_for_its_folder_in_the_cache(
    hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fashion, encoder = fashion_folder(tmp_path / "fashion"), Path("blip-itm-base")  # as a chapter gives it
    text = real_benchmark(tmp_path / "c", fashion, encoder, SETTINGS, tmp_path / "store", tmp_path)
    assert "Not run here: blip-itm-base (Salesforce/blip-itm-base-coco) is not on this machine" in text
    assert "pinpoint fetch blip-itm-base." in text and "CIRR's captions" in text
    row = replace(BLIP_BY_NAME["blip-itm-base"], dim=16, image_size=24)
    monkeypatch.setitem(BLIP_BY_NAME, row.name, row)
    put_in_cache(hub_cache, row.repo, save_blip(tmp_path / "tiny", tiny_blip()))
    text = real_benchmark(tmp_path / "c", fashion, encoder, SETTINGS, tmp_path / "store", tmp_path)
    assert "| stage 2, K = 4 |" in text and "nan" not in text


def test_the_tower_sees_photographs_under_the_policy_that_is_named(tmp_path: Path) -> None:
    encoder, store = save_blip(tmp_path / "tiny", tiny_blip()), Store(tmp_path / "store")
    benchmark = fashion_iq(fashion_folder(tmp_path / "fashion"), "val")
    whole = [benchmark.gallery.images.load(i) for i in benchmark.gallery.ids]
    squares = np.stack([benchmark.gallery.images.load(i, 24) for i in benchmark.gallery.ids])
    seen = {}
    for mode in ("shortest", "squash", "target_pad"):
        reader = Reader(encoder, "cpu", mode)
        seen[mode] = look(reader, store, benchmark).float()
        expected = torch.from_numpy(reader.see(squares if mode == "shortest" else whole))
        torch.testing.assert_close(seen[mode], expected, atol=1e-2, rtol=1e-2)  # kept in half precision
    assert (seen["squash"] - seen["target_pad"]).abs().max() > 0.1  # and each policy has its own place in the store
    with pytest.raises(PinpointError, match="unknown resize policy 'pad'"):
        Reader(encoder, "cpu", "pad")


def test_both_data_sets_run_through_the_same_functions(tmp_path: Path) -> None:
    encoder, root, store = save_checkpoint(tmp_path / "blip"), cirr_folder(tmp_path / "cirr"), tmp_path / "store"
    text = real_benchmark(root, tmp_path / "none", encoder, SETTINGS, store, tmp_path / "out")
    assert "| stage 2, K = 52 |" in text and "Rs@1" in text and "nan" not in text and "FashionIQ's captions" in text
    for metric, depth in (("recall", 50), ("recall_subset", 3)):
        content = read_json(tmp_path / "out" / f"{metric}.json")
        check_cirr_submission(content, cirr(root, "test1"))
        assert content["metric"] == metric and all(len(content[str(n)]) == depth for n in range(6))
    fashion = fashion_folder(tmp_path / "fashion")
    text = real_benchmark(tmp_path / "none", fashion, encoder, SETTINGS, store, tmp_path / "out")
    assert "| stage 2, K = 4 |" in text and text.count(" / ") >= 9 and "nan" not in text
    with pytest.raises(PinpointError, match="K is 60, and a query has only 53 images"):
        real_benchmark(root, fashion, encoder, replace(SETTINGS, cirr_k=60), store, tmp_path / "out")
    (root / "img_raw" / "train" / "train07.png").unlink()
    with pytest.raises(PinpointError, match=r"train07\.png"):
        real_benchmark(root, fashion, encoder, SETTINGS, tmp_path / "other", tmp_path / "out")


def test_fashion_iq_trains_on_every_form_of_its_captions(tmp_path: Path) -> None:
    folder = fashion_folder(tmp_path)
    one, every = fashion_iq(folder, "train"), in_every_form(folder)
    assert len(every.queries) == len(FORMS) * len(one.queries) and len({q.id for q in every.queries}) == len(
        every.queries
    )
    texts = {q.text for q in every.queries if q.image == one.queries[0].image}
    assert texts >= {"is red and long", "long and is red", "Is red", "Long"}
    assert {(q.image, q.relevant) for q in every.queries} == {(q.image, q.relevant) for q in one.queries}


def test_where_there_is_an_enc_token_it_stands_first(tmp_path: Path) -> None:
    small = Reader(save_checkpoint(tmp_path / "small"), device="cpu")
    full = Reader(save_checkpoint(tmp_path / "full", FULL_VOCABULARY), device="cpu")
    texts = ["is red", "is red and long"]
    (ids, mask), (others, _) = small.laid_out(texts), full.laid_out(texts)
    assert ids[:, 0].tolist() == [2, 2] and others[:, 0].tolist() == [ENC, ENC]  # [CLS] gives way
    assert torch.equal(ids[:, 1:], others[:, 1:]) and mask.sum(dim=1).tolist() == [4, 6]
    pictures = torch.randint(0, 255, (2, 24, 24, 3), dtype=torch.uint8).numpy()
    seen = torch.from_numpy(full.see(pictures))
    assert seen.shape == (2, 10, 32)
    z = Filter(full.model).eval().queries(seen, others, mask).z
    assert z.shape == (2, 6, 32)
    with torch.no_grad():
        tokens = full.model.vision_model(pixel_values=full.encoder.preprocess(pictures)).last_hidden_state
    torch.testing.assert_close(seen, tokens)
