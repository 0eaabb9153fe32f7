"""Principal directions of z: along which the shapes of a set differ most."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.diagnostics import principal_axes, style_means
from pcvae.editing.encoding import take_points
from pcvae.models import PointCloudVAE

MOST_SHAPES = 256  # more shapes hardly change the directions, but take their time


@dataclass(frozen=True)
class Directions:
    """Principal directions of the global latents of many shapes.

    Attributes:
        mean: the mean of z over the shapes.
        basis: orthonormal directions, the one with the largest variance first.
        deviations: standard deviation of z along each direction.
        variance_share: what part of the whole variance each direction explains.
    """

    mean: Float[Tensor, " S"]
    basis: Float[Tensor, "K S"]
    deviations: Float[Tensor, " K"]
    variance_share: Float[Tensor, " K"]

    def __len__(self) -> int:
        """Return how many directions there are."""
        return len(self.basis)


def principal_directions(means: Float[Tensor, "B S"], count: int | None = None) -> Directions:
    """Return the principal directions of global latents.

    Args:
        means: posterior means of z, one row per shape.
        count: how many directions; all of them by default, which is at most B - 1.

    Raises:
        ValueError: if there are fewer than two shapes, or more directions are asked for than exist.
    """
    most = min(len(means) - 1, means.shape[1])
    count = most if count is None else count
    if not 1 <= count <= most:
        raise ValueError(
            f"{len(means)} shapes with a z of {means.shape[1]} numbers have {max(most, 0)} "
            f"principal directions, but {count} were asked for. Give more shapes, or ask for fewer."
        )
    center = means.mean(dim=0)
    found, axes = principal_axes(means.detach().cpu().numpy())
    variances, basis = (torch.from_numpy(values).to(means.device) for values in (found, axes))
    share = variances / variances.sum().clamp(min=torch.finfo(torch.float64).tiny)
    # A direction's sign is arbitrary. Fixing it makes a slider mean the same after every run.
    largest = basis.gather(1, basis.abs().argmax(dim=1, keepdim=True))
    basis = basis * torch.where(largest < 0, -1.0, 1.0)
    return Directions(
        center,
        basis[:count].to(means.dtype),
        variances[:count].sqrt().to(means.dtype),
        share[:count].to(means.dtype),
    )


def find_directions(
    model: PointCloudVAE, clouds: Any, count: int = 4, num_points: int | None = None
) -> Directions:
    """Return principal directions of the z of shapes, of at most 256 of them, evenly spaced.

    Args:
        model: in evaluation mode.
        clouds: (S, N, 3) in data units, such as `shapes.points`.
        count: how many directions.
        num_points: how many points of each shape to look at; all by default.

    Raises:
        ValueError: if there are too few shapes.
    """
    rows = evenly(np.arange(len(clouds)), MOST_SHAPES)
    means = style_means(model, some_clouds(clouds, rows, num_points))
    return principal_directions(torch.from_numpy(means), count)


def evenly(numbers: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the numbers, evenly spaced."""
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), most))
    return numbers[places.round().astype(int)]


def some_clouds(
    clouds: Any, rows: np.ndarray, num_points: int | None
) -> Float[np.ndarray, "B N 3"]:
    """Return some clouds of (S, N, 3), in memory or on the disk, with some of their points."""
    points = np.array(clouds[rows], dtype=np.float32).swapaxes(0, 1)  # (N, B, 3)
    return np.ascontiguousarray(take_points(points, num_points).swapaxes(0, 1))
