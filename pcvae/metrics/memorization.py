"""Is a new shape new? The nearest training shape of each, and how near that is."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pcvae.metrics.chamfer import PreparedClouds, chamfer_matrix, chamfer_row, joint_center
from pcvae.metrics.transport import fixed_subsets

ROUGH = 128  # points that all pairs are compared on: there may be ten thousand training shapes
CANDIDATES = 64


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
    workers: int | None = None,
    cache: Path | None = None,
    progress: bool = False,
) -> Nearest:
    """Return the nearest training shape of each shape, by squared Chamfer distance.

    All pairs are compared on 128 points, and the nearest few of each shape on all points. With as
    many candidates as training shapes, all are.

    Args:
        shapes: the shapes asked about.
        training: what they may be copies of.
        candidates: how many are compared on all points.
        workers: threads; as many as cores by default.
        cache: a .npz file for the distances on 128 points.
        progress: whether to show a progress bar.

    Raises:
        ValueError: if the clouds are empty, not finite or not of shape (clouds, points, 3).
    """
    rough = chamfer_matrix(
        fixed_subsets(shapes, ROUGH, seed=1),
        fixed_subsets(training, ROUGH),
        workers=workers,
        cache=cache,
        progress=progress,
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
