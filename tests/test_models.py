"""`pinpoint models`: every row of the registry and every folder of weights, quickly, with or without the weights."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hub_toy import put_in_cache
from pinpoint import models_console
from pinpoint.encoders import known, listing
from pinpoint.encoders.listing import models, of_mllm
from pinpoint.encoders.registry import BLIP_ROWS, MLLM_BY_NAME, MLLM_ROWS, ROWS
from pinpoint.encoders.shipped import describe, kind_of_folder, shipped_folder
from pinpoint.errors import PinpointError
from pinpoint.files import read_json, write_json

FIELDS = {
    "name", "kind", "checkpoint", "revision", "image_size", "resize_mode", "max_pixels", "dim", "licence", "memory_mb",
    "here", "what",
}  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], as_json: bool = False) -> str:
    models_console.list_models(as_json)
    return capsys.readouterr().out


def test_every_model_has_a_line(hub_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = sorted(config.parent.name for config in shipped_folder("").glob("*/config.json"))
    names = [*folders, *(row.name for row in (*ROWS, *BLIP_ROWS, *MLLM_ROWS))]
    lines = printed(capsys).splitlines()
    assert lines[0].split() == list(models_console.COLUMNS)
    assert [line.split()[0] for line in lines[1:]] == names and set(known()) <= set(names)
    shown = {line.split()[0]: " ".join(line.split()) for line in lines}
    assert shown["clip-l14-336"] == (
        "clip-l14-336 clip open_clip/ViT-L-14-336-quickgelu/openai as fetched 336 px, shortest 768 MIT 1,712 pinpoint "
        "fetch clip-l14-336"
    )
    assert shown["blip-itm-base"] == (
        "blip-itm-base blip huggingface.co/Salesforce/blip-itm-base-coco as fetched 384 px, squash 256 BSD-3-Clause "
        "895 pinpoint fetch blip-itm-base"
    )
    assert "e39ff079b827 native, up to 1.0 MP 1536" in shown["vlm2vec-v2"]
    sha256 = read_json(shipped_folder("diorama-clip") / "config.json")["weights_sha256"]
    assert f"weights/diorama-clip {sha256[:12]} 96 px, shortest 192 MIT 20 shipped" in shown["diorama-clip"]


def test_json_holds_full_values(hub_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in json.loads(printed(capsys, as_json=True))}
    assert all(row.keys() == FIELDS for row in rows.values())
    assert rows["vlm2vec-v2"]["revision"] == MLLM_BY_NAME["vlm2vec-v2"].revision
    assert rows["diorama-qformer"]["kind"] == "blip-2" and rows["diorama-qformer"]["dim"] == 192
    assert rows["diorama-mllm"]["resize_mode"] == "native" and rows["diorama-mllm"]["image_size"] == 96
    assert rows["diorama-stem"]["what"].startswith("the first three layers of a small conv net")
    assert all(row["licence"] and row["memory_mb"] for row in rows.values())


def test_what_lies_in_the_cache_is_fetched(
    hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    files = tmp_path / "files"
    files.mkdir()
    (files / "model.safetensors").write_bytes(b"w")
    for row in (ROWS[0], BLIP_ROWS[0]):
        put_in_cache(hub_cache, row.repo, files)
    here = {model.name: model.here for model in models()}
    assert {name for name, said in here.items() if said == "fetched"} == {ROWS[0].name, BLIP_ROWS[0].name}
    adapter = MLLM_BY_NAME["vlm2vec-v2"]
    assert adapter.base is not None and adapter.revision is not None
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.safetensors").write_bytes(b"a")
    put_in_cache(hub_cache, adapter.repo, tmp_path / "adapter", adapter.revision)
    assert of_mllm(adapter).here == "pinpoint fetch vlm2vec-v2"  # its base is absent
    assert of_mllm(replace(adapter, revision="f" * 40, base=None)).here == "pinpoint fetch vlm2vec-v2"
    put_in_cache(hub_cache, adapter.base[0], files, str(adapter.base[1]))
    assert of_mllm(adapter).here == "fetched"
    monkeypatch.setattr(listing, "shipped", list)
    assert {model.here for model in models() if model.name.startswith("diorama-")} == {
        "pinpoint train diorama-clip", "pinpoint train diorama-mllm", "pinpoint train diorama-blip"
    }  # fmt: skip


def test_the_terminal_folds_and_loses_nothing(
    hub_cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console
    monkeypatch.setattr(
        models_console, "Console", lambda **_: console(width=80, force_terminal=True, color_system=None)
    )
    said = printed(capsys)
    assert max(map(len, said.splitlines())) <= 80 and "…" not in said


def test_a_folder_says_of_which_kind_it_is(tmp_path: Path) -> None:
    def kind(config: Any) -> str:
        write_json(tmp_path / "config.json", config)
        return kind_of_folder(tmp_path)

    ours = {name: kind({"format": f"pinpoint-{name}/1"}) for name in ("clip", "blip", "qformer", "rerank")}
    assert ours == {"clip": "clip", "blip": "blip", "qformer": "blip-2", "rerank": "rerank"}
    theirs = {name: kind({"model_type": name}) for name in ("blip", "blip-2", "qwen2_vl")}
    assert theirs == {"blip": "blip", "blip-2": "blip-2", "qwen2_vl": "mllm"}
    with pytest.raises(PinpointError, match="is not the config of a model"):
        kind([])
    copy = Path(shutil.copytree(shipped_folder("diorama-stem"), tmp_path / "both"))
    shutil.copy(copy / "model.safetensors", copy / "stage2.safetensors")
    write_json(copy / "config.json", {"format": "pinpoint-rerank/1", "weights_sha256": {"stage1": "a", "stage2": "b"}})
    found = describe(copy)
    assert (found.kind, found.dim, len(found.weights_sha256)) == ("rerank", None, 64)


def test_the_table_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pinpoint.models_console import list_models; list_models(); list_models(True); "
        "heavy = {'torch', 'open_clip', 'transformers'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
