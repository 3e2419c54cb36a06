import pytest

from pinpoint.errors import PinpointError
from pinpoint.study.layout import find_layout
from pinpoint.study.profiles import load_profile, parse_overrides, profile_names
from study_toy import make_study


def test_attribute_access_and_sections(tmp_path):
    params = load_profile(make_study(tmp_path), "lite").chapter("a-toy")
    assert (params.seed, params.size, params.steps) == (0, 3, 2)
    assert dict(params) == {"seed": 0, "size": 3, "steps": 2}


def test_other_profiles_inherit_from_lite(tmp_path):
    profile = load_profile(make_study(tmp_path), "smoke")
    assert profile.chapter("a-toy").size == 1
    assert profile.chapter("a-toy").steps == 2
    assert profile.run["device"] == "cpu"


def test_parameters_are_frozen(tmp_path):
    params = load_profile(make_study(tmp_path), "lite").chapter("a-toy")
    with pytest.raises(PinpointError, match="frozen"):
        params.size = 4
    assert params.size == 3


def test_unknown_parameter_lists_the_known_ones(tmp_path):
    params = load_profile(make_study(tmp_path), "lite").chapter("a-toy")
    with pytest.raises(PinpointError, match=r"'sise'; known: seed, size, steps"):
        _ = params.sise
    assert not hasattr(params, "sise")


def test_unknown_profile(tmp_path):
    with pytest.raises(PinpointError, match="unknown profile 'huge'; known: lite, smoke"):
        load_profile(make_study(tmp_path), "huge")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("common: {sise: 1}", "'sise'; known: seed, size"),
        ("a-tow: {steps: 1}", "'a-tow'; known: a-toy, common, run"),
        ("run: {thread: 1}", "'thread'; known: device, threads, timeout_minutes"),
        ("common: {size: big}", "must be like 3"),
        ("common: {size: true}", "must be like 3"),
        ("common: [1]", "section"),
        ("common: {", "not valid YAML"),
    ],
)
def test_a_bad_profile_is_an_error(tmp_path, text, message):
    layout = make_study(tmp_path)
    (layout.profiles / "smoke.yml").write_text(text)
    with pytest.raises(PinpointError, match=message):
        load_profile(layout, "smoke")


def test_overrides_are_checked(tmp_path):
    profile = load_profile(make_study(tmp_path), "lite")
    assert profile.chapter("a-toy", parse_overrides(["size=9"])).size == 9
    with pytest.raises(PinpointError, match="unknown parameter of a-toy 'sise'"):
        profile.chapter("a-toy", {"sise": 1})
    with pytest.raises(PinpointError, match="key=value"):
        parse_overrides(["size"])


def test_the_study_s_own_profiles_are_consistent():
    layout = find_layout()
    assert profile_names(layout) == ["full", "lite", "paper", "smoke"]
    chapters = set(load_profile(layout, "lite").sections) - {"common"}
    for name in profile_names(layout):
        profile = load_profile(layout, name)
        assert {chapter: profile.chapter(chapter).keys() for chapter in chapters} == {
            chapter: load_profile(layout, "lite").chapter(chapter).keys() for chapter in chapters
        }


def test_the_cache_is_beside_the_study_wherever_the_command_runs(tmp_path, monkeypatch):
    layout = make_study(tmp_path)
    monkeypatch.setenv("PINPOINT_CACHE", "")
    monkeypatch.chdir(layout.notebooks)
    assert find_layout().cache == layout.root.resolve() / ".cache"
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "elsewhere"))
    assert find_layout().cache == tmp_path / "elsewhere"
