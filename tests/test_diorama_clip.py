"""The shipped CLIP: that it is what its card says, and that it has learned what a random network has not."""

import pytest

from pinpoint.diorama import tasks
from pinpoint.encoders import load, shipped_folder
from pinpoint.encoders.sources import untrained_twin
from pinpoint.evaluate import Result, evaluate
from pinpoint.files import file_digest, read_json
from pinpoint.retriever import EmbeddingRetriever
from pinpoint.store import Store

FOLDER = shipped_folder("diorama-clip")


def test_the_card_speaks_of_these_weights():
    card, weights = (FOLDER / "card.md").read_text(), FOLDER / "model.safetensors"
    assert file_digest(weights) in card and weights.stat().st_size <= 15_000_000
    assert read_json(FOLDER / "dev_curve.json")[-1]["step"] == 2300 and "2,300 (588,800 pairs)" in card


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[Result, Result]:
    """The shipped model and its untrained twin on a small facets benchmark of the development split."""
    encoder = load("diorama-clip", device="cpu")
    benchmark, store = tasks.facets("dev", gallery=900, per_facet=24), Store(tmp_path_factory.mktemp("store"))
    trained, untrained = (
        evaluate(benchmark, EmbeddingRetriever(e, store, size=encoder.image_size))
        for e in (encoder, untrained_twin(encoder, FOLDER))
    )
    return trained, untrained


def test_animals_objects_and_scenes_are_found_most_of_the_time(results):
    trained, _ = results
    assert trained.metric("r5", "animals").value > 85
    assert trained.metric("r5", "objects").value > 75
    assert trained.metric("r5", "scenes").value > 40


def test_a_random_network_in_its_place_would_be_noticed(results):
    trained, untrained = results
    assert untrained.macro("r5").value < 15  # chance is 5
    assert trained.versus(untrained, "r5").difference.low > 15
