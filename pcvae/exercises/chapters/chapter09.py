"""Checks of chapter 09: the loss of a flow, a midpoint step, drawing z and then h, fewer calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pcvae.checkpoints import load
from pcvae.data import generate
from pcvae.diagnostics import mean_chamfer
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.models import PointCloudVAE
from pcvae.models.flow import follow
from pcvae.randomness import generator_for
from pcvae.shapes import families


@exercise("09.1", "The loss of a flow", difficulty=2, importance=5, minutes=10)
def check_flow_loss(answer: Callable) -> None:
    """Compare with the squared error of a made-up field, on lines of known ends."""
    generator = generator_for(9)
    noise, data = torch.randn(2, 6, 3, generator=generator).unbind()
    data, time = 2 * data + 1, torch.tensor([0.1, 0.25, 0.4, 0.6, 0.75, 0.9])
    asked: list[tuple[Tensor, Tensor]] = []

    def velocity(place: Tensor, time: Tensor) -> Tensor:
        asked.append((place.detach(), time.detach()))
        return _field(place, time)

    got = answer(velocity, data.clone(), noise.clone(), time.clone())
    expect(bool(asked), "You never asked `velocity` for its prediction.")
    got = numbers(
        got,
        (6,),
        "The loss",
        {
            (6, 3): "Sum over the coordinates: one number for each row.",
            (): "One number for each row, please. The mean over rows is for the training loop.",
        },
    )
    _check_asked(*asked[0], noise, data, time)
    right = _loss(noise, data, time)
    compare(got, right, _loss_mistakes(noise, data, time), what="The loss")


def _field(place: Tensor, time: Tensor) -> Tensor:
    """A velocity that depends on all that it is told."""
    return 0.5 * place.roll(1, dims=-1) - place + time.reshape(-1, 1)


def _line(noise: Tensor, data: Tensor, time: Tensor) -> Tensor:
    return torch.lerp(noise, data, time.unsqueeze(-1))


def _loss(noise: Tensor, data: Tensor, time: Tensor, target: Tensor | None = None) -> Tensor:
    target = data - noise if target is None else target
    return (_field(_line(noise, data, time), time) - target).square().sum(dim=-1)


def _check_asked(place: Tensor, times: Tensor, noise: Tensor, data: Tensor, time: Tensor) -> None:
    """Say so if the velocity was asked at another place or time than the line's."""
    place = numbers(place, tuple(data.shape), "The place at which you asked `velocity`")
    times = numbers(times.reshape(-1), (len(time),), "The times that you gave to `velocity`")
    t = time.unsqueeze(-1)
    own = torch.from_numpy(times).to(time.dtype)
    expect(
        not np.allclose(place, _line(noise, data, own), atol=1e-4)
        or any(np.allclose(own, known, atol=1e-4) for known in (time, 1 - time)),
        "You went to times of your own. `time` says how far along its line each row is.",
    )
    places = {
        "You asked at the place of time 1 - t: time 0 is noise here, and time 1 is data.": (
            t * noise + (1 - t) * data
        ),
        "You asked at the data. The network has to find its way from places between.": data,
        "You asked at the noise, for every time. Go along the line to time t.": noise,
        "Your weights are square roots, as in diffusion. Here the lines are straight: "
        "`(1 - t) * noise + t * data`.": (1 - t).sqrt() * noise + t.sqrt() * data,
        "You added data and noise. A place on the line is `(1 - t) * noise + t * data`.": (
            noise + t * data
        ),
    }
    compare(place, _line(noise, data, time), places, what="The place on the line")
    compare(times, time, {"You gave `1 - time` to `velocity`.": 1 - time}, what="The time")


def _loss_mistakes(noise: Tensor, data: Tensor, time: Tensor) -> dict[str, Tensor]:
    t, line = time.unsqueeze(-1), _line(noise, data, time)
    right = _loss(noise, data, time)
    error = _field(line, time) - (data - noise)
    return {
        "Your target leads from data to noise. Time 1 is data here, so the velocity is "
        "`data - noise`.": _loss(noise, data, time, noise - data),
        "Your target is the place on the line. The network is to say which way to *go* from "
        "there.": _loss(noise, data, time, line),
        "Your target is the data. The velocity is the way to it, from the noise: "
        "`data - noise`.": _loss(noise, data, time, data),
        "You took the way that is left and did not divide by the time that is left: a velocity is "
        "a way in a whole unit of time.": _loss(noise, data, time, data - line),
        "You divided by the time. The line is walked at an even speed: `data - noise` at every "
        "time.": _loss(noise, data, time, (data - noise) / t),
        "You took the mean over the coordinates. Sum them: then it is the squared length of the "
        "error, whatever the dimension.": right / data.shape[1],
        "That is the length of the error. Square it: only then is the best prediction the "
        "mean.": right.sqrt(),
        "You took absolute values. Squares make the best prediction the mean, absolute values "
        "make it the median.": error.abs().sum(dim=-1),
        "You weighed the error by the time. Leave that out.": t.squeeze(-1) * right,
        "That is half of it. Return the squared length itself.": right / 2,
    }


