"""Checks of chapter 01: points in a triangle, normalizing, Chamfer distance, farthest points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

from pcvae.data import generate
from pcvae.exercises.comparing import compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.geometry import farthest_points, to_unit_sphere
from pcvae.metrics import chamfer_distance, emd

CORNERS = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 1.0], [0.5, 1.5, 0.0]])
DRAWN = 4000  # points: a share of them is known to about 0.01


@exercise("01.1", "Points in a triangle", difficulty=2, importance=3, minutes=15)
def check_points_in_triangle(answer: Callable) -> None:
    """Look at where the points lie, in the weights (barycentric coordinates) of the corners."""
    points = numbers(
        answer(CORNERS.copy(), DRAWN, np.random.default_rng(1)), (DRAWN, 3), what="The points"
    )
    again = numbers(answer(CORNERS.copy(), DRAWN, np.random.default_rng(1)), what="The points")
    expect(
        np.array_equal(points, again),
        "Two calls with equal generators gave different points. Draw all random numbers from "
        "`rng`: then a run can be repeated.",
    )
    weights = _barycentric(points)
    _expect_inside(points, weights)
    _expect_uniform(weights)


def _barycentric(points: np.ndarray) -> np.ndarray:
    """Return the weights (N, 3) of the corners; they sum to 1."""
    system = np.vstack([CORNERS.T, np.ones(3)])  # (4, 3)
    right = np.vstack([points.T, np.ones(len(points))])
    return np.linalg.lstsq(system, right, rcond=None)[0].T


def _expect_inside(points: np.ndarray, weights: np.ndarray) -> None:
    off = np.abs(weights @ CORNERS - points).max()
    expect(
        off < 1e-6,
        "Some points do not lie in the plane of the triangle. A point is a weighted sum of the "
        "corners, with weights that sum to 1.",
    )
    outside = (weights < -1e-6).any(axis=1).mean()
    expect(
        outside == 0,
        f"{outside:.0%} of the points lie outside of the triangle. Two free weights between 0 and "
        "1 reach a whole parallelogram. The third weight, 1 minus their sum, must not be negative.",
    )


def _expect_uniform(weights: np.ndarray) -> None:
    spread = np.linalg.svd(weights - weights.mean(axis=0), compute_uv=False) / len(weights) ** 0.5
    expect(
        spread[0] > 0.05,
        "All points lie on one spot. Draw numbers for each of them: `rng.random((count, 1))`.",
    )
    expect(
        spread[1] > 0.05,
        "All points lie on one line. Each point needs two random numbers of its own; did you use "
        "one number for both?",
    )
    expect(
        weights.min(axis=1).mean() > 0.05,
        "All points lie on the edges. The inside belongs to the surface as well.",
    )
    middle = (weights < 0.5).all(axis=1).mean()
    expect(
        middle < 0.4,
        f"The points crowd in the middle: {middle:.0%} of them lie in the triangle between the "
        "middles of the edges, which has 25% of the area. Three random numbers divided by their "
        "sum are not uniform.",
    )
    mean = weights.mean(axis=0)
    expect(
        np.abs(mean - 1 / 3).max() < 0.03,
        "The points crowd at one corner: their mean has the weights "
        f"{mean.round(2).tolist()}, where the center of the triangle has 1/3 each. A strip near "
        "a corner is shorter than one far from it. Did you forget the square root, or give it to "
        "the wrong number, or to both?",
    )
    expect(
        abs(middle - 0.25) < 0.04,
        f"{middle:.0%} of the points lie in the triangle between the middles of the edges. It has "
        "25% of the area.",
    )


@exercise("01.2", "Into the unit sphere", difficulty=1, importance=4, minutes=10)
def check_normalize(answer: Callable) -> None:
    """Compare with the package, on a cloud whose mean is not its middle."""
    points = _lopsided()
    got = numbers(answer(points.copy()), points.shape, what="The cloud")
    expected, center, radius = to_unit_sphere(points)
    about_middle = points - center
    compare(
        got,
        expected,
        {
            **_wrong_centers(points),
            **_wrong_sizes(about_middle),
            "You only scaled. Subtract the center first.": points
            / np.linalg.norm(points, axis=1).max(),
            "You only centered. Divide by the distance of the farthest point.": about_middle,
            "You divided each axis by its own size: every chair becomes a cube. Use one number for "
            "all three.": about_middle / np.abs(about_middle).max(axis=0),
            "You divided by the largest coordinate: that is the unit cube. The corners of a cube "
            "are farther out than 1; take the largest *norm*.": about_middle
            / np.abs(about_middle).max(),
            "You divided by the standard deviation. That is a good normalization too, but here "
            "the farthest point should lie at distance 1.": about_middle / about_middle.std(),
            "You measured the radius before the cloud was centered. Center first.": about_middle
            / np.linalg.norm(points, axis=1).max(),
            "You made each point a unit vector: the cloud is now a hollow ball. All points share "
            "one radius, that of the farthest.": about_middle
            / np.linalg.norm(about_middle, axis=1, keepdims=True),
            "You divided by the squared radius. The norm has a square root.": about_middle
            / radius**2,
        },
        what="The cloud",
    )


def _wrong_centers(points: np.ndarray) -> dict[str, np.ndarray]:
    """Return what becomes of a cloud that is put right but for its center."""
    low, high = points.min(axis=0), points.max(axis=0)
    off_mean = points - points.mean(axis=0)
    mean = "You centered on the mean of the points. It moves with how densely a part is sampled; "
    centers = {
        mean + "take the middle of the bounding box, (lowest + highest) / 2.": points.mean(axis=0),
        "You centered on the median of the points. Take the middle of the bounding box.": np.median(
            points, axis=0
        ),
        "You moved the lowest corner to the origin. Move the middle there.": low,
        "Your center is half the size of the box, (highest - lowest) / 2. Its middle is (lowest + "
        "highest) / 2.": (high - low) / 2,
        "Your center is lowest + highest. The middle is half of that.": low + high,
        "Python divides before it adds: `lowest + highest / 2` needs parentheses.": low + high / 2,
        "Your center is one number for all three axes. Each axis has its own: `axis=0`.": (
            points.min() + points.max()
        )
        / 2,
        "Your center is one mean for all three axes. Each axis has its own middle.": points.mean(),
    }
    about = {message: points - center for message, center in centers.items()}
    clouds = {k: cloud / np.linalg.norm(cloud, axis=1).max() for k, cloud in about.items()}
    return clouds | {
        "You only moved the mean to the origin. It should be the middle of the box, and then one "
        "division is missing.": off_mean,
        "You brought each axis into 0 to 1. The middle should be at the origin, and all axes share "
        "one size.": (points - low) / (high - low),
        "You brought the longest axis into 0 to 1. The middle should be at the origin, and the "
        "farthest point at distance 1.": (points - low) / (high - low).max(),
        "You centered on the mean and divided by the standard deviation, the model's own way. Here "
        "it is the middle of the box, and the farthest point.": off_mean / off_mean.std(),
    }


def _wrong_sizes(cloud: np.ndarray) -> dict[str, np.ndarray]:
    """Return what becomes of a centered cloud that is divided by another size than its radius."""
    norms, sides = np.linalg.norm(cloud, axis=1), np.ptp(cloud, axis=0)
    sizes = {
        "You divided by the longest side of the box. The farthest point should lie at distance 1 "
        "from the middle.": sides.max(),
        "You divided by the diagonal of the box. Take the distance of the farthest *point*.": (
            np.linalg.norm(sides)
        ),
        "You divided by half the diagonal of the box: no point lies in that corner. Take the "
        "distance of the farthest *point*.": np.linalg.norm(sides) / 2,
        "You divided by the diameter. The radius is half of it.": 2 * norms.max(),
        "You divided by the mean distance. Take the largest.": norms.mean(),
        "You divided by the smallest distance. Take the largest.": norms.min(),
        "You took one norm of all numbers together. Take one for each point: `axis=1`.": (
            np.linalg.norm(cloud)
        ),
        "You took the norm of each axis. Take that of each point: `axis=1`.": np.linalg.norm(
            cloud, axis=0
        ).max(),
        "You added up the absolute coordinates. The distance has squares and a root.": np.abs(cloud)
        .sum(axis=1)
        .max(),
        "You multiplied by the radius. Divide by it.": 1 / norms.max(),
        "You divided each axis by its own standard deviation. Use one number for all three.": (
            cloud.std(axis=0)
        ),
    }
    return {message: cloud / size for message, size in sizes.items()}


def _lopsided() -> np.ndarray:
    """Return a cloud far from the origin, with most of its points at one end."""
    rng = np.random.default_rng(2)
    points = rng.random((200, 3)) ** 3 * [90.0, 40.0, 50.0] + [20.0, 30.0, -10.0]
    return points.astype(np.float32)


@exercise("01.3", "The Chamfer distance", difficulty=2, importance=5, minutes=15)
def check_chamfer(answer: Callable) -> None:
    """Compare with the package, on clouds of different sizes."""
    rng = np.random.default_rng(3)
    one = rng.normal(size=(60, 3)).astype(np.float32)
    shuffled = rng.permutation(one)
    self_distance = numbers(answer(one.copy(), shuffled.copy()), (), what="The distance")
    expect(
        self_distance < 1e-6,
        "A cloud and the same cloud in another order are 0 apart, but yours says "
        f"{self_distance:.3g}. Do not compare row k with row k: look for the nearest.",
    )
    other = (1.3 * rng.normal(size=(45, 3)) + 0.3).astype(np.float32)
    got = [answer(one.copy(), other.copy()), answer(other.copy(), one.copy())]
    got = [numbers(distance, (), what="The distance") for distance in got]
    expected = chamfer_distance(one, other)
    cases = ["from the one cloud to the other", "the other way about"]
    mistakes = _chamfer_mistakes(one, other)
    compare(got, [expected] * 2, mistakes, what="The distance", cases=cases)


def _chamfer_mistakes(one: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Return what mistakes give for the two clouds in this order, and in the other."""
    squared = cdist(one, other, "sqeuclidean")
    nearest = squared.min(axis=1), squared.min(axis=0)
    there, back = (d.mean() for d in nearest)
    roots = [np.sqrt(d) for d in nearest]
    ways = np.array([there, back])
    return {
        "You only went one way, from the first cloud to the second. A cloud that covers half of "
        "the other would pass as perfect. Add the way back.": ways,
        "You only went one way, from the second cloud to the first. Add the other way.": ways[::-1],
        "You took the distances. Here they are squared.": np.repeat(sum(map(np.mean, roots)), 2),
        "You summed over the points. Take the mean, or clouds with more points seem farther "
        "apart.": np.repeat(sum(map(np.sum, nearest)), 2),
        "You halved it: the two means are added, not averaged.": np.repeat(ways.mean(), 2),
        "You took one mean over the points of both clouds. Take a mean for each way, and add the "
        "two.": np.repeat(np.concatenate(nearest).mean(), 2),
        "You went the same way twice. One `min` is over axis 0, the other over axis 1.": 2 * ways,
        "You went the same way twice, from the second cloud to the first.": 2 * ways[::-1],
        "You averaged the distances of all pairs. Take the smallest of each row first, then the "
        "mean.": np.repeat(2 * squared.mean(), 2),
        "That is the Hausdorff distance: the single worst point decides. Take the mean over the "
        "points.": np.repeat(max(map(np.max, roots)), 2),
        "That is the Hausdorff distance, squared: the single worst point decides. Take the mean "
        "over the points.": np.repeat(max(map(np.max, nearest)), 2),
        "Your distance is one-sided, and the single worst point decides (Hausdorff). Take means, "
        "and add the way back.": np.array([d.max() for d in roots]),
        "You added the largest distance of each way. Take the mean over the points.": np.repeat(
            sum(map(np.max, nearest)), 2
        ),
        "You took the larger of the two ways. Add them.": np.repeat(ways.max(), 2),
    }


