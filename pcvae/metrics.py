"""Distances between point clouds."""

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree


def chamfer_distance(one: Float[np.ndarray, "N 3"], other: Float[np.ndarray, "M 3"]) -> float:
    """Mean squared distance to the nearest point of the other cloud, both ways, summed.

    The definition of PointFlow (Yang et al., ICCV 2019, equation 7) divided by the numbers of
    points: in squared units of the clouds.

    Args:
        one: a cloud.
        other: another, of any number of points.
    """
    there, _ = cKDTree(other).query(one)
    back, _ = cKDTree(one).query(other)
    return float(np.mean(there**2) + np.mean(back**2))
