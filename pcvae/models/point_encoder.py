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
        style_dim: length of z.
        latent_dim: feature channels per point, beside the three coordinates.
        skip_weight: s, how much the network may move a point at first.
        sigma_offset: what is taken from log sigma; at the start sigma is exp(-sigma_offset).
        width, depth, conditioning: of the network, see `ConditionedNetwork`.
    """

    def __init__(
        self,
        *,
        style_dim: int,
        latent_dim: int,
        skip_weight: float,
        sigma_offset: float,
        width: int,
        depth: int,
        conditioning: str,
    ) -> None:
        super().__init__()
        self.skip_weight = skip_weight
        self.sigma_offset = sigma_offset
        self.network = ConditionedNetwork(
            3,
            2 * (3 + latent_dim),
            width=width,
            depth=depth,
            style_dim=style_dim,
            conditioning=conditioning,
        )

    def forward(
        self, points: Float[Tensor, "B N 3"], style: Float[Tensor, "B S"]
    ) -> DiagonalGaussian:
        """Return q(h | x, z), with mean and log sigma of shape (B, N, 3 + latent_dim)."""
        mean, log_sigma = self.network(points, style).chunk(2, dim=-1)
        xyz = points + self.skip_weight * mean[..., :3]
        return DiagonalGaussian(
            torch.cat([xyz, mean[..., 3:]], dim=-1), log_sigma - self.sigma_offset
        )
