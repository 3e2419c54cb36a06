"""Chapter 4's training data, triplets and evaluation, on a handful of scenes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cosine_similarity
from torch.testing import assert_close

from pinpoint import style_chapter as chapter
from pinpoint.datasets.dsr import dsr
from pinpoint.diorama import plain, tasks
from pinpoint.diorama.draw import STYLES, render
from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.world import DioramaImages
from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.files import write_json
from pinpoint.style_data import DRAWN, KINDS, array_set, folder_set, pictures_of, plain_set, scene_set
from pinpoint.style_models import Prompting, Stem, build, open_clip_backbone
from pinpoint.style_real import real_benchmark, training_set
from pinpoint.style_stem import load_stem
from pinpoint.style_study import Budget, Choices, Triplets, ask, fit_space, mean_of, scored, style_loss, train


@pytest.fixture(scope="module")
def world() -> Any:
    encoder: Any = load("diorama-clip", device="cpu")
    backbone = open_clip_backbone(encoder, load_stem())
    return SimpleNamespace(encoder=encoder, backbone=backbone, data=scene_set(encoder, 12),
                           asked=ask(encoder, tasks.style("dev", 16, 6)))  # fmt: skip


def test_pictures_are_those_of_the_scene_in_their_style(world: Any) -> None:
    scene = sample_split(12, "train", 0)[3]
    for kind in ("natural", *DRAWN):
        wanted = world.encoder.preprocess(render(scene, kind, 96)[None])
        assert_close(world.data.pixels(kind, [3]), wanted)
    with pytest.raises(PinpointError, match="unknown query kind 'glass'"):
        world.data.pixels("glass", [0])


def test_drawn_once_and_kept_is_the_same(world: Any, tmp_path: Path) -> None:
    images = DioramaImages(sample_split(5, "dev", 0))
    ids = list(images.scenes)
    kept = pictures_of(images, ids, 32, tmp_path)
    assert np.array_equal(kept, pictures_of(images, ids, 32)) and len(list(tmp_path.glob("*.npy"))) == 1
    assert np.array_equal(pictures_of(images, ids, 32, tmp_path), kept) and len(list(tmp_path.glob("*.npy"))) == 1


def test_a_batch_is_a_function_of_its_number_and_its_negatives_are_others(world: Any) -> None:
    batches = Triplets(world.data, KINDS, 8, 0)
    natural, drawn, texts, order, negative = batches(2)
    again = Triplets(world.data, KINDS, 8, 0)(2)
    assert all(torch.equal(a, b) for a, b in zip((natural, drawn, texts, order, negative), again, strict=True))
    assert len(drawn) + len(texts) == len(natural) == 8 and sorted(order.tolist()) == list(range(8))
    assert (negative != torch.arange(8)).all() and sorted(negative.tolist()) == list(range(8))


def test_queries_lie_beside_their_own_photograph(world: Any) -> None:
    """With a tower that reads one number off a picture, every query equals its photograph."""
    numbers = {
        kind: np.stack([np.full((4, 4, 3), 10 * n + 5, np.uint8) for n in range(12)]) for kind in ("natural", *DRAWN)
    }
    encoder = SimpleNamespace(
        preprocess=lambda x: torch.from_numpy(np.array(x)).permute(0, 3, 1, 2).float(),
        encode_texts=lambda texts: np.array([[10.0 * int(t) + 5] for t in texts], np.float32),
    )
    data = array_set(encoder, numbers, [str(n) for n in range(12)])
    natural, drawn, texts, order, _ = Triplets(data, KINDS, 8, 3)(1)
    photos = natural[:, 0, 0, 0]
    assert torch.equal(photos[order], torch.cat([drawn[:, 0, 0, 0], texts[:, 0]]))


def test_the_loss_is_the_papers(world: Any) -> None:
    class Flat(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels[:, :, ::12, ::12].flatten(1)[:, :192]

    natural, drawn, texts, order, negative = batch = Triplets(world.data, KINDS, 8, 0)(0)
    p, q = Flat()(natural), torch.cat([Flat()(drawn), texts])
    terms = []
    for n, row in enumerate(order.tolist()):
        other = p[negative[row]]
        for anchor, positive in ((p[row], q[n]), (q[n], p[row])):
            near, far = (1 - cosine_similarity(anchor, x, dim=0) for x in (positive, other))
            terms.append(torch.relu(near - far + 1))
    assert_close(style_loss(Flat(), batch), torch.stack(terms).mean())


@pytest.mark.parametrize("how", [Prompting(), Prompting(per_style=True), Prompting(shallow="random", deep="random")])
def test_training_moves_what_it_should(world: Any, how: Prompting) -> None:
    budget = Budget(4, 6, refresh=2, fitted=4)
    model, history = train("freestyle", world.backbone, world.data, budget, Choices(), how)
    assert history.step == 4 and not model.training and not any(p.requires_grad for p in model.parameters())
    assert (model.space.centres.abs().sum() > 0) == (how.shallow == "style")
    again, _ = train("freestyle", world.backbone, world.data, budget, Choices(), how)
    assert_close(again.prompts[0], model.prompts[0])


@pytest.mark.parametrize("method", ["norms", "pixel_prompt", "vpt_shallow", "vpt_deep", "freestyle"])
def test_every_method_learns(world: Any, method: str) -> None:
    """On the triplets it has seen, the loss after training is well below that of the frozen tower."""
    model, _ = train(method, world.backbone, world.data, Budget(20, 12, refresh=10, fitted=6), Choices())
    batch = Triplets(world.data, KINDS, 12, 7)(0)
    with torch.no_grad():
        before = float(style_loss(build("clip", world.backbone), batch))
        assert float(style_loss(model, batch)) < 0.93 * before


def test_one_kind_can_be_trained_alone_and_an_unknown_one_is_an_error(world: Any) -> None:
    budget = Budget(1, 4, fitted=4)
    train("vpt_deep", world.backbone, world.data, budget, kinds=("text",))
    train("freestyle", world.backbone, world.data, budget, kinds=("sketch",))
    with pytest.raises(PinpointError, match="unknown query kind 'oil'"):
        train("vpt_deep", world.backbone, world.data, budget, kinds=("oil",))
    with pytest.raises(PinpointError, match="a batch of 2"):
        Triplets(world.data, KINDS, 1, 0)


def test_the_frozen_tower_scores_as_the_encoder_does(world: Any) -> None:
    model, _ = train("clip", world.backbone, world.data, Budget(0))
    query_emb, gallery = world.asked.vectors(model)
    images = world.asked.benchmark.gallery
    assert_close(
        gallery, world.encoder.encode_images([images.images.load(i, 96) for i in images.ids]), atol=1e-5, rtol=1e-4
    )
    texts = [q.text for q in world.asked.benchmark.queries if q.text]
    assert_close(query_emb[world.asked.rows(drawn=False)], world.encoder.encode_texts(texts))
    result = scored(world.asked, "clip", (query_emb, gallery))
    e = mean_of(result)
    assert e.n == 24 and e.value == pytest.approx(np.mean([result.metric("r1", kind).value for kind in KINDS]))


def test_the_style_space_is_fitted_on_training_pictures_of_every_kind(world: Any) -> None:
    model, _ = train("freestyle", world.backbone, world.data, Budget(1, 4, fitted=3))
    fit_space(model, world.data, Budget(1, 4, fitted=3), per_style=True)
    with torch.no_grad():
        g = model.tokens(world.data.pixels("sketch", range(3))).flatten(1).mean(dim=0)
    assert_close(model.space.centres[1], g, atol=1e-4, rtol=1e-4)


def test_what_a_page_records(world: Any) -> None:
    said: dict[str, float] = {}
    study = SimpleNamespace(record=lambda key, value, *a, **k: said.__setitem__(key, value))
    model, _ = train("freestyle", world.backbone, world.data, Budget(1, 4, fitted=4))
    vectors = world.asked.vectors(model)
    results = {"freestyle": scored(world.asked, "freestyle", vectors)}
    chapter.record_methods(study, results)
    joint = chapter.record_joint(study, "freestyle", results["freestyle"], vectors)
    chapter.record_space(study, "freestyle", chapter.features_of(world.asked.benchmark, vectors))
    chapter.record_space(study, "gram", chapter.gram_features(model, world.asked))
    wanted = {
        f"style.freestyle.{k}.r1" for k in (*KINDS, "mean", "unseen", "joint.text_sketch", "joint.max.art_unseen")
    }
    wanted |= {"style.freestyle.style_probe", "style.gram.style_probe"}
    assert wanted <= set(said) and len(joint["mean"]) == 10
    weights = chapter.style_weights(model, world.asked)
    assert list(weights) == ["natural", "sketch", "art", "low_res", "glass"]
    assert all(w.sum() == pytest.approx(1, abs=1e-5) for w in weights.values())


def test_a_query_joined_with_itself_changes_nothing(world: Any) -> None:
    vectors = world.asked.vectors(train("clip", world.backbone, world.data, Budget(0))[0])
    single = scored(world.asked, "clip", vectors).metric("r1", "art").value
    benchmark = world.asked.benchmark
    rows = chapter.rows_by_kind(benchmark)["art"]
    joined = chapter.JointRetriever("x", vectors[0][rows], vectors[0][rows], vectors[1])
    assert chapter.evaluate(chapter.joint_benchmark(benchmark), joined).metric("r1").value == single


# -- plain pictures ------------------------------------------------------------------------------------------------
def test_plain_pictures_have_every_style_and_every_member_of_a_class_is_right() -> None:
    benchmark = plain.style_coarse("test", 80, 10)
    assert benchmark.groups == ("text", *STYLES[1:]) and len(benchmark.queries) == 50
    pictures = benchmark.gallery.images.pictures
    for query in benchmark.queries:
        label = pictures[query.target].label
        assert set(query.relevant) == {i for i, p in pictures.items() if p.label == label}
    assert len({p.label for p in plain.sample_plain(3000, "test")}) == 36 + 5 * 5
    first = plain.sample_plain(1, "train")[0]
    seen = [plain.render_plain(first, style) for style in STYLES]
    assert all(x.shape == (96, 96, 3) for x in seen) and len({x.tobytes() for x in seen}) == len(STYLES)
    assert first.id not in {p.id for p in plain.sample_plain(50, "dev")}
    with pytest.raises(PinpointError, match="unknown style 'oil'"):
        plain.render_plain(first, "oil")
    with pytest.raises(PinpointError, match="need a gallery of at least"):
        plain.style_coarse("test", 5, 6)


def test_plain_pictures_train_as_scenes_do(world: Any) -> None:
    data = plain_set(world.encoder, 8)
    assert data.n == 8 and data.pixels("art", [0, 7]).shape == (2, 3, 96, 96)


# -- real data: DSR's folder -----------------------------------------------------------------------------------------
def dsr_folder(root: Path, n: int = 10, modes: tuple[str, ...] = ("RGB",)) -> Path:
    rng = np.random.default_rng(0)
    records = [{"image": f"a/{k}.png", "caption": f"a/{k}.txt"} for k in range(n)]
    for folder in ("images", "sketch", "art", "mosaic"):
        (root / folder / "a").mkdir(parents=True)
        for k in range(n):
            picture = Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8)).convert(modes[k % len(modes)])
            picture.save(root / folder / "a" / f"{k}.png")
    (root / "text" / "a").mkdir(parents=True)
    for k in range(n):
        (root / "text" / "a" / f"{k}.txt").write_text(f"a red cat, number {k}\n")
    write_json(root / "dataset.json", records)
    return root


def test_every_method_runs_on_dsrs_folder(world: Any, tmp_path: Path) -> None:
    folder = dsr_folder(tmp_path, modes=("RGB", "L", "RGBA"))  # grey and transparent pictures are read as RGB
    said = real_benchmark(folder, world.encoder, Budget(1, 4, fitted=4), stem=load_stem())
    assert said.count("\n") == 7 and "| freestyle |" in said
    data = training_set(world.encoder, dsr(folder, "train"))
    assert data.n == 8 and data.pixels("sketch", [0, 1]).shape == (2, 3, 96, 96)
    (folder / "art" / "a" / "1.png").write_bytes(b"not a picture")
    with pytest.raises(PinpointError, match=r"1\.png cannot be read"):
        data.pixels("art", [0])


def test_without_dsr_the_page_says_what_is_missing(tmp_path: Path) -> None:
    assert "there is no folder" in real_benchmark(tmp_path / "dsr", "clip-l14", Budget(1))


def test_a_folder_without_a_style_is_an_error(world: Any, tmp_path: Path) -> None:
    images = DioramaImages(sample_split(2, "dev", 0))
    ids = {kind: list(images.scenes) for kind in ("natural", "sketch", "art")}
    with pytest.raises(PinpointError, match="low_res has not 2"):
        folder_set(world.encoder, images, ids, ["a cat", "a dog"])


def test_a_full_size_tower_takes_the_same_step() -> None:
    """ViT-L/14's and VGG-19's classes and sizes, with few blocks and random weights: shapes, and one update."""
    import open_clip

    from pinpoint.style_models import vgg19_stem

    torch.manual_seed(0)
    config = open_clip.get_model_config("ViT-L-14")
    vision = {**config["vision_cfg"], "layers": 2}
    text = {**config["text_cfg"], "layers": 1}
    model: Any = open_clip.CLIP(config["embed_dim"], vision, text).eval()
    encoder = SimpleNamespace(
        model=model,
        image_size=224,
        preprocess=lambda x: torch.from_numpy(np.array(x)).permute(0, 3, 1, 2).float() / 255,
        encode_texts=lambda texts: np.random.default_rng(0).normal(size=(len(texts), 768)).astype(np.float32),
    )
    stem: Stem = vgg19_stem(None)
    rng = np.random.default_rng(1)
    pictures = {kind: rng.integers(0, 255, (3, 224, 224, 3), np.uint8) for kind in ("natural", *DRAWN)}
    data = array_set(encoder, pictures, ["a", "b", "c"])
    model, history = train("freestyle", open_clip_backbone(encoder, stem), data, Budget(1, 2, fitted=2))
    assert model(data.pixels("sketch", [0])).shape == (1, 768) and np.isfinite(history.losses).all()
