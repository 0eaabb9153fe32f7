"""Numbers of a whole training set, gathered without holding it in memory."""

from collections.abc import Iterator

import numpy as np
import torch

from pcvae.data.clouds import CloudSet
from pcvae.data.lazy import LazyPoints
from pcvae.models import Normalization
from pcvae.models.normalization import Statistics, cloud_statistics

# Coordinates held at once: 24 MB in double precision.
CHUNK = 3_000_000


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


def check_finite(clouds: CloudSet, points: np.ndarray, rows: list[int]) -> None:
    """Refuse NaN and infinity in clouds that were just read from the disk.

    Args:
        clouds: the set they are from.
        points: (K, M, 3).
        rows: which K shapes of the set they are.

    Raises:
        ValueError: if there are any; the message names the shapes.
    """
    finite = np.isfinite(points).all(axis=(1, 2))
    if not finite.all():
        bad = [clouds.ids[row] for row, good in zip(rows, finite, strict=True) if not good]
        raise ValueError(
            f"Cloud set {clouds.name!r}: expected finite points; NaN or infinity in "
            f"{', '.join(bad[:5])}. Remove or mend these shapes."
        )


def _global(clouds: CloudSet) -> tuple[np.ndarray, float]:
    """Return the mean of all points, and the standard deviation of all coordinates."""
    total, squares, count = np.zeros(3), 0.0, 0
    for chunk in _chunks(clouds):
        wide = chunk.astype(np.float64).reshape(-1, 3)
        total += wide.sum(axis=0)
        squares += float(np.square(wide).sum())
        count += len(wide)
    mean = total / count
    # The original takes one standard deviation of all coordinates about their common mean.
    variance = squares / (3 * count) - mean.mean() ** 2
    return mean, float(np.sqrt(max(variance, 0.0)))


def fit_clouds(clouds: CloudSet, mode: str) -> Statistics:
    """Return each cloud's own mean (S, 1, 3) and scale (S, 1, 1).

    Args:
        clouds: the shapes. Where their files hold more points than are trained on, all count, as
            in the original.
        mode: "shape" or "box".

    Raises:
        ValueError: if points are not finite.
    """
    parts = [cloud_statistics(torch.from_numpy(chunk), mode) for chunk in _chunks(clouds)]
    means, scales = zip(*parts, strict=True)
    return Statistics(torch.cat(means), torch.cat(scales))


def _averages(own: Statistics) -> tuple[np.ndarray, float]:
    """Return the averages of the clouds' own numbers."""
    return own.mean.double().mean(dim=(0, 1)).numpy(), own.scale.double().mean().item()


def _chunks(clouds: CloudSet) -> Iterator[np.ndarray]:
    lazy = isinstance(clouds.points, LazyPoints)
    points = clouds.points.whole if lazy else clouds.points
    step = max(CHUNK // (3 * points.shape[1]), 1)
    for first in range(0, len(points), step):
        chunk = np.ascontiguousarray(points[first : first + step], dtype=np.float32)
        check_finite(clouds, chunk, list(range(first, first + len(chunk))))
        yield chunk
