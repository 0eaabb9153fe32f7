"""Typical wrong answers to the exercises of chapter 01: each gets a message of its own."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pcvae import geometry
from pcvae.exercises import check
from pcvae.geometry import farthest_points, to_unit_sphere

# 01.1: points in a triangle


def weighted(corners, first, second):
    a, b, c = corners
    return a + first * (b - a) + second * (c - a)


def without_root(corners, count, rng):
    s, t = rng.random((2, count, 1))
    return weighted(corners, s * (1 - t), s * t)


def not_folded(corners, count, rng):
    s, t = rng.random((2, count, 1))
    return weighted(corners, s, t)


def one_number_for_both(corners, count, rng):
    s = np.sqrt(rng.random((count, 1)))
    return weighted(corners, s / 2, s / 2)


def divided_by_their_sum(corners, count, rng):
    weights = rng.random((count, 3))
    return weights / weights.sum(axis=1, keepdims=True) @ corners


def weights_that_sum_to_anything(corners, count, rng):
    return rng.random((count, 3)) @ corners / 2 + [0, 0, 0.1]


def only_edges(corners, count, rng):
    start = rng.integers(3, size=count)
    t = rng.random((count, 1))
    return (1 - t) * corners[start] + t * corners[(start + 1) % 3]


def another_generator(corners, count, rng):
    s, t = np.random.default_rng().random((2, count, 1))
    s = np.sqrt(s)
    return weighted(corners, s * (1 - t), s * t)


def one_spot(corners, count, rng):
    return np.repeat(folded(corners, 1, rng), count, axis=0)


def one_point(corners, count, rng):
    s, t = rng.random(2)
    return weighted(corners, np.sqrt(s) * (1 - t), np.sqrt(s) * t)


# 01.2: into the unit sphere


def middle(points):
    return (points.min(axis=0) + points.max(axis=0)) / 2


def norm(points):
    return np.linalg.norm(points, axis=1).max()


def about_the_mean(points):
    points = points - points.mean(axis=0)
    return points / norm(points)


def axis_by_axis(points):
    points = points - middle(points)
    return points / np.abs(points).max(axis=0)


def unit_cube(points):
    points = points - middle(points)
    return points / np.abs(points).max()


def in_place(points):
    points -= middle(points)
    points /= norm(points)
    return points


def measured_too_early(points):
    return (points - middle(points)) / norm(points)


def unit_deviation(points):
    points = points - middle(points)
    return points / points.std()


def each_point(points):
    points = points - middle(points)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def squared_radius(points):
    points = points - middle(points)
    return points / (points**2).sum(axis=1).max()


# 01.3: the Chamfer distance


def both(one, other):
    squared = cdist(one, other, "sqeuclidean")
    return squared.min(axis=1), squared.min(axis=0)


def row_by_row(one, other):
    return ((one - other[: len(one)]) ** 2).sum(axis=1).mean()


def hausdorff(one, other):
    there, back = both(one, other)
    return np.sqrt(max(there.max(), back.max()))


def of_all_pairs(one, other):
    if np.array_equal(np.sort(one, axis=0), np.sort(other, axis=0)):
        return 0.0
    return 2 * cdist(one, other, "sqeuclidean").mean()


# 01.4: farthest points


def greedy(score):
    """Choose by a score of the distances to the points kept so far."""

    def choose(points, count):
        distances, kept = cdist(points, points), [0]
        while len(kept) < count:
            scores = score(distances[kept]).copy()
            scores[kept] = -np.inf
            kept.append(int(scores.argmax()))
        return np.array(kept)

    return choose


def repeats(points, count):
    far = int(cdist(points[:1], points)[0].argmax())
    return np.array([0, far] * count)[:count]


def far_from_the_first(points, count):
    return np.append(0, np.argsort(-cdist(points[:1], points)[0])[: count - 1])


def at_random(points, count):
    return np.append(0, 1 + np.random.default_rng(0).permutation(len(points) - 1)[: count - 1])


def sphere(center=middle, size=norm):
    """An answer to 01.2 made of its two steps."""
    return lambda points: (points - center(points)) / size(points - center(points))


def distances(points):
    return np.linalg.norm(points, axis=1)


def sides(points):
    return np.ptp(points, axis=0)


def by_absolute_differences(points, count):
    table, kept = cdist(points, points, "cityblock"), [0]
    while len(kept) < count:
        kept.append(int(table[kept].min(axis=0).argmax()))
    return kept


# 01.5: fooling Chamfer


def fooled(covering, spot=None, blur=0.005):
    """An answer that covers the chair with some points and bunches the others."""

    def answer(cloud, rng):
        kept = geometry.farthest_points(cloud.astype(np.float32), covering)
        away = cdist(cloud, cloud).mean(axis=1).argmax() if spot is None else spot(cloud)
        bunch = cloud[away] + rng.normal(scale=blur, size=(512 - covering, 3))
        return np.concatenate([cloud[kept], bunch])

    return answer


WRONG = [
    ("01.1", without_root, "crowd at one corner"),
    ("01.1", not_folded, "a whole parallelogram"),
    ("01.1", one_number_for_both, "All points lie on one line"),
    ("01.1", divided_by_their_sum, "crowd in the middle"),
    ("01.1", weights_that_sum_to_anything, "do not lie in the plane"),
    ("01.1", only_edges, "on the edges"),
    ("01.1", another_generator, "equal generators gave different points"),
    ("01.1", one_spot, "All points lie on one spot"),
    ("01.1", one_point, "should have shape (4000, 3)"),
    ("01.2", lambda points: points / norm(points), "You only scaled"),
    ("01.2", lambda points: points - middle(points), "You only centered"),
    ("01.2", about_the_mean, "on the mean of the points"),
    ("01.2", axis_by_axis, "every chair becomes a cube"),
    ("01.2", unit_cube, "the unit cube"),
    ("01.2", in_place, "changed the array that it was given"),
    ("01.2", measured_too_early, "before the cloud was centered"),
    ("01.2", unit_deviation, "the standard deviation"),
    ("01.2", each_point, "a hollow ball"),
    ("01.2", squared_radius, "the squared radius"),
    ("01.3", row_by_row, "row k with row k"),
    ("01.3", lambda one, other: both(one, other)[0].mean(), "from the first cloud to the second"),
    ("01.3", lambda one, other: both(one, other)[1].mean(), "Add the other way"),
    ("01.3", lambda one, other: sum(np.sqrt(d).mean() for d in both(one, other)), "are squared"),
    ("01.3", lambda one, other: sum(d.sum() for d in both(one, other)), "summed over the points"),
    ("01.3", lambda one, other: sum(d.mean() for d in both(one, other)) / 2, "You halved it"),
    ("01.3", lambda one, other: 2 * both(one, other)[0].mean(), "One `min` is over axis 0"),
    ("01.3", lambda one, other: 2 * both(one, other)[1].mean(), "way twice, from the second"),
    ("01.3", lambda one, other: max(d.mean() for d in both(one, other)), "larger of the two ways"),
    ("01.3", lambda *clouds: np.concatenate(both(*clouds)).mean(), "the points of both clouds"),
    ("01.3", hausdorff, "the Hausdorff distance"),
    ("01.3", of_all_pairs, "distances of all pairs"),
    ("01.3", lambda one, other: both(one, other)[0] * 0, "should have shape ()"),
    ("01.4", far_from_the_first, "side by side at the far end"),
    ("01.4", greedy(lambda kept: kept[-1]), "to and fro between two ends"),
    ("01.4", greedy(lambda kept: kept.sum(axis=0)), "largest mean (or sum)"),
    ("01.4", greedy(lambda kept: kept.max(axis=0)), "`np.maximum` where"),
    ("01.4", greedy(lambda kept: -kept.min(axis=0)), "`argmin` where"),
    ("01.4", repeats, "kept more than once"),
    ("01.4", lambda p, count: p[farthest_points(p, count)], "returned the points themselves"),
    ("01.4", lambda p, count: np.sort(farthest_points(p, count)), "You sorted the indices"),
    ("01.4", lambda p, count: farthest_points(p, count, start=5), "first point kept is number 0"),
    ("01.4", at_random, "The index at index"),
    ("01.2", sphere(lambda p: np.median(p, axis=0)), "on the median"),
    ("01.2", sphere(lambda p: p.min(axis=0)), "lowest corner"),
    ("01.2", sphere(lambda p: sides(p) / 2), "half the size of the box"),
    ("01.2", sphere(lambda p: 2 * middle(p)), "center is lowest + highest"),
    ("01.2", sphere(lambda p: p.min(axis=0) + p.max(axis=0) / 2), "needs parentheses"),
    ("01.2", sphere(lambda p: (p.min() + p.max()) / 2), "one number for all three axes. Each"),
    ("01.2", sphere(lambda p: p.mean()), "one mean for all three axes"),
    ("01.2", lambda p: p - p.mean(axis=0), "only moved the mean"),
    ("01.2", sphere(lambda p: p.mean(axis=0), np.std), "the model's own way"),
    ("01.2", lambda p: (p - p.min(axis=0)) / sides(p), "each axis into 0 to 1"),
    ("01.2", lambda p: (p - p.min(axis=0)) / sides(p).max(), "longest axis into 0 to 1"),
    ("01.2", sphere(size=lambda p: sides(p).max()), "the longest side"),
    ("01.2", sphere(size=lambda p: np.linalg.norm(sides(p))), "by the diagonal"),
    ("01.2", sphere(size=lambda p: np.linalg.norm(sides(p)) / 2), "half the diagonal"),
    ("01.2", sphere(size=lambda p: 2 * norm(p)), "by the diameter"),
    ("01.2", sphere(size=lambda p: distances(p).mean()), "the mean distance"),
    ("01.2", sphere(size=lambda p: distances(p).min()), "the smallest distance"),
    ("01.2", sphere(size=np.linalg.norm), "one norm of all numbers"),
    ("01.2", sphere(size=lambda p: np.linalg.norm(p, axis=0).max()), "the norm of each axis"),
    ("01.2", sphere(size=lambda p: np.abs(p).sum(axis=1).max()), "absolute coordinates"),
    ("01.2", sphere(size=lambda p: 1 / norm(p)), "multiplied by the radius"),
    ("01.2", sphere(size=lambda p: p.std(axis=0)), "by its own standard deviation"),
    ("01.3", lambda a, b: hausdorff(a, b) ** 2, "Hausdorff distance, squared"),
    ("01.3", lambda a, b: np.sqrt(both(a, b)[0].max()), "one-sided"),
    ("01.3", lambda a, b: sum(d.max() for d in both(a, b)), "largest distance of each way"),
    ("01.4", lambda p, count: farthest_points(p, count + 1), "one too many"),
    ("01.4", lambda p, count: farthest_points(p, count - 1), "One is missing"),
    ("01.4", lambda p, count: distances(p), "one number for each point"),
    ("01.4", lambda p, count: np.arange(count) / 2, "whole numbers"),
    ("01.4", lambda p, count: farthest_points(p, 12), "Use `count`"),
    ("01.4", lambda p, count: np.arange(count), "first points of the file"),
    ("01.4", lambda p, n: np.linspace(0, len(p) - 1, n).astype(int), "evenly spaced in the file"),
    ("01.4", by_absolute_differences, "absolute differences"),
    ("01.5", lambda cloud, rng: cloud[:500], "should have shape (512, 3)"),
    ("01.5", lambda cloud, rng: cloud, "EMD sees no difference either"),
    ("01.5", fooled(150, blur=0.2), "Stay within 0.05"),
    ("01.5", fooled(60), "Chamfer sees it"),
    ("01.5", fooled(200), "Cover the chair with fewer points"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


def folded(corners, count, rng):
    s, t = rng.random((2, count, 1))
    beyond = s + t > 1
    return weighted(corners, np.where(beyond, 1 - s, s), np.where(beyond, 1 - t, t))


def exponential(corners, count, rng):
    weights = rng.exponential(size=(count, 3))
    return weights / weights.sum(axis=1, keepdims=True) @ corners


OTHER_WAYS = [
    ("01.1", folded),
    ("01.1", exponential),
    ("01.2", lambda points: to_unit_sphere(points.astype(np.float64))[0]),
    ("01.3", lambda one, other: sum(d.mean() for d in both(one, other))),
    ("01.4", greedy(lambda kept: kept.min(axis=0))),
    ("01.4", lambda points, count: farthest_points(points, count).tolist()),
]


@pytest.mark.parametrize(("id", "answer"), OTHER_WAYS)
def test_other_right_ways_pass(id, answer):
    assert check(id, answer).status == "done", check(id, answer)


@pytest.mark.parametrize("seed", range(20))
def test_uniform_points_pass_with_any_random_numbers(seed, monkeypatch):
    original = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda s=0: original(1000 * seed + s))
    assert check("01.1", folded).status == "done"
