"""Checks of chapter 08: factor directions, latent arithmetic, ways in noise, nearest shapes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from pcvae.checkpoints import load
from pcvae.data import CloudSet, generate
from pcvae.diagnostics import style_means
from pcvae.editing import FactorDirections, decode, encode, fit_factors, measure, move_factors
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.models import PointCloudVAE

SLOPES = np.array(
    [[1.0, -0.6, 0.4, 0.0, 2.0], [-0.5, 1.5, 0.0, 1.0, 0.7], [0.8, 0.3, -2.0, 1.2, 0]]
)


@exercise("08.1", "Factor directions", difficulty=3, importance=5, minutes=20)
def check_factor_directions(answer: Callable) -> None:
    """Compare with least squares, on factors that go together and are far from 0."""
    means, factors = _correlated()
    got = numbers(
        answer(means.copy(), factors.copy()),
        (3, 5),
        what="The answer",
        shapes={
            (5, 3): "You have it the other way round: one row for each factor, `(F, D)`.",
            (4, 5): "One row too many: leave out that of the constant.",
        },
    )
    right = _slopes(factors - factors.mean(axis=0), means - means.mean(axis=0))
    compare(
        got, right, _direction_mistakes(means, factors, right), what="The answer", tolerance=0.01
    )


def _correlated() -> tuple[np.ndarray, np.ndarray]:
    """Return z (S, D) of shapes, and factors (S, F) of which two go together."""
    rng = np.random.default_rng(6)
    deep, tall, tilt = rng.normal(size=(3, 80))
    factors = np.stack([5 + deep, 9 + 2 * (0.8 * deep + 0.6 * tall), -3 + 1.5 * tilt], axis=1)
    return factors @ SLOPES + 4 + 0.1 * rng.normal(size=(80, 5)), factors


def _slopes(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(inputs, targets, rcond=None)[0]


def _direction_mistakes(
    means: np.ndarray, factors: np.ndarray, right: np.ndarray
) -> dict[str, np.ndarray]:
    f, z = factors - factors.mean(axis=0), means - means.mean(axis=0)
    spread = f.std(axis=0)[:, None]
    one_by_one = f.T @ z / np.square(f).sum(axis=0)[:, None]
    reading = _slopes(z, f)  # (D, F): reads factors off z
    return {
        "You fitted each factor by itself. Two of these factors go together, so the direction of "
        "the one moves the other along with it: it leaks. Give all factors to one regression.": (
            one_by_one
        ),
        "You regressed the factors on z. That reads a factor off z; it does not say what z does "
        "when the factor changes. z is the target, the factors are the inputs.": reading.T,
        "You inverted the map that reads factors off z. It is not the same: where z says nothing "
        "about a factor, the inverse is huge. Regress z on the factors.": np.linalg.pinv(reading),
        "You left out the constant. Subtract the means of z and of the factors first, or give the "
        "regression a column of ones.": _slopes(factors, means),
        "You subtracted the means of z, but not those of the factors.": _slopes(factors, z),
        "That is for a change by one standard deviation of the factor. It should be for one unit: "
        "divide by the standard deviation.": right * spread,
        "You divided by the standard deviation once too often.": right / spread,
        "You gave each direction length 1. Its length says how far z moves for one unit of the "
        "factor, so leave it.": right / np.linalg.norm(right, axis=1, keepdims=True),
        "Those are covariances. Divide by the covariances of the factors (`np.linalg.solve`, or "
        "`lstsq`).": f.T @ z / len(f),
        "Those are sums of products. Divide by the products of the factors (`np.linalg.solve`, or "
        "`lstsq`).": f.T @ z,
    }


@exercise("08.2", "A way through noise", difficulty=2, importance=4, minutes=15)
def check_between(answer: Callable) -> None:
    """Look at the ends, the spread on the way, and how near each end is."""
    one, other = torch.randn(2, 40, 256)
    places = {t: _place(answer, one, other, t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)}
    again = _place(answer, one, other, 0.5)
    _recognize(places, one.numpy(), other.numpy())
    expect(
        np.allclose(places[0.5], again),
        "Two calls with the same noise gave different places. Do not draw new noise: the way has "
        "to be a way.",
    )
    compare(places[0.0], one, what="The place at amount 0")
    compare(places[1.0], other, what="The place at amount 1")
    for amount in (0.25, 0.5, 0.75):
        spread = places[amount].std()
        expect(
            abs(spread - 1) < 0.03,
            f"At amount {amount} your numbers have a standard deviation of {spread:.2f}. Noise has "
            "1, and the flow has seen nothing else. Which a and b with a^2 + b^2 = 1 lead from "
            "(1, 0) to (0, 1)?",
        )
    nearness = [_correlation(places[t], other.numpy()) for t in (0.25, 0.5, 0.75)]
    expect(
        nearness[0] + 0.1 < nearness[1] < nearness[2] - 0.1,
        "The way does not come nearer to its end step by step: correlations with it are "
        f"{np.round(nearness, 2).tolist()} at amounts 0.25, 0.5 and 0.75. Does it jump?",
    )
    halfway = _correlation(places[0.5], one.numpy())
    expect(
        abs(halfway - nearness[1]) < 0.1,
        "At amount 0.5 the place should be as near to the one as to the other, but correlations "
        f"are {halfway:.2f} and {nearness[1]:.2f}.",
    )


def _place(answer: Callable, one: Tensor, other: Tensor, amount: float) -> np.ndarray:
    place = answer(one.clone(), other.clone(), amount)
    return numbers(place, tuple(one.shape), what=f"The place at amount {amount}")


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _recognize(places: dict[float, np.ndarray], one: np.ndarray, other: np.ndarray) -> None:
    """Raise Wrong for a mistake that is known, at the ends or on the way."""
    got = np.stack([places[t] for t in places])
    amounts = np.array(list(places))[:, None, None]
    angle = amounts * np.pi / 2
    line = (1 - amounts) * one + amounts * other
    circle = np.cos(angle) * one + np.sin(angle) * other
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    mistakes = {
        "That is the straight line. Halfway its numbers have a standard deviation of 0.71, and the "
        "flow makes shapes of noise with 1. Weigh with cos and sin instead.": line,
        "You go the other way: amount 0 should be the one, amount 1 the other.": circle[::-1],
        "Your angle goes from 0 to pi: a half circle, which ends opposite to where it began. It "
        "should be a quarter, pi / 2.": np.cos(2 * angle) * one + np.sin(2 * angle) * other,
        "Your angle goes from 0 to 1 radian. It should go to pi / 2.": np.cos(amounts) * one
        + np.sin(amounts) * other,
        "You took the angle in degrees; `cos` and `sin` take radians.": np.cos(90 * amounts) * one
        + np.sin(90 * amounts) * other,
        "You gave each row length 1. A row of D numbers of noise has a length of about sqrt(D): "
        "the numbers would be far too small.": line / length,
        "You divided the line by its largest weight, not by its length. The squares of both "
        "weights should add up to 1.": line / np.maximum(1 - amounts, amounts),
        "You scaled the straight line by sqrt(2), which is right halfway only. At the ends nothing "
        "is to be scaled.": np.sqrt(2) * line,
        "You exchanged the weights: `sqrt(1 - amount)` goes with `one`, `sqrt(amount)` with "
        "`other`.": np.sqrt(amounts) * one + np.sqrt(1 - amounts) * other,
        "cos and sin are squared. Their squares should add up to 1 in the *variance*, and there "
        "they are squared already.": np.cos(angle) ** 2 * one + np.sin(angle) ** 2 * other,
    }
    for message, value in mistakes.items():
        if np.allclose(got, value, atol=1e-3):
            raise Wrong(message)


@exercise("08.3", "Latent arithmetic", difficulty=1, importance=3, minutes=10)
def check_difference(answer: Callable) -> None:
    """Compare with the difference of two means, of groups that differ in size."""
    rng = np.random.default_rng(7)
    means, has = rng.normal(size=(50, 6)) + 1, np.arange(50) % 5 == 0
    means[has] += [2.0, 0.0, -1.0, 0.5, 0.0, 3.0]
    got = numbers(
        answer(means.copy(), has.copy()),
        (6,),
        what="The vector",
        shapes={
            (50,): "You averaged over the numbers of z. Average over the shapes, `axis=0`.",
            (10,): "You averaged over the numbers of z. Average over the shapes, `axis=0`.",
            (): "Average over the shapes only, `axis=0`: z has 6 numbers here.",
        },
    )
    compare(got, means[has].mean(0) - means[~has].mean(0), _sum_mistakes(means, has))


def _sum_mistakes(means: np.ndarray, has: np.ndarray) -> dict[str, np.ndarray]:
    """Return what mistakes give in place of the difference of the means."""
    these, others = means[has], means[~has]
    right = these.mean(axis=0) - others.mean(axis=0)
    return {
        "The sign is turned around: added to a shape, your vector takes away what it should "
        "give.": -right,
        "You compared with all shapes. They hold those that have the thing too, so the vector "
        "comes out too short. Compare with the shapes that lack it.": these.mean(axis=0)
        - means.mean(axis=0),
        "That is the mean of the shapes that have the thing. Subtract the mean of those that "
        "lack it.": these.mean(axis=0),
        "You summed over the shapes; the groups differ in size. Take means.": these.sum(axis=0)
        - others.sum(axis=0),
        "You added the means. Subtract.": these.mean(axis=0) + others.mean(axis=0),
        "You gave the vector length 1. Its length says how far away the thing is; keep it.": right
        / np.linalg.norm(right),
        "You took medians. That is defensible, but the check expects means.": np.median(
            these, axis=0
        )
        - np.median(others, axis=0),
        "You took one shape of each group. Whatever else these two differ in is in your vector, "
        "too. Average over the groups.": these[0] - others[0],
        "You divided by the spread of z. Leave the difference as it is.": right / means.std(axis=0),
    }


@exercise("08.4", "The nearest training shape", difficulty=2, importance=4, minutes=15)
def check_nearest(answer: Callable) -> None:
    """Compare with all distances, on clouds where every shortcut finds another shape."""
    samples, training = _copies()
    raw = answer(samples.copy(), training.copy())
    if not isinstance(raw, tuple | list) or len(raw) != 2:
        numbers(raw, what="The answer")
        raise Wrong("Return two arrays: the indices and the distances, each of shape `(S,)`.")
    count, known = len(samples), len(training)
    turned = "One for each *sample*, please: your answer has one for each training shape."
    indices, distances = (
        numbers(part, (count,), what=f"The array of {name}", shapes={(known,): turned})
        for part, name in zip(raw, ("indices", "distances"), strict=True)
    )
    both = np.stack([indices, distances])
    ways = np.stack([[_ways(s, t) for t in training] for s in samples])  # (S, T, 2)
    compare(both, _best(ways.sum(axis=2)), _nearest_mistakes(samples, training, ways))


def _copies() -> tuple[np.ndarray, np.ndarray]:
    """Return samples (3, N, 3), and training shapes (7, N, 3) that are like them in some way."""
    rng = np.random.default_rng(8)
    samples = rng.normal(size=(3, 40, 3)) * [1.0, 0.5, 0.2]
    shuffled = rng.permutation(samples[0])  # the same shape, other order
    near = samples[1] + 0.05 * rng.normal(size=(40, 3))
    near = rng.permutation(near)
    part = np.repeat(samples[2][:4], 10, axis=0)  # lies on sample 2, but is a scrap of it
    whole = rng.permutation(samples[2] + 0.15 * rng.normal(size=(40, 3)))
    beside = samples[1] + 0.3 * rng.normal(size=(40, 3))  # in the same order as sample 1
    others = rng.normal(size=(2, 40, 3))
    return samples, np.stack([others[0], part, whole, near, shuffled, beside, others[1]])


def _ways(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    squared = cdist(one, other, "sqeuclidean")
    return squared.min(axis=1).mean(), squared.min(axis=0).mean()


def _best(distances: np.ndarray) -> np.ndarray:
    """Return the indices of the nearest and their distances, (2, S)."""
    return np.stack([distances.argmin(axis=1), distances.min(axis=1)])


def _nearest_mistakes(
    samples: np.ndarray, training: np.ndarray, ways: np.ndarray
) -> dict[str, np.ndarray]:
    both = ways.sum(axis=2)
    rows = np.square(samples[:, None] - training).sum(axis=-1).mean(axis=-1)  # (S, T)
    centers = cdist(samples.mean(axis=1), training.mean(axis=1))
    best = _best(both)
    return {
        "You compared point k with point k. Clouds have no order: a copy with shuffled points "
        "would pass as new.": _best(rows),
        "You went one way only, from the sample to the training shape. Add the way back: "
        "`chamfer_distance` has both.": _best(ways[:, :, 0]),
        "You went one way only, from the training shape to the sample. A scrap of the sample "
        "counts as its copy. Add the other way.": _best(ways[:, :, 1]),
        "You took the farthest shape: `argmax` where `argmin` belongs.": np.stack(
            [both.argmax(axis=1), both.max(axis=1)]
        ),
        "You compared the centers of the clouds. All centered shapes would be copies of each "
        "other.": _best(centers),
        "The index is right, but the distance is that to the *mean* training shape. Take the "
        "minimum.": np.stack([best[0], both.mean(axis=1)]),
        "You took roots. Chamfer distances are of squared lengths here.": np.stack(
            [best[0], np.sqrt(best[1])]
        ),
        "You halved the distances: the two ways are added, not averaged.": np.stack(
            [best[0], best[1] / 2]
        ),
        "Indices and distances have changed places: indices first.": best[::-1],
    }


# 08.5: a slider that keeps its word
CALLS, REACH, CLOSE = 6, 30.0, 0.3
LEGS_OFF = (0.04, 0.02, 0.01)  # cm between asked and measured, by the walk-through, over the seeds


@exercise("08.5", "Open task: a slider that keeps its word", difficulty=4, importance=3, minutes=40)
def check_reach(answer: Callable) -> str:
    """Four made-up sliders, then leg heights of chairs that the model `shapes` decodes."""
    for name, slider in SLIDERS.items():
        for wanted in (38.0, 52.0):
            amount, seen = _reached(answer, slider, wanted)
            _check_reached(name, slider, wanted, amount, seen)
    found = [leg_height_missed(answer, seed) for seed in SEEDS]
    expect(
        max(found) < 0.5,
        f"On real chairs your slider is off by {max(found):.1f} cm on average; less than 0.5 is "
        "asked for. Measured heights are a little rough: keep the best of what you have seen.",
    )
    return beside("Asked and measured leg height differ by (cm)", found, LEGS_OFF)


SLIDERS: dict[str, Callable[[float], float]] = {
    "obeys exactly": lambda amount: 45.0 + amount,
    "moves 0.6 cm for each cm": lambda amount: 43.0 + 0.6 * amount,
    "moves 1.9 cm for each cm": lambda amount: 45.0 + 1.9 * amount,
    "bends": lambda amount: 45.0 + 14.0 * np.tanh(amount / 12.0),
}


def _reached(
    answer: Callable, slider: Callable[[float], float], wanted: float
) -> tuple[float, list[tuple[float, float]]]:
    """Return the amount that an answer settles on, and all that it has tried."""
    seen: list[tuple[float, float]] = []

    def respond(amount: float) -> float:
        value = float(numbers(amount, (), "The amount that you try"))
        expect(
            abs(value) <= REACH,
            f"You tried an amount of {value:.0f}. There is no chair beyond {REACH:g} cm.",
        )
        expect(len(seen) < CALLS, f"You called `respond` more than {CALLS} times.")
        seen.append((value, float(slider(value))))
        return seen[-1][1]

    amount = float(numbers(answer(respond, wanted), (), "The amount"))
    expect(bool(seen), "You never called `respond`, so you cannot know what the slider does.")
    return amount, seen


def _check_reached(
    name: str,
    slider: Callable[[float], float],
    wanted: float,
    amount: float,
    seen: list[tuple[float, float]],
) -> None:
    """Say how an answer missed on a slider that is known."""
    start = slider(0.0)
    off = abs(slider(amount) - wanted)
    if off <= CLOSE:
        return
    asked = f"On a slider that {name}, at {start:g} cm, you were asked for {wanted:g} cm. "
    expect(
        abs(amount - wanted) > 1e-6, asked + "You returned a height. Return the *amount* to move."
    )
    expect(abs(amount - (start - wanted)) > 1e-6, asked + "You went the wrong way.")
    expect(
        abs(amount - (wanted - start)) > 1e-6,
        asked + "You moved by the difference and did not look where that led.",
    )
    closest = min(abs(height - wanted) for _, height in seen)
    expect(
        closest > CLOSE,
        asked + "One of your tries was good enough, and you returned another amount.",
    )
    raise Wrong(
        asked + f"After {len(seen)} tries you are still {off:.1f} cm off. Two tries tell how much "
        "the slider moves for each cm: use that for the next one."
    )


@cache
def _chairs() -> tuple[PointCloudVAE, FactorDirections, CloudSet]:
    """Return the model `shapes`, its factor directions of chairs, and chairs."""
    model = load("shapes")
    chairs = generate(["chair"], count=200, num_points=512, seed=8)
    return model, fit_factors(style_means(model, chairs.points), chairs.factors, "chair"), chairs


def leg_height_missed(answer: Callable, seed: int, count: int = 3) -> float:
    """Ask some chairs for legs 8 cm longer or shorter; return the mean distance in cm."""
    model, fitted, chairs = _chairs()
    legs, missed = chairs.factors["chair/leg_height"], []
    middling = np.flatnonzero((legs > 35) & (legs < 50))[count * seed : count * (seed + 1)]
    for k, row in enumerate(middling):
        own = {name: float(chairs.factors[f"chair/{name}"][row]) for name in fitted.names}
        own = {name: value for name, value in own.items() if np.isfinite(value)}
        wanted = own["leg_height"] + (8 if k % 2 else -8)
        state = encode(model, chairs.points[row])

        def slider(amount: float, state=state, asked=own | {"leg_height": wanted}) -> float:
            cloud = decode(model, move_factors(state, fitted, {"leg_height": amount}))
            return measure(fitted, cloud, asked)["leg_height"]

        amount, _ = _reached(answer, slider, wanted)
        missed.append(abs(slider(amount) - wanted))
    return float(np.mean(missed))
