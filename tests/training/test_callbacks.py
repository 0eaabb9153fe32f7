"""The running mean of the weights; the latents' diagnostics are logged and change nothing."""

import csv

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel

from pcvae.models import PointCloudVAE, VAEConfig
from pcvae.training import train
from pcvae.training.callbacks import POINTS, SHAPES, latent_numbers, running_mean

LOGGED = ("latents/swap_z_displacement", "latents/sigma_xyz", "latents/z_variance_share_1")


def rows(folder):
    (path,) = folder.glob("logs/version_*/metrics.csv")
    with path.open() as file:
        return [row for row in csv.DictReader(file) if row.get(LOGGED[0])]


@pytest.mark.parametrize("steps", [1, 30, 1500, 20_000])
def test_the_running_mean_forgets_the_beginning_and_then_by_its_decay(steps):
    weight = torch.nn.Linear(1, 1, bias=False)
    mean = AveragedModel(weight, multi_avg_fn=running_mean(0.999))
    for step in range(steps):
        torch.nn.init.constant_(weight.weight, step)
        mean.update_parameters(weight)
    behind = (steps - 1) - mean.module.weight.item()  # how far the mean lags, in steps
    assert behind == pytest.approx(min(999, (steps - 1) / 10), rel=0.15, abs=0.5)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_they_are_logged_every_so_many_epochs_and_at_the_end(configure, ema):
    path = train(configure(max_epochs=5, diagnose_every=2, ema=ema))
    logged = rows(path.parent)
    assert [int(row["step"]) for row in logged] == [6, 12, 15]  # three steps in an epoch
    for row in logged:
        assert all(np.isfinite(float(row[name])) for name in LOGGED)
    assert float(logged[0]["latents/sigma_xyz"]) == pytest.approx(np.exp(-6), rel=0.2)


def test_a_run_is_the_same_without_them(configure, tmp_path):
    watched = load_file(train(configure(out=tmp_path / "one", diagnose_every=1)))
    alone = load_file(train(configure(out=tmp_path / "two", diagnose_every=0)))
    assert all(torch.equal(watched[name], alone[name]) for name in alone)
    assert not rows(tmp_path / "two")


def test_few_points_of_few_shapes_are_measured(monkeypatch, rng):
    seen = []
    encode = PointCloudVAE.encode_style
    monkeypatch.setattr(
        PointCloudVAE, "encode_style", lambda self, x: seen.append(x.shape) or encode(self, x)
    )
    points = rng.normal(size=(SHAPES, 2 * POINTS, 3)).astype(np.float32)
    found = latent_numbers(PointCloudVAE(VAEConfig(width=16)), points)
    assert seen == [(SHAPES, POINTS, 3)]
    assert found["swap_z_displacement"] < 0.05 * found["swap_h_displacement"]


def test_a_single_shape_has_no_donor(rng):
    points = rng.normal(size=(1, 20, 3)).astype(np.float32)
    found = latent_numbers(PointCloudVAE(VAEConfig(width=16)), points)
    assert "error_from_means" in found
    assert "swap_z_displacement" not in found
