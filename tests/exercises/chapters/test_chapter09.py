"""Typical wrong answers to the exercises of chapter 09: each gets a message of its own."""

import pytest
import torch

from pcvae.exercises import check
from pcvae.models.flow import follow

# 09.1: the loss of a flow


def line(noise, data, time):
    return torch.lerp(noise, data, time.unsqueeze(-1))


def loss(velocity, data, noise, time):
    return error(velocity, data, noise, time).square().sum(dim=-1)


def error(velocity, data, noise, time):
    return velocity(line(noise, data, time), time) - (data - noise)


def aiming_at(target):
    def answer(velocity, data, noise, time):
        place = line(noise, data, time)
        aim = target(place, data, noise, time.unsqueeze(-1))
        return (velocity(place, time) - aim).square().sum(dim=-1)

    return answer


def standing_at(where):
    def answer(velocity, data, noise, time):
        place = where(data, noise, time.unsqueeze(-1))
        return (velocity(place, time) - (data - noise)).square().sum(dim=-1)

    return answer


# 09.2: a midpoint step


def midpoint(velocity, place, time, length):
    middle = place + length / 2 * velocity(place, time)
    return place + length * velocity(middle, time + length / 2)


def euler(velocity, place, time, length):
    return place + length * velocity(place, time)


def heun(velocity, place, time, length):
    first = velocity(place, time)
    second = velocity(place + length * first, time + length)
    return place + length * (first + second) / 2


def step(reach=0.5, when=0.5, move=1.0, start=0.0):
    """A step that looks after some share of the way, at some time, and then moves."""

    def answer(velocity, place, time, length):
        first = velocity(place, time)
        middle = place + reach * length * first
        slope = velocity(middle, time + when * length)
        return place + start * length * first + move * length * slope

    return answer


def averaged_middle(velocity, place, time, length):
    first = velocity(place, time)
    second = velocity(place + length / 2 * first, time + length / 2)
    return place + length * (first + second) / 2


def asking_thrice(velocity, place, time, length):
    velocity(place, time)
    return midpoint(velocity, place, time, length)


# 09.3: first z, then h


@torch.no_grad()
def draw(model, e_z, e_h):
    z = model.prior.style.from_noise(e_z)
    return model.normalization.inverse(model.decode(model.prior.points.from_noise(e_h, z), z))


def parts(build):
    """An answer from the model, the noise, z and h."""

    @torch.no_grad()
    def answer(model, e_z, e_h):
        z = model.prior.style.from_noise(e_z)
        h = model.prior.points.from_noise(e_h, z)
        return build(model, e_z, e_h, z, h)

    return answer


def data(model, cloud):
    return model.normalization.inverse(cloud)


def one_noise(model, e_z, e_h, z, h):
    return data(model, model.decode(model.prior.points.from_noise(e_h[:, :1].expand_as(e_h), z), z))


def with_gradients(model, e_z, e_h):
    z = model.prior.style.from_noise(e_z)
    return model.normalization.inverse(model.decode(model.prior.points.from_noise(e_h, z), z))


# 09.4: half the calls


def adams_bashforth(velocity, start):
    place, last = start, None
    for k in range(4):
        now = velocity(place, k / 4)
        slope = now if last is None else 1.5 * now - 0.5 * last
        place, last = place + slope / 4, now
    return place


def by(solver, steps):
    def answer(velocity, start):
        return follow(
            lambda place, time: velocity(place, float(time)), start, steps=steps, solver=solver
        )

    return answer


def backward(velocity, start):
    for k in range(4):
        start = start - velocity(start, k / 4) / 4
    return start


def too_long(velocity, start):
    for k in range(4):
        start = start + velocity(start, k / 4) / 3
    return start


def beyond(velocity, start):
    return start + velocity(start, 1.25)


