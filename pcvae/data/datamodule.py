"""Batches of clouds for training: one LightningDataModule over all sources."""

import logging
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from pcvae.data.clouds import CloudSet
from pcvae.data.sources import Splits
from pcvae.models import Normalization
from pcvae.randomness import generator_for

logger = logging.getLogger(__name__)

# Keeps the draw of points apart from the draw of noise, which has the same seed, epoch and shape.
SUBSET_STREAM = 1


class Batch(NamedTuple):
    """What a training step gets.

    Attributes:
        points: clouds in data units.
        shapes: which shapes of the set they are.
    """

    points: Float[Tensor, "B N 3"]
    shapes: Int[Tensor, " B"]


class CloudDataset(Dataset):
    """A cloud set that hands out whole batches: no Python loop over clouds or points.

    Args:
        clouds: the shapes.
    """

    def __init__(self, clouds: CloudSet) -> None:
        self.clouds = clouds

    def __len__(self) -> int:
        """Return how many shapes there are."""
        return len(self.clouds)

    def __getitems__(self, shapes: list[int]) -> Batch:
        """Return the clouds of a batch with all their points."""
        points = np.asarray(self.clouds.points[shapes], dtype=np.float32)
        return Batch(torch.from_numpy(points), torch.tensor(shapes))


def subsample(batch: Batch, num_points: int, seed: int, epoch: int) -> Batch:
    """Return clouds of `num_points` points, drawn without replacement where there are enough.

    Args:
        batch: clouds with any number of points.
        num_points: how many to keep.
        seed: the run's seed.
        epoch: other points are drawn in every epoch.
    """
    available = batch.points.shape[1]
    if available == num_points:
        return batch
    rows = torch.empty(len(batch.shapes), num_points, dtype=torch.long)
    for row, shape in zip(rows, batch.shapes.tolist(), strict=True):
        generator = generator_for(seed, epoch, shape, SUBSET_STREAM)
        if available > num_points:
            row.copy_(torch.randperm(available, generator=generator)[:num_points])
        else:
            row.random_(available, generator=generator)
    index = rows.to(batch.points.device).unsqueeze(-1).expand(-1, -1, 3)
    return Batch(batch.points.gather(1, index), batch.shapes)


class PointCloudData(pl.LightningDataModule):
    """Training, validation and test batches from one source.

    Clouds with more points than `num_points` are subsampled anew in every epoch; from clouds with
    fewer, points are drawn with replacement, and that is said once.

    Args:
        splits: where the clouds come from, see `pcvae.data.open_splits`.
        num_points: points for each cloud.
        batch_size: clouds for each step and device.
        seed: decides the order of shapes and the points drawn.
    """

    def __init__(
        self, splits: Splits, *, num_points: int = 2048, batch_size: int = 2, seed: int = 0
    ) -> None:
        super().__init__()
        self.splits = splits
        self.num_points = num_points
        self.batch_size = batch_size
        self.seed = seed
        available = splits.train.points.shape[1]
        if available < num_points:
            logger.warning(
                "The clouds have %d points and %d were asked for: points are drawn with "
                "replacement.",
                available,
                num_points,
            )

    def normalization(self) -> Normalization:
        """Return the global normalization of the training set: mean per axis, one scale."""
        points = np.asarray(self.splits.train.points, dtype=np.float32).reshape(-1, 3)
        mean = points.mean(axis=0, dtype=np.float64)
        # The original takes one standard deviation of all coordinates about their common mean.
        scale = float(points.std(dtype=np.float64))
        return Normalization(torch.tensor(mean, dtype=torch.float32), scale)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Draw the points, on the device and for the whole batch."""
        training = self.trainer is not None and self.trainer.training
        epoch = self.trainer.current_epoch if training else 0
        return subsample(batch, self.num_points, self.seed, epoch)

    def train_dataloader(self) -> DataLoader:
        """Return shuffled batches, in an order that depends on seed and epoch only."""
        return self._loader(self.splits.train, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Return the validation shapes in order."""
        return self._loader(self.splits.val, shuffle=False)

    def test_dataloader(self) -> DataLoader:
        """Return the test shapes in order."""
        return self._loader(self.splits.test, shuffle=False)

    def _loader(self, clouds: CloudSet, shuffle: bool) -> DataLoader:
        """Build a loader in this process: a worker would only copy what memory already holds."""
        dataset = CloudDataset(clouds)
        # With one replica this is a shuffle whose order depends on seed and epoch alone, which a
        # resumed run needs; with several devices Lightning puts its own replicas in.
        replicas, rank = (
            (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        )
        sampler = DistributedSampler(
            dataset, replicas, rank, shuffle=shuffle, seed=self.seed, drop_last=False
        )
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            collate_fn=lambda batch: batch,
            # A short last batch would be another model under the "batch" reduction.
            drop_last=shuffle and len(sampler) >= self.batch_size,
        )
