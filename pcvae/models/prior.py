"""The learned prior: where latents of shapes lie, as flows from N(0, I) to z and to h given z.

The VAE's own prior is N(0, I), and the latents of shapes fill only a small part of it: what is
decoded from N(0, I) is a blob. LION learns the latents' distribution in a second stage, by
diffusion models; here it is learned by flow matching, which is diffusion's simpler sibling.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pcvae.models.flow import Velocity, follow, late_times, pair_by_transport
from pcvae.models.layers import ConditionedNetwork

STYLE_STEPS = 50  # z is one row of numbers: steps cost next to nothing
# As good as eight of Euler's, at half the time: tests/benchmarks/solvers.py.
POINT_STEPS, POINT_SOLVER = 2, "midpoint"


@dataclass(frozen=True)
class PriorConfig:
    """What a prior is built from. It is saved with the weights, as a part of `VAEConfig`.

    Attributes:
        style_width: channels inside the flow of z.
        style_depth: residual blocks of the flow of z.
        width: channels inside the flow of h.
        depth: residual blocks of the flow of h.
        condition_dim: length of what the flow of h is told about z.
        frequencies: waves for each coordinate that the flow of h sees beside the coordinate; the
            shortest is 8 / 2 ** (frequencies - 1) long, in model units.
    """

    style_width: int = 256
    style_depth: int = 4
    width: int = 128
    depth: int = 6
    condition_dim: int = 128
    frequencies: int = 6

    def __post_init__(self) -> None:
        """Raise a ValueError that names the first setting that cannot be."""
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"The prior's {name} must be at least 1, not {value}.")


class Waves(nn.Module):
    """Numbers as sines and cosines of several wavelengths, so that small differences show.

    Mildenhall et al., "NeRF", ECCV 2020, equation 4; Tancik et al., "Fourier Features Let Networks
    Learn High Frequency Functions", NeurIPS 2020.

    Args:
        count: how many wavelengths.
        longest: the longest of them, in units of the numbers; each next one is half as long.
    """

    def __init__(self, count: int, longest: float | int) -> None:
        super().__init__()
        # No operation of torch: for one on the device "meta" torch would import its compiler.
        rates = torch.tensor([2 * math.pi / longest * 2**k for k in range(count)])
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, values: Float[Tensor, "*B C"]) -> Float[Tensor, "*B F"]:
        """Return F = 2 C count numbers for C."""
        angles = (values.unsqueeze(-1) * self.rates).flatten(-2)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class StyleFlow(nn.Module):
    """The flow that carries N(0, I) to the global latents of shapes, p(z).

    Args:
        style_dim: S, length of z.
        config: sizes.
    """

    def __init__(self, style_dim: int, config: PriorConfig) -> None:
        super().__init__()
        self.style_dim = style_dim
        self.clock = Waves(6, longest=2)
        self.stem = nn.Linear(style_dim + 12, config.style_width)
        self.blocks = nn.ModuleList(
            StyleBlock(config.style_width) for _ in range(config.style_depth)
        )
        self.head = nn.Linear(config.style_width, style_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, place: Float[Tensor, "B S"], time: Float[Tensor, " B"]) -> Tensor:
        """Return velocities (B, S)."""
        features = self.stem(torch.cat([place, self.clock(time.unsqueeze(-1))], dim=-1))
        for block in self.blocks:
            features = block(features)
        return self.head(features).to(place.dtype)

    def loss(
        self, z: Float[Tensor, "B S"], noise: Float[Tensor, "B S"], uniform: Float[Tensor, " B"]
    ) -> Float[Tensor, " B"]:
        """Squared error of the velocity, summed over z, for each row.

        Args:
            z: global latents of shapes.
            noise: standard normal numbers.
            uniform: numbers between 0 and 1, which are the times.
        """
        place = torch.lerp(noise, z, uniform.unsqueeze(-1))
        return (self(place, uniform) - (z - noise)).square().sum(dim=-1)

    def from_noise(
        self, noise: Float[Tensor, "B S"], *, steps: int = STYLE_STEPS, solver: str = "heun"
    ) -> Float[Tensor, "B S"]:
        """Return the z that noise is carried to."""
        return follow(self.at, noise, steps=steps, solver=solver)

    def to_noise(
        self, z: Float[Tensor, "B S"], *, steps: int = STYLE_STEPS, solver: str = "heun"
    ) -> Float[Tensor, "B S"]:
        """Return the noise that z comes from: the way of `from_noise`, backward."""
        return follow(self.at, z, steps=steps, solver=solver, backward=True)

    def at(self, place: Float[Tensor, "B S"], time: Float[Tensor, ""]) -> Float[Tensor, "B S"]:
        """Return the velocities of all rows at one time: what `follow` asks for."""
        return self(place, time.expand(place.shape[:1]))


class StyleBlock(nn.Module):
    """A residual step: features + linear(silu(linear(norm(features))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, features: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """Return features of the same shape."""
        return features + self.outer(F.silu(self.inner(self.norm(features))))


class PointFlow(nn.Module):
    """The flow that carries N(0, I) to the local latents of a shape, p(h | z).

    Given z, points are drawn independently of each other: the flow sees one point at a time. So it
    works for any number of points, and z alone has to say what shape they belong to. z speaks by
    adaptive layer norm, the one of the three that takes its statistics from each point by itself.
    The time is told with the coordinates: in training each point may then have a time of its own.

    Args:
        style_dim: S, length of z.
        point_dim: H, numbers for each local latent, three coordinates first.
        config: sizes.
    """

    def __init__(self, style_dim: int, point_dim: int, config: PriorConfig) -> None:
        super().__init__()
        self.waves = Waves(config.frequencies, longest=8)
        self.clock = Waves(6, longest=2)
        self.condition = nn.Sequential(
            nn.Linear(style_dim, 2 * config.condition_dim),
            nn.SiLU(),
            nn.Linear(2 * config.condition_dim, 2 * config.condition_dim),
            nn.SiLU(),
            nn.Linear(2 * config.condition_dim, config.condition_dim),
        )
        self.network = ConditionedNetwork(
            point_dim + 6 * config.frequencies + 12,
            point_dim,
            width=config.width,
            depth=config.depth,
            style_dim=config.condition_dim,
            conditioning="adaln",
        )

    def forward(
        self,
        place: Float[Tensor, "B N H"],
        time: Float[Tensor, "B N"],
        condition: Float[Tensor, "B D"],
    ) -> Float[Tensor, "B N H"]:
        """Return velocities.

        Args:
            place: points on their way.
            time: of each point, 0 for noise and 1 for data.
            condition: what `self.condition` makes of z.
        """
        seen = [place, self.waves(place[..., :3]), self.clock(time.unsqueeze(-1))]
        return self.network(torch.cat(seen, dim=-1), condition)

    def loss(
        self,
        h: Float[Tensor, "B N H"],
        z: Float[Tensor, "B S"],
        noise: Float[Tensor, "B N H"],
        uniform: Float[Tensor, "B N"],
    ) -> Float[Tensor, " B"]:
        """Squared error of the velocity, summed over the points, for each shape.

        Args:
            h: local latents of shapes.
            z: their global latents.
            noise: standard normal numbers, in any order.
            uniform: numbers between 0 and 1, which `late_times` makes times of.
        """
        noise = pair_by_transport(noise, h)
        time = late_times(uniform)
        place = torch.lerp(noise, h, time.unsqueeze(-1))
        velocity = self(place, time, self.condition(z))
        return (velocity - (h - noise)).square().sum(dim=(1, 2))

    def from_noise(
        self,
        noise: Float[Tensor, "B N H"],
        z: Float[Tensor, "B S"],
        *,
        steps: int = POINT_STEPS,
        solver: str = POINT_SOLVER,
    ) -> Float[Tensor, "B N H"]:
        """Return the h that noise is carried to, given z."""
        return follow(self.told(self.condition(z)), noise, steps=steps, solver=solver)

    def to_noise(
        self,
        h: Float[Tensor, "B N H"],
        z: Float[Tensor, "B S"],
        *,
        steps: int = STYLE_STEPS,
        solver: str = "heun",
    ) -> Float[Tensor, "B N H"]:
        """Return the noise that h comes from, given z: the way of `from_noise`, backward."""
        return follow(self.told(self.condition(z)), h, steps=steps, solver=solver, backward=True)

    def told(self, condition: Float[Tensor, "B D"]) -> Velocity:
        """Return the velocities of all points at one time: what `follow` asks for."""
        return lambda place, time: self(place, time.expand(place.shape[:2]), condition)


class LatentPrior(nn.Module):
    """Both flows: z from noise, and h from noise given z.

    Args:
        style_dim: S, length of z.
        point_dim: H, numbers for each local latent.
        config: sizes.
    """

    def __init__(self, style_dim: int, point_dim: int, config: PriorConfig | None = None) -> None:
        super().__init__()
        config = config or PriorConfig()
        self.style = StyleFlow(style_dim, config)
        self.points = PointFlow(style_dim, point_dim, config)
