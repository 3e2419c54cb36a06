"""Small architecture for the middle ground. Its shape is incidental; what it is made of is asked for."""

from pinpoint.diorama.brush import Brush, Variety
from pinpoint.diorama.colour import INK, RGB, lighter
from pinpoint.diorama.materials import BASE, material_fill
from pinpoint.diorama.paths import box, path
from pinpoint.diorama.scene import STRUCTURES
from pinpoint.errors import unknown

ASPECT = {"wall": 1.5, "hut": 1.26, "tower": 0.8, "arch": 1.36, "steps": 1.5}

_DARK: RGB = (58, 48, 56)  # inside
_SHADE: RGB = (44, 38, 70)  # over the side away from the light

# Outlines, and the parts of them that lie in shade.
_WALLS = (
    "M-0.72 0 L-0.72 -0.86 L-0.44 -0.86 L-0.44 -0.98 L-0.2 -0.98 L-0.2 -0.86 L0.08 -0.86 L0.08 -0.98 L0.32 -0.98 "
    "L0.32 -0.86 L0.72 -0.86 L0.72 0 Z",
    "M-0.72 0 L-0.72 -0.98 L-0.1 -0.98 L0.06 -0.84 L0.26 -0.8 L0.44 -0.66 L0.72 -0.6 L0.72 0 Z",
)
_OUTLINE = {
    "hut": "M-0.5 0 L-0.5 -0.52 L-0.61 -0.5 L0 -0.99 L0.61 -0.5 L0.5 -0.52 L0.5 0 Z",
    "tower": (
        "M-0.3 0 L-0.27 -0.74 L-0.37 -0.8 L-0.37 -0.99 L-0.21 -0.99 L-0.21 -0.9 L-0.08 -0.9 L-0.08 -0.99 L0.08 -0.99 "
        "L0.08 -0.9 L0.21 -0.9 L0.21 -0.99 L0.37 -0.99 L0.37 -0.8 L0.27 -0.74 L0.3 0 Z"
    ),
    "arch": (
        "M-0.66 0 L-0.66 -0.99 L0.66 -0.99 L0.66 0 L0.29 0 L0.29 -0.36 C0.29 -0.78 -0.29 -0.78 -0.29 -0.36 L-0.29 0 Z"
    ),
    "steps": (
        "M-0.73 0 L-0.73 -0.25 L-0.37 -0.25 L-0.37 -0.49 L0 -0.49 L0 -0.74 L0.37 -0.74 L0.37 -0.98 "
        "L0.73 -0.98 L0.73 0 Z"
    ),
}
_SHADED = {
    "wall": "M0.56 -1 L0.74 -1 L0.74 0 L0.56 0 Z",
    "hut": "M-0.5 -0.54 L0 -0.92 L0.5 -0.54 L0.5 -0.44 L0 -0.82 L-0.5 -0.44 Z",
    "tower": "M0.12 0 L0.11 -0.72 L-0.27 -0.72 L-0.27 -0.78 L0.4 -0.78 L0.3 0 Z",
    "arch": "M0.29 0 L0.29 -0.36 C0.29 -0.78 -0.29 -0.78 -0.29 -0.36 L-0.29 0 L-0.35 0 L-0.35 -0.36 "
    "C-0.35 -0.86 0.35 -0.86 0.35 -0.36 L0.35 0 Z",
    "steps": "M0.6 -1 L0.74 -1 L0.74 0 L0.6 0 Z",
}
_LIT = {  # upper edges, which catch the light
    "wall": "M-0.72 -0.86 L-0.44 -0.86 M-0.44 -0.98 L-0.2 -0.98 M-0.2 -0.86 L0.08 -0.86 M0.08 -0.98 L0.32 -0.98 "
    "M0.32 -0.86 L0.72 -0.86",
    "hut": "M-0.61 -0.5 L0 -0.99 L0.61 -0.5",
    "tower": "M-0.37 -0.99 L-0.21 -0.99 M-0.21 -0.9 L-0.08 -0.9 M-0.08 -0.99 L0.08 -0.99 M0.08 -0.9 L0.21 -0.9 "
    "M0.21 -0.99 L0.37 -0.99",
    "arch": "M-0.66 -0.99 L0.66 -0.99",
    "steps": "M-0.73 -0.25 L-0.37 -0.25 M-0.37 -0.49 L0 -0.49 M0 -0.74 L0.37 -0.74 M0.37 -0.98 L0.73 -0.98",
}
_RUIN_LIT = "M-0.72 -0.98 L-0.1 -0.98 L0.06 -0.84 L0.26 -0.8 L0.44 -0.66 L0.72 -0.6"  # the second wall, half fallen
_CORNER = {"wall": 0.72, "hut": 0.5, "tower": 0.3, "arch": 0.66, "steps": 0.73}  # x of the lower right corner
_CURL = "M0.01 -0.2 L-0.2 0.01 C-0.17 -0.08 -0.17 -0.12 -0.2 -0.17 C-0.12 -0.15 -0.06 -0.16 0.01 -0.2 Z"
_SHADOW = {"wall": 0.72, "hut": 0.52, "tower": 0.36, "arch": 0.66, "steps": 0.72}


def structure(b: Brush, shape: str, material: str, v: Variety) -> None:
    """Draw a structure made of `material`; `v`, three numbers in [0, 1), varies layout, openings and silhouette."""
    if shape not in STRUCTURES:
        raise unknown("structure", shape, STRUCTURES)
    ruin = shape == "wall" and v[0] >= 0.5
    outline = path(_WALLS[ruin] if shape == "wall" else _OUTLINE[shape])
    b.shadow(_SHADOW[shape])
    material_fill(b, outline, material, v)
    with b.clip(outline):
        b.wash(path(_SHADED[shape]), _SHADE, _SHADE, alpha=0.26)
        b.line(path(_RUIN_LIT if ruin else _LIT[shape]), lighter(BASE[material], 0.35), 0.075)
    _opening(b, shape, v)
    b.line(outline, INK, 0.022)
    if material == "paper":
        _curled_corner(b, shape)


def _opening(b: Brush, shape: str, v: Variety) -> None:
    """A door or a slit: small, so that the texture stays the largest thing to see."""
    if shape == "hut":
        x = -0.24 if v[2] < 0.5 else 0.08
        b.fill(box(x, -0.34, x + 0.2, 0.0, 0.02), _DARK, shade=0)
    elif shape == "tower":
        b.fill(box(-0.06, -0.6, 0.06, -0.38, 0.06), _DARK, shade=0)
        if v[2] < 0.6:
            b.fill(path("M-0.1 0 L-0.1 -0.14 C-0.1 -0.26 0.1 -0.26 0.1 -0.14 L0.1 0 Z"), _DARK, shade=0)


def _curled_corner(b: Brush, shape: str) -> None:
    """The sign of a sheet: a corner that has come loose."""
    with b.at(_CORNER[shape], 0.0, 1.0):
        b.fill(path(_CURL), BASE["paper"], shade=0.2)