@exercise("01.4", "Farthest points", difficulty=3, importance=3, minutes=20)
def check_farthest(answer: Callable) -> None:
    """Compare with the package, point by point, on a cloud without ties."""
    points = np.random.default_rng(4).normal(size=(80, 3)).astype(np.float32)
    count = 12
    raw = answer(points.copy(), count)
    got = numbers(raw, what="The answer")
    shapes = {
        (count, 3): "You returned the points themselves. Return their indices.",
        (count + 1,): "That is one too many: point 0 counts as the first of them.",
        (count - 1,): "One is missing: point 0 counts as the first of them.",
        (len(points),): "You returned one number for each point of the cloud. Return the indices "
        "of the points kept.",
    }
    got = numbers(raw, (count,), what="The answer", shapes=shapes)
    expect(
        np.array_equal(got, np.round(got)),
        "Indices are whole numbers, but yours are not. Did you return distances?",
    )
    expected = farthest_points(points, count)
    expect(got[0] == 0, f"The first point kept is number 0, but yours is {got[0]:.0f}.")
    expect(
        len(set(got.tolist())) == count,
        "Some points were kept more than once. After each choice, update every point's distance "
        "to the *nearest* kept point; that of a kept point is 0.",
    )
    compare(got, expected, _farthest_mistakes(points, count), what="The index")
    fixed = {(count,): "Use `count`, not a number of your own."}
    more = numbers(answer(points.copy(), 30), (30,), "The answer for 30 points", fixed)
    compare(more, farthest_points(points, 30), what="The index")


