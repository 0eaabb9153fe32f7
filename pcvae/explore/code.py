"""A recipe as Python: what a reader can paste into a cell to get the same cloud."""

from __future__ import annotations

from dataclasses import replace

from pcvae.explore.library import Shape
from pcvae.explore.recipe import Recipe
from pcvae.explore.workshop import SAMPLED, Workshop


def code_of(workshop: Workshop, recipe: Recipe, reference_name: str = "shapes") -> str:
    """Return Python that makes the cloud of a recipe anew, in the variable `cloud`.

    Args:
        workshop: with the shapes that the recipe speaks of.
        recipe: what to make.
        reference_name: what the set is called in the code that directions are found with.
    """
    shape, other = workshop.library[recipe.shape], workshop.library[recipe.other]
    shapes = [shape] if recipe.mix == "nothing" else [shape, other]
    edits = _points_edits(recipe)
    imports = {line for one in shapes for line in one.imports.splitlines()}
    lines = ["import numpy as np", *sorted(imports), "from pcvae import editing"]
    style = _style(workshop, recipe, reference_name)
    if style:
        lines.append("from pcvae.explore.workshop import directions_of, factors_from")
        lines.append("from pcvae.editing.factors import move_factors")
    lines += ["", "# `model` and `shapes` are those that explore(model, shapes) was called with."]
    lines += _encoded("points", "state", shape, recipe)
    if edits:
        if shape.labels is not None:
            lines.append(_taken("labels", shape.label_code, len(shape.points), recipe.num_points))
        lines.append(
            "latents, decoded = editing.latent_points(state), editing.decode(model, state)"
        )
    lines += _mix(workshop, recipe, other) + style + _all_points(recipe) + edits
    return "\n".join([*lines, "cloud = editing.decode(model, state)"]) + "\n"


def _encoded(points: str, state: str, shape: Shape, recipe: Recipe) -> list[str]:
    """Return lines that make the points and the latents of a shape."""
    if shape.points is not None:
        return [
            _taken(points, shape.code, len(shape.points), recipe.num_points),
            f"{state} = editing.encode(model, {points}, {recipe.seed}, {recipe.use_prior})",
        ]
    lines = [f"{state} = editing.from_prior(model, {recipe.num_points or SAMPLED}, {shape.seed})"]
    if recipe.seed:
        lines.append(f"{state} = editing.with_noise({state}, {recipe.seed})")
    if not recipe.use_prior:
        lines.append(f"{state} = editing.hold({state})")
    return [*lines, f"{points} = editing.decode(model, {state})"]


def _taken(name: str, expression: str, available: int, wanted: int | None) -> str:
    """Return a line that takes some points."""
    if wanted in (None, available):
        return f"{name} = {expression}"
    rows = f":{wanted}" if wanted < available else f"np.arange({wanted}) % {available}"
    return f"{name} = {expression}[{rows}]"


def _mix(workshop: Workshop, recipe: Recipe, other: Shape) -> list[str]:
    """Return lines that take something from another shape."""
    if recipe.mix == "nothing":
        return []
    count = len(workshop.reference(recipe).input)
    lines = _encoded("others", "other", other, replace(recipe, num_points=count))
    swaps = {"swap z": "with_style_of", "swap h": "with_points_of"}
    if recipe.mix in swaps:
        return [*lines, f"state = editing.{swaps[recipe.mix]}(state, other)"]
    how = f"{recipe.amount!r}, {recipe.mix!r}"
    return [
        *lines,
        "order = editing.match_points(points, others)",
        f"state = editing.interpolate(model, state, other, {how}, order)",
    ]


def _style(workshop: Workshop, recipe: Recipe, name: str) -> list[str]:
    """Return lines that move z."""
    lines = []
    if any(recipe.directions):
        count, points = len(workshop.directions), workshop.direction_points
        lines.append(f"directions = directions_of(model, {name}, {count}, {points})")
        lines.append(f"state = editing.move_style(state, directions, {list(recipe.directions)})")
    if recipe.dimensions:
        lines.append(f"state = editing.move_dimensions(state, {dict(recipe.dimensions)})")
    if any(change for _, change in recipe.factors):
        family = workshop.family_of(recipe)
        lines.append(f"factors = factors_from(model, {name}, {family!r})")
        lines.append(f"state = move_factors(state, factors, {dict(recipe.factors)})")
    return lines


def _all_points(recipe: Recipe) -> list[str]:
    """Return lines that edit all local latents."""
    calls = {
        f"with_temperature(state, {recipe.temperature!r})": recipe.temperature != 1,
        f"forget_input(state, {recipe.forget!r})": recipe.forget != 0,
        f"scale_points(state, {recipe.width!r})": recipe.width != 1,
        f"lift_points(state, {recipe.lift!r})": recipe.lift != 0,
    }
    return [f"state = editing.{call}" for call, wanted in calls.items() if wanted]


def _points_edits(recipe: Recipe) -> list[str]:
    """Return lines that edit chosen points."""
    return [line for edit in recipe.edits for line in edit.code()]
