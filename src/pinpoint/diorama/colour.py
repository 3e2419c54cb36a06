"""The world's colours, and how one becomes lighter, darker or another."""

RGB = tuple[int, int, int]

# Ten colours that stay apart under every light of the world, and grey. Values are gouache, not primaries.
COLOURS: dict[str, RGB] = {
    "red": (206, 58, 52),
    "orange": (236, 136, 50),
    "yellow": (245, 206, 72),
    "green": (84, 156, 76),
    "blue": (58, 112, 196),
    "purple": (128, 80, 168),
    "pink": (240, 150, 182),
    "brown": (134, 88, 56),
    "black": (52, 50, 56),
    "white": (246, 243, 236),
    "grey": (152, 152, 156),
}
INK: RGB = (62, 52, 58)  # outlines, eyes, whiskers: a warm near-black


def mix(a: RGB, b: RGB, t: float) -> RGB:
    """`a` at t = 0, `b` at t = 1."""
    return (round(a[0] + (b[0] - a[0]) * t), round(a[1] + (b[1] - a[1]) * t), round(a[2] + (b[2] - a[2]) * t))


def lighter(rgb: RGB, t: float) -> RGB:
    """Towards warm paper white."""
    return mix(rgb, (255, 250, 238), t)


def darker(rgb: RGB, t: float) -> RGB:
    """Towards a cool shadow, never to plain black: shadows outdoors are blue."""
    return mix(rgb, (38, 34, 58), t)


def luminance(rgb: RGB) -> float:
    """Perceived lightness in [0, 1] (Rec. 601 weights)."""
    return (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255
