"""Earth mover's distance (EMD): exact for one pair, and no oftener than needed for many.

The EMD of two clouds is the mean distance that points travel when one cloud is moved onto the
other in the cheapest way: in units of the clouds, not squared. With as many points in both, the
cheapest way is a one-to-one matching, and this is PointFlow's EMD (Yang et al., ICCV 2019,
equation 8) divided by the number of points. POT solves it exactly.

Its cost grows faster than the square of the points, so that all pairs are compared on a fixed
subset of 512 points of each cloud. That is another number, larger, with a floor of its own, and is
called *EMD-512* wherever it stands.

Who only asks for nearest neighbors (as MMD, COV and 1-NNA do) need not solve all. Three numbers are
never above the EMD and cost next to nothing: the mean distance to the nearest point of the other
cloud, either way; the distance of the centroids; and the EMD of projections onto a line, which
is the mean difference of sorted coordinates. A pair whose largest bound is above a neighbor already
found is left out, and the result is the same as if it had been solved.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

from pcvae.files import fingerprint
from pcvae.metrics.chamfer import PreparedClouds, nearest_squares
from pcvae.metrics.pairs import (
    PairTable,
    Work,
    all_pairs,
    check_clouds,
    checked_sets,
    run_tasks,
)

SUBSET = 512
MOST_STEPS = 10**8  # of the network simplex: never the reason to stop

# No rounding may lift a bound above the distance. Squared distances from augmented products are
# off by at most 5 + 3 roundings of (|x| + |y|)^2 <= 4 max |x|^2, and coordinates by one of |x|.
SQUARE_SLACK = 32 * 2.0**-24
SLACK = 4 * 2.0**-24
# The three axes, and the diagonals of faces and of the cube: one of each opposite two.
DIRECTIONS = np.array([d for d in itertools.product((-1, 0, 1), repeat=3) if d > (0, 0, 0)])


def emd(one: Float[np.ndarray, "N 3"], other: Float[np.ndarray, "M 3"]) -> float:
    """Return the exact earth mover's distance of two clouds, in their units.

    Args:
        one: a cloud.
        other: another; with another number of points, each cloud's points share its weight 1.

    Raises:
        RuntimeError: if the solver gave up, which no cloud of distinct points is known to cause.
    """
    import ot  # here, for it takes longer to import than all of the package but torch

    # Distances by subtraction: the expansion that POT itself uses loses digits far from the origin.
    costs = cdist(one.astype(np.float64), other.astype(np.float64))
    weights = [np.full(count, 1 / count) for count in costs.shape]
    cost, log = ot.emd2(*weights, costs, numItermax=MOST_STEPS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(f"POT found no cheapest transport: {log['warning']}")
    return float(cost)


def fixed_subsets(
    clouds: Float[np.ndarray, "S N 3"], count: int = SUBSET, seed: int = 0
) -> Float[np.ndarray, "S K 3"]:
    """Return some points of each cloud, drawn without replacement, always the same ones.

    Each cloud has a draw of its own, decided by the seed and its place: points may stand in an
    order that means something, and clouds in the same order would then be compared point by point.

    Args:
        clouds: S clouds.
        count: how many points; all of them, in another order, if there are fewer.
        seed: sets that are compared with each other should have different ones.
    """
    kept = min(count, clouds.shape[1])
    draws = [
        np.random.default_rng((seed, row)).permutation(clouds.shape[1])[:kept]
        for row in range(len(clouds))
    ]
    return np.take_along_axis(clouds, np.stack(draws)[..., None], axis=1)


def emd_matrix(
    one: Float[np.ndarray, "..."],
    other: Float[np.ndarray, "..."] | None = None,
    *,
    work: Work = Work(),
) -> Float[np.ndarray, "A B"]:
    """Return the exact EMD of all pairs, of all the points given: see `fixed_subsets` first.

    Args:
        one: A clouds of N points, (A, N, 3).
        other: B clouds of M points; without them `one` is compared with itself.
        work: how they are worked out, which does not change them.

    Raises:
        ValueError: if the clouds are empty, not finite or not of shape (clouds, points, 3).
    """
    sets = checked_sets(one, other)
    return all_pairs(
        lambda row, columns: np.array([emd(one[row], sets[-1][column]) for column in columns]),
        PairTable((len(one), len(sets[-1])), other is None, fingerprint("emd", *sets), work.cache),
        title="EMD",
        work=work,
    )


def lower_bounds(
    clouds: Float[np.ndarray, "T N 3"], *, work: Work = Work()
) -> Float[np.ndarray, "T T"]:
    """Return numbers that the EMD of no pair is below; on the diagonal 0.

    Args:
        clouds: T clouds of N points.
        work: how they are worked out, which does not change them.
    """
    table = PairTable((len(clouds), len(clouds)), True, "")  # cheap enough to be made anew
    tight = _Bounds(clouds, PreparedClouds(clouds))
    return all_pairs(tight.row, table, title="bounds of EMD", work=work)


class _Bounds:
    """Lower bounds of the EMD of one cloud to others."""

    def __init__(self, clouds: Float[np.ndarray, "T N 3"], prepared: PreparedClouds) -> None:
        self.prepared = prepared
        centered = clouds - prepared.center
        self.centroids = centered.mean(axis=1)
        units = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
        self.lines = np.sort(np.einsum("tni,ki->tkn", centered, units), axis=-1).astype(np.float32)
        self.norms = prepared.norms.max(axis=1).astype(np.float64)

    def row(self, row: int, columns: np.ndarray) -> Float[np.ndarray, " K"]:
        """Return the largest of the three bounds for each of some columns."""
        largest = np.maximum(self.norms[row], self.norms[columns])
        bounds = [
            self._nearest(row, columns, SQUARE_SLACK * largest),
            np.linalg.norm(self.centroids[columns] - self.centroids[row], axis=-1),
            self._lines(row, columns),
        ]
        return (np.maximum.reduce(bounds) - SLACK * np.sqrt(largest)).clip(min=0)

    def _nearest(
        self, row: int, columns: np.ndarray, slack: Float[np.ndarray, " K"]
    ) -> Float[np.ndarray, " K"]:
        """Mean distance to the nearest point, the larger of both ways."""
        left = self.prepared.left(row, self.prepared.tile)
        found = np.empty(len(columns))
        for place, column in enumerate(columns):
            right = self.prepared.right[column]
            ways = nearest_squares(left, right, self.prepared.points)
            found[place] = max(
                np.sqrt(np.maximum(way - slack[place], 0)).mean(dtype=np.float64) for way in ways
            )
        return found

    def _lines(self, row: int, columns: np.ndarray) -> Float[np.ndarray, " K"]:
        """EMD of the projections, the largest of all directions."""
        differences = np.abs(self.lines[columns] - self.lines[row])
        return differences.mean(axis=-1, dtype=np.float64).max(axis=-1)


class Question(NamedTuple):
    """Which shape is nearest to each of some?

    Attributes:
        of: the shapes that ask, by number.
        among: those that one is looked for among; whoever asks is left out.
    """

    of: Int[np.ndarray, " A"]
    among: Int[np.ndarray, " B"]


def score_questions(
    samples: Int[np.ndarray, " S"], references: Int[np.ndarray, " R"]
) -> list[Question]:
    """Return what MMD, COV and 1-NNA ask of distances, in this order."""
    everyone = np.concatenate([samples, references])
    return [
        Question(references, samples),
        Question(samples, references),
        Question(everyone, everyone),
    ]


def emd_of_neighbors(
    clouds: Float[np.ndarray, "T N 3"], questions: Iterable[Question], *, work: Work = Work()
) -> Float[np.ndarray, "T T"]:
    """Return EMDs, exact for all nearest neighbors that are asked for, and infinite where unknown.

    Whoever takes a minimum, or its first place, over the columns that a question is about gets
    what the whole matrix would give: a pair is left out only if it is certain to be larger.

    Args:
        clouds: T clouds of N points; see `fixed_subsets`.
        questions: who asks for neighbors among whom.
        work: how they are worked out, which does not change them.

    Raises:
        ValueError: if the clouds are empty, not finite or not of shape (clouds, points, 3).
    """
    check_clouds(clouds)
    asked: dict[int, list[np.ndarray]] = {}
    for question in questions:
        for row in question.of.tolist():
            asked.setdefault(row, []).append(question.among)
    bounds = lower_bounds(clouds, work=work)
    table = PairTable(bounds.shape, True, fingerprint("emd", clouds), work.cache)

    def answer(row: int) -> int:
        for among in asked[row]:
            _find_nearest(row, among[among != row], clouds, bounds, table)
        return 1

    title = "EMD of neighbors"
    run_tasks(answer, asked, table, total=len(asked), title=title, work=work, unit="shape")
    return np.where(np.isnan(table.values), np.inf, table.values)


def _find_nearest(
    row: int,
    columns: Int[np.ndarray, " K"],
    clouds: Float[np.ndarray, "T N 3"],
    bounds: Float[np.ndarray, "T T"],
    table: PairTable,
) -> None:
    """Solve pairs, those with the lowest bounds first, until the nearest is known.

    Equally near ones are solved, too: a bound that equals the best distance does not end it.
    """
    best = np.fmin.reduce(table.values[row, columns], initial=np.inf)  # it passes over NaN
    for column in columns[np.argsort(bounds[row, columns], kind="stable")]:
        if bounds[row, column] > best:
            return
        if np.isnan(table.values[row, column]):
            # The larger number first, as in `emd_matrix`: the last digit depends on the order.
            value = emd(clouds[max(row, column)], clouds[min(row, column)])
            table.put(row, np.array([column]), np.array([value]))
        best = min(best, table.values[row, column])


def share_solved(distances: Float[np.ndarray, "T T"]) -> float:
    """Return the share of pairs that `emd_of_neighbors` had to solve."""
    pairs = len(distances) * (len(distances) - 1) / 2
    return float(np.tril(np.isfinite(distances), -1).sum() / max(pairs, 1))
