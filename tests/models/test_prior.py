"""The learned prior: points are independent; flows are inverted and learn what they are shown."""

import dataclasses
from dataclasses import asdict

import pytest
import torch

from pcvae.models import LatentPrior, PointCloudVAE, PriorConfig, VAEConfig
from pcvae.models.prior import Waves

SMALL = PriorConfig(style_width=32, style_depth=1, width=16, depth=2, condition_dim=8)


@pytest.fixture
def prior():
    torch.manual_seed(0)
    prior = LatentPrior(8, 4, SMALL)
    # At initialization the velocity is zero; these tests want one that moves things.
    torch.nn.init.normal_(prior.style.head.weight, std=0.1)
    torch.nn.init.normal_(prior.points.network.head.weight, std=0.1)
    return prior.eval()


@pytest.fixture
def latents(generator):
    return torch.randn(3, 20, 4, generator=generator), torch.randn(3, 8, generator=generator)


def test_starts_by_leaving_noise_where_it_is(latents):
    torch.manual_seed(0)
    prior = LatentPrior(8, 4, SMALL)
    noise, z = latents
    torch.testing.assert_close(prior.points.from_noise(noise, z), noise, rtol=0, atol=0.05)
    assert torch.equal(prior.style.from_noise(z), z)


@torch.no_grad()
def test_points_do_not_know_of_each_other(prior, latents):
    noise, z = latents
    together = prior.points.from_noise(noise, z)
    alone = prior.points.from_noise(noise[:, 7:8], z)
    torch.testing.assert_close(together[:, 7:8], alone)
    order = torch.randperm(20)
    torch.testing.assert_close(prior.points.from_noise(noise[:, order], z), together[:, order])


@torch.no_grad()
def test_both_flows_are_inverted(prior, latents):
    noise, z = latents
    errors = []
    for steps in (20, 80):
        h = prior.points.from_noise(noise, z, steps=steps, solver="heun")
        assert (h - noise).abs().max() > 0.1
        back = prior.points.to_noise(h, z, steps=steps)
        errors.append((back - noise).abs().max().item())
    assert errors[1] < errors[0] / 8  # by 16, for a method of second order
    assert errors[1] < 2e-3
    there = prior.style.from_noise(z)
    torch.testing.assert_close(prior.style.to_noise(there), z, rtol=0, atol=1e-3)


def test_gradients_reach_every_parameter_and_z_but_not_h(prior, latents):
    h, z = (tensor.clone().requires_grad_() for tensor in latents)
    noise, times = torch.randn_like(h), torch.rand(h.shape[:2])
    prior.points.loss(h.detach(), z, noise, times).sum().backward()
    prior.style.loss(z.detach(), torch.randn_like(z), torch.rand(3)).sum().backward()
    silent = [n for n, p in prior.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert z.grad.any()
    assert h.grad is None


def test_loss_is_that_of_the_formula(prior, latents):
    z, noise = latents[1], torch.randn(3, 8)
    times = torch.tensor([0.1, 0.5, 0.9])
    place = (1 - times[:, None]) * noise + times[:, None] * z
    expected = ((prior.style(place, times) - (z - noise)) ** 2).sum(dim=1)
    torch.testing.assert_close(prior.style.loss(z, noise, times), expected)


@pytest.mark.slow
def test_learns_a_mixture_of_two_gaussians():
    """p(h | z): points at -2 or +2 on x, the side given by z, with a spread of 0.3."""
    torch.manual_seed(0)
    prior = LatentPrior(2, 4, SMALL)
    optimizer = torch.optim.Adam(prior.points.parameters(), lr=3e-3)
    for _ in range(400):
        side = torch.randint(2, (16,)) * 2.0 - 1
        z = torch.stack([side, -side], dim=1)
        h = 0.3 * torch.randn(16, 64, 4)
        h[..., 0] += 2 * side[:, None]
        loss = prior.points.loss(h, z, torch.randn(16, 64, 4), torch.rand(16, 64)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        z = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        drawn = prior.points.from_noise(torch.randn(2, 4000, 4), z, steps=20, solver="heun")
    torch.testing.assert_close(
        drawn[..., 0].mean(dim=1), torch.tensor([2.0, -2.0]), rtol=0, atol=0.15
    )
    assert drawn.std(dim=1).sub(0.3).abs().max() < 0.1


def test_waves_are_sines_and_cosines():
    waves = Waves(2, longest=8)(torch.tensor([[1.0]]))
    angles = torch.tensor([2 * torch.pi / 8, 2 * torch.pi / 4])
    torch.testing.assert_close(waves, torch.cat([angles.sin(), angles.cos()])[None])


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(PriorConfig)])
def test_sizes_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        PriorConfig(**(asdict(SMALL) | {name: 0}))


def test_without_a_prior_noise_is_the_latent(latents):
    model = PointCloudVAE(VAEConfig(style_dim=8, width=16))
    noise, z = latents
    assert torch.equal(model.draw_style(z), z)
    assert torch.equal(model.draw_points(noise, z), model.decode(noise, z))


def test_with_a_prior_latents_come_from_it(latents, prior):
    model = PointCloudVAE(VAEConfig(style_dim=8, width=16, prior=SMALL))
    model.prior = prior
    noise, z = latents
    expected = model.decode(prior.points.from_noise(noise, z, steps=3), z)
    assert torch.equal(model.draw_points(noise, z, steps=3), expected)
    assert torch.equal(model.draw_style(z), prior.style.from_noise(z))
