"""EMD against SciPy's assignment; what bounds rule out changes no score."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from pcvae.metrics import (
    Work,
    emd,
    emd_matrix,
    emd_of_neighbors,
    fixed_subsets,
    score_questions,
    set_scores,
    share_solved,
    transport,
)
from pcvae.metrics.transport import lower_bounds


def assignment(one, other):
    costs = cdist(one, other)
    return costs[linear_sum_assignment(costs)].mean()


@pytest.fixture
def clouds(rng):
    """Blobs of three kinds, some near each other and some not, the last one a copy."""
    kinds = rng.normal(size=(3, 1, 3))
    sizes = rng.uniform(0.3, 1.5, size=(24, 1, 3))
    found = kinds[rng.integers(3, size=24)] + sizes * rng.normal(size=(24, 40, 3))
    found[-1] = rng.permutation(found[0])
    return found


@pytest.mark.parametrize("offset", [0, 1e5])
def test_emd_is_that_of_the_assignment_problem(rng, offset):
    one, other = rng.normal(size=(2, 60, 3)) + offset
    exact = assignment(one - offset, other - offset)
    assert emd(one, other) == pytest.approx(exact, rel=1e-9)


def test_emd_of_near_equal_clouds(rng):
    one = rng.normal(size=(60, 3))
    moved = one + 1e-9 * rng.normal(size=one.shape)
    assert emd(one, moved) == pytest.approx(np.linalg.norm(one - moved, axis=1).mean(), rel=1e-6)


def test_emd_is_a_metric_that_knows_translations_and_scales(rng):
    one, other, third = rng.normal(size=(3, 30, 3))
    assert emd(one, rng.permutation(one)) == pytest.approx(0, abs=1e-12)
    assert emd(one, one + np.array([3, 0, 4])) == pytest.approx(5)
    assert emd(5 * one, 5 * other) == pytest.approx(5 * emd(one, other))
    assert emd(one, third) <= emd(one, other) + emd(other, third)


def test_clouds_of_different_sizes_share_a_weight_of_one(rng):
    one, other = rng.normal(size=(12, 3)), rng.normal(size=(18, 3))
    expected = assignment(np.repeat(one, 3, axis=0), np.repeat(other, 2, axis=0))
    assert emd(one, other) == pytest.approx(expected)


def test_all_pairs_are_those_one_by_one(clouds):
    expected = [[emd(a, b) for b in clouds[4:9]] for a in clouds[:4]]
    np.testing.assert_allclose(emd_matrix(clouds[:4], clouds[4:9]), expected)
    whole = emd_matrix(clouds)
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_allclose(whole[:4, 4:9], expected)


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize("noise", [1e-3, 1])
def test_no_bound_is_above_the_distance(clouds, rng, offset, noise):
    near = np.concatenate([clouds, clouds + noise * rng.normal(size=clouds.shape)]) + offset
    bounds, exact = lower_bounds(near), emd_matrix(near)
    assert (bounds <= exact + 1e-12).all()
    # They are worth something, too.
    assert (bounds > 0.5 * exact)[exact > 0].mean() > 0.9


def test_each_of_the_bounds_is_met_by_some_clouds(rng):
    one = rng.normal(size=(1, 50, 3))
    for other in (
        one + np.array([0.5, 0, 0]),
        one * [1, 1, 3],
    ):  # one moved, one stretched along an axis
        pair = np.concatenate([one, other])
        assert lower_bounds(pair)[0, 1] == pytest.approx(emd(one[0], other[0]), rel=0.02)
    apart = np.concatenate([one, one + 0.02 * rng.normal(size=one.shape)])
    assert lower_bounds(apart)[0, 1] == pytest.approx(emd(*apart), rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_scores_without_what_is_ruled_out_are_those_of_brute_force(clouds, seed):
    order = np.random.default_rng(seed).permutation(len(clouds))
    samples, references = order[:10], order[10:]
    found = emd_of_neighbors(clouds, score_questions(samples, references))
    assert set_scores(found, samples, references) == set_scores(
        emd_matrix(clouds), samples, references
    )
    assert 0 < share_solved(found) < 0.7


def test_equally_near_shapes_are_all_solved(clouds):
    """The first of them counts, so that leaving one out could change a score."""
    same = np.concatenate([clouds[:5], clouds[:5], clouds[:5]])
    samples, references = np.arange(5), np.arange(5, 15)
    found = emd_of_neighbors(same, score_questions(samples, references))
    assert set_scores(found, samples, references) == set_scores(
        emd_matrix(same), samples, references
    )


def test_a_bound_that_is_too_high_would_be_noticed(clouds, monkeypatch):
    """The comparison with brute force can fail."""
    honest = transport.lower_bounds
    monkeypatch.setattr(transport, "lower_bounds", lambda *a, **k: honest(*a, **k)[::-1] * 3)
    samples, references = np.arange(10), np.arange(10, 24)
    found = emd_of_neighbors(clouds, score_questions(samples, references))
    assert set_scores(found, samples, references) != set_scores(
        emd_matrix(clouds), samples, references
    )


def test_what_was_solved_is_not_solved_again(clouds, tmp_path, monkeypatch):
    questions = score_questions(np.arange(10), np.arange(10, 24))
    cache = tmp_path / "emd.npz"
    found = emd_of_neighbors(clouds, questions, work=Work(cache=cache))

    def refuse(one, other):
        raise AssertionError("solved again")

    monkeypatch.setattr(transport, "emd", refuse)
    np.testing.assert_array_equal(
        emd_of_neighbors(clouds, questions, work=Work(cache=cache)), found
    )


def test_the_number_of_threads_changes_no_score(clouds):
    samples, references = np.arange(10), np.arange(10, 24)
    scores = [
        set_scores(
            emd_of_neighbors(
                clouds, score_questions(samples, references), work=Work(workers=workers)
            ),
            samples,
            references,
        )
        for workers in (1, 3)
    ]
    assert scores[0] == scores[1]


def test_subsets_are_of_the_cloud_and_always_the_same(rng):
    points = rng.normal(size=(4, 100, 3))
    found = fixed_subsets(points, 20)
    np.testing.assert_array_equal(found, fixed_subsets(points, 20))
    for subset, cloud in zip(found, points, strict=True):
        assert len(np.unique(subset, axis=0)) == 20
        assert cdist(subset, cloud).min(axis=1).max() == 0
    assert fixed_subsets(points, 200).shape == points.shape


def test_subsets_of_clouds_in_the_same_order_are_not_of_the_same_points(rng):
    same = np.repeat(rng.normal(size=(1, 100, 3)), 2, axis=0)
    one, other = fixed_subsets(same, 20)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, fixed_subsets(same, 20, seed=1)[0])
