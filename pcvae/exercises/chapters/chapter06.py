"""Checks of chapter 06: the loss, annealing, free bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pcvae.exercises.comparing import compare, expect, numbers
from pcvae.exercises.registry import exercise
from pcvae.models import DiagonalGaussian
from pcvae.objective import KLSchedule

WEIGHT = 0.3


@exercise("06.1", "The loss of both latents", difficulty=2, importance=5, minutes=15)
def check_elbo(answer: Callable) -> None:
    """Compare with the ELBO, and with what wrong sums, means and formulas lead to."""
    x, decoded, style, local = _batch()
    got = _one_number(
        answer(x.clone(), decoded.clone(), style, local, WEIGHT),
        "The loss",
        "Sum inside a shape, then take the mean over the batch.",
    )
    errors, nats = (decoded - x).abs(), [style.kl(), local.kl()]
    right = _loss(errors, nats)
    mistakes = _wrong_weights(errors, nats, right) | _wrong_sums(errors, nats)
    others = {
        message: _loss(errors, [formula(style), formula(local)])
        for message, formula in _WRONG_KL.items()
    }
    kinds = {message: _loss(error(decoded - x), nats) for message, error in _WRONG_ERROR.items()}
    compare(got, right, mistakes | others | kinds, what="The loss")


def _batch() -> tuple[Tensor, Tensor, DiagonalGaussian, DiagonalGaussian]:
    """Return 4 shapes of 10 points, decoded ones, and posteriors far from N(0, 1)."""
    generator = torch.Generator().manual_seed(8)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    x = draw(4, 10, 3)
    style = DiagonalGaussian(draw(4, 6), 0.5 * draw(4, 6) - 0.3)
    local = DiagonalGaussian(draw(4, 10, 4), 0.5 * draw(4, 10, 4) - 0.8)
    return x, x + 0.3 * draw(4, 10, 3), style, local


def _one_number(value: Any, what: str, hint: str = "") -> Any:
    """Return the answer's number, or say that there are several."""
    found = numbers(value, what=what)
    several = f"{what} should be one number, but has shape {found.shape}. {hint}".rstrip()
    expect(found.shape == (), several)
    return found


def _loss(errors: Tensor, nats: list[Tensor], weight: float = WEIGHT) -> Tensor:
    """Return the loss from errors (B, N, 3) and the KL of each coordinate of z and h."""
    return _per_shape(errors) + weight * (_per_shape(nats[0]) + _per_shape(nats[1]))


def _per_shape(values: Tensor) -> Tensor:
    return values.flatten(1).sum(dim=1).mean()


def _wrong_weights(errors: Tensor, nats: list[Tensor], right: Tensor) -> dict[str, Tensor]:
    error, kl_z, kl_h = _per_shape(errors), _per_shape(nats[0]), _per_shape(nats[1])
    return {
        "The KL weight is missing.": error + kl_z + kl_h,
        "The KL weight is on the error. It belongs to the KL.": WEIGHT * error + kl_z + kl_h,
        "The KL weight is on one KL term only. It belongs to both.": error + WEIGHT * kl_z + kl_h,
        "The KL weight is on one KL term only. It belongs to z and to h.": (
            error + kl_z + WEIGHT * kl_h
        ),
        "The KL of h is missing.": error + WEIGHT * kl_z,
        "The KL of z is missing.": error + WEIGHT * kl_h,
        "The KL is subtracted. The loss is what should get small: error plus KL.": (
            error - WEIGHT * (kl_z + kl_h)
        ),
        "You returned the ELBO, which should get large. The loss is its negative.": -right,
    }


