"""How a set of new shapes compares with a set of real ones: MMD, COV and 1-NNA.

The definitions are those of PointFlow's evaluation (Yang et al., ICCV 2019), over any distance of
two clouds. S are the samples (new shapes), R the references (real, held out).

All three depend on how many shapes there are, so compare only sets of the same sizes, and look at
the *floor*: what other real shapes score in place of the samples.
"""

import numpy as np
from jaxtyping import Float


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
    if within_samples.shape != (samples, samples) or within_references.shape != (
        references,
        references,
    ):
        raise ValueError(
            f"Expected matrices of shapes {(samples, samples)}, {(samples, references)} and "
            f"{(references, references)}, got {within_samples.shape}, {between.shape} and "
            f"{within_references.shape}."
        )
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
            distances[np.ix_(samples, samples)],
            between,
            distances[np.ix_(references, references)],
        ),
    }
