"""Typical wrong answers to the exercises of chapter 08: each gets a message of its own."""

import math

import numpy as np
import pytest
import torch

from pcvae.exercises import check
from pcvae.metrics import chamfer_distance, nearest_shapes

# 08.1: factor directions


def lstsq(inputs, targets):
    return np.linalg.lstsq(inputs, targets, rcond=None)[0]


def centered(values):
    return values - values.mean(axis=0)


def right_directions(z, f):
    return lstsq(centered(f), centered(z))


def one_by_one(z, f):
    f = centered(f)
    return np.stack([f[:, k] @ centered(z) / (f[:, k] @ f[:, k]) for k in range(f.shape[1])])


def with_constant(z, f):
    return lstsq(np.column_stack([f, np.ones(len(f))]), z)


def unit_directions(z, f):
    found = right_directions(z, f)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def standardized(z, f):
    return lstsq(centered(f) / f.std(axis=0), centered(z))


# 08.2: a way through noise


def arc(turn):
    def between(one, other, amount):
        return math.cos(turn * amount) * one + math.sin(turn * amount) * other

    return between


def right_way(one, other, amount):
    return arc(math.pi / 2)(one, other, amount)


def unit_rows(one, other, amount):
    line = torch.lerp(one, other, amount)
    return line / line.norm(dim=-1, keepdim=True)


def with_new_noise(one, other, amount):
    line = torch.lerp(one, other, amount)
    missing = max(1 - (1 - amount) ** 2 - amount**2, 0.0)
    return line + math.sqrt(missing) * torch.randn_like(one)


def kept_at_length(one, other, amount):
    line = torch.lerp(one, other, amount)
    return line / math.sqrt((1 - amount) ** 2 + amount**2)


def classical_slerp(one, other, amount):
    cosine = (one * other).sum() / (one.norm() * other.norm())
    angle = torch.arccos(cosine)
    return (torch.sin((1 - amount) * angle) * one + torch.sin(amount * angle) * other) / angle.sin()


def jump(one, other, amount):
    return one if amount < 0.4 else other


def eased(one, other, amount):
    return right_way(one, other, amount**3)


# 08.3: latent arithmetic


def difference(z, has):
    return z[has].mean(axis=0) - z[~has].mean(axis=0)


def in_place(z, has):
    z -= z[~has].mean(axis=0)
    return z[has].mean(axis=0)


# 08.4: the nearest training shape


def all_distances(samples, training, distance=chamfer_distance):
    return np.array([[distance(s, t) for t in training] for s in samples])


def nearest(distance):
    def answer(samples, training):
        found = all_distances(samples, training, distance)
        return found.argmin(axis=1), found.min(axis=1)

    return answer


def squared(one, other):
    return np.square(one[:, None] - other[None]).sum(axis=2)


def turned_around(samples, training):
    found = all_distances(samples, training)
    return found.argmin(axis=0), found.min(axis=0)


def farthest(samples, training):
    found = all_distances(samples, training)
    return found.argmax(axis=1), found.max(axis=1)


def averaged(samples, training):
    found = all_distances(samples, training)
    return found.argmin(axis=1), found.mean(axis=1)


def changed(change):
    def answer(samples, training):
        return change(*nearest(chamfer_distance)(samples, training))

    return answer


# 08.5: a slider that keeps its word


def once(respond, wanted):
    return wanted - respond(0.0)


def creeping(respond, wanted):
    amount = 0.0
    while abs(respond(amount) - wanted) > 0.1:
        amount += 0.5 if respond(amount) < wanted else -0.5
    return amount


def by_the_difference(respond, wanted):
    amount = 0.0
    for _ in range(6):
        amount += wanted - respond(amount)
    return amount


def forgetful(respond, wanted):
    once_more = wanted - respond(0.0)
    respond(once_more)
    return once_more / 2


