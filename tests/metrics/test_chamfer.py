"""Chamfer distances and F-scores against brute force in float64."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from pcvae.metrics import Work, chamfer, chamfer_distance, chamfer_matrix, f_score


def brute_force(one, other, power):
    distances = cdist(one, other) ** power
    return distances.min(axis=1).mean() + distances.min(axis=0).mean()


def brute_force_matrix(one, other, squared):
    wide = [clouds.astype(np.float64) for clouds in (one, other)]
    power = 2 if squared else 1
    return np.array([[brute_force(a, b, power) for b in wide[1]] for a in wide[0]])


@pytest.fixture
def boxes(rng):
    """Points on the surfaces of boxes of different sizes: (8, 300, 3) in float64."""
    points = rng.uniform(-1, 1, size=(8, 300, 3))
    axis = rng.integers(3, size=(8, 300, 1))
    np.put_along_axis(points, axis, np.sign(np.take_along_axis(points, axis, -1)), -1)
    return points * rng.uniform(0.3, 1, size=(8, 1, 3))


@pytest.mark.parametrize(("squared", "power"), [(True, 2), (False, 1)])
def test_chamfer_is_that_of_brute_force(rng, squared, power):
    one, other = rng.normal(size=(50, 3)), rng.normal(size=(70, 3))
    found = chamfer_distance(one.astype(np.float32), other.astype(np.float32), squared=squared)
    assert found == pytest.approx(brute_force(one, other, power), rel=1e-5)


def test_chamfer_is_symmetric_and_zero_for_the_same_set(rng):
    one = rng.normal(size=(40, 3)).astype(np.float32)
    other = rng.normal(size=(30, 3)).astype(np.float32)
    assert chamfer_distance(one, other) == pytest.approx(chamfer_distance(other, one))
    assert chamfer_distance(one, rng.permutation(one)) == 0


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("offset", [0, 100, 1e6])
def test_all_pairs_are_those_of_brute_force_wherever_the_clouds_are(boxes, offset, squared):
    one, other = boxes[:3] + offset, boxes[3:, :170] + offset
    found = chamfer_matrix(one, other, squared=squared)
    np.testing.assert_allclose(found, brute_force_matrix(one, other, squared), rtol=1e-5)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("noise", [0, 1e-6, 1e-4, 1e-3, 1e-2, 0.1])
def test_near_equal_clouds_lose_no_digits(boxes, rng, noise, squared):
    other = rng.permuted(boxes, axis=1) if noise == 0 else boxes
    other = other + noise * rng.normal(size=boxes.shape)
    one = boxes if noise else other[:, ::-1]
    found = chamfer_matrix(one, other, squared=squared)
    expected = brute_force_matrix(one, other, squared)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (np.diag(found) < expected.max() * max(10 * noise, 1e-15)).all()


def test_clouds_of_one_set_that_are_far_from_each_other(boxes):
    apart = np.concatenate([boxes[:2] - 1000, boxes[2:4] + 1000])
    expected = brute_force_matrix(apart, apart, True)
    np.testing.assert_allclose(chamfer_matrix(apart), expected, rtol=1e-5, atol=0)


def test_float32_clouds_far_from_the_origin_are_as_exact_as_their_coordinates(boxes):
    far = (boxes + 100).astype(np.float32)
    expected = brute_force_matrix(far, far, True)
    np.testing.assert_allclose(chamfer_matrix(far), expected, rtol=1e-5, atol=0)


def test_without_the_trees_near_equal_clouds_are_wrong(boxes, rng, monkeypatch):
    """What the guard is for, and that the tests above would notice its absence."""
    monkeypatch.setattr(chamfer, "TOLERANCE", np.inf)
    other = boxes + 1e-4 * rng.normal(size=boxes.shape)
    error = np.abs(
        np.diag(chamfer_matrix(boxes, other)) / np.diag(brute_force_matrix(boxes, other, True))
    )
    assert np.abs(error - 1).max() > 0.01


def test_a_set_with_itself_is_symmetric_with_zeros(boxes):
    found = chamfer_matrix(boxes)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 0)
    np.testing.assert_allclose(found, chamfer_matrix(boxes, boxes), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("points", [1, 15, 16, 17, 3000])
def test_any_number_of_points(rng, points):
    one, other = rng.normal(size=(2, points, 3)), rng.normal(size=(2, 40, 3))
    np.testing.assert_allclose(
        chamfer_matrix(one, other), brute_force_matrix(one, other, True), rtol=1e-5
    )


def test_the_number_of_threads_changes_nothing(boxes):
    one = chamfer_matrix(boxes, work=Work(workers=1))
    np.testing.assert_array_equal(chamfer_matrix(boxes, work=Work(workers=3)), one)


def test_scaling_scales_by_the_square_or_not(boxes):
    for squared, factor in ((True, 49), (False, 7)):
        np.testing.assert_allclose(
            chamfer_matrix(7 * boxes, squared=squared),
            factor * chamfer_matrix(boxes, squared=squared),
            rtol=1e-5,
        )


@pytest.mark.parametrize(
    ("clouds", "message"),
    [
        (np.zeros((3, 3)), r"shape \(clouds, points, 3\)"),
        (np.zeros((0, 5, 3)), "at least one of each"),
        (np.full((2, 5, 3), np.nan), "2 of 2 clouds have NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused(clouds, message):
    with pytest.raises(ValueError, match=message):
        chamfer_matrix(clouds)


def test_trees_are_built_once(boxes, monkeypatch):
    built = []

    def tree(points):
        built.append(len(points))
        return cKDTree(points)

    monkeypatch.setattr(chamfer, "cKDTree", tree)
    same = np.repeat(boxes[:1], 6, axis=0)
    chamfer_matrix(same, work=Work(workers=1))
    assert len(built) == 6


def test_f_score_is_that_of_the_definition(rng):
    cloud, target = rng.normal(size=(60, 3)), rng.normal(size=(80, 3))
    near = cdist(cloud, target) <= 0.4
    precision, recall = near.any(axis=1).mean(), near.any(axis=0).mean()
    assert 0.1 < precision < 0.9
    expected = 2 / (1 / precision + 1 / recall)
    assert f_score(cloud, target, 0.4) == pytest.approx(expected)


def test_same_clouds_score_one_and_far_ones_nothing(rng):
    cloud = rng.normal(size=(30, 3))
    assert f_score(cloud, rng.permutation(cloud)) == 1
    assert f_score(cloud, cloud + 100) == 0


def test_half_a_shape_is_precise_and_misses_half(rng):
    target = np.stack([np.arange(10.0), np.zeros(10), np.zeros(10)], axis=1)
    assert f_score(target[:5], target, 0.5) == pytest.approx(2 * 1 * 0.5 / 1.5)


@pytest.mark.parametrize("threshold", [0, -1, float("nan")])
def test_a_threshold_that_is_none_is_refused(rng, threshold):
    cloud = rng.normal(size=(5, 3))
    with pytest.raises(ValueError, match="positive distance"):
        f_score(cloud, cloud, threshold)
