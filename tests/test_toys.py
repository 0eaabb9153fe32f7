"""The toy of chapter 02: its chairs are what their factors say, its closed form is the optimum."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from pcvae.models.posterior import DiagonalGaussian
from pcvae.toys import (
    LinearVAE,
    ellipses,
    lattice_of_views,
    random_side_views,
    side_views,
    strokes,
)


@pytest.fixture
def data(rng):
    views, _ = random_side_views(400, rng)
    return views.reshape(400, -1)


def test_a_view_has_its_factors():
    height, tilt = np.array([0.3, 0.8]), np.array([0.0, 45.0])
    views = side_views(height, tilt)  # (2, 24, 2)
    front_leg, seat, rear_leg, back = views.reshape(2, 4, 6, 2).transpose(1, 0, 2, 3)
    np.testing.assert_allclose(front_leg[:, 0], [[0.5, 0.0]] * 2)
    np.testing.assert_allclose(seat[:, :, 1], np.repeat(height[:, None], 6, axis=1), rtol=1e-6)
    np.testing.assert_allclose(rear_leg[:, -1], back[:, 0])
    lean = back[:, -1] - back[:, 0]
    np.testing.assert_allclose(np.linalg.norm(lean, axis=1), 0.6, rtol=1e-6)
    np.testing.assert_allclose(np.degrees(np.arctan2(-lean[:, 0], lean[:, 1])), tilt, atol=1e-4)


def test_random_views_are_those_of_their_factors(rng):
    views, factors = random_side_views(50, rng)
    again = side_views(*factors.astype(np.float64).T)
    np.testing.assert_allclose(again, views, atol=1e-6)
    assert (factors.min(axis=0) >= [0.2, -10]).all()
    assert (factors.max(axis=0) <= [0.9, 60]).all()


def test_lines_lift_the_pen_between_strokes(rng):
    views, _ = random_side_views(3, rng)
    line = strokes(views)
    assert line.shape == (3 * 4 * 7, 2)
    lifted = np.isnan(line).all(axis=1)
    assert lifted.sum() == 12
    np.testing.assert_array_equal(line[~lifted], views.reshape(-1, 2))


def test_the_lattice_shows_what_places_decode_to(data):
    model = LinearVAE.fit(data, 0.05)
    line = lattice_of_views(model.decode).reshape(49, 4, 7, 2)
    middle = line[24, :, :6].reshape(24, 2)
    np.testing.assert_allclose(middle, (model.center.reshape(24, 2) - [0, 0.75]) * 0.36, atol=1e-6)


def test_ellipses_have_their_places_and_sizes():
    line = ellipses(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.5, 0.1], [1.0, 1.0]]))
    first, second = line.reshape(2, -1, 2)
    np.testing.assert_allclose(np.nanmax(first, axis=0), [1.5, 2.1], rtol=1e-5)
    np.testing.assert_allclose(np.nanmin(second, axis=0), [-1, -1], rtol=1e-5)


def loss(model, data, weights, gains, log_sigma, beta, noise=0.05):
    """The objective in expectation, for a linear VAE along the model's directions."""
    x = torch.tensor(data, dtype=torch.float64)
    directions, center = torch.tensor(model.directions), torch.tensor(model.center)
    along = (x - center) @ directions.T  # (S, K)
    mean = along * gains
    rest = (x - center - along @ directions).square().sum(dim=1)
    # The decoded point's variance comes on top of the error of its mean.
    squared = (along - weights * mean).square().sum(1) + (weights * log_sigma.exp()).square().sum()
    kl = DiagonalGaussian(mean, log_sigma.expand_as(mean)).kl().sum(dim=1)
    return ((rest + squared) / (2 * noise**2) + beta * kl).mean()


@pytest.mark.parametrize("beta", [0.1, 1.0, 20.0, 100.0, 500.0])
def test_the_closed_form_is_where_the_gradient_vanishes(data, beta):
    model = LinearVAE.fit(data, 0.05, beta)
    gains = model.weights / np.maximum(model.variances, model.threshold)
    parameters = [torch.tensor(p, requires_grad=True) for p in (model.weights, gains)]
    log_sigma = torch.tensor(np.log(model.sigma), requires_grad=True)
    best = loss(model, data, *parameters, log_sigma, beta)
    assert best.item() == pytest.approx(model.error + beta * model.kl.sum(), rel=1e-9)
    best.backward()
    for parameter in (*parameters, log_sigma):
        np.testing.assert_allclose(parameter.grad, 0, atol=1e-6 * best.item())
    # And it is a minimum: no step away makes it smaller.
    for _ in range(50):
        moved = [p.detach() + 0.02 * torch.randn(2) for p in (*parameters, log_sigma)]
        assert loss(model, data, *moved, beta) >= best - 1e-9


def test_with_beta_1_it_is_the_exact_posterior_of_probabilistic_pca(data):
    model = LinearVAE.fit(data, 0.05)
    x = data[0].astype(np.float64)
    loading = model.directions.T * model.weights  # (D, K)
    covariance = loading @ loading.T + 0.05**2 * np.eye(48)
    log_p = multivariate_normal(model.center, covariance).logpdf(x)
    z, sigma = model.encode(x[None])[0], model.sigma
    # log p(x) = log p(x | z) + log p(z) - log q(z | x) at any z, if q is the posterior.
    log_likelihood = multivariate_normal(model.decode(z[None])[0], 0.05**2 * np.eye(48)).logpdf(x)
    log_prior = multivariate_normal(np.zeros(2), np.eye(2)).logpdf(z)
    log_q = multivariate_normal(z, np.diag(sigma**2)).logpdf(z)
    assert log_p == pytest.approx(log_likelihood + log_prior - log_q, rel=1e-9)


def test_a_latent_dies_at_its_own_beta(data):
    variances = LinearVAE.fit(data, 0.05).variances
    for index, variance in enumerate(variances):
        edge = variance / 0.05**2
        assert LinearVAE.fit(data, 0.05, 0.99 * edge).kl[index] > 0
        dead = LinearVAE.fit(data, 0.05, 1.01 * edge)
        assert (dead.kl[index], dead.weights[index], dead.sigma[index]) == (0, 0, 1)


def test_another_beta_is_as_good_as_a_new_fit(data):
    new, moved = LinearVAE.fit(data, 0.05, 7), LinearVAE.fit(data, 0.05).with_beta(7)
    np.testing.assert_array_equal(new.kl, moved.kl)
    np.testing.assert_array_equal(new.encode(data), moved.encode(data))


@pytest.mark.parametrize(("noise", "beta", "latents"), [(0, 1, 2), (1, 0, 2), (1, 1, 49)])
def test_impossible_settings_are_refused(data, noise, beta, latents):
    with pytest.raises(ValueError, match="above 0"):
        LinearVAE.fit(data, float(noise), beta, latents)