def _farthest_mistakes(points: np.ndarray, count: int) -> dict[str, np.ndarray]:
    distances = cdist(points, points)
    return {
        "You took the points farthest from the first one. They sit side by side at the far end. "
        "Measure the distance to *all* points kept so far, anew after each choice.": _top(
            distances[0], count
        ),
        "Each of your points is the farthest from the one chosen just before it. So you jump to "
        "and fro between two ends. Remember the distance to the nearest of *all* kept points.": (
            _chosen(distances, count, lambda kept: kept[-1])
        ),
        "You took the point with the largest mean (or sum) of distances to the kept ones. That "
        "prefers the rim. What counts is the distance to the *nearest* kept point.": _chosen(
            distances, count, lambda kept: np.sum(kept, axis=0)
        ),
        "You took the point whose distance to its *farthest* kept point is largest: "
        "`np.maximum` where `np.minimum` belongs.": _chosen(
            distances, count, lambda kept: np.max(kept, axis=0)
        ),
        "You took the nearest point instead of the farthest: `argmin` where `argmax` belongs.": (
            _chosen(distances, count, lambda kept: -np.min(kept, axis=0))
        ),
        "You took the first points of the file, which says nothing about where they lie.": (
            np.arange(count)
        ),
        "Your points are evenly spaced in the file, not in space.": np.linspace(
            0, len(points) - 1, count
        ).astype(int),
        "You added up absolute differences. The distance has squares and a root.": _chosen(
            cdist(points, points, "cityblock"), count, lambda kept: np.min(kept, axis=0)
        ),
        "You sorted the indices. Keep them in the order of choice: then the first k of them are "
        "the answer for k points.": np.sort(farthest_points(points, count)),
    }


