"""Every chapter with the profile `paper`, on tiny data in the released formats and checkpoints of the real classes."""

import re
from pathlib import Path

import numpy as np
import pytest
from nbformat import NotebookNode
from torch.nn.functional import normalize

import paper_toy
import test_circo
from paper_toy import CASES, CIRR_QUERIES, DSR_RECORDS, FACET_QUERIES, FASHION_QUERIES, LASCO_QUERIES, REPOSITORY
from pinpoint import zscir_study
from pinpoint.datasets.circo import check_circo_submission, circo, write_circo_submission
from pinpoint.datasets.cirr import check_cirr_submission, cirr
from pinpoint.datasets.coco_facet import ROWS
from pinpoint.distinctive_objectives import OBJECTIVES
from pinpoint.encoders import load
from pinpoint.files import read_json
from pinpoint.retriever import VectorRetriever
from pinpoint.store import Store
from pinpoint.study.layout import Layout
from pinpoint.style_models import METHODS
from pinpoint.zscir_setup import clip_of

WITHOUT_DATA = ("00-diorama", "07-beyond-the-diorama")  # they read no benchmark
CHAPTERS = [name for name in Layout(REPOSITORY).chapter_names() if name not in WITHOUT_DATA]
Table = dict[str, list[float]]


def reported(notebook: NotebookNode) -> str:
    """What the cell on the real benchmark printed."""
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and "real_benchmark(" in c.source]
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def tables(text: str) -> list[Table]:
    """The Markdown tables of a report: the numbers of each row by its first cell, intervals left out."""
    found: list[Table] = []
    for line in re.sub(r" \[[^]]*\]", "", text).splitlines():
        head, *cells = line.strip("| ").split(" | ")
        if line.startswith("|---") or line.startswith("| ---"):
            found.append({})
        elif line.startswith("| ") and found and re.match(r"-?\d|nan", cells[0]):
            found[-1][head] = [float(value) for cell in cells for value in cell.split(" / ")]
    return found


