"""A run seen from outside: its progress, its log, and the signals that stop it between two updates."""

import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from pinpoint.training_state import History, Plan

LOG_EVERY_SECONDS = 30.0


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """Ctrl-C (or a scheduler's SIGTERM) sets a flag, so that the update under way ends before anything is saved."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in signals]
    try:
        yield stopped
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def progress(plan: Plan, history: History, folder: Path | None, label: str) -> Iterator[Callable[[History], None]]:
    """A bar on a terminal; elsewhere (a notebook run, CI) nothing but a line every 30 s in `folder/train.log`."""
    logger = logging.getLogger(f"pinpoint.training.{id(history)}")
    logger.propagate, handler = False, logging.NullHandler() if folder is None else log_file(folder)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    bar = tqdm(total=plan.steps, initial=history.step, desc=label, disable=not sys.stderr.isatty())
    last = -math.inf

    def report(now: History) -> None:
        nonlocal last
        recent = now.losses[-20:]
        bar.update(now.step - bar.n)
        bar.set_postfix(loss=f"{sum(recent) / len(recent):.3f}", refresh=False)
        if time.monotonic() - last >= LOG_EVERY_SECONDS or now.step == plan.steps:
            last = time.monotonic()
            scores = " ".join(f"{key}={value:.4g}" for key, value in (now.curve[-1] if now.curve else {}).items())
            mean = sum(recent) / len(recent)
            logger.info("step %d/%d loss %.4f %.0f s %s", now.step, plan.steps, mean, now.seconds, scores)

    try:
        yield report
    finally:
        bar.close()
        logger.removeHandler(handler)
        handler.close()


def log_file(folder: Path) -> logging.FileHandler:
    """Append to `folder/train.log`, with times."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / "train.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    return handler
