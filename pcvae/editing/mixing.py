"""Mixtures of two shapes: on straight lines between their latents, or on circles in the noise."""

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from pcvae.editing.state import LatentState
from pcvae.editing.threads import one_thread
from pcvae.models import PointCloudVAE

SMALLEST = 1e-6  # standard deviation: an h that is held has none, and no logarithm of it

What = Literal["z", "h", "both", "noise"]


def slerp(one: Tensor, other: Tensor, amount: float | int) -> Tensor:
    """Return a place between two draws of noise that looks like a draw of noise itself.

    For independent standard normal numbers cos(a) one + sin(a) other is standard normal as well. On
    the straight line they would be too small halfway, by the factor sqrt(1/2).
    """
    angle = torch.tensor(float(amount) * np.pi / 2, dtype=torch.float64)
    if amount in (0, 1):
        return other if amount else one
    return float(angle.cos()) * one + float(angle.sin()) * other


def match_points(
    one: Float[np.ndarray, "N 3"], other: Float[np.ndarray, "M 3"]
) -> Int[np.ndarray, " N"]:
    """Pair the points of two clouds so that pairs lie in like places.

    Both clouds are halved at their middles along x, y and z in turn, until single points are left;
    points that went the same way are a pair. The best pairing of all would take some seconds for
    2,048 points; this one takes milliseconds and does for pictures.

    Returns:
        For each point of `one`, the index of its partner in `other`.

    Raises:
        ValueError: if the clouds have different numbers of points.
    """
    if len(one) != len(other):
        raise ValueError(
            f"Points can be paired only between clouds of one size, not {len(one)} and "
            f"{len(other)}: choose a number of points that both have."
        )
    order = np.empty(len(one), dtype=np.int64)
    order[_halved(one)] = _halved(other)
    return order


def _halved(points: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, " N"]:
    """Return the order of points in which neighbors were parted last."""
    groups, axis = [np.arange(len(points))], 0
    while max(map(len, groups), default=0) > 1:
        parted = []
        for group in groups:
            ranked = group[np.argsort(points[group, axis], kind="stable")]
            parted += [ranked[: len(group) // 2], ranked[len(group) // 2 :]]
        groups, axis = [group for group in parted if len(group)], (axis + 1) % 3
    return np.concatenate(groups)


@torch.inference_mode()
@one_thread()
def interpolate(
    model: PointCloudVAE,
    one: LatentState,
    other: LatentState,
    amount: float | int,
    what: What = "both",
    order: Int[np.ndarray, " N"] | None = None,
) -> LatentState:
    """Go from one shape towards another, in one latent or in both.

    Args:
        model: the model of both states.
        one: where the way begins; its edits of chosen points are kept.
        other: where it leads.
        amount: 0 for the one, 1 for the other.
        what: "z" or "h", the other being held; "both"; or "noise": both again, but on the circle in
            the noise that the learned prior makes them from, so that every stop is a likely shape.
        order: the partner of each of the one's points among the other's, from `match_points`; by
            default, points with the same number are partners.

    Raises:
        ValueError: if the numbers of points differ, or the model has no prior and "noise" is asked.
    """
    if what not in get_args(What):
        raise ValueError(f"Expected what to be one of {', '.join(get_args(What))}, got {what!r}.")
    if what == "noise" and model.prior is None:
        raise ValueError("The way through the noise needs a model with a learned prior.")
    if what != "z" and one.noise.shape != other.noise.shape:
        raise ValueError(
            f"h has {len(one.noise)} points in one shape and {len(other.noise)} in the other: "
            "choose a number of points that both have."
        )
    if amount == 0:
        return one
    state = one
    if what in ("z", "both"):
        state = replace(state, z=torch.lerp(one.z, other.z, float(amount)))
    if what == "noise":
        noises = (model.prior.style.to_noise(state.z[None]) for state in (one, other))
        state = replace(state, z=model.prior.style.from_noise(slerp(*noises, amount))[0])
    return state if what == "z" else _toward_points(state, other, float(amount), order)


def _toward_points(
    one: LatentState, other: LatentState, amount: float, order: np.ndarray | None
) -> LatentState:
    """Go from the h of one shape towards that of the other."""
    rows = slice(None) if order is None else torch.from_numpy(order).to(one.z.device)
    flow_noise = one.flow_noise
    if flow_noise is not None and other.flow_noise is not None:
        flow_noise = slerp(flow_noise, other.flow_noise[rows], amount)
    logs = (sigma.clamp_min(SMALLEST).log() for sigma in (one.h_sigma, other.h_sigma[rows]))
    log_sigma = torch.lerp(*logs, amount)
    return replace(
        one,
        h_mean=torch.lerp(one.h_mean, other.h_mean[rows], amount),
        h_sigma=log_sigma.exp(),
        noise=slerp(one.noise, other.noise[rows], amount),
        flow_noise=flow_noise,
    )
