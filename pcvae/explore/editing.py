"""Edits of a shape's latents: pure functions from one latent state to another, and to points.

Nothing here draws and nothing is changed in place, so an edit is undone by keeping the old state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.models import PointCloudVAE


@dataclass(frozen=True)
class LatentState:
    """One shape as the model sees it, in model units.

    The local latents are kept as a distribution with its noise drawn beforehand. So a slider can
    turn the noise up and down without the points jumping about.

    Attributes:
        z: the global latent.
        h_mean: means of the local latents, three coordinates first.
        h_sigma: standard deviations of the local latents.
        noise: standard normal numbers, drawn once for the shape.
        temperature: how much of the noise is in h: 0 gives the means, 1 a fair sample.
    """

    z: Float[Tensor, " S"]
    h_mean: Float[Tensor, "N H"]
    h_sigma: Float[Tensor, "N H"]
    noise: Float[Tensor, "N H"]
    temperature: float = 1.0

    @property
    def h(self) -> Float[Tensor, "N H"]:
        """The local latents that are decoded: h_mean + temperature * h_sigma * noise."""
        if self.temperature == 0:
            return self.h_mean
        return torch.addcmul(self.h_mean, self.h_sigma, self.noise, value=self.temperature)


@dataclass(frozen=True)
class Directions:
    """Principal directions of the global latents of many shapes.

    Attributes:
        mean: the mean of z over the shapes.
        basis: orthonormal directions, the one with the largest variance first.
        deviations: standard deviation of z along each direction.
        variance_share: what part of the whole variance each direction explains.
    """

    mean: Float[Tensor, " S"]
    basis: Float[Tensor, "K S"]
    deviations: Float[Tensor, " K"]
    variance_share: Float[Tensor, " K"]

    def __len__(self) -> int:
        """Return how many directions there are."""
        return len(self.basis)


@torch.inference_mode()
def encode(model: PointCloudVAE, points: Float[np.ndarray, "N 3"], seed: int = 0) -> LatentState:
    """Return the latent state of one cloud: the mean of z, and a fair sample of h.

    A sample, because that is what the decoder is trained on. Where h is noisy, its means are drawn
    in towards the middle, and decode to a shape that is too small.

    Args:
        model: in evaluation mode.
        points: a cloud in data units, float32.
        seed: of the noise in h.
    """
    _check_finite(points)
    device = next(model.parameters()).device
    x = model.normalization(torch.tensor(points, dtype=torch.float32, device=device)[None])
    encoding = model.encode(x)
    h = encoding.points
    # Drawn on the CPU, so that a seed gives the same noise on every device.
    noise = torch.randn(h.mean.shape[1:], generator=torch.Generator().manual_seed(seed)).to(device)
    return LatentState(encoding.style.mean[0], h.mean[0], h.sigma[0], noise)


def principal_directions(means: Float[Tensor, "B S"], count: int | None = None) -> Directions:
    """Return the principal directions of global latents.

    Args:
        means: posterior means of z, one row per shape.
        count: how many directions; all of them by default, which is at most B - 1.

    Raises:
        ValueError: if there are fewer than two shapes, or more directions are asked for than exist.
    """
    most = min(len(means) - 1, means.shape[1])
    count = most if count is None else count
    if not 1 <= count <= most:
        raise ValueError(
            f"{len(means)} shapes with a z of {means.shape[1]} numbers have {max(most, 0)} "
            f"principal directions, but {count} were asked for. Give more shapes, or ask for fewer."
        )
    center = means.mean(dim=0)
    # In double precision: directions of nearly equal variance would otherwise differ by machine.
    _, singular, basis = torch.linalg.svd((means - center).double(), full_matrices=False)
    variances = singular.square() / (len(means) - 1)
    share = variances / variances.sum().clamp(min=torch.finfo(torch.float64).tiny)
    # A direction's sign is arbitrary. Fixing it makes a slider mean the same after every run.
    largest = basis.gather(1, basis.abs().argmax(dim=1, keepdim=True))
    basis = basis * torch.where(largest < 0, -1.0, 1.0)
    return Directions(
        center,
        basis[:count].to(means.dtype),
        variances[:count].sqrt().to(means.dtype),
        share[:count].to(means.dtype),
    )


def move_style(state: LatentState, directions: Directions, amounts: Sequence[float]) -> LatentState:
    """Move z along the first principal directions.

    Args:
        state: where to start from.
        directions: from `principal_directions`.
        amounts: how far along each of the first directions, in their standard deviations.

    Raises:
        ValueError: if there are more amounts than directions.
    """
    if len(amounts) > len(directions):
        raise ValueError(f"{len(amounts)} amounts were given for {len(directions)} directions.")
    if not any(amounts):
        return state
    steps = torch.tensor(amounts, dtype=state.z.dtype, device=state.z.device)
    steps = steps * directions.deviations[: len(amounts)]
    return replace(state, z=state.z + steps @ directions.basis[: len(amounts)])


def with_style_of(state: LatentState, other: LatentState) -> LatentState:
    """Return the state with the z of another shape, its own h held: one half of the swap test."""
    return replace(state, z=other.z)


def with_points_of(state: LatentState, other: LatentState) -> LatentState:
    """Return the state with the h of another shape, its own z held: the other half."""
    return replace(other, z=state.z)


def with_temperature(state: LatentState, temperature: float) -> LatentState:
    """Return the state with more or less noise in h: 0 gives the means, 1 a fair sample.

    Raises:
        ValueError: if the temperature is negative.
    """
    if temperature < 0:
        raise ValueError(f"A temperature must not be negative, but is {temperature}.")
    return replace(state, temperature=float(temperature))


def forget_input(state: LatentState, amount: float) -> LatentState:
    """Fade q(h | x, z) into the prior N(0, I), so that h says less and less about the input.

    Means shrink to 0 and standard deviations grow (or shrink) to 1, evenly on the log scale. The
    temperature is left alone: at an amount of 1 and a temperature of 1, h is noise from the prior.

    Args:
        state: where to start from.
        amount: 0 keeps the posterior, 1 gives the prior.

    Raises:
        ValueError: if the amount is not between 0 and 1.
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"Expected an amount from 0 (posterior) to 1 (prior), got {amount}.")
    if amount == 0:
        return state
    keep = 1 - amount
    return replace(state, h_mean=keep * state.h_mean, h_sigma=state.h_sigma**keep)


