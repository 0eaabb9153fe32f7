"""Edits of a shape's latents: pure functions from one latent state to another, and to points.

Nothing here draws and nothing is changed in place, so an edit is undone by keeping the old state.
Edits of chosen points are in `chosen`, mixtures of two shapes in `mixing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.diagnostics import principal_axes
from pcvae.editing.chosen import move, stretch
from pcvae.editing.mixing import slerp
from pcvae.editing.state import INVERSION_STEPS, LatentState
from pcvae.models import PointCloudVAE


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
def encode(
    model: PointCloudVAE,
    points: Float[np.ndarray, "N 3"],
    seed: int = 0,
    use_prior: bool | None = None,
) -> LatentState:
    """Return the latent state of one cloud: the mean of z, and a fair sample of h.

    A sample, because that is what the decoder is trained on. Where h is noisy, its means are drawn
    in towards the middle, and decode to a shape that is too small.

    Args:
        model: in evaluation mode.
        points: a cloud in data units, float32.
        seed: of the noise in h.
        use_prior: whether h follows z by the model's learned prior (see `through_prior`) instead of
            staying where the encoder put it; by default, if the model has one.

    Raises:
        ValueError: if the cloud is empty or not finite, or the model has no prior to use.
    """
    _check_finite(points)
    device = next(model.parameters()).device
    x = torch.tensor(points, dtype=torch.float32, device=device)[None]
    statistics = model.normalization.statistics(x)
    encoding = model.encode(model.normalization(x, statistics))
    h = encoding.points
    state = LatentState(
        encoding.style.mean[0],
        h.mean[0],
        h.sigma[0],
        draw_noise(h.mean[0], seed),
        statistics=statistics,
    )
    wanted = getattr(model, "prior", None) is not None if use_prior is None else use_prior
    return through_prior(model, state) if wanted else state


@torch.inference_mode()
def sample(model: PointCloudVAE, num_points: int = 2048, seed: int = 0) -> LatentState:
    """Return the latents of a new shape: z and h from the learned prior, or from N(0, I) without.

    Args:
        model: in evaluation mode.
        num_points: how many local latents.
        seed: of the noise in z and in h.

    Raises:
        ValueError: if there is to be no point at all.
    """
    if num_points < 1:
        raise ValueError(f"A shape has at least 1 point, but {num_points} were asked for.")
    like = next(model.parameters())
    generator = torch.Generator().manual_seed(seed)
    style_noise = torch.randn(model.config.style_dim, generator=generator).to(like.device)
    noise = torch.randn(num_points, 3 + model.config.latent_dim, generator=generator)
    noise = noise.to(like.device)
    free = LatentState(style_noise, torch.zeros_like(noise), torch.ones_like(noise), noise)
    prior = getattr(model, "prior", None)
    if prior is None:
        return free
    z = prior.style.from_noise(style_noise[None])[0]
    return replace(free, z=z, flow=prior.points, flow_noise=noise)


@torch.inference_mode()
def through_prior(model: PointCloudVAE, state: LatentState) -> LatentState:
    """Let h follow z by the learned prior p(h | z): the noise is kept, and h is made from it anew.

    An h that was encoded belongs to its z: hold it, and a slider on z has little left to say. Here
    h is traced back to the noise that the prior makes it from. Then z moves, and the same noise
    becomes another h, one that belongs to the new z. Points keep who they are.

    Args:
        model: one with a prior.
        state: an encoded shape.

    Raises:
        ValueError: if the model has no prior.
    """
    prior = getattr(model, "prior", None)
    if prior is None:
        raise ValueError(
            "This model has no learned prior, so h cannot be made from z. Use a model that has "
            'one, such as pcvae.load("shapes"), or leave `use_prior` out.'
        )
    if state.flow is not None:
        return state
    noise = prior.points.to_noise(state.base_h[None], state.z[None], steps=INVERSION_STEPS)[0]
    return replace(state, flow=prior.points, flow_noise=noise)


def through_posterior(state: LatentState) -> LatentState:
    """Return the state with h as it was encoded, whatever z is now."""
    return replace(state, flow=None, flow_noise=None)


@torch.inference_mode()
def hold(state: LatentState) -> LatentState:
    """Return the state with h held where it is now, whatever z will be; it has no noise of its own.

    A sample from the prior was never encoded, so this is its way of holding still.
    """
    held = replace(state, edits=()).base_h
    return replace(state, h_mean=held, h_sigma=torch.zeros_like(held), flow=None, flow_noise=None)


def draw_noise(like: Float[Tensor, "N H"], seed: int) -> Float[Tensor, "N H"]:
    """Return standard normal numbers, the same for a seed on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator).to(like.device)


