"""Typical wrong answers to the exercises of chapter 02: each gets a message of its own."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Normal, kl_divergence

from pcvae.exercises import check
from pcvae.models import DiagonalGaussian

# 02.1: the KL divergence


def kl(mq, lq, mp, lp):
    return lp - lq + ((2 * lq).exp() + (mq - mp) ** 2) / (2 * (2 * lp).exp()) - 0.5


def flipped(mq, lq, mp, lp):
    return lq - lp + ((2 * lq).exp() + (mq - mp) ** 2) / (2 * (2 * lp).exp()) - 0.5


def without_half(mq, lq, mp, lp):
    return lp - lq + ((2 * lq).exp() + (mq - mp) ** 2) / (2 * lp).exp() - 0.5


def log_variances(mq, lq, mp, lp):
    return 0.5 * (lp - lq + (lq.exp() + (mq - mp) ** 2) / lp.exp() - 1)


def sigma_for_variance(mq, lq, mp, lp):
    return lp - lq + (lq.exp() + (mq - mp) ** 2) / (2 * lp.exp()) - 0.5


def undivided(mq, lq, mp, lp):
    return lp - lq + ((2 * lq).exp() + (mq - mp) ** 2) / 2 - 0.5


def divided_by_sigma(mq, lq, mp, lp):
    return lp - lq + ((2 * lq).exp() + (mq - mp) ** 2) / (2 * lp.exp()) - 0.5


def halved_logs(mq, lq, mp, lp):
    return 0.5 * (lp - lq) + ((2 * lq).exp() + (mq - mp) ** 2) / (2 * (2 * lp).exp()) - 0.5


def from_standard_normal(mq, lq, mp, lp):
    return 0.5 * (mq**2 + (2 * lq).exp() - 1) - lq


def not_squared(mq, lq, mp, lp):
    return lp - lq + ((2 * lq).exp() + (mq - mp).abs()) / (2 * (2 * lp).exp()) - 0.5


# 02.3: the loss


def parts(x, decoded, mean, log_sigma, noise):
    squared = (x - decoded) ** 2 / (2 * noise**2)
    return squared, 0.5 * (mean**2 + (2 * log_sigma).exp() - 1) - log_sigma


def loss(combine):
    def answer(x, decoded, mean, log_sigma, noise, beta):
        return combine(*parts(x, decoded, mean, log_sigma, noise), noise, beta)

    return answer


def absolute(x, decoded, mean, log_sigma, noise, beta):
    _, cost = parts(x, decoded, mean, log_sigma, noise)
    return ((x - decoded).abs() / (2 * noise**2)).sum(1).mean() + beta * cost.sum(1).mean()


# 02.4: the beta that kills


def variances(data):
    return np.linalg.eigvalsh(np.cov(data.T))[::-1][:2]


def by_mse(kl=lambda k: k.sum(1).mean(), times=1.0, **settings):
    """An answer to 02.3 with torch's own squared error."""

    def answer(x, decoded, mean, log_sigma, noise, beta):
        nats = 0.5 * (mean**2 + (2 * log_sigma).exp() - 1) - log_sigma
        return times * F.mse_loss(decoded, x, **settings) + beta * kl(nats)

    return answer


def with_kl(kl):
    """An answer to 02.3 with a KL of its own."""

    def answer(x, decoded, mean, log_sigma, noise, beta):
        error = ((x - decoded) ** 2).sum(1) / (2 * noise**2)
        return (error + beta * kl(mean, log_sigma).sum(1)).mean()

    return answer


def of_log_variance(m, s):
    return 0.5 * (m**2 + s.exp() - 1 - s)


def nats(m, s):
    return 0.5 * (m**2 + (2 * s).exp() - 1) - s


# 02.5: no latent dies by bad luck


def trained(beta=3.0, ramp=True, steps=1500, change=lambda mean, log_sigma: (mean, log_sigma)):
    """An answer that trains with a beta of its own."""

    def answer(data, noise, _, seed):
        torch.manual_seed(seed)
        chairs = torch.from_numpy(data)
        encoder, decoder = (
            nn.Sequential(
                nn.Linear(a, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, b)
            )
            for a, b in ((48, 4), (2, 48))
        )
        optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
            x = chairs[torch.randint(len(chairs), (128,))]
            q = DiagonalGaussian(*encoder(x).chunk(2, dim=1))
            error = (x - decoder(q.sample())).square().sum(dim=1) / (2 * noise**2)
            weight = beta * (min(1.0, 2 * step / steps) if ramp else 1.0)
            optimizer.zero_grad()
            (error + weight * q.kl().sum(dim=1)).mean().backward()
            optimizer.step()
        return lambda x: change(*encoder(x).chunk(2, dim=1)), decoder

    return answer