def _wrong_sums(errors: Tensor, nats: list[Tensor]) -> dict[str, Tensor]:
    error, kl = _per_shape(errors), _per_shape(nats[0]) + _per_shape(nats[1])
    count = len(errors)
    return {
        "You took the mean of the error over its coordinates. Sum them: a mean weighs 3N times "
        "less, and is no ELBO.": errors.mean() + WEIGHT * kl,
        "Your error is summed over the batch, while KL is averaged. That is LION's loss, and the "
        "trap below. Take the mean over the shapes.": count * error + WEIGHT * kl,
        "You summed over the batch. Take the mean over the shapes: otherwise the loss depends on "
        "how many there are.": count * (error + WEIGHT * kl),
        "You took means of everything. Inside a shape, coordinates are summed.": (
            errors.mean() + WEIGHT * (nats[0].mean() + nats[1].mean())
        ),
        "You took the mean of KL over its coordinates. Sum them.": (
            error + WEIGHT * (nats[0].mean() + nats[1].mean())
        ),
        "You took the mean of the KL of h over the points. Sum it: every point has to be paid.": (
            error + WEIGHT * (_per_shape(nats[0]) + nats[1].sum(-1).mean())
        ),
        "You summed the KL of h over its points only. It is (B, N, H): sum over `dim=(1, 2)`.": (
            error + WEIGHT * (_per_shape(nats[0]) + nats[1].sum(1).mean())
        ),
        "Your KL of h has the three coordinates only. The feature channels are paid for as well.": (
            error + WEIGHT * (_per_shape(nats[0]) + _per_shape(nats[1][..., :3]))
        ),
    }


_WRONG_ERROR: dict[str, Callable[[Tensor], Tensor]] = {
    "Your error is squared. LION's is the absolute difference, L1.": torch.square,
    "Your error is half the square: a Gaussian's. LION's is the absolute difference, L1.": (
        lambda difference: 0.5 * difference.square()
    ),
    "Your error is the distance of the points. L1 is the sum of the absolute differences of their "
    "coordinates.": lambda difference: difference.norm(dim=-1),
    "The absolute value is missing in your error: differences cancel.": (
        lambda difference: difference
    ),
}


_WRONG_KL: dict[str, Callable[[DiagonalGaussian], Tensor]] = {
    "Your KL reads log sigma as a log variance. Here it is the log of the standard deviation: the "
    "variance is `(2 * log_sigma).exp()`.": lambda q: (
        0.5 * (q.mean.square() + q.log_sigma.exp() - 1 - q.log_sigma)
    ),
    "Your KL has sigma where sigma squared belongs.": lambda q: (
        0.5 * (q.mean.square() + q.sigma - 1) - q.log_sigma
    ),
    "Your KL is twice what it should be. Is the 1/2 missing?": lambda q: 2 * q.kl(),
    "The constant -1/2 is missing in your KL. It does not change the gradient, but without it the "
    "KL of N(0, 1) is not 0, and nats mean nothing.": lambda q: q.kl() + 0.5,
    "Your KL has the wrong sign before log sigma: little noise should be expensive.": lambda q: (
        q.kl() + 2 * q.log_sigma
    ),
    "The term of the mean is missing in your KL.": lambda q: q.kl() - 0.5 * q.mean.square(),
    "The mean is not squared in your KL.": lambda q: q.kl() + 0.5 * (q.mean - q.mean.square()),
    "Your KL has half of log sigma. That is right for a log variance; here it is log sigma "
    "itself.": lambda q: q.kl() + 0.5 * q.log_sigma,
}


@exercise("06.2", "Annealing", difficulty=1, importance=4, minutes=5)
def check_annealed(answer: Callable) -> None:
    """Compare over a whole run, with other end points than the usual ones."""
    start, end, ratio, total = 0.1, 0.9, 0.4, 50
    steps = range(total + 1)
    got = [_one_number(answer(step, total, start, end, ratio), "The weight") for step in steps]
    ramp = [step / (ratio * total) for step in steps]

    def line(progress: float, low: float = start, high: float = end) -> float:
        return min(max(low + (high - low) * progress, start), end)

    mistakes = {
        "Your weight grows past its end. Clip it.": [start + (end - start) * p for p in ramp],
        "Your ramp takes all steps. It should take the share `ratio` of them.": [
            line(step / total) for step in steps
        ],
        "Your ramp takes the share 1 - `ratio`.": [
            line(step / ((1 - ratio) * total)) for step in steps
        ],
        "You multiplied by `ratio` where you should divide: the smaller the share, the steeper the "
        "ramp.": [line(step * ratio / total) for step in steps],
        "Your ramp begins at 0, so that it is clipped at first. Add the start.": [
            line(p, low=0.0) for p in ramp
        ],
        "You added the start to a ramp of height `end`: it arrives too early. The height of the "
        "ramp is end - start.": [min(start + end * p, end) for p in ramp],
        "Your weight goes down. It starts at `start` and ends at `end`.": [
            start + end - line(p) for p in ramp
        ],
        "Your weight ignores `start` and `end` and goes from 0 to 1.": [min(p, 1.0) for p in ramp],
        "Your weight is constant from the beginning.": [end for _ in steps],
        "Python works from left to right: `t / ratio * total` multiplies by `total`. Write "
        "`t / (ratio * total)`.": [line(step / ratio * total) for step in steps],
        "You took the larger of the ramp and its end. Take the smaller, with `min`.": [
            max(start + (end - start) * p, end) for p in ramp
        ],
        "Your weight jumps at the end of the ramp. It should grow there step by step.": [
            end if p >= 1 else start for p in ramp
        ],
        "Your weight jumps just after the end of the ramp. It should grow step by step.": [
            end if p > 1 else start for p in ramp
        ],
        "Your weight grows by the same *factor* at each step. It should grow by the same amount.": [
            start * (end / start) ** min(p, 1.0) for p in ramp
        ],
        "Your weight has the usual end points whatever it is given. Use `start`, `end` and "
        "`ratio`.": [KLSchedule()(step, total) for step in steps],
    }
    schedule = KLSchedule(start=start, end=end, ratio=ratio)
    expected = [schedule(step, total) for step in steps]
    cases = [f"`annealed({step}, {total}, {start}, {end}, {ratio})`" for step in steps]
    compare([float(value) for value in got], expected, mistakes, what="The weight", cases=cases)
    usual = _one_number(answer(25, 100), "The weight")
    compare(usual, KLSchedule()(25, 100), what="The weight for `annealed(25, 100)`")


