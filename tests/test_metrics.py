"""Distances against brute force."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pcvae.metrics import chamfer_distance


def test_chamfer_is_that_of_brute_force(rng):
    one, other = rng.normal(size=(50, 3)), rng.normal(size=(70, 3))
    squared = cdist(one, other, "sqeuclidean")
    expected = squared.min(axis=1).mean() + squared.min(axis=0).mean()
    found = chamfer_distance(one.astype(np.float32), other.astype(np.float32))
    assert found == pytest.approx(expected, rel=1e-5)


def test_chamfer_is_symmetric_and_zero_for_the_same_set(rng):
    one = rng.normal(size=(40, 3)).astype(np.float32)
    other = rng.normal(size=(30, 3)).astype(np.float32)
    assert chamfer_distance(one, other) == pytest.approx(chamfer_distance(other, one))
    assert chamfer_distance(one, rng.permutation(one)) == 0