@exercise("09.2", "A midpoint step", difficulty=2, importance=4, minutes=10)
def check_midpoint(answer: Callable) -> None:
    """Compare one step with the midpoint rule, on a field that turns and grows with time."""
    place = torch.randn(5, 2, generator=generator_for(92)).double()
    now, length = torch.tensor(0.3).double(), 0.4
    calls: list[float] = []

    def velocity(place: Tensor, time: Tensor | float) -> Tensor:
        calls.append(float(time))
        return _turning(place, time)

    got = numbers(answer(velocity, place.clone(), now.clone(), length), (5, 2), "The place")
    compare(got, _midpoint(place, now, length), _step_mistakes(place, now, length), what="The step")
    expect(len(calls) == 2, f"The step is right, but asked {len(calls)} times. Two will do.")


def _turning(place: Tensor, time: Tensor | float) -> Tensor:
    x, y = place.unbind(dim=-1)
    return torch.stack([-2 * y + time, 3 * x * (1 + time)], dim=-1)


def _midpoint(place: Tensor, now: Tensor, length: float) -> Tensor:
    middle = place + length / 2 * _turning(place, now)
    return place + length * _turning(middle, now + length / 2)


def _step_mistakes(place: Tensor, now: Tensor, length: float) -> dict[str, Tensor]:
    first = _turning(place, now)
    middle, end = place + length / 2 * first, place + length * first
    half, then = now + length / 2, now + length
    late = _turning(middle, half)
    return {
        "That is Euler's step: one velocity, from where the step begins. Ask again in its "
        "middle.": end,
        "You asked at the end of the step, not in its middle.": place
        + length * _turning(end, then),
        "You went the whole step to find the middle: go `length / 2` there.": place
        + length * _turning(end, half),
        "You asked the middle with the *old* time. The field changes with time: ask at "
        "`time + length / 2`.": place + length * _turning(middle, now),
        "You asked at the old place with the new time. Go there first.": place
        + length * _turning(place, half),
        "You averaged the velocities of both ends. That is Heun's step, and a good one; here the "
        "midpoint is asked for.": place + length * (first + _turning(end, then)) / 2,
        "You went on from the middle. It was only to look around: start from where the step "
        "begins.": middle + length * late,
        "You ended half way: the last move is a whole `length`.": place + length / 2 * late,
        "You asked the middle with the time of the step's *end*. Only half has passed there: "
        "`time + length / 2`.": place + length * _turning(middle, then),
        "You asked the middle at half of `time`. Half of the *step* has passed there: "
        "`time + length / 2`.": place + length * _turning(middle, now / 2),
        "Your look ahead forgets how long the step is: go `length / 2` times the velocity.": place
        + length * _turning(place + first / 2, half),
        "Your last move forgets how long the step is: go `length` times the velocity.": place
        + late,
        "You went backward: add `length` times the velocity.": place - length * late,
        "You averaged the velocities of start and middle (two Euler steps of half the length do "
        "that). Use the middle's alone.": place + length * (first + late) / 2,
    }


@exercise("09.3", "First z, then h", difficulty=3, importance=5, minutes=20)
def check_draw(answer: Callable) -> None:
    """Compare with the shipped model's own way, for three shapes of 40 points."""
    model = load("shapes")
    generator = generator_for(93)
    style_noise = torch.randn(3, 128, generator=generator)
    point_noise = torch.randn(3, 40, 4, generator=generator)
    try:
        raw = answer(model, style_noise.clone(), point_noise.clone())
    except RuntimeError as error:
        if "shapes cannot be multiplied" not in str(error):
            raise
        raise Wrong(
            "Shapes do not fit. `model.prior.points.from_noise` and `model.decode` both take what "
            "belongs to the points first, (B, N, 4), and z second, (B, 128)."
        ) from error
    expect(
        not (isinstance(raw, Tensor) and raw.requires_grad),
        "Your clouds carry a gradient. Nothing is trained here: decorate with `@torch.no_grad()`, "
        "or memory fills up with what nobody needs.",
    )
    got = numbers(raw, (3, 40, 3), "The clouds", {(3, 40, 4): "You returned h. Decode it."})
    right, mistakes = _drawn(model, style_noise, point_noise)
    compare(got, right, mistakes, what="The clouds", tolerance=2e-3)