def _top(distance: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate([[0], np.argsort(-distance)[: count - 1]])


def _chosen(distances: np.ndarray, count: int, score: Callable) -> np.ndarray:
    """Keep the point of the highest score, again and again; kept points are out."""
    kept = [0]
    while len(kept) < count:
        scores = np.array(score([distances[k] for k in kept]), dtype=float)
        scores[kept] = -np.inf
        kept.append(int(scores.argmax()))
    return np.array(kept)


# 01.5: a cloud that Chamfer likes and EMD does not
NUM_POINTS, ON_SURFACE, TIMES = 512, 0.05, 9.0
FOOLING = (10.3, 9.6, 11.8)  # times the EMD floor, by the walk-through, for the three chairs


@exercise("01.5", "Open task: fool the Chamfer distance", difficulty=4, importance=3, minutes=35)
def check_fool(answer: Callable) -> str:
    """Three chairs: Chamfer at most its floor, EMD many times its own."""
    found = []
    for seed in SEEDS:
        cloud, other = two_samples(seed)
        given = answer(cloud.copy(), np.random.default_rng(seed))
        fake = numbers(given, cloud.shape, "Your cloud")
        found.append(_expect_fooled(cloud, other, fake))
    return beside("EMD, in multiples of its floor,", found, FOOLING, over="three chairs")


def two_samples(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two samples of one chair, (512, 3) each, in the unit sphere."""
    points = generate(["chair"], count=1, num_points=2 * NUM_POINTS, seed=50 + seed).points[0]
    return points[:NUM_POINTS], points[NUM_POINTS:]


def _expect_fooled(cloud: np.ndarray, other: np.ndarray, fake: np.ndarray) -> float:
    """Return the EMD of a fake in multiples of the floor, or say what gives the fake away."""
    far = cdist(fake, cloud).min(axis=1).max()
    expect(
        far < ON_SURFACE,
        f"One of your points lies {far:.2f} from the cloud. Stay within {ON_SURFACE} of it.",
    )
    chamfer, floor = (chamfer_distance(cloud, one.astype(np.float32)) for one in (fake, other))
    there = cdist(cloud, fake, "sqeuclidean").min(axis=1)
    expect(
        chamfer <= floor,
        f"Chamfer sees it: {chamfer:.4f}, where an honest sample has {floor:.4f}. The farthest "
        f"point of the chair is {there.max() ** 0.5:.2f} from yours: cover the chair better.",
    )
    times = emd(cloud, fake.astype(np.float32)) / emd(cloud, other)
    expect(
        times > 0.5,
        "That is the cloud itself, or nearly: EMD sees no difference either. Bunch some points.",
    )
    expect(
        times >= TIMES,
        f"Chamfer is fooled, and EMD is only {times:.1f} times its floor; {TIMES:g} times are "
        "asked for. Cover the chair with fewer points, and send the others farther away.",
    )
    return float(times)
