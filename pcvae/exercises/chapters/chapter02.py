"""Checks of chapter 02: KL divergence, reparameterization, the loss, and the beta that kills."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.models.posterior import DiagonalGaussian
from pcvae.toys import LinearVAE, random_side_views

# Means and log standard deviations of q and p: p is first N(0, 1), with sigma of q = 1, 2, 1/2,
# then others.
MEAN_Q = torch.tensor([0.0, 0.0, 0.0, 1.5, -0.7, 2.0])
LOG_SIGMA_Q = torch.tensor([1.0, 2.0, 0.5, 1.0, 0.4, 3.0]).log()
MEAN_P = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.8, -1.0])
LOG_SIGMA_P = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.7, 2.5]).log()


@exercise("02.1", "The KL divergence of two Gaussians", difficulty=2, importance=5, minutes=15)
def check_kl(answer: Callable) -> None:
    """Compare with the closed form, for N(0, 1) and for others."""
    given = [t.clone() for t in (MEAN_Q, LOG_SIGMA_Q, MEAN_P, LOG_SIGMA_P)]
    got = numbers(
        answer(*given),
        (6,),
        what="The KL",
        shapes={(): "Keep one number for each Gaussian; do not sum yet."},
    )
    q, p = (MEAN_Q, LOG_SIGMA_Q), (MEAN_P, LOG_SIGMA_P)
    compare(got, _kl(*q, *p), _kl_mistakes(*q, *p), what="The KL")


def _kl(mean_q: Tensor, log_q: Tensor, mean_p: Tensor, log_p: Tensor) -> Tensor:
    quadratic = (2 * log_q).exp() + (mean_q - mean_p).square()
    return log_p - log_q + 0.5 * quadratic / (2 * log_p).exp() - 0.5


def _kl_mistakes(mean_q: Tensor, log_q: Tensor, mean_p: Tensor, log_p: Tensor) -> dict[str, Tensor]:
    kl = _kl(mean_q, log_q, mean_p, log_p)
    logs, squared = log_p - log_q, (mean_q - mean_p).square()
    quadratic = (kl + 0.5 - logs) * 2
    flipped = kl - 2 * logs
    by_log_variance = 0.5 * (logs + (log_q.exp() + squared) / log_p.exp() - 1)
    without_square = logs + 0.5 * (log_q.exp() + squared) / log_p.exp() - 0.5
    undivided = logs + 0.5 * ((2 * log_q).exp() + squared) - 0.5
    divided_by_sigma = logs + 0.5 * ((2 * log_q).exp() + squared) / log_p.exp() - 0.5
    return {
        f"Your KL is negative for sigma = 1/2 ({flipped[2]:.2f}), and a KL never is: the sign of "
        "log sigma? It is `log_sigma_p - log_sigma_q`.": flipped,
        "You exchanged q and p. The KL is not symmetric: q, the first one, is the one that points "
        "are drawn from.": _kl(mean_p, log_p, mean_q, log_q),
        "The KL of a Gaussian from itself should be 0, but yours is 1/2. The term - 1/2 is "
        "missing.": kl + 0.5,
        "The KL of a Gaussian from itself should be 0, but yours is -1/2: you subtract 1 where "
        "it is 1/2.": logs + quadratic / 2 - 1,
        "For equal Gaussians yours gives 1/2. The factor 1/2 belongs to the quadratic term as "
        "well.": logs + quadratic - 0.5,
        "Your KL is twice what it should be. Is the 1/2 missing?": 2 * kl,
        "The log terms are halved. `log sigma` is the log of a standard deviation, not of a "
        "variance, so it needs no 1/2.": kl - logs / 2,
        "You read `log_sigma` as the log of a variance. It is the log of a standard deviation: the "
        "variance is `exp(2 * log_sigma)`.": by_log_variance,
        "You took sigma where the variance belongs: `exp(2 * log_sigma)`.": without_square,
        "The quadratic term must be divided by the variance of p. You are right for the first "
        "four, where that is 1.": undivided,
        "You divided by sigma_p, not by its square: `exp(2 * log_sigma_p)`.": divided_by_sigma,
        "You took p to be N(0, 1). It is so for the first four Gaussians, but p may be another.": (
            DiagonalGaussian(mean_q, log_q).kl()
        ),
        "The difference of the means is not squared.": kl
        + 0.5 * ((mean_q - mean_p).abs() - squared) / (2 * log_p).exp(),
        "That is the KL in bits. In nats there is no division by log 2.": kl / math.log(2),
        "Your KL has the wrong sign as a whole.": -kl,
    }


@exercise("02.2", "Reparameterization", difficulty=1, importance=5, minutes=10)
def check_reparameterize(answer: Callable) -> None:
    """Compare the sample, and what gradient comes through it."""
    mean, log_sigma = torch.randn(5, 2), 0.5 * torch.randn(5, 2) - 0.3
    noise = torch.randn(5, 2)
    mean.requires_grad_(), log_sigma.requires_grad_()
    z = answer(mean, log_sigma, noise.clone())
    got = numbers(z, (5, 2), what="The sample")
    again = numbers(answer(mean, log_sigma, noise.clone()), (5, 2), what="The sample")
    _expect_gradient(z, mean, log_sigma, noise)
    expect(
        np.allclose(got, again),
        "Two calls with the same noise gave different samples. Use the noise that you are given "
        "instead of drawing new numbers.",
    )
    with torch.no_grad():
        compare(got, mean + log_sigma.exp() * noise, _sample_mistakes(mean, log_sigma, noise))


def _expect_gradient(z: object, mean: Tensor, log_sigma: Tensor, noise: Tensor) -> None:
    """The sample must lead back to both parameters."""
    if not (isinstance(z, Tensor) and z.requires_grad):
        raise Wrong(
            "No gradient leads back from your sample to mean and log_sigma, so the encoder would "
            "never learn. Drawing from a distribution (`torch.normal`, `.sample()`) cuts it off, "
            "and so do `.detach()` and `no_grad`. Compute the sample from the given noise."
        )
    ways = torch.autograd.grad(z.sum(), (mean, log_sigma), allow_unused=True)
    blocked = [way is None or not way.any() for way in ways]
    expect(
        not all(blocked),
        "The gradient that comes back through your sample is 0. `torch.normal` draws, and drawing "
        "has no gradient. Compute the sample from the given noise.",
    )
    expect(not blocked[0], "No gradient leads back to the mean. Is it detached, or not used?")
    expect(
        not blocked[1],
        "No gradient leads back to log_sigma: the encoder could never learn how sure to be. Is it "
        "detached, or is the noise not scaled by it?",
    )


def _sample_mistakes(mean: Tensor, log_sigma: Tensor, noise: Tensor) -> dict[str, Tensor]:
    sigma = log_sigma.exp()
    return {
        "You scaled the noise by the variance. A sample of N(0, 1) becomes one of N(mean, "
        "sigma^2) when it is multiplied by sigma, the *standard deviation*.": mean
        + sigma.square() * noise,
        "You read `log_sigma` as a log variance, and took a root too many: `exp(log_sigma)` is "
        "sigma already.": mean + sigma.sqrt() * noise,
        "You scaled the noise by log sigma itself. Take `exp` first.": mean + log_sigma * noise,
        "You added noise and sigma. The noise is *multiplied* by sigma.": mean + sigma + noise,
        "Mean and sigma are exchanged.": sigma + mean * noise,
        "As a distribution this is right, too. But the check expects `+`, as everybody writes it: "
        "mean + sigma * noise.": mean - sigma * noise,
        "You multiplied the whole by sigma. The mean is not scaled.": sigma * (mean + noise),
    }


@exercise("02.3", "The loss", difficulty=2, importance=5, minutes=15)
def check_beta_loss(answer: Callable) -> None:
    """Compare with the definition, at a beta other than 1 and a noise other than 1."""
    x, decoded = torch.randn(7, 48), torch.randn(7, 48)
    mean, log_sigma = torch.randn(7, 2), 0.3 * torch.randn(7, 2) - 1
    noise, beta = 0.6, 3.0
    given = [tensor.clone() for tensor in (x, decoded, mean, log_sigma)]
    got = numbers(
        answer(*given, noise, beta),
        (),
        what="The loss",
        shapes={
            (7,): "That is one loss for each example; take the mean over them.",
            (7, 48): "Sum over the 48 coordinates, then take the mean over the examples.",
        },
    )
    squared = (x - decoded).square() / (2 * noise**2)  # (B, D)
    posterior = DiagonalGaussian(mean, log_sigma)
    kl = posterior.kl()  # (B, K)
    expected = squared.sum(1).mean() + beta * kl.sum(1).mean()
    mistakes = _loss_mistakes(squared, kl, noise, beta, x - decoded)
    mistakes |= _losses_of_others(squared, kl, noise, beta)
    for message, wrong in WRONG_KL.items():
        mistakes[message] = squared.sum(1).mean() + beta * wrong(posterior).sum(1).mean()
    compare(got, expected, mistakes, what="The loss")


def _losses_of_others(squared: Tensor, kl: Tensor, noise: float, beta: float) -> dict[str, Tensor]:
    """Return the losses that one finds in other people's code."""
    off, cost = squared * 2 * noise**2, kl.sum(1).mean()  # |x - decoded|^2
    mean = "`F.mse_loss` takes the mean over the coordinates and knows no noise. The error is the "
    right = "*sum* over them, divided by 2 noise^2."
    return {
        mean + right: off.mean() + beta * cost,
        f"{mean}{right} And your KL is a mean over the latents: sum it.": (
            off.mean() + beta * kl.mean()
        ),
        "`F.mse_loss(..., reduction='sum')` sums over the batch, too, and knows no noise. Divide "
        "by the number of examples and by 2 noise^2.": off.sum() + beta * cost,
        "You summed error and KL over the batch, and the noise is missing. Take means over the "
        "examples, and divide the error by 2 noise^2.": off.sum() + beta * kl.sum(),
        "The noise is missing: your error is 1/2 |x - decoded|^2, as if noise were 1.": (
            off.sum(1).mean() / 2 + beta * cost
        ),
        "You took the root of the squared error. The logarithm of a Gaussian has the square "
        "itself.": off.sum(1).sqrt().mean() / (2 * noise**2) + beta * cost,
    }


