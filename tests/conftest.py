"""What holds for every test: a seed, no windows, and no way out of this machine."""

import os
import random
import socket

import matplotlib
import numpy as np
import pytest
import torch

# Pictures are rendered, never shown. MPLBACKEND would say so to the notebooks' kernels as well.
matplotlib.use("agg")

# Neither these tests nor kernels started by them touch the reader's progress with the exercises.
os.environ["PCVAE_PROGRESS"] = "off"


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


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Refuse connections to any other machine: a test that needs one is not repeatable."""
    connect = socket.socket.connect

    def connect_here(self, address):
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}; tests may use this machine only")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """NumPy's random numbers that are the same in every run."""
    return np.random.default_rng(0)
