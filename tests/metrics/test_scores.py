"""MMD, COV and 1-NNA against their definitions, read out loud in loops."""

import numpy as np
import pytest

from pcvae.metrics import (
    coverage,
    minimum_matching_distance,
    nearest_neighbor_accuracy,
    set_scores,
)


def distances_of(one, other):
    return np.linalg.norm(one[:, None] - other[None], axis=-1)


def test_scores_are_those_of_the_definitions(rng):
    points = rng.normal(size=(27, 4))
    names = ["S"] * 12 + ["R"] * 15
    between = distances_of(points[:12], points[12:])
    found = set_scores(distances_of(points, points), np.arange(12), np.arange(12, 27))

    nearest_sample = [min(between[s, r] for s in range(12)) for r in range(15)]
    assert found["mmd"] == pytest.approx(sum(nearest_sample) / 15)

    covered = {min(range(15), key=lambda r: between[s, r]) for s in range(12)}
    assert found["cov"] == pytest.approx(len(covered) / 15)

    own = 0
    for i, name in enumerate(names):
        others = [j for j in range(27) if j != i]
        own += name == names[min(others, key=lambda j: np.linalg.norm(points[i] - points[j]))]
    assert found["1-nna"] == pytest.approx(own / 27)


def test_rows_may_be_in_any_order(rng):
    points = rng.normal(size=(20, 3))
    order = rng.permutation(20)
    place = np.argsort(order)
    plain = set_scores(distances_of(points, points), np.arange(8), np.arange(8, 20))
    shuffled = points[order]
    again = set_scores(distances_of(shuffled, shuffled), place[:8], place[8:])
    assert again == pytest.approx(plain)


def test_copies_of_the_references_score_best_and_are_told(rng):
    references = rng.normal(size=(30, 3))
    between = distances_of(references, references)
    assert minimum_matching_distance(between) == 0
    assert coverage(between) == 1
    assert nearest_neighbor_accuracy(between, between, between) == 0


def test_one_shape_again_and_again_covers_one_reference(rng):
    references = rng.normal(size=(30, 3))
    same = np.repeat(references[:1], 30, axis=0)
    between = distances_of(same, references)
    assert coverage(between) == pytest.approx(1 / 30)


def test_sets_from_one_distribution_cannot_be_told_apart(rng):
    points = rng.normal(size=(1000, 3))
    scores = set_scores(distances_of(points, points), np.arange(500), np.arange(500, 1000))
    assert scores["1-nna"] == pytest.approx(0.5, abs=0.05)


def test_sets_that_lie_apart_can(rng):
    points = np.concatenate([rng.normal(size=(20, 3)), rng.normal(size=(20, 3)) + 100])
    scores = set_scores(distances_of(points, points), np.arange(20), np.arange(20, 40))
    assert scores["1-nna"] == 1


def test_a_tie_counts_half():
    zeros = np.zeros((3, 3))
    assert nearest_neighbor_accuracy(zeros, zeros, zeros) == 0.5


def test_the_matrices_given_are_not_changed(rng):
    matrices = [rng.uniform(size=(5, 5)) for _ in range(3)]
    before = [matrix.copy() for matrix in matrices]
    nearest_neighbor_accuracy(*matrices)
    np.testing.assert_array_equal(matrices, before)


@pytest.mark.parametrize(
    "matrices",
    [
        ((4, 4), (5, 6), (6, 6)),
        ((5, 5), (5, 6), (5, 5)),
    ],
)
def test_matrices_that_do_not_fit_are_refused(matrices):
    with pytest.raises(ValueError, match="Expected matrices of shapes"):
        nearest_neighbor_accuracy(*(np.ones(shape) for shape in matrices))


def test_unknown_distances_are_refused():
    with pytest.raises(ValueError, match="without NaN"):
        coverage(np.full((3, 3), np.nan))