# What known mistakes make of the KL to N(0, 1) of each coordinate.
WRONG_KL: dict[str, Callable[[DiagonalGaussian], Tensor]] = {
    "Your KL reads `log_sigma` as a log variance. It is the log of a standard deviation: the "
    "variance is `exp(2 * log_sigma)`, and its logarithm is `2 * log_sigma`.": lambda q: (
        0.5 * (q.mean.square() + q.sigma - 1 - q.log_sigma)
    ),
    "Your KL has sigma where sigma squared belongs.": lambda q: (
        0.5 * (q.mean.square() + q.sigma - 1) - q.log_sigma
    ),
    "Your KL has half of log sigma. That is right for a log variance; here it is log sigma "
    "itself.": lambda q: q.kl() + 0.5 * q.log_sigma,
    "Your KL is twice what it should be. Is its 1/2 missing?": lambda q: 2 * q.kl(),
    "The constant -1/2 is missing in your KL. It does not change the gradient, but without it the "
    "KL of N(0, 1) is not 0, and nats mean nothing.": lambda q: q.kl() + 0.5,
    "Your KL has the wrong sign before log sigma: little noise should be expensive.": lambda q: (
        q.kl() + 2 * q.log_sigma
    ),
    "The term of the mean is missing in your KL.": lambda q: q.kl() - 0.5 * q.mean.square(),
    "The mean is not squared in your KL.": lambda q: q.kl() + 0.5 * (q.mean - q.mean.square()),
    "You added up log sigma instead of a KL.": lambda q: q.log_sigma,
}


