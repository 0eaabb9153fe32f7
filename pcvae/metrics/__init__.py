"""Distances between clouds, and scores of sets of clouds."""

from pcvae.metrics.chamfer import chamfer_distance, chamfer_matrix, f_score
from pcvae.metrics.pairs import Work, check_clouds
from pcvae.metrics.sets import (
    Score,
    ThreeSets,
    coverage,
    jensen_shannon,
    minimum_matching_distance,
    nearer_than,
    nearest_neighbor_accuracy,
    nearest_shapes,
    random_splits,
    scores_over_splits,
    set_scores,
    set_size,
    voxel_counts,
)
from pcvae.metrics.transport import (
    Question,
    emd,
    emd_matrix,
    emd_of_neighbors,
    fixed_subsets,
    score_questions,
    share_solved,
)

__all__ = [
    "Question",
    "Score",
    "ThreeSets",
    "Work",
    "chamfer_distance",
    "chamfer_matrix",
    "check_clouds",
    "coverage",
    "emd",
    "emd_matrix",
    "emd_of_neighbors",
    "f_score",
    "fixed_subsets",
    "jensen_shannon",
    "minimum_matching_distance",
    "nearer_than",
    "nearest_neighbor_accuracy",
    "nearest_shapes",
    "random_splits",
    "score_questions",
    "scores_over_splits",
    "set_scores",
    "set_size",
    "share_solved",
    "voxel_counts",
]
