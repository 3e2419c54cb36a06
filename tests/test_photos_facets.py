"""Facets of photographed products: what is known, captions with a bias, pools, models and what they are trained on."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from photos_toy import write_products
from pinpoint.diorama.facets import GENERIC_PROMPT
from pinpoint.distinctive_photos import read_products
from pinpoint.errors import PinpointError
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.photos_facets import (
    ASKED,
    BIASED,
    CATEGORY,
    EVERYTHING,
    FACETS,
    GENERAL,
    HELD_OUT,
    VAGUE,
    Catalogue,
    ask,
    caption,
    read_catalogue,
    with_rate,
    wordings,
)
from pinpoint.photos_model import PhotoClip, PhotoEncoder, Sizes
from pinpoint.photos_study import PhotoTables, make_tables, mode_results, plain_result, read_by_probe, released_draw
from pinpoint.photos_tasks import facet_benchmark, facet_queries, labels_of
from pinpoint.photos_training import CaptionBatches, QuestionBatches, clip_loss, question_loss
from pinpoint.product_encoder import WordTokens

TINY = Sizes(16, 1, 1, 2, 8)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = write_products(tmp_path_factory.mktemp("data")) / "fashion-products"
    return read_catalogue(folder, read_products(folder))


@pytest.fixture(scope="module")
def words(shop: Catalogue) -> WordTokens:
    return WordTokens(wordings(shop))


@pytest.fixture(scope="module")
def encoder(words: WordTokens) -> PhotoEncoder:
    return PhotoEncoder(PhotoClip(8, len(words), TINY).eval().requires_grad_(False), words)


@pytest.fixture(scope="module")
def seen(shop: Catalogue) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    return {s: torch.from_numpy(rng.normal(size=(len(shop.of(s)), 5, 8)).astype(np.float16))
            for s in ("train", "dev", "test")}  # fmt: skip


def batches(shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens, batch: int = 12) -> CaptionBatches:
    return CaptionBatches(shop, seen["train"], words, BIASED, batch, seed=0)


# -- what is known, and how it is said --------------------------------------------------------------------------------
def test_facts_are_read_and_what_is_unsaid_is_absent(shop: Catalogue) -> None:
    assert set(shop.facts) == {p.id for p in shop.products.items} and shop.products.left_out == 1
    assert set(shop.facts["2738"]) == set(FACETS) and shop.facts["2738"]["type"] == "casual shoes"
    assert "season" not in shop.facts["7"] and shop.categories["7"] == "apparel"
    assert "7" not in {i for split in ("train", "dev", "test") for i in labels_of(shop, split, "season")}


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text("id,gender,articleType,baseColour\n7,Men,Caps,Red\n")
    with pytest.raises(PinpointError, match=r"attributes\.csv has no column 'masterCategory'; restore"):
        read_catalogue(tmp_path, read_products(tmp_path))


def test_captions_name_each_attribute_at_its_rate(shop: Catalogue) -> None:
    known, rng = shop.facts["2738"], random.Random(0)
    said = [caption(known, BIASED, rng) for _ in range(4000)]
    assert sum("casual shoes" in text for text in said) / 4000 == pytest.approx(BIASED.type, abs=0.02)
    assert sum(f"in {known['colour']}" in text for text in said) / 4000 == pytest.approx(BIASED.colour, abs=0.03)
    assert sum("season" in text for text in said) / 4000 == pytest.approx(BIASED.season, abs=0.02)
    full = caption(known, EVERYTHING, rng)
    assert all(value in full for value in known.values())
    assert caption(known, with_rate(BIASED, "type", 0.0), rng).startswith("a product")
    with pytest.raises(PinpointError, match="unknown facet 'price'"):
        with_rate(BIASED, "price", 1.0)


def test_what_two_facets_ask_is_in_no_training_question(shop: Catalogue) -> None:
    assert set(ASKED) | set(HELD_OUT) == set(FACETS) and len(HELD_OUT) == 2 and not set(ASKED) & set(HELD_OUT)
    held_out = {question for name in HELD_OUT for question in FACETS[name].questions}
    rng, ids = random.Random(0), [p.id for p in shop.of("train")]
    asked = [ask(shop, rng.choice(ids), ASKED, rng) for _ in range(1500)]
    assert not held_out & {a.question for a in asked}
    assert {a.question for a in asked} == {q for n in ASKED for q in FACETS[n].questions} | set(CATEGORY)
    assert {a.meaning.split()[0] for a in asked} == {*ASKED, "category"}
    every = {ask(shop, rng.choice(ids), tuple(FACETS), rng).question for _ in range(1500)}
    assert held_out <= every
    assert ask(shop, "7", ("season",), rng).meaning == "category apparel"  # its season is unsaid


@pytest.mark.parametrize("query_form", [True, False])
def test_an_answer_may_say_what_the_query_says_or_may_not(shop: Catalogue, query_form: bool) -> None:
    rng = random.Random(0)
    answers = {ask(shop, "2738", ("colour",), rng, query_form).answer for _ in range(200)}
    assert (FACETS["colour"].text.format(shop.facts["2738"]["colour"]) in answers) == query_form
    assert {form.format(shop.facts["2738"]["colour"]) for form in FACETS["colour"].answers} <= answers


def test_values_that_do_not_exclude_one_another() -> None:
    assert FACETS["colour"].excluded("blue") >= {"blue", "navy blue"} and "red" not in FACETS["colour"].excluded("blue")
    assert FACETS["gender"].excluded("unisex") >= {"men", "women"} and "women" not in FACETS["gender"].excluded("men")
    assert FACETS["season"].excluded("fall") == {"fall"}


# -- pools ------------------------------------------------------------------------------------------------------------
def test_pools_hold_one_right_image_and_others_that_exclude_it(shop: Catalogue) -> None:
    bench = facet_benchmark(shop, "test", 12, pool=6)
    assert bench == facet_benchmark(shop, "test", 12, pool=6) and bench.groups == tuple(FACETS)
    for query in bench.queries:
        labels, facet = labels_of(shop, "test", query.group), FACETS[query.group]
        assert query.pool is not None and query.pool[0] == query.relevant[0] and len(query.pool) == 6
        right = labels[query.relevant[0]]
        assert query.text == facet.text.format(right) and query.prompt == facet.question
        assert all(labels[i] not in facet.excluded(right) | VAGUE for i in query.pool[1:])
    assert len({q.id for q in bench.queries}) == len(bench.queries)


def test_values_are_asked_in_turn(shop: Catalogue) -> None:
    found = [q.text for q in facet_queries(shop, "train", "colour", 9, pool=4)]
    assert sorted(found[:3]) == sorted(found[3:6]) == sorted(found[6:]) and len(set(found)) == 3
    with pytest.raises(PinpointError, match="no value of type in dev has 999 products that exclude it"):
        facet_benchmark(shop, "dev", 3, pool=1000)


def test_constant_embeddings_score_chance(shop: Catalogue, seen: dict[str, torch.Tensor]) -> None:
    bench = facet_benchmark(shop, "test", 10, pool=8)
    ones = np.ones((len(bench.queries), 4)), np.ones((len(bench.gallery), 4))
    result = evaluate(bench, VectorRetriever("constant", *ones))
    assert result.macro("r5").value == pytest.approx(result.chance("r5")) == pytest.approx(100 * 5 / 8)
    held_out = {k: np.ones((len(seen["dev"]), 4)) for k in (GENERIC_PROMPT, *(f.question for f in FACETS.values()))}
    gallery = {k: ones[1] for k in held_out}
    for mode, found in mode_results(PhotoTables(bench, ones[0], gallery, held_out, {}), 5, 2).items():
        assert found.macro("r5").value == pytest.approx(100 * 5 / 8, abs=1e-6), mode


# -- the model --------------------------------------------------------------------------------------------------------
def test_rows_are_unit_and_neighbours_change_nothing(encoder: PhotoEncoder, seen: dict[str, torch.Tensor]) -> None:
    texts = ["a product in red", "a photo of tshirts in navy blue for women", "a product in red"]
    emb = encoder.encode_texts(texts)
    assert emb.shape == (3, 8) and np.allclose(np.linalg.norm(emb, axis=1), 1, atol=1e-5)
    assert np.array_equal(emb[0], emb[2]) and np.allclose(emb[0], encoder.encode_texts(texts[:1])[0], atol=1e-5)
    some = seen["test"][:7]
    for prompt in (None, "what colour is it"):
        whole = encoder.encode_images(some, prompt)
        alone = np.concatenate([encoder.encode_images(some[[n]], prompt) for n in range(7)])
        assert np.allclose(whole, alone, atol=1e-5) and np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert not np.allclose(encoder.encode_images(some), encoder.encode_images(some, GENERAL), atol=1e-3)


def test_padding_behind_a_question_changes_nothing(encoder: PhotoEncoder, seen: dict[str, torch.Tensor]) -> None:
    ids, mask = encoder.laid_out(["what colour is it", "which group of products does it belong to"])
    assert mask[0].sum() < ids.shape[1]
    with torch.no_grad():
        padded = encoder.model.images(seen["test"][:1].float(), ids[:1], mask[:1])
    assert np.allclose(padded.numpy(), encoder.encode_images(seen["test"][:1], "what colour is it"), atol=1e-5)


# -- training ---------------------------------------------------------------------------------------------------------
def test_no_caption_comes_twice_in_a_batch(shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens) -> None:
    captions = batches(shop, seen, words)
    for i in range(5):
        shown, ids, mask = captions(i)
        assert len(set(map(tuple, ids.tolist()))) == len(ids) == len(shown) <= 12 and mask.shape == ids.shape
        assert all(torch.equal(a, b) for a, b in zip(captions(i), (shown, ids, mask), strict=True))
    with pytest.raises(PinpointError, match="products of train and 2 of them seen"):
        CaptionBatches(shop, seen["train"][:2], words, BIASED, 4, 0)
    silent = with_rate(with_rate(with_rate(with_rate(with_rate(BIASED, "type", 0), "colour", 0), "gender", 0),
                                 "season", 0), "usage", 0)  # fmt: skip
    with pytest.raises(PinpointError, match="all captions of a batch are equal"):
        CaptionBatches(shop, seen["train"], words, silent, 4, 0)(0)


def test_clip_s_loss_by_hand(shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens) -> None:
    model, batch = PhotoClip(8, len(words), TINY), batches(shop, seen, words)(0)
    with torch.no_grad():
        loss = float(clip_loss(model, batch))
        logits = (model.scale * model.images(batch[0]) @ model.texts(*batch[1:]).T).double().numpy()
    own = np.diag(logits)
    by_hand = [np.mean(np.log(np.exp(part).sum(axis=1)) - own) for part in (logits, logits.T)]
    assert loss == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_a_batch_of_questions_holds_every_text_once(
    shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens
) -> None:
    questions = QuestionBatches(batches(shop, seen, words, 6), ASKED, 2)
    shown, asked, asked_mask, ids, mask, target, counts = questions(3)
    assert len(shown) == len(asked) == len(asked_mask) == len(target) == 6 * 3 and len(ids) == len(mask) == len(counts)
    assert int(counts.sum()) == len(target) and len(set(map(tuple, ids.tolist()))) == len(ids)
    assert (asked[::3] == asked[0]).all()  # the general prompt, once for each photograph
    assert torch.equal(shown[0], shown[1]) and not torch.equal(shown[0], shown[3])
    assert all(torch.equal(a, b) for a, b in zip(questions(3), (shown, asked, asked_mask, ids, mask, target, counts),
                                                 strict=True))  # fmt: skip
    loss = question_loss(PhotoClip(8, len(words), TINY), (shown, asked, asked_mask, ids, mask, target, counts))
    loss.backward()
    assert torch.isfinite(loss)


def test_a_batch_meets_more_than_is_drawn(shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens) -> None:
    captions = batches(shop, seen, words)
    assert len(captions.drawn(0)) == len(captions(0)[0])
    by_hand = [
        f"in {captions.facts(row)['colour']}" in text for i in range(50) for text, row in captions.drawn(i).items()
    ]
    assert captions.met("colour") == pytest.approx(100 * np.mean(by_hand))
    assert captions.met("colour") > 100 * BIASED.colour  # captions without it are equal more often, and passed over


def test_training_never_sees_another_split(shop: Catalogue, seen: dict[str, torch.Tensor], words: WordTokens) -> None:
    captions = batches(shop, seen, words)
    assert set(captions.ids) == {p.id for p in shop.of("train")}
    assert not set(captions.ids) & {p.id for split in ("dev", "test") for p in shop.of(split)}


# -- measuring --------------------------------------------------------------------------------------------------------
def test_tables_have_a_row_per_product_and_prompt(
    shop: Catalogue, encoder: PhotoEncoder, seen: dict[str, torch.Tensor]
) -> None:
    bench = facet_benchmark(shop, "test", 6, pool=6)
    tables = make_tables(encoder, bench, seen)
    assert set(tables.gallery) == set(tables.held_out) == {GENERIC_PROMPT, *(f.question for f in FACETS.values())}
    assert tables.prompts == [q.prompt for q in bench.queries]
    assert np.allclose(tables.gallery[GENERIC_PROMPT], encoder.encode_images(seen["test"], GENERAL))
    assert len(tables.held_out[GENERIC_PROMPT]) == len(seen["dev"])
    results = mode_results(tables, 5, 2)
    assert set(results) == {"general", "prompted", "linear", "ridge"}
    plain = plain_result(encoder, bench, seen, "clip")
    assert plain.per_query["r5"].shape == results["linear"].per_query["r5"].shape == (len(bench.queries),)
    maps = released_draw(tables, 5)(np.random.default_rng(0))
    assert set(maps) == {FACETS[facet].question for facet in bench.groups}


def test_a_probe_reads_what_is_there_and_guesses_what_is_not(shop: Catalogue, rng: np.random.Generator) -> None:
    values = ("red", "blue", "navy blue")
    rows = {s: np.eye(3)[[values.index(shop.facts[p.id]["colour"]) for p in shop.of(s)]] for s in ("train", "test")}
    assert read_by_probe(shop, rows, "colour").mean() == 1
    noise = {s: rng.normal(size=x.shape) for s, x in rows.items()}
    assert read_by_probe(shop, noise, "colour").mean() < 0.7


def test_the_real_table(shared_data: Path) -> None:
    folder = shared_data / "fashion-products"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    shop = read_catalogue(folder, read_products(folder))
    bench = facet_benchmark(shop, "test", 250)
    assert len(bench.gallery) == 1932 and len(bench.queries) == 1250
    assert all(len(q.pool or ()) == 100 for q in bench.queries)
    assert {v for facts in shop.facts.values() for v in [facts.get("season")] if v} == {
        "fall", "winter", "summer", "spring"
    }  # fmt: skip
    assert len(shop.of("dev")) == 941
