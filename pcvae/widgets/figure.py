"""plotly's FigureWidget, mended where it fails readers.

anywidget, which carries a FigureWidget to the page, gives a widget's JavaScript two seconds to
load. If it takes longer, every later message to that widget is dropped without a word: the figure
stays empty, or stands still while its sliders move. plotly's JavaScript is 5 MB, and a slow or busy
computer takes longer than that. Here the widget's own JavaScript (figure.js) is short, loads at
once and fetches plotly's beside it, which is sent once a kernel (`Library`), not once a figure. It
also mends what plotly leaves undone in the page; each part there says what.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import anywidget
import ipywidgets as widgets
import plotly
import plotly.graph_objects as go
import traitlets

from pcvae.widgets.page import OnPage, PageHelper
from pcvae.widgets.panel import Panel, plain_text


def import_without(unwanted: str, name: str) -> ModuleType:
    """Import a module while another one, which is of no use to it, cannot be found."""
    if unwanted in sys.modules:
        return importlib.import_module(name)
    sys.modules[unwanted] = None
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[unwanted]


# plotly imports nbformat, that jsonschema, and that a grammar of Internet addresses, if there is
# one: a second and more, half of the time before the first panel, to check what nobody checks here.
import_without("rfc3987_syntax", "plotly.basewidget")

SCRIPT = Path(__file__).with_name("figure.js")
LIGHT, DARK = ("#ffffff", "#222222", "#dddddd"), ("#111111", "#dddddd", "#444444")
BUNDLE = Path(plotly.__file__).parent / "package_data" / "widgetbundle.js"


class Library(anywidget.AnyWidget):
    """plotly's JavaScript, for all figures of a kernel: a widget that is never drawn."""

    _esm = "export default {};"
    bundle = traitlets.Unicode(BUNDLE.read_text(encoding="utf-8")).tag(sync=True)
    _opened: "Library | None" = None

    @classmethod
    def opened(cls) -> "Library":
        """Return the kernel's only one, made anew if somebody closed it with all widgets."""
        if cls._opened is None or cls._opened.comm is None:
            cls._opened = cls()
        return cls._opened


class Figure(OnPage, go.FigureWidget):
    """A figure that a page never meets empty or outdated.

    Plotly's own announces itself to the page before it has any data. Those follow in messages that
    are lost now and then, which leaves an empty picture. And a page that is loaded again gets the
    figure's first data, however it looks by then. This one waits until it is whole, and what it
    would tell a page is what it shows.
    """

    _esm = SCRIPT
    _library = traitlets.Instance(Library).tag(sync=True, **widgets.widget_serialization)
    _whole = False

    @traitlets.default("_library")
    def _open_library(self) -> Library:
        return Library.opened()

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

    def _darken(self, dark: bool) -> None:
        """Change paper, text and lines."""
        paper, ink, lines = DARK if dark else LIGHT
        with self.batch_update():
            self.layout.paper_bgcolor = self.layout.plot_bgcolor = paper
            self.layout.font.color = ink
            for axis in self._axes():
                axis.gridcolor = axis.zerolinecolor = lines

    def _axes(self) -> Iterator[Any]:
        yield from self.select_xaxes()
        yield from self.select_yaxes()
        for scene in self.select_scenes():
            yield from (scene.xaxis, scene.yaxis, scene.zaxis)

    def still(self) -> Any:
        """Return a picture of what it shows, if that is curves and dots of a plane."""
        from pcvae.widgets.stills import of_curves

        flat = all(trace.type == "scatter" for trace in self.data)
        drawn = flat and any(trace.x is not None and len(trace.x) for trace in self.data)
        return of_curves(self.data, self.layout) if drawn else None

    def _ipython_display_(self) -> None:
        """Show it, dark where the page is, as a panel of its own."""
        Alone(self)._ipython_display_()

    def configure(self, **options: object) -> None:
        """Set options of plotly.js, such as `displayModeBar`, before the figure is revealed."""
        self._config = {**self._config, **options}


class Alone(Panel, widgets.VBox):
    """A figure that no other panel holds."""

    def __init__(self, figure: Figure) -> None:
        title = figure.layout.title.text or "A chart"
        self.name, self.pictures = plain_text(title), [figure]
        figure.reveal()
        super().__init__([figure, PageHelper(figure)])
