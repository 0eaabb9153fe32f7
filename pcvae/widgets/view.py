"""Views of one cloud and of three, drawn by plotly or by the light WebGL renderer.

A view lives as long as its panel. An edit replaces coordinates inside it and nothing else, in one
message: that is several times as fast as a new figure per edit, and camera and zoom stay.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pcvae.widgets.coloring import Coloring, by_height, coloring_of
from pcvae.widgets.page import OnPage
from pcvae.widgets.plotly_clouds import PlotlyClouds
from pcvae.widgets.webgl_clouds import WebGLClouds

TITLES = ("Input x", "Latent points h_xyz", "Decoded")
INPUT, LATENT, DECODED = range(3)
HEIGHT = 360  # pixels: with its controls below it the panel still fits a laptop's window
RENDERERS = {"plotly": PlotlyClouds, "webgl": WebGLClouds}


class _View(OnPage):
    """What all views share: clouds in a row, drawn by a renderer.

    Args:
        titles: what stands above each cloud.
        radii: of the ball around each cloud that stays in sight however it is turned.
        height: in pixels.
        renderer: "plotly", whose figures can be read at leisure, or "webgl", which is faster.

    Raises:
        ValueError: if there is no such renderer.
    """

    def __init__(
        self, titles: Sequence[str], radii: Sequence[float | int], height: int, renderer: str
    ) -> None:
        if renderer not in RENDERERS:
            raise ValueError(f'Expected the view "plotly" or "webgl", got {renderer!r}.')
        self._titles, self._radii = titles, [float(radius) for radius in radii]
        self._clouds = RENDERERS[renderer](titles, self._radii, height)
        self._coloring: Coloring | None = None
        self._picking = False

    @property
    def widget(self) -> Any:
        """What to display, once something was shown in it."""
        return self._clouds.widget

    def still(self) -> Any:
        """Return a picture of what it shows."""
        from pcvae.widgets.stills import of_clouds

        clouds = [self.coordinates(which) for which in range(len(self._radii))]
        return of_clouds(clouds, self._radii, self._titles, self._coloring)

    def _darken(self, dark: bool) -> None:
        """Change paper, titles and the scale of colors."""
        with self._clouds.batch():
            self._clouds.darken(dark)
            if self._coloring is not None:
                self._paint(self._coloring)

    @property
    def picking(self) -> bool:
        """Whether clicks on points are reported. Off, the browser need not search for points."""
        return self._picking

    @picking.setter
    def picking(self, on: bool) -> None:
        self._picking = on
        self._clouds.report_picks(on)

    def on_pick(self, callback: Callable[[int, int], None]) -> None:
        """Call `callback(view, point)` when a point is clicked, while `picking` is on."""
        self._clouds.on_pick(callback)

    def coordinates(self, which: int = 0) -> Float[np.ndarray, "N 3"]:
        """Return what one of the views shows."""
        return self._clouds.coordinates(which)

    def recolor(self, coloring: Coloring) -> None:
        """Give the points other colors; they and the camera stay where they are."""
        self._draw({}, coloring)

    def _draw(
        self, clouds: Mapping[int, Float[np.ndarray, "N 3"]], coloring: Coloring | None = None
    ) -> None:
        """Send clouds and colors to the page, in one message."""
        with self._clouds.batch():
            for which, points in clouds.items():
                self._clouds.place(which, np.asarray(points, dtype=np.float32))
            if coloring is not None:
                self._paint(coloring)
        self._clouds.reveal()

    def _paint(self, coloring: Coloring) -> None:
        """Set the colors of all clouds."""
        self._coloring = coloring
        self._clouds.paint(coloring.on_dark() if self._dark else coloring)


class CloudView(_View):
    """Three 3D views side by side that turn together.

    By default points are colored by the height of the *input* point they belong to, in all three
    views: a decoded point keeps its color wherever an edit takes it.

    Args:
        radii: of the ball around each cloud that stays in sight however it is turned; in data
            units, and in model units for h_xyz.
        titles: what stands above each cloud.
        height: in pixels.
        renderer: "plotly", whose figures can be read at leisure, or "webgl", which is faster.
    """

    def __init__(
        self,
        radii: Sequence[float | int] = (1, 3, 1),
        titles: Sequence[str] = TITLES,
        height: int = HEIGHT,
        renderer: str = "plotly",
    ) -> None:
        super().__init__(titles, radii, height, renderer)

    def show(
        self,
        input_points: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"],
        decoded: Float[np.ndarray, "N 3"],
        coloring: Coloring | None = None,
    ) -> None:
        """Draw another shape: coordinates of all three views, and colors."""
        clouds = {INPUT: input_points, LATENT: latent, DECODED: decoded}
        self._draw(clouds, coloring or by_height(input_points))

    def move(
        self,
        decoded: Float[np.ndarray, "N 3"],
        latent: Float[np.ndarray, "N 3"] | None = None,
        coloring: Coloring | None = None,
    ) -> None:
        """Draw an edit of the shape: only what it changed travels to the page."""
        moved = {DECODED: decoded} if latent is None else {DECODED: decoded, LATENT: latent}
        self._draw(moved, coloring)


class SingleView(_View):
    """One 3D view of one cloud, for the widgets inside the chapters.

    Args:
        radius: of the ball around the cloud that stays in sight.
        title: what stands above the cloud.
        height: in pixels.
        renderer: as in `CloudView`.

    Example:
        view = SingleView(); view.show(points); widgets.VBox([slider, view.widget]), and in the
        slider's observer view.move(other_points).
    """

    def __init__(
        self,
        radius: float | int = 1.0,
        title: str = "",
        height: int = HEIGHT,
        renderer: str = "plotly",
    ) -> None:
        super().__init__((title,), (radius,), height, renderer)

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
        self._draw({0: points}, by_height(points) if colors is None else coloring_of(colors))

    def move(self, points: Float[np.ndarray, "N 3"]) -> None:
        """Draw the same points at other places; they keep their colors."""
        self._draw({0: points})
