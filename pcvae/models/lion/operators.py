"""What LION's network does with places: choose, group, put on a grid and take off it.

Furthest points, balls and interpolation: Qi et al., "PointNet++", NeurIPS 2017, sections 3.2-3.4.
Voxels beside points: Liu et al., "Point-Voxel CNN", NeurIPS 2019, section 4.1. Distances are sums
of squared differences in float32, never the expansion x^2 + y^2 - 2xy, which turns the zeros
between coincident points into noise and so makes other choices.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

LANES = 512  # of equally far points the least k mod 512 is taken, and of those the least k
NEAREST, FURTHEST = 1e-10, 1e10  # bounds of squared distances that are divided by


def squared_distances(
    one: Float[Tensor, "B M 3"], other: Float[Tensor, "B N 3"]
) -> Float[Tensor, "B M N"]:
    """Return all squared distances."""
    total: Tensor | None = None
    for axis in range(3):
        square = (one[:, :, None, axis] - other[:, None, :, axis]).square_()  # (B, M, N)
        total = square if total is None else total.add_(square)
    return total


@torch.no_grad()
def furthest_points(points: Float[Tensor, "B N 3"], count: int) -> Int[Tensor, "B M"]:
    """Return indices of points, each as far as can be from those chosen before; point 0 is first.

    Where fewer points differ than are asked for, point 0 is chosen again and again.
    """
    number = torch.arange(points.shape[1], device=points.device)
    order = (number % LANES * len(number) + number).argsort()  # the first of equals, see LANES
    places = points[:, order]  # (B, N, 3)
    x, y, z = (axis.contiguous() for axis in places.unbind(-1))
    chosen = torch.zeros(len(points), count, dtype=torch.long, device=points.device)
    nearest = torch.full_like(x, 1e38)
    last = chosen[:, :1]  # point 0 stands first in the order, too
    for step in range(1, count):
        dx, dy, dz = (axis - axis.gather(1, last) for axis in (x, y, z))
        distance = dx.mul_(dx).add_(dy.mul_(dy)).add_(dz.mul_(dz))  # (B, N)
        last = torch.minimum(nearest, distance, out=nearest).argmax(dim=1, keepdim=True)
        chosen[:, step : step + 1] = last
    return order[chosen]


@torch.no_grad()
def points_in_balls(
    centers: Float[Tensor, "B M 3"], points: Float[Tensor, "B N 3"], radius: float, count: int
) -> Int[Tensor, "B M K"]:
    """Return the first points, by their index, nearer to each center than the radius.

    Places that are left over repeat the first of them. A ball without points gives point 0.
    """
    number = torch.arange(points.shape[1], dtype=torch.int32, device=points.device)
    inside = squared_distances(centers, points) < torch.tensor(radius, dtype=points.dtype).square()
    ranked = torch.where(inside, number, len(number))  # (B, M, N)
    found = ranked.topk(min(count, len(number)), largest=False, sorted=True).values  # (B, M, K)
    first = torch.where(found[..., :1] < len(number), found[..., :1], 0)
    found = torch.where(found < len(number), found, first)
    return torch.cat([found, first.expand(-1, -1, count - found.shape[-1])], dim=-1).long()


def take(features: Float[Tensor, "B C N"], index: Int[Tensor, "B ..."]) -> Float[Tensor, "B C ..."]:
    """Return the features of some points."""
    flat = index.flatten(1).unsqueeze(1).expand(-1, features.shape[1], -1)  # (B, C, M)
    return features.gather(2, flat).unflatten(2, index.shape[1:])


class Grid(NamedTuple):
    """Where points lie in a grid of resolution^3 cells.

    Attributes:
        place: in cells, from 0 to resolution - 1 along each axis.
        resolution: cells along each axis.
    """

    place: Float[Tensor, "B N 3"]
    resolution: int


@torch.no_grad()
def grid_of(points: Float[Tensor, "B N 3"], resolution: int) -> Grid:
    """Return the points' places in a grid around their mean that holds the furthest of them.

    Raises:
        ValueError: if all points of a cloud are one, or not finite; they have no places then.
    """
    centered = points - points.mean(dim=1, keepdim=True)
    size = 2 * centered.norm(dim=-1, keepdim=True).amax(dim=1, keepdim=True)  # (B, 1, 1)
    place = (centered / size + 0.5) * resolution
    if not torch.compiler.is_compiling() and not place.isfinite().all():
        raise ValueError(
            "Expected clouds of finite points that are not all the same, got one that is not: it "
            "has no size by which to lay a grid around it. Leave it out."
        )
    return Grid(place.clamp(0, resolution - 1), resolution)


def voxelize(features: Float[Tensor, "B C N"], grid: Grid) -> Float[Tensor, "B C R R R"]:
    """Return the mean of the features in each cell, and 0 where there is no point.

    The result lies in memory with its channels last.
    """
    batch, channels, _ = features.shape
    cells = grid.resolution**3
    index = _flat(grid.place.round().long(), grid.resolution)  # half to even
    index = (index + cells * torch.arange(batch, device=index.device)[:, None]).flatten()
    count = torch.bincount(index, minlength=batch * cells).to(features)
    rows = features.transpose(1, 2).reshape(-1, channels) / count[index, None]  # (B N, C)
    sums = rows.new_zeros(batch * cells, channels).index_add(0, index, rows)
    return sums.view(batch, *[grid.resolution] * 3, channels).permute(0, 4, 1, 2, 3)


def devoxelize(cells: Float[Tensor, "B C R R R"], grid: Grid) -> Float[Tensor, "B C N"]:
    """Return features of points, blended from the eight cells around each."""
    batch, channels = cells.shape[:2]
    rows = cells.permute(0, 2, 3, 4, 1).reshape(batch, -1, channels)  # (B, R^3, C)

    def features_in(cell: Int[Tensor, "B N 3"]) -> Float[Tensor, "B N C"]:
        index = _flat(cell, grid.resolution).unsqueeze(-1)  # (B, N, 1)
        return rows.gather(1, index.expand(-1, -1, channels))

    return blended(grid, features_in)


def blended(grid: Grid, features_in: Callable[[Tensor], Tensor]) -> Float[Tensor, "B C N"]:
    """Blend features of points from those in the eight cells around each.

    Args:
        grid: where the points lie.
        features_in: from cells (B, N, 3) to their features (B, N, C).
    """
    low = grid.place.floor()
    share = grid.place - low  # (B, N, 3)
    high = (low + (share > 0)).long()
    low = low.long()
    total: Tensor | float = 0.0
    for corner in range(8):
        upper = torch.tensor([corner & 4, corner & 2, corner & 1], device=low.device) > 0
        weight = torch.where(upper, share, 1 - share).prod(dim=-1, keepdim=True)  # (B, N, 1)
        total = total + weight * features_in(torch.where(upper, high, low))
    return total.transpose(1, 2)


def _flat(cell: Int[Tensor, "B N 3"], resolution: int) -> Int[Tensor, "B N"]:
    """Return the number of a cell, x first."""
    return (cell[..., 0] * resolution + cell[..., 1]) * resolution + cell[..., 2]


@torch.no_grad()
def three_nearest(
    points: Float[Tensor, "B N 3"], centers: Float[Tensor, "B M 3"]
) -> tuple[Int[Tensor, "B N 3"], Float[Tensor, "B N 3"]]:
    """Return the three nearest centers of each point, and weights that add up to 1.

    Of centers that are equally far the first comes first. A center weighs in proportion to one over
    its squared distance.
    """
    distances = squared_distances(points, centers)
    found, squares = [], []
    for _ in range(3):
        square, index = distances.min(dim=-1, keepdim=True)
        found.append(index)
        squares.append(square.clamp(NEAREST, FURTHEST))
        distances.scatter_(-1, index, torch.inf)
    a, b, c = squares  # (B, N, 1) each
    products = torch.cat([b * c, a * c, a * b], dim=-1)
    return torch.cat(found, dim=-1), products / products.sum(dim=-1, keepdim=True)


def interpolate(
    points: Float[Tensor, "B N 3"],
    centers: Float[Tensor, "B M 3"],
    features: Float[Tensor, "B C M"],
) -> Float[Tensor, "B C N"]:
    """Return the centers' features at other points, from the three nearest centers of each."""
    index, weight = three_nearest(points, centers)
    return (take(features, index) * weight.unsqueeze(1)).sum(dim=-1)
