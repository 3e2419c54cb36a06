"""The objectives that chapter 5 compares, with what was tuned for each on the development split."""

from collections.abc import Mapping
from dataclasses import replace

from pinpoint.distinctive_training import Objective

ZONE = Objective("trns", "zone", low=0.002, high=0.05, first=True)
OBJECTIVES: Mapping[str, Objective] = {
    "infonce": Objective("infonce", "batch"),
    "bt_random": Objective("bt_random", "random"),
    "qure": Objective("qure", "steep"),
    "trns": ZONE,
    "dqe": replace(ZONE, name="dqe", attributes=True, smoothing=0.05, attribute=0.3),
}


RATES: Mapping[str, float] = dict.fromkeys(OBJECTIVES, 3e-4)  # learning rates
