"""What is seen and dragged in a notebook: views, charts, sliders. Nothing here knows a model."""

from pcvae.widgets.bench import Bench, slider, table
from pcvae.widgets.coloring import PARTS, Coloring, by_height, by_label, by_value
from pcvae.widgets.figure import Figure
from pcvae.widgets.plane import PlaneView
from pcvae.widgets.view import CloudView, SingleView

__all__ = [
    "PARTS",
    "Bench",
    "CloudView",
    "Coloring",
    "Figure",
    "PlaneView",
    "SingleView",
    "by_height",
    "by_label",
    "by_value",
    "slider",
    "table",
]
