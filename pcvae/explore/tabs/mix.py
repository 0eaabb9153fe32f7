"""Two shapes: the z of one with the h of the other, and the ways between them."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from pcvae import editing
from pcvae.explore.controls import NARROW, Group, dropdown
from pcvae.explore.settings import MIX, Settings
from pcvae.explore.steps import MODEL, ORDER, OTHER, STATE, Step
from pcvae.widgets import slider

# What is taken, how it is called, and what is said of it.
MIXES = {
    "nothing": ("nothing", "The shape as it is."),
    "swap z": ("all of z", "The swap test: its own h with the other's z."),
    "swap h": ("all of h", "The other half of it: its own z with the other's h."),
    "z": ("a part of z", "z on the straight line to the other's."),
    "h": ("a part of h", "h on the straight line to the other's, points paired by their places."),
    "both": ("a part of both", "Both on straight lines."),
    "noise": (
        "a part of the noise",
        "Both on the circle in the noise that the learned prior makes them from.",
    ),
}
SWAPS = {
    "swap z": Step(editing.with_style_of, (STATE, OTHER)),
    "swap h": Step(editing.with_points_of, (STATE, OTHER)),
}


def mixed(what: str, amount: float) -> Step | None:
    """Return the step that takes something from another shape, one of `MIXES`."""
    if what == "nothing":
        return None
    between = (MODEL, STATE, OTHER, amount, what, ORDER)
    return SWAPS.get(what, Step(editing.interpolate, between))


def mix_of(settings: Settings) -> tuple[str, float]:
    """Return what settings take from another shape, and how much of it."""
    edit = settings.edit(MIX)
    if edit is None:
        return "nothing", 0.0
    if edit.function is editing.interpolate:
        return edit.arguments[4], edit.arguments[3]
    return next(what for what, swap in SWAPS.items() if swap.function is edit.function), 0.0


class Mix(Group):
    """Take z or h, or a part of them, from another shape.

    Alone: `Mix(model, shapes)`, with the picture above the controls.

    Attributes:
        other: the list of shapes to take from.
        what: what is taken.
        amount: how much of it.
    """

    name = "Swaps and interpolations"

    def _rows(self) -> list[widgets.Widget]:
        self.other = dropdown("Take from", "The shape that gives.")
        prior = self.session.editor.has_prior
        offered = {what: label for what, (label, _) in MIXES.items() if prior or what != "noise"}
        self.what = widgets.RadioButtons(
            options=[(label, what) for what, label in offered.items()],
            description="what",
            tooltip=" ".join(f"{label}: {tip}" for label, tip in MIXES.values()),
            style=NARROW,
            layout={"width": "460px"},
        )
        self.amount = slider(
            "how much of it", 0.0, 1.0, 0.0, tip="0: none. 1: all of it.", style=NARROW
        )
        self.note = widgets.HTML()
        for control in (self.other, self.what, self.amount):
            control.observe(self._change, names="value")
        return [self.other, self.what, self.amount, self.note]

    def _change(self, change: Any) -> None:
        self._explain()
        edit = mixed(self.what.value, self.amount.value)
        settings = self.session.settings.with_edit(MIX, edit)
        key = "amount" if change["owner"] is self.amount else ""
        self.session.change(key, edits=settings.edits, other=self.other.value)

    def _explain(self) -> None:
        """Say what is done, and gray out what has no effect."""
        self.amount.disabled = self.what.value in ("nothing", *SWAPS)
        self.note.value = MIXES[self.what.value][1]

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        names = self.session.editor.shapes.names()
        if len(self.other.options) != len(names):
            self.other.options = list(zip(names, range(len(names)), strict=True))
        self.other.value = settings.other
        self.what.value, self.amount.value = mix_of(settings)
        self._explain()
