"""The style encoder: a whole cloud to one global latent, q(z | x)."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pcvae.models.pointwise import PointwiseLinear
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
        pooled = PoolRectified.apply(features)  # (B, 2 second)
        # Under mixed precision the layers return bfloat16; latents are as exact as the points.
        statistics = self.head(F.relu(self.mix(pooled))).to(points.dtype)  # (B, 2 style_dim)
        mean, log_sigma = statistics.chunk(2, dim=-1)
        return DiagonalGaussian(mean, log_sigma)


class PoolRectified(torch.autograd.Function):
    """Maximum and mean of relu(features) over the points, side by side: (B, N, C) to (B, 2 C).

    The gradient of `amax` compares every feature with its maximum and shares out ties, in several
    passes. Here the maximum's gradient goes to the one point that was found, and the mean's is one
    number for all points where relu is not flat: one pass in all.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """Pool, keeping which point had the maximum."""
        rectified = F.relu(features)
        # `max` looks at one channel after the other; pooling goes through memory as it lies.
        image, window = rectified.mT.unsqueeze(2), (1, features.shape[1])
        most, index = F.max_pool2d(image, window, return_indices=True)  # (B, C, 1, 1) each
        ctx.save_for_backward(rectified, index[..., 0].mT)
        return torch.cat([most.flatten(1), rectified.mean(dim=1)], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Spread the gradient of the mean, and add that of the maximum where it was found."""
        rectified, index = ctx.saved_tensors
        of_most, of_mean = grad.unsqueeze(1).chunk(2, dim=-1)  # (B, 1, C) each
        # Where relu is flat, the gradient is 0: of a maximum too, if it is 0.
        of_most = of_most * (rectified.gather(1, index) > 0)
        of_mean = (of_mean / rectified.shape[1]).expand_as(rectified)
        spread = torch.ops.aten.threshold_backward(of_mean, rectified, 0)
        return spread.scatter_add_(1, index, of_most)
