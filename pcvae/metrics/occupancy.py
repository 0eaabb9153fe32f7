"""JSD: do two sets of shapes fill space alike, all their points taken together?"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr

from pcvae.metrics.pairs import check_clouds

RESOLUTION = 28


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
