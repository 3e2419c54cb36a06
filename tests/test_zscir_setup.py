"""What the heads of chapter 3 learn from: training scenes, masked captions, phrases, rows of triplets."""

import pytest
import torch

from pinpoint.diorama.scene import split_of
from pinpoint.splice import PLACE
from pinpoint.zscir_setup import CONCEPTS, ConceptPhrases, mask_keywords
from zscir_toy import world


@pytest.mark.parametrize(("text", "masked"), [
    ("a red dog on the beach at night.", "a [$] on the [$] at [$]."),
    ("a star-shaped balloon in thick mist.", "a [$] in [$]."),
    ("there is something.", "there is something."),
    ("a huge teddy bear, someone kneeling", "a huge [$], someone [$]"),
])  # fmt: skip
def test_runs_of_keywords_become_one_place(text: str, masked: str) -> None:
    assert mask_keywords(text) == masked


def test_the_material_is_of_the_training_split_and_has_a_caption_each() -> None:
    material = world().material
    assert len(material.scenes) == len(material.captions) == len(material.bank) == 96
    assert all(split_of(scene) == "train" for scene in material.scenes)
    assert all(PLACE in text for text in material.masked if "something" not in text)
    assert material.clip.prompt == "a picture of [$]" and 30 < material.clip.scale < 40


def test_phrases_name_a_concept_near_the_image_and_lose_it() -> None:
    w = world()
    phrases = ConceptPhrases(w.clip, w.material.bank.v, w.material.captions, top=2)
    said, spliced = phrases(3, [0, 1, 5])
    again, same = phrases(3, [0, 1, 5])
    assert torch.equal(said, again) and spliced == same and said.shape == (3, w.clip.dim)
    assert all(text.count(PLACE) == 1 for text in spliced)
    for row, text in zip((0, 1, 5), spliced, strict=True):
        options = [text.replace(PLACE, concept) for concept in phrases.concepts[row]]
        assert any(option in w.material.captions for option in options)
    assert {concept for row in phrases.concepts for concept in row} <= set(CONCEPTS)
    own = [scene.subject.name in row for scene, row in zip(w.material.scenes, phrases.concepts, strict=True)
           if scene.subject.name in phrases.said]  # fmt: skip
    assert sum(own) > 0.6 * len(own)  # CLIP finds them; nobody tells it


def test_triplets_are_rows_of_their_bank() -> None:
    w = world()
    for n in (0, 8, 44):
        ids = w.some[n].images
        assert (w.bank.ids[w.rows.reference[n]], w.bank.ids[w.rows.target[n]]) == ids
    assert w.rows.texts == tuple(t.text for t in w.some)
    known = {scene.id for scene in w.material.scenes}
    assert all(t.reference.id in known for t in w.some)
