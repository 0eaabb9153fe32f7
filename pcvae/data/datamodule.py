"""Batches of clouds for training: one LightningDataModule over all sources."""

import logging
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from pcvae.data.augmentation import Augmentation
from pcvae.data.clouds import CloudSet
from pcvae.data.sources import Splits
from pcvae.data.statistics import check_finite, fit_clouds, fit_normalization
from pcvae.models import Normalization, Statistics
from pcvae.randomness import Stream, stream_for

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """What a training step gets.

    Attributes:
        points: clouds in data units.
        shapes: which shapes of the set they are.
        statistics: by what to normalize them; None leaves that to the model's normalization.
    """

    points: Float[Tensor, "B N 3"]
    shapes: Int[Tensor, " B"]
    statistics: Statistics | None = None


class CloudDataset(Dataset):
    """A cloud set that hands out whole batches: no Python loop over clouds or points.

    Args:
        clouds: the shapes.
        statistics: each cloud's own numbers, if it is to be normalized by them.
    """

    def __init__(self, clouds: CloudSet, statistics: Statistics | None = None) -> None:
        self.clouds = clouds
        self.statistics = statistics

    def __len__(self) -> int:
        """Return how many shapes there are."""
        return len(self.clouds)

    def __getitems__(self, shapes: list[int]) -> Batch:
        """Return the clouds of a batch with all their points.

        Raises:
            ValueError: if a cloud that was still on the disk is damaged or not finite.
        """
        points = np.asarray(self.clouds.points[shapes], dtype=np.float32)
        if not isinstance(self.clouds.points, np.ndarray):  # arrays were checked before
            check_finite(self.clouds, points, shapes)
        own = self.statistics and Statistics(*(numbers[shapes] for numbers in self.statistics))
        return Batch(torch.from_numpy(points), torch.tensor(shapes), own)


def subsample(
    batch: Batch, num_points: int, seed: int, epoch: int, replacement: bool = False
) -> Batch:
    """Return clouds of `num_points` points, drawn without replacement where there are enough.

    Args:
        batch: clouds with any number of points.
        num_points: how many to keep.
        seed: the run's seed.
        epoch: other points are drawn in every epoch.
        replacement: draw with replacement, even if there are enough.
    """
    available = batch.points.shape[1]
    if available == num_points and not replacement:
        return batch
    rows = torch.empty(len(batch.shapes), num_points, dtype=torch.long)
    for row, shape in zip(rows, batch.shapes.tolist(), strict=True):
        generator = stream_for(Stream.SUBSET, seed=seed, shape=shape, epoch=epoch)
        if available > num_points and not replacement:
            row.copy_(torch.randperm(available, generator=generator)[:num_points])
        else:
            row.random_(available, generator=generator)
    index = rows.to(batch.points.device).unsqueeze(-1).expand(-1, -1, 3)
    return batch._replace(points=batch.points.gather(1, index))


class PointCloudData(pl.LightningDataModule):
    """Training, validation and test batches from one source.

    Clouds with more points than `num_points` are subsampled anew in every epoch; from clouds with
    fewer, points are drawn with replacement, and that is said once.

    Args:
        splits: where the clouds come from, see `pcvae.data.open_splits`.
        num_points: points for each cloud.
        batch_size: clouds for each step and device.
        seed: decides the order of shapes and the points drawn.
        replacement: draw the points of training clouds with replacement, as the original does.
        augmentation: how training clouds are changed. Other clouds never are.
        mode: how clouds are normalized, see `Normalization`. By "shape" and "box", by the numbers
            of all points of a cloud's file; augmented ones, which are other clouds, by their own.
    """

    def __init__(
        self,
        splits: Splits,
        *,
        num_points: int = 2048,
        batch_size: int = 2,
        seed: int = 0,
        replacement: bool = False,
        augmentation: Augmentation | None = None,
        mode: str = "global",
    ) -> None:
        super().__init__()
        self.splits = splits
        self.num_points = num_points
        self.batch_size = batch_size
        self.seed = seed
        self.replacement = replacement
        self.augmentation = augmentation or Augmentation()
        self.mode = mode
        available = splits.train.points.shape[1]
        if available < num_points:
            logger.warning(
                "The clouds have %d points and %d were asked for: points are drawn with "
                "replacement.",
                available,
                num_points,
            )

    def normalization(self) -> Normalization:
        """Return the normalization of the training set."""
        return fit_normalization(self.splits.train, self.mode, self._train_statistics)

    @cached_property
    def _train_statistics(self) -> Statistics | None:
        """The training clouds' own numbers: to gather them is to read all of their files."""
        return self._own(self.splits.train)

    def _own(self, clouds: CloudSet) -> Statistics | None:
        """Return each cloud's own numbers, if the mode is to normalize by them."""
        return None if self.mode == "global" else fit_clouds(clouds, self.mode)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Draw the points and change the training clouds, on the device and by the batch."""
        if self.trainer is None or not self.trainer.training:
            return subsample(batch, self.num_points, self.seed, epoch=0)
        epoch = self.trainer.current_epoch
        drawn = subsample(batch, self.num_points, self.seed, epoch, self.replacement)
        if not self.augmentation.changes_anything:
            return drawn
        points = self.augmentation(drawn.points, drawn.shapes, self.seed, epoch)
        return Batch(points, drawn.shapes)

    def train_dataloader(self) -> DataLoader:
        """Return shuffled batches, in an order that depends on seed and epoch only."""
        own = None if self.augmentation.changes_anything else self._train_statistics
        return self._loader(CloudDataset(self.splits.train, own), shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Return the validation shapes in order."""
        clouds = self.splits.val
        return self._loader(CloudDataset(clouds, self._own(clouds)), shuffle=False)

    def test_dataloader(self) -> DataLoader:
        """Return the test shapes in order."""
        clouds = self.splits.test
        return self._loader(CloudDataset(clouds, self._own(clouds)), shuffle=False)

    def _loader(self, dataset: CloudDataset, shuffle: bool) -> DataLoader:
        """Build a loader in this process: a worker would only copy what memory already holds."""
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
