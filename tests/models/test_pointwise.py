"""The fast linear map is `nn.Linear`, value for value and gradient for gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pcvae.models.pointwise import (
    IMAGES,
    PointwiseConvolution,
    PointwiseLinear,
    convolution_is_faster,
    pointwise,
)

SHAPES = [(2, 24, 5), (1, 16, 5), (48, 5), (2, 3, 8, 5), (1, 1, 5), (3, 7, 5), (0, 16, 5)]


def gradients(layer, x, *more):
    """Return output and gradients of a layer at x, for a gradient that is not uniform."""
    inputs = [value.clone().requires_grad_() for value in (x, *more)]
    out = layer(*inputs)
    out.backward(torch.linspace(-1, 2, out.numel()).view(out.shape))
    return [out, *(p.grad for p in layer.parameters()), *(value.grad for value in inputs)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("outputs", [3, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_linear_layer_of_torch(shape, outputs, bias, generator):
    layer, plain = PointwiseLinear(5, outputs, bias), nn.Linear(5, outputs, bias)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(shape, generator=generator)
    pairs = zip(gradients(layer, x), gradients(plain, x), strict=True)
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("count", [16, 17])
def test_a_residual_is_added_and_gets_its_gradient(count, generator):
    layer = PointwiseLinear(5, 4)
    x, residual = (torch.randn(2, count, k, generator=generator) for k in (5, 4))
    found = gradients(layer, x, residual)
    torch.testing.assert_close(found[0], F.linear(x, layer.weight, layer.bias) + residual)
    torch.testing.assert_close(found[-1], torch.linspace(-1, 2, 8 * count).view(2, count, 4))


def test_gradients_in_double_precision(generator):
    shapes = [(2, 8, 3), (17, 3), (17,), (2, 8, 17)]
    inputs = [torch.randn(s, dtype=torch.double, generator=generator) for s in shapes]
    inputs = [value.requires_grad_() for value in inputs]
    assert torch.autograd.gradcheck(PointwiseConvolution.apply, inputs, fast_mode=True)


def test_the_output_may_be_changed_in_place(generator):
    layer = PointwiseLinear(5, 6)
    x = torch.randn(2, 16, 5, generator=generator, requires_grad=True)
    F.relu(layer(x), inplace=True).sum().backward()
    expected = x.grad.clone()
    x.grad = None
    F.relu(F.linear(x, layer.weight, layer.bias)).sum().backward()
    torch.testing.assert_close(expected, x.grad)


def test_features_that_do_not_lie_in_order_are_taken_too(generator):
    x = torch.randn(5, 32, 2, generator=generator).permute(2, 1, 0)  # (2, 32, 5)
    layer = PointwiseLinear(5, 6)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_convolutions_are_for_whole_images_in_single_precision_alone(generator):
    x = torch.randn(2, IMAGES, 5, generator=generator)
    assert convolution_is_faster(x) == torch.backends.mkldnn.is_available()
    assert not convolution_is_faster(x[:, 1:].contiguous()[:1])
    assert not convolution_is_faster(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert not convolution_is_faster(x)
        mapped = pointwise(x, torch.ones(4, 5))
    assert mapped.dtype == torch.bfloat16
