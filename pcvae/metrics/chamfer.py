"""Chamfer distance, exact for one pair and fast for all pairs of two sets, and the F-score.

**The definition, and its factors.** The squared Chamfer distance of clouds X and Y is

    mean over x of min over y of |x - y|^2  +  mean over y of min over x of |x - y|^2,

the two means *summed*, not averaged: PointFlow's (Yang et al., ICCV 2019, equation 7) divided by
the numbers of points. It has squared units. The plain one has |x - y| instead, and plain units.
Other programs halve the sum, or leave the division out; ask before you compare numbers.

**How all pairs are done.** Nearest neighbors of N points among M others are the minima of
|x|^2 + |y|^2 - 2 x.y, which is one product of the augmented matrices [x, |x|^2, 1] and
[-2y, 1, |y|^2]^T. It is taken a few rows at a time, so that the distances never leave the cache.
The difference of large numbers loses digits, most of all in float32. So clouds are centered first,
and how much may be lost is estimated for every pair; where it could matter (near-equal clouds), the
pair is done again by trees, which subtract coordinates and lose nothing.
"""

import threading

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from pcvae.files import fingerprint
from pcvae.metrics.pairs import PairTable, Work, all_pairs, check_clouds, checked_sets

# OpenBLAS gives a product to one thread while rows x columns x depth is at most 2^18. Pairs are
# shared out among threads here; a product shared out once more would have them wait for each other.
ONE_THREAD = 2**18
DEPTH = 5
SCRATCH = 2**17  # float32 numbers worked on at a time: half a megabyte, within a core's cache

# A squared distance is off by a few roundings of the squared norms. They are random, and a mean
# over thousands of points is far better than one of them, so that pairs for which this bound is a
# TOLERANCE of the distance come out right to less than a tenth of it (a test compares).
ROUNDING = 4 * 2.0**-24
TOLERANCE = 1e-4

# For a few thousand points in the unit sphere: about the gap between two of them. The paper takes
# 1% of the object's size, for many more points; here two samples of one surface would fail that.
THRESHOLD = 0.05


def chamfer_distance(
    one: Float[np.ndarray, "N 3"], other: Float[np.ndarray, "M 3"], *, squared: bool = True
) -> float:
    """Mean (squared) distance to the nearest point of the other cloud, both ways, summed.

    The definition of PointFlow (Yang et al., ICCV 2019, equation 7) divided by the numbers of
    points: in squared units of the clouds. Exact, by trees.

    Args:
        one: a cloud.
        other: another, of any number of points.
        squared: whether distances are squared; if not, in units of the clouds.
    """
    return _by_trees(cKDTree(one), cKDTree(other), squared)


def _by_trees(one: cKDTree, other: cKDTree, squared: bool) -> float:
    """Return the Chamfer distance of two clouds in trees."""
    power = 2 if squared else 1
    there, _ = other.query(one.data)
    back, _ = one.query(other.data)
    return float(np.mean(there**power) + np.mean(back**power))


def f_score(
    cloud: Float[np.ndarray, "N 3"],
    target: Float[np.ndarray, "M 3"],
    threshold: float | int = THRESHOLD,
) -> float:
    """Return the F-score of a cloud: the harmonic mean of precision and recall, from 0 to 1.

    Precision is the share of the cloud's points that are within the threshold of some point of the
    target, recall that of the target's points near the cloud. Unlike the Chamfer distance it does
    not care how far the far ones are. With few points even two samples of one surface score less
    than 1: the points of each lie in the gaps of the other.

    Args:
        cloud: what is judged.
        target: what it should be.
        threshold: in units of the clouds. The default is for clouds in the unit sphere.

    Raises:
        ValueError: if the threshold is not positive.

    Source: Tatarchenko et al., "What Do Single-view 3D Reconstruction Networks Learn?", CVPR 2019.
    """
    if not threshold > 0:
        raise ValueError(f"The threshold must be a positive distance, not {threshold}.")
    there, _ = cKDTree(target).query(cloud)
    back, _ = cKDTree(cloud).query(target)
    precision, recall = np.mean(there <= threshold), np.mean(back <= threshold)
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