def _loss_mistakes(
    squared: Tensor, kl: Tensor, noise: float, beta: float, off: Tensor
) -> dict[str, Tensor]:
    error, cost = squared.sum(1).mean(), kl.sum(1).mean()
    count, constants = len(squared), off.shape[1] * math.log(noise * math.sqrt(2 * math.pi))
    return {
        "You kept the constants of the likelihood. Leave them out: they change no gradient.": (
            error + constants + beta * cost
        ),
        "You averaged the error over the coordinates. The log likelihood is a *sum* over them. The "
        "mean makes the error 48 times too small, as if beta were 48 times larger: the tilt at "
        "least will die.": squared.mean() + beta * cost,
        "You averaged the KL over the latents. Information adds up: sum over them.": error
        + beta * kl.mean(),
        "You averaged both over everything. Both are sums over what belongs to one example, and "
        "means over the examples.": squared.mean() + beta * kl.mean(),
        "You summed the error over the whole batch but averaged the KL. Then the error counts as "
        "often as the batch is large (that is LION's loss, see chapter 06).": count * error
        + beta * cost,
        "You summed over the whole batch. Take the mean over the examples, or the step size "
        "depends on the batch size.": count * (error + beta * cost),
        "You subtracted the KL. In a loss it is a cost: it is added.": error - beta * cost,
        "You returned the ELBO, which is to be made large. A loss is made small: change the "
        "sign.": -(error + beta * cost),
        "Beta is missing: it multiplies the KL.": error + cost,
        "Beta multiplies the error. It belongs to the KL.": beta * error + cost,
        "Beta multiplies everything. It belongs to the KL only.": beta * (error + cost),
        "The 1/2 in the error is missing: it is |x - decoded|^2 / (2 noise^2).": 2 * error
        + beta * cost,
        "You divided by the noise, not by its square.": error * noise + beta * cost,
        "You did not divide by 2 noise^2. It says how exactly the decoder has to hit.": error
        * 2
        * noise**2
        + beta * cost,
        "You took absolute differences. The logarithm of a Gaussian has squared ones.": (
            off.abs().sum(1).mean() / (2 * noise**2) + beta * cost
        ),
        "The KL is missing: that is a plain autoencoder.": error,
        "The error is missing.": beta * cost,
    }


