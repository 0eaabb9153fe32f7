"""Pooling over the points: what it finds, and where its gradient goes."""

import torch
import torch.nn.functional as F

from pcvae.models.style_encoder import PoolRectified


def plainly(features):
    rectified = F.relu(features)
    return torch.cat([rectified.amax(dim=1), rectified.mean(dim=1)], dim=-1)


def test_pooling_has_the_value_and_the_gradient_of_the_plain_expression(generator):
    features = torch.randn(3, 20, 7, dtype=torch.double, generator=generator)
    features[0, :, 0] = -1.0  # a channel where relu is flat everywhere
    features[1, :, 1] = features[1, :, 1].abs()
    features.requires_grad_()
    torch.testing.assert_close(PoolRectified.apply(features), plainly(features))
    weights = torch.randn(3, 14, dtype=torch.double, generator=generator)
    (found,) = torch.autograd.grad((PoolRectified.apply(features) * weights).sum(), features)
    (expected,) = torch.autograd.grad((plainly(features) * weights).sum(), features)
    torch.testing.assert_close(found, expected)
    assert not found[0, :, 0].any()
    assert torch.autograd.gradcheck(PoolRectified.apply, [features])


def test_of_equal_points_one_gets_the_gradient_of_the_maximum():
    features = torch.ones(1, 4, 1, requires_grad=True)
    PoolRectified.apply(features).backward(torch.tensor([[1.0, 0.0]]))
    assert sorted(features.grad.flatten().tolist()) == [0, 0, 0, 1]


def test_what_is_no_number_is_not_hidden():
    features = torch.tensor([1.0, float("nan"), 3.0]).view(1, 3, 1)
    assert PoolRectified.apply(features).isnan().all()
