"""Augmented clouds: what changes, what does not, and on what the numbers hang."""

import math

import pytest
import torch

from pcvae.data.augmentation import Augmentation

ALL = Augmentation(mirror=True, stretch=0.3, jitter=0.02)


@pytest.fixture
def points(generator) -> torch.Tensor:
    return torch.randn(64, 40, 3, generator=generator)


def shapes(points, first=0):
    return torch.arange(first, first + len(points))


def test_nothing_is_changed_by_default(points):
    assert Augmentation()(points, shapes(points), seed=0, epoch=0) is points


def test_the_points_given_are_left_alone(points):
    before = points.clone()
    ALL(points, shapes(points), seed=0, epoch=0)
    assert torch.equal(points, before)


def test_mirrored_clouds_have_left_and_right_swapped(points):
    changed = Augmentation(mirror=True)(points, shapes(points), seed=0, epoch=0)
    assert torch.equal(changed[..., 1:], points[..., 1:])
    swapped = (changed[..., 0] == -points[..., 0]).all(1)
    assert ((changed[..., 0] == points[..., 0]).all(1) ^ swapped).all()
    assert 16 < swapped.sum() < 48


def test_axes_are_stretched_each_by_its_own_factor_within_bounds(points):
    factors = Augmentation(stretch=0.25)(points, shapes(points), seed=0, epoch=0) / points
    assert (factors.amax(1) - factors.amin(1)).max() < 1e-5  # one for all points of a cloud
    factors = factors[:, 0]
    assert factors.min() >= 0.8 - 1e-5
    assert factors.max() <= 1.25 + 1e-5
    assert torch.corrcoef(factors.T).abs().fill_diagonal_(0).max() < 0.4
    assert abs(factors.log().mean()) < 0.2 * math.log(1.25)


def test_jitter_is_a_share_of_a_clouds_size(points):
    sizes = torch.logspace(-2, 2, 64).reshape(-1, 1, 1)
    moved = Augmentation(jitter=0.05)(points * sizes, shapes(points), seed=0, epoch=0)
    found = (moved / sizes - points).std((1, 2))
    assert torch.allclose(found, 0.05 * points.std((1, 2)), rtol=0.3)


def test_numbers_hang_on_seed_epoch_and_shape_alone(points):
    whole = ALL(points, shapes(points), seed=3, epoch=5)
    order = torch.randperm(64)
    parts = [ALL(points[rows], rows, seed=3, epoch=5) for rows in order.split(7)]
    assert torch.equal(torch.cat(parts), whole[order])
    for seed, epoch, first in ((4, 5, 0), (3, 6, 0), (3, 5, 64)):
        other = ALL(points, shapes(points, first), seed=seed, epoch=epoch)
        assert not torch.isclose(other, whole).all((1, 2)).any()


@pytest.mark.parametrize("settings", [{"stretch": -0.1}, {"jitter": float("nan")}])
def test_impossible_numbers_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Augmentation(**settings)
