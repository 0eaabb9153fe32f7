"""The picture of the explorer: input, latent points and decoded cloud in one plotly figure.

One figure lives as long as the panel. An edit replaces coordinates inside it and nothing else, in
one message: that is four times as fast as a new figure per edit, and camera and zoom stay.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from pcvae.widgets.coloring import Coloring, by_height, coloring_of
from pcvae.widgets.loader import PatientFigure

TITLES = ("Input x", "Latent points h_xyz", "Decoded")
SCENES = ("scene", "scene2", "scene3")
INPUT, LATENT, DECODED = range(3)
HEIGHT = 360  # pixels: with its controls below it the panel still fits a laptop's window
MARKER_SIZE = 1.6  # pixels
REACH = 1.4  # half the edge of the cube that is drawn, in data units: a shape has radius 1
LIGHT = ("#ffffff", "#222222", "#dddddd")  # paper, ink, lines
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
CAMERA = {
    "up": {"x": 0.0, "y": 0.0, "z": 1.0},
    "eye": {"x": 1.05, "y": 0.82, "z": 0.5},
    "center": {"x": 0.0, "y": 0.0, "z": 0.0},
}


class Figure(PatientFigure):
    """A figure that a page never meets empty or outdated.

    Plotly's own announces itself to the page before it has any data. Those follow in messages that
    are lost now and then, which leaves an empty picture. And a page that is loaded again gets the
    figure's first data, however it looks by then. This one waits until it is whole, and what it
    would tell a page is what it shows.
    """

    _whole = False

    def open(self) -> None:
        """Announce the figure to the page, unless `reveal` has not been called yet."""
        if self._whole:
            super().open()

    def reveal(self) -> None:
        """Let pages see the figure from now on."""
        if self._whole:
            return
        # Not by assignment, which would send all data anew. Plotly changes both in place, so that
        # they stay up to date.
        self._trait_values["_widget_data"] = self._data
        self._trait_values["_widget_layout"] = self._layout
        self._whole = True
        self.open()


class _PlotlyClouds:
    """What views of one and of three clouds share: traces in a figure that lives on."""

    widget: Figure
    _coloring: Coloring | None = None
    _dark = False

    @property
    def dark(self) -> bool:
        """Whether the view is drawn for a dark page."""
        return self._dark

    @dark.setter
    def dark(self, dark: bool) -> None:
        if dark == self._dark:
            return
        self._dark = dark
        paper, ink, lines = ("#111111", "#dddddd", "#444444") if dark else LIGHT
        with self.widget.batch_update():
            self.widget.layout.paper_bgcolor = paper
            self.widget.layout.font.color = ink
            for trace in self.widget.data:
                scene = self.widget.layout[trace.scene]
                for axis in (scene.xaxis, scene.yaxis, scene.zaxis):
                    axis.gridcolor = lines
            if self._coloring is not None:
                self._paint(self._coloring)

    def coordinates(self, which: int = 0) -> Float[np.ndarray, "N 3"]:
        """Return what one of the views shows."""
        trace = self.widget.data[which]
        return np.stack([trace.x, trace.y, trace.z], axis=1)[:, FROM_PLOTLY]

    def recolor(self, coloring: Coloring) -> None:
        """Give the points other colors; they and the camera stay where they are."""
        with self.widget.batch_update():
            self._paint(coloring)

    def on_pick(self, callback: Callable[[int, int], None]) -> None:
        """Call `callback(view, point)` when a point is clicked, while `picking` is on."""
        for which, trace in enumerate(self.widget.data):
            trace.on_click(self._teller(which, callback))

    @property
    def picking(self) -> bool:
        """Whether clicks on points are reported. Off, the browser need not search for points."""
        return self.widget.data[0].hoverinfo != "skip"

    @picking.setter
    def picking(self, on: bool) -> None:
        with self.widget.batch_update():
            for trace in self.widget.data:
                trace.hoverinfo = "none" if on else "skip"

    @staticmethod
    def _teller(which: int, callback: Callable[[int, int], None]) -> Callable[..., None]:
        """Return what plotly calls after a click on one trace."""

        def tell(_trace: Any, points: Any, _state: Any) -> None:
            if points.point_inds:
                callback(which, int(points.point_inds[0]))

        return tell

    def _place(self, which: int, points: Float[np.ndarray, "N 3"]) -> None:
        """Set the coordinates of one view."""
        trace = self.widget.data[which]
        trace.x, trace.y, trace.z = _float32(points)[:, TO_PLOTLY].T

    def _paint(self, coloring: Coloring) -> None:
        """Set the colors of all views."""
        self._coloring = coloring
        coloring = coloring.on_dark() if self._dark else coloring
        for trace in self.widget.data:
            trace.marker.color = coloring.values
            trace.marker.cmin, trace.marker.cmax = coloring.low, coloring.high
            trace.marker.colorscale = coloring.colorscale


class CloudView(_PlotlyClouds):
    """Three 3D views side by side that turn together.

    By default points are colored by the height of the *input* point they belong to, in all three
    views: a decoded point keeps its color wherever an edit takes it.

    Args:
        reach: half the edge of the cube that input and decoded cloud are drawn in, in data units.
        latent_reach: the same for h_xyz, in model units.

    Attributes:
        widget: the figure to display, once something was shown in it.
    """

    def __init__(self, reach: float = REACH, latent_reach: float = 3.5) -> None:
        self.widget = Figure(
            data=[_trace(scene) for scene in SCENES],
            layout=_layout((reach, latent_reach, reach), TITLES, HEIGHT),
        )
        self.widget._config = {**self.widget._config, **CONFIG}
        self._turning = False
        for scene in SCENES:
            self.widget.layout[scene].on_change(self._turn_together, "camera")

    def show(
        self,
        input_points: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"],
        decoded: Float[np.ndarray, "N 3"],
        coloring: Coloring | None = None,
    ) -> None:
        """Draw another shape: coordinates of all three views, and colors."""
        with self.widget.batch_update():
            self._place(INPUT, input_points)
            self._place(LATENT, latent)
            self._place(DECODED, decoded)
            self._paint(coloring or by_height(input_points))
        self.widget.reveal()

    def move(
        self,
        decoded: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"] | None = None,
        coloring: Coloring | None = None,
    ) -> None:
        """Draw an edit of the shape: only what it changed travels to the page, in one message."""
        with self.widget.batch_update():
            self._place(DECODED, decoded)
            if latent is not None:
                self._place(LATENT, latent)
            if coloring is not None:
                self._paint(coloring)

    def _turn_together(self, scene: Any, camera: Any) -> None:
        """Give the camera that the reader has just turned to the other views."""
        if self._turning:
            return
        self._turning = True
        try:
            with self.widget.batch_update():
                for name in SCENES:
                    if self.widget.layout[name] is not scene:
                        self.widget.layout[name].camera = camera
        finally:
            self._turning = False


class SingleView(_PlotlyClouds):
    """One 3D view of one cloud, for the widgets inside the chapters.

    Args:
        reach: half the edge of the cube that the cloud is drawn in.
        labels: names of the three axes, drawn at their sides; none by default.
        title: what stands above the cloud.
        height: in pixels.

    Attributes:
        widget: the figure to display, once something was shown in it.

    Example:
        view = SingleView(); view.show(points); widgets.VBox([slider, view.widget]), and in the
        slider's observer view.move(other_points).
    """

    def __init__(
        self,
        reach: float | int = REACH,
        labels: Sequence[str] | None = None,
        title: str = "",
        height: int = HEIGHT,
    ) -> None:
        layout = _layout((float(reach),), (title,), height)
        if labels is not None:
            _name_axes(layout["scene"], labels)
        self.widget = Figure(data=[_trace("scene")], layout=layout)
        self.widget._config = {**self.widget._config, **CONFIG}

    def show(
        self,
        points: Float[np.ndarray, "N 3"],
        colors: Coloring | np.ndarray | Sequence[float | int] | None = None,
    ) -> None:
        """Draw a cloud.

        Args:
            points: of any number, Y up.
            colors: a number for each point: whole numbers (part labels) get colors that are easily
                told apart, others a scale from low to high. By default, the height of each point.
        """
        coloring = by_height(points) if colors is None else coloring_of(colors)
        with self.widget.batch_update():
            self._place(0, points)
            self._paint(coloring)
        self.widget.reveal()

    def move(self, points: Float[np.ndarray, "N 3"]) -> None:
        """Draw the same points at other places; they keep their colors."""
        with self.widget.batch_update():
            self._place(0, points)


def _float32(values: np.ndarray) -> np.ndarray:
    """Return an array that plotly sends as bytes; anything else would travel as text."""
    return np.asarray(values, dtype=np.float32)


def _trace(scene: str) -> go.Scatter3d:
    """Return one empty cloud. Squares: software WebGL draws circles half as fast."""
    nothing = np.zeros(0, dtype=np.float32)
    marker = {
        "size": MARKER_SIZE,
        "symbol": "square",
        "color": nothing,
        "line": {"width": 0},
    }
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


def _layout(reaches: Sequence[float], titles: Sequence[str], height: int) -> dict[str, Any]:
    """Return the layout of cubes in a row, each under its title."""
    width = 1 / len(reaches)
    scenes = {
        name: _scene(index * width, (index + 1) * width, reach)
        for index, (name, reach) in enumerate(zip(SCENES, reaches, strict=False))
    }
    named = [_title(text, (i + 0.5) * width) for i, text in enumerate(titles) if text]
    return {
        **scenes,
        "annotations": named,
        "height": height,
        "autosize": True,
        "margin": {"l": 0, "r": 0, "t": 28 if named else 0, "b": 0},
        "paper_bgcolor": LIGHT[0],
        "font": {"color": LIGHT[1]},
        "uirevision": "keep the camera",
    }


def _name_axes(scene: dict[str, Any], labels: Sequence[str]) -> None:
    """Write names beside the axes of a cube; plotly's axes are in another order than ours."""
    if len(labels) != 3:
        raise ValueError(f"Expected the names of three axes, got {list(labels)}.")
    for axis, source in zip("xyz", TO_PLOTLY, strict=True):
        scene[f"{axis}axis"] = {**scene[f"{axis}axis"], "title": {"text": labels[source]}}


def _scene(left: float, right: float, reach: float) -> dict[str, Any]:
    """Return a cube with fixed ranges, so that an edit does not rescale the picture."""
    axis = {
        "range": [-reach, reach],
        "autorange": False,
        "showticklabels": False,
        "title": {"text": ""},
        "showspikes": False,
        "showbackground": False,
        "gridcolor": LIGHT[2],
        "zeroline": False,
    }
    return {
        "domain": {"x": [left, right], "y": [0, 1]},
        "xaxis": axis,
        "yaxis": axis,
        "zaxis": axis,
        "aspectmode": "cube",
        "camera": CAMERA,
        "dragmode": "turntable",
        "uirevision": "keep the camera",
    }


def _title(text: str, center: float) -> dict[str, Any]:
    """Return the title of one view."""
    return {
        "text": f"<b>{text}</b>",
        "x": center,
        "y": 1.0,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
    }
