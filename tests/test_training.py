"""The loop: what it computes, what it leaves when it is killed, and what it says when something is wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pinpoint.torchvision_shim  # noqa: F401
from pinpoint import encoders
from pinpoint.encoders.sources import build_model
from pinpoint.encoders.tokenizer import build_vocabulary, load_tokenizer, save_vocabulary
from pinpoint.errors import PinpointError
from pinpoint.files import read_json
from pinpoint.recipes.card import write_card
from pinpoint.recipes.clip import ClipConfig, clamp_temperature, forward, train_clip
from pinpoint.recipes.pairs import CHUNK, PairBatches, render_memmap
from pinpoint.recipes.registry import train
from pinpoint.training import CHECKPOINT, Plan, chosen_precision, fit, parameter_groups, prefetch

PLAN = Plan(steps=6, lr=1e-2, warmup=2, save_every=3, evaluate_every=4)
CONFIG = ClipConfig(16, 8, width=16, layers=1, head_width=8, text_width=16, text_layers=1, text_heads=2,
                    context_length=24, embed_dim=8)  # fmt: skip


def batch(i: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(i)
    x = torch.randn(8, 4, generator=generator)
    return x, x.sum(1, keepdim=True)


def network() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 1))  # dropout draws random numbers


def step(model: Any, data: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return (model(data[0]).float() - data[1]).square().mean()


def assert_same(one: nn.Module, other: nn.Module) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_that_stops_and_resumes_ends_with_the_same_weights(tmp_path: Path, precision: str) -> None:
    plan = Plan(**{**vars(PLAN), "precision": precision})
    straight, broken, resumed = network(), network(), network()
    whole = fit(straight, step, batch, plan, folder=tmp_path / "whole")

    def fails(i: int) -> Any:
        if i == 4:
            raise OSError("the disk is gone")
        return batch(i)

    with pytest.raises(OSError, match="disk"):
        fit(broken, step, fails, plan, folder=tmp_path / "broken")
    second = fit(resumed, step, batch, plan, folder=tmp_path / "broken")
    assert_same(straight, resumed)
    assert second.losses == whole.losses and len(second.losses) == 6
    assert whole.losses[0] != whole.losses[-1]


def test_auto_is_what_the_processor_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    auto = Plan(**{**vars(PLAN), "precision": "auto"})
    for able, expected in (({}, "float32"), ({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert chosen_precision(cpu, auto) == expected
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert chosen_precision(gpu, auto) == "bfloat16"
    assert chosen_precision(gpu, Plan(**{**vars(PLAN), "precision": "float32"})) == "float32"
    history = fit(network(), step, batch, auto)
    assert history.device.endswith("float32")
    with pytest.raises(PinpointError, match="unknown precision 'half'; known: auto, float32, bfloat16"):
        chosen_precision(cpu, Plan(**{**vars(PLAN), "precision": "half"}))


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_training as t
from pathlib import Path
def dies(model, data):
    dies.count += 1
    if dies.count == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return t.step(model, data)
dies.count = 0
t.fit(t.network(), dies, t.batch, t.PLAN, folder=Path({folder!r}))
"""


def test_kill_minus_nine_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == -signal.SIGKILL
    straight, resumed = network(), network()
    fit(straight, step, batch, PLAN)
    history = fit(resumed, step, batch, PLAN, folder=folder)
    assert_same(straight, resumed)
    assert history.step == 6
    assert {file.name for file in folder.iterdir()} == {CHECKPOINT, "train.log"}


def test_ctrl_c_saves_and_the_next_call_goes_on(tmp_path: Path) -> None:
    def interrupted(model: Any, data: Any) -> torch.Tensor:
        interrupted.count += 1  # type: ignore[attr-defined]  # a counter on the function
        if interrupted.count == 2:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGINT)
        return step(model, data)

    interrupted.count = 0  # type: ignore[attr-defined]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="saved at step 2"):
        fit(network(), interrupted, batch, PLAN, folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    straight, resumed = network(), network()
    fit(straight, step, batch, PLAN)
    fit(resumed, step, batch, PLAN, folder=tmp_path)
    assert_same(straight, resumed)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    fit(network(), step, batch, PLAN, folder=tmp_path)
    other = Plan(**{**vars(PLAN), "lr": 0.5})
    with pytest.raises(PinpointError, match="other numbers"):
        fit(network(), step, batch, other, folder=tmp_path)
    assert fit(network(), step, batch, other, folder=tmp_path, resume=False).step == 6
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:-7])
    with pytest.raises(PinpointError, match="damaged"):
        fit(network(), step, batch, other, folder=tmp_path)


