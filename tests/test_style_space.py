"""Probes, silhouettes, purity, the style map, and style clusters of real pictures where they lie."""

from pathlib import Path

import numpy as np
import pytest

from pinpoint.datasets.folder import FolderImages
from pinpoint.errors import PinpointError
from pinpoint.style_map import StyleMap, layout, load_map, sprite, write_page
from pinpoint.style_photos import LAYERS, clusters, gram_statistics, nearest_labels, small_vgg
from pinpoint.style_space import StyledFeatures, purity, silhouettes, style_probe, styled

SHARED = Path(__file__).parents[2] / "shared" / "data"


def clouds(by: str, n: int = 40, d: int = 12) -> StyledFeatures:
    """Unit features that gather by style, or by scene."""
    rng = np.random.default_rng(0)
    styles, scenes = rng.normal(size=(1, 4, d)), rng.normal(size=(n, 1, d))
    x = (styles if by == "style" else scenes) + 0.1 * rng.normal(size=(n, 4, d))
    return StyledFeatures(x / np.linalg.norm(x, axis=2, keepdims=True))


def test_features_that_say_the_style_are_read_by_the_probe() -> None:
    assert style_probe(clouds("style")).value == 100
    assert style_probe(clouds("scene")).value < 60
    by_style, by_scene = silhouettes(clouds("style")), silhouettes(clouds("scene"))
    assert by_style["style"] > 0.7 > 0.1 > by_style["scene"] and by_scene["scene"] > 0.7 > 0.1 > by_scene["style"]


def test_rows_stay_with_their_scene() -> None:
    kinds = {kind: np.full((3, 2), n + 1.0) for n, kind in enumerate(("sketch", "art", "low_res"))}
    data = styled(kinds, np.zeros((3, 2)))
    assert data.features.shape == (3, 4, 2) and data.features[1, :, 0].tolist() == [0, 1, 2, 3]
    assert data.style_labels().tolist() == [0, 1, 2, 3] * 3 and data.scene_labels()[:5].tolist() == [0, 0, 0, 0, 1]
    with pytest.raises(PinpointError, match=r"not \(scenes, 4, D\)"):
        StyledFeatures(np.zeros((3, 2, 5)))


def test_purity() -> None:
    assert purity([0, 0, 1, 1], [5, 5, 3, 3]) == 100
    assert purity([0, 0, 0, 0], [0, 1, 2, 3]) == 25
    assert purity([0, 0, 0, 1], [0, 0, 1, 1]) == 75
    with pytest.raises(PinpointError, match="2 cluster numbers for 1 labels"):
        purity([0, 1], [0])


def test_a_map_is_kept_and_read_back(tmp_path: Path) -> None:
    xy = {"clip": np.array([[0.0, 1.0], [0.25, 0.5]])}
    StyleMap(xy, ["natural", "sketch"], [0, 1], ["s", "s"], ["a cat", "a cat"]).save(tmp_path / "map.json")
    again = load_map(tmp_path / "map.json")
    assert np.array_equal(again.coordinates["clip"], xy["clip"]) and again.style == [0, 1]
    (tmp_path / "bad.json").write_text(
        '{"coordinates": {"clip": [[0, 1]]}, "styles": [], "style": [], "scene": [], "text": []}'
    )
    with pytest.raises(PinpointError, match="not as many as its styles"):
        load_map(tmp_path / "bad.json")
    with pytest.raises(PinpointError, match="pinpoint train style-map"):
        load_map(tmp_path / "none.json")


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    data = StyleMap(
        {"clip": np.array([[0.0, 1.0], [0.25, 0.5]])}, ["natural", "sketch"], [0, 1], ["s", "s"], ["</script>", "b"]
    )
    write_page(
        tmp_path / "map.html", "A map", data, {"clip": "CLIP"}, [np.zeros((8, 8, 3), np.uint8)] * 2, ["#000", "#111"]
    )
    page = (tmp_path / "map.html").read_text()
    assert (
        "{{DATA" not in page
        and "{{TITLE" not in page
        and "data:image/jpeg;base64," in page
        and page.count("</script>") == 1
    )
    assert "http" not in page.replace("http-equiv", "") and 'tabindex="0"' in page and "ArrowRight" in page
    assert len(sprite([np.zeros((8, 8, 3), np.uint8)] * 3, 8, 2)) > 100


def test_a_layout_is_within_the_unit_square() -> None:
    xy = layout(clouds("style", 20).flat)
    assert xy.shape == (80, 2) and xy.min() == 0 and xy.max() == pytest.approx(1)


def arrays(path: Path) -> Path:
    rng = np.random.default_rng(0)
    sizes = {"conv0": (3, 3, 1), "conv11": (4, 3, 3), "conv12": (4, 4, 3), "conv21": (6, 4, 3)}
    out = {f"{name}.weight": rng.normal(size=(o, i, k, k)).astype(np.float32) for name, (o, i, k) in sizes.items()}
    out |= {f"{name}.bias": np.zeros(sizes[name][0], np.float32) for name in LAYERS}
    np.savez(path, **out)
    return path


def test_gram_statistics_of_a_folder(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for n in range(12):  # stripes and noise
        x = (
            rng.integers(0, 255, (32, 32, 3), np.uint8)
            if n % 2
            else np.tile(np.array([0, 255], np.uint8), (32, 16, 1)).reshape(32, 32, 1).repeat(3, 2)
        )
        Image.fromarray(x).save(tmp_path / "pictures" / f"{n:02d}.png")
    images = FolderImages(tmp_path / "pictures")
    statistics = gram_statistics(small_vgg(arrays(tmp_path / "vgg.npz")), images, images.ids, 32)
    assert statistics.shape == (12, 21)
    labels = np.arange(12) % 2
    assert purity(clusters(statistics, 2), labels) == 100 and nearest_labels(statistics, labels, 3).mean() == 1
    with pytest.raises(PinpointError, match="there is no"):
        small_vgg(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(PinpointError, match=r"has no 'conv0.weight'"):
        small_vgg(tmp_path / "other.npz")


@pytest.mark.skipif(not (SHARED / "pacs-half").is_dir(), reason="PACS is not here")
def test_real_features_tell_photographs_paintings_cartoons_and_sketches_apart() -> None:
    images = FolderImages(SHARED / "pacs-half")
    ids = images.ids[::25]
    styles = np.unique([images.label(i).split("/")[0] for i in ids], return_inverse=True)[1]
    statistics = gram_statistics(small_vgg(SHARED / "models" / "vgg19_16x_fp32.npz"), images, ids)
    assert nearest_labels(statistics, styles).mean() > 0.5
