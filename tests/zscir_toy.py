"""A small material of chapter 3 on the shipped CLIP, shared by several test modules."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from pinpoint.diorama import tasks
from pinpoint.diorama.triplets import triplets
from pinpoint.encoders import load
from pinpoint.store import Store
from pinpoint.study.layout import find_layout
from pinpoint.training import Plan
from pinpoint.zscir_setup import encode_triplets, make_material
from pinpoint.zscir_study import ask


@cache
def world(name: str = "diorama-clip") -> Any:
    """encoder, store, material, some triplets, their bank and rows, and an asked benchmark."""
    encoder: Any = load(name, device="cpu")
    store = Store(Path(find_layout().cache) / "zscir")
    material = make_material(encoder, store, 96)
    some = triplets(45, references=material.scenes)
    bank, rows = encode_triplets(encoder, store, some)
    benchmark = tasks.composed("dev", queries=18, gallery=160)
    asked = ask(encoder, material.clip, store, benchmark)
    oti = material.bank.v, torch.randn(96, material.clip.side.width, generator=torch.Generator().manual_seed(0))
    return SimpleNamespace(encoder=encoder, store=store, material=material, some=some, bank=bank, rows=rows,
                           asked=asked, clip=material.clip, oti=oti)  # fmt: skip


def plan(updates: int = 12, lr: float = 2e-3, seed: int = 0) -> Plan:
    return Plan(updates, lr, warmup=2, seed=seed)
