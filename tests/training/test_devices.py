"""Several devices: the same model as one device with the whole batch."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from pcvae.training import train

FLAGS = ["num_points", "max_epochs", "style_dim", "width", "reduction"]


@pytest.mark.slow
def test_two_processes_train_the_model_of_one_with_the_doubled_batch(configure, tmp_path):
    config = configure(out=tmp_path / "one", batch_size=4, max_epochs=3, reduction="shape")
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


def test_processes_must_agree_on_a_folder(configure):
    with pytest.raises(ValueError, match=r"2 processes must agree on a folder.*--out"):
        train(configure(devices=2, out=None))
