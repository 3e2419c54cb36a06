import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from pinpoint.study.clean import KERNELSPEC, LANGUAGE_INFO
from pinpoint.study.ledger import make_entry, merge
from pinpoint.study.lint import lint_all, lint_references, lint_script, lint_toc, raw_literals
from pinpoint.study.lint_html import lint_html, lint_page
from pinpoint.study.lint_notebook import lint_notebook
from study_toy import RECORD, make_study, script

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ALT = {"mystnb": {"image": {"alt": "a dot", "classes": "dark-light"}}}


def notebook(*cells, **metadata):
    base = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO, "pinpoint": {"seal": "abc"}}
    return new_notebook(cells=[new_markdown_cell("# T"), *cells], metadata=base | metadata)


def shown(data, **metadata):
    return new_code_cell("x", metadata=metadata, outputs=[new_output("display_data", data=data)])


GOOD = notebook(
    new_code_cell('PROFILE = "lite"', metadata={"tags": ["parameters", "remove-cell"]}),
    shown({"image/png": PIXEL, "text/plain": "<Figure>"}, **ALT),
    shown({"text/html": '<img src="x.jpg" alt="a cat">'}),
)
BAD = {
    "error": notebook(new_code_cell("1/0", outputs=[new_output("error", ename="E", evalue="v", traceback=["t"])])),
    "stderr": notebook(new_code_cell("x", outputs=[new_output("stream", name="stderr", text="UserWarning: w")])),
    "banner": notebook(new_markdown_cell('<span id="papermill-error-cell">An Exception was encountered at</span>')),
    "scripted": notebook(shown({"application/vnd.plotly.v1+json": {}})),
    "title": notebook(new_markdown_cell("# Another")),
    "metadata": notebook(papermill={}),
    "alt": notebook(shown({"image/png": PIXEL})),
    "dark": notebook(shown({"image/jpeg": PIXEL}, mystnb={"image": {"alt": "a dot"}})),
    "budget": notebook(shown({"text/plain": "x" * 300_001})),
    "parameters": notebook(new_code_cell('PROFILE = "lite"', metadata={"tags": ["parameters"]})),
}


def rules(path, node):
    nbformat.write(node, path)
    return {rule for rule, _ in lint_notebook(path)}


def test_a_good_notebook_has_no_findings(tmp_path):
    assert rules(tmp_path / "x.ipynb", GOOD) == set()


@pytest.mark.parametrize("rule", BAD)
def test_every_rule_for_notebooks_finds_its_case(tmp_path, rule):
    assert rules(tmp_path / "x.ipynb", BAD[rule]) == {rule}


def test_pictures_inside_html_need_alternative_text(tmp_path):
    assert rules(tmp_path / "x.ipynb", notebook(shown({"text/html": "<p><img src='x.jpg'></p>"}))) == {"alt"}


def test_missing_kernelspec_and_whole_notebook_budget(tmp_path):
    bare = new_notebook(cells=[new_markdown_cell("# T")], metadata={"pinpoint": {}})
    assert rules(tmp_path / "x.ipynb", bare) == {"metadata"}
    large = notebook(*[shown({"text/plain": "x" * 290_000}) for _ in range(8)])
    assert rules(tmp_path / "x.ipynb", large) == {"budget"}


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("Recall is 53.4% here.", ["53.4%"]),
        ("Recall is 53 % here.", ["53 %"]),
        ("It rose by 3 percentage points to 0.53.", ["3 percentage points", "0.53"]),
        ("| weather | 14.2 |", ["14.2"]),
        ("```{note}\nIt is 53.4% now.\n```", ["53.4%"]),
        ("In 2025, 100 candidates in 8 facets.", []),
        ("A rate of `0.1`, and $\\tau = 0.07$, and {num}`toy.a` of {quoted}`75.94 from Table 2`.", []),
        ("See section 4.2, table 3.1, Python 3.11, version 1.0.4 and [a page](https://x.org/2505.15877).", []),
        ("With 95 % intervals.", []),
        ("```python\nx = 0.5\n```", []),
        (":::{table} As published\n:class: quoted\n\n| a |\n|---|\n| 75.94 |\n:::", []),
        (":::{table} As measured\n\n| a |\n|---|\n| 75.94 |\n:::", ["75.94"]),
    ],
)
def test_numbers_typed_into_prose(prose, found):
    assert raw_literals(prose) == found


