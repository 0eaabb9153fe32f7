"""What holds for every test: a seed, and no windows. (The conftest.py above has the rest.)"""

import copy
import random
import signal

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import settings

from pcvae.data.clouds import CloudSet
from pcvae.data.procedural import generate
from pcvae.models import Normalization, PointCloudVAE, VAEConfig

# The same numbers in every run, on any machine, however slow, and nothing kept between runs.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
# Pictures are rendered, never shown. MPLBACKEND would say so to the notebooks' kernels as well.
matplotlib.use("agg")
# What a shell starts in the background ignores Ctrl-C, by which endless answers are stopped.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Begin every test at the same place, so that a failure can be seen again."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - for libraries that draw from the global generator
    torch.manual_seed(0)


@pytest.fixture
def generator() -> torch.Generator:
    """Random numbers that are the same in every run."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """NumPy's random numbers that are the same in every run."""
    return np.random.default_rng(0)


# A small model and a few boxes: edits and explorer do not care whether they are trained or real.


@pytest.fixture(scope="session")
def model() -> PointCloudVAE:
    """An untrained model whose latents do move points: its last layers are not near zero."""
    torch.manual_seed(0)
    config = VAEConfig(style_dim=16, width=16, skip_weight=0.5, sigma_offset=1.0)
    model = PointCloudVAE(config, Normalization(torch.tensor([0.0, 0.1, 0.0]), 0.4))
    for head in (model.decoder.network.head, model.point_encoder.network.head):
        torch.nn.init.normal_(head.weight, std=0.3)
    return model.eval()


@pytest.fixture(scope="session")
def boxes() -> CloudSet:
    """Eight boxes of different sizes, 64 points each."""
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.2, 0.6, size=(8, 1, 3))
    points = (rng.uniform(-1, 1, size=(8, 64, 3)) * sides).astype(np.float32)
    names = tuple(f"box {index}" for index in range(8))
    return CloudSet("boxes", points, names, ("box",) * 8)


class StraightFlow(torch.nn.Module):
    """A flow from noise to latents that can be followed exactly: a stretch and a shift by z."""

    def __init__(self, style_dim: int, dim: int, stretch: float) -> None:
        super().__init__()
        self.stretch = stretch
        generator = torch.Generator().manual_seed(1)
        self.shift = torch.nn.Parameter(torch.randn(style_dim, dim, generator=generator))

    def from_noise(self, noise, z=None, *, steps=8):
        return self.stretch * noise + (0 if z is None else (z @ self.shift)[:, None])

    def to_noise(self, place, z=None, *, steps=8):
        return (place - (0 if z is None else (z @ self.shift)[:, None])) / self.stretch


@pytest.fixture(scope="session")
def prior_model(model) -> PointCloudVAE:
    """The same model with a prior, of which everything is known beforehand."""
    model = copy.deepcopy(model)
    prior = torch.nn.Module()
    prior.style = StraightFlow(16, 16, 0.5)
    prior.points = StraightFlow(16, 4, 0.4)
    model.prior = prior
    return model.eval()


@pytest.fixture(scope="session")
def chairs() -> CloudSet:
    """Procedural chairs and tables with parts and factors, 256 points each."""
    return generate(["chair", "table"], count=100, num_points=256, seed=3)
