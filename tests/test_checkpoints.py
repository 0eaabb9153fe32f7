"""Saving and opening models."""

import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

import pcvae
from pcvae import checkpoints
from pcvae.models import Normalization, PointCloudVAE, VAEConfig


@pytest.fixture
def model():
    torch.manual_seed(0)
    normalization = Normalization(torch.tensor([1.0, 2.0, 3.0]), 0.5)
    return PointCloudVAE(VAEConfig(style_dim=8, width=16), normalization)


def test_what_is_saved_comes_back(model, tmp_path, generator):
    path = checkpoints.save(model, tmp_path / "new" / "model.safetensors", {"steps": 7})
    opened = pcvae.load(path)
    points = torch.randn(1, 9, 3, generator=generator)
    assert opened.config == model.config
    assert not opened.training
    assert torch.equal(opened.reconstruct(points), model.reconstruct(points))
    assert checkpoints.notes(path) == {"steps": 7}


def test_opening_a_model_imports_no_compiler():
    """Torch has one for tensors without memory: 800 modules, over a second of every first cell."""
    load = "[pcvae.load(name) for name in ('one_shot', 'shapes')]"
    code = f"import sys, pcvae; {load}; print('torch._dynamo' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_an_interrupted_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = checkpoints.save(model, tmp_path / "model.safetensors")
    before = path.read_bytes()

    def half(weights, name, metadata):
        with open(name, "wb") as file:
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_file", half)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_one_is_named_with_those_there_are():
    with pytest.raises(FileNotFoundError, match=r"'wardrobe'.*furniture"):
        pcvae.load("wardrobe")


def test_damaged_files_are_refused(model, tmp_path):
    path = checkpoints.save(model, tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(checkpoints.CheckpointError, match="damaged, cut short"):
        pcvae.load(path)


def test_pickles_are_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(checkpoints.CheckpointError, match="another kind"):
        pcvae.load(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(checkpoints.CheckpointError, match="not written by this package"):
        pcvae.load(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"wings": 2}', "newer version.*|wings"),
        ('{"style_dim": 9}', "do not fit"),
        ("[" * 100_000, "no settings that can be read"),
    ],
)
def test_weights_and_configuration_must_fit(model, tmp_path, config, message):
    path = tmp_path / "model.safetensors"
    metadata = {"format": checkpoints.FORMAT, "config": config}
    save_file(dict(model.state_dict()), path, metadata)
    with pytest.raises(checkpoints.CheckpointError, match=message):
        pcvae.load(path)


def test_weights_that_are_no_numbers_are_refused(model, tmp_path):
    next(model.decoder.parameters()).data.view(-1)[3] = torch.nan
    path = checkpoints.save(model, tmp_path / "model.safetensors")
    with pytest.raises(checkpoints.CheckpointError, match=r"NaN or infinity among.*decoder\."):
        pcvae.load(path)
