"""Batches: whose points they are, how they are drawn, and what is changed in them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pcvae.data import CloudSet, PointCloudData, Splits
from pcvae.data.augmentation import Augmentation
from pcvae.data.datamodule import Batch, CloudDataset, subsample
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
        (data.test_dataloader(), splits.test, 2),
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
