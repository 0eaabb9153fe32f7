"""The voxel branch of `PVConv` where most cells are empty: the same numbers with less work.

Points of a surface fill some 3 in 100 cells of a grid. Away from them, what a convolution gives is
the same everywhere, its *background*: after the first one its bias; after the second one what that
makes of a constant, which at the grid's faces, edges and corners differs from what it makes inside,
so that there are 27 backgrounds. Only the cells near points are worked out one by one.
Graham et al., "3D Semantic Segmentation with Submanifold Sparse Convolutional Networks", CVPR 2018,
leave the others out; here they count, since norms and means are taken over all cells.

A dropout between the convolutions makes each empty cell another one: in training the second
convolution is a dense one.
"""

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from pcvae.models.lion.operators import Grid, blended

SHIFTS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]


@dataclass(frozen=True)
class Field:
    """Features of all cells of a grid: of some one by one, of the others by their background.

    Cells are numbered with a margin of one cell around each grid, cloud after cloud.

    Attributes:
        rows: features of the cells that are kept one by one.
        cells: their numbers, in order.
        background: of each cloud, for each kind of cell: one, or 27 by the cell's place.
        resolution: R.
    """

    rows: Float[Tensor, "K C"]
    cells: Int[Tensor, " K"]
    background: Float[Tensor, "B P C"]
    resolution: int

    @property
    def cloud(self) -> Int[Tensor, " K"]:
        """Which cloud each row is of."""
        return self.cells // (self.resolution + 2) ** 3

    def behind(self) -> Float[Tensor, "K C"]:
        """Return the background at each row."""
        kinds = kinds_of_cells(self.resolution).to(self.cells.device)
        kind = kinds[self.cells % len(kinds)] if self.background.shape[1] > 1 else 0
        rows = self.cloud * self.background.shape[1] + kind
        return self.background.flatten(0, 1).index_select(0, rows)

    def total(self, power: int = 1) -> Float[Tensor, "B C"]:
        """Return the sum over all cells of each cloud, in float64."""
        sizes = sizes_of_kinds(self.resolution).to(self.rows.device)
        sizes = sizes if self.background.shape[1] > 1 else sizes.sum(dim=0, keepdim=True)
        common = (self.background.double() ** power * sizes.unsqueeze(-1)).sum(dim=1)  # (B, C)
        own = self.rows.double() ** power - self.behind().double() ** power
        return common.index_add(0, self.cloud, own)

    def scaled(
        self, factor: Float[Tensor, "B C"], offset: Float[Tensor, "B C"] | float = 0.0
    ) -> "Field":
        """Return features times a factor plus an offset, of each cloud and channel."""
        shift = offset.index_select(0, self.cloud) if isinstance(offset, Tensor) else offset
        beneath = offset.unsqueeze(1) if isinstance(offset, Tensor) else offset
        rows = self.rows * factor.index_select(0, self.cloud) + shift
        behind = self.background * factor.unsqueeze(1) + beneath
        return Field(rows, self.cells, behind, self.resolution)

    def dense(self) -> Float[Tensor, "B C R R R"]:
        """Return features of all cells, of a field whose background is the same everywhere."""
        size, clouds = self.resolution, len(self.background)
        every = self.background[:, :1].expand(-1, size**3, -1).flatten(0, 1)  # (B R^3, C)
        inside = (kinds_of_cells(size) >= 0).repeat(clouds).to(self.cells.device)
        place = inside.cumsum(0).index_select(0, self.cells) - 1
        every = every.index_copy(0, place, self.rows)
        return every.view(clouds, size, size, size, -1).permute(0, 4, 1, 2, 3)

    def activated(self) -> "Field":
        """Return SiLU of all features."""
        return Field(F.silu(self.rows), self.cells, F.silu(self.background), self.resolution)