@exercise("06.3", "Free bits", difficulty=2, importance=3, minutes=10)
def check_free_bits(answer: Callable) -> None:
    """Compare for several amounts of free bits."""
    rows = [[0.1, 0.2, 0.9, 2.0], [0.3, 1.4, 0.1, 3.0], [0.2, 0.2, 0.2, 1.0]]
    kl = torch.tensor(rows)
    cases = (0.3, 0.5, 1.0, 4.0)  # some KL above them, some below, and the sum of all as well
    hint = "First the mean over the batch, then the maximum, then the sum over the coordinates."
    got = [float(_one_number(answer(kl.clone(), bits), "The KL of z", hint)) for bits in cases]
    compare(
        got,
        [kl.mean(dim=0).clamp(min=bits).sum() for bits in cases],
        {text: [wrong(kl, bits) for bits in cases] for text, wrong in _WRONG_BITS.items()},
        what="The KL of z",
        cases=[f"{bits} free nats and a `kl` of {rows}" for bits in cases],
    )


_WRONG_BITS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "You compared with the free bits shape by shape. Take the mean over the batch first: a "
    "coordinate may say much about few shapes.": (
        lambda kl, bits: kl.clamp(min=bits).sum(dim=1).mean()
    ),
    "You compared the KL of all coordinates together with the free bits. Each coordinate has its "
    "own.": lambda kl, bits: kl.mean(dim=0).sum().clamp(min=bits),
    "You gave all coordinates together S times the free bits. Each has its own: one that says much "
    "must not pay for the others.": (
        lambda kl, bits: kl.mean(dim=0).sum().clamp(min=bits * kl.shape[1])
    ),
    "You took the minimum. KL below the free bits costs the free bits, KL above them costs itself: "
    "that is the maximum.": lambda kl, bits: kl.mean(dim=0).clamp(max=bits).sum(),
    "You took the free bits off. In this form they are a floor: max(free bits, KL).": (
        lambda kl, bits: (kl.mean(dim=0) - bits).clamp(min=0).sum()
    ),
    "You took the mean over the coordinates. Sum them.": (
        lambda kl, bits: kl.mean(dim=0).clamp(min=bits).mean()
    ),
    "You summed over the batch. Take the mean over the shapes.": (
        lambda kl, bits: kl.sum(dim=0).clamp(min=bits).sum()
    ),
    "You took the mean over the coordinates first, axis 1. The batch is axis 0.": (
        lambda kl, bits: kl.mean(dim=1).clamp(min=bits).sum()
    ),
    "You summed over everything. Over the batch, take the mean, and take it first.": (
        lambda kl, bits: kl.clamp(min=bits).sum()
    ),
    "You compared the KL of each shape, all coordinates together, with the free bits. Each "
    "coordinate has its own, and the mean over the batch comes first.": (
        lambda kl, bits: kl.sum(dim=1).clamp(min=bits).mean()
    ),
    "The free bits have no effect.": lambda kl, _: kl.mean(dim=0).sum(),
}
