import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import nbformat
import pytest

from pinpoint.errors import PinpointError
from pinpoint.study.layout import recorded
from pinpoint.study.ledger import read_ledger
from pinpoint.study.runner import run_chapters
from pinpoint.study.state import make_plan, state_of
from pinpoint.study.verify import compare, rerun
from study_toy import make_study, script

SOURCE = Path(__file__).resolve().parents[1] / "src"


@pytest.fixture(autouse=True)
def real_package(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


def run(layout, *names, profile="lite", **options):
    return {outcome.chapter: outcome for outcome in run_chapters(layout, list(names), profile, **options)}


def state(layout, name="a-toy", profile="lite"):
    return state_of(layout, make_plan(layout, name, profile))


def published(layout, name="a-toy"):
    return nbformat.read(layout.chapters / f"{name}.ipynb", as_version=4)


def files(layout):
    return {str(path.relative_to(layout.root)) for path in layout.root.rglob("*") if path.is_file()}


def test_a_chapter_from_script_to_page(tmp_path):
    layout = make_study(tmp_path)
    seen = []
    assert run(layout, report=lambda *step: seen.append(step))["a-toy"].status == "ran"
    notebook = published(layout)
    nbformat.validate(notebook)
    assert len(notebook.cells) == 4  # nothing injected is left
    assert notebook.cells[1].metadata.tags == ["parameters", "remove-cell"]
    assert notebook.cells[3].outputs[0].text == "sizes 3\n"
    assert "papermill" not in json.dumps(notebook)
    assert str(tmp_path) not in json.dumps(notebook)
    entry = read_ledger(layout.results / "lite.json")["toy.a_toy_recall"]
    assert (entry.value, entry.n, entry.chapter, entry.device) == (53.0, 3, "a-toy", "CPU, 1 thread")
    assert entry.seal == notebook.metadata.pinpoint.seal == make_plan(layout, "a-toy", "lite").seal.short
    record = json.loads((layout.results / "provenance" / "a-toy.lite.json").read_text())
    assert record["peak_mb"] > 10 and record["numbers"] == 1 and "python" in record["versions"]
    assert next(step[:3] for step in seen) == ("a-toy", 1, 6)
    # a second run finds it fresh, a forced one writes the same bytes
    before = (layout.chapters / "a-toy.ipynb").read_bytes()
    assert run(layout)["a-toy"].status == "fresh"
    assert run(layout, force=True)["a-toy"].status == "ran"
    assert (layout.chapters / "a-toy.ipynb").read_bytes() == before
    # prose alone is refreshed without executing
    path = layout.script("a-toy")
    path.write_text(path.read_text().replace("Some prose.", "Better prose."))
    assert state(layout).name == "prose changed"
    assert run(layout)["a-toy"].status == "refreshed"
    assert "Better prose." in published(layout).cells[0].source
    assert published(layout).cells[3].outputs[0].text == "sizes 3\n"
    assert state(layout).name == "fresh"
    # numbers that changed behind the notebook's back make it stale
    ledger = layout.results / "lite.json"
    ledger.write_text("{}")
    assert state(layout).reasons == ("numbers in the ledger",)
    # other profiles and changed parameters leave the page alone
    page = (layout.chapters / "a-toy.ipynb").read_bytes()
    assert run(layout, profile="smoke")["a-toy"].status == "ran"
    assert run(layout, overrides={"size": 7})["a-toy"].status == "ran"
    assert (layout.chapters / "a-toy.ipynb").read_bytes() == page
    assert ledger.read_text() == "{}"
    assert read_ledger(layout.results / "smoke.json")["toy.a_toy_recall"].value == 51.0
    assert read_ledger(layout.runs / "custom" / "ledger.json")["toy.a_toy_recall"].value == 57.0


def test_failures_are_reported_with_their_line_and_the_others_go_on(tmp_path):
    layout = make_study(tmp_path, {
        "a-dead": script("a-dead", "\n# %%\nprint(1)\n\n# %%\nimport os\n\nos.kill(os.getpid(), 9)\n"),
        "b-wrong": script("b-wrong", '\n# %%\nx = 1\nraise ValueError("too small")\n'),
        "c-twice": script("c-twice", *['\n# %%\nstudy.record("toy.twice", 1.0);\n'] * 2),
        "d-good": script("d-good"),
    })  # fmt: skip
    outcomes = run(layout)
    assert [outcome.status for outcome in outcomes.values()] == ["failed", "failed", "failed", "ran"]
    assert "kernel died" in outcomes["a-dead"].message
    line = layout.script("b-wrong").read_text().split("raise")[0].count("\n") + 1
    assert f"notebooks/b-wrong.py:{line}: " in outcomes["b-wrong"].message
    assert "ValueError: too small" in outcomes["b-wrong"].message
    assert "toy.twice is recorded twice" in outcomes["c-twice"].message
    assert [path.name for path in layout.chapters.iterdir()] == ["d-good.ipynb"]
    assert list(read_ledger(layout.results / "lite.json")) == ["toy.d_good_recall"]
    assert [path.name for path in (layout.results / "provenance").iterdir()] == ["d-good.lite.json"]
    assert not list((layout.runs / "work").iterdir())


def test_a_cell_that_runs_too_long_fails(tmp_path):
    layout = make_study(tmp_path, {"a-toy": script("a-toy", "\n# %%\nimport time\n\ntime.sleep(60)\n")})
    profile = layout.profiles / "lite.yml"
    profile.write_text(profile.read_text().replace("timeout_minutes: 1.0", "timeout_minutes: 0.02"))
    assert "timeout of 0.02 minutes" in run(layout)["a-toy"].message


def test_quoting_another_profile_s_number_ties_the_chapter_to_it(tmp_path):
    quote = '\n# %%\nprint(study.quote("toy.a_toy_recall", profile="smoke").value)\n'
    layout = make_study(tmp_path, {"a-toy": script("a-toy"), "b-quote": script("b-quote", quote)})
    assert "is not on record in results/smoke.json" in run(layout, "b-quote")["b-quote"].message
    run(layout, "a-toy", profile="smoke")
    assert run(layout, "b-quote")["b-quote"].status == "ran"
    assert state(layout, "b-quote").name == "fresh"
    ledger = layout.results / "smoke.json"
    ledger.write_text(ledger.read_text().replace("51.0", "52.0"))
    assert state(layout, "b-quote").reasons == ("quoted number smoke:toy.a_toy_recall",)


def test_verify_compares_every_number_with_its_band(tmp_path):
    layout = make_study(tmp_path)
    run(layout)
    before = files(layout)
    with pytest.raises(PinpointError, match="no verification run"):
        compare(layout, [], "lite")
    assert [outcome.status for outcome in rerun(layout, [], "lite")] == ["ran"]
    assert {name for name in files(layout) - before if not name.startswith("runs/")} == set()
    assert [item.inside for item in compare(layout, [], "lite")] == [True]
    ledger = layout.results / "lite.json"
    ledger.write_text(ledger.read_text().replace('"value": 53.0', '"value": 65.0'))
    assert [item.inside for item in compare(layout, [], "lite")] == [False]  # 12 apart, band 10.5
    entries = json.loads(ledger.read_text())
    ledger.write_text(json.dumps(entries | {"toy.other": entries["toy.a_toy_recall"]}))
    assert compare(layout, [], "lite")[1].yours is None


def start(layout, *arguments):
    environment = os.environ | {"PINPOINT_ROOT": str(layout.root)}
    command = [sys.executable, "-m", "pinpoint.cli", *arguments]
    # a shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that
    hear = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, **pipes, text=True, preexec_fn=hear)


