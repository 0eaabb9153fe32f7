"""Conditioning layers: what they remove, what they put back, and their gradients."""

import pytest
import torch
import torch.nn.functional as F

from pcvae.models.layers import (
    CONDITIONING,
    EPSILON,
    AdaGN,
    AdaIN,
    AdaLN,
    ConditionedNetwork,
)

NAMES = sorted(CONDITIONING)


def neutral(layer):
    """Make a layer put back scale 1 and shift 0 whatever z is."""
    torch.nn.init.zeros_(layer.affine.weight)
    return layer


@pytest.mark.parametrize("name", NAMES)
def test_removes_the_statistics_it_is_named_for(name, generator):
    features = 3 * torch.randn(2, 50, 16, generator=generator) + 5
    dims = {"adain": (1,), "adaln": (2,), "adagn": (1, 3)}[name]
    out = neutral(CONDITIONING[name](16, 4))(features, torch.zeros(2, 4))
    if name == "adagn":
        out = out.unflatten(-1, (8, 2))
    variance, mean = torch.var_mean(out, dim=dims, correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=2e-5, rtol=0)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-4, rtol=0)


def test_agrees_with_the_norms_of_torch(generator):
    features = torch.randn(3, 20, 16, generator=generator) + 1
    style = torch.zeros(3, 4)
    channels_first = features.transpose(1, 2)
    expected = {
        AdaIN: F.instance_norm(channels_first, eps=EPSILON).transpose(1, 2),
        AdaGN: F.group_norm(channels_first, 8, eps=EPSILON).transpose(1, 2),
        AdaLN: F.layer_norm(features, (16,), eps=EPSILON),
    }
    for layer, value in expected.items():
        torch.testing.assert_close(neutral(layer(16, 4))(features, style), value)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_each_layer_in_double_precision(name, generator):
    layer = CONDITIONING[name](16, 3).double()
    features, style = torch.randn(2, 5, 16, generator=generator), torch.randn(2, 3)
    inputs = [features.double().requires_grad_(), style.double().requires_grad_()]
    weights = [layer.affine.weight, layer.affine.bias]

    def call(features, style, *_):
        return layer(features, style)

    assert torch.autograd.gradcheck(call, [*inputs, *weights])


def test_the_first_block_takes_a_short_cut_to_the_same_output(generator):
    network = ConditionedNetwork(4, 3, width=16, depth=2, style_dim=5, conditioning="adaln")
    torch.nn.init.normal_(network.head.weight)
    points, style = torch.randn(2, 9, 4, generator=generator), torch.randn(2, 5)
    features = network.stem(points)
    for block in network.blocks:
        features = block(features, style)
    torch.testing.assert_close(network(points, style), network.head(features.relu()))


@pytest.mark.parametrize("name", NAMES)
def test_starts_almost_unconditioned(name):
    affine = CONDITIONING[name](32, 128).affine
    assert torch.equal(affine.bias, torch.cat([torch.ones(32), torch.zeros(32)]))
    bound = (0.3 / (2 * 32)) ** 0.5
    assert 0.9 * bound < affine.weight.abs().max() <= bound


@pytest.mark.parametrize("name", NAMES)
def test_network_is_equivariant_and_takes_any_number_of_points(name, generator):
    network = ConditionedNetwork(4, 3, width=16, depth=2, style_dim=5, conditioning=name)
    torch.nn.init.normal_(network.head.weight)
    style = torch.randn(2, 5, generator=generator)
    for count in (1, 2, 33):
        points = torch.randn(2, count, 4, generator=generator)
        order = torch.randperm(count, generator=generator)
        out = network(points, style)
        assert out.shape == (2, count, 3)
        assert torch.isfinite(out).all()
        torch.testing.assert_close(network(points[:, order], style), out[:, order])


@pytest.mark.parametrize("name", NAMES)
def test_style_reaches_the_output(name, generator):
    network = ConditionedNetwork(4, 3, width=16, depth=2, style_dim=5, conditioning=name)
    torch.nn.init.normal_(network.head.weight)
    points = torch.randn(1, 10, 4, generator=generator)
    one, other = torch.randn(2, 1, 5, generator=generator)
    assert (network(points, one) - network(points, other)).abs().mean() > 0.01
