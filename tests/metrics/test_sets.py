"""Scores of sets against their definitions; splits, voxels and copies."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from pcvae.metrics import (
    chamfer_matrix,
    coverage,
    jensen_shannon,
    minimum_matching_distance,
    nearer_than,
    nearest_neighbor_accuracy,
    nearest_shapes,
    random_splits,
    scores_over_splits,
    set_scores,
    voxel_counts,
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


def test_sets_are_of_one_size_and_share_no_shape():
    for split in random_splits(samples=7, held_out=9, count=20):
        assert [len(part) for part in split] == [4, 4, 4]
        assert len(np.unique(np.concatenate(split))) == 12
        assert set(split.samples) <= set(range(7))
        assert set(split.references) | set(split.peers) <= set(range(7, 16))


def test_every_shape_has_its_turn_in_every_set():
    splits = list(random_splits(samples=6, held_out=8, count=50))
    assert set(np.concatenate([s.samples for s in splits])) == set(range(6))
    assert set(np.concatenate([s.references for s in splits])) == set(range(6, 14))
    assert set(np.concatenate([s.peers for s in splits])) == set(range(6, 14))


def test_splits_are_the_same_every_time_and_others_with_another_seed():
    def numbers(count, seed):
        return [np.concatenate(s).tolist() for s in random_splits(20, 30, count, seed)]

    assert numbers(3, seed=0) == numbers(5, seed=0)[:3]
    assert numbers(3, seed=0) != numbers(3, seed=1)


@pytest.mark.parametrize(("samples", "held_out"), [(0, 10), (5, 1)])
def test_too_few_shapes_are_refused(samples, held_out):
    with pytest.raises(ValueError, match="at least one sample and two held-out"):
        list(random_splits(samples, held_out, 3))


def test_no_split_is_refused():
    with pytest.raises(ValueError, match="at least one split"):
        list(random_splits(5, 10, 0))


def test_floor_and_excess_are_those_of_the_peers(rng):
    values = np.concatenate([np.full(10, 5.0), rng.normal(size=20)])

    def score(one, other):
        return {"difference": float(values[one].mean() - values[other].mean())}

    splits = list(random_splits(10, 20, 40))
    found = scores_over_splits(score, splits)["difference"]
    assert found.value == pytest.approx(5 - np.mean([values[s.references].mean() for s in splits]))
    assert found.excess == pytest.approx(found.value - found.floor)
    # The mean of peers and references together is fixed, so that they mirror each other.
    assert found.floor_std == pytest.approx(2 * found.std)
    assert found.excess_std == pytest.approx(found.std)
    assert found.floor == pytest.approx(0, abs=0.3)


def test_the_spread_is_the_error_of_the_mean(rng):
    """Drawn anew many times, means over splits spread as far as one spread over splits says."""
    means, spreads = [], []
    for _ in range(200):
        values = rng.normal(size=80)

        def score(one, other, values=values):
            return {"mean": float(values[one].mean() - values[other].mean())}

        found = scores_over_splits(score, list(random_splits(40, 40, 30)))["mean"]
        means.append(found.value)
        spreads.append(found.std)
    assert np.mean(spreads) == pytest.approx(np.std(means), rel=0.15)


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