def with_noise(state: LatentState, seed: int) -> LatentState:
    """Return the state with new noise in h: z says what it says, and h comes out anew."""
    noise = draw_noise(state.noise, seed)
    return replace(state, noise=noise, flow_noise=None if state.flow is None else noise)


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
    found, axes = principal_axes(means.detach().cpu().numpy())
    variances, basis = (torch.from_numpy(values).to(means.device) for values in (found, axes))
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


def move_dimensions(state: LatentState, amounts: Mapping[int, float | int]) -> LatentState:
    """Move single numbers of z, as they are, by the given amounts.

    Raises:
        ValueError: if z has no such number.
    """
    if not any(amounts.values()):
        return state
    z = state.z.clone()
    for index, amount in amounts.items():
        if not 0 <= index < len(z):
            raise ValueError(f"z has the numbers 0 to {len(z) - 1}, but {index} was asked for.")
        z[index] += amount
    return replace(state, z=z)


def with_style_of(state: LatentState, other: LatentState) -> LatentState:
    """Return the state with the z of another shape: one half of the swap test.

    Its own h is held; through the prior, its own noise.
    """
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


def forget_input(state: LatentState, amount: float | int) -> LatentState:
    """Fade h into what it would be without the input, so that h says less and less about it.

    As encoded, q(h | x, z) fades into N(0, I): means shrink to 0 and standard deviations grow (or
    shrink) to 1, evenly on the log scale. Through the prior, the noise that the input's h comes
    from turns into noise drawn by the seed, on the circle between them. The temperature is left
    alone.

    Args:
        state: where to start from.
        amount: 0 keeps what is known of the input, 1 forgets all of it but z.

    Raises:
        ValueError: if the amount is not between 0 and 1.
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"Expected an amount from 0 (posterior) to 1 (prior), got {amount}.")
    if amount == 0:
        return state
    keep = 1 - amount
    flow_noise = state.flow_noise
    if flow_noise is not None:
        flow_noise = slerp(flow_noise, state.noise, float(amount))
    return replace(
        state, h_mean=keep * state.h_mean, h_sigma=state.h_sigma**keep, flow_noise=flow_noise
    )


def scale_points(state: LatentState, factor: float | int, axis: int = 0) -> LatentState:
    """Stretch the cloud of h_xyz along one axis, about the origin; its noise stretches with it.

    Args:
        state: where to start from.
        factor: 1 changes nothing.
        axis: 0 for x (width), 1 for y (height), 2 for z (depth).
    """
    factors = [1.0, 1.0, 1.0]
    factors[axis] = float(factor)
    everywhere = torch.ones_like(state.h_mean[:, 0])
    return stretch(state, everywhere, factors, about=(0.0, 0.0, 0.0))


@torch.inference_mode()
def lift_points(
    state: LatentState, amount: float | int, edge: float | int = 0.0, softness: float = 0.2
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
    weight = torch.sigmoid((edge - state.h[:, 1]) / softness)  # (N,): 1 far below, 0 above
    return move(state, weight, (0.0, float(amount), 0.0))


@torch.inference_mode()
def decode(model: PointCloudVAE, state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return the decoded cloud, in data units, float32."""
    decoded = model.decode(state.h[None], state.z[None])
    return model.normalization.inverse(decoded, state.statistics)[0].cpu().numpy()


@torch.inference_mode()
def latent_points(state: LatentState) -> Float[np.ndarray, "N 3"]:
    """Return h_xyz, the part of the local latents that can be looked at, in model units."""
    return state.h[:, :3].cpu().numpy()


@torch.inference_mode()
def feature(state: LatentState, channel: int = 0) -> Float[np.ndarray, " N"]:
    """Return one feature of every local latent.

    Raises:
        ValueError: if the model's h has no such feature.
    """
    found = state.h.shape[1] - 3
    if not 0 <= channel < found:
        raise ValueError(f"h of this model has {found} features; there is no number {channel}.")
    return state.h[:, 3 + channel].cpu().numpy()


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
