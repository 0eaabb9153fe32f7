"""What all families share: checking factors, drawing them, building, and measuring."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from pcvae.shapes.estimators import Column, Values
from pcvae.shapes.factors import Factor
from pcvae.shapes.surface import Part, Surface, assemble

FEWEST_POINTS = 128  # the estimators read quantiles of small groups of points


class Family:
    """A kind of shape: named factors in, labeled surfaces and points out.

    Factors are dictionaries from name to one value or to S values; choices may be given by name.
    Frame: Y up, back to -Z, bounding box centered at 0, farthest point at norm 1. As each shape is
    scaled on its own, a length of `c` in the factors' unit is `c * scale` in the cloud.
    """

    name: ClassVar[str]
    factors: ClassVar[tuple[Factor, ...]]
    part_names: ClassVar[tuple[str, ...]]
    measured: ClassVar[tuple[str, ...]]
    """Names of the factors that `measure` reads off a cloud."""

    def parts(self, f: SimpleNamespace) -> list[Part]:
        """Build the parts from checked factors, each an attribute of shape (S,)."""
        raise NotImplementedError

    def estimate(self, x: Values, y: Values, z: Values) -> dict[str, Column]:
        """Read the factors named in `measured` off the coordinates of a batch of clouds."""
        raise NotImplementedError

    def factor(self, name: str) -> Factor:
        """Look a factor up by name.

        Raises:
            ValueError: If the family has no such factor.
        """
        for factor in self.factors:
            if factor.name == name:
                return factor
        known = ", ".join(f.name for f in self.factors)
        raise ValueError(f"{self.name} has no factor {name!r}; it has: {known}.")

    def random_factors(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """Draw factors of `count` shapes, uniformly and independently within their bounds."""
        return {factor.name: factor.draw(rng, count) for factor in self.factors}

    def check(self, factors: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the factors as arrays of one length, in the order of declaration.

        A factor that has no effect (the arm height of a chair without arms) may be NaN.

        Raises:
            ValueError: If a factor is unknown, missing or out of bounds, or lengths differ.
        """
        for name in factors:
            self.factor(name)
        missing = [f for f in self.factors if f.name not in factors]
        if missing:
            what = "; ".join(f"{f.name}: {f.expected()}" for f in missing)
            raise ValueError(f"{self.name} lacks a value for {what}.")
        try:
            return self._checked({f.name: f.parse(factors[f.name]) for f in self.factors})
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    def _checked(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        shapes = {name: v.shape for name, v in values.items()}
        if len({s for s in shapes.values() if s}) > 1 or any(len(s) > 1 for s in shapes.values()):
            raise ValueError(f"expected one value or S values of each factor, got shapes {shapes}.")
        columns = np.broadcast_arrays(*(np.atleast_1d(v) for v in values.values()))
        values = {name: column.copy() for name, column in zip(values, columns, strict=True)}
        in_use = self.in_use(values)
        for factor in self.factors:
            idle = np.isnan(values[factor.name]) & ~in_use[factor.name]
            values[factor.name][idle] = factor.bounds[0]
            factor.check(values[factor.name])
        return values

    def in_use(self, values: Mapping[str, np.ndarray]) -> dict[str, Bool[np.ndarray, " S"]]:
        """Tell for each factor in which shapes it has an effect."""
        result = {}
        for factor in self.factors:
            if factor.needs is None:
                result[factor.name] = np.ones(np.shape(values[factor.name]), bool)
            else:
                name, option = factor.needs
                result[factor.name] = values[name] == self.factor(name).choices.index(option)
        return result

    def build(self, factors: Mapping[str, Any]) -> Surface:
        """Build the surfaces of S shapes from their factors.

        Raises:
            ValueError: If a factor is unknown, missing or out of bounds.
        """
        return assemble(self.parts(SimpleNamespace(**self.check(factors))))

    def truth(self, factors: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return what `measure` should find: lengths in cloud units, all else as it is.

        NaN where a factor has no effect.
        """
        values = self.check(factors)
        in_use, scale = self.in_use(values), self.build(values).scale
        return {
            name: np.where(in_use[name], self.to_cloud(name, values[name], scale), np.nan)
            for name in self.measured
        }

    def to_cloud(self, name: str, value: Any, scale: Any) -> np.ndarray:
        """Convert a factor from its own unit to cloud units, given the shape's scale."""
        return np.asarray(value) * (scale if self.factor(name).is_length else 1.0)

    def from_cloud(self, name: str, value: Any, scale: Any) -> np.ndarray:
        """Convert a measured factor from cloud units to its own unit, given the shape's scale."""
        return np.asarray(value) / (scale if self.factor(name).is_length else 1.0)

    def measure(self, points: Float[np.ndarray, "*B N 3"]) -> dict[str, np.ndarray]:
        """Read factors back off clouds in the frame that `build` uses.

        Meant for the output of a model: it tolerates noise of about 0.03 and a few outliers.
        Lengths come in cloud units. `python tests/benchmarks/accuracy.py` prints the errors.

        Returns:
            For each name in `measured` an array of shape (*B); NaN where nothing was found.

        Raises:
            ValueError: If points are not finite, not of shape (N, 3) or (B, N, 3), or too few.
        """
        if points.ndim not in (2, 3) or points.shape[-2] < FEWEST_POINTS:
            raise ValueError(
                f"{self.name}: expected points of shape (N, 3) or (B, N, 3) with N of at least "
                f"{FEWEST_POINTS}, got {points.shape}."
            )
        if not np.isfinite(points).all():
            raise ValueError(f"{self.name}: the points hold NaN or infinity; drop such clouds.")
        batch = points.reshape(-1, *points.shape[-2:]).astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):  # a cloud without extent gives NaN
            found = self.estimate(*np.moveaxis(batch, -1, 0))
        return {name: values.reshape(points.shape[:-2]) for name, values in found.items()}