WRONG = [
    ("09.1", aiming_at(lambda p, x, e, t: e - x), "leads from data to noise"),
    ("09.1", aiming_at(lambda p, x, e, t: p), "Your target is the place on the line"),
    ("09.1", aiming_at(lambda p, x, e, t: x), "Your target is the data"),
    ("09.1", aiming_at(lambda p, x, e, t: x - p), "the way that is left"),
    ("09.1", aiming_at(lambda p, x, e, t: (x - e) / t), "You divided by the time"),
    ("09.1", lambda *a: error(*a).square().mean(dim=-1), "the mean over the coordinates"),
    ("09.1", lambda *a: loss(*a).sqrt(), "the length of the error"),
    ("09.1", lambda *a: error(*a).abs().sum(dim=-1), "absolute values"),
    ("09.1", lambda v, x, e, t: t * loss(v, x, e, t), "You weighed the error"),
    ("09.1", lambda *a: loss(*a).mean(), "One number for each row"),
    ("09.1", lambda *a: error(*a).square(), "Sum over the coordinates"),
    ("09.1", standing_at(lambda x, e, t: t * e + (1 - t) * x), "at the place of time 1 - t"),
    ("09.1", standing_at(lambda x, e, t: x), "You asked at the data"),
    ("09.1", standing_at(lambda x, e, t: e), "You asked at the noise"),
    (
        "09.1",
        standing_at(lambda x, e, t: (1 - t).sqrt() * e + t.sqrt() * x),
        "Your weights are square roots",
    ),
    ("09.1", standing_at(lambda x, e, t: e + t * x), "You added data and noise"),
    ("09.1", lambda v, x, e, t: (x - e).square().sum(dim=-1), "never asked `velocity`"),
    ("09.1", lambda *a: loss(*a) / 2, "That is half of it"),
    ("09.1", lambda v, x, e, t: loss(v, x, e, t.roll(1)), "times of your own"),
    ("09.2", euler, "That is Euler's step"),
    ("09.2", step(when=1), "with the time of the step's *end*"),
    ("09.2", lambda v, y, t, d: y + d * v(y + d / 2 * v(y, t), t / 2), "at half of `time`"),
    ("09.2", lambda v, y, t, d: y + d * v(y + v(y, t) / 2, t + d / 2), "Your look ahead forgets"),
    ("09.2", lambda v, y, t, d: y + v(y + d / 2 * v(y, t), t + d / 2), "Your last move forgets"),
    ("09.2", step(reach=1, when=1), "at the end of the step, not in its middle"),
    ("09.2", step(reach=1), "You went the whole step to find the middle"),
    ("09.2", step(when=0), "with the *old* time"),
    ("09.2", step(reach=0), "at the old place with the new time"),
    ("09.2", heun, "That is Heun's step"),
    ("09.2", step(start=0.5), "You went on from the middle"),
    ("09.2", step(move=0.5), "You ended half way"),
    ("09.2", step(move=-1), "You went backward"),
    ("09.2", averaged_middle, "Use the middle's alone"),
    ("09.2", asking_thrice, "asked 3 times"),
    ("09.3", parts(lambda m, a, b, z, h: data(m, m.decode(h, z.roll(1, 0)))), "belong together"),
    ("09.3", parts(lambda m, a, b, z, h: data(m, m.decode(h, a))), "the noise in place of z"),
    (
        "09.3",
        parts(lambda m, a, b, z, h: data(m, m.decode(m.prior.points.from_noise(b, a), a))),
        "You took the noise for z",
    ),
    (
        "09.3",
        parts(lambda m, a, b, z, h: data(m, m.decode(m.prior.points.from_noise(b, a), z))),
        "You drew h for the noise of z",
    ),
    ("09.3", parts(lambda m, a, b, z, h: data(m, m.decode(b, z))), "You took the noise for h"),
    ("09.3", parts(lambda m, a, b, z, h: m.decode(h, z)), "in model units"),
    ("09.3", parts(lambda m, a, b, z, h: m.normalization(m.decode(h, z))), "once more"),
    ("09.3", parts(one_noise), "All points of a shape had the same noise"),
    ("09.3", parts(lambda m, a, b, z, h: data(m, h[..., :3])), "the coordinates of h"),
    ("09.3", parts(lambda m, a, b, z, h: h), "You returned h"),
    ("09.3", parts(lambda m, a, b, z, h: m.decode(z, h)), "Shapes do not fit"),
    ("09.3", with_gradients, "carry a gradient"),
    ("09.4", lambda velocity, start: start, "You never called `velocity`"),
    ("09.4", by("euler", 8), "You called `velocity` 8 times"),
    ("09.4", backward, "You went backward"),
    ("09.4", too_long, "your way is 2.67 long"),
    ("09.4", beyond, "Time goes from 0 to 1"),
    ("09.4", by("midpoint", 2), "What do you throw away"),
    ("09.4", by("heun", 2), "times as far from the real ones"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("09.1", lambda v, x, e, t: (v(e + t[:, None] * (x - e), t) - x + e).pow(2).sum(1)),
        ("09.2", midpoint),
        ("09.3", draw),
        ("09.4", adams_bashforth),
    ],
)
def test_other_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"
