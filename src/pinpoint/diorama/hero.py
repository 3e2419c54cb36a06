"""The picture on the cover: twelve scenes chosen by hand, one for each place, in all weathers, by day and by night."""

from PIL import Image

from pinpoint.diorama.scene import Scene, Thing
from pinpoint.diorama.sheets import scenes_sheet


def _animal(name: str, colour: str, size: str = "huge") -> Thing:
    return Thing("animal", name, colour, size)


def _object(name: str, colour: str, size: str = "small", shape: str | None = None) -> Thing:
    return Thing("object", name, colour, size, shape)


# subject, its position, place, time, weather, people, gesture, material, structure, others, variant
COVER = (
    Scene(_animal("giraffe", "black"), "centre", "beach", "afternoon", "sunny", 0, None, "metal", "hut",
          (_object("vase", "blue"), _animal("bear", "brown", "medium"), _animal("horse", "white", "small")),
          1955042115),
    Scene(_animal("dog", "purple", "large"), "left", "street", "dusk", "cloudy", 0, None, None, None,
          (_animal("bear", "black", "small"), _object("suitcase", "brown", "medium")), 1566786961),
    Scene(_animal("horse", "blue"), "right", "forest", "evening", "cloudy", 3, "sit", None, None,
          (_animal("sheep", "orange", "medium"),), 1844168395),
    Scene(_animal("bird", "black", "large"), "right", "mountains", "sunrise", "cloudy", 2, "jump", None, None,
          (_object("bench", "pink"),), 456448173),
    Scene(_animal("bear", "blue"), "right", "desert", "night", "cloudy", 0, None, "wood", "arch",
          (_object("potted plant", "orange"), _animal("zebra", "grey", "medium")), 1854490099),
    Scene(_object("kite", "purple", "huge", "star"), "centre", "playground", "daytime", "sunny", 3, "stand", None, None,
          (_object("chair", "brown"), _animal("cow", "blue", "small")), 89300427),
    Scene(_animal("cat", "white"), "left", "library", "afternoon", "rainy", 4, "squat", "brick", "hut", (), 64809565),
    Scene(_object("truck", "yellow", "huge"), "left", "harbour", "afternoon", "sunny", 4, "sit", None, None,
          (_animal("dog", "orange", "medium"),), 1640274393),
    Scene(_animal("sheep", "white"), "left", "farm", "morning", "snowy", 2, "jump", None, None,
          (_animal("bird", "red", "small"),), 21),
    Scene(_object("cake", "pink", "huge"), "centre", "living room", "night", "clear", 4, "sit", None, None,
          (_object("balloon", "red", "medium", "heart"),), 20),
    Scene(_object("umbrella", "red", "huge"), "right", "park", "dusk", "rainy", 0, None, "stone", "arch",
          (_animal("elephant", "grey", "medium"),), 21),
    Scene(_object("teddy bear", "green", "huge"), "left", "kitchen", "morning", "sunny", 1, "stand", None, None,
          (_object("cushion", "blue", "small", "triangle"),), 1754481214),
)  # fmt: skip


def hero_sheet(style: str = "natural", size: int = 320) -> Image.Image:
    """The twelve scenes of the cover, six in a row."""
    return scenes_sheet(COVER, style, size, columns=6)
