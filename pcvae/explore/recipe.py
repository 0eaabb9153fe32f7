"""What the controls of the explorer stand at, as values: enough to make the picture anew.

A recipe is data. `build` turns it into latents, `code` into Python that does the same, and a
`History` of recipes is all that undo and redo need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from pcvae import editing
from pcvae.editing import LatentState
from pcvae.editing import chosen as local
from pcvae.editing.factors import move_factors

Cloud = Float[np.ndarray, "N 3"]
Mix = Literal["nothing", "swap z", "swap h", "z", "h", "both", "noise"]
VIEWS = ("input", "latent", "decoded")
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Reference:
    """The unedited shape, in which points are chosen.

    Attributes:
        state: its latents.
        input, latent, decoded: its clouds; only `latent` is in model units.
        labels: the part of each point, if known.
    """

    state: LatentState
    input: Cloud
    latent: Cloud
    decoded: Cloud
    labels: np.ndarray | None = None

    def cloud(self, view: str) -> Cloud:
        """Return one of the clouds by the name of its view."""
        return {"input": self.input, "latent": self.latent, "decoded": self.decoded}[view]


@dataclass(frozen=True)
class Parts:
    """The points of some parts."""

    labels: tuple[int, ...] = ()
    softness: float = 0.0

    def weight(self, reference: Reference) -> Float[np.ndarray, " N"]:
        """Return how fully each point is chosen."""
        if reference.labels is None:
            raise ValueError("The parts of this shape are not known. Choose by ball or half-space.")
        return local.select_parts(reference.input, reference.labels, self.labels, self.softness)

    def code(self) -> str:
        """Return the Python that does the same."""
        return f"editing.select_parts(points, labels, {list(self.labels)}, {self.softness!r})"


@dataclass(frozen=True)
class Ball:
    """The points about one point, in one of the views."""

    view: str = "input"
    center: int = 0
    radius: float = 0.3
    softness: float = 0.0

    def weight(self, reference: Reference) -> Float[np.ndarray, " N"]:
        """Return how fully each point is chosen."""
        points = reference.cloud(self.view)
        center = points[min(self.center, len(points) - 1)]
        return local.select_ball(points, center, self.radius, self.softness)

    def code(self) -> str:
        """Return the Python that does the same."""
        cloud = _CLOUD[self.view]
        center = f"{cloud}[min({self.center}, len(points) - 1)]"
        return f"editing.select_ball({cloud}, {center}, {self.radius!r}, {self.softness!r})"


@dataclass(frozen=True)
class HalfSpace:
    """The points on one side of a plane, in one of the views."""

    view: str = "input"
    axis: int = 1
    bound: float = 0.0
    above: bool = True
    softness: float = 0.0

    def weight(self, reference: Reference) -> Float[np.ndarray, " N"]:
        """Return how fully each point is chosen."""
        points = reference.cloud(self.view)
        return local.select_half_space(points, self.axis, self.bound, self.above, self.softness)

    def code(self) -> str:
        """Return the Python that does the same."""
        amounts = f"{self.axis}, {self.bound!r}, {self.above}, {self.softness!r}"
        return f"editing.select_half_space({_CLOUD[self.view]}, {amounts})"


Selection = Parts | Ball | HalfSpace
_CLOUD = {"input": "points", "latent": "latents", "decoded": "decoded"}


@dataclass(frozen=True)
class PointEdit:
    """What is done to the local latents of chosen points.

    Attributes:
        where: which points.
        shift: along x, y and z, in model units.
        factor: by which they are stretched about their middle.
        degrees, axis: by how much they are turned about it, and about which axis.
        jitter: standard deviation of the noise that is added, in model units.
        feature: what is added to their feature latents.
    """

    where: Selection = field(default_factory=HalfSpace)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    factor: float = 1.0
    degrees: float = 0.0
    axis: int = 1
    jitter: float = 0.0
    feature: float = 0.0

    @property
    def rests(self) -> bool:
        """Whether nothing is changed."""
        plain = PointEdit(where=self.where, axis=self.axis)
        return self == plain

    def apply(self, state: LatentState, reference: Reference) -> LatentState:
        """Return the state with this edit."""
        if self.rests:
            return state
        weight = self.where.weight(reference)
        state = local.stretch(state, weight, (self.factor,) * 3)
        state = local.turn(state, weight, self.degrees, self.axis)
        state = local.move(state, weight, self.shift)
        state = local.jitter(state, weight, self.jitter)
        return local.slide_feature(state, weight, self.feature)

    def code(self) -> list[str]:
        """Return lines of Python that do the same."""
        if self.rests:
            return []
        calls = {
            f"stretch(state, weight, {(self.factor,) * 3!r})": self.factor != 1,
            f"turn(state, weight, {self.degrees!r}, {self.axis})": self.degrees != 0,
            f"move(state, weight, {self.shift!r})": any(self.shift),
            f"jitter(state, weight, {self.jitter!r})": self.jitter != 0,
            f"slide_feature(state, weight, {self.feature!r})": self.feature != 0,
        }
        steps = [f"state = editing.{call}" for call, wanted in calls.items() if wanted]
        return [f"weight = {self.where.code()}", *steps]


@dataclass(frozen=True)
class Recipe:
    """All that decides the decoded cloud.

    Attributes:
        shape: number of the shape in the library.
        num_points: how many of its points; all if None.
        use_prior: whether h follows z by the learned prior.
        seed: of the noise in h.
        other: number of the shape that is mixed in.
        mix: what is taken from it: all of z or of h, or a part of either, both, or the noise.
        amount: how far the mixture goes towards it.
        directions: moves along principal directions of z, in their standard deviations.
        dimensions: moves of single numbers of z.
        factors: asked changes of factors, in their own units.
        temperature, forget, width, lift: edits of all local latents.
        kept: edits of chosen points that were made.
        draft: the one that is being made.
    """

    shape: int = 0
    num_points: int | None = None
    use_prior: bool = False
    seed: int = 0
    other: int = 0
    mix: Mix = "nothing"
    amount: float = 0.0
    directions: tuple[float, ...] = ()
    dimensions: tuple[tuple[int, float], ...] = ()
    factors: tuple[tuple[str, float], ...] = ()
    temperature: float = 1.0
    forget: float = 0.0
    width: float = 1.0
    lift: float = 0.0
    kept: tuple[PointEdit, ...] = ()
    draft: PointEdit = field(default_factory=PointEdit)

    @property
    def edits(self) -> tuple[PointEdit, ...]:
        """All edits of chosen points, in their order."""
        return (*self.kept, self.draft)

    def unedited(self) -> Recipe:
        """Return the recipe of the same shape without any edit."""
        return Recipe(
            shape=self.shape,
            num_points=self.num_points,
            use_prior=self.use_prior,
            seed=self.seed,
            other=self.other,
            directions=(0.0,) * len(self.directions),
            draft=PointEdit(where=self.draft.where),
        )


def apply_global(
    recipe: Recipe,
    state: LatentState,
    directions: editing.Directions,
    factor_directions: Callable[[], object],
) -> LatentState:
    """Apply a recipe's edits of z and of all local latents, in the order that `code` tells.

    Args:
        recipe: what to do.
        state: where to start from.
        directions: principal directions of z.
        factor_directions: returns the `FactorDirections`; called only if factors are to change.
    """
    state = editing.move_style(state, directions, recipe.directions)
    state = editing.move_dimensions(state, dict(recipe.dimensions))
    if any(change for _, change in recipe.factors):
        state = move_factors(state, factor_directions(), dict(recipe.factors))
    state = editing.with_temperature(state, recipe.temperature)
    state = editing.forget_input(state, recipe.forget)
    state = editing.scale_points(state, recipe.width)
    return editing.lift_points(state, recipe.lift)


def apply_local(recipe: Recipe, state: LatentState, reference: Reference) -> LatentState:
    """Apply a recipe's edits of chosen points."""
    for edit in recipe.edits:
        state = edit.apply(state, reference)
    return state


@dataclass(frozen=True)
class History:
    """Recipes that were, that is, and that were taken back.

    Attributes:
        present: the recipe that is shown.
        past: earlier ones, oldest first.
        future: ones that were taken back, the next first.
        key: which control made the present one; its next change does not make another entry, so
            that undo takes back a whole drag.
    """

    present: Recipe
    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()
    key: str = ""

    LIMIT = 200  # a plain class attribute, no field: recipes are small, but drags are many

    def push(self, recipe: Recipe, key: str = "") -> History:
        """Return the history with a new present."""
        if recipe == self.present:
            return self
        if key and key == self.key:
            return replace(self, present=recipe, future=())
        past = (*self.past, self.present)[-self.LIMIT :]
        return History(recipe, past, (), key)

    def undo(self) -> History:
        """Return the history one step back; itself, if there is none."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (self.present, *self.future))

    def redo(self) -> History:
        """Return the history one step forward again; itself, if there is none."""
        if not self.future:
            return self
        return History(self.future[0], (*self.past, self.present), self.future[1:])
