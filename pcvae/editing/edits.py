"""Edits of z and of the latents of all points: pure functions from one latent state to another.

Nothing here draws and nothing is changed in place, so an edit is undone by keeping the old state.
Edits of chosen points are in `chosen`, mixtures of two shapes in `mixing`, factors in `factors`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pcvae.editing.chosen import stretch
from pcvae.editing.directions import Directions
from pcvae.editing.mixing import slerp
from pcvae.editing.state import LatentState


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


def scale_points(state: LatentState, factor: float | int) -> LatentState:
    """Stretch the cloud of h_xyz along x, about the origin; its noise stretches with it.

    Args:
        state: where to start from.
        factor: 1 changes nothing.
    """
    everywhere = torch.ones_like(state.h_mean[:, 0])
    return stretch(state, everywhere, (factor, 1, 1), about=(0, 0, 0))


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

    def lifted(h: Tensor) -> Tensor:
        h = h.clone()
        h[:, 1] += amount * torch.sigmoid((edge - h[:, 1]) / softness)  # (N,): 1 far below, 0 above
        return h

    return state.edited(lifted)
