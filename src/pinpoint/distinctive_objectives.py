"""The objectives that chapter 5 compares, with what was tuned for each on the development split."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pinpoint.errors import PinpointError, unknown

NEGATIVES = ("batch", "random", "steep", "zone", "batch+zone")


@dataclass(frozen=True)
class Objective:
    """What a training pushes away, and how.

    negatives: "batch" (all other targets, cross-entropy), or one for each query out of "random", "steep" (QuRe) or
    "zone" (target-relative, between the quantiles low and high), or "batch+zone": all other targets and that one.
    first: whether sets are made before the first epoch; else the first sets are random, as QuRe warms up. smoothing: e
    of the smoothed KL. ranking, attribute: weights of the margin losses.
    """

    name: str
    negatives: str
    attributes: bool = False
    smoothing: float = 0.0
    low: float = 0.0
    high: float = 1.0
    first: bool = False
    ranking: float = 0.0
    attribute: float = 0.0
    margin: float = 0.1

    def __post_init__(self) -> None:
        if self.negatives not in NEGATIVES:
            raise unknown("kind of negatives", self.negatives, NEGATIVES)
        if self.attribute and not self.attributes:
            raise PinpointError(f"objective {self.name}: margins of attributes need attribute weights")


@dataclass(frozen=True)
class Budget:
    """What every objective may spend. refresh: epochs between two makings of the sets, 0 for never."""

    updates: int
    batch: int = 32
    refresh: int = 3
    seed: int = 0


ZONE = Objective("trns", "zone", low=0.002, high=0.02, first=True)
# The bounds, and no smoothing, are the best of those tried on the development split (`recipes.distinctive_tuning`).
OBJECTIVES: Mapping[str, Objective] = {
    "infonce": Objective("infonce", "batch"),
    "bt_random": Objective("bt_random", "random"),
    "qure": Objective("qure", "steep"),
    "trns": ZONE,
    "dqe": replace(ZONE, name="dqe", attributes=True, attribute=0.3),
}


WARM_RATE = 3e-4  # learning rate of the common start
RATES: Mapping[str, float] = {  # learning rates, likewise
    "infonce": 1e-3, "bt_random": 3e-5, "qure": 3e-5, "trns": 1e-3, "dqe": 1e-3,
}  # fmt: skip