def wait_for(path):
    for _ in range(400):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear")


SLOW = """
# %%
study.record("toy.slow", 1.0)
import os
import pathlib
import time

mark = pathlib.Path("started")
if not mark.exists():
    mark.write_text(str(os.getpid()))
    time.sleep(60)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_finishes(tmp_path, stop):
    layout = make_study(tmp_path, {"a-toy": script("a-toy", SLOW)})
    process = start(layout, "run")
    wait_for(layout.root / "started")
    time.sleep(0.2)
    kernel = int((layout.root / "started").read_text())
    code = stopped(process, stop)
    assert code == (130 if stop == signal.SIGINT else -signal.SIGKILL), process.stderr.read()
    assert {name for name in files(layout) if name.startswith(("book/", "results/"))} == set()
    for _ in range(300):  # the kernel follows its runner
        if not Path(f"/proc/{kernel}").exists() or "Z" in Path(f"/proc/{kernel}/stat").read_text().split()[2]:
            break
        time.sleep(0.1)
    else:
        os.kill(kernel, signal.SIGKILL)
        raise AssertionError("the kernel outlived its runner")
    assert run(layout)["a-toy"].status == "ran"
    assert state(layout).name == "fresh"
    assert not list((layout.runs / "work").iterdir())


def stopped(process, stop, wait=12, tries=4):
    """The exit code after a signal; on a busy machine one Ctrl-C may be lost, and people press it again."""
    for _ in range(tries):
        process.send_signal(stop)
        try:
            return process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(f"still running after {tries} signals; the cell would sleep for 60 seconds")


def test_mistakes_are_found_before_anything_runs(tmp_path):
    layout = make_study(tmp_path)
    for arguments, message in [
        (("b-toy",), "unknown chapter 'b-toy'; known: a-toy"),
        ((), "unknown profile 'huge'"),
        ((), "unknown parameter of a-toy 'sise'"),
    ]:
        options = {"profile": "huge"} if "profile" in message else {}
        options |= {"overrides": {"sise": 1}} if "sise" in message else {}
        with pytest.raises(PinpointError, match=message):
            run(layout, "a-toy", *arguments, **options)
    assert not layout.chapters.exists() and not layout.results.exists()


def test_where_each_profile_publishes(tmp_path):
    layout = make_study(tmp_path)
    assert recorded(layout, "lite").notebooks == tmp_path / "book" / "chapters"
    assert recorded(layout, "full").notebooks == tmp_path / "runs" / "full"
