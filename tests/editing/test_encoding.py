import numpy as np
import pytest

from pcvae import editing


def test_all_points_are_taken_as_they_are(boxes):
    points = boxes.points[0]
    assert editing.take_points(points, None) is points
    assert editing.take_points(points, 64) is points


def test_fewer_points_are_a_fair_draw_whatever_their_order(rng):
    points = rng.normal(size=(2000, 3)).astype(np.float32)
    rising = points[points[:, 1].argsort()]  # as a file may have them: from the floor up
    taken = editing.take_points(rising, 500)
    assert len(np.unique(taken, axis=0)) == 500
    assert taken[:, 1].mean() == pytest.approx(points[:, 1].mean(), abs=0.2)
    assert taken[:, 1].std() == pytest.approx(points[:, 1].std(), abs=0.2)


@pytest.mark.parametrize("count", [65, 128, 150])
def test_more_points_are_all_of_them_again_and_again(boxes, count):
    rows = editing.take_points(np.arange(64), count)
    times = np.bincount(rows)
    assert len(rows) == count
    assert times.min() == count // 64
    assert times.max() <= count // 64 + 1
    np.testing.assert_array_equal(rows[:64], np.arange(64))


def test_directions_and_factors_see_points_of_all_heights(model, boxes):
    """The first quarter of an ordered cloud would be the feet alone."""
    rows = boxes.points[:, :, 1].argsort(axis=1)
    rising = np.take_along_axis(boxes.points, rows[..., None], axis=1)
    falling = rising[:, ::-1].copy()
    one, other = (editing.find_directions(model, c, 2, 32) for c in (rising, falling))
    assert abs(float(one.mean @ other.mean)) > 0.9 * float(one.mean.norm() * other.mean.norm())
