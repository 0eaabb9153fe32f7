"""F-score against its definition."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pcvae.metrics import f_score


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
