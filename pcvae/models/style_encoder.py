"""The style encoder: a whole cloud to one global latent, q(z | x)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.kernels import PointwiseLinear, PoolRectified, computed_by
from pcvae.models.posterior import DiagonalGaussian

WIDTHS = (64, 128, 256)


class StyleEncoder(nn.Module):
    """Permutation-invariant: the same small network on every point, then pooling over points.

    Maximum pooling sees which points stick out, mean pooling sees how much of the shape lies where.
    (Qi et al., "PointNet", CVPR 2017, for the maximum; LION pools by the maximum alone.)

    Args:
        style_dim: length of z.
        widths: channels of both layers before pooling, and of the one after it.
    """

    def __init__(self, style_dim: int, widths: tuple[int, int, int] = WIDTHS) -> None:
        super().__init__()
        first, second, hidden = widths
        self.lift = PointwiseLinear(3, first)
        self.widen = PointwiseLinear(first, second)
        self.mix = nn.Linear(2 * second, hidden)
        self.head = nn.Linear(hidden, 2 * style_dim)

    def forward(self, points: Float[Tensor, "B N 3"]) -> DiagonalGaussian:
        """Return q(z | x), with mean and log sigma of shape (B, style_dim)."""
        features = self.widen(F.relu(self.lift(points), inplace=True))  # (B, N, second)
        pooled = rectify_and_pool(features)  # (B, 2 second)
        # Under mixed precision the layers return bfloat16; latents are as exact as the points.
        statistics = self.head(F.relu(self.mix(pooled))).to(points.dtype)  # (B, 2 style_dim)
        mean, log_sigma = statistics.chunk(2, dim=-1)  # (B, style_dim) each
        return DiagonalGaussian(mean, log_sigma)


@computed_by(PoolRectified.apply)
def rectify_and_pool(features: Float[Tensor, "B N C"]) -> Float[Tensor, "B D"]:
    """Return maximum and mean of relu(features) over the points, side by side: D = 2 C."""
    features = F.relu(features)
    return torch.cat([features.amax(dim=1), features.mean(dim=1)], dim=-1)
