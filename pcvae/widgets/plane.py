"""The whole latent plane of the toy of chapter 02, drawn by plotly: it follows a slider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pcvae import toys
from pcvae.widgets.figure import Figure
from pcvae.widgets.page import OnPage
from pcvae.widgets.plotly_clouds import CONFIG, title_at

LATTICE, POSTERIORS, HERE, DECODED = range(4)
HEIGHT = 460  # pixels
INK, PALE, ORANGE, BLUE = "#222222", "#dddddd", "#e69f00", "#0072b2"
SHARE = 0.62  # of the width, for the plane


class PlaneView(OnPage):
    """A latent plane on the left, and on the right what one place of it decodes to.

    The plane is full of small side views of chairs: each is what the place in its middle decodes
    to. An orange ellipse is q(z | x) of one example, one standard deviation wide each way.

    Attributes:
        widget: the figure to display, once something was shown in it.
    """

    def __init__(self) -> None:
        self.widget = Figure(data=_traces(), layout=_layout())
        self.widget.configure(**{**CONFIG, "modeBarButtons": [["toImage"]]})
        self.widget.dark = False

    def _darken(self, dark: bool) -> None:
        """Change paper, text and the lines of the plane."""
        self.widget.dark = dark
        self.widget.data[LATTICE].line.color = PALE if dark else INK

    def still(self) -> Any:
        """Return a picture of what it shows."""
        return self.widget.still()

    def show(
        self,
        decode: Callable[[np.ndarray], np.ndarray],
        means: Float[np.ndarray, "S 2"],
        sigma: Float[np.ndarray, "*S 2"],
        z: tuple[float | int, float | int],
    ) -> None:
        """Draw a model and one place of its plane.

        Args:
            decode: from latents (S, 2) to side views, (S, 24, 2) or (S, 48).
            means: of q(z | x) of some examples.
            sigma: their standard deviations, one pair for all or one for each.
            z: the place.
        """
        place = np.array([z], dtype=np.float64)
        view = decode(place).reshape(1, -1, 2)
        lines = {
            LATTICE: toys.lattice_of_views(decode),
            POSTERIORS: toys.ellipses(means, sigma),
            HERE: place,
            DECODED: toys.strokes(view),
        }
        with self.widget.batch_update():
            for which, line in lines.items():
                trace = self.widget.data[which]
                trace.x, trace.y = np.ascontiguousarray(line.T, dtype=np.float32)
        self.widget.reveal()


def _traces() -> list[dict[str, Any]]:
    """Return the four drawings, still empty."""
    quiet = {"type": "scatter", "x": [], "y": [], "hoverinfo": "skip", "showlegend": False}
    thin, thick = {"color": INK, "width": 1.3}, {"color": BLUE, "width": 4}
    here = {"color": BLUE, "size": 13, "symbol": "circle-open", "line": {"width": 3}}
    return [
        {**quiet, "mode": "lines", "line": thin},
        {**quiet, "mode": "lines", "line": {"color": ORANGE, "width": 1}},
        {**quiet, "mode": "markers", "marker": here},
        {**quiet, "mode": "lines", "line": thick, "xaxis": "x2", "yaxis": "y2"},
    ]


def _layout() -> dict[str, Any]:
    """Return two panels of fixed ranges: nothing is rescaled while a slider moves."""
    plain = {"zeroline": False, "fixedrange": True, "gridcolor": "#eeeeee"}
    # As wide as high, so that a circle is one.
    plane = {**plain, "range": [-toys.REACH, toys.REACH], "constrain": "domain"}
    room = {**plain, "showticklabels": False}
    return {
        "xaxis": {**plane, "domain": [0, SHARE], "title": {"text": "z<sub>1</sub>"}},
        "yaxis": {**plane, "scaleanchor": "x", "title": {"text": "z<sub>2</sub>"}},
        "xaxis2": {**room, "range": [-1.0, 1.0], "domain": [SHARE + 0.05, 1]},
        "yaxis2": {**room, "range": [-0.3, 1.8], "anchor": "x2", "scaleanchor": "x2"},
        "annotations": [
            title_at("The latent plane, whole", SHARE / 2),
            title_at("Decoded here", (SHARE + 1.05) / 2),
        ],
        "height": HEIGHT,
        "autosize": True,
        "margin": {"l": 45, "r": 5, "t": 28, "b": 40},
        "uirevision": "keep",
    }
