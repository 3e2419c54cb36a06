"""A toy study for the tests of `pinpoint.study`: a root folder with profiles, one short chapter and a toy package."""

from pathlib import Path

from pinpoint.study.layout import Layout

HEADER = "# ---\n# jupyter:\n#   kernelspec:\n#     {name: python3, display_name: Python 3, language: python}\n"
TITLE = "\n# %% [markdown]\n# # A toy\n#\n# Some prose.\n"
PARAMETERS = '\n# %% tags=["parameters"]\nPROFILE = "lite"\n'
OPEN = """
# %%
from pinpoint.study import open_chapter

study = open_chapter("NAME", PROFILE)
"""
RECORD = """
# %%
print("sizes", study.params.size)
study.record("toy.NAME_recall", 50.0 + study.params.size, 49.0, 70.0, n=study.params.size);
"""
PROFILES = {
    "lite": "run: {timeout_minutes: 1.0, threads: 1, device: cpu}\ncommon: {seed: 0, size: 3}\na-toy: {steps: 2}\n",
    "smoke": "run: {threads: 1}\ncommon: {size: 1}\n",
}


def script(name: str, *cells: str, header: str = "") -> str:
    """A chapter's script: title, parameters, opening, then `cells` (default: one that records a number)."""
    body = "".join(cells or (RECORD,))
    whole = HEADER + header + "# ---\n" + TITLE + PARAMETERS + OPEN + body
    return whole.replace("toy.NAME", "toy." + name.replace("-", "_")).replace("NAME", name)


def make_study(root: Path, chapters: dict[str, str] | None = None) -> Layout:
    """Write the toy study below `root`; its package is the real one, reached by the kernel through PYTHONPATH."""
    layout = Layout(root)
    layout.profiles.mkdir(parents=True)
    for name, text in PROFILES.items():
        (layout.profiles / f"{name}.yml").write_text(text)
    for name, text in (chapters or {"a-toy": script("a-toy")}).items():
        (layout.notebooks / f"{name}.py").write_text(text)
    return layout


def fake_package(layout: Layout) -> Path:
    """Give the study its own small `pinpoint` package, to be sealed and never imported. Returns its folder."""
    package = layout.source / "pinpoint"
    (package / "study").mkdir(parents=True)
    (package / "weights").mkdir()
    for name in ("__init__", "study/__init__", "errors"):
        (package / f"{name}.py").write_text("")
    (package / "metrics.py").write_text("def recall():\n    from pinpoint import lazily\n    return lazily.x\n")
    (package / "lazily.py").write_text('"""Doc."""\nx = 1  # one\n')
    (package / "unrelated.py").write_text("y = 2\n")
    (package / "weights" / "small-clip.safetensors").write_bytes(b"w" * 64)
    (package / "weights" / "other.safetensors").write_bytes(b"o" * 64)
    return package
