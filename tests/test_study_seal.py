import time

import pytest

from pinpoint.errors import PinpointError
from pinpoint.study.script import bare_code
from pinpoint.study.seal import differences
from pinpoint.study.state import make_plan
from study_toy import fake_package, make_study, script

CHAPTER = script(
    "a-toy",
    "\n# %%\nfrom pinpoint.metrics import recall\n\nx = recall()\n",
    header="#   pinpoint:\n#     weights: [small-clip]\n#     data: [notebooks/data.json]\n",
)


@pytest.fixture
def study(tmp_path):
    layout = make_study(tmp_path, {"a-toy": CHAPTER})
    fake_package(layout)
    (layout.notebooks / "data.json").write_text("[1]")
    (layout.root / "requirements.lock").write_text("numpy==2.0.0\nrich==15.0.0\n")
    return layout


def reasons(study, change):
    before = make_plan(study, "a-toy", "lite")
    change()
    after = make_plan(study, "a-toy", "lite")
    found = differences(before.seal.parts, after.seal.parts)
    assert (before.seal.short != after.seal.short) == bool(found)
    return found


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("notebooks/a-toy.py", "x = recall()", "x = recall() + 1", ["code cells"]),
        ("notebooks/profiles/lite.yml", "steps: 2", "steps: 4", ["parameter steps"]),
        ("notebooks/profiles/lite.yml", "steps: 2", "steps: 2, more: 1", ["parameter more (new)"]),
        ("src/pinpoint/metrics.py", "return", "return 1 +", ["module pinpoint.metrics"]),
        ("src/pinpoint/lazily.py", "x = 1", "x = 5", ["module pinpoint.lazily"]),
        ("src/pinpoint/weights/small-clip.safetensors", "wwww", "wwwv", ["weights small-clip"]),
        ("notebooks/data.json", "1", "2", ["data notebooks/data.json"]),
        ("requirements.lock", "numpy==2.0.0", "numpy==2.1.0", ["library numpy"]),
    ],
)
def test_every_ingredient_changes_the_seal(study, path, old, new, expected):
    assert reasons(study, lambda: rewrite(study.root / path, old, new)) == expected


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("notebooks/a-toy.py", "Some prose.", "Other prose."),
        ("notebooks/a-toy.py", "x = recall()", "x = recall()  # what for"),
        ("notebooks/profiles/lite.yml", "threads: 1", "threads: 2"),
        ("src/pinpoint/lazily.py", "# one", "# the one"),
        ("src/pinpoint/lazily.py", "Doc.", "Documentation\n\nin two lines."),
        ("src/pinpoint/unrelated.py", "2", "3"),
        ("src/pinpoint/errors.py", "", "z = 1"),
        ("src/pinpoint/weights/other.safetensors", "oooo", "oooa"),
        ("requirements.lock", "rich==15.0.0", "rich==16.0.0"),
    ],
)
def test_what_cannot_change_an_output_is_not_sealed(study, path, old, new):
    assert reasons(study, lambda: rewrite(study.root / path, old, new)) == []


def test_weights_named_in_code_are_sealed_without_declaration(study):
    rewrite(study.script("a-toy"), "x = recall()", 'x = recall("other")')
    weights = study.weights / "other.safetensors"
    assert reasons(study, lambda: weights.write_bytes(b"changed")) == ["weights other"]


def test_undeclared_things_are_errors(study):
    rewrite(study.script("a-toy"), "[small-clip]", "[small-clop]")
    with pytest.raises(PinpointError, match="'small-clop' are not in"):
        make_plan(study, "a-toy", "lite")
    rewrite(study.script("a-toy"), "weights: [small-clop]", "wheights: []")
    with pytest.raises(PinpointError, match="unknown key 'wheights'"):
        make_plan(study, "a-toy", "lite")


def test_shell_commands_are_refused(study):
    rewrite(study.script("a-toy"), "x = recall()", "x = = 2")
    with pytest.raises(PinpointError, match="only plain Python"):
        make_plan(study, "a-toy", "lite")


def test_relative_imports_and_module_strings_are_followed(study):
    package = study.source / "pinpoint"
    (package / "metrics.py").write_text('from .lazily import x\n\nTABLE = {"b": "pinpoint.unrelated:thing"}\n')
    modules = make_plan(study, "a-toy", "lite").seal.parts["module"]
    assert {"pinpoint.metrics", "pinpoint.lazily", "pinpoint.unrelated"} <= set(modules)


def test_bare_code_keeps_strings_that_look_like_comments():
    source = '"""Doc."""\n\ndef f():  # why\n    """Doc\n    two"""\n    return "# kept"\n'
    assert bare_code(source) == 'def f():\n    return "# kept"'


def test_sealing_is_quick(study):
    make_plan(study, "a-toy", "lite")
    start = time.perf_counter()
    make_plan(study, "a-toy", "lite")
    assert time.perf_counter() - start < 1.0
