"""Copies are found among the training shapes, and the test of copying tells them."""

import numpy as np
import pytest

from pcvae.metrics import chamfer_matrix, nearer_than, nearest_shapes


@pytest.fixture
def training(rng):
    return rng.normal(size=(40, 1, 3)) * 0.1 + rng.normal(size=(40, 700, 3)) * rng.uniform(
        0.5, 2, size=(40, 1, 3)
    )


def test_copies_are_found(training, rng):
    copied = np.array([7, 3, 39])
    samples = rng.permuted(training[copied], axis=1)
    samples = training[copied][:, rng.permutation(700)] + 1e-3
    found = nearest_shapes(samples, training)
    np.testing.assert_array_equal(found.indices, copied)
    np.testing.assert_allclose(found.distances, 6e-6, rtol=1e-3)


@pytest.mark.parametrize("candidates", [15, 40])
def test_the_nearest_is_that_of_all_points(training, rng, candidates):
    samples = rng.normal(size=(6, 600, 3)) * rng.uniform(0.5, 2, size=(6, 1, 3))
    found = nearest_shapes(samples, training, candidates=candidates)
    whole = chamfer_matrix(samples, training)
    np.testing.assert_array_equal(found.indices, whole.argmin(axis=1))
    np.testing.assert_allclose(found.distances, whole.min(axis=1), rtol=1e-5)


def test_fewer_training_shapes_than_candidates(training):
    assert (nearest_shapes(training[:3], training[:2]).indices[:2] == [0, 1]).all()


def test_the_test_of_copying(rng):
    held_out = rng.uniform(1, 2, size=300)
    assert nearer_than(np.zeros(10), held_out) == 1
    assert nearer_than(np.full(10, 3.0), held_out) == 0
    assert nearer_than(held_out, held_out) == 0.5
    assert nearer_than(rng.uniform(1, 2, size=300), held_out) == pytest.approx(0.5, abs=0.1)
