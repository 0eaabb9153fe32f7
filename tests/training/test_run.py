"""Whole runs: what they leave behind, and that a stopped one goes on as if nothing had been."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from pytorch_lightning.callbacks import Callback
from safetensors.torch import load_file

import pcvae
from pcvae import checkpoints
from pcvae.training import NonFiniteError, VAEModule, model_config, train
from pcvae.training.resuming import LAST


def weights(path):
    return load_file(path)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def logged(folder):
    rows = []
    for path in sorted(folder.glob("logs/version_*/metrics.csv")):
        with path.open() as file:
            rows += list(csv.DictReader(file))
    return rows


def test_a_run_leaves_a_model_that_opens_anywhere(configure):
    config = configure()
    path = train(config)
    model = pcvae.load(path)
    assert model.config == model_config(config)
    assert not model.training
    assert model.normalization.scale != 1
    notes = checkpoints.notes(path)
    assert notes["train"]["batch_size"] == 4
    assert notes["steps"] == 2 * (14 // 4)  # 14 training shapes, two epochs
    assert json.loads((path.parent / "config.json").read_text()) == notes["train"]


def test_every_term_is_logged(configure):
    path = train(configure(batch_size=1))  # more than ten steps, the interval of logging
    seen = {name for row in logged(path.parent) for name, value in row.items() if value}
    terms = ["loss", "reconstruction", "kl_style", "kl_xyz", "kl_feat", "kl_weight"]
    assert {f"{stage}/{t}" for stage in ("train", "val") for t in terms} <= seen
    assert "train/gradient_norm" in seen


def test_seed_decides_everything(configure, tmp_path):
    one = weights(train(configure(out=tmp_path / "one")))
    assert same(one, weights(train(configure(out=tmp_path / "two"))))
    assert not same(one, weights(train(configure(out=tmp_path / "three", seed=1))))


@pytest.mark.parametrize("extra", [{}, {"cosine": True, "ema": 0.9, "accumulate": 2}])
def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(
    configure, tmp_path, cut_power, extra
):
    whole = weights(train(configure(out=tmp_path / "whole", max_epochs=4, **extra)))
    cut_power(configure(out=tmp_path / "parts", max_epochs=4, **extra))
    resumed = configure(out=None, resume=tmp_path / "parts", max_epochs=4, **extra)
    assert same(whole, weights(train(resumed)))
    assert len(logged(tmp_path / "parts")) > 2  # the log of the first part is still there


def in_a_process_of_its_own(*flags):
    """Start `pcvae train` on one thread: how sums are shared out decides their last bits."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "pcvae", "train", *flags], env=environment)


@pytest.mark.slow
def test_kill_9_loses_nothing(configure, tmp_path):
    config = configure()
    flags = [f"--{name}={getattr(config, name)}" for name in ("data", "num_points", "batch_size")]
    flags += ["--style_dim=8", "--width=16", "--progress=false", "--max_epochs=15"]
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    assert in_a_process_of_its_own(f"--out={whole}", *flags).wait() == 0
    process = in_a_process_of_its_own(f"--out={folder}", *flags)
    deadline = time.monotonic() + 120
    while not (folder / LAST).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (folder / "model.safetensors").exists()
    assert in_a_process_of_its_own(f"--resume={folder}").wait() == 0
    assert same(weights(whole / "model.safetensors"), weights(folder / "model.safetensors"))


