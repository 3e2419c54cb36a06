import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from PIL import Image

from pinpoint import cli
from pinpoint.diorama.scene import WEATHERS
from pinpoint.study.statuspage import status_page, write_status_page
from study_toy import make_study, script

ROOT = Path(__file__).resolve().parents[1]


def pinpoint(root, *arguments):
    environment = os.environ | {"PINPOINT_ROOT": str(root), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "pinpoint.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nope"), "error: unknown chapter 'nope'; known: a-toy"),
        (("run", "--profile", "huge"), "error: unknown profile 'huge'; known: lite, smoke"),
        (("run", "-p", "sise=1"), "error: unknown parameter of a-toy 'sise'; known: seed, size, steps"),
        (("run", "-p", "size"), "error: parameter 'size' is not of the form key=value"),
        (("run", "--froce"), "error: No such option: --froce"),
        (("runn",), "error: No such command 'runn'."),
        (("verify", "--no-run"), "error: no verification run of profile lite yet"),
        (("serve",), "is not built yet; run pinpoint book"),
    ],
)
def test_a_mistake_is_one_clear_line_and_status_2(study, arguments, message):
    result = pinpoint(study.root, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


def test_outside_of_a_study(study):
    result = pinpoint(study.root / "notebooks", "status")
    assert result.returncode == 2 and "has no notebooks/profiles" in result.stderr


def test_run_status_and_check(study):
    result = pinpoint(study.root, "status", "--check")
    assert result.returncode == 1 and "not run" in result.stdout
    result = pinpoint(study.root, "run")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("ran       a-toy")
    result = pinpoint(study.root, "status", "--check")
    assert result.returncode == 0 and "fresh" in result.stdout
    path = study.script("a-toy")
    path.write_text(path.read_text().replace("50.0 + ", "51.0 + "))
    result = pinpoint(study.root, "status", "--check")
    assert result.returncode == 1 and "stale" in result.stdout and "changed: code cells" in result.stdout


def test_a_failed_chapter_is_status_1(tmp_path):
    study = make_study(tmp_path, {"a-toy": script("a-toy", "\n# %%\n1 / 0\n")})
    result = pinpoint(study.root, "run")
    assert result.returncode == 1
    assert "failed" in result.stderr and "ZeroDivisionError" in result.stderr and "Traceback" not in result.stderr


def test_help_is_quick_and_lists_the_commands():
    start = time.perf_counter()
    result = pinpoint(ROOT, "--help")
    assert time.perf_counter() - start < 2.0  # half a second on an idle machine
    assert result.returncode == 0
    for command in (
        "run",
        "status",
        "verify",
        "book",
        "lint",
        "serve",
        "clean",
        "train",
        "models",
        "fetch",
        "diorama",
    ):
        assert f"\n  {command} " in result.stdout


def test_the_command_line_imports_nothing_heavy():
    code = "import sys, pinpoint.cli; print({'torch', 'papermill', 'sphinx', 'numpy'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", "interrupted"), ("clip stopped; saved at step 7, the same command goes on from there",) * 2],
)
def test_an_interruption_says_how_to_go_on(text, shown, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt(text)

    monkeypatch.setattr("pinpoint.recipes.registry.train", interrupted)
    monkeypatch.setattr(sys, "argv", ["pinpoint", "train", "diorama-clip"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130 and capsys.readouterr().err == shown + "\n"


def test_clean_keeps_chapters_and_results(study):
    assert pinpoint(study.root, "run").returncode == 0
    (study.root / "_build" / "html").mkdir(parents=True)
    assert pinpoint(study.root, "clean").returncode == 0
    assert not (study.root / "_build").exists() and not study.runs.exists()
    assert (study.chapters / "a-toy.ipynb").is_file() and (study.results / "lite.json").is_file()


def test_the_status_page_is_deterministic(study):
    assert "| {doc}`chapters/a-toy` | not run | – | – | – | – | `–` |" in status_page(study)
    assert pinpoint(study.root, "run").returncode == 0
    write_status_page(study)
    first = (study.root / "book" / "status.md").read_text()
    assert "| {doc}`chapters/a-toy` | fresh |" in first and "| lite | 1 | CPU, 1 thread |" in first
    assert status_page(study) == first


def test_the_book_never_executes_and_overrides_nothing_by_accident():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["execute"]["execute_notebooks"] == "off"
    assert config["sphinx"]["recursive_update"] is True
    assert config["repository"]["url"].startswith("https://github.com/") and config["repository"]["path_to_book"] == ""
    assert not (ROOT / "_static").exists()  # Sphinx would load every script and style sheet below it on every page


def test_contact_sheets(tmp_path):
    sheet = tmp_path / "sheet.jpg"
    result = pinpoint(ROOT, "diorama", "sample", "--n", "4", "--style", "sketch", "--size", "32", "--out", str(sheet))
    assert (result.returncode, result.stderr) == (0, "")
    assert Image.open(sheet).size == (70, 70)  # two by two, six pixels between
    assert pinpoint(ROOT, "diorama", "facet", "weather", "--size", "32", "--out", str(sheet)).returncode == 0
    assert Image.open(sheet).size == (184, 38 * len(WEATHERS) - 6)  # a row each: caption, four scenes
    result = pinpoint(ROOT, "diorama", "facet", "wether", "--out", str(sheet))
    assert result.returncode == 2 and "unknown facet 'wether'; known: animals" in result.stderr


def test_models_are_listed_and_an_unknown_model_cannot_be_trained():
    result = pinpoint(ROOT, "models")
    assert result.returncode == 0 and "diorama-clip" in result.stdout and "open_clip/" in result.stdout
    assert pinpoint(ROOT, "encoders").stdout == result.stdout  # its name before
    result = pinpoint(ROOT, "train", "nope")
    assert result.returncode == 2 and "'nope'; known: " in result.stderr and "diorama-clip" in result.stderr