def scale_points(state: LatentState, factor: float, axis: int = 0) -> LatentState:
    """Stretch the cloud of h_xyz along one axis, about the origin; its noise stretches with it.

    Args:
        state: where to start from.
        factor: 1 changes nothing.
        axis: 0 for x (width), 1 for y (height), 2 for z (depth).
    """
    if factor == 1:
        return state
    factors = torch.ones(state.h_mean.shape[1], device=state.h_mean.device)
    factors[axis] = factor
    return replace(state, h_mean=state.h_mean * factors, h_sigma=state.h_sigma * factors.abs())


def lift_points(
    state: LatentState, amount: float, edge: float = 0.0, softness: float = 0.2
) -> LatentState:
    """Move the lower part of h_xyz up (or down); far above the edge nothing moves.

    Args:
        state: where to start from.
        amount: how far, in model units, along y.
        edge: the height that parts lower from upper, in model units.
        softness: over what height the edge fades; a hard edge would tear the cloud.
    """
    if amount == 0:
        return state
    weight = torch.sigmoid((edge - state.h_mean[:, 1]) / softness)  # (N,): 1 far below, 0 above
    h_mean = state.h_mean.clone()
    h_mean[:, 1] += amount * weight
    return replace(state, h_mean=h_mean)


@torch.inference_mode()
def decode(model: PointCloudVAE, state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return the decoded cloud, in data units, float32."""
    decoded = model.decode(state.h[None], state.z[None])
    return model.normalization.inverse(decoded)[0].cpu().numpy()


def latent_points(state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return h_xyz, the part of the local latents that can be looked at, in model units."""
    return state.h[:, :3].cpu().numpy()


def mean_displacement(
    points: Float[np.ndarray, "N 3"], reference: Float[np.ndarray, "N 3"]
) -> float:
    """Return how far points lie from their counterparts on average, in the units they come in."""
    return float(np.linalg.norm(points - reference, axis=1).mean())


def _check_finite(points: Float[np.ndarray, "N 3"]) -> None:
    """Raise a ValueError for an empty cloud or one with NaN or infinity in it."""
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError(
            f"Expected a cloud of one or more finite points, got {len(points)} points of which "
            f"{int((~np.isfinite(points)).any(axis=1).sum())} are not finite."
        )
