"""Let torchvision be imported beside a CPU-only torch. Import this module before anything that imports torchvision.

The torchvision wheel of the package index is linked against a CUDA torch. Beside a CPU-only torch its C++ library
cannot be loaded, and `import torchvision` stops at "operator torchvision::nms does not exist", because it describes
the output shapes of two operators (`nms`, `qnms`) that nobody declared. Declaring them is enough: open_clip and
transformers use torchvision's image transforms, which are plain Python, and no box operator. Calling `nms` still
fails, loudly.
"""

from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

import torch

# The signatures are torchvision's own, from torchvision/csrc/ops/nms.cpp and quantized/cpu/qnms_kernel.cpp (0.28).
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

_declared: list[torch.library.Library] = []  # a Library takes its operators with it when it is collected


def compiled_library() -> Path | None:
    """The file of torchvision's C++ operators, or None where torchvision is absent or was built without them."""
    package = find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        return None
    spec = PathFinder.find_spec("_C", package.submodule_search_locations)
    return Path(spec.origin) if spec and spec.origin else None


def has_operators() -> bool:
    """True if torchvision's own operators can be loaded, in which case declaring them again would be an error."""
    library = compiled_library()
    if library is None:
        return False
    try:
        torch.ops.load_library(str(library))
    except OSError:  # the linker cannot satisfy it: this is the case the module exists for
        return False
    return True


def register() -> bool:
    """Declare `nms` and `qnms` in the `torchvision` namespace if they are missing; True if that was needed."""
    if _declared or has_operators():
        return bool(_declared)
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)
    return True


register()
