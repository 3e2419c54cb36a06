"""What chapter 7 asks of models of photographs: chapter 2's modes on five facets, and where an attribute is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinpoint import promptable
from pinpoint.benchmark import Benchmark
from pinpoint.diorama.facets import GENERIC_PROMPT
from pinpoint.evaluate import VectorRetriever, evaluate
from pinpoint.linear import released_fit, ridge_fit, sample
from pinpoint.linear_study import Draw, held_out_draw, over_draws, spread
from pinpoint.photos_facets import FACETS, GENERAL, Catalogue
from pinpoint.photos_model import PhotoEncoder
from pinpoint.photos_tasks import labels_of
from pinpoint.probes import probe, read_by_text
from pinpoint.promptable_setup import ClaimSetup, Tables
from pinpoint.result import Result

METRICS = ("r1", "r5")
MODES = ("general", "prompted", "linear", "ridge")
Seen = Mapping[str, torch.Tensor]  # split -> image tokens (N, n, Dv)


@dataclass(frozen=True)
class PhotoTables(Tables):
    """Chapter 2's tables, with the questions that the queries bring along."""

    @property
    def prompts(self) -> list[str]:
        """The question of each query's facet."""
        return [query.prompt or "" for query in self.benchmark.queries]


def make_tables(encoder: PhotoEncoder, benchmark: Benchmark, seen: Seen) -> PhotoTables:
    """The gallery under the general prompt and under every facet's question; and the development split, which no model
    was trained on, to fit maps on."""
    prompts = {GENERIC_PROMPT: GENERAL, **{facet.question: facet.question for facet in FACETS.values()}}
    gallery, held_out = (
        {key: encoder.encode_images(seen[split], prompt) for key, prompt in prompts.items()}
        for split in ("test", "dev")
    )
    texts = encoder.encode_texts([query.text or "" for query in benchmark.queries])
    return PhotoTables(benchmark, texts, gallery, held_out, {})


def plain_result(encoder: PhotoEncoder, benchmark: Benchmark, seen: Seen, name: str) -> Result:
    """A model without questions: one table for all queries."""
    texts = encoder.encode_texts([query.text or "" for query in benchmark.queries])
    return evaluate(benchmark, VectorRetriever(name, texts, encoder.encode_images(seen["test"])))


def released_draw(tables: PhotoTables, n: int) -> Draw:
    """Maps as the released code fits them: n images of each facet's own pools, drawn from the test gallery."""

    def draw(rng: np.random.Generator) -> Mapping[str, promptable.LinearMap]:
        maps: dict[str, promptable.LinearMap] = {}
        for facet in tables.benchmark.groups:
            question = FACETS[facet].question
            columns = promptable.pool_columns(tables.benchmark, facet)
            two = {prompt: tables.gallery[prompt] for prompt in (GENERIC_PROMPT, question)}
            maps |= promptable.fit_maps(two, columns[sample(len(columns), n, rng)], released_fit)
        return maps

    return draw


def draws_of(tables: PhotoTables, n: int) -> dict[str, Draw]:
    """Chapter 2's two procedures: as released, and a ridge on n pictures of the development split."""
    return {"linear": released_draw(tables, n), "ridge": held_out_draw(tables, n, ridge_fit)}


def mode_results(tables: PhotoTables, n: int, draws: int) -> dict[str, Result]:
    """Every mode on the facets."""
    setup = setup_of(tables, n, draws)
    modes = {
        "general": promptable.general(tables.query_emb, tables.gallery),
        "prompted": promptable.prompted(tables.query_emb, tables.gallery, tables.prompts),
    }
    results = {name: evaluate(tables.benchmark, retriever) for name, retriever in modes.items()}
    return results | {name: over_draws(tables, draw, setup) for name, draw in draws_of(tables, n).items()}


def curves(tables: PhotoTables, sizes: Sequence[int], draws: int) -> dict[str, dict[str, float]]:
    """Macro R@5 of both maps at every N, in percent, the mean over the draws."""
    return {
        name: {str(n): spread(tables, draws_of(tables, n)[name], setup_of(tables, n, draws))[0] for n in sizes}
        for name in ("linear", "ridge")
    }


def setup_of(tables: PhotoTables, n: int, draws: int) -> ClaimSetup:
    """Chapter 2's way to say how a map is fitted."""
    held_out = len(tables.held_out[GENERIC_PROMPT])
    return ClaimSetup(len(tables.benchmark.gallery), 0, held_out, n, draws)


# -- is an attribute lost, or only unread? ----------------------------------------------------------------------------
def read_by_probe(catalogue: Catalogue, spaces: Mapping[str, np.ndarray], facet: str) -> np.ndarray:
    """Whether a linear probe, trained on the training split, names a facet's value on the test split, (n,).

    spaces: split -> rows (N, D) in the order of the split. A value that training has not is never named.
    """
    train, test = ({**labels_of(catalogue, split, facet)} for split in ("train", "test"))
    classes = sorted(set(train.values()))
    number = {value: n for n, value in enumerate(classes)}
    (x, known), (test_x, asked) = (
        (spaces[split][_rows(catalogue, split, labels)], list(labels.values()))
        for split, labels in (("train", train), ("test", test))
    )
    found, _ = probe(x.astype(np.float64), np.array([number[v] for v in known]), test_x.astype(np.float64),
                     len(classes))  # fmt: skip
    return (found == np.array([number.get(value, -1) for value in asked])).astype(float)


def read_by_texts(catalogue: Catalogue, image_emb: np.ndarray, encoder: PhotoEncoder, facet: str) -> np.ndarray:
    """Whether the nearest text names a facet's value on the test split, (n,); image_emb (N, D)."""
    labels = labels_of(catalogue, "test", facet)
    classes = sorted(set(labels_of(catalogue, "train", facet).values()))
    class_emb = encoder.encode_texts([FACETS[facet].text.format(value) for value in classes])
    found = read_by_text(image_emb[_rows(catalogue, "test", labels)], class_emb)
    return np.array([classes[n] == value for n, value in zip(found, labels.values(), strict=True)], dtype=float)


def commonest(catalogue: Catalogue, facet: str) -> float:
    """The share of the test split, in percent, that has the commonest value of the training split."""
    train, test = (list(labels_of(catalogue, split, facet).values()) for split in ("train", "test"))
    most = max(sorted(set(train)), key=train.count)
    return 100 * test.count(most) / len(test)


def _rows(catalogue: Catalogue, split: str, labels: Mapping[str, str]) -> np.ndarray:
    place = {product.id: n for n, product in enumerate(catalogue.of(split))}
    return np.array([place[i] for i in labels], dtype=np.int64)
