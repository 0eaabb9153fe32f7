"""Distances between clouds, and scores of sets of clouds."""

from pcvae.metrics.chamfer import chamfer_distance, chamfer_matrix
from pcvae.metrics.scores import (
    coverage,
    minimum_matching_distance,
    nearest_neighbor_accuracy,
    set_scores,
)
from pcvae.metrics.transport import (
    emd,
    emd_matrix,
    emd_of_neighbors,
    fixed_subsets,
    lower_bounds,
    score_questions,
    share_solved,
)

__all__ = [
    "chamfer_distance",
    "chamfer_matrix",
    "coverage",
    "emd",
    "emd_matrix",
    "emd_of_neighbors",
    "fixed_subsets",
    "lower_bounds",
    "minimum_matching_distance",
    "nearest_neighbor_accuracy",
    "score_questions",
    "set_scores",
    "share_solved",
]