@exercise("02.4", "The beta that kills a latent", difficulty=3, importance=3, minutes=20)
def check_deadly_beta(answer: Callable) -> None:
    """Compare with the principal variances of side views, in other units than the chapter's."""
    views, _ = random_side_views(300, np.random.default_rng(5))
    data, noise = 2 * views.reshape(300, -1), 0.3
    got = numbers(answer(data.copy(), noise), (2,), what="The answer")
    model = LinearVAE.fit(data, noise)
    variances, expected = model.variances, model.variances / noise**2
    axes = np.sort(data.var(axis=0))[::-1]
    about_zero = np.sort(np.linalg.eigvalsh(data.T @ data / len(data)))[::-1][:2]
    compare(
        got,
        expected,
        {
            "The order is turned around: first the latent that lives longest.": expected[::-1],
            "You took standard deviations. The threshold is for the *variance* along a "
            "direction.": variances**0.5 / noise**2,
            "That is the square root: you took standard deviations. The threshold is for the "
            "variance.": variances**0.5 / noise,
            "You divided by 2 noise^2, as in the loss. At the threshold the 2 is on both sides and "
            "cancels: variance = beta * noise^2.": expected / 2,
            "You have twice what it should be: variance = beta * noise^2, without a 2.": (
                2 * expected
            ),
            "You divided by the noise, not by its square.": variances / noise,
            "That is the information in nats at beta = 1, not a beta: variance = beta * noise^2.": (
                0.5 * np.log(expected)
            ),
            "You took all the variance together. Each direction has a threshold of its own.": (
                np.repeat(data.var(axis=0).sum(), 2) / noise**2
            ),
            "That is the variance itself. Which beta makes beta * noise^2 as large?": variances,
            "You multiplied where you should divide: solve variance = beta * noise^2 for "
            "beta.": variances * noise**2,
            "Turned upside down: beta = variance / noise^2.": noise**2 / variances,
            "You took the variances of single coordinates. A latent moves many coordinates "
            "together: take the *principal* directions.": axes[:2] / noise**2,
            "You did not subtract the mean of the data first. The variance is about the "
            "mean.": about_zero / noise**2,
            "You forgot to divide by the number of examples.": expected * len(data),
            "Singular values have to be squared and divided by the number of examples.": np.sqrt(
                variances * len(data)
            )
            / noise**2,
        },
        what="The answer",
        tolerance=0.01,  # dividing by S - 1 instead of S is just as good
    )


