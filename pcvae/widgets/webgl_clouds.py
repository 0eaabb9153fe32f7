"""Clouds side by side, drawn by a few lines of WebGL (clouds.js) instead of plotly.

It does less (no menu, no download), and an edit is on the screen several times sooner: coordinates
travel as the bytes they are, and nothing else is touched. For a panel whose sliders are dragged.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float

from pcvae.widgets.coloring import Coloring

SCRIPT = Path(__file__).with_name("clouds.js")


class Canvas(anywidget.AnyWidget):
    """What the page draws: up to three clouds, and their colors.

    Attributes:
        titles, radii: of each cloud; of the ball that stays in sight.
        height: in pixels.
        cloud0, cloud1, cloud2: float32 coordinates, point by point.
        rgb: three bytes for each point.
        picking: whether clicks on points are reported.
        dark: whether the page is dark.
    """

    _esm = SCRIPT
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    radii = traitlets.List(traitlets.Float()).tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    cloud0 = traitlets.Bytes(b"").tag(sync=True)
    cloud1 = traitlets.Bytes(b"").tag(sync=True)
    cloud2 = traitlets.Bytes(b"").tag(sync=True)
    rgb = traitlets.Bytes(b"").tag(sync=True)
    picking = traitlets.Bool(False).tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)


class WebGLClouds:
    """Used like `PlotlyClouds`.

    Args:
        titles: what stands above each cloud.
        radii: of the ball around each cloud that stays in sight however it is turned.
        height: in pixels.

    Attributes:
        widget: what to display.
    """

    def __init__(self, titles: Sequence[str], radii: Sequence[float], height: int) -> None:
        self.widget = Canvas(titles=list(titles), radii=list(radii), height=height)

    def batch(self) -> AbstractContextManager:
        """Send everything that changes meanwhile in one message."""
        return self.widget.hold_sync()

    def reveal(self) -> None:
        """Do nothing: pages may see the clouds from the start."""

    def place(self, which: int, points: Float[np.ndarray, "N 3"]) -> None:
        """Set the coordinates of one cloud."""
        setattr(self.widget, f"cloud{which}", points.astype("<f4").tobytes())

    def coordinates(self, which: int) -> Float[np.ndarray, "N 3"]:
        """Return the coordinates of one cloud."""
        raw = getattr(self.widget, f"cloud{which}")
        return np.frombuffer(raw, dtype="<f4").reshape(-1, 3).copy()

    def paint(self, coloring: Coloring) -> None:
        """Set the colors of all clouds."""
        self.widget.rgb = coloring.rgb().tobytes()

    def darken(self, dark: bool) -> None:
        """Draw for a dark page, or for a light one."""
        self.widget.dark = dark

    def report_picks(self, on: bool) -> None:
        """Report clicks on points, or ignore them."""
        self.widget.picking = on

    def on_pick(self, callback: Callable[[int, int], None]) -> None:
        """Call `callback(view, point)` when a point is clicked."""

        def hear(_widget: Any, content: Any, _buffers: Any) -> None:
            if self.widget.picking and isinstance(content, dict) and "point" in content:
                callback(int(content["view"]), int(content["point"]))

        self.widget.on_msg(hear)
