"""Every object of the world by its name (COCO's where COCO has it), and how each sits in a picture."""

from collections.abc import Callable

from pinpoint.diorama import craft, furniture, outdoors, shaped, tableware, vehicles
from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import RGB

Drawer = Callable[[Brush, RGB, str | None, Variety], None]

# name: (drawer, width / height of its box)
_TABLE: dict[str, tuple[Drawer, float]] = {
    "bicycle": (vehicles.bicycle, 1.66),
    "car": (vehicles.car, 2.04),
    "bus": (vehicles.bus, 2.14),
    "truck": (vehicles.truck, 2.04),
    "motorcycle": (vehicles.motorcycle, 1.66),
    "boat": (craft.boat, 1.34),
    "airplane": (craft.airplane, 1.96),
    "kite": (shaped.kite, 0.80),
    "balloon": (shaped.balloon, 0.80),
    "cushion": (shaped.cushion, 1.00),
    "clock": (shaped.clock, 1.02),
    "lantern": (shaped.lantern, 0.84),
    "bench": (outdoors.bench, 1.74),
    "umbrella": (outdoors.umbrella, 1.20),
    "suitcase": (outdoors.suitcase, 0.74),
    "sports ball": (outdoors.sports_ball, 1.02),
    "chair": (furniture.chair, 0.76),
    "couch": (furniture.couch, 2.00),
    "potted plant": (furniture.potted_plant, 0.86),
    "vase": (tableware.vase, 0.66),
    "book": (tableware.book, 0.86),
    "cup": (tableware.cup, 1.18),
    "bottle": (tableware.bottle, 0.52),
    "cake": (tableware.cake, 1.24),
    "teddy bear": (furniture.teddy_bear, 0.82),
    "tv": (furniture.tv, 1.30),
    "fire hydrant": (outdoors.fire_hydrant, 0.72),
    "traffic light": (outdoors.traffic_light, 0.48),
    "stop sign": (outdoors.stop_sign, 0.68),
    "backpack": (outdoors.backpack, 0.84),
    "guitar": (furniture.guitar, 0.60),
}

THINGS: dict[str, Drawer] = {name: drawer for name, (drawer, _) in _TABLE.items()}
ASPECT: dict[str, float] = {name: aspect for name, (_, aspect) in _TABLE.items()}