WRONG = [
    ("08.1", one_by_one, "You fitted each factor by itself"),
    ("08.1", lambda z, f: lstsq(centered(z), centered(f)).T, "You regressed the factors on z"),
    ("08.1", lambda z, f: np.linalg.pinv(lstsq(centered(z), centered(f))), "You inverted the map"),
    ("08.1", lambda z, f: lstsq(f, z), "You left out the constant"),
    ("08.1", lambda z, f: lstsq(f, centered(z)), "but not those of the factors"),
    ("08.1", standardized, "one standard deviation of the factor"),
    ("08.1", unit_directions, "length 1. Its length says how far z moves"),
    ("08.1", lambda z, f: centered(f).T @ centered(z) / len(f), "Those are covariances"),
    ("08.1", with_constant, "leave out that of the constant"),
    ("08.1", lambda z, f: right_directions(z, f).T, "the other way round"),
    ("08.2", torch.lerp, "That is the straight line"),
    ("08.2", lambda a, b, t: right_way(b, a, t), "You go the other way"),
    ("08.2", arc(math.pi), "a half circle"),
    ("08.2", arc(1.0), "0 to 1 radian"),
    ("08.2", arc(90.0), "in degrees"),
    ("08.2", unit_rows, "You gave each row length 1"),
    ("08.2", lambda a, b, t: math.sqrt(2) * torch.lerp(a, b, t), "right halfway only"),
    ("08.2", lambda a, b, t: torch.lerp(a, b, math.sin(t * math.pi / 2) ** 2), "are squared"),
    ("08.2", with_new_noise, "Do not draw new noise"),
    ("08.2", jump, "Does it jump?"),
    ("08.2", eased, "as near to the one as to the other"),
    ("08.2", lambda a, b, t: right_way(a, b, t)[0], "should have shape (40, 256)"),
    ("08.3", lambda z, has: -difference(z, has), "The sign is turned around"),
    ("08.3", lambda z, has: z[has].mean(0) - z.mean(0), "You compared with all shapes"),
    ("08.3", lambda z, has: z[has].mean(0), "Subtract the mean of those that lack it"),
    ("08.3", lambda z, has: z[has].sum(0) - z[~has].sum(0), "the groups differ in size"),
    ("08.3", lambda z, has: difference(z, has) / np.linalg.norm(difference(z, has)), "length 1"),
    ("08.3", lambda z, has: z[has][0] - z[~has][0], "one shape of each group"),
    ("08.3", lambda z, has: z[has].mean(1), "Average over the shapes, `axis=0`"),
    ("08.3", lambda z, has: z[has].mean() - z[~has].mean(), "over the shapes only"),
    ("08.3", in_place, "changed the array"),
    ("08.4", nearest(lambda s, t: np.square(s - t).sum(axis=1).mean()), "point k with point k"),
    (
        "08.4",
        nearest(lambda s, t: squared(s, t).min(axis=1).mean()),
        "from the sample to the training shape",
    ),
    (
        "08.4",
        nearest(lambda s, t: squared(s, t).min(axis=0).mean()),
        "from the training shape to the sample",
    ),
    ("08.4", farthest, "`argmax` where `argmin` belongs"),
    (
        "08.4",
        nearest(lambda s, t: np.linalg.norm(s.mean(axis=0) - t.mean(axis=0))),
        "You compared the centers",
    ),
    ("08.4", averaged, "the *mean* training shape"),
    ("08.4", changed(lambda index, distance: (index, distance**0.5)), "You took roots"),
    ("08.4", changed(lambda index, distance: (distance, index)), "changed places"),
    ("08.4", changed(lambda index, distance: index), "Return two arrays"),
    ("08.4", turned_around, "One for each *sample*"),
    ("08.5", lambda respond, wanted: wanted - 45.0, "You never called `respond`"),
    ("08.5", lambda respond, wanted: respond(0.0) and wanted, "Return the *amount*"),
    ("08.5", lambda respond, wanted: respond(0.0) - wanted, "the wrong way"),
    ("08.5", once, "did not look where that led"),
    ("08.5", creeping, "more than 6 times"),
    ("08.5", by_the_difference, "Two tries tell how much"),
    ("08.5", forgetful, "you returned another amount"),
    ("08.5", lambda respond, wanted: respond(100.0), "There is no chair beyond"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("08.1", lambda z, f: with_constant(z, f)[:-1]),
        ("08.1", lambda z, f: lstsq(centered(f), z - z.mean(axis=0))),
        # Centered factors are orthogonal to the constant, so z need not be centered.
        ("08.1", lambda z, f: lstsq(centered(f), z)),
        ("08.2", kept_at_length),
        ("08.2", classical_slerp),
        ("08.2", lambda a, b, t: (1 - t) ** 0.5 * a + t**0.5 * b),
        ("08.3", lambda z, has: torch.from_numpy(difference(z, has))),
        ("08.4", lambda s, t: tuple(nearest_shapes(s, t, candidates=len(t)))),
        ("08.4", lambda s, t: list(nearest(chamfer_distance)(s, t))),
    ],
)
def test_other_ways_that_are_right(id, answer):
    assert check(id, answer).status == "done"


def test_every_shortcut_to_the_nearest_shape_finds_another_one():
    """Else the exercise could be passed by luck."""
    from pcvae.exercises.chapters.chapter08 import _copies

    samples, training = _copies()
    right, _ = nearest(chamfer_distance)(samples, training)
    shortcuts = {
        "rows": lambda s, t: np.square(s - t).sum(),
        "there": lambda s, t: squared(s, t).min(axis=1).mean(),
        "back": lambda s, t: squared(s, t).min(axis=0).mean(),
    }
    found = {name: nearest(distance)(samples, training)[0] for name, distance in shortcuts.items()}
    assert right.tolist() == [4, 3, 2]
    assert found["rows"][1] == 5
    assert found["back"][2] == 1
