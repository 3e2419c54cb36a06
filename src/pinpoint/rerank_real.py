"""Chapter 6 on CIRR and FashionIQ: the same functions on a full-size BLIP."""

from dataclasses import dataclass, replace
from pathlib import Path

from pinpoint.benchmark import Benchmark, Retriever
from pinpoint.datasets.cirr import check_cirr_submission, cirr, cirr_average, cirr_submissions
from pinpoint.datasets.fashion_iq import CATEGORIES, fashion_iq, fashion_iq_mean
from pinpoint.datasets.named_images import require_images
from pinpoint.encoders.blip_checkpoint import absent, absent_folder
from pinpoint.files import write_json
from pinpoint.rerank_data import Reader, question, training_set
from pinpoint.rerank_model import Filter, Reranker
from pinpoint.rerank_scoring import quickest
from pinpoint.rerank_study import ScoreRetriever, TwoStage, stage_1, stage_2, two_stage
from pinpoint.rerank_training import Budget, Negatives, equal_pairs, train_filter, train_reranker
from pinpoint.result import Result
from pinpoint.store import Store

IN_BATCH = Negatives()  # none: the targets of the batch
FORMS = ("c1 and c2", "c2 and c1", "C1", "C2")  # of FashionIQ's two captions, in training
CIRR_METRICS = ("r1", "r5", "r10", "r50", "rs1", "rs2", "rs3")


@dataclass(frozen=True)
class RealSettings:
    """A budget per stage, that of stage 2 for training by the targets of the batch; how many candidates; hard
    negatives, with which stage 2 scores equally many pairs; captions: how FashionIQ's two become one when they are
    asked; resize_mode: the policy for the images, by name; fashion: FashionIQ's own budgets, if they differ."""

    first: Budget
    second: Budget
    cirr_k: int = 50
    fashion_iq_k: int = 100
    negatives: Negatives = IN_BATCH  # as released
    rates: tuple[float, float] = (2e-5, 2e-5)  # as released
    captions: str = "C1 and c2"
    resize_mode: str = "target_pad"  # as released
    fashion: tuple[Budget, Budget] | None = None


def real_benchmark(
    folder: Path, fashion: Path, encoder: Path | str, settings: RealSettings, store: Path, out: Path
) -> str:
    """Both stages on CIRR's and FashionIQ's validation splits, as Markdown; or lines that say what is absent.

    `encoder` is a folder or a name of the registry. For CIRR's test1 the two files that its server takes are written
    to `out`. What the tower sees is kept in half precision, in memory: 0.9 MB for each image at 384 pixels, 15 GB for
    CIRR's training images.
    """
    no_encoder = absent(encoder, "a BLIP for image-text retrieval as `save_pretrained` writes it")
    no_data = [
        absent_folder(path, needed)
        for path, needed in (
            (folder, "CIRR's captions, image_splits and img_raw"),
            (fashion, "FashionIQ's captions, image_splits and images"),
        ) if not path.is_dir()
    ]  # fmt: skip
    if no_encoder or len(no_data) > 1:
        return "\n\n".join(filter(None, [no_encoder, *no_data]))
    reader, kept = Reader(encoder, resize_mode=settings.resize_mode), Store(store)
    parts = [on_cirr(reader, kept, folder, settings, out)] if folder.is_dir() else []
    parts += [on_fashion_iq(reader, kept, fashion, settings)] if fashion.is_dir() else []
    return "\n\n".join([*parts, *no_data])


def on_cirr(reader: Reader, store: Store, folder: Path, settings: RealSettings, out: Path) -> str:
    """Train on train, report on val, write test1's two files. The reference is left out of the candidates."""
    stage1, reranker = trained(reader, store, cirr(folder, "train"), settings)
    k = settings.cirr_k
    two = answered(reader, store, stage1, reranker, cirr(folder, "val"), k)
    table = _cirr_table({"stage 1": two.before, f"stage 2, K = {k}": two.after(k)})
    paths = write_submissions(out, answered(reader, store, stage1, reranker, cirr(folder, "test1"), k), k)
    return "\n\n".join([table, "For test1's server: " + ", ".join(f"`{path}`" for path in paths) + "."])


