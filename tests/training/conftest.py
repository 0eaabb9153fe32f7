"""A small data set on disk and settings that train on it in a second or two."""

from pathlib import Path

import numpy as np
import pytest

from pcvae.training import TrainConfig, VAEModule, train


@pytest.fixture
def clouds(tmp_path) -> Path:
    """A .npz file with 20 stretched blobs of 32 points."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(20, 32, 3)) * rng.uniform(0.3, 2, size=(20, 1, 3))
    path = tmp_path / "blobs.npz"
    np.savez(path, points=points.astype(np.float32))
    return path


@pytest.fixture
def configure(clouds, tmp_path):
    """Make settings: small ones, with what a test gives in their place."""

    def make(**changes) -> TrainConfig:
        small = {
            "data": str(clouds),
            "out": tmp_path / "run",
            "num_points": 32,
            "batch_size": 4,
            "max_epochs": 2,
            "style_dim": 8,
            "width": 16,
            "progress": False,
        }
        return TrainConfig(**(small | changes))

    return make


@pytest.fixture
def cut_power(monkeypatch):
    """Train until the second step of the third epoch, and stop there as a crash does."""
    step = VAEModule.training_step

    def stop(self, batch, index):
        if self.current_epoch == 2 and index == 1:
            raise RuntimeError("power cut")
        return step(self, batch, index)

    def run(config: TrainConfig) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(VAEModule, "training_step", stop)
            with pytest.raises(RuntimeError, match="power cut"):
                train(config)

    return run
