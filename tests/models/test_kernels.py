"""Fast variants: values and gradients of the plain expressions; graphs hold the plain ones."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pcvae.models import AdaGN, AdaIN, AdaLN, Decoder, StyleEncoder
from pcvae.models.kernels import (
    IMAGES,
    ModulateOverPoints,
    PointwiseConvolution,
    PointwiseLinear,
    PoolRectified,
    chained,
    convolution_is_faster,
    modulate_over_points,
    pointwise,
)
from pcvae.models.style_encoder import rectify_and_pool

# Functions that are computed by a fast variant, and whether they take a scale and a shift.
FAST = {
    "AdaIN": (AdaIN.modulate, True),
    "AdaGN": (AdaGN.modulate, True),
    "AdaLN": (AdaLN.modulate, True),
    "pool": (rectify_and_pool, False),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2, 24, 16), (1, 7, 8), (3, 1, 16), (1, 1, 24), (5, 33, 40)])
@pytest.mark.parametrize("name", FAST)
def test_values_and_gradients_are_those_of_the_plain_expression(name, shape, dtype, generator):
    chosen, modulates = FAST[name]
    shapes = [shape, *[(shape[0], 1, shape[2])] * (2 if modulates else 0)]
    inputs = [torch.randn(s, generator=generator).to(dtype).requires_grad_() for s in shapes]
    out, expected = chosen(*inputs), chosen.__wrapped__(*inputs)
    weights = torch.randn(out.shape, generator=generator).to(dtype)
    assert out.dtype == dtype
    # A shape of one point has variance 0: large numbers cancel, and float32 has few digits left.
    slack = {"rtol": 1e-4, "atol": 1e-2 if shape[1] == 1 else 1e-4} if dtype.itemsize == 4 else {}
    torch.testing.assert_close(out, expected, **slack)
    found, plain = (torch.autograd.grad((y * weights).sum(), inputs) for y in (out, expected))
    torch.testing.assert_close(found, plain, **slack)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (PoolRectified.apply, [(2, 7, 6)]),
        (PointwiseConvolution.apply, [(2, 8, 3), (17, 3), (17,), (2, 8, 17)]),
        (modulate_over_points, [(2, 7, 6), (2, 1, 6), (2, 1, 6)]),
        (lambda *x: ModulateOverPoints.apply(*x, 2), [(2, 7, 6), (2, 1, 6), (2, 1, 6)]),
    ],
)
def test_gradients_by_hand_are_those_of_small_differences(function, shapes, generator):
    inputs = [torch.randn(s, dtype=torch.double, generator=generator) for s in shapes]
    assert torch.autograd.gradcheck(function, [value.requires_grad_() for value in inputs])


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_modulation_stays_accurate_away_from_the_origin(offset, generator):
    x = torch.randn(2, 2048, 8, generator=generator) + offset
    scale, shift = torch.ones(2, 1, 8), torch.zeros(2, 1, 8)
    exact = modulate_over_points(x.double(), scale.double(), shift.double())
    found = modulate_over_points(x, scale, shift)
    torch.testing.assert_close(found.double(), exact, atol=1e-3, rtol=1e-3)


def test_where_relu_is_flat_no_gradient_comes_through(generator):
    features = torch.randn(3, 20, 2, generator=generator)
    features[0, :, 0] = -1.0
    features.requires_grad_()
    rectify_and_pool(features).sum().backward()
    assert not features.grad[0, :, 0].any()
    assert features.grad[0, :, 1].any()


def test_of_equal_points_one_gets_the_gradient_of_the_maximum():
    features = torch.ones(1, 4, 1, requires_grad=True)
    PoolRectified.apply(features).backward(torch.tensor([[1.0, 0.0]]))
    assert sorted(features.grad.flatten().tolist()) == [0, 0, 0, 1]


def test_what_is_no_number_is_not_hidden():
    features = torch.tensor([1.0, float("nan"), 3.0]).view(1, 3, 1)
    assert PoolRectified.apply(features).isnan().all()


@pytest.mark.parametrize("conditioning", ["adain", "adagn", "adaln"])
def test_an_exported_decoder_is_plain_and_takes_any_number_of_points(conditioning, generator):
    sizes = {"style_dim": 5, "latent_dim": 1, "width": 16, "depth": 2, "skip_weight": 1.0}
    decoder = Decoder(conditioning=conditioning, **sizes)
    nn.init.normal_(decoder.network.head.weight)
    z = torch.randn(2, 5, generator=generator)
    graph = exported(decoder, torch.randn(2, 32, 4, generator=generator), z)
    assert_plain(graph)
    for count in (32, 48, 77):
        h = torch.randn(2, count, 4, generator=generator)
        torch.testing.assert_close(graph.module()(h, z), decoder(h, z))


def test_an_exported_style_encoder_is_plain(generator):
    class Means(StyleEncoder):
        def forward(self, points):
            return super().forward(points).mean

    encoder = Means(5, (8, 16, 16))
    graph = exported(encoder, torch.randn(2, 32, 3, generator=generator))
    assert_plain(graph)
    points = torch.randn(2, 45, 3, generator=generator)
    torch.testing.assert_close(graph.module()(points), encoder(points))


def exported(module, points, *others):
    """Return the graph of a module for any number of points."""
    shapes = ({1: torch.export.Dim("points", min=2, max=4096)}, *[None] * len(others))
    return torch.export.export(module.eval(), (points, *others), dynamic_shapes=shapes)


def assert_plain(graph):
    """Fail if the graph calls anything but operators of PyTorch that a reader would name."""
    called = {str(node.target) for node in graph.graph.nodes if node.op == "call_function"}
    assert called
    strange = [name for name in called if "autograd" in name or "convolution" in name]
    assert strange == []
    assert not any(word in name for name in called for word in ("conv2d", "max_pool2d"))


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


def test_two_maps_are_chained_into_one(generator):
    one, then = PointwiseLinear(3, 8), PointwiseLinear(8, 6, bias=False)
    points = torch.randn(2, 16, 3, generator=generator)
    torch.testing.assert_close(chained(points, one, then), then(one(points)))
