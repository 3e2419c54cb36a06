"""The device in words, the same in a card, in the ledger and in a benchmark."""

import os
import sys


def processor(threads: int | None = None, name: str = "CPU") -> str:
    """In words, as in CPU, 2 threads: `threads`, or as many as the libraries are told to use, or the machine has."""
    count = threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    return f"{name}, {count} thread{'s' * (count != 1)}"


def device_in_words(gpu: bool = True) -> str:
    """The GPU's name where torch is loaded and sees one and `gpu` allows it, else the processor. Imports nothing."""
    torch = sys.modules.get("torch")
    if gpu and torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return processor()