@cache
@torch.inference_mode(False)  # what is kept is for training, too, whoever asks first
def kinds_of_cells(resolution: int) -> Int[Tensor, " V"]:
    """Return which of 27 kinds each cell of a grid with its margin is of, and -1 in the margin."""
    along = torch.ones(resolution + 2, dtype=torch.long)  # 0 first, 1 inside, 2 last
    along[1], along[-2] = 0, 2
    kinds = 9 * along[:, None, None] + 3 * along[:, None] + along
    inside = torch.zeros_like(kinds, dtype=torch.bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return kinds.where(inside, -1).flatten()


@cache
@torch.inference_mode(False)
def sizes_of_kinds(resolution: int) -> Int[Tensor, " 27"]:
    """Return how many cells of a grid there are of each kind."""
    kinds = kinds_of_cells(resolution)
    return torch.bincount(kinds[kinds >= 0], minlength=27)


def number(cell: Int[Tensor, "B N 3"], resolution: int) -> Int[Tensor, "B N"]:
    """Return the numbers of cells, with the margin, cloud after cloud."""
    side = resolution + 2
    first = torch.arange(len(cell), device=cell.device).unsqueeze(-1)
    x, y, z = (cell + 1).unbind(-1)
    return ((first * side + x) * side + y) * side + z


def sparse_voxels(features: Float[Tensor, "B C N"], grid: Grid) -> Field:
    """Return the mean of the features in each cell that has points; 0 is behind them."""
    channels = features.shape[1]
    index = number(grid.place.round().long(), grid.resolution).flatten()
    cells, which, count = index.unique(return_inverse=True, return_counts=True)
    rows = features.transpose(1, 2).reshape(-1, channels) / count[which, None]
    sums = rows.new_zeros(len(cells), channels).index_add(0, which, rows)
    return Field(sums, cells, features.new_zeros(len(features), 1, channels), grid.resolution)


def convolve(field: Field, layer: nn.Conv3d) -> Field:
    """Return what a convolution makes of a field whose background is the same everywhere."""
    side, clouds = field.resolution + 2, len(field.background)
    shifts = torch.tensor(SHIFTS, device=field.cells.device) @ torch.tensor(
        [side * side, side, 1], device=field.cells.device
    )
    targets = field.cells[:, None] - shifts  # (K, 27): whom a cell reaches
    near, place = _reached(targets, field.resolution, clouds)
    weight = layer.weight.flatten(2).permute(1, 2, 0)  # (C, 27, D)
    moved = (field.rows - field.behind()) @ weight.flatten(1)  # (K, 27 D)
    moved = moved.view(-1, layer.out_channels)  # (27 K, D)
    sums = moved.new_zeros(len(near) + 1, layer.out_channels).index_add(0, place, moved)[:-1]
    background = _behind(field.background[:, 0], weight) + layer.bias
    found = Field(sums, near, background, field.resolution)
    return Field(sums + found.behind(), near, background, field.resolution)


def _reached(
    targets: Int[Tensor, "K 27"], resolution: int, clouds: int
) -> tuple[Int[Tensor, " M"], Int[Tensor, " T"]]:
    """Return the cells among the targets, and where each target stands: M if it is outside."""
    inside: Bool[Tensor, " V"] = (kinds_of_cells(resolution) >= 0).repeat(clouds)
    marked = torch.zeros(len(inside), dtype=torch.bool, device=targets.device)
    marked[targets.flatten()] = True
    marked &= inside.to(targets.device)
    cells = marked.nonzero().squeeze(1)
    place = torch.where(marked, marked.cumsum(0) - 1, len(cells))
    return cells, place.index_select(0, targets.flatten())


def _behind(
    constant: Float[Tensor, "B C"], weight: Float[Tensor, "C T D"]
) -> Float[Tensor, "B P D"]:
    """Return what a convolution without its bias makes of a constant, for each kind of cell."""
    of_taps = (constant @ weight.flatten(1)).view(-1, *weight.shape[1:])  # (B, 27, D)
    return _taps_inside().to(of_taps) @ of_taps


@cache
@torch.inference_mode(False)
def _taps_inside() -> Float[Tensor, "P T"]:
    """Return 1 where a tap of a kernel lies in the grid, for each kind of cell, and 0 elsewhere."""
    along = torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])  # first, inside, last
    return torch.kron(torch.kron(along, along), along)


def normalize(field: Field, norm: nn.Module, style: Float[Tensor, "B S"] | None) -> Field:
    """Return what group norm, adaptive or not, makes of a field."""
    mean, square = (field.total(power) / field.resolution**3 for power in (1, 2))
    factor, offset = as_affine(mean, square - mean.square(), norm, style)
    return field.scaled(factor.to(field.rows), offset.to(field.rows))


def as_affine(
    mean: Float[Tensor, "B C"],
    variance: Float[Tensor, "B C"],
    norm: nn.Module,
    style: Float[Tensor, "B S"] | None,
) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B C"]]:
    """Return group norm, adaptive or not, as a factor and an offset of each channel.

    Args:
        mean: of each channel.
        variance: of each channel.
        norm: the layer.
        style: z, if it is adaptive.
    """
    plain = norm.norm if hasattr(norm, "emd") else norm
    of_channels = mean.unflatten(1, (plain.num_groups, -1))  # (B, groups, C / groups)
    of_group = of_channels.mean(dim=2, keepdim=True)
    spread = variance.view_as(of_channels) + (of_channels - of_group).square()
    scale = (spread.mean(dim=2, keepdim=True) + plain.eps).rsqrt().expand_as(of_channels)
    factor = plain.weight * scale.flatten(1)
    offset = plain.bias - of_group.expand_as(of_channels).flatten(1) * factor
    if plain is not norm:
        times, plus = norm.emd(style).chunk(2, dim=1)
        factor, offset = factor * times, offset * times + plus
    return factor, offset


def at_points(field: Field, grid: Grid) -> Float[Tensor, "B C N"]:
    """Return features of points, blended from the eight cells around each."""

    def features_in(cell: Int[Tensor, "B N 3"]) -> Float[Tensor, "B N C"]:
        row = torch.searchsorted(field.cells, number(cell, grid.resolution))  # each cell is kept
        return field.rows.index_select(0, row.flatten()).view(*row.shape, -1)

    return blended(grid, features_in)
