"""Random numbers that belong to a shape and an epoch, not to a process.

A run draws the same numbers for a shape whether it was interrupted or not, and on one device or
on many: which batch, process or device a shape comes to does not matter.
"""

import hashlib

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def generator_for(*key: int) -> torch.Generator:
    """Return a generator on the CPU, seeded by non-negative whole numbers and by nothing else."""
    seed = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed >> np.uint64(1)))


def named_rng(seed: int, name: str) -> np.random.Generator:
    """Return NumPy's random numbers of a named shape: its turn among others does not matter."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def noise_for_shapes(
    shapes: Tensor, *, seed: int, epoch: int, style_dim: int, point_dim: int, num_points: int
) -> tuple[Float[Tensor, "B S"], Float[Tensor, "B N H"]]:
    """Draw the standard normal numbers of one training step.

    Args:
        shapes: (B,) whole numbers, which shapes of the training set the batch holds.
        seed: the run's seed.
        epoch: how often the training set was seen before.
        style_dim: S, length of z.
        point_dim: H, numbers for each local latent.
        num_points: N.

    Returns:
        Noise for z and noise for h, on the CPU.
    """
    style = torch.empty(len(shapes), style_dim)
    points = torch.empty(len(shapes), num_points, point_dim)
    for row, shape in enumerate(shapes.tolist()):
        generator = generator_for(seed, epoch, shape)
        style[row].normal_(generator=generator)
        points[row].normal_(generator=generator)
    return style, points
