"""Promptable embeddings: the prompts word for word, the modes, the tables in the store."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pinpoint.benchmark import Query
from pinpoint.errors import PinpointError
from pinpoint.evaluate import evaluate
from pinpoint.linear import LinearMap, ridge_fit
from pinpoint.promptable import (
    GENERIC_PROMPT,
    PromptTables,
    chosen,
    closed_list,
    facet_prompt,
    fit_maps,
    general,
    linear,
    linear_gallery,
    pool_columns,
    prompt_of_facet,
    prompted,
    released_maps,
)
from pinpoint.retriever import Retriever, similarity
from pinpoint.store import Store
from promptable_toy import DIM, ToyEncoder, toy_benchmark

# The benchmark's interface: a changed letter is another system.
FRAME = "Represent the given image with the following question: "
GPT = {
    "objects": "Which objects are present in this image?",
    "animals": "Which animals can be seen in this image?",
    "gestures": "What gesture are the people making in this image?",
    "materials": "What material are the objects in this image made of?",
    "scenes": "What type of location is depicted in this image?",
    "times": "What time of day is depicted in this image?",
    "count": "How many people are present in this image?",
    "weather": "What is the weather like in this image?",
}
HUMAN = {
    "objects": "What objects are in the image?",
    "animals": "What animals are in this image?",
    "gestures": "What is the person doing in the image?",
    "materials": "What are the objects made of in the image?",
    "scenes": "What scene is in the image?",
    "times": "When is the image taken?",
    "count": "How many people are in the image?",
    "weather": "What is the weather in the image?",
}


# --- prompts ----------------------------------------------------------------------------------------------------------


def test_the_prompts_are_the_papers_word_for_word() -> None:
    assert GENERIC_PROMPT == "Represent the given image."
    assert {facet: prompt_of_facet(facet) for facet in GPT} == {f: FRAME + q for f, q in GPT.items()}
    assert {facet: prompt_of_facet(facet, "human") for facet in HUMAN} == {f: FRAME + q for f, q in HUMAN.items()}
    countries = ("Which country is shown in this image?", "What country is the scene located in the image?")
    assert closed_list() == (GENERIC_PROMPT, *(FRAME + q for q in GPT.values()), FRAME + countries[0])
    assert closed_list("human") == (GENERIC_PROMPT, *(FRAME + q for q in HUMAN.values()), FRAME + countries[1])


def test_the_prompt_of_a_query_is_its_facets() -> None:
    query = Query("q", ("a",), text="…", group="count")
    assert facet_prompt(query) == FRAME + GPT["count"]
    assert facet_prompt(query, "human") == FRAME + HUMAN["count"]


def test_a_wrong_facet_or_wording_lists_the_known_ones() -> None:
    with pytest.raises(PinpointError, match=r"unknown facet 'time'; known: animals, count, .*, times, weather"):
        facet_prompt(Query("q", ("a",), group="time"))
    with pytest.raises(PinpointError, match=r"unknown wording 'dog'; known: gpt, human"):
        prompt_of_facet("times", "dog")


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(tmp_path: Path, encoder: ToyEncoder, part: int = 512) -> PromptTables:
    return PromptTables(encoder, Store(tmp_path), size=8, part=part)


def test_a_second_call_encodes_nothing_and_a_new_prompt_encodes_only_itself(tmp_path: Path) -> None:
    encoder, benchmark = ToyEncoder(), toy_benchmark(30)
    first = tables(tmp_path, encoder, 12).get(benchmark, ["a", "b", "a"])
    assert encoder.calls == [(12, ("a", "b")), (12, ("a", "b")), (6, ("a", "b"))]  # together, a part at a time
    assert first.keys() == {"a", "b"} and first["a"].shape == (30, DIM)
    encoder.calls.clear()
    again = tables(tmp_path, encoder, 12).get(benchmark, ["b", "a"])
    assert encoder.calls == [] and all(np.array_equal(first[p], again[p]) for p in first)
    more = tables(tmp_path, encoder, 12).get(benchmark, ["a", "c", "b"])
    assert encoder.calls == [(12, ("c",)), (12, ("c",)), (6, ("c",))]
    assert list(more) == ["a", "c", "b"] and np.array_equal(more["b"], first["b"])


def test_encoding_together_equals_encoding_apart(tmp_path: Path) -> None:
    benchmark, prompts = toy_benchmark(), closed_list()
    together = tables(tmp_path / "together", ToyEncoder()).get(benchmark, prompts)
    for prompt in prompts:
        apart = tables(tmp_path / "apart", ToyEncoder(), 7).get(benchmark, [prompt])
        assert np.array_equal(together[prompt], apart[prompt])
    assert len({table.tobytes() for table in together.values()}) == 10


def test_a_run_killed_half_way_loses_one_part(tmp_path: Path) -> None:
    class Killed(ToyEncoder):
        def encode_prompts(self, images: Sequence[np.ndarray], prompts: Sequence[str]) -> np.ndarray:
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().encode_prompts(images, prompts)

    with pytest.raises(KeyboardInterrupt):
        tables(tmp_path, Killed(), 10).get(toy_benchmark(30), ["a", "b"])
    encoder = ToyEncoder()
    tables(tmp_path, encoder, 10).get(toy_benchmark(30), ["a", "b"])
    assert encoder.calls == [(10, ("a", "b"))]


def test_another_encoder_size_or_prompt_is_another_table(tmp_path: Path) -> None:
    benchmark, store = toy_benchmark(), Store(tmp_path)
    for size, prompt in ((8, "a"), (9, "a"), (8, "b")):
        encoder = ToyEncoder()
        PromptTables(encoder, store, size).get(benchmark, [prompt])
        assert len(encoder.calls) == 1
    assert len(list(tmp_path.rglob("record.json"))) == 3


def test_equal_texts_are_encoded_once(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(ToyEncoder):
        def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
            asked.extend(texts)
            return super().encode_texts(texts)

    benchmark = toy_benchmark()
    query_emb = tables(tmp_path, Listening()).texts(benchmark)
    assert asked == ["times 0", "times 1", "animals 0", "animals 1"]
    assert query_emb.shape == (12, DIM)
    assert np.array_equal(query_emb[0], query_emb[2]) and not np.array_equal(query_emb[0], query_emb[1])


# --- modes ------------------------------------------------------------------------------------------------------------


def modes(tmp_path: Path, encoder: ToyEncoder, images: int = 30) -> dict[str, Retriever]:
    benchmark = toy_benchmark(images)
    prompts = [facet_prompt(q) for q in benchmark.queries]
    source = tables(tmp_path, encoder)
    emb, query_emb = source.get(benchmark, closed_list()), source.texts(benchmark)
    maps = released_maps(benchmark, emb, np.random.default_rng(0), n=8)
    found = (
        general(query_emb, emb),
        prompted(query_emb, emb, prompts),
        chosen(query_emb, emb, prompts[::-1]),
        linear(query_emb, emb[GENERIC_PROMPT], maps, prompts),
        linear_gallery(query_emb, emb[GENERIC_PROMPT], maps, prompts),
    )
    return {retriever.name: retriever for retriever in found}


def test_each_mode_scores_a_query_as_the_paper_writes_it(tmp_path: Path) -> None:
    encoder, benchmark = ToyEncoder(), toy_benchmark()
    found = modes(tmp_path, encoder)
    source = tables(tmp_path, encoder)
    emb = source.get(benchmark, closed_list())
    u, maps = emb[GENERIC_PROMPT], released_maps(benchmark, emb, np.random.default_rng(0), n=8)
    for n, (query, other) in enumerate(zip(benchmark.queries, benchmark.queries[::-1], strict=True)):
        q, w = encoder.encode_texts([query.text])[0], maps[facet_prompt(query)].matrix
        expected = {
            "general": u @ q,
            "prompted": emb[facet_prompt(query)] @ q,
            "chosen": emb[facet_prompt(other)] @ q,
            "linear": u @ (w.T @ q) / np.linalg.norm(w.T @ q),
            "linear_gallery": (u @ w.T) @ q / np.linalg.norm(u @ w.T, axis=1),
        }
        for name, scores in expected.items():
            assert np.allclose(found[name].scores(benchmark, slice(n, n + 1))[0], scores, atol=1e-6), name


def test_the_batch_changes_no_score(tmp_path: Path) -> None:
    benchmark = toy_benchmark()
    for name, retriever in modes(tmp_path, ToyEncoder()).items():
        whole = retriever.scores(benchmark, slice(0, 12))
        single = [retriever.scores(benchmark, slice(n, n + 1)) for n in range(12)]
        assert whole.dtype == np.float32 and np.array_equal(whole, np.concatenate(single)), name


def test_constant_embeddings_score_chance_in_every_mode(tmp_path: Path) -> None:
    found = modes(tmp_path, ToyEncoder(constant=True))
    assert list(found) == ["general", "prompted", "chosen", "linear", "linear_gallery"]
    for name, retriever in found.items():
        result = evaluate(toy_benchmark(), retriever)
        assert result.macro("r1").value == pytest.approx(10), name
        assert result.macro("r5").value == pytest.approx(50), name


def test_a_map_of_the_whole_gallery_ranks_as_the_prompt_when_it_has_no_more_images_than_dimensions(
    tmp_path: Path,
) -> None:
    benchmark, encoder = toy_benchmark(images=14), ToyEncoder()  # 14 < DIM
    prompts = [facet_prompt(q) for q in benchmark.queries]
    source = tables(tmp_path, encoder)
    emb, query_emb = source.get(benchmark, closed_list()), source.texts(benchmark)
    maps = fit_maps(emb, slice(None))
    wanted = evaluate(benchmark, prompted(query_emb, emb, prompts), depth=10).top_columns
    plain = evaluate(benchmark, general(query_emb, emb), depth=10).top_columns
    assert not np.array_equal(plain, wanted)
    for mode in (linear, linear_gallery):
        approximated = evaluate(benchmark, mode(query_emb, emb[GENERIC_PROMPT], maps, prompts), depth=10)
        assert np.array_equal(approximated.top_columns, wanted)


def test_the_released_maps_are_fitted_on_the_facets_own_pools(tmp_path: Path) -> None:
    benchmark = toy_benchmark(images=400)
    pools = {i for q in benchmark.subset("animals").queries for i in q.pool or ()}
    columns = pool_columns(benchmark, "animals")
    assert [benchmark.gallery.ids[c] for c in columns] == sorted(pools, key=benchmark.gallery.column.__getitem__)
    emb = tables(tmp_path, ToyEncoder()).get(benchmark, closed_list())
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def spy(u: np.ndarray, v: np.ndarray) -> LinearMap:
        seen.append((u, v))
        return ridge_fit(u, v)

    maps = released_maps(benchmark, emb, np.random.default_rng(5), n=12, fit=spy)
    assert list(maps) == [prompt_of_facet("times"), prompt_of_facet("animals")]
    rows = [int(np.flatnonzero((emb[GENERIC_PROMPT] == u).all(axis=1))[0]) for u in seen[1][0]]
    assert len(set(rows)) == 12 and set(rows) <= set(columns)
    assert np.array_equal(seen[1][1], emb[prompt_of_facet("animals")][rows])
    with pytest.raises(PinpointError, match=f"sample of 500 images out of {len(pool_columns(benchmark, 'times'))}"):
        released_maps(benchmark, emb, np.random.default_rng(5), n=500)


def test_a_prompt_without_a_table_or_a_map_is_named_beside_those_that_have_one(tmp_path: Path) -> None:
    query_emb, table = np.eye(3), {GENERIC_PROMPT: np.eye(3)}
    with pytest.raises(PinpointError, match=r"unknown prompt 'why'; known: Represent the given image\."):
        prompted(query_emb, table, ["why"] * 3)
    with pytest.raises(PinpointError, match="unknown prompt 'why'; known: how"):
        linear(query_emb, np.eye(3), {"how": LinearMap((np.eye(3),))}, ["how", "why", "how"])
    with pytest.raises(PinpointError, match="3 queries and 2 prompts"):
        prompted(query_emb, table, [GENERIC_PROMPT] * 2)
    with pytest.raises(PinpointError, match=r"prompted: \(3, 3\) query and gallery vectors .* of \(12, 30\)"):
        prompted(query_emb, table, [GENERIC_PROMPT] * 3).scores(toy_benchmark(), slice(0, 3))
    with pytest.raises(PinpointError, match=r"prompted: \(12, 3\) query and gallery vectors .* of \(12, 30\)"):
        prompted(np.eye(12, 3), table, [GENERIC_PROMPT] * 12).scores(toy_benchmark(), slice(0, 3))


def test_scores_go_through_the_batch_invariant_product(rng: np.random.Generator) -> None:
    benchmark = toy_benchmark()
    query_emb, table = rng.normal(size=(12, 5)), rng.normal(size=(30, 5))
    scores = prompted(query_emb, {"p": table}, ["p"] * 12).scores(benchmark, slice(0, 12))
    assert np.array_equal(scores, similarity(query_emb, table))
