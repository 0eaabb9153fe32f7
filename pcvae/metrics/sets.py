"""How a set of new shapes compares with a set of real ones: scores, their floors, and copies.

Samples (S) are new shapes, references (R) real ones, held out. MMD, COV and 1-NNA are those of
PointFlow's evaluation (Yang et al., ICCV 2019), over any distance of two clouds; JSD is that of
Achlioptas et al., ICML 2018.

All of them depend on how many shapes there are, so compare only sets of the same sizes, and look at
the *floor*: what other real shapes score in place of the samples. A score of one set against one
other has noise from the choice of both. So shapes are drawn again and again: half of the held-out
shapes are references, and the other half *peers*, which stand in for samples and score the floor.
No generator can be expected to do better than shapes that are real.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr

from pcvae.metrics.chamfer import PreparedClouds, chamfer_matrix, chamfer_row, joint_center
from pcvae.metrics.pairs import Work, check_clouds
from pcvae.metrics.transport import fixed_subsets

RESOLUTION = 28  # voxels along an edge, for JSD
ROUGH = 128  # points that all pairs are compared on: there may be ten thousand training shapes
CANDIDATES = 64


class ThreeSets(NamedTuple):
    """Three sets of shapes of the same size, by number.

    Attributes:
        samples: some of the new shapes, numbered from 0.
        references: half of the held-out shapes, numbered on from the last new one.
        peers: the other half.
    """

    samples: Int[np.ndarray, " N"]
    references: Int[np.ndarray, " N"]
    peers: Int[np.ndarray, " N"]


class Score(NamedTuple):
    """A score over all splits.

    Attributes:
        value: mean.
        std: standard deviation over the splits.
        floor: mean score of the peers.
        floor_std: its standard deviation.
        excess: mean of the score less the floor of the same split.
        excess_std: its standard deviation.
    """

    value: float
    std: float
    floor: float
    floor_std: float
    excess: float
    excess_std: float


def set_size(samples: int, held_out: int) -> int:
    """Return how many shapes a set of a split has.

    Args:
        samples: how many new shapes there are.
        held_out: how many real ones.

    Raises:
        ValueError: if there is no new shape, or fewer than two real ones.
    """
    size = min(samples, held_out // 2)
    if size < 1:
        raise ValueError(
            f"Scores need at least one sample and two held-out shapes, of which one is compared "
            f"with the other; got {samples} and {held_out}."
        )
    return size


def random_splits(samples: int, held_out: int, count: int, seed: int = 0) -> Iterator[ThreeSets]:
    """Draw splits.

    With twice as many samples as a set has, as with the held-out shapes, the standard deviation
    over splits is that of the mean over splits, by the jackknife that leaves out half. With no more
    samples than that, all are in every set, and the noise of their choice is not in it.

    Args:
        samples: how many new shapes there are.
        held_out: how many real ones.
        count: how many splits.
        seed: the same seed gives the same splits.

    Raises:
        ValueError: if there are too few shapes, or there is to be no split.
    """
    size = set_size(samples, held_out)
    if count < 1:
        raise ValueError(f"Expected at least one split, got {count}.")
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        chosen = np.sort(rng.permutation(samples)[:size])
        real = samples + rng.permutation(held_out)
        yield ThreeSets(chosen, np.sort(real[:size]), np.sort(real[size : 2 * size]))


def scores_over_splits(
    score: Callable[[Int[np.ndarray, " N"], Int[np.ndarray, " N"]], dict[str, float]],
    splits: Sequence[ThreeSets],
) -> dict[str, Score]:
    """Return scores by name, with their floors.

    Args:
        score: gives scores by name of samples against references, by their numbers.
        splits: at least one.
    """
    found = [score(split.samples, split.references) for split in splits]
    floors = [score(split.peers, split.references) for split in splits]
    return {
        name: _summary(
            np.array([one[name] for one in found]), np.array([one[name] for one in floors])
        )
        for name in found[0]
    }


def _summary(values: np.ndarray, floors: np.ndarray) -> Score:
    """Return means and standard deviations."""
    pairs = [(part.mean(), part.std()) for part in (values, floors, values - floors)]
    return Score(*(float(number) for pair in pairs for number in pair))


def minimum_matching_distance(distances: Float[np.ndarray, "S R"]) -> float:
    """MMD: the mean, over references, of the distance to the nearest sample.

    Small is good. It does not see what else the samples are like, only the best ones.

    Args:
        distances: of each sample to each reference.
    """
    _check(distances)
    return float(distances.min(axis=0).mean())


def coverage(distances: Float[np.ndarray, "S R"]) -> float:
    """COV: the share of references that are some sample's nearest.

    Large is good, 1 at most; real shapes reach about 0.6, for several of them have the same
    nearest one. It does not see how near that is. Of equally near references the first counts.

    Args:
        distances: of each sample to each reference.
    """
    _check(distances)
    return len(np.unique(distances.argmin(axis=1))) / distances.shape[1]


def nearest_neighbor_accuracy(
    within_samples: Float[np.ndarray, "..."],
    between: Float[np.ndarray, "S R"],
    within_references: Float[np.ndarray, "..."],
) -> float:
    """1-NNA: how often a shape's nearest other one is of its own set.

    The accuracy of a nearest-neighbor classifier, left one out: 0.5 if the sets cannot be told
    apart, 1 if they can, below 0.5 if samples are copies of references. Where both sets have an
    equally near shape, half is counted.

    Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017; PointFlow.

    Args:
        within_samples: distances of samples to samples, (S, S); the diagonal is not looked at.
        between: of each sample to each reference, (S, R).
        within_references: of references to references, (R, R).

    Raises:
        ValueError: if the matrices do not fit together.
    """
    _check(between)
    samples, references = between.shape
    expected = (samples, samples), between.shape, (references, references)
    given = within_samples.shape, between.shape, within_references.shape
    if given != expected:
        raise ValueError(f"Expected matrices of shapes {expected}, got {given}.")
    right = _own_is_nearer(within_samples, between).sum()
    right += _own_is_nearer(within_references, between.T).sum()
    return float(right / (samples + references))


def _own_is_nearer(
    within: Float[np.ndarray, "A A"], between: Float[np.ndarray, "A B"]
) -> Float[np.ndarray, " A"]:
    """Return 1 for each shape whose nearest other one is of its set, 0 if not, 1/2 for a tie."""
    others = within.copy()
    np.fill_diagonal(others, np.inf)
    own, foreign = others.min(axis=1), between.min(axis=1)
    return np.where(own == foreign, 0.5, own < foreign)


def _check(distances: Float[np.ndarray, "S R"]) -> None:
    """Raise a ValueError unless minima can be taken of these distances."""
    if distances.ndim != 2 or 0 in distances.shape or np.isnan(distances).any():
        raise ValueError(
            "Expected a matrix of distances without NaN, of at least one sample to at least one "
            f"reference; got one of shape {distances.shape}."
        )


def set_scores(
    distances: Float[np.ndarray, "T T"], samples: np.ndarray, references: np.ndarray
) -> dict[str, float]:
    """Return all three scores of samples against references, both in one matrix.

    Args:
        distances: of all shapes, samples and references, to all.
        samples: the rows of the samples.
        references: the rows of the references, other ones.

    Returns:
        Under "mmd" in the units of the distances, under "cov" and "1-nna" as shares.
    """
    between = distances[np.ix_(samples, references)]
    return {
        "mmd": minimum_matching_distance(between),
        "cov": coverage(between),
        "1-nna": nearest_neighbor_accuracy(
            distances[np.ix_(samples, samples)], between, distances[np.ix_(references, references)]
        ),
    }


def voxel_counts(
    clouds: Float[np.ndarray, "..."], resolution: int = RESOLUTION, half_edge: float | int = 1
) -> Int[np.ndarray, "S V"]:
    """Count each cloud's points in the voxels of a cube about the origin.

    Args:
        clouds: S clouds, (S, N, 3).
        resolution: voxels along an edge; 28 is what papers take.
        half_edge: of the cube, in units of the clouds; 1 holds the unit sphere. A point outside
            counts for the nearest voxel, so that none is lost.

    Returns:
        Counts for resolution ** 3 voxels.

    Raises:
        ValueError: if the clouds cannot be counted, or resolution or edge is not positive.
    """
    check_clouds(clouds)
    if resolution < 1 or not half_edge > 0:
        raise ValueError(f"Expected a positive grid, got {resolution} voxels on {2 * half_edge}.")
    steps = (clouds / half_edge + 1) * (resolution / 2)
    index = np.clip(np.floor(steps), 0, resolution - 1).astype(np.int64)
    flat = np.ravel_multi_index(tuple(np.moveaxis(index, -1, 0)), (resolution,) * 3)
    return np.stack([np.bincount(row, minlength=resolution**3) for row in flat]).astype(np.int32)


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """JSD: return the Jensen-Shannon divergence of two sets' points over the voxels, in nats.

    0 if both sets fill space alike, ln 2 at most. It takes all shapes of a set together, so that
    one blur of them all would score well: never look at it alone. Papers give it in bits, which is
    this divided by ln 2.

    Args:
        one: counts of points in voxels, of one set: (V,), or (S, V) which are added up.
        other: those of the other set, in the same voxels.

    Raises:
        ValueError: if the voxels do not match, or a set has no points.

    Source: Achlioptas et al., "Learning Representations and Generative Models for 3D Point Clouds",
    ICML 2018.
    """
    tables = (counts.reshape(-1, counts.shape[-1]) for counts in (one, other))
    sums = [table.sum(axis=0, dtype=float) for table in tables]
    if sums[0].shape != sums[1].shape or any(total.sum() == 0 for total in sums):
        raise ValueError(
            f"Expected points in the same voxels, got {sums[0].sum():g} points in {len(sums[0])} "
            f"voxels and {sums[1].sum():g} in {len(sums[1])}."
        )
    p, q = (total / total.sum() for total in sums)
    middle = (p + q) / 2
    return float((rel_entr(p, middle) + rel_entr(q, middle)).sum() / 2)


class Nearest(NamedTuple):
    """The nearest training shape of each of S shapes.

    Attributes:
        indices: which training shape.
        distances: squared Chamfer distances to it, in squared units of the clouds.
    """

    indices: Int[np.ndarray, " S"]
    distances: Float[np.ndarray, " S"]


def nearest_shapes(
    shapes: Float[np.ndarray, "S N 3"],
    training: Float[np.ndarray, "T M 3"],
    *,
    candidates: int = CANDIDATES,
    work: Work = Work(),
) -> Nearest:
    """Return the nearest training shape of each shape, by squared Chamfer distance.

    All pairs are compared on 128 points, and the nearest few of each shape on all points. With as
    many candidates as training shapes, all are.

    Args:
        shapes: the shapes asked about.
        training: what they may be copies of.
        candidates: how many are compared on all points.
        work: how the distances on 128 points are worked out.

    Raises:
        ValueError: if the clouds are empty, not finite or not of shape (clouds, points, 3).
    """
    rough = chamfer_matrix(
        fixed_subsets(shapes, ROUGH, seed=1), fixed_subsets(training, ROUGH), work=work
    )
    few = np.sort(np.argsort(rough, axis=1, kind="stable")[:, :candidates], axis=1)
    rows, chosen = np.unique(few), np.arange(len(shapes))
    center = joint_center(shapes, training)
    asked, known = PreparedClouds(shapes, center), PreparedClouds(training[rows], center)
    places = np.searchsorted(rows, few)
    exact = np.stack([chamfer_row(asked, row, known, places[row]) for row in chosen.tolist()])
    best = exact.argmin(axis=1)
    return Nearest(few[chosen, best], exact[chosen, best])


def nearer_than(distances: Float[np.ndarray, " A"], held_out: Float[np.ndarray, " B"]) -> float:
    """Return how often a sample lies nearer to the training set than a held-out shape does.

    0.5 if samples lie as far off as real shapes that the model has not seen; towards 1 the model
    copies, towards 0 its samples are like none of the shapes it was taught. Ties count half. This
    is the Mann-Whitney statistic of Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to
    Detect Data-Copying in Generative Models", AISTATS 2020, without their cells.

    Args:
        distances: of samples to their nearest training shapes.
        held_out: of held-out shapes to theirs.
    """
    difference = np.subtract.outer(held_out, distances)
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))
