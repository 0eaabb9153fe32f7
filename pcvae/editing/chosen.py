"""Edits of some of a shape's points: which they are, and what is done to their local latents.

Which: a weight for every point, 1 where the edit acts fully, 0 where it does not. In between lies a
soft edge, without which the decoded shape would tear.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from pcvae.editing.state import LatentState

Kind = Literal["move", "stretch", "turn", "jitter", "feature"]
Weights = Float[np.ndarray, " N"] | Float[Tensor, " N"]
Triple = Sequence[float | int]


@dataclass(frozen=True, eq=False)
class LocalEdit:
    """One change of chosen points.

    Attributes:
        kind: what is done to them.
        weight: how fully, for each point.
        amounts: how much; what the numbers are depends on the kind, see the functions below.
        about: the point that "stretch" and "turn" leave where it is; by default the middle of the
            chosen points, wherever they are by then.
    """

    kind: Kind
    weight: Float[Tensor, " N"]
    amounts: tuple[float, ...]
    about: tuple[float, float, float] | None = None

    def apply(self, h: Float[Tensor, "N H"]) -> Float[Tensor, "N H"]:
        """Return local latents with this change in them; the given ones stay as they are."""
        change = {
            "move": self._move,
            "stretch": self._stretch,
            "turn": self._turn,
            "jitter": self._jitter,
            "feature": self._feature,
        }[self.kind]
        changed = h.clone()
        change(changed)
        # Points that were not chosen keep their bits: arithmetic with a weight of 0 could lose one.
        return torch.where(self.weight[:, None] == 0, h, changed)

    def _move(self, h: Tensor) -> None:
        h[:, :3] += self.weight[:, None] * torch.tensor(self.amounts, device=h.device)

    def _stretch(self, h: Tensor) -> None:
        center = self._center(h)
        factors = torch.tensor(self.amounts, device=h.device)
        # Between 1 and the factor, evenly.
        h[:, :3] = center + (h[:, :3] - center) * (1 + self.weight[:, None] * (factors - 1))

    def _turn(self, h: Tensor) -> None:
        degrees, axis = self.amounts[0], int(self.amounts[1])
        center = self._center(h)
        angle = self.weight * math.radians(degrees)  # each point by its own angle: it stays rigid
        first, second = (axis + 1) % 3, (axis + 2) % 3
        a, b = h[:, first] - center[first], h[:, second] - center[second]
        h[:, first] = center[first] + angle.cos() * a - angle.sin() * b
        h[:, second] = center[second] + angle.sin() * a + angle.cos() * b

    def _jitter(self, h: Tensor) -> None:
        generator = torch.Generator().manual_seed(int(self.amounts[1]))
        noise = torch.randn(len(h), 3, generator=generator).to(h.device)
        h[:, :3] += self.amounts[0] * self.weight[:, None] * noise

    def _feature(self, h: Tensor) -> None:
        h[:, 3:] += self.amounts[0] * self.weight[:, None]

    def _center(self, h: Tensor) -> Float[Tensor, " 3"]:
        if self.about is not None:
            return torch.tensor(self.about, device=h.device)
        weight = self.weight / self.weight.sum().clamp_min(1e-12)
        return weight @ h[:, :3]


def move(state: LatentState, weight: Weights, shift: Triple) -> LatentState:
    """Move chosen h_xyz by (x, y, z), in model units."""
    return _edited(state, "move", weight, shift, rest=(0, 0, 0))


def stretch(
    state: LatentState, weight: Weights, factors: Triple, about: Triple | None = None
) -> LatentState:
    """Stretch chosen h_xyz along x, y and z, by factors of which 1 changes nothing.

    Args:
        state: where to start from.
        weight: which points, and how fully.
        factors: along x, y and z.
        about: the point that stays where it is; by default the middle of the chosen points.
    """
    return _edited(state, "stretch", weight, factors, rest=(1, 1, 1), about=about)


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
        about: a point of the axis; by default the middle of the chosen points.
    """
    return _edited(state, "turn", weight, (degrees, axis), rest=(0, axis), about=about)


def jitter(state: LatentState, weight: Weights, amount: float | int, seed: int = 0) -> LatentState:
    """Add normal noise to chosen h_xyz, of this standard deviation in model units."""
    return _edited(state, "jitter", weight, (amount, seed), rest=(0, seed))


def slide_feature(state: LatentState, weight: Weights, amount: float | int) -> LatentState:
    """Add an amount to the feature latents of chosen points: what h says beside h_xyz."""
    return _edited(state, "feature", weight, (amount,), rest=(0,))


def _edited(
    state: LatentState,
    kind: Kind,
    weight: Weights,
    amounts: Triple,
    rest: Triple,
    about: Triple | None = None,
) -> LatentState:
    """Return the state with one more edit, or itself if the edit would change nothing."""
    expected = len(state.noise)
    if weight.shape != (expected,):
        raise ValueError(
            f"Expected one weight for each of {expected} points, got shape {tuple(weight.shape)}."
        )
    if len(amounts) != len(rest):
        raise ValueError(f"Expected {len(rest)} numbers, got {list(amounts)}.")
    weight = torch.as_tensor(weight, dtype=state.z.dtype, device=state.z.device)
    values = tuple(float(amount) for amount in amounts)
    if values == tuple(map(float, rest)) or not bool((weight != 0).any()):
        return state
    center = None if about is None else tuple(float(part) for part in about)
    return state.edited(LocalEdit(kind, weight, values, center))


def select_ball(
    points: Float[np.ndarray, "N 3"],
    center: Triple | Float[np.ndarray, " 3"],
    radius: float | int,
    softness: float | int = 0.0,
) -> Float[np.ndarray, " N"]:
    """Choose the points of a ball.

    Args:
        points: a cloud, in any units.
        center: of the ball.
        radius: inside it, weights are 1.
        softness: over what distance beyond the radius they fall to 0.
    """
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
