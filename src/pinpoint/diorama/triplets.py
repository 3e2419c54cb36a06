"""Synthetic triplets for composed retrieval: a training scene, an edit, and the picture that shows the result.

They come from the edits of the benchmark, on training scenes alone, and are worded differently: whoever makes triplets
does not know how a query will be put. `spoil` makes their texts worse, by a stated share: a method that needs few
triplets should also live with bad ones.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinpoint.diorama.captions import PLACE_PHRASES, TIME_PHRASES, WEATHER_NOUNS, article, people_phrase
from pinpoint.diorama.composed import KINDS, Edit, propose
from pinpoint.diorama.scene import Scene, pick, sample, split_of
from pinpoint.diorama.world import image_id
from pinpoint.errors import PinpointError

VAGUE = ("change it a little", "something different", "another one", "not quite like this", "the same, but better")
_STYLES = {
    "sketch": ("sketched with a pencil", "as a drawing", "a pencil drawing of it"),
    "art": ("painted on canvas", "as a painting", "an oil painting of it"),
    "low_res": ("in low resolution", "very blocky", "with huge pixels"),
}
_TRIES = 12  # edits tried per scene and kind; then another scene


@dataclass(frozen=True)
class Triplet:
    """Reference scene, the edit that leads to the target, and what is said; the text may have been spoiled."""

    reference: Scene
    edit: Edit
    text: str

    @property
    def images(self) -> tuple[str, str]:
        """Ids of reference and target."""
        return image_id(self.reference), image_id(self.edit.scene, self.edit.style)


def triplets(
    n: int,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    *,
    references: Sequence[Scene] = (),
    as_the_benchmark: bool = False,
) -> list[Triplet]:
    """`n` triplets of the training split, the kinds of edit in turn; the first m of them are `triplets(m)`.

    references: scenes of the training split to start from, by default new ones.
    `as_the_benchmark`: with the sentences of the benchmark's queries, which makes the method supervised in its wording.
    """
    rng = random.Random(f"triplets-{seed}-{'-'.join(kinds)}")
    drawn = [_triplet(kinds[i % len(kinds)], references, rng) for i in range(n)]
    if as_the_benchmark:
        return drawn
    rng = random.Random(f"wordings-{seed}")
    return [replace(t, text=pick(rng, other_words(t))) for t in drawn]


def other_words(triplet: Triplet) -> tuple[str, ...]:
    """Ways to say a triplet's edit; no sentence of the benchmark is among them, its nouns and adjectives are."""
    old, scene, style = triplet.reference.subject, triplet.edit.scene, triplet.edit.style
    new = scene.subject
    looks = article(f"{new.shape}-shaped {new.name}" if new.shape else new.name)
    number = people_phrase(scene.people, random.Random(triplet.edit.text))
    noun = "clothes" if new.kind == "person" else new.name
    return {
        "animal": (f"{looks} rather than the {old.name}", f"show {looks}", f"now it is {looks}", looks),
        "object": (f"{looks} rather than the {old.name}", f"show {looks}", f"now it is {looks}", looks),
        "colour": (f"{new.colour} {noun}", f"in {new.colour}", f"with {new.colour} {noun}", f"now {new.colour}"),
        "shape": (f"with the shape of a {new.shape}", f"{new.shape}-shaped", f"shaped like a {new.shape}"),
        "count": (f"{number} in the picture", f"now with {number}", f"show {number}"),
        "place": tuple(lead + phrase for phrase in PLACE_PHRASES[scene.place] for lead in ("", "now ", "taken ")),
        "time": tuple(lead + phrase for phrase in TIME_PHRASES[scene.time] for lead in ("", "now ", "taken ")),
        "weather": (f"with {WEATHER_NOUNS[scene.weather]}", f"now it is {scene.weather}", f"{scene.weather} weather"),
        "style": _STYLES.get(style, ()),
    }[triplet.edit.kind]


def _triplet(kind: str, references: Sequence[Scene], rng: random.Random) -> Triplet:
    while True:
        scene = pick(rng, references) if references else sample(rng)
        if split_of(scene) != "train":
            continue
        for _ in range(_TRIES):
            edit = propose(scene, kind, rng)
            if edit is not None and split_of(edit.scene) == "train":
                return Triplet(scene, edit, edit.text)


def spoil(some: Sequence[Triplet], wrong: float, vague: float, seed: int = 0) -> list[Triplet]:
    """The same triplets; a share `wrong` of the texts says another triplet's edit, a share `vague` says nothing.

    Exactly round(share * n) of them, chosen at random. A wrong text is never that of its own edit.
    """
    if wrong < 0 or vague < 0 or wrong + vague > 1:
        raise PinpointError(f"shares of {wrong} wrong and {vague} vague texts; they must lie in 0..1, together as well")
    rng = random.Random(f"spoil-{seed}")
    order = sorted(range(len(some)), key=lambda _: rng.random())
    n_wrong, n_vague = round(wrong * len(some)), round(vague * len(some))
    out = list(some)
    for i in order[:n_wrong]:
        others = [t.text for t in some if t.text != some[i].text]
        if not others:
            raise PinpointError("all texts are equal; none of them can be wrong")
        out[i] = replace(some[i], text=pick(rng, others))
    for i in order[n_wrong : n_wrong + n_vague]:
        out[i] = replace(some[i], text=pick(rng, VAGUE))
    return out