@torch.no_grad()
def _drawn(model: PointCloudVAE, e_z: Tensor, e_h: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the right clouds, and what mistakes make of the same noise."""
    style, points, data = model.prior.style, model.prior.points, model.normalization.inverse
    z = style.from_noise(e_z)
    h = points.from_noise(e_h, z)
    one = e_h[:, :1].expand_as(e_h)
    plain = points.from_noise(e_h, e_z)
    return data(model.decode(h, z)), {
        "You decoded with another z than the one that h was drawn for. h and z belong "
        "together.": data(model.decode(h, z.roll(1, dims=0))),
        "You gave the decoder the noise in place of z.": data(model.decode(h, e_z)),
        "You took the noise for z, as if N(0, I) were where z lies. Let `model.prior.style` carry "
        "it there first.": data(model.decode(plain, e_z)),
        "You drew h for the noise of z, and not for z itself.": data(model.decode(plain, z)),
        "You took the noise for h. Let `model.prior.points` carry it there, given z.": data(
            model.decode(e_h, z)
        ),
        "Your clouds are in model units. `model.normalization.inverse` brings them back to those "
        "of the data.": model.decode(h, z),
        "You normalized the clouds once more. It is the inverse that is needed.": (
            model.normalization(model.decode(h, z))
        ),
        "All points of a shape had the same noise, so they fell into one place. Each point needs "
        "noise of its own.": data(model.decode(points.from_noise(one, z), z)),
        "You returned the coordinates of h. They are only the way to the cloud: decode.": data(
            h[..., :3]
        ),
    }


# 09.4: half the calls
CALLS, WITHIN = 4, 1.0
REFERENCE = (0.991, 0.989, 0.990)  # Chamfer distance beside Euler's with eight calls


@exercise(
    "09.4", "Open task: half the steps, and nothing lost", difficulty=4, importance=3, minutes=40
)
def check_few_calls(answer: Callable) -> str:
    """A field whose end is known, then shapes from z alone, beside eight of Euler's steps."""
    _check_straight(answer)
    found = [beside_euler(answer, seed) for seed in SEEDS]
    expect(
        max(found) <= WITHIN,
        "Shapes from z alone are "
        + ", ".join(f"{value:.3f}" for value in found)
        + f" times as far from the real ones as with eight steps of Euler's; at most {WITHIN:g} is "
        "asked for. What do you throw away after each call?",
    )
    return beside("Chamfer distance over that of eight Euler steps", found, REFERENCE)


def _check_straight(answer: Callable) -> None:
    """Say how an answer fails on a field of even speed, where every method is exact."""
    start = torch.randn(1, 20, 4, generator=generator_for(94))
    times: list[float] = []

    def velocity(place: Tensor, time: Tensor | float) -> Tensor:
        times.append(float(time))
        return torch.full_like(place, 2.0)

    got = numbers(answer(velocity, start.clone()), (1, 20, 4), "The end of the way")
    expect(bool(times), "You never called `velocity`.")
    expect(len(times) <= CALLS, f"You called `velocity` {len(times)} times; {CALLS} are allowed.")
    expect(
        min(times) >= 0 and max(times) <= 1,
        f"You asked at the times {np.round(times, 2).tolist()}. Time goes from 0 to 1.",
    )
    way = got - start.numpy()
    if not np.allclose(way, 2.0, atol=1e-3):
        expect(not np.allclose(way, -2.0, atol=1e-3), "You went backward: from data to noise.")
        raise Wrong(
            f"In a field of even speed 2 your way is {way.mean():.2f} long; in a unit of time it "
            "should be 2. Do the lengths of your steps add up to 1, and the weights of your "
            "velocities in each step?"
        )


@cache
def _shapes(seed: int) -> tuple[Tensor, Tensor]:
    """Return shapes in model units, (12, 1024, 3), and their noise, (12, 512, 4)."""
    points = generate(tuple(families()), 12, 1024, seed=100 + seed).points
    noise = torch.randn(12, 512, 4, generator=generator_for(95, seed))
    return load("shapes").normalization(torch.from_numpy(points)), noise


@torch.no_grad()
def beside_euler(answer: Callable, seed: int) -> float:
    """Return the Chamfer distance from z alone over that of eight Euler steps."""
    model, (x, noise) = load("shapes"), _shapes(seed)
    z = model.encode_style(x).mean
    flow = model.prior.points
    condition, calls = flow.condition(z), []

    def velocity(place: Tensor, time: Tensor | float) -> Tensor:
        calls.append(time)
        return flow(place, torch.full(place.shape[:2], float(time)), condition)

    h = answer(velocity, noise.clone())
    expect(len(calls) <= CALLS, f"You called `velocity` {len(calls)} times for real shapes.")
    numbers(h, tuple(noise.shape), "The latent points")
    plain = follow(velocity, noise, steps=2 * CALLS, solver="euler")
    ours, theirs = (mean_chamfer(model.decode(end, z), x[:, :512]) for end in (h, plain))
    return ours / theirs