def test_a_loss_that_is_not_a_number_stops_before_the_weights_change(tmp_path: Path) -> None:
    model = network()

    def explodes(model: Any, data: Any) -> torch.Tensor:
        explodes.count += 1  # type: ignore[attr-defined]
        return step(model, data) * (float("nan") if explodes.count == 5 else 1.0)  # type: ignore[attr-defined]

    explodes.count = 0  # type: ignore[attr-defined]
    with pytest.raises(PinpointError, match=r"loss nan.* at step 4; lower the learning rate; the last good state"):
        fit(model, explodes, batch, PLAN, folder=tmp_path)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_the_schedule_warms_up_and_falls_to_zero() -> None:
    plan = Plan(steps=100, lr=1.0, warmup=10)
    rates = [plan.lr_at(i) for i in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == pytest.approx(1.0) == rates[10]
    assert rates[55] == pytest.approx(0.5) and rates[100] == pytest.approx(0.0, abs=1e-12)
    assert sorted(rates[10:], reverse=True) == rates[10:]


def test_only_matrices_decay() -> None:
    decayed, kept = parameter_groups(network(), 0.1)
    assert [p.ndim for p in decayed["params"]] == [2, 2] and [p.ndim for p in kept["params"]] == [1, 1]
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)


def test_a_module_may_state_rates_for_its_parts() -> None:
    class Two(nn.Module):
        rates = {"slow": 0.25}  # noqa: RUF012

        def __init__(self) -> None:
            super().__init__()
            self.slow, self.fast = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    module = Two()
    plan = Plan(steps=3, lr=0.1, warmup=1, weight_decay=0.0, clip_norm=1e9, precision="float32")
    fit(module, lambda m, _: (m.slow - 1).sum() + (m.fast - 1).sum(), lambda i: torch.zeros(1), plan)
    moved = sum(plan.lr_at(i) for i in range(3))  # AdamW under a constant gradient moves by its rate
    assert torch.allclose(module.fast, torch.full((2,), -moved), rtol=1e-4)
    assert torch.allclose(module.slow, torch.full((2,), -0.25 * moved), rtol=1e-4)
    Two.rates = {"slw": 0.5}
    with pytest.raises(PinpointError, match="rates for slw, of which the module has no parameter"):
        parameter_groups(module, 0.1)


def test_evaluation_runs_on_time_in_evaluation_mode_and_the_log_is_quiet(tmp_path: Path, capfd: Any) -> None:
    modes = []

    def evaluate(module: nn.Module) -> dict[str, float]:
        modes.append(module.training)
        return {"r1": 12.5}

    history = fit(network(), step, batch, PLAN, folder=tmp_path, evaluate=evaluate)
    assert history.curve == [{"step": 4.0, "r1": 12.5}, {"step": 6.0, "r1": 12.5}] and modes == [False, False]
    assert capfd.readouterr() == ("", "")  # no terminal: nothing is printed
    assert "step 6/6" in (tmp_path / "train.log").read_text()


def test_prefetch_keeps_the_order_and_passes_errors_on() -> None:
    assert [i for i, _ in prefetch(lambda i: i, 3, 9)] == [3, 4, 5, 6, 7, 8]
    assert [data for _, data in prefetch(lambda i: i * i, 0, 5)] == [0, 1, 4, 9, 16]
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda i: 1 // (2 - i), 0, 5))


class Pairs:
    """Five kinds of plain squares, named by their colour."""

    digest = "squares"
    colours = ("black", "red", "green", "blue", "white")

    def __len__(self) -> int:
        return 40

    def image(self, i: int) -> np.ndarray:
        values = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
        return np.full((16, 16, 3), values[i % 5], np.uint8)

    def caption(self, i: int, epoch: int, seed: int = 0) -> str:
        return ("a " if (i + epoch) % 2 else "one very very ") + self.colours[i % 5] + " square"


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    save_vocabulary(tmp_path / "t.txt.gz", build_vocabulary(Pairs().caption(i, e) for i in range(5) for e in range(2)))
    return load_tokenizer(tmp_path / "t.txt.gz", 24)


