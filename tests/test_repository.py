"""The promises of the repository itself: one list of dependencies, files that agree, nothing that does not belong."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]

# The only packages whose name or build differs between conda and pip.
CONDA_TO_PIP = {"pytorch": "torch", "faiss-gpu": "faiss-cpu"}
# What conda needs to exist at all.
CONDA_ONLY = {"python", "pip"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tracked() -> tuple[Path, ...]:
    """The files git knows; without git (an unpacked archive) there is nothing to hold to account."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(path for name in listing.decode().split("\0") if name and (path := ROOT / name).is_file())


# --- dependencies -----------------------------------------------------------------------------------------------------


def project() -> dict:
    return tomllib.loads(read("pyproject.toml"))["project"]


def direct(without: tuple[str, ...] = ("gpu", "photos")) -> dict[str, Requirement]:
    """Every direct dependency that the lock covers: the base and all extras but `gpu`, which swaps one package, and
    `photos`, which one recipe needs where real photographs lie."""
    extras = [
        line for name, lines in project()["optional-dependencies"].items() if name not in without for line in lines
    ]
    requirements = [Requirement(line) for line in project()["dependencies"] + extras]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def locked() -> dict[str, str]:
    lines = [line for line in read("requirements.lock").splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def conda() -> dict[str, str]:
    """environment.yml as {pip name: version}."""
    versions = {}
    for entry in yaml.safe_load(read("environment.yml"))["dependencies"]:
        lines = entry["pip"] if isinstance(entry, dict) else [entry]
        for line in lines:
            name, _, version = line.replace("==", "=").partition("=")
            versions[canonicalize_name(CONDA_TO_PIP.get(name, name))] = version.split("=")[0]
    return {name: version for name, version in versions.items() if name not in CONDA_ONLY}


def test_lock_holds_one_exact_version_a_line() -> None:
    lines = [line for line in read("requirements.lock").splitlines() if not line.startswith("#")]
    exact = re.compile(
        r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*"
    )  # no +cpu, no URL, no path, no marker, no option
    assert [line for line in lines if not exact.fullmatch(line)] == []
    assert len(lines) == len(locked()), "a package is locked twice"


def test_lock_satisfies_the_project() -> None:
    for name, requirement in direct().items():
        assert requirement.specifier.contains(locked()[name]), f"{requirement} is not {locked()[name]}"


# The lock was made with this Python. Another one may need a package more (papermill asks for aiohttp on 3.12 alone).
LOCKED_WITH = {"python_version": "3.11", "python_full_version": "3.11.7"}


def needed_by(name: str, extras: frozenset[str]) -> list[Requirement]:
    """What an installed package pulls in when it is asked for with these extras."""
    requirements = [Requirement(line) for line in distribution(name).requires or []]
    environments = [{**LOCKED_WITH, "extra": extra} for extra in extras | {""}]
    return [r for r in requirements if r.marker is None or any(map(r.marker.evaluate, environments))]


def test_lock_is_complete_and_holds_nothing_else() -> None:
    """The lock is what the direct dependencies pull in; only the CUDA libraries of torch may come on top."""
    closure, queue = set(), [(name, frozenset(requirement.extras)) for name, requirement in direct().items()]
    while queue:
        name, extras = queue.pop()
        if name in closure and not extras:
            continue
        closure.add(name)
        below = [(canonicalize_name(r.name), frozenset(r.extras)) for r in needed_by(name, extras)]
        queue += [(child, wanted) for child, wanted in below if child not in closure or wanted]
    of_torch = {canonicalize_name(requirement.name) for requirement in needed_by("torch", frozenset())}
    beyond = {name for name in closure - set(locked()) if not name.startswith(("nvidia-", "cuda-"))}
    assert set(locked()) - closure == set()
    assert beyond <= of_torch


def test_environment_yml_is_the_same_list() -> None:
    assert conda() == {name: locked()[name] for name in direct()}


def test_conda_asks_for_the_gpu_and_pip_for_the_cpu() -> None:
    names = [entry.partition("=")[0] for entry in yaml.safe_load(read("environment.yml"))["dependencies"][:-1]]
    assert "faiss-gpu" in names and "faiss-cpu" not in names
    assert "faiss-cpu" in direct()
    assert any("faiss-gpu" in line for line in project()["optional-dependencies"]["gpu"])


def test_the_matched_pair_is_pinned() -> None:
    torch, vision = Version(locked()["torch"]), Version(locked()["torchvision"])
    assert vision.minor == torch.minor + 15, "torchvision 0.(N+15) belongs to torch 2.N"
    assert not direct()["jupyter-book"].specifier.contains("2.0.0"), "the book is built with the 1.x line"


def test_no_file_of_dependencies_names_an_index() -> None:
    for name in ("requirements.lock", "environment.yml", "Makefile"):
        assert not re.search(r"index-url|find-links|file://|\+cpu==|@ ", read(name)), name


def test_every_import_of_the_package_is_declared() -> None:
    """A module that imports what pyproject.toml does not name works only by luck."""
    provider = packages_distributions()
    undeclared = set()
    for path in sorted((ROOT / "src").rglob("*.py")):
        for module in imported(path) - set(sys.stdlib_module_names) - {"pinpoint"}:
            names = provider.get(module, [module])  # what an extra brings may be absent here
            if not {canonicalize_name(name) for name in names} & set(direct(without=("gpu",))):
                undeclared.add(f"{path.relative_to(ROOT)}: {module}")
    assert undeclared == set()


def test_every_extension_of_the_book_is_declared() -> None:
    provider = packages_distributions()
    modules = {name.partition(".")[0] for name in yaml.safe_load(read("_config.yml"))["sphinx"]["extra_extensions"]}
    for module in modules - {"pinpoint"}:
        assert {canonicalize_name(name) for name in provider.get(module, [])} & set(direct()), module


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
    return names


# --- layout and documents ---------------------------------------------------------------------------------------------

LAYOUT = [
    *("README.md", "LICENSE", "LICENSE-text", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("Makefile", "pyproject.toml", "requirements.lock", "environment.yml", "_config.yml", "_toc.yml"),
    *(".ci/run", ".github/workflows/tests.yml", ".github/workflows/book.yml"),
    *("book", "notebooks", "notebooks/profiles", "results", "src/pinpoint", "tests"),
]


@pytest.mark.parametrize("name", LAYOUT)
def test_layout(name: str) -> None:
    assert (ROOT / name).exists()


def test_licences_are_the_ones_the_readme_names() -> None:
    mit = " ".join(read("LICENSE").split())
    assert mit.startswith("MIT License") and "The above copyright notice and this permission notice shall be" in mit
    text = read("LICENSE-text")
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text and "book/" in text
    assert "[MIT](LICENSE)" in read("README.md") and "[CC BY 4.0](LICENSE-text)" in read("README.md")
    assert project()["license"] == "MIT"


def test_citation_is_of_this_version() -> None:
    from pinpoint import __version__

    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == __version__
    assert citation["repository-code"] == project()["urls"]["Repository"]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/book.yml"])
def test_documents_name_only_targets_that_exist(name: str) -> None:
    """`make x` in a code span, or at the start of a line of code."""
    text = read(name)
    named = set(re.findall(r"(?:`|^|run: )make (?:--no-print-directory )?([a-z]+)", text, flags=re.MULTILINE))
    assert named and named <= targets()


def test_help_lists_every_target_but_the_environment() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make ([a-z]+)", listed)) == targets() - {"install"}


def test_an_old_python_is_one_clear_line(tmp_path: Path) -> None:
    command = ["make", "install", f"VENV={tmp_path / 'venv'}", "PYTHON=false"]  # `false` fails the check as 3.10 would
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode != 0
    assert answer.stderr.splitlines()[0].startswith("make: Pinpoint needs Python 3.11 or newer")
    assert not (tmp_path / "venv").exists()


def test_documents_name_only_commands_that_exist() -> None:
    helped = subprocess.run(
        [sys.executable, "-c", "from pinpoint.cli import main; main()", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    known = set(re.findall(r"^\W*([a-z][a-z-]+) ", helped.stdout, flags=re.MULTILINE))  # the first column
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", ".ci/run"):
        named = set(
            re.findall(r"(?:bin/|^|`|\$\()(?:PINPOINT\)|pinpoint) ([a-z][a-z-]+)", read(name), flags=re.MULTILINE)
        )
        assert named and named <= known, f"{name}: {named - known}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", read(name)):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_the_map_of_the_readme_is_true() -> None:
    rows = [line for line in read("README.md").partition("## Map")[2].splitlines() if line.startswith("| `")]
    assert len(rows) > 8
    for row in rows:
        first, *rest = re.findall(r"`([^`]+)`", row.split("|")[1])
        assert (ROOT / first).exists(), first
        assert all((ROOT / first).parent.joinpath(name).exists() for name in rest), row


# --- what may not be here ---------------------------------------------------------------------------------------------

# Joined from halves, so that this file does not find itself.
HALVES = [("/wo", "rk/"), ("/ro", "ot/"), ("/opt/py", "pi"), ("pip.co", "nf"), ("PIP_FIND", "_LINKS")]
ELSEWHERE = re.compile("|".join(map(re.escape, map("".join, HALVES))) + r"|https?://(?!127\.)(\d{1,3}\.){3}\d")
FORBIDDEN_CALLS = {"pickle": {"load", "loads", "dump", "dumps"}, "torch": {"load", "save"}, "joblib": {"load", "dump"}}


def test_no_file_names_a_place_outside_the_project() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_bytes().decode("latin-1") for path in tracked()}
    assert {name: hit.group() for name, text in texts.items() if (hit := ELSEWHERE.search(text))} == {}


def test_no_file_is_large_but_the_weights() -> None:
    limits = {".safetensors": 15}
    for path in tracked():
        size = path.stat().st_size / 2**20
        assert size <= limits.get(path.suffix, 2), f"{path.relative_to(ROOT)} has {size:.1f} MB"


def test_no_scratch_file_is_tracked() -> None:
    scratch = re.compile(
        r"(^|/)(\.venv|\.cache|_build|__pycache__|runs|\.ipynb_checkpoints)/|\.(tmp|pkl|pt|pth|ckpt|npy)$"
    )
    assert [path for path in tracked() if scratch.search(path.relative_to(ROOT).as_posix())] == []


def offences(source: str) -> set[str]:
    """What a module may not do: load or save pickles, run a stranger's code, swallow every error."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                if name in FORBIDDEN_CALLS.get(module, ()):
                    found.add(f"{module}.{name}")
            case ast.ExceptHandler(type=None) | ast.ExceptHandler(type=ast.Name(id="Exception" | "BaseException")):
                found.add("except everything")
            case ast.keyword(arg="trust_remote_code", value=ast.Constant(value=True)):
                found.add("remote code")
    return found


def test_the_check_for_offences_finds_them() -> None:
    assert offences("import torch\ntorch.load('x')") == {"torch.load"}
    assert offences("f(trust_remote_code=True)") == {"remote code"}
    assert offences("try:\n  f()\nexcept Exception:\n  pass") == {"except everything"}
    assert offences("f(trust_remote_code=False)\ntry:\n  f()\nexcept OSError:\n  pass") == set()


def test_the_package_commits_no_offence() -> None:
    sources = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "notebooks").glob("*.py"))
    found = {str(path.relative_to(ROOT)): offences(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: what for name, what in found.items() if what} == {}


# --- the package ------------------------------------------------------------------------------------------------------


def test_import_is_quick_and_light() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import pinpoint; print(time.perf_counter() - t); "
        "print([m for m in ('torch', 'faiss', 'transformers', 'matplotlib', 'open_clip') if m in sys.modules])"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    assert statistics.median(float(run.stdout.split()[0]) for run in runs) < 1
    assert runs[0].stdout.splitlines()[1] == "[]"


SHIM = "import pinpoint.torchvision_shim as shim; "


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_torchvision_can_be_imported_after_the_shim() -> None:
    code = SHIM + "import torchvision.transforms as t; print(t.Resize(4)(__import__('torch').zeros(3, 8, 8)).shape[1])"
    assert run_python(code) == "4"


def test_the_shim_declares_operators_only_where_they_are_missing() -> None:
    code = SHIM + "first = shim.register(); print(first == shim.register(), first != shim.has_operators())"
    assert run_python(code) == "True True"


def test_the_shim_invents_no_result() -> None:
    """Where torchvision's own library is absent, calling the operator is an error, not a made-up answer."""
    code = SHIM + (
        "import torch\n"
        "if shim.has_operators(): print('its own')\n"
        "else:\n"
        "    try: torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5); print('made up')\n"
        "    except NotImplementedError: print('refused')"
    )
    assert run_python(code) in {"its own", "refused"}
