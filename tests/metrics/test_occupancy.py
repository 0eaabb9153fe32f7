"""JSD against SciPy's, and the voxels against a histogram."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from pcvae.metrics import jensen_shannon, voxel_counts


def test_voxels_are_those_of_a_histogram(rng):
    clouds = rng.uniform(-2, 2, size=(3, 500, 3))
    edges = [np.linspace(-2, 2, 8)] * 3
    expected = np.stack([np.histogramdd(cloud, edges)[0].ravel() for cloud in clouds])
    np.testing.assert_array_equal(voxel_counts(clouds, 7, half_edge=2), expected)


def test_no_point_is_lost(rng):
    clouds = rng.normal(size=(3, 500, 3)) * 5
    assert (voxel_counts(clouds).sum(axis=1) == 500).all()
    assert voxel_counts(np.ones((1, 1, 3)), 2)[0, -1] == 1  # the corner belongs to the last voxel


def test_divergence_is_scipys(rng):
    one, other = rng.integers(5, size=(4, 50)), rng.integers(5, size=(7, 50))
    expected = jensenshannon(one.sum(axis=0), other.sum(axis=0)) ** 2
    assert jensen_shannon(one, other) == pytest.approx(expected)
    assert jensen_shannon(other, one) == pytest.approx(expected)


def test_divergence_ends_at_zero_and_ln_2():
    left, right = np.array([1, 2, 0, 0]), np.array([0, 0, 3, 1])
    assert jensen_shannon(left, 5 * left) == pytest.approx(0, abs=1e-15)
    assert jensen_shannon(left, right) == pytest.approx(math.log(2))


def test_sets_of_one_distribution_diverge_less_than_others(rng):
    one, same = (voxel_counts(rng.normal(size=(20, 500, 3)) * 0.3, 8) for _ in range(2))
    wider = voxel_counts(rng.normal(size=(20, 500, 3)) * 0.4, 8)
    assert jensen_shannon(one, same) < 0.3 * jensen_shannon(one, wider)


@pytest.mark.parametrize(
    ("one", "other"),
    [(np.ones(4), np.ones(5)), (np.zeros(4), np.ones(4))],
)
def test_counts_that_do_not_fit_are_refused(one, other):
    with pytest.raises(ValueError, match="the same voxels"):
        jensen_shannon(one, other)


@pytest.mark.parametrize("options", [{"resolution": 0}, {"half_edge": 0.0}])
def test_a_grid_that_is_none_is_refused(options):
    with pytest.raises(ValueError, match="positive grid"):
        voxel_counts(np.zeros((1, 1, 3)), **options)
