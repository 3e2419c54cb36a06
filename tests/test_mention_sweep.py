"""The Latin square of mention rates, and a smoke run of one of its models."""

from collections import Counter
from dataclasses import asdict

import pytest

from pinpoint.diorama.captions import DEFAULT
from pinpoint.errors import PinpointError
from pinpoint.recipes import mention_sweep
from pinpoint.study.ledger import KEY


def test_every_facet_meets_every_rate_once():
    met = Counter((facet, mention_sweep.rate_of(m, facet)) for m in range(6) for facet in mention_sweep.SWEPT)
    assert len(met) == 36 and set(met.values()) == {1}


def test_no_model_has_more_words_than_another():
    spoken = {
        round(sum(getattr(mention_sweep.habits(m), a) for a in mention_sweep.SWEPT.values()), 9) for m in range(6)
    }
    assert spoken == {round(sum(mention_sweep.RATES), 9)}


def test_habits_are_the_stated_rates_and_nothing_else_changes():
    for model in range(6):
        habits = asdict(mention_sweep.habits(model))
        for facet, attribute in mention_sweep.SWEPT.items():
            assert habits.pop(attribute) == mention_sweep.rate_of(model, facet)
        assert all(asdict(DEFAULT)[name] == value for name, value in habits.items())


def test_keys_are_those_the_ledger_takes():
    keys = {mention_sweep.key(f, r, m) for f in mention_sweep.SWEPT for r in mention_sweep.RATES for m in ("r1", "r5")}
    assert len(keys) == 72 and all(KEY.fullmatch(key) for key in keys)
    assert mention_sweep.key("weather", 0.02, "r5") == "mention.weather.rate_0_02.r5"


def test_an_unknown_profile_is_refused():
    with pytest.raises(PinpointError, match="known: full, lite, smoke"):
        mention_sweep.make(out=None, resume=True, profile="huge")


def test_models_of_other_habits_read_other_captions():
    said = [mention_sweep._said(model, mention_sweep.SETTINGS["smoke"]) for model in range(6)]
    assert len({tuple(texts) for texts in said}) == 6
    assert said[0] == mention_sweep._said(0, mention_sweep.SETTINGS["smoke"])
