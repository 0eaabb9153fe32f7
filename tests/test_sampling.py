"""New shapes: deterministic, each with noise of its own, in data units."""

import numpy as np
import pytest
import torch

from pcvae.models import Normalization, PointCloudVAE, PriorConfig, VAEConfig
from pcvae.sampling import Way, noise_of_samples, sample

PRIOR = PriorConfig(style_width=16, style_depth=1, width=16, depth=1, condition_dim=8)


@pytest.fixture(params=[None, PRIOR], ids=["no prior", "prior"])
def model(request):
    torch.manual_seed(0)
    config = VAEConfig(style_dim=8, width=16, prior=request.param)
    return PointCloudVAE(config, Normalization(torch.tensor([1.0, 2.0, 3.0]), 0.5)).eval()


def test_a_shape_does_not_depend_on_how_many_are_drawn(model):
    many = sample(model, 20, 30, style_steps=2)
    assert many.shape == (20, 30, 3)
    assert many.dtype == np.float32
    np.testing.assert_allclose(sample(model, 18, 30, style_steps=2), many[:18], rtol=0, atol=1e-5)


def test_the_seed_decides(model):
    one = sample(model, 2, 30, style_steps=2)
    np.testing.assert_array_equal(one, sample(model, 2, 30, style_steps=2))
    assert not np.allclose(one, sample(model, 2, 30, seed=1, style_steps=2))
    assert not np.allclose(one[0], one[1])


def test_is_what_the_model_makes_of_the_noise_in_data_units(model):
    style, points = noise_of_samples(model, range(3), 30, seed=4)
    with torch.no_grad():
        z = model.draw_style(style, steps=2)
        expected = model.normalization.inverse(model.draw_points(points, z, steps=5)).numpy()
    found = sample(model, 3, 30, seed=4, way=Way(steps=5), style_steps=2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    # An untrained model moves noise by little, so that it stays a unit cloud about 0.
    assert np.abs(found.mean(axis=(0, 1)) - [1, 2, 3]).max() < 0.2
    assert abs(found.std(axis=(0, 1)).mean() - 0.5) < 0.1


def test_one_point_is_enough(model):
    assert sample(model, 1, 1, style_steps=2).shape == (1, 1, 3)


@pytest.mark.parametrize("count", [(0, 5), (5, 0)])
def test_nothing_is_refused(model, count):
    with pytest.raises(ValueError, match="one shape and one point or more"):
        sample(model, *count)
