"""A folder of photographs: order, labels, every kind of file, and what is refused."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from pinpoint.datasets.folder import FolderImages, label_benchmark, open_folder, score_folder
from pinpoint.errors import PinpointError

SHARED = Path(os.environ.get("PINPOINT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def picture(path: Path, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def test_ids_are_sorted_posix_paths_and_subfolders_are_labels(tmp_path):
    for name in ("b/z.jpg", "b/a.PNG", "a/deep/x.jpeg", "top.webp"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    picture(tmp_path / ".cache" / "thumb.png")
    gallery = open_folder(tmp_path)
    assert gallery.ids == ("a/deep/x.jpeg", "b/a.PNG", "b/z.jpg", "top.webp")
    assert [gallery.images.label(i) for i in gallery.ids] == ["a/deep", "b", "b", ""]


def test_labels_become_queries_with_all_their_pictures_right(tmp_path):
    for name in ("hot_dog/1.png", "hot_dog/2.png", "cat/1.png", "stray.png"):
        picture(tmp_path / name)
    made = label_benchmark(tmp_path)
    assert [(q.text, q.relevant) for q in made.queries] == [
        ("a photo of a cat.", ("cat/1.png",)),
        ("a photo of a hot dog.", ("hot_dog/1.png", "hot_dog/2.png")),
    ]
    assert len(made.gallery) == 4
    picture(tmp_path / "flat" / "1.png")
    with pytest.raises(PinpointError, match="no sub-folders"):
        label_benchmark(tmp_path / "flat")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "tif" if mode == "CMYK" else "png"
    pixels = np.full((8, 6, 3), 128, np.uint8)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 6), 128 * 257, np.uint16))
    else:
        image = image.quantize() if mode == "P" else image.convert(mode)
    image.save(tmp_path / f"x.{suffix}")
    loaded = FolderImages(tmp_path).load(f"x.{suffix}")
    assert (loaded.shape, loaded.dtype) == ((8, 6, 3), np.uint8)
    if mode != "1":
        assert np.abs(loaded.astype(int) - 128).max() <= 2


def test_transparency_lies_on_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "x.png")
    loaded = FolderImages(tmp_path).load("x.png")
    assert (loaded[:2] == 0).all()
    assert (loaded[2:] == 255).all()


def test_a_rotated_photograph_stands_upright(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    loaded = FolderImages(tmp_path).load("x.png")
    assert loaded.shape == (40, 20, 3)
    assert loaded[0].min() == 255
    assert loaded[-1].max() == 0


def test_a_size_gives_an_undistorted_square(tmp_path):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 200
    Image.fromarray(pixels).save(tmp_path / "x.png")
    images = FolderImages(tmp_path)
    assert images.load("x.png").shape == (20, 60, 3)
    assert images.load("x.png", 10).shape == (10, 10, 3)
    assert images.load("x.png", 10)[:, 2:8].min() == 200


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
def test_a_picture_cut_short_is_refused_by_name(tmp_path, suffix):
    path = picture(tmp_path / f"whole.{suffix}", (200, 200))
    data = path.read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) // 2])
    images = FolderImages(tmp_path)
    assert images.load(f"whole.{suffix}").shape == (200, 200, 3)
    with pytest.raises(PinpointError, match=rf"cut\.{suffix} cannot be read"):
        images.load(f"cut.{suffix}")


@pytest.mark.parametrize("data", [b"", b"<html>404</html>"])
def test_a_file_that_is_no_picture_is_refused_by_name(tmp_path, data):
    (tmp_path / "x.jpg").write_bytes(data)
    with pytest.raises(PinpointError, match=r"x\.jpg cannot be read"):
        FolderImages(tmp_path).load("x.jpg")


@pytest.mark.parametrize("tag", [0x013C, 0x0124])  # a text and a number, each stored as a fraction
def test_a_damaged_entry_beside_the_rotation_does_no_harm(tmp_path, tag):
    head = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    damaged = tag.to_bytes(2) + b"\x00\x05\x00\x00\x00\x01\x00\x00\x00&\x00\x00\x00\x00\x00\x00\x00\x01\x00{\x00\x01"
    Image.new("RGB", (8, 4)).save(tmp_path / "x.jpg", exif=head + damaged)
    with pytest.raises((AttributeError, struct.error)), Image.open(tmp_path / "x.jpg") as image:
        ImageOps.exif_transpose(image)
    assert FolderImages(tmp_path).load("x.jpg").shape == (8, 4, 3)


def test_leniency_switched_on_elsewhere_is_refused(tmp_path, monkeypatch):
    picture(tmp_path / "x.png")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(PinpointError, match="LOAD_TRUNCATED_IMAGES"):
        FolderImages(tmp_path).load("x.png")


def test_nothing_outside_the_folder_is_read(tmp_path):
    secret = picture(tmp_path / "outside" / "secret.png")
    root = tmp_path / "root"
    picture(root / "x.png")
    images = FolderImages(root)
    for image_id in ("../outside/secret.png", str(secret), "y.png"):
        with pytest.raises(PinpointError, match="is no picture of"):
            images.load(image_id)
    for link, target in (("link.png", secret), ("folder", secret.parent)):
        (root / link).symlink_to(target)
        with pytest.raises(PinpointError, match=f"{link} links to a place outside"):
            open_folder(root)
        (root / link).unlink()


def test_a_link_inside_the_folder_is_followed_once(tmp_path):
    picture(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "same.png").symlink_to(tmp_path / "a" / "x.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert open_folder(tmp_path).ids == ("a/same.png", "a/x.png")


def test_a_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(PinpointError, match="not a folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(PinpointError, match="holds no picture"):
        open_folder(tmp_path)


def test_the_fingerprint_sees_bytes_and_names_but_not_dates(tmp_path):
    path = picture(tmp_path / "x.png")
    original = FolderImages(tmp_path).fingerprint
    os.utime(path, (1, 1))
    assert FolderImages(tmp_path).fingerprint == original
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1  # same length, same date
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert FolderImages(tmp_path).fingerprint != original
    data[-20] ^= 1
    path.write_bytes(data)
    assert FolderImages(tmp_path).fingerprint == original
    path.rename(tmp_path / "y.png")
    assert FolderImages(tmp_path).fingerprint != original


def test_real_photographs_load(tmp_path):
    root = SHARED / "pacs-half" / "photo"
    if not root.is_dir():
        pytest.skip(f"no photographs at {root}")
    images = FolderImages(root)
    for image_id in images.ids[::200]:
        assert images.load(image_id, 64).shape == (64, 64, 3)


def tiny_encoder(folder: Path) -> Path:
    """A CLIP with random weights, in the layout that training writes."""
    import torch

    from pinpoint.encoders.sources import build_model
    from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary
    from pinpoint.recipes.clip import TINY, save_clip
    from pinpoint.training_state import History

    folder.mkdir()
    save_vocabulary(folder / "tokenizer.txt.gz", build_vocabulary(["a photo of a dog", "cat"]))
    config = TINY.model_cfg(load_tokenizer(folder / "tokenizer.txt.gz", TINY.context_length).vocab_size)
    torch.manual_seed(0)
    save_clip(folder, build_model(config, folder), config, "tiny", History())
    return folder


def test_a_folder_is_scored_from_photographs_to_table(tmp_path):
    for label in ("cat", "dog"):
        for n in range(3):
            picture(tmp_path / "photos" / label / f"{n}.png")
    said = score_folder(tmp_path / "photos", str(tiny_encoder(tmp_path / "tiny")))
    assert "2 queries" in said and "gallery of 6 images" in said and "| chance (macro) | 50.0 |" in said


def test_scoring_names_what_is_wrong(tmp_path):
    with pytest.raises(PinpointError, match="there is no folder"):
        score_folder(tmp_path / "absent", "diorama-clip")
    picture(tmp_path / "photos" / "cat" / "1.png")
    with pytest.raises(PinpointError, match=r"has no \{label\} in it"):
        score_folder(tmp_path / "photos", "diorama-clip", "a photo.")
    whole = (tmp_path / "photos" / "cat" / "1.png").read_bytes()
    (tmp_path / "photos" / "cat" / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PinpointError, match=r"cat.1\.png cannot be read as a picture"):
        score_folder(tmp_path / "photos", str(tiny_encoder(tmp_path / "tiny")))
