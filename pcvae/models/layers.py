"""Layers that let the global latent z speak to every point, and the network built of them.

All features are (B, N, C): B shapes, N points, C channels. Each layer first removes a mean and a
standard deviation from the features, then puts back a scale and a shift that are linear in z. They
differ only in what the mean and the standard deviation are taken over.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pcvae.models.pointwise import PointwiseLinear, pointwise

EPSILON = 1e-5
NUM_GROUPS = 8


class AdaptiveNorm(nn.Module):
    """Normalize features, then scale and shift them by what z says.

    At initialization the scale is near 1 and the shift near 0 whatever z is, so that a network
    starts out as if it were not conditioned (weights uniform in +-sqrt(0.3 / (2 C)), LION's).

    Args:
        channels: C, channels of the features.
        style_dim: length of z.
    """

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style_dim, 2 * channels)
        bound = math.sqrt(0.3 / (2 * channels))
        nn.init.uniform_(self.affine.weight, -bound, bound)
        with torch.no_grad():
            self.affine.bias.copy_(torch.cat([torch.ones(channels), torch.zeros(channels)]))

    def forward(
        self, features: Float[Tensor, "B N C"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N C"]:
        """Return (features - mean) / sqrt(variance + epsilon) * scale(z) + shift(z)."""
        scale, shift = self.affine(style).unsqueeze(1).chunk(2, dim=-1)  # (B, 1, C) each
        return self.modulate(features, scale, shift)

    def modulate(
        self,
        features: Float[Tensor, "B N C"],
        scale: Float[Tensor, "B 1 C"],
        shift: Float[Tensor, "B 1 C"],
    ) -> Float[Tensor, "B N C"]:
        """Normalize, then scale and shift."""
        raise NotImplementedError


class AdaIN(AdaptiveNorm):
    """Adaptive instance norm: statistics of each channel over the points of its shape.

    Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance
    Normalization", ICCV 2017, equation 8, with scale and shift from z in place of a style image.
    A shape of one point has variance 0, so that only the shift is left of it.
    """

    def modulate(
        self,
        features: Float[Tensor, "B N C"],
        scale: Float[Tensor, "B 1 C"],
        shift: Float[Tensor, "B 1 C"],
    ) -> Float[Tensor, "B N C"]:
        """Normalize over the points, then scale and shift."""
        return modulate_over_points(features, scale, shift)


class AdaGN(AdaptiveNorm):
    """Adaptive group norm: statistics over all points and the channels of one of 8 groups.

    The layer that LION uses, though its file is named for AdaIN.
    """

    def modulate(
        self,
        features: Float[Tensor, "B N C"],
        scale: Float[Tensor, "B 1 C"],
        shift: Float[Tensor, "B 1 C"],
    ) -> Float[Tensor, "B N C"]:
        """Normalize over the points and the channels of a group, then scale and shift."""
        return modulate_over_points(features, scale, shift, features.shape[-1] // NUM_GROUPS)


def modulate_over_points(
    features: Float[Tensor, "B N C"],
    scale: Float[Tensor, "B 1 C"],
    shift: Float[Tensor, "B 1 C"],
    together: int = 1,
) -> Float[Tensor, "B N C"]:
    """Return the output of `ModulateOverPoints`, in float32 or better.

    Args:
        features: x.
        scale: what normalized features are multiplied by.
        shift: what is added to them.
        together: how many neighboring channels share a mean and a standard deviation.
    """
    # Sums over the points need more digits than bfloat16 has, which mixed precision brings.
    exact = torch.promote_types(features.dtype, torch.float32)
    return ModulateOverPoints.apply(features.to(exact), scale.to(exact), shift.to(exact), together)


class ModulateOverPoints(torch.autograd.Function):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift, with statistics over the points.

    The plain expression with `torch.var_mean` gives the same numbers. Here the four steps are one
    multiplication and one addition per number, and so is the gradient, which halves the time: a
    pass over the features is what costs (tests/benchmarks/training_step.py).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, together: int) -> Tensor:
        """Compute the output, keeping what the gradient needs."""
        mean = shared(x.mean(dim=1, keepdim=True), together)
        mean_square = shared(x.square().mean(dim=1, keepdim=True), together)
        variance = (mean_square - mean.square()).clamp(min=0)
        inverse = torch.rsqrt(variance + EPSILON)
        ctx.save_for_backward(x, scale, mean, inverse)
        ctx.together = together
        gain = scale * inverse
        return torch.addcmul(shift - mean * gain, x, gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of x, g being grad * scale: (g - mean(g) - x_hat * mean(g * x_hat)) * inverse.

        Both means are over what shares its statistics: the points, and channels that are together.
        """
        x, scale, mean, inverse = ctx.saved_tensors
        grad_shift = grad.sum(dim=1, keepdim=True)
        along_x = torch.linalg.vecdot(grad, x, dim=1).unsqueeze(1)
        grad_scale = (along_x - mean * grad_shift) * inverse  # sum of grad * x_hat
        mean_g = shared(scale * grad_shift / x.shape[1], ctx.together)
        mean_g_x_hat = shared(scale * grad_scale / x.shape[1], ctx.together)
        slope = -inverse.square() * mean_g_x_hat
        constant = -inverse * mean_g - slope * mean
        grad_x = torch.addcmul(constant, x, slope).addcmul_(grad, scale * inverse)
        return grad_x, grad_scale, grad_shift, None


def shared(values: Float[Tensor, "B 1 C"], together: int) -> Float[Tensor, "B 1 C"]:
    """Return for each channel the mean over the channels that are together with it."""
    if together == 1:
        return values
    means = values.unflatten(-1, (-1, together)).mean(dim=-1)  # (B, 1, C / together)
    return means.repeat_interleave(together, dim=-1)


class AdaLN(AdaptiveNorm):
    """Adaptive layer norm: statistics over the channels of each point by itself."""

    def modulate(
        self,
        features: Float[Tensor, "B N C"],
        scale: Float[Tensor, "B 1 C"],
        shift: Float[Tensor, "B 1 C"],
    ) -> Float[Tensor, "B N C"]:
        """Normalize over the channels, then scale and shift."""
        normalized = F.layer_norm(features, features.shape[-1:], eps=EPSILON)
        return torch.addcmul(shift, normalized, scale)


CONDITIONING: dict[str, Callable[[int, int], AdaptiveNorm]] = {
    "adain": AdaIN,
    "adagn": AdaGN,
    "adaln": AdaLN,
}


class ConditionedBlock(nn.Module):
    """A residual step: features + linear(relu(norm(linear(features), z))).

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
        self, features: Float[Tensor, "B N C"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N C"]:
        """Return features of the same shape; points meet only in the norm's statistics."""
        return self.finish(features, self.inner(features), style)

    def finish(
        self,
        features: Float[Tensor, "B N C"],
        mapped: Float[Tensor, "B N C"],
        style: Float[Tensor, "B S"],
    ) -> Float[Tensor, "B N C"]:
        """Return what `forward` does, given what `inner` makes of the features."""
        activated = F.relu(self.norm(mapped, style), inplace=True)
        return self.outer(activated, residual=features)


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
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, points: Float[Tensor, "B N in"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N out"]:
        """Return `out_channels` numbers for every point."""
        first, *others = self.blocks
        # inner(stem(points)) is a linear map of the few channels that came in: so it is cheaper.
        weight, bias = first.inner.weight @ self.stem.weight, first.inner.weight @ self.stem.bias
        features = first.finish(self.stem(points), pointwise(points, weight, bias), style)
        for block in others:
            features = block(features, style)
        return self.head(F.relu(features)).to(points.dtype)  # of bfloat16, under mixed precision
