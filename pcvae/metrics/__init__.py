"""Distances between clouds, and scores of sets of clouds."""

from pcvae.metrics.chamfer import chamfer_distance, chamfer_matrix
from pcvae.metrics.scores import (
    coverage,
    minimum_matching_distance,
    nearest_neighbor_accuracy,
    set_scores,
)

__all__ = [
    "chamfer_distance",
    "chamfer_matrix",
    "coverage",
    "minimum_matching_distance",
    "nearest_neighbor_accuracy",
    "set_scores",
]
