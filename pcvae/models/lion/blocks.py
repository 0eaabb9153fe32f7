"""The blocks of LION's network, with the names that its checkpoints have.

Points and voxels: Liu et al., "Point-Voxel CNN", NeurIPS 2019. Set abstraction and feature
propagation: Qi et al., "PointNet++", NeurIPS 2017. Squeeze and excitation: Hu et al., CVPR 2018.
Linear attention: Shen et al., "Efficient Attention", WACV 2021. How they are put together: Zeng et
al., "LION", NeurIPS 2022, appendix. Features are (B, C, N) here, as convolutions have them, and
coordinates (B, N, 3).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.layers import scale_and_shift
from pcvae.models.lion import sparse
from pcvae.models.lion.operators import (
    Grid,
    devoxelize,
    furthest_points,
    grid_of,
    interpolate,
    points_in_balls,
    take,
    voxelize,
)

GROUPS = 8
HEAD = 32  # channels of a head of attention
DROPOUT = 0.1
SPARSE = 8  # grids of this resolution and more are mostly empty
SQUEEZED = 8  # squeeze and excitation: a hidden channel for eight


class GroupNorm(nn.GroupNorm):
    """Group norm of features that may lie in memory with their channels last.

    torch's own way through such features adds up squares in float32 and loses half the digits:
    the U-Net's outputs would be off by 3e-4 instead of 5e-6.
    """

    def forward(self, input: Float[Tensor, "B C *N"]) -> Float[Tensor, "B C *N"]:
        """Return features of the same shape."""
        return super().forward(input.contiguous())


class AdaGN(nn.Module):
    """Group norm, then a factor and an offset for each channel, which a linear map makes of z.

    Args:
        channels: C.
        style_dim: S, length of z.
    """

    def __init__(self, channels: int, style_dim: int) -> None:
        super().__init__()
        self.norm = GroupNorm(GROUPS, channels)
        self.emd = scale_and_shift(style_dim, channels)

    def forward(
        self, x: Float[Tensor, "B C *N"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B C *N"]:
        """Return features of the same shape."""
        both = self.emd(style)
        factor, offset = both.view(*both.shape, *[1] * (x.ndim - 2)).chunk(2, dim=1)
        return torch.addcmul(offset, self.norm(x), factor)


def norm(channels: int, style_dim: int) -> nn.Module:
    """Return adaptive group norm; without a style, group norm."""
    return AdaGN(channels, style_dim) if style_dim else GroupNorm(GROUPS, channels)


class Styled(nn.Sequential):
    """Layers one after the other, of which the adaptive norms are told z."""

    def forward(self, x: Tensor, style: Float[Tensor, "B S"] | None) -> Tensor:
        """Return what the last layer makes of it."""
        for layer in self:
            x = layer(x, style) if isinstance(layer, AdaGN) else layer(x)
        return x


class PointMLP(nn.Module):
    """The same small network at every point: linear, norm, SiLU, again and again.

    Args:
        widths: channels, from the first input to the last output.
        style_dim: S; 0 for plain group norm.
        dimensions: 1 for points (B, C, N), 2 for groups of points (B, C, M, K).
    """

    def __init__(self, widths: Sequence[int], style_dim: int, dimensions: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv1d if dimensions == 1 else nn.Conv2d
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [convolution(before, after, 1), norm(after, style_dim), nn.SiLU()]
        self.layers = Styled(*layers)

    def forward(
        self, x: Float[Tensor, "B C *N"], style: Float[Tensor, "B S"] | None
    ) -> Float[Tensor, "B D *N"]:
        """Return features of every point."""
        return self.layers(x, style)


class SqueezeExcite(nn.Module):
    """A factor for each channel, which a small network makes of the channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // SQUEEZED
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "B C *N"]) -> Float[Tensor, "B C *N"]:
        """Return features of the same shape."""
        factor = self.fc(x.flatten(2).mean(dim=2))  # (B, C)
        return x * factor.view(*factor.shape, *[1] * (x.ndim - 2))


