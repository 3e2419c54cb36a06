"""A second register of captions: labels, as in the metadata of photographs."""

import random
from collections.abc import Mapping

from pinpoint.diorama.captions import GERUND
from pinpoint.diorama.scene import Scene, shuffled

LABEL_RATES = {
    "subject": 1.0, "colour": 0.6, "place": 0.5, "weather": 0.15, "time": 0.10, "people": 0.12, "gesture": 0.12,
    "material": 0.08, "others": 0.12, "position": 0.08,
}  # fmt: skip
EVERY_LABEL = dict.fromkeys(LABEL_RATES, 1.0)


def label_values(scene: Scene) -> dict[str, str]:
    """What each label of a scene says; labels that do not arise are left out."""
    said = {
        "subject": scene.subject.name, "colour": scene.subject.colour, "place": scene.place, "weather": scene.weather,
        "time": scene.time, "people": str(scene.people), "gesture": scene.gesture and GERUND[scene.gesture],
        "material": scene.material, "others": ", ".join(t.name for t in scene.others), "position": scene.position,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def labels(scene: Scene, rng: random.Random, rates: Mapping[str, float] = LABEL_RATES) -> str:
    """A caption of the form "subject: cat; weather: rainy": each label as seldom as captions mention it.

    Here alone the text side meets the words "weather" and "material" beside their values.
    """
    kept = [(name, value) for name, value in label_values(scene).items() if rng.random() < rates[name]]
    return "; ".join(f"{name}: {value}" for name, value in shuffled(kept, rng))
