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
from torch.nn.grad import conv2d_input, conv2d_weight

EPSILON = 1e-5
NUM_GROUPS = 8
ROWS = 16  # images that features are seen as, see `PointwiseConvolution`


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
        # Sums over the points need more digits than bfloat16 has, which mixed precision brings.
        exact = torch.promote_types(features.dtype, torch.float32)
        return ModulateOverPoints.apply(features.to(exact), scale.to(exact), shift.to(exact))


class ModulateOverPoints(torch.autograd.Function):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift, with statistics over the points.

    The plain expression with `torch.var_mean` gives the same numbers. Here the four steps are one
    multiplication and one addition per number, and so is the gradient, which halves the time: a
    pass over the features is what costs (tests/benchmarks/training_step.py).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Compute the output, keeping what the gradient needs."""
        mean = x.mean(dim=1, keepdim=True)
        mean_square = x.square().mean(dim=1, keepdim=True)
        variance = (mean_square - mean.square()).clamp(min=0)
        inverse = torch.rsqrt(variance + EPSILON)
        ctx.save_for_backward(x, scale, mean, inverse)
        gain = scale * inverse
        return torch.addcmul(shift - mean * gain, x, gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient of x: gain * (grad - mean(grad) - x_hat * mean(grad * x_hat))."""
        x, scale, mean, inverse = ctx.saved_tensors
        grad_shift = grad.sum(dim=1, keepdim=True)
        along_x = torch.linalg.vecdot(grad, x, dim=1).unsqueeze(1)
        grad_scale = (along_x - mean * grad_shift) * inverse  # sum of grad * x_hat
        gain = scale * inverse
        slope = -gain * inverse * grad_scale / x.shape[1]
        constant = -gain * grad_shift / x.shape[1] - slope * mean
        grad_x = torch.addcmul(torch.addcmul(constant, x, slope), grad, gain)
        return grad_x, grad_scale, grad_shift


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
        grouped = features.unflatten(-1, (NUM_GROUPS, -1))  # (B, N, 8, C / 8)
        variance, mean = torch.var_mean(grouped, dim=(1, 3), correction=0, keepdim=True)
        normalized = (grouped - mean) * torch.rsqrt(variance + EPSILON)
        return torch.addcmul(shift, normalized.flatten(2), scale)


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


class PointwiseLinear(nn.Linear):
    """One linear map on every point: `nn.Linear`, with its weights, but faster on many CPUs."""

    def forward(
        self, features: Float[Tensor, "*B in"], residual: Float[Tensor, "*B out"] | None = None
    ) -> Float[Tensor, "*B out"]:
        """Return the map's features, added to `residual` if that is given."""
        if convolution_is_faster(features):
            return PointwiseConvolution.apply(features, self.weight, self.bias, residual)
        mapped = super().forward(features)
        return mapped if residual is None else residual + mapped


def convolution_is_faster(features: Float[Tensor, "*B C"]) -> bool:
    """Tell whether oneDNN would be given a convolution of these features, and is worth it.

    PyTorch gives it those of `ROWS` images or more. In mixed precision it has the plain products,
    too.
    """
    return (
        features.device.type == "cpu"
        and features.dtype == torch.float32
        and features.shape[:-1].numel() % ROWS == 0
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
    )


class PointwiseConvolution(torch.autograd.Function):
    """residual + x @ weight.T + bias, with the products made by oneDNN.

    Features (B, N, C) are in memory what images of C channels are, channels last, and a linear map
    of each point is a convolution with a kernel of one pixel. PyTorch gives matrix products to MKL,
    which on AMD's processors leaves half of the width unused, and convolutions to oneDNN, which
    does not. Autograd would do the same more slowly: it sums the bias's gradient in one thread, and
    cannot add the residual in place.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None
    ) -> Tensor:
        """Convolve, and add in place."""
        ctx.save_for_backward(x, weight)
        out = F.conv2d(as_images(x), weight[:, :, None, None], bias)
        out = out.squeeze(2).mT.view(*x.shape[:-1], len(weight))
        return out if residual is None else out.add_(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of those inputs that need one."""
        x, weight = ctx.saved_tensors
        images, grads, kernel = as_images(x), as_images(grad), weight[:, :, None, None]
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = conv2d_input(images.shape, kernel, grads).squeeze(2).mT.view(x.shape)
        if ctx.needs_input_grad[1]:
            of_weight = conv2d_weight(images, kernel.shape, grads)[:, :, 0, 0]
        if ctx.needs_input_grad[2]:
            of_bias = grad.flatten(0, -2).sum(dim=0)
        return of_x, of_weight, of_bias, grad if ctx.needs_input_grad[3] else None


def as_images(features: Float[Tensor, "*B C"]) -> Float[Tensor, "R C 1 P"]:
    """Return features as images of one row of pixels, channels last: a view, if contiguous."""
    return features.reshape(ROWS, -1, features.shape[-1]).mT.unsqueeze(2)


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
        modulated = self.norm(self.inner(features), style)
        return self.outer(F.relu(modulated, inplace=True), residual=features)


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
        features = self.stem(points)
        for block in self.blocks:
            features = block(features, style)
        return self.head(F.relu(features)).to(points.dtype)  # of bfloat16, under mixed precision
