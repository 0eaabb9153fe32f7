"""A small widget for the chapters: a picture, controls beside or below it, a line of numbers."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from pcvae.widgets.page import OnPage, PageHelper
from pcvae.widgets.panel import Panel

WIDE = {"description_width": "min(180px, 50%)"}  # of a slider's label
# A picture grows a hundred times as fast as the controls beside it. Where less than both minimal
# widths is left, they go below it.
PICTURE = {"flex": "100 1 420px", "min_width": "min(420px, 100%)"}
CONTROLS = {"flex": "1 1 380px", "min_width": "min(300px, 100%)"}
WHOLE = {"flex": "1 1 100%"}
SHARE = {"flex": "1 1 260px", "min_width": "min(260px, 100%)"}  # of pictures side by side
CONTROL = {"flex": "1 1 300px", "width": "auto", "margin": "2px 8px 2px 2px"}
WRAP = {"flex_flow": "row wrap", "align_content": "flex-start"}
INTERRUPTED = "Interrupted: the picture may show other values. Move a slider to draw."


class Bench(OnPage, Panel, widgets.Box):
    """Call a function with the values of all controls, now and whenever one of them changes.

    Args:
        picture: what the function draws into: a view, a `Figure` or another widget, or several of
            them, which stand side by side where there is room. Views and figures are dark where
            the page is.
        controls: the widgets beside it, by the name of the argument that each one's value is for.
        update: called with all values by name. It draws, and returns a line of text (or HTML) that
            is shown below the controls. If it raises after the first time, or is interrupted, the
            line says so, and the picture stays as it was.
        name: what the widget is, for those who read the notebook without a kernel.
        below: whether the picture has the whole width to itself, with the controls below it. Else
            they are beside it where the window is wide enough.

    Attributes:
        controls: as given.
        readout: the line.
        name, pictures: as given.
    """

    def __init__(
        self,
        picture: Any,
        controls: Mapping[str, widgets.Widget],
        update: Callable[..., str],
        name: str,
        below: bool = False,
    ) -> None:
        self.controls, self._update, self.name = dict(controls), update, name
        # The picture must have something to show before it becomes part of another widget.
        self.readout = widgets.HTML(self._drawn())
        self.readout.layout = WHOLE
        for control in self.controls.values():
            control.style.description_width = "initial" if below else "min(150px, 40%)"
            control.layout = CONTROL
            control.observe(self._changed, names="value")
        self.pictures = picture if isinstance(picture, Sequence) else [picture]
        left = _side_by_side([getattr(one, "widget", one) for one in self.pictures])
        left.layout = WHOLE if below else PICTURE
        right = widgets.Box([*self.controls.values(), self.readout])
        right.layout = {**WRAP, **(WHOLE if below else CONTROLS)}
        super().__init__([left, right, PageHelper(self)], layout=WRAP)

    def _darken(self, dark: bool) -> None:
        """Draw the pictures anew."""
        for picture in self.pictures:
            if hasattr(picture, "dark"):
                picture.dark = dark

    def _drawn(self) -> str:
        """Draw what the controls stand at, and return the line of text."""
        return self._update(**{name: control.value for name, control in self.controls.items()})

    def _changed(self, _change: Any = None) -> None:
        """Draw again, and say so if that fails."""
        try:
            text = self._drawn()
        except KeyboardInterrupt:  # no line of numbers is true any more
            self.readout.value = _alert(INTERRUPTED)
            raise  # it may be meant for a cell that moves the slider
        except Exception as error:  # whatever it is, a callback's traceback is seen by nobody
            text = _alert(f"{type(error).__name__}: {error}")
        self.readout.value = text


def _side_by_side(pictures: Sequence[widgets.Widget]) -> widgets.Widget:
    """Return a box of pictures. A VBox stretches what is in it, so each is as wide as its place."""
    if len(pictures) == 1:
        return widgets.VBox(pictures)
    row = widgets.Box([widgets.VBox([picture], layout=SHARE) for picture in pictures], layout=WRAP)
    return widgets.VBox([row])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as HTML, for the line of a bench.

    Args:
        head: what stands above the columns.
        rows: the cells of each row, as HTML.
    """
    lines = ["".join(f'<th scope="col">{cell}</th>' for cell in head)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _alert(text: str) -> str:
    """Return a line of HTML that a screen reader reads at once."""
    return f'<b role="alert">{html.escape(text)}</b>'


def slider(
    label: str,
    low: float | int,
    high: float | int,
    value: float | int | None = None,
    *,
    tip: str = "",
    step: float | int | None = None,
    style: dict[str, str] = WIDE,
    **options: Any,
) -> widgets.FloatSlider:
    """Return a slider that reports while it is dragged.

    Args:
        label: what stands beside it.
        low: its lower end.
        high: its upper end.
        value: where it begins; in the middle by default.
        tip: what is said where the mouse rests.
        step: a hundredth of the way by default. The number shown has as many digits.
        style: of ipywidgets, such as the width of the label.
        **options: of ipywidgets' FloatSlider, such as `readout_format`.
    """
    step = (high - low) / 100 if step is None else step
    digits = max(0, math.ceil(-math.log10(step)))
    return widgets.FloatSlider(
        value=(low + high) / 2 if value is None else value,
        min=low,
        max=high,
        step=step,
        description=label,
        tooltip=tip,
        style=style,
        **{"readout_format": f".{digits}f", "layout": {"width": "98%"}, **options},
    )
