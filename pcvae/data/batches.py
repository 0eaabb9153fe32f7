"""Batches of clouds for training: what is drawn, changed and measured of them on the way."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from pcvae.data.clouds import CloudSet, Splits, check_finite
from pcvae.data.lazy import LazyPoints
from pcvae.models import Normalization, Statistics
from pcvae.models.normalization import cloud_statistics
from pcvae.randomness import Stream, draw_for_shapes, normal

logger = logging.getLogger(__name__)

# Coordinates held at once while a set is measured: 24 MB in double precision.
CHUNK = 3_000_000
# Normalized coordinates have standard deviation 1, or less where clouds stand off their middle.
SMALLEST_SPREAD = 0.5


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
    batch: Batch,
    num_points: int,
    seed: int,
    epoch: int,
    replacement: bool = False,
    shuffle: bool = False,
) -> Batch:
    """Return clouds of `num_points` points, drawn without replacement where there are enough.

    Args:
        batch: clouds with any number of points.
        num_points: how many to keep.
        seed: the run's seed.
        epoch: other points are drawn in every epoch.
        replacement: draw with replacement, even if there are enough.
        shuffle: draw an order, even if all points are kept.
    """
    available = batch.points.shape[1]
    if available == num_points and not (replacement or shuffle):
        return batch

    def draw(generator: torch.Generator) -> tuple[Tensor]:
        if available >= num_points and not replacement:
            return (torch.randperm(available, generator=generator)[:num_points],)
        return (torch.randint(available, (num_points,), generator=generator),)

    (rows,) = draw_for_shapes(Stream.SUBSET, batch.shapes.tolist(), draw, seed=seed, epoch=epoch)
    index = rows.to(batch.points.device).unsqueeze(-1).expand(-1, -1, 3)
    return batch._replace(points=batch.points.gather(1, index))


@dataclass(frozen=True)
class Augmentation:
    """What to change in a batch of training clouds. Nothing by default.

    The random numbers belong to the seed, the epoch and the shape: an interrupted run, or one on
    several devices, changes each shape as any other run does.

    Attributes:
        mirror: swap left and right (x and -x) with probability one half.
        stretch: scale each axis by a factor of its own, between 1 / (1 + stretch) and 1 + stretch,
            uniform in its logarithm.
        jitter: add Gaussian noise to each coordinate; its standard deviation is this share of the
            cloud's own.

    Raises:
        ValueError: if a number is negative.
    """

    mirror: bool = False
    stretch: float = 0.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("stretch", "jitter"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}.")

    @property
    def changes_anything(self) -> bool:
        """Whether clouds come out other than they went in."""
        return bool(self.mirror or self.stretch or self.jitter)

    def __call__(
        self, points: Float[Tensor, "B N 3"], shapes: Int[Tensor, " B"], seed: int, epoch: int
    ) -> Float[Tensor, "B N 3"]:
        """Return changed clouds, on the device of those given.

        Args:
            points: clouds whose plane of symmetry, if they have one, is x = 0.
            shapes: which shapes of the training set they are.
            seed: the run's seed.
            epoch: each epoch changes a shape anew.
        """
        if not self.changes_anything:
            return points
        sizes = [points.shape[1:]] if self.jitter else []

        def draw(generator: torch.Generator) -> list[Tensor]:
            return [torch.rand(4, generator=generator), *normal(*sizes)(generator)]

        # On the CPU, so that every device gets the same numbers.
        uniform, *noise = draw_for_shapes(
            Stream.AUGMENTATION, shapes.tolist(), draw, seed=seed, epoch=epoch
        )
        factors = torch.exp(torch.log1p(torch.tensor(self.stretch)) * (2 * uniform[:, 1:] - 1))
        if self.mirror:
            factors[:, 0] *= torch.where(uniform[:, 0] < 0.5, -1.0, 1.0)
        changed = points * factors.unsqueeze(1).to(points.device)
        if not noise:
            return changed
        size = self.jitter * points.std((1, 2), correction=0, keepdim=True)
        return changed + size * noise[0].to(points.device)


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
        shuffle: draw an order of the points, too, where all of them are kept. Where fewer are, the
            order is random anyway.
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
        shuffle: bool = False,
        augmentation: Augmentation | None = None,
        mode: str = "global",
    ) -> None:
        super().__init__()
        self.splits = splits
        self.num_points = num_points
        self.batch_size = batch_size
        self.seed = seed
        self.replacement = replacement
        self.shuffle = shuffle
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
            return subsample(batch, self.num_points, self.seed, epoch=0, shuffle=self.shuffle)
        epoch = self.trainer.current_epoch
        drawn = subsample(batch, self.num_points, self.seed, epoch, self.replacement, self.shuffle)
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


# Numbers of a whole training set, gathered without holding it in memory


def fit_normalization(
    clouds: CloudSet, mode: str = "global", own: Statistics | None = None
) -> Normalization:
    """Return the normalization of a training set.

    Args:
        clouds: the training shapes. Where their files hold more points than are trained on, all
            count, as in the original.
        mode: "global", "shape" or "box", see `Normalization`.
        own: what `fit_clouds` returned for them, to spare reading them all again.

    Raises:
        ValueError: if points are not finite, are all the same, or there is no such mode.
    """
    parts = _global(clouds) if mode == "global" else _averages(own or fit_clouds(clouds, mode))
    return Normalization(torch.tensor(parts[0], dtype=torch.float32), float(parts[1]), mode)


def _global(clouds: CloudSet) -> tuple[np.ndarray, float]:
    """Return the mean of all points, and the standard deviation of all coordinates."""
    origin = np.asarray(clouds.points[0], dtype=np.float64).mean(axis=0)
    total, squares, within, count = np.zeros(3), np.zeros(3), 0.0, 0
    for chunk in _chunks(clouds):
        # About a point of the data: far from the origin, squares would leave no digits for sizes.
        wide = chunk - origin  # (K, M, 3)
        total += wide.sum(axis=(0, 1))
        squares += np.square(wide).sum(axis=(0, 1))
        within += _squares_within(wide)
        count += wide.size // 3
    mean = total / count
    variance = (squares / count - mean**2).mean()
    mean += origin
    # The original takes one standard deviation of all coordinates about their common mean.
    scale = float(np.sqrt(max(variance, 0.0) + mean.var()))
    _warn_of_offset(clouds, within, scale)
    return mean, scale


def fit_clouds(clouds: CloudSet, mode: str) -> Statistics:
    """Return each cloud's own mean (S, 1, 3) and scale (S, 1, 1).

    Args:
        clouds: the shapes. Where their files hold more points than are trained on, all count, as
            in the original.
        mode: "shape" or "box".

    Raises:
        ValueError: if points are not finite.
    """
    parts, within = [], 0.0
    for chunk in _chunks(clouds):
        parts.append(cloud_statistics(torch.from_numpy(chunk), mode))
        within += _squares_within(chunk)
    means, scales = (torch.cat(numbers).float() for numbers in zip(*parts, strict=True))
    if mode == "shape":
        _warn_of_offset(clouds, within, scales.mean().item())
    return Statistics(means, scales)


def _squares_within(chunk: Float[np.ndarray, "K M 3"]) -> float:
    """Return the variance of each cloud's coordinates about its own middle, summed over clouds."""
    return float(chunk.var(axis=1).mean(axis=1).sum())


def _warn_of_offset(clouds: CloudSet, within: float, scale: float) -> None:
    """Say so if the place of the clouds counts as their size."""
    spread = float(np.sqrt(within / len(clouds)))
    if 0 < spread < SMALLEST_SPREAD * scale:
        logger.warning(
            "%s: the clouds stand far from the origin or from each other, and their place counts "
            "as size: coordinates of a cloud have standard deviation %.3g, normalized ones %.2g in "
            "place of 1. Center the clouds, or use --normalization box.",
            *(clouds.name, spread, spread / scale),
        )


def _averages(own: Statistics) -> tuple[np.ndarray, float]:
    """Return the averages of the clouds' own numbers."""
    return own.mean.double().mean(dim=(0, 1)).numpy(), own.scale.double().mean().item()


def _chunks(clouds: CloudSet) -> Iterator[np.ndarray]:
    lazy = isinstance(clouds.points, LazyPoints)
    points = clouds.points.whole if lazy else clouds.points
    step = max(CHUNK // (3 * points.shape[1]), 1)
    for first in range(0, len(points), step):
        chunk = np.asarray(points[first : first + step], dtype=np.float64)
        check_finite(clouds, chunk, list(range(first, first + len(chunk))))
        yield chunk