class Diary(Callback):
    """Keeps the step after each batch, and gives up at one of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.steps: list[int] = []

    def on_train_batch_end(self, trainer, *_) -> None:
        self.steps.append(trainer.global_step)
        if trainer.global_step == self.last:
            raise RuntimeError("power cut")

    def state_dict(self) -> dict[str, list[int]]:
        return {"steps": list(self.steps)}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        self.steps = state["steps"]


def test_what_a_callback_keeps_is_resumed_with_the_run(configure, tmp_path):
    with pytest.raises(RuntimeError, match="power cut"):
        train(configure(max_epochs=3), [Diary(last=5)])  # three steps an epoch
    diary = Diary(last=99)
    train(configure(max_epochs=3, resume=tmp_path / "run"), [diary])
    assert diary.steps == list(range(1, 10))  # 4 and 5 once: the checkpoint is older than they


def test_a_longer_run_goes_on_with_the_schedule_it_began_with(configure, tmp_path):
    folder = tmp_path / "run"
    train(configure(batch_size=1))
    train(configure(batch_size=1, out=None, resume=folder, max_epochs=4))
    rows = [row for row in logged(folder) if row["train/kl_weight"]]
    assert [float(row["train/kl_weight"]) for row in rows if int(row["step"]) >= 14] == (
        pytest.approx([0.5] * sum(int(row["step"]) >= 14 for row in rows))
    )
    assert int(rows[-1]["step"]) > 28


def test_the_schedule_counts_optimizer_steps_not_batches(configure):
    path = train(configure(batch_size=1, accumulate=2, max_epochs=4))
    first = next(row for row in logged(path.parent) if row["train/kl_weight"])
    # 28 optimizer steps in all; the ramp takes 14.
    expected = 1e-7 + 0.5 * int(first["step"]) / 14
    assert float(first["train/kl_weight"]) == pytest.approx(expected, rel=1e-3)


def test_another_runs_checkpoint_is_not_overwritten(configure):
    path = train(configure())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"another run.*--resume"):
        train(configure())
    assert path.read_bytes() == before


@pytest.fixture
def spoil(monkeypatch):
    """Make the loss no number at one of the steps."""

    def at(step):
        terms = VAEModule.terms

        def spoiled(self, batch, epoch):
            found = terms(self, batch, epoch)
            bad = self.trainer.training and self.global_step == step
            return replace(found, loss=found.loss * float("nan")) if bad else found

        monkeypatch.setattr(VAEModule, "terms", spoiled)

    return at


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(configure, spoil):
    spoil(step=4)  # the second of the second epoch
    config = configure()
    kept = config.out / LAST
    message = rf"step 4.*blobs-000.*--learning_rate.*--resume {re.escape(str(kept))}"
    with pytest.raises(NonFiniteError, match=message):
        train(config)
    checkpoint = torch.load(kept, weights_only=True)
    assert checkpoint["global_step"] == 3
    assert all(torch.isfinite(value).all() for value in checkpoint["state_dict"].values())


def test_a_first_epoch_that_fails_leaves_nothing_to_resume(configure, spoil):
    spoil(step=1)
    config = configure()
    with pytest.raises(NonFiniteError, match="there is no checkpoint to go on from"):
        train(config)
    assert not (config.out / LAST).exists()


def test_a_learning_rate_that_is_too_large_is_told_of(configure):
    with pytest.raises(NonFiniteError, match=r"blobs-000.*Try a lower --learning_rate"):
        train(configure(learning_rate=1e18, max_epochs=9))


def test_a_gradient_that_is_no_number_never_reaches_the_weights(configure, monkeypatch):
    step = VAEModule.training_step

    def spoil(self, batch, index):
        loss = step(self, batch, index)
        return loss * float("nan") if self.global_step == 4 else loss

    monkeypatch.setattr(VAEModule, "training_step", spoil)
    config = configure()
    with pytest.raises(NonFiniteError, match=r"gradient.*step 4"):
        train(config)
    assert (config.out / LAST).exists()


def test_missing_gpus_are_named(configure):
    count = torch.cuda.device_count() + 1
    with pytest.raises(ValueError, match=f"--gpus {count}.*{count - 1} found"):
        train(configure(gpus=count))


def test_nothing_to_resume_is_named(configure, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"last\.ckpt"):
        train(configure(resume=tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "--batch_size must be at least 1"),
        ({"learning_rate": 0.0}, "--learning_rate"),
        ({"learning_rate": float("inf")}, "--learning_rate must be a finite number"),
        ({"kl_weight": float("nan")}, "--kl_weight must be a finite number"),
        ({"ema": 1.0}, "--ema"),
        ({"gpus": -1}, "--gpus"),
        ({"gradient_clip": -1.0}, "--gradient_clip must not be negative"),
        ({"free_bits": -1.0}, "--free_bits"),
        ({"schedule": "cyclical", "anneal_kl": False}, "no effect with --anneal_kl false"),
    ],
)
def test_wrong_settings_are_named(configure, changes, message):
    with pytest.raises(ValueError, match=message):
        configure(**changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"width": 16', '"width": 9'), r"config.json says width 9.*16"),
        (
            lambda text: text.replace("learning_rate", "learrate"),
            r"config.json.*not know: learrate",
        ),
        (lambda text: "[" * 100_000, r"config.json is damaged"),
    ],
)
def test_damaged_settings_of_a_run_are_told_of(configure, change, message):
    config = configure()
    train(config)
    path = config.out / "config.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        train(configure(out=None, resume=config.out, max_epochs=3))


@pytest.mark.parametrize(("lost", "named"), [("mirror", "no mirror in"), ("", "no setting in")])
def test_settings_that_a_run_lost_are_named(configure, caplog, lost, named):
    config = configure()
    train(config)
    path = config.out / "config.json"
    kept = {name: value for name, value in json.loads(path.read_text()).items() if name != lost}
    path.write_text(json.dumps(kept if lost else {}))
    train(configure(out=None, resume=config.out, max_epochs=3))
    assert named in caplog.text
