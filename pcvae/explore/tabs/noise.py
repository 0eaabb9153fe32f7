"""Where the noise in h comes from, how many points there are; and z, number by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from pcvae import editing
from pcvae.explore.controls import LIMIT, NARROW, STEP, Group, button, number
from pcvae.explore.settings import MOVE_NUMBERS, Settings
from pcvae.explore.steps import STATE, Step
from pcvae.widgets import slider

MOST_POINTS = 8192
FEWEST_POINTS = 128


class Noise(Group):
    """How h comes about: held or through the prior, by which noise, and how many points.

    Attributes:
        use_prior: whether h follows z.
        seed: of the noise.
        num_points: how many points.
    """

    name = "Noise and number of points"

    def _rows(self) -> list[widgets.Widget]:
        settings, shown = self.session.settings, len(self.session.unedited.input)
        self.use_prior = widgets.Checkbox(
            value=settings.use_prior,
            description="h follows z, by the learned prior p(h | z)",
            tooltip="Off, h stays where the encoder put it, whatever z is.",
            disabled=not self.session.editor.has_prior,
            indent=False,
        )
        tip = "Another number draws other noise for every point."
        self.seed = number("seed of the noise", tip, settings.seed)
        tip = "A fair draw of those that the shape has; beyond them, again with other noise."
        fewest = min(FEWEST_POINTS, shown)
        self.num_points = number("number of points", tip, shown, fewest, MOST_POINTS, step=128)
        self.new = button("New noise", "Takes the next seed.", "random", self._next)
        self.use_prior.observe(self._changing("use_prior"), names="value")
        self.seed.observe(self._changing("seed"), names="value")
        self.num_points.observe(self._changing("num_points"), names="value")
        note = (
            "This model has no learned prior: h stays as encoded."
            if self.use_prior.disabled
            else "Through the prior, <i>forget the input</i> = 1 leaves z and this noise."
        )
        seeds = widgets.HBox([self.seed, self.new])
        return [self.use_prior, widgets.HTML(note), seeds, self.num_points]

    def _changing(self, field: str) -> Callable[[Any], None]:
        return lambda change: self.session.change(key=field, **{field: change["new"]})

    def _next(self) -> None:
        self.seed.value += 1

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        self.use_prior.value, self.seed.value = settings.use_prior, settings.seed

    def drawn(self) -> None:
        """Say how many points there are."""
        with self.session.hold():
            self.num_points.value = len(self.session.unedited.input)


class NumberSliders(Group):
    """A slider on one number of z at a time, whichever is chosen; the others keep their moves."""

    name = "A slider on single numbers of z"

    def _rows(self) -> list[widgets.Widget]:
        size = len(self.session.state.z)
        tip = f"Which of the {size} numbers of z the slider moves."
        self.index = number("number of z", tip, high=size - 1)
        self.amount = slider(
            "move it by",
            -LIMIT,
            LIMIT,
            step=STEP,
            tip="Added to this number of z. Where many carry one property, one moves little.",
            style=NARROW,
        )
        self.list = widgets.HTML()
        self.index.observe(lambda _: self._show(self.session.settings), names="value")
        self.amount.observe(self._change, names="value")
        title = widgets.HTML("<b>z</b>, number by number")
        return [title, self.index, self.amount, self.list]

    def _change(self, change: Any) -> None:
        moves = {**self._moves(self.session.settings), self.index.value: change["new"]}
        moves = {index: by for index, by in sorted(moves.items()) if by}
        edit = Step(editing.move_dimensions, (STATE, moves)) if moves else None
        self.session.edit(MOVE_NUMBERS, edit, f"number {self.index.value}")

    @staticmethod
    def _moves(settings: Settings) -> dict[int, float]:
        """Return by how much settings move numbers of z."""
        edit = settings.edit(MOVE_NUMBERS)
        return {} if edit is None else edit.arguments[1]

    def follow(self, settings: Settings) -> None:
        """Stand at settings."""
        self._show(settings)

    def drawn(self) -> None:
        """List what is moved."""
        moves = ", ".join(
            f"z[{i}] {by:+.2f}" for i, by in self._moves(self.session.settings).items()
        )
        self.list.value = f"Moved: {moves}" if moves else "No number is moved."

    def _show(self, settings: Settings) -> None:
        with self.session.hold():
            self.amount.value = self._moves(settings).get(self.index.value, 0.0)
