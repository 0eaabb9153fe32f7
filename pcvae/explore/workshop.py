"""From recipes to latents, clouds and code: the explorer without its controls and its picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from pcvae import editing
from pcvae.data.clouds import CloudSet
from pcvae.diagnostics import style_means
from pcvae.editing import Directions, LatentState
from pcvae.editing.factors import FactorDirections, fit_factors
from pcvae.explore.library import Library
from pcvae.explore.recipe import Recipe, Reference, apply_global, apply_local
from pcvae.models import PointCloudVAE

MOST_SHAPES = 256  # for principal directions: more shapes hardly change them, but take their time
FACTOR_SHAPES, FACTOR_POINTS = 512, 512
SAMPLED = 2048  # points of a new shape, unless another number is asked for
KEPT = 8  # unedited shapes that are remembered


class Workshop:
    """A model, the shapes to choose from, and what is derived from both.

    Args:
        model: in evaluation mode.
        library: the shapes.
        reference: shapes whose z the principal directions are of; by default, those of the library.
        num_directions: how many directions.
        num_points: how many points of each shape the directions are found with; all by default.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """

    def __init__(
        self,
        model: PointCloudVAE,
        library: Library,
        reference: CloudSet | None = None,
        num_directions: int = 4,
        num_points: int | None = None,
    ) -> None:
        self.model, self.library = model, library
        self.set = library.data if reference is None else reference
        self.directions = directions_of(model, self.set, num_directions, num_points)
        self.direction_points = num_points
        self._remembered: OrderedDict[Hashable, Any] = OrderedDict()
        self._factors: dict[str, FactorDirections] = {}

    @property
    def has_prior(self) -> bool:
        """Whether the model has a learned prior."""
        return self.model.prior is not None

    def reference(self, recipe: Recipe) -> Reference:
        """Return the unedited shape of a recipe."""
        key = ("reference", recipe.shape, recipe.num_points, recipe.use_prior, recipe.seed)
        return self._once(key, lambda: self._reference(recipe))

    def _reference(self, recipe: Recipe) -> Reference:
        shape = self.library[recipe.shape]
        if shape.points is None:
            state = editing.from_prior(self.model, recipe.num_points or SAMPLED, shape.seed)
            state = editing.with_noise(state, recipe.seed) if recipe.seed else state
            state = state if recipe.use_prior else editing.hold(state)
            decoded = editing.decode(self.model, state)
            return Reference(state, decoded, editing.latent_points(state), decoded)
        rows = rows_of(len(shape.points), recipe.num_points)
        points = shape.points[rows]
        state = editing.encode(self.model, points, recipe.seed, recipe.use_prior)
        labels = None if shape.labels is None else shape.labels[rows]
        decoded = editing.decode(self.model, state)
        return Reference(state, points, editing.latent_points(state), decoded, labels)

    def state(self, recipe: Recipe) -> LatentState:
        """Return the latents of a recipe."""
        reference = self.reference(recipe)
        state = self._mixed(recipe, reference)
        state = apply_global(recipe, state, self.directions, lambda: self.factors_of(recipe))
        return apply_local(recipe, state, reference)

    def decode(self, state: LatentState) -> Float[np.ndarray, "N 3"]:
        """Return the cloud of some latents, in data units."""
        return editing.decode(self.model, state)

    def _mixed(self, recipe: Recipe, reference: Reference) -> LatentState:
        """Return the shape's latents with what the recipe takes from another."""
        if recipe.mix == "nothing":
            return reference.state
        donor = replace(recipe, shape=recipe.other, num_points=len(reference.input))
        other = self.reference(donor)
        if recipe.mix == "swap z":
            return editing.with_style_of(reference.state, other.state)
        if recipe.mix == "swap h":
            return editing.with_points_of(reference.state, other.state)
        order = self._pairs(donor, recipe.shape, reference, other)
        return editing.interpolate(
            self.model, reference.state, other.state, recipe.amount, recipe.mix, order
        )

    def _pairs(
        self, donor: Recipe, shape: int, reference: Reference, other: Reference
    ) -> np.ndarray:
        key = ("pairs", shape, donor.shape, len(reference.input), donor.use_prior, donor.seed)
        return self._once(key, lambda: editing.match_points(reference.input, other.input))

    def family_of(self, recipe: Recipe) -> str:
        """Return the procedural family of a recipe's shape whose factors are known, or nothing."""
        shape = self.library[recipe.shape]
        known = self.set.factors or {}
        return shape.family if any(n.startswith(f"{shape.family}/") for n in known) else ""

    def factors_of(self, recipe: Recipe) -> FactorDirections:
        """Return the factor directions of the family of a recipe's shape.

        Raises:
            ValueError: if it has none, or too few shapes of the family are known.
        """
        family = self.family_of(recipe)
        if not family:
            raise ValueError(
                "Factor sliders need shapes whose factors are known: open the explorer on "
                "procedural shapes, or give some as `reference`."
            )
        if family not in self._factors:
            self._factors[family] = factors_from(self.model, self.set, family)
        return self._factors[family]

    def own_factors(self, recipe: Recipe) -> dict[str, float]:
        """Return the factors of a recipe's shape before any edit, in the factors' own units.

        Those of a shape that was built from factors are known, others are those of an average
        shape of the family.
        """
        mean = self.factors_of(recipe).mean_factors()
        known = self.library[recipe.shape].factors or {}
        return {
            name: known[name] if np.isfinite(known.get(name, np.nan)) else value
            for name, value in mean.items()
        }

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for this key before, or make it."""
        if key not in self._remembered:
            self._remembered[key] = make()
            while len(self._remembered) > KEPT:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._remembered[key]


def directions_of(
    model: PointCloudVAE, shapes: CloudSet, count: int = 4, num_points: int | None = None
) -> Directions:
    """Return principal directions of the z of shapes, of at most 256 of them, evenly spaced."""
    rows = np.linspace(0, len(shapes) - 1, min(len(shapes), MOST_SHAPES)).round().astype(int)
    points = np.array(shapes.points[rows], dtype=np.float32)[:, :num_points]
    means = style_means(model, np.ascontiguousarray(points))
    return editing.principal_directions(torch.from_numpy(means), count)


def factors_from(model: PointCloudVAE, shapes: CloudSet, family: str) -> FactorDirections:
    """Return the factor directions of a family, from at most 512 shapes of a procedural set."""
    kin = shapes.of_class(family)
    kin = kin.subset(np.arange(min(len(kin), FACTOR_SHAPES)))
    points = np.array(kin.points, dtype=np.float32)[:, :FACTOR_POINTS]
    means = style_means(model, np.ascontiguousarray(points))
    return fit_factors(means, kin.factors or {}, family)


def rows_of(available: int, wanted: int | None) -> np.ndarray:
    """Return which points to take: the first ones, and those again if more are wanted.

    A point that is taken twice gets two latents, with different noise.
    """
    return np.arange(available if wanted is None else wanted) % available