class LinearAttention(nn.Module):
    """Attention whose cost grows with the number of points, not with its square.

    Each head keeps one matrix, the mean of values times keys, and asks it for every query. The
    result takes the place of the features; nothing is added to them.

    Args:
        channels: C.
        heads: each of 32 channels.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Conv2d(channels, 3 * heads * HEAD, 1, bias=False)
        self.to_out = nn.Conv2d(heads * HEAD, channels, 1)

    def forward(self, x: Float[Tensor, "B C N"]) -> Float[Tensor, "B C N"]:
        """Return features of the same shape."""
        qkv = self.to_qkv(x.unsqueeze(-1)).view(len(x), 3, self.heads, HEAD, -1)
        query, key, value = qkv.unbind(1)  # (B, heads, 32, N) each
        memory = key.softmax(dim=-1) @ value.transpose(-1, -2)  # (B, heads, 32, 32)
        found = memory.transpose(-1, -2) @ query  # (B, heads, 32, N)
        return self.to_out(found.flatten(1, 2).unsqueeze(-1)).squeeze(-1)


class PVConv(nn.Module):
    """Convolution on a grid around the points, beside a small network at each point.

    Args:
        before: channels that come in.
        after: channels that go out.
        resolution: cells of the grid along each axis.
        style_dim: S; 0 for plain group norm.
        attention: whether linear attention of four heads comes last.
    """

    def __init__(
        self, before: int, after: int, resolution: int, style_dim: int, attention: bool = False
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.voxel_layers = Styled(
            nn.Conv3d(before, after, 3, padding=1),
            norm(after, style_dim),
            nn.SiLU(),
            nn.Dropout(DROPOUT),
            nn.Conv3d(after, after, 3, padding=1),
            norm(after, style_dim),
            SqueezeExcite(after),
        )
        self.attn = LinearAttention(after, heads=4) if attention else None
        self.point_features = PointMLP((before, after), style_dim)

    def forward(
        self,
        x: Float[Tensor, "B C N"],
        points: Float[Tensor, "B N 3"],
        style: Float[Tensor, "B S"] | None,
    ) -> Float[Tensor, "B D N"]:
        """Return features of the same points."""
        grid = grid_of(points, self.resolution)
        few = self.resolution >= SPARSE and not torch.compiler.is_exporting()
        branch = self.near_points if few else self.everywhere
        x = branch(x, grid, style) + self.point_features(x, style)
        return x if self.attn is None else self.attn(x)

    def everywhere(
        self, x: Float[Tensor, "B C N"], grid: Grid, style: Float[Tensor, "B S"] | None
    ) -> Float[Tensor, "B D N"]:
        """Return what the convolutions make of the points' features, by all cells of the grid."""
        return devoxelize(self.voxel_layers(voxelize(x, grid), style), grid)

    def near_points(
        self, x: Float[Tensor, "B C N"], grid: Grid, style: Float[Tensor, "B S"] | None
    ) -> Float[Tensor, "B D N"]:
        """Return the same by the cells near points, as far as no dropout comes between."""
        one, first, _, dropout, two, second, squeeze = self.voxel_layers
        field = sparse.convolve(sparse.sparse_voxels(x, grid), one)
        field = sparse.normalize(field, first, style).activated()
        if self.training:
            return self.read_off(two(dropout(field.dense())), grid, style)
        field = sparse.normalize(sparse.convolve(field, two), second, style)
        mean = (field.total() / grid.resolution**3).to(x)  # (B, D)
        return sparse.at_points(field.scaled(squeeze.fc(mean)), grid)

    def read_off(
        self,
        cells: Float[Tensor, "B D R R R"],
        grid: Grid,
        style: Float[Tensor, "B S"] | None,
    ) -> Float[Tensor, "B D N"]:
        """Return what the last two layers make of cells, worked out at the points alone.

        Both are a factor and an offset of each channel, and so may come after the blend.
        """
        second, squeeze = self.voxel_layers[5:]
        variance, mean = torch.var_mean(cells, dim=(2, 3, 4), correction=0)
        factor, offset = sparse.as_affine(mean, variance, second, style)
        part = squeeze.fc(mean * factor + offset)
        factor, offset = (each.unsqueeze(-1) for each in (factor * part, offset * part))
        return torch.addcmul(offset, devoxelize(cells, grid), factor)


class SetAbstraction(nn.Module):
    """Fewer points, each of which has looked at a ball around it.

    Args:
        channels: that come in, beside the coordinates.
        centers: M, points that are kept.
        radius: of the balls, in model units.
        neighbors: K, points that are looked at in each ball.
        widths: channels of the network that looks at them.
        style_dim: S; 0 for plain group norm.
    """

    def __init__(
        self,
        channels: int,
        centers: int,
        radius: float,
        neighbors: int,
        widths: Sequence[int],
        style_dim: int,
    ) -> None:
        super().__init__()
        self.centers, self.radius, self.neighbors = centers, radius, neighbors
        self.mlps = nn.ModuleList([PointMLP((3 + channels, *widths), style_dim, dimensions=2)])

    def forward(
        self,
        x: Float[Tensor, "B C N"],
        points: Float[Tensor, "B N 3"],
        style: Float[Tensor, "B S"] | None,
    ) -> tuple[Float[Tensor, "B D M"], Float[Tensor, "B M 3"]]:
        """Return features of the points that are kept, and where these are."""
        places = points.transpose(1, 2)  # (B, 3, N)
        centers = take(places, furthest_points(points, self.centers))  # (B, 3, M)
        index = points_in_balls(centers.transpose(1, 2), points, self.radius, self.neighbors)
        seen = torch.cat([take(places, index) - centers.unsqueeze(-1), take(x, index)], dim=1)
        found = self.mlps[0](seen, style)  # (B, D, M, K)
        return found.amax(dim=-1), centers.transpose(1, 2)


class FeaturePropagation(nn.Module):
    """Features of few points brought back to many, beside what the many had before.

    Args:
        channels: of both together.
        widths: channels of the network at each point.
        style_dim: S; 0 for plain group norm.
    """

    def __init__(self, channels: int, widths: Sequence[int], style_dim: int) -> None:
        super().__init__()
        self.mlp = PointMLP((channels, *widths), style_dim)

    def forward(
        self,
        points: Float[Tensor, "B N 3"],
        centers: Float[Tensor, "B M 3"],
        features: Float[Tensor, "B C M"],
        skipped: Float[Tensor, "B D N"],
        style: Float[Tensor, "B S"] | None,
    ) -> Float[Tensor, "B E N"]:
        """Return features of the many points."""
        return self.mlp(torch.cat([interpolate(points, centers, features), skipped], dim=1), style)


def pvconvs(
    widths: Sequence[int], resolution: int, style_dim: int, attention: bool = False
) -> Iterator[PVConv]:
    """Yield convolutions one after the other; with attention, each of them has it."""
    for before, after in pairwise(widths):
        yield PVConv(before, after, resolution, style_dim, attention)
