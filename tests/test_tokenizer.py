"""The small vocabulary: CLIP's own pieces for its words, smaller pieces for others."""

import gzip
from pathlib import Path

import pytest

import pinpoint.torchvision_shim  # noqa: F401  (before open_clip is imported)

# isort: split
from open_clip.tokenizer import SimpleTokenizer

from pinpoint.encoders.tokenizer import WordCache, build_vocabulary, load_tokenizer, merge, save_vocabulary
from pinpoint.errors import PinpointError

TEXTS = [
    "A photo of a dog, on the beach.",
    "two people kneeling at the harbour's quay",
    "a star-shaped balloon in the living room, with 3 umbrellas!",
]


@pytest.fixture(scope="module")
def full() -> SimpleTokenizer:
    return SimpleTokenizer()


@pytest.fixture
def small(tmp_path: Path) -> SimpleTokenizer:
    save_vocabulary(tmp_path / "tokenizer.txt.gz", build_vocabulary(TEXTS))
    return load_tokenizer(tmp_path / "tokenizer.txt.gz", context_length=16)


def pieces(tokenizer: SimpleTokenizer, text: str) -> list[str]:
    return [tokenizer.decoder[i] for i in tokenizer.encode(text)]


def test_known_words_fall_into_the_pieces_of_clip(small: SimpleTokenizer, full: SimpleTokenizer) -> None:
    for text in TEXTS:
        assert pieces(small, text) == pieces(full, text)
    assert pieces(small, "a dog at the beach balloon") == pieces(full, "a dog at the beach balloon")


def test_unknown_words_fall_into_smaller_pieces_and_lose_nothing(small: SimpleTokenizer, full: SimpleTokenizer) -> None:
    for text in ("xylophone", "zebra crossing", "naïve 猫"):
        assert small.decode(small.encode(text)).strip() == text
    assert len(small.encode("xylophone")) > len(full.encode("xylophone"))


def test_the_vocabulary_is_small_and_holds_no_empty_merge(small: SimpleTokenizer) -> None:
    assert 514 < small.vocab_size < 700
    assert all(len(pair) == 2 for pair in small.bpe_ranks)
    assert small.eot_token_id == small.vocab_size - 1  # open_clip reads the caption at its largest id


def test_the_bytes_depend_on_the_words_alone(full: SimpleTokenizer) -> None:
    assert build_vocabulary(TEXTS) == build_vocabulary([*reversed(TEXTS), TEXTS[0]])
    merges = gzip.decompress(build_vocabulary(TEXTS)).decode().split("\n")[1:]
    ranks = [full.bpe_ranks[tuple(line.split())] for line in merges]
    assert ranks == sorted(ranks)


def test_rows_are_padded_and_cut_to_the_context(small: SimpleTokenizer) -> None:
    short, long = small(["a dog", "dog " * 40])
    assert short.tolist()[0] == small.sot_token_id and short.tolist()[3:5] == [small.eot_token_id, 0]
    assert len(long) == 16 and long[-1] == small.eot_token_id


def test_word_cache_equals_the_tokenizer(full: SimpleTokenizer) -> None:
    cache = WordCache(full)
    for text in [*TEXTS, "  it's  a DOG's life -- 24 dogs, isn't it?"]:
        assert cache(text) == full.encode(text)
        assert cache(text) == full.encode(text)  # and again, from the cache


def test_merge_joins_from_left_to_right() -> None:
    assert merge(["a", "a", "a", "b", "a", "a"], ("a", "a")) == ["aa", "a", "b", "aa"]


def test_a_damaged_or_missing_vocabulary_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.txt.gz"
    with pytest.raises(PinpointError, match="missing"):
        load_tokenizer(path, 16)
    path.write_bytes(build_vocabulary(TEXTS)[:-9])
    with pytest.raises(PinpointError, match="damaged"):
        load_tokenizer(path, 16)