def with_constants(x, decoded, mean, log_sigma, noise, beta):
    _, cost = parts(x, decoded, mean, log_sigma, noise)
    likelihood = -Normal(decoded, noise).log_prob(x).sum(1)
    return (likelihood + beta * cost.sum(1)).mean()


WRONG = [
    ("02.1", flipped, "negative for sigma = 1/2 (-1.07)"),
    ("02.1", lambda mq, lq, mp, lp: kl(mp, lp, mq, lq), "You exchanged q and p"),
    ("02.1", lambda *gaussians: kl(*gaussians) + 0.5, "The term - 1/2 is missing"),
    ("02.1", without_half, "belongs to the quadratic term as well"),
    ("02.1", lambda *gaussians: 2 * kl(*gaussians), "Is the 1/2 missing"),
    ("02.1", log_variances, "as the log of a variance"),
    ("02.1", sigma_for_variance, "sigma where the variance belongs"),
    ("02.1", undivided, "by the variance of p"),
    ("02.1", divided_by_sigma, "not by its square: `exp(2 * log_sigma_p)`"),
    ("02.1", halved_logs, "The log terms are halved"),
    ("02.1", from_standard_normal, "You took p to be N(0, 1)"),
    ("02.1", not_squared, "is not squared"),
    ("02.1", lambda *gaussians: kl(*gaussians) / math.log(2), "in bits"),
    ("02.1", lambda *gaussians: kl(*gaussians).sum(), "do not sum yet"),
    ("02.1", lambda *gaussians: -kl(*gaussians), "the wrong sign as a whole"),
    ("02.2", lambda m, s, n: m + (2 * s).exp() * n, "by the variance"),
    ("02.2", lambda m, s, n: m + (s / 2).exp() * n, "a root too many"),
    ("02.2", lambda m, s, n: m + s * n, "by log sigma itself"),
    ("02.2", lambda m, s, n: torch.normal(m, s.exp()), "drawing has no gradient"),
    ("02.2", lambda m, s, n: Normal(m, s.exp()).sample(), "cuts it off"),
    ("02.2", lambda m, s, n: Normal(m, s.exp()).rsample(), "instead of drawing new numbers"),
    ("02.2", lambda m, s, n: m + s.exp().detach() * n, "how sure to be"),
    ("02.2", lambda m, s, n: m.detach() + s.exp() * n, "leads back to the mean"),
    ("02.2", lambda m, s, n: m + s.exp() + n, "You added noise and sigma"),
    ("02.2", lambda m, s, n: s.exp() + m * n, "are exchanged"),
    ("02.2", lambda m, s, n: (m + n) * s.exp(), "The mean is not scaled"),
    ("02.2", lambda m, s, n: m - s.exp() * n, "As a distribution this is right"),
    ("02.3", loss(lambda e, k, s, b: e.mean() + b * k.sum(1).mean()), "as if beta were 48 times"),
    ("02.3", loss(lambda e, k, s, b: e.sum(1).mean() + b * k.mean()), "Information adds up"),
    ("02.3", loss(lambda e, k, s, b: e.mean() + b * k.mean()), "averaged both over everything"),
    ("02.3", loss(lambda e, k, s, b: e.sum() + b * k.sum(1).mean()), "LION's loss"),
    ("02.3", loss(lambda e, k, s, b: e.sum() + b * k.sum()), "depends on the batch size"),
    ("02.3", loss(lambda e, k, s, b: e.sum(1).mean() - b * k.sum(1).mean()), "is added"),
    ("02.3", loss(lambda e, k, s, b: -e.sum(1).mean() - b * k.sum(1).mean()), "change the sign"),
    ("02.3", loss(lambda e, k, s, b: (e.sum(1) + k.sum(1)).mean()), "Beta is missing"),
    ("02.3", loss(lambda e, k, s, b: (b * e.sum(1) + k.sum(1)).mean()), "multiplies the error"),
    ("02.3", loss(lambda e, k, s, b: b * (e.sum(1) + k.sum(1)).mean()), "multiplies everything"),
    ("02.3", loss(lambda e, k, s, b: (2 * e.sum(1) + b * k.sum(1)).mean()), "The 1/2 in the error"),
    ("02.3", loss(lambda e, k, s, b: (e.sum(1) * s + b * k.sum(1)).mean()), "not by its square"),
    ("02.3", loss(lambda e, k, s, b: (e.sum(1) * 2 * s * s + b * k.sum(1)).mean()), "how exactly"),
    ("02.3", loss(lambda e, k, s, b: e.sum(1).mean()), "a plain autoencoder"),
    ("02.3", loss(lambda e, k, s, b: e.sum(1) + b * k.sum(1)), "take the mean over them"),
    ("02.3", absolute, "has squared ones"),
    ("02.3", with_constants, "the constants of the likelihood"),
    ("02.4", lambda data, noise: variances(data)[::-1] / noise**2, "turned around"),
    ("02.4", lambda data, noise: variances(data) ** 0.5 / noise**2, "You took standard deviations"),
    ("02.4", lambda data, noise: variances(data) ** 0.5 / noise, "That is the square root"),
    ("02.4", lambda data, noise: variances(data) / noise, "not by its square"),
    ("02.4", lambda data, noise: variances(data), "the variance itself"),
    ("02.4", lambda data, noise: variances(data) * noise**2, "multiplied where you should divide"),
    ("02.4", lambda data, noise: noise**2 / variances(data), "upside down"),
    ("02.4", lambda d, noise: np.sort(d.var(0))[::-1][:2] / noise**2, "single coordinates"),
    (
        "02.4",
        lambda d, noise: np.linalg.eigvalsh(d.T @ d / len(d))[::-1][:2] / noise**2,
        "subtract the mean",
    ),
    (
        "02.4",
        lambda d, noise: np.linalg.svd(d - d.mean(0))[1][:2] / noise**2,
        "Singular values have to be squared",
    ),
    ("02.4", lambda d, noise: np.linalg.eigvalsh(np.cov(d.T)) / noise**2, "should have shape (2,)"),
    ("02.3", by_mse(), "knows no noise. The error is the *sum*"),
    ("02.3", by_mse(torch.mean), "And your KL is a mean"),
    ("02.3", by_mse(reduction="sum"), "reduction='sum'"),
    ("02.3", by_mse(torch.Tensor.sum, reduction="sum"), "summed error and KL over the batch"),
    ("02.3", by_mse(times=24), "as if noise were 1"),
    (
        "02.3",
        loss(lambda e, k, s, b: ((e.sum(1) * 2).sqrt() / (2 * s) + b * k.sum(1)).mean()),
        "the root of the squared error",
    ),
    ("02.3", with_kl(of_log_variance), "reads `log_sigma` as a log variance"),
    ("02.3", with_kl(lambda m, s: 0.5 * (m**2 + s.exp() - 1) - s), "sigma where sigma squared"),
    ("02.3", with_kl(lambda m, s: nats(m, s) + s / 2), "half of log sigma"),
    ("02.3", with_kl(lambda m, s: 2 * nats(m, s)), "Is its 1/2 missing"),
    ("02.3", with_kl(lambda m, s: nats(m, s) + 0.5), "constant -1/2"),
    ("02.3", with_kl(lambda m, s: nats(m, s) + 2 * s), "little noise should be expensive"),
    ("02.3", with_kl(lambda m, s: nats(m, s) - m**2 / 2), "term of the mean"),
    ("02.3", with_kl(lambda m, s: nats(m, s) + (m - m**2) / 2), "mean is not squared"),
    ("02.3", with_kl(lambda m, s: s), "added up log sigma"),
    ("02.4", lambda data, noise: variances(data) / (2 * noise**2), "divided by 2 noise^2"),
    ("02.4", lambda data, noise: 2 * variances(data) / noise**2, "twice what it should be"),
    ("02.4", lambda data, noise: np.log(variances(data) / noise**2) / 2, "information in nats"),
    ("02.4", lambda d, noise: np.repeat(d.var(0).sum() / noise**2, 2), "all the variance together"),
    ("02.5", lambda *inputs: nn.Linear(48, 4), "Return two functions"),
    ("02.5", lambda *inputs: (lambda x: x, lambda z: z), "should return two tensors"),
    ("02.5", trained(steps=1, change=lambda m, s: (m[:, :1], s)), "should have shape (600, 2)"),
    ("02.5", trained(beta=400.0, steps=300), "Both latents are dead"),
    ("02.5", trained(beta=60.0), "One latent is dead"),
    ("02.5", trained(beta=0.5), "Was beta 3 in your loss"),
    ("02.5", trained(steps=100), "The run is too short"),
    ("02.5", trained(change=lambda m, s: (m, 2 * s)), "Halve it"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


def by_torch(mq, lq, mp, lp):
    return kl_divergence(Normal(mq, lq.exp()), Normal(mp, lp.exp()))


OTHER_WAYS = [
    ("02.1", by_torch),
    ("02.1", lambda *gaussians: kl(*gaussians).numpy()),
    ("02.2", lambda m, s, n: torch.addcmul(m, s.exp(), n)),
    ("02.3", loss(lambda e, k, s, b: (e.sum(1) + b * k.sum(1)).mean())),
    ("02.4", lambda data, noise: variances(data) / noise**2),
    (
        "02.4",
        lambda data, noise: np.linalg.svd(data - data.mean(0))[1][:2] ** 2 / len(data) / noise**2,
    ),
]


@pytest.mark.parametrize(("id", "answer"), OTHER_WAYS)
def test_other_right_ways_pass(id, answer):
    assert check(id, answer).status == "done", check(id, answer)
