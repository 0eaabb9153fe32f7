"""Edits of chosen points: which points, and what is done to their local latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from pcvae import editing
from pcvae.explore.controls import NARROW, VALUE, WRAP, Group, SliderEdit, button, dropdown, number
from pcvae.explore.settings import ChosenPoints, Settings, edit_at, with_edit
from pcvae.explore.steps import DECODED, LABELS, LATENTS, POINTS, STATE, WEIGHT, Step
from pcvae.widgets import slider

CLOUDS = {"input": POINTS, "latent": LATENTS, "decoded": DECODED}  # by the names of the views
AXES = ("x", "y", "z")
COLUMN = {"width": "50%", "min_width": "min(380px, 100%)"}


def _move(axis: str, shift: tuple[Any, ...]) -> SliderEdit:
    tip = f"Moves the chosen h_xyz along {axis}, in model units."
    step = Step(editing.move, (STATE, WEIGHT, shift))
    return SliderEdit(f"move {axis}", tip, (-2.0, 2.0, 0.0), step)


# In this order they are applied.
EDITS = {
    "scale": SliderEdit(
        "scale",
        "Stretches them about their middle.",
        (0.0, 3.0, 1.0),
        Step(editing.stretch, (STATE, WEIGHT, (VALUE, VALUE, VALUE))),
    ),
    "turn": SliderEdit(
        "turn (degrees)",
        "Turns them about their middle.",
        (-180.0, 180.0, 0.0),
        Step(editing.turn, (STATE, WEIGHT, VALUE, 1)),
        step=1.0,
    ),
    "x": _move("x", (VALUE, 0.0, 0.0)),
    "y": _move("y", (0.0, VALUE, 0.0)),
    "z": _move("z", (0.0, 0.0, VALUE)),
    "jitter": SliderEdit(
        "jitter",
        "Adds noise to them, in model units.",
        (0.0, 1.0, 0.0),
        Step(editing.jitter, (STATE, WEIGHT, VALUE)),
    ),
    "feature": SliderEdit(
        "feature of h",
        "Added to their feature latent.",
        (-4.0, 4.0, 0.0),
        Step(editing.slide_feature, (STATE, WEIGHT, VALUE)),
    ),
}


def _toggles(label: str, options: tuple[Any, ...], value: Any) -> widgets.ToggleButtons:
    style = {"button_width": "60px"}
    return widgets.ToggleButtons(options=options, value=value, description=label, style=style)


class EditsOfChosenPoints(Group):
    """Choose points by part, ball or half-space; move, scale, turn, jitter them, slide the feature.

    Alone: `EditsOfChosenPoints(model, shapes)`, with the picture above the controls.

    Attributes:
        way: how points are chosen: by "parts", "ball" or "half-space".
        sliders: by the names of `EDITS`.
        keep: the button that leaves the edits in place and begins others.
    """

    name = "Edits of chosen points"

    def _rows(self) -> list[widgets.Widget]:
        self._make_choice()
        self._make_sliders()
        self._listen()
        choosing = (self.way, self.parts, self.view, self.pick, self.center, self.radius)
        plane = (self.axis, self.side, self.bound)
        left = widgets.VBox([*choosing, *plane, self.softness, self.count], layout=COLUMN)
        buttons = widgets.HBox([self.keep, self.clear, self.kept])
        right = widgets.VBox([*self.sliders.values(), self.turn_axis, buttons], layout=COLUMN)
        return [widgets.HBox([left, right], layout=WRAP)]

    def _make_choice(self) -> None:
        """Make the controls that say which points."""
        style, layout = NARROW, {"width": "98%"}
        self.way = widgets.ToggleButtons(
            options=("parts", "ball", "half-space"),
            value="half-space",
            description="Choose by",
            tooltips=["Parts of the shape", "All points near one", "One side of a plane"],
            style={"description_width": "80px", "button_width": "90px"},
        )
        self.parts = widgets.SelectMultiple(
            description="parts", tooltip="Hold Ctrl to choose several.", style=style, rows=4
        )
        tip = "In which of the three clouds of the unedited shape distances are measured."
        self.view = dropdown("measured in", tip, list(CLOUDS), "98%")
        self.pick = widgets.ToggleButton(
            description="Pick the center by a click",
            tooltip="While this is on, a click on a point makes it the center of the ball.",
            icon="crosshairs",
            layout={"width": "98%"},
        )
        self.center = number("center: point", "Number of the point.")
        self.radius = slider("radius", 0.0, 2.0, 0.3, tip="Of the ball.", style=style)
        self.axis = _toggles("along", AXES, "y")
        self.side = _toggles("side", (("above", True), ("below", False)), True)
        self.bound = slider("plane at", -2.0, 2.0, 0.0, tip="Where the plane lies.", style=style)
        self.softness = slider(
            "soft edge", 0.0, 1.0, 0.1, tip="Over what distance the edit fades.", style=style
        )
        self.count = widgets.HTML()
        self.parts.layout = self.center.layout = layout

    def _make_sliders(self) -> None:
        """Make the controls that say what is done."""
        self.sliders = {name: edit.slider(style=NARROW) for name, edit in EDITS.items()}
        self.turn_axis = _toggles("turn about", AXES, "y")
        tip = "Leaves these edits in place; the sliders begin others."
        self.keep = button("Keep", tip, "check", self._keep)
        tip = "Takes back all edits of chosen points."
        self.clear = button("Remove all", tip, "trash", self._clear)
        self.kept = widgets.HTML()

    def _listen(self) -> None:
        choosing = (self.parts, self.view, self.center, self.radius, self.axis, self.side)
        for control in (*choosing, self.bound, self.softness, self.way):
            control.observe(self._chosen, names="value")
        for name, made in self.sliders.items():
            made.observe(self._editing(name), names="value")
        self.turn_axis.observe(self._editing("turn"), names="value")
        self.pick.observe(self._picking, names="value")
        self.session.view.on_pick(self._picked)

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

    def where(self) -> Step:
        """Return the step that chooses what the controls choose."""
        cloud, softness = CLOUDS[self.view.value], self.softness.value
        if self.way.value == "parts":
            parts = (POINTS, LABELS, tuple(self.parts.value), softness)
            return Step(editing.select_parts, parts, "weight")
        if self.way.value == "ball":
            ball = (cloud, self.center.value, self.radius.value, softness)
            return Step(editing.select_ball, ball, "weight")
        axis = AXES.index(self.axis.value)
        plane = (cloud, axis, self.bound.value, self.side.value, softness)
        return Step(editing.select_half_space, plane, "weight")

    def _chosen(self, change: Any) -> None:
        """Choose other points for the edits that are being made."""
        self._show_way()
        if not self.session.held:
            draft = replace(self.session.settings.draft, where=self.where())
            self.session.change(f"choose {id(change['owner'])}", draft=draft)
            if self.session.color != "chosen points":
                self.session.show_color("chosen points")

    def _edit(self, name: str) -> SliderEdit:
        """Return an edit; that of turns is about the axis chosen."""
        if name != "turn":
            return EDITS[name]
        axis = AXES.index(self.turn_axis.value)
        return replace(EDITS[name], edit=Step(editing.turn, (STATE, WEIGHT, VALUE, axis)))

    def _editing(self, name: str) -> Callable[[Any], None]:
        place = list(EDITS).index(name)

        def change(_: Any) -> None:
            draft, edit = self.session.settings.draft, self._edit(name).at(self.sliders[name].value)
            edits = with_edit(draft.edits, place, edit)
            self.session.change(f"chosen {name}", draft=replace(draft, edits=edits))

        return change

    def _picking(self, change: Any) -> None:
        self.session.view.picking = change["new"]

    def _picked(self, view: int, point: int) -> None:
        """Make the point that was clicked the center of the ball."""
        if not self.pick.value:
            return
        with self.session.hold():
            self.view.value, self.center.value = list(CLOUDS)[view], point
        self._chosen({"owner": self.center})

    def _keep(self) -> None:
        settings = self.session.settings
        if settings.draft.edits:
            draft = ChosenPoints(settings.draft.where)
            kept = (*settings.kept, settings.draft)
            self.session.restore(replace(settings, kept=kept, draft=draft))

    def _clear(self) -> None:
        settings = self.session.settings
        draft = ChosenPoints(settings.draft.where)
        self.session.restore(replace(settings, kept=(), draft=draft))

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        self._list_parts()
        draft = settings.draft
        turned = edit_at(draft.edits, list(EDITS).index("turn"))
        if turned is not None:
            self.turn_axis.value = AXES[turned.arguments[3]]
        for place, (name, made) in enumerate(self.sliders.items()):
            made.value = self._edit(name).value_of(edit_at(draft.edits, place))
        self._follow_choice(draft.where)
        self._show_way()

    def _follow_choice(self, where: Step) -> None:
        self.softness.value = where.arguments[-1]
        if where.function is editing.select_parts:
            self.way.value, self.parts.value = "parts", where.arguments[2]
            return
        cloud, *chosen, _ = where.arguments
        self.view.value = next(name for name, known in CLOUDS.items() if known == cloud)
        if where.function is editing.select_ball:
            self.way.value, (self.center.value, self.radius.value) = "ball", chosen
        else:
            axis, self.bound.value, self.side.value = chosen
            self.way.value, self.axis.value = "half-space", AXES[axis]

    def drawn(self) -> None:
        """Say how many points are chosen, and what was kept."""
        self._list_parts()
        weight, kept = self.session.chosen(self.session.unedited), len(self.session.settings.kept)
        if weight is None:
            self.count.value = "The parts of this shape are not known: choose another way."
        else:
            self.count.value = (
                f"<b>{int((weight > 0).sum())}</b> of {len(weight)} points are chosen, "
                f"{int((weight == 1).sum())} of them fully."
            )
        self.kept.value = f"{kept} kept" if kept else ""

    def _list_parts(self) -> None:
        """List the parts that the shape has."""
        unedited = self.session.unedited
        names = self.session.editor.shapes[self.session.settings.shape].part_names
        present = [] if unedited.labels is None else sorted(set(unedited.labels.tolist()))
        options = [(names[label] if names else f"part {label}", label) for label in present]
        with self.session.hold():
            self.center.max = len(unedited.input) - 1
            if list(self.parts.options) != options:
                chosen = [label for label in self.parts.value if label in present]
                self.parts.options, self.parts.value = options, chosen
