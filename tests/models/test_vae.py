"""The whole model: symmetry, the identity at the start, gradients, any number of points."""

import math

import pytest
import torch

from pcvae.models import DiagonalGaussian, Normalization, PointCloudVAE, VAEConfig
from pcvae.models.layers import CONDITIONING
from pcvae.objective import Objective


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PointCloudVAE(VAEConfig(width=16))


@pytest.fixture
def x(generator):
    return torch.randn(3, 40, 3, generator=generator)


def test_style_does_not_depend_on_the_order_of_points(model, x, generator):
    order = torch.randperm(40, generator=generator)
    one, other = model.encode_style(x), model.encode_style(x[:, order])
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.log_sigma, other.log_sigma)


def test_reconstruction_follows_the_order_of_points(model, x, generator):
    order = torch.randperm(40, generator=generator)
    torch.testing.assert_close(model.reconstruct(x[:, order]), model.reconstruct(x)[:, order])


def test_shapes_of_a_batch_do_not_meet(model, x):
    torch.testing.assert_close(model.reconstruct(x)[1:2], model.reconstruct(x[1:2]))


@pytest.mark.parametrize("conditioning", sorted(CONDITIONING))
def test_starts_as_the_identity(conditioning, x):
    model = PointCloudVAE(VAEConfig(conditioning=conditioning))
    with torch.no_grad():
        output = model(x)
        encoding = output.encoding.points
    spread = x.std()
    assert (model.reconstruct(x) - x).abs().max() < 0.01 * spread
    assert (encoding.mean[..., :3] - x).abs().max() < 0.01 * spread
    torch.testing.assert_close(
        encoding.sigma, torch.full_like(encoding.sigma, math.exp(-6)), rtol=0.1, atol=0
    )
    assert abs(encoding.sigma.mean() / math.exp(-6) - 1) < 0.01


@pytest.mark.parametrize("count", [40, 48])  # the second is a multiple of 16: convolutions
@pytest.mark.parametrize("conditioning", sorted(CONDITIONING))
def test_gradients_reach_every_parameter(conditioning, count, generator):
    x = torch.randn(3, count, 3, generator=generator)
    model = PointCloudVAE(VAEConfig(width=16, conditioning=conditioning))
    Objective()(x, model(x), kl_weight=0.5).loss.backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("count", [1, 2, 3000])
def test_any_number_of_points(model, count, generator):
    points = torch.randn(1, count, 3, generator=generator)
    assert torch.isfinite(model.reconstruct(points)).all()
    z = model.encode_style(points).mean
    assert model.decode(torch.randn(1, 77, 4, generator=generator), z).shape == (1, 77, 3)


def test_the_decoder_sees_only_latents(model, x):
    with torch.no_grad():
        output = model(x)
        assert torch.equal(model.decode(output.h, output.z), output.points)


def test_same_noise_gives_the_same_output(model, x, generator):
    noise = torch.randn(3, 128, generator=generator), torch.randn(3, 40, 4, generator=generator)
    assert torch.equal(model(x, *noise).points, model(x, *noise).points)
    assert not torch.equal(model(x).points, model(x).points)


def test_reconstructions_come_back_in_the_units_of_the_data(x):
    normalization = Normalization(torch.tensor([10.0, -20.0, 5.0]), 7.0)
    model = PointCloudVAE(normalization=normalization)
    data = normalization.inverse(x)
    torch.testing.assert_close(normalization(data), x, atol=1e-5, rtol=1e-5)
    assert (model.reconstruct(data) - data).abs().max() < 0.01 * 7
    assert {"normalization.mean", "normalization.scale"} <= set(model.state_dict())


def test_a_scale_of_zero_is_refused():
    with pytest.raises(ValueError, match="all points of the data the same"):
        Normalization(scale=0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conditioning": "film"}, "adain.*adaln.*'film'"),
        ({"style_dim": 0}, "style_dim"),
        ({"latent_dim": -1}, "latent_dim"),
        ({"conditioning": "adagn", "width": 12}, "multiple of 8"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        VAEConfig(**settings)


def test_a_model_without_feature_channels(x):
    model = PointCloudVAE(VAEConfig(latent_dim=0, width=16))
    assert model(x).h.shape == (3, 40, 3)


def test_kl_is_that_of_torch(generator):
    mean, log_sigma = torch.randn(2, 5, 6, generator=generator)
    posterior = DiagonalGaussian(mean, log_sigma)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, log_sigma.exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(posterior.kl(), expected)
    assert torch.equal(DiagonalGaussian(torch.zeros(3), torch.zeros(3)).kl(), torch.zeros(3))


def test_samples_have_the_posteriors_moments(generator):
    posterior = DiagonalGaussian(torch.full((20000,), 2.0), torch.full((20000,), math.log(0.5)))
    sample = posterior.sample(torch.randn(20000, generator=generator))
    assert abs(sample.mean() - 2) < 0.02
    assert abs(sample.std() - 0.5) < 0.02