def on_fashion_iq(reader: Reader, store: Store, folder: Path, settings: RealSettings) -> str:
    """Original gallery, one model for the three categories; the reference competes, as in every published protocol."""
    first, second = settings.fashion or (settings.first, settings.second)
    own = replace(settings, first=first, second=second)
    stage1, reranker = trained(reader, store, in_every_form(folder), own)
    val = fashion_iq(folder, "val", captions=settings.captions)
    k = settings.fashion_iq_k
    two = answered(reader, store, stage1, reranker, val, k)
    head = ["FashionIQ, original gallery", *(f"{c}, R@10 / R@50" for c in CATEGORIES), "mean"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, result in (("stage 1", two.before), (f"stage 2, K = {k}", two.after(k))):
        cells = [" / ".join(f"{result.metric(m, c).value:.1f}" for m in ("r10", "r50")) for c in CATEGORIES]
        lines.append(f"| {name} | {' | '.join(cells)} | {fashion_iq_mean(result)} |")
    return "\n".join(lines)


def in_every_form(folder: Path) -> Benchmark:
    """FashionIQ's training queries in each of the four forms that the release draws from: all in turn, new in order,
    which is as often in the mean. Validation has one form."""
    parts = [fashion_iq(folder, "train", captions=form) for form in FORMS]
    queries = [replace(q, id=f"{q.id}-{n}") for n, part in enumerate(parts) for q in part.queries]
    return replace(parts[0], queries=tuple(queries), notes={**parts[0].notes, "captions": " / ".join(FORMS)})


def trained(reader: Reader, store: Store, benchmark: Benchmark, settings: RealSettings) -> tuple[Filter, Reranker]:
    """Both stages on a training split. Of other right answers nothing is known: only the annotated one is valid."""
    require_images(benchmark)
    data = training_set(reader, store, benchmark)
    stage1, _ = train_filter(reader.model, data, settings.first, settings.rates[0])
    negatives = replace(settings.negatives, high=min(settings.negatives.high, len(benchmark.gallery) - 1))
    budget = equal_pairs(settings.second, negatives)
    reranker, _, _ = train_reranker(reader.model, stage1, data, negatives, budget, settings.rates[1])
    return stage1, reranker


def answered(
    reader: Reader, store: Store, stage1: Filter, reranker: Reranker, benchmark: Benchmark, k: int
) -> TwoStage:
    """A split after both stages."""
    require_images(benchmark)
    asked = question(reader, store, benchmark)
    scorer = stage_2(stage1, reranker, asked, quickest(reader.device))
    return two_stage(benchmark, stage_1(stage1, asked), scorer, k)


def write_submissions(out: Path, two: TwoStage, k: int) -> list[Path]:
    """recall.json, 50 names of the re-ranked gallery; recall_subset.json, 3 of the group that stage 2 scores whole."""
    assert two.group is not None  # CIRR's queries have groups
    rankings: dict[str, Retriever] = {
        "recall": two.retriever(k), "recall_subset": ScoreRetriever("group", two.group)
    }  # fmt: skip
    files = {metric: cirr_submissions(two.benchmark, ranking)[metric] for metric, ranking in rankings.items()}
    for content in files.values():
        check_cirr_submission(content, two.benchmark)
    paths = [out / f"{metric}.json" for metric in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_json(path, content, indent=None)
    return paths


def _cirr_table(rows: dict[str, Result]) -> str:
    names = [f"Rs@{m[2:]}" if m.startswith("rs") else f"R@{m[1:]}" for m in CIRR_METRICS]
    head = ["CIRR, validation", *names, "mean of R@5 and Rs@1"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, result in rows.items():
        cells = [f"{result.micro(metric).value:.2f}" for metric in CIRR_METRICS]
        lines.append(f"| {name} | {' | '.join(cells)} | {cirr_average(result)} |")
    return "\n".join(lines)
