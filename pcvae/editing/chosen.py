"""Edits of some of a shape's points: which they are, and what is done to their local latents.

Which: a weight for every point, 1 where the edit acts fully, 0 where it does not. In between lies a
soft edge, without which the decoded shape would tear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from pcvae.editing.encoding import draw_noise
from pcvae.editing.state import LatentState

Weights = Float[np.ndarray, " N"] | Float[Tensor, " N"]
Triple = Sequence[float | int]


def move(state: LatentState, weight: Weights, shift: Triple) -> LatentState:
    """Move chosen h_xyz by (x, y, z), in model units."""
    if not any(_three(shift)):
        return state

    def moved(h: Tensor, weight: Tensor) -> None:
        h[:, :3] += weight[:, None] * torch.tensor(_three(shift), device=h.device)

    return _edited(state, weight, moved)


def stretch(
    state: LatentState, weight: Weights, factors: Triple, about: Triple | None = None
) -> LatentState:
    """Stretch chosen h_xyz along x, y and z, by factors of which 1 changes nothing.

    Args:
        state: where to start from.
        weight: which points, and how fully.
        factors: along x, y and z.
        about: the point that stays where it is; by default the middle of the chosen points,
            wherever they are by then.
    """
    if _three(factors) == (1, 1, 1):
        return state

    def stretched(h: Tensor, weight: Tensor) -> None:
        center = _center(h, weight, about)
        change = torch.tensor(_three(factors), device=h.device) - 1
        # Between 1 and the factor, evenly.
        h[:, :3] = center + (h[:, :3] - center) * (1 + weight[:, None] * change)

    return _edited(state, weight, stretched)


def turn(
    state: LatentState,
    weight: Weights,
    degrees: float | int,
    axis: int = 1,
    about: Triple | None = None,
) -> LatentState:
    """Turn chosen h_xyz about an axis (0, 1, 2 for x, y, z), counterclockwise from its tip.

    Args:
        state: where to start from.
        weight: which points, and how fully: a weight of 1/2 turns by half the angle.
        degrees: the angle.
        axis: 1, the default, is the upright one.
        about: a point of the axis; by default the middle of the chosen points, wherever they are by
            then.
    """
    if degrees == 0:
        return state
    first, second = (axis + 1) % 3, (axis + 2) % 3

    def turned(h: Tensor, weight: Tensor) -> None:
        center = _center(h, weight, about)
        angle = weight * math.radians(degrees)  # (N,): each point by its own, so it stays rigid
        a, b = h[:, first] - center[first], h[:, second] - center[second]
        h[:, first] = center[first] + angle.cos() * a - angle.sin() * b
        h[:, second] = center[second] + angle.sin() * a + angle.cos() * b

    return _edited(state, weight, turned)


def jitter(state: LatentState, weight: Weights, amount: float | int, seed: int = 0) -> LatentState:
    """Add normal noise to chosen h_xyz, of this standard deviation in model units."""
    if amount == 0:
        return state

    def shaken(h: Tensor, weight: Tensor) -> None:
        h[:, :3] += amount * weight[:, None] * draw_noise(h[:, :3], seed)

    return _edited(state, weight, shaken)


def slide_feature(state: LatentState, weight: Weights, amount: float | int) -> LatentState:
    """Add an amount to the feature latents of chosen points: what h says beside h_xyz."""
    if amount == 0:
        return state

    def slid(h: Tensor, weight: Tensor) -> None:
        h[:, 3:] += amount * weight[:, None]

    return _edited(state, weight, slid)


def _edited(
    state: LatentState, weight: Weights, change: Callable[[Tensor, Tensor], None]
) -> LatentState:
    """Return the state with one more edit, which changes an h (N, H) in place by weights (N,)."""
    expected = len(state.noise)
    if weight.shape != (expected,):
        raise ValueError(
            f"Expected one weight for each of {expected} points, got shape {tuple(weight.shape)}."
        )
    weight = torch.as_tensor(weight, dtype=state.z.dtype, device=state.z.device)
    if not bool((weight != 0).any()):
        return state

    def edit(h: Tensor) -> Tensor:
        changed = h.clone()
        change(changed, weight)
        # Points that were not chosen keep their bits: arithmetic with a weight of 0 could lose one.
        return torch.where(weight[:, None] == 0, h, changed)

    return state.edited(edit)


def _three(numbers: Triple) -> tuple[float, ...]:
    """Return x, y and z as floats."""
    if len(numbers) != 3:
        raise ValueError(f"Expected 3 numbers, for x, y and z, got {list(numbers)}.")
    return tuple(map(float, numbers))


def _center(h: Tensor, weight: Tensor, about: Triple | None) -> Float[Tensor, " 3"]:
    """Return the point that is given, or the middle of the chosen points."""
    if about is not None:
        return torch.tensor(_three(about), device=h.device)
    return weight / weight.sum().clamp_min(1e-12) @ h[:, :3]


def select_ball(
    points: Float[np.ndarray, "N 3"],
    center: Triple | Float[np.ndarray, " 3"] | int,
    radius: float | int,
    softness: float | int = 0.0,
) -> Float[np.ndarray, " N"]:
    """Choose the points of a ball.

    Args:
        points: a cloud, in any units.
        center: of the ball, or the number of the point that is it (if there are fewer points, the
            last one).
        radius: inside it, weights are 1.
        softness: over what distance beyond the radius they fall to 0.
    """
    if isinstance(center, int):
        center = points[min(center, len(points) - 1)]
    distance = np.linalg.norm(points - np.asarray(center, dtype=points.dtype), axis=1)
    return _fade(distance - radius, softness)


def select_half_space(
    points: Float[np.ndarray, "N 3"],
    axis: int,
    bound: float | int,
    above: bool = True,
    softness: float | int = 0.0,
) -> Float[np.ndarray, " N"]:
    """Choose the points on one side of a plane.

    Args:
        points: a cloud, in any units.
        axis: 0, 1 or 2: the plane is where x, y or z is `bound`.
        bound: where along the axis.
        above: whether the side of larger values is meant.
        softness: over what distance beyond the plane weights fall to 0.
    """
    beyond = bound - points[:, axis] if above else points[:, axis] - bound
    return _fade(beyond, softness)


def select_parts(
    points: Float[np.ndarray, "N 3"],
    labels: np.ndarray,
    chosen: Collection[int],
    softness: float | int = 0.0,
) -> Float[np.ndarray, " N"]:
    """Choose the points of some parts.

    Args:
        points: the cloud that the labels are of.
        labels: which part each point belongs to.
        chosen: the labels of the parts.
        softness: over what distance from the nearest chosen point weights fall to 0.
    """
    inside = np.isin(labels, list(chosen))
    if softness == 0 or not inside.any():
        return inside.astype(np.float32)
    distance, _ = cKDTree(points[inside]).query(points)
    return np.where(inside, 1, _fade(distance, softness)).astype(np.float32)


def _fade(distance: np.ndarray, softness: float | int) -> Float[np.ndarray, " N"]:
    """Return 1 up to a distance of 0, 0 from `softness` on, and a smooth step between."""
    if softness < 0:
        raise ValueError(f"A soft edge cannot have a width of {softness}; 0 makes it hard.")
    if softness == 0:
        return (distance <= 0).astype(np.float32)
    t = np.clip(1 - distance / softness, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
