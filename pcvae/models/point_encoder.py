"""The point encoder: a latent of its own for every point, q(h | x, z)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.layers import ConditionedNetwork
from pcvae.models.posterior import DiagonalGaussian


class PointEncoder(nn.Module):
    """Gives each point 3 + latent_dim numbers: where it is (h_xyz) and what it is (h_feat).

    The mean of h_xyz is the point itself plus `skip_weight` times the network's output, and log
    sigma is the output minus `sigma_offset`. So h starts as an almost noise-free copy of x.

    Args:
        latent_dim: feature channels per point, beside the three coordinates.
        skip_weight: s, how much the network may move a point at first.
        sigma_offset: what is taken from log sigma; at the start sigma is exp(-sigma_offset).
        network: width, depth, style_dim and conditioning, see `ConditionedNetwork`.
    """

    def __init__(
        self, *, latent_dim: int, skip_weight: float, sigma_offset: float, **network: int | str
    ) -> None:
        super().__init__()
        self.skip_weight, self.sigma_offset = skip_weight, sigma_offset
        self.network = ConditionedNetwork(3, 2 * (3 + latent_dim), **network)

    def forward(
        self, points: Float[Tensor, "B N 3"], style: Float[Tensor, "B S"]
    ) -> DiagonalGaussian:
        """Return q(h | x, z), with mean and log sigma of shape (B, N, 3 + latent_dim)."""
        mean, log_sigma = self.network(points, style).chunk(2, dim=-1)  # (B, N, H) each
        xyz = points + self.skip_weight * mean[..., :3]  # (B, N, 3)
        return DiagonalGaussian(
            torch.cat([xyz, mean[..., 3:]], dim=-1), log_sigma - self.sigma_offset
        )
