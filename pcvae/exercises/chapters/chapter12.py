"""Checks of chapter 12: voxels, balls, adaptive group norm, and what local context sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pcvae.data import generate
from pcvae.diagnostics import ridge
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import SEEDS, beside
from pcvae.exercises.registry import exercise
from pcvae.models.lion import grid_of, points_in_balls, voxelize
from pcvae.randomness import generator_for

RESOLUTION = 4


@exercise("12.1", "Voxelize", difficulty=3, importance=5, minutes=20)
def check_voxelize(answer: Callable) -> None:
    """Compare the means in the cells of a grid around a cloud that is off the origin."""
    generator = generator_for(121)
    points = torch.randn(60, 3, generator=generator) * torch.tensor([1.0, 0.6, 0.3]) + 2
    features = torch.randn(5, 60, generator=generator) + 1
    cells = RESOLUTION
    got = numbers(
        answer(features.clone(), points.clone(), cells),
        (5, cells, cells, cells),
        "The grid",
        {(cells, cells, cells, 5): "Channels come first: (C, R, R, R)."},
    )
    right = voxelize(features[None], grid_of(points[None], cells))[0]
    compare(got, right, _voxel_mistakes(features, points, cells), what="The grid")


def _filled(
    features: Tensor, cell: Tensor, resolution: int, mean: bool = True, largest: bool = False
) -> Tensor:
    """Return features in their cells, (C, R, R, R)."""
    grid = torch.zeros(len(features), resolution**3)
    index = (cell[:, 0] * resolution + cell[:, 1]) * resolution + cell[:, 2]
    for number in index.unique():
        inside = features[:, index == number]
        best = inside.amax(dim=1) if largest else inside.sum(dim=1)
        grid[:, number] = best / (inside.shape[1] if mean and not largest else 1)
    return grid.unflatten(1, [resolution] * 3)


def _voxel_mistakes(features: Tensor, points: Tensor, r: int) -> dict[str, Tensor]:
    centered = points - points.mean(dim=0)
    radius = centered.norm(dim=1).max()
    place = ((centered / (2 * radius) + 0.5) * r).clamp(0, r - 1)
    cell = place.round().long()

    def filled(place: Tensor) -> Tensor:
        return _filled(features, place.clamp(0, r - 1).round().long(), r)

    low, high = points.amin(dim=0), points.amax(dim=0)
    raw = points / (2 * points.norm(dim=1).max()) + 0.5
    box = 2 * centered.abs().max()
    return {
        "The middle of the grid is the *mean* of the points, not the middle of their bounding "
        "box.": filled(((points - (low + high) / 2) / (2 * centered.norm(dim=1).max()) + 0.5) * r),
        "You summed the features of a cell. Take their mean: how many points lie in it should not "
        "count.": _filled(features, cell, r, mean=False),
        "You took the largest feature of a cell. Take the mean.": _filled(
            features, cell, r, largest=True
        ),
        "You rounded down. Round to the nearest cell: `round`.": _filled(
            features, place.floor().long(), r
        ),
        "You laid the grid around the bounding box. It lies around the mean, and reaches the "
        "farthest point in every direction.": filled((points - low) / (high - low).max() * r),
        "You stretched the grid to the box along each axis. One size for all three axes, or the "
        "shape changes.": filled((points - low) / (high - low) * r),
        "You scaled to `resolution - 1`. It is `resolution`, and then the places are clamped to "
        "`resolution - 1`.": filled((centered / (2 * radius) + 0.5) * (r - 1)),
        "You did not subtract the mean of the points.": filled(raw * r),
        "The size is *twice* the largest distance: the grid reaches that far to both "
        "sides.": filled((centered / radius + 0.5) * r),
        "You took the largest coordinate for the largest distance.": filled(
            (centered / box + 0.5) * r
        ),
        "Your axes are turned around: x comes first, z last.": _filled(features, cell.flip(1), r),
    }


@exercise("12.2", "Points in a ball", difficulty=2, importance=4, minutes=15)
def check_balls(answer: Callable) -> None:
    """Compare indices on whole-number places, where distances are exact."""
    rng = np.random.default_rng(122)
    points = torch.from_numpy(rng.integers(0, 5, size=(40, 3))).float()
    centers, radius, count = points[:6].clone(), 2.0, 6
    centers[5] += 30  # nobody is near
    got = numbers(
        answer(centers.clone(), points.clone(), radius, count),
        (6, 6),
        "The indices",
        {(6, 40): f"Return {count} indices for each center, not a mask of all points."},
    )
    right = points_in_balls(centers[None], points[None], radius, count)[0]
    squared = (centers[:, None] - points).square().sum(dim=-1)  # (M, N)
    expect(
        not _nearest(torch.as_tensor(got).long(), squared, squared < radius**2, count),
        "You took the nearest points. LION's ball takes the *first* ones that lie in it, by their "
        "index, as they come.",
    )
    mistakes = _ball_mistakes(centers, points, radius, count)
    cases = [f"center {k}" for k in range(6)]
    compare(got, right, mistakes, what="The indices", cases=cases)


def _nearest(got: Tensor, squared: Tensor, inside: Tensor, count: int) -> bool:
    """Return whether the nearest points of full balls were taken, in any order of equally near."""
    full = inside.sum(dim=1) > count
    chosen = squared.gather(1, got.clamp(0, squared.shape[1] - 1))[full].sort().values
    return torch.equal(chosen, squared[full].sort().values[:, :count])


def _ball_mistakes(
    centers: Tensor, points: Tensor, radius: float, count: int
) -> dict[str, np.ndarray]:
    squared = (centers[:, None] - points).square().sum(dim=-1)  # (M, N)

    def first(inside: Tensor, pad: int | None = None, order: Tensor | None = None) -> np.ndarray:
        rows = []
        for center, row in enumerate(inside):
            found = row.nonzero().flatten()
            if order is not None:
                found = found[order[center][found].argsort(stable=True)]
            kept = found[:count].tolist()
            filler = pad if pad is not None else (kept[0] if kept else 0)
            rows.append(kept + [filler] * (count - len(kept)))
        return np.array(rows)

    near = squared < radius**2
    last = -torch.arange(len(points)).expand(len(centers), -1)
    return {
        "A point whose distance *is* the radius lies outside: `<`, not `<=`.": first(
            squared <= radius**2
        ),
        "You filled places that are left over with 0. Repeat the first point that was "
        "found.": first(near, pad=0),
        "You filled places that are left over with -1. Repeat the first point that was "
        "found.": first(near, pad=-1),
        "You compared squared distances with the radius. Square it, too.": first(squared < radius),
        "You took the last points of the ball, not the first.": first(near, order=last),
    }


@exercise("12.3", "Adaptive group norm", difficulty=2, importance=4, minutes=10)
def check_adagn(answer: Callable) -> None:
    """Compare on features with a small spread, so that the small number under the root counts."""
    generator = generator_for(123)
    x = 0.01 * (torch.randn(2, 8, 30, generator=generator) + torch.arange(8.0)[:, None])
    x[1] *= 3
    factor, offset = torch.randn(2, 2, 8, generator=generator).unbind()
    got = numbers(answer(x.clone(), factor.clone(), offset.clone(), 4), (2, 8, 30), "The features")
    right, mistakes = _normalized(x, factor[..., None], offset[..., None])
    compare(got, right, mistakes, what="The features", tolerance=2e-3)


def _normalized(x: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    grouped = x.unflatten(1, (4, 2))  # (B, G, C / G, N)

    def norm(values: Tensor, dims: tuple[int, ...], eps: float = 1e-5, ddof: int = 0) -> Tensor:
        spread = values.var(dim=dims, keepdim=True, correction=ddof)
        return (values - values.mean(dim=dims, keepdim=True)) / (spread + eps).sqrt()

    plain = norm(grouped, (2, 3)).flatten(1, 2)
    two = x.unflatten(1, (2, 4))
    return plain * a + b, {
        "You multiplied by 1 + factor. In LION's network the factor multiplies directly; its bias "
        "begins at 1.": plain * (1 + a) + b,
        "Factor and offset have changed places.": plain * b + a,
        "You took mean and variance of each channel by itself: that is instance norm, AdaIN.": norm(
            x, (2,)
        )
        * a
        + b,
        "You took mean and variance of all channels together. Each group has its own.": norm(
            x, (1, 2)
        )
        * a
        + b,
        "You took mean and variance at each point: that is layer norm.": norm(x, (1,)) * a + b,
        "You took mean and variance over the batch, too. Each cloud has its own.": norm(
            grouped, (0, 2, 3)
        ).flatten(1, 2)
        * a
        + b,
        "You made groups of 4 channels; 4 is the number of groups.": norm(two, (2, 3)).flatten(1, 2)
        * a
        + b,
        "You divided by one less than the number of values, PyTorch's default: take "
        "`var(..., correction=0)`.": norm(grouped, (2, 3), ddof=1).flatten(1, 2) * a + b,
        "You left out the 1e-5 under the root.": norm(grouped, (2, 3), eps=0.0).flatten(1, 2) * a
        + b,
        "You added 1e-5 to the standard deviation. It belongs to the variance, under the root.": (
            (grouped - grouped.mean(dim=(2, 3), keepdim=True))
            / (grouped.var(dim=(2, 3), keepdim=True, correction=0).sqrt() + 1e-5)
        ).flatten(1, 2)
        * a
        + b,
        "You returned the normalized features. Multiply and add what z says.": plain,
    }


# 12.4: local context
POINTS, CHAIRS = 1024, 300
REFERENCE = (0.920, 0.947, 0.947)  # the walk-through's share of right answers


@exercise("12.4", "Open task: see the slats", difficulty=4, importance=4, minutes=40)
def check_slats(answer: Callable) -> str:
    """Read slats or panel off a reader's features, over three sets of chairs."""
    _check_order(answer)
    found = [slats_told(answer, seed) for seed in SEEDS]
    expect(
        min(found) >= 0.85,
        "Slats are told from panels in "
        + ", ".join(f"{share:.0%}" for share in found)
        + " of the chairs that were not fitted; 85% is asked for, for each seed. What is different "
        "*around* a point of a slat?",
    )
    return beside("Slats told from panels", found, REFERENCE)