def test_scripts(tmp_path):
    long = "\n# %%\ndef f():\n" + "    x = 1\n" * 10
    typed = "\n# %% [markdown]\n# Recall is 53.4%.\n"
    layout = make_study(tmp_path, {
        "a-good": script("a-good"), "b-long": script("b-long", long), "c-typed": script("c-typed", typed),
        "d-bare": script("d-bare").replace('tags=["parameters"]', ""),
    })  # fmt: skip
    found = {name: [rule for rule, _ in lint_script(layout.script(name))] for name in layout.chapter_names()}
    assert found == {"a-good": [], "b-long": ["long-function"], "c-typed": ["raw-number"], "d-bare": ["script"]}


def book(layout, *listed):
    files = "".join(f"  - file: {name}\n" for name in listed)
    (layout.root / "_toc.yml").write_text(f"format: jb-book\nroot: book/index\nchapters:\n{files}")
    layout.chapters.mkdir(parents=True)
    (layout.root / "book" / "index.md").write_text("# T\n")


def test_contents_scripts_and_executed_notebooks_agree(tmp_path):
    layout = make_study(tmp_path, {"a-toy": script("a-toy"), "b-toy": script("b-toy")})
    book(layout, "book/chapters/a-toy", "book/chapters/c-toy", "book/gone")
    for name in ("a-toy", "d-toy"):
        nbformat.write(GOOD, layout.chapters / f"{name}.ipynb")
    (layout.root / "book" / "unlisted.md").write_text("# U\n")
    messages = " / ".join(finding.message for finding in lint_toc(layout))
    for part in (
        "b-toy has a script and is not listed",
        "c-toy is listed and has no script",
        "b-toy is not executed",
        "d-toy.ipynb has no script",
        "unlisted.md is not listed",
        "gone.md is listed and missing",
    ):
        assert part in messages
    assert messages.count(" / ") == 5


def test_references_to_numbers_must_be_on_record(tmp_path):
    layout = make_study(tmp_path, {"a-toy": script("a-toy", RECORD, "\n# %% [markdown]\n# {num}`toy.missing`\n")})
    book(layout, "book/chapters/a-toy")
    entry = make_entry("toy.here", 1.0, None, None, None, 1, "%", None, "CPU", "a-toy")
    merge(layout.results / "lite.json", "a-toy", {"toy.here": entry}, "s")
    (layout.root / "book" / "index.md").write_text("# T\n{num}`toy.here` `` {num}`toy.shown` `` {num}`toy.here upside`")
    found = [(finding.place, finding.message) for finding in lint_references(layout)]
    assert [place for place, _ in found] == ["book/index.md", "notebooks/a-toy.py"]
    assert "'upside' is no form" in found[0][1] and "toy.missing" in found[1][1]


def test_a_clean_study_has_no_findings(tmp_path):
    layout = make_study(tmp_path)
    book(layout, "book/chapters/a-toy")
    nbformat.write(GOOD, layout.chapters / "a-toy.ipynb")
    assert lint_all(layout) == []


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ('<img src="a.png" alt="a cat"> <a href="b.html#here">b</a> <a href="https://x.org/y">x</a>', None),
        ('<img src="a.png">', "alt"),
        ('<img src="a.png" alt="../_images/f5e62251e70479615682067c40c855e9bf0da0a4.jpg">', "alt"),
        ('<img src="gone.png" alt="a cat">', "link"),
        ('<a href="gone.html">b</a>', "link"),
        ('<a href="b.html#nowhere">b</a>', "link"),
        ('<a href="#nowhere">b</a>', "link"),
        ('<div class="traceback">x</div>', "traceback"),
        ("<pre>Traceback (most recent call last)</pre>", "traceback"),
        ("x" * 3_000_001, "budget"),
    ],
)
def test_every_rule_for_pages_finds_its_case(tmp_path, body, rule):
    (tmp_path / "a.png").write_bytes(b"p")
    (tmp_path / "b.html").write_text('<article><p id="here">b</p></article>')
    page = tmp_path / "page.html"
    page.write_text(f"<html><body><article>{body}</article></body></html>")
    assert [found for found, _ in lint_page(page, tmp_path)] == ([rule] if rule else [])


def test_the_whole_site_is_walked_and_static_files_are_not(tmp_path):
    for folder in ("book", "_static"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.html").write_text('<img src="a.png" alt="">')
    assert [(place, rule) for place, rule, _ in lint_html(tmp_path)] == [
        ("book/x.html", "alt"),
        ("book/x.html", "link"),
    ]
