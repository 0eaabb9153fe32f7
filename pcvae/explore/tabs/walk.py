"""Walks: one of the edits goes from end to end, and the picture with it."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from pcvae.explore.controls import LIMIT, NARROW, STEP, Group, button, dropdown, number
from pcvae.explore.settings import MIX, MOVE_STYLE, Settings
from pcvae.explore.tabs.mix import mix_of, mixed
from pcvae.explore.tabs.sliders import move_style, style_amounts

PACE = 120  # milliseconds a frame
BETWEEN = "from this shape to the other (see Mix)"


class Walk(Group):
    """Play a walk, with a progress bar and a stop button.

    The page keeps the time: it asks for the next frame when the last one was drawn.

    Attributes:
        way: what goes from end to end.
        count: how many frames.
        play, stop: buttons.
        clock: the invisible widget that counts frames; set its `value` to go to one.
        progress: the bar.
    """

    name = "A walk"

    def _rows(self) -> list[widgets.Widget]:
        directions = len(self.session.editor.directions)
        ways = [(f"along direction {i + 1}, from -3 to 3", i) for i in range(directions)]
        self.way = dropdown("walk", "What goes from end to end.", [*ways, (BETWEEN, -1)])
        self.count = number("frames", "How many.", 31, low=2, high=101)
        self.clock = widgets.Play(value=0, max=30, interval=PACE, layout={"display": "none"})
        self.progress = widgets.IntProgress(
            max=30, description="progress", style=NARROW, layout={"width": "460px"}
        )
        self.play = button("Play", "Walks from end to end.", "play", self._play)
        self.stop = button("Stop", "Stays where the walk is.", "stop", self._stop)
        self.count.observe(self._counted, names="value")
        self.clock.observe(self._tick, names="value")
        self.clock.observe(self._playing, names="playing")
        self.stop.disabled = True
        buttons = widgets.HBox([self.play, self.stop, self.clock])
        return [self.way, self.count, buttons, self.progress]

    def _at(self, place: float) -> Settings:
        """Return the settings at a place from 0 to 1; all else is as it is shown now."""
        settings = self.session.settings
        if self.way.value < 0:
            what, _ = mix_of(settings)
            what = what if what in ("z", "h", "both", "noise") else "both"
            return settings.with_edit(MIX, mixed(what, round(place, 2)))
        amounts = list(style_amounts(settings, len(self.session.editor.directions)))
        # Where the slider can stand: the page would round it, and report that as a change.
        amounts[self.way.value] = round(LIMIT * (2 * place - 1) / STEP) * STEP
        return settings.with_edit(MOVE_STYLE, move_style(tuple(amounts)))

    def _play(self) -> None:
        if self.clock.value >= self.clock.max:
            self.clock.value = 0
        self._tick({"new": self.clock.value})
        self.clock.playing = True

    def _stop(self) -> None:
        self.clock.playing = False

    def _playing(self, change: Any) -> None:
        self.play.disabled, self.stop.disabled = change["new"], not change["new"]

    def _counted(self, change: Any) -> None:
        self._stop()
        self.clock.max = self.progress.max = change["new"] - 1

    def _tick(self, change: Any) -> None:
        self.progress.value = change["new"]
        self.session.restore(self._at(change["new"] / self.clock.max), key="walk")
        if change["new"] >= self.clock.max:
            self._stop()
