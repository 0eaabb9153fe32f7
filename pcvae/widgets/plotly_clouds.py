"""Clouds side by side in one plotly figure."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from pcvae.widgets.coloring import Coloring
from pcvae.widgets.figure import Figure

# Where one looks from; clouds.js has the same numbers.
YAW, PITCH = 0.66, 0.36  # radians, to the right and upward: one sees front, side and top
LENS = math.pi / 8  # radians from the middle of a view to its edge: plotly's
DISTANCE = 1.05 / math.sin(LENS)  # of the eye from the middle, in radii: a ball fills the view
ROOM = 1.4  # half the edge of the cube that is drawn, in radii: edits take points out of the ball
MARKER_SIZE = 1.6  # pixels
CONFIG = {
    "plotGlPixelRatio": 1,  # spares the graphics card three quarters of the work on fine screens
    "responsive": True,
    "displaylogo": False,
    "modeBarButtons": [["toImage", "resetCameraDefault3d"]],  # more would cover a title
}
# Plotly's turntable, which keeps shapes upright while they turn, knows no other up than its own z.
# So plotly's x, y and z are our z (towards the reader), x (to the right) and y (up).
TO_PLOTLY = (2, 0, 1)
FROM_PLOTLY = (1, 2, 0)


class PlotlyClouds:
    """One trace for each cloud, in a cube of its own.

    Args:
        titles: what stands above each cloud.
        radii: of the ball around each cloud that stays in sight however it is turned.
        height: in pixels.

    Attributes:
        widget: the figure.
    """

    def __init__(self, titles: Sequence[str], radii: Sequence[float], height: int) -> None:
        names = ["scene", *(f"scene{k}" for k in range(2, len(radii) + 1))]
        self.widget = Figure(data=[_trace(name) for name in names])
        self.widget.update_layout(_layout(names, titles, radii, height))
        self.widget.configure(**CONFIG)
        self.widget.dark = False

    def batch(self) -> AbstractContextManager:
        """Send everything that changes meanwhile in one message."""
        return self.widget.batch_update()

    def reveal(self) -> None:
        """Let pages see the figure from now on."""
        self.widget.reveal()

    def place(self, which: int, points: Float[np.ndarray, "N 3"]) -> None:
        """Set the coordinates of one cloud: float32, which travels as bytes and not as text."""
        trace = self.widget.data[which]
        trace.x, trace.y, trace.z = points[:, TO_PLOTLY].T

    def coordinates(self, which: int) -> Float[np.ndarray, "N 3"]:
        """Return the coordinates of one cloud."""
        trace = self.widget.data[which]
        return np.stack([trace.x, trace.y, trace.z], axis=1)[:, FROM_PLOTLY]

    def paint(self, coloring: Coloring) -> None:
        """Set the colors of all clouds."""
        for trace in self.widget.data:
            trace.marker.color = coloring.values
            trace.marker.cmin, trace.marker.cmax = coloring.low, coloring.high
            trace.marker.colorscale = coloring.colorscale

    def darken(self, dark: bool) -> None:
        """Draw for a dark page, or for a light one."""
        self.widget.dark = dark

    def report_picks(self, on: bool) -> None:
        """Report clicks on points, or ignore them."""
        with self.batch():
            for trace in self.widget.data:
                trace.hoverinfo = "none" if on else "skip"

    def on_pick(self, callback: Callable[[int, int], None]) -> None:
        """Call `callback(view, point)` when a point is clicked."""
        for which, trace in enumerate(self.widget.data):
            trace.on_click(_teller(which, callback))


def _teller(which: int, callback: Callable[[int, int], None]) -> Callable[..., None]:
    """Return what plotly calls after a click on one trace."""

    def tell(_trace: Any, points: Any, _state: Any) -> None:
        if points.point_inds:
            callback(which, int(points.point_inds[0]))

    return tell


def camera() -> dict[str, dict[str, float]]:
    """Return plotly's camera, in whose units the cube has an edge of 1."""
    distance = DISTANCE / (2 * ROOM)
    across = distance * math.cos(PITCH)
    eye = (across * math.cos(YAW), across * math.sin(YAW), distance * math.sin(PITCH))
    return {
        "up": {"x": 0.0, "y": 0.0, "z": 1.0},
        "eye": dict(zip("xyz", eye, strict=True)),
        "center": {"x": 0.0, "y": 0.0, "z": 0.0},
    }


def _trace(scene: str) -> go.Scatter3d:
    """Return one empty cloud, of squares; figure.js makes circles of them if they cost little."""
    nothing = np.zeros(0, dtype=np.float32)
    marker = {"size": MARKER_SIZE, "symbol": "square", "color": nothing, "line": {"width": 0}}
    return go.Scatter3d(
        x=nothing,
        y=nothing,
        z=nothing,
        mode="markers",
        marker=marker,
        scene=scene,
        hoverinfo="skip",
        showlegend=False,
    )


def _layout(
    names: Sequence[str], titles: Sequence[str], radii: Sequence[float], height: int
) -> dict[str, Any]:
    """Return the layout of cubes in a row, each under its title."""
    width = 1 / len(names)
    lefts = [index * width for index in range(len(names))]
    scenes = {
        name: {**_scene(ROOM * radius), "domain": {"x": [left, left + width], "y": [0, 1]}}
        for name, left, radius in zip(names, lefts, radii, strict=True)
    }
    named = [
        title_at(text, left + width / 2) for text, left in zip(titles, lefts, strict=True) if text
    ]
    return {
        **scenes,
        "annotations": named,
        "height": height,
        "autosize": True,
        "margin": {"l": 0, "r": 0, "t": 28 if named else 0, "b": 0},
        "uirevision": "keep the camera",
    }


def _scene(reach: float) -> dict[str, Any]:
    """Return a cube with fixed ranges, so that an edit does not rescale the picture."""
    axis = {
        "range": [-reach, reach],
        "autorange": False,
        "showticklabels": False,
        "title": {"text": ""},
        "showspikes": False,
        "showbackground": False,
        "zeroline": False,
    }
    return {
        **dict.fromkeys(("xaxis", "yaxis", "zaxis"), axis),
        "aspectmode": "cube",
        "camera": camera(),
        "dragmode": "turntable",
        "uirevision": "keep the camera",
    }


def title_at(text: str, center: float) -> dict[str, Any]:
    """Return a title above a part of a figure, whose middle lies at a share of the width."""
    place = {"xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {"text": f"<b>{text}</b>", "x": center, "y": 1.0, "showarrow": False, **place}
