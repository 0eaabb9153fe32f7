"""Numbers that LION's own code computed, and the weights that it had."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def reference() -> dict[str, torch.Tensor]:
    """A part of the reference numbers; of the networks' outputs every eighth point."""
    with np.load(Path(__file__).parent / "reference.npz", allow_pickle=False) as archive:
        return {name: torch.from_numpy(archive[name]) for name in archive.files}


def weight(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the weights by which the reference was computed: a weight's name decides it."""
    n = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("emd.bias"):
        n = 0.1 * n
        n[: len(n) // 2] += 1.0
    elif len(shape) >= 2:
        gain = 0.3 if key.endswith("emd.weight") else 0.2 if key.endswith("mlp.weight") else 0.7
        n = gain * n / np.sqrt(np.prod(shape[1:]))
    else:
        n = 1 + 0.1 * n if key.endswith(".weight") else 0.1 * n
    return torch.from_numpy(n.astype(np.float32))


@pytest.fixture(scope="session")
def filled():
    """A function that gives a module the reference's weights."""

    def fill(module: nn.Module, prefix: str = "") -> nn.Module:
        shapes = {name: tuple(w.shape) for name, w in module.state_dict().items()}
        module.load_state_dict({n: weight(prefix + n, shape) for n, shape in shapes.items()})
        return module.eval()

    return fill
