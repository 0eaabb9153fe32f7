"""Factor sliders: directions of z that are leg height or seat width, found by regression.

A direction that is fitted to one factor alone moves whatever goes along with it among the shapes.
So z is regressed on all factors together: each direction is what z does when its factor changes and
all others stay. One direction for all shapes is not enough where a factor means something else for
each: a wider shade takes the foot of a desk lamp along, and a floor lamp has none. A curve lets the
direction depend on the shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pcvae.diagnostics import ridge, style_means
from pcvae.editing.directions import evenly, some_clouds
from pcvae.editing.state import LatentState
from pcvae.models import PointCloudVAE
from pcvae.shapes import Family, families

RIDGE = 1e-2  # of the factors' own variance, which is 1: enough for factors that seldom occur
FEWEST, FEWEST_CURVED = 3, 2  # shapes for each factor; for each factor and product of a curve
MOST_SHAPES, NUM_POINTS = 512, 512  # that `find_factors` looks at


@dataclass(frozen=True)
class FactorCurve:
    """z as a polynomial of degree 2 in all factors, so that directions differ from shape to shape.

    Factors are minus their mean and in standard deviations.

    Attributes:
        weights: from the factors and the products of any two of them to z.
        spread: standard deviations of the factors, in their own units.
        style_mean: the mean z.
        readout: from z, minus its mean, to the factors.
        limits: the least and the largest value that each factor may have.
    """

    weights: Float[Tensor, "P S"]
    spread: Float[Tensor, " F"]
    style_mean: Float[Tensor, " S"]
    readout: Float[Tensor, "S F"]
    limits: Float[Tensor, "2 F"]

    def change(self, z: Float[Tensor, " S"], steps: Float[Tensor, " F"]) -> Float[Tensor, " S"]:
        """Return what these steps, in the factors' own units, do to the z of a shape."""
        own = ((z - self.style_mean) @ self.readout).clamp(*self.limits)  # (F,) what z says of it
        asked = own + steps / self.spread
        return (_with_products(asked) - _with_products(own)) @ self.weights


@dataclass(frozen=True)
class FactorDirections:
    """What z does when one factor of a family changes and the others stay.

    Attributes:
        family: whose factors they are.
        names: of the factors, such as "leg_height".
        mean: their means over the shapes, in their own units.
        basis: the change of z for one unit of each.
        explained: the share of z's variance among these shapes that all factors together explain.
        scale: the mean length, in clouds, of one unit of length.
        curve: how the directions differ from shape to shape, if they do.
    """

    family: Family
    names: tuple[str, ...]
    mean: Float[np.ndarray, " F"]
    basis: Float[Tensor, "F S"]
    explained: float
    scale: float
    curve: FactorCurve | None = None

    def mean_factors(self) -> dict[str, float]:
        """Return the factors of an average shape; counts and choices are rounded."""
        found = dict(zip(self.names, self.mean.tolist(), strict=True))
        return {
            name: value if self.family.factor(name).kind == "continuous" else float(round(value))
            for name, value in found.items()
        }


def fit_factors(
    means: Float[np.ndarray, "B S"],
    factors: Mapping[str, np.ndarray],
    family: str,
    *,
    curved: bool = False,
) -> FactorDirections:
    """Regress z on all factors of a family, with a small ridge penalty.

    Args:
        means: posterior means of z.
        factors: of the same shapes, as in a procedural `CloudSet`: under names like
            "chair/leg_height", NaN where a shape has no such factor, and "scale".
        family: the family's name.
        curved: let the directions depend on the shape, if there are shapes enough: two for each
            factor and for each product of two.

    Raises:
        ValueError: if there is no such family, or too few of its shapes are given.
    """
    known = families()
    if family not in known:
        raise ValueError(f"Expected a family ({', '.join(known)}), got {family!r}.")
    names = tuple(factor.name for factor in known[family].factors)
    columns = [np.asarray(factors.get(f"{family}/{name}", np.nan), float) for name in names]
    table = np.stack([np.broadcast_to(column, len(means)) for column in columns], axis=1)
    rows = np.isfinite(table).any(axis=1)
    if rows.sum() < FEWEST * len(names):
        raise ValueError(
            f"Directions of {len(names)} factors need {FEWEST * len(names)} shapes of the family "
            f"{family!r} with known factors, but there are {int(rows.sum())}."
        )
    table, means = table[rows], means[rows].astype(float)
    mean = np.nanmean(table, axis=0)
    # A factor without effect tells nothing: at its mean it weighs nothing either.
    inputs = np.where(np.isnan(table), mean, table) - mean
    spread = inputs.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)  # one that never varies gets a slope of 0
    inputs /= spread
    slopes, explained = _regress(inputs, means)
    curve = None
    if curved and len(means) >= FEWEST_CURVED * _with_products(inputs).shape[1]:
        curve, explained = _fit_curve(known[family], inputs, means, mean, spread)
    scale = float(np.nanmean(np.asarray(factors["scale"])[rows]))
    basis = _tensor(slopes / spread[:, None])
    return FactorDirections(known[family], names, mean, basis, explained, scale, curve)


