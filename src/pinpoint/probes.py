"""Is an attribute lost in an embedding, or only unread by the text? Three readers of the same image, one score.

Each reader names the attribute's value among its classes: the text tower (zero-shot), a linear probe on the pooled
embedding, and a linear probe on the patch tokens. All three are scored by accuracy on the same held-out pictures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinpoint.diorama.captions import GERUND, PLACE_PHRASES, TIME_PHRASES, article
from pinpoint.diorama.scene import (
    ANIMALS,
    COLOUR_NAMES,
    GESTURES,
    MATERIALS,
    OBJECTS,
    PLACES,
    POSITIONS,
    TIMES,
    WEATHERS,
    Scene,
)  # fmt: skip

RIDGE_GRID = tuple(10.0**k for k in range(-3, 5))


@dataclass(frozen=True)
class Attribute:
    """One attribute of a scene: its classes, how to read the true one (None: not applicable), and a text per class."""

    name: str
    classes: tuple[str, ...]
    label: Callable[[Scene], str | None]
    text: Callable[[str], str]


def _only_other(scene: Scene) -> str | None:
    return scene.others[0].name if len(scene.others) == 1 else None


ATTRIBUTES = (
    Attribute("subject", (*ANIMALS, *OBJECTS), lambda s: s.subject.name if s.subject.kind != "person" else None,
              lambda c: f"{article(c)}."),
    Attribute("subject colour", COLOUR_NAMES, lambda s: s.subject.colour, lambda c: f"{article(c)} thing."),
    Attribute("place", PLACES, lambda s: s.place, lambda c: f"a picture {PLACE_PHRASES[c][0]}."),
    Attribute("weather", WEATHERS, lambda s: s.weather, lambda c: f"a picture on {article(c)} day."),
    Attribute("time", TIMES, lambda s: s.time, lambda c: f"a picture {TIME_PHRASES[c][0]}."),
    Attribute("people", tuple("0123456"), lambda s: str(s.people),
              lambda c: f"a picture with {c} {'person' if c == '1' else 'people'}."),
    Attribute("gesture", GESTURES, lambda s: s.gesture, lambda c: f"a picture of someone {GERUND[c]}."),
    Attribute("material", MATERIALS, lambda s: s.material, lambda c: f"a picture with a wall made of {c}."),
    Attribute("secondary thing", (*ANIMALS, *OBJECTS), _only_other, lambda c: f"a picture with {article(c)}."),
    Attribute("position", POSITIONS, lambda s: s.position,
              lambda c: f"a picture {'in the centre' if c == 'centre' else 'on the ' + c}."),
)  # fmt: skip


def labelled(attribute: Attribute, scenes: Sequence[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `scenes` to which the attribute applies, and their class numbers: two int (n,) arrays."""
    pairs = [
        (i, attribute.classes.index(label)) for i, s in enumerate(scenes) if (label := attribute.label(s)) is not None
    ]
    return np.array([i for i, _ in pairs], dtype=int), np.array([c for _, c in pairs], dtype=int)


def token_features(tokens: np.ndarray) -> np.ndarray:
    """What a linear reader may use of patch tokens (N, P, D): their mean and their maximum, (N, 2 D)."""
    return np.concatenate([tokens.mean(axis=1), tokens.max(axis=1)], axis=1)


def ridge_fit(x: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> list[np.ndarray]:
    """Ridge solutions W (D, C) of min ||X W - Y||² + penalty·n ||W||², one per penalty, from one eigendecomposition."""
    values, vectors = np.linalg.eigh(x.T @ x)  # (D,), (D, D)
    rotated = vectors.T @ (x.T @ y)  # (D, C)
    return [vectors @ (rotated / (values.clip(0) + p * len(x))[:, None]) for p in penalties]


def probe(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, n_classes: int, grid: Sequence[float] = RIDGE_GRID
) -> tuple[np.ndarray, float]:
    """Predicted classes (n_test,) of a linear probe, and the ridge penalty chosen on a fifth of the training rows.

    Features are standardised with training statistics; targets are one-hot, centred, so that rare classes are possible.
    """
    mean, std = train_x.mean(axis=0), train_x.std(axis=0) + 1e-6
    x, test = (train_x - mean) / std, (test_x - mean) / std
    targets = np.eye(n_classes)[train_y]
    prior = targets.mean(axis=0)
    cut = len(x) * 4 // 5
    fits = ridge_fit(x[:cut], targets[:cut] - prior, grid)
    held_out = [float(((x[cut:] @ w + prior).argmax(axis=1) == train_y[cut:]).mean()) for w in fits]
    penalty = grid[int(np.argmax(held_out))]
    (w,) = ridge_fit(x, targets - prior, [penalty])
    return (test @ w + prior).argmax(axis=1), penalty


def read_by_text(image_emb: np.ndarray, class_emb: np.ndarray) -> np.ndarray:
    """Zero-shot classes (N,): the text with the greatest cosine. image_emb (N, D), class_emb (C, D), unit rows."""
    return (image_emb @ class_emb.T).argmax(axis=1)


def swapped_colours(scenes: Sequence[Scene], subject_first: bool = True) -> list[tuple[int, str, str, str]]:
    """Binding test: for each scene with two things of different colours, (row, right text, swapped text, wrong text).

    The swapped text has the same words in another order; the wrong one names a colour that is on neither thing. A
    bag of words tells the second pair apart and never the first. With `subject_first` False the small thing is named
    before the subject: a reader that gives the first colour it hears to the largest thing it sees then fails.
    """
    out = []
    for i, scene in enumerate(scenes):
        first = scene.subject
        if first.kind == "person" or not scene.others:
            continue
        second = max(scene.others, key=lambda t: t.size == "medium")
        if first.colour == second.colour:
            continue
        spare = next(c for c in COLOUR_NAMES[scene.variant % 7 :] if c not in (first.colour, second.colour))
        named = (first, second) if subject_first else (second, first)
        said = "{} " + named[0].name + " next to {} " + named[1].name + "."
        one, two = named[0].colour, named[1].colour
        right, swapped, wrong = (said.format(article(a), article(b)) for a, b in ((one, two), (two, one), (spare, two)))
        out.append((i, right, swapped, wrong))
    return out
