"""One plain training loop on accelerate: mixed precision, cosine schedule, clipping, checkpoint, exact resume.

The loop knows nothing of what it trains. It takes a module, a function `step(module, batch) -> loss` and a source
`batch(i)` that is a function of the step alone; so resuming needs no sampler state, and a run that was killed ends with
the very weights of a run that was not (tested).
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pinpoint.devices import processor
from pinpoint.errors import PinpointError
from pinpoint.training_progress import progress, stop_signals
from pinpoint.training_state import CHECKPOINT, History, Plan, restore, save

__all__ = ["CHECKPOINT", "History", "Plan", "device_name", "fit"]


def fit(
    module: nn.Module,
    step: Callable[[Any, Any], torch.Tensor],
    batch: Callable[[int], Any],
    plan: Plan,
    *,
    folder: Path | None = None,
    evaluate: Callable[[Any], Mapping[str, float]] | None = None,
    after_step: Callable[[nn.Module], None] | None = None,
    resume: bool = True,
    label: str = "training",
) -> History:
    """Train `module` in place for `plan.steps` updates and return the `History`.

    `batch(i)` runs in a background thread, ahead of need; tensors in a tuple are moved to the device.
    `evaluate(module)` is called in evaluation mode every `plan.evaluate_every` updates and at the end. With a `folder`,
    state is saved there every `plan.save_every` updates, on Ctrl-C and at the end; a later call with the same plan
    goes on from it.
    Raises `PinpointError` when the loss or its gradient is not finite, or a checkpoint belongs to another plan.
    """
    accelerator = Accelerator()
    torch.manual_seed(plan.seed)
    optimizer = torch.optim.AdamW(parameter_groups(module, plan.weight_decay), lr=plan.lr, betas=plan.betas, fused=True)
    model, optimizer = accelerator.prepare(module, optimizer)
    device = f"{device_name(accelerator.device)}, {chosen_precision(accelerator.device, plan)}"
    history, path = History(device=device), folder / CHECKPOINT if folder else None
    if path and resume and path.is_file():
        history = restore(path, module, optimizer, plan)
    started = time.monotonic() - history.seconds
    module.train()
    with stop_signals() as stopped, progress(plan, history, folder, label) as report:
        for i, data in prefetch(batch, history.step, plan.steps):
            for group in optimizer.param_groups:
                group["lr"] = plan.lr_at(i) * group["rate"]
            with precision(accelerator.device, plan), attention(accelerator.device):
                loss = step(model, to_device(data, accelerator.device))
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(module.parameters(), plan.clip_norm)
            refuse_not_finite(float(loss.detach()), float(norm), i, path)
            optimizer.step()
            optimizer.zero_grad()
            if after_step:
                after_step(module)
            history.losses.append(float(loss.detach()))
            last = history.step == plan.steps
            if evaluate and (last or history.step % plan.evaluate_every == 0):
                history.curve.append({"step": float(history.step), **evaluation(evaluate, module)})
            history.seconds = time.monotonic() - started
            due = last or stopped.is_set() or history.step % plan.save_every == 0
            if path and accelerator.is_main_process and due:
                save(path, module, optimizer, plan, history)
            report(history)
            if stopped.is_set() and not last:
                where = f"; saved at step {history.step}, the same command goes on from there" if path else ""
                raise KeyboardInterrupt(f"{label} stopped{where}")
    module.eval()
    return history


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; gains, biases and the temperature (fewer than two dimensions) do not, as CLIP is trained.

    A module may have `rates`, a learning rate relative to the plan's by the first part of a parameter's name: what is
    new and what is trained already rarely want the same.
    """
    rates: Mapping[str, float] = getattr(module, "rates", {})
    strange = set(rates) - {name.partition(".")[0] for name, _ in module.named_parameters()}
    if strange:
        raise PinpointError(f"rates for {', '.join(sorted(strange))}, of which the module has no parameter")
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            key = (rates.get(name.partition(".")[0], 1.0), weight_decay if parameter.ndim >= 2 else 0.0)
            groups.setdefault(key, []).append(parameter)
    return [{"params": params, "weight_decay": decay, "rate": rate} for (rate, decay), params in groups.items()]


def precision(device: torch.device, plan: Plan) -> AbstractContextManager[Any]:
    """Autocast. Not accelerate's own switch: that one is fixed for the life of a process, a notebook trains in both."""
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen_precision(device, plan) == "bfloat16")


def chosen_precision(device: torch.device, plan: Plan) -> str:
    """The plan's, or for "auto" bfloat16 where the processor computes in it. Where it does not, bfloat16 is emulated,
    and a step was seen to take twenty times as long."""
    if plan.precision not in ("auto", "float32", "bfloat16"):
        raise PinpointError(f"unknown precision {plan.precision!r}; known: auto, float32, bfloat16")
    if plan.precision != "auto":
        return plan.precision
    able = torch.cpu.get_capabilities()
    native = device.type != "cpu" or any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def attention(device: torch.device) -> AbstractContextManager[Any]:
    """On a CPU the plain product: for short sequences the fused kernel's backward pass takes a third of the step."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def prefetch(batch: Callable[[int], Any], start: int, stop: int, ahead: int = 4) -> Iterator[tuple[int, Any]]:
    """Yield (i, batch(i)) for i in start..stop-1, in order, made by one background thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        pending = deque(pool.submit(batch, i) for i in range(start, min(start + ahead, stop)))
        try:
            for i in range(start, stop):
                data = pending.popleft().result()
                if i + ahead < stop:
                    pending.append(pool.submit(batch, i + ahead))
                yield i, data
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def to_device(data: Any, device: torch.device) -> Any:
    """Move a tensor, or the tensors of a tuple, to the device."""
    if isinstance(data, torch.Tensor):
        return data.to(device, non_blocking=True)
    return tuple(to_device(item, device) for item in data) if isinstance(data, tuple) else data


def refuse_not_finite(loss: float, norm: float, step: int, path: Path | None) -> None:
    """Stop before a bad update reaches the weights."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    kept = f"; the last good state is in {path}" if path and path.is_file() else ""
    raise PinpointError(f"loss {loss}, gradient norm {norm} at step {step}; lower the learning rate{kept}")


def evaluation(evaluate: Callable[[Any], Mapping[str, float]], module: nn.Module) -> dict[str, float]:
    """Run the callback in evaluation mode, without gradients."""
    module.eval()
    with torch.no_grad():
        scores = {key: float(value) for key, value in evaluate(module).items()}
    module.train()
    return scores


def device_name(device: torch.device) -> str:
    """The device as a card names it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor(torch.get_num_threads())
