"""Synthetic triplets for composed retrieval: a training scene, an edit, and the picture that shows the result.

They come from the edits of the benchmark, on training scenes alone. `spoil` makes their texts worse, by a stated share:
a method that needs few triplets should also live with bad ones.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pinpoint.diorama.composed import KINDS, Edit, propose
from pinpoint.diorama.scene import Scene, pick, sample, split_of
from pinpoint.diorama.world import image_id
from pinpoint.errors import PinpointError

VAGUE = ("change it a little", "something different", "another one", "not quite like this", "the same, but better")
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


def triplets(n: int, seed: int = 0, kinds: Sequence[str] = KINDS) -> list[Triplet]:
    """`n` triplets of the training split, the kinds of edit in turn; the first m of them are `triplets(m)`."""
    rng = random.Random(f"triplets-{seed}-{'-'.join(kinds)}")
    return [_triplet(kinds[i % len(kinds)], rng) for i in range(n)]


def _triplet(kind: str, rng: random.Random) -> Triplet:
    while True:
        scene = sample(rng)
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
