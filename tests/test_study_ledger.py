import json
import threading

import pytest

from pinpoint.errors import PinpointError
from pinpoint.study.ledger import Entry, lookup, make_entry, merge, read_ledger
from pinpoint.study.numbers import written


def entry(key="toy.a", value=50.0, low=40.0, high=56.0, n=10, unit="%", band=None):
    return make_entry(key, value, low, high, n, 1, unit, band, "CPU", "a-toy")


@pytest.mark.parametrize("key", ["Toy.a", "toy", "toy..a", "toy.a-b", "toy.a ", ".toy.a"])
def test_keys_are_dotted_lower_case_words(key):
    with pytest.raises(PinpointError, match="dotted lower-case"):
        entry(key)


@pytest.mark.parametrize("bad", [{"value": float("nan")}, {"value": float("inf")}, {"high": float("nan")}])
def test_numbers_must_be_finite(bad):
    with pytest.raises(PinpointError, match="not a finite number"):
        entry(**bad)


def test_value_must_lie_inside_its_interval():
    with pytest.raises(PinpointError, match="outside its interval"):
        entry(value=60.0)


def test_default_band_is_half_the_interval_with_a_floor():
    assert entry().band == 8.0
    assert entry(low=49.9, high=50.1).band == 1.0
    assert entry(low=None, high=None, unit="s").band == 2.5
    assert entry(band=0.25).band == 0.25


def test_merge_replaces_a_chapter_s_numbers_and_keeps_the_others(tmp_path):
    path = tmp_path / "lite.json"
    merge(path, "a", {"toy.a": entry(), "toy.gone": entry()}, "s1")
    merge(path, "b", {"toy.b": entry()}, "s2")
    merge(path, "a", {"toy.a": entry(value=51.0)}, "s3")
    ledger = read_ledger(path)
    assert sorted(ledger) == ["toy.a", "toy.b"]
    assert (ledger["toy.a"].value, ledger["toy.a"].seal, ledger["toy.b"].seal) == (51.0, "s3", "s2")
    contract = {"value", "low", "high", "n", "seeds", "unit", "device", "band", "seal"}
    assert all(set(fields) == contract | {"chapter"} for fields in json.loads(path.read_text()).values())


def test_two_chapters_cannot_record_one_key(tmp_path):
    path = tmp_path / "lite.json"
    merge(path, "a", {"toy.a": entry()}, "s1")
    before = path.read_bytes()
    with pytest.raises(PinpointError, match=r"toy\.a is recorded by a already"):
        merge(path, "b", {"toy.a": entry(), "toy.b": entry()}, "s2")
    assert path.read_bytes() == before


def test_merges_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "lite.json"
    threads = [threading.Thread(target=merge, args=(path, f"c{i}", {f"toy.k{i}": entry()}, "s")) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_ledger(path)) == 16


def test_a_merge_that_fails_leaves_the_old_ledger(tmp_path, monkeypatch):
    path = tmp_path / "lite.json"
    merge(path, "a", {"toy.a": entry()}, "s1")
    before = path.read_bytes()
    monkeypatch.setattr("pinpoint.files.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(PinpointError, match=r"cannot write .*lite\.json \(disk full\)"):
        merge(path, "a", {"toy.a": entry(value=51.0)}, "s2")
    assert path.read_bytes() == before


def test_a_damaged_ledger_is_named(tmp_path):
    path = tmp_path / "lite.json"
    path.write_text('{"toy.a": {"valu": 1}}')
    with pytest.raises(PinpointError, match=r"lite\.json is not a ledger"):
        read_ledger(path)


def test_lookup_names_what_exists():
    with pytest.raises(PinpointError, match=r"'toy\.b' is not on record in results/lite\.json \(near it: toy\.a\)"):
        lookup({"toy.a": entry()}, "toy.b", "results/lite.json")


def test_how_numbers_are_written():
    recall = entry(n=1200)
    forms = {form: written(recall, form) for form in ("value", "bare", "ci", "both", "full", "n", "seeds", "band")}
    assert forms == {
        "value": "50.0%", "bare": "50.0", "ci": "40.0–56.0%", "n": "1,200", "seeds": "1", "band": "±8.0%",
        "both": "50.0% [40.0–56.0%]",
        "full": "50.0% (95% interval 40.0–56.0%, n = 1,200)",
    }  # fmt: skip
    assert written(Entry(-1.5, unit="points"), "value") == "−1.5\N{NO-BREAK SPACE}points"
    assert written(Entry(12345, unit="count"), "value") == "12,345"
    with pytest.raises(PinpointError, match="form of a number"):
        written(recall, "sideways")
