"""The loss against formulas written out in NumPy, closed forms, and gradients."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

from pcvae.models import DiagonalGaussian, Encoding, Reconstruction
from pcvae.objective import KLSchedule, Objective, chamfer, equilibrium_sigma, l1, l2


@pytest.fixture
def case(generator):
    """A target and an output of the model, in double precision."""

    def draw(*shape):
        return torch.randn(shape, dtype=torch.double, generator=generator)

    style = DiagonalGaussian(draw(3, 6), draw(3, 6))
    points = DiagonalGaussian(draw(3, 10, 4), draw(3, 10, 4))
    output = Reconstruction(draw(3, 10, 3), Encoding(style, points), style.mean, points.mean)
    return draw(3, 10, 3), output


def numpy_kl(posterior):
    """KL from N(0, 1) in nats, written from the formula."""
    mu, log_sigma = posterior.mean.numpy(), posterior.log_sigma.numpy()
    return np.exp(2 * log_sigma) / 2 + mu**2 / 2 - log_sigma - 0.5


def test_terms_agree_with_the_formulas(case):
    target, output = case
    terms = Objective(style_weight=0.25)(target, output, kl_weight=0.5)
    error = np.abs(output.points.numpy() - target.numpy()).sum(axis=(1, 2)).mean()
    style = numpy_kl(output.encoding.style).sum(axis=1).mean()
    points = numpy_kl(output.encoding.points)
    xyz, feat = points[..., :3].sum(axis=(1, 2)).mean(), points[..., 3:].sum(axis=(1, 2)).mean()
    found = [terms.reconstruction, terms.kl_style, terms.kl_xyz, terms.kl_feat]
    np.testing.assert_allclose([t.item() for t in found], [error, style, xyz, feat], rtol=1e-12)
    expected = error + 0.5 * (0.25 * style + xyz + feat)
    np.testing.assert_allclose(terms.loss.item(), expected, rtol=1e-12)


def test_reduction_by_batch_counts_the_error_once_for_each_shape(case):
    target, output = case
    shape = Objective(reduction="shape")(target, output, kl_weight=0.5)
    batch = Objective(reduction="batch")(target, output, kl_weight=0.5)
    torch.testing.assert_close(batch.loss - shape.loss, 2 * shape.reconstruction)
    # So it is B times an objective whose KL weight is smaller by B.
    smaller = Objective(reduction="shape")(target, output, kl_weight=0.5 / 3)
    torch.testing.assert_close(batch.loss, 3 * smaller.loss)


def test_errors_agree_with_numpy_and_scipy(generator):
    one = torch.randn(2, 30, 3, dtype=torch.double, generator=generator)
    other = torch.randn(2, 30, 3, dtype=torch.double, generator=generator)
    difference = one.numpy() - other.numpy()
    np.testing.assert_allclose(l1(one, other), np.abs(difference).sum((1, 2)))
    np.testing.assert_allclose(l2(one, other), (difference**2).sum((1, 2)) / 2)
    for row in range(2):
        a, b = one[row].numpy(), other[row].numpy()
        there, _ = cKDTree(b).query(a)
        back, _ = cKDTree(a).query(b)
        expected = (there**2).sum() + (back**2).sum()
        np.testing.assert_allclose(chamfer(one, other)[row], expected)


def test_chamfer_is_accurate_for_near_equal_clouds(generator):
    one = torch.randn(1, 500, 3, generator=generator) + 100
    other = one + 1e-3
    exact = chamfer(one.double(), other.double())
    torch.testing.assert_close(chamfer(one, other).double(), exact, rtol=0.02, atol=0)


def test_chamfer_takes_clouds_of_different_sizes(generator):
    cloud = torch.randn(2, 30, 3, dtype=torch.double, generator=generator)
    part = cloud[:, :7]  # each of its points is in the cloud: only the way there counts
    there = torch.cdist(cloud, part).amin(dim=2).square().sum(dim=1)
    torch.testing.assert_close(chamfer(cloud, part), there)
    torch.testing.assert_close(chamfer(part, cloud), there)


@pytest.mark.parametrize("error", ["l1", "l2", "chamfer"])
def test_gradient_of_the_loss(error, case):
    target, output = case
    objective = Objective(error=error, style_weight=0.3)

    def loss(points, *numbers):
        style, local = DiagonalGaussian(*numbers[:2]), DiagonalGaussian(*numbers[2:])
        made = Reconstruction(points, Encoding(style, local), style.mean, local.mean)
        return objective(target, made, 0.7).loss

    style, local = output.encoding.style, output.encoding.points
    inputs = [output.points, style.mean, style.log_sigma, local.mean, local.log_sigma]
    assert torch.autograd.gradcheck(loss, [value.requires_grad_() for value in inputs])


def test_free_bits_cost_nothing_and_push_nothing():
    mean = torch.full((4, 8), 0.1, requires_grad=True)  # 0.005 nats a coordinate
    style = DiagonalGaussian(mean, torch.zeros(4, 8))
    points = DiagonalGaussian(torch.zeros(4, 5, 4), torch.zeros(4, 5, 4))
    output = Reconstruction(torch.zeros(4, 5, 3), Encoding(style, points), mean, points.mean)
    terms = Objective(free_bits=0.5)(torch.zeros(4, 5, 3), output, kl_weight=1.0)
    assert terms.kl_style.item() == pytest.approx(8 * 0.5)
    terms.loss.backward()
    assert not mean.grad.any()


@pytest.mark.parametrize(
    ("step", "weight"), [(0, 1e-7), (250, 0.25), (500, 0.5), (999, 0.5), (1000, 0.5)]
)
def test_linear_annealing(step, weight):
    assert KLSchedule()(step, 1000) == pytest.approx(weight, rel=1e-6)


def test_cyclical_annealing_starts_again():
    schedule = KLSchedule("cyclical", cycles=4)
    weights = [schedule(step, 1000) for step in range(1000)]
    assert weights[:250] == pytest.approx(weights[250:500])
    assert weights[0] == pytest.approx(1e-7)
    assert weights[125] == weights[249] == 0.5


def test_constant_weight():
    assert {KLSchedule("constant", end=0.3)(step, 10) for step in range(11)} == {0.3}


@pytest.mark.parametrize(("copies", "sigma"), [(32, 0.0196), (1, 0.481)])
def test_equilibrium_is_the_minimum(copies, sigma):
    def loss(s):
        return copies * math.sqrt(2 / math.pi) * s + 0.5 * (s * s / 2 - math.log(s))

    lowest = minimize_scalar(loss, bounds=(1e-4, 2), method="bounded", options={"xatol": 1e-9})
    assert equilibrium_sigma(0.5, copies) == pytest.approx(lowest.x, rel=1e-5)
    assert equilibrium_sigma(0.5, copies) == pytest.approx(sigma, abs=5e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Objective(error="l3"), "l1, l2, chamfer"),
        (lambda: Objective(reduction="mean"), "shape or batch"),
        (lambda: Objective(free_bits=-1.0), "negative"),
        (lambda: KLSchedule("cosine"), "linear, cyclical"),
        (lambda: KLSchedule(start=1.0, end=0.5), "start <= end"),
        (lambda: KLSchedule(ratio=0.0), "ratio"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("reduction", "sigma"), [("batch", 0.0196), ("shape", 0.481)])
def test_an_identity_model_is_trained_to_the_equilibrium(reduction, sigma, generator):
    """Encoder and decoder stay the identity; only the local posterior's sigma is learned."""
    x = torch.randn(32, 50, 3, generator=generator)
    log_sigma = torch.tensor(-2.0, requires_grad=True)
    optimizer = torch.optim.Adam([log_sigma], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    style = DiagonalGaussian(torch.zeros(32, 1), torch.zeros(32, 1))
    for _ in range(300):
        h = DiagonalGaussian(x, log_sigma.expand_as(x))
        sample = h.sample(torch.randn(x.shape, generator=generator))
        output = Reconstruction(sample, Encoding(style, h), style.mean, sample)
        optimizer.zero_grad()
        Objective(reduction=reduction)(x, output, kl_weight=0.5).loss.backward()
        optimizer.step()
        schedule.step()
    assert log_sigma.exp().item() == pytest.approx(sigma, rel=0.02)
