"""A linear map on every point, made fast on the CPU."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

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


def convolution_is_faster(features: Float[Tensor, "*B C"]) -> bool:
    """Tell whether oneDNN would be given a convolution of these features, and is worth it.

    In mixed precision, PyTorch gives it the plain products, too.
    """
    return (
        features.device.type == "cpu"
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
    does not (tests/benchmarks/training_step.py).

    Autograd of the convolution is slower: it sums the bias's gradient on its own, cannot add in
    place, and has one view of the points for all products, where each has a fastest one.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, residual: Tensor | None
    ) -> Tensor:
        """Convolve, and add in place."""
        ctx.save_for_backward(x, weight)
        out = F.conv2d(as_images(x, IMAGES), weight[:, :, None, None], bias)
        # Detached, it is no view to autograd, and may be changed in place.
        out = out.squeeze(2).mT.view(*x.shape[:-1], len(weight)).detach()
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
