"""F-score: which share of a cloud lies where it should, and covers what it should."""

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

# For a few thousand points in the unit sphere: about the gap between two of them. The paper takes
# 1% of the object's size, for many more points; here two samples of one surface would fail that.
THRESHOLD = 0.05


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