# 02.5: a VAE of the toy whose latents both live, whatever the seed
NOISE, BETA, CHAIRS, ALLOWED, DEAD = 0.05, 3.0, 600, 1.05, 0.3
ALIVE_LOSS = (13.77, 13.95, 13.61)  # of the walk-through, over the seeds


@exercise("02.5", "Open task: no latent dies by bad luck", difficulty=4, importance=4, minutes=40)
def check_train_alive(answer: Callable) -> str:
    """Train from three seeds, and compare the loss of fresh chairs with the best linear VAE's."""
    data, fresh = (_side_views(seed) for seed in (0, 1))
    best = LinearVAE.fit(data, NOISE).with_beta(BETA)
    most = ALLOWED * float(best.error + BETA * best.kl.sum())
    found = []
    for seed in SEEDS:
        encode, decode = _both(answer(data.copy(), NOISE, BETA, seed))
        found.append(_loss_of(encode, decode, torch.from_numpy(fresh), most, seed))
    return beside("The loss of fresh chairs", found, ALIVE_LOSS)


def _side_views(seed: int) -> np.ndarray:
    views, _ = random_side_views(CHAIRS, np.random.default_rng(seed))
    return views.reshape(CHAIRS, 48)


def _both(given: Any) -> tuple[Callable, Callable]:
    """Return encoder and decoder, or say that they are not two functions."""
    right = isinstance(given, tuple | list) and len(given) == 2 and all(map(callable, given))
    expect(right, "Return two functions (or modules): `encode, decode`.")
    return tuple(given)


@torch.no_grad()
def _loss_of(encode: Callable, decode: Callable, x: Tensor, most: float, seed: int) -> float:
    """Return the loss of chairs, with eight samples of z each, or say what is wrong with it."""
    parts = encode(x)
    expect(
        isinstance(parts, tuple | list) and len(parts) == 2,
        "`encode` should return two tensors: mean and log sigma.",
    )
    names = zip(parts, ("mean", "log sigma"), strict=True)
    mean, log_sigma = (
        torch.from_numpy(numbers(part, (CHAIRS, 2), f"The {name}")).float() for part, name in names
    )
    loss, nats = _loss_at(decode, x, mean, log_sigma)
    if loss <= most:
        return loss
    said = f"Seed {seed}: the loss is {loss:.1f}, and at most {most:.1f} is asked for. "
    as_variance, _ = _loss_at(decode, x, mean, 0.5 * log_sigma)
    expect(
        as_variance > most,
        said + "Read as the log of a *variance*, your log sigma would do. Halve it.",
    )
    expect(nats.max() > DEAD, said + "Both latents are dead.")
    low, high = sorted(nats.tolist())
    expect(
        low > DEAD,
        said + f"One latent is dead: their KL is {high:.1f} and {low:.1f} nats. The price of a nat "
        "was there before the decoder could use it.",
    )
    expect(
        nats.sum() < 4.3,
        said + f"Both latents live, and pay too much: {nats.sum():.1f} nats. Was beta {BETA:g} in "
        "your loss, at the end of the run?",
    )
    raise Wrong(said + "Both latents live. The run is too short, or its last steps too large.")


def _loss_at(decode: Callable, x: Tensor, mean: Tensor, log_sigma: Tensor) -> tuple[float, Tensor]:
    """Return the loss at beta, and the KL of each latent, averaged over the chairs."""
    q, errors = DiagonalGaussian(mean, log_sigma), []
    for _ in range(8):
        decoded = numbers(decode(q.sample()), tuple(x.shape), "What `decode` returns")
        errors.append(np.square(x.numpy() - decoded).sum(axis=1).mean() / (2 * NOISE**2))
    nats = q.kl().mean(dim=0)
    return float(np.mean(errors)) + BETA * nats.sum().item(), nats
