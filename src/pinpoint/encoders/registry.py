"""Public encoders by short name: a table of rows, not decorators. Any other open_clip model loads by its full name.

`source` is spelled as `open_clip/ARCHITECTURE/TAG`. Dimensions and sizes are checked against open_clip's own configs in
the tests. Memory is the float32 weights in MB; the licence is the one on the model's page, of the weights.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderRow:
    """One public encoder."""

    name: str
    kind: str
    architecture: str
    pretrained: str
    dim: int
    image_size: int
    licence: str
    memory_mb: int

    @property
    def source(self) -> str:
        """The full name that `load` takes."""
        return f"open_clip/{self.architecture}/{self.pretrained}"


ROWS = (
    EncoderRow("clip-b32", "clip", "ViT-B-32-quickgelu", "openai", 512, 224, "MIT", 605),
    EncoderRow("clip-b16", "clip", "ViT-B-16-quickgelu", "openai", 512, 224, "MIT", 599),
    EncoderRow("clip-l14", "clip", "ViT-L-14-quickgelu", "openai", 768, 224, "MIT", 1711),
    EncoderRow("clip-l14-336", "clip", "ViT-L-14-336-quickgelu", "openai", 768, 336, "MIT", 1712),
    EncoderRow("openclip-b32", "clip", "ViT-B-32", "laion2b_s34b_b79k", 512, 224, "MIT", 605),
    EncoderRow("openclip-l14", "clip", "ViT-L-14", "laion2b_s32b_b82k", 768, 224, "MIT", 1711),
    EncoderRow("siglip2-b16", "siglip", "ViT-B-16-SigLIP2", "webli", 768, 224, "Apache-2.0", 1501),
    EncoderRow("siglip2-so400m-384", "siglip", "ViT-SO400M-16-SigLIP2-384", "webli", 1152, 384, "Apache-2.0", 4545),
    EncoderRow("eva02-b16", "eva", "EVA02-B-16", "merged2b_s8b_b131k", 512, 224, "MIT", 599),
    EncoderRow("eva02-l14-336", "eva", "EVA02-L-14-336", "merged2b_s6b_b61k", 768, 336, "MIT", 1713),
)

BY_NAME = {row.name: row for row in ROWS}
SHIPPED = ("diorama-clip",)


def kind_of(architecture: str) -> str:
    """The family of an open_clip architecture, as the registry names it."""
    lowered = architecture.lower()
    return next((kind for kind in ("siglip", "eva") if kind in lowered), "clip")
