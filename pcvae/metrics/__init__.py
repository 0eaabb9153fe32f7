"""Distances between clouds, and scores of sets of clouds."""

from pcvae.metrics.chamfer import (
    chamfer_distance,
    chamfer_matrix,
)
from pcvae.metrics.fscore import (
    f_score,
)
from pcvae.metrics.memorization import (
    Nearest,
    nearer_than,
    nearest_shapes,
)
from pcvae.metrics.occupancy import (
    jensen_shannon,
    voxel_counts,
)
from pcvae.metrics.scores import (
    coverage,
    minimum_matching_distance,
    nearest_neighbor_accuracy,
    set_scores,
)
from pcvae.metrics.splits import (
    Score,
    Split,
    random_splits,
    scores_over_splits,
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
    "Nearest",
    "Score",
    "Split",
    "chamfer_distance",
    "chamfer_matrix",
    "coverage",
    "emd",
    "emd_matrix",
    "emd_of_neighbors",
    "f_score",
    "fixed_subsets",
    "jensen_shannon",
    "lower_bounds",
    "minimum_matching_distance",
    "nearer_than",
    "nearest_neighbor_accuracy",
    "nearest_shapes",
    "random_splits",
    "score_questions",
    "scores_over_splits",
    "set_scores",
    "share_solved",
    "voxel_counts",
]
