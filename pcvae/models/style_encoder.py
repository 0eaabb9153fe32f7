"""The style encoder: a whole cloud to one global latent, q(z | x)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.posterior import DiagonalGaussian

POINT_WIDTHS = (64, 128)
HIDDEN_WIDTH = 256


class StyleEncoder(nn.Module):
    """Permutation-invariant: the same small network on every point, then pooling over points.

    Maximum pooling sees which points stick out, mean pooling sees how much of the shape lies where.
    (Qi et al., "PointNet", CVPR 2017, for the maximum; LION pools by the maximum alone.)

    Args:
        style_dim: length of z.
    """

    def __init__(self, style_dim: int) -> None:
        super().__init__()
        first, second = POINT_WIDTHS
        self.lift = nn.Linear(3, first)
        self.widen = nn.Linear(first, second)
        self.mix = nn.Linear(2 * second, HIDDEN_WIDTH)
        self.head = nn.Linear(HIDDEN_WIDTH, 2 * style_dim)

    def forward(self, points: Float[Tensor, "B N 3"]) -> DiagonalGaussian:
        """Return q(z | x), with mean and log sigma of shape (B, style_dim)."""
        features = F.relu(self.widen(F.relu(self.lift(points))))  # (B, N, 128)
        pooled = torch.cat([features.amax(dim=1), features.mean(dim=1)], dim=-1)  # (B, 256)
        mean, log_sigma = self.head(F.relu(self.mix(pooled))).chunk(2, dim=-1)
        return DiagonalGaussian(mean, log_sigma)
