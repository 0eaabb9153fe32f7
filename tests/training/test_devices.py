"""Several devices: the same model as one device with the whole batch."""

import csv
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from pcvae.training import train

FLAGS = ["num_points", "max_epochs", "style_dim", "width", "reduction"]
TERMS = ["reconstruction", "kl_style", "kl_xyz", "kl_feat"]


@pytest.mark.slow
def test_two_processes_train_the_model_of_one_with_the_doubled_batch(configure, tmp_path):
    config = configure(out=tmp_path / "one", batch_size=4, max_epochs=7, reduction="shape")
    one = load_file(train(config))
    folder = tmp_path / "two"
    flags = [f"--{name}={getattr(config, name)}" for name in FLAGS]
    flags += [f"--data={config.data}", f"--out={folder}", "--batch_size=2", "--progress=false"]
    ddp = ["--devices=2", "--strategy=ddp", "--accelerator=cpu"]
    subprocess.run([sys.executable, "-m", "pcvae", "train", *flags, *ddp], check=True, timeout=300)
    two = load_file(folder / "model.safetensors")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, atol=2e-4, rtol=2e-3, msg=name)
    curves = [loss_curves(run) for run in (config.out, folder)]
    assert len(curves[0]["train/loss"]) == 2  # of 21 steps, every tenth is logged
    assert len(curves[0]["val/loss"]) == 7
    for name, curve in curves[0].items():
        assert curves[1][name] == pytest.approx(curve, rel=2e-3), name


def loss_curves(folder):
    """Return the logged values of each term of the loss."""
    with (folder / "logs/version_0/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [f"{stage}/{term}" for stage in ("train", "val") for term in ("loss", *TERMS)]
    return {name: [float(row[name]) for row in rows if row[name]] for name in names}


def test_processes_must_agree_on_a_folder(configure):
    with pytest.raises(ValueError, match=r"2 processes must agree on a folder.*--out"):
        train(configure(devices=2, out=None))
