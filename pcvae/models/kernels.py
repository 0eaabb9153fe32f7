"""Fast variants of what `layers` and `style_encoder` say in plain mathematics, for CPUs.

A pass over all features is what costs on a CPU, so each of these makes fewer passes than autograd
would, with a gradient by hand (tests/benchmarks/training_step.py). Values and gradients are those
of the plain expressions, up to rounding; tests compare them. While a graph is exported the plain
expressions are taken, for a graph knows no gradients by hand.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Features = Float[Tensor, "B N C"]
PerChannel = Float[Tensor, "B 1 C"]  # one number for each channel of a shape
EPSILON = 1e-5  # added to every variance that features are divided by the root of


def exporting() -> bool:
    """Tell whether operations are being written down as a graph (torch.export, ONNX, a trace)."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.onnx.is_in_onnx_export()


def computed_by(
    fast: Callable[..., Tensor], in_graphs: bool = False
) -> Callable[[Callable[..., Tensor]], Any]:
    """Let a fast variant compute what a plain function says, except while a graph is exported.

    The plain function is the decorated one's `__wrapped__`.

    Args:
        fast: the variant.
        in_graphs: take it in graphs, too: it has no gradient by hand, and operators that they know.
    """

    def decorate(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @wraps(plain)
        def chosen(*tensors: Tensor) -> Tensor:
            return (plain if exporting() and not in_graphs else fast)(*tensors)

        return chosen

    return decorate


# A linear map of every point.

# PyTorch gives convolutions of 16 images or more to oneDNN, on one thread as well as on several.
IMAGES = 16
NARROW = 16  # for fewer channels a product is faster than the gradient of a convolution
# What `aten.convolution_backward` must be told of a convolution whose kernel is one pixel.
ONE_PIXEL = {
    "bias_sizes": None,
    "stride": [1, 1],
    "padding": [0, 0],
    "dilation": [1, 1],
    "transposed": False,
    "output_padding": [0, 0],
    "groups": 1,
}


class PointwiseLinear(nn.Linear):
    """One linear map on every point: `nn.Linear`, with its weights, but faster on many CPUs."""

    def forward(
        self, features: Float[Tensor, "*B in"], residual: Float[Tensor, "*B out"] | None = None
    ) -> Float[Tensor, "*B out"]:
        """Return the map's features, added to `residual` if that is given."""
        return pointwise(features, self.weight, self.bias, residual)


def pointwise(
    features: Float[Tensor, "*B in"],
    weight: Float[Tensor, "out in"],
    bias: Float[Tensor, " out"] | None = None,
    residual: Float[Tensor, "*B out"] | None = None,
) -> Float[Tensor, "*B out"]:
    """Return features @ weight.T + bias + residual."""
    if convolution_is_faster(features):
        return PointwiseConvolution.apply(features, weight, bias, residual)
    mapped = F.linear(features, weight, bias)
    return mapped if residual is None else residual + mapped


def chained(points: Float[Tensor, "*B in"], one: nn.Linear, then: nn.Linear) -> Tensor:
    """Return then(one(points)) as one map, which is cheaper if few channels come in."""
    return pointwise(points, then.weight @ one.weight, then.weight @ one.bias)


def convolution_is_faster(features: Float[Tensor, "*B C"]) -> bool:
    """Tell whether oneDNN would be given a convolution of these features, and is worth it.

    In mixed precision, PyTorch gives it the plain products, too.
    """
    return (
        not exporting()
        and features.device.type == "cpu"
        and features.dtype == torch.float32
        and features.numel() > 0
        and features.shape[:-1].numel() % IMAGES == 0
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
    )


class PointwiseConvolution(torch.autograd.Function):
    """residual + x @ weight.T + bias, with the products made by oneDNN.

    Features (B, N, C) are in memory what images of C channels are, channels last, and a linear map
    of each point is a convolution with a kernel of one pixel. PyTorch gives matrix products to MKL,
    which on AMD's processors leaves half of the width unused, and convolutions to oneDNN, which
    does not.

    Autograd of the convolution is slower: it sums the bias's gradient on its own, cannot add in
    place, and has one view of the points for all products, where each has a fastest one.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None
    ) -> Tensor:
        """Convolve, and add in place."""
        ctx.save_for_backward(x, weight)
        out = F.conv2d(as_images(x, IMAGES), weight[:, :, None, None], bias)  # (I, out, 1, P)
        # Detached, it is no view to autograd, and may be changed in place.
        out = out.squeeze(2).mT.view(*x.shape[:-1], len(weight)).detach()  # (B, N, out)
        return out if residual is None else out.add_(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of those inputs that need one."""
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, of_residual = ctx.needs_input_grad
        return (
            gradient_of_input(grad, x, weight) if of_x else None,
            gradient_of_weight(grad, x, weight) if of_weight else None,
            grad.flatten(0, -2).sum(dim=0) if of_bias else None,
            grad if of_residual else None,
        )


def gradient_of_input(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return grad @ weight."""
    images = as_images(grad, IMAGES), as_images(x, IMAGES)
    found = torch.ops.aten.convolution_backward(
        *images, weight[:, :, None, None], **ONE_PIXEL, output_mask=[True, False, False]
    )
    return found[0].squeeze(2).mT.view(x.shape)


def gradient_of_weight(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return grad.T @ x, summed over all points."""
    if len(weight) < NARROW:
        return grad.flatten(0, -2).T @ x.flatten(0, -2)
    count = x.shape[:-1].numel() // IMAGES  # many images of a few points
    found = torch.ops.aten.convolution_backward(
        as_images(grad, count),
        as_images(x, count),
        weight[:, :, None, None],
        **ONE_PIXEL,
        output_mask=[False, True, False],
    )
    return found[1][:, :, 0, 0]


def as_images(features: Float[Tensor, "*B C"], count: int) -> Float[Tensor, "I C 1 P"]:
    """Return features as images of one row of pixels, channels last: a view, if contiguous."""
    return features.reshape(count, -1, features.shape[-1]).mT.unsqueeze(2)


# Normalize features, then scale and shift them.


def modulate_over_channels(features: Features, scale: PerChannel, shift: PerChannel) -> Features:
    """Return scale * normalized features + shift, each point normalized by itself."""
    normalized = F.layer_norm(features, features.shape[-1:], eps=EPSILON)
    return torch.addcmul(shift, normalized, scale)


def modulate_over_points(
    features: Features, scale: PerChannel, shift: PerChannel, groups: int | None = None
) -> Features:
    """Return scale * normalized features + shift, with statistics over the points.

    Args:
        features: x.
        scale: what normalized features are multiplied by.
        shift: what is added to them.
        groups: neighboring channels of one group share a mean and a standard deviation; by default
            each channel has its own.
    """
    # Sums over the points need more digits than bfloat16 has, which mixed precision brings.
    exact = torch.promote_types(features.dtype, torch.float32)
    together = 1 if groups is None else features.shape[-1] // groups
    return ModulateOverPoints.apply(features.to(exact), scale.to(exact), shift.to(exact), together)


class ModulateOverPoints(torch.autograd.Function):
    """(x - mean) / sqrt(variance + epsilon) * scale + shift, with statistics over the points.

    The four steps are one multiplication and one addition per number, and so is the gradient, which
    halves the time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, together: int) -> Tensor:
        """Compute the output, keeping what the gradient needs."""
        mean = shared(x.mean(dim=1, keepdim=True), together)  # (B, 1, C), as all below
        mean_square = shared((x * x).mean(dim=1, keepdim=True), together)  # faster than a power
        variance = (mean_square - mean.square()).clamp(min=0)
        inverse = torch.rsqrt(variance + EPSILON)
        ctx.save_for_backward(x, scale, mean, inverse)
        ctx.together = together
        gain = scale * inverse
        return torch.addcmul(shift - mean * gain, x, gain)  # (B, N, C)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of x, g being grad * scale: (g - mean(g) - x_hat * mean(g * x_hat)) * inverse.

        Both means are over what shares its statistics: the points, and channels that are together.
        """
        x, scale, mean, inverse = ctx.saved_tensors
        grad_shift = grad.sum(dim=1, keepdim=True)  # (B, 1, C), as all before grad_x
        along_x = torch.linalg.vecdot(grad, x, dim=1).unsqueeze(1)
        grad_scale = (along_x - mean * grad_shift) * inverse  # sum of grad * x_hat
        mean_g = shared(scale * grad_shift / x.shape[1], ctx.together)
        mean_g_x_hat = shared(scale * grad_scale / x.shape[1], ctx.together)
        slope = -inverse.square() * mean_g_x_hat
        constant = -inverse * mean_g - slope * mean
        grad_x = torch.addcmul(constant, x, slope).addcmul_(grad, scale * inverse)  # (B, N, C)
        return grad_x, grad_scale, grad_shift, None


def shared(values: PerChannel, together: int) -> PerChannel:
    """Return for each channel the mean over the channels that are together with it."""
    if together == 1:
        return values
    means = values.unflatten(-1, (-1, together)).mean(dim=-1)  # (B, 1, C / together)
    return means.repeat_interleave(together, dim=-1)


# Pool over the points.


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
        image, window = rectified.mT.unsqueeze(2), (1, features.shape[1])  # (B, C, 1, N)
        most, index = F.max_pool2d(image, window, return_indices=True)  # (B, C, 1, 1) each
        ctx.save_for_backward(rectified, index[..., 0].mT)
        return torch.cat([most.flatten(1), rectified.mean(dim=1)], dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Spread the gradient of the mean, and add that of the maximum where it was found."""
        rectified, index = ctx.saved_tensors  # (B, N, C) and (B, 1, C)
        of_most, of_mean = grad.unsqueeze(1).chunk(2, dim=-1)  # (B, 1, C) each
        # Where relu is flat, the gradient is 0: of a maximum too, if it is 0.
        of_most = of_most * (rectified.gather(1, index) > 0)
        of_mean = (of_mean / rectified.shape[1]).expand_as(rectified)
        spread = torch.ops.aten.threshold_backward(of_mean, rectified, 0)
        return spread.scatter_add_(1, index, of_most)
