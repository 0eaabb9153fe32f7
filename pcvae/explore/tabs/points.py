"""Edits of chosen points: which points, and what is done to their local latents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from pcvae.explore.controls import NARROW, WRAP, Group, button
from pcvae.explore.recipe import AXES, VIEWS, Ball, HalfSpace, Parts, PointEdit, Recipe, Selection
from pcvae.widgets import slider

WAYS = ("parts", "ball", "half-space")
COLUMN = {"width": "50%", "min_width": "380px"}


class LocalEditor(Group):
    """Choose points by part, ball or half-space; move, scale, turn, jitter them, slide the feature.

    Alone: `LocalEditor(model, shapes)`, with the picture above the controls.

    Attributes:
        way: how points are chosen: by "parts", "ball" or "half-space".
        edits: the sliders by name: x, y, z, scale, turn, jitter, feature.
        keep: the button that leaves the edit in place and begins another.
    """

    name = "Edits of chosen points"

    def _rows(self) -> list[widgets.Widget]:
        self._make_selection()
        self._make_edits()
        self._listen()
        self._show_way()
        choosing = (self.way, self.parts, self.view, self.pick, self.center, self.radius)
        plane = (self.axis, self.side, self.bound)
        left = widgets.VBox([*choosing, *plane, self.softness, self.count], layout=COLUMN)
        buttons = widgets.HBox([self.keep, self.clear, self.kept])
        right = widgets.VBox([*self.edits.values(), self.turn_axis, buttons], layout=COLUMN)
        self._list_parts()
        self.drawn()
        return [widgets.HBox([left, right], layout=WRAP)]

    def _make_selection(self) -> None:
        """Make the controls that say which points."""
        style, layout = NARROW, {"width": "98%"}
        self.way = widgets.ToggleButtons(
            options=WAYS,
            value="half-space",
            description="Choose by",
            tooltips=["Parts of the shape", "All points near one", "One side of a plane"],
            style={"description_width": "80px", "button_width": "90px"},
        )
        self.parts = widgets.SelectMultiple(
            description="parts", tooltip="Hold Ctrl to choose several.", style=style, rows=4
        )
        self.view = widgets.Dropdown(
            options=VIEWS,
            description="measured in",
            tooltip="In which of the three clouds of the unedited shape distances are measured.",
            style=style,
        )
        self.pick = widgets.ToggleButton(
            description="Pick the center by a click",
            tooltip="While this is on, a click on a point makes it the center of the ball.",
            icon="crosshairs",
            layout={"width": "98%"},
        )
        self.center = widgets.BoundedIntText(
            description="center: point", tooltip="Number of the point.", style=style
        )
        self.radius = slider("radius", 0.0, 2.0, 0.3, tip="Of the ball.", style=style)
        self.axis = widgets.ToggleButtons(
            options=AXES, value="y", description="along", style={"button_width": "50px"}
        )
        self.side = widgets.ToggleButtons(
            options=(("above", True), ("below", False)),
            description="side",
            style={"button_width": "70px"},
        )
        self.bound = slider("plane at", -2.0, 2.0, 0.0, tip="Where the plane lies.", style=style)
        self.softness = slider(
            "soft edge", 0.0, 1.0, 0.1, tip="Over what distance the edit fades.", style=style
        )
        self.count = widgets.HTML()
        self.parts.layout, self.view.layout, self.center.layout = layout, layout, layout

    def _make_edits(self) -> None:
        """Make the controls that say what is done."""
        moves = "Moves the chosen h_xyz along {}, in model units."
        self.edits = {
            name: slider(f"move {name}", -2.0, 2.0, 0.0, tip=moves.format(name), style=NARROW)
            for name in AXES
        }
        more = {
            "scale": ("scale", "Stretches them about their middle.", 0.0, 3.0, 1.0, 0.05),
            "turn": ("turn (degrees)", "Turns them about their middle.", -180, 180, 0, 1.0),
            "jitter": ("jitter", "Adds noise to them, in model units.", 0.0, 1.0, 0.0, 0.05),
            "feature": ("feature of h", "Added to their feature latent.", -4.0, 4.0, 0.0, 0.05),
        }
        for name, (label, tip, low, high, rest, step) in more.items():
            self.edits[name] = slider(label, low, high, rest, tip=tip, step=step, style=NARROW)
        self.turn_axis = widgets.ToggleButtons(
            options=AXES, value="y", description="turn about", style={"button_width": "50px"}
        )
        self.keep = button(
            "Keep", "Leaves this edit in place; the sliders begin another.", "check", self._keep
        )
        self.clear = button(
            "Remove all", "Takes back all edits of chosen points.", "trash", self._clear
        )
        self.kept = widgets.HTML()

    def _listen(self) -> None:
        selecting = (self.parts, self.view, self.center, self.radius, self.axis, self.side)
        for control in (*selecting, self.bound, self.softness):
            control.observe(self._selected, names="value")
        self.way.observe(self._way_changed, names="value")
        for control in (*self.edits.values(), self.turn_axis):
            control.observe(self._edited, names="value")
        self.pick.observe(self._picking, names="value")
        self.session.view.on_pick(self._picked)

    def _way_changed(self, change: Any) -> None:
        self._show_way()
        self._selected(change)

    def _show_way(self) -> None:
        """Show the controls of this way to choose, and no others."""
        way = self.way.value
        shown = {
            "parts": (self.parts,),
            "ball": (self.view, self.pick, self.center, self.radius),
            "half-space": (self.view, self.axis, self.side, self.bound),
        }
        for control in {part for parts in shown.values() for part in parts}:
            control.layout.display = "" if control in shown[way] else "none"
        if way != "ball":
            self.pick.value = False

    def selection(self) -> Selection:
        """Return which points the controls choose."""
        view, softness = self.view.value, self.softness.value
        if self.way.value == "parts":
            return Parts(tuple(self.parts.value), softness)
        if self.way.value == "ball":
            return Ball(view, self.center.value, self.radius.value, softness)
        axis = AXES.index(self.axis.value)
        return HalfSpace(view, axis, self.bound.value, self.side.value, softness)

    def _draft(self) -> PointEdit:
        """Return the edit that the controls stand at."""
        value = {name: made.value for name, made in self.edits.items()}
        return PointEdit(
            where=self.selection(),
            shift=(value["x"], value["y"], value["z"]),
            factor=value["scale"],
            degrees=value["turn"],
            axis=AXES.index(self.turn_axis.value),
            jitter=value["jitter"],
            feature=value["feature"],
        )

    def _selected(self, change: Any) -> None:
        if not self.session.held:
            self.session.change(key=f"select {id(change['owner'])}", draft=self._draft())
            if self.session.color != "chosen points":
                self.session.show_color("chosen points")

    def _edited(self, change: Any) -> None:
        self.session.change(key=f"edit {id(change['owner'])}", draft=self._draft())

    def _picking(self, change: Any) -> None:
        self.session.view.picking = change["new"]

    def _picked(self, view: int, point: int) -> None:
        """Make the point that was clicked the center of the ball."""
        if not self.pick.value:
            return
        with self.session.hold():
            self.view.value, self.center.value = VIEWS[view], point
        self._selected({"owner": self.center})

    def _keep(self) -> None:
        recipe = self.session.recipe
        if recipe.draft.rests:
            return
        draft = PointEdit(where=recipe.draft.where, axis=recipe.draft.axis)
        self.session.restore(replace(recipe, kept=recipe.edits, draft=draft))

    def _clear(self) -> None:
        recipe = self.session.recipe
        draft = PointEdit(where=recipe.draft.where, axis=recipe.draft.axis)
        self.session.restore(replace(recipe, kept=(), draft=draft))

    def follow(self, recipe: Recipe) -> None:
        """Stand at a recipe."""
        draft = recipe.draft
        for name, value in zip(AXES, draft.shift, strict=True):
            self.edits[name].value = value
        self.edits["scale"].value, self.edits["turn"].value = draft.factor, draft.degrees
        self.edits["jitter"].value, self.edits["feature"].value = draft.jitter, draft.feature
        self.turn_axis.value = AXES[draft.axis]
        self._follow_selection(draft.where)

    def _follow_selection(self, where: Selection) -> None:
        self.softness.value = where.softness
        if isinstance(where, Parts):
            self.way.value, self.parts.value = "parts", where.labels
        elif isinstance(where, Ball):
            self.way.value, self.view.value = "ball", where.view
            self.center.value, self.radius.value = where.center, where.radius
        else:
            self.way.value, self.view.value = "half-space", where.view
            self.axis.value, self.side.value = AXES[where.axis], where.above
            self.bound.value = where.bound

    def drawn(self) -> None:
        """Say how many points are chosen, and what was kept."""
        self._list_parts()
        reference, kept = self.session.reference, len(self.session.recipe.kept)
        where = self.session.recipe.draft.where
        if isinstance(where, Parts) and reference.labels is None:
            self.count.value = "The parts of this shape are not known: choose another way."
        else:
            weight = where.weight(reference)
            self.count.value = (
                f"<b>{int((weight > 0).sum())}</b> of {len(weight)} points are chosen, "
                f"{int((weight == 1).sum())} of them fully."
            )
        self.kept.value = f"{kept} kept" if kept else ""

    def _list_parts(self) -> None:
        """List the parts that the shape has."""
        reference = self.session.reference
        names = self.session.workshop.library[self.session.recipe.shape].part_names
        present = [] if reference.labels is None else sorted(set(reference.labels.tolist()))
        options = [(names[label] if names else f"part {label}", label) for label in present]
        self.center.max = len(reference.input) - 1
        if list(self.parts.options) != options:
            with self.session.hold():
                chosen = [label for label in self.parts.value if label in present]
                self.parts.options, self.parts.value = options, chosen
