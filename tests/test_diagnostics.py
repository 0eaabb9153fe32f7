"""The diagnostics tell a live latent from a dead one."""

import numpy as np
import pytest
import torch

from pcvae.diagnostics import (
    diagnose,
    examine,
    explained_variance,
    reconstruction_errors,
    resampling_floor,
    style_means,
    swap_test,
    variance_shares,
)
from pcvae.models import DiagonalGaussian, Normalization, PointCloudVAE, VAEConfig


class StyleIsScale(PointCloudVAE):
    """z is the cloud's size and the decoder obeys it: as live as a latent can be."""

    def encode_style(self, x):
        size = x.square().mean(dim=(1, 2)).sqrt().unsqueeze(-1)
        return DiagonalGaussian(size, torch.full_like(size, -20))

    def encode_points(self, x, z):
        mean = torch.cat([x / z.unsqueeze(1), torch.zeros_like(x[..., :1])], dim=-1)
        return DiagonalGaussian(mean, torch.full_like(mean, -20))

    def decode(self, h, z):
        return h[..., :3] * z.unsqueeze(1)


@pytest.fixture
def shapes(generator):
    """Clouds from the same distribution in six sizes."""
    sizes = torch.tensor([0.2, 0.5, 1.0, 2.0, 4.0, 8.0]).view(-1, 1, 1)
    return torch.randn(6, 200, 3, generator=generator) * sizes


def test_a_dead_z_moves_nothing(shapes):
    swaps = swap_test(PointCloudVAE(VAEConfig(width=16)), shapes)
    assert swaps["z"].displacement < 0.01
    assert swaps["z"].to_own < 0.01 * swaps["z"].to_donor
    assert swaps["h"].to_donor < 0.01 * swaps["h"].to_own


def test_a_live_z_brings_a_shape_to_its_donor(shapes):
    swaps = swap_test(StyleIsScale(VAEConfig(style_dim=1, width=16)), shapes)
    assert swaps["z"].displacement > 0.5
    assert swaps["z"].to_donor < 0.2 * swaps["z"].to_own
    assert swaps["h"].to_own < 0.2 * swaps["h"].to_donor


def test_the_swap_needs_a_donor(shapes):
    with pytest.raises(ValueError, match="at least two shapes, got 1"):
        swap_test(PointCloudVAE(), shapes[:1])


def test_shares_of_variance_are_those_the_data_were_made_with(rng):
    deviations = np.array([3.0, 2.0, 1.0, 0.0])
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    means = (rng.normal(size=(20000, 4)) * deviations) @ rotation + 5
    shares = variance_shares(means.astype(np.float32))
    np.testing.assert_allclose(shares, deviations**2 / 14, atol=0.01)


def test_shares_with_fewer_shapes_than_dimensions(rng):
    shares = variance_shares(rng.normal(size=(3, 10)).astype(np.float32))
    assert shares.shape == (10,)
    assert shares.sum() == pytest.approx(1)
    assert (shares[2:] < 1e-6).all()


def test_a_factor_that_z_tells_is_read_off_and_another_is_not(rng):
    means = rng.normal(size=(200, 5)).astype(np.float32)
    told = (means @ np.array([1, -2, 0, 0, 3])).astype(np.float32)
    told[::7] = np.nan  # shapes that lack the factor
    assert explained_variance(means, told) > 0.99
    assert explained_variance(means, rng.normal(size=200).astype(np.float32)) < 0.1


def test_a_factor_that_does_not_vary_is_refused(rng):
    with pytest.raises(ValueError, match="differing values"):
        explained_variance(rng.normal(size=(50, 2)), np.ones(50))


def test_floor_falls_as_one_over_the_number_of_points_on_a_surface(generator):
    flat = torch.rand(4, 4096, 3, generator=generator)
    flat[..., 2] = 0
    ratio = resampling_floor(flat[:, :1024]) / resampling_floor(flat)
    assert 3 < ratio < 5


def test_clouds_whose_points_stand_in_an_order_have_the_same_floor(rng):
    """Sorted by height, two halves as they come would be the lower and the upper one."""
    points = rng.random((6, 600, 3)).astype(np.float32)
    ordered = np.take_along_axis(points, points[..., 1:2].argsort(axis=1), axis=1)
    model = PointCloudVAE(VAEConfig(width=16))
    floors = [examine(model, clouds).floor for clouds in (points, ordered)]
    assert floors[1] == pytest.approx(floors[0], rel=0.1)


def test_errors_of_an_untrained_model_are_known(shapes):
    torch.manual_seed(0)
    errors = reconstruction_errors(PointCloudVAE(VAEConfig(width=16)), shapes)
    assert errors.from_means < 0.01
    assert errors.from_samples > errors.from_means
    assert errors.sigma_xyz == pytest.approx(np.exp(-6), rel=0.05)
    # -ln sigma - 1/2 = 5.5 nats for each of 4 numbers, and half a square of each coordinate
    expected = 4 * 5.5 + 0.5 * shapes.square().sum(dim=-1).mean().item()
    assert errors.kl_point == pytest.approx(expected, rel=0.02)


def test_style_means_take_data_units(rng):
    normalization = Normalization(torch.tensor([5.0, 5.0, 5.0]), 2.0)
    model = PointCloudVAE(VAEConfig(style_dim=3, width=16), normalization)
    points = (5 + 2 * rng.normal(size=(5, 30, 3))).astype(np.float32)
    with torch.no_grad():
        expected = model.encode_style(normalization(torch.from_numpy(points))).mean
    np.testing.assert_allclose(style_means(model, points, batch_size=2), expected, atol=1e-5)


def test_shapes_are_encoded_once(shapes, monkeypatch):
    model = PointCloudVAE(VAEConfig(width=16))
    seen = []
    encode = PointCloudVAE.encode_style
    monkeypatch.setattr(
        PointCloudVAE, "encode_style", lambda self, x: seen.append(len(x)) or encode(self, x)
    )
    found = examine(model, shapes.numpy())
    assert seen == [6]
    assert found.numbers() == diagnose(model, shapes.numpy())


def test_factors_that_enough_shapes_have_are_read_off(rng, generator):
    sizes = torch.rand(30, 1, 1, generator=generator) + 0.5
    points = torch.randn(30, 64, 3, generator=generator) * sizes
    size = sizes.flatten().numpy()
    rare = np.where(np.arange(30) < 5, size, np.nan).astype(np.float32)
    known = {"size": size, "rare": rare, "same": np.ones(30, dtype=np.float32)}
    found = examine(StyleIsScale(VAEConfig(style_dim=1, width=16)), points.numpy(), known)
    assert list(found.factors) == ["size"]
    assert found.factors["size"] > 0.9