def _fit_curve(
    family: Family,
    inputs: Float[np.ndarray, "B F"],
    means: Float[np.ndarray, "B S"],
    mean: Float[np.ndarray, " F"],
    spread: Float[np.ndarray, " F"],
) -> tuple[FactorCurve, float]:
    """Return the curve, and the share of z's variance that it explains."""
    weights, explained = _regress(_with_products(inputs), means)
    readout, _ = _regress(means, inputs)
    limits = (np.array([f.bounds for f in family.factors]).T - mean) / spread
    parts = (weights, spread, means.mean(axis=0), readout, limits)
    return FactorCurve(*map(_tensor, parts)), explained


def find_factors(
    model: PointCloudVAE, clouds: Any, factors: Mapping[str, np.ndarray], family: str
) -> FactorDirections:
    """Return what z does for the factors of a family, from at most 512 of its shapes.

    Args:
        model: in evaluation mode.
        clouds: (S, N, 3) in data units, such as `shapes.points` of a procedural set.
        factors: of the same shapes, see `fit_factors`; those of other families are left out.
        family: the family's name.

    Raises:
        ValueError: if there is no such family, or too few of its shapes are given.
    """
    own = [values for name, values in factors.items() if name.startswith(f"{family}/")]
    rows = np.flatnonzero(np.isfinite(own).any(axis=0)) if own else np.arange(0)
    rows = evenly(rows, MOST_SHAPES)
    means = np.zeros((0, 1), np.float32)  # `fit_factors` says what is wrong
    if len(rows):
        means = style_means(model, some_clouds(clouds, rows, NUM_POINTS))
    own_factors = {name: values[rows] for name, values in factors.items()}
    return fit_factors(means, own_factors, family, curved=True)


def _regress(
    inputs: Float[np.ndarray, "B P"], targets: Float[np.ndarray, "B Q"]
) -> tuple[Float[np.ndarray, "P Q"], float]:
    """Return slopes, and the share of the targets' variance that they explain."""
    inputs, targets = inputs - inputs.mean(axis=0), targets - targets.mean(axis=0)
    slopes = ridge(inputs, targets, RIDGE)
    residual = np.square(targets - inputs @ slopes).sum()
    return slopes, float(1 - residual / max(np.square(targets).sum(), np.finfo(float).tiny))


def _with_products(factors: Any) -> Any:
    """Return factors (..., F) and the products of any two of them, (..., F + F (F + 1) / 2)."""
    one, other = np.triu_indices(factors.shape[-1])
    join = torch.cat if isinstance(factors, Tensor) else np.concatenate
    return join([factors, factors[..., one] * factors[..., other]], -1)


def _tensor(numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(numbers.astype(np.float32))


def move_factors(
    state: LatentState, directions: FactorDirections, changes: Mapping[str, float | int]
) -> LatentState:
    """Move z by what these changes of factors, in the factors' own units, do to it.

    Raises:
        ValueError: if the family has no such factor.
    """
    for name in changes:
        directions.family.factor(name)
    if not any(changes.values()):
        return state
    steps = torch.tensor([float(changes.get(name, 0)) for name in directions.names])
    if directions.curve is None:
        moved = steps @ directions.basis
    else:
        moved = directions.curve.change(state.z.cpu().float(), steps)
    return replace(state, z=state.z + moved.to(state.z))


def measure(
    directions: FactorDirections,
    cloud: Float[np.ndarray, "N 3"],
    asked: Mapping[str, float | int] | None = None,
) -> dict[str, float]:
    """Read factors off a decoded cloud, in their own units.

    Clouds have no size: each shape is scaled to the unit sphere. Lengths come back to cm by the
    scale of the shape that was asked for.

    Args:
        directions: of the family to measure.
        cloud: a decoded cloud, in data units.
        asked: all factors of the shape that was asked for; without, the family's mean scale is
            used.

    Returns:
        The factors that can be measured, NaN for what was not found.
    """
    family = directions.family
    scale = directions.scale if asked is None else scale_of(family, asked)
    # Families are centered on their bounding box; what a model decodes is so only nearly.
    centered = cloud - (cloud.min(axis=0) + cloud.max(axis=0)) / 2
    found = family.measure(centered[None].astype(np.float32))
    return {name: float(family.from_cloud(name, v, scale)[0]) for name, v in found.items()}


def scale_of(family: Family, factors: Mapping[str, float | int]) -> float:
    """Return the length, in its cloud, of one unit of length of the shape with these factors."""
    return float(np.asarray(family.build(allowed(family, factors)).scale).reshape(-1)[0])


def allowed(family: Family, factors: Mapping[str, float | int]) -> dict[str, float]:
    """Return the factors within their bounds, counts and choices rounded."""
    found = {}
    for factor in family.factors:
        low, high = factor.bounds
        value = float(factors.get(factor.name, np.nan))
        if np.isnan(value):
            value = (low + high) / 2
        value = float(np.clip(value, low, high))
        found[factor.name] = value if factor.kind == "continuous" else float(round(value))
    return found