def test_batches_are_a_function_of_their_number(tokenizer: Any) -> None:
    pairs = Pairs()
    images = np.stack([pairs.image(i) for i in range(40)])
    one, other = (PairBatches(images, pairs, tokenizer, 16, seed=3) for _ in range(2))
    for i in (5, 0, 3, 3):  # in any order
        for a, b in zip(one(i), other(i), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(one(0)[0], one(1)[0])
    epochs = [[one.rows(2 * epoch + i) for i in range(2)] for epoch in range(2)]
    assert [[number for number, _ in some] for some in epochs] == [[0, 0], [1, 1]]
    first, second = (np.concatenate([rows for _, rows in some]) for some in epochs)
    assert len(set(first.tolist())) == 32 and first.tolist() != second.tolist()
    with pytest.raises(PinpointError, match="40 pairs are fewer than one batch of 64"):
        PairBatches(images, pairs, tokenizer, 64, seed=0)


def test_tokens_of_a_batch_equal_the_tokenizers(tokenizer: Any) -> None:
    pairs = Pairs()
    tokens = PairBatches(np.zeros((40, 16, 16, 3), np.uint8), pairs, tokenizer, 8, 0).tokens(np.arange(8), 1)
    expected = tokenizer([pairs.caption(i, 1) for i in range(8)])
    assert tokens.shape == (8, 8)
    assert torch.equal(tokens, expected[:, :8]) and not expected[:, 8:].any()


def test_cut_captions_give_what_padded_captions_give(tokenizer: Any) -> None:
    torch.manual_seed(0)
    model: Any = build_model(CONFIG.model_cfg(tokenizer.vocab_size), "test").eval()
    tokens = tokenizer(["a red square", "one very very blue square"])
    pixels = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        for cut, whole in zip(forward(model, pixels, tokens[:, :8]), model(pixels, tokens), strict=True):
            torch.testing.assert_close(cut, whole, atol=1e-6, rtol=1e-5)


def test_the_temperature_is_bounded(tokenizer: Any) -> None:
    model: Any = build_model(CONFIG.model_cfg(tokenizer.vocab_size), "test")
    model.logit_scale.data.fill_(9.0)
    clamp_temperature(model)
    assert model.logit_scale.exp().item() == pytest.approx(100.0)


def test_a_small_clip_learns_colours_and_opens_through_the_door(tmp_path: Path) -> None:
    pairs = Pairs()
    images = render_memmap(40, 16, pairs.image, tmp_path / "pixels.npy", workers=1)
    plan = Plan(steps=40, lr=3e-3, warmup=5, evaluate_every=20, save_every=20, precision="float32")
    words = [pairs.caption(i, epoch) for i in range(5) for epoch in range(2)]
    evaluate = lambda model, tokenizer: {"scale": float(model.logit_scale.exp())}  # noqa: E731
    history = train_clip(
        CONFIG, pairs, images, words, tmp_path / "out", plan=plan, batch=20, evaluate=evaluate, work=tmp_path / "work"
    )
    assert history.losses[-1] < history.losses[0] - 0.5
    encoder = encoders.load(str(tmp_path / "out"), device="cpu")
    text_emb = encoder.encode_texts([f"a {colour} square" for colour in pairs.colours])
    scores = text_emb @ encoder.encode_images(images[:5]).T
    assert scores.argmax(1).tolist() == [0, 1, 2, 3, 4]
    assert [point["step"] for point in read_json(tmp_path / "out" / "dev_curve.json")] == [20, 40]

    class Settings:
        scenes, batch, plan = 40, 20, Plan(steps=40, lr=3e-3)

    write_card(tmp_path / "out", "squares", Settings, history, "pinpoint train squares", data=pairs.digest)
    card = (tmp_path / "out" / "card.md").read_text()
    for fact in ("pinpoint train squares", "40 (800 pairs)", "seed 0", "`squares`", "| 20 |"):
        assert fact in card
    assert encoder.record.weights_sha256 in card


def test_rendering_resumes_by_chunk_and_happens_once(tmp_path: Path) -> None:
    n, path, drawn = CHUNK + 3, tmp_path / "pixels.npy", []

    def render(i: int) -> np.ndarray:
        if i == CHUNK and not drawn.count(CHUNK):
            drawn.append(i)
            raise MemoryError("killed here")
        drawn.append(i)
        return np.full((2, 2, 3), i % 251, np.uint8)

    with pytest.raises(MemoryError):
        render_memmap(n, 2, render, path, workers=1)
    assert not path.exists()
    images = render_memmap(n, 2, render, path, workers=1)
    assert images.shape == (n, 2, 2, 3) and (images[:, 0, 0, 0] == np.arange(n) % 251).all()
    assert len(drawn) == n + 1  # the first chunk was not drawn again
    assert render_memmap(n, 2, render, path).shape == images.shape and len(drawn) == n + 1
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".tmp"] == ["pixels.npy"]  # but for the lock


def render_index(i: int) -> np.ndarray:
    return np.full((2, 2, 3), i % 251, np.uint8)


@pytest.mark.slow
def test_several_workers_draw_what_one_draws(tmp_path: Path) -> None:
    from pinpoint.diorama.world import TrainingPairs

    pairs = TrainingPairs(CHUNK + 4, size=16)
    many = render_memmap(len(pairs), 16, pairs.image, tmp_path / "many.npy", workers=2)
    one = render_memmap(len(pairs), 16, pairs.image, tmp_path / "one.npy", workers=1)
    assert np.array_equal(many, one)


def test_an_unknown_recipe_or_profile_is_one_line() -> None:
    with pytest.raises(PinpointError, match="unknown recipe 'gpt'; known: diorama-blip, diorama-clip"):
        train("gpt")
    with pytest.raises(PinpointError, match="unknown training profile 'huge'; known: full, lite, smoke"):
        train("diorama-clip", profile="huge")


@pytest.mark.slow
def test_the_smoke_recipe_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    out = train("diorama-clip", profile="smoke")
    encoder = encoders.load(str(out), device="cpu")
    rows = encoder.encode_texts(["a dog on the beach", "a red car"])
    assert rows.shape == (2, encoder.dim) and (out / "card.md").is_file()
    assert out.is_relative_to(tmp_path)  # a smoke run never touches the weights of the package
