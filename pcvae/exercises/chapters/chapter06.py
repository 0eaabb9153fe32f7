"""Checks of chapter 06: the loss, annealing, free bits, a z that is to be woken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pcvae.exercises.chapters.chapter02 import WRONG_KL
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, Seen, beside, fit, look, small_vae
from pcvae.exercises.registry import exercise
from pcvae.models import DiagonalGaussian
from pcvae.objective import SCHEDULES, KLSchedule, Objective

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
        for message, formula in WRONG_KL.items()
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


# 06.4: what the reader may set, with LION's values, and what the results must be
LIONS = {
    "kl_weight": 0.5,
    "style_weight": 1.0,
    "sigma_offset": 6.0,
    "skip_weight": 0.01,
    "free_bits": 0.0,
    "schedule": "linear",
}
STEPS, ALIVE, LOST, COPY, NOISY = 300, 0.2, 0.6, 0.1, 0.4
WAKING = (0.33, 0.25, 0.31)  # the walk-through's, over the seeds


@exercise(
    "06.4", "Open task: wake z under the batch-summed loss", difficulty=4, importance=4, minutes=40
)
def check_waking(answer: Callable) -> str:
    """Train with the settings handed in, over three seeds, and do the swap test."""
    settings = _settings(answer())
    found = []
    for seed in SEEDS:
        seen = train_by(settings, seed)
        _expect_awake(seen, settings, seed)
        found.append(seen.moved)
    return beside("The way that a swapped z moves points,", found, WAKING)


def train_by(settings: Mapping[str, Any], seed: int) -> Seen:
    """Train a small model under LION's loss, in batches of 16, and look at it."""
    vae = small_vae(
        seed, skip_weight=settings["skip_weight"], sigma_offset=settings["sigma_offset"]
    )
    objective = Objective(
        "l1", "batch", style_weight=settings["style_weight"], free_bits=settings["free_bits"]
    )
    schedule = KLSchedule(settings["schedule"], end=settings["kl_weight"])
    return look(fit(vae, lambda x, step: objective(x, vae(x), schedule(step, STEPS)), STEPS))


def _settings(given: Any) -> dict[str, Any]:
    """Return all settings, or say which of those handed in cannot be."""
    expect(
        isinstance(given, Mapping),
        f"Return a dict of settings, not a value of type `{type(given).__name__}`.",
    )
    for name in given:
        rule = "The loss stays summed over batches of 16, and the run is as long as it is."
        expect(name in LIONS, f"There is no setting `{name}` here. {rule}")
    settings = {**LIONS, **given}
    kind = settings.pop("schedule")
    expect(kind in SCHEDULES, f"`schedule` is one of {', '.join(SCHEDULES)}, not {kind!r}.")
    for name, value in settings.items():
        amount = float(numbers(value, (), f"`{name}`"))
        expect(amount >= 0, f"`{name}` must not be negative, but is {amount:g}.")
        settings[name] = amount
    return settings | {"schedule": kind}


def _expect_awake(seen: Seen, settings: Mapping[str, Any], seed: int) -> None:
    """Say why z sleeps, from what the model does: first h, then z."""
    measured = (
        f"Seed {seed}: a swapped z moves points by {seen.moved:.2f}, sigma of h is "
        f"{seen.sigma:.2f}, z has {seen.nats:.1f} nats, the error is {seen.error:.2f}. "
    )
    expect(
        seen.error < LOST,
        measured + f"The error must stay below {LOST}: at this KL weight h is pure noise, and the "
        "shape is lost.",
    )
    if seen.moved >= ALIVE:
        return
    raise Wrong(measured + _why_asleep(seen, settings))


def _why_asleep(seen: Seen, settings: Mapping[str, Any]) -> str:
    """Name the first of the obstacles that this model has not got over."""
    if seen.sigma < COPY and settings["free_bits"] > 0:
        return "Free bits keep nats in z, and h is still a copy: nobody reads them."
    if seen.sigma < COPY and settings["sigma_offset"] < 3:
        return "It began with noise, and the loss drove h back to a copy. What makes it do so?"
    if seen.sigma < COPY and settings["schedule"] == "cyclical":
        return "Cycles make KL cheap again and again. It has to cost something: h is still a copy."
    if seen.sigma < COPY:
        return "h is still a copy, so z has no work. Which KL weight acts here, in batches of 16?"
    if seen.sigma < NOISY:
        return "h has some noise, yet it still tells where most points are. Go on in this way."
    if settings["sigma_offset"] >= 3:
        return "h is noisy at the end, but it began as a copy, and that delays z. Begin elsewhere."
    if seen.nats < 5:
        return "h is noisy from the start, and z says nothing: its nats cost more than they bring."
    return f"z stirs, and {ALIVE} is asked for. A ramp and a small skip weight both hold it back."
