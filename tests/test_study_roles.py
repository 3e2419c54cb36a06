import json
import re

import pytest
from docutils import nodes
from sphinx.application import Sphinx

from pinpoint.study import mathml
from pinpoint.study.ledger import make_entry, merge
from pinpoint.study.mathml import to_mathml
from pinpoint.study.numbers import interval
from pinpoint.study.pages import _replace_urls, card, duration
from pinpoint.study.roles import parse_reference


@pytest.fixture
def build(tmp_path):
    """Build a small Sphinx site of Markdown pages, `{name: text}`; returns its output folder."""
    lite = make_entry("toy.recall", 53.42, 50.0, 56.0, 800, 1, "%", None, "CPU", "a")
    full = make_entry("toy.recall", 61.0, None, None, 9000, 3, "%", None, "GPU", "a")
    merge(tmp_path / "results" / "lite.json", "a", {"toy.recall": lite}, "abc123")
    merge(tmp_path / "results" / "full.json", "a", {"toy.recall": full}, "def456")

    def site(**pages):
        for name, text in pages.items():
            (tmp_path / f"{name}.md").write_text(text)
        extensions = ["myst_parser", "pinpoint.study.roles", "pinpoint.study.mathml"]
        settings = {"extensions": extensions, "html_math_renderer": "mathml", "myst_enable_extensions": ["dollarmath"]}
        out = tmp_path / "out"
        app = Sphinx(tmp_path, None, out, tmp_path / "tree", "html", settings, status=None, warning=None)
        app.build()
        return {name: (out / f"{name}.html").read_text() for name in pages}

    return site


def test_numbers_are_printed_with_their_origin(build):
    page = build(index="# T\n\nA {num}`toy.recall`, B {num}`toy.recall ci`, C {num}`full:toy.recall|full`.\n")["index"]
    found = re.findall(r'<abbr class="pp-num" title="([^"]*)">([^<]*)</abbr>', page)
    assert [text for _, text in found] == ["53.4%", "50.0–56.0%", "61.0% (n = 9,000)"]
    assert found[0][0] == "53.4% (95% interval 50.0–56.0%, n = 800); 1 seed; CPU; profile lite, run abc123"
    assert "3 seeds; GPU; profile full, run def456" in found[2][0]


def test_an_interval_below_zero_can_be_read():
    entry = make_entry("toy.gain", -0.9, -1.8, -0.1, 800, 1, "points", 1.0, "CPU", "toy")
    assert interval(entry).replace("\N{NO-BREAK SPACE}", " ") == "−1.8 to −0.1 points"


def test_numbers_work_in_tables(build):
    page = build(index="# T\n\n| a | b |\n|---|---|\n| {num}`toy.recall` | {num}`toy.recall n` |\n")["index"]
    assert re.findall(r'title="[^"]*">([^<]*)</abbr>', page) == ["53.4%", "800"]


def test_a_missing_number_stops_the_build_and_names_key_and_page(build):
    with pytest.raises(Exception, match=r"index: 'toy\.recal' is not on record in results/lite\.json") as caught:
        build(index="# T\n\n{num}`toy.recal`\n")
    assert type(caught.value).__name__ == "ExtensionError"


def test_an_incremental_build_follows_the_ledger(build, tmp_path):
    pages = {"index": "# T\n\n{num}`toy.recall`\n"}
    build(**pages)
    path = tmp_path / "results" / "lite.json"
    entries = json.loads(path.read_text())
    entries["toy.recall"]["value"] = 54.0
    path.write_text(json.dumps(entries))
    assert ">54.0%</abbr>" in build(**pages)["index"]


def test_a_form_that_does_not_exist_and_a_quotation_without_source_stop_the_build(build):
    with pytest.raises(Exception, match="form of a number"):
        build(index="# T\n\n{num}`toy.recall sideways`\n")
    with pytest.raises(Exception, match="names no source"):
        build(index="# T\n\n{quoted}`75.94`\n")


def test_quoted_numbers_name_their_source(build):
    page = build(index="# T\n\n{quoted}`75.94 from COCO-Facet, Table 2`\n")["index"]
    assert '<abbr class="pp-quoted" title="quoted from COCO-Facet, Table 2">75.94</abbr>' in page


def test_references_are_parsed():
    assert parse_reference("a.b") == ("lite", "a.b", "value")
    assert parse_reference("full:a.b|ci") == parse_reference("full:a.b ci") == ("full", "a.b", "ci")


def test_formulas_need_no_script(build):
    page = build(index="# T\n\nInline $r_q \\le k$.\n\n$$ \\frac{a}{b} $$ (eq-toy)\n")["index"]
    assert page.count("<math ") == 2 and "<mfrac>" in page and 'class="eqno"' in page
    assert "jsdelivr" not in page
    assert 'alttext="r_q \\le k"' in to_mathml(r"r_q \le k")
    assert to_mathml(r"\nosuch{a}", nodes.math()) == r"<code>\nosuch{a}</code>"


def test_a_fraction_without_braces_is_a_warning(monkeypatch):
    said = []
    monkeypatch.setattr(mathml.logger, "warning", lambda text, *_, **__: said.append(text))
    to_mathml(r"\tfrac12 \max(a)")
    to_mathml(r"\frac{1}{2}")
    assert len(said) == 1 and "with braces" in said[0]


def test_the_card_holds_provenance_and_no_date():
    about = {"profile": "lite", "minutes": 2.5, "device": "CPU, 2 threads", "peak_mb": 1234, "numbers": 12,
             "seal": "abc123", "versions": {"torch": "2.13.0"}}  # fmt: skip
    html = card("a-toy", about)
    for text in ("lite", "2.5 min", "CPU, 2 threads", "1,234 MB", "abc123", "torch 2.13.0", "pinpoint run a-toy"):
        assert text in html
    assert not re.search(r"20\d\d-", html)
    assert duration(0.5) == "30 s"


def test_edit_links_lead_to_the_script():
    buttons = [{"buttons": [{"url": "https://x/edit/main/book/chapters/a-toy.ipynb", "label": "source-edit-button"}]}]
    _replace_urls(buttons, "book/chapters/a-toy.ipynb", "notebooks/a-toy.py")
    assert buttons[0]["buttons"][0]["url"] == "https://x/edit/main/notebooks/a-toy.py"