def assert_shares(values: list[float], n: int, digits: int = 1) -> None:
    """Percentages of `n` queries, as printed: each is a whole number of them."""
    counts = np.array(values) * n / 100
    assert len(values) and (counts >= 0).all() and (counts <= n).all(), values
    assert np.abs(counts - counts.round()).max() <= n * 10**-digits / 200 + 1e-9, values


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_on_its_benchmark(chapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = paper_toy.study_copy(tmp_path / "study")
    monkeypatch.setenv("TORCH_HOME", str(paper_toy.real_folder(layout) / "torch"))
    text = reported(paper_toy.run_paper(layout, chapter))
    assert "Not run here" not in text and "nan" not in text, text
    CHECKS[chapter](text, layout)


def on_coco_facet(text: str, layout: Layout) -> None:
    (found,) = tables(text)
    assert_facets(found)


def on_coco_facet_prompted(text: str, layout: Layout) -> None:
    assert re.findall(r"^(\w+)\n\n\|", text, re.MULTILINE) == ["general", "prompted", "linear"]
    for found in tables(text):
        assert_facets(found)


def assert_facets(found: Table) -> None:
    """A row per facet, and both means; chance is that of pools of a hundred."""
    assert list(found) == [*(row.facet for row in ROWS), "macro", "micro", "chance (macro)"]
    assert found["chance (macro)"] == [1.0, 5.0]
    for row in ROWS:
        assert_shares(found[row.facet], FACET_QUERIES)
    assert_shares(found["macro"], len(ROWS) * FACET_QUERIES)
    assert found["micro"] == found["macro"]  # equally many queries in each


def on_lasco(text: str, layout: Layout) -> None:
    (found,) = tables(text)
    assert list(found) == ["image_only", "text_only", "sum", "slerp", "pic2word", "stage1", "two_stage"]
    for r1, r10, r50 in found.values():
        assert_shares([r1, r10, r50], LASCO_QUERIES)
        assert r1 <= r10 <= r50 == 100  # the gallery is smaller than 50


def on_dsr(text: str, layout: Layout) -> None:
    (found,) = tables(text)
    assert list(found) == list(METHODS)
    queries = -(-DSR_RECORDS // 5)  # of each kind: every fifth record, from the first, is of the test split
    for *kinds, mean in found.values():
        assert len(kinds) == 4
        assert_shares(kinds, queries)
        assert mean == pytest.approx(np.mean(kinds), abs=0.1)


def on_fashion_iq(text: str, layout: Layout) -> None:
    (found,) = tables(text)
    assert list(found) == list(OBJECTIVES)
    for values in found.values():
        assert_categories(values[:-1])
        assert values[-1] == 100  # VAL's gallery, the references and targets alone, has fewer than ten images


def assert_categories(values: list[float]) -> None:
    """R@10 and R@50 of three categories, and the mean of all six."""
    assert len(values) == 7
    assert_shares(values[:6], FASHION_QUERIES)
    assert all(r10 <= r50 for r10, r50 in zip(values[:6:2], values[1:6:2], strict=True))
    assert values[6] == pytest.approx(np.mean(values[:6]), abs=0.1)


def on_cirr_and_fashion_iq(text: str, layout: Layout) -> None:
    on_cirr, on_fashion = tables(text)
    assert list(on_cirr) == ["stage 1", "stage 2, K = 50"] and list(on_fashion) == ["stage 1", "stage 2, K = 100"]
    for *values, mean in on_cirr.values():
        assert len(values) == 7
        assert_shares(values, CIRR_QUERIES, digits=2)
        assert mean == pytest.approx((values[1] + values[4]) / 2, abs=0.1)
    assert on_cirr["stage 1"][3] == on_cirr["stage 2, K = 50"][3]  # R@50: nothing comes into the 50, or goes out
    for values in on_fashion.values():
        assert_categories(values)
    for metric in ("recall", "recall_subset"):
        path = layout.runs / "cirr-test1" / f"{metric}.json"
        assert f"`{path}`" in text and read_json(path)["metric"] == metric
        check_cirr_submission(read_json(path), cirr(paper_toy.real_folder(layout) / "cirr", "test1"))


CHECKS = {
    "01-attribute-failures": on_coco_facet,
    "02-promptable-embeddings": on_coco_facet_prompted,
    "03-zero-shot-composed": on_lasco,
    "04-style-diversified": on_dsr,
    "05-distinctive-queries": on_fashion_iq,
    "06-two-stage-reranking": on_cirr_and_fashion_iq,
}


def test_every_chapter_that_reads_a_benchmark_is_run() -> None:
    assert set(CHAPTERS) <= set(CASES) == set(CHECKS)


def test_circos_file_from_pictures_to_the_servers_form(tmp_path: Path) -> None:
    hidden = [{"id": n, "reference_img_id": 50, "relative_caption": "at night", "shared_concept": ""} for n in range(3)]
    root = test_circo.write(tmp_path, "test", hidden)
    for n in test_circo.NUMBERS:
        paper_toy.patchwork(root / "COCO2017_unlabeled" / "unlabeled2017" / f"{n:012d}.jpg", n)
    encoder, benchmark = load("diorama-clip", device="cpu"), circo(root, "test")
    asked = zscir_study.ask(encoder, clip_of(encoder), Store(tmp_path / "store"), benchmark, drawn=False)
    query_emb = normalize(asked.references.v + asked.text_emb, dim=1)
    retriever = VectorRetriever("sum", query_emb.numpy(), asked.gallery.numpy())
    path = write_circo_submission(tmp_path / "out" / "circo.json", benchmark, retriever)
    content = read_json(path)
    check_circo_submission(content, benchmark)
    assert list(content) == ["0", "1", "2"] and content["0"][0] == 50  # the reference competes, as it does in most rows