def _check_order(answer: Callable) -> None:
    """Say so if the features depend on the order of the points, or are not a vector."""
    cloud = _chairs(0)[0][0]
    once = numbers(answer(cloud.copy()), what="The features")
    if once.ndim != 1 or once.size == 0:
        raise Wrong(f"Return a vector of features, (F,); yours has the shape {once.shape}.")
    expect(once.size <= 300, f"{once.size} features are many for 150 chairs: 300 at most, please.")
    shuffled = np.random.default_rng(0).permutation(cloud)
    again = numbers(answer(shuffled), once.shape, "The features of the same points, shuffled,")
    expect(
        np.allclose(once, again, rtol=1e-3, atol=1e-3),
        "Another order of the points gives other features. Clouds have no order.",
    )


@cache
def _chairs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return chairs (300, 1024, 3), and whether the back of each has slats."""
    drawn = generate(["chair"], count=CHAIRS, num_points=POINTS, seed=120 + seed)
    return drawn.points, np.isfinite(drawn.factors["chair/num_slats"])


def slats_told(answer: Callable, seed: int) -> float:
    """Fit a linear reading of the features on half of the chairs, and try it on the others."""
    clouds, slatted = _chairs(seed)
    features = np.stack([numbers(answer(cloud.copy())) for cloud in clouds])
    half, sign = CHAIRS // 2, 2.0 * slatted - 1
    center, spread = features[:half].mean(axis=0), features[:half].std(axis=0) + 1e-9
    inputs = (features - center) / spread
    weights = ridge(inputs[:half], sign[:half] - sign[:half].mean(), 0.03)
    read = inputs[half:] @ weights + sign[:half].mean() > 0
    return float((read == slatted[half:]).mean())
