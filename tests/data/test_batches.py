"""Batches: whose points they are, how they are drawn, and what is changed in them."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pcvae.data import CloudSet, PointCloudData, Splits, batches
from pcvae.data.batches import (
    Augmentation,
    Batch,
    CloudDataset,
    fit_normalization,
    subsample,
)
from pcvae.data.clouds import check_finite
from pcvae.data.lazy import PointFiles

POINTS = np.random.default_rng(0).normal(size=(12, 40, 3)).astype(np.float32)


def named(points):
    return CloudSet("set", points, tuple("abcdefghijkl"[: len(points)]), ("x",) * len(points))


@pytest.fixture
def splits():
    clouds = named(POINTS)
    return Splits(*(clouds.subset(rows) for rows in (range(8), [8, 9], [10, 11])))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{row}.npy" for row in range(12)]
    for path, cloud in zip(paths, POINTS, strict=True):
        np.save(path, cloud)
    return paths


def batch(rows=range(12)):
    return Batch(torch.from_numpy(POINTS[list(rows)]), torch.tensor(list(rows)))


def rows_of(drawn):
    """For each drawn point its row in the cloud it came from."""
    equal = (drawn.points[:, :, None] == torch.from_numpy(POINTS)[drawn.shapes][:, None]).all(-1)
    assert (equal.sum(-1) == 1).all()
    return equal.long().argmax(-1)


def test_points_are_drawn_without_replacement():
    rows = rows_of(subsample(batch(), 30, seed=0, epoch=0))
    assert all(len(set(row)) == 30 for row in rows.tolist())


def test_points_are_drawn_with_replacement_if_asked_for_or_if_there_are_too_few():
    for count, replacement in ((30, True), (40, True), (60, False)):
        rows = rows_of(subsample(batch(), count, seed=0, epoch=0, replacement=replacement))
        assert rows.shape == (12, count)
        assert all(len(set(row)) < count for row in rows.tolist())
        assert torch.bincount(rows.flatten(), minlength=40).min() > 0  # none is never drawn


def test_clouds_of_just_as_many_points_are_left_as_they_are():
    whole = batch()
    assert subsample(whole, 40, seed=0, epoch=0) is whole


def test_an_order_of_all_points_is_drawn_if_asked_for():
    drawn = subsample(batch(), 40, seed=0, epoch=0, shuffle=True)
    assert all(sorted(row) == list(range(40)) for row in rows_of(drawn).tolist())
    again = subsample(batch(), 40, seed=0, epoch=1, shuffle=True)
    assert not torch.equal(again.points, drawn.points)


@pytest.mark.parametrize("replacement", [False, True])
def test_the_draw_hangs_on_seed_epoch_and_shape_alone(replacement):
    whole = subsample(batch(), 20, 3, 5, replacement).points
    parts = [subsample(batch(part), 20, 3, 5, replacement).points for part in ([7, 1], [4])]
    assert torch.equal(torch.cat(parts), whole[[7, 1, 4]])
    for seed, epoch in ((4, 5), (3, 6)):
        other = subsample(batch(), 20, seed, epoch, replacement).points
        assert not (other == whole).all((1, 2)).any()


def stage(data, training, epoch=0):
    data.trainer = SimpleNamespace(training=training, current_epoch=epoch)
    return data.on_after_batch_transfer(batch(), 0).points


def test_only_training_clouds_are_changed(splits):
    data = PointCloudData(
        splits,
        num_points=40,
        replacement=True,
        augmentation=Augmentation(mirror=True, stretch=0.2, jitter=0.1),
    )
    changed = stage(data, training=True)
    assert not (changed == batch().points).all((1, 2)).any()
    assert not torch.equal(changed, stage(data, training=True, epoch=1))
    assert torch.equal(changed, stage(data, training=True))
    assert torch.equal(stage(data, training=False, epoch=7), batch().points)


def test_evaluation_draws_the_same_points_every_time_and_each_once(splits):
    data = PointCloudData(splits, num_points=20, replacement=True)
    first = stage(data, training=False, epoch=0)
    assert torch.equal(first, stage(data, training=False, epoch=3))
    assert all(len(set(row)) == 20 for row in rows_of(Batch(first, batch().shapes)).tolist())


def test_too_few_points_are_mentioned_once(splits, caplog):
    data = PointCloudData(splits, num_points=50)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        list(loader)
    (record,) = caplog.records
    assert "have 40 points and 50 were asked for" in record.message
    assert "with replacement" in record.message


def test_loaders_give_every_shape_once(splits):
    data = PointCloudData(splits, batch_size=4)
    for loader, part, total in (
        (data.train_dataloader(), splits.train, 8),
        (data.val_dataloader(), splits.val, 2),
    ):
        batches = list(loader)
        shapes = torch.cat([b.shapes for b in batches])
        assert sorted(shapes.tolist()) == list(range(total))
        assert torch.equal(
            torch.cat([b.points for b in batches]), torch.from_numpy(part.points[shapes])
        )


def test_batches_come_off_the_disk(files):
    dataset = CloudDataset(named(PointFiles(files, 40, 0, 25)))
    found = dataset.__getitems__([7, 2])
    assert found.shapes.tolist() == [7, 2]
    assert torch.equal(found.points, torch.from_numpy(POINTS[[7, 2], :25]))


def test_bad_clouds_on_the_disk_are_named_when_they_come_up(files):
    spoiled = POINTS[7].copy()
    spoiled[0, 0] = np.inf
    np.save(files[7], spoiled)
    dataset = CloudDataset(named(PointFiles(files, 40)))
    dataset.__getitems__([1, 2])
    with pytest.raises(ValueError, match=r"infinity in h\."):
        dataset.__getitems__([7, 2])


def originals(points, mode):
    """Mean and scale of one cloud, as PointFlow and LION define them."""
    if mode == "box":
        low, high = points.min(axis=0), points.max(axis=0)
        return (low + high) / 2, (high - low).max() / 2
    return points.mean(axis=0), points.std()


@pytest.mark.parametrize("mode", ["shape", "box"])
def test_clouds_are_normalized_by_all_points_of_their_files(files, mode):
    # 30 of the 40 points of each file are trained on, and 20 of those drawn.
    clouds = named(PointFiles(files, 40, 0, 30))
    data = PointCloudData(Splits(clouds, clouds, clouds), num_points=20, batch_size=12, mode=mode)
    drawn = data.on_after_batch_transfer(next(iter(data.val_dataloader())), 0)
    found = data.normalization()(drawn.points, drawn.statistics)
    for row, shape in enumerate(drawn.shapes.tolist()):
        mean, scale = originals(POINTS[shape].astype(np.float64), mode)
        expected = (drawn.points[row].numpy() - mean) / scale
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_augmented_clouds_are_normalized_by_their_own_points(splits):
    options = {"batch_size": 4, "num_points": 40, "mode": "shape"}
    data = PointCloudData(splits, augmentation=Augmentation(stretch=0.5), **options)
    data.trainer = SimpleNamespace(training=True, current_epoch=0, world_size=1, global_rank=0)
    changed = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert changed.statistics is None


# Augmented clouds: what changes, what does not, and on what the numbers hang


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


# Normalizations fitted to training sets that may not fit into memory


SEVEN = (np.random.default_rng(0).normal(size=(7, 30, 3)) * [1, 5, 2] + [100, -3, 0]).astype(
    np.float32
)


@pytest.fixture
def seven_files(tmp_path):
    paths = [tmp_path / f"{row}.npy" for row in range(7)]
    for path, cloud in zip(paths, SEVEN, strict=True):
        np.save(path, cloud)
    return paths


def by_hand(points):
    """Mean of each axis over all points; one deviation of all coordinates about one mean."""
    wide = points.astype(np.float64)
    return wide.reshape(-1, 3).mean(axis=0), wide.reshape(-1).std()


@pytest.mark.parametrize("chunk", [1, 200, 10**6])
def test_global_numbers_are_the_originals(monkeypatch, chunk):
    monkeypatch.setattr(batches, "CHUNK", chunk)
    found = fit_normalization(named(SEVEN))
    mean, scale = by_hand(SEVEN)
    assert np.allclose(found.mean, mean, rtol=1e-6)
    assert found.scale.item() == pytest.approx(scale, rel=1e-6)


def test_all_points_of_the_files_count_not_only_those_trained_on(seven_files):
    lazy = PointFiles(seven_files, 30, 0, 20)
    found = fit_normalization(named(lazy))
    assert np.allclose(found.mean, by_hand(SEVEN)[0], rtol=1e-6)


@pytest.mark.parametrize("mode", ["shape", "box"])
def test_by_shape_the_averages_are_kept(mode):
    found = fit_normalization(named(SEVEN), mode)
    each = found.statistics(torch.from_numpy(SEVEN))
    assert found.mode == mode
    torch.testing.assert_close(found.mean, each.mean.mean(0)[0])
    torch.testing.assert_close(found.scale, each.scale.mean())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_found_on_the_disk(seven_files, bad):
    spoiled = SEVEN[3].copy()
    spoiled[-1, 2] = bad
    np.save(seven_files[3], spoiled)
    clouds = named(PointFiles(seven_files, 30))
    with pytest.raises(ValueError, match=r"'set'.*NaN or infinity in d\."):
        fit_normalization(clouds)
    with pytest.raises(ValueError, match=r"infinity in d\."):
        check_finite(clouds, clouds.points[[5, 3]], [5, 3])


def test_points_that_are_all_the_same_are_refused():
    with pytest.raises(ValueError, match="all points of the data the same"):
        fit_normalization(named(np.ones((2, 5, 3), dtype=np.float32)))


@pytest.mark.parametrize("offset", [1e3, 1e5, 1e6])
def test_numbers_far_from_the_origin_keep_their_digits(offset):
    near = np.random.default_rng(0).integers(-8, 8, size=(5, 64, 3)).astype(np.float32) / 4
    found = fit_normalization(named(near + np.float32(offset)))  # the sums are exact
    assert np.allclose(found.mean - offset, by_hand(near)[0], atol=1e-6 * offset)
    assert found.scale.item() == pytest.approx(near.astype(float).reshape(-1).std(), rel=1e-5)


@pytest.mark.parametrize("mode", ["global", "shape"])
@pytest.mark.parametrize("scattered", [False, True])
def test_a_place_that_counts_as_size_is_told_of(caplog, mode, scattered):
    place = np.random.default_rng(1).normal(size=(12, 1, 3)) if scattered else [0.0, 0.0, 1.0]
    fit_normalization(named((POINTS + 100 * np.array(place)).astype(np.float32)), mode)
    (record,) = caplog.records
    assert "place counts as size" in record.message
    assert "--normalization box" in record.message


@pytest.mark.parametrize("mode", ["global", "shape", "box"])
def test_centered_clouds_and_boxes_are_not(caplog, mode):
    fit_normalization(named(POINTS), mode)
    fit_normalization(named(POINTS + np.float32([0, 0, 100])), "box")
    assert not caplog.records
