"""From settings to latents, clouds and code: the explorer without its controls and its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from pcvae import editing
from pcvae.data.clouds import CloudSet
from pcvae.explore.settings import Settings
from pcvae.explore.shape_list import ShapeList
from pcvae.explore.steps import (
    DIRECTIONS,
    FACTORS,
    MODEL,
    OTHERS,
    POINTS,
    STATE,
    Given,
    Name,
    Runner,
    Step,
    prepared,
    printed,
)
from pcvae.models import PointCloudVAE

Cloud = Float[np.ndarray, "N 3"]
UNKNOWN = {
    "labels": "The parts of this shape are not known. Choose by ball or half-space.",
    "factors": (
        "Factor sliders need shapes whose factors are known: open the explorer on procedural "
        "shapes, or give some as `reference`."
    ),
}


@dataclass(frozen=True, eq=False)
class Unedited:
    """The shape before all edits, in which points are chosen.

    Attributes:
        state: its latents.
        input, latent, decoded: its clouds; only `latent` is in model units.
        labels: the part of each point, if known.
    """

    state: editing.LatentState
    input: Cloud
    latent: Cloud
    decoded: Cloud
    labels: np.ndarray | None = None


class Editor:
    """A model, the shapes to choose from, and what settings make of both.

    Args:
        model: in evaluation mode.
        shapes: the shapes.
        reference: shapes whose z the principal directions are of; by default, those of the list.
        num_directions: how many directions.
        num_points: how many points of each shape the directions are found with; all by default.

    Raises:
        ValueError: if there are too few shapes for the directions asked for.
    """

    def __init__(
        self,
        model: PointCloudVAE,
        shapes: ShapeList,
        reference: CloudSet | None = None,
        num_directions: int = 4,
        num_points: int | None = None,
    ) -> None:
        self.model, self.shapes = model, shapes
        self.has_prior = model.prior is not None
        self._set = shapes.data if reference is None else reference
        name = shapes.code if reference is None else "reference.points"
        self._clouds = Given(name, self._set.points)
        self._runner = Runner({"model": model})
        find = (MODEL, self._clouds, num_directions, num_points)
        self._directions = Step(editing.find_directions, find, "directions")
        self.directions: editing.Directions = self._made(Settings(), DIRECTIONS)

    def steps(self, settings: Settings) -> list[Step]:
        """Return all steps from the model and the shapes to the cloud of some settings.

        Raises:
            ValueError: if an edit needs what is not known of the shape.
        """
        edits = settings.steps()
        names = ["state", *(name for edit in edits for name in edit.names())]
        cloud = Step(editing.decode, (MODEL, STATE), "cloud")
        return [*prepared(names, self._sources(settings, names)), *edits, cloud]

    def run(self, settings: Settings) -> tuple[editing.LatentState, Cloud]:
        """Return the latents and the cloud, in data units, of some settings."""
        made = self._runner.run(self.steps(settings))
        return made["state"], made["cloud"]

    def code(self, settings: Settings) -> str:
        """Return Python that makes the cloud of some settings, in the variable `cloud`."""
        comment = "`model` and `shapes` (and `reference`) are what explore(...) was called with."
        return printed(self.steps(settings), comment)

    def unedited(self, settings: Settings) -> Unedited:
        """Return the shape of some settings before all edits."""
        names = ["state", "points", "latents", "decoded", "labels"]
        names = names[: 5 if self.shapes[settings.shape].labels is not None else 4]
        made = self._runner.run(prepared(names, self._sources(settings, names)))
        return Unedited(*(made[name] for name in names))

    def weight(self, settings: Settings, where: Step) -> Float[np.ndarray, " N"]:
        """Return how fully each point is chosen by a step that chooses."""
        sources = self._sources(settings, where.names())
        return self._runner.run([*prepared(where.names(), sources), where])["weight"]

    def family_of(self, settings: Settings) -> str:
        """Return the procedural family of a shape whose factors are known, or nothing."""
        family = self.shapes[settings.shape].family
        known = self._set.factors or {}
        return family if any(name.startswith(f"{family}/") for name in known) else ""

    def factors_of(self, settings: Settings) -> editing.FactorDirections:
        """Return the factor directions of the family of a shape.

        Raises:
            ValueError: if it has none, or too few shapes of the family are known.
        """
        return self._made(settings, FACTORS)

    def own_factors(self, settings: Settings) -> dict[str, float]:
        """Return the factors of a shape before any edit, in the factors' own units.

        Those of a shape that was built from factors are known, others are those of an average
        shape of the family.
        """
        mean = self.factors_of(settings).mean_factors()
        known = self.shapes[settings.shape].factors or {}
        return {
            name: known[name] if np.isfinite(known.get(name, np.nan)) else value
            for name, value in mean.items()
        }

    def forget(self) -> None:
        """Forget what was computed: a shape of the list has changed."""
        self._runner.forget()

    def _made(self, settings: Settings, name: Name) -> Any:
        """Return what stands under a name before any edit."""
        steps = prepared([name.name], self._sources(settings, [name.name]))
        return self._runner.run(steps)[name.name]

    def _sources(self, settings: Settings, needed: list[str]) -> dict[str, list[Step]]:
        """Return, for all that edits may name, the steps that make it."""
        shape, family = self.shapes[settings.shape], self.family_of(settings)
        many = settings.num_points or shape.num_points
        sources = self._start(settings, settings.shape, "points", "state")
        sources |= self._start(
            replace(settings, num_points=many), settings.other, "others", "other"
        )
        sources |= {
            "latents": [Step(editing.latent_points, (STATE,), "latents")],
            "decoded": [Step(editing.decode, (MODEL, STATE), "decoded")],
            "order": [Step(editing.match_points, (POINTS, OTHERS), "order")],
            "directions": [self._directions],
        }
        if shape.labels is not None:
            sources["labels"] = [_taken(shape.labels, settings.num_points, "labels")]
        if family:
            factors = Given(self._clouds.code.replace(".points", ".factors"), self._set.factors)
            found = Step(editing.find_factors, (MODEL, self._clouds, factors, family), "factors")
            sources["factors"] = [found]
        for name in needed:
            if name in UNKNOWN and name not in sources:
                raise ValueError(UNKNOWN[name])
        return sources

    def _start(
        self, settings: Settings, number: int, points: str, state: str
    ) -> dict[str, list[Step]]:
        """Return the steps that make a shape's points and its latents, under these names."""
        shape = self.shapes[number]
        if shape.points is not None:
            arguments = (MODEL, Name(points), settings.seed, settings.use_prior)
            return {
                points: [_taken(shape.points, settings.num_points, points)],
                state: [Step(editing.encode, arguments, state)],
            }
        many = settings.num_points or shape.num_points
        steps = [Step(editing.from_prior, (MODEL, many, shape.seed), state)]
        if settings.seed:
            steps.append(Step(editing.with_noise, (Name(state), settings.seed), state))
        if not settings.use_prior:
            steps.append(Step(editing.hold, (Name(state),), state))
        return {state: steps, points: [Step(editing.decode, (MODEL, Name(state)), points)]}


def _taken(given: Given, wanted: int | None, to: str) -> Step:
    """Return the step that takes some points, or all."""
    if wanted in (None, len(given.value)):
        return Step(None, (given,), to)
    return Step(editing.take_points, (given, wanted), to)
