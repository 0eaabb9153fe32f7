"""LION's two networks: the style encoder, and the U-Net that its point encoder and decoder are.

Zeng et al., "LION", NeurIPS 2022, appendix; Qi et al., "PointNet++", NeurIPS 2017, figure 2.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.lion.blocks import (
    DROPOUT,
    FeaturePropagation,
    LinearAttention,
    PointMLP,
    SetAbstraction,
    pvconvs,
)
from pcvae.models.posterior import DiagonalGaussian

SMALL_START = 0.1


@dataclass(frozen=True)
class Down:
    """One level on the way down: convolutions, then fewer points.

    Attributes:
        widths: channels after each convolution on the grid; there may be none.
        resolution: cells of the grid along each axis.
        attention: whether the convolutions end in attention.
        centers: points that are kept.
        radius: of the ball around each, in model units.
        neighbors: points that are looked at in each ball.
        mlp: channels of the network that looks at them.
    """

    widths: tuple[int, ...]
    resolution: int
    attention: bool
    centers: int
    radius: float
    neighbors: int
    mlp: tuple[int, ...]


@dataclass(frozen=True)
class Up:
    """One level on the way up: features come back to more points, then convolutions.

    Attributes:
        mlp: channels of the network at each point.
        convolutions: on the grid, as wide as the last of them.
        resolution: cells of the grid along each axis.
    """

    mlp: tuple[int, ...]
    convolutions: int
    resolution: int


def down(level: Down, channels: int, style_dim: int) -> list[nn.Module]:
    """Return the blocks of one level: convolutions, and the set abstraction last."""
    widths = (channels, *level.widths)
    balls = (level.centers, level.radius, level.neighbors, level.mlp)
    return [
        *pvconvs(widths, level.resolution, style_dim, level.attention),
        SetAbstraction(widths[-1], *balls, style_dim),
    ]


class LionStyleEncoder(nn.Module):
    """q(z | x): two levels down, and the maximum over the points that are left.

    Args:
        style_dim: S, length of z.
        levels: on the way down.
    """

    def __init__(self, style_dim: int, levels: tuple[Down, ...]) -> None:
        super().__init__()
        self.mlp = nn.Linear(levels[-1].mlp[-1], 2 * style_dim)
        # By torch's own start, sigma of z may be e^8 at first, and training ends in NaN.
        with torch.no_grad():
            self.mlp.weight.mul_(SMALL_START)
        self.layers = nn.ModuleList()
        channels = 3
        for level in levels:
            self.layers.append(nn.ModuleList(down(level, channels, style_dim=0)))
            channels = level.mlp[-1]

    def forward(self, x: Float[Tensor, "B N 3"]) -> DiagonalGaussian:
        """Return q(z | x), with mean and log sigma of shape (B, style_dim)."""
        features, points = x.transpose(1, 2), x
        for *convolutions, fewer in self.layers:
            for convolution in convolutions:
                features = convolution(features, points, None)
            features, points = fewer(features, points, None)
        mean, log_sigma = self.mlp(features.amax(dim=2)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_sigma)


class UNet(nn.Module):
    """Down to a few points, attention among them, and up again; z speaks in every norm.

    Args:
        channels: that come in, coordinates first.
        out: channels that go out.
        style_dim: S, length of z.
        downs: levels on the way down, of which the last has no convolutions.
        ups: levels on the way up, as many.
        heads: of the attention at the bottom.
        head_width: channels before the last layer.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        style_dim: int,
        downs: tuple[Down, ...],
        ups: tuple[Up, ...],
        heads: int,
        head_width: int,
    ) -> None:
        super().__init__()
        self.sa_layers = nn.ModuleList()
        skipped = [channels - 3]  # of the input all but the coordinates
        width = channels
        for level in downs:
            blocks = down(level, width, style_dim)
            # A level of one block stands there by itself: so it is named in LION's checkpoints.
            self.sa_layers.append(nn.ModuleList(blocks) if len(blocks) > 1 else blocks[0])
            width = level.mlp[-1]
            skipped.append(width)
        self.global_att = LinearAttention(width, heads)
        self.fp_layers = nn.ModuleList()  # after the attention, as in LION's checkpoints
        for level, beside in zip(ups, reversed(skipped[:-1]), strict=True):
            widths = (level.mlp[-1],) * (level.convolutions + 1)
            fuller = FeaturePropagation(width + beside, level.mlp, style_dim)
            self.fp_layers.append(
                nn.ModuleList([fuller, *pvconvs(widths, level.resolution, style_dim)])
            )
            width = level.mlp[-1]
        self.classifier = nn.ModuleList(
            [
                PointMLP((width, head_width), style_dim),
                nn.Dropout(DROPOUT),
                nn.Conv1d(head_width, out, 1),
            ]
        )

    def forward(
        self, x: Float[Tensor, "B N C"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N D"]:
        """Return numbers for each point."""
        features, points = x.transpose(1, 2), x[..., :3].contiguous()
        levels = [(features[:, 3:], points)]  # features that come in, and where
        for level in self.sa_layers:
            *convolutions, fewer = level if isinstance(level, nn.ModuleList) else [level]
            for convolution in convolutions:
                features = convolution(features, points, style)
            features, points = fewer(features, points, style)
            levels.append((features, points))
        features = self.global_att(features)
        for (fuller, *convolutions), (skipped, more) in zip(
            self.fp_layers, reversed(levels[:-1]), strict=True
        ):
            features = fuller(more, points, features, skipped, style)
            points = more
            for convolution in convolutions:
                features = convolution(features, points, style)
        mlp, dropout, last = self.classifier
        return last(dropout(mlp(features, style))).transpose(1, 2)


class LionNetwork(nn.Module):
    """A U-Net under the name that LION's checkpoints give it; arguments as in `UNet`."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()
        self.layers = UNet(*args, **kwargs)

    def forward(
        self, x: Float[Tensor, "B N C"], style: Float[Tensor, "B S"]
    ) -> Float[Tensor, "B N D"]:
        """Return numbers for each point, before any skip or offset."""
        return self.layers(x, style)
