"""The same picture as `view`, drawn by a few lines of WebGL instead of plotly.

It does less (no menu, no download), and an edit is on the screen several times sooner: coordinates
travel as the bytes they are, and nothing else is touched. For a panel whose sliders are dragged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float

from pcvae.widgets.coloring import Coloring, by_height, coloring_of
from pcvae.widgets.view import DECODED, HEIGHT, INPUT, LATENT, REACH, TITLES

SCRIPT = Path(__file__).with_name("clouds.js")


class Canvas(anywidget.AnyWidget):
    """What the page draws: up to three clouds, and their colors.

    Attributes:
        titles, reaches: of each cloud; half the edge of the cube it is drawn in.
        height: in pixels.
        label: what a screen reader says.
        cloud0, cloud1, cloud2: float32 coordinates, point by point.
        rgb: three bytes for each point.
        picking: whether clicks on points are reported.
        dark: whether the page is dark.
    """

    _esm = SCRIPT
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    reaches = traitlets.List(traitlets.Float()).tag(sync=True)
    height = traitlets.Int(HEIGHT).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    cloud0 = traitlets.Bytes(b"").tag(sync=True)
    cloud1 = traitlets.Bytes(b"").tag(sync=True)
    cloud2 = traitlets.Bytes(b"").tag(sync=True)
    rgb = traitlets.Bytes(b"").tag(sync=True)
    picking = traitlets.Bool(False).tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)


class _WebGLClouds:
    """What views of one and of three clouds share."""

    def __init__(self, titles: Sequence[str], reaches: Sequence[float], height: int) -> None:
        self.widget = Canvas(titles=list(titles), reaches=list(reaches), height=height)
        self._coloring: Coloring | None = None

    @property
    def picking(self) -> bool:
        """Whether clicks on points are reported."""
        return self.widget.picking

    @picking.setter
    def picking(self, on: bool) -> None:
        self.widget.picking = on

    @property
    def dark(self) -> bool:
        """Whether the view is drawn for a dark page."""
        return self.widget.dark

    @dark.setter
    def dark(self, dark: bool) -> None:
        with self.widget.hold_sync():
            self.widget.dark = dark
            if self._coloring is not None:
                self._paint(self._coloring)

    def coordinates(self, which: int = 0) -> Float[np.ndarray, "N 3"]:
        """Return what one of the views shows."""
        raw = getattr(self.widget, f"cloud{which}")
        return np.frombuffer(raw, dtype="<f4").reshape(-1, 3).copy()

    def recolor(self, coloring: Coloring) -> None:
        """Give the points other colors; they and the camera stay where they are."""
        self._paint(coloring)

    def on_pick(self, callback: Callable[[int, int], None]) -> None:
        """Call `callback(view, point)` when a point is clicked, while `picking` is on."""

        def hear(_widget: Any, content: Any, _buffers: Any) -> None:
            if self.widget.picking and isinstance(content, dict) and "point" in content:
                callback(int(content["view"]), int(content["point"]))

        self.widget.on_msg(hear)

    def _place(self, which: int, points: Float[np.ndarray, "N 3"]) -> None:
        """Set the coordinates of one view."""
        raw = np.ascontiguousarray(points, dtype="<f4").tobytes()
        setattr(self.widget, f"cloud{which}", raw)

    def _paint(self, coloring: Coloring) -> None:
        """Set the colors of all views."""
        self._coloring = coloring
        self.widget.rgb = (coloring.on_dark() if self.dark else coloring).rgb().tobytes()


class WebGLView(_WebGLClouds):
    """Three 3D views side by side that turn together; used like `CloudView`.

    Args:
        reach: half the edge of the cube that input and decoded cloud are drawn in, in data units.
        latent_reach: the same for h_xyz, in model units.

    Attributes:
        widget: what to display.
    """

    def __init__(self, reach: float = REACH, latent_reach: float = 3.5) -> None:
        super().__init__(TITLES, (reach, latent_reach, reach), HEIGHT)

    def show(
        self,
        input_points: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"],
        decoded: Float[np.ndarray, "N 3"],
        coloring: Coloring | None = None,
    ) -> None:
        """Draw another shape: coordinates of all three views, and colors."""
        with self.widget.hold_sync():
            self._place(INPUT, input_points)
            self._place(LATENT, latent)
            self._place(DECODED, decoded)
            self._paint(coloring or by_height(input_points))
            names = ", ".join(TITLES)
            self.widget.label = f"Three clouds of {len(decoded)} points side by side: {names}."

    def move(
        self,
        decoded: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"] | None = None,
        coloring: Coloring | None = None,
    ) -> None:
        """Draw an edit of the shape: only what it changed travels to the page, in one message."""
        with self.widget.hold_sync():
            self._place(DECODED, decoded)
            if latent is not None:
                self._place(LATENT, latent)
            if coloring is not None:
                self._paint(coloring)


class SingleWebGLView(_WebGLClouds):
    """One 3D view of one cloud; used like `view.SingleView`.

    Args:
        reach: half the edge of the cube that the cloud is drawn in.
        title: what stands above the cloud.
        height: in pixels.

    Attributes:
        widget: what to display.
    """

    def __init__(self, reach: float | int = REACH, title: str = "", height: int = HEIGHT) -> None:
        super().__init__((title,), (float(reach),), height)

    def show(
        self,
        points: Float[np.ndarray, "N 3"],
        colors: Coloring | np.ndarray | Sequence[float | int] | None = None,
    ) -> None:
        """Draw a cloud; colors are as in `SingleView.show`."""
        with self.widget.hold_sync():
            self._place(0, points)
            self._paint(by_height(points) if colors is None else coloring_of(colors))
            self.widget.label = f"A cloud of {len(points)} points. {self.widget.titles[0]}"

    def move(self, points: Float[np.ndarray, "N 3"]) -> None:
        """Draw the same points at other places; they keep their colors."""
        self._place(0, points)
