"""What is seen and dragged in a notebook: views, charts, sliders. Nothing here knows a model."""

from pcvae.widgets.bench import Bench
from pcvae.widgets.coloring import Coloring
from pcvae.widgets.plane import PlaneView
from pcvae.widgets.view import CloudView, SingleView
from pcvae.widgets.webgl import SingleWebGLView, WebGLView

__all__ = [
    "Bench",
    "CloudView",
    "Coloring",
    "PlaneView",
    "SingleView",
    "SingleWebGLView",
    "WebGLView",
]