class PreparedClouds:
    """Clouds made ready to be compared with many others: centered, augmented, in tiles of rows.

    Args:
        clouds: at least one cloud of at least one point.
        center: what is subtracted; the same for all clouds that are to be compared.
    """

    def __init__(
        self, clouds: Float[np.ndarray, "S N 3"], center: Float[np.ndarray, " 3"] | None = None
    ) -> None:
        check_clouds(clouds)
        self.clouds = clouds
        self.center = joint_center(clouds) if center is None else center
        # Subtracted in float64: float32 would already have lost digits far from the origin.
        self.centered = (clouds - self.center).astype(np.float32)
        self.norms = np.einsum("sni,sni->sn", self.centered, self.centered)
        self.mean_norms = self.norms.mean(axis=1, dtype=np.float64)
        self.right = np.ones((len(clouds), DEPTH, self.points), np.float32)  # [-2y, 1, |y|^2]
        self.right[:, :3] = -2 * self.centered.transpose(0, 2, 1)
        self.right[:, 4] = self.norms
        self._trees: list[cKDTree | None] = [None] * len(clouds)

    @property
    def points(self) -> int:
        """How many points each cloud has."""
        return self.clouds.shape[1]

    @property
    def tile(self) -> int:
        """How many rows may be multiplied by a cloud's columns in one thread."""
        return max(min(16, ONE_THREAD // (DEPTH * self.points)), 1)

    def left(self, row: int, tile: int) -> Float[np.ndarray, "T R 5"]:
        """Return the rows [x, |x|^2, 1] of one cloud, the last one repeated to fill the tiles."""
        whole = -(-self.points // tile) * tile
        left = np.ones((whole, DEPTH), np.float32)
        left[: self.points, :3], left[: self.points, 3] = self.centered[row], self.norms[row]
        left[self.points :] = left[self.points - 1]
        return left.reshape(-1, tile, DEPTH)

    def tree(self, row: int) -> cKDTree:
        """Return the tree of one cloud, built once."""
        found = self._trees[row]
        if found is None:
            found = self._trees[row] = cKDTree(self.clouds[row] - self.center)
        return found


def joint_center(*sets: Float[np.ndarray, "_ _ 3"]) -> Float[np.ndarray, " 3"]:
    """Return the mean point of all sets together, in float64."""
    total = sum(clouds.sum(axis=(0, 1), dtype=np.float64) for clouds in sets)
    return total / sum(clouds.shape[0] * clouds.shape[1] for clouds in sets)


# Each thread has its own block of distances, which is not worth making anew for every pair.
_scratch = threading.local()


def _block(tiles: int, rows: int, columns: int) -> Float[np.ndarray, "T R M"]:
    """Return this thread's block for distances."""
    size = tiles * rows * columns
    if getattr(_scratch, "block", np.empty(0)).size < size:
        _scratch.block = np.empty(size, np.float32)
    return _scratch.block[:size].reshape(tiles, rows, columns)


def nearest_squares(
    left: Float[np.ndarray, "T R 5"], right: Float[np.ndarray, "5 M"], points: int
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " M"]]:
    """Return squared distances to the nearest point of the other cloud, both ways, roughly.

    Args:
        left: augmented rows in tiles, N of them and repetitions of the last.
        right: augmented columns.
        points: N.
    """
    count, tile, _ = left.shape
    columns = np.full(right.shape[1], np.inf, np.float32)
    rows = np.empty((count, tile), np.float32)
    step = max(SCRATCH // (tile * len(columns)), 1)
    for start in range(0, count, step):
        part = left[start : start + step]
        block = np.matmul(part, right, out=_block(len(part), tile, len(columns)))
        block.min(axis=2, out=rows[start : start + step])
        np.minimum(columns, block.reshape(-1, len(columns)).min(axis=0), out=columns)
    # Rounding may make a small distance negative.
    return np.maximum(rows.reshape(-1)[:points], 0), np.maximum(columns, 0)


def _mean_and_error(
    nearest: Float[np.ndarray, " N"],
    norms: Float[np.ndarray, " N"],
    mean_norm: float,
    squared: bool,
) -> tuple[float, float]:
    """Return the mean of one way, and how far it may be off."""
    if squared:
        return float(nearest.mean(dtype=np.float64)), ROUNDING * mean_norm
    plain, error = np.sqrt(nearest), ROUNDING * norms
    # d(d^2) = 2 d d(d), but the root of an error that is all there is to a distance.
    error = error / np.maximum(2 * plain, np.sqrt(error) + np.finfo(np.float32).tiny)
    return float(plain.mean(dtype=np.float64)), float(error.mean(dtype=np.float64))


def chamfer_row(
    one: PreparedClouds,
    row: int,
    other: PreparedClouds,
    columns: np.ndarray | range,
    squared: bool = True,
) -> Float[np.ndarray, " K"]:
    """Return the Chamfer distances of one cloud to some clouds of a set with the same center.

    Args:
        one: the set that the cloud is in.
        row: which cloud of it.
        other: the other set.
        columns: K numbers of its clouds.
        squared: whether distances are squared.
    """
    left = one.left(row, other.tile)
    found = np.empty(len(columns))
    for place, column in enumerate(columns):
        there, back = nearest_squares(left, other.right[column], one.points)
        parts = (
            _mean_and_error(there, one.norms[row], one.mean_norms[row], squared),
            _mean_and_error(back, other.norms[column], other.mean_norms[column], squared),
        )
        found[place] = parts[0][0] + parts[1][0]
        if any(error > TOLERANCE * mean for mean, error in parts):
            found[place] = _by_trees(one.tree(row), other.tree(int(column)), squared)
    return found


def chamfer_matrix(
    one: Float[np.ndarray, "..."],
    other: Float[np.ndarray, "..."] | None = None,
    *,
    squared: bool = True,
    work: Work = Work(),
) -> Float[np.ndarray, "A B"]:
    """Return the Chamfer distances of all pairs, right to 1e-5 of each.

    Args:
        one: A clouds of N points, (A, N, 3).
        other: B clouds of M points, (B, M, 3); without them `one` is compared with itself, at half
            the cost.
        squared: whether distances are squared, see the top of this module.
        work: how they are worked out, which does not change them.

    Raises:
        ValueError: if the clouds are empty, not finite or not of shape (clouds, points, 3).
    """
    sets = checked_sets(one, other)
    center = joint_center(*sets)
    prepared = [PreparedClouds(clouds, center) for clouds in sets]
    key = fingerprint("chamfer", squared, *sets)
    return all_pairs(
        lambda row, columns: chamfer_row(prepared[0], row, prepared[-1], columns, squared),
        PairTable((len(one), len(sets[-1])), other is None, key, work.cache),
        title="Chamfer",
        work=work,
    )
