"""A small widget for the chapters: a picture, controls beside it, and a line of numbers below."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

WIDE, NARROW = {"description_width": "150px"}, {"description_width": "60px"}
COLUMN = "400px"  # of controls beside a picture, which has the rest of the window


class Bench(widgets.Box):
    """Call a function with the values of all controls, now and whenever one of them changes.

    Args:
        picture: what the function draws into, such as `SingleView().widget`.
        controls: the widgets beside it, by the name of the argument that each one's value is for.
        update: called with all values by name. It draws, and returns a line of text (or HTML) that
            is shown below the controls. If it raises after the first time, the line names the
            error, and the picture stays as it was.
        name: what the widget is, for those who read the notebook without a kernel.
        below: put a few controls with short names below a wide picture, instead of beside it.

    Attributes:
        controls: as given.
        readout: the line.
    """

    def __init__(
        self,
        picture: widgets.Widget,
        controls: Mapping[str, widgets.Widget],
        update: Callable[..., str],
        name: str,
        below: bool = False,
    ) -> None:
        self.controls, self._update, self._name = dict(controls), update, name
        # The picture must have something to show before it becomes part of another widget.
        self.readout = widgets.HTML(self._drawn())
        for control in self.controls.values():
            control.style = NARROW if below else WIDE
            control.layout.width = f"{96 // len(self.controls)}%" if below else "98%"
            control.observe(self._changed, names="value")
        arrange = self._below if below else self._beside
        super().__init__(arrange(picture), layout={"flex_flow": "column" if below else "row"})

    def _beside(self, picture: widgets.Widget) -> list[widgets.Widget]:
        """Return the picture, and a column of controls."""
        column = {"width": COLUMN, "min_width": COLUMN}
        # A VBox stretches what is in it, so the figure is as wide as the column and no wider.
        left = widgets.VBox([picture], layout={"width": f"calc(100% - {COLUMN})"})
        return [left, widgets.VBox([*self.controls.values(), self.readout], layout=column)]

    def _below(self, picture: widgets.Widget) -> list[widgets.Widget]:
        """Return the picture, a row of controls, and the line."""
        return [picture, widgets.HBox([*self.controls.values()]), self.readout]

    def __repr__(self) -> str:
        """Say what a reader without a kernel does not see."""
        return f"{self._name}: run this cell in JupyterLab to see it."

    def _drawn(self) -> str:
        """Draw what the controls stand at, and return the line of text."""
        return self._update(**{name: control.value for name, control in self.controls.items()})

    def _changed(self, _change: Any = None) -> None:
        """Draw again, and say so if that fails."""
        try:
            text = self._drawn()
        except Exception as error:  # whatever it is, a callback's traceback is seen by nobody
            text = f'<b role="alert">{html.escape(f"{type(error).__name__}: {error}")}</b>'
        self.readout.value = text


def slider(
    label: str,
    low: float | int,
    high: float | int,
    value: float | int | None = None,
    **options: Any,
) -> widgets.FloatSlider:
    """Return a slider that reports while it is dragged; it begins in the middle.

    Args:
        label: what stands beside it.
        low: its lower end.
        high: its upper end.
        value: where it begins.
        **options: of ipywidgets' FloatSlider, such as `step` and `readout_format`.
    """
    start = (low + high) / 2 if value is None else value
    options = {"step": (high - low) / 100, "readout_format": ".1f", **options}
    return widgets.FloatSlider(value=start, min=low, max=high, description=label, **options)
