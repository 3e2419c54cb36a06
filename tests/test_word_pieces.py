"""The small tokenizer: one token per known word, spelling for every other, and a fast path that changes nothing."""

import random
from pathlib import Path
from typing import Any

import pytest

from pinpoint.diorama.captions import caption
from pinpoint.diorama.facets import FACETS, GENERIC_PROMPT, PROMPT
from pinpoint.diorama.questions import ask, wordings
from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.scene_labels import labels
from pinpoint.recipes.word_pieces import (
    END,
    IMAGE,
    IMAGE_END,
    IMAGE_START,
    LETTERS,
    SPECIAL,
    Pieces,
    build_tokenizer,
)

SCENES = sample_split(300, "train", 31)
CAPTIONS = [caption(scene, random.Random(n)) for n, scene in enumerate(SCENES)]
ASKED = [ask(scene, random.Random(n)) for n, scene in enumerate(SCENES)]
SAID = [*CAPTIONS, *(a.question for a in ASKED), *(a.answer for a in ASKED)]
SAID += [labels(scene, random.Random(n)) for n, scene in enumerate(SCENES)]
BENCHMARK = [text for facet in FACETS.values() for text, _ in facet.texts]
PROMPTS = [PROMPT.format(question=q) for f in FACETS.values() for q in (f.question, f.human_question)]
ODD = ["", "\n", "  two   spaces\tand\na line.\n", "CAPITALS and Mixed", "it's a half-open (door)!?", "...",
       "a.b,c;d:e", "zyzzyva 2027 x7", "squating\n"]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer([*SAID, *wordings(), *BENCHMARK, *PROMPTS])


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_the_vocabulary_depends_on_the_set_of_words_alone() -> None:
    texts = ["a red cat.", "The cat, asleep!", "red"]
    one = build_tokenizer(texts)
    for same in (reversed(texts), iter([*texts, *texts]), ["asleep! RED, a cat. the"]):
        assert build_tokenizer(same).get_vocab() == one.get_vocab()
    more = build_tokenizer([*texts, "dog"]).get_vocab()
    assert set(more) - set(one.get_vocab()) == {"dog"}
    assert [one.convert_ids_to_tokens(n) for n in range(len(SPECIAL))] == list(SPECIAL)
    assert sorted(one.get_vocab().values()) == list(range(len(one)))  # ids without a gap: the size of the embedding


def test_every_word_of_the_corpus_is_one_token(tokenizer: Any) -> None:
    backend = tokenizer.backend_tokenizer
    for text in (*SAID, *BENCHMARK, *PROMPTS):
        split = backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
        assert tokenizer.convert_ids_to_tokens(ids(tokenizer, text)) == [word for word, _ in split]


def test_case_and_white_space_do_not_matter(tokenizer: Any) -> None:
    assert ids(tokenizer, "A  Red\tCat\n") == ids(tokenizer, "a red cat")
    assert ids(tokenizer, "a red cat") != ids(tokenizer, "red a cat")


def test_the_fast_path_gives_the_ids_of_the_tokenizer(tokenizer: Any) -> None:
    pieces = Pieces(tokenizer)
    image = f"{IMAGE_START}{IMAGE}{IMAGE}{IMAGE_END}\n{GENERIC_PROMPT}\n{END}"
    for _ in range(2):  # first split, then remembered
        for text in (*SAID, *BENCHMARK, *PROMPTS, *ODD, image):
            assert pieces(text) == ids(tokenizer, text), text
    assert pieces(image).count(tokenizer.convert_tokens_to_ids(IMAGE)) == 2 and pieces(image)[-1] == pieces.end


def test_a_prompt_may_be_cut_behind_its_first_words(tokenizer: Any) -> None:
    pieces, (lead, _, _) = Pieces(tokenizer), PROMPT.partition("{question}")
    for facet in FACETS.values():
        assert pieces(lead) + pieces(facet.question) == ids(tokenizer, PROMPT.format(question=facet.question))


def test_an_unknown_word_is_spelled(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens(ids(tokenizer, "Xyzq7 cat")) == ["x", "##y", "##z", "##q", "##7", "cat"]
    rng = random.Random(0)
    for _ in range(300):
        word = "".join(rng.choice(LETTERS + LETTERS.upper()) for _ in range(1 + int(rng.random() * 40)))
        row = ids(tokenizer, word)
        assert tokenizer.unk_token_id not in row, word
        spelled = "".join(tokenizer.convert_ids_to_tokens(row)).replace("##", "")
        assert spelled == word.lower()
    assert set("abcdefghijklmnopqrstuvwxyz0123456789.,;:?!'\"()-") <= set(LETTERS)
    assert ids(tokenizer, "日") == [tokenizer.unk_token_id]


def test_no_word_of_the_benchmark_is_unknown_to_a_tokenizer_that_read_other_words() -> None:
    small = build_tokenizer(["something else"])
    assert all(small.unk_token_id not in ids(small, text) for text in (*BENCHMARK, *PROMPTS))


def test_padded_rows_end_and_are_as_long_as_said(tokenizer: Any) -> None:
    pieces, texts = Pieces(tokenizer), ["a cat", "", CAPTIONS[0], "one two three four five six seven"]
    rows, lengths = pieces.padded(texts)
    assert rows.shape[1] % 8 == 0 and rows.shape[1] - max(lengths) < 8 and len(rows) == len(lengths) == 4
    for text, row, length in zip(texts, rows.tolist(), lengths.tolist(), strict=True):
        assert row[:length] == [*ids(tokenizer, text), tokenizer.eos_token_id]
        assert set(row[length:]) <= {tokenizer.pad_token_id}
    assert pieces.padded(["cat " * 7])[0].shape == (1, 8)  # the end token fits exactly
    assert pieces.padded(["cat " * 8])[0].shape == (1, 16)


def test_a_saved_tokenizer_gives_the_same_ids(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*SAID[::5], *BENCHMARK, *PROMPTS, *ODD, f"{IMAGE_START}{IMAGE}{IMAGE_END}\na cat\n{END}"):
        assert ids(loaded, text) == ids(tokenizer, text)
    assert (loaded.eos_token, loaded.pad_token, loaded.padding_side) == (END, END, "right")
    assert len(loaded) == len(tokenizer) and loaded.convert_tokens_to_ids(IMAGE) == SPECIAL.index(IMAGE)
