"""Layers that let the global latent z speak to every point, and the network built of them.

All features are (B, N, C): B shapes, N points, C channels. Each layer first removes a mean and a
standard deviation from the features, then puts back a scale and a shift that are linear in z. They
differ only in what the mean and the standard deviation are taken over.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.kernels import (
    EPSILON,
    Features,
    PerChannel,
    PointwiseLinear,
    chained,
    computed_by,
    modulate_over_channels,
    modulate_over_points,
)

NUM_GROUPS = 8


def scale_and_shift(style_dim: int, channels: int) -> nn.Linear:
    """Return a map from z to a scale for each channel, which begins near 1, and a shift, near 0."""
    affine = nn.Linear(style_dim, 2 * channels)
    bound = math.sqrt(0.3 / (2 * channels))
    nn.init.uniform_(affine.weight, -bound, bound)
    nn.init.zeros_(affine.bias)
    nn.init.ones_(affine.bias[:channels])
    return affine


class AdaptiveNorm(nn.Module):
    """Normalize features, then scale and shift them by what z says.

    At initialization the scale is near 1 and the shift near 0 whatever z is, so that a network
    starts out as if it were not conditioned (weights uniform in +-sqrt(0.3 / (2 C)), LION's).

    Args:
        channels: C, channels of the features.
        style_dim: length of z.

    Attributes:
        modulate: from features (B, N, C), a scale and a shift (B, 1, C) each, to scale * normalized
            features + shift; kinds of norms differ in nothing else.
    """

    modulate: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.affine = scale_and_shift(style_dim, channels)

    def forward(self, features: Features, style: Float[Tensor, "B S"]) -> Features:
        """Return scale(z) * (features - mean) / sqrt(variance + epsilon) + shift(z)."""
        scale, shift = self.affine(style)[:, None].chunk(2, dim=-1)  # (B, 1, C) each
        return self.modulate(features, scale, shift)


def normalized(features: Float[Tensor, "*B C"], dim: int | tuple[int, ...]) -> Tensor:
    """Take away the mean over `dim`, and divide by the standard deviation."""
    variance, mean = torch.var_mean(features, dim=dim, correction=0, keepdim=True)
    return (features - mean) / torch.sqrt(variance + EPSILON)


class AdaIN(AdaptiveNorm):
    """Adaptive instance norm: statistics of each channel over the points of its shape.

    Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    Normalization", ICCV 2017, equation 8, with scale and shift from z in place of a style image.
    A shape of one point has variance 0, so that only the shift is left of it.
    """

    @staticmethod
    @computed_by(modulate_over_points)
    def modulate(features: Features, scale: PerChannel, shift: PerChannel) -> Features:
        """Normalize over the points, then scale and shift."""
        return scale * normalized(features, dim=1) + shift


class AdaGN(AdaptiveNorm):
    """Adaptive group norm: statistics over all points and the channels of one of 8 groups.

    The layer that LION uses, though its file is named for AdaIN.
    """

    @staticmethod
    @computed_by(partial(modulate_over_points, groups=NUM_GROUPS))
    def modulate(features: Features, scale: PerChannel, shift: PerChannel) -> Features:
        """Normalize over the points and the channels of a group, then scale and shift."""
        grouped = features.unflatten(-1, (NUM_GROUPS, -1))  # (B, N, 8, C / 8)
        return scale * normalized(grouped, dim=(1, 3)).flatten(2) + shift


class AdaLN(AdaptiveNorm):
    """Adaptive layer norm: statistics over the channels of each point by itself."""

    @staticmethod
    @computed_by(modulate_over_channels, in_graphs=True)
    def modulate(features: Features, scale: PerChannel, shift: PerChannel) -> Features:
        """Normalize over the channels, then scale and shift."""
        return scale * normalized(features, dim=2) + shift


CONDITIONING: dict[str, Callable[[int, int], AdaptiveNorm]] = {
    "adain": AdaIN,
    "adagn": AdaGN,
    "adaln": AdaLN,
}


class ConditionedBlock(nn.Module):
    """A residual step: features + outer(relu(norm(inner(features), z))).

    Args:
        width: C, channels in and out.
        style_dim: length of z.
        conditioning: a name in `CONDITIONING`.
    """

    def __init__(self, width: int, style_dim: int, conditioning: str) -> None:
        super().__init__()
        self.inner = PointwiseLinear(width, width, bias=False)  # the norm would remove a bias
        self.norm = CONDITIONING[conditioning](width, style_dim)
        self.outer = PointwiseLinear(width, width)

    def forward(
        self, features: Features, style: Float[Tensor, "B S"], mapped: Features | None = None
    ) -> Features:
        """Return features of the same shape; points meet only in the norm's statistics.

        Args:
            features: of each point.
            style: z.
            mapped: inner(features), if it is known already.
        """
        mapped = self.inner(features) if mapped is None else mapped  # (B, N, C)
        activated = F.relu(self.norm(mapped, style), inplace=True)  # (B, N, C)
        return self.outer(activated, residual=features)  # features + outer(activated)


class ConditionedNetwork(nn.Module):
    """A point-wise network conditioned on z, permutation-equivariant over the points.

    Its output starts near 0 (small weights in the last layer), which is what makes the encoder and
    the decoder start near the identity.

    Args:
        in_channels: numbers per point that come in.
        out_channels: numbers per point that go out.
        width: channels inside.
        depth: how many residual blocks.
        style_dim: length of z.
        conditioning: a name in `CONDITIONING`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        depth: int,
        style_dim: int,
        conditioning: str,
    ) -> None:
        super().__init__()
        self.stem = PointwiseLinear(in_channels, width)
        self.blocks = nn.ModuleList(
            ConditionedBlock(width, style_dim, conditioning) for _ in range(depth)
        )
        self.head = PointwiseLinear(width, out_channels)
        if not self.head.weight.is_meta:  # there torch would import its compiler, for a second
            nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, points: Float[Tensor, "B N in"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N out"]:
        """Return `out_channels` numbers for every point."""
        first, *others = self.blocks
        features = self.stem(points)  # (B, N, width)
        features = first(features, style, mapped=chained(points, self.stem, first.inner))
        for block in others:
            features = block(features, style)  # (B, N, width)
        return self.head(F.relu(features)).to(points.dtype)  # of bfloat16, under mixed precision
